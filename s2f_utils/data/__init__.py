"""Data sets: the manifest here, and in `stores` its pictures as batches."""

from __future__ import annotations

import csv
import json
import os
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

COLUMNS = ("split", "id", "identity", "sketch", "photo", "mask", "source")
SPLITS = ("train", "val", "test")
CUFS_TERMS = "CUFS: for research only; not to be redistributed; ask its authors"


class DataError(ValueError):
    """A data set that cannot be used."""


@dataclass(frozen=True)
class Row:
    """A pair, or one picture of a set without pairs; paths are None without one.
    attributes: of further columns.
    """

    split: str
    id: str
    identity: str
    sketch: Path | None
    photo: Path | None
    mask: Path | None
    source: str
    attributes: dict[str, str] = field(default_factory=dict, hash=False)


@dataclass(frozen=True)
class Manifest:
    """The rows of a `manifest.csv`, its folder,
    and the settings that `data_prep` wrote beside it.
    """

    path: Path
    pairs: list[Row]
    settings: dict[str, Any] = field(default_factory=dict)

    def split(self, name: str) -> list[Row]:
        """The pairs of "train", "val" or "test", in the file's order."""
        return [pair for pair in self.pairs if pair.split == name]


def terms_of(settings: Mapping[str, Any]) -> list[str]:
    """The licence terms in a manifest's settings; of older sets of CUFS by their layout;
    [] where unknown.
    """
    given = settings.get("terms") or ()
    terms = {given} if isinstance(given, str) else set(given)
    if "cufs" in str(settings.get("layout", "")).split("+"):
        terms.add(CUFS_TERMS)
    return sorted(terms)


def copies_in(settings: Mapping[str, Any]) -> list[dict[str, str]]:
    """The photos that are in two splits, by a manifest's settings: of each, split → its id there.
    Older sets have texts like those of `shown_copy`, whose ids may contain their equals sign.
    """
    split = f"({'|'.join(SPLITS)})"
    copies = []
    for copy in settings.get("in_two_splits", ()):
        if isinstance(copy, str):
            first, first_id, second, second_id = re.fullmatch(
                f"{split}/(.*) = {split}/(.*)", copy
            ).groups()
            copy = {first: first_id, second: second_id}
        copies.append(copy)
    return copies


def shown_copy(ids: Mapping[str, str]) -> str:
    """A photo in two splits, split → its id there, as "test/7 = train/3"."""
    return " = ".join(f"{split}/{name}" for split, name in ids.items())


def read_manifest(path: str | os.PathLike) -> Manifest:
    """Read a `manifest.csv`, given the file or its folder.

    Raises FileNotFoundError without such a folder; DataError when the file is missing, has other
    columns, is empty, names files that do not exist, has an identity in two splits, or an id twice
    in one that is scored.
    """
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(
            f"{path}: no such data set: give the folder that data_prep made, or its manifest.csv"
        )
    path = path / "manifest.csv" if path.is_dir() else path
    if not path.is_file():
        raise DataError(
            f"{path.parent}: no manifest.csv in this folder: make a data set with 'python -m "
            "data_prep pairs SRC OUT'"
        )
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file, restval="", strict=True)
            missing = [name for name in COLUMNS if name not in (reader.fieldnames or [])]
            rows = list(reader)
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(
            f"{path}: is not CSV in UTF-8 ({error}): save it as that, or run data_prep again"
        ) from None
    if missing:
        raise DataError(
            f"{path}: column {', '.join(missing)} is missing: the columns are {', '.join(COLUMNS)}"
        )
    pairs = [_row(path, number, row) for number, row in enumerate(rows, start=2)]
    if not pairs:
        raise DataError(f"{path}: lists no pairs: run data_prep again on a folder with pictures")
    _check_identities(path, pairs)
    settings = path.with_name("settings.json")
    try:
        known = json.loads(settings.read_text(encoding="utf-8")) if settings.is_file() else {}
    except ValueError:
        raise DataError(
            f"{settings}: is not JSON: run data_prep again, or delete the file"
        ) from None
    return Manifest(path, pairs, known)


def _row(path: Path, number: int, row: dict[str, str]) -> Row:
    if row["split"] not in SPLITS:
        raise DataError(
            f"{path}, line {number}: split must be one of {', '.join(SPLITS)}, got {row['split']!r}"
        )
    files: dict[str, Path | None] = {}
    for name in ("sketch", "photo", "mask"):
        files[name] = path.parent / row[name] if row[name] else None
        if files[name] is not None and not files[name].is_file():
            raise DataError(
                f"{path}, line {number}: {name} {row[name]} does not exist: copy the pictures "
                "beside the manifest,"
                " or run data_prep again"
            )
    more = {name: value or "" for name, value in row.items() if name and name not in COLUMNS}
    return Row(
        row["split"],
        row["id"],
        row["identity"] or row["id"],
        source=row["source"],
        attributes=more,
        **files,
    )


def _check_identities(path: Path, rows: Sequence[Row]) -> None:
    where: dict[str, str] = {}
    scored = [(row.split, row.id) for row in rows if row.split != "train"]
    if len(set(scored)) < len(scored):
        split, name = Counter(scored).most_common(1)[0][0]
        raise DataError(
            f"{path}: id {name!r} is twice in {split}: outputs are files by id; give each row "
            "its own"
        )
    for row in rows:
        if where.setdefault(row.identity, row.split) != row.split:
            raise DataError(
                f"{path}: identity {row.identity} is in {where[row.identity]} and in "
                f"{row.split}: results would"
                " be worth nothing; put all pictures of a person into one split"
            )
