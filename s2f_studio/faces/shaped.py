"""Pairs whose faces are warped to the mean shape, by the landmark files named in their rows.

A sketch becomes 10 channels: itself, the displacement along x and y, and one plane for each
attribute of the person.
A photo becomes 5: its colours, and the masks of the person and of the hair. Shapes: B pairs, S
pixels.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from s2f_utils.data import DataError, Manifest, Row
from s2f_utils.data.stores import Data, PictureStore, squared
from s2f_utils.pictures import images, masks, mesh, warping
from s2f_utils.pictures.attributes import TRAITS

HAIR = masks.CLASSES.index("hair")
SHIFT_SHARE = 0.25  # of the side: the displacement that the largest value of a plane stands for
SOFT_SHARE = 1.2 / 256  # of the side: how soft a person's rim is
COLUMNS = ("points", "photo_points")


def planes_of(where: np.ndarray) -> np.ndarray:
    """The displacements of a field (S, S, 2) as two pictures: uint8 (S, S, 2), none as 127.5."""
    size = len(where)
    axis = np.arange(size, dtype=np.float32)
    by = where - np.stack(np.meshgrid(axis, axis), axis=-1)
    return images.rounded(127.5 + 127.5 * by / (SHIFT_SHARE * size))


def attribute_planes(attributes: Sequence[float], size_px: int) -> np.ndarray:
    """A person's attributes, 0 to 1 or NaN, as constant pictures: uint8 (S, S, len(attributes))."""
    levels = images.rounded(255 * np.nan_to_num(np.asarray(attributes, np.float64), nan=0.5))
    return np.broadcast_to(levels, (size_px, size_px, len(levels)))


def worn_in(row: Row) -> list[float]:
    """A row's labels for `attributes.WORN`, in that order: 0, 1, or NaN if there is none."""
    beard = row.attributes.get("beard")
    labels = {
        name: {"0": 0.0, "1": 1.0}.get(row.attributes.get(name, ""), math.nan)
        for name in ("glasses", "hat")
    }
    return [
        labels["glasses"],
        float(beard not in ("none", "stubble")) if beard else math.nan,
        labels["hat"],
    ]


def attributes_in(row: Row) -> list[float]:
    """A row's attributes of its person, as `ATTRIBUTES`: from 0 to 1, or NaN if there is none."""
    traits = [
        levels.get(row.attributes.get(label, ""), math.nan) for label, levels in TRAITS.values()
    ]
    return worn_in(row) + [0.5 + 0.5 * value for value in traits]


class WarpedFaces(PictureStore):
    """Pictures warped to the mean shape by their landmarks, which are in pixels of the pictures."""

    def __init__(
        self, paths: Sequence[Path], points: Sequence[Path], size_px: int, device: torch.device
    ) -> None:
        super().__init__(paths, size_px, device)
        self.points = list(points)
        self.matrix = warping.fixed_field(mesh.mean_shape(size_px), size_px)

    def _where(self, index: int, picture: np.ndarray) -> np.ndarray:
        points = read_points(self.points[index])
        points = (points + 0.5) * (self.size_px / len(picture)) - 0.5
        return warping.field_by(self.matrix, mesh.mean_shape(self.size_px), points, self.size_px)


class WarpedSketches(WarpedFaces):
    """Drawings, their displacements, and attributes of the person: batches (B, 10, S, S)."""

    def __init__(
        self,
        paths: Sequence[Path],
        points: Sequence[Path],
        attributes: Sequence[Sequence[float]],
        size_px: int,
        device: torch.device,
    ) -> None:
        super().__init__(paths, points, size_px, device)
        self.attributes, self.channels = list(attributes), 3 + len(attributes[0])

    def _read(self, index: int) -> np.ndarray:
        picture = images.load_rgb(self.paths[index])
        where = self._where(index, picture)
        grey = squared(self.paths[index], picture, self.size_px).mean(axis=2).astype(np.uint8)
        bent = warping.bend(grey, where, border=255)
        planes = attribute_planes(self.attributes[index], self.size_px)
        return np.dstack([bent, planes_of(where), planes])


class WarpedPhotos(WarpedFaces):
    """Photos, and masks of person and hair: batches (B, 5, S, S)."""

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
        photo = warping.bend(squared(self.paths[index], picture, self.size_px), where)
        return np.dstack([photo, warping.bend(parts, where)])


class ShapedData(Data):
    """The pairs of one split, warped to the mean shape: batches of (B, 10, S, S) and (B, 5, S, S),
    uint8.

    Raises DataError if a row has no sketch, photo, mask or points.
    """

    def __init__(
        self,
        manifest: Manifest,
        pairs: Sequence[Row],
        size_px: int,
        device: torch.device,
        *,
        progress: bool = False,
    ) -> None:
        for pair in pairs:
            lacking = [what for what in ("sketch", "photo", "mask") if getattr(pair, what) is None]
            lacking += [column for column in COLUMNS if not pair.attributes.get(column)]
            if lacking:
                raise DataError(
                    f"pair {pair.id} has no {lacking[0]}: this method is trained on faces with"
                    " landmarks; make such a set with 'python -m data_prep landmarks"
                    f" {manifest.path.parent} OUT'"
                )
        drawn, true = (
            [manifest.path.parent / pair.attributes[column] for pair in pairs] for column in COLUMNS
        )
        attributes = [attributes_in(pair) for pair in pairs]
        paths = [pair.sketch for pair in pairs]
        sketches = WarpedSketches(paths, drawn, attributes, size_px, device)
        people = [pair.mask for pair in pairs]
        photos = WarpedPhotos([pair.photo for pair in pairs], true, people, size_px, device)
        super().__init__(sketches, photos, progress=progress)


def softened(parts: np.ndarray) -> np.ndarray:
    """Masks, bool (S, S, C), softened as edges of a photo at 256 pixels: float32 in [0, 1]."""
    import cv2

    spread = SOFT_SHARE * len(parts)
    return np.clip(
        (cv2.GaussianBlur(parts.astype(np.float32), (0, 0), spread) - 0.55) * 1.9 + 0.5, 0, 1
    )


def read_points(path: Path) -> np.ndarray:
    """A face's landmarks, float32 (164, 2), in pixels of its picture.

    Raises DataError for another file.
    """
    try:
        points = np.load(path)
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: cannot be read ({error}): make the set again") from None
    if points.shape != (mesh.NUM_POINTS, 2) or not np.isfinite(points).all():
        raise DataError(
            f"{path}: expected {mesh.NUM_POINTS} points, got {points.shape}: make the set again"
        )
    return points.astype(np.float32)
