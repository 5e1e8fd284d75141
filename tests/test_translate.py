"""A drawing to candidates on one sheet, by models of one's shipped."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageDraw

from data_prep.procedural_faces.synthetic import draw_face
from s2f_studio.faces.translate import translate_drawing
from s2f_utils.pictures import faces, images

SIZE = 256
POINTS = [(84, 102), (170, 102), (127, 190)]  # eyes and mouth of a 256 px drawing


def rgb(grey):
    return np.repeat(grey[..., None], 3, axis=2)


@pytest.fixture(scope="module")
def drawing():
    sheet = np.full((540, 300, 3), 255, np.uint8)
    sheet[160:416, 20:276] = rgb(draw_face(5, size_px=256).sketch)
    return sheet


def points_on_the_sheet():
    return np.array(POINTS, float) + [20, 160]


def test_three_candidates_and_a_sheet_that_says_they_are_generated(shipped, drawing, tmp_path):
    done = translate_drawing(drawing, tmp_path, "anna", model=shipped, points=points_on_the_sheet())
    assert [c.name for c in done.candidates] == ["rendered", "expected", "variation"]
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "anna-candidates.png",
        "anna-expected.png",
        "anna-rendered.png",
        "anna-variation.png",
    ]
    for path in done.files:
        with Image.open(path) as picture:
            assert picture.text["Description"] == images.GENERATED_NOTE
    assert images.read_notes(done.files[3]) == {
        "candidate": "variation",
        "answer": "rendered",
        "seed": "1",
    }
    pictures = [c.picture for c in done.candidates]
    assert all(p.shape == (SIZE, SIZE, 3) for p in pictures)
    assert len({p.tobytes() for p in pictures}) == 3  # three different answers
    assert images.load_rgb(done.sheet).shape[1] == 4 * 256


def test_nothing_is_overwritten(shipped, drawing, tmp_path):
    first = translate_drawing(drawing, tmp_path, model=shipped, points=points_on_the_sheet())
    before = first.sheet.read_bytes()
    second = translate_drawing(
        drawing, tmp_path, model=shipped, points=points_on_the_sheet(), seed=9
    )
    assert not set(first.files) & set(second.files) and first.sheet.read_bytes() == before
    third = translate_drawing(
        drawing, tmp_path, model=shipped, points=points_on_the_sheet(), num_variations=3, seed=0
    )
    assert [p.name.partition("-2-")[0] for p in second.files] == [
        "drawing"
    ] * 4  # one number for all of an answer
    assert all(p.name.startswith("drawing-3-") for p in third.files) and len(third.files) == 6
    assert [c.seed for c in third.candidates] == [0, 0, 1, 2, 3]
    assert len({c.picture.tobytes() for c in third.candidates}) == 5


def test_back_into_the_papers_frame(shipped, drawing, tmp_path):
    done = translate_drawing(
        drawing, tmp_path, model=shipped, points=points_on_the_sheet(), frame="paper"
    )
    laid = images.load_rgb(done.files[1])
    assert laid.shape == drawing.shape
    tall = translate_drawing(
        np.pad(drawing, ((0, 2400), (0, 0), (0, 0)), constant_values=255),
        tmp_path,
        "tall",
        model=shipped,
        points=points_on_the_sheet(),
        frame="paper",
    )
    height, width = images.load_rgb(tall.sheet).shape[:2]
    assert (
        width >= ImageDraw.Draw(Image.new("RGB", (1, 1))).textlength(images.GENERATED_NOTE)
        and height > 1000
    )
    back = faces.inverse(done.prepared.matrix)
    above, centre = (
        faces.transform(np.array([[SIZE / 2, -4], [SIZE / 2, SIZE / 2]]), back).round().astype(int)
    )
    assert above[1] > 4 and np.array_equal(
        laid[: above[1]], drawing[: above[1]]
    )  # the paper beside it is as it was
    made = done.candidates[0].picture[SIZE // 2, SIZE // 2]
    assert np.abs(laid[centre[1], centre[0]].astype(int) - made).max() < 40
