"""Which pictures are for training and which for testing, by a list: a published one that comes
along, or a user's file.

A list is a CSV file of lines `split,name`. A name is a picture's, without suffix, with as many of
its folders before it
as tell it apart: `train,AR/1`; or a person's, as the manifest has it. `test,AR/*` is the rest of a
folder, `test,*` all the rest. Lines with # are comments.
"""

from __future__ import annotations

import csv
import hashlib
import os
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from data_prep import files
from data_prep.errors import DataPrepError, printable
from data_prep.layouts import names
from data_prep.layouts.layout import Candidate
from data_prep.messages import NUM_SHOWN

PUBLISHED = files.TABLES / "splits"  # what each list is, stands at its head
REST = "*"


@dataclass(frozen=True)
class SplitList:
    """A split by name. `split_of`: a name in normal form → "train", "val" or "test"; `shown`: how
    the file has it.
    """

    name: str
    split_of: dict[str, str]
    shown: dict[str, str]
    digest: str

    def divide(
        self, pairs: Sequence[Candidate], people: Sequence[str], roots: Sequence[str]
    ) -> tuple[list[Candidate], list[str]]:
        """The pairs that the list names, each with its split, and what a user should know about it.

        people: a name for each pair's person, "" where it has none. roots: the folder of each
        pair's source. Raises DataPrepError when the list names none of them, or a name in it may
        mean several people's pictures.
        """
        found = [self._find(*given) for given in zip(pairs, people, roots, strict=True)]
        if not any(found):
            raise DataPrepError(
                f"--split-list {self.name}: names none of these pictures: it has"
                f" {printable(next(iter(self.shown.values())))}, here is {pairs[0].photo.shown}"
            )
        self._check_clear(pairs, people, found)
        kept = [
            replace(pair, split=self.split_of[key])
            for pair, key in zip(pairs, found, strict=True)
            if key
        ]
        return kept, self._remarks(pairs, found)

    def _find(self, pair: Candidate, person: str, root: str) -> str:
        """The name in the list that means this pair, with the most folders; "" for none."""
        tails = [
            key
            for side in (pair.photo, pair.sketch)
            if side
            for key in _tails((root, *side.folder, side.stem))
        ]
        rest = [f"{tail.rpartition('/')[0]}/{REST}" for tail in tails if "/" in tail]
        return next(
            (key for key in (*tails, normal(person), *rest, REST) if key in self.split_of), ""
        )

    def _check_clear(
        self, pairs: Sequence[Candidate], people: Sequence[str], found: Sequence[str]
    ) -> None:
        meant: dict[str, dict[str, str]] = {}
        for pair, person, key in zip(pairs, people, found, strict=True):
            if key and not key.endswith(REST):
                meant.setdefault(key, {})[person or pair.photo.shown] = pair.photo.shown
        for key, pictures in meant.items():
            if len(pictures) > 1:
                raise DataPrepError(
                    f"--split-list {self.name}: {printable(self.shown[key])} may be"
                    f" {' or '.join(list(pictures.values())[:2])}: write the folder before it"
                )

    def _remarks(self, pairs: Sequence[Candidate], found: Sequence[str]) -> list[str]:
        used = set(found)
        absent = [
            shown for key, shown in self.shown.items() if key not in used and not key.endswith(REST)
        ]
        unlisted = [pair.photo.shown for pair, key in zip(pairs, found, strict=True) if not key]
        remarks = [f"the split is that of the list {self.name}"]
        for what, members in (
            ("names in it are no picture's here", absent),
            ("pairs that it does not name", unlisted),
        ):
            if members:
                such = ", ".join(printable(member) for member in members[:NUM_SHOWN])
                remarks.append(
                    f"{len(members)} {what}{', left out' if members is unlisted else ''}: {such}"
                )
        return remarks


def normal(name: str) -> str:
    """A name as lists and pictures are compared: whatever the case, the suffix, zeros before
    numbers, and folders that say only which side or split it is: "AR/Testing Photos/001.JPG" →
    "ar/1".
    """
    *folders, last = PurePosixPath(
        unicodedata.normalize("NFC", name.strip()).replace("\\", "/")
    ).parts or ("",)
    stem = Path(files.picture_name(last)).stem if files.is_picture(last) else last
    stem = re.sub(r"\d+", lambda digits: digits[0].lstrip("0") or "0", stem.casefold())
    return "/".join(
        [*filter(None, ("_".join(names.group_tokens(folder)) for folder in folders)), stem]
    )


def _tails(parts: Sequence[str]) -> list[str]:
    """A picture's names in normal form, with all of its folders, then with fewer of them."""
    whole = normal("/".join(filter(None, parts))).split("/")
    return ["/".join(whole[n:]) for n in range(len(whole))]


def published() -> list[str]:
    """The names of the lists that come along."""
    return sorted(path.stem for path in PUBLISHED.glob("*.csv"))


def read_split_list(given: str | os.PathLike | None) -> SplitList | None:
    """The list of that name, or in that file; None for None.

    Raises DataPrepError where there is no such list, a line is not `split,name`, or a name has two
    splits.
    """
    if given is None:
        return None
    name = printable(given)
    path = PUBLISHED / f"{name}.csv" if name in published() else Path(given)
    if not path.is_file():
        raise DataPrepError(
            f"--split-list {name}: no such file, and no list of that name: give a CSV file of lines"
            f" split,name, or one of {', '.join(published())}"
        )
    content = path.read_bytes()
    split_of: dict[str, str] = {}
    shown: dict[str, str] = {}
    for number, line in enumerate(
        content.decode("utf-8-sig", errors="replace").splitlines(), start=1
    ):
        row = [cell.strip() for cell in next(csv.reader([line]), [])]
        if not row or line.startswith("#") or row == ["split", "name"]:
            continue
        split = names.SPLIT_WORDS.get(row[0].casefold())
        if split is None or len(row) != 2 or not row[1]:
            raise DataPrepError(
                f"--split-list {name}: line {number} is not train, val or test, a comma, and a name"
            )
        key = normal(row[1])
        if split_of.setdefault(key, split) != split:
            raise DataPrepError(
                f"--split-list {name}: line {number}: {printable(row[1])} has another split above"
            )
        shown.setdefault(key, row[1])
    if not split_of:
        raise DataPrepError(
            f"--split-list {name}: has no lines: write one for each picture, such as train,anna"
        )
    return SplitList(path.stem, split_of, shown, hashlib.sha256(content).hexdigest())
