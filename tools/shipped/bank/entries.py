"""Which pictures are in the bank and what they show, as people saw it who looked at each.

`entries.csv` has a row for each picture: key (set and file), keep (1 or 0), why not, and the looks.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from s2f_studio.faces.looks import LOOKS, UNKNOWN

ENTRIES = Path(__file__).with_name("entries.csv")
CHILD, YOUNG, MIDDLE = 16, 35, 58  # ages in years below which somebody looks so


@dataclass(frozen=True)
class Entry:
    """A row of the list. why: the reason if it is not kept. labels: the other columns."""

    key: str
    keep: bool
    why: str
    labels: Mapping[str, str]

    @property
    def is_child(self) -> bool:
        """Whether somebody looks under sixteen."""
        return float(self.labels["age"]) < CHILD

    @property
    def looks(self) -> np.ndarray:
        """A number for each of `LOOKS`, `UNKNOWN` where it is not to be seen: int8 (L,).

        So of a trimmed beard, which may pass for none or for a full one.
        """
        given = self.labels
        yes_no = {"0": "no", "1": "yes"}
        return looks_of(
            {
                "age": age_group(float(given["age"])),
                "presents": {"m": "man", "f": "woman"}[given["sex"]],
                "glasses": yes_no[given["glasses"]],
                "hat": given["hat"],
                "beard": given["beard"].replace("stubble", "none"),
                "length": given["length"],
                "texture": given["texture"],
                "fringe": yes_no[given["fringe"]],
                "lips": given["lips"],
            }
        )


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


def read_entries(path: Path = ENTRIES) -> list[Entry]:
    """All rows, in the order of the list."""
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    entries = []
    for row in rows:
        key, keep, why = row.pop("key"), row.pop("keep"), row.pop("why")
        entries.append(Entry(key, keep == "1", why, row))
    return entries
