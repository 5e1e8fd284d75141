"""What is understood of a drawing before it is translated: is there a sheet, is it a drawing, which
face is meant.
"""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from data_prep.procedural_faces.synthetic import draw_face
from s2f_studio.cli.main import main
from s2f_studio.drawings import prepare as drawings
from s2f_studio.drawings.paper import TONES_FROM, verdict
from s2f_utils.pictures import cleanup, images
from tests.test_drawings import on_a_desk, rgb


def codes(remarks):
    return [remark.code for remark in remarks]


# --- the sheet ---


def face_between_hair(seed, size=300):
    """A pale face between dark hair that reaches the picture's lower edge, uint8 (300, 300)."""
    rng = np.random.default_rng(seed)
    hair, face = np.zeros((2, size, size), np.uint8)
    cv2.ellipse(hair, (150, 110), (125, 105), 0, 0, 360, 1, -1)
    cv2.fillPoly(hair, [np.int32([[25, 120], [275, 120], [300, 300], [0, 300]])], 1)
    cv2.ellipse(face, (150, 150), (68, 100), 0, 0, 360, 1, -1)
    cv2.fillPoly(face, [np.int32([[84, 150], [216, 150], [262, 300], [38, 300]])], 1)
    strokes = np.full((size, size), 110, np.uint8)
    for _ in range(1500):
        (x, y), lean, length = rng.uniform(0, size, 2), rng.normal(0, 0.25), rng.uniform(15, 40)
        to = (int(x + length * np.sin(lean)), int(y + length * np.cos(lean)))
        cv2.line(strokes, (int(x), int(y)), to, int(rng.uniform(15, 190)), 2)
    drawn = np.where((hair == 1) & (face == 0), strokes, 255).astype(np.uint8)
    for x in (120, 180):
        cv2.ellipse(drawn, (x, 135), (15, 6), 0, 0, 360, 60, 2)
        cv2.circle(drawn, (x, 135), 4, 30, -1)
    cv2.line(drawn, (150, 140), (142, 175), 90, 2)
    cv2.line(drawn, (125, 205), (175, 205), 60, 3)
    return drawn


@pytest.mark.parametrize("seed", range(2))
def test_a_pale_face_between_dark_hair_is_no_sheet(seed):
    drawn = face_between_hair(seed)
    assert cleanup.find_sheet(drawn) is None
    assert cleanup.find_sheet(np.ascontiguousarray(drawn[:, ::-1])) is None
    ready = drawings.prepare(rgb(drawn), points=[(120, 135), (180, 135), (150, 205)])
    assert "cut" not in codes(ready.warnings) and np.array_equal(ready.paper, rgb(drawn))


def test_what_was_cut_is_said_and_can_be_undone():
    scene, matrix = on_a_desk(drawings.example("glasses"))
    points = cv2.perspectiveTransform(
        np.array([[[150.0, 215.0], [270.0, 215.0], [210.0, 335.0]]]), matrix
    )[0]
    ready = drawings.prepare(scene, points=points)
    (remark,) = ready.warnings
    corners = cv2.perspectiveTransform(
        np.array([[[0.0, 0], [420, 0], [420, 510], [0, 510]]]), matrix
    )[0]
    cut = np.array(remark.data["corners"]) * [760, 900] - 0.5
    assert remark.code == "cut" and np.abs(cut - corners).max() < 8
    assert np.abs(np.array(remark.data["corners"]) - corners / [760, 900]).max() < 0.01
    assert remark.data["percent"] == pytest.approx(
        41, abs=2
    ) and f"{remark.data['percent']} % of" in str(remark)
    eyes = (ready.face.landmarks[:2] + 0.5) / ready.paper.shape[
        1::-1
    ]  # on the sheet, not on the desk
    assert np.abs(eyes - np.array([[150, 215], [270, 215]]) / [420, 510]).max() < 0.02
    whole = drawings.prepare(scene, points=points, clean="whole")
    assert whole.paper.shape == scene.shape and "cut" not in codes(whole.warnings)
    away = drawings.prepare(
        scene, points=points + [0, 890 - points[2, 1]]
    )  # its mouth lies beside the sheet
    assert away.paper.shape == scene.shape and "cut" not in codes(away.warnings)


def test_a_cut_through_a_face_is_not_made(monkeypatch):
    scene, matrix = on_a_desk(drawings.example("plain-man"))
    across = cv2.perspectiveTransform(
        np.array([[[0.0, 0], [210, 0], [210, 510], [0, 510]]]), matrix
    )[0]
    around = cleanup.find_sheet(scene)
    for corners, is_cut in ((across, False), (around, True)):
        monkeypatch.setattr(cleanup, "find_sheet", lambda _, found=corners: found)
        cuts = [one.data for one in drawings.prepare(scene).warnings if one.code == "cut"]
        assert len(cuts) == is_cut
    shares = (around + 0.5) / scene.shape[1::-1]
    assert np.abs(np.array(cuts[0]["corners"]) - shares).max() < 1e-4


