"""Notebook controls for a drawing of one's own: click on the eyes and the mouth, slide from faithful to realistic."""

from __future__ import annotations

import functools
import io
from typing import Any

import numpy as np
from PIL import Image

from s2f_utils.inference.asking import DETAIL_OF_DRAWINGS
from s2f_utils.inference.detail import DetailModel
from s2f_utils.pictures import images
from s2f_utils.pictures.drawings import Prepared

MOST_PX = 640  # larger drawings are shown smaller; points are always in the drawing's own pixels
POINT_NAMES = ("the eye on the left", "the eye on the right", "the middle of the mouth")

_CLICK_JS = """
function render({ model, el }) {
  const names = model.get("names");
  const frame = document.createElement("div");
  frame.style.cssText = "position:relative;display:inline-block;cursor:crosshair;line-height:0";
  const picture = document.createElement("img");
  picture.src = model.get("source");
  picture.alt = "your drawing: click on the eyes and the mouth";
  picture.draggable = false;
  frame.append(picture);
  const line = document.createElement("div");
  line.setAttribute("role", "status");
  const again = document.createElement("button");
  again.textContent = "start over";
  again.style.margin = "4px 0";
  function draw() {
    frame.querySelectorAll("span").forEach((dot) => dot.remove());
    const points = model.get("shown");
    for (const [x, y] of points) {
      const dot = document.createElement("span");
      const size = picture.clientWidth / picture.naturalWidth || 1;
      dot.style.cssText = `position:absolute;left:${x * size - 6}px;top:${y * size - 6}px;width:12px;height:12px;` +
        "border-radius:50%;border:2px solid #d22;background:#fff8;box-sizing:border-box;pointer-events:none";
      frame.append(dot);
    }
    line.textContent = points.length < names.length ? `click on ${names[points.length]}` : "all three are set";
  }
  function set(points) { model.set("shown", points); model.save_changes(); draw(); }
  picture.addEventListener("click", (event) => {
    const points = model.get("shown");
    const size = picture.naturalWidth / picture.clientWidth;  // where the page shows the picture smaller
    if (points.length < names.length) set([...points, [event.offsetX * size, event.offsetY * size]]);
  });
  again.addEventListener("click", () => set([]));
  model.on("change:shown", draw);
  el.append(line, frame, document.createElement("br"), again);
  picture.addEventListener("load", draw);
  draw();
}
export default { render };
"""


@functools.cache
def _click_class() -> type:
    import anywidget
    import traitlets

    class ClickFace(anywidget.AnyWidget):
        """A drawing to click on; `points` are the three points in the drawing's pixels, None until all are set."""

        _esm = _CLICK_JS
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


def png_bytes(picture: np.ndarray) -> bytes:
    """A picture, uint8 (H, W, 3), as the content of a PNG file."""
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "PNG")
    return buffer.getvalue()


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
        shown.value = png_bytes(box.picture)

    for control in (detail, seed, colours):
        control.observe(draw, names="value")
    draw()
    box.detail, box.seed, box.colours = detail, seed, colours
    return box
