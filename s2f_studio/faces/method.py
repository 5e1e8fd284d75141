"""Trains the average face for a drawing: the posterior mean, in the frame where all faces have one
shape.

A sketch is 4 to 8 pixels off its photo, and a crude one far more, which pixel losses punish with
blur. Warped to the mean shape, each by its own landmarks, drawing and photo coincide, and only the
appearance of a face is left to learn. Shapes: B pairs in a batch, S = 128 pixels.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import torch
import torch.nn.functional as F
from pydantic import Field, model_validator
from torch import Tensor, nn

from s2f_studio.attributes import ATTRIBUTES
from s2f_studio.faces.networks.expect import CHANNELS, SIDE_PX, TONES
from s2f_studio.faces.shaped import ShapedData
from s2f_utils import networks
from s2f_utils.methods import METHODS
from s2f_utils.methods.initial import answering, load_into
from s2f_utils.methods.losses import ssim_map
from s2f_utils.methods.method import Batch, Context, Method, Term
from s2f_utils.methods.settings import (
    FAST,
    BatchSize,
    ConstantShare,
    EmaHalfLifeImages,
    Flip,
    LearningRate,
    LoadSizePx,
    LossWeight,
    SizePx,
    TotalImages,
    TrainConfig,
    need,
)
from s2f_utils.networks.network import grey_of
from s2f_utils.pictures import mesh
from s2f_utils.pictures.mesh import bare_skin
from s2f_utils.runtime import distributed, to_device

WALL = 0.6  # background grey of sample sheets, in [-1, 1]
LEAST_HAIR = 0.01  # share of the pixels; hair of a smaller area has no tone


class ExpectConfig(TrainConfig):
    """The average face in the mean shape: L1 and SSIM on the person, cross entropy on the masks.

    Our method.
    """

    size_px: SizePx = SIDE_PX
    load_size_px: LoadSizePx = SIDE_PX
    batch_size: BatchSize = 16
    total_images: TotalImages = 150_000
    flip: Flip = 0.0  # data_prep mirrors half of the faces
    constant_share: ConstantShare = 0.3
    ema_half_life_images: EmaHalfLifeImages = 4_000.0
    widths: str = Field(
        "32,64,128,192", description="channels at 64, 32, 16 and 8 pixels, multiples of 8"
    )
    dropout: float = Field(0.1, ge=0, le=1, description="share of a block's channels")
    misfit_px: float = Field(
        1.2, ge=0, description="error of a drawing's landmarks, in pixels: warps the drawing alone"
    )
    pen: float = Field(1.0, ge=0, description="how much pressure, paper and focus vary")
    tone_share: float = Field(
        0.5,
        ge=0,
        le=1,
        description="of the faces whose skin tone is an input, and of those whose hair tone is",
    )
    trait_share: float = Field(
        0.5,
        ge=0,
        le=1,
        description="of the known ages, smiles, lengths and curls, those that are inputs",
    )
    worn_share: float = Field(
        0.85, ge=0, le=1, description="of the known glasses, beards and hats, those that are inputs"
    )
    behind: float = Field(
        0.05, ge=0, le=1, description="weight of the background's pixels; the person's have 1"
    )
    lambda_l1: LossWeight = Field(1.0, ge=0, description="weight of the L1 loss")
    lambda_ssim: LossWeight = Field(
        0.4, ge=0, description="weight of 1 - SSIM of the grey pictures"
    )
    lambda_parts: LossWeight = Field(
        0.1, ge=0, description="weight of the cross entropy of person and hair"
    )
    lr_g: LearningRate = Field(1e-3, gt=0, description="AdamW's learning rate")
    beta1: float = Field(0.9, description="AdamW's momentum")
    beta2: float = Field(0.99, description="AdamW's second decay rate")
    weight_decay: float = Field(0.02, ge=0, description="AdamW's decay of the weights")
    max_norm: float = Field(1.0, ge=0, description="longer gradients are scaled down to this")

    @model_validator(mode="after")
    def check_expect(self) -> Self:
        """The settings fit each other."""
        fixed = f"{SIDE_PX}: the network's pictures have this size"
        need(
            self.size_px == self.load_size_px == SIDE_PX,
            f"size_px and load_size_px must be {fixed}",
        )
        need(self.direction == "sketch-to-photo", "direction must be 'sketch-to-photo'")
        moved = ("flip", "rotate_deg", "shift_px", "shear_deg", "scale", "elastic")
        for name in moved:
            need(
                getattr(self, name) == 0,
                f"{name} must be 0: all faces have one shape; misfit_px warps the drawing",
            )
        need(
            len(self.numbers) == 4 and all(n % 8 == 0 for n in self.numbers),
            "widths must be four multiples of 8",
        )
        return self

    @property
    def numbers(self) -> tuple[int, ...]:
        """`widths` as integers."""
        parts = self.widths.split(",")
        need(
            all(part.strip().isdecimal() for part in parts),
            f"widths must be whole numbers, got {self.widths!r}",
        )
        return tuple(map(int, parts))


class ExpectMethod(Method):
    """The network and its AdamW."""

    Config = ExpectConfig
    profiles = {
        "demo": {"total_images": 60_000},
        "demo on a CPU": {"total_images": 20_000, "time_budget_s": 240.0},
        "fast": FAST | {"widths": "16,16,24,32", "batch_size": 4},
    }
    init_networks = ("expect",)
    data, read_data = "custom", ShapedData

    def build(self, config: ExpectConfig) -> None:
        net_g = networks.build(
            "expect", widths=config.numbers, dropout=config.dropout, told=len(ATTRIBUTES)
        )
        self.net_g, self.opt_g = self.add(
            "net_g",
            net_g,
            "lr_g",
            torch.optim.AdamW,
            betas=(config.beta1, config.beta2),
            weight_decay=config.weight_decay,
        )

    @property
    def shapes(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        return (CHANNELS, SIDE_PX, SIDE_PX), (5, SIDE_PX, SIDE_PX)

    @classmethod
    def settings_from(cls, net: nn.Module, meta: Mapping[str, Any]) -> dict[str, Any]:
        """The network's widths, direction and size."""
        return {"widths": ",".join(map(str, net.args["widths"]))} | super().settings_from(net, meta)

    def load_init(self, init: str | Path | None) -> None:
        """Start from an `expect` network of the same widths, which may have fewer attributes."""
        if init is None:
            return
        given = answering(init, self.config.direction)
        if given.name == "expect" and given.told < self.net_g.told:
            wider = networks.build("expect", **{**given.args, "told": self.net_g.told})
            wider.take(given)
            given = wider
        load_into(self.net_g, given, init)

    def step(self, batch: Batch, ctx: Context) -> dict[str, Term]:
        """One step on drawings, displacements and attributes, (B, 10, S, S), and photos with masks
        of person and hair, (B, 5, S, S), all in [-1, 1].
        """
        a, b = batch
        config = self.config
        tones = tones_of(b)
        x = other_pen(misfit(a[:, :3], config.misfit_px), config.pen)
        worn = half_known(a[:, 3:6], config.worn_share)
        traits = sometimes(a[:, 6:], config.trait_share)
        x = torch.cat([x, worn, traits], dim=1)
        tones = hidden(tones, 1 - config.tone_share)
        with ctx.autocast():
            out = self.net_g(x, tones)
        out = out.float()
        parts = 0.5 + 0.5 * b[:, 3:].float()  # person and hair, 0 to 1
        weight = config.behind + (1 - config.behind) * parts[:, :1]
        loss_l1 = (weight * (out[:, :3] - b[:, :3]).abs()).sum() / (
            3 * distributed.mean(weight.sum())
        )
        loss_ssim = 1 - weighted_ssim(out[:, :3], b[:, :3], weight)
        loss_parts = F.binary_cross_entropy_with_logits(out[:, 3:], parts)
        terms = {
            "loss_l1": Term(loss_l1, ctx.live["lambda_l1"]),
            "loss_ssim": Term(loss_ssim, ctx.live["lambda_ssim"]),
            "loss_parts": Term(loss_parts, ctx.live["lambda_parts"]),
        }
        ctx.descend(terms, self.opt_g, config.max_norm)
        return terms

    def samples(self, a: Tensor, b: Tensor, nets: Mapping[str, nn.Module]) -> dict[str, Tensor]:
        """The warped drawings, their average faces, and the ground truth, on one background."""
        net = nets[self.config.direction]
        was_training = net.training
        out = net.eval()(a)
        net.train(was_training)
        person = torch.cat([out[:, :3].clamp(-1, 1), 2 * out[:, 3:].sigmoid() - 1], dim=1)
        return {"a": a[:, :1].expand(-1, 3, -1, -1), "fake_b": on_wall(person), "b": on_wall(b)}


