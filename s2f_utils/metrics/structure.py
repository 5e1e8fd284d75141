"""Metrics of structure, colour, sharpness and spectrum, and of where the parts of the face are."""

from __future__ import annotations

import functools
from collections.abc import Sequence

import numpy as np
from PIL import Image

from s2f_utils import weights
from s2f_utils.metrics.registry import Metric, Pictures, Reference, SetScores, as_batch, at_least, register
from s2f_utils.pictures import faces
from s2f_utils.pictures.images import luminance

FSIM_SIDE_PX, SPECTRUM_SIDE_PX = 24, 16
FINEST_OCTAVE = (0.25, 0.5)  # cycles a pixel; every further octave has half of both
NUM_OCTAVES = 5
NO_FACE = 1.0  # an output in which no face is found counts as if all landmarks were an eye distance away
SHOWN_PX = 256  # smaller pictures are enlarged to this, as small faces are found less often


def fsim(fake: np.ndarray, real: np.ndarray) -> float:
    """Feature similarity, in [0, 1]: phase congruency and gradients of the luminance (L. Zhang et al. 2011)."""
    import piq
    import torch

    with torch.inference_mode():
        return float(piq.fsim(as_batch(fake), as_batch(real), data_range=255.0, chromatic=False))


def delta_e(fake: np.ndarray, real: np.ndarray) -> float:
    """Mean colour difference over pixels, CIEDE2000 (Sharma et al. 2005); about 1 is just noticeable side by side."""
    from skimage.color import deltaE_ciede2000, rgb2lab

    return float(deltaE_ciede2000(*(rgb2lab(picture).astype(np.float32) for picture in (fake, real))).mean())


def gradient(picture: np.ndarray) -> float:
    """Mean of √(Δx² + Δy²), forward differences of the grey values in [0, 255]: how much there is to see up close."""
    grey = luminance(picture).astype(np.float64)
    across, down = np.diff(grey, axis=1)[:-1], np.diff(grey, axis=0)[:, :-1]
    return float(np.sqrt(across**2 + down**2).mean())


def sharpness(fake: np.ndarray, real: np.ndarray) -> float:
    """The output's mean gradient over the truth's: below 1 is softer, above 1 is harsher; NaN for a blank truth.

    Grain raises it as detail does, so that it says nothing alone (../docs/metrics.md).
    """
    true = gradient(real)
    return gradient(fake) / true if true else float("nan")


@functools.lru_cache(maxsize=8)
def _octaves(height: int, width: int) -> tuple[np.ndarray, ...]:
    """Masks of the octaves in the half plane of `rfft2`, from the finest to the coarsest that has enough values."""
    radius = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None])
    masks, (low, high) = [], FINEST_OCTAVE
    while len(masks) < NUM_OCTAVES and np.count_nonzero(mask := (radius >= low) & (radius < high)) >= 8:
        masks.append(mask)
        low, high = low / 2, high / 2
    return tuple(masks)


def _power(picture: np.ndarray) -> np.ndarray:
    grey = luminance(picture).astype(np.float64)
    window = np.hanning(grey.shape[0])[:, None] * np.hanning(grey.shape[1])[None]  # the edges are no detail
    power = np.abs(np.fft.rfft2((grey - grey.mean()) * window)) ** 2
    return np.array([power[mask].mean() for mask in _octaves(*grey.shape)])


def spectrum_db(fake: np.ndarray, real: np.ndarray) -> np.ndarray:
    """How much more power the output has than the truth, in dB for each octave, from the finest: float64 (octaves,).

    The radial power spectrum of the grey picture, 16 px at least, under a Hann window; octave 0 is 1/4 to 1/2 cycle a
    pixel, octave 1 is 1/8 to 1/4, up to five. Minus: detail of this size is missing; plus: there is too much of it. A
    quarter of a quantisation step's power is added to both, so that flat pictures have a value.
    """
    floor = real.shape[0] * real.shape[1] / 12 / 4
    return 10 * np.log10((_power(fake) + floor) / (_power(real) + floor))


def spectrum(fake: np.ndarray, real: np.ndarray) -> float:
    """The mean over octaves of the absolute value of `spectrum_db`, in dB."""
    return float(np.abs(spectrum_db(fake, real)).mean())


def _octaves_of_sets(reference: Reference, names: Sequence[str]):
    """A further fact: the mean of `spectrum_db` over the pictures, octave by octave."""

    def score(made: Pictures) -> SetScores:
        found = [spectrum_db(*pair) for pair in zip(made, reference.pictures, strict=True)]
        return SetScores(figures={"spectrum_db": [round(float(v), 3) for v in np.mean(found, axis=0)]})

    return score


def surest_face(picture: np.ndarray) -> faces.Face | None:
    """The face of a picture, uint8 (H, W, 3), that the detector is surest of, down to a score of 0.3."""
    given = picture.shape[1::-1]
    scale = max(1.0, SHOWN_PX / max(given))
    size = (round(given[0] * scale), round(given[1] * scale))
    shown = np.asarray(Image.fromarray(picture).resize(size, Image.Resampling.BICUBIC))
    found = faces.detect(shown, min_score=faces.LOWEST_SCORE)
    surest = max(found, key=lambda face: face.score, default=None)
    if surest is None or scale == 1.0:
        return surest
    landmarks = (surest.landmarks + 0.5) * (np.array(given) / size) - 0.5
    return faces.Face.around(landmarks, surest.score, surest.method)


def landmark_error(fake: np.ndarray, real: np.ndarray) -> float:
    """Mean distance of the five landmarks from the truth's, in the truth's eye distances, at most 1.

    1 also for an output in which no face is found; NaN where none is found in the true photo. Raises WeightsError when
    the detector is not here.
    """
    true = surest_face(real)
    if true is None:
        return float("nan")
    made = surest_face(fake)
    if made is None:
        return NO_FACE
    distances = np.hypot(*(made.landmarks - true.landmarks).T)
    return min(NO_FACE, float(distances.mean()) / true.eye_distance)


def _without_detector(height: int, width: int) -> str:
    return weights.problem("yunet") if faces.detector_problem() else ""  # the same, in fewer words


register(
    Metric("fsim", fsim, True, 4, "", "piq.fsim, piqa.FSIM", best=1.0, missing=at_least(FSIM_SIDE_PX)),
    Metric("delta_e", delta_e, False, 2, "", "skimage.color.deltaE_ciede2000", title="ΔE 2000"),
    Metric("sharpness", sharpness, None, 3, "", "numpy.diff", title="sharpness", question="real", best=1.0),
    Metric(
        "spectrum", spectrum, False, 2, "dB", "numpy.fft.rfft2", title="spectrum error", question="real",
        of_sets=_octaves_of_sets, missing=at_least(SPECTRUM_SIDE_PX),
    ),
    Metric(
        "landmarks", landmark_error, False, 3, "eye distances", "the known landmarks of drawn faces",
        title="landmark error", missing=_without_detector,
    ),
)  # fmt: skip
