"""The learning rates' schedule: the published one, and no step between two lengths."""

from __future__ import annotations

import pytest

from s2f_utils.train.loop import decay_by_epoch, decay_by_share


def published(epoch: int, num_constant: int, num_decaying: int) -> float:
    """pix2pix's `lambda_rule`, with epochs counted from 0."""
    return 1.0 - max(0, epoch + 1 - num_constant) / float(num_decaying + 1)


@pytest.mark.parametrize(("num_constant", "num_decaying"), [(100, 100), (5, 5), (0, 40), (30, 10)])
def test_with_whole_epochs_it_is_the_published_one(num_constant, num_decaying):
    epochs, length = num_constant + num_decaying, 88
    share = num_constant / epochs
    for epoch in range(epochs):
        for images in (epoch * length, epoch * length + length - 1):
            found = decay_by_epoch(images, epochs * length, share, length)
            assert found == pytest.approx(published(epoch, num_constant, num_decaying), abs=1e-12)


@pytest.mark.parametrize("epochs", [2, 5, 9, 10, 11, 30])
def test_one_image_more_in_all_hardly_changes_it(epochs):
    length = 100
    total = epochs * length
    changes = []
    for seen in range(total - 1):
        one, other = (decay_by_epoch(seen, total - less, 0.5, length) for less in (0, 1))
        changes.append(abs(one - other))
    assert sum(changes) / total < 0.01  # single images lie on both sides of a stair


def test_the_tenth_epoch_is_no_step():
    """At image 520 of 999 or 1,000, with 100 a pass."""
    one, other = (decay_by_epoch(520, total, 0.5, 100) for total in (999, 1_000))
    assert one == pytest.approx(other, abs=0.01) and other == pytest.approx(5 / 6)


def test_a_short_training_ends_near_0_on_a_straight_line():
    total, length = 1_000, 10_000
    factors = [decay_by_epoch(seen, total, 0.5, length) for seen in range(total)]
    assert factors[:499] == [1.0] * 499 and factors == sorted(factors, reverse=True)
    assert factors[-1] < 0.01 and factors[750] == pytest.approx(0.5, abs=0.01)


def test_a_constant_rate_and_a_time_budget():
    assert decay_by_epoch(999, 1000, 1.0, 10) == decay_by_share(0.99, 1.0) == 1.0
    assert decay_by_share(0.4, 0.5) == 1.0
    assert decay_by_share(0.75, 0.5) == 0.5 and decay_by_share(1.0, 0.5) == 0.0
