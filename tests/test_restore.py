"""GFPGAN: equal to the published network; its training, its losses, and that an interruption
changes nothing.
"""

from __future__ import annotations

import sys
import types

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from s2f_utils import infer, networks, weights
from s2f_utils.data import stores
from s2f_utils.infer import restorers
from s2f_utils.methods.losses import (
    component_loss,
    feature_distance,
    gram,
    pyramid_loss,
    style_distance,
)
from s2f_utils.methods.restore import Restore
from s2f_utils.networks import checkpoints, published
from s2f_utils.networks.stylegan2_gen import sft
from s2f_utils.pictures import images
from s2f_utils.runtime import ConfigError
from s2f_utils.train.config import resolve, settings_of
from s2f_utils.train.data import training_data
from s2f_utils.train.log import read_log
from s2f_utils.train.loop import train
from s2f_utils.train.run import open_run
from tests import reference
from tests.test_stylegan2 import difference
from tests.test_training import StopAt, all_tensors

TINY = {"total_images": 48, "num_samples": 2, "sample_every_images": 24, "r1_every": 3}


def begin(manifest, folder, resume="never", init=None, **changes):
    resolved = resolve("restore", "fast", {**TINY, **changes})
    return open_run(
        resolved, manifest, folder, resume=resume, init=init, device="cpu", progress=False
    )


def test_photos_that_do_not_fit_are_read_ahead_of_a_gpu(manifest, monkeypatch):
    """They stay on the CPU, which degrades them, while the GPU trains."""
    monkeypatch.setattr(stores, "free_bytes", lambda device: 0)
    config = resolve("restore", "fast").config
    rows = manifest.split("train")
    for device, ahead in (("cuda", stores.AHEAD), ("cpu", 0)):
        data, _ = training_data(config, Restore, manifest, rows, torch.device(device), False)
        assert (data.device.type, data.resident, data.ahead) == ("cpu", False, ahead)


@pytest.mark.parametrize(
    "name", ["gfpgan_clean_256", pytest.param("gfpgan_clean_512", marks=pytest.mark.slow)]
)
def test_published_checkpoints_give_the_published_output(name, tmp_path):
    case = reference.load(name)
    size = case["shape"][-1]
    torch.save(
        {"params_ema": reference.published_state_dict(case)}, tmp_path / "GFPGAN.pth"
    )  # as they are published
    net, _ = checkpoints.load_network(tmp_path / "GFPGAN.pth")
    assert net.name == "gfpgan" and networks.count_parameters(net) == case["parameters"]
    with torch.inference_mode():
        assert difference(net(reference.image(1, 3, size)), case) <= 1e-4
        as_published = net(reference.image(1, 3, size), return_rgb=False, randomize_noise=False)
    assert difference(as_published[0], case) <= 1e-4 and as_published[1] == []


@pytest.mark.skipif(
    sys.version_info >= (3, 12), reason="the gfpgan package does not build on Python 3.12 and later"
)
def test_the_gfpgan_package_gives_the_same_output():
    """Its import asks for a module that torchvision no longer has; all that it takes from there is
    this function.
    """
    name = "torchvision.transforms.functional_tensor"
    if name not in sys.modules:
        from torchvision.transforms.functional import rgb_to_grayscale

        stand_in = types.ModuleType(name)
        stand_in.rgb_to_grayscale = rgb_to_grayscale
        sys.modules[name] = stand_in
    gfpgan = pytest.importorskip(
        "gfpgan.archs.gfpganv1_clean_arch", reason="needs the gfpgan package (Python 3.11)"
    )
    torch.manual_seed(0)
    args = {"num_style_feat": 64, "channel_multiplier": 2, "num_mlp": 8, "narrow": 0.5}
    more = {"decoder_load_path": None, "fix_decoder": False, "input_is_latent": True}
    theirs = gfpgan.GFPGANv1Clean(
        out_size=256, different_w=True, sft_half=True, **more, **args
    ).eval()
    ours = networks.build("gfpgan", size_px=256, **args).eval()
    ours.load_state_dict(reference.fill(theirs.state_dict()))
    x = reference.image(1, 3, 256)
    with torch.inference_mode():
        expected, levels = theirs(x, return_rgb=True, randomize_noise=False)
        made, own_levels = ours(x, return_rgb=True, randomize_noise=False)
    assert (made - expected).abs().max() <= 1e-5 * expected.abs().max()
    assert all(torch.allclose(a, b, atol=1e-5) for a, b in zip(levels, own_levels, strict=True))


