"""A folder of pairs as people have them before any care was taken, of generated people."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from data_prep import people
from s2f_utils.data import DataError
from s2f_utils.pictures import faces, images
from s2f_utils.pictures import sketches as filters

SEED = 9
PEOPLE_PX = 256
LEAST = 24  # pairs, below which the faults would be most of them
SECOND = 6  # each sixth pair is a second one of the person before
MOST = 144  # pairs of the 120 test people
CHALK = np.array([118.0, 49.0, 37.0])
LATER = np.array([1.5, 1.6, 1.8])  # exponents of red, green and blue in the evening


def write_careless_pairs(out: str | os.PathLike, num: int = 120) -> Path:
    """Write `num` pairs into the new folder `out`, and return it; a folder that is there already is
    left as it is.

    The people are generated ones who come with `data_prep`, of its test split. sketches/p07_1.png,
    red chalk on white paper, lies on photos/p07_1.jpg line for line; each has its own size, and no
    face is aligned. p07 is the person. Each sixth pair shows the person before once more, framed
    and lit otherwise, and drawn again. Eight faults are put in: two sketches exchanged, a sketch
    that slipped, one in white on black, an empty page, a photo that broke off, one with another
    name, one that cannot be read here, and a pair that is there twice.

    Raises DataError for fewer than 24 pairs, or more than 144.
    """
    if not LEAST <= num <= MOST:
        raise DataError(f"num must be from {LEAST} to {MOST}, got {num}")
    out = Path(out)
    if out.exists():
        return out
    part = out.with_name(f".{out.name}.part")
    rng = np.random.default_rng(SEED)
    pictures = iter(people(num - num // SECOND, split="test", size_px=PEOPLE_PX).pictures)
    picture = None
    for number in range(num):
        if not _is_second(number):
            picture = next(pictures)
        _write_pair(part, number, picture, rng)
    _spoil(part)
    os.replace(part, out)
    return out


def chalk_drawing(photo: np.ndarray) -> np.ndarray:
    """A photo as drawn with red chalk on white paper: uint8 (H, W, 3) → the same."""
    bare = filters.pencil(photo, strength=1.3, width=0.02, shading=0.1)[..., None] / 255
    return images.rounded(255 * bare + CHALK * (1 - bare))


def name_of(number: int) -> str:
    """The name of a pair: of its person, and which of this person's pictures it is."""
    is_second = _is_second(number)
    return f"p{number - is_second:02d}_{1 + is_second}"


def _is_second(number: int) -> bool:
    return number % SECOND == SECOND - 1


def _write_pair(folder: Path, number: int, picture: np.ndarray, rng: np.random.Generator) -> None:
    if _is_second(number):
        picture = images.rounded(255 * (picture / 255) ** LATER)
    name, framed = name_of(number), _framed(rng)
    size = int(rng.integers(240, 420))
    images.save(folder / "photos" / f"{name}.jpg", faces.warp(picture, size * framed, size))
    size = int(rng.integers(240, 420))
    sketch = chalk_drawing(faces.warp(picture, size * framed, size))
    images.save(folder / "sketches" / f"{name}.png", sketch)


def _framed(rng: np.random.Generator) -> np.ndarray:
    """A (2, 3) matrix from an aligned picture's pixels into a picture of one unit: turned a little,
    nearer or further away, and off the middle.
    """
    angle, zoom = np.radians(rng.uniform(-8, 8)), rng.uniform(0.85, 1.15)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    linear = turn * zoom / PEOPLE_PX
    middle = 0.5 + rng.uniform(-0.05, 0.05, 2)
    return np.column_stack([linear, middle - linear @ np.full(2, PEOPLE_PX / 2)])


def _spoil(folder: Path) -> None:
    """Put the faults in, each into pairs of its own."""
    sketches, photos = folder / "sketches", folder / "photos"
    first, second = (sketches / f"{name_of(number)}.png" for number in (2, 3))
    of_first, of_second = first.read_bytes(), second.read_bytes()
    first.write_bytes(of_second)
    second.write_bytes(of_first)

    slipped = sketches / f"{name_of(6)}.png"
    page = images.load_rgb(slipped)
    by = len(page) // 8
    moved = np.full_like(page, 255)
    moved[by:, by:] = page[:-by, :-by]
    images.save(slipped, moved)

    negative = sketches / f"{name_of(9)}.png"
    images.save(negative, 255 - images.load_rgb(negative))

    empty = sketches / f"{name_of(13)}.png"
    images.save(empty, np.full_like(images.load_rgb(empty), 255))

    cut_off = photos / f"{name_of(14)}.jpg"
    cut_off.write_bytes(cut_off.read_bytes()[:3000])

    renamed = photos / f"{name_of(15)}.jpg"
    renamed.rename(photos / f"{renamed.stem} final.jpg")

    unknown = photos / f"{name_of(19)}.jpg"
    unknown.unlink()
    unknown.with_suffix(".heic").write_bytes(b"\0\0\0\x18ftypheic")

    for side, ending in ((sketches, "png"), (photos, "jpg")):
        copy = side / f"zoe_1.{ending}"
        copy.write_bytes((side / f"{name_of(20)}.{ending}").read_bytes())
