"""What notebook 09 leaves to its readers, and the curves of its runs."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
from torch import Tensor

from s2f_utils.methods import losses
from s2f_utils.train.log import read_log


class History(NamedTuple):
    """A run of pix2pix at each sheet of samples after the first, float64 (N,) each.

    images: seen until then. l1, ssim: of the sheet's answers, l1 in grey levels. train_l1: the mean
    of the training batches since the sheet before, in grey levels.
    """

    images: np.ndarray
    l1: np.ndarray
    ssim: np.ndarray
    train_l1: np.ndarray


def history(folder: str | Path) -> History:
    """The curves of a run's folder."""
    rows, events = read_log(Path(folder))
    sheets = [event for event in events if event["event"] == "sample"][1:]
    images, l1, ssim = (
        np.array([sheet[name] for sheet in sheets]) for name in ("images", "l1", "ssim")
    )
    logged = np.array([row["loss_l1"] for row in rows])
    part = np.searchsorted(images, [row["images"] for row in rows])
    train_l1 = [127.5 * logged[part == n].mean() for n in range(len(images))]
    return History(images, l1, ssim, np.array(train_l1))


def best_place(errors: np.ndarray) -> int:
    """The place of the smallest of some errors (N,)."""
    return int(np.argmin(errors))


def losses_of_g(on_fake: Tensor, fake: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """The generator's adversarial loss (least squares) and its L1 loss, from the discriminator's
    logits for generated photos, these photos, and the true ones, (B, 3, H, W) both.
    """
    return losses.adversarial_loss(on_fake, True, "lsgan"), losses.l1_loss(fake, b)
