"""The bank: pictures of people whom image generators made, one WebP an entry, and where each is
from.

`bank.csv` has a row an entry: its number, which stays when others go, set, file, sheet and box.
Their likeness to anybody is chance. `tools.shipped.bank` makes the bank; what is known of the
entries for choosing is in the weights of `networks.chooser`.
"""

from __future__ import annotations

import csv
import functools
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from s2f_utils.pictures import images

FOLDER = Path(__file__).with_name("bank_pictures")
LIST = "bank.csv"
KEPT = 64  # pictures in memory, 300 kB each


class BankError(FileNotFoundError):
    """A bank that is not whole; the message says what to do."""


@dataclass(frozen=True)
class Bank:
    """The entries' rows, in the order of `networks.chooser`."""

    folder: Path
    rows: tuple[Mapping[str, str], ...]

    @property
    def numbers(self) -> np.ndarray:
        """What each entry is known by for good: int64 (E,)."""
        return np.array([int(row["number"]) for row in self.rows])

    @property
    def files(self) -> tuple[str, ...]:
        """The name of each entry's picture in the folder: (E,)."""
        return tuple(f"{row['number']}.webp" for row in self.rows)

    def picture(self, entry: int) -> np.ndarray:
        """An entry's picture in the mean shape's frame with a margin: uint8 (C, C, 3)."""
        return _picture(self.folder / self.files[entry])


@functools.lru_cache(maxsize=KEPT)
def _picture(path: Path) -> np.ndarray:
    try:
        picture = images.load_rgb(path)
    except (OSError, ValueError) as error:
        raise BankError(
            f"{path.name}, a picture of the bank, is not there, or damaged: install the package"
            " again"
        ) from error
    picture.setflags(write=False)
    return picture


def opened(folder: Path) -> Bank:
    """The bank in a folder. Raises BankError if it is not there."""
    path = folder / LIST
    if not path.is_file():
        raise BankError(f"{path}, the list of the bank, is not there: install the package again")
    with path.open(newline="", encoding="utf-8") as file:
        return Bank(folder, tuple(csv.DictReader(file)))


@functools.cache
def shipped() -> Bank:
    """The package's own bank."""
    return opened(FOLDER)
