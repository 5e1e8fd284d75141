"""How long the notebooks train on a CPU."""

from __future__ import annotations

from typing import Any

# Method → what differs from the demo profile on a CPU. pix2pix: a network of a sixth of the
# weights, which sees each of the 377 portraits some eight times.
_SHORT: dict[str, dict[str, Any]] = {
    "pix2pix": {
        "base_filters": 16,
        "disc_filters": 16,
        "total_images": 3_000,
        "ema_half_life_images": 300.0,
        "time_budget_s": 0.0,
    },
    "cyclegan": {
        "base_filters": 16,
        "num_blocks": 4,
        "disc_filters": 24,
        "batch_size": 1,
        "total_images": 2_000,
        "ema_half_life_images": 200.0,
        "time_budget_s": 0.0,
        "num_samples": 6,
    },
}


def short_settings(method: str, profile: str, has_gpu: bool) -> dict[str, Any]:
    """What a notebook sets beside a profile, so that a training ends in minutes on a CPU: {} but
    for the demo there.
    """
    if profile != "demo" or has_gpu:
        return {}
    return dict(_SHORT[method])
