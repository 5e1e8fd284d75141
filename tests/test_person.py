"""A person for a drawing: the network, who is drawn, what is chosen, and where the face lies."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch.nn.functional import interpolate

import s2f_studio
from s2f_studio import shipped
from s2f_studio.attributes import WORN
from s2f_studio.drawings import mesh
from s2f_studio.drawings import prepare as drawings
from s2f_studio.drawings.landmarks import find_landmarks
from s2f_studio.faces.average_face import missing_accessories
from s2f_studio.faces.bank_stages import with_worn
from s2f_studio.faces.looks import NUM_VALUES, SPANS, place
from s2f_studio.faces.model import CAREFUL_BELOW, UnknownPersonError, average_of, worn_by
from s2f_studio.faces.networks.chooser import normalised
from s2f_studio.faces.networks.renderer import ResizeConv2d
from s2f_studio.faces.placing import Placed
from s2f_studio.faces.stages import Laid
from s2f_studio.request import DrawingRequest, Round, chosen_text, parse_chosen
from s2f_utils import infer, networks
from s2f_utils.networks import checkpoints


def drawn(name: str) -> np.ndarray:
    return drawings.prepare(drawings.example(name)).image


@pytest.fixture(scope="module")
def model():
    return s2f_studio.load(device="cpu")


@pytest.fixture(scope="module")
def square():
    return drawn("plain-man")


# The network


def test_every_weight_learns_and_all_that_is_given_matters():
    torch.manual_seed(0)
    net = networks.build("person", num_components=6)
    net.appearance.components.normal_(0, 0.01)
    given = torch.randn(2, 6), torch.ones(2, 1, 128, 128), torch.randn(2, 1, 128, 128)
    out = net(*given)
    assert out.shape == (2, 3, 128, 128)
    out.square().mean().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in net.parameters())
    net.eval()
    with torch.no_grad():
        first = net(*given)
        for n in range(3):
            other = [one - float(k == n) for k, one in enumerate(given)]
            assert not torch.allclose(net(*other), first)


def test_a_file_gives_the_network_back(tmp_path):
    torch.manual_seed(0)
    net = networks.build("person", num_components=6).eval()
    net.appearance.components.normal_(0, 0.01)
    path = checkpoints.save_generator(tmp_path / "person.safetensors", net, {})
    again, _ = checkpoints.load_network(path)
    given = torch.randn(1, 6), torch.ones(1, 1, 128, 128), torch.randn(1, 1, 128, 128)
    with torch.no_grad():
        assert torch.equal(again(*given), net(*given))
    with pytest.raises(networks.UnknownNetworkError, match="person, which renders"):
        infer.load(path, "cpu")


def test_resize_and_convolve_is_what_its_name_says():
    torch.manual_seed(0)
    layer, x = ResizeConv2d(3, 4), torch.randn(2, 3, 5, 6)
    larger = interpolate(x, scale_factor=2, mode="bilinear")
    wanted = torch.nn.functional.conv2d(larger, layer.weight, padding=1)
    inside = np.s_[..., 2:-2, 2:-2]
    assert torch.allclose(layer(x)[inside], wanted[inside], atol=1e-5)


def test_codes_and_pictures_of_them_are_inverse():
    torch.manual_seed(0)
    appearance = networks.build("person", num_components=5).appearance
    basis, _ = torch.linalg.qr(torch.randn(appearance.components.shape[1], 5))
    appearance.components.copy_(basis.T)
    appearance.weight.uniform_(0.5, 2)
    appearance.deviation.uniform_(0.5, 2)
    codes = 0.1 * torch.randn(4, 5)
    flat = appearance.mean + (codes * appearance.deviation) @ basis.T / appearance.weight
    small = flat.view(4, 3, 64, 64)
    assert torch.allclose(appearance.code(interpolate(small, scale_factor=2)), codes, atol=1e-5)
    larger = interpolate(small, scale_factor=2, mode="bilinear")
    assert torch.allclose(appearance.picture(codes), larger, atol=1e-6)


# Who answers


@pytest.fixture(scope="module")
def looks(model):
    """What each entry of the bank shows: (E, V)."""
    return checkpoints.load_network(shipped.file_of(shipped.BANK))[0].looks.numpy()


def people_of(model, square, seeds, **fields) -> list[int]:
    """The entries that answer a drawing's seeds."""
    asks = [DrawingRequest(seed=seed, **fields) for seed in seeds]
    squares = np.stack([square] * len(asks))
    found = model.landmarks(squares)
    averages = model.averages(squares, found, [average_of(ask) for ask in asks])
    return [one.chosen.entry for one in model.choose_people(squares, found, averages, asks)]


def share(looks, entries, look, value) -> float:
    return float(looks[entries, place(look, value)].mean())


def test_the_same_seed_is_the_same_person_and_the_eight_are_others(model, square):
    again = [model.translate(square, seed=seed) for seed in (3, 4, 3)]
    assert np.array_equal(again[0], again[2])
    assert np.abs(again[0].astype(int) - again[1]).mean() > 10
    assert len(set(people_of(model, square, range(8)))) == 8
    assert len(set(people_of(model, square, range(8), temperature=0.0))) == 1


