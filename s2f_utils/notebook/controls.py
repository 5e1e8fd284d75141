"""Notebook controls over pictures of one's own: upload them, click on eyes and mouth, slide through the answers."""

from __future__ import annotations

import functools
import io
import os
from base64 import b64decode
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image, ImageDraw

from s2f_utils.inference.asking import DETAIL_OF_DRAWINGS
from s2f_utils.notebook import stills
from s2f_utils.pictures import images, viz
from s2f_utils.runtime import atomic_path

if TYPE_CHECKING:
    from s2f_utils.inference.styles import StyleModel
    from s2f_utils.inference.translator import DetailModel

STATIC = Path(__file__).with_name("static")
MOST_PX = 640  # larger drawings are shown smaller; points are always in the drawing's own pixels
POINT_NAMES = ("the eye on the left", "the eye on the right", "the middle of the mouth")
NUM = 8  # faces by their styles
LEAST_WIDE_PX = 96  # of a face as shown


def uploaded_files(value: Any) -> list[tuple[str, bytes]]:
    """The names and contents of a `FileUpload`'s value: a dict by name in ipywidgets 7, a tuple of dicts in 8.

    Names come from another machine, and are cut to their last part.
    """
    if isinstance(value, Mapping):
        entries = [(name, entry["content"]) for name, entry in value.items()]
    else:
        entries = [(entry["name"], entry["content"]) for entry in value]
    names = [name.replace("\\", "/").rpartition("/")[2].lstrip(".") or "upload" for name, _ in entries]
    return [(name, bytes(content)) for name, (_, content) in zip(names, entries, strict=True)]


def upload_box(folder: str | os.PathLike, accept: str = "image/*,.zip") -> tuple[Any, Path]:
    """A button that saves what a person uploads into `folder`, and the folder, which is made.

    A file whose name is taken gets a number; nothing is overwritten. Show the first, read from the second.
    """
    import ipywidgets

    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    button = ipywidgets.FileUpload(accept=accept, multiple=True, description="Upload")

    def save(change: Mapping[str, Any]) -> None:
        for name, content in uploaded_files(change["new"]):
            target, number = folder / name, 1
            while target.exists():
                if target.is_file() and target.read_bytes() == content:
                    target.touch()  # it is the latest again
                    break
                number += 1
                target = folder / f"{Path(name).stem}-{number}{Path(name).suffix}"
            else:
                with atomic_path(target) as temporary:
                    temporary.write_bytes(content)

    button.observe(save, names="value")
    return button, folder


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

        def still(self) -> np.ndarray:
            with Image.open(io.BytesIO(b64decode(self.source.partition(",")[2]))) as picture:
                marked = picture.convert("RGB")
            draw = ImageDraw.Draw(marked)
            for x, y in self.shown:
                draw.ellipse((x - 5, y - 5, x + 5, y + 5), outline=(220, 30, 30), width=3)
            return stills.framed(np.asarray(marked))

        def _ipython_display_(self, **_options: Any) -> None:
            stills.show(self, self.still())

    return ClickFace


def click_face(drawing: np.ndarray) -> Any:
    """A widget that shows a drawing, uint8 (H, W, 3), and takes clicks on both eyes and the mouth.

    Its `points` are what `drawings.prepare` takes: three (x, y) in the drawing's pixels, or None as long as not all are
    set, so that "Run all" goes on with the detector.
    """
    scale = min(1.0, MOST_PX / max(drawing.shape[:2]))
    size = (max(1, round(drawing.shape[1] * scale)), max(1, round(drawing.shape[0] * scale)))
    return _click_class()(source=images.picture_uri(np.asarray(Image.fromarray(drawing).resize(size))), scale=scale)


def detail_slider(model: DetailModel, prepared: Any) -> Any:
    """Sliders from faithful to realistic, and for the seed, over one drawing, as `prepare` leaves it.

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
    box = stills.box_class()([detail, seed, colours, shown, note])

    def draw(_change: object = None) -> None:
        box.picture = model.translate(
            prepared.image, detail=detail.value, seed=seed.value, colours=colours.value, answer="faithful"
        )
        shown.value = images.png_of(box.picture)

    for control in (detail, seed, colours):
        control.observe(draw, names="value")
    draw()
    box.detail, box.seed, box.colours = detail, seed, colours
    return box


def face_sliders(model: StyleModel, own: np.ndarray, given: np.ndarray) -> Any:
    """Sliders over the answers to one drawing, (1, L, D) of `StyleModel.encode`: strength, layers, truncation, seeds.

    given: what was encoded, uint8 (S, S, 3), shown first. The widget's `faces` are the answers, uint8 (8, S, S, 3).
    """
    import ipywidgets

    last, layers = model.num_layers - 1, model.open_layers
    box = stills.box_class()()
    box.strength = ipywidgets.FloatSlider(value=1.0, min=0.0, max=1.0, step=0.05, description="mixing strength")
    box.layers = ipywidgets.IntRangeSlider(
        value=(layers.start, last), min=0, max=last, description="layers from chance"
    )
    box.psi = ipywidgets.FloatSlider(value=1.0, min=0.0, max=1.0, step=0.05, description="truncation")
    box.seed = ipywidgets.IntSlider(value=0, min=0, max=200, description="seed")
    box.noise = ipywidgets.IntSlider(value=-1, min=-1, max=50, description="noise (-1: stored)")
    controls = [box.strength, box.layers, box.psi, box.seed, box.noise]
    for control in controls:
        control.continuous_update = False  # an answer takes a moment: one when the slider is let go
        control.style.description_width = "initial"
    wide = max(LEAST_WIDE_PX, min(model.size_px, 256))
    shown = ipywidgets.Image(format="png", width=(NUM // 2 + 1) * wide)
    note = ipywidgets.HTML(f"<small>{images.GENERATED_NOTE}</small>")
    box.children = [*controls, shown, note]
    first = images.resize(given, model.size_px, "stretch")[None]

    def draw(_change: object = None) -> None:
        start, stop = box.layers.value
        found = model.variants(
            own, NUM, seed=box.seed.value, strength=box.strength.value, layers=range(start, stop + 1), psi=box.psi.value
        )
        box.faces = model.decode(found, noise=None if box.noise.value < 0 else box.noise.value)
        alone = model.decode(own)
        rows = [np.concatenate([first, box.faces[: NUM // 2]]), np.concatenate([alone, box.faces[NUM // 2 :]])]
        shown.value = images.png_of(viz.sheet(rows))

    for control in controls:
        control.observe(draw, names="value")
    draw()
    return box
