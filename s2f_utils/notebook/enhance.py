"""Notebook controls for restored faces: a divider to drag between before and after, and a slider for the strength."""

from __future__ import annotations

import functools
import io
from base64 import b64decode
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from s2f_utils.inference import restorers
from s2f_utils.inference.enhance import enhance
from s2f_utils.inference.restorers import Restorer
from s2f_utils.notebook import stills
from s2f_utils.pictures import images

STATIC = Path(__file__).with_name("static")
MOST_PX = 768  # larger pictures are shown smaller
INVENTED = "invented detail"


@functools.cache
def _divider_class() -> type:
    import anywidget
    import traitlets

    class Divider(anywidget.AnyWidget):
        """Two pictures, one over the other, and a line between them that is dragged; `at` is where it is, 0 to 1."""

        _esm = (STATIC / "divider.js").read_text(encoding="utf-8")
        before = traitlets.Unicode().tag(sync=True)
        after = traitlets.Unicode().tag(sync=True)
        labels = traitlets.List(["before", "after"]).tag(sync=True)
        at = traitlets.Float(0.5).tag(sync=True)

        def still(self) -> np.ndarray:
            left, right = (
                images.load_rgb(io.BytesIO(b64decode(uri.partition(",")[2]))) for uri in (self.before, self.after)
            )
            return still(left, right, self.at)

        def _ipython_display_(self, **_options: Any) -> None:
            stills.show(self, self.still())

    return Divider


def divider(before: np.ndarray, after: np.ndarray, labels: Sequence[str] = ("before", "after")) -> Any:
    """A widget with a line to drag between two pictures of one shape, uint8 (H, W, 3).

    Left of the line is `before`. Raises ValueError where the shapes differ.
    """
    if before.shape != after.shape:
        raise ValueError(f"both pictures must be of one shape, got {before.shape} and {after.shape}: resize one")
    return _divider_class()(before=_shown(before), after=_shown(after), labels=list(labels))


def _shown(picture: np.ndarray) -> str:
    scale = min(1.0, MOST_PX / max(picture.shape[:2]))
    size = (max(1, round(picture.shape[1] * scale)), max(1, round(picture.shape[0] * scale)))
    small = Image.fromarray(picture) if scale == 1 else Image.fromarray(picture).resize(size, Image.Resampling.LANCZOS)
    return images.picture_uri(np.asarray(small))


def strength_slider(photo: np.ndarray, restorer: Restorer | str | Path, **options: Any) -> Any:
    """A slider from the photo to what is invented, over a divider.

    photo: uint8 (H, W, 3). restorer, options: as of `enhance.enhance`. The widget's `picture` is what is shown at
    right, `strength` the slider.
    """
    import ipywidgets

    if photo.dtype != np.uint8 or photo.ndim != 3 or photo.shape[2] != 3:
        raise ValueError(f"photo must be uint8 (H, W, 3), got {photo.dtype} {photo.shape}: read it by images.load_rgb")
    restorer = restorers.load(restorer) if isinstance(restorer, str | Path) else restorer
    done = enhance(photo, restorer, **(options | {"strength": 1.0}))
    whole, found = done.image, [face.face for face in done.faces]
    plain = photo
    if whole.shape != photo.shape:
        plain = enhance(photo, restorer, **(options | {"strength": 0.0, "found": found})).image
    strength = ipywidgets.FloatSlider(value=0.5, min=0.0, max=1.0, step=0.05, description="strength")
    ends = ipywidgets.HTML(f"<small>0: the photo · 1: {INVENTED}</small>")
    strength.layout.width = "420px"
    shown = divider(plain, plain, ("before", "after"))
    note = ipywidgets.HTML(f"<small>{images.GENERATED_NOTE}</small>")
    box = stills.box_class()([strength, ends, shown, note])

    def draw(_change: object = None) -> None:
        box.picture = images.rounded(plain + strength.value * (whole.astype(np.float32) - plain))
        shown.after = _shown(box.picture)

    strength.observe(draw, names="value")
    draw()
    box.strength, box.divider = strength, shown
    return box


def still(before: np.ndarray, after: np.ndarray, at: float = 0.5) -> np.ndarray:
    """What the divider shows, for pages without widgets: left of `at` (a share of the width) the one, right the other,
    a white line between; uint8 (H, W, 3).
    """
    column = round(at * before.shape[1])
    out = np.concatenate([before[:, :column], after[:, column:]], axis=1)
    out[:, max(0, column - 1) : column + 1] = 255
    return out
