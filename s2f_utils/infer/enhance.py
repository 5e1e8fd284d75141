"""Restore faces in photos: detect them, turn them upright, restore them by a network, and paste
them back.

The result is a guess at what the face looked like: the further from the photo, the more of it is
invented.
Shapes: H, W pixels of the photo, S of the restorer's square crop, U the upscaling.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from s2f_utils.infer import restorers
from s2f_utils.infer.request import Request
from s2f_utils.infer.restorers import Restorer
from s2f_utils.infer.translator import Model, checked
from s2f_utils.networks.info import ALIGNED
from s2f_utils.pictures import faces, images
from s2f_utils.pictures.faces import Face, FaceError

FEATHER = 0.12  # of the crop's side: over this width a pasted face fades into the photo
BAND_ROWS = 512  # rows of a photo pasted at once: large faces would take gigabytes
# Grey levels by which a single-tone photo's colours may differ from those predicted from its greys.
TONE = 3.0
LEAST_EYES_PX = 6.0  # between the eyes; smaller faces cannot be restored


@dataclass(frozen=True)
class EnhancedFace:
    """A face of a photo: where it is, its upright crop, and that crop restored, uint8 (S, S, 3)
    each.
    """

    face: Face
    before: np.ndarray
    after: np.ndarray


@dataclass(frozen=True)
class Enhanced:
    """The photo with its faces restored, and the faces, the largest first."""

    image: np.ndarray
    faces: tuple[EnhancedFace, ...]


def enhance(
    image: np.ndarray,
    restorer: Restorer | str | Path = restorers.AUTO,
    *,
    strength: float = 1.0,
    upscale: int = 1,
    aligned: bool = False,
    largest_only: bool = False,
    seed: int = 0,
    found: list[Face] | None = None,
) -> Enhanced:
    """A photo with its faces restored, U times as large.

    image: uint8 (H, W, 3); a photo without colour stays colourless. restorer: or its name
    (`restorers.load`). strength: from 0, the photo, to 1, the restorer's full change. upscale: U, 1
    to 4; at 1 every pixel outside faces is unchanged. A face with more pixels than the restorer's
    crop keeps its finer detail. aligned: the picture is one upright face that fills it as in FFHQ,
    and is restored whole. seed: of the noise from which GFPGAN makes detail. found: the faces, if
    they are known.

    Raises FaceError if no face is detected, RestoreError, ValueError for another picture or
    setting, or WeightsError.
    """
    import cv2

    _check(image, upscale, aligned)
    restorer = restorers.load(restorer) if isinstance(restorer, str | Path) else restorer
    if aligned:
        where, matrices = [faces.centre_face(image.shape[:2])], []
        crops = [images.resize(image, restorer.size_px, "stretch")]
    else:
        where = [
            f
            for f in (faces.detect_all(image) if found is None else found)
            if f.eye_distance >= LEAST_EYES_PX
        ]
        if not where:
            raise FaceError(
                "no face was found to restore: faces whose eyes are less than"
                f" {LEAST_EYES_PX:.0f} pixels apart, drawings and profiles are not; a square"
                " picture that one face fills can be restored whole with aligned (--aligned)"
            )
        where = sorted(where, key=lambda face: -face.eye_distance)[: 1 if largest_only else None]
        matrices = [faces.alignment(face.landmarks, restorer.size_px) for face in where]
        crops = [faces.warp(image, matrix, restorer.size_px) for matrix in matrices]
    made = [restorer.restore(crop, seed) for crop in crops]
    if not _has_colour(image):
        made = [_toned(before, after) for before, after in zip(crops, made, strict=True)]
    out = image.copy()
    if upscale > 1:
        size = (image.shape[1] * upscale, image.shape[0] * upscale)
        out = np.array(Image.fromarray(image).resize(size, Image.Resampling.LANCZOS))
    changes = [after.astype(np.float32) - before for before, after in zip(crops, made, strict=True)]
    if aligned:
        how = cv2.INTER_CUBIC if len(out) > restorer.size_px else cv2.INTER_AREA
        out = images.rounded(
            out + strength * cv2.resize(changes[0], out.shape[1::-1], interpolation=how)
        )
    elif strength > 0:
        _paste_all(
            out, changes, [faces.rescaled(matrix, 1 / upscale) for matrix in matrices], strength
        )
    return Enhanced(
        out, tuple(EnhancedFace(*parts) for parts in zip(where, crops, made, strict=True))
    )


class Enhancer(Model):
    """A restorer as a `Model`: photos, uint8 (H, W, 3); square ones count as aligned faces."""

    def __init__(self, restorer: Restorer) -> None:
        self.restorer, self.engine = restorer, restorer.engine
        self.info = dataclasses.replace(restorer.info, layout=ALIGNED)

    def answer(
        self, pictures: Sequence[np.ndarray], requests: Sequence[Request]
    ) -> list[np.ndarray]:
        """As `Model.answer`, with each request's `strength`. Raises what `enhance` raises."""
        made = list(pictures)
        for n, (picture, request) in enumerate(zip(pictures, requests, strict=True)):
            if request.strength > 0:
                square = picture.shape[0] == picture.shape[1]
                made[n] = enhance(
                    picture,
                    self.restorer,
                    strength=request.strength,
                    aligned=square,
                    seed=request.seed,
                ).image
        return made


