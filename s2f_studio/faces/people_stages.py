"""From what a drawing shows to a person, in the order in which it runs; as `faces.stages`.

`Read` says what is drawn, and `Guess` draws a person who could be meant; `faces.fitting` moves the
person towards what is drawn and asked for, and `Paint` paints the person.

Shapes: as in `networks.people`; P = 256 pixels of drawings, S = 128 of the mean shape's frame.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from s2f_studio.codes import NUM_DIRECTIONS
from s2f_studio.faces.fitting import NUM_CHANCES
from s2f_studio.faces.looks import NUM_VALUES, SPANS, place
from s2f_studio.faces.networks.people import HAIR_PX, NUM_FEATURES, NUM_SHAPE, People, normalised
from s2f_studio.faces.stages import ToMeanShape
from s2f_utils.infer import plane
from s2f_utils.infer.stages import F32, I64, U8, to_uint8
from s2f_utils.networks.mobile_stylegan import FULL_PX, MobileStyleGAN, PreviewHead
from s2f_utils.networks.noise import normal
from s2f_utils.pictures import mesh
from s2f_utils.pictures.attributes import WORN
from s2f_utils.pictures.mesh import FACE_PX, MEAN_PX, NUM_POINTS

# Neither reader nor finder counts as surer than this of what is worn.
SURE = 0.01, 0.99
FEWER = {"hat": 3.0}  # nats: hats are rarer than in the drawings that the reader learned from
# Coherence of strokes in drawn hair: of drawings of straight hair a tenth is below .6, of curly
# hair half. Below the first, each step is a nat for "curly".
LOOSE, LOOSE_STEP, MOST_CURLS = 0.48, 0.05, 4.0
LEAST_INK = 0.08  # share of ink in the hair from which strokes say anything
# A bald head: columns of the mean shape's frame in which lines above the brows are counted, from
# which ink on they are lines, how thick one line is, which share of columns has one line, and where
# it lies, from the frame's top.
FOREHEAD = slice(44, 85)
DRAWN_FROM, THIN_PX = 0.2, 6
ONE_LINE, LOW_PX, HIGH_PX, TOP_PX = (0.75, 0.92), 29.0, 26.0, 14.0
MOST_BALD = 6.0  # nats
STREAM, MIXING_STREAM = 3, 4  # of a seed's noise
NUM_FLOW_STEPS = 4
TURN = 2.0  # radians, the standard deviation of angles by which drawings turn a seed's noise
FULL_FROM = 0.4  # the temperature from which on chances are even; at 0 they are .5 for every seed


class Read(nn.Module):
    """In: picture uint8 (N, P, P, 3) and points (N, 164, 2), its pixels; parts (N, 2, P, P), the
    finder's person and hair; shape (N, B); lips (N, 2), gap and smile; crude (N,); worn (N, 3), the
    finder's probabilities of `WORN`. Out: looks (N, V), logarithms of probabilities; hair (N, H *
    H), the drawn hair in the mean shape; features (N, F).
    """

    inputs = {
        "picture": (U8, FACE_PX, FACE_PX, 3),
        "points": (F32, NUM_POINTS, 2),
        "parts": (F32, 2, FACE_PX, FACE_PX),
        "shape": (F32, NUM_SHAPE),
        "lips": (F32, 2),
        "crude": (F32,),
        "worn": (F32, len(WORN)),
    }
    outputs = ("looks", "hair", "features")

    def __init__(self, net: People) -> None:
        super().__init__()
        self.net, self.to_mean_shape = net, ToMeanShape()
        self.curls, self.bald = Curls(), Bald()

    def forward(
        self,
        picture: Tensor,
        points: Tensor,
        parts: Tensor,
        shape: Tensor,
        lips: Tensor,
        crude: Tensor,
        worn: Tensor,
    ) -> tuple[Tensor, Tensor, Tensor]:
        paper, where = self.to_mean_shape(picture, points)
        in_mean = plane.taken(F.avg_pool2d(parts, FACE_PX // MEAN_PX), where)
        looks = self.looks_of(0.5 - 0.5 * paper, in_mean, worn)
        masks = F.avg_pool2d(in_mean, MEAN_PX // HAIR_PX)
        features = self.net.features(looks, masks, shape, lips, crude)
        haired = 1 - looks[:, place("length", "bald"), None].exp()
        return looks, haired * masks[:, 1].flatten(1), features

    def looks_of(self, ink: Tensor, parts: Tensor, worn: Tensor) -> Tensor:
        """Looks (N, V) of ink (N, 1, S, S) and parts (N, 2, S, S) in the mean shape."""
        looks = self.net(torch.cat([ink, parts], dim=1))
        return self.bald(self.curls(with_worn(looks, worn), ink, parts[:, 1:]), ink)


def with_worn(looks: Tensor, worn: Tensor) -> Tensor:
    """Looks (N, V) in which the logit of something being worn is the mean of the reader's and the
    finder's (N, 3), which learned from many more drawings; neither counts as surer than `SURE`, and
    what is rarer than in the reader's drawings loses `FEWER`.
    """
    parts = []
    for name, span in SPANS.items():
        values = looks[:, span]
        if name in WORN:
            none, some = values[:, :1], values[:, 1:]
            any_of_them = some.logsumexp(1, keepdim=True)
            score = worn[:, WORN.index(name), None].clamp(*SURE)
            least, most = math.log(SURE[0] / SURE[1]), math.log(SURE[1] / SURE[0])
            read = (any_of_them - none).clamp(least, most)
            logit = 0.5 * (read + torch.log(score / (1 - score))) - FEWER.get(name, 0.0)
            values = torch.cat(
                [F.logsigmoid(-logit), F.logsigmoid(logit) + some - any_of_them], dim=1
            )
        parts.append(values)
    return torch.cat(parts, dim=1)


class Curls(nn.Module):
    """Looks (N, V) that say "curly" more surely where the strokes in the drawn hair have no common
    direction: loops and scribbles. ink, hair: (N, 1, S, S), from 0 to 1.
    """

    def __init__(self) -> None:
        super().__init__()
        curly = torch.zeros(NUM_VALUES)
        curly[place("texture", "curly")] = 1.0
        self.register_buffer("curly", curly, persistent=False)
        sobel = torch.tensor([[-1.0, 0.0, 1.0], [-2.0, 0.0, 2.0], [-1.0, 0.0, 1.0]]) / 8
        self.register_buffer("sobel", torch.stack([sobel, sobel.T])[:, None], persistent=False)

    def forward(self, looks: Tensor, ink: Tensor, hair: Tensor) -> Tensor:
        coherence, density = self.coherence_of(ink, hair)
        more = ((LOOSE - coherence) / LOOSE_STEP).clamp(0.0, MOST_CURLS)
        more = torch.where(density > LEAST_INK, more, torch.zeros_like(more))
        return normalised(looks + more[:, None] * self.curly)

    def coherence_of(self, ink: Tensor, hair: Tensor) -> tuple[Tensor, Tensor]:
        """How far the strokes in the hair run in one direction from place to place, from 0 to 1, by
        the structure tensor; and the share of ink there: (N,) each.
        """
        smooth = F.pad(plane.blurred(ink, 0.7), (1, 1, 1, 1), mode="reflect")
        across, down = F.conv2d(smooth, self.sobel).split(1, dim=1)
        products = torch.cat([across * across, down * down, across * down], dim=1)
        xx, yy, xy = plane.blurred(products, 2.5).split(1, dim=1)
        inside = (hair > 0.5).float()
        directed = (((xx - yy).square() + 4 * xy.square()).sqrt() * inside).sum((1, 2, 3))
        every = ((xx + yy) * inside).sum((1, 2, 3))
        drawn = (ink * inside).sum((1, 2, 3)) / (inside.sum((1, 2, 3)) + 1)
        return directed / (every + 1e-4), drawn


class Bald(nn.Module):
    """Looks (N, V) that say "bald" more surely where a head is drawn by one line, high above the
    brows, with nothing below it. ink: (N, 1, S, S), from 0 to 1.

    A low line is a head whose hair was not drawn: it says nothing.
    """

    def __init__(self) -> None:
        super().__init__()
        bald = torch.zeros(NUM_VALUES)
        bald[place("length", "bald")] = 1.0
        self.register_buffer("bald", bald, persistent=False)
        mean = mesh.mean_shape(MEAN_PX)
        brows = [mean[mesh.PARTS[name], 1].min() for name in ("left_brow", "right_brow")]
        self.bottom = int(min(brows)) - 5
        rows = torch.arange(self.bottom, dtype=torch.float32)
        self.register_buffer("rows", rows.view(1, -1, 1), persistent=False)

    def forward(self, looks: Tensor, ink: Tensor) -> Tensor:
        return normalised(looks + self.nats(ink)[:, None] * self.bald)

    def nats(self, ink: Tensor) -> Tensor:
        """What the lines above the brows say for a bald head: (N,), from 0 to `MOST_BALD`."""
        drawn = (ink[:, 0, : self.bottom, FOREHEAD] > DRAWN_FROM).float()
        beginnings = F.relu(drawn - F.pad(drawn, (0, 0, 1, 0))[:, :-1]).sum(1)
        thickness = drawn.sum(1)
        one_line = ((beginnings <= 1) & (thickness <= THIN_PX)).float().mean(1)
        height = (drawn * self.rows).sum((1, 2)) / drawn.sum((1, 2)).clamp_min(1.0)
        is_one = ((one_line - ONE_LINE[0]) / (ONE_LINE[1] - ONE_LINE[0])).clamp(0, 1)
        is_high = ((LOW_PX - height) / (LOW_PX - HIGH_PX)).clamp(0, 1)
        is_there = (height > TOP_PX).float()  # higher is cut off, or nothing is drawn
        return MOST_BALD * is_one * is_high * is_there


class Guess(nn.Module):
    """In: features (N, F); seed int64 (N,); temperature (N,), of the spread; guidance (N,), how
    much the drawing decides. Out: code (N, K), a person who could be meant; chances (N, 4), from 0
    to 1, by which `fitting.Aim` decides what the drawing leaves open.

    One seed is another person for each drawing: its noise is turned between two independent noises
    by angles that the drawing decides, so that two drawings that leave all open do not have one
    answer. Over all seeds the noise of each drawing is standard normal. A stroke more turns it
    little. The flow leads from this noise to a person; guidance is classifier-free (Ho and Salimans
    2022): without it people are as they are in general.
    """

    inputs = {
        "features": (F32, NUM_FEATURES),
        "seed": (I64,),
        "temperature": (F32,),
        "guidance": (F32,),
    }
    outputs = ("code", "chances")

    def __init__(self, net: People) -> None:
        super().__init__()
        self.net = net
        rows = torch.arange(NUM_FEATURES - 1)
        mixing = normal(rows, NUM_DIRECTIONS + NUM_CHANCES, MIXING_STREAM)
        mixing = TURN * mixing / (NUM_FEATURES - 1) ** 0.5
        self.register_buffer("mixing", mixing, persistent=False)

    def forward(
        self, features: Tensor, seed: Tensor, temperature: Tensor, guidance: Tensor
    ) -> tuple[Tensor, Tensor]:
        one, other = normal(seed, 2 * (NUM_DIRECTIONS + NUM_CHANCES), STREAM).chunk(2, dim=1)
        angles = features[:, :-1] @ self.mixing
        noise = one * angles.cos() + other * angles.sin()
        away, chances = noise.split([NUM_DIRECTIONS, NUM_CHANCES], dim=1)
        code = self.person_of(temperature[:, None] * away, features, guidance)
        chances = chances * (temperature / FULL_FROM).clamp(max=1)[:, None]
        return code, 0.5 + 0.5 * torch.erf(chances / 2**0.5)

    def person_of(self, code: Tensor, features: Tensor, guidance: Tensor) -> Tensor:
        """Where the flow leads noise (N, K), by steps that take the velocity in their middle."""
        step = 1 / NUM_FLOW_STEPS
        for number in range(NUM_FLOW_STEPS):
            begins = torch.full_like(guidance, number * step)
            middle = code + step / 2 * self.velocity(code, begins, features, guidance)
            code = code + step * self.velocity(middle, begins + step / 2, features, guidance)
        return code

    def velocity(self, code: Tensor, time: Tensor, features: Tensor, guidance: Tensor) -> Tensor:
        """The velocity (N, K), guided by the drawing."""
        nothing = F.pad(torch.zeros_like(features[:, :-1]), (0, 1), value=1.0)
        without = self.net.velocity_of(code, time, nothing)
        drawn = self.net.velocity_of(code, time, features)
        return without + guidance[:, None] * (drawn - without)


class Paint(nn.Module):
    """In: code (N, K). Out: picture uint8 (N, side, side, 3). side_px: 512 or 1024."""

    inputs = {"code": (F32, NUM_DIRECTIONS)}
    outputs = ("picture",)

    def __init__(self, net: People, generator: MobileStyleGAN, side_px: int = FULL_PX) -> None:
        super().__init__()
        self.net, self.generator, self.side_px = net, generator, side_px

    def forward(self, code: Tensor) -> Tensor:
        return to_uint8(self.generator(self.net.to_w(code), self.side_px))


class Preview(nn.Module):
    """In: code (N, K). Out: picture uint8 (N, 256, 256, 3), in a quarter of the time."""

    inputs = {"code": (F32, NUM_DIRECTIONS)}
    outputs = ("picture",)

    def __init__(self, net: People, generator: MobileStyleGAN, head: PreviewHead) -> None:
        super().__init__()
        self.net, self.generator, self.head = net, generator, head

    def forward(self, code: Tensor) -> Tensor:
        return to_uint8(self.head.paint(self.generator, self.net.to_w(code)))
