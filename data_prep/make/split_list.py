"""Which pictures are for training and which for testing, by a list: a published one that comes
along, or a user's file.

A list is a CSV file of lines `split,name`. A name is a photo's file name without suffix; with its
database before it, `train,ar/1`, as the manifest's column source ends; or a person's, as the
manifest's column identity has it. `test,*` is all the rest. Lines with # are comments.
"""

from __future__ import annotations

import csv
import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from data_prep import files
from data_prep.layouts.layout import Candidate
from data_prep.messages import NUM_SHOWN, printable
from s2f_utils.data import SPLITS, DataError

PUBLISHED = files.TABLES / "splits"  # what each list is, stands at its head
REST = "*"


@dataclass(frozen=True)
class SplitList:
    """A split by name. split_of: a name → "train", "val" or "test"."""

    name: str
    split_of: dict[str, str]
    digest: str

    def divide(
        self, pairs: Sequence[Candidate], people: Sequence[str]
    ) -> tuple[list[Candidate], list[str]]:
        """The pairs that the list names, each with its split, and what a user should know about it.

        people: a name for each pair's person, "" where it has none. Raises DataError when the
        list names none of them.
        """
        found = [self._find(pair, person) for pair, person in zip(pairs, people, strict=True)]
        if not any(found):
            raise DataError(
                f"--split-list {self.name}: names none of these pictures: it has"
                f" {printable(next(iter(self.split_of)))}, here is {printable(pairs[0].photo.stem)}"
            )
        kept = []
        for pair, key in zip(pairs, found, strict=True):
            if key:
                kept.append(replace(pair, split=self.split_of[key]))
        remarks = [f"the split is that of the list {self.name}"]
        absent = [key for key in self.split_of if key not in {*found, REST}]
        if absent:
            remarks.append(f"{len(absent)} names in it are no picture's here: {_listed(absent)}")
        unlisted = [pair.photo.shown for pair, key in zip(pairs, found, strict=True) if not key]
        if unlisted:
            listed = _listed(unlisted)
            remarks.append(f"{len(unlisted)} pairs that it does not name, left out: {listed}")
        return kept, remarks

    def _find(self, pair: Candidate, person: str) -> str:
        """The name in the list that means this pair; "" for none."""
        database = pair.source.rpartition("/")[2]
        for key in (f"{database}/{pair.photo.stem}", pair.photo.stem, person, REST):
            if key in self.split_of:
                return key
        return ""


def _listed(members: Sequence[str]) -> str:
    return ", ".join(printable(member) for member in members[:NUM_SHOWN])


def published() -> list[str]:
    """The names of the lists that come along."""
    return sorted(path.stem for path in PUBLISHED.glob("*.csv"))


def read_split_list(given: str | os.PathLike | None) -> SplitList | None:
    """The list of that name, or in that file; None for None.

    Raises DataError where there is no such list, a line is not `split,name`, or a name has two
    splits.
    """
    if given is None:
        return None
    name = printable(given)
    path = PUBLISHED / f"{name}.csv" if name in published() else Path(given)
    if not path.is_file():
        raise DataError(
            f"--split-list {name}: no such file, and no list of that name: give a CSV file of lines"
            f" split,name, or one of {', '.join(published())}"
        )
    content = path.read_bytes()
    lines = content.decode("utf-8-sig", errors="replace").splitlines()
    split_of: dict[str, str] = {}
    for number, line in enumerate(lines, start=1):
        row = [cell.strip() for cell in next(csv.reader([line]), [])]
        if not row or line.startswith("#") or row == ["split", "name"]:
            continue
        if len(row) != 2 or row[0] not in SPLITS or not row[1]:
            raise DataError(
                f"--split-list {name}: line {number} is not train, val or test, a comma, and a name"
            )
        if split_of.setdefault(row[1], row[0]) != row[0]:
            raise DataError(
                f"--split-list {name}: line {number}: {printable(row[1])} has another split above"
            )
    if not split_of:
        raise DataError(
            f"--split-list {name}: has no lines: write one for each picture, such as train,anna"
        )
    return SplitList(path.stem, split_of, hashlib.sha256(content).hexdigest())