@pytest.mark.parametrize(
    ("name", "look", "value"),
    [("glasses", "glasses", "yes"), ("hat", "hat", "brim"), ("curls", "texture", "curly")],
)
def test_what_is_drawn_is_on_the_photos_of_most_seeds(model, looks, name, look, value):
    with_it = people_of(model, drawn(name), range(16))
    without = people_of(model, drawn("plain-man"), range(16))
    assert share(looks, with_it, look, value) >= 0.7
    assert share(looks, without, look, value) <= 0.25


def test_a_child_answers_a_drawing_of_one_alone(model, looks):
    for name in ("plain-man", "old-man", "few-lines"):
        for level in (-1.0, None):
            said = {} if level is None else {"age": level}
            assert (
                share(looks, people_of(model, drawn(name), range(16), person=said), "age", "child")
                == 0
            )


@pytest.mark.parametrize(
    ("name", "look", "low", "high"),
    [
        ("glasses", "glasses", "no", "yes"),
        ("presents", "presents", "man", "woman"),
        ("smile", "lips", "closed", "teeth"),
    ],
)
def test_what_is_asked_for_is_what_people_show(model, square, looks, name, look, low, high):
    for level, value in ((-1.0, low), (1.0, high)):
        entries = people_of(model, square, range(16), person={name: level})
        assert share(looks, entries, look, value) >= 0.8


def test_an_asked_skin_is_that_of_the_people_who_answer(model, square):
    tones = checkpoints.load_network(shipped.file_of(shipped.BANK))[0].skin_tones.numpy()
    dark, light = (
        tones[people_of(model, square, range(16), person={"skin": one}), 0].mean()
        for one in ("#5a3825", "#f0d0b8")
    )
    assert dark + 20 < light


def test_the_next_eight_are_like_those_who_were_picked_and_one_goes_back_a_round(model, square):
    first = people_of(model, square, range(8))
    picked = np.zeros(len(model.bank.rows), bool)
    picked[first[5]] = True
    off = model.measure_distances(picked)
    numbers = model.bank.numbers
    one = Round((numbers[first[5]],), tuple(numbers[first[:5]]))
    second = people_of(model, square, range(8, 16), chosen=(one,))
    assert off[second].mean() < 0.8 * off[people_of(model, square, range(8, 16))].mean()
    two = Round((numbers[second[1]],))
    third = people_of(model, square, range(16, 24), chosen=(one, two))
    assert third != people_of(model, square, range(16, 24), chosen=(one,))


def test_a_person_stays_whatever_is_drawn_and_asked_for(model, square):
    (entry,) = people_of(model, square, [5])
    keep = int(model.bank.numbers[entry])
    more = square.copy()
    more[30:60, 60:200:6] = 0  # strokes across the forehead
    assert people_of(model, more, range(4), keep=keep) == [entry] * 4
    for wish in ({"glasses": 1.0}, {"glasses": -1.0}, {"skin": "#3a2415"}, {"age": 1.0}):
        assert people_of(model, square, [5], keep=keep, person=wish) == [entry]


def test_somebody_who_is_not_in_the_bank_is_refused(model, square):
    nobody = int(model.bank.numbers.max()) + 1
    with pytest.raises(UnknownPersonError, match=f"has the number {nobody}"):
        model.answer([square], [DrawingRequest(keep=nobody)])
    for gone in (Round((nobody,)), Round((int(model.bank.numbers[0]),), (nobody,))):
        assert people_of(model, square, [0], chosen=(gone,)), "who left the bank counts no more"


def test_rounds_of_choosing_as_text():
    rounds = (Round((412, 88), (3, 9)), Round((7,)))
    assert parse_chosen("412,88/3,9;7") == rounds and parse_chosen("") == parse_chosen(None) == ()
    assert parse_chosen([[[412, 88], [3, 9]], [[7]]]) == rounds
    assert chosen_text(rounds) == "412,88/3,9;7"
    assert parse_chosen("412/412,412,9") == (Round((412,), (9,)),), "at temperature 0"
    many = ";".join(["1"] * 50)
    for wrong in ("3,x", "-1", "/", "1,2,3,4,5/6,7,8,9", "1/2/3", many, 7, "2147483648"):
        with pytest.raises(ValueError, match="numbers of the people picked"):
            parse_chosen(wrong)


# The answer


