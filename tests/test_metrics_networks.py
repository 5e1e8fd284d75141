"""Metrics whose weights are downloaded: on deterministic weights they agree with the published code, and without any
weights they say so and give no number.
"""

from __future__ import annotations

import dataclasses
import warnings

import numpy as np
import pytest
import torch

from s2f_utils import metrics, models, weights
from s2f_utils.metrics import distribution
from s2f_utils.models.features import DISTS, FIDInception
from s2f_utils.weights.download import sha256_of
from tests import reference


def agrees(out: torch.Tensor, case: dict) -> bool:
    found = out[tuple(torch.tensor(case["indices"]).T)]
    assert list(out.shape) == case["shape"]
    return bool((found - torch.tensor(case["values"])).abs().max() <= 1e-4 * case["absmax"])


def test_arcface_gives_the_published_features():
    case = reference.load("irse50_arcface")
    net = models.from_state_dict(reference.published_state_dict(case))
    assert net.name == "irse50" and models.count_parameters(net) == case["parameters"]
    with torch.inference_mode():
        assert agrees(net(reference.image(2, 3, 112)), case)
    with pytest.raises(ValueError, match="112"):
        net(torch.zeros(1, 3, 128, 128))


def test_fids_inception_gives_the_published_features():
    case = reference.load("fid_inception")
    net = FIDInception()
    assert models.count_parameters(net) == case["parameters"]
    net.net.load_state_dict(reference.published_state_dict(case))
    x = ((reference.image(1, 3, 299) + 1) * 127.5).round()
    with torch.inference_mode():
        assert agrees(net.eval()(x), case)


def test_dists_gives_the_published_distance():
    case = reference.load("dists")
    state = reference.published_state_dict(case)
    net = DISTS()
    net.load_state_dict(
        {k: v.abs() if k in ("alpha", "beta") else v for k, v in state.items() if k in net.state_dict()}
    )
    pair = [(reference.image(2, 3, 64, seed) + 1) / 2 for seed in (0, 1)]
    with torch.inference_mode():
        assert agrees(net(*pair), case)
        assert net(pair[0], pair[0]).abs().max() < 1e-6


@pytest.fixture()
def own_weights(tmp_path, monkeypatch):
    """A folder of weights files with deterministic values under the published names; {name: path}."""

    def make(**state_dicts):
        for name, state in state_dicts.items():
            path = tmp_path / weights.WEIGHTS[name].file_name
            torch.save(state, path)
            known = {"size": path.stat().st_size, "sha256": sha256_of(path)}
            monkeypatch.setitem(weights.WEIGHTS, name, dataclasses.replace(weights.WEIGHTS[name], **known))
        monkeypatch.setenv("S2F_WEIGHTS", str(tmp_path))
        return tmp_path

    return make


def backbone(name: str) -> dict[str, torch.Tensor]:
    from torchvision import models as tv

    with torch.device("meta"):
        shapes = {k: v.shape for k, v in getattr(tv, name)(weights=None).state_dict().items() if "features" in k}
    return reference.fill({key: torch.zeros(shape) for key, shape in shapes.items()})


@pytest.fixture(scope="module")
def pictures():
    rng = np.random.default_rng(0)
    real = np.kron(rng.integers(0, 256, (3, 16, 16, 3)), np.ones((1, 8, 8, 1))).astype(np.uint8)
    fake = np.clip(real.astype(int) + rng.integers(-40, 41, real.shape), 0, 255).astype(np.uint8)
    return fake, real


@pytest.mark.parametrize("net, name", [("alex", "alexnet"), ("vgg", "vgg16")])
def test_lpips_is_the_authors_with_a_backbone_from_our_file(net, name, own_weights, pictures, monkeypatch, tmp_path):
    import lpips
    from torchvision import models as tv

    state = backbone(name)
    own_weights(**{name: state})
    metric = metrics.METRICS[f"lpips_{net}"]
    assert metrics.not_measured([metric.name], 128, 128) == {}
    found = metric.measure(*pictures)

    def published(**options):
        model = getattr_of_torchvision(weights=None)
        model.features.load_state_dict({k.removeprefix("features."): v for k, v in state.items()})
        return model

    getattr_of_torchvision = getattr(tv, name)
    monkeypatch.setattr(tv, name, published)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = lpips.LPIPS(net=net, verbose=False)
    tensors = [torch.from_numpy(side).permute(0, 3, 1, 2) / 127.5 - 1 for side in pictures]
    with torch.inference_mode():
        expected = theirs(*tensors).flatten().numpy()
    assert expected.min() > 1e-4
    np.testing.assert_allclose(found, expected, rtol=1e-4)
    assert metric.compute(pictures[1][0], pictures[1][0]) == pytest.approx(0, abs=1e-6)


def test_dists_from_files(own_weights, pictures):
    half = reference.fill({"alpha": torch.zeros(1, 1475, 1, 1), "beta": torch.zeros(1, 1475, 1, 1)})
    own_weights(vgg16=backbone("vgg16"), dists={key: value.abs() for key, value in half.items()})
    metric = metrics.METRICS["dists"]
    found = metric.measure(*pictures)
    assert 0.001 < found.min() <= found.max() < 1
    assert metric.compute(pictures[1][0], pictures[1][0]) == pytest.approx(0, abs=1e-6)


