"""Training StyleGAN2 and pSp: what each step does, ADA, and that an interruption changes
nothing.
"""

from __future__ import annotations

import dataclasses
import json
import math

import numpy as np
import pytest
import torch

from s2f_utils import infer, networks
from s2f_utils.data import DataError, stores
from s2f_utils.methods import ada
from s2f_utils.methods.logistic import r1_penalty
from s2f_utils.methods.method import Context
from s2f_utils.metrics.evaluation import evaluate
from s2f_utils.networks import checkpoints, resampling
from s2f_utils.pictures import images, masks
from s2f_utils.runtime import ConfigError, distributed
from s2f_utils.train.config import resolve, settings_of
from s2f_utils.train.log import read_log
from s2f_utils.train.loop import set_rates, train
from s2f_utils.train.run import open_run
from tests.steps import take_step
from tests.test_training import StopAt, all_tensors, handed_to

FEW = {"num_samples": 2, "sample_every_images": 32}
TINY = {"total_images": 64, "path_every": 2, "r1_every": 3, "lambda_path": 2.0} | FEW


def begin(manifest, folder, method="stylegan2", resume="never", init=None, **changes):
    given = TINY if method == "stylegan2" else {"total_images": 32} | FEW
    resolved = resolve(method, "fast", {**given, **changes})
    return open_run(
        resolved, manifest, folder, resume=resume, init=init, device="cpu", progress=False
    )


@pytest.fixture(scope="module")
def faces(manifest, tmp_path_factory):
    run = begin(manifest, tmp_path_factory.mktemp("faces"))
    train(run, progress=False)
    return run.folder


def same(one, other):
    first, second = all_tensors(one), all_tensors(other)
    return [
        k for k in first if not torch.equal(torch.as_tensor(first[k]), torch.as_tensor(second[k]))
    ]


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_stylegan2_goes_on_bit_for_bit_with_adas_state(manifest, tmp_path, precision):
    fast = {"precision": precision, "augment_disc": "ada", "ada_images": 100.0, "ada_target": 0.0}
    whole = begin(manifest, tmp_path / "whole", **fast)
    assert train(whole, progress=False) == "done"
    first = begin(manifest, tmp_path / "parts", **fast)
    train(first, callbacks=[StopAt(40)], progress=False)  # after ADA's first change
    second = begin(manifest, tmp_path / "parts", resume="auto", **fast)
    assert second.images_seen == 40 and second.model.ada.p > 0 and second.model.ada._seen == 8
    assert train(second, progress=False) == "done"
    assert same(whole, second) == []
    assert whole.model.state_dict() == second.model.state_dict()
    rows = read_log(whole.folder)[0]
    assert {"loss_d", "loss_g", "loss_r1", "loss_path", "ada_p"} <= {
        name for row in rows for name in row
    }


def test_the_penalty_is_the_squared_slope_of_the_logits():
    weight = torch.randn(3 * 8 * 8)

    class Linear(torch.nn.Module):
        def forward(self, x):
            return (x.flatten(1) @ weight)[:, None]

    found = r1_penalty(Linear(), torch.randn(5, 3, 8, 8))
    assert found.item() == pytest.approx(weight.square().sum().item(), rel=1e-5)


def adam(opt):
    return opt.param_groups[0]["lr"], opt.param_groups[0]["betas"][1]


def test_adam_makes_up_for_regularising_every_few_steps_as_in_the_paper(manifest, tmp_path):
    paper = {"path_every": 4, "r1_every": 16, "lambda_path": 2.0}
    run = begin(manifest, tmp_path, **paper)
    for _ in range(2):  # as it begins, and with the schedule's rates
        # by hand: c = 4/5 and 16/17; 0.0025 c, and 0.99 to the power of c
        assert adam(run.model.opt_g) == pytest.approx((0.002, 0.9919919), abs=1e-7)
        assert adam(run.model.opt_d) == pytest.approx((0.0023529, 0.9905854), abs=1e-7)
        set_rates(run)
    for off in ({"lambda_path": 0.0}, {"path_every": 0}):
        model = begin(manifest, tmp_path, **{**paper, **off}).model
        assert adam(model.opt_g) == (0.0025, 0.99) and adam(model.opt_d)[0] < 0.0024


