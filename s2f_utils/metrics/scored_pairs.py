"""The pairs of a manifest that are scored: their pictures, as arrays."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from s2f_utils.data import DataError, Row
from s2f_utils.data.stores import map_picture, squared
from s2f_utils.pictures import images

SOURCE_COLUMNS = {"sketch": "sketch", "map": "mask", "photo": "photo"}


def columns_of(direction: str) -> tuple[str, str]:
    """The manifest's columns of inputs and outputs. Raises DataError for inputs that a manifest
    does not have.
    """
    source, _, target = direction.partition("-to-")
    if source not in SOURCE_COLUMNS:
        raise DataError(
            f"a model that reads {source} is not scored:"
            " give one that reads sketches, maps or photos"
        )
    return SOURCE_COLUMNS[source], target


def complete(pairs: Iterable[Row], direction: str) -> list[Row]:
    """The pairs that have both pictures of this direction."""
    source, target = columns_of(direction)
    return [pair for pair in pairs if getattr(pair, source) and getattr(pair, target)]


def load_pairs(pairs: Sequence[Row], size_px: int, direction: str) -> tuple[np.ndarray, np.ndarray]:
    """Inputs and true outputs, uint8 (N, size_px, size_px, 3) each; maps in CelebAMask-HQ's
    colours. Raises DataError for a pair that lacks one.
    """
    source, target = columns_of(direction)
    return _load(pairs, source, size_px), _load(pairs, target, size_px)


def _load(pairs: Sequence[Row], column: str, size_px: int) -> np.ndarray:
    pictures = np.empty((len(pairs), size_px, size_px, 3), np.uint8)
    for number, pair in enumerate(pairs):
        path = getattr(pair, column)
        if path is None:
            raise DataError(f"pair {pair.id} has no {column}: scoring needs both")
        if column == "mask":
            pictures[number] = map_picture(path, size_px)
        else:
            pictures[number] = squared(path, images.load_rgb(path), size_px)
    return pictures
