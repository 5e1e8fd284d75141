"""StyleGAN2's generator, which is steered by one style vector per layer.

Shapes: N images, I and O channels in and out, k kernel width, H and W pixels, D style values, L
layers (2 log2 S - 2), S pixels of the finished image. Source: Karras et al. 2020, arXiv:1912.04958;
key names as in stylegan2-pytorch (rosinality), which the pSp checkpoints use.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from s2f_utils.networks.float16 import full_float32, narrowed, widened, within_float16
from s2f_utils.networks.info import DRAWS, FROM_NOISE, ModelInfo
from s2f_utils.networks.network import Network
from s2f_utils.networks.noise import normal
from s2f_utils.runtime import distributed

GAIN = math.sqrt(2)  # of the leaky ReLU
EPS = 1e-8
NUM_HALF = 4  # of the highest resolutions run in 16 bits under autocast, as in NVIDIA's code


def blur_kernel(gain: float = 1.0) -> Tensor:
    """The published low-pass filter, outer([1, 3, 3, 1]) / 64 times `gain`, (4, 4)."""
    row = torch.tensor([1.0, 3.0, 3.0, 1.0])
    kernel = torch.outer(row, row)
    return kernel / kernel.sum() * gain


class Blur(nn.Module):
    """The low-pass filter, with `pad` zeros before and after: (N, C, H, W) → (N, C, H + sum(pad) -
    3, W + …).

    gain: 4 after an upsampling by two.
    """

    def __init__(self, pad: tuple[int, int], gain: float = 1.0) -> None:
        super().__init__()
        self.pad = pad
        self.register_buffer("kernel", blur_kernel(gain))

    def forward(self, x: Tensor) -> Tensor:
        channels, (before, after) = x.shape[1], self.pad
        weight = self.kernel.flip(0, 1).to(x.dtype).expand(channels, 1, 4, 4)
        if before == after:
            return F.conv2d(x, weight, padding=before, groups=channels)
        return F.conv2d(F.pad(x, (before, after, before, after)), weight, groups=channels)


class Upsample(nn.Module):
    """Twice as many pixels by zeros in between and the low-pass filter:
    (N, C, H, W) → (N, C, 2H, 2W).
    """

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("kernel", blur_kernel(4.0))

    def forward(self, x: Tensor) -> Tensor:
        channels = x.shape[1]
        weight = self.kernel.to(x.dtype).expand(channels, 1, 4, 4)
        return F.conv_transpose2d(x, weight, stride=2, padding=1, groups=channels)


class EqualLinear(nn.Module):
    """A dense layer whose weights are scaled while running, so that all learn at the same rate: (N,
    I) → (N, O).

    activate: with a leaky ReLU of slope 0.2, times √2.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        bias: float = 0.0,
        lr_mul: float = 1.0,
        activate: bool = False,
    ) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(out_channels, in_channels) / lr_mul)
        self.bias = nn.Parameter(torch.full((out_channels,), bias))
        self.scale, self.lr_mul, self.activate = lr_mul / math.sqrt(in_channels), lr_mul, activate

    def forward(self, x: Tensor) -> Tensor:
        weight, bias = self.weight * self.scale, self.bias * self.lr_mul
        if self.activate:
            return F.leaky_relu(F.linear(x, weight) + bias, 0.2) * GAIN
        return F.linear(x, weight, bias)


class EqualConv2d(nn.Module):
    """A convolution with an equalised learning rate: (N, I, H, W) → (N, O, h, w)."""

    def __init__(
        self, in_channels: int, out_channels: int, kernel: int, stride: int = 1, padding: int = 0
    ) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(out_channels, in_channels, kernel, kernel))
        self.scale = 1 / math.sqrt(in_channels * kernel**2)
        self.stride = stride
        self.padding = padding

    def forward(self, x: Tensor, gain: float = 1.0, bias: Tensor | None = None) -> Tensor:
        """The convolution, plus a bias where there is one, all times `gain`."""
        bias = None if bias is None else bias * gain
        return F.conv2d(x, self.weight * (self.scale * gain), bias, self.stride, self.padding)


