"""Notebook 04's layers, generator, encoder and loss are the library's."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from s2f_series import steering
from s2f_utils import networks, runtime
from s2f_utils.methods import losses
from s2f_utils.methods.method import Batch, first_losses
from s2f_utils.methods.psp import PSP
from tests.cells import define

NAMES = ("layer", "synthesis", "mapping", "enlarged", "encode", "loss_terms")
SIZES = {"style_dim": 16, "num_mlp": 2, "width": 16, "channel_multiplier": 1.0}


@pytest.fixture(scope="module")
def net():
    torch.manual_seed(0)
    encoder = {"in_channels": 1, "num_styles": 8, "style_dim": 16, "input_px": 32}
    net = networks.build("psp", kind="small", encoder=encoder, decoder={"size_px": 32, **SIZES})
    for block in (net.decoder.conv1, *net.decoder.convs):  # zeros would hide what is left out
        torch.nn.init.normal_(block.noise["weight"])
        torch.nn.init.normal_(block.activate["bias"])
    net.latent_avg.copy_(torch.randn_like(net.latent_avg))
    return net.eval()


@pytest.fixture(scope="module")
def cells(net):
    """What the notebook's cells define under `NAMES`, with the blanks filled, around `net`."""
    defined = {"torch": torch, "F": F, "losses": losses, "device": "cpu"}
    defined |= {"net": net, "g": net.decoder, "mean": net.latent_avg}
    defined |= {"styled": steering.styled, "length_of": steering.length_of}  # blanks
    return define(NAMES, "04_stylegan_psp.ipynb", defined)


def test_its_generator_is_the_library_s(cells, net):
    w = torch.randn(2, 8, 16)
    with torch.no_grad():
        theirs = net.decoder.synthesis(w, net.decoder.stored_noise)
        assert torch.allclose(cells["synthesis"](w), theirs, atol=1e-4)
        z = torch.randn(3, 16)
        assert torch.allclose(cells["mapping"](z), net.decoder.map(z), atol=1e-5)


def test_all_scales_times_four_change_nothing_unless_it_is_not_demodulated(cells, monkeypatch):
    w = torch.randn(1, 8, 16)
    louder = dict.fromkeys(range(7), 4.0)

    with torch.no_grad():
        assert torch.allclose(cells["synthesis"](w, louder), cells["synthesis"](w), atol=1e-3)
        monkeypatch.setitem(cells, "styled", steering.modulated)
        loud, quiet = (cells["synthesis"](w, some) for some in (louder, None))
    assert loud.std() > 10 * quiet.std()


def test_its_encoder_is_the_library_s(cells, net):
    planes = torch.rand(2, 1, 32, 32)
    with torch.no_grad():
        assert torch.allclose(cells["encode"](net.encoder, planes), net.encoder(planes), atol=1e-5)


def test_its_loss_is_that_of_the_library_s_step(cells, net):
    settings = {"size_px": 32, "load_size_px": 32, "decoder_px": 32, "encoder": "small", **SIZES}
    settings |= {"perceptual": "efficientnet", "lambda_l2": 0.5, "lambda_lpips": 1.0}
    config = PSP.Config.create(settings | {"lambda_w": 0.0002, "mixing": 0.0})
    model = PSP(config, runtime.pick_precision(torch.device("cpu"), "float32"))
    model.net_g.load_state_dict(net.state_dict())
    model.net_g.eval()
    a, b = torch.rand(2, 2, 3, 32, 32) * 2 - 1
    torch.manual_seed(0)
    ours = cells["loss_terms"](net.encoder, a, b)
    torch.manual_seed(0)
    (theirs,) = first_losses(PSP.step, model, Batch(a, b), num=1)
    assert len(ours) == 3
    for name, term in ours.items():
        assert term.item() == pytest.approx(theirs[name], rel=1e-3), name


def test_truncation_leads_from_the_mean_to_the_style():
    w, mean = torch.randn(3, 8, 16), torch.randn(8, 16)
    assert torch.equal(steering.truncate(w, mean, 0.0), mean.expand(3, -1, -1))
    assert torch.allclose(steering.truncate(w, mean, 1.0), w, atol=1e-6)
    halfway = steering.length_of(steering.truncate(w, mean, 0.5), mean)
    assert torch.allclose(halfway, steering.length_of(w, mean) / 2)


def test_early_styles_come_first():
    joined = steering.joined(torch.zeros(2, 3, 4), torch.ones(2, 5, 4))
    assert joined.shape == (2, 8, 4) and joined[0, :, 0].tolist() == [0] * 3 + [1] * 5
