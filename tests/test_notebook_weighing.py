"""What notebook 07 leaves to its readers."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from s2f_utils.notebook import weighing


def test_the_loss_of_a_point_is_that_of_a_laplace_distribution():
    place, guess, size = torch.rand(3, 20) + 0.5
    likelihood = torch.distributions.Laplace(guess, size).log_prob(place)
    assert weighing.laplace_loss(place, guess, size) == pytest.approx(
        float(-(likelihood + np.log(2)).mean()), rel=1e-5
    )


def test_a_look_adds_the_logarithm_of_how_much_likelier_the_drawing_makes_it():
    read, general = np.array([0.1, 0.3, 0.6]), np.array([0.6, 0.15, 0.25])
    added = weighing.nats_of_look(read, general, np.array([2, 0]))
    assert added == pytest.approx([np.log(2.4), -np.log(6)])


def test_softmax_at_a_temperature_also_of_large_weights():
    assert weighing.softmax(np.array([0.0, np.log(9)]), 2.0) == pytest.approx([0.25, 0.75])
    assert weighing.softmax(np.array([1000.0, 1000.0]), 0.5) == pytest.approx([0.5, 0.5])


def test_gumbel_noise_chooses_in_proportion_to_the_softmax():
    weights, rng = np.array([0.0, 1.0, 2.0]), np.random.default_rng(0)
    chosen = weighing.gumbel_choice(weights, 0.7, rng.random((50_000, 3)))
    counted = np.bincount(chosen, minlength=3) / len(chosen)
    assert np.abs(counted - weighing.softmax(weights, 0.7)).max() < 0.01
