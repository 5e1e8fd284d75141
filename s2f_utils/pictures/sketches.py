"""Sketches from photos: one pure function for each style, and a random mixture of them.

A photo is uint8 (H, W, 3) RGB; a sketch is uint8 (H, W), dark lines on white (255). Lengths are
shares of the picture's longer side.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from s2f_utils.pictures.images import rounded

SHORTEST = 0.04  # edge that `contour` draws
GREY = np.array([0.299, 0.587, 0.114], dtype=np.float32)  # ITU-R BT.601, as PIL's "L"


def _grey(photo: np.ndarray) -> np.ndarray:
    """uint8 (H, W, 3) or (H, W) → float32 (H, W) in [0, 1]."""
    photo = np.asarray(photo)
    is_picture = photo.ndim == 2 or (photo.ndim == 3 and photo.shape[2] == 3)
    if photo.dtype != np.uint8 or not is_picture:
        raise ValueError(
            f"photo must be uint8 (H, W, 3) or (H, W), got {photo.dtype} {photo.shape}"
        )
    grey = photo.astype(np.float32)
    if photo.ndim == 3:
        grey = grey @ GREY
    return grey / 255.0


def _blur(image: np.ndarray, sigma_px: float) -> np.ndarray:
    import cv2

    if sigma_px < 0.1:
        return image
    return cv2.GaussianBlur(image, (0, 0), sigma_px, borderType=cv2.BORDER_REFLECT_101)


def _edges(grey: np.ndarray, threshold: float) -> Sequence[np.ndarray]:
    """Canny's edges in a smooth picture, float32 (H, W) in [0, 1]: int32 (N, 1, 2) each, around the
    edge and back.
    """
    import cv2

    edges = cv2.Canny(rounded(grey * 255.0), 0.4 * threshold, threshold, L2gradient=True)
    return cv2.findContours(edges, cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)[0]


def pencil(
    photo: np.ndarray, *, strength: float = 1.0, width: float = 0.015, shading: float = 0.15
) -> np.ndarray:
    """A soft pencil drawing:
    colour dodge, the grey photo divided by its blurred self, over a light shading.

    strength: darkness of the lines, 0 (white paper) to 3. width: of the blur, and of the lines,
    0.002 to 0.1. shading: how much of the photo's tones remain, 0 to 1.
    """
    grey = _blur(_grey(photo), 0.001 * max(photo.shape[:2]))  # single pixels of noise are not drawn
    soft = _blur(grey, width * max(photo.shape[:2]))
    lines = np.clip((grey + 0.02) / (soft + 0.02), 0, 1)
    tones = 1 - shading * np.clip(1 - soft, 0, 1) ** 1.5
    return rounded((lines**2 * tones) ** strength * 255.0)


def xdog(
    photo: np.ndarray,
    *,
    strength: float = 1.0,
    width: float = 0.004,
    sharpness: float = 3.0,
    darkness: float = 0.2,
) -> np.ndarray:
    """An ink drawing: the extended difference of Gaussians (Winnemöller, Kyprianidis and Olsen
    2012, eqs. 5 and 7).

    strength: of the edges against the tones, 0 to 3 (the paper's p = 30 · strength). width: sigma
    of the narrower Gaussian, 0.001 to 0.02; the other's is 1.6 times as wide. sharpness: φ, 1
    (soft) to 100 (black and white).
    darkness: ε, the tone below which all is ink, 0 to 1.
    """
    p = 30.0 * strength
    sigma = width * max(photo.shape[:2])
    grey = _grey(photo)
    below = darkness - ((1 + p) * _blur(grey, sigma) - p * _blur(grey, 1.6 * sigma))
    ink = 1.0 - np.tanh(sharpness * np.maximum(below, 0))
    return rounded(np.where(below <= 0, 1.0, ink) * 255.0)


def contour(
    photo: np.ndarray,
    *,
    strength: float = 1.0,
    width: float = 0.005,
    smoothing: float = 0.005,
    simplify: float = 0.003,
) -> np.ndarray:
    """A line drawing: the longer of Canny's edges (Canny 1986), simplified (Douglas-Peucker) and
    drawn as strokes.

    strength: sensitivity to weak edges, 0 (none) to 3. width: of the strokes, 0.002 to 0.03.
    smoothing: sigma before edge detection, 0 to 0.05. simplify: distance of a stroke from its edge,
    0 to 0.05.
    """
    import cv2

    side = max(photo.shape[:2])
    strokes = []
    if strength > 0:
        smooth = _blur(_grey(photo), smoothing * side)
        # Pixel by pixel, an edge is flatter in a larger picture.
        edges = _edges(smooth, 43.0 / strength * 256 / side)
        length = 2 * SHORTEST * side  # a contour runs around its line, there and back
        long = [edge for edge in edges if cv2.arcLength(edge, True) >= length]
        strokes = [cv2.approxPolyDP(edge, simplify * side, True) for edge in long]
    return _drawn(photo.shape[:2], strokes, width * side)


def strokes(
    photo: np.ndarray,
    *,
    seed: int = 0,
    strength: float = 1.0,
    width: float = 0.004,
    wobble: float = 0.004,
    missing: float = 0.2,
    hatching: float = 0.5,
) -> np.ndarray:
    """A drawing by hand: edges as separate strokes that wobble, fade and are sometimes left out,
    and hatched darks.

    strength: sensitivity to weak edges, 0 (none) to 3. width: of the strokes, 0.002 to 0.03.
    wobble: distance of a stroke from its edge, 0 to 0.02. missing: share of omitted strokes, 0 to
    0.9. hatching: its density, 0 to 1.
    """
    import cv2

    side = max(photo.shape[:2])
    grey = _grey(photo)
    hand = _Hand(photo.shape[:2], wobble * side, np.random.default_rng(seed))
    if strength > 0:
        edges = _edges(_blur(grey, 0.006 * side), 36.0 / strength * 256 / side)
        hand.follow(edges, width * side, missing)
    if hatching > 0:
        hand.hatch(_blur(grey, 0.01 * side), width * side, hatching)
    return 255 - cv2.resize(hand.ink, photo.shape[1::-1], interpolation=cv2.INTER_AREA)


class _Hand:
    """Draws wobbling strokes on paper of this shape (H, W), at twice its size."""

    def __init__(self, shape: tuple[int, int], wobble: float, rng: np.random.Generator) -> None:
        self.side = max(shape)
        self.wobble = wobble
        self.rng = rng
        self.ink = np.zeros((shape[0] * 2, shape[1] * 2), np.uint8)

    def stroke(self, points: np.ndarray, dark: float, thick: float) -> None:
        """Along points (N, 2), pixels; dark: from 0 to 1; thick: pixels.

        Strokes that cross do not become darker.
        """
        import cv2

        num_away = max(2, len(points) // round(0.06 * self.side + 1) + 2)
        away = self.rng.normal(0, self.wobble, (num_away, 2))
        knots = np.linspace(0, 1, num_away)
        along = np.linspace(0, 1, len(points))
        shifts = [np.interp(along, knots, away[:, axis]) for axis in (0, 1)]
        moved = points + np.stack(shifts, axis=1)
        line = np.rint((moved + 0.5) * 2 * 16).astype(np.int32)
        board = np.zeros_like(self.ink)
        width_px = max(1, round(2 * thick))
        board = cv2.polylines(board, [line], False, 255, width_px, cv2.LINE_AA, 4)
        x, y, wide, high = cv2.boundingRect(np.rint(moved * 2).astype(np.int32))
        rim = 8 + round(thick)
        window = np.s_[max(0, y - rim) : y + high + rim, max(0, x - rim) : x + wide + rim]
        self.ink[window] = np.maximum(self.ink[window], (board[window] * dark).astype(np.uint8))

    def follow(self, edges: Sequence[np.ndarray], width: float, missing: float) -> None:
        """Draw edges in pieces, there and back again: many are drawn twice, as by hand."""
        for edge in edges:
            points = edge[:, 0].astype(np.float64)
            start = 0
            while start < len(points) - 4:
                length = int(self.rng.uniform(0.05, 0.3) * self.side)
                part = points[start : start + length]
                start += length
                if len(part) >= 0.025 * self.side and self.rng.random() >= missing:
                    dark = self.rng.uniform(0.55, 1.0)
                    self.stroke(part, dark, width * self.rng.uniform(0.6, 1.4))

    def hatch(self, tone: np.ndarray, width: float, density: float) -> None:
        """Short strokes across the dark parts of a smooth picture, float32 (H, W) in [0, 1],
        along its edges.
        """
        import cv2

        dark = np.argwhere(tone < min(0.3, float(np.quantile(tone, 0.35))))
        down = cv2.Sobel(tone, cv2.CV_32F, 0, 1)
        across = cv2.Sobel(tone, cv2.CV_32F, 1, 0)
        along_edge = np.arctan2(down, across) + np.pi / 2
        num = int(density * len(dark) * 40 / self.side**1.5)
        for row, column in dark[self.rng.permutation(len(dark))[:num]]:
            angle = along_edge[row, column] + self.rng.normal(0, 0.3)
            reach = np.linspace(-0.5, 0.5, 8)[:, None] * self.rng.uniform(0.03, 0.1) * self.side
            points = np.array([column, row]) + reach * [np.cos(angle), np.sin(angle)]
            self.stroke(points, self.rng.uniform(0.3, 0.8), 0.7 * width)


def outlines(mask: np.ndarray, *, width: float = 0.005, simplify: float = 0.002) -> np.ndarray:
    """The outlines of a label map's parts, as strokes.

    mask: integer (H, W), one class a pixel (CelebAMask-HQ's 19, or any). width, simplify: as in
    `contour`.
    """
    import cv2
    from skimage.measure import find_contours

    mask = np.asarray(mask)
    if mask.ndim != 2 or not np.issubdtype(mask.dtype, np.integer):
        raise ValueError(f"mask must be integer (H, W), got {mask.dtype} {mask.shape}")
    side = max(mask.shape)
    width_px = width * side
    # The frame is no outline: the map goes on beyond it, and is cut off at the end.
    rim = 2 + round(2 * width_px)
    wider = np.pad(mask, rim, mode="edge")
    strokes = []
    for label in np.unique(mask):
        # Between the pixels, so that both sides agree.
        for line in find_contours((wider == label).astype(np.float32), 0.5):
            if len(line) > 0.02 * side:
                is_ring = np.array_equal(line[0], line[-1])
                # A line that ends at the rim is drawn there and back, as strokes are closed.
                whole = line if is_ring else np.concatenate([line, line[::-1]])
                points = whole[:, None, ::-1].astype(np.float32)
                strokes.append(cv2.approxPolyDP(points, simplify * side, True))
    return _drawn(wider.shape, strokes, width_px)[rim:-rim, rim:-rim].copy()


def _drawn(shape: tuple[int, int], strokes: list, width_px: float) -> np.ndarray:
    """Closed polylines as dark strokes on paper (H, W), anti-aliased at any width: drawn at four
    times the size.
    """
    import cv2

    canvas = np.full((shape[0] * 4, shape[1] * 4), 255, np.uint8)
    shifted = [np.rint((line + 0.5) * 4 - 0.5).astype(np.int32) for line in strokes]
    cv2.polylines(canvas, shifted, True, 0, max(1, round(width_px * 4)), cv2.LINE_8)
    return cv2.resize(canvas, shape[::-1], interpolation=cv2.INTER_AREA)


STYLES: dict[str, Callable[..., np.ndarray]] = {
    "pencil": pencil,
    "xdog": xdog,
    "contour": contour,
    "strokes": strokes,
}
# What `mixture` draws from: for each style, its parameters' ranges; strengths and widths are drawn
# on a log scale.
RANDOM: dict[str, Mapping[str, tuple[float, float]]] = {
    "pencil": {"strength": (0.6, 1.6), "width": (0.006, 0.03), "shading": (0.02, 0.5)},
    "xdog": {
        "strength": (0.6, 1.5),
        "width": (0.002, 0.006),
        "sharpness": (2, 10),
        "darkness": (0.1, 0.3),
    },
    "contour": {
        "strength": (0.6, 1.6),
        "width": (0.003, 0.009),
        "smoothing": (0.004, 0.01),
        "simplify": (0.001, 0.005),
    },
    "strokes": {
        "strength": (0.6, 1.8),
        "width": (0.003, 0.008),
        "wobble": (0.001, 0.007),
        "missing": (0.05, 0.5),
        "hatching": (0.02, 1.0),
    },
    "outlines": {"width": (0.003, 0.009), "simplify": (0.001, 0.004)},
}


def make_sketch(
    photo: np.ndarray, style: str, *, mask: np.ndarray | None = None, **parameters: float
) -> np.ndarray:
    """Make a sketch from a photo, uint8 (H, W, 3): uint8 (H, W), dark lines on white.

    style: one of `STYLES`, or "outlines", which needs the photo's label map. mask: that map, uint8
    (H, W). parameters: of the style's function. Raises ValueError for an unknown style, or a
    missing map.
    """
    if style == "outlines":
        if mask is None:
            raise ValueError(
                "style outlines needs a mask: choose another style, or give a data set with masks"
            )
        return outlines(mask, **parameters)
    if style not in STYLES:
        raise ValueError(f"style must be one of {', '.join([*STYLES, 'outlines'])}, got {style!r}")
    return STYLES[style](photo, **parameters)


def mixture(photo: np.ndarray, seed: int, *, mask: np.ndarray | None = None) -> np.ndarray:
    """A sketch in a random style, or, for half of the seeds, the darker of two: uint8 (H, W).

    photo: uint8 (H, W, 3). seed: the same seed makes the same sketch. mask: the photo's label map,
    uint8 (H, W); without it the style "outlines" is left out.
    """
    rng = np.random.default_rng(seed)
    styles = [name for name in RANDOM if mask is not None or name != "outlines"]
    drawn = []
    for _ in range(int(rng.integers(1, 3))):
        style = str(rng.choice(styles))
        parameters = {}
        for key, bounds in RANDOM[style].items():
            parameters[key] = float(np.exp(rng.uniform(*np.log(bounds))))
        if style == "strokes":
            parameters["seed"] = int(rng.integers(2**31))
        drawn.append(make_sketch(photo, style, mask=mask, **parameters))
    return np.minimum.reduce(drawn)
