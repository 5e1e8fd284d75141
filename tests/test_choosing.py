"""Which of several faces is meant, by faces that are given in place of the detector's."""

from __future__ import annotations

import numpy as np
import pytest

from s2f_studio.drawings.face import choose, parse_face_choice
from s2f_studio.drawings.prepare import prepare_for
from s2f_utils.networks.info import ModelInfo
from s2f_utils.pictures import faces
from s2f_utils.pictures.faces import Face

SHAPE = (400, 1000, 3)  # oblong, so that width and height are not the same to the code


def face(x, y, width=80.0, score=0.95):
    """A face whose middle is at (x, y)."""
    eye = 0.25 * width
    points = np.array([[-eye, -eye], [eye, -eye], [0, 0], [-eye, eye], [eye, eye]]) + [x, y]
    return Face(points, (x - width / 2, y - width / 2, width, width), score, "yunet")


def test_sides_and_numbers_mean_the_face_that_is_there():
    row = [face(150, 300), face(450, 100), face(850, 200)]
    for which, place in [("left", 0), ("right", 2), (1, 0), (2, 1), (3, 2)]:
        assert choose(row, which, SHAPE) == place
    with pytest.raises(faces.FaceError, match="no face 4: 3 found, counted from the left"):
        choose(row, 4, SHAPE)
    with pytest.raises(faces.FaceError, match="no face was found that could be chosen"):
        choose([], "left", SHAPE)


def test_without_a_choice_the_largest_of_equally_large_ones_the_most_central_is_taken():
    assert choose([face(100, 200, 120), face(500, 200, 100), face(900, 200)], None, SHAPE) == 0
    assert choose([face(100, 200, 100), face(520, 200, 90), face(900, 200, 95)], None, SHAPE) == 1
    assert (
        choose([face(200, 390), face(520, 200)], None, SHAPE) == 1
    )  # the middle of an oblong picture


def test_choices_are_read_as_they_are_typed():
    typed = {"": None, " Auto": None, "LEFT ": "left", "2": 2, 3: 3}
    assert {text: parse_face_choice(text) for text in typed} == typed
    for wrong in ("middle", "0", "-1", "1.5", "1,2,3,4", "nan", True, [1, 2]):
        with pytest.raises(ValueError, match="a face is selected by left, right"):
            parse_face_choice(wrong)


@pytest.fixture()
def three(monkeypatch):
    """A picture in which the detector sees three faces, the surest in the middle, and that."""
    seen = [
        face(850, 200, score=0.96),
        face(450, 200, score=0.99),
        face(150, 200, 100.0, score=0.91),
    ]
    monkeypatch.setattr(faces, "detect", lambda *given, **options: seen)
    monkeypatch.setattr(faces, "refined", lambda picture, found, *given, **options: found)
    return np.full(SHAPE, 128, np.uint8)


@pytest.mark.parametrize(
    ("which", "x"), [("left", 150), (1, 150), (2, 450), ("3", 850), ("right", 850), (None, 150)]
)
@pytest.mark.parametrize("direction", ["sketch-to-photo", "photo-to-sketch"])
def test_the_face_that_is_meant_is_laid_for_the_model(three, which, x, direction):
    asked = ModelInfo(name="mine", direction=direction, size_px=64, layout="aligned")
    ready = prepare_for(three, asked, face=which, clean="never")
    assert ready.face.middle[0] == pytest.approx(x)
    (told,) = [remark.data for remark in ready.warnings if remark.code == "faces"]
    assert told["num"] == 3 and told["taken"] == [150, 450, 850].index(x) + 1
    by_hand = prepare_for(three, asked, points=[(600, 150), (650, 150), (625, 200)], clean="never")
    assert by_hand.face.method == "points" and by_hand.face.landmarks[0].tolist() == [600, 150]
