"""One pair: read, clean, cut, align, sketch. `make_pair` does what a `Recipe` says."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
from PIL import Image

from data_prep import files
from data_prep.make.recipe import MIN_SIDE_PX, Recipe
from data_prep.make.write import MASK, PHOTO, SKETCH, Part, Prepared
from s2f_utils.pictures import background, cleanup, duplicates, faces, images, sketches

MIN_AB_ASPECT = 1.2  # narrower pictures are not two faces side by side
SQUEEZED = 0.03  # by how much a sketch's shape may differ from its photo's before it is reported


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


def parts_of(recipe: Recipe, has_masks: bool) -> tuple[Part, ...]:
    """The parts that `make_pair` makes."""
    parts = [*_sketch_parts(recipe).values()] or [SKETCH]
    return (*parts, PHOTO, MASK) if has_masks else (*parts, PHOTO)


def _sketch_parts(recipe: Recipe) -> dict[str, Part]:
    """Each style that is drawn → its part; a single style needs no name."""
    if len(recipe.styles) == 1:
        return {recipe.styles[0]: SKETCH}
    return {style: Part("sketch", style) for style in recipe.styles}


def make_pair(task: PairTask) -> Prepared:
    """Make one pair, size_px × size_px: photos and the source's sketches in RGB, sketches that are
    made and masks (H, W).

    With fit "pad" (track B of the protocol) the pictures are centred on black, and `content` is the
    box that they fill. Raises ImageError when a picture is unusable.
    """
    recipe, pictures = task.recipe, _read(task)
    _prepare_sketch(task, pictures)
    pictures.notes[duplicates.SOURCE_NOTE] = _source_hashes(task, pictures.photo)
    face = _find_face(task, pictures) if recipe.needs_face else None
    if recipe.background != "keep":
        person = background.person_mask(
            pictures.photo, recipe.background, labels=pictures.mask, face=face
        )
        pictures.photo = background.replace_background(pictures.photo, person)
    content = None
    if recipe.align == "face":
        _align(task, pictures, face)
    elif recipe.align == "crop":
        _square(pictures, lambda image: faces.uniform_crop(image, recipe.crop, recipe.size_px))
    else:
        if recipe.fit == "pad":  # scores are taken inside of this box (track B)
            content = images.content_box(pictures.photo.shape[:2], recipe.size_px)
        fit = recipe.fit or "stretch"
        _square(pictures, lambda image: images.resize(image, recipe.size_px, fit, fill=(0, 0, 0)))
    return _finished(task, pictures, content)


def _finished(
    task: PairTask, pictures: _Pictures, content: tuple[int, int, int, int] | None
) -> Prepared:
    size = task.recipe.size_px
    left, top, width, height = content or (0, 0, size, size)
    inside = np.s_[top : top + height, left : left + width]
    pictures.notes[duplicates.OWN_NOTE] = duplicates.Hashes.of(pictures.photo[inside]).as_note()
    made = {PHOTO: pictures.photo}
    if pictures.mask is not None:
        made[MASK] = pictures.mask
    if task.recipe.styles:
        made |= _draw(task, pictures, inside)
    else:
        made[SKETCH] = pictures.sketch
    return Prepared(made, content, pictures.notes)


def _source_hashes(task: PairTask, photo: np.ndarray) -> str:
    """The hashes of the photo before anything is done to it; of one that was cropped already, those
    in its notes.
    """
    known = "" if task.half else files.notes_of(task.photo).get(duplicates.SOURCE_NOTE, "")
    return known or duplicates.Hashes.of(photo).as_note()


def _prepare_sketch(task: PairTask, pictures: _Pictures) -> None:
    """Clean the sketch, and bring it to its photo's size where both are cut alike; note where it
    has another shape.
    """
    recipe, sketch, photo = task.recipe, pictures.sketch, pictures.photo
    if sketch is None:
        return
    if recipe.clean:
        # a sheet that is made straight would no longer lie on its photo
        straighten = recipe.each and not task.sketch_points
        cleaned = cleanup.clean(sketch, sheet=straighten).image
        pictures.sketch = sketch = np.repeat(cleaned[..., None], 3, axis=2)
    if recipe.each or sketch.shape == photo.shape:
        return
    sketch_aspect, photo_aspect = (image.shape[1] / image.shape[0] for image in (sketch, photo))
    if abs(np.log(sketch_aspect / photo_aspect)) > SQUEEZED:
        pictures.notes["squeezed"] = "yes"
    # padded apart, or cut by one transform, pictures of two sizes would not lie on each other
    if recipe.fit == "pad" or recipe.align == "face":
        pictures.sketch = _resized(sketch, photo, Image.Resampling.BICUBIC)


def _resized(image: np.ndarray, like: np.ndarray, how: Image.Resampling) -> np.ndarray:
    return np.asarray(Image.fromarray(image).resize(like.shape[1::-1], how))


def _read(task: PairTask) -> _Pictures:
    photo, sketch, left = load(task.photo), None, 0
    if task.half:
        height, width = photo.shape[:2]
        if width < MIN_AB_ASPECT * height:
            raise images.ImageError(
                f"{task.photo}: {width}x{height} pixels are not two pictures side by side"
            )
        left = (width + 1) // 2 if task.half == "left" else 0
        sketch, photo = halves(photo, task.half)
    elif task.sketch:
        sketch = load(task.sketch, task.photo)
    mask = None
    if task.mask:
        mask = files.without_padding(files.load_labels(task.mask), task.mask, task.photo)
        if mask.shape != photo.shape[:2]:
            mask = _resized(mask, photo, Image.Resampling.NEAREST)
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


def _find_face(task: PairTask, pictures: _Pictures) -> faces.Face:
    """The face of the photo; where there is none, that of the sketch, which lies on it."""
    recipe, photo = task.recipe, pictures.photo
    points = _points_within(task.points, photo, task.photo, pictures.left)
    try:
        return faces.find_face(photo, points=points)
    except faces.FaceError as error:
        reason = error
    in_sketch = None if points is not None or recipe.each else pictures.sketch
    if in_sketch is not None:
        with contextlib.suppress(faces.FaceError):
            return replace(faces.find_face(in_sketch, drawing=True), method="yunet-in-sketch")
    if recipe.fallback == "none" or points is not None:
        raise images.ImageError(f"{task.photo}: {reason}") from None
    return faces.centre_face(photo.shape[:2])


def _points_within(
    points: tuple, picture: np.ndarray, path: str, left: int = 0
) -> np.ndarray | None:
    """Points in pixels of a file, for the picture in it from `left` on: (N, 2); None for none.
    Raises ImageError where one lies outside.
    """
    if not points:
        return None
    corner = (files.content_box(path) or (0, 0))[:2]
    inside = np.reshape(points, (-1, 2)) - [left, 0] - corner
    if (inside < -0.5).any() or (inside > np.array(picture.shape[1::-1]) - 0.5).any():
        raise images.ImageError(
            f"{path}: the points lie outside of the picture: give them in its pixels"
        )
    return inside


def _align(task: PairTask, pictures: _Pictures, face: faces.Face) -> None:
    recipe = task.recipe
    matrix = _matrix(recipe, face)
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
        points = _points_within(task.sketch_points, pictures.sketch, task.sketch)
        face = find_or_refuse(recipe, pictures.sketch, task.sketch, drawing=True, points=points)
        pictures.notes |= {"sketch_face": face.method, "sketch_score": f"{face.score:.3f}"}
        matrix = _matrix(recipe, face)
    pictures.sketch = faces.warp(pictures.sketch, matrix, recipe.size_px, border="paper")


def find_or_refuse(
    recipe: Recipe,
    picture: np.ndarray,
    path: str,
    *,
    drawing: bool,
    points: np.ndarray | None = None,
) -> faces.Face:
    """A picture's face, by the recipe's fallback where none is found. Raises ImageError."""
    try:
        return faces.find_face(picture, drawing=drawing, points=points, fallback=recipe.fallback)
    except faces.FaceError as error:
        raise images.ImageError(f"{path}: {error}") from None


def _matrix(recipe: Recipe, face: faces.Face) -> np.ndarray:
    return faces.alignment(face.landmarks, recipe.size_px)


def _square(pictures: _Pictures, make_square: Callable[[np.ndarray], np.ndarray]) -> None:
    for part in ("photo", "sketch", "mask"):
        picture = getattr(pictures, part)
        if picture is not None:
            setattr(pictures, part, make_square(picture))


def _draw(
    task: PairTask, pictures: _Pictures, inside: tuple[slice, slice]
) -> dict[Part, np.ndarray]:
    """The sketches of the part of the photo that is not padding, on black like the photo."""
    photo = np.ascontiguousarray(pictures.photo[inside])
    mask = None if pictures.mask is None else np.ascontiguousarray(pictures.mask[inside])
    drawn = {}
    for style, part in _sketch_parts(task.recipe).items():
        sketch = np.zeros(pictures.photo.shape[:2], np.uint8)
        if style == "mixture":
            sketch[inside] = sketches.mixture(photo, task.seed, mask=mask)
        else:
            sketch[inside] = sketches.make_sketch(photo, style, mask=mask)
        drawn[part] = sketch
    return drawn


@dataclass(frozen=True)
class PictureTask:
    """What another process needs to make one picture of a set without pairs."""

    photo: str  # the file, also of a sketch: messages name it
    part: Part
    recipe: Recipe


def make_picture(task: PictureTask) -> Prepared:
    """One sketch or photo, (size_px, size_px, 3), by the recipe's size, fit, alignment and
    clean-up. Raises ImageError when it is unusable.
    """
    recipe, picture, is_sketch = task.recipe, load(task.photo), task.part == SKETCH
    if is_sketch and recipe.clean:
        picture = np.repeat(cleanup.clean(picture).image[..., None], 3, axis=2)
    if recipe.align == "face":
        face = find_or_refuse(recipe, picture, task.photo, drawing=is_sketch)
        border = "paper" if is_sketch else "reflect"
        picture = faces.warp(picture, _matrix(recipe, face), recipe.size_px, border=border)
        return Prepared({task.part: picture}, notes={"face": face.method})
    content = None
    if recipe.fit == "pad":
        content = images.content_box(picture.shape[:2], recipe.size_px)
    square = images.resize(picture, recipe.size_px, recipe.fit or "stretch", fill=(0, 0, 0))
    return Prepared({task.part: square}, content)
