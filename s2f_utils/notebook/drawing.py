"""Notebook controls for a drawing of one's own: click on the eyes and the mouth, slide from faithful to realistic."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from s2f_utils.inference.asking import DETAIL_OF_DRAWINGS
from s2f_utils.inference.detail import DetailModel
from s2f_utils.pictures import images
from s2f_utils.pictures.drawings import Prepared

STATIC = Path(__file__).with_name("static")
MOST_PX = 640  # larger drawings are shown smaller; points are always in the drawing's own pixels
POINT_NAMES = ("the eye on the left", "the eye on the right", "the middle of the mouth")


@functools.cache
def _click_class() -> type:
    import anywidget
    import traitlets

    class ClickFace(anywidget.AnyWidget):
        """A drawing to click on; `points` are the three points in the drawing's pixels, None until all are set."""

        _esm = (STATIC / "click_face.js").read_text(encoding="utf-8")
        source = traitlets.Unicode().tag(sync=True)
        names = traitlets.List(list(POINT_NAMES)).tag(sync=True)
        shown = traitlets.List().tag(sync=True)
        scale = traitlets.Float(1.0)

        @property
        def points(self) -> list[tuple[float, float]] | None:
            if len(self.shown) < len(POINT_NAMES):
                return None
            return [((x + 0.5) / self.scale - 0.5, (y + 0.5) / self.scale - 0.5) for x, y in self.shown]

    return ClickFace


def click_face(drawing: np.ndarray) -> Any:
    """A widget that shows a drawing, uint8 (H, W, 3), and takes clicks on both eyes and the mouth.

    Its `points` are what `drawings.prepare` takes: three (x, y) in the drawing's pixels, or None as long as not all are
    set, so that "Run all" goes on with the detector.
    """
    scale = min(1.0, MOST_PX / max(drawing.shape[:2]))
    size = (max(1, round(drawing.shape[1] * scale)), max(1, round(drawing.shape[0] * scale)))
    return _click_class()(source=images.picture_uri(np.asarray(Image.fromarray(drawing).resize(size))), scale=scale)


def detail_slider(model: DetailModel, prepared: Prepared) -> Any:
    """Sliders from faithful to realistic, and for the seed, over one drawing; the picture follows.

    The widget's `picture` is what is shown, uint8 (S, S, 3).
    """
    import ipywidgets

    detail = ipywidgets.FloatSlider(
        value=DETAIL_OF_DRAWINGS, min=0.0, max=1.0, step=0.05, description="invented detail"
    )
    seed = ipywidgets.IntSlider(value=0, min=0, max=50, description="seed")
    knows_colours = "colours" in model.facts.knows
    colours = ipywidgets.Checkbox(value=False, description="colours at random, too", disabled=not knows_colours)
    for control in (detail, seed):
        control.continuous_update = False  # an answer takes a moment: one when the slider is let go
        control.style.description_width = "initial"
    shown = ipywidgets.Image(format="png", width=2 * model.size_px)
    note = ipywidgets.HTML(f"<small>{images.GENERATED_NOTE}</small>")
    box = ipywidgets.VBox([detail, seed, colours, shown, note])

    def draw(_change: object = None) -> None:
        box.picture = model.translate(prepared.image, detail=detail.value, seed=seed.value, colours=colours.value)
        shown.value = images.png_of(box.picture)

    for control in (detail, seed, colours):
        control.observe(draw, names="value")
    draw()
    box.detail, box.seed, box.colours = detail, seed, colours
    return box
