"""Which answer a drawing gets, and what is said; and pictures that are no such drawing."""

from __future__ import annotations

import numpy as np
import pytest

from s2f_studio.drawings import paper, understanding
from s2f_studio.drawings import prepare as drawings
from s2f_studio.drawings.understanding import understand
from s2f_studio.faces.translate import translate_drawing
from s2f_studio.page import answering
from s2f_studio.query import asked
from s2f_studio.request import DrawingRequest
from s2f_utils import infer, weights
from s2f_utils.pictures import images


@pytest.fixture(scope="module")
def model():
    return infer.load(device="cpu")


@pytest.fixture(scope="module")
def crude():
    return drawings.prepare(drawings.example("few-lines")).image


def code(remark) -> str:
    return remark.code if remark else ""


def test_a_model_with_two_answers_says_so_and_when_much_is_left_open(model, crude):
    assert "answer" in model.info.supports
    assert "answer" not in infer.load(weights.EXPECT, "cpu").info.supports
    for answer, expected in (("auto", "crude"), ("expected", ""), ("rendered", "")):
        assert code(model.advice(crude, DrawingRequest(answer=answer))) == expected
    assert np.array_equal(model.translate(crude), model.translate(crude, answer="rendered"))
    with pytest.raises(
        ValueError, match="answer: input should be 'auto', 'expected' or 'rendered'"
    ):
        model.translate(crude, answer="faithful")


def test_files_say_which_answer_they_are(model, tmp_path):
    made = translate_drawing(drawings.example("few-lines"), tmp_path, model=model)
    told = {path.stem.rpartition("-")[2]: images.read_notes(path) for path in made.files[1:]}
    kinds = {"rendered": "rendered", "expected": "expected", "variation": "rendered"}
    assert {name: notes["answer"] for name, notes in told.items()} == kinds
    assert not any("detail" in notes for notes in told.values())


@pytest.mark.parametrize("shape", [(8, 8, 3), (64, 64, 4), (64, 64), (64, 32, 3)])
def test_what_is_no_picture_of_a_face_is_refused_before_it_is_looked_at(shape):
    with pytest.raises(
        ValueError,
        match=r"a picture must be uint8 \(S, S, 3\), got uint8 .*: 16 pixels are the least",
    ):
        understand([np.full(shape, 255, np.uint8)])


@pytest.mark.parametrize("size", [(16, 16), (40, 900), (3000, 3000)])
def test_pictures_of_any_size_get_an_answer_of_their_shape(model, size):
    picture = np.full((*size, 3), 255, np.uint8)
    for answer in ("auto", "expected", "rendered"):
        made = model.translate(picture, answer=answer)
        assert (
            max(made.shape) == 256
            and abs(made.shape[0] / made.shape[1] / (size[0] / size[1]) - 1) < 0.1
        )
        assert model.translate(picture, answer=answer, fit="square").shape == (256, 256, 3)


@pytest.mark.parametrize("content", [None, b"", b"no weights"])
def test_without_the_finder_it_is_said_what_to_do(crude, content, tmp_path, monkeypatch):
    for path in weights.SHIPPED_FOLDER.iterdir():
        (tmp_path / path.name).symlink_to(path)
    (tmp_path / f"{weights.FINDER}.safetensors").unlink()
    if content is not None:
        (tmp_path / f"{weights.FINDER}.safetensors").write_bytes(content)
    monkeypatch.setattr(weights, "SHIPPED_FOLDER", tmp_path)
    understanding.finder.cache_clear()
    understanding._remembered.cache_clear()
    model = infer.load(device="cpu")
    for answer in ("auto", "expected", "rendered"):
        with pytest.raises(
            weights.WeightsError, match="not there, or damaged: install the package again"
        ) as raised:
            model.translate(crude, answer=answer)
        assert str(tmp_path) not in str(raised.value)


@pytest.mark.parametrize("more", [{}, {"candidates": 4}, {"person": "hair=#332211"}])
def test_a_drawing_is_judged_once_however_much_is_asked(model, more, monkeypatch):
    judged = []
    verdict = paper.verdict
    monkeypatch.setattr(
        paper, "verdict", lambda picture: judged.append(picture.shape) or verdict(picture)
    )
    understanding._remembered.cache_clear()
    answering.answer(drawings.example("curls"), asked(more), model)
    assert judged == [(510, 420, 3)]
