"""How a set of pairs is made: all options of `make_pairs` and of `python -m data_prep pairs`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from cyclopts import Group, Parameter

from data_prep import files
from data_prep.layouts.layout import LayoutOptions
from data_prep.messages import printable, say
from s2f_utils.data import DataError
from s2f_utils.pictures import faces, images, sketches

MIN_SIDE_PX = 8  # smaller pictures hold no face
MAX_SIZE_PX = 4096
SQUEEZED = 0.03  # by how much a shape may differ from a square, or from its photo's, unreported
MAX_READ = 4000  # headers; of larger sets every so-many-th
DIFFERENT = 1.1  # times as wide, by which the shapes of a set's pictures may differ
NUM_NAMED = 3
ALIGN = ("none", "crop", "face")
STYLES = (*sketches.STYLES, "outlines", "mixture")
BACKGROUNDS = ("keep", "labels", "grabcut")
# Options that decide what the pictures look like; the others decide which there are.
LOOK = (
    "size_px",
    "fit",
    "align",
    "crop",
    "each",
    "fallback",
    "styles",
    "background",
    "clean",
)

WHERE = Group("What lies where", sort_key=1)
SQUARE = Group("Making the pictures square", sort_key=2)
LOOKS = Group("Changing how they look", sort_key=3)
SPLIT = Group("Dividing them (a split that SRC brings is kept)", sort_key=4)

Layout = Annotated[str | None, Parameter(group=WHERE, help="how the source is laid out")]
Sketches = Annotated[
    Path | str | None,
    Parameter(group=WHERE, metavar="PATH", help="the folder of sketches, in SRC or anywhere"),
]
Photos = Annotated[
    Path | str | None,
    Parameter(group=WHERE, metavar="PATH", help="the folder of photos, in SRC or anywhere"),
]
SketchSide = Annotated[
    Literal["left", "right"], Parameter(group=WHERE, help="the sketch's half of AB images")
]


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How a set of pairs is made.

    Parameters
    ----------
    unpaired
        sketches and photos are of different people, for CycleGAN: a row has one of them
    size_px
        height and width in pixels
    fit
        stretch to the square (the protocol's track A), or pad: centre on black (track B); default:
        stretch, where all have one shape
    align
        face: detect it, turn it upright, crop it; crop: the same part of all; none: the whole
        picture
    crop
        LEFT TOP RIGHT BOTTOM of the part for --align crop, as shares from 0 to 1
    each
        align photo and sketch each by its own face, not both by the photo's
    fallback
        where no face is found: none, leave the pair out; centre, guess
    points
        CSV of eyes and mouths marked by hand: name, left_eye_x, ... mouth_y (name: file name, or
        its path in SRC)
    styles
        make sketches from the photos in this style: pencil, xdog, contour, ...; may be repeated
    background
        paint what is behind the person white: by label maps (labels), or by grabcut
    clean
        the sketches are photographed or scanned paper: even it out, clear the rim
    test_share
        share of the people for testing (default: 0.2 if SRC has no split)
    val_share
        share for validation, of the training people if SRC has a split (default: none)
    identity
        regular expression whose first group, in a photo's name, names the person, e.g. `^([^_]+)_`
    split_list
        the split of a CSV file of lines 'train,NAME', or of a paper, by its name
    seed
        another seed, another split
    drop_leaks
        leave out training pairs whose photo is also in another split
    """

    layout: Layout = None
    sketches: Sketches = None
    photos: Photos = None
    sketch_side: SketchSide = "left"
    unpaired: Annotated[bool, Parameter(group=WHERE)] = False
    size_px: Annotated[int, Parameter("--size", group=SQUARE)] = 256
    fit: Annotated[str | None, Parameter(group=SQUARE)] = None
    align: Annotated[str, Parameter(group=SQUARE)] = "none"
    crop: Annotated[tuple[float, float, float, float], Parameter(group=SQUARE)] = (
        0.0,
        0.0,
        1.0,
        1.0,
    )
    each: Annotated[bool, Parameter(group=SQUARE)] = False
    fallback: Annotated[str, Parameter(group=SQUARE)] = "none"
    points: Annotated[Path | str | None, Parameter(group=SQUARE, metavar="CSV")] = None
    styles: Annotated[tuple[str, ...], Parameter("--style", group=LOOKS)] = ()
    background: Annotated[str, Parameter(group=LOOKS)] = "keep"
    clean: Annotated[bool, Parameter(group=LOOKS)] = False
    test_share: Annotated[float | None, Parameter(group=SPLIT)] = None
    val_share: Annotated[float | None, Parameter(group=SPLIT)] = None
    identity: Annotated[str | None, Parameter(group=SPLIT)] = None
    split_list: Annotated[Path | str | None, Parameter(group=SPLIT, metavar="CSV")] = None
    seed: Annotated[int, Parameter(group=SPLIT)] = 0
    drop_leaks: Annotated[bool, Parameter(group=SPLIT)] = False

    @property
    def needs_face(self) -> bool:
        """Whether the photo's face is looked for."""
        return self.align == "face" or self.background == "grabcut"

    @property
    def layout_options(self) -> LayoutOptions:
        """What is said of the source. Raises DataError for an unknown side."""
        sketches, photos = (str(place) if place else None for place in (self.sketches, self.photos))
        return LayoutOptions(sketches, photos, self.sketch_side, bool(self.styles))

    @property
    def shares(self) -> dict[str, float | None]:
        """The shares for testing and validation, as `split_by_identity` takes them."""
        return {"test": self.test_share, "val": self.val_share}

    def check(self) -> None:
        """DataError when a value is impossible, or two of them contradict each other."""
        self._check_choices()
        self._check_ranges()
        self._check_together()

    def _check_choices(self) -> None:
        choices = [
            ("--fit", self.fit or "stretch", images.FITS),
            ("--align", self.align, ALIGN),
            ("--fallback", self.fallback, faces.FALLBACKS),
            ("--background", self.background, BACKGROUNDS),
        ]
        choices += [("--style", style, STYLES) for style in self.styles]
        for option, value, known in choices:
            if value not in known:
                raise DataError(f"{option} must be one of {', '.join(known)}, got {value!r}")
        if len(set(self.styles)) < len(self.styles):
            raise DataError("--style names a style twice: name each once")

    def _check_ranges(self) -> None:
        if not MIN_SIDE_PX <= self.size_px <= MAX_SIZE_PX:
            raise DataError(
                f"--size must be from {MIN_SIDE_PX} to {MAX_SIZE_PX} pixels, got {self.size_px}"
            )
        left, top, right, bottom = self.crop
        if not (0 <= left < right <= 1 and 0 <= top < bottom <= 1):
            shown = " ".join(f"{v:g}" for v in self.crop)
            raise DataError(
                "--crop must be LEFT TOP RIGHT BOTTOM as shares of width and height from 0 to 1,"
                f" got {shown}"
            )

    def _check_together(self) -> None:
        if self.each and self.align != "face":
            raise DataError("--each belongs to --align face: give that, too")
        if self.crop != Recipe.crop and self.align != "crop":
            raise DataError("--crop belongs to --align crop: give that, too")
        if not self.needs_face:
            for option, value in (
                ("--fallback", self.fallback != "none"),
                ("--points", self.points),
            ):
                if value:
                    raise DataError(
                        f"{option} belongs to --align face and to --background grabcut: give one"
                        " of them, too"
                    )
        if self.fit == "pad" and self.align != "none":
            raise DataError("--fit pad belongs to --align none: crops fill their square")

    def as_settings(self) -> dict[str, Any]:
        """What decides how the pictures look, as settings.json has it: tuples are lists there."""
        fields = asdict(self)
        settings = {name: fields[name] for name in LOOK}
        return settings | {"crop": list(self.crop), "styles": list(self.styles)}

    def in_words(self) -> str:
        """What is done, for the user: "fit stretch, sketches made: pencil"."""
        square = {
            "none": f"fit {self.fit}",
            "crop": f"cut at {' '.join(f'{v:g}' for v in self.crop)}",
            "face": "aligned to the face" + (", each by its own" if self.each else ""),
        }
        words = [square[self.align]]
        if self.styles:
            words.append(f"sketches made: {', '.join(self.styles)}")
        if self.background != "keep":
            words.append(f"background white ({self.background})")
        if self.clean:
            words.append("sketches cleaned up")
        return ", ".join(words)


