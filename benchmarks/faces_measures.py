"""What benchmarks/faces.py measures of a set of answers: one row of the results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import faces_inside as inside
import numpy as np
from faces_people import halves
from faces_sets import FaceSet, thumbnails
from PIL import Image

from s2f_utils import metrics
from s2f_utils.metrics import distribution
from s2f_utils.metrics.structure import NO_FACE, gradient, surest_face
from s2f_utils.pictures import faces
from s2f_utils.pictures.images import luminance

HEAD = (
    0.5,
    0.52,
    0.37,
    0.46,
)  # centre x, y and half axes of what is looked at in crude sets: the head, not the wall
WALL = 128
CAREFUL = "careful lines"
LIKE_A_STRANGER = (
    0.99  # of true photos, the quantile of how like they are to the likest training photo
)
LEAST_OF_A_KIND = 10  # drawings of one degree or style, for distances of halves
SCORES = (
    "ssim",
    "psnr",
    "l1",
    "face_ssim",
    "face_psnr",
    "face_l1",
    "face_light",
    "skin_tone",
    "sharpness",
    "residue",
    "detector",
    "landmarks",
    "face_found",
)
REGIONS = {  # left, top, right, bottom of an aligned face, in shares
    "glasses": (0.2, 0.36, 0.8, 0.6),
    "beard": (0.22, 0.58, 0.78, 0.96),
    "hair": (0.0, 0.0, 1.0, 0.95),
}
SEEN_PX = 64
PENALTY = 0.1  # of the mean eigenvalue
BY_ATTRIBUTE = ("ssim", "face_ssim", "skin_tone", "sharpness")
NULL = dict.fromkeys(
    (
        *SCORES,
        "light_shift",
        "skin_tone_shift",
        "patch_auc",
        "frechet_ratio",
        "precision",
        "recall",
        "nearest_photo",
        "nearest_photo_max",
        "nearest_of_true_photos",
        "copied",
        "spread_skin_tone",
        "spread_hair",
        "kept_glasses",
        "kept_beard",
        "kept_hair",
        "fooled",
        "retouched",
    )
)


class Yardstick:
    """A set, and what of its true photos is found once."""

    def __init__(self, chosen: FaceSet) -> None:
        self.set = chosen
        found = [surest_face(photo) for photo in chosen.truths]
        self.crude = chosen.five is not None
        labels = [shown_by_labels(own) for own in chosen.train_labels]
        self.judges = Judges(chosen.train_photos, labels) if labels else None
        self.true_five = [face.landmarks if face else None for face in found]
        self.known = thumbnails(chosen.train_photos)
        self.truth_of = dict(zip(chosen.people, chosen.truths, strict=True))  # a person once
        self.true_nearest = (thumbnails(list(self.truth_of.values())) @ self.known.T).max(axis=1)
        self.values: dict[str, np.ndarray] = {}  # of the answers that were measured last
        self.kinds = sorted(set(chosen.kinds))
        self.features = distribution.pooled(chosen.truths).numpy()

    def places(self, kind: str) -> list[int]:
        """The places of the drawings of one degree or style."""
        return [n for n, own in enumerate(self.set.kinds) if own == kind]

    def per_image(self, made: Sequence[np.ndarray]) -> dict[str, np.ndarray]:
        """Values of every answer: {name: float64 (N,)}, NaN where one has none."""
        rows = [self._one(n, picture) for n, picture in enumerate(made)]
        return {
            key: np.array([row.get(key, np.nan) for row in rows])
            for key in dict.fromkeys(k for r in rows for k in r)
        }

    def _one(self, n: int, picture: np.ndarray) -> dict[str, float]:
        true, face = self.set.truths[n], surest_face(picture)
        row = {"detector": face.score if face else 0.0, "face_found": float(face is not None)}
        row["sharpness"] = gradient(picture) / gradient(true)
        if self.crude:
            five, outline = self.set.five[n], self.set.outlines[n]
            row["landmarks"] = meant_error(face, five)
        else:
            row |= {
                name: metrics.METRICS[name].compute(picture, true)
                for name in ("ssim", "psnr", "l1")
            }
            if (five := self.true_five[n]) is None:
                return row
            outline = inside.outline_of(five)
            row["landmarks"] = meant_error(face, five)
            row |= inside.compare(picture, true, five) | _shifts(picture, true, five, outline)
        row["residue"] = inside.stroke_residue(
            picture, self.set.drawings[n], inside.mask_of(outline, picture.shape)
        )
        return row

    def of_sets(self, made: Sequence[np.ndarray], patch_steps: int | None) -> dict[str, Any]:
        """Figures of the whole set; patch_steps: None for the protocol's, 0 to leave the patch test
        out.
        """
        features, places = (
            distribution.pooled(made).numpy(),
            [self.places(kind) for kind in self.kinds],
        )
        by_kind = [
            halves(features[n], self.features[n], paired=True)
            for n in places
            if len(n) >= LEAST_OF_A_KIND
        ]
        nearest = (thumbnails(made) @ self.known.T).max(axis=1)
        found = {
            **{
                name: _mean([own[name] for own in by_kind])
                for name in ("frechet_ratio", "precision", "recall")
            },
            "nearest_photo": float(np.median(nearest)),
            "nearest_photo_max": float(nearest.max()),
            "copied": float((nearest > np.quantile(self.true_nearest, LIKE_A_STRANGER)).mean()),
            "nearest_of_true_photos": [
                float(np.median(self.true_nearest)),
                float(self.true_nearest.max()),
            ],
        }
        if self.judges:
            found |= {f"kept_{name}": value for name, value in self._kept(made).items()}
        if patch_steps != 0 and len(self.truth_of) >= 10:
            found["patch_auc"] = self._patches(made, patch_steps)
        return found

    def _kept(self, made: Sequence[np.ndarray]) -> dict[str, float]:
        """Of true photos, only drawings that show nothing but what their person has are asked
        about.
        """
        same = made is self.set.truths
        places = [n for n, kind in enumerate(self.set.kinds) if not same or kind == CAREFUL]
        shown = [shown_by_drawing(self.set.shows[n]) for n in places]
        return self.judges.areas([made[n] for n in places], shown)

    def _patches(self, made: Sequence[np.ndarray], steps: int | None) -> float:
        truths = list(self.truth_of.values())
        if self.crude:
            made, truths = ([at_one_wall(p) for p in side] for side in (made, truths))
        options = {} if steps is None else {"num_steps": steps}
        return metrics.patch_test(made, truths, self.set.people, list(self.truth_of), **options).auc

    def row(self, made: Sequence[np.ndarray], patch_steps: int | None = None) -> dict[str, Any]:
        """One row's numbers: means with their 95 % intervals, by degree or style, and figures of
        the set.
        """
        self.values = values = self.per_image(made)
        row = dict(NULL)
        means = {name: metrics.bootstrap_mean(v) for name, v in values.items()}
        row |= {name: _rounded(interval.mean) for name, interval in means.items()}
        row |= {name: _rounded(figure) for name, figure in self.of_sets(made, patch_steps).items()}
        row["intervals"] = {n: [_rounded(i.low), _rounded(i.high)] for n, i in means.items()}
        row["by_kind"] = {
            kind: {name: _rounded(_mean(v[self.places(kind)])) for name, v in values.items()}
            for kind in self.kinds
        }
        if self.set.attributes:
            row["by_attribute"] = self._by_attribute()
        if self.crude:
            row["landmarks_median"] = _rounded(float(np.nanmedian(values["landmarks"])))
        return row

    def _by_attribute(self) -> dict[str, dict[str, dict[str, Any]]]:
        """Of the answers that were measured last: {attribute: {word: how many, and means with
        intervals}}.
        """
        found: dict[str, dict[str, dict[str, Any]]] = {}
        for attribute, words in self.set.attributes.items():
            for word in dict.fromkeys(words):
                some = np.array([own == word for own in words])
                known = [name for name in BY_ATTRIBUTE if name in self.values]
                means = {name: metrics.bootstrap_mean(self.values[name][some]) for name in known}
                cells = {
                    name: [_rounded(v) for v in (i.mean, i.low, i.high)]
                    for name, i in means.items()
                }
                found.setdefault(attribute, {})[word] = {"num": int(some.sum()), **cells}
        return found


def shown_by_labels(labels: Mapping[str, str]) -> dict[str, bool]:
    """What a person's labels say: {"glasses", "beard", "hair": bool}; hair: to the jaw or longer."""
    beard = labels["beard"] not in ("none", "stubble")
    return {
        "glasses": labels["glasses"] == "1",
        "beard": beard,
        "hair": labels["hair_length"] in ("medium", "long"),
    }


