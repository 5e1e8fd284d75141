"""Pretrained features, the projected discriminator that looks through them, and the losses of
both.
"""

from __future__ import annotations

import importlib.resources
import importlib.util
import math
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from s2f_utils import networks, runtime
from s2f_utils.methods import losses
from s2f_utils.methods.method import Context
from s2f_utils.methods.projected import ProjectedPair, SharedChange
from s2f_utils.methods.psp import PSP
from s2f_utils.networks import checkpoints, pretrained
from s2f_utils.train.config import find_method, resolve
from s2f_utils.train.log import read_log
from s2f_utils.train.loop import train
from s2f_utils.train.run import open_run
from tests.steps import take_step
from tests.test_training import StopAt, all_tensors

METHODS = ("pix2pix", "faithful")
CONTEXT = Context({}, runtime.Precision(torch.device("cpu"), torch.float32, False))
SMALL = {
    "total_images": 12,
    "batch_size": 2,
    "num_samples": 2,
    "log_every_images": 2,
    "sample_every_images": 1000,
}


def pictures(num: int = 2, height: int = 64, width: int = 64, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(num, 3, height, width, generator=generator) * 2 - 1


@pytest.mark.parametrize("name", pretrained.BACKBONES)
def test_features_are_timms_own(name):
    import timm

    backbone = pretrained.BACKBONES[name]
    theirs = timm.create_model(
        backbone.timm_name, pretrained=False, features_only=True, out_indices=(1, 2, 3, 4)
    )
    file = importlib.resources.files(backbone.module) / backbone.file
    weights = torch.load(file, map_location="cpu", weights_only=True).values()
    theirs.load_state_dict(dict(zip(theirs.state_dict(), weights, strict=False)))
    net = pretrained.PretrainedFeatures(
        name
    ).double()  # rounding differs from one processor to the next
    for height, width in ((64, 96), (backbone.size_px, backbone.size_px)):
        x = pictures(1, height, width).double()
        with torch.inference_mode():
            expected = theirs.double().eval()(
                x * (127.5 / 128)
            )  # pixels are taken as (x - 127) / 128 or the like
            found = net.train()(x)
        assert [f.shape[1] for f in found] == list(backbone.channels)
        for f, e, std, stride in zip(
            found, expected, backbone.stds, pretrained.STRIDES, strict=True
        ):
            assert f.shape[2:] == (math.ceil(height / stride), math.ceil(width / stride))
            assert (f * std - e).abs().max() < 1e-4
    with pytest.raises(ValueError, match="multiples of 32"):
        net(pictures(1, 70, 70))


def test_weights_are_matched_by_name_whatever_order_timm_has(monkeypatch):
    import timm

    create, backbone = timm.create_model, pretrained.BACKBONES["efficientnet-lite0"]

    def create_in_another_order(*args, **options):
        net = create(*args, **options)
        for module in net.modules():
            for kept in (module._parameters, module._buffers, module._modules):
                reverse = not isinstance(module, nn.Sequential)  # blocks are run in their order
                for name in list(reversed(kept)) if reverse else ():
                    kept[name] = kept.pop(name)
        return net

    expected = pretrained._network(backbone).state_dict()
    monkeypatch.setattr(timm, "create_model", create_in_another_order)
    found = pretrained._network(backbone).state_dict()
    assert list(found) != list(expected)
    assert all(torch.equal(found[key], value) for key, value in expected.items())


def test_losses_at_parts_of_a_face_need_aligned_faces(manifest, tmp_path):
    unaligned = replace(manifest, settings={"align": "none"})
    with pytest.raises(runtime.ConfigError, match=r"lambda_l2_crop: .* are not aligned: .*--align"):
        run_of("psp", unaligned, tmp_path, **FELT, lambda_l2_crop=1.0)
    run_of("psp", unaligned, tmp_path, **FELT)
    run_of(
        "psp", replace(manifest, settings={"align": "face"}), tmp_path, **FELT, lambda_l2_crop=1.0
    )


@pytest.mark.parametrize(("side", "fits"), [(32, 64), (64, 64), (70, 64), (100, 96), (250, 256)])
def test_pictures_of_any_side_are_resized_to_one_that_fits(side, fits):
    x = pictures(1, side, side + 32)
    assert pretrained.fitted(x).shape[2] == fits
    assert pretrained.features_of(x)[0].shape[2] == fits // 4
    assert (pretrained.fitted(x) is x) == (side == fits)


@pytest.mark.parametrize(("height", "width"), [(64, 64), (96, 128)])
def test_four_heads_look_at_four_scales_and_every_parameter_learns(height, width):
    net = networks.build("projected", width=8)
    real, sketch = pictures(3, height, width), pictures(3, height, width, 1)
    logits = net(net.project(pretrained.features_of(real)), sketch)
    assert [tuple(one.shape[:2]) for one in logits] == [(3, 1)] * 4
    strides = (16, 16, 16, 32)
    assert [tuple(one.shape[2:]) for one in logits] == [(height // s, width // s) for s in strides]
    sum(one.square().mean() for one in logits).backward()
    assert [name for name, p in net.named_parameters() if p.grad is None or not p.grad.any()] == []


def test_a_head_reacts_to_another_sketch():
    net = networks.build("projected", width=8).eval()
    projected = net.project(pretrained.features_of(pictures()))
    one, other = (net(projected, pictures(seed=seed)) for seed in (1, 2))
    assert [torch.equal(a, b) for a, b in zip(one, other, strict=True)] == [
        True,
        True,
        False,
        False,
    ]


def test_projections_are_fixed_saved_and_rebuilt_from_their_seed():
    net, again, other = (networks.build("projected", width=8, seed=seed) for seed in (1, 1, 2))
    fixed = [name for name, _ in net.projection.named_buffers()]
    assert len(fixed) == 7 and not list(net.projection.parameters())
    assert {f"projection.{name}" for name in fixed} <= set(net.state_dict())
    for name in fixed:
        mine, same, differs = (getattr(n.projection, name) for n in (net, again, other))
        assert torch.equal(mine, same) and not torch.equal(mine, differs)
    # By hand: the coarsest scale is mixed across channels alone, the one before also takes it up.
    features = pretrained.features_of(pictures())
    found = net.project(features)
    coarse = F.conv2d(features[3], net.projection.channels3)
    taken = F.interpolate(
        F.conv2d(coarse, net.projection.scales3, padding=1), scale_factor=2.0, mode="bilinear"
    )
    torch.testing.assert_close(found[3], coarse)
    torch.testing.assert_close(
        found[2], (F.conv2d(features[2], net.projection.channels2) + taken) / math.sqrt(2)
    )
    assert all(0.2 < f.std() < 3 for f in found)


def test_a_shared_change_is_the_same_for_all_pictures_of_a_pair():
    torch.manual_seed(0)
    x = pictures(8)
    change = SharedChange(8)
    assert torch.equal(change(x), change(x))
    drawn, same = change.drawn, (change(x) - x).abs().amax((1, 2, 3)) < 1e-4
    assert torch.equal(same, (drawn == 0).all(1)) and 0 < same.sum() < 8
    assert (drawn.abs() <= torch.tensor(SharedChange.LIMITS)).all()
    # By hand: brightness alone adds twice its share of white; a shift of a quarter moves by a
    # quarter.
    change.drawn = torch.tensor([[0.25, 0, 0, 0, 0]] * 8)
    torch.testing.assert_close(change(x), x + 0.5)
    change.drawn = torch.tensor([[0, 0, 0, 0.25, 0]] * 8)
    torch.testing.assert_close(change(x)[..., 16:], x[..., :-16], atol=1e-5, rtol=0)
    change.drawn = torch.tensor([[0, 0, -1.0, 0, 0]] * 8)
    torch.testing.assert_close(change(x), x.mean(1, keepdim=True).expand_as(x))
    change.drawn = torch.tensor([[0, -1.0, 0, 0, 0]] * 8)
    torch.testing.assert_close(change(x), x.mean((1, 2, 3), keepdim=True).expand_as(x))


class Given(torch.nn.Module):
    """A discriminator whose logits are given: of true pictures, then of made ones."""

    features = "efficientnet-lite0"

    def __init__(self, real, fake):
        super().__init__()
        self.logits = [real, fake]

    def project(self, features):
        return list(features)

    def forward(self, projected, sketch=None):
        return self.logits.pop(0)


def test_the_hinge_losses_by_hand():
    real = [torch.tensor([0.5, 2.0]), torch.tensor([-1.0])]
    fake = [torch.tensor([0.0, -3.0]), torch.tensor([1.0])]
    x = pictures()
    # Heads: ((1 - .5 + 0) / 2 + (1 + 0) / 2) / 2 = .375, and (2 + 2) / 2 = 2.
    assert ProjectedPair(
        Given(real, fake), None, x, x, CONTEXT, "none"
    ).loss_d().item() == pytest.approx(2.375)
    pair = ProjectedPair(Given(fake, []), None, x, x, CONTEXT, "none")
    assert pair.loss_gan().item() == pytest.approx(1.5 - 1)


def test_true_and_made_pictures_and_their_sketches_are_changed_alike():
    net, x, sketch = networks.build("projected", width=8), pictures(4), pictures(4, seed=1)
    torch.manual_seed(0)
    pair = ProjectedPair(net, sketch, x, x, CONTEXT)
    torch.manual_seed(0)
    change = SharedChange(4)
    assert pair.loss_perceptual() == 0 and all(map(torch.equal, pair.real, pair.fake))
    assert torch.equal(pair.sketch, change.places(sketch)) and not torch.equal(pair.sketch, sketch)
    assert torch.equal(pair.features_real[0], pretrained.features_of(change(x))[0])
    plain = ProjectedPair(net, sketch, x, x, CONTEXT, "none")
    assert plain.sketch is sketch and torch.equal(
        plain.features_real[0], pretrained.features_of(x)[0]
    )


def test_the_perceptual_loss_by_hand():
    x, y = pictures(), pictures(seed=1).requires_grad_()
    assert losses.perceptual_loss(x, x).item() == 0
    found = losses.perceptual_loss(y, x)
    weights = (0.6, 2.0, 2.0, 1.0)
    assert weights == pretrained.STRIDE_WEIGHTS
    apart = zip(weights, *map(pretrained.features_of, (y, x)), strict=True)
    assert found.item() == pytest.approx(
        sum(w * (f - r).abs().mean().item() for w, f, r in apart), rel=1e-5
    )
    found.backward()
    assert y.grad.any()


def run_of(method, manifest, folder, resume="never", **changes):
    torch.manual_seed(0)
    init = folder.parent / "first.safetensors" if method == "psp" else None
    if method == "psp":
        first = networks.build(
            "stylegan2", size_px=32, style_dim=16, num_mlp=2, width=16, channel_multiplier=1.0
        )
        checkpoints.save_generator(init, first, {})
    resolved = resolve(method, "fast", SMALL | changes)
    return open_run(
        resolved, manifest, folder, resume=resume, init=init, device="cpu", progress=False
    )


SEEN, FELT = {"discriminator": "projected", "disc_filters": 8}, {"perceptual": "efficientnet"}
PROJECTED = dict.fromkeys(METHODS[:1], SEEN | {"lambda_perceptual": 0.5}) | {
    "cyclegan": SEEN,
    "stylegan2": SEEN,
    "psp": FELT | {"lambda_gan": 0.2},
    "restore": FELT | {"discriminator": "projected"},
}


@pytest.mark.parametrize("method", PROJECTED)
def test_training_against_a_projected_discriminator_resumes_bit_for_bit(method, manifest, tmp_path):
    paired, chosen = method in (*METHODS, "psp"), PROJECTED[method] | {"seed": 3}
    whole = run_of(method, manifest, tmp_path / "whole", **chosen)
    nets_d = nn.ModuleList(
        [net for name, net in whole.model.nets.items() if name.startswith("net_d")]
    )
    before = {name: value.clone() for name, value in nets_d.state_dict().items()}
    assert train(whole, progress=False) == "done"
    first = run_of(method, manifest, tmp_path / "parts", **chosen)
    assert train(first, callbacks=[StopAt(6)], progress=False) == "stopped"
    pretrained.shared_features.cache_clear()  # as in another process
    second = run_of(method, manifest, tmp_path / "parts", resume="auto", **chosen)
    assert second.images_seen == 6 and train(second, progress=False) == "done"
    expected, found = all_tensors(whole), all_tensors(second)
    assert [
        k
        for k in expected
        if not torch.equal(torch.as_tensor(expected[k]), torch.as_tensor(found[k]))
    ] == []
    after = nets_d.state_dict()
    changed = {name.split(".")[1] for name in before if not torch.equal(before[name], after[name])}
    assert changed == {"heads", "logits"} | ({"sketch"} if paired else set())  # and no projection
    rows = read_log(whole.folder)[0]
    assert not paired or {"loss_d", "loss_gan", "loss_perceptual"} <= set(rows[0])
    assert all(math.isfinite(row[name]) for row in rows for name in row if name.startswith("loss_"))


def test_a_projected_discriminator_takes_the_whole_learning_rate_and_no_augmentation(monkeypatch):
    """Neither R1 nor path lengths are regularised against it."""
    torch.manual_seed(0)
    config = resolve("stylegan2", "fast", SEEN | {"augment_disc": "none"}).config
    model = find_method("stylegan2")(config, CONTEXT.precision)
    for opt in (model.opt_g, model.opt_d):
        assert (opt.param_groups[0]["lr"], opt.param_groups[0]["betas"][1]) == (0.0025, 0.99)
    changes = []
    monkeypatch.setattr(SharedChange, "__call__", lambda self, x: changes.append(x) or x)
    size = config.size_px
    take_step(model, pictures(2, size, size), pictures(2, size, size), model.live_values())
    assert not changes


def test_a_weight_that_needs_a_discriminator_is_refused_where_the_run_has_none(manifest, tmp_path):
    first = run_of("psp", manifest, tmp_path, **FELT)
    train(first, callbacks=[StopAt(4)], progress=False)
    message = r"was trained without net_d \(lambda_gan: 0.0 there, 0.2 here\): use the same"
    with pytest.raises(checkpoints.CheckpointError, match=message):
        run_of("psp", manifest, tmp_path, resume=first.folder, **FELT, lambda_gan=0.2)


def test_eyes_and_mouth_weigh_more_for_an_encoder_where_asked():
    moved = []
    for weight in (0.0, 50.0):
        torch.manual_seed(0)
        asked = {"size_px": 128, "load_size_px": 128, "decoder_px": 128, "lambda_lpips": 0.0}
        asked |= {"perceptual": "efficientnet", "lambda_components": weight}
        config = resolve("psp", "fast", asked).config
        model = PSP(config, runtime.pick_precision(torch.device("cpu"), "float32"))
        a, b = pictures(2, 128, 128), pictures(2, 128, 128)
        torch.manual_seed(1)
        found = take_step(model, a, b)
        assert ("loss_components" in found) == (weight > 0)
        moved.append(next(model.net_g.encoder.parameters()).detach().clone())
    assert not torch.equal(*moved)


def test_what_lies_beside_the_face_does_not_count_in_its_squared_error():
    asked = {"size_px": 64, "load_size_px": 64, "decoder_px": 64, "lambda_l2_crop": 1.0}
    config = resolve("psp", "fast", asked | {"lambda_lpips": 0.0}).config
    model = PSP(config, runtime.pick_precision(torch.device("cpu"), "float32"))
    a, b = pictures(2, 64, 64), pictures(2, 64, 64, seed=1)
    wall, mouth = b.clone(), b.clone()
    wall[:, :, :, :12] += 0.5
    mouth[:, :, 46, 32] += 0.5
    first, of_wall, of_mouth = (
        take_step(model, a, photo, dict.fromkeys(model.live_values(), 0.0))
        for photo in (b, wall, mouth)
    )
    assert of_wall["loss_l2"] != first["loss_l2"]
    assert of_wall["loss_l2_crop"] == first["loss_l2_crop"] != of_mouth["loss_l2_crop"]


def test_the_small_encoder_tells_pictures_apart_before_it_has_learned():
    # With PyTorch's own start, what a picture changed was a hundredth of an answer.
    torch.manual_seed(0)
    encoder = networks.build("psp", kind="small", encoder={"num_styles": 12, "input_px": 128})
    coarse = torch.rand(8, 1, 8, 8)
    with torch.no_grad():
        answers = encoder.eval().encoder(F.interpolate(coarse, size=128, mode="bilinear"))
    assert answers.std(dim=0).mean() > 0.1 * answers.std()


@pytest.mark.parametrize("method", METHODS)
def test_a_perceptual_loss_is_lowered_and_none_is_loaded_by_default(
    method, manifest, tmp_path, monkeypatch
):
    plain = run_of(method, manifest, tmp_path / "plain")
    assert (
        "lambda_perceptual" not in plain.config.live_ranges()
    )  # nor can it be raised while training runs
    monkeypatch.setattr(pretrained, "PretrainedFeatures", None)
    pretrained.shared_features.cache_clear()
    train(plain, progress=False)
    assert "loss_perceptual" not in read_log(plain.folder)[0][0]
    monkeypatch.undo()
    alone = {"lambda_l1": 0.0, "total_images": 120} | (
        {"lambda_ssim": 0.0} if method != "pix2pix" else {}
    )
    alone |= {"lambda_gan": 0.0} if method != "faithful" else {}
    run = run_of(method, manifest, tmp_path / "runs", lambda_perceptual=1.0, **alone)
    assert "lambda_perceptual" in run.config.live_ranges()
    train(run, progress=False)
    found = [row["loss_perceptual"] for row in read_log(run.folder)[0]]
    assert sum(found[-10:]) < 0.98 * sum(found[:10])


@pytest.mark.parametrize("method", ["psp", "restore"])
def test_psp_and_restore_take_pretrained_features_in_place_of_lpips_and_vgg(method):
    chosen = {"perceptual": "efficientnet"} | ({"lambda_style": 0.0} if method == "restore" else {})
    config = resolve(method, "fast", chosen).config
    torch.manual_seed(0)
    model = find_method(method)(config, runtime.pick_precision(torch.device("cpu"), "float32"))
    size = config.size_px
    live = model.live_values()
    found = take_step(model, pictures(2, size, size), pictures(2, size, size), live)
    assert "lambda_id" not in live and model.config.live_ranges()  # its weights were not looked for
    assert found["loss_perceptual"] > 0 and not {"loss_lpips", "loss_judged", "loss_vgg"} & set(
        found
    )


@pytest.mark.parametrize("others", [{}, {"perceptual": "efficientnet", "lambda_gan": 0.1}])
def test_psp_without_lpips_trains_and_cannot_begin_to_need_it(others):
    config = resolve("psp", "fast", {"lambda_lpips": 0.0} | others).config
    model = find_method("psp")(config, runtime.pick_precision(torch.device("cpu"), "float32"))
    found = take_step(model, pictures(2, 32, 32), pictures(2, 32, 32), model.live_values())
    assert "lambda_lpips" not in model.live_values()
    assert not {"loss_lpips", "loss_judged", "loss_perceptual"} & found.keys()


@pytest.mark.parametrize("changes", [{"discriminator": "projected"}, {"lambda_perceptual": 1.0}])
def test_without_a_package_a_run_is_refused_before_it_begins(
    changes, manifest, tmp_path, monkeypatch
):
    find, lacking = importlib.util.find_spec, "timm"
    monkeypatch.setattr(
        importlib.util,
        "find_spec",
        lambda name, *more: None if name == lacking else find(name, *more),
    )
    with pytest.raises(ImportError, match=f"pip install {lacking.replace('_', '-')}$"):
        run_of("pix2pix", manifest, tmp_path / "runs", **changes)
    assert not list((tmp_path / "runs").glob("*"))
