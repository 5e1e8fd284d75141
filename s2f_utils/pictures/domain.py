"""Is this what the models were trained on? A drawing: dark lines on light, even paper, without colours.

A few shares of its pixels decide; whether there is a face, is the detector's question. What is wrong is remarked on,
and nothing is refused: the models answer to anything.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image

from s2f_utils.pictures.cleanup import flatten_paper
from s2f_utils.pictures.images import luminance
from s2f_utils.pictures.remarks import Remark

SIDE_PX = 256  # pictures are looked at at this size
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


@dataclass(frozen=True)
class Verdict:
    """What a picture looks like.

    lightness: where the median lies between the darkest 0.5 % and the lightest 2 %, in [0, 1]: high for lines on paper.
    contrast: grey levels between these two, or between the paper and lines that are fewer than that. tones: share of
    the pixels that are smooth and much darker than the paper, and tones_inverted the same for the negative: high for
    photos; 1 where the picture is too light to be a negative, so that it was not measured. coloured: share of the
    pixels whose chroma is 8 or more beside the paper's. white: share of the pixels within 16 grey levels of the
    lightest 2 %: bare paper.
    """

    lightness: float
    contrast: float
    tones: float
    tones_inverted: float
    coloured: float
    white: float

    @property
    def kind(self) -> str:
        """ "drawing", or what is the matter, a remark's code: "inverted", "faint", "photo" or "coloured"."""
        if self.contrast < FAINT_BELOW:
            return "faint"
        if self.lightness < INVERTED_BELOW and self.tones_inverted < TONES_FROM:
            return "inverted"
        if self.coloured >= COLOURED_FROM:
            return "coloured" if self.white >= WHITE_FROM else "photo"
        return "photo" if self.tones >= TONES_FROM else "drawing"


def verdict(picture: np.ndarray) -> Verdict:
    """Measure a picture, uint8 (H, W, 3), as it was drawn, scanned or photographed."""
    from skimage.color import rgb2lab

    image = Image.fromarray(picture)
    scale = SIDE_PX / max(image.size)
    small = np.asarray(image.resize([max(8, round(side * scale)) for side in image.size], Image.Resampling.BOX))
    grey = luminance(small)
    dark, middle, light = np.percentile(grey, (0.5, 50, 98))
    contrast = max(light - dark, _ink_contrast(image, light))
    paper = np.median(small[grey >= np.percentile(grey, 70)], axis=0)
    balanced = np.clip(small / np.maximum(paper, 1.0), 0, 1)
    chroma = np.hypot(*np.moveaxis(rgb2lab(balanced)[..., 1:], -1, 0))
    lightness = float((middle - dark) / max(light - dark, 1.0))
    return Verdict(
        lightness=lightness,
        contrast=float(contrast),
        tones=_tones(grey),
        tones_inverted=_tones(255 - grey) if lightness < INVERTED_BELOW else 1.0,
        coloured=float(np.mean(chroma >= COLOURED_CHROMA)),
        white=float(np.mean(grey >= light - 16)),
    )


def advice(picture: np.ndarray, direction: str = "sketch-to-photo") -> Remark | None:
    """What to tell the person whose picture, uint8 (H, W, 3), a shipped model gets as it is; None if all is well."""
    kind = verdict(picture).kind
    if direction == "photo-to-sketch":
        return Remark("not-a-photo") if kind in ("drawing", "faint", "inverted") else None
    return None if kind == "drawing" else Remark(kind)


def _ink_contrast(image: Image.Image, light: float) -> float:
    """How much darker than the paper lines are that cover little of a large sheet; 0 where there are none."""
    near = image.convert("L")
    near.thumbnail((LINES_PX, LINES_PX), Image.Resampling.BOX)
    grey = np.asarray(near)
    ink = grey[grey < light - FAINT_BELOW]
    return light - float(np.median(ink)) if ink.size >= LINES_SHARE * grey.size else 0.0


def _tones(grey: np.ndarray) -> float:
    """The share of smooth places that are much darker than the paper, after the light was evened out."""
    import cv2

    flat = flatten_paper(grey)[0].astype(np.float32)
    mean, of_squares = (cv2.boxFilter(values, -1, (5, 5)) for values in (flat, flat**2))
    smooth = of_squares - mean**2 < SMOOTH**2
    return float(np.mean(smooth & (mean < np.percentile(flat, 80) - TONE)))
