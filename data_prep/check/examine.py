"""What can be seen in one pair of pictures: brightness, structure, hashes."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image

from data_prep import files
from data_prep.check.sides import FEATURES_PX, features
from data_prep.make.prepare import halves, load
from data_prep.messages import printable
from s2f_utils.pictures import images
from s2f_utils.pictures.duplicates import Hashes, hashes_of

BLANK_SPREAD = 4.0  # grey levels; the palest pencil drawings have 8 and more


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

    size: (width, height) as seen, pixels; whole: with its padding. spread: standard deviation of
    the grey values. paper: median grey value of the rim. light_lines: as of `are_lines_light`.
    hashes: as of `hashes_of`. features: (28,) float32. structure: as of `structure`.
    """

    error: str = ""
    digest: str = ""
    size: tuple[int, int] = (0, 0)
    whole: tuple[int, int] = (0, 0)
    spread: float = 0.0
    paper: float = 0.0
    light_lines: bool = False
    hashes: tuple[Hashes, ...] = ()
    features: np.ndarray | None = None
    structure: np.ndarray | None = None

    @property
    def is_blank(self) -> bool:
        return self.spread < BLANK_SPREAD


def examine(subject: Subject) -> dict[str, PictureFacts]:
    """Look at a subject's pictures: {"sketch": …, "photo": …}, those that it has."""
    seen = {}
    for side in ("sketch", "photo"):
        path = subject.photo if subject.half else getattr(subject, side)
        if path:
            seen[side] = _examine_file(path, side, subject.half)
    return seen


def _examine_file(path: str, side: str, half: str) -> PictureFacts:
    facts = PictureFacts()
    try:
        facts.digest = hashlib.sha256(Path(path).read_bytes()).hexdigest()
        _look(facts, load(path), side, half, path)
        facts.whole = files.size_px(path)
    except FileNotFoundError:
        facts.error = printable(f"{path}: no such file, or a link to one that is gone")
    except (images.ImageError, OSError) as error:
        facts.error = printable(error)
    except ImportError:  # a package that is missing is no fault of the pictures
        raise
    except Exception as error:  # one strange picture must not end the examination of ten thousand
        reason = f"{type(error).__name__}: {error}"
        facts.error = printable(f"{path}: cannot be looked at ({reason})")
    return facts


def _look(facts: PictureFacts, image: np.ndarray, side: str, half: str, path: str) -> None:
    if half:
        sketch, photo = halves(image, half)
        image = photo if side == "photo" else sketch
    facts.size = image.shape[1::-1]
    picture = Image.fromarray(np.ascontiguousarray(image))
    small = np.asarray(picture.resize((FEATURES_PX, FEATURES_PX), Image.Resampling.BOX))
    grey = images.luminance(small).astype(np.float32)
    facts.spread = float(grey.std())
    rim = [grey[:4], grey[-4:], grey[:, :4], grey[:, -4:]]
    facts.paper = float(np.median(np.concatenate([strip.ravel() for strip in rim])))
    facts.light_lines = are_lines_light(grey)
    notes = files.notes_of(path) if side == "photo" and not half else {}
    facts.hashes = hashes_of(notes, Hashes.of(np.asarray(picture)))
    facts.features = features(small)
    facts.structure = structure(grey)


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
    """Where lines and edges run, whatever their tone:
    histograms of oriented gradients (Dalal and Triggs 2005).

    grey: float (128, 128). Returns float16 (1568,), scikit-image's `hog` with cells of 16 px.
    """
    from skimage.feature import hog

    cells = {"orientations": 8, "pixels_per_cell": (16, 16), "cells_per_block": (2, 2)}
    return hog(grey, **cells).astype(np.float16)
