"""A guest made to know one's own pairs: a LoRA (Hu et al. 2022) of its UNet, steered by the drawing's lines.

The loss is the published one of latent diffusion (Rombach et al. 2022, eq. 3), weighted as in min-SNR (Hang et al.
2023) where that is asked for. Shapes: B pairs in a batch, S = size_px; h = S / 8 of the latents.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from s2f_utils import models, weights
from s2f_utils.inference.guests import control, diffusion, prompts
from s2f_utils.pictures import images
from s2f_utils.runtime import Precision, ranks
from s2f_utils.training.live import Range
from s2f_utils.training.method import Live, Method
from s2f_utils.training.settings import FAST, TrainConfig, need

ADAPTER = "s2f"
SAMPLE_STEPS, SAMPLE_GUIDANCE = 12, 5.0  # of the sheets: without the LoRA for few steps, which answers have
LAYERS = ("to_q", "to_k", "to_v", "to_out.0")  # of attention, as in the published trainings of LoRA


@dataclass(frozen=True, kw_only=True)
class ScribbleLoraConfig(TrainConfig):
    """A LoRA of a guest, with the values of diffusers' published training of LoRA; the length is for a GPU hour."""

    directions: ClassVar[tuple[str, ...]] = ("sketch-to-photo",)

    size_px: int = 512
    load_size_px: int = 512
    batch_size: int = 4
    total_images: int = 6_000
    constant_share: float = 1.0
    guest: str = "sd15-scribble"  # a name of weights.guests: its UNet is what learns
    rank: int = 4  # of the changes
    prompt: str = ""  # words that are said of every picture, in training and later
    min_snr: float = 0.0  # weights of noise levels are cut off there; 0: as published, all alike
    checkpointing: bool = True  # layers are gone through again for their gradients, which saves memory
    lr_g: float = 1e-4  # Adam's learning rate
    max_norm: float = 1.0  # longer gradients are scaled down to this

    def validate(self) -> None:
        super().validate()
        self.above_0("rank", "max_norm")
        self.at_least(0, "min_snr")
        need(self.guest in weights.guests.GUESTS, f"guest must be one of {', '.join(weights.guests.GUESTS)}")
        able = [name for name, one in weights.guests.GUESTS.items() if one.lora]
        need(
            self.guest in able,
            f"guest must be {' or '.join(able)}, got {self.guest}: one that was made for few steps forgets them",
        )
        need(self.size_px >= 64, f"size_px must be 64 or more: a latent pixel is 8 pixels, got {self.size_px}")
        need(
            self.ema_half_life_images == 0,
            "ema_half_life_images must be 0: what a LoRA learns is kept as it is at the end",
        )


