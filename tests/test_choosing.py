"""Which of several faces is meant, by faces that are given in place of the detector's."""

from __future__ import annotations

import numpy as np
import pytest

from s2f_studio.drawings import prepare as drawings
from s2f_utils.cli import main
from s2f_utils.pictures import faces, images
from s2f_utils.pictures.faces import choosing
from s2f_utils.pictures.faces.geometry import Face

SHAPE = (400, 1000, 3)  # oblong, so that width and height are not the same to the code


def face(x, y, width=80.0, score=0.95):
    """A face whose middle is at (x, y)."""
    eye = 0.25 * width
    points = np.array([[-eye, -eye], [eye, -eye], [0, 0], [-eye, eye], [eye, eye]]) + [x, y]
    return Face(points, (x - width / 2, y - width / 2, width, width), score, "yunet")


@pytest.fixture()
def seen(monkeypatch):
    """A function that says what the detector finds; `alone`: what its landmarks were refined as."""

    def sees(*found, drawn=None):
        monkeypatch.setattr(choosing, "detect", lambda _picture, **_options: list(found))
        monkeypatch.setattr(choosing, "detect_drawn", lambda _picture: drawn)
        monkeypatch.setattr(faces, "detect_drawn", lambda _picture: drawn or next(iter(found), None))
        monkeypatch.setattr(drawings, "_detector_problem", lambda: "")
        monkeypatch.setattr(faces, "refined", lambda _picture, one, *_told, alone: sees.alone.append(alone) or one)
        return np.full(SHAPE, 255, np.uint8)

    sees.alone = []
    return sees


def middles(found):
    return [tuple(one.landmarks.mean(axis=0)) for one in found]


def test_sides_numbers_and_boxes_mean_the_face_that_is_there():
    row = [face(150, 300), face(450, 100), face(850, 200)]
    for which, place in [("left", 0), ("right", 2), (1, 0), (2, 1), (3, 2)]:
        assert choosing.choose(row, which, SHAPE) == place
    for which, place in [
        ((400, 50, 100, 100), 1), ((700, 0, 300, 400), 2), ((0, 0, 1000, 400), 1),  # of all the nearest to its middle
        ((300, 0, 600, 250), 1), ((400, 0, 600, 400), 2),
    ]:  # fmt: skip
        assert choosing.choose(row, which, SHAPE) == place
    for box in [(0, 0, 149, 400), (151, 0, 298, 99), (151, 101, 698, 98), (451, 0, 398, 400), (851, 0, 149, 400)]:
        with pytest.raises(faces.FaceError, match="no face was found in the box"):
            choosing.choose(row, box, SHAPE)
    with pytest.raises(faces.FaceError, match="no face 4: 3 found, counted from the left"):
        choosing.choose(row, 4, SHAPE)
    with pytest.raises(faces.FaceError, match="no face was found that could be chosen"):
        choosing.choose([], "left", SHAPE)


def test_without_a_choice_the_largest_of_equally_large_ones_the_most_central_is_taken():
    assert choosing.choose([face(100, 200, 120), face(500, 200, 100), face(900, 200)], None, SHAPE) == 0
    assert choosing.choose([face(100, 200, 100), face(520, 200, 90), face(900, 200, 95)], None, SHAPE) == 1
    assert choosing.choose([face(200, 390), face(520, 200)], None, SHAPE) == 1  # the middle of an oblong picture


def test_faces_count_from_left_to_right_once_each_and_not_those_in_the_background(seen):
    picture = seen(
        face(800, 50, 100, 0.99), face(200, 300, 100, 0.75), face(500, 200, 40, 0.9), face(805, 52, 90, 0.98),
        face(350, 60, 20, 0.97), face(60, 60, 100, 0.65),
    )  # fmt: skip
    assert middles(choosing.all_faces(picture)) == [(200, 300), (500, 200), (800, 50)]


