"""Synthetic degradation of photos, to train and measure restorers: x = [(y ⊛ k) ↓ r + n] JPEG ↑ r.

GFPGAN's (Wang et al. 2021, arXiv:2101.04061, section 4.1), with the ranges of its published
training for faces of 512 px; for others lengths are scaled.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from PIL import Image

from s2f_utils.pictures.images import rounded

PUBLISHED_PX = 512
KERNEL_PX = 41  # at 512 px

Range = tuple[float, float]


@dataclass(frozen=True)
class Ranges:
    """Uniform distributions of a degradation; published training also has colour jitter of some,
    which is left out.
    """

    sigma: Range = (0.1, 10.0)  # of the Gaussian blur, pixels at 512 px
    ratio: Range = (0.8, 8.0)  # width before to width after
    noise: Range = (0.0, 20.0)  # standard deviation, grey levels
    quality: Range = (60.0, 100.0)  # of the JPEG, in percent
    aniso: float = 0.5  # the share of blurs that differ with the direction
    shift: float = 20.0  # of each colour, grey levels either way, in `shifted` of the pictures
    shifted: float = 0.3
    grey: float = 0.01  # the share of pictures without colour


PUBLISHED = Ranges()


def softer(ranges: Ranges, share: float, least: float = 0.0) -> Ranges:
    """Narrower ranges: share 1 leaves them as they are, 0 has (nearly) no damage. least: of damage,
    0 to `share`.
    """
    if not 0 <= least <= share <= 1:
        raise ValueError(f"share must be from 0 to 1, got {share}")
    narrower = {}
    for name in ("sigma", "ratio", "noise"):
        low, high = getattr(ranges, name)
        narrower[name] = (low + least * (high - low), low + share * (high - low))
    low, high = ranges.quality  # the worst is the lowest
    narrower["quality"] = (high + share * (low - high), high + least * (low - high))
    return replace(ranges, **narrower, shift=share * ranges.shift, grey=share * ranges.grey)


# Three fixed strengths, to measure by: the quartiles of the published ranges.
STRENGTHS: Mapping[str, Ranges] = {
    name: replace(softer(PUBLISHED, share, share), aniso=0.0, shifted=0.0, grey=0.0)
    for name, share in (("mild", 0.25), ("medium", 0.5), ("strong", 0.75))
}


@dataclass(frozen=True)
class Degradation:
    """One draw, in the picture's pixels. sigmas: along two axes, the first turned by `angle`."""

    sigmas: tuple[float, float]
    angle: float
    ratio: float
    noise: float
    quality: int
    shift: tuple[float, float, float] = (0.0, 0.0, 0.0)
    grey: bool = False


def draw(
    rng: np.random.Generator, size_px: int = PUBLISHED_PX, ranges: Ranges = PUBLISHED
) -> Degradation:
    """A degradation for pictures of this width, drawn by chance."""
    scale = size_px / PUBLISHED_PX
    first = float(rng.uniform(*ranges.sigma)) * scale
    second = float(rng.uniform(*ranges.sigma)) * scale
    sigmas = (first, first)
    angle = 0.0
    if rng.random() < ranges.aniso:
        sigmas = (first, second)
        angle = float(rng.uniform(-np.pi, np.pi))
    ratio = float(rng.uniform(*ranges.ratio)) * scale
    if scale < 1:
        ratio = max(1.0, ratio)
    noise = float(rng.uniform(*ranges.noise))
    quality = round(rng.uniform(*ranges.quality))
    shift = (0.0, 0.0, 0.0)
    if rng.random() < ranges.shifted:
        shift = tuple(float(v) for v in rng.uniform(-ranges.shift, ranges.shift, 3))
    grey = bool(rng.random() < ranges.grey)
    return Degradation(sigmas, angle, ratio, noise, quality, shift, grey)


def blur_kernel(
    sigmas: tuple[float, float], angle: float = 0.0, width: int = KERNEL_PX
) -> np.ndarray:
    """A Gaussian of sum 1, float32 (width, width), width odd: sigmas in pixels along two axes
    turned by `angle`.
    """
    axis = np.arange(width) - width // 2
    x, y = np.meshgrid(axis, axis)
    along = np.cos(angle) * x + np.sin(angle) * y
    across = np.cos(angle) * y - np.sin(angle) * x
    exponent = (along / max(sigmas[0], 1e-3)) ** 2 + (across / max(sigmas[1], 1e-3)) ** 2
    kernel = np.exp(-0.5 * exponent)
    return (kernel / kernel.sum()).astype(np.float32)


def stages(photo: np.ndarray, how: Degradation, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """A photo, uint8 (H, W, 3), after each step: "blurred", "smaller", "noisy", "jpeg", and
    "degraded", of its size.
    """
    import cv2

    if photo.dtype != np.uint8 or photo.ndim != 3 or photo.shape[2] != 3:
        raise ValueError(f"photo must be uint8 (H, W, 3), got {photo.dtype} {photo.shape}")
    height, width = photo.shape[:2]
    reach = max(1, round(KERNEL_PX // 2 * max(height, width) / PUBLISHED_PX))
    kernel = blur_kernel(how.sigmas, how.angle, 2 * reach + 1)
    blurred = cv2.filter2D(photo, -1, kernel, borderType=cv2.BORDER_REFLECT_101)
    small = (max(1, round(width / how.ratio)), max(1, round(height / how.ratio)))
    smaller = cv2.resize(blurred, small, interpolation=cv2.INTER_LINEAR)
    noise = how.noise * rng.standard_normal(smaller.shape, dtype=np.float32)
    noisy = rounded(smaller + noise)
    jpeg = as_jpeg(noisy, how.quality)
    degraded = cv2.resize(jpeg, (width, height), interpolation=cv2.INTER_LINEAR)
    if any(how.shift):
        degraded = rounded(degraded + np.float32(how.shift))
    if how.grey:
        degraded = np.repeat(cv2.cvtColor(degraded, cv2.COLOR_RGB2GRAY)[..., None], 3, axis=2)
    return {
        "blurred": blurred,
        "smaller": smaller,
        "noisy": noisy,
        "jpeg": jpeg,
        "degraded": degraded,
    }


def degrade(
    photo: np.ndarray, seed: int | np.random.Generator, ranges: Ranges | str = PUBLISHED
) -> np.ndarray:
    """A degraded photo, uint8 (H, W, 3) → the same shape. ranges: or a key of `STRENGTHS`.
    ValueError for others.
    """
    if isinstance(ranges, str):
        if ranges not in STRENGTHS:
            raise ValueError(f"the strengths are {', '.join(STRENGTHS)}, got {ranges!r}")
        ranges = STRENGTHS[ranges]
    rng = seed if isinstance(seed, np.random.Generator) else np.random.default_rng(seed)
    return stages(photo, draw(rng, max(photo.shape[:2]), ranges), rng)["degraded"]


def as_jpeg(picture: np.ndarray, quality: int) -> np.ndarray:
    """A picture, uint8 (H, W, 3), after JPEG compression of this quality, 1 to 100."""
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "JPEG", quality=int(quality))
    return np.asarray(Image.open(buffer))
