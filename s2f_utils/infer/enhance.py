"""Restore faces in photos:
detect them, turn them upright, restore them by a network, and paste them back.

The result is a guess at what the face looked like: the further from the photo, the more of it is
invented.
Shapes: H, W pixels of the photo, S of the restorer's square crop, U the upscaling.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from s2f_utils.infer.pasting import paste_all
from s2f_utils.infer.request import Request
from s2f_utils.infer.translator import Model, checked
from s2f_utils.networks.info import ALIGNED, ModelInfo
from s2f_utils.pictures import faces, images
from s2f_utils.pictures.faces import Face, FaceError

if TYPE_CHECKING:
    from s2f_utils.infer.engine import Engine

# Grey levels by which a single-tone photo's colours may differ from those predicted from its greys.
TONE = 3.0
COLOURS_OVER = 16  # colours are kept at scales above a sixteenth of a face's side
LEAST_SPREAD = 0.02  # standard deviation of an answer in [-1, 1]: less is a flat picture
LEAST_EYES_PX = 6.0  # between the eyes; smaller faces cannot be restored


@dataclass
class Restorer(Model):
    """A network that restores faces, made by `restorers.load`: of aligned crops by `restore`, of
    photos by `answer`. net: the network, if PyTorch runs it.
    """

    engine: Engine
    info: ModelInfo
    net: Any = None

    def __post_init__(self) -> None:
        self.info = dataclasses.replace(self.info, layout=ALIGNED)

    @property
    def size_px(self) -> int:
        """S."""
        return self.info.size_px

    def restore(self, crop: np.ndarray, seed: int = 0) -> np.ndarray:
        """An aligned face, uint8 (S, S, 3) → restored, the same shape. seed: of the noise that
        detail is made from.

        Raises ValueError for an answer of NaN, or of one colour although the crop is not: the input
        is never returned instead.
        """
        x = crop / np.float32(127.5) - 1
        (batch,) = self.engine.run("restore", crop[None], np.array([seed]))
        restored = batch[0]  # float32 (S, S, 3), about [-1, 1]
        self._check(x, restored)
        if self.info.method == "restore":
            # Ours was not trained to correct colours; the published ones were.
            restored = with_colours_of(x, restored)
        return images.rounded(127.5 * (restored + 1))

    def _check(self, x: np.ndarray, restored: np.ndarray) -> None:
        problem = ""
        if not np.isfinite(restored).all():
            problem = "NaN"
        elif _spread(restored) < LEAST_SPREAD and _spread(x) > 2 * LEAST_SPREAD:
            problem = "a flat picture"
        if problem:
            raise ValueError(
                f"{self.info.name}: answered with {problem}: its file may be damaged or of another"
                " network; download it again, or choose another restorer"
            )

    def answer(
        self, pictures: Sequence[np.ndarray], requests: Sequence[Request]
    ) -> list[np.ndarray]:
        """As `Model.answer`, of photos, uint8 (H, W, 3), whose faces are detected, with each
        request's `strength`. Raises what `enhance` raises.
        """
        answers = []
        for picture, request in zip(pictures, requests, strict=True):
            if request.strength > 0:
                options = {"strength": request.strength, "seed": request.seed}
                picture = enhance(picture, self, **options).image
            answers.append(picture)
        return answers


def _spread(face: np.ndarray) -> float:
    """The largest standard deviation of a channel, of a face (S, S, 3) in [-1, 1]."""
    return float(face.clip(-1, 1).std(axis=(0, 1)).max())


def with_colours_of(x: np.ndarray, restored: np.ndarray) -> np.ndarray:
    """The restored face with the low frequencies of the crop x, float32 (S, S, 3) each: changes at
    scales of a sixteenth of the side and above are undone.
    """
    import cv2

    change = restored - x
    sigma = len(x) / COLOURS_OVER
    slow = cv2.GaussianBlur(change, (0, 0), sigma, borderType=cv2.BORDER_REFLECT_101)
    return restored - slow


@dataclass(frozen=True)
class EnhancedFace:
    """A face of a photo:
    where it is, its upright crop, and that crop restored, uint8 (S, S, 3) each.
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
    restorer: Restorer,
    *,
    strength: float = 1.0,
    upscale: int = 1,
    aligned: bool = False,
    largest_only: bool = False,
    seed: int = 0,
    found: list[Face] | None = None,
) -> Enhanced:
    """A photo with its faces restored, U times as large.

    image: uint8 (H, W, 3); a photo without colour stays colourless. strength: from 0, the photo, to
    1, the restorer's full change. upscale: U, 1 to 4; at 1 every pixel outside faces is unchanged.
    A face with more pixels than the restorer's crop keeps its finer detail. aligned: the picture is
    one upright face that fills it as in FFHQ, and is restored whole. seed: of the noise from which
    GFPGAN makes detail. found: the faces, if they are known.

    Raises FaceError if no face is detected, or ValueError for another picture or setting.
    """
    _check(image, strength, upscale, aligned)
    size_px = restorer.size_px
    if aligned:
        where = [faces.centre_face(image.shape[:2])]
        crops = [images.resize(image, size_px, "stretch")]
    else:
        where = _restorable(image, found)[: 1 if largest_only else None]
        matrices = [faces.alignment(face.landmarks, size_px) for face in where]
        crops = [faces.warp(image, matrix, size_px) for matrix in matrices]
    restored = [restorer.restore(crop, seed) for crop in crops]
    if not _has_colour(image):
        restored = [_toned(crop, face) for crop, face in zip(crops, restored, strict=True)]
    changes = [face.astype(np.float32) - crop for crop, face in zip(crops, restored, strict=True)]
    out = image.copy()
    if upscale > 1:
        size = (image.shape[1] * upscale, image.shape[0] * upscale)
        out = np.array(Image.fromarray(image).resize(size, Image.Resampling.LANCZOS))
    if aligned:
        out = _changed(out, changes[0], strength)
    elif strength > 0:
        paste_all(out, changes, [faces.rescaled(one, 1 / upscale) for one in matrices], strength)
    results = zip(where, crops, restored, strict=True)
    return Enhanced(out, tuple(EnhancedFace(*one) for one in results))


