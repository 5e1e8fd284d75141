"""What is done with one pair: read, clean, cut, align, sketch. A `Recipe` says how, `make_pair`
does it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np
from PIL import Image

from data_prep import files
from data_prep.errors import DataPrepError
from s2f_studio.drawings import background, cleanup
from s2f_utils.pictures import duplicates, faces, images, sketches

MIN_SIDE_PX = 8  # smaller pictures hold no face
MAX_SIZE_PX = 4096
MIN_AB_ASPECT = 1.2  # narrower pictures are not two faces side by side
SQUEEZED = 0.03  # by how much a sketch's shape may differ from its photo's before that is reported
ALIGN = ("none", "crop", "face")
STYLES = (*sketches.STYLES, "outlines", "mixture")
BACKGROUNDS = ("keep", "labels", "grabcut", "rembg")


@dataclass(frozen=True)
class Recipe:
    """How every pair of a set is made; all fields are in the set's settings.json.

    size_px: height and width. align: "none" (the whole picture), "crop" (the part `crop` of it),
    both made square by `fit`, of which None stands for "stretch", which `with_fit` refuses for
    pictures of different shapes, or "face" (found, turned upright, and cut out by `method` and
    `zoom`). each: photo and sketch are aligned each by its own face, instead of both by the
    photo's. fallback, detector: as in `faces.find_face`. styles: sketches to make from the photos;
    none: the source's sketches. background: the method that finds the person before all else is
    painted white. clean: sketches are photographs or scans of paper and are cleaned up first.
    """

    size_px: int = 256
    fit: str | None = None
    align: str = "none"
    crop: tuple[float, float, float, float] = (0.0, 0.0, 1.0, 1.0)
    method: str = "similarity"
    zoom: float = 1.0
    each: bool = False
    fallback: str = "none"
    detector: str = "yunet"
    styles: tuple[str, ...] = ()
    background: str = "keep"
    clean: bool = False

    def check(self) -> None:
        """DataPrepError when a value is impossible, or two of them contradict each other."""
        for option, value, known in (
            ("--fit", self.fit or "stretch", images.FITS),
            ("--align", self.align, ALIGN),
            ("--method", self.method, faces.METHODS),
            ("--fallback", self.fallback, faces.FALLBACKS),
            ("--detector", self.detector, faces.DETECTORS),
            ("--background", self.background, BACKGROUNDS),
            *(("--style", style, STYLES) for style in self.styles),
        ):
            if value not in known:
                raise DataPrepError(f"{option} must be one of {', '.join(known)}, got {value!r}")
        if not MIN_SIDE_PX <= self.size_px <= MAX_SIZE_PX:
            raise DataPrepError(
                f"--size must be from {MIN_SIDE_PX} to {MAX_SIZE_PX} pixels, got {self.size_px}"
            )
        left, top, right, bottom = self.crop
        if not (0 <= left < right <= 1 and 0 <= top < bottom <= 1):
            raise DataPrepError(
                "--crop must be LEFT TOP RIGHT BOTTOM as shares of width and height from 0 to 1, got"
                f" {' '.join(f'{v:g}' for v in self.crop)}"
            )
        if not 0.3 <= self.zoom <= 3:
            raise DataPrepError(f"--zoom must be from 0.3 to 3, got {self.zoom:g}")
        alone = {
            "--each": self.each,
            "--zoom": self.zoom != 1,
            "--method": self.method != "similarity",
        }
        if self.align != "face" and any(alone.values()):
            raise DataPrepError(
                f"{max(alone, key=alone.get)} belongs to --align face: give that, too"
            )
        if self.align != "face" and self.background != "grabcut" and self.fallback != "none":
            raise DataPrepError(
                "--fallback belongs to --align face and to --background grabcut: give one of them, too"
            )
        if self.align != "none" and self.fit == "pad":
            raise DataPrepError("--fit pad belongs to --align none: crops fill their square")

    def as_settings(self) -> dict[str, Any]:
        """All fields as settings.json has them: tuples are lists there."""
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in asdict(self).items()
        }

    def in_words(self) -> str:
        """What is done, for the user: "fit stretch, sketches made: pencil"."""
        own = ", each by its own" if self.each else ""
        square = {
            "none": f"fit {self.fit}",
            "crop": f"cut at {' '.join(f'{v:g}' for v in self.crop)}",
            "face": f"aligned to the face ({self.method}, zoom {self.zoom:g}{own})",
        }
        words = [square[self.align]]
        if self.styles:
            words.append(f"sketches made: {', '.join(self.styles)}")
        if self.background != "keep":
            words.append(f"background white ({self.background})")
        if self.clean:
            words.append("sketches cleaned up")
        return ", ".join(words)

    def parts(self, masks: bool) -> tuple[str, ...]:
        """The names of the pictures that `make_pair` returns."""
        drawn = (
            tuple(f"sketch-{style}" for style in self.styles)
            if len(self.styles) > 1
            else ("sketch",)
        )
        return (*drawn, "photo", *(("mask",) if masks else ()))


@dataclass(frozen=True)
class PairTask:
    """What another process needs to make one pair: the files ("" where there is none), the sketch's
    half of AB images ("" else), the recipe, hand-given points of the photo's and of the sketch's
    face, and a seed for random styles.
    """

    sketch: str
    photo: str
    half: str
    recipe: Recipe
    mask: str = ""
    points: tuple[tuple[float, float], ...] = ()
    sketch_points: tuple[tuple[float, float], ...] = ()
    seed: int = 0


@dataclass
class _Pictures:
    """A pair's pictures on their way: photo and sketch uint8 (H, W, 3), mask uint8 (H, W); None
    where there is none.
    """

    photo: np.ndarray
    sketch: np.ndarray | None
    mask: np.ndarray | None
    left: int = 0  # where the photo begins in its file
    notes: dict[str, str] = field(default_factory=dict)


def make_pair(task: PairTask) -> dict[str, object]:
    """One pair: {"sketch" or "sketch-<style>" …, "photo", "mask"}, uint8, and "notes" (what was
    done, by key).

    Photos and the source's sketches are (size_px, size_px, 3), made sketches and masks (size_px,
    size_px). With fit "pad" (track B of the protocol) the pictures are centred on black, and
    "content" is the box that they fill. Raises ImageError when a picture is unusable.
    """
    recipe, pictures = task.recipe, _read(task)
    _prepare_sketch(recipe, task, pictures)
    pictures.notes[duplicates.SOURCE_NOTE] = _source_print(task, pictures.photo)
    face = (
        _find(task, pictures) if recipe.align == "face" or recipe.background == "grabcut" else None
    )
    _paint_background(recipe, pictures, face)
    made: dict[str, object] = {}
    if recipe.align == "face":
        _align(recipe, pictures, face, task)
    elif recipe.align == "crop":
        _square(pictures, lambda image: faces.uniform_crop(image, recipe.crop, recipe.size_px))
    else:
        if recipe.fit == "pad":  # scores are taken inside of this box (track B)
            made["content"] = images.content_box(pictures.photo.shape[:2], recipe.size_px)
        fit = recipe.fit or "stretch"
        _square(pictures, lambda image: images.resize(image, recipe.size_px, fit, fill=(0, 0, 0)))
    left, top, width, height = made.get("content", (0, 0, recipe.size_px, recipe.size_px))
    inside = np.s_[top : top + height, left : left + width]
    pictures.notes[duplicates.OWN_NOTE] = duplicates.Hashes.of(pictures.photo[inside]).as_note()
    sketches_made = _draw(task, pictures, inside) if recipe.styles else {"sketch": pictures.sketch}
    maps = {} if pictures.mask is None else {"mask": pictures.mask}
    return made | {"photo": pictures.photo, "notes": pictures.notes} | maps | sketches_made


def _source_print(task: PairTask, photo: np.ndarray) -> str:
    """The print of the photo before anything is done to it; of one that was cut out already, the
    print in its notes.
    """
    known = "" if task.half else files.notes_of(task.photo).get(duplicates.SOURCE_NOTE, "")
    return known or duplicates.Hashes.of(photo).as_note()


def _prepare_sketch(recipe: Recipe, task: PairTask, pictures: _Pictures) -> None:
    """Clean the sketch, and bring it to its photo's size where both are cut alike; note where it
    has another shape.
    """
    sketch, photo = pictures.sketch, pictures.photo
    if sketch is None:
        return
    if recipe.clean:
        cleaned = cleanup.clean(
            sketch, sheet=recipe.each and not task.sketch_points
        )  # else it leaves its photo
        pictures.sketch = sketch = np.repeat(cleaned.image[..., None], 3, axis=2)
    if recipe.each or sketch.shape == photo.shape:
        return
    aspects = [image.shape[1] / image.shape[0] for image in (sketch, photo)]
    if abs(np.log(aspects[0] / aspects[1])) > SQUEEZED:
        pictures.notes["squeezed"] = "yes"
    # padded apart, or cut by one transform, pictures of two sizes would not lie on each other
    if recipe.fit == "pad" or recipe.align == "face":
        size = photo.shape[1::-1]
        pictures.sketch = np.asarray(Image.fromarray(sketch).resize(size, Image.Resampling.BICUBIC))


def _read(task: PairTask) -> _Pictures:
    photo, sketch, left = load(task.photo), None, 0
    if task.half:
        if photo.shape[1] < MIN_AB_ASPECT * photo.shape[0]:
            height, width = photo.shape[:2]
            raise images.ImageError(
                f"{task.photo}: {width}x{height} pixels are not two pictures side by side"
            )
        left = (photo.shape[1] + 1) // 2 if task.half == "left" else 0
        sketch, photo = halves(photo, task.half)
    elif task.sketch:
        sketch = load(task.sketch, task.photo)
    mask = (
        files.without_padding(files.load_labels(task.mask), task.mask, task.photo)
        if task.mask
        else None
    )
    if mask is not None and mask.shape != photo.shape[:2]:
        mask = np.asarray(
            Image.fromarray(mask).resize(photo.shape[1::-1], Image.Resampling.NEAREST)
        )
    return _Pictures(photo, None if task.recipe.styles else sketch, mask, left)


def load(path: str, photo: str = "") -> np.ndarray:
    """A picture `without_padding`, uint8 (H, W, 3). ImageError when it cannot be read or is too
    small for a face.
    """
    image = files.without_padding(files.load_rgb(path), path, photo)
    height, width = image.shape[:2]
    if min(height, width) < MIN_SIDE_PX:
        raise images.ImageError(f"{path}: {width}x{height} pixels are too few for a face")
    return image


def halves(image: np.ndarray, half: str) -> tuple[np.ndarray, np.ndarray]:
    """The sketch and the photo of an AB image, whose `half` is the sketch; an odd width's middle
    column is neither.
    """
    middle = image.shape[1] // 2
    left, right = image[:, :middle], image[:, image.shape[1] - middle :]
    return (left, right) if half == "left" else (right, left)


def _find(task: PairTask, pictures: _Pictures) -> faces.Face:
    """The face of the photo; where there is none, that of the sketch, which lies on it."""
    recipe, points = task.recipe, _within(task.points, pictures.photo, task.photo, pictures.left)
    try:
        return faces.find_face(pictures.photo, points=points, detector=recipe.detector)
    except faces.FaceError as error:
        first = error
    if (
        points is None
        and pictures.sketch is not None
        and not recipe.each
        and recipe.detector != "none"
    ):
        with contextlib.suppress(faces.FaceError):
            return replace(faces.find_face(pictures.sketch, drawing=True), method="yunet-in-sketch")
    if recipe.fallback == "none" or points is not None:
        raise images.ImageError(f"{task.photo}: {first}") from None
    return faces.find_face(pictures.photo, fallback=recipe.fallback, detector=recipe.detector)


def _within(points: tuple, picture: np.ndarray, path: str, left: int = 0) -> np.ndarray | None:
    """Points in pixels of a file, for the picture in it from `left` on. Raises ImageError where one
    lies outside.
    """
    own = np.reshape(points, (-1, 2)) - [left, 0] - (files.content_box(path) or (0, 0))[:2]
    if (own < -0.5).any() or (own > np.array(picture.shape[1::-1]) - 0.5).any():
        raise images.ImageError(
            f"{path}: the points lie outside of the picture: give them in its pixels"
        )
    return own if points else None


def _align(recipe: Recipe, pictures: _Pictures, face: faces.Face, task: PairTask) -> None:
    matrix = faces.alignment(face.landmarks, recipe.size_px, method=recipe.method, zoom=recipe.zoom)
    scale = np.sqrt(abs(np.linalg.det(matrix[:, :2])))
    pictures.notes |= {"face": face.method, "score": f"{face.score:.3f}", "scale": f"{scale:.3f}"}
    if face.turn:
        pictures.notes["turned"] = str(face.turn)
    pictures.photo = faces.warp(pictures.photo, matrix, recipe.size_px)
    if pictures.mask is not None:
        pictures.mask = faces.warp_labels(pictures.mask, matrix, recipe.size_px)
    if pictures.sketch is None:
        return
    if recipe.each:
        try:
            points = _within(task.sketch_points, pictures.sketch, task.sketch)
            options = {"fallback": recipe.fallback, "detector": recipe.detector}
            own = faces.find_face(pictures.sketch, drawing=True, points=points, **options)
        except faces.FaceError as error:
            raise images.ImageError(f"{task.sketch}: {error}") from None
        pictures.notes |= {"sketch_face": own.method, "sketch_score": f"{own.score:.3f}"}
        matrix = faces.alignment(
            own.landmarks, recipe.size_px, method=recipe.method, zoom=recipe.zoom
        )
    pictures.sketch = faces.warp(pictures.sketch, matrix, recipe.size_px, border="paper")


def _paint_background(recipe: Recipe, pictures: _Pictures, face: faces.Face | None) -> None:
    if recipe.background == "keep":
        return
    mask = background.person_mask(
        pictures.photo, recipe.background, labels=pictures.mask, face=face
    )
    pictures.photo = background.replace_background(pictures.photo, mask)


def _square(pictures: _Pictures, make_square: Callable[[np.ndarray], np.ndarray]) -> None:
    for part in ("photo", "sketch", "mask"):
        if (picture := getattr(pictures, part)) is not None:
            setattr(pictures, part, make_square(picture))


def _draw(
    task: PairTask, pictures: _Pictures, inside: tuple[slice, slice]
) -> dict[str, np.ndarray]:
    """The sketches of the part of the photo that is not padding, on black as that."""
    styles, photo = task.recipe.styles, np.ascontiguousarray(pictures.photo[inside])
    mask = None if pictures.mask is None else np.ascontiguousarray(pictures.mask[inside])
    drawn = {}
    for style in styles:
        sketch = np.zeros(pictures.photo.shape[:2], np.uint8)
        if style == "mixture":
            sketch[inside] = sketches.mixture(photo, task.seed, mask=mask)
        else:
            sketch[inside] = sketches.make_sketch(photo, style, mask=mask)
        drawn[f"sketch-{style}" if len(styles) > 1 else "sketch"] = sketch
    return drawn
