"""Metrics: identical pictures, cases by hand, agreement with other implementations, the protocol's
trivial rows.
"""

from __future__ import annotations

import csv
import tracemalloc

import numpy as np
import pytest
import skimage.metrics
from PIL import Image

from s2f_utils import metrics
from s2f_utils.metrics import baselines, distribution, patches, retrieval, structure
from s2f_utils.pictures import images
from tests.shared import needs_shared, shared

CUFS = shared("data/cufs")

PIXEL = ("ssim", "psnr", "mse", "l1", "l2_norm", "ssim_rgb_7x7", *metrics.group("project1"))


@pytest.fixture(scope="module")
def pair():
    rng = np.random.default_rng(0)
    real = np.kron(rng.integers(0, 256, (8, 10, 3)), np.ones((8, 8, 1))).astype(np.uint8)
    fake = np.clip(real.astype(int) + rng.integers(-40, 41, real.shape), 0, 255).astype(np.uint8)
    return fake, real


def test_identical_pictures(pair):
    _, real = pair
    real = np.tile(real, (3, 3, 1))  # MS-SSIM wants 161 px
    of_pairs = {name: metric for name, metric in metrics.METRICS.items() if metric.of == "pairs"}
    missing = metrics.not_measured(list(of_pairs), *real.shape[:2])
    assert set(missing) <= {"lpips_alex", "lpips_vgg", "dists", "identity", "landmarks"}
    for name, metric in of_pairs.items():
        if name in missing or name == "landmarks":  # tests/test_metrics_networks.py and below
            continue
        assert metric.compute(real, real) == pytest.approx(metric.best), name
        assert metric.measure([real], [real]) == pytest.approx([metric.best]), name


def test_black_against_white_by_hand():
    black, white = np.zeros((16, 16, 3), np.uint8), np.full((16, 16, 3), 255, np.uint8)
    found = {name: metrics.METRICS[name].compute(black, white) for name in PIXEL}
    assert found["mse"] == 255**2 and found["psnr"] == pytest.approx(0.0)
    assert found["l1"] == 255 and found["l2_norm"] == pytest.approx(255 * np.sqrt(16 * 16 * 3))
    # of greys, CIEDE2000 is ΔL over 1 + 0.015 (L̄ − 50)² / √(20 + (L̄ − 50)²): 100 / 1.0 of black
    # and white, L̄ = 50
    assert structure.delta_e(black, white) == pytest.approx(100.0, abs=0.01)
    c1 = (0.01 * 255) ** 2
    assert found["ssim"] == pytest.approx(c1 / (255**2 + c1), rel=1e-6)
    assert found["mse_uint8"] == 1 and found["l2_uint8"] == pytest.approx(np.sqrt(16 * 16 * 3))
    large = [
        np.tile(p, (11, 11, 1)) for p in (black, white)
    ]  # the luminance counts on the coarsest scale alone
    assert metrics.METRICS["ms_ssim"].compute(*large) == pytest.approx(
        (c1 / (255**2 + c1)) ** 0.1333, rel=1e-3
    )
    assert found["psnr_uint8"] == pytest.approx(
        10 * np.log10(255**2)
    )  # 255 squared wraps to 1: 48 dB for the worst


def test_agreement_with_scikit_image_and_numpy(pair):
    fake, real = pair
    grey = [np.asarray(Image.fromarray(p).convert("L")) for p in pair]
    ssim = skimage.metrics.structural_similarity(
        *grey, data_range=255, gaussian_weights=True, sigma=1.5, use_sample_covariance=False
    )
    assert structure.ssim(fake, real) == pytest.approx(ssim, abs=1e-12)
    for name, its_own in (("ssim_rgb_7x7", {}), ("ssim_3x3", {"win_size": 3})):
        theirs = skimage.metrics.structural_similarity(
            fake, real, data_range=255, channel_axis=2, **its_own
        )
        assert metrics.METRICS[name].compute(fake, real) == pytest.approx(theirs, abs=1e-12)
    assert structure.psnr(fake, real) == pytest.approx(
        skimage.metrics.peak_signal_noise_ratio(real, fake), abs=1e-9
    )
    assert structure.mse(fake, real) == pytest.approx(
        skimage.metrics.mean_squared_error(real, fake), abs=1e-9
    )
    assert structure.l2_norm(fake, real) == pytest.approx(
        np.linalg.norm(fake.astype(float) - real.astype(float))
    )


