"""Metrics that compare pixel with pixel: SSIM, MS-SSIM, PSNR, MSE, L1, L2 norm, and the same with a published error.

Two pictures, uint8 (H, W, 3), go in and one float comes out. Differences are taken in float64: in uint8,
`(a - b) ** 2` wraps modulo 256, which makes a PSNR of 11 read as 28.
"""

from __future__ import annotations

import functools

import numpy as np

from s2f_utils.metrics.registry import Metric, as_batch, at_least, register
from s2f_utils.pictures.images import luminance

MS_SSIM_SIDE_PX = 161  # five scales of an 11x11 window


def ssim(fake: np.ndarray, real: np.ndarray) -> float:
    """Structural similarity on grey (PIL's "L"), Gaussian window of σ 1.5, in [-1, 1]; 1 is the same picture.

    Wang et al. 2004, with scikit-image's `use_sample_covariance=False` and `data_range=255`.
    """
    from skimage.metrics import structural_similarity

    window = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}
    return float(structural_similarity(luminance(fake), luminance(real), data_range=255, **window))


def ssim_rgb(fake: np.ndarray, real: np.ndarray, side_px: int) -> float:
    """Structural similarity on each colour in a uniform window: 7 px are scikit-image's default, which reads lower; 3
    px so small that noise looks like structure.
    """
    from skimage.metrics import structural_similarity

    return float(structural_similarity(fake, real, win_size=side_px, data_range=255, channel_axis=2))


def ms_ssim(fake: np.ndarray, real: np.ndarray) -> float:
    """Multi-scale structural similarity on grey (PIL's "L"), five scales, in [0, 1] (Wang, Simoncelli, Bovik 2003)."""
    import piq
    import torch

    grey = [as_batch(luminance(picture)[..., None]) for picture in (fake, real)]
    with torch.inference_mode():
        return float(piq.multi_scale_ssim(*grey, data_range=255.0))


def mse(fake: np.ndarray, real: np.ndarray) -> float:
    """Mean squared difference over all pixels and colours, in [0, 65025]."""
    return float(np.mean((fake.astype(np.float64) - real) ** 2))


def psnr(fake: np.ndarray, real: np.ndarray) -> float:
    """Peak signal-to-noise ratio in dB, 10·log10(255² / MSE); infinite for identical pictures."""
    return _decibels(mse(fake, real))


def _decibels(error: float) -> float:
    return float("inf") if error == 0 else float(10.0 * np.log10(255.0**2 / error))


def l1(fake: np.ndarray, real: np.ndarray) -> float:
    """Mean absolute difference over all pixels and colours, in grey levels, [0, 255]."""
    return float(np.mean(np.abs(fake.astype(np.float64) - real)))


def l2_norm(fake: np.ndarray, real: np.ndarray) -> float:
    """Euclidean length of the difference of two pictures as vectors; grows with the number of pixels."""
    return float(np.sqrt(np.sum((fake.astype(np.float64) - real) ** 2)))


# The protocol of a published face reconstruction project (SSIM .862, PSNR 30.93, MSE 52.93, L2 57893 on CUHK): pictures
# are subtracted as uint8, which wraps modulo 256, and SSIM has a window of 3x3. Shown beside the right one.


def mse_uint8(fake: np.ndarray, real: np.ndarray) -> float:
    """MSE as it must not be computed: the difference and its square wrap modulo 256; in [0, 249]."""
    return float(np.mean((fake - real) ** 2))


def psnr_uint8(fake: np.ndarray, real: np.ndarray) -> float:
    """PSNR as it must not be computed: from `mse_uint8`, in dB."""
    return _decibels(mse_uint8(fake, real))


def l2_uint8(fake: np.ndarray, real: np.ndarray) -> float:
    """The L2 norm as it must not be computed: of a difference that wraps modulo 256, so that -1 counts as 255."""
    return float(np.linalg.norm(fake - real))


_SSIM = "skimage.metrics.structural_similarity"
_WRONG = {"agrees_with": "nothing: a published error, to recognise its numbers", "group": "project1"}
_rgb_7x7, _rgb_3x3 = (functools.partial(ssim_rgb, side_px=side) for side in (7, 3))
register(
    Metric("ssim", ssim, True, 4, "", _SSIM, best=1.0),
    Metric(
        "ms_ssim", ms_ssim, True, 4, "", "piq.multi_scale_ssim, piqa.MS_SSIM", title="MS-SSIM", best=1.0,
        missing=at_least(MS_SSIM_SIDE_PX),
    ),
    Metric("psnr", psnr, True, 2, "dB", "skimage.metrics.peak_signal_noise_ratio", best=np.inf),
    Metric("mse", mse, False, 1, "", "skimage.metrics.mean_squared_error"),
    Metric("l1", l1, False, 2, "", "numpy.abs"),
    Metric("l2_norm", l2_norm, False, 0, "", "numpy.linalg.norm", title="L2 norm"),
    Metric("ssim_rgb_7x7", _rgb_7x7, True, 4, "", f"{_SSIM}, its defaults", best=1.0, group=""),
    Metric("ssim_3x3", _rgb_3x3, True, 4, "", f"{_SSIM}, win_size=3", best=1.0, group="project1"),
    Metric("psnr_uint8", psnr_uint8, True, 2, "dB", best=np.inf, **_WRONG),
    Metric("mse_uint8", mse_uint8, False, 2, "", **_WRONG),
    Metric("l2_uint8", l2_uint8, False, 0, "", **_WRONG),
)  # fmt: skip
