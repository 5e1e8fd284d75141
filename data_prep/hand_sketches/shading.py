"""What a drawing takes from a photo: edges and tones, by a hand whose greys say little about the
skin.
"""

from __future__ import annotations

import numpy as np

from data_prep.hand_sketches.hand import grained
from s2f_utils.pictures import sketches
from s2f_utils.pictures.images import rounded

LINES = ("pencil", "xdog", "contour", "strokes")


def evened(
    photo: np.ndarray, skin: np.ndarray, person: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """The photo's greys with the skin brought to a random light tone, on a white wall: uint8 (H,
    W).

    skin: bool (H, W), pixels of bare skin; person: float (H, W) in [0, 1].
    """
    grey = photo.astype(np.float32) @ sketches.GREY
    middle = float(np.median(grey[skin])) if skin.any() else 140.0
    wanted = rng.uniform(150, 235)
    toned = 255 * np.clip(grey / max(middle, 20.0) * wanted / 255, 0, 1) ** rng.uniform(0.7, 1.4)
    return rounded(toned * person + 255 * (1 - person))


def photo_lines(grey: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The edges of an evened photo, uint8 (H, W), as one of the sketch styles draws them: ink,
    float32 (H, W).
    """
    style = str(rng.choice(LINES, p=[0.4, 0.2, 0.15, 0.25]))
    drawn = {
        key: float(np.exp(rng.uniform(*np.log(bounds))))
        for key, bounds in sketches.RANDOM[style].items()
    }
    if style == "strokes":
        drawn["seed"] = int(rng.integers(2**31))
    return 1 - sketches.make_sketch(grey, style, **drawn).astype(np.float32) / 255


def shade(grey: np.ndarray, person: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Shading of an evened photo, rubbed or hatched: uint8 (H, W) → ink, float32 (H, W)."""
    import cv2

    soft = cv2.GaussianBlur(grey.astype(np.float32) / 255, (0, 0), rng.uniform(1.0, 4.0))
    tone = np.clip(1 - soft, 0, 1) ** rng.uniform(0.7, 1.8) * rng.uniform(0.3, 1.1) * person
    way = rng.choice(("rubbed", "hatched", "crossed"), p=[0.5, 0.3, 0.2])
    if way == "rubbed":
        return grained(np.clip(tone, 0, 1).astype(np.float32), rng.uniform(0, 0.7), rng)
    turn, gap = rng.uniform(0, np.pi), rng.uniform(2.5, 6.0)
    ink = _hatching(tone, turn, gap, rng)
    if way == "crossed":
        ink = np.maximum(ink, _hatching(1.4 * tone - 0.35, turn + rng.uniform(0.8, 1.6), gap, rng))
    return ink * np.float32(rng.uniform(0.4, 1.0))


def _hatching(tone: np.ndarray, turn: float, gap: float, rng: np.random.Generator) -> np.ndarray:
    """Parallel strokes, wider where the tone, float (H, W), is darker; gap: between them,
    pixels.
    """
    import cv2

    height, width = tone.shape
    y, x = np.mgrid[:height, :width].astype(np.float32)
    stray = cv2.resize(
        rng.normal(0, 0.35 * gap, (10, 10)).astype(np.float32),
        (width, height),
        None,
        0,
        0,
        cv2.INTER_CUBIC,
    )
    at = (x * np.cos(turn) + y * np.sin(turn) + stray) / gap
    away = np.abs(at - np.floor(at) - 0.5) * 2  # 0 on a stroke's middle, 1 between two
    return np.clip((1.2 * tone - 0.85 * away - 0.05) * 4, 0, 1).astype(np.float32)
