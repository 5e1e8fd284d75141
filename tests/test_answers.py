"""Which answer a drawing gets, and what is said; and pictures that are no such drawing."""

from __future__ import annotations

import gc
import weakref
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest

import s2f_studio
from s2f_studio.answers import PAINTED, RENDERED, translate, write_answer
from s2f_studio.attributes import CALLED
from s2f_studio.drawings import paper
from s2f_studio.drawings import prepare as drawings
from s2f_studio.faces import model as face_model
from s2f_studio.faces.looks import TRAITS
from s2f_studio.refusal import Refusal
from s2f_studio.request import DrawingRequest
from s2f_utils import weights
from s2f_utils.infer import landmarks
from s2f_utils.infer.landmarks import find_all_landmarks
from s2f_utils.infer.request import Request
from s2f_utils.pictures import images


@pytest.fixture(scope="module")
def model(generator_file):
    """The default model, which has what it paints people with."""
    return s2f_studio.load(device="cpu")


SMALL = {"preview": True}
AS_IT_IS = {"align": "never", "clean": "never", **SMALL}


@pytest.fixture(scope="module")
def crude():
    return drawings.prepare(drawings.example("few-lines")).image


def test_of_a_drawing_that_is_hardly_one_it_is_said_that_it_is_too_little(model, crude):
    drawn = crude.copy()
    drawn[90:] = 255  # the hair alone
    (remark,) = translate(drawn, DrawingRequest(**AS_IT_IS), model).remarks
    assert remark.code == "sparse"


def test_a_model_with_two_answers_says_so_and_when_much_is_left_open(model, crude):
    assert "answer" in model.info.supports
    for answer, expected in (("person", ["crude"]), ("average", [])):
        request = DrawingRequest(answer=answer, **AS_IT_IS)
        assert [remark.code for remark in translate(crude, request, model).remarks] == expected
    usual, person = (
        model.translate(crude, **SMALL, **asked) for asked in ({}, {"answer": "person"})
    )
    assert np.array_equal(usual, person)
    with pytest.raises(ValueError, match="answer: input should be 'person' or 'average'"):
        model.translate(crude, answer="faithful")


def test_what_is_asked_for_and_not_shown_is_said(model, crude):
    everything = {"beard": 1.0, "hat": 1.0, "presents": 1.0, "hair": "#00ff00"}
    for wishes, are_missed in ((everything, True), ({"glasses": -1.0}, False)):
        answer = translate(crude, DrawingRequest(person=wishes, **AS_IT_IS), model)
        lacks = answer.faces[0].not_shown
        assert bool(lacks) == are_missed and set(lacks) <= set(wishes)
        named = [remark.data["names"] for remark in answer.remarks if remark.code == "not-shown"]
        assert named == ([", ".join(CALLED.get(name, name) for name in lacks)] if lacks else [])


def test_a_drawn_hat_that_is_not_worn_is_named_unless_none_is_asked_for(model, monkeypatch):
    drawing = drawings.example("hat")
    choose = model.choose_person

    def bareheaded(reading, ask):
        person = choose(reading, ask)
        traits = person.traits.copy()
        traits[TRAITS.index("hat")] = 0.0
        return replace(person, traits=traits)

    monkeypatch.setattr(model, "choose_person", bareheaded)
    for wishes, is_named in (({}, True), ({"hat": -1.0}, False)):  # what is asked for counts first
        answer = translate(drawing, DrawingRequest(person=wishes, **SMALL), model)
        assert ("hat" in answer.faces[0].not_shown) == is_named
        assert ("not-shown" in {remark.code for remark in answer.remarks}) == is_named


@pytest.mark.parametrize(
    ("fields", "is_said"), [({"candidates": 2}, True), ({"answer": "average"}, True), ({}, False)]
)
def test_where_the_average_is_shown_it_is_said_that_presents_is_of_people(model, fields, is_said):
    request = DrawingRequest.of({"person": "presents=0.8", "insist": True} | SMALL | fields)
    remarks = translate(drawings.example("few-lines"), request, model).remarks
    assert ("average-presents" in {remark.code for remark in remarks}) == is_said


