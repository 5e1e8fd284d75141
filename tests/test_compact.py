"""Weights in one byte each."""

from __future__ import annotations

import copy

import pytest
import torch

from s2f_utils import networks
from s2f_utils.networks import checkpoints
from s2f_utils.weights.compact import SCALE, packed, unpacked


def test_what_is_packed_comes_back_to_a_step_of_its_channels_largest_weight():
    torch.manual_seed(0)
    weight = torch.randn(8, 64, 3, 3) * torch.logspace(-4, 1, 8).view(-1, 1, 1, 1)
    tensors = {
        "a": weight,
        "b": torch.randn(5),
        "n": torch.tensor(3),
        "one": torch.randn(1, 512, 4, 4),
    }
    made = packed(tensors)
    assert made["a"].dtype == made["one"].dtype == torch.int8 and made["b"].dtype == torch.float16
    assert made["a" + SCALE].shape == (8, 1, 1, 1) and made["one" + SCALE].shape == (1, 512, 1, 1)
    back = unpacked(made)
    assert set(back) == set(tensors) and int(back["n"]) == 3
    step = weight.abs().amax((1, 2, 3), keepdim=True) / 127
    assert ((back["a"] - weight).abs() <= 0.501 * step).all() and back["a"].dtype == torch.float32
    assert not packed({"z": torch.zeros(64, 64)})["z"].any()


@pytest.mark.parametrize(
    "name, args",
    [
        ("resnet", {"base_filters": 24, "num_blocks": 2}),
        ("patchgan", {"in_channels": 3, "base_filters": 32}),
    ],
)
def test_a_network_saved_compactly_answers_nearly_alike_in_half_the_size(tmp_path, name, args):
    torch.manual_seed(0)
    net = networks.build(name, **args).eval()
    small = checkpoints.save_generator(tmp_path / "small.safetensors", net, {}, compact=True)
    usual = checkpoints.save_generator(
        tmp_path / "usual.safetensors", copy.deepcopy(net).half(), {}
    )
    again, _ = checkpoints.load_network(small)
    x = torch.rand(1, 3, 64, 64) * 2 - 1
    with torch.no_grad():
        apart = (again(x) - net(x)).abs().mean() / net(x).std()
    assert small.stat().st_size < 0.7 * usual.stat().st_size and 0 < float(apart) < 0.02
