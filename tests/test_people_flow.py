"""What a person shows, and the flow from noise to people."""

from __future__ import annotations

import pytest
import torch

import data_prep
import s2f_studio.faces.networks  # noqa: F401  (the name of the network)
from s2f_studio import shipped
from s2f_studio.faces.networks.people import NUM_FEATURES, normal_velocity
from s2f_utils.networks import checkpoints

NUM_STEPS = 400


@pytest.fixture(scope="module")
def net():
    return checkpoints.load_network(shipped.file_of(shipped.PEOPLE))[0].requires_grad_(False)


@pytest.fixture(scope="module")
def codes(net):
    """Of embedded people: (N, K)."""
    return net.to_code(torch.from_numpy(data_prep.people(400).codes))


def test_the_written_out_gradient_is_autograds(net, codes):
    code = codes[:5].clone().requires_grad_(True)
    *shown, hidden = net.shown_by(code)
    slope = torch.randn(5, sum(part.shape[1] for part in shown))
    (torch.cat(shown, dim=1) * slope).sum().backward()
    assert torch.allclose(net.slope_of(slope, hidden), code.grad, rtol=1e-4, atol=1e-5)


def test_the_velocity_of_a_normal_distribution_leads_noise_to_it():
    axes = torch.linalg.qr(torch.randn(4, 4))[0]
    spread = axes * torch.tensor([0.3, 0.8, 1.0, 1.6])
    mean, noise = torch.randn(1, 4), torch.randn(8, 4)
    x = noise
    for step in range(NUM_STEPS):
        time = torch.full((8,), (step + 0.5) / NUM_STEPS)
        x = x + normal_velocity(x, time, mean, spread) / NUM_STEPS
    assert torch.allclose(x, mean + (noise @ axes) @ spread.T, atol=0.02)


def test_the_flow_knows_people_better_than_the_normal_distribution(net, codes):
    """The error of velocities on lines from noise to people, whom no drawing shows."""
    chance = torch.Generator().manual_seed(0)
    noise = torch.randn(codes.shape, generator=chance)
    time = 0.05 + 0.9 * torch.rand(len(codes), generator=chance)
    nothing = torch.zeros(len(codes), NUM_FEATURES)
    nothing[:, -1] = 1
    x = torch.lerp(noise, codes, time[:, None])
    flow = net.velocity_of(x, time, nothing)
    normal = flow - net.velocity(x, time, nothing)
    truth = codes - noise
    errors = [float((guess - truth).square().mean()) for guess in (flow, normal)]
    assert errors[0] < 0.97 * errors[1]
