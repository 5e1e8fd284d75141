"""Networks: equal to the published ones, trainable, saved and loaded without a change."""

from __future__ import annotations

import pytest
import torch

from s2f_utils import models
from tests import reference

CASES = {
    "pix2pix_unet_256_batch": lambda: reference.image(1, 3, 256),
    "patchgan_70_batch_in6": lambda: torch.cat([reference.image(1, 3, 256, 0), reference.image(1, 3, 256, 1)], dim=1),
    "patchgan_70_instance_in3": lambda: reference.image(1, 3, 256),
}
SMALL = {
    "unet": ({"num_downs": 5, "base_filters": 4}, 3),
    "patchgan": ({"in_channels": 6, "base_filters": 4}, 6),
    "pixelgan": ({"in_channels": 6, "base_filters": 4}, 6),
}


@pytest.mark.parametrize("name", CASES)
def test_published_checkpoint_gives_the_published_output(name):
    case = reference.load(name)
    state_dict = reference.published_state_dict(case)
    net = models.from_state_dict({f"module.{key}": value for key, value in state_dict.items()})
    assert models.count_parameters(net) == case["parameters"]
    with torch.no_grad():
        out = net(CASES[name]())
    assert list(out.shape) == case["shape"]
    found = out[tuple(torch.tensor(case["indices"]).T)]
    assert (found - torch.tensor(case["values"])).abs().max() <= 1e-4 * case["absmax"]
    assert out.mean().item() == pytest.approx(case["mean"], abs=1e-4 * case["absmax"])
    assert out.std().item() == pytest.approx(case["std"], rel=1e-3)


def test_a_fault_in_the_network_breaks_the_agreement():
    case = reference.load("patchgan_70_instance_in3")
    net = models.from_state_dict(reference.published_state_dict(case))
    net.model[1].negative_slope = 0.01
    with torch.no_grad():
        out = net(CASES["patchgan_70_instance_in3"]())
    found = out[tuple(torch.tensor(case["indices"]).T)]
    assert (found - torch.tensor(case["values"])).abs().max() > 1e-2 * case["absmax"]


@pytest.mark.parametrize("name", SMALL)
@pytest.mark.parametrize("norm", ["batch", "instance"])
@pytest.mark.parametrize("height, width", [(64, 64), (64, 128)])
def test_shape_gradients_and_round_trip(name, norm, height, width):
    args, channels = SMALL[name]
    net = models.init_weights(models.build(name, norm=norm, **args)).train()
    x = torch.rand(2, channels, height, width) * 2 - 1
    out = net(x)
    assert out.shape[:2] == (2, 3 if name == "unet" else 1)
    if name != "patchgan":
        assert out.shape[2:] == x.shape[2:]
    out.square().mean().backward()
    silent = [key for key, p in net.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]
    # a bias before instance norm is taken out again by it, and batch norm leaves the sum of a 1x1 map's gradient at 0
    assert not [key for key in silent if norm == "batch"]
    assert all(p.grad is not None for p in net.parameters())
    other = models.from_state_dict(net.state_dict())
    assert other.name == name
    with torch.no_grad():
        assert torch.equal(other(x), net.eval()(x))


@pytest.mark.parametrize("num_downs, size_px", [(5, 32), (7, 128), (9, 512)])
def test_unet_of_any_power_of_two(num_downs, size_px):
    net = models.build("unet", num_downs=num_downs, base_filters=2).eval()
    with torch.no_grad():
        assert net(torch.zeros(1, 3, size_px, size_px)).shape == (1, 3, size_px, size_px)
    assert models.from_state_dict(net.state_dict()).args["num_downs"] == num_downs


def test_unet_says_what_is_wrong_with_its_input():
    net = models.build("unet", num_downs=5, base_filters=2)
    with pytest.raises(ValueError, match="add a batch axis"):
        net(torch.zeros(3, 32, 32))
    with pytest.raises(ValueError, match="multiples of 32, got 40x32"):
        net(torch.zeros(1, 3, 40, 32))


def test_receptive_field_is_the_70_pixels_of_the_name():
    assert models.build("patchgan").receptive_field_px == 70
    net = models.build("patchgan", in_channels=1, base_filters=2, norm="instance").double()
    for p in net.parameters():
        torch.nn.init.constant_(p, 0.1)
    for m in [m for m in net.modules() if isinstance(m, torch.nn.InstanceNorm2d)]:
        m.forward = lambda x: x  # the norm looks at the whole image; the convolutions' view is what is measured
    x = torch.rand(1, 1, 256, 256, dtype=torch.double, requires_grad=True)
    net(x)[0, 0, 15, 15].backward()
    rows = x.grad[0, 0].abs().sum(1).nonzero().flatten()
    assert rows.max() - rows.min() + 1 == 70


def test_unknown_networks_and_arguments_are_named():
    with pytest.raises(ValueError, match="unet, resunet, twostage, patchgan, pixelgan"):
        models.build("resnet50")
    with pytest.raises(ValueError, match="no argument width: it takes in_channels"):
        models.build("unet", width=3)


def test_a_foreign_state_dict_gets_the_nearest_and_the_keys():
    state = models.build("patchgan", base_filters=4).state_dict()
    state["model.11.extra"] = torch.zeros(1)
    with pytest.raises(models.UnknownNetworkError, match=r"patchgan: 1 not expected \(model.11.extra\)"):
        models.from_state_dict(state)
    with pytest.raises(models.UnknownNetworkError, match="none of the networks"):
        models.from_state_dict({"fc.weight": torch.zeros(3, 3)})
    with pytest.raises(models.UnknownNetworkError, match="no tensors"):
        models.from_state_dict({})
    state = models.build("unet", num_downs=6, base_filters=4).state_dict()
    del state["model.model.3.bias"]
    with pytest.raises(models.UnknownNetworkError, match=r"unet: 1 missing \(model.model.3.bias\)"):
        models.from_state_dict(state)
