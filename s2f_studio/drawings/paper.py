"""The paper of a drawing: the sheet found in its picture, what it looks like, and its cleaning.

`sheet_in` → `verdict` → `clean_paper`. Does a picture look like what the models were trained on,
dark lines on light, even paper, without colours, or is it a photo? A few statistics of its pixels
decide, and a small logistic regression in doubtful cases. Faults lead to remarks, and nothing is
refused: the models answer any picture.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image

from s2f_studio.remarks import Remark
from s2f_utils.pictures import cleanup
from s2f_utils.pictures.cleanup import LINES_BELOW, flatten_paper
from s2f_utils.pictures.images import lab, luminance

EVEN_PAPER, WHITE_PAPER = 1.1, 240  # drawings on paper this even and this white are clean already
SHEET_PX = 64  # smallest side of a sheet
ON_PAPER = ("drawing", "faint", "coloured")  # kinds that cleaning would not erase
# After correction for a hard shadow, a drawing has no tones left and white paper, and was not
# coloured before; photos have colours, and grey ones keep tones.
SHADOWED_TONES_BELOW, SHADOWED_WHITE_FROM, SHADOWED_COLOURED_BELOW = 0.0015, 0.6, 0.2
SIDE_PX = 256  # the size at which pictures are classified
# Lines this thin and this few are searched for before a drawing counts as faint.
LINES_PX, LINES_SHARE = 1024, 5e-4
TONE = 40  # grey levels below the paper from which a smooth area is a tone, not paper
SMOOTH = 10.0  # standard deviation in grey levels over 5x5 pixels, below which an area is smooth
# CIELAB; pencil, ink and yellowed paper, balanced by the paper's own colour, stay below.
COLOURED_CHROMA = 8.0
# Thresholds, chosen on one half of the pictures described in docs/models.md, and measured on the
# other half.
INVERTED_BELOW = 0.2
FAINT_BELOW = 60.0
TONES_FROM = 0.06
COLOURED_FROM = 0.03
WHITE_FROM = 0.3
# A logistic regression fitted on portraits and drawings made of them, by a script that was not
# kept: (mean, deviation, weight) of each trait, and the bias. Above 0 the picture is a photo; above
# DOUBTFUL a picture with tones is one as well; above SURE it is not even a drawing in a shadow.
TRAITS = {
    "tones": (0.3033, 0.1996, 0.589),
    "pale_tones": (0.3488, 0.2035, 0.3475),
    "tones_given": (0.4221, 0.2752, 0.4003),
    "white": (0.4952, 0.189, -0.5307),
    "white_given": (0.3583, 0.2878, -0.3301),
    "middle": (0.3046, 0.1344, 0.6711),
    "middle_given": (0.4022, 0.2131, -0.01428),
    "median": (0.8646, 0.1274, -0.5768),
    "weak_edges": (0.3233, 0.136, 0.1387),
    "strong_edges": (0.3776, 0.1041, -1.3),
    "dark_lines": (0.2424, 0.074, -0.8936),
    "light_lines": (0.2172, 0.07128, -0.6251),
    "lines_ratio": (0.2154, 0.2157, -0.8051),
    "uneven": (0.6646, 0.8661, 0.6014),
}
# A few lines on a large sheet have as few edges as a blurred photo: with more white than this, the
# log odds are fixed.
MOST_WHITE, OF_PAPER = 0.85, -5.0
BIAS, DOUBTFUL, SURE = -1.454, -1.0, 4.0


@dataclass(frozen=True)
class Sheet:
    """A sheet of paper that was found in a picture.

    image: uint8 (H, W, 3), cut out. corners: float64 (4, 2), pixels of the picture, clockwise from
    the top left. verdict: on the image.
    """

    image: np.ndarray
    corners: np.ndarray
    verdict: Verdict

    def place(self, points: np.ndarray) -> np.ndarray:
        """Points of the picture, (N, 2), in pixels of the sheet."""
        import cv2

        return cv2.perspectiveTransform(points[None], cleanup.sheet_matrix(self.corners)[0])[0]

    def remark(self, shape: tuple[int, ...]) -> Remark:
        """The remark that it was cut out of a picture of this shape (H, W, …)."""
        height, width = shape[:2]
        x, y = self.corners.T
        area = 0.5 * abs(float(np.dot(x, np.roll(y, 1)) - np.dot(y, np.roll(x, 1))))
        shares = np.clip((self.corners + 0.5) / (width, height), 0, 1).round(4).tolist()
        percent = round(100 * (1 - area / (height * width)))
        return Remark("cut", {"percent": percent, "corners": shares})


def sheet_in(drawing: np.ndarray) -> Sheet | None:
    """The sheet of paper in a picture, uint8 (H, W, 3); None if there is none, or no drawing on
    it.
    """
    corners = cleanup.find_sheet(drawing)
    if corners is None:
        return None
    image = cleanup.straighten(drawing, corners)
    if min(image.shape[:2]) < SHEET_PX:
        return None
    seen = verdict(image)
    return Sheet(image, corners, seen) if seen.kind in ON_PAPER else None


def clean_paper(
    paper: np.ndarray, clean: str = "auto", seen: Verdict | None = None
) -> tuple[np.ndarray, list[Remark]]:
    """A drawing's paper, uint8 (H, W, 3), cleaned if requested (`prepare.prepare`) and if lines
    remain, or unchanged; and remarks.

    seen: the verdict on it, if known.
    """
    seen = seen or verdict(paper)
    flat = in_even_light(paper, seen) if clean != "never" else None
    is_shadowed = flat is not None
    remarks = []
    if seen.kind != "drawing":
        remarks.append(Remark("shadow" if is_shadowed else seen.kind))
    is_paper = is_shadowed or seen.kind in ON_PAPER
    if clean == "never" or (clean != "always" and not is_paper):
        return paper, remarks
    if not is_shadowed:
        shadows = "hard" if seen.kind == "photo" else "soft"
        flat, unevenness = flatten_paper(paper, shadows=shadows)
        is_dirty = seen.kind == "faint" or needs_cleaning(paper, unevenness)
        if clean != "always" and not is_dirty:
            return paper, remarks
    lines = cleanup.clear_rim(cleanup.stretch_contrast(flat))
    has_lines = lines.min() <= LINES_BELOW
    if seen.kind == "faint":
        remarks = [Remark("strengthened" if has_lines else "no-lines")]
    elif not has_lines:
        return paper, [*remarks, Remark("not-cleaned")]
    return np.repeat(lines[..., None], 3, axis=2), remarks


def needs_cleaning(drawing: np.ndarray, unevenness: float | None = None) -> bool:
    """Whether this is photographed or scanned paper, not white or not even: uint8 (H, W, 3).

    unevenness: as `cleanup.flatten_paper` measures it, if known.
    """
    paper = float(np.percentile(drawing.mean(axis=2), 80))
    if paper < WHITE_PAPER:
        return True
    return (flatten_paper(drawing)[1] if unevenness is None else unevenness) > EVEN_PAPER


def in_even_light(picture: np.ndarray, seen: Verdict) -> np.ndarray | None:
    """A drawing in a shadow with edges, or on a table nearly as light as its paper, with its light
    corrected (`cleanup.flatten_paper` with hard shadows), uint8 (H, W); None for any other picture.

    picture: uint8 (H, W, 3). seen: the verdict on it before, usually photo.
    """
    if seen.kind != "photo" or seen.coloured >= SHADOWED_COLOURED_BELOW or seen.photo > SURE:
        return None
    flat = flatten_paper(picture, shadows="hard")[0]
    again = verdict(np.repeat(flat[..., None], 3, axis=2))
    has_no_tones = again.tones < SHADOWED_TONES_BELOW and again.white >= SHADOWED_WHITE_FROM
    return flat if again.kind == "drawing" and has_no_tones else None


@dataclass(frozen=True)
class Verdict:
    """What a picture looks like.

    lightness: where the median lies between the darkest 0.5 % and the lightest 2 %, in [0, 1]: high
    for lines on paper.
    contrast: grey levels between these two, or between the paper and lines that are fewer than
    that. tones: share of the pixels that are smooth and much darker than the paper, and
    tones_inverted the same for the negative: high for photos; 1, not measured, if the picture is
    too light to be a negative. coloured: share of the pixels whose chroma is 8 or more beside the
    paper's. white: share of the pixels within 16 grey levels of the lightest 2 %: bare paper.
    photo: the logarithm of the odds that its greys are a photo's and not a drawing's.
    """

    lightness: float
    contrast: float
    tones: float
    tones_inverted: float
    coloured: float
    white: float
    photo: float

    @property
    def kind(self) -> str:
        """ "drawing", or the code of a remark: "inverted", "faint", "photo" or "coloured"."""
        if self.contrast < FAINT_BELOW:
            return "faint"
        is_coloured = self.coloured >= COLOURED_FROM
        if self.lightness < INVERTED_BELOW and self.tones_inverted < TONES_FROM:
            return "inverted"
        if self.photo > 0 or (is_coloured and self.white < WHITE_FROM):
            return "photo"
        if is_coloured:
            return "coloured"
        return "photo" if self.tones >= TONES_FROM and self.photo > DOUBTFUL else "drawing"


def verdict(picture: np.ndarray) -> Verdict:
    """Classify a drawn, scanned or photographed picture, uint8 (H, W, 3)."""
    image, (small, grey) = Image.fromarray(picture), looked_at(picture)
    dark, middle, light = np.percentile(grey, (0.5, 50, 98))
    contrast = max(light - dark, _ink_contrast(image, light))
    paper = np.median(small[grey >= np.percentile(grey, 70)], axis=0)
    balanced = np.clip(small / np.maximum(paper, 1.0), 0, 1)
    chroma = np.hypot(*np.moveaxis(lab(255 * balanced)[..., 1:], -1, 0))
    lightness = float(1 - (light - middle) / max(light - dark, 1.0))
    even, tones_inverted = flatten_paper(grey), 1.0
    if lightness < INVERTED_BELOW:
        negative = flatten_paper(255 - grey)
        tones_inverted = _tones(negative[0]) if likeness(255 - grey, negative) <= 0 else 1.0
    return Verdict(
        lightness=lightness,
        contrast=float(contrast),
        tones=_tones(even[0]),
        tones_inverted=tones_inverted,
        coloured=float(np.mean(chroma >= COLOURED_CHROMA)),
        white=float(np.mean(grey >= light - 16)),
        photo=likeness(grey, even),
    )


def looked_at(picture: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A picture, uint8 (H, W, 3), at the size at which it is classified, and its grey levels."""
    image = Image.fromarray(picture)
    scale = SIDE_PX / max(image.size)
    small = np.asarray(
        image.resize([max(8, round(side * scale)) for side in image.size], Image.Resampling.BOX)
    )
    return small, luminance(small)


