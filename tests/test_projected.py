"""Pretrained features, their fixed projection, and the perceptual loss."""

from __future__ import annotations

import importlib.util
import math

import pytest
import torch
import torch.nn.functional as F

from s2f_utils import models
from s2f_utils.data import read_manifest
from s2f_utils.models import checkpoints, pretrained
from s2f_utils.models.projected import RandomProjection
from s2f_utils.training import losses
from s2f_utils.training.config import resolve
from s2f_utils.training.loop import train
from s2f_utils.training.run import open_run
from s2f_utils.training.tracking import read_log

METHODS = ("pix2pix", "realistic", "faithful")
SMALL = {
    "total_images": 12, "batch_size": 2, "num_samples": 2, "log_every_images": 2,
    "sample_every_images": 1000,
}  # fmt: skip


@pytest.fixture(scope="module")
def manifest(faces_manifest):
    return read_manifest(faces_manifest)


def pictures(num: int = 2, height: int = 64, width: int = 64, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(num, 3, height, width, generator=generator) * 2 - 1


@pytest.mark.parametrize("name", pretrained.BACKBONES)
def test_features_are_timms_own(name):
    import timm

    backbone = pretrained.BACKBONES[name]
    theirs = timm.create_model(backbone.timm_name, pretrained=False, features_only=True, out_indices=(1, 2, 3, 4))
    weights = torch.load(pretrained.weights_file(backbone), map_location="cpu", weights_only=True).values()
    theirs.load_state_dict(dict(zip(theirs.state_dict(), weights, strict=False)))
    net = pretrained.PretrainedFeatures(name)
    for height, width in ((64, 96), (backbone.size_px, backbone.size_px)):
        x = pictures(1, height, width)
        with torch.inference_mode():
            expected = theirs.eval()(x * (127.5 / 128))  # pixels are taken as (x - 127) / 128 or the like
            found = net.train()(x)
        assert [f.shape[1] for f in found] == list(backbone.channels)
        for f, e, std, stride in zip(found, expected, backbone.stds, pretrained.STRIDES, strict=True):
            assert f.shape[2:] == (math.ceil(height / stride), math.ceil(width / stride))
            assert (f * std - e).abs().max() < 1e-4
    with pytest.raises(ValueError, match="multiples of 32"):
        net(pictures(1, 70, 70))


@pytest.mark.parametrize(("side", "fits"), [(32, 64), (64, 64), (70, 64), (100, 96), (250, 256)])
def test_pictures_of_any_side_are_resized_to_one_that_fits(side, fits):
    x = pictures(1, side, side + 32)
    assert pretrained.fitted(x).shape[2] == fits
    assert pretrained.features_of(x)[0].shape[2] == fits // 4
    assert (pretrained.fitted(x) is x) == (side == fits)


def test_projections_are_fixed_saved_and_rebuilt_from_their_seed():
    channels = pretrained.BACKBONES["efficientnet-lite0"].channels
    net, again, other = (RandomProjection(channels, 8, seed) for seed in (1, 1, 2))
    fixed = [name for name, _ in net.named_buffers()]
    assert len(fixed) == 7 and not list(net.parameters()) and set(fixed) == set(net.state_dict())
    for name in fixed:
        mine, same, differs = (getattr(n, name) for n in (net, again, other))
        assert torch.equal(mine, same) and not torch.equal(mine, differs)
    # By hand: the coarsest scale is mixed across channels alone, the one before also takes it up.
    features = pretrained.features_of(pictures())
    found = net(features)
    coarse = F.conv2d(features[3], net.channels3)
    taken = F.interpolate(F.conv2d(coarse, net.scales3, padding=1), scale_factor=2.0, mode="bilinear")
    torch.testing.assert_close(found[3], coarse)
    torch.testing.assert_close(found[2], (F.conv2d(features[2], net.channels2) + taken) / math.sqrt(2))
    assert all(0.2 < f.std() < 3 for f in found)


def test_the_perceptual_loss_by_hand():
    x, y = pictures(), pictures(seed=1).requires_grad_()
    assert losses.perceptual_loss(x, x).item() == 0
    found = losses.perceptual_loss(y, x)
    weights = (0.6, 2.0, 2.0, 1.0)
    assert weights == pretrained.STRIDE_WEIGHTS
    apart = zip(weights, *map(pretrained.features_of, (y, x)), strict=True)
    assert found.item() == pytest.approx(sum(w * (f - r).abs().mean().item() for w, f, r in apart), rel=1e-5)
    found.backward()
    assert y.grad.any()


def run_of(method, manifest, folder, resume="never", **changes):
    init = None
    if method == "realistic":
        torch.manual_seed(0)
        first = models.build("resunet", widths=(16, 24, 32), fine=(8, 8), blocks=1)
        init = folder.parent / "first.safetensors"
        checkpoints.save_generator(init, first, {"size_px": 64, "direction": "sketch-to-photo"})
    resolved = resolve(method, "fast", SMALL | changes)
    return open_run(resolved, manifest, folder, resume=resume, init=init, device="cpu", progress=False)


@pytest.mark.parametrize("method", METHODS)
def test_a_perceptual_loss_is_lowered_and_none_is_loaded_by_default(method, manifest, tmp_path, monkeypatch):
    plain = run_of(method, manifest, tmp_path / "plain")
    assert "lambda_perceptual" not in plain.model.ranges  # nor can it be raised while training runs
    monkeypatch.setattr(pretrained, "PretrainedFeatures", None)
    pretrained.shared_features.cache_clear()
    train(plain, progress=False)
    assert "loss_perceptual" not in read_log(plain.folder)[0][0]
    monkeypatch.undo()
    alone = {"lambda_l1": 0.0, "total_images": 120} | ({"lambda_ssim": 0.0} if method != "pix2pix" else {})
    alone |= {"lambda_gan": 0.0} if method != "faithful" else {}
    run = run_of(method, manifest, tmp_path / "runs", lambda_perceptual=1.0, **alone)
    assert "lambda_perceptual" in run.model.ranges
    train(run, progress=False)
    found = [row["loss_perceptual"] for row in read_log(run.folder)[0]]
    assert sum(found[-10:]) < 0.98 * sum(found[:10])


def test_without_a_package_a_run_is_refused_before_it_begins(manifest, tmp_path, monkeypatch):
    find, lacking = importlib.util.find_spec, "timm"
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *more: None if name == lacking else find(name, *more))
    with pytest.raises(ImportError, match=f"pip install {lacking.replace('_', '-')}$"):
        run_of("pix2pix", manifest, tmp_path / "runs", lambda_perceptual=1.0)
    assert not list((tmp_path / "runs").glob("*"))