def test_a_run_from_before_goes_on_as_it_began(manifest, tmp_path):
    train(begin(manifest, tmp_path), callbacks=[StopAt(32)], progress=False)
    path = next(tmp_path.glob("*/resume.pt"))
    state = torch.load(path, weights_only=False)
    for opt in state["optimizers"].values():
        for group in opt["param_groups"]:
            del group["lr_share"]
            group |= {"lr": 0.0025, "betas": (0.0, 0.5)}
    torch.save(state, path)
    run = begin(manifest, tmp_path, resume="auto")
    assert run.images_seen == 32 and train(run, progress=False) == "done"
    assert adam(run.model.opt_g) == adam(run.model.opt_d) == (0.0025, 0.5)


def test_path_lengths_weigh_as_much_more_as_they_come_less_often(manifest, tmp_path):
    method = begin(manifest, tmp_path, path_every=4, lambda_path=3.0).model
    due, not_due = (
        method.path_step(4, Context(method.live_values(), method.precision, steps=steps))
        for steps in (8, 9)
    )
    assert due["loss_path"].weight == 12.0 and not_due == {}


def test_the_r1_pull_is_half_gamma_times_the_interval(manifest, tmp_path):
    """Worked out where the optimiser is about to step: half of gamma 3, every 5 steps, the mean
    squared slope.
    """
    changes = {
        "r1_every": 5,
        "r1_gamma": 3.0,
        "path_every": 0,
        "augment_disc": "none",
        "precision": "float32",
    }
    method = begin(manifest, tmp_path, **changes).model
    torch.manual_seed(0)
    photos, apart = torch.rand(8, 3, 32, 32) * 2 - 1, []
    rows = handed_to(method.optimizers["lr_d"])

    def compare(opt, given, options):
        weights = opt.param_groups[0]["params"]
        shown = photos.clone().requires_grad_()
        (slope,) = torch.autograd.grad(method.net_d(shown).sum(), shown, create_graph=True)
        penalty = slope.square().sum() / 8
        pulls = torch.autograd.grad(
            0.5 * 3.0 * 5 * penalty, weights, allow_unused=True, materialize_grads=True
        )
        wanted = torch.cat([pull.flatten() for pull in pulls])
        apart.append(((rows[-1] - wanted).norm() / wanted.norm()).item())

    method.optimizers["lr_d"].register_step_pre_hook(compare)
    take_step(method, photos, photos)
    assert (
        len(apart) == 2 and min(apart) < 0.01
    )  # the other step is down the discriminator's own loss


def test_the_judge_of_faces_learns_to_call_photos_real(manifest, tmp_path):
    """Before a generator that stands still; photos are patches of one colour, which it does not
    make.
    """
    changes = {
        "r1_every": 0,
        "path_every": 0,
        "augment_disc": "none",
        "precision": "float32",
        "lr_d": 1e-2,
    }
    method = begin(manifest, tmp_path, **changes).model
    for group in method.optimizers["lr_g"].param_groups:
        group["lr"] = 0.0
    torch.manual_seed(0)
    photos = (torch.rand(8, 3, 1, 1) * 2 - 1).expand(8, 3, 32, 32).contiguous()
    losses = [take_step(method, photos, photos) for _ in range(30)]
    with torch.no_grad():
        made = method.net_g(method.draw(8, 0.0), input_is_latent=True)
        assert method.net_d(photos).mean() > 1 and method.net_d(made).mean() < -1
    assert (
        losses[-1]["loss_d"] < 0.5 * losses[0]["loss_d"]
        and losses[-1]["loss_g"] > losses[0]["loss_g"]
    )


def test_styles_are_mixed_at_one_layer(manifest, tmp_path):
    model = begin(manifest, tmp_path).model
    drawn = model.draw(64, mixing=1.0)
    changes = (drawn[:, 1:] != drawn[:, :-1]).any(2).sum(1)
    assert drawn.shape == (64, 8, 16) and (changes == 1).all()
    whole = model.draw(8, mixing=0.0)
    assert torch.equal(whole, whole[:, :1].expand_as(whole))