def likeness(grey: np.ndarray, even: tuple[np.ndarray, float] | None = None) -> float:
    """The logarithm of the odds that a grey picture, uint8 (H, W), with a longer side of `SIDE_PX`,
    is a photo.

    even: the result of `flatten_paper` for it, if known.
    """
    found = traits(grey, even)
    if found["white"] > MOST_WHITE:
        return OF_PAPER
    return BIAS + sum(
        weight * (found[name] - mean) / spread for name, (mean, spread, weight) in TRAITS.items()
    )


def traits(grey: np.ndarray, even: tuple[np.ndarray, float] | None = None) -> dict[str, float]:
    """Traits that separate grey photos from drawings, for `likeness`; names as in `TRAITS`.

    Shares of pixels in tones, of paper, of weak and strong gradients; thin dark and thin light
    lines; the same for the picture before its light was corrected (`…_given`), and how uneven that
    was.
    """
    import cv2

    flat, ratio = even or flatten_paper(grey)
    x, given = _stretched(flat), _stretched(grey)
    soft = cv2.GaussianBlur(x, (0, 0), 0.7)
    gradient = np.hypot(cv2.Sobel(soft, -1, 1, 0), cv2.Sobel(soft, -1, 0, 1)) / 8
    kernel = np.ones((7, 7), np.uint8)
    dark_lines, light_lines = (
        float(cv2.morphologyEx(x, kind, kernel).mean())
        for kind in (cv2.MORPH_BLACKHAT, cv2.MORPH_TOPHAT)
    )
    paper, light = np.percentile(flat, 80), np.percentile(grey, 98)
    return {
        "tones": min(_smooth_below(flat, paper - TONE), 0.3) ** 0.5,
        "pale_tones": min(_smooth_below(flat, paper - TONE / 2), 0.3) ** 0.5,
        "tones_given": min(_smooth_below(grey, light - TONE), 0.5) ** 0.5,
        "white": float(np.mean(x > 0.93)),
        "white_given": float(np.mean(grey >= light - 16)),
        "middle": float(np.mean((x > 0.25) & (x < 0.85))),
        "middle_given": float(np.mean((given > 0.2) & (given < 0.8))),
        "median": float(np.median(x)),
        "weak_edges": float(np.mean((gradient > 0.005) & (gradient < 0.03))),
        "strong_edges": float(np.mean(gradient > 0.08)) ** 0.5,
        "dark_lines": dark_lines**0.5,
        "light_lines": light_lines**0.5,
        "lines_ratio": float(np.log((dark_lines + 0.003) / (light_lines + 0.003))),
        "uneven": float(np.log(ratio)),
    }


