"""Notebook 04's layer, mapping and losses are the library's, or what they are said to be."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from s2f_series import steering
from s2f_utils.networks.mobile_stylegan import MobileStyleGAN, PreviewHead, StyledConv
from s2f_utils.networks.pretrained import features_of, stride_distance
from tests.cells import define

NAMES = ("layer", "mapping", "painted", "loss_terms")


@pytest.fixture(scope="module")
def g():
    torch.manual_seed(0)
    return MobileStyleGAN.build().eval()


@pytest.fixture(scope="module")
def cells(g):
    """What the notebook's cells define under `NAMES`, with the blanks filled, around `g`."""
    defined = {"torch": torch, "F": F, "g": g, "mean": torch.randn(1, 512)}
    defined |= {"head": PreviewHead.build(), "features_of": features_of}
    defined |= {"stride_distance": stride_distance}
    defined |= {"WEIGHTS": {"code": 1.0, "picture": 0.0}, "variance": torch.tensor(0.25)}
    return define(NAMES, "04_stylegan_psp.ipynb", defined | {"code_loss": steering.code_loss})


def test_its_layer_is_the_library_s(cells):
    conv, x, w = StyledConv(8, 6, 16), torch.randn(2, 8, 16, 16), torch.randn(2, 512)
    nn.init.normal_(conv.noise)  # zeros would hide what is left out
    with torch.no_grad():
        assert torch.allclose(cells["layer"](conv, x, w), conv(x, w), atol=1e-5)


def test_its_mapping_is_the_library_s(cells, g):
    z = torch.randn(3, 512)
    with torch.no_grad():
        assert torch.allclose(cells["mapping"](z), g.map(z), atol=1e-5)


def test_its_loss_is_one_for_the_mean_code(cells):
    true_w = cells["mean"] + 0.5 * torch.randn(4000, 512)  # of variance .25
    terms = cells["loss_terms"](lambda x: torch.zeros(len(x), 512), true_w, true_w)
    assert terms["code"].item() == pytest.approx(1.0, abs=0.01)
    right = cells["loss_terms"](lambda x: (x - cells["mean"]) / 0.5, true_w, true_w)
    assert right["code"].item() == pytest.approx(0.0, abs=1e-6)


def test_on_a_gpu_it_compares_pictures_as_well(cells, monkeypatch):
    monkeypatch.setitem(cells["WEIGHTS"], "picture", 1.0)
    nn.init.normal_(cells["g"].input)  # zeros would paint one picture for all codes
    true_w = cells["mean"] + 0.5 * torch.randn(1, 512)
    right = cells["loss_terms"](lambda x: (x - cells["mean"]) / 0.5, true_w, true_w)
    assert right["picture"].item() == pytest.approx(0.0, abs=1e-4)
    shift = torch.ones(1, 512, requires_grad=True)
    wrong = cells["loss_terms"](lambda x: (x - cells["mean"]) / 0.5 + shift, true_w, true_w)
    wrong["picture"].backward()
    assert wrong["picture"] > 1e-4 and shift.grad.abs().max() > 0


def test_truncation_leads_from_the_mean_to_the_style():
    w, mean = torch.randn(3, 8, 16), torch.randn(8, 16)
    assert torch.equal(steering.truncate(w, mean, 0.0), mean.expand(3, -1, -1))
    assert torch.allclose(steering.truncate(w, mean, 1.0), w, atol=1e-6)
    halfway = steering.truncate(w, mean, 0.5) - mean
    assert torch.allclose(halfway.norm(dim=2), 0.5 * (w - mean).norm(dim=2), atol=1e-5)


def test_early_styles_come_first():
    joined = steering.joined(torch.zeros(2, 3, 4), torch.ones(2, 5, 4))
    assert joined.shape == (2, 8, 4) and joined[0, :, 0].tolist() == [0] * 3 + [1] * 5
