"""Train, val and test, divided by people: nobody is in two of them. By chance, or by a list: a
published one that comes along, or a user's file.

A list is a CSV file of lines `split,name`. A name is a photo's file name without suffix; with its
database before it, `train,ar/1`, as the manifest's column source ends; or a person's, as the
manifest's column identity has it. `test,*` is all the rest. Lines with # are comments.
"""

from __future__ import annotations

import csv
import hashlib
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from data_prep import files
from data_prep.layouts.layout import Candidate
from data_prep.messages import NUM_SHOWN, printable
from s2f_utils.data import SPLITS, DataError

DEFAULT_TEST_SHARE = 0.2
MIN_PEOPLE = 5  # fewer names with several pictures are taken for batches, not for people
# A name and, after a separator, the number or the letter of one of its pictures.
_SHOT = re.compile(r"(.+?)[-_ ]+\(?(?:\d{1,2}|[a-zA-Z])\)?")


def crossing_identities(rows: Sequence[Mapping[str, str]]) -> dict[str, list[str]]:
    """The identities that are in more than one split → their splits;
    rows with an empty split do not count.
    """
    where: dict[str, set[str]] = {}
    for row in rows:
        if row["split"]:
            where.setdefault(row["identity"], set()).add(row["split"])
    crossing = {}
    for name, splits in sorted(where.items()):
        if len(splits) > 1:
            crossing[name] = sorted(splits, key=SPLITS.index)
    return crossing


def likely_people(rows: Sequence[Mapping[str, str]]) -> dict[str, list[str]]:
    """Identities that are told apart by a last number or letter alone, as p01_1 and p01_2 are, and
    that are not all in one split: they may be pictures of one person. The start of their names →
    the identities.

    {} where fewer than `MIN_PEOPLE` starts have several: then they are names of batches.
    """
    found: dict[str, dict[str, str]] = {}
    for row in rows:
        if matched := _SHOT.fullmatch(row["identity"]):
            found.setdefault(matched[1], {})[row["identity"]] = row["split"]
    several = {start: splits for start, splits in found.items() if len(splits) > 1}
    if len(several) < MIN_PEOPLE:
        return {}
    crossing = {}
    for start, splits in sorted(several.items()):
        if len(set(splits.values())) > 1 or "" in splits.values():
            crossing[start] = sorted(splits)
    return crossing


def split_by_identity(
    rows: Sequence[Mapping[str, str]],
    shares: Mapping[str, float | None] | None = None,
    seed: int = 0,
) -> list[str]:
    """Give each row a split so that all rows of an identity share one.

    `rows` have "identity" and "split"; a split that is there already ("train", "val", "test": the
    official one) is kept, and an identity's rows without a split follow its others. The rest is
    divided at random, the same way for the same `seed` whatever the order of the rows. `shares` are
    the wanted shares, "test" and "val", in [0, 1], of the identities without a split; where every
    identity has one, they are taken from the training identities. None means
    the default: a test share of 0.2 of the identities without a split, and no val.

    Returns the splits, one per row. Raises DataError when given splits share an identity or
    cannot be kept.
    """
    wanted = _checked_shares(shares or {})
    crossing = crossing_identities(rows)
    if crossing:
        shown = "; ".join(
            f"{name} in {' and '.join(splits)}" for name, splits in list(crossing.items())[:5]
        )
        raise DataError(
            f"{len(crossing)} identities are in more than one split ({shown}): put all pictures of"
            " a person into one, or name the people differently; where 'doctor --fix' divided them,"
            " give it --identity"
        )
    given = {row["identity"]: row["split"] for row in rows if row["split"]}
    unknown = sorted(set(given.values()) - set(SPLITS))
    if unknown:
        raise DataError(f"a split must be one of {', '.join(SPLITS)}, got {', '.join(unknown)}")
    free = {row["identity"] for row in rows} - set(given)
    pool = free or {name for name, split in given.items() if split == "train"}
    drawn = {"test": wanted["test"], "val": wanted["val"] or 0.0}
    if drawn["test"] is None:
        drawn["test"] = DEFAULT_TEST_SHARE if free else 0.0
    if not free:
        _keep_own(given, drawn)
    split_of = given | dict.fromkeys(pool, "train") | _draw(pool, drawn, seed)
    return [split_of[row["identity"]] for row in rows]


def with_splits(
    rows: Sequence[dict[str, str]], shares: Mapping[str, float | None] | None = None, seed: int = 0
) -> list[dict[str, str]]:
    """The rows, each with the split that `split_by_identity` gives it."""
    splits = split_by_identity(rows, shares, seed)
    return [row | {"split": split} for row, split in zip(rows, splits, strict=True)]


def _checked_shares(shares: Mapping[str, float | None]) -> dict[str, float | None]:
    unknown = set(shares) - {"test", "val"}
    if unknown:
        raise DataError(f"shares are given for test and val, got {', '.join(sorted(unknown))}")
    wanted = {name: shares.get(name) for name in ("test", "val")}
    for name, share in wanted.items():
        if share is not None and not 0.0 <= share < 1.0:
            raise DataError(f"--{name}-share must be at least 0 and less than 1, got {share:g}")
    if sum(share or 0.0 for share in wanted.values()) >= 1.0:
        raise DataError(
            "--test-share and --val-share together must be less than 1: training needs pictures"
        )
    return wanted


def _keep_own(given: Mapping[str, str], shares: Mapping[str, float]) -> None:
    for name, share in shares.items():
        number = sum(split == name for split in given.values())
        if share and number:
            raise DataError(
                f"the source has its own {name} split ({number} identities), which is kept: leave"
                f" --{name}-share away"
            )


def _draw(pool: set[str], shares: Mapping[str, float], seed: int) -> dict[str, str]:
    """Draw test and val from `pool`:
    at least one identity each, and at least one stays for training.
    """
    order = sorted(pool, key=lambda name: hashlib.sha256(f"{seed}/{name}".encode()).digest())
    chosen: dict[str, str] = {}
    for name in ("test", "val"):
        left = len(order) - len(chosen)
        number = min(max(1, round(shares[name] * len(order))), left - 1) if shares[name] else 0
        for identity in order[len(chosen) : len(chosen) + max(0, number)]:
            chosen[identity] = name
    return chosen


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