def _stretched(grey: np.ndarray) -> np.ndarray:
    """Grey levels from the darkest 0.5 % to the lightest 2 %: float32 in [0, 1].

    Mere paper is stretched less.
    """
    dark, light = np.percentile(grey, (0.5, 98))
    return 1 - np.clip(
        (light - grey.astype(np.float32)) / max(float(light - dark), FAINT_BELOW), 0, 1
    )


def _ink_contrast(image: Image.Image, light: float) -> float:
    """The contrast with the paper of lines that cover little of a large sheet; 0 without lines."""
    near = image.convert("L")
    near.thumbnail((LINES_PX, LINES_PX), Image.Resampling.BOX)
    grey = np.asarray(near)
    ink = grey[grey < light - FAINT_BELOW]
    return light - float(np.median(ink)) if ink.size >= LINES_SHARE * grey.size else 0.0


def _tones(flat: np.ndarray) -> float:
    """The share of smooth areas much darker than the paper, in a picture in even light."""
    return _smooth_below(flat, np.percentile(flat, 80) - TONE)


def _smooth_below(grey: np.ndarray, level: float) -> float:
    """The share of smooth areas darker than a level."""
    import cv2

    values = grey.astype(np.float32)
    mean, of_squares = (cv2.boxFilter(picture, -1, (5, 5)) for picture in (values, values**2))
    return float(np.mean((of_squares - mean**2 < SMOOTH**2) & (mean < level)))


def advice(picture: np.ndarray, reads: str) -> Remark | None:
    """A remark for the user on a picture, uint8 (H, W, 3), for a model that reads a "sketch" or a
    "photo"; None if all is well.
    """
    kind = verdict(picture).kind
    if reads == "photo":
        return Remark("not-a-photo") if kind in ("drawing", "faint", "inverted") else None
    return None if kind == "drawing" else Remark(kind)
