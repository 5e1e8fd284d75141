"""Who answers a drawing: the same person everywhere, another for each seed; painted from a code."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import torch

import s2f_studio
from s2f_studio import answers, codes
from s2f_studio.drawings import prepare as drawings
from s2f_studio.faces import fitting
from s2f_studio.faces.average_face import missing_accessories
from s2f_studio.faces.looks import NUM_VALUES, SPANS, TRAITS
from s2f_studio.faces.model import Person
from s2f_studio.faces.networks.people import normalised
from s2f_studio.faces.people_stages import FEWER, with_worn
from s2f_studio.faces.stages import Laid
from s2f_studio.request import DrawingRequest, Round
from s2f_utils import weights
from s2f_utils.infer.landmarks import find_landmarks, worn_in
from s2f_utils.pictures import images, mesh
from s2f_utils.pictures.attributes import WORN

USUAL = DrawingRequest()
PREVIEW = {"preview": True}


def drawn(name: str) -> np.ndarray:
    return drawings.prepare(drawings.example(name)).image


@pytest.fixture(scope="module")
def model():
    return s2f_studio.load(device="cpu")


@pytest.fixture(scope="module")
def square():
    return drawn("plain-man")


def people_of(model, reading, seeds, **fields) -> list[Person]:
    """The people of a drawing's seeds."""
    return [model.choose_person(reading, DrawingRequest(seed=seed, **fields)) for seed in seeds]


def codes_of(people: list[Person]) -> np.ndarray:
    return np.stack([person.code for person in people])


def trait(people: list[Person], name: str) -> np.ndarray:
    return np.array([person.traits[TRAITS.index(name)] for person in people])


def apart(some: list[Person], others: list[Person]) -> np.ndarray:
    """How far the codes of two rows of people are from each other, pair by pair."""
    return np.linalg.norm(codes_of(some) - codes_of(others), axis=1)


def read(model, square: np.ndarray):
    (look,) = model.landmarks(square[None])
    return model.read(square, look)


# Who answers


@pytest.mark.parametrize("name", ["plain-man", "few-lines"])
def test_both_engines_have_the_same_person(shipped, model, name):
    assert {shipped.engine.name, model.engine.name} == {"torch", "onnx"}
    picture = drawn(name)
    wishes = ({}, {"person": {"age": 1.0, "skin": "#5a3825"}}, {"temperature": 1.2, "guidance": 2})
    for wish in wishes:
        one, other = (
            codes_of(people_of(each, read(each, picture), [0, 5], **wish))
            for each in (shipped, model)
        )
        assert np.abs(one - other).max() <= 1 / codes.STEPS and (one == other).mean() > 0.98


def test_threads_have_the_person_that_one_has(model, readings):
    asked = [(readings[name], seed) for seed, name in enumerate([*readings][:8])]

    def person_of(one):
        return model.choose_person(one[0], DrawingRequest(seed=one[1])).text

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(person_of, asked)) == [person_of(one) for one in asked]


def test_a_person_is_the_same_whatever_else_is_in_the_batch(model, readings):
    features = np.stack([one.features for one in readings.values()])
    given = (
        features,
        np.arange(len(features)),
        np.full(len(features), 0.7, np.float32),
        np.ones(len(features), np.float32),
    )
    together = model.engine.run("guess", *given)
    alone = model.engine.run("guess", *(one[3:4] for one in given))
    for one, other in zip(together, alone, strict=True):
        np.testing.assert_allclose(one[3], other[0], atol=1e-4)


def test_seeds_are_other_people_and_at_temperature_0_all_are_one(model, readings):
    reading = readings["plain-man"]
    first, again = (people_of(model, reading, range(8)) for _ in range(2))
    assert [one.text for one in first] == [one.text for one in again]
    assert min(apart([first[n]] * (7 - n), first[n + 1 :]).min() for n in range(7)) > 3
    assert len({one.text for one in people_of(model, reading, range(8), temperature=0.0)}) == 1


