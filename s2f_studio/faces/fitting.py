"""Moves a person of the generator towards what a drawing shows, and towards what is asked for.

What a code shows is known without painting anybody (`networks.people`), so all of this takes
milliseconds. `Aim` says what should be shown, `Fit` moves there and stays near where it was, and
`Edit` changes what is asked for and leaves the rest of the person alone.

Shapes: as in `networks.people`.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from s2f_studio.codes import NUM_DIRECTIONS, STEPS
from s2f_studio.faces.looks import NUM_VALUES, SPANS, TRAITS
from s2f_studio.faces.networks.people import HAIR_PX, NUM_SHAPE, People
from s2f_utils.infer.stages import F32
from s2f_utils.pictures.attributes import WORN

NUM_TRAITS = len(TRAITS)
OF_TONES = TRAITS[-6:]
CHILD_FROM = 0.95  # the probability from which on a drawing surely shows a child
OLD_FROM = 0.5  # the same of an old person: nobody is old by default
YEARS = (9.0, 30.0, 43.0, 67.0)  # that stand for the groups of ages
BALD_FROM = 0.4
WOMEN_UNREAD = 3.0  # odds: two thirds of the people whom the reader learned from were men
# CIELAB of six tones of skin, from light to dark, and how often each is drawn where it is open.
SKIN_TONES = (
    (79.0, 13.0, 12.0),
    (73.0, 16.0, 16.0),
    (66.0, 18.0, 19.0),
    (58.0, 19.0, 21.0),
    (53.0, 19.0, 21.0),
    (47.0, 17.0, 18.0),
)
SKIN_SHARES = (0.2, 0.2, 0.2, 0.15, 0.13, 0.12)
# The same of hair: black, dark brown, brown, fair, blond, red, grey.
HAIR_TONES = (
    (11.0, 3.0, 2.0),
    (18.0, 6.0, 6.0),
    (28.0, 9.0, 12.0),
    (42.0, 9.0, 18.0),
    (57.0, 6.0, 20.0),
    (36.0, 19.0, 23.0),
    (55.0, 1.0, 3.0),
)
HAIR_SHARES = (0.27, 0.24, 0.21, 0.1, 0.08, 0.04, 0.06)
GREY_FROM_YEARS = 55.0  # older people's hair is grey
WORN_AIM = {"glasses": 1.1, "beard": 1.1, "hat": 0.75}
NUM_CHANCES = 4  # of sex, age, skin, hair
# Weights of the fit.
OF_HAIR, OF_SHAPE, OF_BUSY, OF_START = 16.0, 0.175, 4.0, 1 / 60
OF_AGE, OF_SEX, OF_SKIN, OF_HAIR_TONE = 1.2, 1.0, 0.6, 0.12
OF_OLD = 2.0  # more for an age that is surely drawn
OPEN_FROM = 0.08  # a gap between lips that no closed mouth has
OF_CLOSED = 2.0  # more for lips that are surely drawn closed
OF_HAIR_GIVEN = 2.5  # of somebody's code, which has come near to drawn hair before
GIVEN_MOVES = 0.4  # how much of its way somebody's code moves, so that the person stays
NUM_SHAPE_FITTED = 12
PLAIN = 2.65  # "busy" of a plain wall
BRIGHT = 52.0  # "wall" of one that is not dark
NUM_STEPS = 70
EMPTY = 3.0  # pixels: two masks with hardly more are alike
LONGEST = 11.5  # codes that are longer are faces that fall apart
LONGEST_EDITED = 12.5
# Weights of an edit: of what is asked for, of what should stay, and of the way from the person.
OF_ASKED, OF_OTHERS, OF_SHAPE_KEPT, OF_HAIR_KEPT, OF_WAY = 2.0, 0.5, 0.15, 0.06, 0.15
EDIT_MOMENTUM = 0.75
# What changes together: who is asked for one may change in the others, by this share.
TOGETHER = (
    ("teeth", "gap", "smile"),
    ("hair_length", "curls", "fringe", "hat"),
    ("busy", "wall"),
    ("skin_l", "skin_a", "skin_b"),
    ("hair_l", "hair_a", "hair_b"),
)
FREED: dict[str, dict[str, float]] = {
    name: dict.fromkeys(group, 1.0) for group in TOGETHER for name in group
}
FREED["presents"] = {"beard": 1.0, "hair_length": 0.8}
# What else an edit changes: the mask of hair, the shape of the face, and who it is. Nobody is the
# same at another age without a change.
FREES_HAIR = dict.fromkeys(("hair_length", "curls", "fringe", "hat", "beard"), 1.0)
FREES_HAIR["presents"] = 0.7
FREES_SHAPE = dict.fromkeys(("teeth", "gap", "smile", "age", "presents"), 1.0)
FREES_IDENTITY = {"age": 0.8, "presents": 1.0}


class Aim(nn.Module):
    """What a person should show: traits (N, T) in standard deviations, and how much each matters
    (N, T). Where a drawing leaves sex, age, skin or the colour of hair open, chances decide.
    """

    def __init__(self, net: People) -> None:
        super().__init__()
        self.net = net
        self.register_buffer("skins", torch.tensor(SKIN_TONES), persistent=False)
        self.register_buffer("hairs", torch.tensor(HAIR_TONES), persistent=False)
        self.register_buffer("years", torch.tensor(YEARS).log(), persistent=False)

    def forward(
        self, looks: Tensor, lips: Tensor, crude: Tensor, chances: Tensor
    ) -> tuple[Tensor, Tensor]:
        shown = {name: looks[:, span].exp() for name, span in SPANS.items()}
        steady = 1 - 0.5 * crude
        # Trait: (what it should be, how much that matters).
        aims: dict[str, tuple[Tensor, Tensor]] = {}
        old = shown["age"][:, 3]
        aims["age"] = self.age(shown["age"], chances[:, 0]), OF_AGE + OF_OLD * F.relu(2 * old - 1)
        aims["presents"] = (
            presents(shown["presents"], chances[:, 1]),
            torch.full_like(crude, OF_SEX),
        )
        for name in WORN:
            worn = 1 - shown[name][:, 0]
            aims[name] = WORN_AIM[name] * (worn > 0.5).float(), 0.75 * (2 * worn - 1).abs()
        aims["hair_length"] = length_of(shown["length"])
        curls = shown["texture"] @ torch.arange(3.0, device=crude.device)
        aims["curls"] = 1.2 * curls, 0.75 * (shown["texture"].amax(1) - 1 / 3)
        fringe = shown["fringe"][:, 1]
        aims["fringe"] = 1.1 * (fringe > 0.5).float(), 0.5 * (2 * fringe - 1).abs()
        closed = F.relu(2 * shown["lips"][:, 0] - 1) * (1 - lips[:, 0] / OPEN_FROM).clamp(0, 1)
        aims["teeth"] = (1 - closed) * shown["lips"][:, 2], 0.25 + OF_CLOSED * closed
        aims["gap"] = (1 - closed) * lips[:, 0], 0.75 * steady + OF_CLOSED * closed
        aims["smile"] = lips[:, 1], 0.75 * steady
        skin = drawn_from(self.skins, SKIN_SHARES, chances[:, 2])
        hair = drawn_from(self.hairs, HAIR_SHARES, chances[:, 3])
        is_grey = aims["age"][0] > math.log(GREY_FROM_YEARS)
        hair = torch.where(is_grey[:, None], self.hairs[-1], hair)
        for n, axis in enumerate("lab"):
            aims[f"skin_{axis}"] = skin[:, n], torch.full_like(crude, OF_SKIN)
            aims[f"hair_{axis}"] = hair[:, n], torch.full_like(crude, OF_HAIR_TONE)
        return self.in_deviations(aims, crude)

    def in_deviations(
        self, aims: dict[str, tuple[Tensor, Tensor]], like: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Aims by name as traits in standard deviations and their weights; 0 for the others."""
        nothing = torch.zeros_like(like)
        wanted, weights = [], []
        for n, name in enumerate(TRAITS):
            value, weight = aims.get(name, (nothing + self.net.traits_mean[n], nothing))
            wanted.append((value - self.net.traits_mean[n]) / self.net.traits_deviation[n])
            weights.append(weight)
        return torch.stack(wanted, dim=1), torch.stack(weights, dim=1)

    def age(self, shown: Tensor, chance: Tensor) -> Tensor:
        """The logarithm of years: (N, 4) and (N,) → (N,). A child is meant only where one is surely
        drawn, somebody old where that is likely.
        """
        child, young, middle, old = shown.unbind(1)
        old = torch.where(old > OLD_FROM, old, torch.zeros_like(old))
        young, middle, old = (group.square() for group in (young, middle, old))
        adults = young + middle + old
        from_young, from_middle = young / adults, (young + middle) / adults
        group = 1 + (chance > from_young).long() + (chance > from_middle).long()
        group = torch.where(child > CHILD_FROM, torch.zeros_like(group), group)
        return self.years[group]