def test_ada_rises_while_the_judge_is_too_sure_and_falls_again():
    heuristic = ada.AdaptiveP(images=80)
    for _ in range(4):
        heuristic.look(torch.ones(10, 1), target=0.6)
    assert heuristic.p == pytest.approx(0.5)
    for _ in range(8):
        heuristic.look(-torch.ones(10, 1), target=0.6)
    assert heuristic.p == 0.0
    for _ in range(40):
        heuristic.look(torch.ones(10, 1), target=0.6)
    assert heuristic.p == 1.0


def test_augmentation_changes_pictures_and_lets_gradients_through():
    torch.manual_seed(0)
    x = (torch.rand(32, 3, 16, 16) * 2 - 1).requires_grad_()
    out = ada.augmented(x, "ada", 0.8)
    assert out.shape == x.shape and (out != x).flatten(1).any(1).float().mean() > 0.9
    out.square().sum().backward()
    assert torch.isfinite(x.grad).all() and (x.grad.flatten(1).abs().sum(1) > 0).all()


def test_adas_shifts_are_an_eighth_of_the_side():
    """Pixels up to an eighth of the side, and a normal shift: of half a side 0.25 / sqrt(3) and
    0.25; both: 0.29.
    """
    torch.manual_seed(0)
    places = torch.linspace(-1 + 1 / 33, 1 - 1 / 33, 33)  # of the pixels' middles
    y, x = torch.meshgrid(places, places, indexing="ij")
    picture = torch.stack([x, y, torch.zeros_like(x)]).expand(4096, 3, 33, 33)
    middle = ada.transform_places(picture, 1.0)[:, :2, 16, 16].abs()
    half, most = middle.quantile(0.5).item(), middle.quantile(0.95).item()
    assert half == pytest.approx(0.6745 * 0.29, rel=0.15) and most == pytest.approx(
        1.96 * 0.29, rel=0.15
    )
    seldom = ada.transform_places(picture, 0.2)[:, :2, 16, 16].abs()
    assert 0.55 < (seldom < 0.01).float().mean() < 0.75  # of a fifth of the pictures each
    unmoved = (seldom < 0.01).all(1).float().mean().item()
    assert unmoved == pytest.approx(0.8**2, abs=0.03)  # along both axes at once


def test_adas_colours_have_the_published_strength():
    """Brightness: a deviation of 0.2; contrast, after it: half an octave; every second picture's
    sign is changed.
    """
    torch.manual_seed(0)
    greys = torch.tensor([0.0, 1.0]).view(1, 1, 1, 2).expand(4096, 3, 1, 2)
    made = ada.transform_colours(greys, 1.0)
    assert torch.allclose(made, made.mean(1, keepdim=True).expand_as(made), atol=1e-4)  # still grey
    first, second = made.mean(1)[:, 0].T
    contrast = second - first
    assert (first / contrast).std().item() == pytest.approx(0.2, rel=0.1)
    assert (first / contrast).mean().abs().item() < 0.02
    assert contrast.abs().log2().std().item() == pytest.approx(0.5, rel=0.1)
    assert (contrast < 0).float().mean().item() == pytest.approx(0.5, abs=0.05)


def test_augmentation_with_no_probability_is_no_augmentation():
    x = torch.rand(4, 3, 16, 16) * 2 - 1
    assert ada.augmented(x, "ada", 0.0) is x and ada.augmented(x, "none") is x
    assert torch.allclose(ada.transform_places(x, 0.0), x, atol=1e-5)
    assert torch.allclose(ada.transform_colours(x, 0.0), x, atol=1e-5)


def test_hue_keeps_grey_and_saturation_keeps_brightness(monkeypatch):
    grey = torch.full((64, 3, 4, 4), 0.3)
    monkeypatch.setattr(
        distributed, "randn", lambda *s: torch.zeros(*s)
    )  # no brightness, contrast or saturation
    monkeypatch.setattr(
        distributed, "randint", lambda low, high, num: torch.zeros(num)
    )  # no inversion
    assert torch.allclose(ada.transform_colours(grey, 1.0), grey, atol=1e-5)
    colours = torch.rand(64, 3, 4, 4)
    turned = ada.transform_colours(colours, 1.0)
    assert torch.allclose(turned.mean(1), colours.mean(1), atol=1e-5)
    assert torch.allclose(turned.square().sum(1), colours.square().sum(1), atol=1e-4)  # a rotation
    assert (turned - colours).abs().mean() > 0.1


