"""Clicks on a drawing, and the slider from faithful to realistic."""

from __future__ import annotations

import base64
import io

import numpy as np
import pytest
from PIL import Image

from s2f_studio.drawings import prepare as drawings
from s2f_utils.notebook import click_face, detail_slider
from tests.test_translate import drawing, own, points_on_the_sheet  # noqa: F401  (fixtures)

pytest.importorskip("anywidget")


def shown_size(widget):
    kind, data = widget.source.split(",")
    assert kind == "data:image/png;base64"
    return Image.open(io.BytesIO(base64.b64decode(data))).size


def test_clicks_are_points_of_the_drawing_itself():
    widget = click_face(np.full((1600, 1200, 3), 255, np.uint8))
    assert shown_size(widget) == (480, 640) and widget.scale == 0.4
    assert widget.points is None  # "Run all" goes on without clicks
    widget.shown = [[160, 200], [320, 200]]
    assert widget.points is None
    widget.shown = [[160, 200], [320, 200], [240, 420]]
    assert np.allclose(widget.points, [(400.75, 500.75), (800.75, 500.75), (600.75, 1050.75)])


def test_small_drawings_are_shown_as_they_are_and_their_points_align_them(drawing):  # noqa: F811
    widget = click_face(drawing)
    assert shown_size(widget) == (300, 540)
    widget.shown = points_on_the_sheet().tolist()
    assert np.allclose(widget.points, points_on_the_sheet())
    assert drawings.prepare(drawing, points=widget.points).face.method == "points"


def test_the_picture_follows_the_sliders(own, drawing):  # noqa: F811
    ready = drawings.prepare(drawing, size_px=own.size_px, points=points_on_the_sheet())
    box = detail_slider(own, ready)
    assert np.array_equal(box.picture, own.translate(ready.image, detail=0.5))
    box.detail.value = 0.0
    assert np.array_equal(box.picture, own.translate(ready.image, detail=0.0))
    box.detail.value, box.seed.value = 1.0, 7
    assert np.array_equal(box.picture, own.translate(ready.image, detail=1.0, seed=7))
    png = next(child.value for child in box.children if getattr(child, "format", "") == "png")
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(png))), box.picture)
