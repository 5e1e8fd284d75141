"""Notebook controls over pictures:
upload them, click on eyes and mouth, compare two, slide through the answers.
"""

from __future__ import annotations

import functools
import io
import os
from base64 import b64decode
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image, ImageDraw

from s2f_utils.notebook import stills
from s2f_utils.pictures import images, viz
from s2f_utils.runtime import atomic_path, free_stem

if TYPE_CHECKING:
    from s2f_utils.infer.styles import StyleModel

STATIC = Path(__file__).with_name("static")
# Larger pictures are shown smaller.
CLICKED_PX = 640
COMPARED_PX = 768
POINT_NAMES = ("the eye on the left", "the eye on the right", "the middle of the mouth")
NUM = 8  # faces by their styles
LEAST_WIDE_PX = 96  # of a face as shown


def uploaded_files(value: Any) -> list[tuple[str, bytes]]:
    """The names and contents of a `FileUpload`'s value: a dict by name in ipywidgets 7, a tuple of
    dicts in 8.

    Names come from another machine, and are cut to their last part.
    """
    if isinstance(value, Mapping):
        value = [{"name": name, **entry} for name, entry in value.items()]
    files = []
    for entry in value:
        last_part = entry["name"].replace("\\", "/").rpartition("/")[2]
        files.append((last_part.lstrip(".") or "upload", bytes(entry["content"])))
    return files


def upload_box(folder: str | os.PathLike, accept: str = "image/*") -> tuple[Any, Path]:
    """A button that saves what a person uploads into `folder`, and the folder, which is made.

    A file whose name is taken gets a number; nothing is overwritten. Show the first, read from the
    second.
    """
    import ipywidgets

    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    button = ipywidgets.FileUpload(accept=accept, multiple=True, description="Upload")

    def save(change: Mapping[str, Any]) -> None:
        for name, content in uploaded_files(change["new"]):
            _save_upload(folder, name, content)

    button.observe(save, names="value")
    return button, folder


def _save_upload(folder: Path, name: str, content: bytes) -> None:
    for path in folder.iterdir():
        if path.is_file() and path.read_bytes() == content:
            path.touch()  # it is the latest again
            return
    suffix = Path(name).suffix
    stem = free_stem(folder, Path(name).stem, [suffix])
    with atomic_path(folder / f"{stem}{suffix}") as temporary:
        temporary.write_bytes(content)


def _shrunk(picture: np.ndarray, most_px: int) -> tuple[str, float]:
    """A picture, uint8 (H, W, 3), as an address, at most so many pixels a side;
    and by how much it was scaled.
    """
    small = Image.fromarray(picture)
    small.thumbnail((most_px, most_px), Image.Resampling.LANCZOS, reducing_gap=None)
    return images.picture_uri(np.asarray(small)), max(small.size) / max(picture.shape[:2])


def _picture_at(address: str) -> np.ndarray:
    return images.load_rgb(io.BytesIO(b64decode(address.partition(",")[2])))


@functools.cache
def _classes() -> dict[str, type]:
    """The widgets with a page of their own."""
    import anywidget
    import traitlets

    class ClickFace(stills.WithStill, anywidget.AnyWidget):
        """A drawing to click on; `points` are the three points in the drawing's pixels, None until
        all are set.
        """

        _esm = (STATIC / "click_face.js").read_text(encoding="utf-8")
        source = traitlets.Unicode().tag(sync=True)
        names = traitlets.List(list(POINT_NAMES)).tag(sync=True)
        shown = traitlets.List().tag(sync=True)
        scale = traitlets.Float(1.0)

        @property
        def points(self) -> list[tuple[float, float]] | None:
            if len(self.shown) < len(POINT_NAMES):
                return None
            points = (np.array(self.shown) + 0.5) / self.scale - 0.5
            return [tuple(point) for point in points.tolist()]

        def still(self) -> np.ndarray:
            marked = Image.fromarray(_picture_at(self.source))
            draw = ImageDraw.Draw(marked)
            for x, y in self.shown:
                draw.ellipse((x - 5, y - 5, x + 5, y + 5), outline=(220, 30, 30), width=3)
            return stills.framed(np.asarray(marked))

    class Divider(stills.WithStill, anywidget.AnyWidget):
        """Two pictures, one over the other, and a line between them that is dragged; `at` is where
        it is, 0 to 1.
        """

        _esm = (STATIC / "divider.js").read_text(encoding="utf-8")
        before = traitlets.Unicode().tag(sync=True)
        after = traitlets.Unicode().tag(sync=True)
        labels = traitlets.List(["before", "after"]).tag(sync=True)
        at = traitlets.Float(0.5).tag(sync=True)

        def still(self) -> np.ndarray:
            left = _picture_at(self.before)
            right = _picture_at(self.after)
            column = round(self.at * left.shape[1])
            out = np.concatenate([left[:, :column], right[:, column:]], axis=1)
            out[:, max(0, column - 1) : column + 1] = 255
            return out

    return {"click": ClickFace, "divider": Divider}