def with_strokes(picture: np.ndarray) -> np.ndarray:
    """Three short strokes more."""
    picture = picture.copy()
    for start, end in (((70, 200), (80, 205)), ((180, 190), (172, 199)), ((100, 70), (110, 66))):
        cv2.line(picture, start, end, (40, 40, 40), 2, cv2.LINE_AA)
    return picture


@pytest.mark.parametrize("name", ["plain-man", "long-hair"])
def test_a_few_strokes_change_a_person_less_than_another_seed_does(model, readings, name):
    before = people_of(model, readings[name], range(8))
    after = people_of(model, read(model, with_strokes(drawn(name))), range(8))
    assert apart(before, after).mean() < 0.5 * apart(before, [*before[1:], before[0]]).mean()


def scrawl(eyes_y: int, width: int) -> np.ndarray:
    """An oval, two dots and a line."""
    picture = np.full((256, 256, 3), 255, np.uint8)
    black = {"color": (0, 0, 0), "thickness": 3, "lineType": cv2.LINE_AA}
    cv2.ellipse(picture, (128, 135), (width, 90), 0, 0, 360, **black)
    for x in (100, 156):
        cv2.circle(picture, (x, eyes_y), 6, **black)
    cv2.line(picture, (105, 180), (150, 182), **black)
    return picture


def test_two_scrawls_have_other_people_for_one_seed(model):
    one, other = (
        people_of(model, read(model, scrawl(*how)), range(4)) for how in ((110, 70), (128, 92))
    )
    assert apart(one, other).min() > 3


@pytest.mark.parametrize(
    ("name", "trait_of", "least"),
    [("glasses", "glasses", 0.5), ("curls", "curls", 0.8), ("beard", "beard", 0.3)],
)
def test_what_is_drawn_is_what_people_show(model, readings, name, trait_of, least):
    shown, others = (
        trait(people_of(model, readings[one], range(8)), trait_of) for one in (name, "plain-man")
    )
    assert shown.mean() > least > others.mean() + 0.2


def test_who_is_left_open_is_anybody(model, readings):
    """The drawing leaves sex open; every tone of skin is somebody's, nobody is a child."""
    looks = readings["turned"].looks.copy()
    woman = 1 / (1 + fitting.WOMEN_UNREAD)
    looks[SPANS["presents"]] = np.log([1 - woman, woman])
    people = people_of(model, replace(readings["turned"], looks=looks), range(64))
    assert 0.3 < (trait(people, "presents") > 0.5).mean() < 0.7
    skin = np.stack([trait(people, f"skin_{axis}") for axis in "lab"], axis=1)
    off = np.linalg.norm(skin[:, None] - np.array(fitting.SKIN_TONES)[None], axis=2)
    counts = np.bincount(off.argmin(1), minlength=len(fitting.SKIN_TONES))
    assert counts.min() >= 1 and counts.max() <= 32
    assert trait(people, "age").min() > np.log(16)


def test_a_child_answers_a_drawing_of_one_alone(model, readings):
    for name in ("plain-man", "old-man", "few-lines"):
        for wish in ({}, {"age": -1.0}):
            people = people_of(model, readings[name], range(8), person=wish)
            assert trait(people, "age").min() > np.log(16)


def test_the_next_eight_are_like_who_was_picked_and_a_further_round_narrows(model, readings):
    reading = readings["plain-man"]
    first = people_of(model, reading, range(8))
    picked = first[5]
    passed = tuple(one.text for one in first if one is not picked)
    rounds: tuple[Round, ...] = ()
    off = [apart([picked] * 8, people_of(model, reading, range(8, 16))).mean()]
    for turn in (1, 2):
        rounds = (*rounds, Round((picked.text,), passed))
        seeds = range(8 * turn, 8 * turn + 8)
        shown = people_of(model, reading, seeds, chosen=rounds)
        off.append(apart([picked] * 8, shown).mean())
        passed = tuple(one.text for one in shown[:7])
    assert off[1] < 0.9 * off[0] and off[2] < off[1]


