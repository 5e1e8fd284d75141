"""The pixel work of choosing from the bank, in the order in which it runs; as `faces.stages`.

`Weighed` reads a drawing and weighs all entries by it; `Alike` says who looks like whom; `OfEntry`
gives what is known of the entry that was chosen, and `Placed` lays its picture into the drawn
shape.

Shapes: as in `networks.chooser`; P = 256 pixels of drawings and answers, C = 320 of an entry's
picture, which has the mean shape's frame in its middle.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from s2f_studio.attributes import WORN
from s2f_studio.drawings import plane
from s2f_studio.drawings.mesh import FACE_PX, MEAN_PX, NUM_POINTS
from s2f_studio.faces.looks import LOOKS, NUM_VALUES, SPANS, place
from s2f_studio.faces.networks.chooser import (
    NUM_SHAPE,
    Chooser,
    hair_weight,
    normalised,
    overlap,
    sharpened,
)
from s2f_studio.faces.stages import ToMeanShape
from s2f_utils.infer.stages import F32, I64, U8

CANVAS_PX = 320
MARGIN_PX = (CANVAS_PX - FACE_PX) // 2
FOUND_SHARE = 0.8  # of the finder's mask of hair; the rest is the average face's
# In nats, the most that each kind of evidence adds to the logarithm of a weight.
OF_HAIR = 46.0  # between no overlap and the same hair
OF_SHAPE = 1.5  # for a mean squared difference of one standard deviation
OF_CODE = 3.0  # the same of appearance, for a careful drawing
# Factors of the logarithm of what the reader says. What is worn is drawn or not; the others are
# often a matter of taste.
OF_LOOKS = {
    "age": 6.0,
    "presents": 1.6,
    "glasses": 9.0,
    "hat": 6.0,
    "beard": 6.0,
    "length": 2.0,
    "texture": 4.0,
    "fringe": 1.0,
    "lips": 3.0,
}
OF_BALD = 5.0  # the same of a bald head, for which no overlap of hair speaks
SURE = 0.01, 0.99  # neither reader nor finder counts as surer of what is worn
FEWER = {"hat": 1.2}  # nats: hats are rarer than in the drawings that the reader learned from
# Added to probabilities: what is rare is not seen in every scrawl; less for what is worn.
UNSURE, UNSURE_WORN = 0.05, 0.02
# Of CIELAB: how much further off than the nearest asked tones may be.
SKIN_OFF, HAIR_OFF = 1.8, 4.0
MOST_SKIN, MOST_TONE = 60.0, 60.0  # nats that another tone of skin, of hair, loses at the most
UNKNOWN_OFF = 45.0  # of CIELAB: where hair is not seen
NUM_SEEN = 48  # components of appearance that are compared
CHILD_FROM = math.log(0.95)  # what the reader must say at least for children to answer
NEVER = -60.0
# Coherence of strokes in drawn hair: of drawings of straight hair a tenth is below .6, of curly
# hair half. Below the first, each step is a nat for "curly".
LOOSE, LOOSE_STEP, MOST_CURLS = 0.48, 0.05, 4.0
LEAST_INK = 0.08  # share of ink in the hair from which strokes say anything
CRUDE = 0.3, 0.8  # where a drawing's hair and shape begin to count less, and where they count least
LEFT = 0.85  # how much they count there


class Weighed(nn.Module):
    """In: picture uint8 (N, P, P, 3) and points (N, 164, 2), its pixels; parts (N, 2, P, P), the
    finder's person and hair; expected (N, 5, S, S), the average face; code (N, K) of it; shape (N,
    B); crude (N,); worn (N, 3), the finder's probabilities of `WORN`; asked (N, V), nats for each
    value of looks that are asked for, NaN for others; tones (N, 6), CIELAB of skin and hair that
    are asked for, NaN for others. Out: weights (N, 2 E), in nats, of all entries and then of their
    mirror images; looks (N, V), logarithms of probabilities; hair (N, H, H), the drawn hair in the
    mean shape.
    """

    outputs = ("weights", "looks", "hair")

    def __init__(self, net: Chooser) -> None:
        super().__init__()
        self.net, self.to_mean_shape, self.curls = net, ToMeanShape(), Curls()
        factors = torch.cat([torch.full((len(LOOKS[name]),), OF_LOOKS[name]) for name in SPANS])
        factors[place("length", "bald")] = OF_BALD
        self.register_buffer("factors", factors, persistent=False)
        unsure = torch.full((NUM_VALUES,), UNSURE)
        for name in WORN:
            unsure[SPANS[name]] = UNSURE_WORN
        self.register_buffer("unsure", unsure, persistent=False)
        self.register_buffer("area", hair_weight(), persistent=False)
        # Who does not show a look, such as the texture of hidden hair, may have any of its values.
        shown = net.looks.clone()
        for span in SPANS.values():
            unknown = shown[:, span].sum(1) == 0
            shown[unknown, span] = 1 / (span.stop - span.start)
        self.register_buffer("shown", shown, persistent=False)
        self.inputs = {
            "picture": (U8, FACE_PX, FACE_PX, 3),
            "points": (F32, NUM_POINTS, 2),
            "parts": (F32, 2, FACE_PX, FACE_PX),
            "expected": (F32, 5, MEAN_PX, MEAN_PX),
            "code": (F32, net.codes.shape[1]),
            "shape": (F32, NUM_SHAPE),
            "crude": (F32,),
            "worn": (F32, len(WORN)),
            "asked": (F32, NUM_VALUES),
            "tones": (F32, 6),
        }

    def forward(
        self,
        picture: Tensor,
        points: Tensor,
        parts: Tensor,
        expected: Tensor,
        code: Tensor,
        shape: Tensor,
        crude: Tensor,
        worn: Tensor,
        asked: Tensor,
        tones: Tensor,
    ) -> tuple[Tensor, Tensor, Tensor]:
        looks, hair = self.read(picture, points, parts, expected, worn)
        evidence = self.evidence(looks, hair, code, shape, crude, asked, tones)
        return sum(evidence.values()), looks, hair

    def read(
        self, picture: Tensor, points: Tensor, parts: Tensor, expected: Tensor, worn: Tensor
    ) -> tuple[Tensor, Tensor]:
        """What a drawing shows: looks and hair, as in the results."""
        ink, where = self.to_mean_shape(picture, points)
        in_mean = plane.taken(F.avg_pool2d(parts, FACE_PX // MEAN_PX), where)
        looks = self.net(torch.cat([0.5 - 0.5 * ink, in_mean], dim=1))
        looks = self.curls(with_worn(looks, worn), 0.5 - 0.5 * ink, in_mean[:, 1:])
        hair = FOUND_SHARE * in_mean[:, 1:] + (1 - FOUND_SHARE) * expected[:, 4:]
        return looks, sharpened(F.avg_pool2d(hair, 2)[:, 0])

    def evidence(
        self,
        looks: Tensor,
        hair: Tensor,
        code: Tensor,
        shape: Tensor,
        crude: Tensor,
        asked: Tensor,
        tones: Tensor,
    ) -> dict[str, Tensor]:
        """What speaks for each entry and its mirror image, by kind: (N, 2 E) each.

        "offsets" is how well an entry's picture looks, and how much it is held back.
        """
        firm = ((CRUDE[1] - crude) / (CRUDE[1] - CRUDE[0])).clamp(0, 1)
        firm = (LEFT + (1 - LEFT) * firm)[:, None]
        careful = (1 - crude)[:, None]
        code = code[:, :NUM_SEEN]
        hairs = self.net.hair.flatten(1)
        of_hair = [overlap(own.flatten(1), hairs, self.area) for own in (hair, hair.flip(2))]
        shapes = self.net.shapes, self.net.mirrored_shapes
        of_shape = [squared(shape, one) / NUM_SHAPE for one in shapes]
        codes = self.net.codes, self.net.mirrored_codes
        of_code = [squared(code, one[:, :NUM_SEEN]) / NUM_SEEN for one in codes]
        of_looks = self.of_looks(looks, asked)
        wished = self.of_wishes(asked) + self.of_tones(tones)
        return {
            "looks": of_looks.repeat(1, 2),
            "asked": wished.repeat(1, 2),
            "offsets": self.net.offsets.expand_as(of_looks).repeat(1, 2),
            "hair": OF_HAIR * firm * torch.cat(of_hair, dim=1),
            "shape": -OF_SHAPE * firm * torch.cat(of_shape, dim=1),
            "face": -OF_CODE * careful * torch.cat(of_code, dim=1),
        }

    def of_looks(self, looks: Tensor, asked: Tensor) -> Tensor:
        """What the drawn looks add to each entry, but for those that are asked for: (N, E)."""
        more = (looks.exp() + self.unsure) / (self.net.prior.exp() + self.unsure)
        drawn = torch.where(asked.isnan(), self.factors * more.log(), torch.zeros_like(looks))
        child = place("age", "child")
        shut = torch.where(looks[:, child] > CHILD_FROM, 0.0, NEVER)
        return drawn @ self.net.looks.T + shut[:, None] * self.net.looks[:, child]

    def of_wishes(self, asked: Tensor) -> Tensor:
        """What asked looks add to each entry: (N, E)."""
        return torch.where(asked.isnan(), torch.zeros_like(asked), asked) @ self.shown.T

    def of_tones(self, tones: Tensor) -> Tensor:
        """What asked tones add to each entry: (N, E)."""
        skin = further_off(tones[:, :3], self.net.skin_tones) / SKIN_OFF
        hair = further_off(tones[:, 3:], self.net.hair_tones) / HAIR_OFF
        of_skin = skin.square().clamp_max(2 * MOST_SKIN)
        of_hair = hair.square().clamp_max(2 * MOST_TONE)
        return -0.5 * (of_skin + of_hair)


def further_off(tones: Tensor, others: Tensor) -> Tensor:
    """How much further each of others (E, 3), NaN where it is not known, is from asked tones (N, 3)
    than the nearest is, in units of CIELAB: (N, E); 0 where nothing is asked, NaN.

    So a tone that nobody has is no reason to leave the drawing out of account.
    """
    off = squared(tones.nan_to_num(0.0), others.nan_to_num(0.0)).clamp_min(1e-6).sqrt()
    off = torch.where(others.isnan().any(1), torch.full_like(off, UNKNOWN_OFF), off)
    off = off - off.amin(1, keepdim=True)
    return torch.where(tones[:, :1].isnan(), torch.zeros_like(off), off)


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


class Alike(nn.Module):
    """In: picked (N, E), 1 for who was picked. Out: off (N, E), the squared distance of each entry
    to the nearest pick; between all entries it is 1 in the mean.
    """

    outputs = ("off",)

    def __init__(self, net: Chooser) -> None:
        super().__init__()
        self.net = net
        self.inputs = {"picked": (F32, len(net.near))}

    def forward(self, picked: Tensor) -> Tensor:
        off = squared(self.net.near, self.net.near)
        return torch.where(picked[:, None] > 0, off[None], 1e6).amin(2)


class OfEntry(nn.Module):
    """In: entry int64 (N,); mirrored (N,), 0 or 1. Out: hair (N, H, H), shape (N, B), code (N, K),
    looks (N, V), 1 for what the entry shows, and tones (N, 6), CIELAB of skin and hair, NaN for
    hair that is not seen.
    """

    inputs = {"entry": (I64,), "mirrored": (F32,)}
    outputs = ("hair", "shape", "code", "looks", "tones")

    def __init__(self, net: Chooser) -> None:
        super().__init__()
        self.net = net

    def forward(
        self, entry: Tensor, mirrored: Tensor
    ) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        is_mirrored, hair = mirrored[:, None] > 0, self.net.hair[entry]
        return (
            torch.where(is_mirrored[..., None], hair.flip(2), hair),
            torch.where(is_mirrored, self.net.mirrored_shapes[entry], self.net.shapes[entry]),
            torch.where(is_mirrored, self.net.mirrored_codes[entry], self.net.codes[entry]),
            self.net.looks[entry],
            torch.cat([self.net.skin_tones[entry], self.net.hair_tones[entry]], dim=1),
        )


def squared(some: Tensor, others: Tensor) -> Tensor:
    """Squared distances of (N, D) and (E, D): (N, E)."""
    lengths = some.square().sum(1)[:, None] + others.square().sum(1)[None]
    return (lengths - 2 * some @ others.T).clamp_min(0.0)
