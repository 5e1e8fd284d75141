"""Whether answers show what was drawn: glasses, a beard, long hair, by judges that learned from training portraits.

Ridge regression of the label on gradient histograms of the region it is seen in. A judge is as good as its area under
the ROC curve on true photos of test people, which stands in the row "true photo". There are too few hats (4 of 471
training people) to learn them from.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from PIL import Image

from s2f_utils.pictures.images import luminance

REGIONS = {  # left, top, right, bottom of an aligned face, in shares
    "glasses": (0.2, 0.36, 0.8, 0.6),
    "beard": (0.22, 0.58, 0.78, 0.96),
    "hair": (0.0, 0.0, 1.0, 0.95),
}
SEEN_PX = 64
PENALTY = 0.1  # of the mean eigenvalue


def shown_by_labels(labels: Mapping[str, str]) -> dict[str, bool]:
    """What a person's labels say: {"glasses", "beard", "hair": bool}; hair: to the jaw or longer."""
    beard = labels["beard"] not in ("none", "stubble")
    return {"glasses": labels["glasses"] == "1", "beard": beard, "hair": labels["hair_length"] in ("medium", "long")}


def shown_by_drawing(shows: Mapping[str, bool | str]) -> dict[str, bool]:
    """What a drawing shows, in the same words."""
    return {
        "glasses": bool(shows["glasses"]),
        "beard": bool(shows["beard"]),
        "hair": shows["hair_length"] in ("medium", "long"),
    }


class Judges:
    """One judge for each of `REGIONS`. photos: uint8 (T, H, W, 3), aligned; labels: as `shown_by_labels` gives them."""

    def __init__(self, photos: Sequence[np.ndarray], labels: Sequence[Mapping[str, bool]]) -> None:
        self.fits = {}
        for name, box in REGIONS.items():
            x = np.stack([_features(photo, box) for photo in photos])
            y = np.array([own[name] for own in labels], float)
            weight = np.where(y > 0, 0.5 / max(y.mean(), 1e-9), 0.5 / max(1 - y.mean(), 1e-9))
            mean = (weight @ x) / weight.sum()
            rows = (x - mean) * np.sqrt(weight)[:, None]
            gram = rows @ rows.T
            penalty = PENALTY * np.trace(gram) / len(gram) * np.eye(len(gram))
            target = (2 * y - 1) * np.sqrt(weight)
            self.fits[name] = mean, rows.T @ np.linalg.solve(gram + penalty, target)

    def areas(self, made: Sequence[np.ndarray], shown: Sequence[Mapping[str, bool]]) -> dict[str, float]:
        """How well a judge tells answers to drawings that show a thing from others: the area under its ROC curve; 0.5:
        nothing is kept. NaN where all drawings, or none, show it.
        """
        found = {}
        for name, (mean, weights) in self.fits.items():
            scores = np.array([(_features(picture, REGIONS[name]) - mean) @ weights for picture in made])
            is_there = np.array([own[name] for own in shown], bool)
            found[name] = area(scores[is_there], scores[~is_there])
        return found


def area(above: np.ndarray, below: np.ndarray) -> float:
    """The share of pairs in which the first has the higher score; ties count half; NaN where there is no pair."""
    if not len(above) or not len(below):
        return float("nan")
    difference = np.asarray(above)[:, None] - np.asarray(below)[None]
    return float(((difference > 0) + 0.5 * (difference == 0)).mean())


def _features(picture: np.ndarray, box: tuple[float, float, float, float]) -> np.ndarray:
    from skimage.feature import hog

    height, width = picture.shape[:2]
    part = Image.fromarray(luminance(picture)).crop(
        (round(box[0] * width), round(box[1] * height), round(box[2] * width), round(box[3] * height))
    )
    grey = np.asarray(part.resize((SEEN_PX, SEEN_PX), Image.Resampling.BOX))
    return np.concatenate([hog(grey, 8, (cell, cell), (2, 2)) for cell in (8, 16)])
