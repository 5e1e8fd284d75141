"""Widgets leave a picture of themselves in a saved notebook: what GitHub, a PDF and a reader
without a kernel see.

A widget's output holds its view for a page with a kernel, and beside it, as another form of the
same output, a picture of how it looked. A page that can show the view shows the view.
"""

from __future__ import annotations

import functools
import html
import io
import re
import textwrap
from base64 import b64encode
from collections.abc import Sequence
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from s2f_utils.pictures import images

VIEW = "application/vnd.jupyter.widget-view+json"
WIDE_PX = 900  # of a still: what a page's column shows without making it smaller
GAP_PX = 8
LINE_PX = 30
FONT_PX = 17
QUALITY = 62
INK = (40, 40, 40)
FAINT = (205, 205, 205)


def show(widget: Any, still: np.ndarray | None, **options: Any) -> None:
    """Display a widget in this cell; `still`, uint8 (H, W, 3), is what a reader without a kernel
    sees in its place.

    widget: None shows the still alone. options: of IPython's `display`, such as the id of an output
    to fill anew.
    """
    from IPython.display import display

    bundle: dict[str, Any] = {"text/plain": "a picture of the widget"}
    if widget:
        bundle["text/plain"] = type(widget).__name__
        bundle[VIEW] = {"version_major": 2, "version_minor": 0, "model_id": widget.model_id}
    if still is not None:
        bundle["image/jpeg"] = _jpeg(still)
    display(bundle, raw=True, **options)


def show_folded(still: np.ndarray, title: str) -> None:
    """Display a still, uint8 (H, W, 3), under a title that opens it:
    beside a widget that it cannot replace.
    """
    from IPython.display import display

    picture = f'<img src="data:image/jpeg;base64,{_jpeg(still)}">'
    page = f"<details><summary>{html.escape(title)}</summary>{picture}</details>"
    display({"text/plain": title, "text/html": page}, raw=True)


def _jpeg(still: np.ndarray) -> str:
    file = io.BytesIO()
    Image.fromarray(still).save(file, "jpeg", quality=QUALITY, optimize=True, progressive=True)
    return b64encode(file.getvalue()).decode("ascii")


class WithStill:
    """Beside a class of widgets: one that leaves a still when it is displayed."""

    def _ipython_display_(self, **_options: Any) -> None:
        show(self, drawn(self))


@functools.cache
def box_class() -> type:
    """A VBox (ipywidgets) that leaves a still of its children, as they are when it is displayed."""
    import ipywidgets

    return type("StillBox", (WithStill, ipywidgets.VBox), {})


# Drawing a tree of widgets


def drawn(widget: Any) -> np.ndarray:
    """A picture of a widget and its children as they are now, uint8 (H, 900, 3).

    Pictures as they are; sliders, checkboxes and text as lines of text; and whatever has a
    `still()` of its own, uint8 (H, W, 3). Buttons are left out.
    """
    return stacked(_parts(widget))


def _parts(widget: Any) -> list[np.ndarray]:
    if getattr(getattr(widget, "layout", None), "display", None) == "none":
        return []
    if hasattr(widget, "still"):
        return [fitted(widget.still())]
    if hasattr(widget, "children"):
        parts = []
        for child in widget.children:
            parts += _parts(child)
        return parts
    value = getattr(widget, "value", None)
    if isinstance(value, bytes | memoryview):
        if not value:
            return []
        return [framed(fitted(images.load_rgb(io.BytesIO(value)), str(widget.width)))]
    text = _text_of(value)
    label = getattr(widget, "description", "")
    if not text:
        return []
    return [text_line(f"{label}: {text}" if label else text)]


def _text_of(value: Any) -> str:
    """A widget's value in words: text without its tags, numbers, a range; "" for anything else."""
    if isinstance(value, str):
        without_tags = re.sub(r"<[^>]+>", " ", value)
        return html.unescape(re.sub(r"\s+", " ", without_tags)).strip()
    numbers = value if isinstance(value, tuple) else (value,)
    if not all(isinstance(number, int | float) for number in numbers):
        return ""
    return " to ".join(f"{n:.4g}" if isinstance(n, float) else str(n) for n in numbers)


def stacked(parts: Sequence[np.ndarray]) -> np.ndarray:
    """Pictures below each other at the left, uint8 (H, W, 3) each, W at most 900, on white."""
    padded = []
    for part in parts:
        right = WIDE_PX - part.shape[1]
        padded.append(np.pad(part, ((GAP_PX, 0), (0, right), (0, 0)), constant_values=255))
    return np.concatenate([*padded, np.full((GAP_PX, WIDE_PX, 3), 255, np.uint8)])


def fitted(picture: np.ndarray, width: str = "") -> np.ndarray:
    """A picture, uint8 (H, W, 3), as wide as a widget's `width` says ("256px"), by default as it
    is; 900 at most.
    """
    number = width.removesuffix("px")
    new_width = int(number) if number.isdigit() else 0
    new_width = min(WIDE_PX, new_width or picture.shape[1])
    size = (new_width, round(picture.shape[0] * new_width / picture.shape[1]))
    return np.asarray(Image.fromarray(picture).resize(size, Image.Resampling.LANCZOS))


def framed(picture: np.ndarray) -> np.ndarray:
    """A picture, uint8 (H, W, 3), with a thin edge, so that white paper is seen on a white page."""
    edged = picture.copy()
    edged[[0, -1]] = edged[:, [0, -1]] = FAINT
    return edged


def text_line(text: str) -> np.ndarray:
    """Text on white, in as many lines as it needs; uint8 (H, 900, 3)."""
    lines = textwrap.wrap(text, int(WIDE_PX / (0.5 * FONT_PX))) or [""]
    canvas = Image.new("RGB", (WIDE_PX, LINE_PX * len(lines)), "white")
    draw = ImageDraw.Draw(canvas)
    font = ImageFont.load_default(FONT_PX)
    for number, line in enumerate(lines):
        draw.text((2, LINE_PX * (number + 0.5)), line, INK, font, anchor="lm")
    return np.asarray(canvas)
