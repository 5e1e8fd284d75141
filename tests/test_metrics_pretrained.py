"""Metrics in pretrained features: each beside an independent computation, or a case worked out by
hand.
"""

from __future__ import annotations

import importlib.resources

import numpy as np
import pytest
import torch
from PIL import Image

from s2f_utils import metrics
from s2f_utils.metrics import distribution, perceptual
from s2f_utils.networks import pretrained as networks

NAMES = ("perceptual", "frechet", "precision", "recall")


@pytest.fixture(scope="module")
def faces():
    from tests.people import person

    return [person(index, size_px=64).photo for index in range(12)]


@pytest.fixture(scope="module")
def timms(faces):
    """timm's own features of the faces: four of (12, C, h, w)."""
    import timm

    backbone = networks.BACKBONES["efficientnet-lite2"]
    net = timm.create_model(
        backbone.timm_name, pretrained=False, features_only=True, out_indices=(1, 2, 3, 4)
    ).eval()
    file = importlib.resources.files(backbone.module) / backbone.file
    weights = torch.load(file, map_location="cpu", weights_only=True).values()
    net.load_state_dict(dict(zip(net.state_dict(), weights, strict=False)))
    large = [
        np.asarray(Image.fromarray(face).resize((260, 260), Image.Resampling.BICUBIC))
        for face in faces
    ]
    x = torch.from_numpy(np.stack(large)).permute(0, 3, 1, 2).float()
    with torch.inference_mode():
        found = net((x - 127.5) / 128)
    return [(f / std).double().numpy() for f, std in zip(found, backbone.stds, strict=True)]


def test_perceptual_is_the_weighted_distance_of_timms_features(faces, timms):
    found = metrics.METRICS["perceptual"].measure(faces[:5], faces[5:10])
    weights = (0.6, 2.0, 2.0, 1.0)
    expected = sum(
        w * np.abs(f[:5] - f[5:10]).mean(axis=(1, 2, 3))
        for w, f in zip(weights, timms, strict=True)
    )
    np.testing.assert_allclose(found, expected, rtol=1e-4)
    assert metrics.METRICS["perceptual"].compute(faces[0], faces[0]) == 0


def neighbours_share(some, others):
    """The share of rows that lie within the distance of any of the others to its third nearest, by
    sorting.
    """
    radii = [np.sort(np.linalg.norm(others - one, axis=1))[3] for one in others]
    inside = [
        any(np.linalg.norm(row - o) <= r for o, r in zip(others, radii, strict=True))
        for row in some
    ]
    return np.mean(inside)


def test_the_metrics_of_sets_agree_with_others_by_the_registrys_door(faces, timms):
    rows = timms[-1].mean(axis=(2, 3))
    real, fake = rows[:7], rows[7:]
    made = {"fake": faces[7:], "same": faces[:7], "one": faces[:1] * 5}
    found = metrics.measure_sets(made, metrics.Reference(faces[:7], list("abcdefg")), NAMES)
    mean, spreads = (
        fake.mean(axis=0) - real.mean(axis=0),
        [np.cov(side, rowvar=False) for side in (fake, real)],
    )
    of_root = np.sqrt(
        np.linalg.eigvals(spreads[0] @ spreads[1]).real.clip(0)
    ).sum()  # the trace of the matrix root
    expected = mean @ mean + np.trace(spreads[0]) + np.trace(spreads[1]) - 2 * of_root
    assert found["fake"].figures["frechet"] == pytest.approx(expected, rel=1e-3)
    assert found["fake"].figures["precision"] == pytest.approx(neighbours_share(fake, real))
    assert found["fake"].figures["recall"] == pytest.approx(neighbours_share(real, fake))
    assert found["one"].figures["precision"] == 1 and found["one"].figures[
        "recall"
    ] == pytest.approx(1 / 7)
    same = found["same"].figures
    assert (
        same["frechet"] == pytest.approx(0, abs=1e-8) and same["precision"] == same["recall"] == 1
    )


def test_features_of_sets_are_computed_in_batches_and_once(faces, monkeypatch):
    sizes = []
    real = distribution._pooled
    monkeypatch.setattr(distribution, "_pooled", lambda some: sizes.append(len(some)) or real(some))
    monkeypatch.setattr(perceptual, "BATCH", 5)
    whole = distribution.pooled(faces)
    assert sizes == [5, 5, 2]
    for number in (0, 5, 11):
        alone = distribution.pooled([faces[number]])
        torch.testing.assert_close(alone[0], whole[number], rtol=1e-4, atol=1e-5)
    sizes.clear()
    metrics.measure_sets(
        {"one": faces[:5], "two": faces[5:10]}, metrics.Reference(faces[:5], "abcde"), NAMES
    )
    assert sizes == [5, 5, 5]  # the truth once, and each row once, for three metrics


def test_precision_and_recall_by_hand(monkeypatch):
    # On a line: the manifold of 0, 1, 2, 3, 100 is [-3, 6] and [1, 199], so that of -4, -3, 5, 200
    # two lie inside.
    line = np.array([[0.0], [1], [2], [3], [100]])
    assert distribution.manifold_coverage(np.array([[-4.0], [-3], [5], [200]]), line) == 0.5
    assert distribution.manifold_coverage(line, line) == 1
    rng = np.random.default_rng(0)
    some, others = rng.normal(size=(40, 5)), rng.normal(size=(30, 5)) * 0.7
    assert 0 < distribution.manifold_coverage(some, others) < 1
    assert distribution.manifold_coverage(some, others) == pytest.approx(
        neighbours_share(some, others)
    )
    monkeypatch.setattr(distribution, "BLOCK", 7)
    assert distribution.manifold_coverage(some, others) == pytest.approx(
        neighbours_share(some, others)
    )
    with pytest.raises(ValueError, match="a manifold of 4"):
        distribution.manifold_coverage(some, others[:3])
    # Every made picture the same true one: all of them are true to life, and most true ones are out
    # of their reach.
    few = np.repeat(line[:1], 5, axis=0)
    assert (
        distribution.manifold_coverage(few, line) == 1
        and distribution.manifold_coverage(line, few) == 0.2
    )


def test_they_are_a_group_and_say_what_they_need(monkeypatch):
    assert (
        set(metrics.group("features")) == set(NAMES)
        and metrics.not_measured(NAMES, 64, 64, 4) == {}
    )
    assert metrics.not_measured(NAMES, 64, 64, 3)["recall"] == "needs 4 people, these are 3"
    monkeypatch.setattr(
        networks, "missing", lambda name: "needs further packages: pip install timm"
    )
    assert set(metrics.not_measured(NAMES, 64, 64).values()) == {
        "needs further packages: pip install timm"
    }
