"""Convolutions of small maps as products of matrices: the library's answers and gradients, and when they are used."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from s2f_utils import models, runtime
from s2f_utils.models import convs
from s2f_utils.training import config
from s2f_utils.training.methods import METHODS

PAIRS = [(convs.Conv2d, nn.Conv2d), (convs.ConvTranspose2d, nn.ConvTranspose2d)]
FORMATS = [torch.contiguous_format, torch.channels_last]


def answers(layer, x, memory_format):
    """What a layer makes of x, and the gradients of a loss by its weights and x."""
    layer = layer.to(memory_format=memory_format)
    x = x.clone().contiguous(memory_format=memory_format).requires_grad_()
    y = layer(x)
    (y * torch.arange(y.numel(), dtype=y.dtype).view_as(y).sin()).sum().backward()
    assert layer.weight.grad.stride() == layer.weight.stride()
    return [y.detach(), x.grad, layer.weight.grad, layer.bias.grad]


@pytest.mark.parametrize("memory_format", FORMATS, ids=["nchw", "channels_last"])
@pytest.mark.parametrize("ours, theirs", PAIRS)
@pytest.mark.parametrize("shape", [(4, 2, 1), (3, 1, 1), (3, 2, 0)])
def test_the_product_gives_the_librarys_answer_and_gradients(ours, theirs, memory_format, shape, monkeypatch):
    torch.manual_seed(0)
    one, other = ours(6, 5, *shape).double(), theirs(6, 5, *shape).double()
    other.load_state_dict(one.state_dict())
    x = torch.randn(2, 6, 7, 5, dtype=torch.float64)
    expected = answers(other, x, memory_format)
    for name in ("conv2d", "conv_transpose2d"):
        monkeypatch.setattr(F, name, None)  # must not be called
    for found, true in zip(answers(one, x, memory_format), expected, strict=True):
        torch.testing.assert_close(found, true, rtol=0, atol=1e-12)


@pytest.mark.parametrize("ours, theirs", PAIRS)
@pytest.mark.parametrize("num", [1, 8])
def test_in_bfloat16_it_is_about_as_exact_as_the_library(ours, theirs, num):
    """Both are compared with float32's answer; where maps are smallest, the product is made in float32 itself."""
    torch.manual_seed(0)
    one, other = ours(64, 64, 4, 2, 1), theirs(64, 64, 4, 2, 1)
    other.load_state_dict(one.state_dict())
    x = torch.randn(num, 64, 4, 4)
    true = other(x).detach()
    with torch.autocast("cpu", torch.bfloat16):
        far, theirs_far = (float((net(x).detach().float() - true).square().mean()) ** 0.5 for net in (one, other))
    assert theirs_far > 1e-4
    assert far < 1.5 * theirs_far


def test_only_training_uses_it(monkeypatch):
    """Answers without gradients, and of larger maps, are the library's to the bit."""
    called = []
    monkeypatch.setattr(convs, "_flat", lambda weight: called.append(1) or weight.flatten(1))
    torch.manual_seed(0)
    layer, x = convs.Conv2d(3, 4, 4, 2, 1), torch.randn(1, 3, 8, 8)
    layer(x)
    assert called == [1]
    with torch.no_grad():
        layer(x)
    with torch.inference_mode():
        layer(x)
    layer(torch.randn(1, 3, 64, 64))
    layer.eval()(x)
    assert called == [1]


def test_a_unet_trains_through_it_as_through_the_librarys(monkeypatch):
    gradients = []
    for few in (convs.FEW, 0):
        monkeypatch.setattr(convs, "FEW", few)
        torch.manual_seed(0)
        net = models.build("unet", num_downs=6, base_filters=4, dropout=0.0).double()
        net(torch.rand(2, 3, 64, 64, dtype=torch.float64)).square().mean().backward()
        gradients.append([p.grad for p in net.parameters()])
    for found, true in zip(*gradients, strict=True):
        torch.testing.assert_close(found, true, rtol=1e-8, atol=1e-12)


@pytest.mark.parametrize(
    "method, device, changes, expected",
    [
        ("pix2pix", "cpu", {"batch_size": 1}, "contiguous"),
        ("pix2pix", "cpu", {"batch_size": 8}, "channels_last"),
        ("pix2pix", "cpu", {"batch_size": 8, "accumulate": 4}, "contiguous"),
        ("pix2pix", "cuda", {"batch_size": 1}, "channels_last"),
        ("pix2pix", "cuda", {"batch_size": 1, "norm": "instance"}, "contiguous"),
        ("cyclegan", "cpu", {}, "contiguous"),
        ("cyclegan", "cuda", {}, "contiguous"),
        ("faithful", "cpu", {}, "channels_last"),
        ("faithful", "cuda", {}, "contiguous"),
        ("cgan", "cuda", {}, "channels_last"),
    ],
)
def test_the_memory_format_follows_method_batch_and_device(method, device, changes, expected):
    resolved = config.resolve(method, "full", changes)
    assert METHODS[method].memory_format(resolved.config, torch.device(device)) == expected


def test_a_run_takes_its_methods_format_and_the_one_that_is_asked_for(tmp_path):
    from s2f_utils.training.run import _precision

    cpu = runtime.pick_device("cpu")
    for changes, last in (({"batch_size": 1}, False), ({}, True), ({"memory_format": "contiguous"}, False)):
        resolved = config.resolve("pix2pix", "full", {"batch_size": 4, **changes})
        assert _precision(METHODS["pix2pix"], resolved.config, cpu).channels_last == last
