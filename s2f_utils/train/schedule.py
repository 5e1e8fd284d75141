"""The learning rates' factor during training: 1 at first, then linearly towards 0."""

from __future__ import annotations

FEW_EPOCHS = 10  # from here on the factor changes once an epoch, as published


def lr_factor(
    images_seen: int, total_images: int, constant_share: float, epoch_images: int
) -> float:
    """The factor after `images_seen` images of a training of `total_images`.

    As in pix2pix's code, it is 1 - max(0, epoch + 1 - constant epochs) / (decaying epochs + 1),
    with epochs counted from 0, and changes once an epoch. In trainings of fewer than `FEW_EPOCHS`
    it changes more often: the shorter the training, the nearer it is to a straight line.
    constant_share: of the training, before the factor falls. epoch_images: images of an epoch.
    """
    if constant_share >= 1:
        return 1.0
    shortened = min(1.0, total_images / (epoch_images * FEW_EPOCHS))
    period = epoch_images * shortened**2  # images between two changes
    periods = total_images / period
    constant = periods * constant_share
    falling = max(0.0, images_seen // period + 1 - constant)
    return max(0.0, 1.0 - falling / (periods - constant + 1))


def lr_factor_of_budget(share_done: float, constant_share: float) -> float:
    """The factor of a training with a time budget, of which `share_done` is over:
    a straight line to 0.
    """
    if constant_share >= 1:
        return 1.0
    return min(1.0, (1 - share_done) / (1 - constant_share))
