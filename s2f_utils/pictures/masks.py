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
_BACKGROUND = ("background",)
_FACE = ("skin", "nose", "eye_g", "l_eye", "r_eye", "l_brow", "r_brow", "l_ear", "r_ear")
_MOUTH = ("mouth", "u_lip", "l_lip")
_AROUND = ("hair", "hat", "ear_r", "neck_l", "neck", "cloth")
CLASSES: tuple[str, ...] = (*_BACKGROUND, *_FACE, *_MOUTH, *_AROUND)
# The data set's own colours (its g_color.py).
_COLOURS = (
    "000000 cc0000 4c9900 cccc00 3333ff cc00cc 00ffff ffcccc 663300 ff0000 66cc00 ffff00 000099"
    " 0000cc ff3399 00cccc 003300 ff9933 00cc00"
)
PALETTE = np.array([list(bytes.fromhex(colour)) for colour in _COLOURS.split()], np.uint8)
MAX_OTHER_COLOURS = 0.001  # share of a map's pixels


def join_parts(parts: Mapping[str, np.ndarray]) -> np.ndarray:
    """A map from the parts' pictures by class name, uint8 (H, W) or (H, W, 3), where not black:
    uint8 (H, W). Raises ImageError for unknown names, and parts of different sizes.
    """
    unknown = sorted(set(parts) - set(CLASSES[1:]))
    if unknown:
        raise images.ImageError(
            f"no part is called {', '.join(unknown)}: the parts are {', '.join(CLASSES[1:])}"
        )
    shapes = {part.shape[:2] for part in parts.values()}
    if len(shapes) != 1:
        sizes = [f"{name} {part.shape[1]}x{part.shape[0]}" for name, part in parts.items()]
        given = ", ".join(sizes) or "none at all"
        raise images.ImageError(f"the parts of one face must be of one size, got {given}")
    out = np.zeros(shapes.pop(), np.uint8)
    for label, name in enumerate(CLASSES):
        if name in parts:
            drawn = parts[name] != 0
            out[drawn.any(axis=2) if drawn.ndim == 3 else drawn] = label
    return out


def colour(labels: np.ndarray) -> np.ndarray:
    """The map in `PALETTE`: uint8 (H, W) → (H, W, 3)."""
    _check(labels)
    return PALETTE[labels]


def shown(picture: np.ndarray) -> np.ndarray:
    """A map, uint8 (H, W), in `PALETTE`, or a picture, uint8 (H, W, 3), as it is."""
    return colour(picture) if picture.ndim == 2 else picture


def from_colours(picture: np.ndarray) -> np.ndarray:
    """The map of a picture in the data set's colours, uint8 (H, W, 3) → (H, W).

    Raises ImageError where more than one pixel in a thousand has another colour: a JPEG, or another
    palette.
    """
    codes = _colour_codes(picture)
    palette = _colour_codes(PALETTE)
    order = np.argsort(palette)
    place = np.clip(np.searchsorted(palette[order], codes), 0, len(palette) - 1)
    is_known = palette[order][place] == codes
    share = (~is_known).mean()
    if share > MAX_OTHER_COLOURS:
        raise images.ImageError(
            f"{share:.0%} of the pixels have colours that CelebAMask-HQ's palette has not, such as"
            f" {tuple(picture[~is_known][0].tolist())}: use PNG, not JPEG, and this palette, or"
            " class numbers from 0 to 18"
        )
    return np.where(is_known, order[place], 0).astype(np.uint8)


def _colour_codes(colours: np.ndarray) -> np.ndarray:
    """RGB (…, 3) as one number each: int (…)."""
    return colours.astype(np.int32) @ np.array([1 << 16, 1 << 8, 1])


def is_coloured(picture: np.ndarray) -> bool:
    """Whether a picture, uint8 (H, W, 3), is a map in the data set's colours: three or more of
    them, and no others.
    """
    few = picture[:: max(1, len(picture) // 128), :: max(1, picture.shape[1] // 128)].reshape(-1, 3)
    colours = {tuple(colour) for colour in np.unique(few, axis=0).tolist()}
    return len(colours) >= 3 and colours <= {tuple(colour) for colour in PALETTE.tolist()}


def labels_of(picture: np.ndarray) -> np.ndarray:
    """Class numbers, uint8 (H, W), of these or of colours, uint8 (H, W, 3).

    Raises ImageError for anything else.
    """
    picture = np.asarray(picture)
    if picture.dtype != np.uint8 or picture.ndim not in (2, 3):
        raise images.ImageError(
            "a map must be uint8 (H, W), or (H, W, 3) in its colours,"
            f" got {picture.dtype} {picture.shape}"
        )
    if picture.ndim == 3 and (picture[..., :1] == picture).all() and picture.max() < len(CLASSES):
        picture = picture[..., 0]  # class numbers that were read as a grey picture
    if picture.ndim == 3:
        return from_colours(picture[..., :3])
    _check(picture)
    return picture


def picture_of(picture: np.ndarray) -> np.ndarray:
    """What `labels_of` takes as a picture in the data set's colours, uint8 (H, W, 3)."""
    return colour(labels_of(picture))


def load(path: str | os.PathLike) -> np.ndarray:
    """A map from its file, as `read`. Raises FileNotFoundError, or ImageError for no map."""
    try:
        labels = read(path)
        _check(labels)
        if labels.max() < 2:
            raise images.ImageError("it has but two values, like a mask of the person")
        return labels
    except images.ImageError as error:
        reason = str(error).removeprefix(f"{path}: ")
        raise images.ImageError(
            f"{path}: not a map of CelebAMask-HQ's classes ({reason})"
        ) from None


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
    has_classes = is_coloured(picture) and labels.max() < len(CLASSES)
    if has_classes and (PALETTE[labels] != picture).any():  # a palette of another order
        return from_colours(picture)
    return labels


def one_hot(labels: np.ndarray) -> np.ndarray:
    """A plane for each class, float32 (19, H, W), of 0 and 1."""
    _check(labels)
    numbers = np.arange(len(CLASSES), dtype=np.uint8)
    return (labels[None] == numbers[:, None, None]).astype(np.float32)


def resize(labels: np.ndarray, size_px: int) -> np.ndarray:
    """A map, uint8 (H, W), or its picture in colours, uint8 (H, W, 3), as a square of size_px,
    by nearest neighbour.
    """
    if labels.ndim == 2:
        _check(labels)
    return np.asarray(Image.fromarray(labels).resize((size_px, size_px), Image.Resampling.NEAREST))


def _check(labels: np.ndarray) -> None:
    if labels.ndim != 2:
        raise images.ImageError(
            f"a map must be (H, W), got {labels.shape}: from_colours reads a picture in colours"
        )
    if labels.size and labels.max() >= len(CLASSES):
        raise images.ImageError(
            f"a map's classes go from 0 to 18, got {labels.max()}: {unknown_labels(labels)}"
        )


def unknown_labels(labels: np.ndarray) -> str:
    """What is wrong with a map of unknown classes."""
    numbers = np.unique(labels)
    if set(numbers.tolist()) <= {0, 255}:
        return (
            "it is black and white, a part's picture or a mask of the person; join_parts makes a"
            " map of parts"
        )
    beyond = numbers[numbers >= len(CLASSES)].tolist()
    more = " …" if len(beyond) > 8 else ""
    return f"no class has the number {', '.join(map(str, beyond[:8]))}{more}"
