"""A person is moved towards what is drawn and asked for: aims, the descent, edits. Nobody is
painted.
"""

from __future__ import annotations

import copy
import functools
import math

import numpy as np
import pytest
import torch

from s2f_studio import codes
from s2f_studio import shipped as files
from s2f_studio.faces import asked, fitting
from s2f_studio.faces.fitting import Aim, Edit, Fit
from s2f_studio.faces.looks import NUM_VALUES, SPANS, TRAITS, place
from s2f_studio.faces.networks.people import normalised
from s2f_studio.page.page import SHADES
from s2f_studio.request import DrawingRequest
from s2f_utils.networks import checkpoints
from s2f_utils.pictures.attributes import WORN

NUM = 8


@pytest.fixture(scope="module")
def net():
    return checkpoints.load_network(files.file_of(files.PEOPLE))[0].eval().requires_grad_(False)


@pytest.fixture(scope="module")
def given(shipped, readings):
    """A function of a drawing's name: what `Fit` takes, for seeds 0 to 7."""

    @functools.cache
    def starts_of(name: str) -> list[tuple[np.ndarray, np.ndarray]]:
        return [shipped.start_of(readings[name], DrawingRequest(seed=seed)) for seed in range(NUM)]

    def inputs(name: str, **changes: float) -> dict[str, torch.Tensor]:
        one = readings[name]
        own = {key: getattr(one, key) for key in ("hair", "looks", "shape", "lips", "crude")}
        own |= {"firmness": 1.0, "is_given": 0.0} | changes
        repeated = {key: np.stack([value] * NUM).astype(np.float32) for key, value in own.items()}
        first, chances = (np.stack(part) for part in zip(*starts_of(name), strict=True))
        every = {"code": first, "chances": chances, **repeated}
        return {key: torch.from_numpy(every[key]) for key in Fit.inputs}

    return inputs


def trait(net, code: torch.Tensor, name: str) -> torch.Tensor:
    n = TRAITS.index(name)
    return net.traits_of(code)[:, n] * net.traits_deviation[n] + net.traits_mean[n]


def overlap(net, code: torch.Tensor, drawn: torch.Tensor) -> torch.Tensor:
    own = net.hair_of(code)
    both = (own * drawn).sum(1) + fitting.EMPTY
    return both / ((own + drawn - own * drawn).sum(1) + fitting.EMPTY)


def misfit(fit: Fit, code: torch.Tensor, start: torch.Tensor, given: dict) -> torch.Tensor:
    """What `Fit` makes small, written as a sum for autograd: (N,)."""
    seen = (given[key] for key in ("looks", "lips", "crude", "chances"))
    wanted, weights = fit.aim(*seen)
    weights = torch.where(given["is_given"][:, None] > 0, weights * fit.given, weights)
    traits = fit.net.traits_of(code)
    busy, wall = (traits[:, TRAITS.index(name)] for name in ("busy", "wall"))
    plain, bright = (float(limit.max()) for limit in limits(fit))
    num = fitting.NUM_SHAPE_FITTED
    off = (fit.net.shape_of(code) - given["shape"])[:, :num].square().sum(1)
    is_given = given["is_given"]
    firm = fitting.OF_SHAPE * given["firmness"] * (1 - 0.5 * given["crude"]) * (1 - is_given)
    of_hair = torch.where(is_given > 0, fitting.OF_HAIR_GIVEN, fitting.OF_HAIR)
    return (
        (weights * (traits - wanted).square()).sum(1)
        + fitting.OF_BUSY * (busy - plain).clamp(min=0).square()
        + (bright - wall).clamp(min=0).square()
        + firm * off
        + of_hair * (1 - overlap(fit.net, code, given["hair"]))
        + fitting.OF_START * (code - start).square().sum(1)
    )


def limits(fit: Fit) -> list[torch.Tensor]:
    """Of a plain wall and a bright one, in standard deviations."""
    found = []
    for name, value in (("busy", fitting.PLAIN), ("wall", fitting.BRIGHT)):
        n = TRAITS.index(name)
        found.append((value - fit.net.traits_mean[n]) / fit.net.traits_deviation[n])
    return found


# The descent


