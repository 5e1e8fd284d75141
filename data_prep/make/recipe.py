"""How the pairs of a set are made: size, crop, alignment, sketches, background."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from data_prep.errors import DataPrepError
from s2f_utils.pictures import faces, images, sketches

MIN_SIDE_PX = 8  # smaller pictures hold no face
MAX_SIZE_PX = 4096
MIN_ZOOM, MAX_ZOOM = 0.3, 3.0
ALIGN = ("none", "crop", "face")
STYLES = (*sketches.STYLES, "outlines", "mixture")
BACKGROUNDS = ("keep", "labels", "grabcut", "rembg")


@dataclass(frozen=True)
class Recipe:
    """How every pair of a set is made; all fields are in the set's settings.json.

    size_px: height and width. align: "none" (the whole picture), "crop" (the part `crop` of it),
    both made square by `fit`, of which None stands for "stretch", which `with_fit` refuses for
    pictures of different shapes, or "face" (detected, turned upright, and cropped by `method` and
    `zoom`). each: photo and sketch are aligned each by its own face, instead of both by the
    photo's. fallback: as in `faces.find_face`. styles: sketches to make from the photos;
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
    styles: tuple[str, ...] = ()
    background: str = "keep"
    clean: bool = False

    @property
    def needs_face(self) -> bool:
        """Whether the photo's face is looked for."""
        return self.align == "face" or self.background == "grabcut"

    def check(self) -> None:
        """DataPrepError when a value is impossible, or two of them contradict each other."""
        self._check_choices()
        self._check_ranges()
        self._check_together()

    def _check_choices(self) -> None:
        choices = [
            ("--fit", self.fit or "stretch", images.FITS),
            ("--align", self.align, ALIGN),
            ("--method", self.method, faces.METHODS),
            ("--fallback", self.fallback, faces.FALLBACKS),
            ("--background", self.background, BACKGROUNDS),
        ]
        choices += [("--style", style, STYLES) for style in self.styles]
        for option, value, known in choices:
            if value not in known:
                raise DataPrepError(f"{option} must be one of {', '.join(known)}, got {value!r}")

    def _check_ranges(self) -> None:
        if not MIN_SIDE_PX <= self.size_px <= MAX_SIZE_PX:
            raise DataPrepError(
                f"--size must be from {MIN_SIDE_PX} to {MAX_SIZE_PX} pixels, got {self.size_px}"
            )
        left, top, right, bottom = self.crop
        if not (0 <= left < right <= 1 and 0 <= top < bottom <= 1):
            shown = " ".join(f"{v:g}" for v in self.crop)
            raise DataPrepError(
                "--crop must be LEFT TOP RIGHT BOTTOM as shares of width and height from 0 to 1,"
                f" got {shown}"
            )
        if not MIN_ZOOM <= self.zoom <= MAX_ZOOM:
            raise DataPrepError(
                f"--zoom must be from {MIN_ZOOM} to {MAX_ZOOM:g}, got {self.zoom:g}"
            )

    def _check_together(self) -> None:
        for option, is_given in (
            ("--each", self.each),
            ("--zoom", self.zoom != 1),
            ("--method", self.method != "similarity"),
        ):
            if is_given and self.align != "face":
                raise DataPrepError(f"{option} belongs to --align face: give that, too")
        if self.crop != Recipe.crop and self.align != "crop":
            raise DataPrepError("--crop belongs to --align crop: give that, too")
        if self.fallback != "none" and not self.needs_face:
            raise DataPrepError(
                "--fallback belongs to --align face and to --background grabcut: give one of them"
            )
        if self.fit == "pad" and self.align != "none":
            raise DataPrepError("--fit pad belongs to --align none: crops fill their square")

    def as_settings(self) -> dict[str, Any]:
        """All fields as settings.json has them: tuples are lists there."""
        settings = asdict(self)
        return settings | {"crop": list(self.crop), "styles": list(self.styles)}

    def in_words(self) -> str:
        """What is done, for the user: "fit stretch, sketches made: pencil"."""
        each = ", each by its own" if self.each else ""
        square = {
            "none": f"fit {self.fit}",
            "crop": f"cut at {' '.join(f'{v:g}' for v in self.crop)}",
            "face": f"aligned to the face ({self.method}, zoom {self.zoom:g}{each})",
        }
        words = [square[self.align]]
        if self.styles:
            words.append(f"sketches made: {', '.join(self.styles)}")
        if self.background != "keep":
            words.append(f"background white ({self.background})")
        if self.clean:
            words.append("sketches cleaned up")
        return ", ".join(words)
