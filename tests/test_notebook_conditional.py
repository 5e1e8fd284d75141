"""What notebook 07 leaves to its readers."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from s2f_series import conditional

# Of (x, y): mean 1 and 2, variances 4 and 9, correlation .5.
MEAN, COV = np.array([1.0, 2.0]), np.array([[4.0, 3.0], [3.0, 9.0]])


def test_given_two_deviations_more_of_x_y_is_one_deviation_higher_and_varies_less():
    assert conditional.mean_given(MEAN, COV, 5.0) == pytest.approx([2 + 0.75 * 4])
    assert conditional.cov_given(COV) == pytest.approx(np.array([[9 - 9 / 4]]))


def test_samples_near_a_value_of_x_have_the_mean_and_covariance_given_it():
    rng = np.random.default_rng(0)
    half = rng.normal(size=(3, 3))
    mean, cov = rng.normal(size=3), half @ half.T + np.eye(3)
    all_of_them = rng.multivariate_normal(mean, cov, size=400_000)
    near = all_of_them[np.abs(all_of_them[:, 0] - 1.5) < 0.05, 1:]
    assert near.mean(axis=0) == pytest.approx(conditional.mean_given(mean, cov, 1.5), abs=0.08)
    assert np.cov(near.T) == pytest.approx(conditional.cov_given(cov), abs=0.15)


def test_drawn_codes_have_the_mean_and_the_covariance_asked_for():
    noise = np.random.default_rng(0).normal(size=(200_000, 2))
    drawn = conditional.draw(MEAN, COV, noise)
    assert drawn.mean(axis=0) == pytest.approx(MEAN, abs=0.03)
    assert np.cov(drawn.T) == pytest.approx(COV, abs=0.1)


def test_ridge_is_least_squares_without_a_penalty_and_shrinks_with_one():
    rng = np.random.default_rng(0)
    x, truth = rng.normal(size=(50, 4)), rng.normal(size=(4, 3))
    assert conditional.ridge(x, x @ truth, 0.0) == pytest.approx(truth)
    one = np.ones((2, 1))
    assert conditional.ridge(one, 3 * one, 1.0) == pytest.approx(np.array([[2.0]]))


def test_misfit_weighs_sums_of_squares():
    first, second = torch.tensor([[1.0, 2.0], [0.0, 1.0]]), torch.tensor([[3.0], [0.0]])
    assert conditional.misfit([first, second], [2.0, 10.0]).tolist() == [100.0, 2.0]


def test_a_cleared_direction_does_not_move_along_the_other():
    direction, other = np.array([3.0, 4.0, 1.0]), np.array([0.0, 2.0, 0.0])
    assert conditional.cleared(direction, other) == pytest.approx([3.0, 0.0, 1.0])
