"""Notebook 08's diffusion: its formulas, its network, its loss."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from data_prep.procedural_faces.synthetic import draw_face
from s2f_utils import weights
from s2f_utils.notebook import diffusion
from s2f_utils.pictures import images, sketches


def test_shares_fall_from_nearly_all_to_nearly_nothing():
    shares = diffusion.shares()
    assert shares.shape == (1000,) and (shares.diff() < 0).all()
    assert shares[0].item() == pytest.approx(1 - 1e-4)
    # by hand: log ᾱ ≈ −(Σβ + Σβ²/2), with Σβ = 10.05
    assert math.log(shares[-1]) == pytest.approx(-10.05 - 0.0676, abs=0.02)


def test_mix_keeps_the_power_and_photo_of_undoes_it():
    photo, noise = torch.randn(2, 4, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    share = torch.tensor(0.3)
    x = diffusion.mix(photo, noise, share)
    assert x.var().item() == pytest.approx(1.0, abs=0.02)
    assert torch.allclose(diffusion.photo_of(x, noise, share), photo, atol=1e-5)
    assert diffusion.mix(torch.tensor(2.0), torch.tensor(1.0), torch.tensor(0.25)).item() == (
        pytest.approx(0.5 * 2 + 0.75**0.5)
    )


def test_guided_ignores_obeys_and_exaggerates():
    with_sketch, without = torch.tensor(3.0), torch.tensor(1.0)
    given = [diffusion.guided(with_sketch, without, scale).item() for scale in (0, 1, 2.5)]
    assert given == [1.0, 3.0, 6.0]


@pytest.mark.parametrize("size", [(32, 32), (16, 40)])
def test_the_denoiser_keeps_the_size_and_every_weight_learns(size):
    torch.manual_seed(0)
    net = diffusion.Denoiser()
    x, ink = torch.randn(2, 3, *size), torch.rand(2, 1, *size)
    answer = net(x, torch.tensor([0, 999]), ink)
    assert answer.shape == x.shape
    answer.square().mean().backward()
    assert all(weight.grad.abs().max() > 0 for weight in net.parameters())


def test_the_denoiser_sees_level_and_sketch():
    torch.manual_seed(0)
    net = diffusion.Denoiser().eval()
    x, ink = torch.randn(1, 3, 32, 32), torch.rand(1, 1, 32, 32)
    level = torch.tensor([500])
    answer = net(x, level, ink)
    assert not torch.allclose(answer, net(x, level - 400, ink))
    assert not torch.allclose(answer, net(x, level, torch.full_like(ink, diffusion.NO_SKETCH)))


def test_the_loss_is_the_squared_error_over_the_share():
    share = diffusion.shares()
    photos = torch.zeros(64, 3, 32, 32)
    ink = torch.zeros(64, 1, 32, 32)

    def perfect(x, t, ink):  # photos are zero: all that is left is noise
        return x / (1 - share[t]).sqrt().view(-1, 1, 1, 1)

    assert diffusion.loss(perfect, photos, ink, share).item() < 1e-6

    def off(x, t, ink):
        return perfect(x, t, ink) + 0.5 * share[t].sqrt().view(-1, 1, 1, 1)

    assert diffusion.loss(off, photos, ink, share).item() == pytest.approx(0.25, abs=1e-3)


def test_some_sketches_are_hidden():
    seen = []

    def net(x, t, ink):
        seen.append(ink)
        return x

    torch.manual_seed(0)
    ink = torch.ones(2000, 1, 2, 2)
    diffusion.loss(net, torch.zeros(2000, 3, 2, 2), ink, diffusion.shares())
    hidden = (seen[0] == diffusion.NO_SKETCH).all(dim=(1, 2, 3)).float().mean().item()
    assert hidden == pytest.approx(diffusion.HIDDEN, abs=0.03)


def test_the_trained_denoiser_finds_the_noise_and_reads_the_sketch():
    """On drawn faces, of which it saw none, with sketches made as those of its training."""
    faces = [draw_face(n, size_px=128, seed=991).photo for n in range(8)]
    lines = [
        np.repeat(sketches.make_sketch(face, "pencil")[..., None], 3, axis=2) for face in faces
    ]
    photos, paper = (
        images.to_tensor(np.stack([images.resize(one, 32) for one in side]))
        for side in (faces, lines)
    )
    ink = (1 - paper[:, :1]) / 2
    net, level = diffusion.trained(), 900
    noise = torch.randn(8, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    share = diffusion.shares()[level]
    x, t = diffusion.mix(photos, noise, share), torch.full((8,), level)
    given = {"own": ink, "other": ink.flip(0), "none": torch.full_like(ink, diffusion.NO_SKETCH)}
    with torch.no_grad():  # the mean squared error of v
        off = {
            kind: (net(x, t, one) - noise).square().mean() / share for kind, one in given.items()
        }
    assert off["own"] < 0.15 and off["own"] < 0.8 * off["none"] and off["own"] < 0.6 * off["other"]


def test_a_missing_denoiser_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setattr(weights, "SHIPPED_FOLDER", tmp_path)
    with pytest.raises(weights.WeightsError, match="install the package again"):
        diffusion.trained()
    (tmp_path / diffusion.TRAINED).write_bytes(b"no weights")
    with pytest.raises(weights.WeightsError, match="install the package again"):
        diffusion.trained()
