"""pSp: encoders that read a sketch, a map or a photo and answer with one style vector for each
layer of a StyleGAN2.

Shapes: N images, C channels in, L styles, D style values. Source: Richardson et al. 2021,
arXiv:2008.00951; key names as in pixel2style2pixel.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from s2f_utils.networks.info import COARSE, MEASURES, MIDDLE, TO_FACES, ModelInfo, read_by
from s2f_utils.networks.irse50 import Bottleneck, ir_body
from s2f_utils.networks.mobile_stylegan import MobileStyleGAN
from s2f_utils.networks.network import Network, grey_of
from s2f_utils.networks.stylegan2_gen import EqualLinear, StyleGAN2
from s2f_utils.pictures.masks import PALETTE

TAPS = (6, 20, 23)  # the blocks of the body whose output is read


class StyleBlock(nn.Module):
    """A feature map becomes a vector by convolutions of stride 2: (N, I, 2^k, 2^k) → (N, D)."""

    def __init__(self, in_channels: int, width: int, size: int, style_dim: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for n in range(int(math.log2(size))):
            conv = nn.Conv2d(in_channels if n == 0 else width, width, 3, 2, 1)
            layers += [conv, nn.LeakyReLU(inplace=True)]
        self.convs = nn.Sequential(*layers)
        self.linear = EqualLinear(width, style_dim)

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(self.convs(x).flatten(1))


def style_blocks(
    num: int, in_channels: int, width: int, style_dim: int, side: int
) -> nn.ModuleList:
    """A block for each of `num` styles.
    side: of the pyramid's coarsest map, which the first three read.
    """
    coarse = min(num, COARSE)
    middle = max(min(num, MIDDLE) - COARSE, 0)
    fine = max(num - MIDDLE, 0)
    sides = [side] * coarse + [2 * side] * middle + [4 * side] * fine
    return nn.ModuleList(StyleBlock(in_channels, width, size, style_dim) for size in sides)


def styles_of(
    blocks: nn.ModuleList, maps: Sequence[Tensor], to_fine: nn.Module, to_middle: nn.Module
) -> Tensor:
    """Fine, middle and coarse maps become a pyramid, whose levels the blocks read: three (N, C, h,
    w) → (N, L, D).
    """
    fine, middle, coarse = maps
    pyramid = [coarse]
    for finer in (to_middle(middle), to_fine(fine)):
        coarser = F.interpolate(
            pyramid[-1], size=finer.shape[2:], mode="bilinear", align_corners=True
        )
        pyramid.append(coarser + finer)
    return torch.stack(
        [block(pyramid[(n >= COARSE) + (n >= MIDDLE)]) for n, block in enumerate(blocks)], 1
    )


class PSPEncoder(Network):
    """IR-SE50, a pyramid of three maps, and a small network for every style:
    (N, C, 256, 256) → (N, L, 512).

    267,135,552 parameters for 1 channel and 18 styles. What it answers is the difference to the
    mean style.
    """

    input_px = 256

    INFO = ModelInfo(task=MEASURES)

    def __init__(self, in_channels: int = 3, num_styles: int = 18) -> None:
        super().__init__()
        self.input_layer = nn.Sequential(
            nn.Conv2d(in_channels, 64, 3, 1, 1, bias=False), nn.BatchNorm2d(64), nn.PReLU(64)
        )
        self.body = ir_body()
        self.styles = style_blocks(num_styles, 512, 512, 512, side=16)
        self.latlayer1 = nn.Conv2d(256, 512, 1)
        self.latlayer2 = nn.Conv2d(128, 512, 1)

    def forward(self, x: Tensor) -> Tensor:
        maps = []
        x = self.input_layer(x)
        for n, block in enumerate(self.body):
            x = block(x)
            if n in TAPS:
                maps.append(x)
        return styles_of(self.styles, maps, self.latlayer2, self.latlayer1)


class SmallPSPEncoder(Network):
    """The same structure, small: (N, C, S, S) → (N, L, D). Ours, no paper's.

    A stem, three stages of two squeeze-and-excite bottlenecks that halve the size each from S/2 on,
    the pyramid, and a style block of `width` channels for every style.
    """

    INFO = ModelInfo(task=MEASURES)

    def __init__(
        self,
        in_channels: int = 1,
        num_styles: int = 10,
        style_dim: int = 128,
        input_px: int = 64,
        widths: tuple[int, int, int] = (64, 96, 128),
        width: int = 64,
    ) -> None:
        super().__init__()
        self.input_px = input_px
        stem = widths[0] // 2
        self.stem = nn.Sequential(
            nn.Conv2d(in_channels, stem, 3, 2, 1, bias=False), nn.BatchNorm2d(stem), nn.PReLU(stem)
        )
        befores = (stem, *widths[:-1])
        self.stages = nn.ModuleList(
            nn.Sequential(Bottleneck(before, after, 2), Bottleneck(after, after, 1))
            for before, after in zip(befores, widths, strict=True)
        )
        self.laterals = nn.ModuleList(
            nn.Conv2d(channels, widths[-1], 1) for channels in widths[:-1]
        )
        self.small_styles = style_blocks(
            num_styles, widths[-1], width, style_dim, side=input_px // 16
        )
        for module in (*self.laterals.modules(), *self.small_styles.modules()):
            if isinstance(module, nn.Conv2d):
                # PyTorch's own start makes a signal three times as small in each layer.
                nn.init.kaiming_normal_(module.weight, a=0.01)
                nn.init.zeros_(module.bias)
            elif isinstance(module, EqualLinear):
                nn.init.normal_(module.weight, std=0.1)  # the first answers are near the mean face

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)  # (N, F/2, S/2, S/2)
        maps = []
        for stage in self.stages:
            x = stage(x)
            maps.append(x)  # S/4, S/8, S/16
        return styles_of(self.small_styles, maps, *self.laterals)


ENCODERS: dict[str, type[Network]] = {"psp": PSPEncoder, "small": SmallPSPEncoder}
WAYS = {channels: way for way, channels in TO_FACES.items()}


class PSP(Network):
    """An encoder, the mean style, and a generator:
    (N, 3, S, S) in [-1, 1] → a face of the decoder's size.

    What goes in is a picture, however many channels the encoder has: a sketch (1 channel: grey in
    [0, 1]), a map in CelebAMask-HQ's colours (19: a plane for each class), a photo (3), or a sketch
    and a map, (N, 6, S, S) (20).
    encoder, decoder: the arguments of both; `kind` of the encoder is a key of `ENCODERS`.
    generator: "stylegan2", or "mobile-stylegan", the pretrained one, whose weights stay in a file
    of their own. An encoder of one style alone gives it to all layers: it reads codes of W.
    """

    name = "psp"

    def __init__(
        self,
        kind: str = "psp",
        encoder: Mapping[str, Any] | None = None,
        decoder: Mapping[str, Any] | None = None,
        generator: str = StyleGAN2.name,
    ) -> None:
        super().__init__()
        self.kind = kind
        self.encoder = ENCODERS[kind].build(**(encoder or {}))
        # "sketch", "map", "photo" or "sketch and map"
        self.reads = read_by(WAYS[self.encoder.args["in_channels"]])
        if generator == MobileStyleGAN.name:
            self.decoder = MobileStyleGAN.build()
            self.borrowed = {"decoder": MobileStyleGAN.name}
        else:
            self.decoder = StyleGAN2.build(**({"size_px": 1024} | dict(decoder or {})))
        self.register_buffer(
            "latent_avg", torch.zeros(self.decoder.num_layers, self.decoder.style_dim)
        )
        self.register_buffer(
            "_palette", torch.from_numpy(PALETTE).float() / 127.5 - 1, persistent=False
        )

    @classmethod
    def describe(cls, args: Mapping[str, Any]) -> ModelInfo:
        """What its encoder's channels say, and the size of its generator."""
        size_px = args["decoder"].get("size_px", 1024)
        supports = {"seed", "styles"}
        if args.get("generator") == MobileStyleGAN.name:
            size_px = MobileStyleGAN.size_px
            supports.add("preview")
        return ModelInfo(
            direction=WAYS[args["encoder"]["in_channels"]],
            supports=frozenset(supports),
            size_px=size_px,
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.decoder.synthesis(self.encode(x), self.decoder.stored_noise)

    def encode(self, x: Tensor) -> Tensor:
        """The styles of pictures: (N, 3 or 6, H, W) → (N, L, D)."""
        return self.latent_avg + self.encoder(self.planes(x))

    def planes(self, x: Tensor) -> Tensor:
        """The encoder's input: (N, 3 or 6, H, W) → (N, C, P, P)."""
        size = (self.encoder.input_px,) * 2
        parts = []
        if self.reads != "map":
            picture = x[:, :3]
            if picture.shape[2:] != size:
                picture = F.interpolate(
                    picture, size, mode="bilinear", antialias=True, align_corners=False
                )
            parts.append(picture if self.reads == "photo" else 0.5 + 0.5 * grey_of(picture))
        if self.reads.endswith("map"):
            labels = x[:, -3:]
            parts.append(
                self.one_hot(
                    labels if x.shape[2:] == size else F.interpolate(labels, size, mode="nearest")
                )
            )
        return torch.cat(parts, 1)

    def one_hot(self, x: Tensor) -> Tensor:
        """Maps in CelebAMask-HQ's colours, a pixel's class being the nearest: (N, 3, H, W) → (N,
        19, H, W).
        """
        far = self._palette.square().sum(1)[:, None, None] - 2 * torch.einsum(
            "kc,nchw->nkhw", self._palette, x.float()
        )
        return F.one_hot(far.argmin(1), len(self._palette)).permute(0, 3, 1, 2).float()

    @staticmethod
    def args_from(shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Any]:
        num_styles = sum(
            key.startswith("encoder.styles.") and key.endswith(".linear.weight") for key in shapes
        )
        encoder = {
            "in_channels": shapes["encoder.input_layer.0.weight"][1],
            "num_styles": num_styles,
        }
        decoder = {key.removeprefix("decoder."): shape for key, shape in shapes.items()}
        return {"encoder": encoder, "decoder": StyleGAN2.args_from(decoder)}
