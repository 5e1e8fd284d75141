"""The profiles' tables: what differs from the papers' settings, and how much the notebooks draw, train and measure.

`config.resolve` lays them over the frozen dataclasses of `config`, whose defaults are the papers'.
"""

from __future__ import annotations

from typing import Any

# Our own methods at 128 px, and as small as a test needs them.
_SMALL: dict[str, Any] = {
    "size_px": 128, "load_size_px": 128, "widths": "32,64,96,128", "fine": "24,12", "shift_px": 2.0,
    "ema_half_life_images": 1_500.0,
}  # fmt: skip
_TINY: dict[str, Any] = {
    "size_px": 64, "load_size_px": 64, "widths": "16,24,32", "fine": "8,8", "blocks": 1, "total_images": 240,
    "shift_px": 1.0, "num_samples": 4, "ema_half_life_images": 40.0,
}  # fmt: skip

# Overrides of the papers' values. "method@cpu" holds on machines without a GPU, after "method". "small" is for a
# hundred pairs of one's own, which are soon learned by heart; chosen on CUHK's 88 (benchmarks/best_cuhk.py).
PROFILES: dict[str, dict[str, dict[str, Any]]] = {
    "full": {},
    "small": {
        "faithful": {
            "total_images": 7_000,
            "constant_share": 0.5,
            "lambda_ssim": 4.0,
            "dropout": 0.2,
            "elastic": 0.006,
            "rotate_deg": 6.0,
            "scale": 0.06,
            "shift_px": 6.0,
        },
        # The network that adds detail knows portraits already: half the step, less weight for the opponents.
        "realistic": {
            "total_images": 4_000,
            "detail_init": "sketch-to-photo-detail",
            "lr_g": 4e-4,
            "lambda_gan": 0.006,
        },
    },
    "demo": {
        "pix2pix": {
            "size_px": 128,
            "load_size_px": 136,
            "batch_size": 4,
            "total_images": 60_000,
            "constant_share": 0.4,
            "ema_half_life_images": 1_500.0,
            "num_downs": 5,  # at one pixel and batch 4, batch norm has four values: too few in minutes of training
            "dropout": 0.0,
            "disc_layers": 2,
            "gan_loss": "lsgan",  # steadier in a short training; the cross entropy left speckled backgrounds
            "lambda_gan": 1.0,
            "lr_g": 8e-4,
        },
        "pix2pix@cpu": {
            "base_filters": 32,
            "disc_filters": 24,
            "total_images": 30_000,
            "time_budget_s": 440.0,
        },
        "cyclegan": {
            "size_px": 128,
            "load_size_px": 143,  # as published: 286 for 256
            "batch_size": 4,
            "total_images": 40_000,
            "ema_half_life_images": 1_500.0,
        },
        "cyclegan@cpu": {
            "size_px": 64,
            "load_size_px": 72,
            "base_filters": 32,
            "disc_filters": 32,
            "disc_layers": 2,
            "batch_size": 2,
            "lr_g": 4e-4,
            "lr_d": 4e-4,
            "total_images": 30_000,
            "time_budget_s": 660.0,
        },
        "cgan": {"total_images": 30_000},
        "stylegan2": {
            "size_px": 64,
            "load_size_px": 64,
            "batch_size": 16,
            "total_images": 400_000,
            "ema_half_life_images": 5_000.0,
            "style_dim": 128,
            "num_mlp": 4,
            "width": 128,
            "r1_gamma": 0.2,
            "lambda_path": 0.0,
            "ada_images": 100_000.0,
            "time_budget_s": 600.0,
        },
        "psp": {
            "encoder": "small",
            "perceptual": "discriminator",
            "batch_size": 16,
            "total_images": 200_000,
            "constant_share": 0.5,
            "lr_g": 1e-3,
            "beta1": 0.9,
            "beta2": 0.99,
            "ema_half_life_images": 2_000.0,
            "time_budget_s": 300.0,
        },
        "restore": {
            "size_px": 128,
            "load_size_px": 128,
            "batch_size": 8,
            "total_images": 60_000,
            "num_style_feat": 128,
            "num_mlp": 1,
            "narrow": 0.25,
            "channel_multiplier": 1.0,
            "disc_width": 128,
            "disc_multiplier": 0.5,
            "perceptual": "discriminator",
            "lambda_l1": 1.0,
            "lambda_pyramid": 0.5,
            "lambda_perceptual": 0.2,
            "lambda_style": 0.0,
            "lambda_id": 0.0,
            "lambda_gan": 0.02,
            "r1_gamma": 1.0,
            "lr_g": 1e-3,
            "lr_d": 1e-3,
            "beta1": 0.5,
            "max_norm": 0.5,
            "ema_half_life_images": 1_000.0,
            "time_budget_s": 300.0,
        },
        "restore@cpu": {"narrow": 0.125, "num_style_feat": 64, "disc_width": 32},
        "stylegan2@cpu": {"channel_multiplier": 0.25},
        "cgan@cpu": {"total_images": 15_000, "time_budget_s": 240.0},
        "faithful": _SMALL | {"total_images": 24_000},
        "faithful@cpu": {"total_images": 16_000, "time_budget_s": 120.0},
        "realistic": _SMALL
        | {"detail_widths": "24,48,72", "detail_fine": "24,12", "total_images": 12_000, "disc_crop_px": 64},
        "realistic@cpu": {"total_images": 8_000, "time_budget_s": 90.0},
    },
    "fast": {
        "cyclegan": {
            "size_px": 64,
            "load_size_px": 68,
            "batch_size": 4,
            "base_filters": 8,
            "num_blocks": 2,
            "disc_filters": 8,
            "disc_layers": 2,
            "pool_size": 8,
            "total_images": 240,
            "ema_half_life_images": 40.0,
            "num_samples": 4,
        },
        "cgan": {
            "size_px": 64,
            "load_size_px": 64,
            "base_filters": 8,
            "num_blocks": 2,
            "disc_filters": 8,
            "batch_size": 8,
            "total_images": 240,
            "num_samples": 4,
        },
        "stylegan2": {
            "size_px": 32,
            "load_size_px": 32,
            "batch_size": 8,
            "total_images": 240,
            "style_dim": 16,
            "num_mlp": 2,
            "width": 16,
            "ema_half_life_images": 40.0,
            "num_samples": 4,
        },
        "psp": {
            "size_px": 32,
            "load_size_px": 32,
            "decoder_px": 32,
            "style_dim": 16,
            "num_mlp": 2,
            "width": 16,
            "channel_multiplier": 1.0,
            "encoder": "small",
            "perceptual": "discriminator",
            "batch_size": 8,
            "lr_g": 1e-3,
            "beta1": 0.9,
            "beta2": 0.99,
            "total_images": 240,
            "ema_half_life_images": 40.0,
            "num_samples": 4,
        },
        "restore": {
            "size_px": 32,
            "load_size_px": 32,
            "batch_size": 8,
            "total_images": 240,
            "num_style_feat": 16,
            "num_mlp": 1,
            "narrow": 0.0625,
            "channel_multiplier": 1.0,
            "disc_width": 16,
            "perceptual": "discriminator",
            "lambda_style": 0.0,
            "lambda_id": 0.0,
            "ema_half_life_images": 40.0,
            "num_samples": 4,
        },
        "faithful": _TINY,
        "realistic": _TINY | {"detail_widths": "16,24", "detail_fine": "8,8", "disc_filters": 8, "disc_crop_px": 48},
        "pix2pix": {
            "size_px": 64,
            "load_size_px": 68,
            "batch_size": 4,
            "base_filters": 16,
            "disc_filters": 16,
            "total_images": 480,
            "ema_half_life_images": 40.0,
            "num_samples": 4,
        },
    },
}