def test_training_goes_on_bit_for_bit(manifest, tmp_path):
    whole = begin(manifest, tmp_path / "whole", precision="float32")
    assert train(whole, progress=False) == "done"
    train(
        begin(manifest, tmp_path / "parts", precision="float32"),
        callbacks=[StopAt(24)],
        progress=False,
    )
    second = begin(manifest, tmp_path / "parts", resume="auto", precision="float32")
    assert second.images_seen == 24 and second.steps == 3
    assert train(second, progress=False) == "done"
    first, other = all_tensors(whole), all_tensors(second)
    assert [
        k for k in first if not torch.equal(torch.as_tensor(first[k]), torch.as_tensor(other[k]))
    ] == []
    names = {name for row in read_log(whole.folder)[0] for name in row}
    assert {"loss_l1", "loss_pyramid", "loss_judged", "loss_g", "loss_d", "loss_r1"} <= names
    assert sorted((whole.folder / "samples").glob("*.png"))


def test_what_was_trained_restores_and_is_a_beginning(manifest, tmp_path):
    run = begin(manifest, tmp_path)
    train(run, progress=False)
    restorer = restorers.load(run.folder, "cpu")
    photo = images.resize(images.load_rgb(manifest.split("test")[0].photo), 32)
    assert restorer.size_px == 32 and restorer.restore(photo).shape == (32, 32, 3)
    with pytest.raises(
        networks.UnknownNetworkError, match="restores photos: use it with 's2f enhance'"
    ):
        infer.load(run.folder)
    again = begin(manifest, tmp_path / "again", init=run.folder)
    for mine, theirs in (("net_g", "generator"), ("net_d", "discriminator")):
        given, _ = checkpoints.load_network(run.folder / f"{theirs}.safetensors")
        own = again.model.nets[mine].state_dict()
        assert all(torch.equal(own[key], value) for key, value in given.state_dict().items())
    with pytest.raises(checkpoints.CheckpointError, match="is a gfpgan of"):
        begin(manifest, tmp_path / "other", init=run.folder, narrow=0.125)


def test_a_residual_restorer_begins_by_changing_nothing_and_learns(manifest, tmp_path):
    """What it paints is added to the face."""
    run = begin(manifest, tmp_path, residual=True, lr_g=4e-3, lambda_gan=0.0)
    photos = torch.rand(2, 3, 32, 32) * 2 - 1
    net = run.model.net_g
    with torch.inference_mode():
        assert torch.equal(net(photos), photos)
    train(run, progress=False)
    found, _ = checkpoints.load_network(run.folder / "generator.safetensors")
    assert found.residual and found.args["residual"]
    with torch.inference_mode():
        assert not torch.equal(found(photos), photos)
        found.residual = False
        change = found(photos)
        found.residual = True
        assert torch.allclose(found(photos), photos + change)


SMALL_FACES = {"size_px": 32, "style_dim": 16, "num_mlp": 2, "width": 32, "channel_multiplier": 0.5}


@pytest.fixture()
def faces(tmp_path):
    """The file of a StyleGAN2 whose layers have 32, 32, 16 and 16 channels, with noise."""
    torch.manual_seed(1)
    net = networks.build("stylegan2", **SMALL_FACES).eval()
    for name, value in net.named_parameters():
        if name.endswith("noise.weight"):
            value.data.fill_(0.3)
    return checkpoints.save_generator(tmp_path / "faces.safetensors", net, {"size_px": 32})


def test_with_a_prior_a_restorer_begins_with_its_mean_face(manifest, tmp_path, faces):
    given, _ = checkpoints.load_network(faces)
    begun_with = settings_of(faces, "restore")
    run = begin(manifest, tmp_path, init=faces, **begun_with)
    net = run.model.net_g.eval()
    photos = torch.rand(2, 3, 32, 32) * 2 - 1
    random = {"input_is_latent": True, "randomize_noise": False}
    styles = torch.randn(2, given.num_layers, given.style_dim)
    with torch.inference_mode():
        faces_of = given(styles, **random)
        assert (net.stylegan_decoder([styles], (), **random)[0] - faces_of).abs().max() <= 1e-4
        mean_face = given(given.mean_latent()[None], **random)
        assert mean_face.std() > 0.1 and (net(photos) - mean_face).abs().max() <= 1e-4


