"""Metrics: identical pictures, cases by hand, agreement with other implementations, the protocol's trivial rows."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
import skimage.metrics
from PIL import Image

from s2f_utils import images, metrics
from s2f_utils.metrics import baselines, pixel

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data" / "cufs"


@pytest.fixture(scope="module")
def pair():
    rng = np.random.default_rng(0)
    real = np.kron(rng.integers(0, 256, (8, 10, 3)), np.ones((8, 8, 1))).astype(np.uint8)
    fake = np.clip(real.astype(int) + rng.integers(-40, 41, real.shape), 0, 255).astype(np.uint8)
    return fake, real


def test_identical_pictures(pair):
    _, real = pair
    best = {"ssim": 1.0, "ssim_rgb_7x7": 1.0, "psnr": np.inf, "psnr_uint8": np.inf, "mse": 0.0, "l1": 0.0, "l2_norm": 0}
    assert set(best) == set(metrics.METRICS)
    for name, value in best.items():
        assert metrics.METRICS[name].compute(real, real) == pytest.approx(value)


def test_black_against_white_by_hand():
    black, white = np.zeros((16, 16, 3), np.uint8), np.full((16, 16, 3), 255, np.uint8)
    found = {name: m.compute(black, white) for name, m in metrics.METRICS.items()}
    assert found["mse"] == 255**2
    assert found["psnr"] == pytest.approx(0.0)
    assert found["l1"] == 255
    assert found["l2_norm"] == pytest.approx(255 * np.sqrt(16 * 16 * 3))
    c1 = (0.01 * 255) ** 2
    assert found["ssim"] == pytest.approx(c1 / (255**2 + c1), rel=1e-6)
    assert found["psnr_uint8"] == pytest.approx(10 * np.log10(255**2))  # 255 squared wraps to 1: 48 dB for the worst


def test_agreement_with_scikit_image_and_numpy(pair):
    fake, real = pair
    grey = [np.asarray(Image.fromarray(p).convert("L")) for p in pair]
    ssim = skimage.metrics.structural_similarity(
        *grey, data_range=255, gaussian_weights=True, sigma=1.5, use_sample_covariance=False
    )
    assert pixel.ssim(fake, real) == pytest.approx(ssim, abs=1e-12)
    assert pixel.psnr(fake, real) == pytest.approx(skimage.metrics.peak_signal_noise_ratio(real, fake), abs=1e-9)
    assert pixel.mse(fake, real) == pytest.approx(skimage.metrics.mean_squared_error(real, fake), abs=1e-9)
    assert pixel.l2_norm(fake, real) == pytest.approx(np.linalg.norm(fake.astype(float) - real.astype(float)))


def test_uint8_error_flatters(pair):
    fake, real = pair
    assert pixel.psnr_uint8(fake, 255 - real) > 20 > pixel.psnr(fake, 255 - real)


def test_measure_refuses_what_cannot_be_compared(pair):
    fake, real = pair
    with pytest.raises(ValueError, match="of one size"):
        pixel.ssim(fake[:-1], real)
    with pytest.raises(ValueError, match="uint8"):
        pixel.psnr(fake / 255, real)
    with pytest.raises(ValueError, match="there is no metric beauty"):
        metrics.measure(fake[None], real[None], ("beauty",))
    with pytest.raises(ValueError, match="as many outputs"):
        metrics.measure(fake[None], np.stack([real, real]))


def test_bootstrap_covers_the_mean_about_as_often_as_it_says():
    rng = np.random.default_rng(1)
    hits = 0
    for trial in range(200):
        interval = metrics.bootstrap_mean(rng.normal(3.0, 1.0, 40), num_resamples=400, seed=trial)
        hits += interval.low <= 3.0 <= interval.high
    assert 0.89 <= hits / 200 <= 0.98


def test_bootstrap_of_constants_and_of_nothing():
    interval = metrics.bootstrap_mean(np.full(5, 2.0))
    assert (interval.mean, interval.low, interval.high) == (2.0, 2.0, 2.0)
    assert metrics.bootstrap_mean(np.array([1.0, np.inf])).mean == np.inf
    with pytest.raises(ValueError, match="at least one image"):
        metrics.bootstrap_mean(np.array([]))


def test_paired_difference_sees_what_two_intervals_do_not():
    rng = np.random.default_rng(2)
    difficulty = rng.normal(0, 1, 60)
    ours, theirs = difficulty + 0.1, difficulty + rng.normal(0, 0.05, 60)
    apart = metrics.bootstrap_mean(ours).low - metrics.bootstrap_mean(theirs).high
    assert apart < 0 < metrics.paired_difference(ours, theirs).low
    with pytest.raises(ValueError, match="same images"):
        metrics.paired_difference(ours, theirs[:-1])


def test_ridge_agrees_with_the_primal_form():
    rng = np.random.default_rng(3)
    x, y, new = rng.normal(size=(12, 5)), rng.normal(size=(12, 4)), rng.normal(size=(3, 5))
    xc, yc = x - x.mean(0), y - y.mean(0)
    penalty = 3 * np.trace(xc @ xc.T) / 12
    primal = np.linalg.solve(xc.T @ xc + penalty * np.eye(5), xc.T @ yc)
    assert np.allclose(baselines.ridge(x, y, new), (new - x.mean(0)) @ primal + y.mean(0))


def test_trivial_predictions_by_hand():
    inputs = np.stack([np.full((64, 64, 3), v, np.uint8) for v in (0, 100, 250)])
    targets = np.stack([np.full((64, 64, 3), v, np.uint8) for v in (10, 20, 60)])
    found = metrics.trivial_predictions(inputs, targets, inputs[[2]] - 20)
    assert found["mean"][0, 0, 0, 0] == 30
    assert found["nearest"][0, 5, 5, 1] == 60
    assert found["sketch"][0, 0, 0, 0] == 230
    assert 30 < found["ridge"][0, 0, 0, 0] < 60  # between the mean and the truth: the penalty pulls towards the mean


@pytest.mark.data
@pytest.mark.skipif(not SHARED.is_dir(), reason="the CUHK pairs are not beside the project (../shared/data/cufs)")
def test_trivial_rows_of_the_protocol_on_cuhk():
    pictures: dict[str, list] = {"train": [], "test": []}
    with open(SHARED / "expected_pairs.csv", newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            part = "training" if row["split"] == "train" else "testing"
            paths = (
                SHARED / f"CUHK_{part}_cropped_{d}" / row[k] for d, k in (("sketches", "sketch"), ("photos", "photo"))
            )
            pictures[row["split"]].append([images.resize(images.load_rgb(p), 256) for p in paths])
    train, test = np.array(pictures["train"]), np.array(pictures["test"])
    assert (len(train), len(test)) == (88, 100)
    names = ("ssim", "ssim_rgb_7x7", "psnr", "l1", "psnr_uint8")
    expected = {
        "sketch": (0.5849, 0.5471, 10.97, 58.73, 28.06),
        "mean": (0.6699, 0.6199, 15.16, 33.65, 28.22),
        "nearest": (0.6208, 0.5743, 14.92, 32.20, 28.46),
        "ridge": (0.6948, 0.6480, 17.08, 27.48, 28.36),
    }
    for row, made in metrics.trivial_predictions(train[:, 0], train[:, 1], test[:, 0]).items():
        found = metrics.measure(made, test[:, 1], names)
        assert tuple(round(float(found[n].mean()), 4 if "ssim" in n else 2) for n in names) == expected[row]
