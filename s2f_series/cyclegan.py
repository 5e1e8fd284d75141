"""The parts of CycleGAN that notebook 03 leaves to its readers (Zhu et al. 2017).

Pictures are (N, C, H, W) in [-1, 1]; G translates domain a into b, F translates b into a.
"""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from s2f_utils.methods import losses

Translator = Callable[[Tensor], Tensor]


def cycle_loss(a: Tensor, back_a: Tensor, b: Tensor, back_b: Tensor) -> Tensor:
    """How far F(G(a)), `back_a`, is from a, and G(F(b)), `back_b`, from b: a scalar, eq. 2."""
    return losses.l1_loss(back_a, a) + losses.l1_loss(back_b, b)


def identity_loss(net_g: Translator, net_f: Translator, a: Tensor, b: Tensor) -> Tensor:
    """How much G changes pictures of b, and F pictures of a: a scalar, section 5.2."""
    return losses.l1_loss(net_g(b), b) + losses.l1_loss(net_f(a), a)


def exchange(pictures: list[Tensor], place: int, newest: Tensor) -> Tensor:
    """Put the newest fake at this place of the pool, and return the picture that was there."""
    earlier, pictures[place] = pictures[place], newest
    return earlier