def test_styles_see_the_damaged_face_from_the_start():
    # With PyTorch's own start a hundredth of what a picture changes arrived there.
    torch.manual_seed(0)
    net = networks.build("gfpgan", size_px=128, num_style_feat=16, num_mlp=2, narrow=0.25)
    pictures = F.interpolate(torch.rand(4, 3, 8, 8) * 2 - 1, size=128, mode="bilinear")
    arrived = []
    net.final_linear.register_forward_pre_hook(lambda layer, given: arrived.append(given[0]))
    with torch.no_grad():
        net(pictures)
    assert arrived[0].std(dim=0).mean() > 0.1 * pictures.std(dim=0).mean()


def test_sft_changes_the_last_channels_alone():
    x = torch.arange(4.0).view(1, 4, 1, 1).expand(1, 4, 2, 2)
    changed = sft(x, torch.full((1, 2, 2, 2), 3.0), torch.full((1, 2, 2, 2), 0.5))
    assert changed[0, :, 1, 0].tolist() == [0.0, 1.0, 6.5, 9.5]


def test_a_prior_stays_as_it_is_while_the_rest_learns(manifest, tmp_path, faces):
    begun_with = settings_of(faces, "restore")
    assert begun_with["decoder"] == "prior"
    run = begin(manifest, tmp_path, init=faces, **begun_with, max_norm=0.5)
    first = {name: value.clone() for name, value in run.model.net_g.named_parameters()}
    train(run, callbacks=[StopAt(24)], progress=False)
    run = begin(manifest, tmp_path, resume="auto", init=faces, **begun_with, max_norm=0.5)
    assert run.images_seen == 24
    assert train(run, progress=False) == "done"
    given, _ = checkpoints.load_network(faces)
    found, _ = checkpoints.load_network(run.folder / "generator.safetensors")
    decoders = found.stylegan_decoder, run.model.net_g.stylegan_decoder
    for decoder in decoders:
        assert all(decoder.state_dict()[key].equal(x) for key, x in given.state_dict().items())
    still = [name for name, x in run.model.net_g.named_parameters() if x.equal(first[name])]
    assert still and all(name.startswith("stylegan_decoder.") for name in still)
    restorer = restorers.load(run.folder, "cpu")
    photo = images.resize(images.load_rgb(manifest.split("test")[0].photo), 32)
    assert not np.array_equal(restorer.restore(photo, seed=1), restorer.restore(photo, seed=2))
    again = settings_of(run.folder, "restore")  # a run that begins with this one keeps it as well
    assert again == begun_with | {"residual": False}
    further = begin(manifest, tmp_path / "again", init=run.folder, **again)
    assert not any(x.requires_grad for x in further.model.net_g.stylegan_decoder.parameters())


def test_what_is_no_prior_is_refused(manifest, tmp_path, faces):
    begun_with = settings_of(faces, "restore")
    with pytest.raises(ConfigError, match="begins with a trained StyleGAN2: give it with --init"):
        begin(manifest, tmp_path, decoder="prior")
    with pytest.raises(ConfigError, match="is a stylegan2: give --set decoder=prior"):
        begin(manifest, tmp_path, init=faces)
    with pytest.raises(checkpoints.CheckpointError, match="size_px, num_style_feat, num_mlp"):
        begin(manifest, tmp_path, init=faces, **begun_with | {"narrow": 0.125})
    with pytest.raises(checkpoints.CheckpointError, match="is a gfpgan of"):
        begin(manifest, tmp_path, init="restorer-256", **begun_with)
    with pytest.raises(checkpoints.CheckpointError, match="which restore does not train"):
        settings_of("pix2pix-128", "restore")
    assert not list(tmp_path.glob("*restore*"))


def test_learning_lowers_the_losses(manifest, tmp_path):
    torch.manual_seed(0)
    run = begin(
        manifest,
        tmp_path,
        total_images=320,
        sample_every_images=320,
        log_every_images=80,
        lambda_gan=0.0,
        lr_g=4e-3,
        precision="float32",
    )
    train(run, progress=False)
    rows = [row for row in read_log(run.folder)[0] if "loss_l1" in row]
    assert (
        rows[-1]["loss_l1"] < 0.6 * rows[0]["loss_l1"]
        and rows[-1]["loss_pyramid"] < 0.7 * rows[0]["loss_pyramid"]
    )


