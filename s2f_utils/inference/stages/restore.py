"""A face restored.

Shapes: S pixels of the restorer's square.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from s2f_utils.inference.stages import I64, U8
from s2f_utils.inference.stages.plain import signed
from s2f_utils.models.noise import normal

NOISE = "stylegan_decoder.noises.noise"  # of GFPGAN's layers, with a number behind it


class Restored(nn.Module):
    """In: picture uint8 (1, S, S, 3); seed int64 (1,), of the noise of fine detail. Out: made (1, S, S, 3), about
    [-1, 1].

    plain: past the wrapper that `Precision.prepare` puts around the network, in float32.
    """

    outputs = ("made",)
    batch = 1  # the published code makes a convolution of its own for each picture

    def __init__(self, net: nn.Module, plain: bool = False) -> None:
        super().__init__()
        self.net, self.plain = net, plain
        size_px = getattr(net, "size_px", 0) or net.card.size_px
        self.inputs = {"picture": (U8, size_px, size_px, 3), "seed": (I64,)}
        stored = ((name.removeprefix(NOISE), noise) for name, noise in net.named_buffers() if name.startswith(NOISE))
        self.noises = {int(number): tuple(noise.shape) for number, noise in stored}

    def forward(self, picture: Tensor, seed: Tensor) -> Tensor:
        drawn = {f"net.{NOISE}{n}": self._noise(seed, n) for n in self.noises}
        made = torch.func.functional_call(_Called(self.net, self.plain), drawn, (signed(picture),))
        return made.permute(0, 2, 3, 1).float()

    def _noise(self, seed: Tensor, layer: int) -> Tensor:
        shape = self.noises[layer]
        return normal(seed, shape[-1] * shape[-2], layer).view(shape)


class _Called(nn.Module):
    """A network that is called, as it is or as its class says."""

    def __init__(self, net: nn.Module, plain: bool) -> None:
        super().__init__()
        self.net, self.plain = net, plain

    def forward(self, x: Tensor) -> Tensor:
        return type(self.net).forward(self.net, x) if self.plain else self.net(x)
