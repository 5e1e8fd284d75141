"""What benchmarks/faces.py measures of a set of answers: one row of the results."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import faces_inside as inside
import numpy as np
from faces_kept import Judges, shown_by_drawing, shown_by_labels
from faces_looks import Looks
from faces_sets import FaceSet, thumbnails

from s2f_utils import metrics
from s2f_utils.metrics.structure import NO_FACE, gradient, surest_face
from s2f_utils.pictures import faces
from s2f_utils.pictures.images import luminance

HEAD = (0.5, 0.52, 0.37, 0.46)  # centre x, y and half axes of what is looked at in crude sets: the head, not the wall
WALL = 128
CAREFUL = "careful lines"
LIKE_A_STRANGER = 0.99  # of true photos, the quantile of how like they are to the likest training photo
SCORES = ("ssim", "psnr", "l1", "face_ssim", "face_psnr", "face_l1", "face_light", "skin_tone", "sharpness", "residue",
          "detector", "landmarks", "face_found")  # fmt: skip
BY_ATTRIBUTE = ("ssim", "face_ssim", "skin_tone", "sharpness")
NULL = dict.fromkeys((
    *SCORES, "light_shift", "skin_tone_shift", "patch_auc", "frechet", "frechet_ratio", "nearest_photo",
    "nearest_photo_max", "nearest_of_true_photos", "copied", "spread_skin_tone", "spread_hair",
    "kept_glasses", "kept_beard", "kept_hair", "fooled", "retouched",
))  # fmt: skip


class Yardstick:
    """A set, and what of its true photos is found once."""

    def __init__(self, chosen: FaceSet) -> None:
        self.set = chosen
        found = [surest_face(photo) for photo in chosen.truths]
        self.crude = chosen.five is not None
        labels = [shown_by_labels(own) for own in chosen.train_labels]
        self.judges = Judges(chosen.train_photos, labels) if labels else None
        self.true_five = [face.landmarks if face else None for face in found]
        self.photos = [at_one_wall(photo) for photo in chosen.train_photos] if self.crude else chosen.train_photos
        self.looks = Looks(self.photos)
        self.known = thumbnails(chosen.train_photos)
        own = dict(zip(chosen.people, chosen.truths, strict=True))  # a person once
        self.truth_of = own
        self.true_nearest = (thumbnails(list(own.values())) @ self.known.T).max(axis=1)
        self.values: dict[str, np.ndarray] = {}  # of the answers that were measured last
        self.floors = {kind: self._distance(chosen.truths, kind) for kind in sorted(set(chosen.kinds))}

    def places(self, kind: str) -> list[int]:
        """The places of the drawings of one degree or style."""
        return [n for n, own in enumerate(self.set.kinds) if own == kind]

    def _distance(self, pictures: Sequence[np.ndarray], kind: str) -> float:
        some = [pictures[n] for n in self.places(kind)]
        if len(some) < 3:
            return float("nan")
        return self.looks.distance([at_one_wall(p) for p in some] if self.crude else some)

    def per_image(self, made: Sequence[np.ndarray]) -> dict[str, np.ndarray]:
        """Values of every answer: {name: float64 (N,)}, NaN where one has none."""
        rows = [self._one(n, picture) for n, picture in enumerate(made)]
        return {
            key: np.array([row.get(key, np.nan) for row in rows]) for key in dict.fromkeys(k for r in rows for k in r)
        }

    def _one(self, n: int, picture: np.ndarray) -> dict[str, float]:
        true, face = self.set.truths[n], surest_face(picture)
        row = {"detector": face.score if face else 0.0, "face_found": float(face is not None)}
        row["sharpness"] = gradient(picture) / gradient(true)
        if self.crude:
            five, outline = self.set.five[n], self.set.outlines[n]
            row["landmarks"] = meant_error(face, five)
        else:
            row |= {name: metrics.METRICS[name].compute(picture, true) for name in ("ssim", "psnr", "l1")}
            if (five := self.true_five[n]) is None:
                return row
            outline = inside.outline_of(five)
            row["landmarks"] = meant_error(face, five)
            row |= inside.compare(picture, true, five) | _shifts(picture, true, five, outline)
        row["residue"] = inside.stroke_residue(picture, self.set.drawings[n], inside.mask_of(outline, picture.shape))
        return row

    def of_sets(self, made: Sequence[np.ndarray], patch_steps: int | None) -> dict[str, Any]:
        """Figures of the whole set; patch_steps: None for the protocol's, 0 to leave the patch test out."""
        distances = {kind: self._distance(made, kind) for kind in self.floors}
        ratios = {kind: distances[kind] / self.floors[kind] for kind in self.floors}
        nearest = (thumbnails(made) @ self.known.T).max(axis=1)
        found = {
            "frechet": _mean(list(distances.values())),
            "frechet_ratio": _mean(list(ratios.values())),
            "frechet_ratio_by_kind": {kind: _rounded(ratio) for kind, ratio in ratios.items()},
            "nearest_photo": float(np.median(nearest)),
            "nearest_photo_max": float(nearest.max()),
            "copied": float((nearest > np.quantile(self.true_nearest, LIKE_A_STRANGER)).mean()),
            "nearest_of_true_photos": [float(np.median(self.true_nearest)), float(self.true_nearest.max())],
        }
        if self.judges:
            found |= {f"kept_{name}": value for name, value in self._kept(made).items()}
        if patch_steps != 0 and len(self.truth_of) >= 10:
            found["patch_auc"] = self._patches(made, patch_steps)
        return found

    def _kept(self, made: Sequence[np.ndarray]) -> dict[str, float]:
        """Of true photos, only drawings that show nothing but what their person has are asked about."""
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
        """One row's numbers: means with their 95 % intervals, by degree or style, and figures of the set."""
        self.values = values = self.per_image(made)
        row = dict(NULL)
        means = {name: metrics.bootstrap_mean(v) for name, v in values.items()}
        row |= {name: _rounded(interval.mean) for name, interval in means.items()}
        row |= {name: _rounded(figure) for name, figure in self.of_sets(made, patch_steps).items()}
        row["intervals"] = {n: [_rounded(i.low), _rounded(i.high)] for n, i in means.items()}
        row["by_kind"] = {
            kind: {name: _rounded(_mean(v[self.places(kind)])) for name, v in values.items()} for kind in self.floors
        }
        if self.set.attributes:
            row["by_attribute"] = self._by_attribute()
        if self.crude:
            row["landmarks_median"] = _rounded(float(np.nanmedian(values["landmarks"])))
        return row

    def _by_attribute(self) -> dict[str, dict[str, dict[str, Any]]]:
        """Of the answers that were measured last: {attribute: {word: how many, and means with intervals}}."""
        found: dict[str, dict[str, dict[str, Any]]] = {}
        for attribute, words in self.set.attributes.items():
            for word in dict.fromkeys(words):
                some = np.array([own == word for own in words])
                known = [name for name in BY_ATTRIBUTE if name in self.values]
                means = {name: metrics.bootstrap_mean(self.values[name][some]) for name in known}
                cells = {name: [_rounded(v) for v in (i.mean, i.low, i.high)] for name, i in means.items()}
                found.setdefault(attribute, {})[word] = {"num": int(some.sum()), **cells}
        return found


