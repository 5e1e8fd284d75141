"""How much the notebooks draw, train and measure in each profile."""

from __future__ import annotations

from typing import Any

# Notebook 02's first look at a training: the faces that it draws, and what differs from the demo profile.
_LOOK: dict[str, dict[str, Any]] = {
    "faces": {"num": 160, "size_px": 64},
    "settings": {
        "size_px": 64,
        "load_size_px": 68,
        "total_images": 4_000,
        "time_budget_s": 30.0,
        "ema_half_life_images": 300.0,
        "check_memory": False,  # a network this small fits, and the check takes a while
    },
}
FIRST_LOOK_PROFILES: dict[str, dict[str, dict[str, Any]]] = {
    "full": _LOOK,
    "demo": _LOOK,
    "fast": {
        "faces": {"num": 24, "size_px": 64},
        "settings": {"size_px": 64, "load_size_px": 68, "total_images": 80, "time_budget_s": 0.0},
    },
}


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


# Notebook 02's curve from faithful to realistic: test faces, and steps of each patch test.
BLEND_PROFILES: dict[str, dict[str, int]] = {
    "full": {"num": 100, "patch_steps": 600},
    "demo": {"num": 60, "patch_steps": 150},
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
