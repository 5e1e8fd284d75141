"""The generator of portraits: its networks, and what is told them."""

from __future__ import annotations  # noqa: I001

import pytest
import torch

from s2f_studio.drawings import prepare
from s2f_studio.drawings.understanding import understood
from s2f_studio.faces import portraying
from s2f_studio.faces.networks.portrait import (
    ATTRIBUTES,
    CODE_DIM,
    NUM_TOLD,
    NUM_VALUES,
    SIZE_PX,
    pooled_places,
    with_known,
)
from s2f_utils import infer, networks
from s2f_utils.networks import checkpoints
from s2f_utils.pictures.attributes import PORTRAIT_ATTRIBUTES


def given(num: int = 2) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """A condition, a code and attributes."""
    condition = torch.rand(num, 6, SIZE_PX, SIZE_PX) * 2 - 1
    condition[:, 5] = 0.2
    return condition, torch.randn(num, CODE_DIM), torch.randn(num, NUM_TOLD)


def test_a_condition_and_a_code_give_a_portrait_and_all_weights_learn():
    torch.manual_seed(0)
    net = networks.build("portrait-generator", width=0.25)
    made = net(*given())
    assert (
        made.shape == (2, 3, SIZE_PX, SIZE_PX)
        and made.dtype == torch.float32
        and made.abs().max() <= 1
    )
    made.square().mean().backward()
    dead = [
        name
        for name, weight in net.named_parameters()
        if weight.grad is None or not weight.grad.abs().sum() > 0
    ]
    assert not dead
    with pytest.raises(
        ValueError, match=r"condition must be \(N, 6, 128, 128\), got \(1, 5, 128, 128\)"
    ):
        net(torch.zeros(1, 5, SIZE_PX, SIZE_PX), torch.zeros(1, CODE_DIM), torch.zeros(1, NUM_TOLD))


def test_code_attributes_and_degree_each_change_the_answer():
    torch.manual_seed(0)
    net = networks.build("portrait-generator", width=0.25).eval()
    condition, code, told = given(1)
    further = condition.clone()
    further[:, 5] = 0.9
    with torch.no_grad():
        first = net(condition, code, told)
        for other in (
            (condition, code + 1, told),
            (condition, code, told + 1),
            (further, code, told),
        ):
            assert (net(*other) - first).abs().mean() > 1e-6
        assert torch.equal(
            net(condition, code, told), first
        )  # the noise has no weight before training


def test_what_is_not_known_or_not_shown_is_open():
    values = torch.arange(1.0, NUM_VALUES + 1)[None] / 20
    values[0, 1] = torch.nan  # beard
    shown = torch.ones(1, len(ATTRIBUTES), dtype=torch.bool)
    shown[0, 7] = False  # the skin's three numbers
    told = with_known(values, shown)
    assert told.shape == (1, NUM_TOLD)
    assert told[0, :10].tolist() == pytest.approx([0.05, 0, 0.15, 0.2, 0.25, 0.3, 0.35, 0, 0, 0])
    assert told[0, 10:16].tolist() == pytest.approx([0.55, 0.6, 0.65, 0.7, 0.75, 0.8])
    assert told[0, NUM_VALUES:].tolist() == [1, 0, 1, 1, 1, 1, 1, 0, 1, 1]


def test_the_discriminator_looks_at_pixels_and_at_what_was_asked():
    torch.manual_seed(0)
    net = networks.build("portrait-disc")
    projected = [torch.randn(2, 64, side, side) for side in (32, 16, 8, 4)]
    pixels, small, told = (
        torch.rand(2, 3, SIZE_PX, SIZE_PX),
        torch.randn(2, 5, 16, 16),
        torch.randn(2, NUM_TOLD),
    )
    logits = net(projected, pixels, small, told, True)
    assert [tuple(one.shape[2:]) for one in logits] == [(8, 8), (8, 8), (8, 8), (4, 4), (32, 32)]
    sum(one.square().mean() for one in logits).backward()
    assert all(
        weight.grad is not None and weight.grad.abs().sum() > 0 for weight in net.parameters()
    )
    net.eval()
    first, other = (net(projected, pixels, small, asked, True) for asked in (told, -told))
    assert all(not torch.allclose(a, b) for a, b in zip(first[:4], other[:4], strict=True))
    moved, again = (net(projected, pixels, small, asked, False) for asked in (told, -told))
    assert all(
        torch.equal(a, b) for a, b in zip(moved, again, strict=True)
    )  # a moved picture is judged by itself


def test_codes_have_one_scale_and_the_prior_a_spread(tmp_path):
    torch.manual_seed(0)
    features = [
        torch.randn(16, channels, side, side)
        for channels, side in ((24, 32), (40, 16), (112, 8), (320, 4))
    ]
    pooled = pooled_places(features)
    encoder = networks.build("style-encoder", num_features=pooled.shape[1])
    codes = encoder(pooled)
    assert codes.shape == (16, CODE_DIM)
    assert (
        codes.mean(0).abs().max() < 1e-5 and (codes.var(0, unbiased=False) - 1).abs().max() < 1e-2
    )
    prior = networks.build("code-prior").eval()
    condition, _, told = given()
    mean, log_var = prior(condition, told)
    assert (
        mean.shape == log_var.shape == (2, CODE_DIM) and log_var.min() >= -4 and log_var.max() <= 1
    )
    checkpoints.save_generator(tmp_path / "prior.safetensors", prior, {})
    read, _ = checkpoints.load_network(tmp_path / "prior.safetensors")
    assert torch.equal(read.eval()(condition, told)[0], mean)


@pytest.fixture()
def answering(tmp_path):
    """A portrait generator's file, of random weights, opened as a model that answers drawings."""
    torch.manual_seed(0)
    net = networks.build("portrait", generator={"width": 0.25})
    for up in net.generator.ups:
        torch.nn.init.ones_(up.noise)
    meta = {"direction": "sketch-to-photo", "size_px": SIZE_PX, "method": "portrait"}
    path = checkpoints.save_generator(tmp_path / "generator.safetensors", net.eval(), meta)
    return infer.load(path, "cpu", engine="torch")


def test_a_seed_gives_the_same_portrait_and_another_seed_another_one(answering):
    drawing = prepare.prepare(prepare.example("few-lines"), size_px=256).image
    first, again, other = (answering.translate(drawing, seed=seed) for seed in (3, 3, 4))
    assert first.shape == (256, 256, 3) and (first == again).all() and (first != other).mean() > 0.5
    assert answering.translate(drawing, seed=3, large=True).shape == (512, 512, 3)
    assert {"seed", "likely", "person"} <= answering.facts.knows


def test_what_is_said_of_a_person_outweighs_the_drawing(answering):
    drawing = prepare.prepare(prepare.example("plain-man"), size_px=256).image
    found = understood(drawing, answering.engine)
    names = list(PORTRAIT_ATTRIBUTES)
    drawn, said = (
        portraying.attributes_of(found, infer.Ask(person=person))
        for person in ({}, {"glasses": 1.0, "smile": 1.0})
    )
    assert drawn[names.index("glasses")] == -1 and said[names.index("glasses")] == 1
    assert said[names.index("open mouth")] == 1 and len(drawn) == NUM_VALUES
    assert portraying.LEAST <= portraying.degree_of(found) <= portraying.MOST
