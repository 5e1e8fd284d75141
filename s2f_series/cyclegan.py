"""The parts of CycleGAN that notebook 03 leaves to its readers (Zhu et al. 2017).

Pictures are (N, C, H, W) in [-1, 1]; G translates domain a into b, F translates b into a.
"""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from s2f_utils.methods import losses

Translator = Callable[[Tensor], Tensor]


def cycle_loss(x: Tensor, back: Tensor) -> Tensor:
    """How far a picture that was translated there and back is from what it was: a scalar, one half
    of eq. 2.
    """
    return losses.l1_loss(back, x)


def identity_loss(net: Translator, x: Tensor) -> Tensor:
    """How much a generator changes pictures of the domain that it makes: a scalar, section 5.2."""
    return losses.l1_loss(net(x), x)


def exchange(pictures: list[Tensor], place: int, newest: Tensor) -> Tensor:
    """Put the newest fake at this place of the pool, and return the picture that was there."""
    earlier, pictures[place] = pictures[place], newest
    return earlier
