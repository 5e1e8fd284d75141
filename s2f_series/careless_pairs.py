"""A folder of pairs as people have them before any care was taken, made of drawn faces."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from data_prep.procedural_faces.synthetic import Face, draw_face
from s2f_utils.data import DataError
from s2f_utils.pictures import faces, images

SERIES = 9  # of drawn faces
DRAWN_PX = 320
LEAST = 24  # pairs, below which the faults would be most of them
SECOND = 6  # each sixth pair is a second one of the person before


def write_careless_pairs(out: str | os.PathLike, num: int = 64) -> Path:
    """Write `num` pairs of drawn faces into the new folder `out`, and return it; a folder that is
    there already is left as it is.

    sketches/p07_1.png lies on photos/p07_1.jpg, each of its own size, taken by hand; p07 is the
    person, and some have a second pair, in other light. Eight faults are put in: two sketches
    exchanged, a sketch that slipped, one in white on black, an empty page, a photo that broke off,
    one with another name, one that cannot be read here, and a pair that is there twice.

    Raises DataError for fewer than 24 pairs.
    """
    if num < LEAST:
        raise DataError(f"num must be {LEAST} or more, got {num}")
    out = Path(out)
    if out.exists():
        return out
    part = out.with_name(f".{out.name}.part")
    rng = np.random.default_rng(SERIES)
    for number in range(num):
        _write_pair(part, number, rng)
    _spoil(part)
    os.replace(part, out)
    return out


def name_of(number: int) -> str:
    """The name of a pair: of its person, and which of this person's pictures it is."""
    is_second = number % SECOND == SECOND - 1
    return f"p{number - is_second:02d}_{1 + is_second}"


def _write_pair(folder: Path, number: int, rng: np.random.Generator) -> None:
    is_second = number % SECOND == SECOND - 1
    face = draw_face(number - is_second, size_px=DRAWN_PX, seed=SERIES)
    photo = face.photo
    if is_second:  # later in the day
        photo = images.rounded(255 * (photo / 255) ** 1.5)
    name, held = name_of(number), _held(face, rng)
    size = int(rng.integers(240, 420))
    images.save(folder / "photos" / f"{name}.jpg", faces.warp(photo, size * held, size))
    size = int(rng.integers(240, 420))
    sketch = np.repeat(face.sketch[..., None], 3, axis=2)
    lines = faces.warp(sketch, size * held, size, border="paper")
    images.save(folder / "sketches" / f"{name}.png", lines)


def _held(face: Face, rng: np.random.Generator) -> np.ndarray:
    """A (2, 3) matrix that puts a face into a picture of one unit: turned a little, nearer or
    further away, and off the middle.
    """
    angle = np.radians(rng.uniform(-8, 8))
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    eyes = rng.uniform(0.23, 0.28)  # their distance
    linear = turn * eyes / np.hypot(*(face.landmarks[1] - face.landmarks[0]))
    middle = np.array([0.5, 0.46]) + rng.uniform(-0.05, 0.05, 2)
    return np.column_stack([linear, middle - linear @ face.landmarks[:2].mean(axis=0)])


def _spoil(folder: Path) -> None:
    """Put the faults in, each into pairs of its own."""
    sketches, photos = folder / "sketches", folder / "photos"
    first, second = (sketches / f"{name_of(number)}.png" for number in (2, 3))
    of_first, of_second = first.read_bytes(), second.read_bytes()
    first.write_bytes(of_second)
    second.write_bytes(of_first)

    slipped = sketches / f"{name_of(8)}.png"
    page = images.load_rgb(slipped)
    by = len(page) // 8
    moved = np.full_like(page, 250)
    moved[by:, by:] = page[:-by, :-by]
    images.save(slipped, moved)

    negative = sketches / f"{name_of(9)}.png"
    images.save(negative, 255 - images.load_rgb(negative))

    empty = sketches / f"{name_of(13)}.png"
    images.save(empty, np.full_like(images.load_rgb(empty), 252))

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