def shown_by_drawing(shows: Mapping[str, bool | str]) -> dict[str, bool]:
    """What a drawing shows, in the same words."""
    return {
        "glasses": bool(shows["glasses"]),
        "beard": bool(shows["beard"]),
        "hair": shows["hair_length"] in ("medium", "long"),
    }


class Judges:
    """Whether answers show what was drawn: for each of `REGIONS`, ridge regression of the label on
    gradient histograms.

    As good as its area under the ROC curve on true photos of test people, in the row "true photo";
    there are too few hats (4 of 471 training people) to learn them from. photos: uint8 (T, H, W,
    3), aligned; labels: as `shown_by_labels` gives them.
    """

    def __init__(self, photos: Sequence[np.ndarray], labels: Sequence[Mapping[str, bool]]) -> None:
        self.fits = {}
        for name, box in REGIONS.items():
            x = np.stack([_gradients(photo, box) for photo in photos])
            y = np.array([own[name] for own in labels], float)
            weight = np.where(y > 0, 0.5 / max(y.mean(), 1e-9), 0.5 / max(1 - y.mean(), 1e-9))
            mean = (weight @ x) / weight.sum()
            rows = (x - mean) * np.sqrt(weight)[:, None]
            gram = rows @ rows.T
            penalty = PENALTY * np.trace(gram) / len(gram) * np.eye(len(gram))
            target = (2 * y - 1) * np.sqrt(weight)
            self.fits[name] = mean, rows.T @ np.linalg.solve(gram + penalty, target)

    def areas(
        self, made: Sequence[np.ndarray], shown: Sequence[Mapping[str, bool]]
    ) -> dict[str, float]:
        """How well a judge tells answers to drawings that show a thing from others: the area under
        its ROC curve; 0.5: nothing is kept. NaN where all drawings, or none, show it.
        """
        found = {}
        for name, (mean, weights) in self.fits.items():
            scores = np.array(
                [(_gradients(picture, REGIONS[name]) - mean) @ weights for picture in made]
            )
            is_there = np.array([own[name] for own in shown], bool)
            found[name] = area(scores[is_there], scores[~is_there])
        return found


