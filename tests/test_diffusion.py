"""Notebook 08's diffusion and flow matching: formulas, codes, network, losses, samplers."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from data_prep import people
from s2f_utils import weights
from s2f_utils.methods import diffusion
from s2f_utils.networks import denoiser
from s2f_utils.pictures import images
from tests.people import person


def test_alpha_bar_falls_from_nearly_all_to_nearly_nothing():
    alpha_bar = diffusion.alpha_bars()
    assert alpha_bar.shape == (1000,) and (alpha_bar.diff() < 0).all()
    assert alpha_bar[0].item() == pytest.approx(1 - 1e-4)
    # by hand: log ᾱ ≈ −(Σβ + Σβ²/2), with Σβ = 10.05
    assert math.log(alpha_bar[-1]) == pytest.approx(-10.05 - 0.0676, abs=0.02)


def test_mix_keeps_the_power_and_noise_of_undoes_it():
    photo, noise = torch.randn(2, 4, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    alpha_bar = torch.tensor(0.3)
    x = diffusion.mix(photo, noise, alpha_bar)
    assert x.var().item() == pytest.approx(1.0, abs=0.02)
    assert torch.allclose(diffusion.noise_of(x, photo, alpha_bar), noise, atol=1e-5)
    assert diffusion.mix(torch.tensor(2.0), torch.tensor(1.0), torch.tensor(0.25)).item() == (
        pytest.approx(0.5 * 2 + 0.75**0.5)
    )


def test_time_of_is_where_the_straight_path_has_the_same_mixture():
    photo, noise = torch.randn(2, 4, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    for alpha_bar in diffusion.alpha_bars()[[0, 400, 999]]:
        time = diffusion.time_of(alpha_bar)
        straight = (1 - time) * noise + time * photo
        scaled = diffusion.mix(photo, noise, alpha_bar) * time / alpha_bar.sqrt()
        assert torch.allclose(scaled, straight, atol=1e-4)
    # by hand: roots ½ and ½ √3
    assert diffusion.time_of(torch.tensor(0.25)).item() == pytest.approx(1 / (1 + 3**0.5))


def test_velocity_leads_along_the_straight_path():
    photo, noise = torch.tensor(2.0), torch.tensor(-1.0)
    for time in (0.0, 0.25, 0.9):
        x = (1 - time) * noise + time * photo
        assert diffusion.velocity(x, photo, time).item() == pytest.approx(3.0, rel=1e-5)


def test_guided_ignores_obeys_and_exaggerates():
    with_sketch, without = torch.tensor(3.0), torch.tensor(1.0)
    given = [diffusion.guided(with_sketch, without, scale).item() for scale in (0, 1, 2.5)]
    assert given == [1.0, 3.0, 6.0]


def test_a_code_holds_the_photo_in_half_as_many_numbers():
    photos = images.to_tensor(np.stack([person(n, size_px=64).photo for n in range(4)]))
    codes = denoiser.encode(photos)
    assert codes.shape == (4, 6, 32, 32)
    again = denoiser.decode(codes)
    assert 127.5 * (again - photos).abs().mean() < 3
    grey = torch.rand(2, 1, 64, 64).expand(-1, 3, -1, -1) * 2 - 1
    assert torch.allclose(denoiser.decode(denoiser.encode(grey)), grey, atol=1e-5)
    red = torch.tensor([1.0, -1.0, -1.0]).view(1, 3, 1, 1).expand(1, 3, 64, 64)
    assert torch.allclose(denoiser.decode(denoiser.encode(red)), red, atol=1e-5)


@pytest.mark.parametrize("size", [(32, 32), (16, 40)])
def test_the_network_keeps_the_size_and_every_weight_learns(size):
    torch.manual_seed(0)
    net = denoiser.UNet()
    x, ink = torch.randn(2, 6, *size), torch.rand(2, 1, 2 * size[0], 2 * size[1])
    answer = net(x, torch.tensor([0, 999]), ink)
    assert answer.shape == x.shape
    answer.square().mean().backward()
    assert all(weight.grad.abs().max() > 0 for weight in net.parameters())


def test_the_network_sees_level_and_sketch():
    torch.manual_seed(0)
    net = denoiser.UNet().eval()
    x, ink = torch.randn(1, 6, 32, 32), torch.rand(1, 1, 64, 64)
    level = torch.tensor([500])
    answer = net(x, level, ink)
    assert not torch.allclose(answer, net(x, level - 400, ink))
    assert not torch.allclose(answer, net(x, level, torch.full_like(ink, denoiser.NO_SKETCH)))


def test_the_loss_is_the_squared_error_with_its_weight():
    codes, ink = torch.zeros(5000, 6, 2, 2), torch.zeros(5000, 1, 4, 4)

    def perfect(x, t, ink):
        return torch.zeros_like(x)

    def off(x, t, ink):
        return torch.full_like(x, 0.5)

    assert diffusion.flow_loss(perfect, codes, ink) == 0
    torch.manual_seed(0)
    # by hand: the weight is (1 − s)⁻² up to s = 1 − 5^−½, whose integral is 5^½ − 1, and then 5
    mean = (5**0.5 - 1) + 5 * 5**-0.5
    assert diffusion.flow_loss(off, codes, ink).item() == pytest.approx(0.25 * mean, rel=0.03)


def test_flow_shows_noise_at_level_1000_and_the_photo_at_level_0():
    def net(x, t, ink):
        assert torch.allclose(x.mean(dim=(1, 2, 3)), 3 * (1 - t / 1000), atol=0.1)
        return x

    diffusion.flow_loss(net, torch.full((200, 6, 32, 32), 3.0), torch.zeros(200, 1, 64, 64))


def test_loss_and_hiding_take_any_number_of_axes():
    def net(x, t, given):
        assert x.shape == (6, 5) and t.shape == (6,) and given.shape == (6, 3)
        hidden = (given == denoiser.NO_SKETCH).all(dim=1)
        assert torch.equal(hidden | (given == 1).all(dim=1), torch.ones(6, dtype=torch.bool))
        return x

    assert diffusion.flow_loss(net, torch.randn(6, 5), torch.ones(6, 3)).ndim == 0


def test_some_sketches_are_hidden():
    torch.manual_seed(0)
    hidden = diffusion.some_hidden(torch.ones(2000, 1, 2, 2)) == denoiser.NO_SKETCH
    share = hidden.all(dim=(1, 2, 3)).float().mean().item()
    assert share == pytest.approx(diffusion.HIDDEN, abs=0.03)


def test_samplers_end_at_the_photo_that_is_always_guessed():
    photo, noise = torch.randn(2, 3, 6, 4, 4, generator=torch.Generator().manual_seed(0))
    alpha_bar = diffusion.alpha_bars()
    for num_steps in (1, 3, 16):
        made = diffusion.ddim(lambda x, t: photo, noise, num_steps, alpha_bar)
        assert torch.allclose(made, photo, atol=1e-4)
        made = diffusion.euler(lambda x, time: photo, noise, num_steps)
        assert torch.allclose(made, photo, atol=1e-4)


@pytest.mark.parametrize("sampler", ["ddim", "euler"])
def test_samplers_take_at_least_one_step(sampler):
    more = (diffusion.alpha_bars(),) if sampler == "ddim" else ()
    with pytest.raises(ValueError, match="num_steps must be at least 1, got 0"):
        getattr(diffusion, sampler)(lambda x, t: x, torch.zeros(1, 3, 4, 4), 0, *more)


def test_samplers_keep_a_normal_distribution():
    """Of photos with variance 4, whose best guess is a multiple of x."""
    alpha_bar = diffusion.alpha_bars()
    noise = torch.randn(4000, generator=torch.Generator().manual_seed(0))

    def guess_at(x, signal, sigma):
        return 4 * signal * x / (4 * signal**2 + sigma**2)

    def at_level(x, t):
        return guess_at(x, alpha_bar[t].sqrt(), (1 - alpha_bar[t]).sqrt())

    made = diffusion.ddim(at_level, noise, 500, alpha_bar)
    assert made.std().item() == pytest.approx(2 * noise.std().item(), rel=0.03)
    made = diffusion.euler(lambda x, time: guess_at(x, time, 1 - time), noise, 500)
    assert made.std().item() == pytest.approx(2 * noise.std().item(), rel=0.03)


def test_the_trained_network_finds_the_photo_and_reads_the_drawing():
    """Of people whom it has not seen; a crude drawing says little about a photo."""
    some = people(24, split="test", size_px=64, sketches="hand", degree=1.0)
    codes = denoiser.encode(images.to_tensor(some.pictures))
    ink = 1 - torch.from_numpy(some.sketches)[:, None] / 255
    net, level = denoiser.trained(), 900
    noise = torch.randn(codes.shape, generator=torch.Generator().manual_seed(0))
    x = (level * noise + (1000 - level) * codes) / 1000
    t = torch.full((len(codes),), level)
    given = {"own": ink, "other": ink.flip(0), "none": torch.full_like(ink, denoiser.NO_SKETCH)}
    with torch.no_grad():
        off = {kind: (net(x, t, some) - codes).square().mean() for kind, some in given.items()}
    of_mean = (codes - codes.mean(dim=0)).square().mean()
    assert off["none"] < 0.75 * of_mean
    assert off["own"] < 0.99 * off["none"] and off["own"] < 0.96 * off["other"]


def test_the_file_says_how_it_was_trained():
    about = denoiser.about_trained()
    assert about["terms"] == "MIT" and int(about["images seen"].replace(",", "")) > 0


def test_a_missing_network_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setattr(weights, "SHIPPED_FOLDER", tmp_path)
    with pytest.raises(weights.WeightsError, match="install the package again"):
        denoiser.trained()
    (tmp_path / denoiser.TRAINED).write_bytes(b"no weights")
    with pytest.raises(weights.WeightsError, match="install the package again"):
        denoiser.trained()