class PixelNorm(nn.Module):
    """Vectors of mean square 1: (N, D) → (N, D)."""

    def forward(self, x: Tensor) -> Tensor:
        return x * torch.rsqrt(x.square().mean(1, keepdim=True) + EPS)


class ModulatedConv2d(nn.Module):
    """A convolution whose input channels are scaled by a style,
    and its output scaled back to unit variance.

    (N, I, H, W) and (N, D) → (N, O, H, W), or (N, O, 2H, 2W) with `upsample`. The published form
    scales the weights of each image and convolves in N groups; scaling the activations around one
    ordinary convolution is the same sum in another order, and faster (docs/models.md).
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel: int,
        style_dim: int,
        demodulate: bool = True,
        upsample: bool = False,
    ) -> None:
        super().__init__()
        # [1OIkk]
        self.weight = nn.Parameter(torch.randn(1, out_channels, in_channels, kernel, kernel))
        self.modulation = EqualLinear(style_dim, in_channels, bias=1.0)
        self.scale = 1 / math.sqrt(in_channels * kernel**2)
        self.demodulate, self.padding = demodulate, kernel // 2
        self.blur = Blur((1, 1), gain=4.0) if upsample else None

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        x, scale = self.scaled(x, style)
        return x if scale is None else x * scale

    def scaled(self, x: Tensor, style: Tensor) -> tuple[Tensor, Tensor | None]:
        """The convolution's result, and what it is still to be multiplied with, (N, O, 1, 1),
        where it demodulates.
        """
        style = self.modulation(style)  # [NI]
        x = narrowed(x)
        if self.demodulate and x.dtype == torch.float16:
            # How large styles are is taken out again, as published.
            style = style.float() / style.float().abs().amax(1, keepdim=True).clamp_min(EPS)
        weight = self.weight[0] * self.scale  # [OIkk]
        x = x * style.to(x.dtype)[:, :, None, None]
        if self.blur is None:
            x = F.conv2d(x, weight, padding=self.padding)
        else:
            x = self.blur(F.conv_transpose2d(x, weight.transpose(0, 1), stride=2))
        if not self.demodulate:
            return x, None
        with torch.autocast(x.device.type, enabled=False):  # squares and EPS need float32
            energy = style.float().square() @ weight.float().square().sum((2, 3)).t()  # [NO]
            return x, torch.rsqrt(energy + EPS).to(x.dtype)[:, :, None, None]


def bias_of(channels: int) -> nn.ParameterDict:
    """The bias before a leaky ReLU, under the published key."""
    return nn.ParameterDict({"bias": torch.zeros(channels)})


class StyledConv(nn.Module):
    """Modulated convolution, noise, bias, leaky ReLU times √2,
    in few passes over the large tensors.
    """

    def __init__(
        self, in_channels: int, out_channels: int, style_dim: int, upsample: bool = False
    ) -> None:
        super().__init__()
        self.conv = ModulatedConv2d(in_channels, out_channels, 3, style_dim, upsample=upsample)
        self.noise = nn.ParameterDict({"weight": torch.zeros(1)})
        self.activate = bias_of(out_channels)

    def forward(self, x: Tensor, style: Tensor, noise: Tensor) -> Tensor:
        x, scale = self.conv.scaled(x, style)
        bias = (self.activate.bias * GAIN).to(x.dtype)[None, :, None, None]
        x = torch.addcmul(bias, x, scale * GAIN) + (self.noise.weight * GAIN * noise).to(x.dtype)
        return within_float16(F.leaky_relu(x, 0.2, inplace=True))


class ToRGB(nn.Module):
    """The picture so far, twice as large, plus what this layer adds:
    (N, I, H, W) → (N, 3, H, W).
    """

    def __init__(self, in_channels: int, style_dim: int, upsample: bool = True) -> None:
        super().__init__()
        self.upsample = Upsample() if upsample else None
        self.conv = ModulatedConv2d(in_channels, 3, 1, style_dim, demodulate=False)
        self.bias = nn.Parameter(torch.zeros(1, 3, 1, 1))

    def forward(self, x: Tensor, style: Tensor, skip: Tensor | None = None) -> Tensor:
        out = within_float16(self.conv(x, style)).float() + self.bias
        if skip is None:
            return out
        with torch.autocast(x.device.type, enabled=False):  # the picture itself stays in float32
            return out + self.upsample(skip)


def sft(x: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
    """Channel-split SFT (Wang et al. 2021, eq. 4): as many of the last channels of x, (N, C, H, W),
    as `scale` and `shift` have, (N, c, H, W), are multiplied and added to; the first ones stay.
    """
    kept, led = x.tensor_split((x.shape[1] - scale.shape[1],), dim=1)
    return torch.cat([kept, led * scale + shift], dim=1)


def widths_of(size_px: int, width: int, channel_multiplier: float) -> list[int]:
    """The channels of the layers at 4, 8, … px: `width` up to 32 px, from there on fewer with each
    doubling.

    Raises ValueError unless `size_px` is a power of two from 8 to 1024.
    """
    if size_px not in (8, 16, 32, 64, 128, 256, 512, 1024):
        raise ValueError(
            f"size_px must be a power of two from 8 to 1024, got {size_px}: StyleGAN2 doubles 4 px"
        )
    sizes = [2**level for level in range(2, size_px.bit_length())]
    return [min(width, max(1, round(width * 32 * channel_multiplier / size))) for size in sizes]


class StyleGAN2(Network):
    """The generator: (N, D) or (N, L, D) → (N, 3, S, S), about [-1, 1].

    30,370,060 parameters at 1024 px, 30,034,338 at 256 px. size_px: 8 to 1024, a power of two.
    width: channels of the coarse layers; channel_multiplier: 2 in "config F" of the paper, 1 in the
    smaller published models.
    """

    name = "stylegan2"

    def __init__(
        self,
        size_px: int = 256,
        style_dim: int = 512,
        num_mlp: int = 8,
        channel_multiplier: float = 2.0,
        width: int = 512,
        lr_mlp: float = 0.01,
    ) -> None:
        super().__init__()
        widths = widths_of(size_px, width, channel_multiplier)
        self.size_px, self.style_dim, self.num_layers = size_px, style_dim, 2 * len(widths)
        mapping = [
            EqualLinear(style_dim, style_dim, lr_mul=lr_mlp, activate=True) for _ in range(num_mlp)
        ]
        self.style = nn.Sequential(PixelNorm(), *mapping)
        # What every face begins with.
        self.input = nn.ParameterDict({"input": torch.randn(1, widths[0], 4, 4)})
        self.conv1 = StyledConv(widths[0], widths[0], style_dim)
        self.to_rgb1 = ToRGB(widths[0], style_dim, upsample=False)
        self.convs, self.to_rgbs, self.noises = nn.ModuleList(), nn.ModuleList(), nn.Module()
        for before, now in zip(widths, widths[1:], strict=False):
            self.convs.append(StyledConv(before, now, style_dim, upsample=True))
            self.convs.append(StyledConv(now, now, style_dim))
            self.to_rgbs.append(ToRGB(now, style_dim))
        for n in range(self.num_layers - 1):
            size = 4 * 2 ** ((n + 1) // 2)
            self.noises.register_buffer(f"noise_{n}", torch.randn(1, 1, size, size))

    @classmethod
    def describe(cls, args: Mapping[str, Any]) -> ModelInfo:
        """It draws faces from chance, and knows styles."""
        return ModelInfo(
            DRAWS,
            FROM_NOISE,
            supports=frozenset({"seed", "styles"}),
            size_px=args.get("size_px", 256),
        )

    def forward(
        self,
        styles: Tensor,
        input_is_latent: bool = False,
        randomize_noise: bool = True,
        conditions: Sequence[Tensor] = (),
    ) -> Tensor:
        """styles: z, (N, D) or (N, L, D), or w with `input_is_latent`. Noise is drawn from torch's
        global generator, or the stored one where `randomize_noise` is off. conditions: as of
        `synthesis`. Raises ValueError for another shape of styles.
        """
        if styles.shape[1:] not in ((self.style_dim,), (self.num_layers, self.style_dim)):
            shapes = f"(N, {self.style_dim}) or (N, {self.num_layers}, {self.style_dim})"
            raise ValueError(
                f"styles must be {shapes} at {self.size_px} px, got {tuple(styles.shape)}"
            )
        latent = styles if input_is_latent else self.map(styles)
        if latent.ndim == 2:
            latent = latent[:, None].expand(-1, self.num_layers, -1)
        noise = self.stored_noise
        if randomize_noise:
            like = {"device": latent.device, "dtype": latent.dtype}
            noise = [distributed.randn(len(latent), *x.shape[1:], **like) for x in noise]
        return self.synthesis(latent, noise, conditions)

    def map(self, z: Tensor) -> Tensor:
        """Random values to styles: (N, D) → (N, D), or (N, L, D) → (N, L, D)."""
        return self.style(z.reshape(-1, self.style_dim)).view(z.shape)

    @property
    def stored_noise(self) -> list[Tensor]:
        """The noise that is a part of the weights, (1, 1, h, w) for each layer but the last."""
        return [getattr(self.noises, f"noise_{n}") for n in range(self.num_layers - 1)]

    def noise_of(self, seeds: Tensor) -> list[Tensor]:
        """Noise that seeds draw, int64 (N,), the stored one below 0; whatever the device and the
        rest of the batch.
        """
        stored = self.stored_noise
        if not torch.compiler.is_exporting() and bool((seeds < 0).all()):
            return stored
        own = (seeds < 0).view(-1, 1, 1, 1)
        drawn = [
            normal(seeds, x.numel(), level).view(-1, *x.shape[1:]) for level, x in enumerate(stored)
        ]
        return [torch.where(own, x, one) for one, x in zip(drawn, stored, strict=True)]

    def synthesis(
        self, latent: Tensor, noise: Sequence[Tensor], conditions: Sequence[Tensor] = ()
    ) -> Tensor:
        """(N, L, D) and the noise → (N, 3, S, S). conditions: a scale and a shift for each size
        from 8 px on, one after the other, for `sft` within the layers; none for StyleGAN2 as it is.
        """
        latent = widened(latent)
        with full_float32(latent.device):
            x = self.input.input.expand(latent.shape[0], -1, -1, -1)
            x = self.conv1(x, latent[:, 0], noise[0])
            rgb = self.to_rgb1(x, latent[:, 1])
        first_half = len(self.to_rgbs) - NUM_HALF
        for n, to_rgb in enumerate(self.to_rgbs):
            first = 2 * n + 1
            within = full_float32(x.device) if n < first_half else contextlib.nullcontext()
            with within:
                x = self.convs[2 * n](x, latent[:, first], noise[first])
                if conditions:
                    x = sft(x, conditions[2 * n], conditions[2 * n + 1])
                x = self.convs[2 * n + 1](x, latent[:, first + 1], noise[first + 1])
                rgb = to_rgb(x, latent[:, first + 2], rgb)
        return rgb

    @torch.no_grad()
    def mean_latent(self) -> Tensor:
        """The mean style of 4,096 random values, (D,): where truncation pulls to, and what an
        encoder adds to.
        """
        z = torch.randn(4096, self.style_dim, generator=torch.Generator().manual_seed(0))
        return self.style(z.to(self.input.input.device)).mean(0)

    @staticmethod
    def args_from(shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Any]:
        width, style_dim = shapes["input.input"][1], shapes["style.1.weight"][1]
        doublings = sum(
            key.startswith("to_rgbs.") and key.endswith(".conv.weight") for key in shapes
        )
        size = 4 * 2**doublings
        last = shapes[f"convs.{2 * doublings - 1}.conv.weight"][1]
        return {
            "size_px": size,
            "style_dim": style_dim,
            "num_mlp": sum(key.startswith("style.") and key.endswith(".weight") for key in shapes),
            "channel_multiplier": last * size / (32 * width),
            "width": width,
        }
