"""How alike faces are, in networks that no training uses: dlib's recogniser (King 2017) for
identity, MediaPipe's face mesh for positions and mouths, Fréchet distance, precision and recall
between sets of features.
"""

from __future__ import annotations

import functools
import importlib
import importlib.util
import subprocess
from collections.abc import Callable, Iterable
from pathlib import Path

import common  # noqa: F401  (puts the clone first)
import numpy as np
import torch

from s2f_utils.metrics.distribution import frechet_distance, manifold_coverage

# Gap between the inner lips in eye distances: closed below the first, open above the second.
CLOSED, OPEN = 0.03, 0.08
# Of the face mesh's 478 points.
PUPILS, LIPS, OF_SKIN = (468, 473), (13, 14), slice(468)
# Left, top, right, bottom of the detector's box in aligned faces of 256 px, on average.
FACE_BOX = (52, 77, 202, 228)
# In dlib's descriptors: how far apart two photos of one person usually are, and at most.
SAME_PERSON, ANOTHER_PERSON = 0.35, 0.6
RECOGNISER = "dlib_face_recognition_resnet_model_v1.dat"
FIVE_POINTS = "shape_predictor_5_face_landmarks.dat"
SET_SCORES = {
    "frechet_ratio": frechet_distance,
    "precision": manifold_coverage,
    "recall": lambda made, true: manifold_coverage(true, made),
}


def halves(
    made: np.ndarray, photos: np.ndarray, *, paired: bool, times: int = 20
) -> dict[str, float]:
    """Fréchet distance, precision and recall (Kynkäänniemi et al. 2019) of answers against photos
    of other people, each divided by the score of equally many photos.

    made (N, F), photos (M, F): features. paired: answer and photo of one person have the same
    index; otherwise M ≥ 2 N. Means over `times` random divisions of the people.
    """
    found = []
    for seed in range(times):
        order = np.random.default_rng(seed).permutation(len(photos))
        if not paired:
            order = order[: 2 * len(made)]
        first, other = np.array_split(order, 2)
        answers = made[first] if paired else made
        scores = []
        for score in SET_SCORES.values():
            scores.append([score(answers, photos[other]), score(photos[first], photos[other])])
        found.append(scores)
    of_answers, of_photos = np.mean(found, axis=0).T
    ratios = (of_answers / of_photos).round(3).tolist()
    return dict(zip(SET_SCORES, ratios, strict=True))


def distances(some: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Euclidean distances: (N, F), (M, F) → (N, M)."""
    pair = (torch.as_tensor(each, dtype=torch.float32) for each in (some, others))
    return torch.cdist(*pair).numpy()


def _mean_distance(features: np.ndarray) -> float:
    return float(distances(features, features)[np.triu_indices(len(features), 1)].mean())


def spread(answers: np.ndarray, people: np.ndarray) -> float:
    """The mean distance between answers to one drawing, (D, C, F), over that between people,
    (N, F). Two photos of one person have .40.
    """
    within = np.mean([_mean_distance(same_drawing) for same_drawing in answers])
    return float(within / _mean_distance(people))


@functools.cache
def recogniser() -> Callable[[np.ndarray], np.ndarray]:
    """dlib's: an aligned face, uint8 (256, 256, 3), to 128 numbers. Two photos of one person are
    some .35 apart, those of two people .83. Raises SystemExit where it is not installed.
    """
    # Not imported: that would need pkg_resources.
    package = importlib.util.find_spec("face_recognition_models")
    if package is None or importlib.util.find_spec("dlib") is None:
        raise SystemExit(
            "identities need dlib's recogniser: pip install dlib-bin face-recognition-models"
        )
    dlib = importlib.import_module("dlib")
    folder = Path(package.submodule_search_locations[0], "models")
    network = dlib.face_recognition_model_v1(str(folder / RECOGNISER))
    five_points = dlib.shape_predictor(str(folder / FIVE_POINTS))

    def descriptor(picture: np.ndarray) -> np.ndarray:
        picture = np.ascontiguousarray(picture)
        points = five_points(picture, dlib.rectangle(*FACE_BOX))
        chip = dlib.get_face_chip(picture, points, 150, 0.25)
        return np.array(network.compute_face_descriptor(chip))

    return descriptor


def identities(pictures: Iterable[np.ndarray]) -> np.ndarray:
    """dlib's descriptors, (N, 128)."""
    return np.stack([recogniser()(picture) for picture in pictures])


def meshes_of(python: Path, pictures: np.ndarray, folder: Path) -> np.ndarray:
    """Face meshes (N, 478, 2), found by mesh.py in a process of another environment."""
    pictures_file, meshes_file = folder / "pictures.npy", folder / "meshes.npy"
    np.save(pictures_file, pictures)
    script = Path(__file__).with_name("mesh.py")
    command = [str(python), str(script), str(pictures_file), str(meshes_file)]
    subprocess.run(command, check=True, stderr=subprocess.DEVNULL)
    return np.load(meshes_file)


def _eye_distances(meshes: np.ndarray) -> np.ndarray:
    return np.linalg.norm(meshes[:, PUPILS[0]] - meshes[:, PUPILS[1]], axis=1)


def _lip_gaps(meshes: np.ndarray) -> np.ndarray:
    gaps = np.linalg.norm(meshes[:, LIPS[0]] - meshes[:, LIPS[1]], axis=1)
    return gaps / _eye_distances(meshes)


def mouths(made: np.ndarray, true: np.ndarray) -> dict[str, float]:
    """Of people whose mouth is closed in the photo, the share whose mouth is open in the answer;
    and the other way round. Meshes (N, 478, 2), NaN where no face was found.
    """
    gaps, true_gaps = _lip_gaps(made), _lip_gaps(true)
    there = ~np.isnan(gaps)
    closed, opened = there & (true_gaps < CLOSED), there & (true_gaps > OPEN)
    return {
        "closed_to_open": round(float((gaps[closed] > OPEN).mean()), 3),
        "num_closed": int(closed.sum()),
        "open_to_closed": round(float((gaps[opened] < CLOSED).mean()), 3),
        "num_open": int(opened.sum()),
    }


def mesh_error(made: np.ndarray, true: np.ndarray) -> float:
    """The mean distance of meshes from those of the true photos, in eye distances."""
    errors = np.linalg.norm(made - true, axis=2)[:, OF_SKIN].mean(axis=1)
    return round(float(np.nanmean(errors / _eye_distances(true))), 4)
