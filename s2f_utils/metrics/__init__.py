"""Metrics of generated pictures against true ones, after one protocol; each names the code that it agrees with.

All take and compare uint8 RGB pictures (H, W, 3) in [0, 255], without any alignment, and never from JPEG files.
"""

from s2f_utils.metrics import identity, landmarks, perceptual, pixel, structure  # each adds its own to METRICS
from s2f_utils.metrics.baselines import TRIVIAL_ROWS, filtered, trivial_predictions
from s2f_utils.metrics.bootstrap import Interval, bootstrap_mean, paired_difference
from s2f_utils.metrics.patches import PATCH_PX, PatchTest, patch_test
from s2f_utils.metrics.registry import METRICS, QUESTIONS, Metric, measure, not_measured

DEFAULT_METRICS = ("ssim", "psnr", "mse", "l1", "l2_norm")
ALL_METRICS = (
    *("ssim", "ms_ssim", "psnr", "mse", "l1", "l2_norm", "fsim", "delta_e", "landmarks"),
    *("sharpness", "spectrum", "lpips_alex", "lpips_vgg", "dists"),
    "identity",
)
PROJECT_1_METRICS = pixel.PROJECT_1_METRICS

__all__ = [
    "ALL_METRICS",
    "DEFAULT_METRICS",
    "METRICS",
    "PATCH_PX",
    "PROJECT_1_METRICS",
    "QUESTIONS",
    "TRIVIAL_ROWS",
    "Interval",
    "Metric",
    "PatchTest",
    "bootstrap_mean",
    "filtered",
    "identity",
    "landmarks",
    "measure",
    "not_measured",
    "paired_difference",
    "patch_test",
    "perceptual",
    "pixel",
    "structure",
    "trivial_predictions",
]
