"""Is this what the models were trained on? A drawing: dark lines on light, even paper, without colours.

A few shares of its pixels decide; whether there is a face, is the detector's question. What is wrong is said in a
sentence that says what to do, and nothing is refused: the models answer to anything.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image

from s2f_utils.pictures.cleanup import flatten_paper

SIDE_PX = 256  # pictures are looked at at this size
LINES_PX, LINES_SHARE = 1024, 5e-4  # lines this thin and this few are looked for before a drawing is called faint
TONE = 40  # grey levels below the paper from which a smooth place is a tone, not paper
SMOOTH = 10.0  # standard deviation in grey levels over 5x5 pixels, below which a place is smooth
COLOURED_CHROMA = 8.0  # CIELAB; pencil, ink and yellowed paper, balanced by the paper's own colour, stay below
# Thresholds, chosen on one half of benchmarks/domain_warning.py's pictures and measured on the other.
INVERTED_BELOW = 0.2
FAINT_BELOW = 60.0
TONES_FROM = 0.06
COLOURED_FROM = 0.03
WHITE_FROM = 0.3

ADVICE = {
    "inverted": "light lines on dark paper: the models know dark lines on light paper; invert the picture first",
    "faint": "the lines are faint: scan with more contrast, or have the drawing cleaned up",
    "strengthened": "the lines were faint and have been strengthened: a scan with more contrast gives a better face",
    "coloured": "the drawing has colours: the models know pencil and ink, and take colours for tones of grey",
    "photo": "this looks like a photo, not like a drawing: for photos choose the model photo-to-sketch, with --align;"
    " a drawing is cleaned up nevertheless with --clean always",
    "not a photo": "this looks like a drawing, not like a photo: photo-to-sketch draws photos",
    "shadow": "the drawing lies in a shadow, or on a light table: its light has been evened out",
    "rough face": "the face was found only roughly: if the result looks wrong, give the eyes and the mouth by hand"
    " (--eyes x,y,x,y --mouth x,y)",
    "turned": "the drawing lay on its side, or on its head, and was turned",
    "no lines": "there are no lines that are darker than the paper (what is transparent counts as white paper)",
    "not cleaned": "cleaned up, nothing would be left of it: it was left as it is",
    "empty": "there is nothing in the cut-out: the face is elsewhere",
    "no face": "no face was found, so it is taken to fill the picture: give the eyes and the mouth by hand"
    " (--eyes x,y,x,y --mouth x,y)",
}


LOOKS_PX = 128  # `looks` wants pictures of this size
COLOUR = 24  # the place in `looks` that says how colourful a picture is
MIN_TO_COMPARE = 12  # fewer pictures of a side say nothing about what is usual
DARKER = 25.0  # grey levels by which sketches are never darker than photos
ALIKE = 0.85  # share of pictures on their own side below which the two sides cannot be told apart
WRONG_SIDE = 0.35  # discriminant beyond which a picture belongs to the other side


@dataclass(frozen=True)
class Look:
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
        """ "drawing", or what is the matter: "inverted", "faint", "photo" or "coloured"."""
        if self.contrast < FAINT_BELOW:
            return "faint"
        if self.lightness < INVERTED_BELOW and self.tones_inverted < TONES_FROM:
            return "inverted"
        if self.coloured >= COLOURED_FROM:
            return "coloured" if self.white >= WHITE_FROM else "photo"
        return "photo" if self.tones >= TONES_FROM else "drawing"


def look(picture: np.ndarray) -> Look:
    """Measure a picture, uint8 (H, W, 3), as it was drawn, scanned or photographed."""
    from skimage.color import rgb2lab

    image = Image.fromarray(picture)
    scale = SIDE_PX / max(image.size)
    small = np.asarray(image.resize([max(8, round(side * scale)) for side in image.size], Image.Resampling.BOX))
    grey = np.asarray(Image.fromarray(small).convert("L"))
    dark, middle, light = np.percentile(grey, (0.5, 50, 98))
    contrast = max(light - dark, _ink_contrast(image, light))
    paper = np.median(small[grey >= np.percentile(grey, 70)], axis=0)
    balanced = np.clip(small / np.maximum(paper, 1.0), 0, 1)
    chroma = np.hypot(*np.moveaxis(rgb2lab(balanced)[..., 1:], -1, 0))
    lightness = float((middle - dark) / max(light - dark, 1.0))
    return Look(
        lightness=lightness,
        contrast=float(contrast),
        tones=_tones(grey),
        tones_inverted=_tones(255 - grey) if lightness < INVERTED_BELOW else 1.0,
        coloured=float(np.mean(chroma >= COLOURED_CHROMA)),
        white=float(np.mean(grey >= light - 16)),
    )


def advice(picture: np.ndarray, direction: str = "sketch-to-photo") -> str:
    """What to tell the person whose picture, uint8 (H, W, 3), a shipped model gets as it is; "" if all is well."""
    kind = look(picture).kind
    if direction == "photo-to-sketch":
        return ADVICE["not a photo"] if kind in ("drawing", "faint", "inverted") else ""
    return "" if kind == "drawing" else ADVICE[kind]


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


def looks(small: np.ndarray) -> np.ndarray:
    """What tells drawings from photos: the histogram of grey values, how colourful, how rough; float32 (28,).

    small: uint8 (128, 128, 3).
    """
    rgb = small.astype(np.float32)
    grey = rgb.mean(axis=2)
    histogram = np.histogram(grey, bins=24, range=(0, 256))[0] / grey.size
    across, down = np.abs(np.diff(grey, axis=1)), np.abs(np.diff(grey, axis=0))
    colour = float(np.median(rgb.max(axis=2) - rgb.min(axis=2)))
    rough = [np.median(across) / 32, (across.mean() + down.mean()) / 32, np.mean(across > 24)]
    return np.array([*np.sqrt(histogram), min(1.0, colour / 40), *rough], dtype=np.float32)


def look_exchanged(drawn: np.ndarray, photographed: np.ndarray) -> bool:
    """Whether the sketches are colourful and the photos are not, and lighter; both `looks`, (N, 28) and (M, 28).

    Toned paper is colourful, too, but lighter than photos are.
    """
    colours, levels = ([float(np.median(of(side))) for side in (drawn, photographed)] for of in (_colour, _level))
    return colours[0] > 2 * colours[1] + 0.1 and levels[0] < levels[1]


def _colour(looked: np.ndarray) -> np.ndarray:
    return looked[:, COLOUR]


def _level(looked: np.ndarray) -> np.ndarray:
    """The mean grey level of each picture, from its histogram (whose roots are kept)."""
    shares = looked[:, :COLOUR] ** 2
    return shares @ (np.arange(COLOUR) + 0.5) * 256 / COLOUR


def on_wrong_side(drawn: np.ndarray, photographed: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Which of the sketches look like photos, and which of the photos like sketches: two arrays of bool, (N,) and (M,).

    drawn, photographed: `looks` of each picture, (N, 28) and (M, 28). A linear discriminant; each picture is judged by
    what the others say. With fewer than `MIN_TO_COMPARE` of a side, none does.
    """
    if min(len(drawn), len(photographed)) < MIN_TO_COMPARE:
        return np.zeros(len(drawn), bool), np.zeros(len(photographed), bool)
    wrong = _margins(drawn, photographed) < -WRONG_SIDE
    return wrong[: len(drawn)], wrong[len(drawn) :]