def test_files_say_which_answer_they_are(model, tmp_path):
    request = DrawingRequest(candidates=3, insist=True, **SMALL)
    answer = translate(drawings.example("few-lines"), request, model)
    files = write_answer(answer, tmp_path)
    notes = [images.read_notes(path) for path in files[1:]]
    assert [one["answer"] for one in notes] == ["person", "average", "person"]
    assert [one["made"] for one in notes] == [PAINTED, RENDERED, PAINTED]
    people = [one.get("person") for one in notes]
    assert people == [face.person for face in answer.faces] and len(set(people)) == 3
    assert [one["candidate"] for one in notes] == ["person", "average", "person 2"]
    assert [path.stem for path in files[1:]] == [
        "drawing-person",
        "drawing-average",
        "drawing-person-2",
    ]


def test_the_file_of_a_single_answer_is_named_by_its_kind(tmp_path):
    request = DrawingRequest(direction="photo-to-sketch", align="never")
    answer = translate(drawings.example("beard"), request)
    (file,) = write_answer(answer, tmp_path)
    assert file.name == "drawing-sketch.png"


def test_a_plain_request_is_answered_as_one_whose_further_fields_are_usual(model, crude):
    asked = Request(seed=3), DrawingRequest(seed=3)
    (plain, usual), (one, other) = model.answer_people([crude] * 2, asked)
    assert np.array_equal(plain, usual) and one.text == other.text


@pytest.mark.parametrize("shape", [(8, 8, 3), (64, 64, 4), (64, 64), (64, 32, 3)])
def test_what_is_no_picture_of_a_face_is_refused_before_it_is_looked_at(shape):
    with pytest.raises(
        ValueError,
        match=r"a picture must be uint8 \(S, S, 3\), got uint8 .*: 16 pixels are the least",
    ):
        find_all_landmarks([np.full(shape, 255, np.uint8)])


@pytest.mark.parametrize("size", [(16, 16), (40, 900), (3000, 3000)])
def test_pictures_of_any_size_get_an_answer_of_their_shape(model, size):
    picture = np.full((*size, 3), 255, np.uint8)
    for asked in ({"answer": "person"}, {"answer": "average"}):
        made = model.translate(picture, **asked, **SMALL)
        ratio = made.shape[0] / made.shape[1]
        assert max(made.shape) == 256 and ratio == pytest.approx(size[0] / size[1], rel=0.1)
        assert model.translate(picture, **asked, **SMALL, fit="square").shape == (256, 256, 3)


def test_the_average_has_the_size_that_is_asked_for(model, crude):
    """That people have it is seen in test_person.py."""
    for asked, size_px in ((SMALL, 256), ({}, 512)):
        made = model.translate(crude, answer="average", **asked)
        assert made.shape == (size_px, size_px, 3)


@pytest.mark.parametrize("content", [None, b"", b"no weights"])
def test_without_the_finder_it_is_said_what_to_do(crude, content, tmp_path, monkeypatch):
    for path in weights.SHIPPED_FOLDER.iterdir():
        (tmp_path / path.name).symlink_to(path)
    (tmp_path / f"{weights.FINDER}.safetensors").unlink()
    if content is not None:
        (tmp_path / f"{weights.FINDER}.safetensors").write_bytes(content)
    monkeypatch.setattr(weights, "SHIPPED_FOLDER", tmp_path)
    landmarks.finder.cache_clear()
    model = s2f_studio.load(device="cpu")
    for answer in ("person", "average"):
        with pytest.raises(
            weights.WeightsError, match="not there, or damaged: install the package again"
        ) as raised:
            model.translate(crude, answer=answer)
        assert str(tmp_path) not in str(raised.value)