def test_the_losses_of_features_are_as_published():
    torch.manual_seed(0)
    fake, real = ([torch.randn(2, c, 8, 8) for c in (4, 4, 6, 6, 6)] for _ in range(2))
    shares = (0.1, 0.1, 1, 1, 1)
    content = sum(w * (f - r).abs().mean() for w, f, r in zip(shares, fake, real, strict=True))
    assert feature_distance(fake, real).item() == pytest.approx(content.item())
    by_hand = torch.einsum("nchw,ndhw->ncd", fake[0], fake[0]) / (4 * 8 * 8)
    assert torch.allclose(gram(fake[0]), by_hand, atol=1e-6)
    style = sum(
        w * (gram(f) - gram(r)).abs().mean() for w, f, r in zip(shares, fake, real, strict=True)
    )
    assert style_distance(fake, real).item() == pytest.approx(style.item())
    photos = torch.rand(2, 3, 32, 32)
    levels = [F.interpolate(photos, size=s, mode="bilinear", antialias=True) for s in (8, 16, 32)]
    assert pyramid_loss(levels, photos).item() == pytest.approx(0, abs=1e-6)
    assert pyramid_loss([level + 0.5 for level in levels], photos).item() == pytest.approx(
        1.5, abs=1e-5
    )


def test_vgg19_answers_before_its_relus_and_trains(manifest, tmp_path, monkeypatch):
    """With weights by chance in the published file's place: the real ones are 575 MB."""
    from torchvision.models import vgg19

    torch.manual_seed(0)
    file, entry = tmp_path / "vgg19-dcbb9e9d.pth", weights.WEIGHTS["vgg19"]
    net = vgg19(weights=None)
    torch.save({k: v for k, v in net.state_dict().items() if k.startswith("features")}, file)
    monkeypatch.setattr(weights, "get", lambda name, **_: {entry.name: file}[name])
    published._loaded.cache_clear()
    try:
        x = torch.rand(1, 3, 32, 32)
        found = published.network("vgg19", torch.device("cpu"))(2 * x - 1)
        mean, std = (
            torch.tensor(v).view(1, 3, 1, 1) for v in ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
        )
        h, expected = (x - mean) / std, []
        for number, layer in enumerate(net.features[:35]):
            h = layer(h.clone())
            if number in (2, 7, 16, 25, 34):  # conv1_2, conv2_2, conv3_4, conv4_4, conv5_4
                assert isinstance(layer, torch.nn.Conv2d)
                expected.append(h)
        assert all(torch.allclose(a, b, atol=1e-5) for a, b in zip(found, expected, strict=True))
        run = begin(
            manifest, tmp_path / "runs", perceptual="vgg", lambda_style=50.0, total_images=8
        )
        train(run, progress=False)
        assert {"loss_vgg", "loss_style"} <= set(read_log(run.folder)[0][-1])
    finally:
        published._loaded.cache_clear()


@pytest.mark.parametrize("size_px", [128, 256])
def test_the_loss_of_components_sees_eyes_and_mouth(size_px):
    unit = size_px // 32
    photo = torch.rand(1, 3, size_px, size_px)
    places = ((15, 12), (15, 20), (23, 16), (9, 16))  # eyes, mouth, and a forehead
    others = photo.repeat(4, 1, 1, 1)
    for other, (y, x) in zip(others, places, strict=True):
        other[..., (y - 1) * unit : (y + 1) * unit, (x - 1) * unit : (x + 1) * unit] = 0
    found = [component_loss(other[None], photo).item() for other in others]
    assert min(found[:3]) > 0 == found[3]


def test_the_published_settings_are_the_default():
    config = resolve("restore").config
    assert (config.size_px, config.batch_size, config.lambda_l1, config.lambda_gan) == (
        512,
        12,
        0.1,
        0.1,
    )
    assert (config.lambda_perceptual, config.lambda_style, config.lambda_id, config.lr_g) == (
        1.0,
        50.0,
        10.0,
        2e-3,
    )
    assert np.isclose(config.total_images / config.batch_size, 800_000)
    half_life = config.ema_half_life_images / config.batch_size  # in steps
    assert 0.5 ** (1 / half_life) == pytest.approx(0.5 ** (32 / 10_000))
