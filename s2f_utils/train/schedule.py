"""The learning rates' schedule: before each step `set_rates` multiplies all live learning rates by
`lr_factor`. Another schedule begins there, with a setting in `methods/settings.py` to choose it;
CONTRIBUTING.md has an example.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from s2f_utils.train.state import TrainingRun

FEW_EPOCHS = 10  # from here on the factor changes once an epoch, as published


def set_rates(run: TrainingRun) -> None:
    """Give a run's optimisers the learning rates of its next step: the live values times the
    schedule's factor, and times the share that a method reserves for lazy regularisation.
    """
    factor = lr_factor(run)
    for name, opt in run.model.optimizers.items():
        run.rates[name] = run.live[name] * factor
        for group in opt.param_groups:
            group["lr"] = run.rates[name] * group.get("lr_share", 1.0)


def lr_factor(run: TrainingRun) -> float:
    """The factor for a run's next step: 1 at first, then linearly towards 0.

    Of a run, `share_done` is from 0 to 1, by images or by the time budget, whichever ends first;
    `images_seen`, `total_images` and `epoch_images` count images.
    """
    constant_share = run.config.constant_share
    if run.config.time_budget_s:
        return decay_by_share(run.share_done, constant_share)
    return decay_by_epoch(run.images_seen, run.total_images, constant_share, run.epoch_images)


def decay_by_epoch(
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


def decay_by_share(share_done: float, constant_share: float) -> float:
    """The factor after this share of a training, from 0 to 1: 1, then a straight line to 0."""
    if constant_share >= 1:
        return 1.0
    return min(1.0, (1 - share_done) / (1 - constant_share))