def test_a_gan_that_sees_photos_only_needs_no_sketches(manifest, tmp_path):
    rows = [dataclasses.replace(row, sketch=None) for row in manifest.pairs]
    photos = dataclasses.replace(manifest, pairs=rows)
    run = begin(photos, tmp_path, total_images=16)
    assert train(run, progress=False) == "done"
    card = checkpoints.info_of(run.folder / "discriminator.safetensors")  # others begin with it
    assert card.data and card.training() == run.card.training()
    mixed = [
        dataclasses.replace(row, split="train", photo=row.photo if n > 8 else None)
        for n, row in enumerate(rows)
    ]
    assert (
        len(begin(dataclasses.replace(manifest, pairs=mixed), tmp_path).samples) > 0
    )  # sketches come first
    none = dataclasses.replace(
        manifest, pairs=[dataclasses.replace(row, photo=None) for row in manifest.pairs]
    )
    with pytest.raises(DataError, match="there are no photos"):
        begin(none, tmp_path)


def test_noise_has_no_say_before_it_may(manifest, tmp_path):
    run = begin(manifest, tmp_path, noise_from_images=40)
    weights = run.model.noise_weights
    assert len(weights) == 7 and all(weight is not None for weight in weights)
    strengths = []

    class Look:
        def on_step(self, run):
            strengths.append(max(weight.abs().max().item() for weight in weights))

    train(run, callbacks=[Look()], progress=False)
    assert strengths[:4] == [0.0] * 4 and min(strengths[4:]) > 0  # 8 images a step
    net = checkpoints.load_network(run.folder / "generator.safetensors")[0]
    assert net.conv1.noise.weight.item() != 0


def of_psp(faces, direction):
    return {
        "method": "psp",
        "init": faces,
        "direction": direction,
        "mixing": 0.5,
        "mix_from": 5,
    }


@pytest.mark.parametrize(
    "direction", ["sketch-to-photo", "map-to-photo", "both-to-photo", "photo-to-photo"]
)
def test_psp_learns_and_answers(manifest, faces, tmp_path, direction):
    given = checkpoints.load_network(faces / "generator.safetensors")[0]
    run = begin(manifest, tmp_path, **of_psp(faces, direction))
    psp = run.model.net_g
    assert torch.allclose(psp.latent_avg, given.mean_latent().expand_as(psp.latent_avg), atol=1e-6)
    assert train(run, progress=False) == "done"
    assert all(
        torch.equal(v, psp.decoder.state_dict()[k]) for k, v in given.state_dict().items()
    )  # not changed
    net, meta = checkpoints.load_network(run.folder / "generator.safetensors")
    first = direction.split("-")[0]
    assert net.name == "psp" and net.reads == {"both": "sketch and map"}.get(first, first)
    assert meta["direction"] == direction and meta["size_px"] == 32
    assert not any("look like" in event.get("text", "") for event in read_log(run.folder)[1])


def test_psp_goes_on_bit_for_bit(manifest, faces, tmp_path):
    """With sketches and maps, all that it may read."""
    options = of_psp(faces, "both-to-photo")
    whole = begin(manifest, tmp_path / "whole", **options)
    assert train(whole, progress=False) == "done"
    train(begin(manifest, tmp_path / "parts", **options), callbacks=[StopAt(16)], progress=False)
    second = begin(manifest, tmp_path / "parts", resume="auto", **options)
    assert second.images_seen == 16 and train(second, progress=False) == "done"
    assert same(whole, second) == []


