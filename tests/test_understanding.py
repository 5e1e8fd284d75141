"""What is understood of a drawing before it is translated: is there a sheet, is it a drawing, which face is meant."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from s2f_utils.pictures import cleanup, drawings, images
from tests.test_drawings import on_a_desk, rgb

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"


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


@pytest.mark.parametrize("seed", range(4))
def test_a_pale_face_between_dark_hair_is_no_sheet(seed):
    drawn = face_between_hair(seed)
    assert cleanup.find_sheet(drawn) is None
    assert cleanup.find_sheet(np.ascontiguousarray(drawn[:, ::-1])) is None
    ready = drawings.prepare(rgb(drawn), points=[(120, 135), (180, 135), (150, 205)])
    assert ready.corners is None and "cut" not in codes(ready.warnings) and np.array_equal(ready.paper, rgb(drawn))


@pytest.mark.parametrize("name", drawings.EXAMPLES)
def test_sheets_on_a_desk_are_found_whatever_is_drawn_on_them(name):
    scene, matrix = on_a_desk(drawings.example(name))
    corners = cv2.perspectiveTransform(np.array([[[0.0, 0], [420, 0], [420, 510], [0, 510]]]), matrix)[0]
    np.testing.assert_allclose(cleanup.find_sheet(scene), corners, atol=8)


def test_what_was_cut_is_said_and_can_be_undone():
    scene, matrix = on_a_desk(drawings.example("glasses"))
    points = cv2.perspectiveTransform(np.array([[[150.0, 215.0], [270.0, 215.0], [210.0, 335.0]]]), matrix)[0]
    ready = drawings.prepare(scene, points=points)
    (remark,) = ready.warnings
    corners = cv2.perspectiveTransform(np.array([[[0.0, 0], [420, 0], [420, 510], [0, 510]]]), matrix)[0]
    assert remark.code == "cut" and np.abs(ready.corners - corners).max() < 8
    assert np.abs(np.array(remark.data["corners"]) - corners / [760, 900]).max() < 0.01
    assert remark.data["percent"] == pytest.approx(41, abs=2) and f"{remark.data['percent']} % of" in str(remark)
    whole = drawings.prepare(scene, points=points, clean="whole")
    assert whole.corners is None and whole.paper.shape == scene.shape and "cut" not in codes(whole.warnings)
    away = drawings.prepare(scene, points=points + [0, 890 - points[2, 1]])  # its mouth lies beside the sheet
    assert away.corners is None


def test_whole_cleans_as_auto_does_where_there_is_no_sheet():
    drawn = drawings.example("plain-man")
    grey = (drawn * 0.8).astype(np.uint8)
    points = [(147, 247), (275, 247), (211, 360)]
    auto, whole = (drawings.prepare(grey, points=points, clean=clean) for clean in ("auto", "whole"))
    assert np.array_equal(auto.paper, whole.paper) and not np.array_equal(whole.paper, grey)


@pytest.mark.detector
def test_a_cut_through_a_face_is_not_made(monkeypatch):
    scene, matrix = on_a_desk(drawings.example("plain-man"))
    across = cv2.perspectiveTransform(np.array([[[0.0, 0], [210, 0], [210, 510], [0, 510]]]), matrix)[0]
    around = cleanup.find_sheet(scene)
    for corners, expected in ((across, None), (around, around)):
        monkeypatch.setattr(cleanup, "find_sheet", lambda _, found=corners: found)
        assert drawings.prepare(scene).corners is expected


@pytest.mark.skipif(not (SHARED / "fs2k").is_dir(), reason="no ../shared/data/fs2k")
def test_nothing_is_cut_out_of_fs2ks_sketches():
    files = sorted(path for path in (SHARED / "fs2k" / "sketch").rglob("*") if images.is_image_name(path))
    assert len(files) == 2104
    assert [path.name for path in files if cleanup.find_sheet(images.load_rgb(path)) is not None] == []


@pytest.mark.skipif(not (SHARED / "cufs").is_dir(), reason="no ../shared/data/cufs")
def test_nothing_is_cut_out_of_cuhks_sketches():
    files = sorted((SHARED / "cufs").glob("*sketches/*.jpg"))
    assert len(files) == 188
    assert [path.name for path in files if cleanup.find_sheet(images.load_rgb(path)) is not None] == []
