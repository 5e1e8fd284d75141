"""The base of all networks, and layers and checks that several share. Shapes: N images, C channels,
H and W pixels.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any, ClassVar, Self

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from s2f_utils.networks.info import ModelInfo
from s2f_utils.runtime import distributed


class Network(nn.Module):
    """The base of all networks. `name` is its key in `by_name.NETWORKS`, `args` its constructor's
    arguments, as plain values, which `build` records.
    """

    INFO: ClassVar[ModelInfo] = ModelInfo()
    name = ""
    args: dict[str, Any]
    multiple_px = 1  # what height and width have to be multiples of
    usual_px = 0  # the size that its published files were trained at; 0: multiple_px
    # Parts whose weights stay in the file of this name (`weights.get`), and are not saved with it.
    borrowed: Mapping[str, str] = {}

    @classmethod
    def build(cls, **given: Any) -> Self:
        """A new network that knows its arguments, those left out too, and those of the networks
        that it is made of.
        """
        net = cls(**given)
        bound = inspect.signature(cls).bind(**given)
        bound.apply_defaults()
        plain = {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in bound.arguments.items()
        }
        net.args = plain | {
            name: part.args for name, part in net.named_children() if isinstance(part, Network)
        }
        return net

    @staticmethod
    def args_from(shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Any]:
        """The arguments of the network whose state dict has these shapes, of published files; ours
        have a header. Raises LookupError where it is none of this class.
        """
        raise LookupError

    @classmethod
    def describe(cls, args: Mapping[str, Any]) -> ModelInfo:
        """What a network of this class with these arguments is."""
        return cls.INFO

    @property
    def info(self) -> ModelInfo:
        """What this network is, as trained."""
        return self.describe(self.args)


def init_weights(net: nn.Module, gain: float = 0.02) -> nn.Module:
    """Draw the starting weights in place, from torch's global generator, and return the network.

    Convolutions from N(0, gain), batch-norm scales from N(1, gain), biases 0. Source: Isola et al.
    2017, section 6.2.
    """
    for module in net.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
            nn.init.normal_(module.weight, 0.0, gain)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.weight, 1.0, gain)
            nn.init.zeros_(module.bias)
    return net


def norm_layer(norm: str, num_channels: int) -> nn.Module:
    """Batch norm with scale and shift, or instance norm without, as the published networks use
    them, or "none".
    """
    return {"batch": nn.BatchNorm2d, "instance": nn.InstanceNorm2d, "none": nn.Identity}[norm](
        num_channels
    )


def norm_of(net: nn.Module) -> str:
    """The norm by which a network normalises each picture for itself, "instance" or "group"; else
    "none": batch norm only scales in eval mode.
    """
    kinds = {type(module) for module in net.modules()}
    if nn.InstanceNorm2d in kinds:
        return "instance"
    return "group" if nn.GroupNorm in kinds else "none"


def check_images(x: Tensor, channels: int, multiple_px: int) -> None:
    """Raise ValueError, saying what to do, unless x is
    (N, channels, H, W) with H and W multiples of `multiple_px`.
    """
    if x.ndim != 4 or x.shape[1] != channels:
        raise ValueError(
            f"input must be (N, {channels}, H, W) in [-1, 1], got {tuple(x.shape)}"
            + (": add a batch axis" if x.ndim == 3 else "")
        )
    if x.shape[2] % multiple_px or x.shape[3] % multiple_px:
        raise ValueError(
            f"height and width must be multiples of {multiple_px}, got {x.shape[2]}x{x.shape[3]}: "
            "a model from s2f_utils.load pads and crops back"
        )


class ReflectionPad(nn.ReflectionPad2d):
    """Edges continued by reflection, in the input's own number format: autocast would turn it to
    float32 and back.
    """

    def forward(self, x: Tensor) -> Tensor:
        with torch.autocast(x.device.type, enabled=False):
            return super().forward(x)


class _GlobalDropout(nn.Module):
    """Dropout whose mask is drawn for the global batch, by all ranks alike."""

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or not self.p or not distributed.is_shared():
            return super().forward(x)
        # In x's memory format, in whose order it is drawn: 0, or what the rest is raised by.
        last = (
            x.ndim == 4
            and x.is_contiguous(memory_format=torch.channels_last)
            and not x.is_contiguous()
        )
        layout = torch.channels_last if last else torch.contiguous_format

        def draw(num: int) -> Tensor:
            ones = torch.ones((num, *x.shape[1:]), dtype=x.dtype, device=x.device)
            return super(_GlobalDropout, self).forward(ones.contiguous(memory_format=layout))

        return x * distributed.draw(draw, len(x))


class Dropout(_GlobalDropout, nn.Dropout):
    """`nn.Dropout`: values are left out, of whichever picture they are."""


class Dropout2d(_GlobalDropout, nn.Dropout2d):
    """`nn.Dropout2d`: whole channels are left out."""


def twice(x: Tensor) -> Tensor:
    """Twice as many pixels a side, (N, C, H, W) → (N, C, 2H, 2W), bilinear."""
    return F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)


def grey_of(picture: Tensor) -> Tensor:
    """The grey of pictures, (N, 3, H, W) → (N, 1, H, W), float32 or finer;
    as PIL's "L", ITU-R BT.601.
    """
    red, green, blue = picture.to(torch.promote_types(picture.dtype, torch.float32)).split(1, dim=1)
    return 0.299 * red + 0.587 * green + 0.114 * blue


@torch.no_grad()
def generate(net: nn.Module, x: Tensor) -> Tensor:
    """Run a generator in eval mode on images (N, C, H, W) in [-1, 1] → (N, 3, H, W) in [-1, 1]; its
    mode is kept.
    """
    training = net.training
    net.eval()
    try:
        return net(x)
    finally:
        net.train(training)
