"""Metrics whose weights are downloaded: on deterministic weights they agree with the published
code, and without any weights they say so and give no number.
"""

from __future__ import annotations

import dataclasses
import warnings

import numpy as np
import pytest
import torch

from s2f_utils import metrics, networks, weights
from s2f_utils.networks import published
from s2f_utils.networks.features import DISTS, FIDInception
from s2f_utils.weights.download import sha256_of
from tests import reference


def agrees(out: torch.Tensor, case: dict) -> bool:
    found = out[tuple(torch.tensor(case["indices"]).T)]
    assert list(out.shape) == case["shape"]
    return bool((found - torch.tensor(case["values"])).abs().max() <= 1e-4 * case["absmax"])


def test_arcface_gives_the_published_features():
    case = reference.load("irse50_arcface")
    net = networks.build("irse50").eval()
    net.load_state_dict(reference.published_state_dict(case))
    assert networks.count_parameters(net) == case["parameters"]
    with torch.inference_mode():
        assert agrees(net(reference.image(2, 3, 112)), case)


def test_fids_inception_gives_the_published_features():
    case = reference.load("fid_inception")
    net = FIDInception()
    assert networks.count_parameters(net) == case["parameters"]
    net.net.load_state_dict(reference.published_state_dict(case))
    x = ((reference.image(1, 3, 299) + 1) * 127.5).round()
    with torch.inference_mode():
        assert agrees(net.eval()(x), case)


def test_dists_gives_the_published_distance():
    case = reference.load("dists")
    state = reference.published_state_dict(case)
    net = DISTS()
    net.load_state_dict(
        {
            k: v.abs() if k in ("alpha", "beta") else v
            for k, v in state.items()
            if k in net.state_dict()
        }
    )
    pair = [(reference.image(2, 3, 64, seed) + 1) / 2 for seed in (0, 1)]
    with torch.inference_mode():
        assert agrees(net(*pair), case)
        assert net(pair[0], pair[0]).abs().max() < 1e-6


@pytest.fixture()
def own_weights(tmp_path, monkeypatch):
    """A folder of weights files with deterministic values under the published names; {name:
    path}.
    """

    def make(**state_dicts):
        for name, state in state_dicts.items():
            path = tmp_path / weights.WEIGHTS[name].file_name
            torch.save(state, path)
            known = {"size": path.stat().st_size, "sha256": sha256_of(path)}
            monkeypatch.setitem(
                weights.WEIGHTS, name, dataclasses.replace(weights.WEIGHTS[name], **known)
            )
        monkeypatch.setenv("S2F_WEIGHTS", str(tmp_path))
        return tmp_path

    return make


def backbone(name: str) -> dict[str, torch.Tensor]:
    from torchvision import models as tv

    with torch.device("meta"):
        shapes = {
            k: v.shape
            for k, v in getattr(tv, name)(weights=None).state_dict().items()
            if "features" in k
        }
    return reference.fill({key: torch.zeros(shape) for key, shape in shapes.items()})


@pytest.fixture(scope="module")
def pictures():
    rng = np.random.default_rng(0)
    real = np.kron(rng.integers(0, 256, (3, 16, 16, 3)), np.ones((1, 8, 8, 1))).astype(np.uint8)
    fake = np.clip(real.astype(int) + rng.integers(-40, 41, real.shape), 0, 255).astype(np.uint8)
    return fake, real


@pytest.mark.parametrize("net, name", [("alex", "alexnet"), ("vgg", "vgg16")])
def test_lpips_is_the_authors_with_a_backbone_from_our_file(
    net, name, own_weights, pictures, monkeypatch, tmp_path
):
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


def test_identity_from_a_file(own_weights, pictures):
    own_weights(arcface=reference.published_state_dict(reference.load("irse50_arcface")))
    metric = metrics.METRICS["identity"]
    found = metric.measure(*pictures)
    assert (found < 0.9999).all() and (found > -1).all()
    assert metric.compute(pictures[1][0], pictures[1][0]) == pytest.approx(1.0, abs=1e-5)


def test_each_device_has_its_own_copy_of_a_network(own_weights):
    """A shared network that moved to another device would fail in the thread that uses it."""

    own_weights(arcface=reference.published_state_dict(reference.load("irse50_arcface")))
    first = published.network("arcface", torch.device("cpu"))
    assert next(published.network("arcface", torch.device("meta")).parameters()).is_meta
    assert next(first.parameters()).device.type == "cpu"
    assert published.network("arcface", torch.device("cpu")) is first


def of_sets(fakes, reals, names=("fid", "kid")):
    people = [str(n) for n in range(len(reals))]
    return metrics.measure_sets({"made": fakes}, metrics.Reference(reals, people), names)[
        "made"
    ].figures


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
    assert of_sets(*(side[:1] for side in pictures)) == {}, "one person is no set"


def test_without_weights_there_is_no_number(monkeypatch, tmp_path, pictures):
    monkeypatch.delenv("S2F_WEIGHTS", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    names = ("ssim", "lpips_alex", "lpips_vgg", "dists", "identity")
    missing = metrics.not_measured(names, 128, 128)
    assert list(missing) == list(names[1:])
    assert (
        "s2f weights alexnet" in missing["lpips_alex"]
        and "s2f weights vgg16 dists" in missing["dists"]
    )
    assert list(metrics.measure(*pictures, names)) == ["ssim"]
    missing = metrics.not_measured(("fid", "kid"), 128, 128)
    assert list(missing) == ["fid", "kid"] and "s2f weights inception" in missing["fid"]
