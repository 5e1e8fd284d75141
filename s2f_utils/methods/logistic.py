"""What StyleGAN2 and GFPGAN share: photos alone, and a discriminator with logistic losses, which R1
regularises in some of the steps.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from s2f_utils.infer import find_generator
from s2f_utils.methods.initial import FACES, discriminator_of, load_into
from s2f_utils.methods.method import Context, Method, Term
from s2f_utils.methods.settings import (
    TrainConfig,
)
from s2f_utils.networks import checkpoints


class LogisticGAN(Method):
    """Common to StyleGAN2 and GFPGAN:
    training on photos alone, with a regularised discriminator.
    """

    data = "photos"

    @classmethod
    def settings_from(cls, net: nn.Module, meta: Mapping[str, Any]) -> dict[str, Any]:
        """The generator's arguments and its size, which published files do not state."""
        return super().settings_from(net, {"size_px": net.size_px})

    @property
    def other_networks(self) -> dict[str, nn.Module]:
        """The discriminator, for the start of a later run, and for its features in pSp's losses."""
        return {"discriminator": self.net_d}

    def load_init(self, init: str | Path | None) -> None:
        """A generator of the same size, and its discriminator if that is beside it."""
        if init is None:
            return
        load_into(self.net_g, self.generator_of(init), init, FACES)
        beside = discriminator_of(init)
        if beside.is_file():
            load_into(self.net_d, checkpoints.load_network(beside)[0], init, FACES)

    def generator_of(self, init: str | Path) -> nn.Module:
        """A run's initial generator."""
        return checkpoints.load_network(find_generator(init))[0]

    def augment(self, photos: Tensor) -> Tensor:
        """Photos (B, 3, S, S) as the discriminator sees them."""
        return photos

    def r1_step(self, photos: Tensor, ctx: Context) -> dict[str, Term]:
        """In every `r1_every`-th step, lower the discriminator's gradient at real photos (R1), with
        a larger weight. In float32: squared gradients overflow in float16.
        """
        every = self.config.r1_every
        if not every or ctx.steps % every:
            return {}
        penalty = r1_penalty(self.net_d, photos, self.augment)
        terms = {"loss_r1": Term(penalty, 0.5 * ctx.live["r1_gamma"] * every)}
        ctx.descend(terms, self.opt_d)
        return terms


def lazy_share(every: int) -> float:
    """c = k / (k + 1) for a regularisation in each k-th step, 1 for none: Adam's learning rate
    times c and its betas to the power of c compensate for the additional steps (Karras et al. 2020,
    appendix B).
    """
    return every / (every + 1) if every else 1.0


def lazy_betas(config: TrainConfig, every: int) -> tuple[float, float]:
    """Adam's betas, for a regularisation in every `every`-th step; see `lazy_share`."""
    return config.beta1 ** lazy_share(every), config.beta2 ** lazy_share(every)


def r1_penalty(
    net_d: nn.Module,
    photos: Tensor,
    augment: Callable[[Tensor], Tensor] = lambda photos: photos,
) -> Tensor:
    """The mean squared norm of a discriminator's gradient at real photos (B, 3, S, S), a scalar ≥ 0
    (Mescheder et al. 2018, eq. 9). augment: before the discriminator.
    """
    photos = photos.detach().requires_grad_()
    logits = net_d(augment(photos))
    (grad,) = torch.autograd.grad(logits.sum(), photos, create_graph=True)
    return grad.square().sum((1, 2, 3)).mean()