def test_a_drawing_is_analysed_once_for_all_answers_and_not_kept(model, monkeypatch):
    square = drawings.prepare(drawings.example("hat")).image
    find, analysed = face_model.find_landmarks, []
    monkeypatch.setattr(
        face_model,
        "find_landmarks",
        lambda *given: analysed.append(len(given[0])) or find(*given),
    )
    requests = [DrawingRequest(seed=seed, answer="average") for seed in range(3)]
    model.answer([square] * 3, requests)
    assert len(analysed) == 1
    kept = weakref.ref(find(square))
    gc.collect()
    assert kept() is None, "nothing of a visitor's drawing stays in memory"


def test_four_threads_get_the_answers_that_one_gets(model):
    names = ["few-lines", "beard", "long-hair", "hat"]
    asked = [
        (drawings.example(name), DrawingRequest(seed=seed, insist=True, **SMALL))
        for seed, name in enumerate(names)
    ]

    def answered(one):
        return translate(*one, model).faces[0]

    alone = [answered(one) for one in asked]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(answered, asked))
    for one, other in zip(alone, together, strict=True):
        assert one.person == other.person and np.array_equal(one.picture, other.picture)


def test_what_is_asked_for_in_python_is_done(model):
    """Enhancing, several answers, and laying back onto the paper; without a restorer at hand."""
    drawing = drawings.example("glasses")
    plain, enhanced, untouched, laid = (
        translate(drawing, DrawingRequest.of(fields), model)
        for fields in (
            SMALL | {"candidates": 2},
            SMALL | {"enhance": True, "strength": 1},
            SMALL | {"enhance": True, "strength": 0},
            SMALL | {"frame": "paper"},
        )
    )
    assert [face.name for face in plain.faces] == ["person", "average"]
    assert not np.array_equal(enhanced.faces[0].picture, plain.faces[0].picture)
    assert enhanced.faces[0].notes["restorer"] == "restorer-256, strength 1"
    assert np.array_equal(untouched.faces[0].picture, plain.faces[0].picture)
    assert "restorer" not in untouched.faces[0].notes
    assert laid.faces[0].picture.shape == laid.drawing.paper.shape != (256, 256, 3)


@pytest.mark.parametrize(
    ("fields", "times"), [({"person": "hair=#332211"}, 1), ({"candidates": 3}, 1), (AS_IT_IS, 0)]
)
@pytest.mark.parametrize("name", ["glasses", "few-lines"])
def test_a_drawing_is_judged_and_its_landmarks_found_once(model, name, fields, times, monkeypatch):
    """However much is asked; what is taken as it is, is not judged."""
    found, find = [], landmarks.find_all_landmarks
    monkeypatch.setattr(
        landmarks, "find_all_landmarks", lambda *given: found.append(given) or find(*given)
    )
    judged, verdict = [], paper.verdict
    monkeypatch.setattr(
        paper, "verdict", lambda picture: judged.append(picture.shape) or verdict(picture)
    )
    drawing = drawings.example(name)
    translate(drawing, DrawingRequest.of(SMALL | fields), model)
    assert len(found) == 1 and judged == [drawing.shape] * times


def test_an_exported_finder_is_asked_for_the_answer_and_for_what_is_said(model, monkeypatch):
    """An exported model brings its own finder, which is its engine."""
    asked, find = [], landmarks.find_all_landmarks
    monkeypatch.setattr(
        landmarks,
        "find_all_landmarks",
        lambda pictures, finding: asked.append(finding) or find(pictures, None),
    )
    monkeypatch.setattr(model.engine, "has", lambda stage: True)
    translate(drawings.example("glasses"), DrawingRequest(**SMALL), model)
    assert asked == [model.engine]


def test_a_sketch_is_not_enhanced_whoever_asks():
    request = DrawingRequest(direction="photo-to-sketch", enhance=True, align="never")
    with pytest.raises(Refusal, match="enhance restores photos"):
        translate(np.full((64, 64, 3), 200, np.uint8), request)