@pytest.mark.parametrize("drawing", [True, False])
def test_a_box_is_looked_into_where_nothing_was_found(seen, drawing):
    """What is found there lies in the picture, and within the box."""
    there = face(50, 30)  # in the part that is looked at, which begins a margin before the box
    picture = seen(*([] if drawing else [there]), drawn=there if drawing else None)
    found = choosing.look_into(picture, (600, 200, 100, 100), drawing=drawing)
    assert middles([found]) == [(630, 210)] and found.box[:2] == (590, 170)
    assert choosing.look_into(picture, (620, 215, 100, 100), drawing=drawing) is not None
    seen(*([] if drawing else [face(10, 10)]), drawn=face(10, 10) if drawing else None)
    assert choosing.look_into(picture, (600, 200, 100, 100), drawing=drawing) is None  # in the margin
    assert choosing.look_into(picture, (600, 200, 8, 8), drawing=drawing) is None  # too small to look into


def test_what_is_said_of_several_faces(seen):
    picture = seen(face(750, 100), face(250, 300))
    taken, (remark,) = drawings.find_any(picture, face="right")
    assert middles([taken]) == [(750, 100)]
    assert remark.code == "faces" and (remark.data["num"], remark.data["taken"]) == (2, 2)
    assert remark.data["boxes"] == [[0.21, 0.65, 0.08, 0.2], [0.71, 0.15, 0.08, 0.2]]
    for which in (1, "left", (200, 250, 100, 100)):
        taken, (remark,) = drawings.find_any(picture, face=which)
        assert middles([taken]) == [(250, 300)] and remark.data["taken"] == 1
    assert seen.alone == [False] * 4  # so that the landmarks of another one are not taken
    seen(face(250, 300))
    assert drawings.find_any(picture)[1] == drawings.find_any(picture, face=(200, 250, 100, 100))[1] == []
    assert seen.alone[4:] == [True, True]
    with pytest.raises(faces.FaceError, match="no face 2: 1 found"):
        drawings.find_any(picture, face=2)
    seen(drawn=face(50, 30))  # in the box alone
    taken, remarks = drawings.find_any(picture, face=(600, 200, 100, 100))
    assert middles([taken]) == [(630, 210)] and remarks == []


def test_a_box_goes_along_onto_the_sheet_that_is_cut_out(seen, monkeypatch):
    picture = seen(face(50, 200), face(150, 200))  # on the sheet
    corners = np.array([[600.0, 50], [800, 50], [800, 350], [600, 350]])
    monkeypatch.setattr(drawings, "_sheet", lambda *_given: corners)
    ready = drawings.prepare(picture, face=(720, 200, 60, 100))
    assert ready.paper.shape[0] < SHAPE[0] and middles([ready.face]) == [(150, 200)]


def test_the_command_line_hands_the_choice_on_to_any_model(monkeypatch, tmp_path):
    asked, found = [], face(128, 128)
    monkeypatch.setattr(drawings, "find_any", lambda _picture, **told: asked.append(told["face"]) or (found, []))
    images.save(tmp_path / "two.png", np.full((256, 256, 3), 128, np.uint8))
    told = ["translate", "photo-to-sketch", str(tmp_path / "two.png"), "--out", str(tmp_path / "out")]
    assert main([*told, "--device", "cpu", "--face", "right"]) == 0 and asked == ["right"]


def test_choices_are_read_as_they_are_typed():
    typed = {"": None, " Auto": None, "LEFT ": "left", "2": 2, "2.0": 2, "1,2,3,4": (1.0, 2.0, 3.0, 4.0)}
    assert {text: choosing.checked(text) for text in typed} == typed
    for wrong in ("middle", "0", "-1", "1.5", "1,2,3", "1,2,0,4", "nan", "inf", True, False, [1, 2]):
        with pytest.raises(ValueError, match="a face is meant by left, right"):
            choosing.checked(wrong)