# How many synthetic faces a profile draws, and how large.
SYNTHETIC_PROFILES: dict[str, dict[str, int]] = {
    "full": {"num": 2_000, "size_px": 256},
    "demo": {"num": 1_600, "size_px": 128},
    "fast": {"num": 24, "size_px": 64},
}


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
    "full": {"num": 200, "size_px": 320},
    "demo": {"num": 48, "size_px": 320},
    "fast": {"num": 16, "size_px": 240},
}


# What notebook 06 measures: drawn faces (how many, how large), images of its training, steps of its patch tests.
METRICS_PROFILES: dict[str, dict[str, int]] = {
    "full": {"num": 1_000, "size_px": 256, "images": 40_000, "patch_steps": 600},
    "demo": {"num": 360, "size_px": 128, "images": 6_000, "patch_steps": 200},
    "fast": {"num": 80, "size_px": 64, "images": 480, "patch_steps": 8},
}


# Notebook 02's curve from faithful to realistic: test faces, and steps of each patch test.
BLEND_PROFILES: dict[str, dict[str, int]] = {
    "full": {"num": 100, "patch_steps": 600},
    "demo": {"num": 60, "patch_steps": 150},
    "fast": {"num": 8, "patch_steps": 4},
}


# Steps of notebook 03's two networks that hide a photo in a sketch and find it.
HIDING_STEPS: dict[str, int] = {"full": 4_000, "demo": 1_000, "fast": 20}
