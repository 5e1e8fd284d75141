"""19-class maps of faces as in CelebAMask-HQ: parts to one map, palette, one-hot planes.

Shapes: H, W pixels; maps are uint8 (H, W) with numbers of `CLASSES`. The left eye is the one at the
image's left.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import BinaryIO

import numpy as np
from PIL import Image

from s2f_utils.pictures import images

# CelebAMask-HQ's order (Lee et al. 2020); each part is painted over those before it. BiSeNet's face
# parser, which is widely used, has another order.
CLASSES: tuple[str, ...] = (
    "background",
    "skin",
    "nose",
    "eye_g",
    "l_eye",
    "r_eye",
    "l_brow",
    "r_brow",
    "l_ear",
    "r_ear",
    "mouth",
    "u_lip",
    "l_lip",
    "hair",
    "hat",
    "ear_r",
    "neck_l",
    "neck",
    "cloth",
)
# The data set's own colours (its g_color.py).
PALETTE = np.array(
    [
        (0, 0, 0),
        (204, 0, 0),
        (76, 153, 0),
        (204, 204, 0),
        (51, 51, 255),
        (204, 0, 204),
        (0, 255, 255),
        (255, 204, 204),
        (102, 51, 0),
        (255, 0, 0),
        (102, 204, 0),
        (255, 255, 0),
        (0, 0, 153),
        (0, 0, 204),
        (255, 51, 153),
        (0, 204, 204),
        (0, 51, 0),
        (255, 153, 51),
        (0, 204, 0),
    ],
    np.uint8,
)


class MaskError(ValueError):
    """A file or array that is no map."""


def join_parts(parts: Mapping[str, np.ndarray]) -> np.ndarray:
    """A map from the parts' pictures by class name, uint8 (H, W) or (H, W, 3), where not black:
    uint8 (H, W). Raises MaskError for unknown names, and parts of different sizes.
    """
    if unknown := sorted(set(parts) - set(CLASSES[1:])):
        raise MaskError(
            f"no part is called {', '.join(unknown)}: the parts are {', '.join(CLASSES[1:])}"
        )
    sizes = {name: part.shape[:2] for name, part in parts.items()}
    if len(set(sizes.values())) != 1:
        given = (
            ", ".join(f"{name} {width}x{height}" for name, (height, width) in sizes.items())
            or "none at all"
        )
        raise MaskError(f"the parts of one face must be of one size, got {given}")
    out = np.zeros(next(iter(sizes.values())), np.uint8)
    for label, name in enumerate(CLASSES):
        if name in parts:
            part = parts[name]
            out[part.any(axis=2) if part.ndim == 3 else part != 0] = label
    return out


def colour(labels: np.ndarray) -> np.ndarray:
    """The map in `PALETTE`: uint8 (H, W) → (H, W, 3)."""
    _check(labels)
    return PALETTE[labels]


def from_colours(picture: np.ndarray) -> np.ndarray:
    """The map of a picture in the data set's colours, uint8 (H, W, 3) → (H, W).

    Raises MaskError where more than one pixel in a thousand has another colour: a JPEG, or another
    palette.
    """
    code, known = (
        colours.astype(np.int32) @ np.array([1 << 16, 1 << 8, 1]) for colours in (picture, PALETTE)
    )
    order = np.argsort(known)
    place = np.clip(np.searchsorted(known[order], code), 0, len(known) - 1)
    right = known[order][place] == code
    if (~right).mean() > 0.001:
        raise MaskError(
            f"{(~right).mean():.0%} of the pixels have colours that CelebAMask-HQ's palette has not, such as"
            f" {tuple(picture[~right][0].tolist())}: use PNG, not JPEG, and this palette, or class numbers from 0 to 18"
        )
    return np.where(right, order[place], 0).astype(np.uint8)


def is_coloured(picture: np.ndarray) -> bool:
    """Whether a picture, uint8 (H, W, 3), is a map in the data set's colours: three or more of
    them, and no others.
    """
    few = picture[:: max(1, len(picture) // 128), :: max(1, picture.shape[1] // 128)].reshape(-1, 3)
    colours = {tuple(colour) for colour in np.unique(few, axis=0).tolist()}
    return len(colours) >= 3 and colours <= {tuple(colour) for colour in PALETTE.tolist()}


def labels_of(picture: np.ndarray) -> np.ndarray:
    """Class numbers, uint8 (H, W), of these or of colours, uint8 (H, W, 3). Raises MaskError for
    anything else.
    """
    picture = np.asarray(picture)
    if picture.dtype != np.uint8 or picture.ndim not in (2, 3):
        raise MaskError(
            f"a map must be uint8 (H, W), or (H, W, 3) in its colours, got {picture.dtype} {picture.shape}"
        )
    if picture.ndim == 3 and (picture[..., :1] == picture).all() and picture.max() < len(CLASSES):
        picture = picture[..., 0]  # class numbers that were read as a grey picture
    if picture.ndim == 3:
        return from_colours(picture[..., :3])
    _check(picture)
    return picture


def picture_of(picture: np.ndarray) -> np.ndarray:
    """A map as a picture in the data set's colours, uint8 (H, W, 3), from what `labels_of` takes."""
    return colour(labels_of(picture))


