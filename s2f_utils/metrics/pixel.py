"""Metrics that compare pixel with pixel: SSIM, PSNR, MSE, L1, L2 norm.

Two pictures, uint8 (H, W, 3), go in and one float comes out. Differences are taken in float64: in uint8,
`(a - b) ** 2` wraps modulo 256, which makes a PSNR of 11 read as 28.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from PIL import Image


@dataclass(frozen=True)
class Metric:
    """A metric, which way is better, how to print it, and the implementation that it agrees with."""

    name: str
    compute: Callable[[np.ndarray, np.ndarray], float]
    higher_is_better: bool
    digits: int
    unit: str
    agrees_with: str


def _difference(fake: np.ndarray, real: np.ndarray) -> np.ndarray:
    fake, real = np.asarray(fake), np.asarray(real)
    if fake.dtype != np.uint8 or real.dtype != np.uint8 or fake.ndim != 3 or fake.shape[2] != 3:
        raise ValueError(f"pictures must be uint8 (H, W, 3), got {fake.dtype} {fake.shape} and {real.dtype}")
    if fake.shape != real.shape:
        raise ValueError(f"pictures must be of one size, got {fake.shape} and {real.shape}: resize the output")
    return fake.astype(np.float64) - real.astype(np.float64)


def ssim(fake: np.ndarray, real: np.ndarray) -> float:
    """Structural similarity on grey (PIL's "L"), Gaussian window of σ 1.5, in [-1, 1]; 1 is the same picture.

    Wang et al. 2004, with scikit-image's `use_sample_covariance=False` and `data_range=255`.
    """
    from skimage.metrics import structural_similarity

    _difference(fake, real)
    grey = [np.asarray(Image.fromarray(picture).convert("L")) for picture in (fake, real)]
    return float(
        structural_similarity(*grey, data_range=255, gaussian_weights=True, sigma=1.5, use_sample_covariance=False)
    )


def ssim_rgb_7x7(fake: np.ndarray, real: np.ndarray) -> float:
    """Structural similarity with scikit-image's defaults: 7x7 uniform window, on each colour; reads lower."""
    from skimage.metrics import structural_similarity

    _difference(fake, real)
    return float(structural_similarity(fake, real, data_range=255, channel_axis=2))


def mse(fake: np.ndarray, real: np.ndarray) -> float:
    """Mean squared difference over all pixels and colours, in [0, 65025]."""
    return float(np.mean(_difference(fake, real) ** 2))


def psnr(fake: np.ndarray, real: np.ndarray) -> float:
    """Peak signal-to-noise ratio in dB, 10·log10(255² / MSE); infinite for identical pictures."""
    error = mse(fake, real)
    return float("inf") if error == 0 else float(10.0 * np.log10(255.0**2 / error))


def psnr_uint8(fake: np.ndarray, real: np.ndarray) -> float:
    """PSNR as it must not be computed: the subtraction and the square wrap modulo 256. Shown beside the right one."""
    _difference(fake, real)
    error = float(np.mean((fake - real) ** 2))
    return float("inf") if error == 0 else float(10.0 * np.log10(255.0**2 / error))


def l1(fake: np.ndarray, real: np.ndarray) -> float:
    """Mean absolute difference over all pixels and colours, in grey levels, [0, 255]."""
    return float(np.mean(np.abs(_difference(fake, real))))


def l2_norm(fake: np.ndarray, real: np.ndarray) -> float:
    """Euclidean length of the difference of two pictures as vectors; grows with the number of pixels."""
    return float(np.sqrt(np.sum(_difference(fake, real) ** 2)))


METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric("ssim", ssim, True, 4, "", "skimage.metrics.structural_similarity"),
        Metric("psnr", psnr, True, 2, "dB", "skimage.metrics.peak_signal_noise_ratio"),
        Metric("mse", mse, False, 1, "", "skimage.metrics.mean_squared_error"),
        Metric("l1", l1, False, 2, "", "numpy.abs"),
        Metric("l2_norm", l2_norm, False, 0, "", "numpy.linalg.norm"),
        Metric("ssim_rgb_7x7", ssim_rgb_7x7, True, 4, "", "skimage.metrics.structural_similarity, its defaults"),
        Metric("psnr_uint8", psnr_uint8, True, 2, "dB", "nothing: the uint8 error, to recognise published numbers"),
    )
}
DEFAULT_METRICS = ("ssim", "psnr", "mse", "l1", "l2_norm")


def measure(fakes: np.ndarray, reals: np.ndarray, names: tuple[str, ...] = DEFAULT_METRICS) -> dict[str, np.ndarray]:
    """Every metric for every pair of pictures, N of uint8 (H, W, 3) twice → {name: float64 (N,)}."""
    if len(fakes) != len(reals):
        raise ValueError(f"as many outputs as true pictures are needed, got {len(fakes)} and {len(reals)}")
    unknown = [name for name in names if name not in METRICS]
    if unknown:
        raise ValueError(f"there is no metric {', '.join(unknown)}: the metrics are {', '.join(METRICS)}")
    pairs = list(zip(fakes, reals, strict=True))
    return {name: np.array([METRICS[name].compute(*pair) for pair in pairs]) for name in names}
