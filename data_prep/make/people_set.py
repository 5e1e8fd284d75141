"""The people that come with the package: adults whom a generator painted, with their codes."""

from __future__ import annotations

import csv
import functools
import hashlib
import io
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image
from tqdm import tqdm

from data_prep import hand_sketches
from data_prep.files import TABLES
from data_prep.make.parallel import Workers
from data_prep.make.portraits import SIZE_PX, STORED_PER_PX
from data_prep.make.profiles import profile_of
from data_prep.make.write import (
    MASK,
    PHOTO,
    SKETCH,
    Item,
    Prepared,
    SetPlan,
    digest_of_code,
    write_set,
)
from data_prep.messages import describe_counts, say
from data_prep.portrait import Portrait
from s2f_utils.data import SPLITS, DataError
from s2f_utils.pictures import images, masks
from s2f_utils.pictures import sketches as filters

PEOPLE, LABELS = TABLES / "people.npz", TABLES / "people.csv"
TERMS = TABLES / "people_terms.txt"
BY_HAND, MIXTURE = "hand", "mixture"
STYLES = (BY_HAND, *filters.STYLES, "outlines", MIXTURE)
MIN_SIZE_PX, MAX_SIZE_PX = 32, 512
SOFT_PX = 1.0  # standard deviation of the blur that takes the stairs out of a mask
LEFT_OUT = ("id", "split")  # columns of the list that are no labels


@dataclass(frozen=True)
class People:
    """N people, all arrays in the same order.

    ids, splits, labels: of each person. labels: skin, age, presents, glasses ("0", "1"), hat,
    beard, hair_length, hair_texture, hair_colour, fringe, mouth, as networks read them. codes:
    float32 (N, 512), in the generator's W. pictures: uint8 (N, S, S, 3), aligned. points: float32
    (N, 164, 2), pixels, as `mesh` orders them. maps: uint8 (N, S, S), numbers of `masks.CLASSES`.
    alignments: float32 (N, 2, 3), from the pixels of what the generator paints from the code, S of
    them wide, to those of the picture. sketches: uint8 (N, S, S), dark on white; None: not asked
    for.
    """

    ids: list[str]
    splits: list[str]
    labels: list[dict[str, str]]
    codes: np.ndarray
    pictures: np.ndarray
    points: np.ndarray
    maps: np.ndarray
    alignments: np.ndarray
    sketches: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.ids)


@dataclass(frozen=True)
class SketchStyle:
    """How people are sketched.

    name: one of `STYLES`: "hand", strokes as a hand draws them; "mixture", random filters; else a
    filter, or the outlines of the label map. degree: how crude a drawing by hand is, from 0, a soft
    pencil portrait, to 1, an oval with dots; None: a random one for each person.
    """

    name: str = BY_HAND
    degree: float | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        if self.name not in STYLES:
            raise DataError(f"there is no style {self.name!r}: the styles are {', '.join(STYLES)}")
        if self.degree is not None and self.name != BY_HAND:
            raise DataError(f"a degree is for sketches by hand, not for the style {self.name!r}")
        if self.degree is not None and not 0 <= self.degree <= 1:
            raise DataError(f"the degree must be from 0 to 1, got {self.degree}")
        if self.seed < 0:
            raise DataError(f"the seed must be 0 or more, got {self.seed}")


def people(
    num: int | None = None,
    *,
    split: str | None = None,
    size_px: int = SIZE_PX,
    sketches: str | None = None,
    degree: float | None = None,
    seed: int = 0,
    progress: bool = False,
) -> People:
    """The first `num` people, of whom even a few are mixed; None: all.

    split: "train", "val" or "test"; None: of all three. size_px: height and width, 32 to 512.
    sketches, degree, seed: as in `SketchStyle`; None: no sketches. Another seed gives other
    sketches of the same people. progress: show a bar.

    Raises DataError (a ValueError) for impossible options.
    """
    _check_size(num, size_px)
    style = None if sketches is None else SketchStyle(sketches, degree, seed)
    if split not in (None, *SPLITS):
        raise DataError(f"split must be one of {', '.join(SPLITS)}, got {split!r}")
    rows = read_rows()
    places = [n for n, row in enumerate(rows) if split in (None, row["split"])][:num]
    made = []
    for place in tqdm(places, desc="people", unit="person", disable=not progress):
        made.append(prepare_person(place, size_px, style).files)
    arrays = _arrays()
    return People(
        ids=[rows[place]["id"] for place in places],
        splits=[rows[place]["split"] for place in places],
        labels=[_labels(rows[place]) for place in places],
        codes=arrays["codes"][places].astype(np.float32),
        pictures=np.stack([one[PHOTO] for one in made]),
        points=_scaled_points(arrays["points"][places], size_px / SIZE_PX),
        maps=np.stack([one[MASK] for one in made]),
        alignments=_scaled_alignments(arrays["alignments"][places], size_px / SIZE_PX),
        sketches=None if style is None else np.stack([one[SKETCH] for one in made]),
    )


