"""Pairs whose faces are bent to the mean shape, by the points that their rows name.

A sketch becomes 10 channels: itself, by how much it was bent along x and y, and what is told of the person, a plane
each. A photo
becomes 5: its colours, and how much each pixel belongs to the person, and to the hair. Shapes: B pairs, S pixels.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from s2f_studio.drawings import bending, mesh
from s2f_utils.data import DataError, Manifest, Row
from s2f_utils.data.stores import Data, PictureStore, squared
from s2f_utils.pictures import images, masks
from s2f_utils.pictures.attributes import TRAITS

HAIR = masks.CLASSES.index("hair")
SHIFT_SHARE = 0.25  # of the side, that a bending plane's largest value stands for
SOFT_SHARE = 1.2 / 256  # of the side: how soft a person's rim is
COLUMNS = ("points", "photo_points")


def planes_of(where: np.ndarray) -> np.ndarray:
    """A field (S, S, 2), by how much it bends, as two pictures: uint8 (S, S, 2); 127.5 stands for nothing."""
    size = len(where)
    axis = np.arange(size, dtype=np.float32)
    by = where - np.stack(np.meshgrid(axis, axis), axis=-1)
    return images.rounded(127.5 + 127.5 * by / (SHIFT_SHARE * size))


def told_planes(told: Sequence[float], size_px: int) -> np.ndarray:
    """What is told of a person, from 0 to 1, NaN where that is not known, as even pictures: uint8 (S, S, len(told))."""
    levels = images.rounded(255 * np.nan_to_num(np.asarray(told, np.float64), nan=0.5))
    return np.broadcast_to(levels, (size_px, size_px, len(levels)))


def worn_in(row: Row) -> list[float]:
    """What a row says is worn, as `attributes.WORN` orders it: 0, 1, or NaN where it does not say."""
    beard = row.attributes.get("beard")
    told = {name: {"0": 0.0, "1": 1.0}.get(row.attributes.get(name, ""), math.nan) for name in ("glasses", "hat")}
    return [told["glasses"], float(beard not in ("none", "stubble")) if beard else math.nan, told["hat"]]


def told_in(row: Row) -> list[float]:
    """What a row says of its person, as `TOLD` orders it: from 0 to 1, or NaN where it does not say."""
    traits = [levels.get(row.attributes.get(label, ""), math.nan) for label, levels in TRAITS.values()]
    return worn_in(row) + [0.5 + 0.5 * value for value in traits]


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
    """Drawings, how they were bent, and what is told of the person: batches (B, 10, S, S)."""

    def __init__(
        self,
        paths: Sequence[Path],
        points: Sequence[Path],
        told: Sequence[Sequence[float]],
        size_px: int,
        device: torch.device,
    ) -> None:
        super().__init__(paths, points, size_px, device)
        self.told, self.channels = list(told), 3 + len(told[0])

    def _read(self, index: int) -> np.ndarray:
        picture = images.load_rgb(self.paths[index])
        where = self._where(index, picture)
        grey = squared(self.paths[index], picture, self.size_px).mean(axis=2).astype(np.uint8)
        bent = bending.bend(grey, where, border=255)
        return np.dstack([bent, planes_of(where), told_planes(self.told[index], self.size_px)])


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
        parts = images.rounded(255 * softened(np.dstack([labels > 0, labels == HAIR])))
        photo = bending.bend(squared(self.paths[index], picture, self.size_px), where)
        return np.dstack([photo, bending.bend(parts, where)])


class ShapedData(Data):
    """The pairs of one split, bent to the mean shape: batches of (B, 10, S, S) and (B, 5, S, S), uint8.

    larger: how much larger the photos are than the drawings. folded: another plane, the person's fold, as the column
    `fold` says it; 0 where there is none. Raises DataError where a row has no sketch, photo, mask or points.
    """

    def __init__(
        self,
        manifest: Manifest,
        pairs: Sequence[Row],
        size_px: int,
        device: torch.device,
        *,
        larger: int = 1,
        folded: bool = False,
        progress: bool = False,
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
        told = [told_in(pair) for pair in pairs]
        if folded:
            told = [own + [float(pair.attributes.get("fold") == "1")] for own, pair in zip(told, pairs, strict=True)]
        sketches = BentSketches([pair.sketch for pair in pairs], drawn, told, size_px, device)
        people = [pair.mask for pair in pairs]
        photos = BentPhotos([pair.photo for pair in pairs], true, people, larger * size_px, device)
        super().__init__(sketches, photos, progress=progress)


def softened(parts: np.ndarray) -> np.ndarray:
    """Parts with hard rims, bool (S, S, C), with rims as soft as a photo's at 256 pixels: float32 in [0, 1]."""
    import cv2

    spread = SOFT_SHARE * len(parts)
    return np.clip((cv2.GaussianBlur(parts.astype(np.float32), (0, 0), spread) - 0.55) * 1.9 + 0.5, 0, 1)


def read_points(path: Path) -> np.ndarray:
    """A face's points, float32 (164, 2), in pixels of its picture; DataError where the file has no such."""
    try:
        points = np.load(path)
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: cannot be read ({error}): make the set again") from None
    if points.shape != (mesh.NUM_POINTS, 2) or not np.isfinite(points).all():
        raise DataError(f"{path}: expected {mesh.NUM_POINTS} points, got {points.shape}: make the set again")
    return points.astype(np.float32)