def test_r1_looks_through_adas_changes(manifest, tmp_path):
    """Differentiated twice through the resampling: the slope's own slope, against differences of
    float64.
    """
    torch.manual_seed(0)
    x = torch.rand(2, 3, 8, 8, dtype=torch.float64, requires_grad=True)
    grid = torch.rand(2, 8, 8, 2, dtype=torch.float64) * 2.4 - 1.2  # also beyond the edges
    made = resampling.Resample.apply(x, grid)
    assert torch.equal(
        made,
        torch.nn.functional.grid_sample(x, grid, padding_mode="reflection", align_corners=False),
    )
    assert torch.autograd.gradcheck(lambda v: resampling.Resample.apply(v, grid), x)
    assert torch.autograd.gradgradcheck(lambda v: resampling.Resample.apply(v, grid).square(), x)
    method = begin(manifest, tmp_path, augment_disc="ada", r1_every=1).model
    method.ada.p = 0.8
    photos = torch.rand(8, 3, 32, 32) * 2 - 1
    losses = take_step(method, torch.empty(0), photos)
    assert all(value.isfinite() for value in losses.values()) and losses["loss_r1"] > 0


def test_r1_is_taken_of_photos_as_the_discriminator_sees_them(manifest, tmp_path):
    method = begin(manifest, tmp_path, r1_every=1, precision="float32").model
    photos = torch.rand(4, 3, 32, 32) * 2 - 1
    method.augment = lambda x: -0.5 * x
    wanted = r1_penalty(method.net_d, photos, method.augment).item()
    assert wanted != pytest.approx(r1_penalty(method.net_d, photos).item(), rel=0.1)
    terms = method.r1_step(photos, Context(method.live_values(), method.precision))
    assert terms["loss_r1"].value.item() == pytest.approx(wanted, rel=1e-4)


def test_adas_changes_of_places_are_those_of_pictures():
    picture = torch.arange(64.0).view(1, 1, 8, 8).expand(4096, 3, 8, 8)
    torch.manual_seed(0)
    turned = {
        tuple(torch.rot90(v, k, (0, 1)).flatten().tolist())
        for v in (picture[0, 0],)
        for k in range(4)
    }
    turned |= {tuple(torch.tensor(v).view(8, 8).flip(1).flatten().tolist()) for v in turned}
    made = ada.transform_places(picture, 0.1)[:, 0].round()
    found = [tuple(v) for v in made.flatten(1).tolist()]
    assert turned <= set(found)  # mirrored and turned by quarters, and nothing else, now and then
    assert 0.35 < sum(v == tuple(picture[0, 0].flatten().tolist()) for v in found) / 4096 < 0.65


def test_path_lengths_are_pulled_to_their_mean(manifest, tmp_path):
    """A generator that is linear in its styles has slopes that are known."""
    method = begin(manifest, tmp_path).model
    layers, dim = method.net_g.num_layers, method.config.style_dim
    matrix = torch.randn(layers * dim, 3 * 32 * 32) / 50

    class Linear:
        num_layers = layers

        def map(self, z):
            return z.clone().requires_grad_()

        def __call__(self, w, input_is_latent):
            return (w.flatten(1) @ matrix).view(-1, 3, 32, 32)

    method.net_g, method.path_mean = Linear(), torch.tensor(0.0)
    torch.manual_seed(1)
    found = method.path_penalty(512, 0.0)
    torch.manual_seed(1)
    method.draw(512, 0.0)
    noise = torch.randn(512, 3, 32, 32) / 32
    slopes = (noise.flatten(1) @ matrix.T).view(512, layers, dim)
    lengths = (
        slopes.square().sum(2).mean(1).sqrt()
    )  # as published: summed over a style, averaged over the layers
    mean = 0.01 * lengths.mean()
    assert torch.allclose(method.path_mean, mean, rtol=1e-4)
    assert torch.allclose(found, (lengths - mean).square().mean(), rtol=1e-4)


def test_a_gan_ends_with_a_smaller_batch_and_begins_with_both_networks(manifest, faces, tmp_path):
    run = begin(manifest, tmp_path, total_images=27, init=faces)  # 8 + 8 + 8 + 3
    given = checkpoints.load_network(faces / "discriminator.safetensors")[0].state_dict()
    assert all(
        torch.equal(value, run.model.net_d.state_dict()[key]) for key, value in given.items()
    )
    assert train(run, progress=False) == "done" and run.images_seen == 27