def on_wall(pictures: Tensor, wall: float = WALL) -> Tensor:
    """People on a grey background: (B, 5, S, S) in [-1, 1] → (B, 3, S, S)."""
    person = 0.5 + 0.5 * pictures[:, 3:4].float()
    return pictures[:, :3].float() * person + wall * (1 - person)


@functools.cache
def skin_area(size_px: int, device: torch.device) -> Tensor:
    """The bare skin of a face of the mean shape: (1, 1, S, S), the covered share of each pixel."""
    skin = torch.from_numpy(bare_skin(mesh.mean_shape(256))).float()[None, None]
    return F.interpolate(skin, size=(size_px, size_px), mode="area").to(device)


def tones_of(b: Tensor) -> Tensor:
    """The mean colours of skin and hair in photos with masks of people and hair, (B, 5, S, S) → (B,
    6); NaN where there is hardly any hair.
    """
    b = b.float()
    hair = 0.5 + 0.5 * b[:, 4:5]
    found = []
    for part in (skin_area(b.shape[-1], b.device).expand(len(b), -1, -1, -1), hair):
        area = part.sum(dim=(2, 3))
        tone = (part * b[:, :3]).sum(dim=(2, 3)) / area.clamp_min(1.0)
        found.append(torch.where(area > LEAST_HAIR * part[0].numel(), tone, torch.nan))
    return torch.cat(found, dim=1)


