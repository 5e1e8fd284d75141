"""Which answer a drawing gets, faithful or expected, and what is said; and pictures that are no such drawing."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from s2f_studio.drawings import domain, understanding
from s2f_studio.drawings import prepare as drawings
from s2f_studio.drawings.understanding import understand, understood
from s2f_studio.faces import choosing
from s2f_studio.faces.translate import translate_drawing
from s2f_studio.query import asked
from s2f_studio.web import answering
from s2f_utils import inference, weights
from s2f_utils.inference.asking import Ask
from s2f_utils.pictures import images
from s2f_utils.weights import table


@pytest.fixture(scope="module")
def model():
    return inference.load(device="cpu")


@pytest.fixture(scope="module")
def crude():
    return drawings.prepare(drawings.example("few-lines")).image


def code(remark) -> str:
    return remark.code if remark else ""


def test_a_model_with_two_answers_says_so_and_which_one_a_drawing_gets(model, crude):
    assert "answer" in model.facts.knows
    other = inference.load(weights.EXPECT, "cpu")
    assert "answer" not in other.facts.knows and other.chosen(crude, Ask()) == ""
    for ask, chosen, said in [
        (Ask(), "rendered", "crude"),
        (Ask(detail=0.0), "faithful", ""),  # nothing is to be invented
        (Ask(answer="expected", detail=0.0), "expected", ""),
        (Ask(answer="rendered", detail=0.0), "rendered", ""),  # as it was asked for
        (Ask(answer="faithful"), "faithful", ""),
    ]:
        assert (model.chosen(crude, ask), code(model.advice(crude, ask))) == (chosen, said)
    assert code(model.advice(crude)) == "crude"


def test_empty_paper_means_no_face_and_nothing_is_said_of_its_lines(model, tmp_path):
    blank = np.full((256, 256, 3), 255, np.uint8)
    assert model.chosen(blank, Ask()) == "faithful" and model.advice(blank) is None
    assert np.array_equal(model.translate(blank), model.translate(blank, answer="faithful"))
    for picture in (blank, np.zeros_like(blank)):
        made = translate_drawing(picture, tmp_path, pair=model, num_variations=0)
        assert made.remarks == () and [one.name for one in made.candidates] == ["faithful", "realistic"]


def test_a_photo_is_no_drawing_of_few_lines(model, monkeypatch):
    """Whether the finder or the greys tell that it is one."""
    data = pytest.importorskip("skimage.data")
    photo = images.resize(data.astronaut(), 256, "stretch")
    assert model.chosen(photo, Ask()) == "faithful" and model.advice(photo) is None
    drawing = images.resize(drawings.example("few-lines"), 256, "stretch")
    found = understood(drawing)
    for picture, is_photo, answer in ((photo, 0.0, "faithful"), (drawing, 0.9, "faithful"), (drawing, 0.0, "rendered")):
        flags = found.flags | {"crude": 0.9, "photo": is_photo}
        told = dataclasses.replace(found, flags=flags, picture=picture)
        monkeypatch.setattr(choosing, "understood", lambda square, finding, told=told: told)
        assert model.chosen(picture, Ask()) == answer


def test_files_say_which_answer_they_are_and_their_detail_where_they_have_any(model, tmp_path):
    made = translate_drawing(drawings.example("few-lines"), tmp_path, pair=model, detail=0.25)
    told = {path.stem.rpartition("-")[2]: images.read_notes(path) for path in made.files[1:]}
    assert {name: notes["answer"] for name, notes in told.items()} == {
        "rendered": "rendered", "expected": "expected", "faithful": "faithful", "variation": "rendered",
    }  # fmt: skip
    assert {name: notes.get("detail") for name, notes in told.items()} == {
        "rendered": None, "expected": None, "faithful": "0", "variation": None,
    }  # fmt: skip
    assert [one.answer for one in made.candidates] == ["rendered", "expected", "faithful", "rendered"]


@pytest.mark.parametrize("shape", [(8, 8, 3), (64, 64, 4), (64, 64), (64, 32, 3)])
def test_what_is_no_picture_of_a_face_is_refused_before_it_is_looked_at(shape):
    with pytest.raises(ValueError, match=r"a picture must be uint8 \(S, S, 3\), got uint8 .*: 16 pixels are the least"):
        understand([np.full(shape, 255, np.uint8)])


@pytest.mark.parametrize("size", [(16, 16), (40, 900), (3000, 3000)])
def test_pictures_of_any_size_get_an_answer_of_their_shape(model, size):
    picture = np.full((*size, 3), 255, np.uint8)
    for answer in ("auto", "faithful", "expected", "rendered"):
        made = model.translate(picture, answer=answer)
        assert max(made.shape) == 256 and abs(made.shape[0] / made.shape[1] / (size[0] / size[1]) - 1) < 0.1
        assert model.translate(picture, answer=answer, square=True).shape == (256, 256, 3)


@pytest.mark.parametrize("content", [None, b"", b"no weights"])
def test_without_the_finder_the_faithful_answer_is_there_and_it_is_said_what_to_do(
    crude, content, tmp_path, monkeypatch
):
    for path in table.SHIPPED_FOLDER.iterdir():
        (tmp_path / path.name).symlink_to(path)
    (tmp_path / f"{weights.FINDER}.safetensors").unlink()
    if content is not None:
        (tmp_path / f"{weights.FINDER}.safetensors").write_bytes(content)
    monkeypatch.setattr(table, "SHIPPED_FOLDER", tmp_path)
    understanding.finder.cache_clear()
    understanding._remembered.cache_clear()
    model = inference.load(device="cpu")
    for answer in ("auto", "expected", "rendered"):
        with pytest.raises(weights.WeightsError, match="not there, or damaged: install the package again") as raised:
            model.translate(crude, answer=answer)
        assert str(tmp_path) not in str(raised.value)
    assert model.translate(crude, answer="faithful").shape == (256, 256, 3)


@pytest.mark.parametrize("more", [{}, {"candidates": 4}, {"person": "hair=#332211"}])
def test_a_drawing_is_judged_once_however_much_is_asked(model, more, monkeypatch):
    """Its paper, and the square that the model reads."""
    judged = []
    verdict = domain.verdict
    monkeypatch.setattr(domain, "verdict", lambda picture: judged.append(picture.shape) or verdict(picture))
    understanding._remembered.cache_clear()
    answering.answer(drawings.example("curls"), asked(more), model)
    assert judged == [(510, 420, 3), (256, 256, 3)]