def test_project_1s_protocol_beside_the_right_one(pair):
    fake, real = pair
    assert metrics.METRICS["mse_uint8"].compute(fake, real) < 249 < structure.mse(fake, 255 - real)
    wrapped = fake - real  # what its notebook subtracts: uint8, so that -1 is 255
    assert metrics.METRICS["l2_uint8"].compute(fake, real) == pytest.approx(
        np.sqrt((wrapped.astype(float) ** 2).sum())
    )
    noise = np.random.default_rng(5).integers(100, 156, (64, 64, 3), dtype=np.uint8)
    softer = ((noise.astype(int) + 128) // 2).astype(np.uint8)
    assert metrics.METRICS["ssim_3x3"].compute(softer, noise) > 0.75


def test_measure_refuses_what_cannot_be_compared(pair):
    fake, real = pair
    with pytest.raises(ValueError, match="of one size"):
        metrics.METRICS["ssim"].compute(fake[:-1], real)
    with pytest.raises(ValueError, match="uint8"):
        metrics.METRICS["psnr"].compute(fake / 255, real)
    with pytest.raises(ValueError, match="there is no metric beauty"):
        metrics.measure(fake[None], real[None], ("beauty",))
    with pytest.raises(ValueError, match="as many outputs"):
        metrics.measure(fake[None], np.stack([real, real]), ("ssim",))


def test_a_bootstrap_of_many_images_takes_little_memory():
    values = np.random.default_rng(1).normal(size=20_000)
    metrics.bootstrap_mean(values[:9])  # imports scipy
    tracemalloc.start()
    try:
        metrics.bootstrap_mean(values, num_resamples=50)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 10 * values.nbytes, "not all resamples at once"


@pytest.mark.parametrize("place", [0, -1])
def test_every_image_is_drawn_by_the_bootstrap(place):
    values = np.zeros(20)
    values[place] = 1.0  # drawn once in the mean, three times in 2.5 % of the resamples or so
    interval = metrics.bootstrap_mean(values)
    assert interval.low == 0 and 0.1 <= interval.high <= 0.2


def test_an_interval_covers_the_truth_where_people_have_several_pictures():
    rng, hits, num = np.random.default_rng(5), {"pictures": 0, "people": 0}, 200
    for _ in range(num):
        people = np.repeat(np.arange(25), rng.integers(2, 9, 25))
        values = rng.normal(0, 1, 25)[people] + rng.normal(0, 0.5, len(people))
        for key, given in (("pictures", None), ("people", people)):
            interval = metrics.bootstrap_mean(values, given, num_resamples=300)
            hits[key] += interval.low <= 0 <= interval.high
    assert 0.55 < hits["pictures"] / num < 0.75 and 0.87 < hits["people"] / num < 0.98


def test_people_are_drawn_with_all_of_their_pictures_and_have_to_be_two():
    values = np.array([0.0, 0.0, 0.0, 1.0])
    interval = metrics.bootstrap_mean(values, ["ann", "ann", "ann", "bob"])
    assert (interval.mean, interval.low, interval.high) == (0.25, 0.0, 1.0)
    shifted = metrics.paired_difference(values + [3, 1, 2, 2], values, ["ann", "ann", "ann", "bob"])
    assert (shifted.mean, shifted.low, shifted.high) == (2.0, 2.0, 2.0)
    alone = metrics.bootstrap_mean(values, ["ann"] * 4)
    assert alone.mean == 0.25 and np.isnan(alone.low) and alone.text(2) == "0.25"
    with pytest.raises(ValueError, match="each of the 4 images, got 3"):
        metrics.bootstrap_mean(values, ["ann", "ann", "bob"])


def test_bootstrap_of_constants_of_nothing_and_of_differences():
    interval = metrics.bootstrap_mean(np.full(5, 2.0))
    assert (interval.mean, interval.low, interval.high) == (2.0, 2.0, 2.0)
    assert metrics.bootstrap_mean(np.array([1.0, np.inf])).mean == np.inf
    without = metrics.bootstrap_mean(np.array([1.0, np.nan, 3.0]))
    assert without == metrics.bootstrap_mean(np.array([1.0, 3.0])) and without.mean == 2.0
    assert np.isnan(metrics.bootstrap_mean(np.array([np.nan])).mean)
    with pytest.raises(ValueError, match="at least one image"):
        metrics.bootstrap_mean(np.array([]))
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
    assert np.allclose(baselines.ridge(x[:1], y[:1], new), y[:1]), "one pair has but a mean"
    many = np.zeros((100, 50_000), np.uint8)
    tracemalloc.start()
    baselines.ridge(rng.normal(size=(100, 5)), many, new)
    assert tracemalloc.get_traced_memory()[1] < 2 * many.nbytes, "a thousand photos fit into memory"
    tracemalloc.stop()


def test_trivial_predictions_by_hand():
    inputs = np.stack([np.full((64, 64, 3), v, np.uint8) for v in (0, 100, 250)])
    targets = np.stack([np.full((64, 64, 3), v, np.uint8) for v in (10, 20, 60)])
    found = metrics.trivial_predictions(inputs, targets, inputs[[2]] - 20)
    assert found["mean"][0, 0, 0, 0] == 30 and found["nearest"][0, 5, 5, 1] == 60
    assert found["sketch"][0, 0, 0, 0] == 230
    assert (
        30 < found["ridge"][0, 0, 0, 0] < 60
    )  # between the mean and the truth: the penalty pulls towards the mean


@pytest.mark.data
@needs_shared("data/cufs")
def test_trivial_rows_of_the_protocol_on_cuhk():
    pictures: dict[str, list] = {"train": [], "test": []}
    with open(CUFS / "expected_pairs.csv", newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            part = "training" if row["split"] == "train" else "testing"
            paths = (
                CUFS / f"CUHK_{part}_cropped_{d}" / row[k]
                for d, k in (("sketches", "sketch"), ("photos", "photo"))
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
        assert (
            tuple(round(float(found[n].mean()), 4 if "ssim" in n else 2) for n in names)
            == expected[row]
        )


# --- structure, sharpness, spectrum, colour ---


@pytest.fixture(scope="module")
def photo():
    """A photo that ships with scikit-image, 256 px: the same on every machine."""
    return np.ascontiguousarray(skimage.data.astronaut()[:256, 128:384])


def blurred(picture: np.ndarray, times: int = 1) -> np.ndarray:
    out = picture.astype(float)
    for _ in range(times):
        mean = sum(np.roll(out, (y, x), (0, 1)) for y in (-1, 0, 1) for x in (-1, 0, 1)) / 9
        out[1:-1, 1:-1] = mean[1:-1, 1:-1]
    return np.rint(out).astype(np.uint8)


def noisy(picture: np.ndarray, spread: int = 40) -> np.ndarray:
    noise = np.random.default_rng(0).integers(-spread, spread + 1, picture.shape)
    return np.clip(picture.astype(int) + noise, 0, 255).astype(np.uint8)


# piqa 1.3.2: FSIM(chromatic=False, downsample=True) and MS_SSIM(window_size=11, sigma=1.5,
# n_channels=1) on PIL's "L"
PIQA = {
    "blurred": (0.898032, 0.977361),
    "noisy": (0.747271, 0.885225),
    "mirrored": (0.591299, 0.095255),
}


@pytest.mark.parametrize("name", PIQA)
def test_fsim_and_ms_ssim_agree_with_piqa(photo, name):
    fake = {"blurred": blurred(photo, 3), "noisy": noisy(photo), "mirrored": photo[:, ::-1].copy()}[
        name
    ]
    assert metrics.METRICS["fsim"].compute(fake, photo) == pytest.approx(PIQA[name][0], abs=1e-4)
    assert metrics.METRICS["ms_ssim"].compute(fake, photo) == pytest.approx(PIQA[name][1], abs=1e-4)


def test_sharpness_by_hand(photo):
    ramp = np.repeat(np.arange(0, 64, 2, dtype=np.uint8)[None, :, None], 32, 0).repeat(
        3, 2
    )  # 2 levels a pixel, across
    steep = (ramp.astype(int) * 2).astype(np.uint8)
    assert structure.gradient(ramp) == pytest.approx(2.0)
    assert structure.gradient(ramp + ramp.transpose(1, 0, 2)) == pytest.approx(2 * np.sqrt(2))
    assert structure.sharpness(steep, ramp) == pytest.approx(2.0)
    assert np.isnan(structure.sharpness(ramp, np.full_like(ramp, 7)))
    assert (
        structure.sharpness(blurred(photo), photo)
        < 0.8
        < 1.2
        < structure.sharpness(noisy(photo), photo)
    )


def test_spectrum_by_hand(photo):
    """A wave of 8 px (octave 1: 1/8 to 1/4 cycle a pixel) with half of the amplitude has a quarter
    of the power.
    """
    y, x = np.mgrid[0:128, 0:128]
    wave = np.sin(2 * np.pi * x / 7)
    strong, weak = (
        np.rint(128 + a * wave).astype(np.uint8)[..., None].repeat(3, 2) for a in (100, 50)
    )
    found = structure.spectrum_db(weak, strong)
    assert found[1] == pytest.approx(10 * np.log10(0.25), abs=0.1)
    found = structure.spectrum_db(blurred(photo), photo)
    assert (
        len(found) == 5 and found[0] < -8 and found[0] < found[1] < found[2] and abs(found[4]) < 0.2
    )
    assert structure.spectrum_db(noisy(photo), photo)[0] > 5
    assert structure.spectrum(blurred(photo), photo) == pytest.approx(np.abs(found).mean())


def test_what_is_too_small_is_not_measured(photo):
    small = photo[:64, :64]
    missing = metrics.not_measured(("ssim", "ms_ssim"), 64, 64)
    assert list(missing) == ["ms_ssim"] and "161 px, these have 64" in missing["ms_ssim"]
    assert list(metrics.measure([small], [small], ("ssim", "ms_ssim"))) == ["ssim"]


def test_landmarks_move_with_the_face():
    from data_prep.procedural_faces.synthetic import draw_face

    face = draw_face(3, size_px=256)
    error = metrics.METRICS["landmarks"].compute
    assert error(face.photo, face.photo) == 0
    shifted = np.roll(face.photo, 8, axis=1)
    eyes = np.hypot(*(face.landmarks[1] - face.landmarks[0]))
    assert error(shifted, face.photo) == pytest.approx(8 / eyes, abs=0.05)
    blank = np.full_like(face.photo, 128)
    assert error(blank, face.photo) == 1.0 and np.isnan(error(face.photo, blank))
    small = [np.asarray(Image.fromarray(p).resize((96, 96))) for p in (shifted, face.photo)]
    assert error(*small) == pytest.approx(8 / eyes, abs=0.06)


# --- the patch test ---


def textures(num: int, spread: int, seed: int) -> np.ndarray:
    """Grey pictures with grain of this strength: nothing else tells them apart."""
    rng = np.random.default_rng(seed)
    return (128 + rng.integers(-spread, spread + 1, (num, 72, 72, 1))).astype(np.uint8).repeat(3, 3)


def test_the_patch_test_tells_textures_apart_and_not_the_same():
    who = [f"p{n}" for n in range(20)]
    real = textures(20, 20, 0)
    apart = metrics.patch_test(textures(20, 32, 1), real, who, num_steps=30)
    assert apart.auc > 0.9 and apart.per_image.mean() == pytest.approx(apart.auc)
    alike = metrics.patch_test(textures(20, 20, 2), real, who, num_steps=30)
    assert abs(alike.auc - 0.5) < 0.2 < apart.auc - alike.auc
    assert len(alike.folds) == 5 and alike.auc == pytest.approx(np.mean(alike.folds))
    short = [metrics.patch_test(real, real, who, num_steps=2, seed=seed) for seed in (0, 0, 1)]
    assert (
        short[0].auc == short[1].auc != short[2].auc
        and (short[0].per_image == short[1].per_image).all()
    )


def test_area_under_the_curve_by_hand():
    found = patches._beaten(
        np.array([[3.0, 0.0], [1.0, 1.0]]), np.array([[1.0, 2.0], [-1.0, -2.0]])
    )
    np.testing.assert_allclose(
        found, [(4 + 2) / 8, 2.5 / 4]
    )  # 3 beats four, 0 beats two; 1 beats two and ties with one


def test_the_patch_test_keeps_people_apart(monkeypatch):
    """Pictures that know who they are: a network that met the person would tell them, one that did
    not cannot.
    """
    seen = []

    def remember(sides, num_steps, device):
        seen.append([{int(p[0, 0, 0]) for p in side} for side in sides])
        return patches._network().eval()

    monkeypatch.setattr(patches, "_trained", remember)
    fakes = np.stack([np.full((64, 64, 3), n, np.uint8) for n in range(12)])
    asked, real = [], patches._logits
    spy = lambda net, shown: asked.append({int(one[0, 0, 0]) for one in shown}) or real(net, shown)  # noqa: E731
    monkeypatch.setattr(patches, "_logits", spy)
    patches.patch_test(fakes, fakes, [f"person {n // 2}" for n in range(12)])
    assert len(seen) == 5
    for fold, trained in enumerate(seen):
        for side in (0, 1):
            held = asked[2 * fold + side]
            assert held and not {n // 2 for n in held} & {n // 2 for n in trained[0] | trained[1]}
    with pytest.raises(ValueError, match="5 people or more, got 2"):
        patches.patch_test(fakes[:4], fakes[:4], ["a", "a", "b", "b"])
    with pytest.raises(ValueError, match="at least 64 px"):
        patches.patch_test(fakes[:, :32], fakes, [str(n) for n in range(12)])
    with pytest.raises(ValueError, match="every picture needs an identity"):
        patches.patch_test(fakes, fakes, ["a"])


def test_filtered_pictures_have_the_photos_sharpness_and_no_more(photo):
    soft = np.stack([blurred(photo, 4), blurred(photo, 3)])
    made = metrics.filtered(soft, photo[None])
    sharpness = np.mean([structure.gradient(p) for p in made]) / structure.gradient(photo)
    assert np.mean(
        [structure.sharpness(s, photo) for s in soft]
    ) < 0.9 and sharpness == pytest.approx(0.95, abs=0.02)
    assert (made == metrics.filtered(soft, photo[None])).all() and made.dtype == np.uint8
    assert np.abs(made.astype(int).mean() - soft.mean()) < 1
    np.testing.assert_array_equal(
        metrics.filtered(noisy(photo)[None], photo[None])[0], noisy(photo)
    )


# --- retrieval ---


def test_ranks_by_hand():
    gallery = np.array([[1.0, 0], [0, 1], [1, 1]])
    queries = np.array(
        [[2.0, 0.1], [1, 0.9], [1, 1]]
    )  # the second is nearest to the third, then the first
    assert retrieval.ranks(queries, gallery).tolist() == [1, 3, 1]
    assert retrieval.ranks(gallery, gallery).tolist() == [1, 1, 1]
    assert retrieval.ranks(np.ones((3, 2)), np.ones((3, 2))).tolist() == [
        2,
        2,
        2,
    ]  # all the same: the middle
    scores = retrieval.scores(np.array([1.0, 3, 8]))
    assert scores["rank1"].tolist() == [1, 0, 0] and scores["rank5"].tolist() == [1, 1, 0]
    assert scores["mrr"].mean() == pytest.approx((1 + 1 / 3 + 1 / 8) / 3)
    with pytest.raises(ValueError, match="same people"):
        retrieval.ranks(queries, gallery[:2])


def test_retrieval_finds_a_face_again_and_not_without_its_features():
    from data_prep.procedural_faces.synthetic import draw_face

    faces = np.stack([draw_face(n, size_px=128).photo for n in range(20)])
    softer = np.stack([blurred(face, 2) for face in faces])
    gallery = retrieval.features(faces)
    assert (retrieval.ranks(retrieval.features(softer), gallery) == 1).mean() > 0.9
    hidden = retrieval.without_face(faces)
    middle = (slice(60, 90), slice(54, 74))
    assert all(len(np.unique(p[middle].reshape(-1, 3), axis=0)) == 1 for p in hidden)
    np.testing.assert_array_equal(hidden[:, :20], faces[:, :20])
    shuffled = retrieval.ranks(gallery[::-1], gallery)
    assert 6 < shuffled.mean() < 15  # other people's faces: a rank by chance


# --- sets of features ---


def test_frechet_and_kernel_distance_by_hand():
    rng = np.random.default_rng(0)
    a = rng.normal(size=(400, 6))
    assert distribution.frechet_distance(a, a) == pytest.approx(0, abs=1e-9)
    assert distribution.frechet_distance(a, a + 3) == pytest.approx(6 * 9)
    assert distribution.frechet_distance(a, 2 * a) == pytest.approx(
        np.square(a.mean(0)).sum() + np.trace(np.cov(a.T)), rel=1e-9
    )  # |μ|² + tr(Σ + 4Σ − 2·2Σ)
    x, y = np.array([[1.0], [2]]), np.array([[0.0], [1]])
    kernel = lambda p, q: (p * q + 1) ** 3  # noqa: E731
    by_hand = (
        kernel(1, 2) + kernel(0, 1) - 2 * np.mean([kernel(p, q) for p in (1, 2) for q in (0, 1)])
    )
    assert distribution.kernel_distance(x, y) == pytest.approx(by_hand)
    for distance in (distribution.frechet_distance, distribution.kernel_distance):
        with pytest.raises(ValueError, match="two pictures or more"):
            distance(a[:1], a)


def test_frechet_distance_agrees_with_the_matrix_root():
    rng = np.random.default_rng(1)
    a, b = rng.normal(size=(60, 8)) @ rng.normal(size=(8, 8)), rng.normal(size=(50, 8)) + 1
    one, two = np.cov(a.T), np.cov(b.T)
    expected = np.square(a.mean(0) - b.mean(0)).sum() + (
        np.trace(one + two) - 2 * np.sqrt(np.linalg.eigvals(one @ two).real).sum()
    )
    assert distribution.frechet_distance(a, b) == pytest.approx(expected, rel=1e-8)


def test_set_distances_do_not_change_with_blocks(monkeypatch):
    """With features far from 0, and one that is nearly constant."""
    rng = np.random.default_rng(2)
    mixed = rng.normal(size=(40, 40)) / 6
    mixed[:, 0] *= 1e-6
    a, b = (rng.gamma(1.0, 0.4, (num, 40)) @ mixed + 3 for num in (33, 90))
    whole = distribution.frechet_distance(a, b), distribution.kernel_distance(a, b)
    monkeypatch.setattr(distribution, "BLOCK", 16)
    assert distribution.frechet_distance(a, b) == pytest.approx(whole[0], rel=1e-10)
    assert distribution.kernel_distance(a, b) == pytest.approx(whole[1], rel=1e-9)


# --- the table ---


def test_metrics_of_sets_are_measured_by_the_same_door(photo):
    cuts = [photo[y : y + 64, x : x + 64] for y in range(0, 192, 32) for x in range(0, 192, 64)]
    people = [str(n) for n in range(len(cuts))]
    made = {"softer": [blurred(cut) for cut in cuts], "mixed up": cuts[::-1]}
    names = ("patch_auc", "rank1", "mrr", "spectrum", "ssim")
    found = metrics.measure_sets(made, metrics.Reference(cuts, people, seeds=2, steps=2), names)
    assert (
        set(found["softer"].values) == {"patch_auc", "rank1", "mrr"}
        and found["softer"].figures == {}
    )
    assert (
        found["softer"].values["rank1"].mean()
        > 0.9
        > 0.2
        > found["mixed up"].values["rank1"].mean()
    )
    tests = [
        metrics.patch_test(made["softer"], cuts, people, seed=seed, num_steps=2) for seed in (0, 1)
    ]
    expected = np.mean([test.per_image for test in tests], axis=0)
    np.testing.assert_array_equal(found["softer"].values["patch_auc"], expected)
    assert metrics.not_measured(["patch_auc"], 64, 64, 4) == {
        "patch_auc": "needs 10 people, these are 4"
    }
    assert metrics.not_measured(["kid"], 64, 64, 1) == {"kid": "needs 2 people, these are 1"}
    with pytest.raises(ValueError, match="use measure_sets"):
        metrics.measure(cuts, cuts, ("rank1",))