def test_psp_leaves_the_later_styles_of_some_faces_to_chance(manifest, faces, tmp_path):
    method = begin(manifest, tmp_path, "psp", init=faces, mixing=0.5, mix_from=5).model
    torch.manual_seed(0)
    styles = torch.randn(64, 8, 16)
    assert torch.equal(method.mixed(styles, 0.0), styles)
    assert method.metadata == {"mixing": 0.5, "mix_from": 5}
    mixed = method.mixed(styles, 0.5)
    assert torch.equal(mixed[:, :5], styles[:, :5])
    changed = (mixed[:, 5:] != styles[:, 5:]).all((1, 2))
    assert 20 < changed.sum() < 44 and torch.equal(mixed[~changed], styles[~changed])
    assert torch.equal(
        mixed[changed, 5], mixed[changed, 7]
    )  # one draw for all layers, another for each face
    assert len(mixed[changed, 5].unique(dim=0)) == changed.sum()


def test_psp_says_what_it_has_to_begin_with(manifest, faces, tmp_path):
    with pytest.raises(ConfigError, match="psp begins with a trained model of 'stylegan2'"):
        begin(manifest, tmp_path, "psp")
    with pytest.raises(
        checkpoints.CheckpointError,
        match="is a stylegan2 of .* choose the settings of the checkpoint",
    ):
        begin(manifest, tmp_path, "psp", init=faces, style_dim=8)
    alone = tmp_path / "alone.safetensors"
    alone.write_bytes((faces / "generator.safetensors").read_bytes())
    with pytest.raises(FileNotFoundError, match="no discriminator beside this generator"):
        begin(manifest, tmp_path, "psp", init=alone)


def test_the_distance_of_a_judge_sees_what_changed():
    from s2f_utils.methods.losses import discriminator_feature_distance, style_norm

    judge = networks.build("stylegan2-disc", size_px=32, width=16, channel_multiplier=1.0)
    photos = torch.rand(2, 3, 32, 32) * 2 - 1
    assert discriminator_feature_distance(
        judge.features(photos), judge.features(photos)
    ).item() == pytest.approx(0, abs=1e-6)
    noisy = photos + 0.1 * torch.randn_like(photos)
    small, large = (
        discriminator_feature_distance(judge.features(x), judge.features(photos))
        for x in (noisy, -photos)
    )
    assert 0 < small < large
    styles = torch.zeros(3, 10, 16)
    styles[:, 0, :9] = 1.0
    assert style_norm(styles, torch.zeros(10, 16)).item() == pytest.approx(math.sqrt(9))


def test_a_model_of_maps_is_scored_and_used_like_any_other(manifest, faces, tmp_path):
    run = begin(manifest, tmp_path / "runs", "psp", init=faces, direction="map-to-photo")
    shown = stores.map_picture(manifest.split("train")[0].mask, run.config.load_size_px)
    assert np.array_equal(
        run.data.sketches.batch([0])[0].permute(1, 2, 0), shown
    )  # and not its sketch
    train(run, progress=False)
    model = infer.load(run.folder, "cpu")
    assert model.info.direction == "map-to-photo" and model.info.size_px == 32
    assert (
        settings_of(run.folder, "psp")["direction"] == "map-to-photo"
    )  # of a run that begins with this one
    result = evaluate(
        model, manifest, tmp_path / "scores", metric_names=("ssim", "l1"), progress=False
    )
    assert (
        json.loads((tmp_path / "scores" / "metrics.json").read_text())["direction"]
        == "map-to-photo"
    )
    assert result.row("sketch").label == "the map itself"
    assert result.row("sketch").load().shape[1:] == result.inputs.shape[1:] == (32, 32, 3)
    pair = manifest.split("test")[0]
    labels = images.load_labels(pair.mask)
    found = model.translate(labels)
    assert found.shape == (32, 32, 3) and np.array_equal(
        found, model.translate(masks.colour(labels))
    )
    with pytest.raises(images.ImageError, match="palette has not"):
        model.translate(images.load_rgb(pair.photo))
    with pytest.raises(ValueError, match="draws faces by chance and reads nothing"):
        infer.load(faces, "cpu").translate(images.load_rgb(pair.photo))
    with pytest.raises(ValueError, match="goes map-to-photo, not sketch-to-photo"):
        infer.load(run.folder, "cpu", direction="sketch-to-photo")