def _check(image: np.ndarray, upscale: int, aligned: bool) -> None:
    height, width, _ = checked(image).shape
    if aligned and height != width:
        raise ValueError(
            f"an aligned picture is square, got {width}x{height}: leave it out to detect the face"
        )
    if height * width * upscale**2 > images.MAX_PIXELS:
        raise images.ImageError(
            f"{width}x{height} pixels times {upscale} are more than the"
            f" {images.MAX_PIXELS // 10**6} million that are written: choose a smaller upscale"
        )


def _has_colour(rgb: np.ndarray) -> bool:
    """Whether a picture, uint8 (H, W, 3), has more than one tone: whether its colours cannot be
    predicted from its greys, as they can in black and white, sepia and blueprints.
    """
    few = (
        rgb[:: max(1, len(rgb) // 128), :: max(1, rgb.shape[1] // 128)]
        .reshape(-1, 3)
        .astype(np.float64)
    )
    grey = few @ [0.299, 0.587, 0.114]
    powers = np.vander(grey / 255.0, 3)
    square = powers.T @ powers + 1e-4 * len(few) * np.eye(
        3
    )  # smooth: similar greys have similar tones
    rest = few - powers @ np.linalg.solve(square, powers.T @ few)
    return bool(np.sqrt(np.square(rest).mean(axis=0)).max() > TONE)


def _toned(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """A restored face in its original tone: only its greys are changed; uint8 (S, S, 3)."""
    change = images.luminance(after).astype(np.int16) - images.luminance(before)
    return np.clip(before + change[..., None], 0, 255).astype(np.uint8)


def feathered_mask(size_px: int) -> np.ndarray:
    """The weights for pasting a crop: float32 (S, S), 1 inside, falling to 0 at the edge."""
    at = (np.arange(size_px) + 0.5) / size_px
    edge = np.clip(np.minimum(at, 1 - at) / FEATHER, 0, 1)
    ramp = edge * edge * (3 - 2 * edge)
    return np.outer(ramp, ramp).astype(np.float32)


def _paste_all(
    out: np.ndarray, changes: list[np.ndarray], matrices: list[np.ndarray], strength: float
) -> None:
    """Add a restorer's changes to its crops, float32 (S, S, 3), to the photo, in place.

    Only the change is added, so that a face with more pixels than the crop keeps its finer detail.
    Overlapping crops
    share their pixels. matrices: from the photo's pixels to the crops'.
    """
    import cv2

    parts = []
    for change, matrix in zip(changes, matrices, strict=True):
        size_px, back, mask = len(change), faces.inverse(matrix), feathered_mask(len(change))
        corners = faces.transform(np.array([[0, 0], [1, 0], [0, 1], [1, 1]]) * size_px - 0.5, back)
        left, above = np.clip(
            np.floor(corners.min(axis=0)).astype(int), 0, out.shape[1::-1]
        ).tolist()
        right, below = np.clip(
            np.ceil(corners.max(axis=0)).astype(int) + 1, 0, out.shape[1::-1]
        ).tolist()
        layers = np.dstack([change * mask[..., None], mask])
        scale = float(
            np.sqrt(abs(np.linalg.det(back[:, :2])))
        )  # the photo's pixels per pixel of the crop
        if scale < 0.8:  # several of the crop's pixels per pixel of the photo: average them first
            small = max(8, round(size_px * scale))
            layers = cv2.resize(layers, (small, small), interpolation=cv2.INTER_AREA)
            back = faces.rescaled(back, size_px / small)
        parts.append((layers, back, (left, above, right, below)))
    for layers, back, (left, above, right, below) in parts:
        others = [
            (other[..., 3], matrix)
            for other, matrix, (x, y, beside, under) in parts
            if other is not layers and x < right and left < beside and y < below and above < under
        ]
        for top in range(above, below, BAND_ROWS):
            region, offset = (
                out[top : min(top + BAND_ROWS, below), left:right],
                [[0, 0, left], [0, 0, top]],
            )
            size = region.shape[1::-1]
            warped = cv2.warpAffine(layers, back - offset, size, flags=cv2.INTER_CUBIC)
            change = warped[..., :3]
            if others:
                covers = [
                    cv2.warpAffine(one, by - offset, size, flags=cv2.INTER_CUBIC)
                    for one, by in others
                ]
                change = change / np.maximum(warped[..., 3] + sum(covers), 1.0)[..., None]
            region[:] = images.rounded(region + strength * change)
