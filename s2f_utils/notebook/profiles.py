"""How much the notebooks draw, train and measure in each profile."""

from __future__ import annotations

from typing import Any

# Notebook 02 on a CPU: what differs from the demo profile, so that a network of a sixth of the weights sees each of the
# 425 portraits some fourteen times. The other profiles, and a GPU, train as they say.
_SMALL_PIX2PIX: dict[str, Any] = {
    "base_filters": 16,
    "disc_filters": 16,
    "total_images": 6_000,
    "ema_half_life_images": 300.0,
}
# Notebook 02b's two networks on a CPU: as in the demo profile, for fewer images.
_SHORT: dict[str, dict[str, Any]] = {
    "pix2pix": _SMALL_PIX2PIX,
    "faithful": {"total_images": 3_000, "ema_half_life_images": 500.0},
    "realistic": {"total_images": 2_000, "ema_half_life_images": 500.0},
}


def short_settings(method: str, profile: str, has_gpu: bool) -> dict[str, Any]:
    """What a notebook sets beside a profile, so that a training ends in minutes on a CPU: {} but for the demo there."""
    return dict(_SHORT[method]) if profile == "demo" and not has_gpu else {}


# Raw photos that notebook 01 begins with: how many, and their height and width.
RAW_PROFILES: dict[str, dict[str, int]] = {
    "full": {"num": 150, "size_px": 320},
    "demo": {"num": 36, "size_px": 320},
    "fast": {"num": 16, "size_px": 240},
}


# What notebook 06 measures: faces drawn where there are no portraits, images of its training, steps of its patch tests.
METRICS_PROFILES: dict[str, dict[str, int]] = {
    "full": {"num": 2_000, "images": 40_000, "patch_steps": 600},
    "demo": {"num": 900, "images": 2_400, "patch_steps": 100},
    "fast": {"num": 200, "images": 480, "patch_steps": 8},
}


# Notebook 02b's curve from faithful to realistic: test faces, and steps of each patch test.
BLEND_PROFILES: dict[str, dict[str, int]] = {
    "full": {"num": 100, "patch_steps": 600},
    "demo": {"num": 48, "patch_steps": 100},
    "fast": {"num": 8, "patch_steps": 4},
}


# A CycleGAN that a CPU trains in minutes, for notebooks 03 and 03b; a GPU takes the method's own settings.
CYCLE_ON_A_CPU: dict[str, dict[str, Any]] = {
    "full": {},
    "demo": {
        "base_filters": 16,
        "num_blocks": 4,
        "disc_filters": 24,
        "batch_size": 1,
        "total_images": 2_000,
        "ema_half_life_images": 200.0,
        "time_budget_s": 0.0,
        "num_samples": 6,
    },
    "fast": {},
}


# Images of each pile that notebook 03b trains with: steered, and each failure.
TRIAL_IMAGES: dict[str, int] = {"full": 4_000, "demo": 500, "fast": 24}


# Steps of notebook 03b's two networks that hide a photo in a sketch and find it.
HIDING_STEPS: dict[str, int] = {"full": 4_000, "demo": 1_000, "fast": 20}


# Notebook 07: people whose mean is taken, and faces among which neighbours are looked for.
FACES_PROFILES: dict[str, dict[str, int]] = {
    "full": {"people": 200, "neighbours": 600},
    "demo": {"people": 48, "neighbours": 200},
    "fast": {"people": 6, "neighbours": 12},
}