def with_fit(recipe: Recipe, pictures: Sequence[tuple[Path, str]], progress: bool = True) -> Recipe:
    """The recipe with a `fit`: where it names none, pictures, or the parts that are cut out of
    them, are stretched, which is said where they are not square.

    pictures: files, each with the half of it that is the sketch, "" for none. Raises DataError
    where they differ in
    shape: stretched, the same face would be narrow in one and wide in the other.
    """
    if recipe.fit or recipe.align == "face":
        return replace(recipe, fit=recipe.fit or "stretch")
    sizes = _sizes(recipe, pictures)
    aspects = np.array([width / height for width, height in sizes])
    usual = sorted(sizes, key=lambda size: -len(sizes[size]))[:NUM_NAMED]
    shown = ", ".join(f"{width}x{height}" for width, height in usual)
    what, advice = "pictures", "--align face cuts the faces out, --fit pad keeps the shape"
    if recipe.align == "crop":
        what, advice = "parts cut out", "--align face cuts the faces out"
    if len(aspects) and aspects.max() / aspects.min() > DIFFERENT:
        more = ", …" if len(sizes) > NUM_NAMED else ""
        raise DataError(
            f"the {what} have different shapes ({shown}{more}), and stretched to squares their"
            f" faces would also differ: {advice} (--fit stretch: stretch them all the same)"
            + _alone(sizes, len(pictures))
        )
    if len(aspects) and np.abs(np.log(aspects)).max() > SQUEEZED:
        say(f"the {what} are not square ({shown}) and are stretched: {advice}", progress)
    return replace(recipe, fit="stretch")


def _alone(sizes: dict[tuple[int, int], list[Path]], num: int) -> str:
    """A few pictures that have a size of their own: a preview among the pairs, for example."""
    odd = [printable(paths[0].name) for paths in sizes.values() if len(paths) == 1]
    if not 0 < len(odd) <= NUM_NAMED < num:
        return ""
    return f"; alone of its size, and perhaps not of the set: {', '.join(odd)}"


def _sizes(
    recipe: Recipe, pictures: Sequence[tuple[Path, str]]
) -> dict[tuple[int, int], list[Path]]:
    """(width, height) of what is cut out of the pictures → those of this size;
    of many pictures, every so-many-th.
    """
    left, top, right, bottom = recipe.crop
    sizes: dict[tuple[int, int], list[Path]] = {}
    for path, half in pictures[:: max(1, len(pictures) // MAX_READ)]:
        try:
            size = files.size_px(path)  # which also says whether it can be read
            width, height = (files.content_box(path) or size)[-2:]
        except images.ImageError:
            continue  # it is reported when it is made
        if min(width, height) >= MIN_SIDE_PX:
            width = width // 2 if half else width
            size = max(1, round(width * (right - left))), max(1, round(height * (bottom - top)))
            sizes.setdefault(size, []).append(path)
    return sizes
