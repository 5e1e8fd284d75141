"""Is this what the models were trained on? A drawing: dark lines on light, even paper, without colours.

A few shares of its pixels decide, and a small logistic regression where they leave it open; whether there is a face, is
the detector's question. What is wrong is remarked on, and nothing is refused: the models answer to anything.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image

from s2f_studio.drawings.cleanup import flatten_paper
from s2f_utils.pictures.images import lab, luminance
from s2f_utils.pictures.remarks import Remark

SIDE_PX = 256  # the size at which pictures are classified
LINES_PX, LINES_SHARE = 1024, 5e-4  # lines this thin and this few are looked for before a drawing is called faint
TONE = 40  # grey levels below the paper from which a smooth place is a tone, not paper
SMOOTH = 10.0  # standard deviation in grey levels over 5x5 pixels, below which a place is smooth
COLOURED_CHROMA = 8.0  # CIELAB; pencil, ink and yellowed paper, balanced by the paper's own colour, stay below
# Thresholds, chosen on one half of the pictures that docs/models.md tells of, and measured on the other half.
INVERTED_BELOW = 0.2
FAINT_BELOW = 60.0
TONES_FROM = 0.06
COLOURED_FROM = 0.03
WHITE_FROM = 0.3
SMALL_PX = 128  # in a drawing that is smaller, lines are tones
# The regression that `git show 8d9355c:tools/fit_domain.py` fitted: (mean, deviation, weight) of each trait, and the
# bias. Above 0 it says photo; above DOUBTFUL a picture with tones is one, too; above SURE it is no drawing in a shadow
# either.
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
}  # fmt: skip
# Few lines on a large sheet are as few edges as a blurred photo has: with more white than this, the odds are these.
MOST_WHITE, OF_PAPER = 0.85, -5.0
BIAS, DOUBTFUL, SURE = -1.454, -1.0, 4.0


@dataclass(frozen=True)
class Verdict:
    """What a picture looks like.

    lightness: where the median lies between the darkest 0.5 % and the lightest 2 %, in [0, 1]: high for lines on paper.
    contrast: grey levels between these two, or between the paper and lines that are fewer than that. tones: share of
    the pixels that are smooth and much darker than the paper, and tones_inverted the same for the negative: high for
    photos; 1 where the picture is too light to be a negative, so that it was not measured. coloured: share of the
    pixels whose chroma is 8 or more beside the paper's. white: share of the pixels within 16 grey levels of the
    lightest 2 %: bare paper. photo: the logarithm of the odds that its greys are a photo's and not a drawing's.
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
        """ "drawing", or what is the matter, a remark's code: "inverted", "faint", "photo" or "coloured"."""
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
    """Measure a picture, uint8 (H, W, 3), as it was drawn, scanned or photographed."""
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
    """A picture, uint8 (H, W, 3), at the size at which it is judged, and its greys."""
    image = Image.fromarray(picture)
    scale = SIDE_PX / max(image.size)
    small = np.asarray(image.resize([max(8, round(side * scale)) for side in image.size], Image.Resampling.BOX))
    return small, luminance(small)


def likeness(grey: np.ndarray, even: tuple[np.ndarray, float] | None = None) -> float:
    """The logarithm of the odds that a grey picture, uint8 (H, W), `SIDE_PX` its longer side, is a photo.

    even: what `flatten_paper` makes of it, where that is known.
    """
    found = traits(grey, even)
    if found["white"] > MOST_WHITE:
        return OF_PAPER
    return BIAS + sum(weight * (found[name] - mean) / spread for name, (mean, spread, weight) in TRAITS.items())


def traits(grey: np.ndarray, even: tuple[np.ndarray, float] | None = None) -> dict[str, float]:
    """What tells the greys of photos from those of drawings, as in `likeness`; names as in `TRAITS`.

    Shares of pixels in tones, of paper, of weak and strong gradients; thin dark and thin light lines; the same of the
    picture before its light was evened out (`…_given`), and how uneven that was.
    """
    import cv2

    flat, ratio = even or flatten_paper(grey)
    x, given = _stretched(flat), _stretched(grey)
    soft = cv2.GaussianBlur(x, (0, 0), 0.7)
    gradient = np.hypot(cv2.Sobel(soft, -1, 1, 0), cv2.Sobel(soft, -1, 0, 1)) / 8
    kernel = np.ones((7, 7), np.uint8)
    dark_lines, light_lines = (
        float(cv2.morphologyEx(x, kind, kernel).mean()) for kind in (cv2.MORPH_BLACKHAT, cv2.MORPH_TOPHAT)
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
    """Greys from the darkest 0.5 % to the lightest 2 % as float32, 0 to 1; paper's noise is not stretched that far."""
    dark, light = np.percentile(grey, (0.5, 98))
    return 1 - np.clip((light - grey.astype(np.float32)) / max(float(light - dark), FAINT_BELOW), 0, 1)


def advice(picture: np.ndarray, reads: str, *, encoded: bool = False) -> Remark | None:
    """What to tell who gives a picture, uint8 (H, W, 3), to a model that reads a "sketch" or a "photo"; None if all is
    well. encoded: by a model of styles, whose small drawings are not judged: in them, lines are tones.
    """
    seen = verdict(picture)
    if encoded and min(picture.shape[:2]) < SMALL_PX and seen.coloured < COLOURED_FROM:
        return None
    kind = seen.kind
    if reads == "photo":
        code = "drawing-for-photos" if encoded else "not-a-photo"
        return Remark(code) if kind in ("drawing", "faint", "inverted") else None
    if kind == "drawing":
        return None
    return Remark("photo-for-sketches" if encoded and kind == "photo" else kind)


def _ink_contrast(image: Image.Image, light: float) -> float:
    """How much darker than the paper lines are that cover little of a large sheet; 0 where there are none."""
    near = image.convert("L")
    near.thumbnail((LINES_PX, LINES_PX), Image.Resampling.BOX)
    grey = np.asarray(near)
    ink = grey[grey < light - FAINT_BELOW]
    return light - float(np.median(ink)) if ink.size >= LINES_SHARE * grey.size else 0.0


def _tones(flat: np.ndarray) -> float:
    """The share of smooth places that are much darker than the paper, of a picture in even light."""
    return _smooth_below(flat, np.percentile(flat, 80) - TONE)


def _smooth_below(grey: np.ndarray, level: float) -> float:
    """The share of smooth places that are darker than a level."""
    import cv2

    values = grey.astype(np.float32)
    mean, of_squares = (cv2.boxFilter(picture, -1, (5, 5)) for picture in (values, values**2))
    return float(np.mean((of_squares - mean**2 < SMOOTH**2) & (mean < level)))