def test_a_kept_person_is_changed_as_asked_and_no_seed_changes_who_it_is(model, readings):
    reading = readings["plain-man"]
    before, other = people_of(model, reading, [5, 6])
    kept = people_of(model, reading, [0, 9], keep=before.text)
    assert kept[0].text == kept[1].text
    assert apart(kept[:1], [before]) < 0.6 * apart([other], [before])
    (worn,) = people_of(model, reading, [0], keep=before.text, person={"glasses": 1.0})
    assert trait([worn], "glasses") > trait(kept[:1], "glasses") + 0.4
    for name in ("age", "presents"):
        assert trait([worn], name) == pytest.approx(trait(kept[:1], name), abs=0.4)


# What is painted


@pytest.fixture(scope="module")
def painted(model, generator_file):
    """A person's answer, small."""
    return answers.translate(drawings.example("glasses"), DrawingRequest(**PREVIEW), model)


def test_the_picture_is_that_of_the_code_in_its_metadata(model, painted, tmp_path):
    (file,) = answers.write_answer(painted, tmp_path)
    notes = images.read_notes(file)
    assert notes["made"] == answers.PAINTED and notes["person"] == painted.faces[0].person
    again = model.paint(codes.code_of(notes["person"]), DrawingRequest(**PREVIEW))
    assert np.array_equal(again, images.load_rgb(file))
    assert again.shape == (256, 256, 3) and again.std() > 20


def test_both_engines_paint_one_picture(shipped, model, painted):
    code = codes.code_of(painted.faces[0].person)
    made = [each.paint(code, DrawingRequest(**PREVIEW)).astype(int) for each in (shipped, model)]
    assert np.abs(made[0] - made[1]).max() <= 2


def test_the_preview_is_the_picture_halved(model, painted):
    code = codes.code_of(painted.faces[0].person)
    picture = model.paint(code, USUAL)
    assert picture.shape == (512, 512, 3)
    halved = cv2.resize(picture, (256, 256), interpolation=cv2.INTER_AREA).astype(float)
    small = painted.faces[0].picture.astype(float)
    assert np.abs(small - halved).mean() < 8
    other = model.paint(np.zeros(codes.NUM_DIRECTIONS, np.float32), DrawingRequest(**PREVIEW))
    assert np.abs(small - halved).mean() < 0.4 * np.abs(other - halved).mean()


def test_the_face_lies_where_portraits_have_it_and_on_paper_where_it_is_drawn(model, painted):
    moved = np.ascontiguousarray(np.roll(drawn("plain-man"), (14, 24), axis=(0, 1)))
    (look,) = model.landmarks(moved[None])
    five = mesh.five_of(look.points)
    made = model.answer([moved], [DrawingRequest(frame="paper", likely=0.0, **PREVIEW)])[0]
    found = mesh.five_of(find_landmarks(made).points)
    assert np.hypot(*(found - five).mean(axis=0)) < 5
    in_portrait = mesh.five_of(find_landmarks(painted.faces[0].picture).points).mean(axis=0)
    assert np.hypot(*(in_portrait - mesh.five_of(mesh.mean_shape(256)).mean(axis=0))) < 12


@pytest.fixture()
def without_generator(monkeypatch, tmp_path):
    """Nothing in the cache, and nothing is to be downloaded."""
    monkeypatch.setenv("S2F_OFFLINE", "1")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("S2F_WEIGHTS", raising=False)


