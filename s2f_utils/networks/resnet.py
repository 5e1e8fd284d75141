"""The ResNet generator of CycleGAN (Zhu et al. 2017), with the key names of its published PyTorch
checkpoints.

Shapes: N images, C channels, H and W pixels, both multiples of 4; F = base_filters.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from s2f_utils.networks.info import ModelInfo
from s2f_utils.networks.network import Dropout, Network, ReflectionPad, check_images, norm_layer


class ResnetBlock(nn.Module):
    """Two 3×3 convolutions whose result is added to the input: (N, C, H, W) → the same.

    Edges are continued by reflection. With dropout the second convolution's key is `conv_block.6`,
    without `.5`.
    """

    def __init__(self, channels: int, norm: str = "instance", dropout: float = 0.0) -> None:
        super().__init__()
        bias = norm == "instance"

        def conv() -> list[nn.Module]:
            return [
                ReflectionPad(1),
                nn.Conv2d(channels, channels, 3, bias=bias),
                norm_layer(norm, channels),
            ]

        between = [Dropout(dropout)] if dropout else []
        self.conv_block = nn.Sequential(*conv(), nn.ReLU(), *between, *conv())

    def forward(self, x: Tensor) -> Tensor:
        return x + self.conv_block(x)


class ResNet(Network):
    """Two halvings, `num_blocks` residual blocks at a quarter of the size, two doublings: (N, C, H,
    W) → the same size.

    `num_blocks=9` is published for 256 px (11,378,179 parameters with instance norm), 6 for 128 px.
    residual: what is computed, up to twice the range of values, is added to the input, so that a
    network need not paint anew what stays; not published. Values in [-1, 1]. Source: Zhu et al.
    2017, section 7.1; keys as in pytorch-CycleGAN-and-pix2pix.
    """

    name = "resnet"
    INFO = ModelInfo(either_way=True)

    def __init__(
        self,
        in_channels: int = 3,
        out_channels: int = 3,
        num_blocks: int = 9,
        base_filters: int = 64,
        norm: str = "instance",
        dropout: float = 0.0,
        residual: bool = False,
    ) -> None:
        super().__init__()
        if residual and in_channels != out_channels:
            raise ValueError(
                f"residual adds the output to the input: in_channels, {in_channels}, and"
                f" out_channels, {out_channels}, must be equal"
            )
        f, bias = base_filters, norm == "instance"
        layers = [
            ReflectionPad(3),
            nn.Conv2d(in_channels, f, 7, bias=bias),
            norm_layer(norm, f),
            nn.ReLU(),
        ]
        for width in (f, 2 * f):  # (N, F, H, W) → (N, 4F, H/4, W/4)
            down = nn.Conv2d(width, 2 * width, 3, stride=2, padding=1, bias=bias)
            layers += [down, norm_layer(norm, 2 * width), nn.ReLU()]
        layers += [ResnetBlock(4 * f, norm, dropout) for _ in range(num_blocks)]
        for width in (4 * f, 2 * f):  # (N, 4F, H/4, W/4) → (N, F, H, W)
            up = nn.ConvTranspose2d(
                width, width // 2, 3, stride=2, padding=1, output_padding=1, bias=bias
            )
            layers += [up, norm_layer(norm, width // 2), nn.ReLU()]
        layers += [ReflectionPad(3), nn.Conv2d(f, out_channels, 7), nn.Tanh()]
        self.model = nn.Sequential(*layers)
        self.in_channels, self.residual = in_channels, residual
        self.multiple_px, self.usual_px = 4, 256 if num_blocks >= 9 else 128  # as published

    def forward(self, x: Tensor) -> Tensor:
        check_images(x, self.in_channels, self.multiple_px)
        made = self.model(x)  # (N, out_channels, H, W)
        return (x + 2 * made).clamp(-1, 1) if self.residual else made

    def begin_as_copy(self) -> None:
        """Set the last convolution to 0: a residual network then gives back what it is given."""
        last = self.model[-2]
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)

    @staticmethod
    def args_from(shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Any]:
        base_filters, in_channels, *_ = shapes["model.1.weight"]
        blocks = {
            key.split(".")[1]
            for key in shapes
            if re.fullmatch(r"model\.\d+\.conv_block\.1\.weight", key)
        }
        # a convolution only where dropout comes before it
        second = shapes.get("model.10.conv_block.6.weight", ())
        return {
            "in_channels": in_channels,
            "out_channels": shapes[f"model.{len(blocks) + 17}.weight"][0],
            "num_blocks": len(blocks),
            "base_filters": base_filters,
            "norm": "batch" if "model.2.running_mean" in shapes else "instance",
            "dropout": 0.5 if len(second) == 4 else 0.0,
        }


def with_dropout_keys(state_dict: Mapping[str, Tensor], dropout: bool) -> dict[str, Tensor]:
    """A ResNet's state dict, with instance norm, under the keys that it has with, or without,
    dropout in its blocks.
    """
    wanted, other = (
        ("conv_block.6.", "conv_block.5.") if dropout else ("conv_block.5.", "conv_block.6.")
    )
    return {key.replace(other, wanted): value for key, value in state_dict.items()}