# --- drawing or photo? ---


def smudged(face):
    """A drawn face whose tones were smudged with a finger: uint8 (256, 256, 3)."""
    grey = cv2.GaussianBlur((face.photo @ [0.3, 0.59, 0.11]).astype(np.float32), (0, 0), 3)
    tone = np.where(face.mask == 0, 255, 150 + 105 * grey / 255)
    return rgb(np.clip(tone * (face.sketch / 255.0) ** 0.8, 0, 255).astype(np.uint8))


@pytest.fixture(scope="module")
def some():
    return [draw_face(index, size_px=256, seed=77) for index in range(8)]


def test_drawings_with_smudged_tones_are_drawings(some):
    seen = [verdict(smudged(face)) for face in some]
    assert sum(one.tones >= TONES_FROM for one in seen) >= 4  # these were photos once
    assert [one.kind for one in seen].count("drawing") >= 6


# --- several faces ---


def side_by_side(*faces_drawn, height=400):
    """Drawings beside each other on one sheet, at these heights: [(drawing, height), …]; and where
    each begins.
    """
    parts = [
        cv2.resize(d, (round(d.shape[1] * h / d.shape[0]), h), interpolation=cv2.INTER_AREA)
        for d, h in faces_drawn
    ]
    starts = np.cumsum([0, *(part.shape[1] for part in parts)])
    sheet = np.full((height, starts[-1], 3), 255, np.uint8)
    for part, start in zip(parts, starts[:-1], strict=True):
        sheet[height - len(part) :, start : start + part.shape[1]] = part
    return sheet, starts


@pytest.fixture(scope="module")
def couple():
    return side_by_side((drawings.example("plain-man"), 400), (drawings.example("long-hair"), 300))


def column_of(face, starts):
    return int(np.searchsorted(starts, face.landmarks[2, 0])) - 1


def test_two_faces_are_told_and_one_can_be_chosen(couple):
    sheet, starts = couple
    ready = drawings.prepare(sheet)
    (remark,) = ready.warnings
    assert remark.code == "faces" and (remark.data["num"], remark.data["taken"]) == (2, 1)
    assert str(remark).startswith("2 faces were found, and number 1 from the left was taken")
    assert column_of(ready.face, starts) == 0  # the larger one
    boxes = np.array(remark.data["boxes"])
    assert (
        boxes.shape == (2, 4)
        and boxes[0, 0] < starts[1] / starts[2] < boxes[1, 0] + boxes[1, 2] / 2
    )
    for which, column in [("left", 0), ("right", 1), (1, 0), (2, 1), ("2", 1)]:
        chosen = drawings.prepare(sheet, face=which)
        assert (
            column_of(chosen.face, starts) == column
            and chosen.warnings[0].data["taken"] == column + 1
        )
    lying = drawings.prepare(
        np.ascontiguousarray(np.rot90(sheet))
    )  # boxes of the paper as it was turned
    assert codes(lying.warnings) == ["turned", "faces"]
    assert np.abs(np.array(lying.warnings[1].data["boxes"]) - boxes).max() < 0.01
    alone = drawings.prepare(
        np.ascontiguousarray(sheet[:, starts[1] :])
    )  # the same landmarks as without the other one
    away = (
        drawings.prepare(sheet, face="right").face.landmarks - alone.face.landmarks - [starts[1], 0]
    )
    assert np.hypot(*away.T).max() < 0.1 * alone.face.eye_distance


def test_the_command_line_takes_a_face(couple, tmp_path, capsys):
    images.save(tmp_path / "two.png", couple[0])
    asked = [
        "translate",
        str(tmp_path / "two.png"),
        "--out",
        str(tmp_path / "out"),
        "--frame",
        "paper",
        "--preview",
    ]
    assert main([*asked, "--face", "right"]) == 0
    said = capsys.readouterr().err
    assert "2 faces were found, and number 2" in said and "--face left, right, or a number" in said
    made = images.load_rgb(next((tmp_path / "out").glob("*-average.png")))
    changed = (np.abs(made.astype(int) - couple[0]).max(axis=2) > 60).mean(axis=0)
    assert changed[: couple[1][1]].mean() < changed[couple[1][1] :].mean() / 4
    assert (
        main([*asked, "--face", "middle"]) == 2
        and "a face is selected by" in capsys.readouterr().err
    )
    assert main([*asked, "--face", "left", "--eyes", "1,2,3,4", "--mouth", "3,5"]) == 2