def test_identity_from_a_file(own_weights, pictures):
    own_weights(arcface=reference.published_state_dict(reference.load("irse50_arcface")))
    metric = metrics.METRICS["identity"]
    found = metric.measure(*pictures)
    assert (found < 0.9999).all() and (found > -1).all()
    assert metric.compute(pictures[1][0], pictures[1][0]) == pytest.approx(1.0, abs=1e-5)


def of_sets(fakes, reals, names=("fid", "kid")):
    """The figures of one set of outputs."""
    people = [str(n) for n in range(len(reals))]
    return metrics.measure_sets({"made": fakes}, metrics.Reference(reals, people), names)["made"].figures


def test_fid_and_kid_from_a_file(own_weights, pictures):
    own_weights(inception=reference.published_state_dict(reference.load("fid_inception")))
    with pytest.warns(UserWarning, match="FID of 3 and 3 pictures compares with no published one"):
        found = of_sets(*pictures)
    with pytest.warns(UserWarning, match="2,048"):
        same = of_sets(pictures[1], pictures[1])
    assert same["fid"] == pytest.approx(0, abs=1e-6) and found["fid"] > 10 * same["fid"]
    assert set(found) == {"fid", "kid"}
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # KID does not need many pictures
        assert of_sets(*pictures, names=["kid"]) == {"kid": found["kid"]}
    with pytest.warns(UserWarning, match="2,048"):
        assert of_sets(*pictures, names=["fid"]) == {"fid": found["fid"]}
    for name in ("fid", "kid"):
        with pytest.raises(ValueError, match="two pictures or more"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            of_sets(*(side[:1] for side in pictures), names=[name])


def test_features_come_in_blocks_and_the_same_numbers_come_out(own_weights, pictures, monkeypatch):
    own_weights(inception=reference.published_state_dict(reference.load("fid_inception")))
    many = [np.concatenate([side, side[:, ::-1]]) for side in pictures]
    whole = [torch.cat(list(distribution.features(side))) for side in many]
    expected = [distribution.frechet_distance(*whole), distribution.kernel_distance(*whole)]
    monkeypatch.setattr(distribution, "BATCH", 2)
    monkeypatch.setattr(distribution, "BLOCK", 4)
    assert [len(block) for block in distribution.features(many[0])] == [4, 2]
    with pytest.warns(UserWarning, match="FID of 6 and 6"):
        found = of_sets(*many)
    assert [found["fid"], found["kid"]] == pytest.approx(expected, rel=1e-4)


def test_the_leaderboard_has_fid_and_kid_where_the_weights_are(own_weights, tmp_path):
    import json

    import data_prep
    from s2f_utils.data import read_manifest
    from s2f_utils.metrics import leaderboard
    from s2f_utils.pictures import images

    own_weights(inception=reference.published_state_dict(reference.load("fid_inception")))
    manifest = read_manifest(data_prep.make_synthetic(tmp_path / "set", num=30, size_px=64, progress=False))
    with pytest.warns(UserWarning, match="FID of 3 and 3 pictures"):
        board = leaderboard.build([], manifest, columns=("ssim",), patch_seeds=0)
        truths = [images.load_rgb(pair.photo) for pair in manifest.split("test")]
        expected = of_sets(board.pictures["ridge"], truths)
    assert board.row("ridge").details["fid"] == pytest.approx(expected["fid"])
    assert "fid" not in board.missing and "fid" not in board.row("hair").details
    html = leaderboard.write(board, tmp_path / "out").read_text(encoding="utf-8")
    facts = json.loads((tmp_path / "out" / "leaderboard.json").read_text(encoding="utf-8"))
    assert next(r for r in facts["rows"] if r["key"] == "ridge")["kid"] == pytest.approx(expected["kid"], abs=1e-5)
    assert "FID ↓" in html and f"{expected['fid']:.1f}" in html


def test_pictures_are_resized_for_fid_without_aliases():
    stripes = np.zeros((1196, 1196, 3), np.uint8)
    stripes[:, ::2] = 255  # four times finer than 299 px can show: grey, not a moiré
    small = distribution._resized(stripes)[8:-8, 8:-8]
    assert np.abs(small.astype(int) - 127).max() <= 3


def test_without_weights_there_is_no_number(monkeypatch, tmp_path, pictures):
    monkeypatch.delenv("S2F_WEIGHTS", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    names = ("ssim", "lpips_alex", "lpips_vgg", "dists", "identity")
    missing = metrics.not_measured(names, 128, 128)
    assert list(missing) == list(names[1:])
    assert "s2f weights alexnet" in missing["lpips_alex"] and "s2f weights vgg16 dists" in missing["dists"]
    assert list(metrics.measure(*pictures, names)) == ["ssim"]
    missing = metrics.not_measured(("fid", "kid"), 128, 128)
    assert list(missing) == ["fid", "kid"] and "s2f weights inception" in missing["fid"]
