"""A heap of raw pictures, photos and drawings of people, before anything is aligned."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image, ImageFilter, ImageOps

from data_prep import people
from data_prep.make.portraits import PortraitFile, read_portraits
from data_prep.messages import say
from s2f_series.default_set import CREDIT, PEOPLE, portraits_folder, shown_files
from s2f_utils.data import DataError
from s2f_utils.pictures import faces, images, mesh, sketches

CHOICES = (PEOPLE, "portraits")
PEOPLE_PX = 256
LEAST = 16  # pairs, below which the faults would be most of them
SECOND = 4  # each fourth pair is a second one of the person before
ENDINGS = {"photos": "jpg", "sketches": "png"}
SIZES_PX = (260, 460)
ORIENTATION, QUARTER = 0x0112, 6  # the EXIF tag that says: to be turned to the right by 90°
LATER = np.array([1.3, 1.4, 1.6])  # exponents of red, green and blue in the evening
SHEET = np.array([186.0, 182.0, 172.0])  # the colour of grey paper
DESK = (92, 70, 54)


@dataclass(frozen=True)
class SamplePair:
    """A photo and a drawing of one person, in one frame: uint8 (S, S, 3) each.

    landmarks: float64 (5, 2), pixels of both, as `faces` orders them: estimates.
    """

    name: str
    photo: np.ndarray
    drawing: np.ndarray
    landmarks: np.ndarray


@dataclass(frozen=True)
class RawPairs:
    """A folder of raw pairs: photos/NAME.jpg and sketches/NAME.png.

    names: of the pairs without a fault in their files. landmarks: side, "photos" or "sketches" →
    name → float64 (5, 2), pixels of the picture as it is to be seen, with the quarter turn of its
    tag.
    """

    folder: Path
    names: list[str]
    landmarks: dict[str, dict[str, np.ndarray]] = field(repr=False)


def sample_pairs(
    num: int, data: str = PEOPLE, *, seed: int = 3, progress: bool = True
) -> list[SamplePair]:
    """`num` people with pencil drawings made from their photos.

    data: "people", the generated ones who come with `data_prep`, or "portraits", of US senators and
    representatives, of whom no more are downloaded than are used. seed: which portraits. Says in
    one line what it took. Raises DataError for other data, or where portraits cannot be had.
    """
    if data not in CHOICES:
        raise DataError(f"data must be one of {', '.join(CHOICES)}, got {data!r}")
    if data == PEOPLE:
        say("data: generated people, who come with data_prep")
        found = people(num, split="train", size_px=PEOPLE_PX)
        each = zip(found.ids, found.pictures, found.points, strict=True)
        return [_pair(*one) for one in each]
    say(f"data: {CREDIT}")
    entries = _random_portraits(num, seed, progress)
    return [_pair(entry.name, images.load_rgb(entry.path), entry.points) for entry in entries]


def write_raw_pairs(
    out: str | os.PathLike, num: int = 48, data: str = PEOPLE, *, seed: int = 0
) -> RawPairs:
    """Write a heap of `num` raw pairs into the new folder `out`, and say where their faces are.

    data: as of `sample_pairs`. Each picture has its own size, and its face is turned, larger or
    smaller, and off the middle, in the sketch otherwise than in the photo. p02_1 and p02_2 are two
    pairs of the person p02. In eight pairs something is wrong: a photo on its side with a tag that
    says so, one without, grey paper in a shadow, a photo that broke off, a photo of a cheek, a
    photo without a sketch, and two sketches exchanged; a pair is there twice.

    Raises DataError for fewer than 16 pairs, or where `out` is there already.
    """
    if num < LEAST:
        raise DataError(f"num must be at least {LEAST}, got {num}")
    out, rng = Path(out), np.random.default_rng(seed)
    if out.exists():
        raise DataError(f"{out} is there already: give a new folder")
    sample = sample_pairs(num - num // SECOND, data, progress=False)
    heap = RawPairs(out, [], {"photos": {}, "sketches": {}})
    pair, person = sample[0], 0
    for number in range(num):
        is_second = number % SECOND == SECOND - 1
        if not is_second:
            pair, person = sample[number - number // SECOND], number
        name = f"p{person:02d}_{1 + is_second}"
        photo = images.rounded(255 * (pair.photo / 255) ** LATER) if is_second else pair.photo
        heap.names.append(name)
        for side, picture in (("photos", photo), ("sketches", pair.drawing)):
            raw, landmarks = _careless(picture, pair.landmarks, rng, is_paper=side == "sketches")
            images.save(out / side / f"{name}.{ENDINGS[side]}", raw)
            heap.landmarks[side][name] = landmarks
    _spoil(heap)
    return heap


def on_a_desk(
    pictures: Sequence[np.ndarray], size_px: tuple[int, int] = (1100, 520), *, seed: int = 0
) -> np.ndarray:
    """Prints of pictures, uint8 (H, W, 3) of any size, thrown onto a desk of (width, height):
    uint8.
    """
    rng = np.random.default_rng(seed)
    desk = Image.new("RGB", size_px, DESK)
    across = round(np.sqrt(len(pictures) * size_px[0] / size_px[1]))
    down = int(np.ceil(len(pictures) / across))
    cell = np.array(size_px) / (across, down)
    # Some cells stay empty.
    for place, number in enumerate(rng.permutation(across * down)):
        if number >= len(pictures):
            continue
        picture = Image.fromarray(pictures[number])
        side = 1.25 * cell.min() * rng.uniform(0.85, 1.15)
        picture.thumbnail((side, side), Image.Resampling.LANCZOS)
        sheet = ImageOps.expand(picture, 3, "white").convert("RGBA")
        sheet = ImageOps.expand(sheet, 8, (0, 0, 0, 0))
        angle = rng.uniform(-25, 25)
        sheet = sheet.rotate(angle, Image.Resampling.BICUBIC, expand=True)
        middle = cell * (place % across + 0.5, place // across + 0.5)
        middle += rng.uniform(-0.15, 0.15, 2) * cell
        left, top = (middle - np.array(sheet.size) / 2).astype(int).tolist()
        alpha = sheet.getchannel("A")
        shadow = alpha.filter(ImageFilter.GaussianBlur(4)).point(lambda value: value // 2)
        desk.paste((0, 0, 0), (left + 3, top + 4), shadow)
        desk.paste(sheet.convert("RGB"), (left, top), alpha)
    return np.asarray(desk)


def _pair(name: str, photo: np.ndarray, points: np.ndarray) -> SamplePair:
    drawing = np.repeat(sketches.pencil(photo)[..., None], 3, axis=2)
    return SamplePair(name, photo, drawing, np.asarray(mesh.five_of(points), np.float64))


def _random_portraits(num: int, seed: int, progress: bool) -> list[PortraitFile]:
    """As many portraits, at random; those that are not on this machine are fetched."""
    files = shown_files()
    chosen = [files[n] for n in np.random.default_rng(seed).permutation(len(files))[:num]]
    folder = portraits_folder(chosen, progress=progress)
    by_name = {entry.name: entry for entry in read_portraits(folder)}
    names = [Path(file.name).stem for file in chosen]
    return [by_name[name] for name in names if name in by_name]


def _careless(
    picture: np.ndarray, landmarks: np.ndarray, rng: np.random.Generator, *, is_paper: bool
) -> tuple[np.ndarray, np.ndarray]:
    """A picture as a careless camera or scanner gives it, uint8 (H, W, 3), and its landmarks."""
    size = int(rng.integers(*SIZES_PX))
    angle = np.radians(rng.uniform(-20, 20))
    eyes = rng.uniform(0.16, 0.22)  # their distance, a share of the picture's side
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    linear = turn * eyes * size / np.hypot(*(landmarks[1] - landmarks[0]))
    # Of the face: up to a tenth left or right of the middle, and up to a tenth below it
    middle = size * (0.5 + rng.uniform([-0.1, 0.0], 0.1))
    matrix = np.column_stack([linear, middle - linear @ landmarks.mean(axis=0)])
    raw = faces.warp(picture, matrix, size, border="paper" if is_paper else "reflect")
    left = int(rng.integers(0, size // 10))  # cut off at both sides
    raw = np.ascontiguousarray(raw[:, left : size - left])
    return raw, faces.transform(landmarks, matrix) - [left, 0]


def _spoil(heap: RawPairs) -> None:
    """Put the faults in, each into a pair of its own."""
    photos, drawn, names = heap.folder / "photos", heap.folder / "sketches", heap.names
    tagged, aside, dim, broken, cheek, alone, first, second, twice = (
        names[n] for n in (1, 2, 4, 5, 6, 8, 9, 10, 12)
    )
    on_its_side = np.rot90(images.load_rgb(photos / f"{tagged}.jpg"))
    exif = Image.Exif()
    exif[ORIENTATION] = QUARTER
    Image.fromarray(on_its_side).save(photos / f"{tagged}.jpg", quality=95, exif=exif)

    turned = images.load_rgb(photos / f"{aside}.jpg")
    x, y = heap.landmarks["photos"][aside].T
    heap.landmarks["photos"][aside] = np.stack([y, turned.shape[1] - 1 - x], axis=1)
    images.save(photos / f"{aside}.jpg", np.ascontiguousarray(np.rot90(turned)))

    paper = drawn / f"{dim}.png"
    page = images.load_rgb(paper) / 255
    light = np.linspace(1.1, 0.55, page.shape[1])[None, :, None]
    images.save(paper, images.rounded(page * SHEET * light))

    half = (photos / f"{broken}.jpg").read_bytes()
    (photos / f"{broken}.jpg").write_bytes(half[: len(half) // 3])

    near = heap.landmarks["photos"][cheek][3].astype(int)
    close = images.load_rgb(photos / f"{cheek}.jpg")[near[1] - 24 : near[1], near[0] - 24 : near[0]]
    images.save(photos / f"{cheek}.jpg", images.resize(close, 300))

    (drawn / f"{alone}.png").unlink()

    of_first, of_second = ((drawn / f"{name}.png").read_bytes() for name in (first, second))
    (drawn / f"{first}.png").write_bytes(of_second)
    (drawn / f"{second}.png").write_bytes(of_first)

    for side, ending in ENDINGS.items():
        copy = heap.folder / side / f"zoe_1.{ending}"
        copy.write_bytes(copy.with_stem(twice).read_bytes())
    for name in (broken, cheek, alone, first, second):
        names.remove(name)
