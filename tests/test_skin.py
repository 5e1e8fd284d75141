"""The tone of skin that is asked for: how far it is reached, and what stays as it is."""

from __future__ import annotations

import numpy as np
import pytest

import s2f_studio
from s2f_studio.drawings import mesh
from s2f_studio.drawings import prepare as drawings
from s2f_studio.drawings.mesh import FACE_PX
from s2f_studio.faces import bank, skin
from s2f_studio.request import DrawingRequest

NO_HAIR = np.zeros((64, 64), np.float32)
LIGHTER, DARKER = np.array([6.0, 0.0, -2.0]), np.array([-30.0, 2.0, 4.0])


def toned(entry: int, by: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """An entry's picture in the frame, the same with the tone off by so much, and the asked one."""
    canvas = bank.shipped().picture(entry)
    margin = (len(canvas) - FACE_PX) // 2
    inside = slice(margin, -margin)
    asked = skin.tone_of(canvas[inside, inside]) + by
    made = skin.with_tone(canvas, NO_HAIR, asked)
    assert np.array_equal(made[:20, :20], canvas[:20, :20])  # the wall
    return canvas[inside, inside], made[inside, inside], asked


@pytest.mark.parametrize("entry", [0, 200, 500, 700])
def test_a_tone_nearby_is_reached_and_another_one_as_far_as_a_shift_may_be(entry):
    before, after, asked = toned(entry, LIGHTER)
    assert np.linalg.norm(skin.tone_of(after) - asked) < 1.5
    before, after, asked = toned(entry, DARKER)
    by = np.linalg.norm(skin.tone_of(after) - skin.tone_of(before))
    turned = abs(skin.angle_of(skin.tone_of(after)) - skin.angle_of(skin.tone_of(before)))
    assert by < skin.MOST_LAB + 1 and turned < skin.MOST_DEG + 1
    assert max(by / skin.MOST_LAB, turned / skin.MOST_DEG) > 0.8


def test_eyes_and_mouth_keep_their_colours():
    before, after, _ = toned(200, DARKER)
    points = mesh.mean_shape(FACE_PX)
    by = np.abs(after.astype(int) - before).max(axis=2)
    middles = [points[mesh.PARTS[name]].mean(axis=0) for name in ("left_eye", "right_eye", "lips")]
    for x, y in np.rint(middles).astype(int):
        assert by[y, x] <= 2
    assert np.median(by[skin.cheeks()]) > 6


def test_hair_on_the_forehead_keeps_its_colour():
    canvas, hair = bank.shipped().picture(200), NO_HAIR.copy()
    hair[:26] = 1.0
    grey = canvas.copy()
    grey[:130] = 150
    asked = skin.tone_of(canvas[32:-32, 32:-32]) + LIGHTER
    assert np.abs(skin.with_tone(grey, hair, asked)[60:110].astype(int) - 150).max() <= 4


def test_a_person_who_stays_gets_the_asked_tone():
    model = s2f_studio.load(device="cpu")
    square = drawings.prepare(drawings.example("few-lines")).image
    pictures = []
    for colour in ("#d9a286", "#d49c80"):
        ask = DrawingRequest(person={"skin": colour}, keep=int(model.bank.numbers[200]))
        (picture,), (person,) = model.answer_people([square], [ask])
        pictures.append((picture, person.number))
    (some, first), (others, second) = pictures
    assert first == second and not np.array_equal(some, others)