def drawn_from(tones: Tensor, shares: tuple[float, ...], chance: Tensor) -> Tensor:
    """One of the tones (M, 3) for each chance, (N,) from 0 to 1: (N, 3)."""
    ends = torch.tensor(shares, device=chance.device).cumsum(0)[:-1]
    return tones[(chance[:, None] > ends).sum(1)]


def presents(shown: Tensor, chance: Tensor) -> Tensor:
    """From 0, as a man, to 1, as a woman: (N, 2) and (N,) → (N,)."""
    man, woman = shown.unbind(1)
    woman = WOMEN_UNREAD * woman
    return (chance < woman / (man + woman)).float()


def length_of(shown: Tensor) -> tuple[Tensor, Tensor]:
    """The length of hair, from 0 to 4, and how much it matters: (N, 5) → (N,) each."""
    bald = shown[:, 0] > BALD_FROM
    usual = shown @ torch.arange(5.0, device=shown.device)
    length = torch.where(bald, torch.full_like(usual, -0.3), usual)
    return length, torch.where(bald, torch.full_like(usual, 1.0), torch.full_like(usual, 0.35))


class Fit(nn.Module):
    """In: code (N, K); hair (N, H * H), looks (N, V), shape (N, B), lips (N, 2), crude (N,), all of
    the drawing; chances (N, 4), which decide what the drawing leaves open; firmness (N,) of the
    drawn shape, 1 as usual; is_given (N,), 1 for somebody's code, whose shape, sex, age and skin
    stay. Out: code (N, K), near where it was.

    Gradient descent on a sum of squares and the overlap of hair, whose gradient is written out and
    multiplied by a constant matrix, close to the inverse of the sum's curvature.
    """

    inputs = {
        "code": (F32, NUM_DIRECTIONS),
        "hair": (F32, HAIR_PX**2),
        "looks": (F32, NUM_VALUES),
        "shape": (F32, NUM_SHAPE),
        "lips": (F32, 2),
        "crude": (F32,),
        "chances": (F32, NUM_CHANCES),
        "firmness": (F32,),
        "is_given": (F32,),
    }
    outputs = ("code",)

    def __init__(self, net: People) -> None:
        super().__init__()
        self.net, self.aim = net, Aim(net)
        given = torch.ones(NUM_TRAITS)
        for name in ("age", "presents", *OF_TONES):
            given[TRAITS.index(name)] = 0.0
        self.register_buffer("given", given, persistent=False)
        for name, limit, value in (("busy", "plain", PLAIN), ("wall", "bright", BRIGHT)):
            which = torch.zeros(NUM_TRAITS)
            which[TRAITS.index(name)] = 1.0
            scaled = (value - net.traits_mean.cpu()) / net.traits_deviation.cpu()
            self.register_buffer(f"is_{name}", which, persistent=False)
            self.register_buffer(limit, scaled, persistent=False)

    def forward(
        self,
        code: Tensor,
        hair: Tensor,
        looks: Tensor,
        shape: Tensor,
        lips: Tensor,
        crude: Tensor,
        chances: Tensor,
        firmness: Tensor,
        is_given: Tensor,
    ) -> Tensor:
        wanted, weights = self.aim(looks, lips, crude, chances)
        weights = weights * torch.lerp(torch.ones_like(self.given), self.given, is_given[:, None])
        firm = (OF_SHAPE * firmness * (1 - 0.5 * crude) * (1 - is_given))[:, None]
        of_hair = (OF_HAIR + (OF_HAIR_GIVEN - OF_HAIR) * is_given)[:, None]
        shape = shape[:, :NUM_SHAPE_FITTED]
        start = code
        unfitted = torch.zeros_like(crude)[:, None].expand(-1, NUM_SHAPE - NUM_SHAPE_FITTED)
        for _ in range(NUM_STEPS):
            traits, own_shape, own_hair, hidden = self.net.shown_by(code)
            by_traits = self.trait_slope(traits, wanted, weights)
            by_shape = 2 * firm * (own_shape[:, :NUM_SHAPE_FITTED] - shape)
            by_mask = self.hair_slope(self.net.mask_of(own_hair), hair)
            by_hair = of_hair * by_mask @ self.net.hair_components.T
            by_shown = torch.cat([by_traits, by_shape, unfitted, by_hair], dim=1)
            slope = self.net.slope_of(by_shown, hidden) + 2 * OF_START * (code - start)
            code = code - slope @ self.net.descent
        stays = (1 - GIVEN_MOVES) * is_given[:, None]
        return shortened(torch.lerp(code, start, stays), LONGEST)

    def trait_slope(self, traits: Tensor, wanted: Tensor, weights: Tensor) -> Tensor:
        """The gradient of the traits' misfit, and of busy or dark walls, by each trait: (N, T)."""
        of_busy = 2 * OF_BUSY * F.relu(traits - self.plain) * self.is_busy
        of_wall = 2 * F.relu(self.bright - traits) * self.is_wall
        return 2 * weights * (traits - wanted) + of_busy - of_wall

    def hair_slope(self, own: Tensor, drawn: Tensor) -> Tensor:
        """The gradient of 1 - IoU by each pixel of the mask of hair, 0 where it is clamped: (N, H *
        H). own: not clamped yet.
        """
        is_free = ((own > 0) & (own < 1)).float()
        own = own.clamp(0, 1)
        both = (own * drawn).sum(1, keepdim=True) + EMPTY
        either = (own + drawn - own * drawn).sum(1, keepdim=True) + EMPTY
        return is_free * (both * (1 - drawn) - either * drawn) / either.square()


