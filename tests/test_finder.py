"""The network that finds a face's points in drawings and photos."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import s2f_utils.networks.landmark_net  # noqa: F401  the finder is known by it
from s2f_utils import networks
from s2f_utils.networks import checkpoints
from s2f_utils.pictures import mesh


def test_every_weight_learns_and_wrong_shapes_are_refused():
    net = networks.build("finder", widths=(8, 16, 16, 24), hidden=16)
    found = net(torch.rand(2, 1, 128, 128))
    assert found.points.shape == (2, mesh.NUM_POINTS, 2) and found.spread.shape == (
        2,
        mesh.NUM_POINTS,
    )
    assert found.parts.shape == (2, 2, 128, 128) and found.flags.shape == (2, 5)
    sum((part**2).mean() for part in vars(found).values()).backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in net.parameters())
    with pytest.raises(ValueError, match=r"ink must be \(N, 1, 128, 128\), got \(1, 3, 128, 128\)"):
        net(torch.rand(1, 3, 128, 128))


def test_it_is_saved_and_found_again(tmp_path):
    net = networks.build("finder", widths=(8, 16, 16, 24), hidden=16).eval()
    checkpoints.save_generator(tmp_path / "finder.safetensors", net, {})
    again, _ = checkpoints.load_network(tmp_path / "finder.safetensors")
    ink = torch.rand(1, 1, 128, 128)
    assert again.info.task == "measures" and torch.equal(net(ink).points, again.eval()(ink).points)


def test_points_are_learned_where_they_are_and_may_lie_outside():
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    net = networks.build("finder", widths=(8, 16, 16, 24), hidden=16)
    at = torch.tensor(
        rng.uniform(-0.05, 1.05, (8, 2)), dtype=torch.float32
    )  # of one bright spot, for all points
    axis = (torch.arange(128) + 0.5) / 128
    near = (axis - at[:, :1]).square()[:, None, :] + (axis - at[:, 1:]).square()[:, :, None]
    ink = torch.exp(-near / 0.01)[:, None]
    optimizer = torch.optim.Adam(net.parameters(), 3e-3)
    errors = []
    for _ in range(60):
        error = (net(ink).points - at[:, None]).abs().mean()
        optimizer.zero_grad()
        error.backward()
        optimizer.step()
        errors.append(error.item())
    assert errors[-1] < 0.35 * errors[0] and errors[-1] < 0.08
