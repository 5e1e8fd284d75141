"""Notebook 03b: its loop, its upsampling, its cycle, and the training that it starts from."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch

from s2f_series.long_runs import long_runs
from tools.shipped import healthy_gan


@pytest.fixture(scope="module")
def defined(tmp_path_factory):
    """What the notebook's cells define; the library's versions fill their blanks."""
    folder = tmp_path_factory.mktemp("when_it_fails")
    session = SimpleNamespace(profile="fast", device=torch.device("cpu"), folder=folder)
    more = ("b-saved", "b-load", "b-saturating", "b-kernel-4", "b-sketch", "b-cycle")
    return healthy_gan.notebook_cells(session, *more)


def test_the_saved_training_makes_faces_that_its_discriminator_half_believes(defined):
    net_g, net_d = defined["healthy"]
    with torch.no_grad():
        made = net_g(defined["fixed_z"])
        on_fake, on_real = net_d(made).sigmoid().mean(), net_d(defined["photos"]).sigmoid().mean()
    assert 0.1 < on_fake < on_real < 0.9
    faces, people = defined["images"].to_uint8(made), defined["people"]
    assert defined["variety"](faces) > 0.7 * defined["variety"](people)
    # The mean face of the generated ones is that of the people.
    assert abs(faces.mean(0) - people.mean(0)).mean() < 15
    runs = long_runs("gan")[0]
    shown = {name: run.faces[max(run.faces)] for name, run in runs.items()}
    assert all(faces.shape[1:] == (64, 64, 3) for faces in shown.values())
    varieties = {name: defined["variety"](faces) for name, faces in shown.items()}
    assert varieties.pop("healthy") > 2 * varieties["A"]  # A has collapsed


def test_a_kernel_of_four_can_do_all_that_enlarging_and_convolving_can(defined):
    net_g, _ = defined["healthy"]
    same = defined["with_kernel_4"](net_g)
    with torch.no_grad():
        made, again = (net(defined["fixed_z"][:8]) for net in (net_g, same))
    assert made.std() > 0.2 and torch.allclose(made, again, atol=1e-4)


def test_a_run_moves_copies_of_both_networks_and_leaves_what_it_starts_from(defined):
    """Every experiment starts from the same networks."""
    before = defined["new_nets"]()
    kept = [net[0].weight.clone() for net in before]
    after = defined["run"](before, 1)["nets"]
    assert all(torch.equal(net[0].weight, weight) for net, weight in zip(before, kept, strict=True))
    assert not any(
        torch.equal(net[0].weight, weight) for net, weight in zip(after, kept, strict=True)
    )


def test_its_losses_are_flat_where_its_formulas_say(defined):
    """The slopes by a logit: p - 1 and -p, p the probability of "real"."""
    p = torch.tensor([0.002, 0.5, 0.9])
    for name, slope in (("non_saturating", p - 1), ("saturating", -p)):
        logits = torch.logit(p).requires_grad_()
        (found,) = torch.autograd.grad(3 * defined[name](logits), logits)
        assert torch.allclose(found, slope, atol=1e-5)


def test_a_sketcher_begins_honest_and_never_changes_more_than_it_may(defined):
    photos = defined["photos"][:2]
    cycle, honest = defined["Cycle"](defined["LEVELS"], lambda x: x), defined["pencil"](photos)
    assert torch.equal(*honest[:, :2].unbind(1)) and honest.std() > 0.2
    assert torch.equal(cycle.to_sketch(photos), honest)
    with torch.no_grad():
        cycle.hidden.layers[-1].weight.normal_(std=100)
    most = abs(cycle.to_sketch(photos) - honest).max().item() * 127.5
    assert 7.9 < most < 8.001