@pytest.mark.parametrize("is_given", [0.0, 1.0])
def test_the_gradient_that_is_written_out_is_autograds(net, given, is_given, monkeypatch):
    plain = copy.deepcopy(net)
    plain.descent.copy_(torch.eye(codes.NUM_DIRECTIONS))
    fit, inputs = Fit(plain), given("glasses", firmness=2.0, is_given=is_given)
    monkeypatch.setattr(fitting, "LONGEST", 1e6)
    monkeypatch.setattr(fitting, "GIVEN_MOVES", 1.0)
    start, path = inputs["code"], [inputs["code"]]
    for num in (1, 2):  # at the second step the start pulls as well
        monkeypatch.setattr(fitting, "NUM_STEPS", num)
        path.append(fit(**inputs))
    for before, after in zip(path, path[1:], strict=False):
        at = before.clone().requires_grad_()
        misfit(fit, at, start, inputs).sum().backward()
        torch.testing.assert_close(before - after, at.grad, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("name", ["plain-man", "hat", "long-hair", "few-lines"])
def test_the_fit_arrives_where_more_steps_lead(net, given, name, monkeypatch):
    fit, inputs = Fit(net), given(name)
    monkeypatch.setattr(fitting, "LONGEST", 1e6)
    start = inputs["code"]
    usual = fit(**inputs)
    monkeypatch.setattr(fitting, "NUM_STEPS", 4 * fitting.NUM_STEPS)
    more = fit(**inputs)
    before, reached, least = (misfit(fit, code, start, inputs) for code in (start, usual, more))
    assert (reached < before).all() and (least <= reached + 1e-3).all()
    assert reached.mean() < 1.02 * least.mean()


@pytest.mark.parametrize("worn", WORN)
def test_what_is_drawn_is_put_on_and_what_is_not_is_taken_off(net, given, worn):
    for name, is_drawn in ((worn, True), ("plain-man", False)):
        inputs = given(name)
        looks = inputs["looks"]
        first = SPANS[worn].start
        looks[:, SPANS[worn]] = math.log(0.01)
        looks[:, first + is_drawn] = math.log(0.98)
        before, after = (trait(net, code, worn) for code in (inputs["code"], Fit(net)(**inputs)))
        aim = 1.1 if is_drawn else 0.0
        error_before, error = ((one - aim).abs().mean() for one in (before, after))
        # Who wears nothing need not wear less.
        assert error < (error_before if is_drawn else max(0.15, error_before))
        assert not is_drawn or after.mean() > max(0.6, before.mean() + 0.05)


@pytest.mark.parametrize("name", ["plain-man", "long-hair", "curls", "few-lines"])
def test_hair_comes_to_lie_where_it_is_drawn(net, given, name):
    inputs = given(name)
    before, after = (
        overlap(net, code, inputs["hair"]).mean() for code in (inputs["code"], Fit(net)(**inputs))
    )
    assert after > before + 0.02


def test_a_mouth_that_is_drawn_open_opens(net, given):
    inputs = given("plain-man")
    gaps = []
    for gap in (0.0, 0.2):
        inputs["lips"][:, 0] = gap
        gaps.append(trait(net, Fit(net)(**inputs), "gap"))
    assert (gaps[1] > gaps[0] + 0.05).all() and gaps[0].mean() < 0.06


def test_nobody_is_longer_than_people_are(net, given):
    inputs = given("hat")
    inputs["code"] = 3 * inputs["code"]
    code = Fit(net)(**inputs)
    assert code.norm(dim=1).max() <= fitting.LONGEST + 1e-3
    short = torch.full((1, codes.NUM_DIRECTIONS), 0.01)
    assert torch.equal(fitting.shortened(short, fitting.LONGEST), short)


def test_chances_decide_nothing_about_somebody_who_is_given(net, given):
    for is_given in (0.0, 1.0):
        inputs = given("few-lines", is_given=is_given)
        made = []
        for chance in (0.01, 0.99):
            inputs["chances"][:] = chance
            made.append(Fit(net)(**inputs))
        assert torch.allclose(*made, atol=1e-4) == bool(is_given)


# Aims


def aimed(net, chances: torch.Tensor, **shown: dict[str, float]) -> dict[str, torch.Tensor]:
    """The traits that are aimed at, by name, where looks have these probabilities and all others
    are even. chances: (N, 4).
    """
    looks = normalised(torch.zeros(len(chances), NUM_VALUES))
    for look, values in shown.items():
        for value, probability in values.items():
            looks[:, place(look, value)] = math.log(probability)
    wanted, _ = Aim(net)(looks, torch.zeros(len(chances), 2), torch.zeros(len(chances)), chances)
    values = wanted * net.traits_deviation + net.traits_mean
    return {name: values[:, n] for n, name in enumerate(TRAITS)}


def even(num: int = 400) -> torch.Tensor:
    """Chances that are spread evenly, independently of each other."""
    return torch.quasirandom.SobolEngine(fitting.NUM_CHANCES).draw(num)


OPEN = 1 / (1 + fitting.WOMEN_UNREAD)  # what the reader says of a drawing that leaves sex open


@pytest.mark.parametrize(
    ("woman", "low", "high"), [(OPEN, 0.49, 0.51), (0.9, 0.9, 1), (0.02, 0, 0.1)]
)
def test_men_and_women_answer_a_drawing_that_leaves_it_open(net, woman, low, high):
    found = aimed(net, even(), presents={"man": 1 - woman, "woman": woman})["presents"]
    assert set(found.round().tolist()) <= {0.0, 1.0}
    assert low <= found.mean() <= high


def test_all_tones_come_as_often_as_they_should(net):
    found = aimed(net, even(), age={"child": 0.05, "young": 0.5, "middle": 0.4, "old": 0.05})
    for part, tones, shares in (
        ("skin", fitting.SKIN_TONES, fitting.SKIN_SHARES),
        ("hair", fitting.HAIR_TONES, fitting.HAIR_SHARES),
    ):
        assert sum(shares) == pytest.approx(1)
        lab = torch.stack([found[f"{part}_{axis}"] for axis in "lab"], dim=1)
        nearest = torch.cdist(lab, torch.tensor(tones)).argmin(1)
        counted = nearest.bincount(minlength=len(tones)) / len(nearest)
        torch.testing.assert_close(counted, torch.tensor(shares), atol=0.02, rtol=0)


def test_only_a_drawing_of_a_child_is_answered_by_one_and_only_one_of_the_old_by_the_old(net):
    child, _, _, old = (math.log(year) for year in fitting.YEARS)
    for shown, ages in (
        ({"child": 0.9, "young": 0.08, "middle": 0.01, "old": 0.01}, None),
        ({"child": 0.97, "young": 0.01, "middle": 0.01, "old": 0.01}, child),
        ({"child": 0.05, "young": 0.3, "middle": 0.3, "old": 0.35}, None),
        ({"child": 0.01, "young": 0.01, "middle": 0.02, "old": 0.96}, old),
    ):
        found = aimed(net, even(), age=shown)
        if ages is None:
            assert math.log(18) < found["age"].min() and found["age"].max() < math.log(58)
        else:
            assert (found["age"] - ages).abs().median() < 1e-3
        is_old = found["age"] > math.log(fitting.GREY_FROM_YEARS)
        grey = torch.tensor(fitting.HAIR_TONES[-1][0])
        assert torch.allclose(found["hair_l"][is_old], grey, atol=1e-2)


# Edits

GROUPS = {  # what may change with an attribute
    "smile": {"teeth", "gap", "smile"},
    "hair": {"hair_l", "hair_a", "hair_b"},
    "skin": {"skin_l", "skin_a", "skin_b"},
}
WISHES = [
    {"age": 1.0},
    {"age": -1.0},
    {"glasses": 1.0},
    {"glasses": -1.0},
    {"smile": 1.0},
    {"smile": -1.0},
    {"presents": 0.5},
    *({"skin": colour} for colour in SHADES["skin"].values()),
    {"hair": "#2a1d15"},
]


@pytest.fixture(scope="module")
def people(net, given):
    """Sixteen people who answer two drawings: codes (N, K)."""
    return torch.cat([Fit(net)(**given(name)) for name in ("plain-man", "long-hair")])


@pytest.mark.parametrize("wish", WISHES, ids=str)
def test_what_is_asked_for_is_reached_and_the_rest_stays(net, people, wish):
    (name,) = wish
    wanted = torch.from_numpy(asked.traits_of(wish)).expand(len(people), -1)
    code, traits = Edit(net)(people, wanted)
    missed = [asked.not_shown(wish, one) for one in traits.numpy()]
    assert np.mean([lacks == () for lacks in missed]) >= 0.8
    moved = ((traits - net.traits_mean) / net.traits_deviation - net.traits_of(people)).abs()
    may_change = GROUPS.get(name, {name}) | {"busy", "wall"}
    others = [n for n, one in enumerate(TRAITS) if one not in may_change]
    assert moved[:, others].mean() < 0.3


def test_what_cannot_be_reached_is_named(net, people):
    wish = {"hat": 1.0, "beard": 1.0, "presents": 1.0, "age": -1.0, "hair": "#00ff00"}
    wanted = torch.from_numpy(asked.traits_of(wish)).expand(len(people), -1)
    code, traits = Edit(net)(people, wanted)
    assert code.norm(dim=1).max() <= fitting.LONGEST_EDITED + 0.2, "and steps of a text"
    for one in traits.numpy():
        lacks = asked.not_shown(wish, one)
        assert lacks and set(lacks) <= set(wish)


def test_an_edit_ends_at_a_code_that_a_text_holds_and_says_what_it_shows(net, people):
    nothing = torch.full((len(people), len(TRAITS)), torch.nan)
    code, traits = Edit(net)(people, nothing)
    assert np.array_equal(code.numpy(), codes.quantised(people.numpy()))
    for one, shown in zip(code.numpy(), traits, strict=True):
        assert np.array_equal(codes.code_of(codes.text_of(one)), one)
        own = torch.tensor(one)[None]
        torch.testing.assert_close(trait(net, own, "age")[0], shown[0], rtol=1e-4, atol=1e-4)


def test_nobody_becomes_a_child_by_being_asked_for():
    youngest = asked.traits_of({"age": -1.0})[TRAITS.index("age")]
    assert youngest > math.log(18)
