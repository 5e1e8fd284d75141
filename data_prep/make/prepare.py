"""One pair: read, clean, cut, align, sketch. `make_pair` does what a `Recipe` says and notes in the
pictures how; `review` reads these notes when all pairs are written.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from data_prep import files
from data_prep.make.recipe import MIN_SIDE_PX, SQUEEZED, Recipe
from data_prep.make.write import MASK, PHOTO, SKETCH, Item, Part, Prepared
from data_prep.messages import NUM_SHOWN, say, warn
from s2f_utils.data import shown_copy
from s2f_utils.pictures import background, cleanup, duplicates, faces, images, sketches

MIN_AB_ASPECT = 1.2  # narrower pictures are not two faces side by side
GUESS = "centre"


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


def review(
    out: Path, items: Sequence[Item], *, drop_leaks: bool = False, progress: bool = True
) -> tuple[list[Item], dict[str, Any]]:
    """Read the notes in the written photos, warn of guessed faces, squeezed sketches, and photos
    that are in two splits.

    Returns the items to keep (with `drop_leaks`, all training items of a person whose photo is also
    in another split are dropped) and what is to be kept in settings.json.
    """
    notes = [images.read_notes(out / item.path(PHOTO)) for item in items]
    ids = [item.row["id"] for item in items]
    kept: dict[str, Any] = {}
    for key, what in (("face", "faces"), ("sketch_face", "faces_in_sketches")):
        kept |= count_faces(ids, [note.get(key) for note in notes], what, progress)
    num_turned = sum("turned" in note for note in notes)
    if num_turned:
        kept["turned"] = num_turned
        say(f"{num_turned} faces lay on their side or stood on their head: turned", progress)
    squeezed = [name for name, note in zip(ids, notes, strict=True) if "squeezed" in note]
    if squeezed:
        kept["squeezed"] = len(squeezed)
        warn(
            f"{len(squeezed)} sketches have another shape than their photo and were stretched onto"
            f" it ({_listed(squeezed)}): --align face --each aligns each by its own face"
        )
    splits = [item.row["split"] for item in items]
    copies = duplicates.find_duplicates(
        [duplicates.hashes_of(note) for note in notes], splits, progress=progress
    )
    alike = [_by_split(items, copy) for copy in copies if not copy.sure]
    if alike:
        kept["alike_in_two_splits"] = alike
        warn(
            f"{len(alike)} photos are much alike in two splits: look whether they are the same"
            f" ({_listed([shown_copy(ids) for ids in alike])})"
        )
    sure = [copy for copy in copies if copy.sure]
    if not sure:
        return list(items), kept
    kept["in_two_splits"] = [_by_split(items, copy) for copy in sure]
    if drop_leaks:
        return _without_leaks(items, sure, kept, progress), kept
    shown = _listed([shown_copy(ids) for ids in kept["in_two_splits"]])
    warn(
        f"{len(sure)} photos are in two splits ({shown}): scores would be too good; --drop-leaks"
        " mends it"
    )
    return list(items), kept


def count_faces(
    ids: Sequence[str], methods: Sequence[str | None], what: str, progress: bool
) -> dict[str, Any]:
    """Count how the faces were found, and list those that were guessed, for settings.json."""
    counts = Counter(filter(None, methods))
    if not counts:
        return {}
    words, kept = what.replace("_", " "), {what: dict(counts.most_common())}
    say(f"{words}: {', '.join(f'{n} by {name}' for name, n in counts.most_common())}", progress)
    guessed = [name for name, method in zip(ids, methods, strict=True) if method == GUESS]
    if guessed:
        kept[f"guessed_{what}"] = guessed
        warn(f"{len(guessed)} {words} were not detected but guessed: look at {_listed(guessed)}")
    return kept


def _by_split(items: Sequence[Item], copy: duplicates.Duplicate) -> dict[str, str]:
    """The two splits that a photo is in → its id there."""
    rows = [items[n].row for n in (copy.first, copy.second)]
    return {row["split"]: row["id"] for row in rows}


def _without_leaks(
    items: Sequence[Item],
    copies: Sequence[duplicates.Duplicate],
    kept: dict[str, Any],
    progress: bool,
) -> list[Item]:
    """The items without the training items of people whose photo is also in another split."""
    places = [n for copy in copies for n in (copy.first, copy.second)]
    rows = [items[n].row for n in places]
    leaking = {row["identity"] for row in rows if row["split"] == "train"}
    left, dropped = [], []
    for item in items:
        is_leak = item.row["split"] == "train" and item.row["identity"] in leaking
        (dropped if is_leak else left).append(item)
    kept["dropped_leaks"] = sorted(item.row["id"] for item in dropped)
    say(f"{len(dropped)} training pairs of people who are also in another split left out", progress)
    elsewhere = [shown_copy(ids) for ids in kept["in_two_splits"] if "train" not in ids]
    if elsewhere:
        warn(f"{len(elsewhere)} photos are in validation and in testing ({_listed(elsewhere)})")
    return left


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(names[:NUM_SHOWN])
    return f"{shown} and {len(names) - NUM_SHOWN} more" if len(names) > NUM_SHOWN else shown
