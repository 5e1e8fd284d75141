"""Metrics of generated pictures against true ones, after one protocol; each names the code that it agrees with.

All take and compare uint8 RGB pictures (H, W, 3) in [0, 255], without any alignment, and never from JPEG files.
"""

from s2f_utils.metrics.baselines import TRIVIAL_ROWS, trivial_predictions
from s2f_utils.metrics.bootstrap import Interval, bootstrap_mean, paired_difference
from s2f_utils.metrics.pixel import METRICS, Metric, measure

__all__ = [
    "METRICS",
    "TRIVIAL_ROWS",
    "Interval",
    "Metric",
    "bootstrap_mean",
    "measure",
    "paired_difference",
    "trivial_predictions",
]
