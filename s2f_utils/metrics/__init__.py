"""Metrics of generated pictures against true ones, after one protocol; tests compare each with an
independent implementation.

All compare uint8 RGB pictures (H, W, 3) in [0, 255], without any alignment, and never from JPEG
files.
"""

# isort: off
# Each adds its metrics to the table, in the order of the columns.
from s2f_utils.metrics import structure, perceptual, patches, distribution, retrieval  # noqa: F401

# isort: on
from s2f_utils.metrics.baselines import TRIVIAL_ROWS, filtered, trivial_predictions
from s2f_utils.metrics.patches import PatchTest, patch_test
from s2f_utils.metrics.registry import (
    DEFAULT_METRICS,
    GROUPS,
    METRICS,
    Interval,
    Metric,
    PictureSet,
    Reference,
    SetScores,
    bootstrap_mean,
    group,
    measure,
    measure_sets,
    metric,
    not_measured,
    paired_difference,
)

__all__ = [
    "DEFAULT_METRICS",
    "GROUPS",
    "METRICS",
    "TRIVIAL_ROWS",
    "Interval",
    "Metric",
    "PatchTest",
    "PictureSet",
    "Reference",
    "SetScores",
    "bootstrap_mean",
    "filtered",
    "group",
    "measure",
    "measure_sets",
    "metric",
    "not_measured",
    "paired_difference",
    "patch_test",
    "trivial_predictions",
]