def click_face(drawing: np.ndarray) -> Any:
    """A widget that shows a drawing, uint8 (H, W, 3), and takes clicks on both eyes and the mouth.

    Its `points` are three (x, y) in the drawing's pixels, or None as long as not all are set, so
    that "Run all" goes on with the detector.
    """
    source, scale = _shrunk(drawing, CLICKED_PX)
    return _classes()["click"](source=source, scale=scale)


def divider(
    before: np.ndarray, after: np.ndarray, labels: Sequence[str] = ("before", "after")
) -> Any:
    """A widget with a line to drag between two pictures of one shape, uint8 (H, W, 3).

    Left of the line is `before`. Raises ValueError where the shapes differ.
    """
    if before.shape != after.shape:
        raise ValueError(
            f"both pictures must be of one shape, got {before.shape} and {after.shape}: resize one"
        )
    left, _ = _shrunk(before, COMPARED_PX)
    right, _ = _shrunk(after, COMPARED_PX)
    return _classes()["divider"](before=left, after=right, labels=list(labels))


def face_sliders(model: StyleModel, w_plus: np.ndarray, picture: np.ndarray) -> Any:
    """Sliders over the answers to one drawing, (1, L, D) of `StyleModel.encode`:
    strength, layers, truncation, seeds.

    picture: what was encoded, uint8 (S, S, 3), shown first. The widget's `faces` are the answers,
    uint8 (8, S, S, 3): previews, if the model supports them.
    """
    import ipywidgets as w

    first = model.open_layers.start
    last = model.num_layers - 1
    controls = {
        "strength": w.FloatSlider(
            value=1.0, min=0.0, max=1.0, step=0.05, description="mixing strength"
        ),
        "layers": w.IntRangeSlider(
            value=(first, last), min=0, max=last, description="layers from chance"
        ),
        "psi": w.FloatSlider(value=1.0, min=0.0, max=1.0, step=0.05, description="truncation"),
        "seed": w.IntSlider(value=0, min=0, max=200, description="seed"),
        "noise": w.IntSlider(value=-1, min=-1, max=50, description="noise (-1: stored)"),
    }
    (own,) = model.decode(w_plus, preview=True)
    wide = max(LEAST_WIDE_PX, min(len(own), 256))
    shown = w.Image(format="png", width=(NUM // 2 + 1) * wide)
    drawing = images.resize(picture, len(own), "stretch")

    def draw() -> np.ndarray:
        values = {name: control.value for name, control in controls.items()}
        start, stop = values.pop("layers")
        noise = values.pop("noise")
        variants = model.variants(w_plus, NUM, layers=range(start, stop + 1), **values)
        faces = model.decode(variants, noise=None if noise < 0 else noise, preview=True)
        rows = [[drawing, *faces[: NUM // 2]], [own, *faces[NUM // 2 :]]]
        shown.value = images.png_of(viz.sheet(rows))
        return faces

    return _following(controls, [shown], draw, "faces")


def _following(
    controls: Mapping[str, Any],
    more: Sequence[Any],
    draw: Callable[[], np.ndarray],
    name: str = "picture",
) -> Any:
    """A box of controls, which are its attributes, and more widgets; its attribute `name` is what
    `draw` gave last: now, and whenever a control was let go.
    """
    import ipywidgets

    box = stills.box_class()(
        [*controls.values(), *more, ipywidgets.HTML(f"<small>{images.GENERATED_NOTE}</small>")]
    )

    def follow(_change: object = None) -> None:
        setattr(box, name, draw())

    for control_name, control in controls.items():
        setattr(box, control_name, control)
        control.continuous_update = False  # an answer takes a moment: one when the slider is let go
        control.style.description_width = "initial"
        control.observe(follow, names="value")
    follow()
    return box
