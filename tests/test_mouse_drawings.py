"""The twenty faces that were drawn with a mouse, and the benchmark that draws them again in the app."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "benchmarks"))

import mouse_drawings  # noqa: E402

from tests.browser import pages  # noqa: E402

DRAWINGS = json.loads((ROOT / "benchmarks" / "mouse_drawings.json").read_text(encoding="utf-8"))


def test_there_are_twenty_different_people():
    assert len(DRAWINGS) == len({one["name"] for one in DRAWINGS}) == 20
    shown = [one["shows"] for one in DRAWINGS]
    for what in ("glasses", "beard", "hat"):
        assert any(own[what] is True for own in shown) and any(own[what] is False for own in shown)
    assert {own["hair"] for own in shown} == {"long", "short", "none"}


def test_no_two_drawings_share_a_part():
    """Each was drawn on its own: no stroke, wherever it lies, stands in two of them."""
    seen: dict[bytes, str] = {}
    for drawing in DRAWINGS:
        for stroke in drawing["strokes"]:
            if len(stroke) > 3:  # a tick of three points may be like another
                shape = np.diff(np.array(stroke, float), axis=0).tobytes()
                assert seen.setdefault(shape, drawing["name"]) == drawing["name"]


@pytest.mark.parametrize("drawing", DRAWINGS, ids=lambda one: one["name"])
def test_a_drawing_is_on_the_paper_and_says_where_its_parts_are(drawing):
    points = np.concatenate([np.array(stroke, float) for stroke in drawing["strokes"]])
    assert points.min() >= 0 and points.max() <= mouse_drawings.PAPER_PX and 1 <= drawing["width"] <= 40
    left, right, nose, *corners = np.array(drawing["five"], float)
    assert left[0] < right[0] and left[0] < nose[0] + 40 and corners[0][0] < corners[1][0]
    assert max(left[1], right[1]) < nose[1] < min(corner[1] for corner in corners)
    eyes = right[0] - left[0]
    for mark in (left, right, *corners):  # something is drawn there
        assert np.hypot(*(points - mark).T).min() < 0.2 * eyes


def test_work_inside_of_the_project_is_refused(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["mouse_drawings.py", "--work", str(ROOT / "benchmarks")])
    with pytest.raises(SystemExit, match="outside of the project"):
        mouse_drawings.main()


@pytest.mark.parametrize("missing", ["playwright", "chromium"])
def test_what_is_missing_is_said_with_the_way_to_get_it(missing, monkeypatch):
    if missing == "playwright":
        monkeypatch.setitem(sys.modules, "playwright.sync_api", None)
    else:
        pytest.importorskip("playwright.sync_api")
        monkeypatch.setattr(pages, "CHROMIUM", None)
    with pytest.raises(SystemExit, match=f"install {missing}"), pages.browser():
        pass


def test_the_summary_counts_what_was_not_answered():
    good = {"answer": "expected", "detector": 0.9, "landmarks": 0.1, "residue": 0.2}
    bad = {"answer": None, "detector": 0.0, "landmarks": 1.0, "residue": None}
    found = mouse_drawings.summary([{"draw": good}, {"draw": good}, {"draw": bad}], "draw")
    assert found == {
        "expected": 2, "no_face": 1, "detector_mean": 0.6, "landmarks_median": 0.1, "residue_mean": 0.2
    }  # fmt: skip


@pytest.mark.browser
@pytest.mark.slow
@pytest.mark.skipif(pages.CHROMIUM is None, reason="no Chromium: apt install chromium")
def test_the_mouse_leaves_the_strokes_on_the_paper(tmp_path):
    pytest.importorskip("playwright")
    pytest.importorskip("fastapi", reason="the extra 'app' is not installed: pip install -e '.[app]'")
    with mouse_drawings.browser_page(tmp_path) as page:
        for drawing in DRAWINGS[:2]:
            made = mouse_drawings.draw(page, drawing)
            ink = made["drawing"].min(axis=2) < 128
            ends = np.array([at for stroke in drawing["strokes"] for at in (stroke[0], stroke[-1])])
            assert all(ink[int(y) - 2 : int(y) + 3, int(x) - 2 : int(x) + 3].any() for x, y in ends)
            rows, columns = np.nonzero(ink)
            every = np.concatenate([np.array(stroke, float) for stroke in drawing["strokes"]])
            around = np.stack([every.min(axis=0), every.max(axis=0)])
            found = np.array([[columns.min(), rows.min()], [columns.max(), rows.max()]])
            assert np.abs(found - around).max() < 6
            assert made["answer"].shape == (256, 256, 3) and made["answer"].std() > 15
        given = mouse_drawings.upload(page, made["drawing"])
        assert given["answer"].shape == (512, 512, 3) and "answered" not in given["said"]
