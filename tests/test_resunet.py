"""The residual U-Net: shapes, noise that a seed decides; and two of them in a row."""

from __future__ import annotations

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from s2f_utils import networks
from s2f_utils.networks import checkpoints

SMALL = {"widths": (16, 24), "blocks": 1, "fine": (8, 8)}


@pytest.fixture()
def net():
    torch.manual_seed(0)
    return networks.build("resunet", **SMALL)


def alive(net):
    """Let every weight count: residual blocks and noise begin at zero."""
    with torch.no_grad():
        for p in net.parameters():
            p.add_(0.1 * torch.randn_like(p))
    return net


def test_shapes_gradients_and_round_trip(net, tmp_path):
    alive(net).train()
    x = torch.rand(2, 3, 32, 48) * 2 - 1
    out = net(x)
    assert out.shape == (2, 3, 32, 48) and net.multiple_px == 8
    out.square().mean().backward()
    silent = [
        key for key, p in net.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0
    ]
    assert silent == []
    checkpoints.save_generator(tmp_path / "net.safetensors", net, {})
    again = checkpoints.load_network(tmp_path / "net.safetensors")[0]
    assert again.name == "resunet" and again.args == net.args
    with torch.no_grad():
        assert torch.equal(again(x), net.eval()(x))


def test_bad_input_is_refused(net):
    with pytest.raises(ValueError, match="add a batch axis"):
        net(torch.zeros(3, 32, 32))
    with pytest.raises(ValueError, match="multiples of 8, got 30x32"):
        net(torch.zeros(1, 3, 30, 32))


def test_noise_begins_at_zero_and_is_new_in_training_and_seeded_in_eval(net):
    x = torch.rand(2, 3, 32, 32) * 2 - 1
    net.train()
    for module in net.modules():
        if isinstance(module, torch.nn.Dropout2d):
            module.p = 0.0
    with torch.no_grad():
        assert torch.equal(net(x), net(x))  # no weight, no noise
        alive(net)
        assert not torch.equal(net(x), net(x))
        net.eval()
        first = net(x)
        assert torch.equal(first, net(x))
        assert torch.allclose(first[1:], net(x[1:]), atol=1e-5)  # whatever else is in the batch
        other = net(x, seed=4)
        assert (other - first).abs().mean() > 1e-3
        each = net(x, seed=[0, 4])  # a seed for each picture
        assert torch.allclose(each, torch.stack([first[0], other[1]]), atol=1e-5)
        assert torch.equal(net(x), first)


def test_a_file_of_an_earlier_release_opens(net, tmp_path):
    """It also has what its training knew of colour hints."""
    alive(net).eval()
    path = checkpoints.save_generator(tmp_path / "net.safetensors", net, {})
    state = load_file(path)
    with safe_open(path, "pt") as file:
        about = file.metadata()
    save_file(
        state | {"hint_mean": torch.zeros(48), "hint_spread": torch.zeros(48, 48)}, path, about
    )
    again = checkpoints.load_network(path)[0]
    x = torch.rand(1, 3, 32, 32)
    with torch.no_grad():
        assert torch.equal(again(x), net(x))