def hidden(tones: Tensor, share: float) -> Tensor:
    """The tones, (B, 6), with a random share of skin's and of hair's replaced by NaN."""
    hide = (distributed.rand(len(tones), len(TONES)) < share).repeat_interleave(3, dim=1)
    return tones.masked_fill(to_device(hide, tones.device), torch.nan)


def half_known(worn: Tensor, share: float) -> Tensor:
    """A random share of the planes of worn things, (B, C, S, S), scaled by a random certainty.

    The others become 0.
    """
    num, channels = worn.shape[:2]
    sure = (0.4 + 0.6 * distributed.rand(num, channels)) * (distributed.rand(num, channels) < share)
    return worn * to_device(sure, worn.device).to(worn.dtype)[..., None, None]


def sometimes(traits: Tensor, share: float) -> Tensor:
    """A random share of the attributes' planes, (B, C, S, S); 0, unknown, for the others."""
    keep = distributed.rand(*traits.shape[:2]) < share
    return traits * to_device(keep, traits.device).to(traits.dtype)[..., None, None]


def misfit(a: Tensor, most_px: float) -> Tensor:
    """Drawings (B, 3, S, S) warped at random, as by inaccurate landmarks, with a standard deviation
    up to `most_px`.
    """
    if not most_px:
        return a
    num, _, size, _ = a.shape
    amount = most_px * distributed.rand(num, 1, 1, 1)
    shifts = (
        2
        / size
        * amount
        * (distributed.randn(num, 2, 6, 6) + 0.7 * distributed.randn(num, 2, 1, 1))
    )
    bend = F.interpolate(
        to_device(shifts, a.device), size=(size, size), mode="bicubic", align_corners=True
    )
    identity = torch.eye(2, 3, device=a.device).expand(num, 2, 3)
    grid = F.affine_grid(identity, (num, 1, size, size), align_corners=False) + bend.permute(
        0, 2, 3, 1
    )
    return F.grid_sample(
        a.float(), grid, mode="bilinear", padding_mode="border", align_corners=False
    ).to(a.dtype)


def other_pen(a: Tensor, amount: float = 1.0) -> Tensor:
    """Drawings (B, 3, S, S), paper is 1, with random pen pressure, paper grey and blur."""
    if not amount:
        return a
    num = len(a)

    def each(values: Tensor) -> Tensor:
        return to_device(values.view(num, 1, 1, 1), a.device)

    ink = 0.5 - 0.5 * a[:, :1].float()
    ink = ink.clamp(1e-4, 1) ** each(torch.exp(0.35 * amount * distributed.randn(num)))
    ink = ink * each(torch.exp(0.25 * amount * distributed.randn(num)))
    grey_paper = 0.15 * amount * distributed.rand(num) ** 3 * (distributed.rand(num) < 0.3)
    ink = (ink + each(grey_paper)).clamp(0, 1)
    soft = each((distributed.rand(num) < 0.3 * amount).float())
    ink = torch.lerp(ink, F.avg_pool2d(ink, 3, 1, 1, count_include_pad=False), soft)
    return torch.cat([(1 - 2 * ink).to(a.dtype), a[:, 1:]], dim=1)


def weighted_ssim(fake: Tensor, real: Tensor, weight: Tensor) -> Tensor:
    """SSIM (Wang et al. 2004) of grey pictures, averaged with a weight (B, 1, S, S): a scalar."""
    values = ssim_map(*(0.5 + 0.5 * grey_of(side) for side in (fake, real)), window_px=7)
    return (weight * values).sum() / distributed.mean(weight.sum())


METHODS["expect"] = ExpectMethod  # by this name it is trained
