"""The weights by which `pictures/domain.py` tells photos from drawings: a logistic regression on portraits and on
drawings that the code makes of them. It prints `TRAITS` and `BIAS`; some ten minutes.

    python tools/fit_domain.py FOLDER_WITH_PORTRAITS LANDMARKS.npz

LANDMARKS.npz: `names` (N) of the files, and `points` (N, 478, 2), those of MediaPipe's face mesh, in pixels.
"""

from __future__ import annotations

import io
import sys
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from data_prep.make.scribbles.cutout import cut_out
from data_prep.make.scribbles.drawing import scribble
from s2f_studio.drawings import domain, mesh
from s2f_utils.pictures import faces, images, sketches

PENALTY = 0.01
KEPT_APART = 5  # every fifth person is for measuring
GREY = np.array([0.299, 0.587, 0.114])


def as_bytes(picture: np.ndarray) -> np.ndarray:
    """Grey levels cut to whole ones, uint8."""
    return np.clip(picture, 0, 255).astype(np.uint8)


def seen(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A part of it, at some size, perhaps blurred, perhaps as a JPEG: uint8 (H, W, 3)."""
    if rng.random() < 0.5:
        height, width = picture.shape[:2]
        share = rng.uniform(0.6, 1)
        high, wide = int(height * min(1, share * rng.uniform(1, 1.3))), int(width * share)
        top, left = int(rng.uniform(0, height - high + 1)), int(rng.uniform(0, width - wide + 1))
        picture = picture[top : top + high, left : left + wide]
    if rng.random() < 0.7:
        scale = float(np.exp(rng.uniform(np.log(180), np.log(700)))) / max(picture.shape[:2])
        size = [max(16, round(side * scale)) for side in picture.shape[1::-1]]
        picture = np.asarray(Image.fromarray(picture).resize(size, Image.Resampling.BICUBIC))
    if rng.random() < 0.3:
        picture = cv2.GaussianBlur(picture, (0, 0), rng.uniform(0.3, 1.2) * max(picture.shape) / 400)
    if rng.random() < 0.5:
        file = io.BytesIO()
        Image.fromarray(picture).save(file, "JPEG", quality=int(rng.uniform(60, 97)))
        picture = np.asarray(Image.open(file))
    return np.ascontiguousarray(picture)


def on_paper(sketch: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A sketch, uint8 (H, W), scanned or photographed on paper: uint8 (H, W, 3)."""
    grey = 255 - (255 - sketch.astype(np.float32)) * rng.uniform(0.5, 1)
    if rng.random() < 0.3:
        grey = cv2.copyMakeBorder(grey, *[int(rng.uniform(0, 0.3) * len(grey))] * 4, cv2.BORDER_CONSTANT, value=255)
    tint = np.array([1, 1, 1]) if rng.random() < 0.5 else np.array([1, rng.uniform(0.94, 1), rng.uniform(0.8, 1)])
    light = np.float32(1)
    if rng.random() < 0.5:
        y, x = np.mgrid[: grey.shape[0], : grey.shape[1]] / len(grey)
        light = rng.uniform(0.7, 1) + 0.25 * np.clip(x * rng.uniform(-0.5, 1) + y * rng.uniform(-0.5, 0.5), 0, 1)
        light = np.clip(light, 0, 1)[..., None]
    paper = grey[..., None] * tint * light * rng.uniform(0.85, 1)
    if rng.random() < 0.5:
        paper = paper + rng.normal(0, rng.uniform(1, 4), (*grey.shape, 1))
    return as_bytes(paper)


def washed(sketch: np.ndarray, photo: np.ndarray, person: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A sketch with thin colours: uint8 (H, W, 3)."""
    colour = 255 - (255 - photo.astype(float)) * rng.uniform(0.2, 0.6) * person[..., None]
    return as_bytes(colour * (sketch[..., None] / 255.0))


def photo_of(photo: np.ndarray, person: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A portrait before its own or another wall, in colours, pale ones, grey or sepia: uint8 (H, W, 3)."""
    made = photo.astype(np.float32)
    if rng.random() < 0.45:
        is_light = rng.random() < 0.7
        wall = rng.uniform(200, 255) * rng.uniform(0.94, 1, 3) if is_light else rng.uniform(0, 255, 3)
        made = made * person[..., None] + wall * (1 - person[..., None])
    made = 255 * np.clip(made / 255, 0, 1) ** rng.uniform(0.6, 1.6)
    kind = rng.random()
    if kind < 0.6:  # of the grey ones a quarter is sepia
        grey = np.repeat((made @ GREY)[..., None], 3, 2)
        made = grey + (made - grey) * rng.uniform(0.1, 0.7) if kind >= 0.5 else grey
        made = made * [1, 0.93, 0.8] if kind < 0.12 else made
    low, high = rng.uniform(0, 30), rng.uniform(210, 255)
    noise = rng.normal(0, rng.uniform(0, 3), (*made.shape[:2], 1))
    return as_bytes(low + made * (high - low) / 255 + noise)


def pictures_of(whole: np.ndarray, points: np.ndarray, number: int) -> list[tuple[np.ndarray, bool]]:
    """Photos (True) and drawings (False) of one portrait, uint8 (512, 512, 3), its face mesh (478, 2)."""
    rng = np.random.default_rng([3, number])
    points = points[mesh.IN_MESH].astype(float)
    matrix = faces.alignment(mesh.five_of(points), 256)
    photo = faces.warp(whole, matrix, 256)
    portrait = cut_out(photo, faces.transform(points, matrix))
    made = [(seen(photo_of(photo, portrait.person, rng), rng), True) for _ in range(2)]
    made += [(seen(photo_of(whole, np.ones(whole.shape[:2]), rng), rng), True), (whole, True)]
    for degree in (None, rng.uniform(0, 0.15)):
        made.append((seen(on_paper(scribble(portrait, rng, degree).image, rng), rng), False))
    style, parameters = sketches.random_style(rng)
    sketch = sketches.make_sketch(photo, style, **parameters)
    made.append((seen(on_paper(sketch, rng), rng), False))
    ranges = {"strength": (0.5, 2), "width": (0.01, 0.06), "shading": (0.1, 0.8)}
    soft = sketches.make_sketch(photo, "pencil", **{name: rng.uniform(*ends) for name, ends in ranges.items()})
    made.append((seen(on_paper(soft, rng), rng), False))
    if number % 3 == 0:
        made.append((seen(washed(sketch, photo, portrait.person, rng), rng), False))
    return made


def fitted(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Weights and bias of a logistic regression by Newton's method, photos and drawings counting alike: (T + 1,)."""
    x, share = np.column_stack([x, np.ones(len(x))]), np.where(y, 0.5 / y.mean(), 0.5 / (1 - y.mean()))
    penalty, weights = np.array([PENALTY] * (x.shape[1] - 1) + [1e-6]), np.zeros(x.shape[1])
    for _ in range(40):
        chance = 1 / (1 + np.exp(-x @ weights))
        slope = x.T @ (share * (chance - y)) / len(y) + penalty * weights
        curve = (x * (share * chance * (1 - chance))[:, None]).T @ x / len(y) + np.diag(penalty)
        weights -= np.linalg.solve(curve, slope)
    return weights


def main(folder: str, landmarks: str) -> None:
    """Make the pictures, fit, print."""
    with np.load(landmarks) as found:
        names, points = found["names"], found["points"]
    rows, kinds, people = [], [], []
    for number in range(0, len(names), 2):
        for picture, is_photo in pictures_of(images.load_rgb(Path(folder) / names[number]), points[number], number):
            rows.append(list(domain.traits(domain.looked_at(picture)[1]).values()))
            kinds.append(is_photo)
            people.append(number // 2)
    x, y, apart = np.array(rows), np.array(kinds), np.array(people) % KEPT_APART == 0
    mean, spread = x[~apart].mean(axis=0), x[~apart].std(axis=0)
    weights = fitted((x[~apart] - mean) / spread, y[~apart])
    for name, *numbers in zip(domain.TRAITS, mean, spread, weights, strict=False):
        print(f'    "{name}": ({", ".join(f"{number:.4g}" for number in numbers)}),')
    wrong = ((x - mean) / spread @ weights[:-1] + weights[-1] > 0) != y
    print(f"BIAS = {weights[-1]:.3g}; wrong of people kept apart: {wrong[apart & y].mean():.1%} of photos,")
    print(f"{wrong[apart & ~y].mean():.1%} of drawings")


if __name__ == "__main__":
    main(*sys.argv[1:])
