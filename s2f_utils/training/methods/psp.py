"""pSp (Richardson et al. 2021): an encoder learns to steer a trained StyleGAN2, whose weights stay as they are.

Shapes: B pairs in a batch, H = W = size_px, L styles of D values.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from s2f_utils import models
from s2f_utils.inference import find_generator
from s2f_utils.metrics.identity import arcface, crop_box
from s2f_utils.metrics.perceptual import lpips_net
from s2f_utils.models import checkpoints
from s2f_utils.runtime import Precision
from s2f_utils.training.config import PSPConfig
from s2f_utils.training.init import find_judge, take
from s2f_utils.training.live import Range
from s2f_utils.training.losses import judged_distance, style_norm
from s2f_utils.training.method import Live, Method


class PSP(Method):
    """An encoder and its Adam; the generator and the discriminator that it was trained against are not changed.

    Both are loaded by `init`: a StyleGAN2 run, or the shipped one.
    """

    needs_init = "stylegan2"
    live_ranges = {
        "lr_g": Range(1e-6, 1e-2, log=True),
        "lambda_l2": Range(0.0, 10.0),
        "lambda_lpips": Range(0.0, 10.0),
        "lambda_id": Range(0.0, 10.0),
        "lambda_w": Range(0.0, 0.1),
        "mixing": Range(0.0, 1.0),
    }

    def __init__(self, config: PSPConfig, precision: Precision) -> None:
        super().__init__(config, precision)
        decoder = {name: getattr(config, name) for name in ("style_dim", "num_mlp", "channel_multiplier", "width")}
        encoder = {"in_channels": config.channels, "num_styles": 2 * config.decoder_px.bit_length() - 4}
        if config.encoder == "small":
            encoder |= {"style_dim": config.style_dim, "input_px": min(config.decoder_px, 128)}
        net = models.build(
            "psp", kind=config.encoder, encoder=encoder, decoder=decoder | {"size_px": config.decoder_px}
        )
        net.decoder.requires_grad_(False)
        betas = (config.beta1, config.beta2)
        self.net_g, self.opt_g = self.add("net_g", net, "lr_g", part=net.encoder, betas=betas)
        if config.perceptual == "discriminator":
            common = {name: decoder[name] for name in ("channel_multiplier", "width")}
            judge = models.build("stylegan2-disc", size_px=config.decoder_px, **common)
            self.nets["judge"] = precision.prepare(judge.requires_grad_(False))
        self.out_px = config.decoder_px
        self.given_channels = 6 if config.direction == "both-to-photo" else 3

    def begin_with(self, init: str | Path | None) -> None:
        """Take the generator, its mean style and its discriminator from a StyleGAN2 run, and ArcFace's body for an
        encoder of the published kind, as pSp does; or all from another pSp run.

        Raises CheckpointError where the sizes are others, WeightsError where published weights are not to be had.
        """
        config, device = self.config, self.precision.device
        given, meta = checkpoints.load_network(find_generator(init))
        if given.name == "stylegan2":
            given = given.to(device)
            take(self.net_g.decoder, given, init)
            if config.encoder == "psp":
                _begin_with_arcface(self.net_g.encoder, device)
            self.net_g.latent_avg.copy_(given.mean_latent().expand_as(self.net_g.latent_avg))
        else:
            take(self.net_g, given, init)
        if "judge" in self.nets:
            take(self.nets["judge"], checkpoints.load_network(find_judge(init))[0], init)
        elif config.lambda_lpips:
            lpips_net("alex", device)  # before a run is begun, rather than in its first step
        if config.lambda_id:
            arcface(device)

    @property
    def notes(self) -> dict[str, Any]:
        """From which style on the encoder leaves the face open, where it does."""
        return {"mixing": self.config.mixing, "mix_from": self.config.open_from}

    @property
    def kept(self) -> dict[str, nn.Module]:
        """The discriminator, which a later run needs to begin with this one."""
        return {"discriminator": self.nets["judge"]} if "judge" in self.nets else {}

    def step(self, a: Tensor, b: Tensor, live: Live) -> dict[str, Tensor]:
        """One step on a batch, sketches or maps a (B, 3 or 6, H, W) and photos b (B, 3, H, W), in [-1, 1]; returns the
        losses, detached.
        """
        with self.precision.autocast():
            styles = self.net_g.encode(a)  # (B, L, D)
            mixed = self.mixed(styles, live["mixing"]) if live["mixing"] else styles
            fake_b = self.net_g.decoder(mixed, input_is_latent=True)
        fake_b = F.adaptive_avg_pool2d(fake_b.float(), b.shape[-1])
        losses = {"loss_l2": F.mse_loss(fake_b, b), "loss_w": style_norm(styles, self.net_g.latent_avg)}
        loss = live["lambda_l2"] * losses["loss_l2"] + live["lambda_w"] * losses["loss_w"]
        if live["lambda_lpips"]:
            name = "loss_judged" if "judge" in self.nets else "loss_lpips"
            losses[name] = self._distance(fake_b, b)
            loss = loss + live["lambda_lpips"] * losses[name]
        if live["lambda_id"]:
            losses["loss_id"] = identity_loss(fake_b, b)
            loss = loss + live["lambda_id"] * losses["loss_id"]
        self.descend(loss, self.opt_g)
        return {name: value.detach() for name, value in losses.items()}

    def mixed(self, styles: Tensor, share: float) -> Tensor:
        """Styles (B, L, D), a share of the faces with styles by chance from layer `mix_from` on: what the encoder says
        on the layers before must then hold under any colours.
        """
        chance = torch.randn(len(styles), styles.shape[2]).to(styles.device)
        chosen = (torch.rand(len(styles)) < share).to(styles.device)
        late = torch.arange(styles.shape[1], device=styles.device) >= self.config.open_from
        drawn = self.net_g.decoder.map(chance)[:, None].to(styles.dtype)
        return torch.where((chosen[:, None] & late[None])[..., None], drawn, styles)

    def samples(self, a: Tensor, b: Tensor, nets: Mapping[str, nn.Module]) -> dict[str, Tensor]:
        """Sketches, maps, or both; the faces; and the photos."""
        rows = super().samples(a, b, nets)
        given = rows.pop("a")
        size = rows["fake_b"].shape[-1]
        rows["fake_b"] = F.adaptive_avg_pool2d(rows["fake_b"], b.shape[-1]) if size > b.shape[-1] else rows["fake_b"]
        return {"a": given[:, :3], **({"map": given[:, 3:]} if given.shape[1] > 3 else {}), **rows}

    def _distance(self, fake: Tensor, real: Tensor) -> Tensor:
        if judge := self.nets.get("judge"):
            with self.precision.autocast():
                return judged_distance(judge.features(fake), judge.features(real))
        return lpips_net("alex", fake.device)(fake, real).mean()


def identity_loss(fake: Tensor, real: Tensor) -> Tensor:
    """One minus the cosine of both faces' ArcFace features, a scalar; two batches (B, 3, H, W) of aligned faces.

    Cropped and resized as pSp does. Raises WeightsError where the weights are not here.
    """
    top, left, bottom, right = crop_box(*fake.shape[2:])
    faces = torch.cat([fake, real])[:, :, top:bottom, left:right]
    made, true = arcface(fake.device)(F.adaptive_avg_pool2d(faces, 112)).chunk(2)
    return 1 - (made * true.detach()).sum(1).mean()


def _begin_with_arcface(encoder: nn.Module, device: torch.device) -> None:
    """The body of the published ArcFace network, and its first layer where the encoder reads photos, too."""
    given = arcface(device)
    encoder.body.load_state_dict(given.body.state_dict())
    if encoder.args["in_channels"] == 3:
        encoder.input_layer.load_state_dict(given.input_layer.state_dict())