def _margins(drawn: np.ndarray, photographed: np.ndarray) -> np.ndarray:
    """How far each picture is on its own side, sketches first: 1 as expected, below 0 on the other (leave-one-out)."""
    x = np.concatenate([drawn, photographed]).astype(np.float64)
    x = np.column_stack([x, np.ones(len(x))])
    y = np.array([-1.0] * len(drawn) + [1.0] * len(photographed))
    gram = x.T @ x + 1e-2 * np.eye(x.shape[1])
    hat = np.einsum("ij,ji->i", x, np.linalg.solve(gram, x.T))
    fitted = x @ np.linalg.solve(gram, x.T @ y)
    return (fitted - hat * y) / (1 - np.minimum(hat, 0.99)) * y


def problems_of_sides(sketches: np.ndarray, photos: np.ndarray) -> list[str]:
    """What seems wrong with two sides that a model is to learn to translate into each other, in words; [] if nothing.

    sketches, photos: `looks` of some of each, (N, 28) and (M, 28). The first word is "exchanged" where the two are the
    other way round.
    """
    if look_exchanged(sketches, photos):
        return [
            "exchanged: the sketches are colourful and dark, the photos are not: give the two folders the other way"
            " round"
        ]
    levels = [float(np.median(_level(side))) for side in (sketches, photos)]
    if levels[0] < levels[1] - DARKER:
        return ["the sketches are darker than the photos, which is unusual: are the two folders exchanged?"]
    wrong = list(on_wrong_side(sketches, photos))
    # Many photos among the sketches spoil the discriminant; their colours still tell.
    plain, colourful = np.percentile(sketches[:, COLOUR], 10), np.percentile(photos[:, COLOUR], 75)
    if colourful > 2 * plain + 0.1:
        wrong[0] = wrong[0] | (sketches[:, COLOUR] > plain + 0.6 * (colourful - plain))
    found = [
        f"{flags.sum()} of {len(flags)} {side} that were looked at look like {other}"
        for side, other, flags in zip(("sketches", "photos"), ("photos", "sketches"), wrong, strict=True)
        if flags.any()
    ]
    if min(len(sketches), len(photos)) >= MIN_TO_COMPARE and not wrong[0].sum() > 0.3 * len(sketches):
        told_apart = np.mean(_margins(sketches, photos) > 0)
        if told_apart < ALIKE:
            return ["sketches and photos look much alike: are both folders of the same kind, or mixed?"]
    return found
