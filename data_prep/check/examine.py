"""What can be seen in one pair of pictures: the file's kind, brightness, structure, the face.
`doctor` judges it.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image

from data_prep import files
from data_prep.check.sides import FEATURES_PX, features
from data_prep.errors import printable
from data_prep.make.recipe import halves
from s2f_utils import weights
from s2f_utils.pictures import faces, images, masks
from s2f_utils.pictures.duplicates import Hashes, hashes_of

STRUCTURE_PX = FEATURES_PX  # pictures are compared at this size
MAP_SHAPE_OFF = 0.03  # of a map's shape from its photo's
DEEP_MODES = ("I;16", "I;16L", "I;16B", "I", "F")


@dataclass(frozen=True)
class Subject:
    """One pair, or one picture, to be examined: file paths, "" where there is none; `half` as in
    `Candidate`; `mask`, `source` and `attributes` are taken along for the mended set.
    """

    id: str
    identity: str
    split: str
    sketch: str
    photo: str
    half: str = ""
    mask: str = ""
    source: str = ""
    attributes: Mapping[str, str] = field(default_factory=dict)


@dataclass
class PictureFacts:
    """What was seen in one picture. With an `error`, nothing else is known but its digest.

    remarks: what the file is beside plain 8-bit grey or RGB. size: (width, height) as seen, pixels.
    spread: standard deviation of the grey values. paper: median grey value of the rim. light_lines:
    as of `are_lines_light`. prints: as of `hashes_of`. features: (28,) float32. structure:
    gradients' orientations, float16. face: score and width as a share of the picture's width, None
    where none was found or looked for. turned: the rotation in degrees, counterclockwise, after
    which a face was found that was not found upright. map_problem: of the photo's map, a kind of
    finding and what was seen. whole: the size with its padding. squeezed: the photo's file says
    that its sketch had another shape.
    """

    error: str = ""
    digest: str = ""
    remarks: list[str] = field(default_factory=list)
    size: tuple[int, int] = (0, 0)
    spread: float = 0.0
    paper: float = 0.0
    light_lines: bool = False
    prints: tuple[Hashes, ...] = ()
    features: np.ndarray | None = None
    structure: np.ndarray | None = None
    face: tuple[float, float] | None = None
    turned: int = 0
    map_problem: tuple[str, str] | None = None
    whole: tuple[int, int] = (0, 0)
    squeezed: bool = False


def examine(subject: Subject) -> dict[str, PictureFacts]:
    """Look at a subject's pictures: {"sketch": …, "photo": …}, those that it has."""
    paths = {"sketch": subject.photo if subject.half else subject.sketch, "photo": subject.photo}
    seen = {side: _examine_file(path, side, subject.half) for side, path in paths.items() if path}
    if subject.mask and "photo" in seen and not seen["photo"].error:
        seen["photo"].map_problem = _problem_of_map(subject.mask, seen["photo"].whole)
    return seen


def _problem_of_map(path: str, size: tuple[int, int]) -> tuple[str, str] | None:
    """The kind of finding and what was seen, None where all is well. size: the photo's, (width,
    height).
    """
    try:
        labels = files.load_labels(path)
    except (images.ImageError, OSError) as error:
        return "unreadable", printable(str(error).removeprefix(f"{path}: "))
    height, width = labels.shape
    if abs(np.log(width / height * size[1] / size[0])) > MAP_SHAPE_OFF:
        return "map_shape", f"{width}x{height}, its photo is {size[0]}x{size[1]}"
    if labels.max() >= len(masks.CLASSES):
        return "map_labels", masks.unknown_labels(labels)
    return None


