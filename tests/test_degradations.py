"""Photos made bad: each step of the chain, its ranges, and that a seed fixes all of it."""

from __future__ import annotations  # noqa: I001

import numpy as np
import pytest
from skimage.metrics import peak_signal_noise_ratio

from tests.people import person
from s2f_utils.pictures.degradations import (
    PUBLISHED,
    STRENGTHS,
    Degradation,
    blur_kernel,
    degrade,
    draw,
    softer,
    stages,
)
from s2f_utils.pictures.images import luminance

PHOTO = person(0, size_px=256).photo
NOTHING = Degradation((1e-3, 1e-3), 0.0, 1.0, 0.0, 100)


def test_the_kernel_is_a_gaussian_of_its_widths_along_its_axes():
    kernel = blur_kernel((4.0, 1.5), np.pi / 2, 41)
    assert kernel.sum() == pytest.approx(1.0, abs=1e-5)
    axis = np.arange(41) - 20
    down, across = (np.sqrt((kernel.sum(axis=1 - n) * axis**2).sum()) for n in (0, 1))
    assert (down, across) == (pytest.approx(4.0, rel=0.02), pytest.approx(1.5, rel=0.02))
    assert np.allclose(blur_kernel((3.0, 3.0), 1.0), blur_kernel((3.0, 3.0), 0.0), atol=1e-6)


def test_each_step_does_what_it_is_called():
    rng = np.random.default_rng(0)
    alone = {
        "sigmas": Degradation((4.0, 4.0), 0.0, 1.0, 0.0, 100),
        "ratio": Degradation((1e-3, 1e-3), 0.0, 4.0, 0.0, 100),
        "noise": Degradation((1e-3, 1e-3), 0.0, 1.0, 12.0, 100),
        "quality": Degradation((1e-3, 1e-3), 0.0, 1.0, 0.0, 60),
    }
    assert (
        peak_signal_noise_ratio(PHOTO, stages(PHOTO, NOTHING, rng)["degraded"]) > 40
    )  # JPEG at 100 is not lossless
    blurred = stages(PHOTO, alone["sigmas"], rng)["blurred"]
    assert (
        np.abs(np.diff(blurred.astype(int), axis=1)).mean()
        < 0.7 * np.abs(np.diff(PHOTO.astype(int), axis=1)).mean()
    )
    assert stages(PHOTO, alone["ratio"], rng)["smaller"].shape == (64, 64, 3)
    flat = np.full((200, 200, 3), 128, np.uint8)
    assert stages(flat, alone["noise"], rng)["noisy"].std() == pytest.approx(12.0, rel=0.03)
    jpeg = stages(PHOTO, alone["quality"], rng)
    assert 0 < np.abs(jpeg["jpeg"].astype(int) - jpeg["noisy"]).mean() < 8
    shifted = stages(flat, Degradation((1e-3, 1e-3), 0.0, 1.0, 0.0, 100, (10.0, 0.0, -5.0)), rng)[
        "degraded"
    ]
    assert np.abs(shifted.reshape(-1, 3).mean(axis=0) - [138, 128, 123]).max() < 1
    grey = stages(PHOTO, Degradation((1e-3, 1e-3), 0.0, 1.0, 0.0, 100, grey=True), rng)
    of_colours = luminance(grey["jpeg"])[..., None].astype(int)
    assert np.abs(grey["degraded"] - of_colours).max() <= 1


def test_draws_keep_to_the_published_ranges():
    rng = np.random.default_rng(0)
    drawn = [draw(rng) for _ in range(2000)]
    for values, (low, high) in (
        ([s for d in drawn for s in d.sigmas], PUBLISHED.sigma),
        ([d.ratio for d in drawn], PUBLISHED.ratio),
        ([d.noise for d in drawn], PUBLISHED.noise),
        ([d.quality for d in drawn], PUBLISHED.quality),
    ):
        assert (
            low <= min(values) < low + 0.02 * (high - low)
            and high - 0.02 * (high - low) < max(values) <= high
        )
    share = {
        "round": np.mean([d.sigmas[0] == d.sigmas[1] for d in drawn]),
        "shifted": np.mean([any(d.shift) for d in drawn]),
        "grey": np.mean([d.grey for d in drawn]),
    }
    assert share == {
        k: pytest.approx(v, abs=0.04) for k, v in (("round", 0.5), ("shifted", 0.3), ("grey", 0.01))
    }
    small = [draw(rng, 128) for _ in range(500)]
    assert max(max(d.sigmas) for d in small) <= 2.5 and max(d.ratio for d in small) <= 2.0
    assert min(d.ratio for d in small) == 1.0
    assert draw(np.random.default_rng(3), 1024).ratio == 2 * draw(np.random.default_rng(3)).ratio


def test_the_strengths_are_ordered_and_less_damage_is_less():
    psnr = [peak_signal_noise_ratio(PHOTO, degrade(PHOTO, 1, name)) for name in STRENGTHS]
    assert list(STRENGTHS) == ["mild", "medium", "strong"] and psnr[0] > psnr[1] + 2 > psnr[2] + 3
    means = [
        np.mean(
            [
                peak_signal_noise_ratio(PHOTO, degrade(PHOTO, n, softer(PUBLISHED, share)))
                for n in range(12)
            ]
        )
        for share in (0.0, 0.4, 1.0)
    ]
    assert means[0] > means[1] + 1 > means[2] + 2
    assert softer(PUBLISHED, 1.0) == PUBLISHED


def test_the_same_seed_gives_the_same_picture_and_another_another():
    assert (degrade(PHOTO, 5) == degrade(PHOTO, 5)).all()
    assert (degrade(PHOTO, 5) != degrade(PHOTO, 6)).any()
    assert degrade(PHOTO, 5).shape == PHOTO.shape and degrade(PHOTO, 5).dtype == np.uint8
