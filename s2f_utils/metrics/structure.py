"""Metrics of pairs without pretrained features: pixels, structure, colour, sharpness, spectrum,
landmarks, and some with a published error. Two pictures, uint8 (H, W, 3), go in and one float comes
out; differences are in float64.
"""

from __future__ import annotations

import functools

import numpy as np
import torch
from PIL import Image

from s2f_utils.metrics.registry import as_batch, metric
from s2f_utils.pictures import faces
from s2f_utils.pictures.images import luminance

FINEST_OCTAVE = (0.25, 0.5)  # cycles a pixel; every further octave has half of both
NUM_OCTAVES = 5
MIN_IN_OCTAVE = 8  # frequencies; coarser octaves are left out
NO_FACE = 1.0  # an output without a face counts as if all landmarks were an eye distance away
DETECTION_PX = 256  # smaller pictures are enlarged to this, as small faces are found less often


@metric(higher_is_better=True, digits=4)
def ssim(fake: np.ndarray, real: np.ndarray) -> float:
    """Structural similarity on grey (PIL's "L"), Gaussian window of σ 1.5, in [-1, 1];
    1 is the same picture.

    Wang et al. 2004, with scikit-image's `use_sample_covariance=False` and `data_range=255`.
    """
    from skimage.metrics import structural_similarity

    window = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}
    return structural_similarity(luminance(fake), luminance(real), data_range=255, **window)


def gradient(picture: np.ndarray) -> float:
    """Mean of √(Δx² + Δy²), forward differences of the grey values in [0, 255]."""
    grey = luminance(picture).astype(np.float64)
    across = np.diff(grey, axis=1)[:-1]
    down = np.diff(grey, axis=0)[:, :-1]
    return float(np.sqrt(across**2 + down**2).mean())


@metric(title="sharpness", question="real", higher_is_better=None, digits=3, best=1.0)
def sharpness(fake: np.ndarray, real: np.ndarray) -> float:
    """The output's mean gradient over the truth's; NaN for a blank truth.

    Grain raises it as detail does.
    """
    true = gradient(real)
    return gradient(fake) / true if true else float("nan")


@metric(title="MS-SSIM", higher_is_better=True, digits=4, min_side_px=161)
def ms_ssim(fake: np.ndarray, real: np.ndarray) -> float:
    """Multi-scale structural similarity on grey (PIL's "L"), five scales, in [0, 1] (Wang,
    Simoncelli, Bovik 2003).
    """
    import piq

    grey = [as_batch([luminance(picture)[..., None]]) for picture in (fake, real)]
    with torch.inference_mode():
        return float(piq.multi_scale_ssim(*grey, data_range=255.0))


def _difference(fake: np.ndarray, real: np.ndarray) -> np.ndarray:
    return fake.astype(np.float64) - real


def _decibels(mean_squared_error: float) -> float:
    if mean_squared_error == 0:
        return float("inf")
    return float(10.0 * np.log10(255.0**2 / mean_squared_error))


@metric(unit="dB", higher_is_better=True, digits=2, best=np.inf)
def psnr(fake: np.ndarray, real: np.ndarray) -> float:
    """Peak signal-to-noise ratio in dB, 10·log10(255² / MSE); infinite for identical pictures."""
    return _decibels(mse(fake, real))


@metric(higher_is_better=False, digits=1)
def mse(fake: np.ndarray, real: np.ndarray) -> float:
    """Mean squared difference over all pixels and colours, in [0, 65025]."""
    return float(np.mean(_difference(fake, real) ** 2))


@metric(higher_is_better=False, digits=2)
def l1(fake: np.ndarray, real: np.ndarray) -> float:
    """Mean absolute difference over all pixels and colours, in grey levels, [0, 255]."""
    return float(np.mean(np.abs(_difference(fake, real))))


@metric(title="L2 norm", higher_is_better=False, digits=0)
def l2_norm(fake: np.ndarray, real: np.ndarray) -> float:
    """Euclidean length of the difference of two pictures as vectors."""
    return float(np.sqrt(np.sum(_difference(fake, real) ** 2)))


# A published protocol (SSIM .862, PSNR 30.93, MSE 52.93, L2 57893 on CUHK), to recognise its
# numbers: differences of uint8 arrays, and their squares, wrap modulo 256.


@metric(group="", higher_is_better=True, digits=4)
def ssim_rgb_7x7(fake: np.ndarray, real: np.ndarray) -> float:
    """Structural similarity on each colour in a uniform window of 7 px, scikit-image's default,
    which reads lower.
    """
    return _uniform_ssim(fake, real, 7)


@metric(group="project1", higher_is_better=True, digits=4)
def ssim_3x3(fake: np.ndarray, real: np.ndarray) -> float:
    """Structural similarity on each colour in a uniform window of 3 px."""
    return _uniform_ssim(fake, real, 3)


def _uniform_ssim(fake: np.ndarray, real: np.ndarray, window_px: int) -> float:
    from skimage.metrics import structural_similarity

    return structural_similarity(fake, real, win_size=window_px, data_range=255, channel_axis=2)