def test_a_portrait_has_the_face_where_portraits_do_and_paper_where_the_drawing_has_it(model):
    turned = np.ascontiguousarray(np.roll(drawn("plain-man"), (14, 24), axis=(0, 1)))
    at = find_landmarks(turned).points.mean(axis=0)
    mean = mesh.mean_shape(256).mean(axis=0)
    found = {}
    for frame in ("square", "paper"):
        made = model.answer([turned], [DrawingRequest(frame=frame, likely=0.0)])[0]
        found[frame] = find_landmarks(made).points.mean(axis=0)
    assert np.hypot(*(found["square"] - mean)) < 5 < np.hypot(*(at - mean))
    assert np.hypot(*(found["paper"] - at)) < 5


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
        model.translate(square, person=one, frame="paper", answer="average").astype(int)
        for one in ({}, {name: 1.0})
    )
    change = np.abs(worn - bare).mean(axis=2)
    where = np.concatenate([found.points[mesh.PARTS[part]] for part in there])
    left, top = np.rint(where.min(axis=0) - 6).astype(int)
    right, bottom = np.rint(where.max(axis=0) + 6).astype(int)
    assert change[top:bottom, left:right].mean() > 1.2 * change.mean()


def test_an_entry_is_laid_without_its_hair_changed_where_the_drawing_has_the_same(model):
    """Hair that is drawn as it is moves nothing; longer hair above moves pixels above alone."""
    placed = model.engine.stage("place") if model.engine.name == "torch" else Placed()
    hair = torch.zeros(1, 64, 64)
    hair[:, 6:26, 14:50] = 1.0
    higher = torch.zeros(1, 64, 64)
    higher[:, 1:26, 14:50] = 1.0
    assert placed.moved(hair, hair).abs().max() < 1e-3
    moved = placed.moved(higher, hair)[0]
    assert moved[:20].abs().max() > 4 and moved[40:].abs().max() < 0.5


@pytest.mark.parametrize("stage", [Placed, Laid])
def test_a_large_answer_lies_where_the_usual_one_does(stage):
    """A round spot has its middle at the same place, in pixels that are half as large."""
    side = stage.inputs["canvas" if stage is Placed else "face"][-1]
    y, x = torch.meshgrid(torch.arange(side), torch.arange(side), indexing="ij")
    spot = torch.exp(-((x - side / 2) ** 2 + (y - side / 2) ** 2) / side).expand(1, 3, side, side)
    blocks = (torch.arange(64.0) + 0.5) * 4 - 0.5
    where = torch.stack(torch.meshgrid(blocks, blocks, indexing="xy"), dim=-1)[None] + 7.0
    hair = torch.zeros(1, 64, 64), torch.zeros(1, 64, 64)
    middles = []
    for side_px in (256, 512):
        made = stage(side_px)(spot, where, *(hair if stage is Placed else ()))
        weights = made[0, :, :, 0].double()
        places = torch.arange(side_px) + 0.5
        middles.append(((weights.sum(0) * places).sum() / weights.sum()).item() / side_px)
    assert middles[0] == pytest.approx(middles[1], abs=0.1 / 512)


@pytest.mark.parametrize(("hair_above", "share"), [(0.1, 1.0), (0.35, 0.5), (0.6, 0.0)])
def test_hair_above_the_brows_speaks_against_a_hat(hair_above, share):
    flags = {"glasses": 0.3, "beard": 0.2, "hat": 0.8}
    look = SimpleNamespace(flags=flags, hair_above=hair_above)
    assert worn_by(look) == pytest.approx([0.3, 0.2, 0.8 * share])


def test_finder_and_reader_both_say_what_is_worn():
    looks = normalised(torch.zeros(1, NUM_VALUES))
    both = [with_worn(looks, torch.tensor([[p, p, p]])).exp()[0] for p in (0.02, 0.98)]
    for name in WORN:
        no, yes = (float(one[SPANS[name]][0]) for one in both)
        assert yes < 0.45 and no > yes + 0.3
        assert both[0][SPANS[name]].sum() == pytest.approx(1, abs=1e-5)
    others = np.setdiff1d(np.arange(NUM_VALUES), np.r_[*(SPANS[name] for name in WORN)])
    assert torch.allclose(both[0][others], looks.exp()[0][others])


def test_hair_that_the_edge_cuts_off_is_not_pressed(model):
    placed = model.engine.stage("place") if model.engine.name == "torch" else Placed()
    cut, whole, lower = (torch.zeros(1, 64, 64) for _ in range(3))
    cut[:, :26, 14:50] = whole[:, 4:26, 14:50] = lower[:, 12:26, 14:50] = 1.0
    above = np.s_[0, 6:12, 28:36]
    assert placed.moved(lower, whole)[above].abs().max() > 4
    assert placed.moved(lower, cut)[above].abs().max() < 0.5


def test_lines_are_shown_to_the_renderer_where_the_drawing_is_careful(model, square):
    """Below the limit a network renders the photo; above it the picture of an entry is laid."""
    (found,) = model.landmarks(square[None])
    ask = DrawingRequest(seed=2)
    average = model.averages(square[None], [found], [ask])[0]
    (person,) = model.choose_people(square[None], [found], average[None], [ask])
    blank = np.full_like(square, 255)
    for crude, shows in ((CAREFUL_BELOW - 0.05, True), (CAREFUL_BELOW + 0.05, False)):
        seen = replace(found, flags=found.flags | {"crude": crude})
        made = [model.make_picture(one, seen, average, person, ask) for one in (square, blank)]
        assert np.array_equal(*made) != shows