@pytest.mark.parametrize("engine", ["torch", "onnx"])
def test_without_the_generator_the_average_stands_in_and_says_why(engine, without_generator):
    model = s2f_studio.load(device="cpu", engine=engine)
    drawing = drawings.example("few-lines")
    answer = answers.translate(drawing, DrawingRequest(candidates=3, **PREVIEW), model)
    (remark,) = answer.remarks
    assert remark.code == "average-stands-in"
    assert "S2F_OFFLINE" in remark.data["why"] and "unset it" in remark.data["why"]
    (face,) = answer.faces
    assert (face.name, face.person) == ("average", None)
    average = DrawingRequest(answer="average", **PREVIEW)
    asked = answers.translate(drawing, average, model)
    assert np.array_equal(asked.faces[0].picture, face.picture)
    assert "average-stands-in" not in {one.code for one in asked.remarks}
    with pytest.raises(weights.WeightsError, match="S2F_OFFLINE"):
        model.answer([drawn("plain-man")], [USUAL])


# The average


@pytest.mark.parametrize(
    ("name", "there"), [("glasses", ("left_iris", "right_iris")), ("beard", ("lips",))]
)
def test_what_is_said_to_be_worn_and_not_drawn_is_drawn_on_the_average_face(
    model, square, name, there
):
    found = find_landmarks(square)
    assert missing_accessories(DrawingRequest(person={name: 0.5}), found) == {name}
    assert missing_accessories(DrawingRequest(), found) == set()
    asked = DrawingRequest(person={name: 1.0})
    assert not missing_accessories(asked, find_landmarks(drawn(name)))
    bare, worn = (
        model.translate(square, person=one, frame="paper", answer="average", preview=True)
        for one in ({}, {name: 1.0})
    )
    change = np.abs(worn.astype(int) - bare).mean(axis=2)
    where = np.concatenate([found.points[mesh.PARTS[part]] for part in there])
    left, top = np.rint(where.min(axis=0) - 6).astype(int)
    right, bottom = np.rint(where.max(axis=0) + 6).astype(int)
    assert change[top:bottom, left:right].mean() > 1.2 * change.mean()


def test_a_large_answer_lies_where_the_usual_one_does():
    """A round spot has its middle at the same place, in pixels that are half as large."""
    side = Laid.inputs["face"][-1]
    y, x = torch.meshgrid(torch.arange(side), torch.arange(side), indexing="ij")
    spot = torch.exp(-((x - side / 2) ** 2 + (y - side / 2) ** 2) / side).expand(1, 3, side, side)
    blocks = (torch.arange(64.0) + 0.5) * 4 - 0.5
    where = torch.stack(torch.meshgrid(blocks, blocks, indexing="xy"), dim=-1)[None] + 7.0
    middles = []
    for size_px in (256, 512):
        made = Laid(size_px)(spot, where)
        shares = made[0, :, :, 0].double()
        places = torch.arange(size_px) + 0.5
        middles.append(((shares.sum(0) * places).sum() / shares.sum()).item() / size_px)
    assert middles[0] == pytest.approx(middles[1], abs=0.1 / 512)


# What is worn


@pytest.mark.parametrize(("hair_above", "share"), [(0.1, 1.0), (0.35, 0.5), (0.6, 0.0)])
def test_hair_above_the_brows_speaks_against_a_hat(hair_above, share):
    flags = {"glasses": 0.3, "beard": 0.2, "hat": 0.8}
    look = SimpleNamespace(flags=flags, hair_above=hair_above)
    assert worn_in(look) == pytest.approx([0.3, 0.2, 0.8 * share])


def test_finder_and_reader_both_say_what_is_worn():
    looks = normalised(torch.zeros(1, NUM_VALUES))
    both = [with_worn(looks, torch.tensor([[p, p, p]])).exp()[0] for p in (0.02, 0.98)]
    for name in WORN:
        none = torch.stack([one[SPANS[name]][0] for one in both])
        # What is rarer than in the reader's drawings is less often seen.
        no, yes = torch.sigmoid(torch.logit(none) - FEWER.get(name, 0.0)).tolist()
        assert yes < 0.45 and no > yes + 0.3
        assert both[0][SPANS[name]].sum() == pytest.approx(1, abs=1e-5)
    others = np.setdiff1d(np.arange(NUM_VALUES), np.r_[*(SPANS[name] for name in WORN)])
    assert torch.allclose(both[0][others], looks.exp()[0][others])