def area(above: np.ndarray, below: np.ndarray) -> float:
    """The share of pairs in which the first has the higher score; ties count half; NaN where there
    is no pair.
    """
    if not len(above) or not len(below):
        return float("nan")
    difference = np.asarray(above)[:, None] - np.asarray(below)[None]
    return float(((difference > 0) + 0.5 * (difference == 0)).mean())


def _gradients(picture: np.ndarray, box: tuple[float, float, float, float]) -> np.ndarray:
    from skimage.feature import hog

    height, width = picture.shape[:2]
    part = Image.fromarray(luminance(picture)).crop(
        (
            round(box[0] * width),
            round(box[1] * height),
            round(box[2] * width),
            round(box[3] * height),
        )
    )
    grey = np.asarray(part.resize((SEEN_PX, SEEN_PX), Image.Resampling.BOX))
    return np.concatenate([hog(grey, 8, (cell, cell), (2, 2)) for cell in (8, 16)])


def at_one_wall(picture: np.ndarray) -> np.ndarray:
    """The head of an aligned face before grey, cut out; the same place in every picture."""
    height, width = picture.shape[:2]
    x, y, half_x, half_y = np.array(HEAD) * (width, height, width, height)
    down, across = np.mgrid[:height, :width]
    inside_of = ((across + 0.5 - x) / half_x) ** 2 + ((down + 0.5 - y) / half_y) ** 2 <= 1
    whole = np.where(inside_of[..., None], picture, np.uint8(WALL))
    return np.ascontiguousarray(
        whole[round(y - half_y) : round(y + half_y), round(x - half_x) : round(x + half_x)]
    )


def meant_error(face: faces.Face | None, five: np.ndarray) -> float:
    """Mean distance of the detector's landmarks from those that were meant, (5, 2), in their eye
    distances, at most 1; 1 where no face was found. Landmarks that are NaN were not drawn, and do
    not count.
    """
    if face is None:
        return NO_FACE
    eyes = float(np.hypot(*(five[1] - five[0])))
    return min(NO_FACE, float(np.nanmean(np.hypot(*(face.landmarks - five).T))) / eyes)


def _shifts(
    made: np.ndarray, true: np.ndarray, five: np.ndarray, outline: np.ndarray
) -> dict[str, float]:
    """By how much the face is lighter than the true one, in grey levels, and its skin by its tone,
    in degrees.
    """
    mask, cheeks = inside.mask_of(outline, true.shape), inside.cheeks_of(five, outline, true.shape)
    if not mask.any() or not cheeks.any():
        return {}
    light = [float(luminance(picture)[mask].mean()) for picture in (made, true)]
    tone = [inside.skin_tone(picture, cheeks) for picture in (made, true)]
    return {"light_shift": light[0] - light[1], "skin_tone_shift": tone[0] - tone[1]}


def _mean(values: Sequence[float]) -> float:
    values = np.asarray(values, float)
    values = values[~np.isnan(values)]
    return float(values.mean()) if len(values) else float("nan")


def _rounded(value: Any) -> Any:
    """As JSON takes it: four digits, None for NaN and what is infinite."""
    if isinstance(value, dict):
        return {key: _rounded(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_rounded(one) for one in value]
    return round(float(value), 4) if np.isfinite(value) else None