def load(path: str | os.PathLike) -> np.ndarray:
    """A map from its file, as `read`. Raises FileNotFoundError, or MaskError where it is no map."""
    try:
        labels = read(path)
        _check(labels)
        if labels.max() < 2:
            raise MaskError("it has but two values, like a mask of the person")
        return labels
    except (images.ImageError, MaskError) as error:
        reason = str(error).removeprefix(f"{path}: ")
        raise MaskError(f"{path}: not a map of CelebAMask-HQ's classes ({reason})") from None


def read(source: str | os.PathLike | BinaryIO, *, name: str | None = None) -> np.ndarray:
    """The class numbers in a map's file, uint8 (H, W): its labels, or, without them or with a
    palette of another order, those of its colours. source, name, errors: as in
    `images.load_labels`.
    """
    picture = images.load_rgb(source, name=name)
    if hasattr(source, "seek"):
        source.seek(0)
    try:
        labels = images.load_labels(source, name=name)
    except images.ImageError:
        if not is_coloured(picture):
            raise
        return from_colours(picture)
    is_other_order = (
        is_coloured(picture) and labels.max() < len(CLASSES) and (PALETTE[labels] != picture).any()
    )
    return from_colours(picture) if is_other_order else labels


def one_hot(labels: np.ndarray) -> np.ndarray:
    """A plane for each class, float32 (19, H, W), of 0 and 1."""
    _check(labels)
    return (labels[None] == np.arange(len(CLASSES), dtype=np.uint8)[:, None, None]).astype(
        np.float32
    )


def resize(labels: np.ndarray, size_px: int) -> np.ndarray:
    """A map, uint8 (H, W), or its picture in colours, uint8 (H, W, 3), as a square of size_px, by
    nearest neighbour.
    """
    if labels.ndim == 2:
        _check(labels)
    return np.asarray(Image.fromarray(labels).resize((size_px, size_px), Image.Resampling.NEAREST))


def _check(labels: np.ndarray) -> None:
    if labels.ndim != 2:
        raise MaskError(
            f"a map must be (H, W), got {labels.shape}: from_colours reads a picture in colours"
        )
    if labels.size and labels.max() >= len(CLASSES):
        raise MaskError(
            f"a map's classes go from 0 to 18, got {labels.max()}: {unknown_labels(labels)}"
        )


def unknown_labels(labels: np.ndarray) -> str:
    """What is wrong with a map of unknown classes."""
    numbers = np.unique(labels)
    if set(numbers.tolist()) <= {0, 255}:
        return "it is black and white, a part's picture or a mask of the person; join_parts makes a map of parts"
    beyond = numbers[numbers >= len(CLASSES)].tolist()
    return f"no class has the number {', '.join(map(str, beyond[:8]))}{' …' if len(beyond) > 8 else ''}"
