"""Controls over pictures, driven without a page: clicks on a drawing, the divider, sliders."""

from __future__ import annotations

import base64
import io

import numpy as np
import pytest
from PIL import Image

from s2f_studio.drawings import prepare as drawings
from s2f_utils.notebook import click_face, divider
from tests.test_translate import POINTS, drawing  # noqa: F401  (fixtures)

pytest.importorskip("anywidget")


def shown(uri: str) -> np.ndarray:
    assert uri.startswith("data:image/png;base64,")
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2]))))


def test_clicks_are_points_of_the_drawing_itself():
    widget = click_face(np.full((1600, 1200, 3), 255, np.uint8))
    assert shown(widget.source).shape == (640, 480, 3) and widget.scale == 0.4
    assert widget.points is None  # "Run all" goes on without clicks
    widget.shown = [[160, 200], [320, 200]]
    assert widget.points is None
    widget.shown = [[160, 200], [320, 200], [240, 420]]
    assert np.allclose(widget.points, [(400.75, 500.75), (800.75, 500.75), (600.75, 1050.75)])


def test_small_drawings_are_shown_as_they_are_and_their_points_align_them(drawing):  # noqa: F811
    widget = click_face(drawing)
    assert shown(widget.source).shape == (540, 300, 3)
    points = np.array(POINTS, float) + [20, 160]
    widget.shown = points.tolist()
    assert np.allclose(widget.points, points)
    assert drawings.prepare(drawing, points=widget.points).face.method == "points"


def test_a_divider_holds_both_pictures_and_where_the_line_is():
    dark, light = (np.full((40, 60, 3), value, np.uint8) for value in (10, 240))
    widget = divider(dark, light, ("old", "new"))
    assert (shown(widget.before) == dark).all() and (shown(widget.after) == light).all()
    assert (widget.at, widget.labels) == (0.5, ["old", "new"])
    large = np.zeros((1000, 2000, 3), np.uint8)
    assert shown(divider(large, large).before).shape == (384, 768, 3)
    with pytest.raises(ValueError, match="must be of one shape"):
        divider(dark, light[:20])
