"""Eyes and mouths that a user gives by hand, where no detector finds them."""

from __future__ import annotations

import csv
import hashlib
import math
import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from data_prep.layouts.layout import Candidate
from data_prep.layouts.tree import Picture
from data_prep.messages import printable
from s2f_utils.data import DataError

POINT_COLUMNS = (
    "name",
    "left_eye_x",
    "left_eye_y",
    "right_eye_x",
    "right_eye_y",
    "mouth_x",
    "mouth_y",
)
# both eyes and the mouth, in pixels of the source; () for none
Points = tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class GivenPoints:
    """The points of a file by the names in it, and the file's SHA-256, "" for no file."""

    by_name: dict[str, Points] = field(default_factory=dict)
    digest: str = ""

    def of_pair(self, pair: Candidate, each: bool) -> tuple[Points, Points]:
        """The photo's points, and,
        where photo and sketch are aligned `each` by its own face, the sketch's.
        """
        sketch = self._of(pair.sketch, besides=_names(pair.photo)) if pair.sketch and each else ()
        return self._of(pair.photo), sketch

    def unused(self, pairs: Iterable[Candidate]) -> list[str]:
        """The names that are no picture's."""
        names: set[str] = set()
        for pair in pairs:
            names.update(_names(pair.photo))
            if pair.sketch:
                names.update(_names(pair.sketch))
        return sorted(set(self.by_name) - names)

    def _of(self, picture: Picture, besides: Iterable[str] = ()) -> Points:
        """A name that is also one of `besides`, those of a sketch's photo, means the photo."""
        for name in _names(picture):
            if name in self.by_name and name not in besides:
                return self.by_name[name]
        return ()


def _names(picture: Picture) -> tuple[str, ...]:
    """What a picture may be called: by its path in the source, its name, or its stem."""
    return picture.shown, picture.path.name, picture.stem


def read_points(path: str | os.PathLike | None) -> GivenPoints:
    """Read a CSV file with the columns `POINT_COLUMNS`; None: no points.

    Raises DataError where there is no such file, or a column or a number is missing.
    """
    if path is None:
        return GivenPoints()
    path = Path(path)
    if not path.is_file():
        raise DataError(
            f"--points {printable(path)}: no such file: give a CSV file with"
            f" {', '.join(POINT_COLUMNS)}"
        )
    by_name = {}
    with open(path, newline="", encoding="utf-8-sig", errors="replace") as file:
        reader = csv.DictReader(file)
        missing = [column for column in POINT_COLUMNS if column not in (reader.fieldnames or ())]
        if missing:
            raise DataError(
                f"--points {printable(path)}: the columns {', '.join(missing)} are missing"
            )
        for number, row in enumerate(reader, start=2):
            try:
                values = [float(row[column]) for column in POINT_COLUMNS[1:]]
            except (TypeError, ValueError):
                values = [math.nan]
            if not all(map(math.isfinite, values)):
                raise DataError(f"--points {printable(path)}: line {number} has no six numbers")
            by_name[row["name"]] = tuple(zip(values[::2], values[1::2], strict=True))
    return GivenPoints(by_name, hashlib.sha256(path.read_bytes()).hexdigest())