def make_people(
    out: str | os.PathLike,
    num: int | None = None,
    size_px: int | None = None,
    seed: int = 0,
    *,
    sketches: str = BY_HAND,
    degree: float | None = None,
    profile: str | None = None,
    workers: Workers = None,
    dry_run: bool = False,
    progress: bool = True,
) -> Path:
    """Write the first `num` people into the folder `out`: pictures, sketches, label maps, and a
    manifest with a column for each label.

    num, size_px: how many, and their height and width, 32 to 512; None: the profile's, at most all.
    sketches, degree, seed: as in `SketchStyle`. profile: "full", "demo" or "fast"; None: the
    environment's S2F_PROFILE, else "demo". workers: as of `make_pairs`. dry_run: say what would be
    done, write nothing. progress: show the bar and say what is done. A person's split is the same
    in every set.

    Returns the manifest's path. What an interrupted call left is continued. Raises DataError (a
    ValueError) for impossible options or a folder that holds something else, and OSError when the
    disk is full or may not be written.
    """
    rows = read_rows()
    _, chosen = profile_of(profile)
    num = min(chosen["num"], len(rows)) if num is None else num
    size_px = chosen["size_px"] if size_px is None else size_px
    _check_size(num, size_px)
    style = SketchStyle(sketches, degree, seed)
    items = []
    for place, row in enumerate(rows[:num]):
        columns = {**row, "identity": row["id"], "source": "people"}
        items.append(Item(columns, place, (SKETCH, PHOTO, MASK)))
    settings = {
        "layout": "people",
        "source": "people",
        "source_digest": hashlib.sha256(PEOPLE.read_bytes() + LABELS.read_bytes()).hexdigest(),
        "drawing_digest": digest_of_code(hand_sketches),
        "num": num,
        "size_px": size_px,
        "fit": "",
        "style": sketches,
        "degree": degree,
        "seed": seed,
    }
    notes = {"terms": [TERMS.read_text(encoding="utf-8").strip()]}
    make = functools.partial(prepare_person, size_px=size_px, style=style)
    plan = SetPlan(items, make, settings, notes)
    counts = describe_counts(plan.counts())
    say(f"{counts}: people of {size_px}x{size_px} pixels, {sketches}", progress and not dry_run)
    return write_set(Path(out), plan, workers=workers, progress=progress, dry_run=dry_run)


def prepare_person(place: int, size_px: int, style: SketchStyle | None) -> Prepared:
    """One person's picture, label map, and, with a style, sketch: uint8 (S, S, 3), (S, S), (S, S).

    place: in the order of the list.
    """
    picture, labels = _picture(place), _map(place)
    made = {PHOTO: images.resize(picture, size_px), MASK: masks.resize(labels, size_px)}
    if style is not None:
        sketch = _sketch(place, picture, labels, style)
        made[SKETCH] = images.resize(np.repeat(sketch[..., None], 3, axis=2), size_px)[..., 0]
    return Prepared(made)


def portrait_of(place: int) -> Portrait:
    """One person as what is drawn by hand; place: in the order of the list."""
    import cv2

    labels = _map(place)
    parts = []
    for mask in (labels > 0, labels == masks.CLASSES.index("hair")):
        parts.append(cv2.GaussianBlur(mask.astype(np.float32), (0, 0), SOFT_PX))
    points = _scaled_points(_arrays()["points"][place], 1.0)
    return Portrait(_picture(place), points, *parts, _labels(read_rows()[place]))


def read_rows() -> Sequence[dict[str, str]]:
    """The list of people: id, split and labels of each."""
    return _rows()


def _sketch(place: int, picture: np.ndarray, labels: np.ndarray, style: SketchStyle) -> np.ndarray:
    if style.name == BY_HAND:
        from data_prep.hand_sketches.drawing import scribble

        rng = np.random.default_rng([style.seed, place])
        return scribble(portrait_of(place), rng, style.degree).image
    if style.name == MIXTURE:
        seed = int(np.random.default_rng([style.seed, place]).integers(2**31))
        return filters.mixture(picture, seed, mask=labels)
    return filters.make_sketch(picture, style.name, mask=labels)


def _check_size(num: int | None, size_px: int) -> None:
    most = len(read_rows())
    if num is not None and not 1 <= num <= most:
        raise DataError(f"--num must be from 1 to {most:,}, got {num}")
    if not MIN_SIZE_PX <= size_px <= MAX_SIZE_PX:
        raise DataError(f"--size must be from {MIN_SIZE_PX} to {MAX_SIZE_PX}, got {size_px}")


def _labels(row: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in row.items() if name not in LEFT_OUT}


@functools.cache
def _rows() -> tuple[dict[str, str], ...]:
    with open(LABELS, newline="", encoding="utf-8") as file:
        return tuple(csv.DictReader(file))


@functools.cache
def _arrays() -> dict[str, np.ndarray]:
    """The arrays of the file, 14 MB: tools/shipped/embedded_people.py says which."""
    with np.load(PEOPLE) as file:
        return {name: file[name] for name in file.files}


def _picture(place: int) -> np.ndarray:
    return np.asarray(Image.open(_content("pictures", place)).convert("RGB"))


def _map(place: int) -> np.ndarray:
    return np.asarray(Image.open(_content("maps", place)))


def _content(name: str, place: int) -> io.BytesIO:
    """A person's file among all that are kept one after the other."""
    ends = _arrays()[f"{name}_end"]
    start = ends[place - 1] if place else 0
    return io.BytesIO(_arrays()[name][start : ends[place]].tobytes())


def _scaled_points(stored: np.ndarray, ratio: float) -> np.ndarray:
    """Stored points (…, 2) in the pixels of a picture `ratio` times as wide: float32."""
    points = stored.astype(np.float32) / STORED_PER_PX
    return (points + np.float32(0.5)) * np.float32(ratio) - np.float32(0.5)


def _scaled_alignments(matrices: np.ndarray, ratio: float) -> np.ndarray:
    """Matrices (N, 2, 3) between pictures that are `ratio` times as wide; centres lie at halves."""
    scaled = matrices.copy()
    off_centre = (matrices[:, :, :2].sum(axis=2) - 1) / 2
    scaled[:, :, 2] = ratio * matrices[:, :, 2] + (1 - ratio) * off_centre
    return scaled