@metric(group="project1", unit="dB", higher_is_better=True, digits=2, best=np.inf)
def psnr_uint8(fake: np.ndarray, real: np.ndarray) -> float:
    """PSNR of `mse_uint8`: 28 dB for the raw sketch."""
    return _decibels(mse_uint8(fake, real))


@metric(group="project1", higher_is_better=False, digits=2)
def mse_uint8(fake: np.ndarray, real: np.ndarray) -> float:
    """MSE in uint8, where difference and square wrap modulo 256."""
    return float(np.mean((fake - real) ** 2))


@metric(group="project1", higher_is_better=False, digits=0)
def l2_uint8(fake: np.ndarray, real: np.ndarray) -> float:
    """L2 norm of a difference that wraps modulo 256; its square does not."""
    return float(np.sqrt(np.sum((fake - real).astype(np.float64) ** 2)))


@metric(higher_is_better=True, digits=4, min_side_px=24)
def fsim(fake: np.ndarray, real: np.ndarray) -> float:
    """Feature similarity, in [0, 1]: phase congruency and gradients of the luminance (Lin Zhang et
    al. 2011).
    """
    import piq

    with torch.inference_mode():
        return float(
            piq.fsim(as_batch([fake]), as_batch([real]), data_range=255.0, chromatic=False)
        )


@metric(title="ΔE 2000", higher_is_better=False, digits=2)
def delta_e(fake: np.ndarray, real: np.ndarray) -> float:
    """Mean colour difference over pixels, CIEDE2000 (Sharma et al. 2005); about 1 is just
    noticeable side by side.
    """
    from skimage.color import deltaE_ciede2000, rgb2lab

    lab = [rgb2lab(picture).astype(np.float32) for picture in (fake, real)]
    return float(deltaE_ciede2000(*lab).mean())


@functools.lru_cache(maxsize=8)
def _octaves(height: int, width: int) -> tuple[np.ndarray, ...]:
    """Masks of the octaves in the half plane of `rfft2`,
    from the finest to the coarsest that has enough frequencies.
    """
    radius = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None])
    masks = []
    low, high = FINEST_OCTAVE
    for _ in range(NUM_OCTAVES):
        mask = (radius >= low) & (radius < high)
        if np.count_nonzero(mask) < MIN_IN_OCTAVE:
            break
        masks.append(mask)
        low, high = low / 2, high / 2
    return tuple(masks)


def _power(picture: np.ndarray) -> np.ndarray:
    grey = luminance(picture).astype(np.float64)
    height, width = grey.shape
    window = np.hanning(height)[:, None] * np.hanning(width)[None]  # the edges are no detail
    power = np.abs(np.fft.rfft2((grey - grey.mean()) * window)) ** 2
    return np.array([power[mask].mean() for mask in _octaves(*grey.shape)])


def spectrum_db(fake: np.ndarray, real: np.ndarray) -> np.ndarray:
    """The output's power over the truth's, in dB for each octave from the finest: float64
    (octaves,), at most five.

    The radial power spectrum of the grey picture, 16 px at least, under a Hann window; octave 0 is
    1/4 to 1/2 cycle a pixel. A quarter of a quantisation step's power is added to both, so that
    flat pictures have a value.
    """
    floor = real.shape[0] * real.shape[1] / 12 / 4
    return 10 * np.log10((_power(fake) + floor) / (_power(real) + floor))


@metric(
    title="spectrum error",
    unit="dB",
    question="real",
    higher_is_better=False,
    digits=2,
    min_side_px=16,
)
def spectrum(fake: np.ndarray, real: np.ndarray) -> float:
    """The mean over octaves of the absolute value of `spectrum_db`, in dB."""
    return float(np.abs(spectrum_db(fake, real)).mean())


def surest_face(picture: np.ndarray) -> faces.Face | None:
    """The face of the highest score, 0.3 at least, in a picture, uint8 (H, W, 3)."""
    width, height = picture.shape[1::-1]
    scale = max(1.0, DETECTION_PX / max(width, height))
    size = (round(width * scale), round(height * scale))
    enlarged = np.asarray(Image.fromarray(picture).resize(size, Image.Resampling.BICUBIC))
    detected = faces.detect(enlarged, min_score=faces.LOWEST_SCORE)
    surest = max(detected, key=lambda face: face.score, default=None)
    if surest is None or scale == 1.0:
        return surest
    landmarks = (surest.landmarks + 0.5) * (np.array([width, height]) / size) - 0.5
    return faces.Face.around(landmarks, surest.score, surest.method)


@metric(
    name="landmarks",
    title="landmark error",
    unit="eye distances",
    higher_is_better=False,
    digits=3,
)
def landmark_error(fake: np.ndarray, real: np.ndarray) -> float:
    """Mean distance of the five landmarks from the truth's, in the truth's eye distances,
    at most 1.

    1 also for an output without a face; NaN for a true photo without one.
    """
    true = surest_face(real)
    if true is None:
        return float("nan")
    detected = surest_face(fake)
    if detected is None:
        return NO_FACE
    distances = np.hypot(*(detected.landmarks - true.landmarks).T)
    return min(NO_FACE, float(distances.mean()) / true.eye_distance)
