"""Are eyes, nose and mouth where they are in the true photo? Landmarks by YuNet, where it is on this machine."""

from __future__ import annotations

import numpy as np

from s2f_utils import weights
from s2f_utils.metrics.registry import Metric, check_pair, register
from s2f_utils.pictures import faces

NO_FACE = 1.0  # an output in which no face is found counts as if all landmarks were an eye distance away
SHOWN_PX = 256


def _largest(picture: np.ndarray) -> faces.Face | None:
    from PIL import Image

    if max(picture.shape[:2]) < SHOWN_PX:  # small faces are found less often
        scale = SHOWN_PX / max(picture.shape[:2])
        size = (round(picture.shape[1] * scale), round(picture.shape[0] * scale))
        picture = np.asarray(Image.fromarray(picture).resize(size, Image.Resampling.BICUBIC))
    found = faces.detect(picture, min_score=faces.LOWEST_SCORE)
    return max(found, key=lambda face: face.score) if found else None


def landmark_error(fake: np.ndarray, real: np.ndarray) -> float:
    """Mean distance of the five landmarks from the truth's, in the truth's eye distances, at most 1.

    1 also for an output in which no face is found; NaN where none is found in the true photo. Raises WeightsError when
    the detector is not here.
    """
    check_pair(fake, real)
    true = _largest(real)
    if true is None:
        return float("nan")
    made = _largest(fake)
    if made is None:
        return NO_FACE
    distances = np.hypot(*(made.landmarks - true.landmarks).T)
    return min(NO_FACE, float(distances.mean()) / true.eye_distance)


def _missing(height: int, width: int) -> str:
    return weights.problem("yunet") if faces.detector_problem() else ""  # the same, in fewer words


register(
    Metric(
        "landmarks", landmark_error, False, 3, "eye distances", "the known landmarks of drawn faces",
        title="landmark error", missing=_missing,
    )
)  # fmt: skip
