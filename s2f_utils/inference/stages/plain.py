"""Networks that take a picture and make another, from uint8 to uint8.

Shapes: N pictures, S pixels, a multiple of what the network asks for.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from s2f_utils.inference.stages import F32, I64, U8, plane
from s2f_utils.models.resunet import HINT_PX, ResUNet
from s2f_utils.models.twostage import TwoStage, on_colours


def _same(x: Tensor) -> Tensor:
    return x


def signed(picture: Tensor) -> Tensor:
    """uint8 (N, S, S, C) → (N, C, S, S) in [-1, 1]."""
    return plane.channels_first(picture) / 127.5 - 1


def shown(made: Tensor) -> Tensor:
    """(N, 3, S, S) in [-1, 1] → uint8 (N, S, S, 3)."""
    return plane.as_pictures(127.5 * (made.float() + 1))


class Translated(nn.Module):
    """In: picture uint8 (N, S, S, C). Out: made uint8 (N, S, S, 3). values: as in `Translator`."""

    inputs = {"picture": (U8, "H", "W", 3)}
    outputs = ("made",)

    def __init__(self, net: nn.Module, values: str = "signed", images: Callable[[Tensor], Tensor] = _same) -> None:
        super().__init__()
        self.net, self.values, self.images = net, values, images

    def forward(self, picture: Tensor) -> Tensor:
        x = signed(picture)
        if self.values == "unit":
            return shown(2 * self.net(self.images((x + 1) / 2)).clamp(0, 1) - 1)
        return shown(self.net(self.images(x)))


class Structure(nn.Module):
    """In: picture uint8 (N, S, S, 3); hint (N, 3, 4, 4) in [-1, 1], colours, NaN for those to be expected. Out: base
    (N, 3, S, S), about [-1, 1].
    """

    inputs = {"picture": (U8, "H", "W", 3), "hint": (F32, 3, HINT_PX, HINT_PX)}
    outputs = ("base",)

    def __init__(self, net: ResUNet, images: Callable[[Tensor], Tensor] = _same) -> None:
        super().__init__()
        self.net, self.images = net, images

    def forward(self, picture: Tensor, hint: Tensor) -> Tensor:
        return self.net(self.images(signed(picture)), hint).float()


class Coloured(nn.Module):
    """In: base (N, 3, S, S); seed int64 (N,). Out: hint (N, 3, 4, 4): colours at random, around the base's own."""

    inputs = {"base": (F32, 3, "H", "W"), "seed": (I64,)}
    outputs = ("hint",)

    def __init__(self, net: ResUNet) -> None:
        super().__init__()
        self.register_buffer("root", net.hint_root(), persistent=False)
        self.net = net

    def forward(self, base: Tensor, seed: Tensor) -> Tensor:
        return self.net.draw_hint(seed, around=base, root=self.root)


class Detailed(nn.Module):
    """In: picture uint8 (N, S, S, 3); base (N, 3, S, S), the structure's answer; amount (N,), from 0 to 1; seed int64
    (N,). Out: made uint8 (N, S, S, 3).
    """

    inputs = {"picture": (U8, "H", "W", 3), "base": (F32, 3, "H", "W"), "amount": (F32,), "seed": (I64,)}
    outputs = ("made",)

    def __init__(self, net: ResUNet, images: Callable[[Tensor], Tensor] = _same) -> None:
        super().__init__()
        self.net, self.images = net, images

    def forward(self, picture: Tensor, base: Tensor, amount: Tensor, seed: Tensor) -> Tensor:
        added = self.net(self.images(torch.cat([signed(picture), base], dim=1)), seed=seed)
        return shown(base + amount.view(-1, 1, 1, 1) * on_colours(base, added.float()))


def of_two(net: TwoStage, images: Callable[[Tensor], Tensor] = _same) -> dict[str, nn.Module]:
    """The stages of a network of two."""
    made: dict[str, nn.Module] = {"structure": Structure(net.structure, images), "detail": Detailed(net.detail, images)}
    if net.hint_spread.any():
        made["colours"] = Coloured(net.structure)
    return made