def shortened(code: Tensor, longest: float) -> Tensor:
    """Codes (N, K) of at most this length."""
    length = code.square().sum(1, keepdim=True).sqrt()
    return code * (longest / length.clamp_min(1e-6)).clamp(max=1)


class Edit(nn.Module):
    """The same person, changed. In: code (N, K); asked (N, T), the traits that are asked for, NaN
    for the others. Out: code (N, K), in steps that a text can hold (`codes`); traits (N, T), what
    this code shows.

    Gradient descent as in `Fit`, on the misfit of what is asked for, on changes of what should stay
    (other traits, shape, hair), and on the way itself: long where it leads to somebody else in the
    eyes of a recogniser. Traits count by the linear map and with the hidden layer, which alone can
    be fooled.
    """

    inputs = {"code": (F32, NUM_DIRECTIONS), "asked": (F32, NUM_TRAITS)}
    outputs = ("code", "traits")

    def __init__(self, net: People) -> None:
        super().__init__()
        self.net = net
        freed = torch.eye(NUM_TRAITS)
        for name, others in FREED.items():
            for other, share in others.items():
                freed[TRAITS.index(name), TRAITS.index(other)] = share
        buffers = {
            "is_age": named({"age": 1.0}),
            "freed": freed,
            "frees_hair": named(FREES_HAIR),
            "frees_shape": named(FREES_SHAPE),
            "frees_identity": named(FREES_IDENTITY),
        }
        for name, values in buffers.items():
            self.register_buffer(name, values, persistent=False)

    def forward(self, code: Tensor, asked: Tensor) -> tuple[Tensor, Tensor]:
        is_asked = (~asked.isnan()).float()
        wanted = (asked - self.net.traits_mean) / self.net.traits_deviation
        wanted = torch.where(asked.isnan(), torch.zeros_like(wanted), wanted)
        of_asked = OF_ASKED * is_asked
        of_others = OF_OTHERS * self.kept(is_asked[:, :, None] * self.freed)
        of_shape = OF_SHAPE_KEPT * self.kept((is_asked * self.frees_shape)[:, :, None])
        of_hair = OF_HAIR_KEPT * self.kept((is_asked * self.frees_hair)[:, :, None])
        of_identity = self.kept((is_asked * self.frees_identity)[:, :, None])
        start, moved = code, torch.zeros_like(code)
        own_traits, own_shape, own_hair, _ = self.net.shown_by(start)
        own_linear = self.linear_traits(start)
        is_younger = self.is_age * is_asked * (wanted < own_traits).float()
        for _ in range(NUM_STEPS):
            traits, shape, hair, hidden = self.net.shown_by(code)
            linear = self.linear_traits(code)
            # Nobody becomes younger than asked for by either map.
            youngest = torch.minimum(traits, linear)
            misfit = [
                of_asked * (torch.lerp(found, youngest, is_younger) - wanted)
                + of_others * (found - own)
                for found, own in ((traits, own_traits), (linear, own_linear))
            ]
            by_shape = of_shape * (shape - own_shape)
            by_hair = of_hair * (hair - own_hair)
            slope = self.net.slope_of(torch.cat([misfit[0], by_shape, by_hair], dim=1), hidden)
            way = code - start
            slope = slope + misfit[1] @ self.net.linear()[0].T
            slope = slope + OF_WAY * (way + of_identity * way @ self.net.identity)
            moved = EDIT_MOMENTUM * moved - 2 * slope @ self.net.edit_descent
            code = code + moved
        code = shortened(code, LONGEST_EDITED)
        code = (code * STEPS).round().clamp(-127, 127) / STEPS
        traits = self.net.traits_of(code) * self.net.traits_deviation + self.net.traits_mean
        return code, traits

    def kept(self, freed: Tensor) -> Tensor:
        """What stays of something that each asked trait frees, (N, T, M), from 0 to 1: (N, M)."""
        return 1 - freed.amax(dim=1)

    def linear_traits(self, code: Tensor) -> Tensor:
        """Traits (N, T) by the linear map alone, which small changes of a code fool less."""
        return code @ self.net.linear()[0] + self.net.shown[-1, :NUM_TRAITS]


def named(values: dict[str, float]) -> Tensor:
    """A number for each trait, 0 for those that are not named: (T,)."""
    numbers = torch.zeros(NUM_TRAITS)
    for name, value in values.items():
        numbers[TRAITS.index(name)] = value
    return numbers
