"""What notebook 05 leaves to its readers."""

import numpy as np
import torch

from s2f_utils.notebook import restoration


def test_agreement_is_one_for_equal_waves_and_falls_when_they_are_moved():
    rng = np.random.default_rng(0)
    waves = rng.normal(size=(3, 50)) + 1j * rng.normal(size=(3, 50))
    assert np.allclose(restoration.agreement(waves, 2 * waves), 1)
    assert np.allclose(restoration.agreement(waves, -waves), -1)
    assert np.allclose(restoration.agreement(waves, 1j * waves), 0)


def test_only_the_second_half_of_the_channels_is_steered():
    features = torch.arange(8.0).view(1, 4, 1, 2)
    scale, shift = torch.full((1, 2, 1, 2), 3.0), torch.full((1, 2, 1, 2), 1.0)
    made = restoration.steered(features, scale, shift)
    assert made.flatten().tolist() == [0, 1, 2, 3, 13, 16, 19, 22]


def test_the_strength_weighs_the_change_alone():
    photo, change = np.float32([100, 50]), np.float32([20, -10])
    assert restoration.added(photo, change, 0.5).tolist() == [110, 45]
    assert restoration.added(photo, change, 0).tolist() == [100, 50]
