"""A person for a drawing: the network, who is drawn, what is chosen, and where the face lies."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn.functional import interpolate

from s2f_studio.attributes import WORN
from s2f_studio.drawings import mesh
from s2f_studio.drawings import prepare as drawings
from s2f_studio.drawings.landmarks import find_landmarks
from s2f_studio.faces import people
from s2f_studio.faces.average_face import average_faces, missing_accessories
from s2f_studio.faces.model import LINES_BELOW, drawn_person
from s2f_studio.faces.networks.renderer import ResizeConv2d
from s2f_studio.request import DrawingRequest, chosen_text, parse_chosen
from s2f_utils import infer, networks
from s2f_utils.networks import checkpoints


def drawn(name: str) -> np.ndarray:
    return drawings.prepare(drawings.example(name)).image


@pytest.fixture(scope="module")
def model():
    return infer.load(device="cpu")


@pytest.fixture(scope="module")
def square():
    return drawn("plain-man")


@pytest.fixture(scope="module")
def face(model, square):
    """The landmarks of a drawing, and the code of its average face."""
    found = find_landmarks(square)
    average = average_faces(model.engine, square[None], [found], [DrawingRequest()])
    return found, model.engine.run("code", average)[0][0]


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


# Who is drawn


def people_of(face, seeds, **fields):
    found, average = face
    requests = [DrawingRequest(seed=seed, **fields) for seed in seeds]
    return np.stack([drawn_person(average, found, one).codes[0] for one in requests])


def readouts_of(face, name, **fields):
    """A level as it is read off the people of eight seeds: (8,)."""
    found, average = face
    requests = [DrawingRequest(seed=seed, **fields) for seed in range(8)]
    some = [drawn_person(average, found, one) for one in requests]
    row = people.shipped().rows[people.LEVELS.index(name)]
    num = len(row) - people.shipped().num_shape
    whole = [np.concatenate([one.codes[0, :num], one.shapes[0]]) for one in some]
    return np.stack(whole) @ row


def test_the_same_seed_is_the_same_person_and_others_are_others(model, square, face):
    again = [model.translate(square, seed=seed) for seed in (3, 4, 3)]
    assert np.array_equal(again[0], again[2])
    assert np.abs(again[0].astype(int) - again[1]).mean() > 5
    codes = people_of(face, range(8))
    apart = np.linalg.norm(codes[:, None] - codes[None], axis=2)[~np.eye(8, dtype=bool)]
    assert apart.min() > 2.0, "in standard deviations of people, over all coordinates"


def test_the_freer_the_more_they_differ_and_at_0_all_are_the_mean(face):
    spread = [people_of(face, range(8), temperature=t).std(axis=0).mean() for t in (0.0, 0.5, 1.0)]
    assert spread[0] < 1e-6 and 1.7 * spread[1] < spread[2] < 2.01 * spread[1]
    found, average = face
    mean = drawn_person(average, found, DrawingRequest(temperature=0.0))
    many = people_of(face, range(400), temperature=1.0).mean(axis=0)
    assert np.abs(many - mean.codes[0]).mean() < 0.12


@pytest.mark.parametrize("name", WORN)
def test_what_is_worn_does_not_vary_with_the_seed(face, name):
    shipped = people.shipped()
    for level in (-1.0, 1.0):
        readouts = readouts_of(face, name, person={name: level})
        if name != "hat":  # of which there are many kinds
            assert np.ptp(readouts) < 1e-3
        wanted = shipped.at_zero[people.LEVELS.index(name)]
        assert ((readouts - wanted) * level > 0).all()


def test_whoever_is_asked_for_as_a_man_or_a_woman_is_drawn_so(face):
    shipped, place = people.shipped(), people.LEVELS.index("presents")
    for level in (-0.8, 0.8):
        readouts = readouts_of(face, "presents", person=f"presents={level}")
        shown = (readouts - shipped.at_zero[place]) / shipped.per_level[place]
        assert shown.mean() == pytest.approx(level, abs=0.15) and 0 < shown.std() < 0.4


def test_choosing_comes_nearer_and_goes_back_a_round(face):
    """Whoever is meant, the next eight lie around those who were picked."""
    meant = people_of(face, [77])[0]

    def nearest(codes):
        return np.linalg.norm(codes - meant, axis=1)

    first = people_of(face, range(8))
    picked = tuple(int(n) for n in np.argsort(nearest(first))[:2])
    second = people_of(face, range(8, 16), chosen=(picked,))
    unguided = people_of(face, range(8, 16))
    assert nearest(second).mean() < nearest(unguided).mean()
    third = people_of(face, range(16, 24), chosen=(picked, (9,)))
    assert not np.allclose(third, people_of(face, range(16, 24), chosen=(picked,)))
    back = people_of(face, range(8, 16), chosen=(picked, (9,))[:-1])
    assert np.array_equal(back, second)


def test_rounds_of_choosing_as_text():
    assert parse_chosen("3,5;9") == ((3, 5), (9,)) and parse_chosen("") == parse_chosen(None) == ()
    assert parse_chosen([[3, 5], [9]]) == ((3, 5), (9,)) and chosen_text(((3, 5), (9,))) == "3,5;9"
    for wrong in ("3,x", "-1", "3,9", ";".join(["1"] * 50), 7, "2147483648"):
        with pytest.raises(ValueError, match="seeds picked in each round"):
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
def test_what_is_said_to_be_worn_and_not_drawn_is_drawn_on_the_face(model, square, name, there):
    found = find_landmarks(square)
    assert missing_accessories(DrawingRequest(person={name: 0.5}), found) == {name}
    assert missing_accessories(DrawingRequest(), found) == set()
    asked = DrawingRequest(person={name: 1.0})
    assert not missing_accessories(asked, find_landmarks(drawn(name)))
    changes = []
    for seed in range(4):
        bare, worn = (
            model.translate(square, person=one, frame="paper", seed=seed).astype(int)
            for one in ({}, {name: 1.0})
        )
        changes.append(np.abs(worn - bare).mean(axis=2))
    change = np.mean(changes, axis=0)
    where = np.concatenate([found.points[mesh.PARTS[part]] for part in there])
    left, top = np.rint(where.min(axis=0) - 6).astype(int)
    right, bottom = np.rint(where.max(axis=0) + 6).astype(int)
    assert change[top:bottom, left:right].mean() > 1.2 * change.mean()


@pytest.mark.parametrize("name", ["age", "beard", "smile"])
def test_what_is_said_of_a_person_changes_the_face_and_its_opposite_changes_it_the_other_way(
    model, square, name
):
    less, none, more = (
        model.translate(square, person=said).astype(float)
        for said in ({name: -1.0}, {}, {name: 1.0})
    )
    assert np.abs(more - less).mean() > 1.5
    towards, away = more - none, less - none
    size = max((towards**2).sum(), (away**2).sum())  # whoever is young can hardly be younger
    assert (towards * away).sum() / size < 0.1  # apart, not both towards something else


def test_lines_are_shown_to_the_renderer_where_the_drawing_is_careful(model, square):
    found = find_landmarks(square)
    blank = np.full_like(square, 255)
    average = average_faces(model.engine, square[None], [found], [DrawingRequest()])
    for crude, shows in ((LINES_BELOW - 0.05, True), (LINES_BELOW + 0.05, False)):
        seen = replace(found, flags=found.flags | {"crude": crude})
        with_lines, without = (
            model.faces(one[None], average, [seen], [DrawingRequest()])[0]
            for one in (square, blank)
        )
        assert np.array_equal(with_lines, without) != shows
