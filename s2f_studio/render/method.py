"""A believable photo of the face that is to be expected: learned against a PatchGAN that knows the
place.

What is expected is soft, for many faces would do. The network is given it, and a code that says
along a few principal components how the true photo differs from it; so the one true photo can be
asked for, and the loss does not fight with the discriminator. Codes at random then are other
people. What is expected of a person comes from a network that has not learned from them
(cross-fitting): of its own people, a network expects too much. Shapes: B pairs in a batch.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Self

import torch
import torch.nn.functional as F
from pydantic import Field, model_validator
from torch import Tensor, nn

from s2f_studio.attributes import TEXTURED, TOLD
from s2f_studio.faces.method import half_known, hidden, misfit, other_pen, sometimes, tones_of
from s2f_studio.faces.networks.expect import CHANNELS, SIDE_PX
from s2f_studio.faces.shaped import ShapedData
from s2f_studio.render import network as render
from s2f_studio.render.network import GIVEN_PX, MADE_PX
from s2f_utils import networks, weights
from s2f_utils.infer import find_generator
from s2f_utils.methods.config import (
    FAST,
    BatchSize,
    ConstantShare,
    EmaHalfLifeImages,
    Flip,
    LoadSizePx,
    Range,
    SizePx,
    TotalImages,
    TrainConfig,
    need,
)
from s2f_utils.methods.initial import discriminator_of, load_into
from s2f_utils.methods.losses import generator_loss
from s2f_utils.methods.method import Batch, Context, Method, Term, frozen
from s2f_utils.methods.projected import ProjectedPair
from s2f_utils.networks import checkpoints
from s2f_utils.runtime import distributed, to_device

BLOCK = 4  # pixels that the discriminator takes together: it is to see them cut in all four ways
DARKER, LIGHTER = -1.5, 0.2  # how far the blackest wall and the whitest lie from the usual one
DECIDED = 0.35, 0.7  # between these shares an outline is decided
COARSE = 8  # pixels over which colours are compared
# The discriminator's slope at a picture of 256 px, mean logit, is some thousandths.
PENALTY_IN = 1000.0


class RenderConfig(TrainConfig):
    """A photo from the expected face, against a PatchGAN with R1 (Mescheder et al. 2018) and
    feature matching (Wang et al. 2018). Ours.
    """

    size_px: SizePx = SIDE_PX  # of the drawings; photos have twice as many
    load_size_px: LoadSizePx = SIDE_PX
    batch_size: BatchSize = 8
    total_images: TotalImages = 136_000
    flip: Flip = 0.0  # data_prep mirrors half of the faces
    constant_share: ConstantShare = 0.7
    ema_half_life_images: EmaHalfLifeImages = 1_500.0
    expected_by: str = Field(
        "", description='a name, run or file; or two: of fold 0, and of fold 1; "": the shipped one'
    )
    widths: str = Field("64,96,160", description="channels at 64, 32 and 16 pixels")
    judge_widths: str = Field(
        "64,128,192", description="the discriminator's channels at 64, 32 and 16 pixels"
    )
    misfit_px: float = Field(1.2, ge=0, description="by how much points found in a drawing are off")
    pen: float = Field(1.0, ge=0, description="how much pressure, paper and focus vary")
    tone_share: float = Field(
        0.6,
        ge=0,
        le=1,
        description="of the faces of whose skin, and of whose hair, the tone is told",
    )
    worn_share: float = Field(
        0.85, ge=0, le=1, description="of the faces of which it is told what is worn, each"
    )
    trait_share: float = Field(
        0.7, ge=0, le=1, description="of the faces of which age, smile and hair are told, each"
    )
    other_light: float = Field(
        0.1, ge=0, le=1, description="by how much contrast varies, of both sides alike"
    )
    other_wall: float = Field(
        0.7,
        ge=0,
        le=1,
        description="of the pairs that are judged before another wall, both sides alike",
    )
    decided_share: float = Field(
        0.9,
        ge=0,
        le=1,
        description="of the faces whose outline is decided; of the others it stays soft",
    )
    outline_share: float = Field(
        0.35, ge=0, le=1, description="of the faces that are given the photo's own outline"
    )
    whole_share: float = Field(
        0.75,
        ge=0,
        le=1,
        description="of the faces whose code is told in full; of the others, a part",
    )
    lambda_gan: float = Field(1.0, ge=0, description="weight of the adversarial loss")
    lambda_features: float = Field(
        4.0,
        ge=0,
        description="weight of the distance of true and made photos' features in the discriminator",
    )
    lambda_coarse: float = Field(
        2.0, ge=0, description="weight of the L1 loss of colours over 8 × 8 pixels"
    )
    lambda_l1: float = Field(1.0, ge=0, description="weight of the L1 loss")
    lambda_projected: Annotated[float, Range(0.0, 10.0, only_if_set=True)] = Field(
        0.0,
        ge=0,
        description="weight of a projected discriminator's loss (Sauer et al. 2021); 0: there is"
        " none",
    )
    free_share: float = Field(
        0.5, description="of the faces that it sees with codes at random, which no other loss sees"
    )
    lambda_person: float = Field(
        0.5, ge=0, description="weight of the L1 loss of the person's outline"
    )
    r1_gamma: Annotated[float, Range(0.001, 100.0, log=True)] = Field(
        0.5, ge=0, description="weight of the discriminator's squared slope at true photos"
    )
    r1_every: int = Field(16, ge=0, description="steps between two looks at it; 0: never")
    lr_g: float = Field(3e-4, gt=0, description="Adam's learning rate for the generator")
    lr_d: float = Field(4e-4, gt=0, description="Adam's learning rate for the discriminator")
    beta1: float = Field(0.0, description="Adam's momentum")
    beta2: float = Field(0.99, description="Adam's second decay rate")
    max_norm: float = Field(
        1.0,
        ge=0,
        description="longer gradients of the generator are scaled down to this; net_d: twice",
    )

    @model_validator(mode="after")
    def check_render(self) -> Self:
        """The settings fit each other."""
        need(
            self.size_px == self.load_size_px == SIDE_PX,
            f"size_px and load_size_px must be {SIDE_PX}: as expected",
        )
        need(self.direction == "sketch-to-photo", "direction must be 'sketch-to-photo'")
        for name in ("flip", "rotate_deg", "shift_px", "shear_deg", "scale", "elastic"):
            need(
                getattr(self, name) == 0,
                f"{name} must be 0: faces are in one shape; misfit_px moves the drawing",
            )
        for name in ("widths", "judge_widths"):
            parts = getattr(self, name).split(",")
            need(
                len(parts) == 3 and all(p.strip().isdecimal() for p in parts),
                f"{name} must be three whole numbers",
            )
        need(
            len(self.experts) <= 2,
            "expected_by must name one model, or two: of fold 0 and of fold 1",
        )
        return self

    @property
    def experts(self) -> list[str]:
        """The models that say what is expected."""
        return [part.strip() for part in (self.expected_by or weights.EXPECT).split(",")]

    def numbers(self, name: str) -> tuple[int, ...]:
        """`widths` or `judge_widths`."""
        return tuple(map(int, getattr(self, name).split(",")))


def feature_loss(fake: Sequence[Tensor], real: Sequence[Tensor]) -> Tensor:
    """Mean absolute difference of a discriminator's features of made and of true pictures, averaged
    over its layers.

    Source: Wang et al. 2018 (pix2pixHD), eq. 4. The true pictures' features are the aim: no
    gradient reaches them.
    """
    return sum(F.l1_loss(f, r.detach()) for f, r in zip(fake, real, strict=True)) / len(fake)


class RenderMethod(Method):
    """The network, its discriminator, and what says which face is expected, which is not
    changed.
    """

    Config = RenderConfig
    profiles = {
        "demo": {"total_images": 12_000},
        "demo on a CPU": {"total_images": 2_000, "time_budget_s": 240.0},
        "fast": FAST | {"batch_size": 2, "total_images": 60, "r1_every": 4},
    }
    needs_init = "render"
    init_networks = ("render",)
    data = "custom"
    read_data = functools.partial(ShapedData, larger=2, folded=True)

    def build(self, config: RenderConfig) -> None:
        net_g = networks.build("render", widths=config.numbers("widths"))
        betas = (config.beta1, config.beta2)
        self.net_g, self.opt_g = self.add("net_g", net_g, "lr_g", betas=betas)
        net_d = networks.build("render-judge", widths=config.numbers("judge_widths"))
        self.net_d, self.opt_d = self.add("net_d", net_d, "lr_d", betas=betas)
        loaded = [checkpoints.load_network(find_generator(name))[0] for name in config.experts]
        self.experts = [self.precision.prepare(net.requires_grad_(False)) for net in loaded]
        if config.lambda_projected:
            projected = networks.build("projected", width=64, sketch_channels=3)
            self.net_p, self.opt_p = self.add("net_p", projected, "lr_d", betas=(0.0, 0.99))

    @property
    def shapes(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        photo_px = 2 * SIDE_PX
        return (CHANNELS + 1, SIDE_PX, SIDE_PX), (5, photo_px, photo_px)

    @classmethod
    def settings_from(cls, net: nn.Module, meta: Mapping[str, Any]) -> dict[str, Any]:
        """The network's widths."""
        return {"widths": ",".join(map(str, net.args["widths"]))}

    def load_init(self, init: str | Path | None) -> None:
        """A network that renders, whose components stay as they are, and its discriminator if that
        lies beside it.
        """
        if init is None:
            return
        load_into(self.net_g, checkpoints.load_network(find_generator(init))[0], init, "widths")
        if (beside := discriminator_of(init)).is_file():
            judge = checkpoints.load_network(beside)[0]
            if judge.args == self.net_d.args:
                load_into(self.net_d, judge, beside, "judge_widths")

    @property
    def other_networks(self) -> dict[str, nn.Module]:
        """The discriminator; and what says which face is expected, for whoever uses the
        generator.
        """
        expected = {"expected": self.experts[0]} if len(self.experts) == 1 else {}
        return {"discriminator": self.net_d} | expected

    @torch.no_grad()
    def expected(self, a: Tensor, tones: Tensor) -> Tensor:
        """What is expected of drawings (B, 11, 128, 128): colours, person and hair (B, 5, 128, 128)
        in [-1, 1].
        """
        # The second fold, whose faces are for the network that learned from the first.
        second = a[:, -1, 0, 0] > 0

        def said(number: int, a: Tensor, tones: Tensor) -> Tensor:
            out = self.experts[number % len(self.experts)](a[:, :-1], tones).float()
            return torch.cat([out[:, :3].clamp(-1, 1), 2 * out[:, 3:].sigmoid() - 1], dim=1)

        # On a GPU each looks at all faces: to pick its own, the GPU would be waited for.
        if a.device.type != "cpu":
            one, other = said(0, a, tones), said(1, a, tones) if len(self.experts) > 1 else None
            return one if other is None else torch.where(second.view(-1, 1, 1, 1), one, other)
        made = a.new_empty(len(a), 5, GIVEN_PX, GIVEN_PX).float()
        for number, mine in ((1, ~second), (0, second)):
            if mine.any():
                made[mine] = said(number, a[mine], tones[mine])
        return made

    def step(self, batch: Batch, ctx: Context) -> dict[str, Term]:
        """One step on warped drawings, displacements, attributes and the person's fold, (B, 11,
        128, 128), and photos, people and hair, (B, 5, 256, 256), all in [-1, 1].
        """
        config, live = self.config, ctx.live
        expected, true, style = self.given(*batch)
        num = len(expected)
        free = round(config.free_share * num) if config.lambda_projected else 0
        codes = to_device(self._codes(free), style.device)
        style[:free, : self.net_g.num_codes] = codes.to(style.dtype)
        small = F.avg_pool2d(expected, 2)
        with ctx.autocast():
            made = self.net_g(self.precision.images(expected), style)
        made = made.float()
        walls, by = to_device(self._walls(num), made.device), torch.randint(BLOCK, (2,)).tolist()
        fake = seen(made[:, :3], made[:, 3:].clamp(-1, 1), walls, by)
        real = self.precision.images(seen(true[:, :3], true[:, 3:], walls, by))
        terms_d: dict[str, Term] = {}
        pair = None
        if config.lambda_projected:
            drawn = F.interpolate(small[:, :3].float(), scale_factor=4)
            pair = ProjectedPair(self.net_p, drawn, real, fake, ctx)
            terms_p = {"loss_d_projected": Term(pair.loss_d())}
            ctx.descend(terms_p, self.opt_p)
            terms_d |= terms_p
        fake, real, made, true, small = (x[free:] for x in (fake, real, made, true, small))
        terms_d |= self.step_d(fake.detach(), real, small, ctx)

        with frozen(self.net_d), ctx.autocast():
            logits, features = self.net_d(fake, small)
            with torch.no_grad():
                aims = self.net_d(real, small)[1]
        loss_coarse = F.l1_loss(F.avg_pool2d(fake, COARSE), F.avg_pool2d(real.float(), COARSE))
        terms_g = {
            "loss_gan": Term(_mean(map(generator_loss, _float(logits))), live["lambda_gan"]),
            "loss_features": Term(
                feature_loss(_float(features), _float(aims)), live["lambda_features"]
            ),
            "loss_coarse": Term(loss_coarse, live["lambda_coarse"]),
            "loss_l1": Term(F.l1_loss(fake, real.float()), live["lambda_l1"]),
            "loss_person": Term(F.l1_loss(made[:, 3:], true[:, 3:4]), live["lambda_person"]),
        }
        if pair is not None:
            with frozen(self.net_p):
                terms_g["loss_projected"] = Term(pair.loss_gan(), live["lambda_projected"])
        ctx.descend(terms_g, self.opt_g, config.max_norm)
        return terms_d | terms_g

    def step_d(self, fake: Tensor, real: Tensor, small: Tensor, ctx: Context) -> dict[str, Term]:
        """The discriminator's part of a step, with R1 (in float32) in every `r1_every`-th one."""
        with ctx.autocast():
            logits_fake, logits_real = self.net_d(fake, small)[0], self.net_d(real, small)[0]
        both = zip(_float(logits_fake), _float(logits_real), strict=True)
        loss = _mean(
            generator_loss(-made_up) + generator_loss(genuine) for made_up, genuine in both
        )
        terms = {"loss_d": Term(loss)}
        every = self.config.r1_every
        if every and ctx.steps % every == 0:
            weight = 0.5 * every * ctx.live["r1_gamma"]
            terms["loss_r1"] = Term(self.r1_penalty(real, small), weight)
        ctx.descend(terms, self.opt_d, 2 * self.config.max_norm)
        return terms

    @torch.no_grad()
    def given(self, a: Tensor, b: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """What is expected (B, 5, 128, 128), the truth (B, 4, 256, 256), both before the wall, and
        styles (B, C).
        """
        config, num = self.config, len(a)
        b = b.float()
        tones = hidden(tones_of(F.avg_pool2d(b, 2)), 1 - config.tone_share)
        x = other_pen(misfit(a[:, :3], config.misfit_px), config.pen)
        told = a[:, 3 : 3 + len(TOLD)]
        worn, traits = (
            half_known(told[:, :3], config.worn_share),
            sometimes(told[:, 3:], config.trait_share),
        )
        expected = self.expected(torch.cat([x, worn, traits, a[:, -1:]], dim=1), tones)
        expected = torch.cat(
            [expected[:, :3], self._outlined(0.5 + 0.5 * expected[:, 3:], 0.5 + 0.5 * b[:, 3:4])],
            dim=1,
        )
        by = 1 + config.other_light * distributed.randn(num, 1, 1, 1).clamp(-2, 2)
        shift = config.other_light * (
            0.5 * distributed.randn(num, 1, 1, 1) + 0.2 * distributed.randn(num, 3, 1, 1)
        )
        by, shift = to_device(by, b.device), to_device(shift, b.device)
        expected, true = (
            before_wall((x[:, :3] * by + shift).clamp(-1, 1), x[:, 3:])
            for x in (expected, b[:, :4])
        )
        codes = self.net_g.codes_of(expected, true)
        whole = distributed.rand(num, 1) < config.whole_share
        codes = codes * to_device(torch.where(whole, 1.0, distributed.rand(num, 1)), codes.device)
        places = to_device(torch.tensor([list(TOLD).index(name) for name in TEXTURED]), b.device)
        known = to_device(distributed.rand(num, len(places)), b.device) < config.trait_share
        shown = told[:, places, 0, 0].float()
        return expected, true, torch.cat([codes, shown * known, known.float()], dim=1)

    def _codes(self, num: int) -> Tensor:
        """Codes at random, (num, C): of half of the faces all, of the others those that a seed
        draws.
        """
        drawn = distributed.randn(num, self.net_g.num_codes).clamp(-render.MOST, render.MOST)
        few = (distributed.rand(num, 1) < 0.5) & (torch.arange(drawn.shape[1]) >= render.NUM_DRAWN)
        return drawn * torch.where(few, 0.0, 1.0) * (0.3 + 0.7 * distributed.rand(num, 1))

    def _outlined(self, parts: Tensor, true: Tensor) -> Tensor:
        """Person and hair as they are expected (B, 2, 128, 128), and the photo's person (B, 1, 256,
        256), in [0, 1] → person and hair that are given, in [-1, 1]: most of them decided, at one
        share or another, or by the photo.
        """
        config, num = self.config, len(parts)
        low, high = DECIDED
        by, at = (to_device(distributed.rand(num, 1, 1, 1), parts.device) for _ in range(2))
        own = render.decided(parts, 0.5, F.avg_pool2d(true, 2))
        one = render.decided(parts, low + (high - low) * at)
        decided = torch.where(
            by < config.outline_share, own, torch.where(by < config.decided_share, one, parts)
        )
        return 2 * decided - 1

    def _walls(self, num: int) -> Tensor:
        """By how much other walls differ from `network.WALL`, (num, 3, 1, 1): 0 for some, most
        darker, some tinted.
        """
        config = self.config
        some = distributed.rand(num, 1, 1, 1) < config.other_wall
        return some * (
            DARKER
            + (LIGHTER - DARKER) * distributed.rand(num, 1, 1, 1)
            + 0.1 * distributed.randn(num, 3, 1, 1)
        )

    def r1_penalty(self, real: Tensor, small: Tensor) -> Tensor:
        """The discriminator's mean squared gradient at real photos, every second one of the batch;
        a scalar.
        """
        rows = to_device(torch.arange(0, len(real), 2), real.device)
        some = real[rows].detach().requires_grad_()
        logits, _ = self.net_d(some, small[rows])
        asked = _mean(one.float().mean((1, 2, 3)).sum() for one in logits)
        (grad,) = torch.autograd.grad(asked, some, create_graph=True)
        squares = grad.float().square().sum((1, 2, 3))
        return PENALTY_IN * squares.sum() / squares.new_full((), float(len(rows)))

    def samples(self, a: Tensor, b: Tensor, nets: Mapping[str, nn.Module]) -> dict[str, Tensor]:
        """The bent drawings, what is expected from them, its photo with the usual and with other
        codes, the truth.
        """
        net = nets[self.config.direction]
        expected = self.expected(a, a.new_full((len(a), 6), torch.nan))
        expected = before_wall(expected[:, :3], 2 * render.decided(0.5 + 0.5 * expected[:, 3:]) - 1)
        was_training = net.training
        net.eval()
        made = {}
        for name, seed in (("fake_b", 0), ("other", 1)):
            unknown = torch.full((1, len(TEXTURED)), torch.nan, device=a.device)
            style = net.draw_style(seed, 1.0, unknown).expand(len(a), -1)
            made[name] = net(self.precision.images(expected), style, seed)[:, :3].clamp(-1, 1)
        net.train(was_training)
        large = F.interpolate(expected[:, :3], size=MADE_PX, mode="bicubic").clamp(-1, 1)
        drawing = F.interpolate(a[:, :1].float(), size=MADE_PX).expand(-1, 3, -1, -1)
        return {
            "a": drawing,
            "expected": large,
            **made,
            "b": before_wall(b[:, :3].float(), b[:, 3:4].float())[:, :3],
        }


def before_wall(colours: Tensor, parts: Tensor) -> Tensor:
    """Colours (B, 3, S, S), and person, … (B, C, S, S), in [-1, 1] → the same, the person before
    the wall.
    """
    person = 0.5 + 0.5 * parts[:, :1]
    return torch.cat([colours * person + render.WALL * (1 - person), parts], dim=1)


def seen(colours: Tensor, person: Tensor, walls: Tensor, by: list[int]) -> Tensor:
    """Colours (B, 3, S, S) and person (B, 1, S, S), in [-1, 1], for the discriminator: before
    another wall, moved.
    """
    return torch.roll(colours + (0.5 - 0.5 * person) * walls, by, (2, 3))


def _float(tensors: Sequence[Tensor]) -> list[Tensor]:
    """The tensors in float32."""
    return [tensor.float() for tensor in tensors]


def _mean(values: Any) -> Tensor:
    values = list(values)
    return sum(values) / len(values)
