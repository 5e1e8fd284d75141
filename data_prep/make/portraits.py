"""A collection of portraits with their points and what is known of them: what drawings are made
from.
"""

from __future__ import annotations

import csv
import functools
import hashlib
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from data_prep.errors import DataPrepError, printable
from data_prep.fetch.open_portraits import CREDITS, read_credits
from data_prep.files import TABLES
from data_prep.make import cutout
from data_prep.make.portrait import Portrait
from s2f_studio.drawings import mesh
from s2f_utils.data import SPLITS
from s2f_utils.pictures import faces, images

SIZE_PX = 256
OUR_POINTS, OUR_LABELS = TABLES / "portrait_points.npz", TABLES / "portrait_labels.csv"
# Of the open portraits, by the first 16 digits of the original's SHA-256; points in whole eighths
# of a pixel, each as the step from the one before, (164, 2, N), which makes the file small; people
# as the bits of 128 × 128 masks.
OPEN_POINTS, OPEN_PEOPLE, OPEN_LABELS = (
    TABLES / f"open_portrait_{name}" for name in ("points.npz", "people.npz", "labels.csv")
)
OPEN_PER_PX, KEY_DIGITS = 8, 16
MASK_PX, OPEN_MASK_PX = 256, 128
STORED_PER_PX = 64  # points in a file are whole numbers of this part of a pixel
VAL_SHARE, TEST_SHARE = 0.035, 0.17  # of portraits that no label puts into a split, as of ours
# label → how much rarer looks are drawn more often: weight = share to the power of minus this
EVENED = {
    "beard": 0.5,
    "glasses": 0.35,
    "hair_length": 0.35,
    "hair_texture": 0.4,
    "mouth": 1.0,
    "age": 0.5,
    "presents": 0.6,
    "skin": 0.5,
}
MOST_OFTEN = 6.0  # times as often as the mean


@dataclass(frozen=True)
class Sitter:
    """A portrait's file, its points (164, 2) in the file's pixels, its split, and its labels."""

    name: str
    file: Path
    points: np.ndarray
    split: str
    labels: Mapping[str, str] = field(default_factory=dict)
    person: np.ndarray | None = (
        None  # bool (S, S), the whole file squeezed to a square; None: not known
    )


class Gallery(Sequence[Portrait]):
    """The aligned portraits of some sitters, read when they are asked for, and kept; `cut_out` adds
    person and hair.
    """

    def __init__(self, sitters: Sequence[Sitter]) -> None:
        self.sitters = list(sitters)

    def __len__(self) -> int:
        return len(self.sitters)

    def __getitem__(self, number: int) -> Portrait:
        sitter = self.sitters[number]
        photo, points = _aligned(sitter.file, sitter.points.tobytes())
        nothing = np.zeros((SIZE_PX, SIZE_PX), np.float32)
        return Portrait(photo, points, nothing, nothing, dict(sitter.labels))

    def cut_out(self, number: int) -> Portrait:
        """A portrait with its person and hair masked."""
        sitter, portrait = self.sitters[number], self[number]
        person = None if sitter.person is None else _aligned_mask(sitter)
        return cutout.cut_out(portrait.photo, portrait.points, portrait.shows, person)


