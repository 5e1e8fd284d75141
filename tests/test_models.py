"""Networks: equal to the published ones, trainable, saved and loaded without a change."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from s2f_utils import networks
from s2f_utils.networks import checkpoints
from s2f_utils.networks.cgan_net import FirstConvBlock
from tests import reference

CASES = {
    "pix2pix_unet_256_batch": lambda: reference.image(1, 3, 256),
    "patchgan_70_batch_in6": lambda: torch.cat(
        [reference.image(1, 3, 256, 0), reference.image(1, 3, 256, 1)], dim=1
    ),
    "patchgan_70_instance_in3": lambda: reference.image(1, 3, 256),
    "cyclegan_resnet_9_instance": lambda: reference.image(1, 3, 256),
}
DISCRIMINATORS = {  # are not recognised: nobody begins with a published one
    "patchgan_70_batch_in6": {},
    "patchgan_70_instance_in3": {"in_channels": 3, "norm": "instance"},
}
SMALL = {
    "unet": ({"num_downs": 5, "base_filters": 4}, 3),
    "resnet": ({"num_blocks": 2, "base_filters": 4}, 3),
    "patchgan": ({"in_channels": 6, "base_filters": 4}, 6),
}


@pytest.mark.parametrize("name", CASES)
def test_published_checkpoint_gives_the_published_output(name):
    case = reference.load(name)
    state_dict = reference.published_state_dict(case)
    if name in DISCRIMINATORS:
        net = networks.build("patchgan", **DISCRIMINATORS[name]).eval()
        net.load_state_dict(state_dict)
    else:
        net = networks.from_state_dict(
            {f"module.{key}": value for key, value in state_dict.items()}
        )
    assert networks.count_parameters(net) == case["parameters"]
    with torch.no_grad():
        out = net(CASES[name]())
    assert list(out.shape) == case["shape"]
    found = out[tuple(torch.tensor(case["indices"]).T)]
    assert (found - torch.tensor(case["values"])).abs().max() <= 1e-4 * case["absmax"]
    assert out.mean().item() == pytest.approx(case["mean"], abs=1e-4 * case["absmax"])
    assert out.std().item() == pytest.approx(case["std"], rel=1e-3)


def test_old_and_new_files_of_a_resnet_are_one_network():
    """With dropout, and with the statistics that instance norm kept before PyTorch 0.4, the output
    is the same.
    """
    case = reference.load("cyclegan_resnet_9_instance")
    plain = reference.published_state_dict(case)
    with_dropout = {
        key.replace("conv_block.5.", "conv_block.6."): value for key, value in plain.items()
    }
    old = dict(plain)
    for key, value in plain.items():
        layer, _, part = key.rpartition(".")
        if (
            part == "bias" and layer != "model.26"
        ):  # every convolution but the last is followed by instance norm
            norm = ".".join([*layer.split(".")[:-1], str(int(layer.split(".")[-1]) + 1)])
            old |= {f"{norm}.running_mean": value + 7, f"{norm}.running_var": value**2 + 3}
            old[f"{norm}.num_batches_tracked"] = torch.tensor(9)
    x = reference.image(1, 3, 64)
    with torch.no_grad():
        expected = networks.from_state_dict(plain)(x)
        for state_dict, dropout in ((with_dropout, 0.5), (old, 0.0)):
            net = networks.from_state_dict(state_dict)
            assert net.args == networks.from_state_dict(plain).args | {"dropout": dropout}
            assert torch.equal(net(x), expected)


def test_project_5s_networks_are_as_described(tmp_path):
    net_g, net_d = networks.build("cgan"), networks.build("dense")
    x = torch.rand(2, 3, 128, 128) * 2 - 1
    assert net_g(x).shape == x.shape and net_d(x).shape == (2, 1)
    widths = [
        m.out_channels
        for m in net_g.modules()
        if isinstance(m, torch.nn.Conv2d | torch.nn.ConvTranspose2d)
    ]
    assert widths == [32, 64, 128, *[128] * 12, 64, 32, 3]
    net_d(net_g(x)).sum().backward()
    # but for a bias under batch norm, every weight learns
    assert all(
        p.grad is not None and p.grad.abs().sum() > 0
        for net in (net_g, net_d)
        for p in net.parameters()
    )
    for net in (net_g, net_d):
        checkpoints.save_generator(tmp_path / "net.safetensors", net, {})
        other = checkpoints.load_network(tmp_path / "net.safetensors")[0]
        assert (other.name, other.args) == (net.name, net.args)
        assert torch.equal(other(x), net.eval()(x))


def test_project_5s_block_adds_its_first_convolution_not_its_input():
    block = FirstConvBlock(4).eval()
    for p in block.second.parameters():
        torch.nn.init.zeros_(p)  # what is left is what the second convolution is added to
    x = torch.randn(1, 4, 8, 8)
    with torch.no_grad():
        assert torch.equal(block(x), block.first(x)) and not torch.allclose(block(x), x)


@pytest.mark.parametrize("name", SMALL)
@pytest.mark.parametrize("norm", ["batch", "instance"])
def test_shape_gradients_and_round_trip(name, norm, tmp_path):
    args, channels = SMALL[name]
    height, width = 64, 128
    net = networks.init_weights(networks.build(name, norm=norm, **args)).train()
    x = torch.rand(2, channels, height, width) * 2 - 1
    out = net(x)
    assert out.shape[:2] == (2, 3 if name in ("unet", "resnet") else 1)
    if name != "patchgan":
        assert out.shape[2:] == x.shape[2:]
    out.square().mean().backward()
    silent = [
        key for key, p in net.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0
    ]
    # a bias before instance norm is taken out again by it, and batch norm leaves the sum of a 1x1
    # map's gradient at 0
    assert not [key for key in silent if norm == "batch"]
    assert all(p.grad is not None for p in net.parameters())
    checkpoints.save_generator(tmp_path / "net.safetensors", net, {})
    others = [checkpoints.load_network(tmp_path / "net.safetensors")[0]]
    assert others[0].args == net.args
    if name in ("unet", "resnet"):  # published files of generators are known by their keys
        others.append(networks.from_state_dict(net.state_dict()))
    for other in others:
        assert other.name == name
        with torch.no_grad():
            assert torch.equal(other(x), net.eval()(x))


@pytest.mark.parametrize("num_downs, size_px", [(5, 32), (7, 128), (9, 512)])
def test_unet_of_any_power_of_two(num_downs, size_px):
    net = networks.build("unet", num_downs=num_downs, base_filters=2).eval()
    with torch.no_grad():
        assert net(torch.zeros(1, 3, size_px, size_px)).shape == (1, 3, size_px, size_px)
    assert networks.from_state_dict(net.state_dict()).args["num_downs"] == num_downs


def test_unet_says_what_is_wrong_with_its_input():
    net = networks.build("unet", num_downs=5, base_filters=2)
    with pytest.raises(ValueError, match="add a batch axis"):
        net(torch.zeros(3, 32, 32))
    with pytest.raises(ValueError, match="multiples of 32, got 40x32"):
        net(torch.zeros(1, 3, 40, 32))


IN_PLACE = {
    "patchgan": {"in_channels": 3, "base_filters": 4},
    "dense": {"base_filters": 4, "size_px": 32},
    "stylegan2-disc": {"size_px": 32, "width": 8},
    "stylegan2": {"size_px": 32, "width": 8, "style_dim": 8, "num_mlp": 1},
}


@pytest.mark.parametrize("name", IN_PLACE)
def test_leaky_relus_in_place_change_no_value_and_no_gradient(name, monkeypatch):
    """Also not the gradient of a gradient, as of R1 and path lengths."""

    def found() -> list[torch.Tensor]:
        torch.manual_seed(0)
        net = networks.build(name, **IN_PLACE[name])
        x = torch.randn(4, 8) if name == "stylegan2" else torch.randn(4, 3, 32, 32)
        x.requires_grad_()
        options = {"randomize_noise": False} if name == "stylegan2" else {}
        out = net(x, **options)
        (slope,) = torch.autograd.grad(out.square().sum(), x, create_graph=True)
        (out.sum() + slope.square().sum()).backward()
        return [out, slope, *(p.grad for p in net.parameters() if p.grad is not None)]

    leaky_relu, asked = torch.nn.functional.leaky_relu, []

    def apart(x, negative_slope=0.01, inplace=False):
        asked.append(inplace)
        return leaky_relu(x, negative_slope)

    in_place = found()
    monkeypatch.setattr(torch.nn.functional, "leaky_relu", apart)
    expected = found()
    assert any(asked) and len(in_place) == len(expected) > 5
    assert all(torch.equal(one, other) for one, other in zip(in_place, expected, strict=True))


def test_unknown_networks_and_arguments_are_named():
    with pytest.raises(ValueError, match="unet, resnet, cgan, resunet, patchgan, dense"):
        networks.build("resnet50")
    with pytest.raises(ValueError, match="no argument width: it takes in_channels"):
        networks.build("unet", width=3)


def test_a_foreign_state_dict_gets_the_nearest_and_the_keys():
    state = networks.build("resnet", base_filters=4, num_blocks=1).state_dict()
    state["model.99.extra"] = torch.zeros(1)
    with pytest.raises(
        networks.UnknownNetworkError, match='resnet: .* Unexpected key.* "model.99.extra"'
    ):
        networks.from_state_dict(state)
    with pytest.raises(networks.UnknownNetworkError, match="none of the generators"):
        networks.from_state_dict({"fc.weight": torch.zeros(3, 3)})
    with pytest.raises(networks.UnknownNetworkError, match="no tensors"):
        networks.from_state_dict({})
    state = networks.build("unet", num_downs=6, base_filters=4).state_dict()
    del state["model.model.3.bias"]
    with pytest.raises(
        networks.UnknownNetworkError, match='unet: .* Missing key.* "model.model.3.bias"'
    ):
        networks.from_state_dict(state)


def test_bytes_that_are_no_weights_are_said_to_be_damaged(tmp_path):
    """torch's unpickler raises errors of all kinds over them."""
    path, random = tmp_path / "weights.pth", np.random.default_rng(0)
    for n in range(60):
        path.write_bytes(random.bytes(40 + n) if n % 2 else b"\x80\x02" + random.bytes(40 + n))
        with pytest.raises(checkpoints.CheckpointError, match="weights.pth: "):
            checkpoints.load_torch_file(path)
    path.write_bytes(b"")
    with pytest.raises(checkpoints.CheckpointError, match="weights.pth: "):
        checkpoints.load_torch_file(path)


def test_a_residual_resnet_begins_as_a_copy_and_learns_the_whole_range():
    net = networks.init_weights(
        networks.build("resnet", num_blocks=1, base_filters=4, residual=True)
    )
    x = torch.rand(2, 3, 16, 24) * 2 - 1
    assert not torch.equal(net(x), x)
    net.begin_as_copy()
    assert torch.equal(net(x), x)
    net(x * 0.5).square().mean().backward()
    assert net.model[-2].weight.grad.abs().sum() > 0
    torch.nn.init.constant_(net.model[-2].bias, 9.0)  # black may become white
    assert net(torch.full_like(x, -1.0)).min() > 0.999
    with pytest.raises(ValueError, match="must be equal"):
        networks.build("resnet", in_channels=1, residual=True)