def _examine_file(path: str, side: str, half: str) -> PictureFacts:
    facts = PictureFacts()
    try:
        content = files.read_bytes(Path(path))
        facts.digest = hashlib.sha256(content).hexdigest()
        image = files.load_rgb(path)
        facts.whole = image.shape[1::-1]
        image = files.without_padding(image, path)
        facts.remarks = _remarks(content)
        _look(facts, image, side, half, path)
    except Exception as error:  # one strange picture must not end the examination of ten thousand
        if isinstance(error, FileNotFoundError):
            error = images.ImageError(f"{path}: no such file, or a link to one that is gone")
        known = isinstance(error, images.ImageError | OSError)
        facts.error = printable(
            error if known else f"{path}: cannot be looked at ({type(error).__name__}: {error})"
        )
    return facts


def _look(facts: PictureFacts, image: np.ndarray, side: str, half: str, path: str) -> None:
    if half:
        image = halves(image, half)[side == "photo"]
    facts.size = (image.shape[1], image.shape[0])
    if min(facts.size) < 8:
        raise images.ImageError(
            f"{path}: {facts.size[0]}x{facts.size[1]} pixels are too few for a face"
        )
    picture = Image.fromarray(image)
    small = np.asarray(picture.resize((STRUCTURE_PX, STRUCTURE_PX), Image.Resampling.BOX))
    grey = images.luminance(small).astype(np.float32)
    facts.spread = float(grey.std())
    rim = np.concatenate(
        [grey[:4].ravel(), grey[-4:].ravel(), grey[:, :4].ravel(), grey[:, -4:].ravel()]
    )
    facts.paper = float(np.median(rim))
    facts.light_lines = are_lines_light(grey)
    notes = files.notes_of(path) if side == "photo" and not half else {}
    facts.prints, facts.squeezed = hashes_of(notes, Hashes.of(image)), "squeezed" in notes
    facts.features = features(small)
    facts.structure = structure(grey)
    if side == "photo" and weights.find("yunet"):
        _look_for_face(image, facts)


def _remarks(content: bytes) -> list[str]:
    """What is unusual about a picture file: each is handled when it is read, but should be known."""
    remarks = []
    # packed files, and what only the tolerant reader reads, have none
    with contextlib.suppress(Exception), Image.open(io.BytesIO(content)) as picture:
        if picture.mode == "CMYK":
            remarks.append("CMYK colours")
        elif picture.mode in DEEP_MODES:
            remarks.append("more than 8 bits")
        elif picture.mode in ("LA", "PA", "RGBA") or "transparency" in picture.info:
            remarks.append("transparency")
        if getattr(picture, "n_frames", 1) > 1:
            remarks.append(f"{picture.n_frames} pictures in one file")
        if picture.getexif().get(0x0112, 1) not in (0, 1):
            remarks.append("turned by its EXIF data")
    return remarks


def are_lines_light(grey: np.ndarray) -> bool:
    """Whether a drawing's lines are lighter than what is around them, as in a negative, whatever
    fills its rim.

    grey: float (128, 128). What a morphological opening takes away (light and thin) against what a
    closing fills (dark and thin). Of FS2K's and CUFS's sketches, whole or cut to any part, the
    light has at most half, of their negatives the dark.
    """
    import cv2

    kernel = np.ones((5, 5), np.uint8)
    light = grey - cv2.morphologyEx(grey, cv2.MORPH_OPEN, kernel)
    dark = cv2.morphologyEx(grey, cv2.MORPH_CLOSE, kernel) - grey
    return bool(light.mean() > dark.mean())


def structure(grey: np.ndarray) -> np.ndarray:
    """Where lines and edges run, whatever their tone: histograms of oriented gradients (Dalal and
    Triggs 2005).

    grey: float (128, 128). Returns float16 (1568,), scikit-image's `hog` with cells of 16 px.
    """
    from skimage.feature import hog

    return hog(grey, orientations=8, pixels_per_cell=(16, 16), cells_per_block=(2, 2)).astype(
        np.float16
    )


def _look_for_face(image: np.ndarray, facts: PictureFacts) -> None:
    face = faces.detect_turned(image)
    if face and face.turn:
        facts.turned = face.turn
    elif face:
        facts.face = (face.score, face.box[2] / image.shape[1])