def _aligned_mask(sitter: Sitter) -> np.ndarray:
    """Where the person is in the aligned portrait: float32 (256, 256) in [0, 1]."""
    import cv2

    height, width = images.load_rgb(sitter.file).shape[:2]
    mask = sitter.person.astype(np.float32)
    if len(mask) < MASK_PX:  # its stairs would be seen
        mask = cv2.GaussianBlur(mask, (0, 0), 1.0)
    mask = cv2.resize(mask, (width, height), interpolation=cv2.INTER_CUBIC)
    matrix = faces.alignment(mesh.five_of(sitter.points), SIZE_PX)
    mask = cv2.warpAffine(
        mask, matrix, (SIZE_PX, SIZE_PX), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return np.clip(3 * (mask - 0.5) + 0.5, 0, 1)  # its rim is as sharp as the photo's


@functools.lru_cache(maxsize=2_000)
def _aligned(file: Path, points: bytes) -> tuple[np.ndarray, np.ndarray]:
    places = np.frombuffer(points, np.float64).reshape(-1, 2)
    matrix = faces.alignment(mesh.five_of(places), SIZE_PX)
    return faces.warp(images.load_rgb(file), matrix, SIZE_PX), faces.transform(
        places, matrix
    ).astype(np.float32)


def sitters_of(
    folder: Path, points: Path | None = None, labels: Path | None = None
) -> list[Sitter]:
    """The portraits in a folder, by name, that have points; one that `download open-portraits`
    filled needs no more.

    points: an .npz file with "names" (N,), files' names without their endings, "points" (N, 164,
    2), uint16, in 64ths of a pixel, and "people" (N, 8192), uint8, the bits of 256x256 masks; None:
    ours. labels: a CSV file with the columns name, split, glasses, beard, …; None: ours, as far as
    names are the same. Portraits without a split get one by chance, those with the same label
    `person` the same. Raises DataPrepError.
    """
    if not folder.is_dir():
        raise DataPrepError(
            f"{printable(folder)}: no such folder: give one with portraits (data_prep download portraits)"
        )
    if points is None and labels is None and (folder / CREDITS).is_file():
        return _open_sitters(folder)
    files: dict[str, Path] = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file() and images.is_image_name(path):
            files.setdefault(
                path.stem, path
            )  # the first of a name, whose points `find_points` finds
    (places, people), known = _read_points(points or OUR_POINTS), _read_labels(labels or OUR_LABELS)
    names = [name for name in files if name in places]
    if not names:
        raise DataPrepError(
            f"{printable(folder)}: none of its {len(files)} pictures has points in {printable(points or OUR_POINTS)}:"
            " find them with 'python -m tools.shipped.found_points FOLDER FILE', and give --points FILE"
        )
    whose = {name: known.get(name, {}).get("person") or name for name in names}
    everybody = list(dict.fromkeys(whose.values()))
    order = np.random.default_rng(0).permutation(len(everybody))
    split_of = {everybody[n]: _split_at(place / len(everybody)) for place, n in enumerate(order)}
    split_of |= {
        whose[name]: known[name]["split"] for name in names if known.get(name, {}).get("split")
    }
    sitters = []
    for name in names:
        own = dict(known.get(name, {}))
        split = own.pop("split", "") or split_of[whose[name]]
        if split not in SPLITS:
            raise DataPrepError(
                f"{printable(labels)}: {name}: split must be one of {', '.join(SPLITS)}, got {split!r}"
            )
        sitters.append(Sitter(name, files[name], places[name], split, own, people.get(name)))
    return sitters


def _open_sitters(folder: Path) -> list[Sitter]:
    """The open portraits that are in a folder, named by set and file, as its list of credits says
    which they are.
    """
    with np.load(OPEN_POINTS) as found, np.load(OPEN_PEOPLE) as seen:
        steps, bits = found["steps"].astype(np.int32), seen["people"]
        places = (steps.cumsum(axis=0) / OPEN_PER_PX).transpose(2, 0, 1)
        number = {key.decode(): n for n, key in enumerate(found["sha256"].tolist())}
    people = np.unpackbits(bits, axis=1).reshape(-1, OPEN_MASK_PX, OPEN_MASK_PX).astype(bool)
    with open(OPEN_LABELS, newline="", encoding="utf-8") as file:
        known = {row.pop("sha256"): row for row in csv.DictReader(file)}
    sitters = []
    for row in read_credits(folder):
        key, path = row["original_sha256"][:KEY_DIGITS], folder / row["file"]
        if key in number and path.is_file():
            own = dict(known[key])
            name, split = str(Path(row["file"]).with_suffix("")), own.pop("split")
            sitters.append(Sitter(name, path, places[number[key]], split, own, people[number[key]]))
    if not sitters:
        raise DataPrepError(
            f"{printable(folder)}: none of the files in {CREDITS} is there: download them again"
        )
    return sitters


def _split_at(share: float) -> str:
    return "test" if share < TEST_SHARE else "val" if share < TEST_SHARE + VAL_SHARE else "train"


def _read_points(path: Path) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """The points, and the masks of people, by name."""
    try:
        with np.load(path) as found:
            names, points = (
                found["names"].tolist(),
                found["points"].astype(np.float64) / STORED_PER_PX,
            )
            bits = (
                found["people"]
                if "people" in found
                else np.empty((0, MASK_PX * MASK_PX // 8), np.uint8)
            )
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile) as error:
        raise DataPrepError(
            f"{printable(path)}: holds no points: make it with 'python -m tools.shipped.found_points'"
        ) from error
    if points.shape != (len(names), mesh.NUM_POINTS, 2):
        raise DataPrepError(
            f"{printable(path)}: expected {mesh.NUM_POINTS} points a name, got {points.shape}"
        )
    people = np.unpackbits(bits, axis=1).reshape(-1, MASK_PX, MASK_PX).astype(bool)
    return dict(zip(names, points, strict=True)), dict(zip(names, people, strict=False))


def _read_labels(path: Path) -> dict[str, dict[str, str]]:
    if not path.is_file():
        raise DataPrepError(
            f"--labels {printable(path)}: no such file: give a CSV file with the columns name, split, …"
        )
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file, restkey="", restval="")
            if "name" not in (reader.fieldnames or ()):
                raise DataPrepError(f"--labels {printable(path)}: the column name is missing")
            return {row.pop("name"): row for row in reader}
    except UnicodeDecodeError:
        raise DataPrepError(
            f"--labels {printable(path)}: is not UTF-8: save it as UTF-8 CSV"
        ) from None


def digest_of(sitters: Sequence[Sitter]) -> str:
    """A fingerprint of portraits and of all that is known of them."""
    digest = hashlib.sha256()
    for one in sitters:
        digest.update(
            f"{one.name} {one.split} {sorted(one.labels.items())}".encode() + one.points.tobytes()
        )
        digest.update(one.file.read_bytes())
    return digest.hexdigest()


def evened(
    sitters: Sequence[Sitter], powers: Mapping[str, float] = EVENED, most: float = MOST_OFTEN
) -> np.ndarray:
    """How often each is to be drawn, so that rare looks are seen: (N,), sums to 1."""
    weights = np.ones(len(sitters))
    for label, power in powers.items():
        values = np.array([sitter.labels.get(label, "") for sitter in sitters])
        names, places, counts = np.unique(values, return_inverse=True, return_counts=True)
        weights *= (counts[places] / len(values)) ** -power
    weights = np.minimum(weights / weights.mean(), most)
    return weights / weights.sum()
