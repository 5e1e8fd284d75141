"""Pairs whose faces are bent to the mean shape, by the points that their rows name.

A sketch becomes 6 channels: itself, by how much it was bent along x and y, and what is worn, a plane each. A photo
becomes 5: its colours, and how much each pixel belongs to the person, and to the hair. Shapes: B pairs, S pixels.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from s2f_utils.data.manifest import DataError, Manifest, Row
from s2f_utils.data.stores import Pairs, PictureStore, squared
from s2f_utils.pictures import images, masks
from s2f_utils.pictures.faces import bending, mesh
from s2f_utils.pictures.scribbles.portrait import WORN

HAIR = masks.CLASSES.index("hair")
SHIFT_SHARE = 0.25  # of the side, that a bending plane's largest value stands for
COLUMNS = ("points", "photo_points")


def planes_of(where: np.ndarray) -> np.ndarray:
    """A field (S, S, 2), by how much it bends, as two pictures: uint8 (S, S, 2); 127.5 stands for nothing."""
    size = len(where)
    axis = np.arange(size, dtype=np.float32)
    by = where - np.stack(np.meshgrid(axis, axis), axis=-1)
    return images.rounded(127.5 + 127.5 * by / (SHIFT_SHARE * size))


def worn_planes(worn: Sequence[float], size_px: int) -> np.ndarray:
    """What is worn, from 0 to 1, NaN where that is not known, as even pictures: uint8 (S, S, len(worn))."""
    levels = images.rounded(255 * np.nan_to_num(np.asarray(worn, np.float64), nan=0.5))
    return np.broadcast_to(levels, (size_px, size_px, len(levels)))


def worn_in(row: Row) -> list[float]:
    """What a row says is worn, as `WORN` orders it: 0, 1, or NaN where it does not say."""
    beard = row.attributes.get("beard")
    told = {name: {"0": 0.0, "1": 1.0}.get(row.attributes.get(name, ""), math.nan) for name in ("glasses", "hat")}
    return [told["glasses"], float(beard not in ("none", "stubble")) if beard else math.nan, told["hat"]]


class BentFaces(PictureStore):
    """Pictures bent to the mean shape by their points, which are in the pictures' own pixels."""

    def __init__(self, paths: Sequence[Path], points: Sequence[Path], size_px: int, device: torch.device) -> None:
        super().__init__(paths, size_px, device)
        self.points = list(points)
        self.matrix = bending.fixed_field(mesh.mean_shape(size_px), size_px)

    def _where(self, index: int, picture: np.ndarray) -> np.ndarray:
        points = read_points(self.points[index])
        points = (points + 0.5) * (self.size_px / len(picture)) - 0.5
        return bending.field_by(self.matrix, mesh.mean_shape(self.size_px), points, self.size_px)


class BentSketches(BentFaces):
    """Drawings, how they were bent, and what is worn: batches (B, 6, S, S)."""

    def __init__(
        self,
        paths: Sequence[Path],
        points: Sequence[Path],
        worn: Sequence[Sequence[float]],
        size_px: int,
        device: torch.device,
    ) -> None:
        super().__init__(paths, points, size_px, device)
        self.worn, self.channels = list(worn), 3 + len(WORN)

    def _read(self, index: int) -> np.ndarray:
        picture = images.load_rgb(self.paths[index])
        where = self._where(index, picture)
        grey = squared(self.paths[index], picture, self.size_px).mean(axis=2).astype(np.uint8)
        bent = bending.bend(grey, where, border=255)
        return np.dstack([bent, planes_of(where), worn_planes(self.worn[index], self.size_px)])


class BentPhotos(BentFaces):
    """Photos, their people and hair: batches (B, 5, S, S)."""

    def __init__(
        self,
        paths: Sequence[Path],
        points: Sequence[Path],
        people: Sequence[Path],
        size_px: int,
        device: torch.device,
    ) -> None:
        super().__init__(paths, points, size_px, device)
        self.people, self.channels = list(people), 5

    def _read(self, index: int) -> np.ndarray:
        picture = images.load_rgb(self.paths[index])
        where = self._where(index, picture)
        labels = masks.resize(images.load_labels(self.people[index]), self.size_px)
        parts = np.dstack([labels > 0, labels == HAIR]).astype(np.uint8) * 255
        photo = bending.bend(squared(self.paths[index], picture, self.size_px), where)
        return np.dstack([photo, bending.bend(parts, where)])


class ShapedData(Pairs):
    """The pairs of one split, bent to the mean shape: batches of (B, 6, S, S) and (B, 5, S, S), uint8.

    Raises DataError where a row has no sketch, photo, mask or points.
    """

    def __init__(
        self, manifest: Manifest, pairs: Sequence[Row], size_px: int, device: torch.device, *, progress: bool = False
    ) -> None:
        for pair in pairs:
            lacking = [what for what in ("sketch", "photo", "mask") if getattr(pair, what) is None]
            lacking += [column for column in COLUMNS if not pair.attributes.get(column)]
            if lacking:
                raise DataError(
                    f"pair {pair.id} has no {lacking[0]}: this method learns from faces with their points; make them"
                    " with 'python -m data_prep scribbles PORTRAITS OUT'"
                )
        drawn, true = ([manifest.path.parent / pair.attributes[column] for pair in pairs] for column in COLUMNS)
        worn = [worn_in(pair) for pair in pairs]
        sketches = BentSketches([pair.sketch for pair in pairs], drawn, worn, size_px, device)
        photos = BentPhotos([pair.photo for pair in pairs], true, [pair.mask for pair in pairs], size_px, device)
        super().__init__(pairs, sketches, photos, progress)


def read_points(path: Path) -> np.ndarray:
    """A face's points, float32 (164, 2), in pixels of its picture; DataError where the file has no such."""
    try:
        points = np.load(path)
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: cannot be read ({error}): make the set again") from None
    if points.shape != (mesh.NUM_POINTS, 2) or not np.isfinite(points).all():
        raise DataError(f"{path}: expected {mesh.NUM_POINTS} points, got {points.shape}: make the set again")
    return points.astype(np.float32)
