"""Project 5's conditional GAN at 128 px: a ResNet-like generator and a dense discriminator.

Shapes: N images, C channels, H and W pixels; F = base_filters.
"""

from __future__ import annotations

from torch import Tensor, nn

from s2f_utils.networks.info import SCORES, ModelInfo
from s2f_utils.networks.network import Network, check_images


def _layer(conv: nn.Module) -> list[nn.Module]:
    return [conv, nn.BatchNorm2d(conv.out_channels), nn.ReLU()]


class FirstConvBlock(nn.Module):
    """Two 3×3 convolutions, each with batch norm, a ReLU between them; (N, C, H, W) → the same.

    What is added to the second one's result is not the block's input, as in a residual network, but
    the first one's result. So the input reaches the output only through a convolution, and many
    blocks are harder to train.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        convs = [nn.Conv2d(channels, channels, 3, padding=1, bias=False) for _ in range(2)]
        self.first = nn.Sequential(*_layer(convs[0]))
        self.second = nn.Sequential(convs[1], nn.BatchNorm2d(channels))

    def forward(self, x: Tensor) -> Tensor:
        y = self.first(x)
        return y + self.second(y)


class CGANGenerator(Network):
    """7×7 convolution, two halvings, `num_blocks` blocks, two doublings, 3×3 output: (N, C, H, W) →
    the same size.

    Batch norm and ReLU after every convolution but the last, which ends in tanh; values in [-1, 1].
    Source: project 5 (in Keras; at 128 px, with 32 filters and six blocks).
    """

    name = "cgan"

    def __init__(
        self,
        in_channels: int = 3,
        out_channels: int = 3,
        num_blocks: int = 6,
        base_filters: int = 32,
    ) -> None:
        super().__init__()
        f = base_filters
        layers = _layer(nn.Conv2d(in_channels, f, 7, padding=3, bias=False))
        for width in (f, 2 * f):  # (N, F, H, W) → (N, 4F, H/4, W/4)
            layers += _layer(nn.Conv2d(width, 2 * width, 3, stride=2, padding=1, bias=False))
        layers += [FirstConvBlock(4 * f) for _ in range(num_blocks)]
        for width in (4 * f, 2 * f):  # (N, 4F, H/4, W/4) → (N, F, H, W)
            up = nn.ConvTranspose2d(
                width, width // 2, 3, stride=2, padding=1, output_padding=1, bias=False
            )
            layers += _layer(up)
        layers += [nn.Conv2d(f, out_channels, 3, padding=1), nn.Tanh()]
        self.model = nn.Sequential(*layers)
        self.in_channels, self.multiple_px, self.usual_px = in_channels, 4, 128

    def forward(self, x: Tensor) -> Tensor:
        check_images(x, self.in_channels, self.multiple_px)
        return self.model(x)  # (N, out_channels, H, W)


class DenseDiscriminator(Network):
    """One real-or-fake logit for the whole picture: (N, C, size_px, size_px) → (N, 1).

    Four 4×4 convolutions of stride 2 (F, 2F, 4F, 8F) with LeakyReLU, batch norm after all but the
    first; then a dense layer, which ties it to one size. Project 5 gives neither widths nor depth;
    these are DCGAN's (Radford et al. 2016).
    It ends in a logit: the sigmoid is part of the loss.
    """

    name = "dense"
    INFO = ModelInfo(task=SCORES)

    def __init__(self, in_channels: int = 3, base_filters: int = 64, size_px: int = 128) -> None:
        super().__init__()
        widths = [base_filters * 2**n for n in range(4)]
        layers: list[nn.Module] = []
        for n, (before, width) in enumerate(zip([in_channels, *widths], widths, strict=False)):
            layers.append(nn.Conv2d(before, width, 4, stride=2, padding=1, bias=n == 0))
            layers += [nn.BatchNorm2d(width)] if n else []
            layers.append(nn.LeakyReLU(0.2, inplace=True))
        self.convolutions = nn.Sequential(*layers)  # (N, 8F, size_px/16, size_px/16)
        self.dense = nn.Linear(widths[-1] * (size_px // 16) ** 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.dense(self.convolutions(x).flatten(1))  # (N, 1)
