"""GFPGAN: a U-Net that reads a damaged face, and a StyleGAN2 that paints it anew,
led by the U-Net's features.

The network is spandrel's copy of the published "clean" version (Wang et al. 2021,
arXiv:2101.04061), under its keys.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from s2f_utils.networks.info import FROM_DEGRADED, RESTORES, ModelInfo
from s2f_utils.networks.network import Network
from s2f_utils.networks.stylegan2_gen import StyleGAN2


def _published() -> type[nn.Module]:
    """spandrel's class; its package loads torchvision and seconds of other networks, so not before
    it is needed.
    """
    from spandrel.architectures.GFPGAN import GFPGAN as Published

    return Published


class SFTStyleGAN2(StyleGAN2):
    """Our StyleGAN2 with SFT, called as the published class calls its decoder."""

    def forward(
        self,
        styles: Sequence[Tensor],
        conditions: Sequence[Tensor],
        return_latents: bool = False,
        **options: Any,
    ) -> tuple[Tensor, None]:
        """styles: a list of one, (N, L, D). The faces (N, 3, S, S), and no styles."""
        return super().forward(styles[0], conditions=conditions, **options), None


class GFPGAN(Network):
    """A damaged face → the face restored: (N, 3, S, S) in [-1, 1] → the same, about [-1, 1].

    86,444,252 parameters as published (512 px). size_px: S, a power of two from 32 to 1024.
    num_style_feat: values of a
    style. narrow: the share of the published width. channel_multiplier: channels from 64 px on.
    different_w: a style for each layer, else one for all. sft_half: half of the decoder's channels
    are led by the U-Net, else all.
    residual: what is painted is added to the damaged face, so that a small network need not paint
    again what is good; not published.
    stylegan_decoder: the arguments of a StyleGAN2 of ours, which then is the decoder. The published
    one is a simpler StyleGAN2, whose edges and widths differ: it cannot hold the weights of ours.
    """

    name = "gfpgan"
    needs_contiguous = True  # the published code takes views that channels_last does not allow

    def __init__(
        self,
        size_px: int = 512,
        num_style_feat: int = 512,
        num_mlp: int = 8,
        narrow: float = 1.0,
        channel_multiplier: float = 2.0,
        different_w: bool = True,
        sft_half: bool = True,
        residual: bool = False,
        stylegan_decoder: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__()
        published = _published()(
            out_size=size_px,
            num_style_feat=num_style_feat,
            num_mlp=num_mlp,
            narrow=narrow,
            input_is_latent=True,
            channel_multiplier=channel_multiplier,
            different_w=different_w,
            sft_half=sft_half,
        )
        for name, part in published.named_children():
            self.add_module(name, part)
        self._keep_variance()
        # What its forward asks for.
        self.log_size = published.log_size
        self.num_style_feat = num_style_feat
        self.different_w, self.input_is_latent = different_w, True
        self.size_px, self.residual = size_px, residual
        if stylegan_decoder:
            self.stylegan_decoder = SFTStyleGAN2.build(**stylegan_decoder)
            self._fit_conditions(sft_half)

    def _keep_variance(self) -> None:
        """Start the U-Net so that a signal stays as large from layer to layer (He et al. 2015).

        PyTorch's own start, which the published code has, leaves a hundredth of it for the styles.
        """
        root_2 = 2**0.5  # a block adds two branches
        with torch.no_grad():
            for block in (*self.conv_body_down, *self.conv_body_up):
                nn.init.kaiming_normal_(block.conv1.weight, a=0.2)
                nn.init.kaiming_normal_(block.conv2.weight, a=0.2).div_(root_2)
                nn.init.kaiming_normal_(block.skip.weight, nonlinearity="linear").div_(root_2)
            others = [self.conv_body_first, self.final_conv]
            others += [layer[0] for layer in (*self.condition_scale, *self.condition_shift)]
            for layer in others:
                nn.init.kaiming_normal_(layer.weight, a=0.2)

    def _fit_conditions(self, sft_half: bool) -> None:
        """Give the U-Net's scales and shifts as many channels as the decoder's layers need."""
        for layers in (self.condition_scale, self.condition_shift):
            for layer, conv in zip(layers, self.stylegan_decoder.convs[::2], strict=True):
                width = len(conv.activate.bias)
                layer[2] = nn.Conv2d(layer[2].in_channels, width // (1 + sft_half), 3, padding=1)

    @classmethod
    def describe(cls, args: Mapping[str, Any]) -> ModelInfo:
        """It restores faces of one size; a seed draws the noise of fine detail."""
        return ModelInfo(
            RESTORES, FROM_DEGRADED, supports=frozenset({"seed"}), size_px=args.get("size_px", 512)
        )

    def start_at_mean(self) -> None:
        """Set all styles to the mean style of a StyleGAN2 decoder, SFT's scales to 1 and shifts to
        0: whatever the damaged face, the decoder then paints its mean face.
        """
        decoder, last = self.stylegan_decoder, self.final_linear
        with torch.no_grad():
            last.weight.zero_()
            last.bias.copy_(decoder.mean_latent().repeat(len(last.bias) // decoder.style_dim))
            for layers, start in ((self.condition_scale, 1.0), (self.condition_shift, 0.0)):
                for layer in layers:
                    layer[2].weight.zero_()
                    layer[2].bias.fill_(start)

    def paint_nothing(self) -> None:
        """Set what turns features into colours to zero:
        a residual network then gives back what it is given.
        """
        decoder = self.stylegan_decoder
        with torch.no_grad():
            for layer in (decoder.to_rgb1, *decoder.to_rgbs):
                layer.modulated_conv.weight.zero_()
                layer.bias.zero_()

    def forward(
        self,
        x: Tensor,
        return_rgb: bool | None = None,
        randomize_noise: bool = False,
        **options: Any,
    ) -> Tensor | tuple[Tensor, list[Tensor]]:
        """The restored faces, (N, 3, S, S). Where `return_rgb` is given, as the published class
        answers: those, and a list that holds, if it is true, the pictures of the U-Net's levels
        from 8 px to S.

        randomize_noise: drawn from torch's global generator, as published; else the stored noise.
        """
        options |= {"return_rgb": bool(return_rgb), "randomize_noise": randomize_noise}
        made, levels = _published().forward(self, x.contiguous(), **options)
        made = x + made if self.residual else made
        return made if return_rgb is None else (made, levels)

    @staticmethod
    def args_from(shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Any]:
        # 2 log2 S - 2 styles of 512; all else is alike
        num_values, _ = shapes["final_linear.weight"]
        return {"size_px": 2 ** (num_values // 1024 + 1)}
