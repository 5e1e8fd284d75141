"""Metrics of pairs without pretrained features: pixels, structure, colour, sharpness, spectrum,
landmarks, and some with a published error. Two pictures, uint8 (H, W, 3), go in and one float comes
out; differences are in float64.
"""

from __future__ import annotations

import functools

import numpy as np
import torch
from PIL import Image

from s2f_utils import weights
from s2f_utils.metrics.registry import Metric, as_batch, register
from s2f_utils.pictures import faces
from s2f_utils.pictures.images import luminance

FINEST_OCTAVE = (0.25, 0.5)  # cycles a pixel; every further octave has half of both
NUM_OCTAVES = 5
NO_FACE = (
    1.0  # an output in which no face is found counts as if all landmarks were an eye distance away
)
SHOWN_PX = 256  # smaller pictures are enlarged to this, as small faces are found less often


def ssim(fake: np.ndarray, real: np.ndarray) -> float:
    """Structural similarity on grey (PIL's "L"), Gaussian window of σ 1.5, in [-1, 1]; 1 is the
    same picture.

    Wang et al. 2004, with scikit-image's `use_sample_covariance=False` and `data_range=255`.
    """
    from skimage.metrics import structural_similarity

    window = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}
    return float(structural_similarity(luminance(fake), luminance(real), data_range=255, **window))


def ssim_rgb(fake: np.ndarray, real: np.ndarray, side_px: int) -> float:
    """Structural similarity on each colour in a uniform window: 7 px are scikit-image's default,
    which reads lower.
    """
    from skimage.metrics import structural_similarity

    return float(
        structural_similarity(fake, real, win_size=side_px, data_range=255, channel_axis=2)
    )


def ms_ssim(fake: np.ndarray, real: np.ndarray) -> float:
    """Multi-scale structural similarity on grey (PIL's "L"), five scales, in [0, 1] (Wang,
    Simoncelli, Bovik 2003).
    """
    import piq

    grey = [as_batch(luminance(picture)[..., None]) for picture in (fake, real)]
    with torch.inference_mode():
        return float(piq.multi_scale_ssim(*grey, data_range=255.0))


def _difference(fake: np.ndarray, real: np.ndarray, wraps: bool) -> np.ndarray:
    return fake - real if wraps else fake.astype(np.float64) - real


def mse(fake: np.ndarray, real: np.ndarray, wraps: bool = False) -> float:
    """Mean squared difference over all pixels and colours, in [0, 65025].

    wraps: in uint8, where difference and square wrap modulo 256: a published error (SSIM .862 in a
    window of 3x3, PSNR 30.93, MSE 52.93, L2 57893 on CUHK), to recognise its numbers.
    """
    return float(np.mean(_difference(fake, real, wraps) ** 2))


def psnr(fake: np.ndarray, real: np.ndarray, wraps: bool = False) -> float:
    """Peak signal-to-noise ratio in dB, 10·log10(255² / MSE); infinite for identical pictures.
    wraps: as in `mse`.
    """
    error = mse(fake, real, wraps)
    return float("inf") if error == 0 else float(10.0 * np.log10(255.0**2 / error))


def l1(fake: np.ndarray, real: np.ndarray) -> float:
    """Mean absolute difference over all pixels and colours, in grey levels, [0, 255]."""
    return float(np.mean(np.abs(_difference(fake, real, wraps=False))))


def l2_norm(fake: np.ndarray, real: np.ndarray, wraps: bool = False) -> float:
    """Euclidean length of the difference of two pictures as vectors. wraps: the difference does,
    not its square.
    """
    return float(np.sqrt(np.sum(_difference(fake, real, wraps).astype(np.float64) ** 2)))


def fsim(fake: np.ndarray, real: np.ndarray) -> float:
    """Feature similarity, in [0, 1]: phase congruency and gradients of the luminance (L. Zhang et
    al. 2011).
    """
    import piq

    with torch.inference_mode():
        return float(piq.fsim(as_batch(fake), as_batch(real), data_range=255.0, chromatic=False))


def delta_e(fake: np.ndarray, real: np.ndarray) -> float:
    """Mean colour difference over pixels, CIEDE2000 (Sharma et al. 2005); about 1 is just
    noticeable side by side.
    """
    from skimage.color import deltaE_ciede2000, rgb2lab

    return float(
        deltaE_ciede2000(*(rgb2lab(picture).astype(np.float32) for picture in (fake, real))).mean()
    )


def gradient(picture: np.ndarray) -> float:
    """Mean of √(Δx² + Δy²), forward differences of the grey values in [0, 255]."""
    grey = luminance(picture).astype(np.float64)
    across, down = np.diff(grey, axis=1)[:-1], np.diff(grey, axis=0)[:, :-1]
    return float(np.sqrt(across**2 + down**2).mean())


def sharpness(fake: np.ndarray, real: np.ndarray) -> float:
    """The output's mean gradient over the truth's; NaN for a blank truth. Grain raises it as detail
    does.
    """
    true = gradient(real)
    return gradient(fake) / true if true else float("nan")