def _restorable(image: np.ndarray, found: list[Face] | None) -> list[Face]:
    """The faces of a photo that are large enough, the largest first.

    Raises FaceError if there is none.
    """
    known = faces.detect_all(image) if found is None else found
    large = [face for face in known if face.eye_distance >= LEAST_EYES_PX]
    if not large:
        raise FaceError(
            "no face was found to restore: faces whose eyes are less than"
            f" {LEAST_EYES_PX:.0f} pixels apart, drawings and profiles are not; a square picture"
            " that one face fills can be restored whole with aligned (--aligned)"
        )
    return sorted(large, key=lambda face: -face.eye_distance)


def _changed(image: np.ndarray, change: np.ndarray, strength: float) -> np.ndarray:
    """A square picture with a restorer's change, float32 (S, S, 3), in its size."""
    import cv2

    how = cv2.INTER_CUBIC if len(image) > len(change) else cv2.INTER_AREA
    change = cv2.resize(change, image.shape[1::-1], interpolation=how)
    return images.rounded(image + strength * change)


def _check(image: np.ndarray, strength: float, upscale: int, aligned: bool) -> None:
    height, width, _ = checked(image).shape
    if not 0 <= strength <= 1:
        raise ValueError(f"strength must be from 0 to 1, got {strength}")
    if upscale not in range(1, 5):
        raise ValueError(f"upscale must be 1, 2, 3 or 4, got {upscale}")
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
    step_y, step_x = max(1, len(rgb) // 128), max(1, rgb.shape[1] // 128)
    few = rgb[::step_y, ::step_x].reshape(-1, 3).astype(np.float64)
    grey = few @ [0.299, 0.587, 0.114]
    powers = np.vander(grey / 255.0, 3)
    # Smooth: similar greys have similar tones.
    square = powers.T @ powers + 1e-4 * len(few) * np.eye(3)
    rest = few - powers @ np.linalg.solve(square, powers.T @ few)
    return bool(np.sqrt(np.square(rest).mean(axis=0)).max() > TONE)


def _toned(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """A restored face in its original tone: only its greys are changed; uint8 (S, S, 3)."""
    change = images.luminance(after).astype(np.int16) - images.luminance(before)
    return np.clip(before + change[..., None], 0, 255).astype(np.uint8)
