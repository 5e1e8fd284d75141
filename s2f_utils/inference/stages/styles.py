"""Faces by their styles: read, drawn by chance, decoded.

Shapes: N faces, L styles (one for each layer of the generator), D values of a style, P pixels that an encoder reads, S
of a face.
"""

from __future__ import annotations

import functools
from collections.abc import Callable

from torch import Tensor, nn

from s2f_utils import runtime
from s2f_utils.inference.stages import F32, I64, U8
from s2f_utils.inference.stages.plain import shown, signed
from s2f_utils.models.noise import normal
from s2f_utils.models.psp import PSP
from s2f_utils.models.stylegan2 import StyleGAN2

FACES = 1 << 10  # the first stream of noise for faces; those before it are of the layers' own noise


class Encoded(nn.Module):
    """In: picture uint8 (N, P, P, C), C is 6 for a sketch and a map beside it. Out: styles (N, L, D)."""

    outputs = ("styles",)

    def __init__(self, net: PSP, precision: runtime.Precision) -> None:
        super().__init__()
        self.net, self.precision = net, precision
        channels = 6 if net.reads == "sketch and map" else 3
        self.inputs = {"picture": (U8, net.encoder.input_px, net.encoder.input_px, channels)}

    def forward(self, picture: Tensor) -> Tensor:
        return self.net.encode(self.precision.images(signed(picture))).float()


class Chance(nn.Module):
    """In: seed int64 (N,); place int64 (N,), which of the seed's faces. Out: styles (N, D); mean (N, L, D), the
    mean face.

    mean: None for that of a generator without an encoder.
    """

    inputs = {"seed": (I64,), "place": (I64,)}
    outputs = ("styles", "mean")

    def __init__(self, net: StyleGAN2, mean: Tensor | None) -> None:
        super().__init__()
        self.net = net
        mean = net.mean_latent().expand(net.num_layers, -1) if mean is None else mean
        self.register_buffer("mean_style", mean.detach().clone(), persistent=False)

    def forward(self, seed: Tensor, place: Tensor) -> tuple[Tensor, Tensor]:
        return self.net.map(normal(seed, self.net.style_dim, FACES + place)).float(), self.mean_style.expand(
            seed.shape[0], -1, -1
        )


class Decoded(nn.Module):
    """In: styles (N, L, D); noise int64 (N,), a seed for freckles and strands, below 0 for what is stored. Out: made
    uint8 (N, S, S, 3).
    """

    outputs = ("made",)

    def __init__(self, net: StyleGAN2, precision: runtime.Precision) -> None:
        super().__init__()
        self.net, self.precision = net, precision
        self.inputs = {"styles": (F32, net.num_layers, net.style_dim), "noise": (I64,)}

    def forward(self, styles: Tensor, noise: Tensor) -> Tensor:
        with self.precision.autocast():
            return shown(self.net.synthesis(styles, self.net.noise_of(noise)))


def of_styles(net: PSP | StyleGAN2, precision: runtime.Precision) -> dict[str, nn.Module | Callable]:
    """The stages of a generator, and of the encoder where it has one."""
    if isinstance(net, StyleGAN2):
        return {"chance": functools.partial(Chance, net, None), "decode": Decoded(net, precision)}
    decoder = net.decoder
    own = {"chance": Chance(decoder, net.latent_avg), "decode": Decoded(decoder, precision)}
    return {"encode": Encoded(net, precision)} | own