@functools.lru_cache(maxsize=8)
def _octaves(height: int, width: int) -> tuple[np.ndarray, ...]:
    """Masks of the octaves in the half plane of `rfft2`, from the finest to the coarsest that has
    enough values.
    """
    radius = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None])
    masks, (low, high) = [], FINEST_OCTAVE
    while (
        len(masks) < NUM_OCTAVES
        and np.count_nonzero(mask := (radius >= low) & (radius < high)) >= 8
    ):
        masks.append(mask)
        low, high = low / 2, high / 2
    return tuple(masks)


def _power(picture: np.ndarray) -> np.ndarray:
    grey = luminance(picture).astype(np.float64)
    window = (
        np.hanning(grey.shape[0])[:, None] * np.hanning(grey.shape[1])[None]
    )  # the edges are no detail
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


def spectrum(fake: np.ndarray, real: np.ndarray) -> float:
    """The mean over octaves of the absolute value of `spectrum_db`, in dB."""
    return float(np.abs(spectrum_db(fake, real)).mean())


def surest_face(picture: np.ndarray) -> faces.Face | None:
    """The face of the highest score, 0.3 at least, in a picture, uint8 (H, W, 3)."""
    original = picture.shape[1::-1]
    scale = max(1.0, SHOWN_PX / max(original))
    size = (round(original[0] * scale), round(original[1] * scale))
    shown = np.asarray(Image.fromarray(picture).resize(size, Image.Resampling.BICUBIC))
    surest = max(
        faces.detect(shown, min_score=faces.LOWEST_SCORE), key=lambda face: face.score, default=None
    )
    if surest is None or scale == 1.0:
        return surest
    landmarks = (surest.landmarks + 0.5) * (np.array(original) / size) - 0.5
    return faces.Face.around(landmarks, surest.score, surest.method)


def landmark_error(fake: np.ndarray, real: np.ndarray) -> float:
    """Mean distance of the five landmarks from the truth's, in the truth's eye distances, at most
    1.

    1 also for an output without a face; NaN for a true photo without one. Raises WeightsError
    without a detector.
    """
    true = surest_face(real)
    if true is None:
        return float("nan")
    detected = surest_face(fake)
    if detected is None:
        return NO_FACE
    distances = np.hypot(*(detected.landmarks - true.landmarks).T)
    return min(NO_FACE, float(distances.mean()) / true.eye_distance)


def _without_detector(height: int, width: int) -> str:
    return weights.problem("yunet") if faces.detector_problem() else ""  # the same, in fewer words


_SSIM = "skimage.metrics.structural_similarity"
_WRONG = {
    "agrees_with": "nothing: a published error, to recognise its numbers",
    "group": "project1",
}
_rgb_7x7, _rgb_3x3 = (functools.partial(ssim_rgb, side_px=side) for side in (7, 3))
_psnr, _mse, _l2 = (functools.partial(metric, wraps=True) for metric in (psnr, mse, l2_norm))
register(
    Metric("ssim", ssim, True, 4, "", _SSIM, best=1.0),
    Metric(
        "ms_ssim",
        ms_ssim,
        True,
        4,
        "",
        "piq.multi_scale_ssim, piqa.MS_SSIM",
        "MS-SSIM",
        best=1.0,
        min_side_px=161,  # five scales of an 11x11 window
    ),
    Metric("psnr", psnr, True, 2, "dB", "skimage.metrics.peak_signal_noise_ratio", best=np.inf),
    Metric("mse", mse, False, 1, "", "skimage.metrics.mean_squared_error"),
    Metric("l1", l1, False, 2, "", "numpy.abs"),
    Metric("l2_norm", l2_norm, False, 0, "", "numpy.linalg.norm", title="L2 norm"),
    Metric("ssim_rgb_7x7", _rgb_7x7, True, 4, "", f"{_SSIM}, its defaults", best=1.0, group=""),
    Metric("ssim_3x3", _rgb_3x3, True, 4, "", f"{_SSIM}, win_size=3", best=1.0, group="project1"),
    Metric("psnr_uint8", _psnr, True, 2, "dB", best=np.inf, **_WRONG),
    Metric("mse_uint8", _mse, False, 2, "", **_WRONG),
    Metric("l2_uint8", _l2, False, 0, "", **_WRONG),
    Metric("fsim", fsim, True, 4, "", "piq.fsim, piqa.FSIM", best=1.0, min_side_px=24),
    Metric("delta_e", delta_e, False, 2, "", "skimage.color.deltaE_ciede2000", title="ΔE 2000"),
    Metric(
        "sharpness",
        sharpness,
        None,
        3,
        "",
        "numpy.diff",
        title="sharpness",
        question="real",
        best=1.0,
    ),
    Metric(
        "spectrum",
        spectrum,
        False,
        2,
        "dB",
        "numpy.fft.rfft2",
        "spectrum error",
        question="real",
        min_side_px=16,
    ),
    Metric(
        "landmarks",
        landmark_error,
        False,
        3,
        "eye distances",
        "the known landmarks of drawn faces",
        title="landmark error",
        missing=_without_detector,
    ),
)
