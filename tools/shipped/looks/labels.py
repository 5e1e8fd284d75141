"""What 1,651 pictures of generated people show, as people saw it who looked at each.

`labels.csv` has a row for each picture: key (set and file), usable (0: cut off, lit in colours,
damaged, painted, …), photo (3: like a photo, 2: retouched, 1: rendered, to a strict eye), and what
it shows; "u" where that is not to be seen. The pictures: docs/data.md.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from s2f_studio.faces.looks import LOOKS, UNKNOWN

LABELS = Path(__file__).with_name("labels.csv")
CHILD, YOUNG, MIDDLE = 16, 35, 58  # ages in years below which somebody looks so


@dataclass(frozen=True)
class Labelled:
    """A row of the list. labels: all but the first two columns."""

    key: str
    usable: bool
    labels: Mapping[str, str]

    @property
    def is_child(self) -> bool:
        """Whether somebody looks under sixteen."""
        return float(self.labels["age"]) < CHILD


def age_group(years: float) -> str:
    """Years as one of the values of "age"."""
    for limit, group in ((CHILD, "child"), (YOUNG, "young"), (MIDDLE, "middle")):
        if years < limit:
            return group
    return "old"


def looks_of(given: Mapping[str, str]) -> np.ndarray:
    """Values by look as numbers, `UNKNOWN` for what is missing or no value: int8 (L,)."""
    numbers = []
    for name, values in LOOKS.items():
        value = given.get(name, "")
        numbers.append(values.index(value) if value in values else UNKNOWN)
    return np.array(numbers, np.int8)


def read_labels(path: Path = LABELS) -> list[Labelled]:
    """All rows, in the order of the list."""
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return [Labelled(row.pop("key"), row.pop("usable") == "1", row) for row in rows]