class ScribbleLora(Method):
    """The guest's networks, which stay as they are, and the LoRA of its UNet, with AdamW. `net_g` is the LoRA."""

    settings = ScribbleLoraConfig
    profiles = {
        "demo": {"total_images": 1_000, "time_budget_s": 600.0},
        "demo on a CPU": {"size_px": 256, "load_size_px": 256, "batch_size": 1, "total_images": 200},
        "fast": {
            **FAST,
            "ema_half_life_images": 0.0,
            "size_px": 64,
            "load_size_px": 64,
            "total_images": 40,
            "num_samples": 2,
        },
    }
    begins_with = ("lora",)
    from_cpu = True
    live_ranges = {"lr_g": Range(1e-6, 1e-2, log=True)}

    def __init__(self, config: ScribbleLoraConfig, precision: Precision) -> None:
        super().__init__(config, precision)
        diffusion.check_installed()
        self.guest = weights.guests.entry_of(config.guest)
        kind = torch.float16 if precision.device.type == "cuda" else torch.float32
        self.pipeline = diffusion.networks(self.guest, weights.guests.get(config.guest), kind).to(precision.device)
        self.pipeline.safety_checker = None  # of sheets of one's own pairs; answers are looked at by it
        for part in self.pipeline.components.values():
            if isinstance(part, nn.Module):
                part.requires_grad_(False).eval()
        self.noise = diffusion.training_noise(self.pipeline)
        self.words = self._encoded(", ".join(filter(None, [config.prompt, prompts.SCENE])))
        self.avoided = self._encoded(prompts.AVOID)
        net_g = models.build("lora", guest=config.guest, rank=config.rank, layers=self._layers(), prompt=config.prompt)
        net_g.share(self._adapted(config.rank))
        self.net_g, self.opt_g = self.add("net_g", net_g, "lr_g", torch.optim.AdamW, weight_decay=1e-2)

    def _layers(self) -> dict[str, list[int]]:
        """The layers that are changed: {name: [inputs, outputs]}."""
        found = self.pipeline.unet.named_modules()
        chosen = {name: part for name, part in found if name.endswith(LAYERS) and isinstance(part, nn.Linear)}
        return {name: [part.in_features, part.out_features] for name, part in chosen.items()}

    def _adapted(self, rank: int) -> dict[str, nn.Parameter]:
        """Give the UNet peft's matrices, in float32; returns them by their paths in a `Lora`."""
        from peft import LoraConfig

        unet = self.pipeline.unet
        unet.add_adapter(LoraConfig(r=rank, lora_alpha=rank, target_modules=list(LAYERS)), ADAPTER)
        if self.config.checkpointing:
            unet.enable_gradient_checkpointing()
        found = {}
        for name, weight in unet.named_parameters():
            if weight.requires_grad:
                weight.data = weight.data.float()
                found[name.removesuffix(f".{ADAPTER}.weight")] = weight
        return found

    @torch.no_grad()
    def _encoded(self, words: str) -> Tensor:
        """Words, as the UNet hears them: (1, 77, D)."""
        with diffusion.quietly():
            made, _ = self.pipeline.encode_prompt(words, self.precision.device, 1, False)
        return made

    @classmethod
    def settings_from(cls, net: nn.Module, meta: Mapping[str, Any]) -> dict[str, Any]:
        """The guest, the rank and the words."""
        return super().settings_from(net, meta) | {"guest": net.guest, "rank": net.rank, "prompt": net.prompt}

    def step(self, a: Tensor, b: Tensor, live: Live) -> dict[str, Tensor]:
        """One step down the squared error of the noise that is told from a noisy latent, given the drawing's lines.

        a: drawings, (B, 3, S, S) in [-1, 1], on the CPU; b: photos.
        """
        pipeline, num = self.pipeline, len(b)
        scheduler = self.noise
        with torch.no_grad():
            latents = self._latents(b)
            noise = ranks.randn(num, *latents.shape[1:]).to(latents)
            times = (ranks.rand(num) * scheduler.config.num_train_timesteps).long().to(latents.device)
            noisy = scheduler.add_noise(latents, noise, times)
            lines = self._lines(a).to(latents)
            words = self.words.expand(num, -1, -1)
            down, middle = pipeline.controlnet(noisy, times, words, lines, return_dict=False)
        with self.precision.autocast():
            told = pipeline.unet(
                noisy, times, words, down_block_additional_residuals=down, mid_block_additional_residual=middle
            ).sample
        wanted = (
            noise if scheduler.config.prediction_type == "epsilon" else scheduler.get_velocity(latents, noise, times)
        )
        loss = F.mse_loss(told.float(), wanted.float(), reduction="none").mean(dim=(1, 2, 3))
        loss = (loss * self._weights(times)).mean()
        self.descend(loss, self.opt_g, self.config.max_norm)
        return {"loss_g": loss.detach()}

    def _latents(self, photos: Tensor) -> Tensor:
        """Photos (B, 3, S, S) in [-1, 1] as the VAE sees them: (B, 4, h, h)."""
        vae = self.pipeline.vae
        found = vae.encode(photos.to(vae.dtype)).latent_dist
        chance = ranks.randn(len(photos), *found.mean.shape[1:]).to(found.mean)
        return (found.mean + found.std * chance) * vae.config.scaling_factor

    def _lines(self, drawings: Tensor) -> Tensor:
        """Drawings (B, 3, S, S) in [-1, 1] as white lines on black, in [0, 1]."""
        shown = images.to_uint8(drawings.cpu())
        lines = np.stack([control.lines_of(one, self.config.size_px) for one in shown])
        return torch.from_numpy(lines.astype(np.float32) / 255).permute(0, 3, 1, 2)

    def _weights(self, times: Tensor) -> Tensor:
        """How much each noise level counts, (B,): min(SNR, cut) / SNR."""
        if not self.config.min_snr:
            return torch.ones_like(times, dtype=torch.float32)
        kept = self.noise.alphas_cumprod.to(times.device)[times]
        ratio = kept / (1 - kept)
        return ratio.clamp(max=self.config.min_snr) / ratio

    @torch.no_grad()
    def samples(self, a: Tensor, b: Tensor, nets: Mapping[str, nn.Module]) -> dict[str, Tensor]:
        """Drawings, what the guest makes of them now, from the same noise each time, and the photos."""
        made = []
        for n, lines in enumerate(self._lines(a)):
            chance = torch.Generator("cpu").manual_seed(n)
            picture = self.pipeline(
                prompt_embeds=self.words, negative_prompt_embeds=self.avoided, image=lines[None],
                num_inference_steps=SAMPLE_STEPS, guidance_scale=SAMPLE_GUIDANCE, generator=chance, output_type="pt",
                height=a.shape[-2], width=a.shape[-1],
            ).images  # fmt: skip
            made.append(2 * picture.float() - 1)
        return {"a": a.to(b.device), "fake_b": torch.cat(made).to(b.device), "b": b}