def at_one_wall(picture: np.ndarray) -> np.ndarray:
    """The head of an aligned face before grey, cut out; the same place in every picture."""
    height, width = picture.shape[:2]
    x, y, half_x, half_y = np.array(HEAD) * (width, height, width, height)
    down, across = np.mgrid[:height, :width]
    inside_of = ((across + 0.5 - x) / half_x) ** 2 + ((down + 0.5 - y) / half_y) ** 2 <= 1
    whole = np.where(inside_of[..., None], picture, np.uint8(WALL))
    return np.ascontiguousarray(whole[round(y - half_y) : round(y + half_y), round(x - half_x) : round(x + half_x)])


def meant_error(face: faces.Face | None, five: np.ndarray) -> float:
    """Mean distance of the detector's landmarks from those that were meant, (5, 2), in their eye distances, at most 1;
    1 where no face was found. Landmarks that are NaN were not drawn, and do not count.
    """
    if face is None:
        return NO_FACE
    eyes = float(np.hypot(*(five[1] - five[0])))
    return min(NO_FACE, float(np.nanmean(np.hypot(*(face.landmarks - five).T))) / eyes)


def _shifts(made: np.ndarray, true: np.ndarray, five: np.ndarray, outline: np.ndarray) -> dict[str, float]:
    """By how much the face is lighter than the true one, in grey levels, and its skin by its tone, in degrees."""
    mask, cheeks = inside.mask_of(outline, true.shape), inside.cheeks_of(five, outline, true.shape)
    if not mask.any() or not cheeks.any():
        return {}
    light = [float(luminance(picture)[mask].mean()) for picture in (made, true)]
    tone = [inside.skin_tone(picture, cheeks) for picture in (made, true)]
    return {"light_shift": light[0] - light[1], "skin_tone_shift": tone[0] - tone[1]}


def tones(picture: np.ndarray, five: np.ndarray, outline: np.ndarray) -> tuple[float, float]:
    """The skin's tone (ITA, degrees) and the hair's L*: the median of a band above the forehead."""
    from skimage.color import rgb2lab

    five = np.where(np.isnan(five), faces.TEMPLATE * picture.shape[0] - 0.5, five)
    tone = inside.skin_tone(picture, inside.cheeks_of(five, outline, picture.shape))
    top, high, middle = outline[:, 1].min(), np.ptp(outline[:, 1]), outline[:, 0].mean()
    rows = slice(max(0, round(top - 0.18 * high)), max(2, round(top - 0.04 * high)))
    columns = slice(round(middle - 0.2 * high), round(middle + 0.2 * high))
    return tone, float(np.median(rgb2lab(picture[rows, columns])[..., 0]))


def spread(
    answer: Callable[[np.ndarray, int], np.ndarray], chosen: FaceSet, places: Sequence[int], num: int
) -> dict[str, Any]:
    """How much skin tone and hair lightness vary over `num` answers to each of some drawings, as a share of how much
    they vary over the training people's photos (standard deviations), and whether landmarks are kept.
    """
    template = faces.TEMPLATE * chosen.drawings.shape[1] - 0.5
    people = np.array([tones(photo, template, inside.outline_of(template)) for photo in chosen.train_photos])
    within, errors = [], []
    for n in places:
        made = [answer(chosen.drawings[n], seed) for seed in range(1, num + 1)]
        within.append(np.std([tones(p, chosen.five[n], chosen.outlines[n]) for p in made], axis=0))
        errors += [meant_error(surest_face(p), chosen.five[n]) for p in made]
    shares = np.mean(within, axis=0) / people.std(axis=0)
    return {
        "spread_skin_tone": _rounded(float(shares[0])),
        "spread_hair": _rounded(float(shares[1])),
        "spread_landmarks": _rounded(float(np.mean(errors))),
        "training_skin_tone": [_rounded(v) for v in np.quantile(people[:, 0], (0.05, 0.5, 0.95))],
        "training_hair": [_rounded(v) for v in np.quantile(people[:, 1], (0.05, 0.5, 0.95))],
    }


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
