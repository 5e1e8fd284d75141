"""Widgets leave a picture of themselves in a saved notebook: what GitHub, a PDF and a reader without a kernel see.

A widget's output holds its view for a page with a kernel, and beside it, as another form of the same output, a picture
of how it looked. A page that can show the view shows the view.
"""

from __future__ import annotations

import functools
import html
import io
import math
import re
import textwrap
from base64 import b64encode
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from s2f_utils.pictures import images

VIEW = "application/vnd.jupyter.widget-view+json"
WIDE_PX = 900  # of a still: what a page's column shows without making it smaller
GAP_PX, LINE_PX, FONT_PX = 8, 30, 17
LABEL_PX, VALUE_PX = 250, 110  # what a slider's label and its number take
QUALITY = 62
DPI = 100  # of figures
INK, FAINT, BLUE = (40, 40, 40), (205, 205, 205), (33, 105, 200)


def show(widget: Any, still: np.ndarray | None, display_id: str | None = None) -> Any:
    """Display a widget in this cell; `still`, uint8 (H, W, 3), is what a reader without a kernel sees in its place.

    display_id: of an output that `replace` may fill anew. Returns IPython's handle for it, None without an id.
    """
    from IPython.display import display

    return display(_bundle(widget, still), raw=True, display_id=display_id)


def replace(widget: Any, still: np.ndarray, display_id: str) -> None:
    """Show another still, in the output that `show` made under this id, beside the same widget."""
    from IPython.display import update_display

    update_display(_bundle(widget, still), raw=True, display_id=display_id)


def show_alone(still: np.ndarray) -> None:
    """Display a still, uint8 (H, W, 3), where there is no page that could show its widget."""
    from IPython.display import display

    display({"image/jpeg": _jpeg(still), "text/plain": "a picture of the widget"}, raw=True)


def _bundle(widget: Any, still: np.ndarray | None) -> dict[str, Any]:
    view = {"version_major": 2, "version_minor": 0, "model_id": widget.model_id}
    bundle: dict[str, Any] = {"text/plain": type(widget).__name__, VIEW: view}
    return bundle if still is None else bundle | {"image/jpeg": _jpeg(still)}


def _jpeg(still: np.ndarray) -> str:
    file = io.BytesIO()
    Image.fromarray(still).save(file, "jpeg", quality=QUALITY, optimize=True, progressive=True)
    return b64encode(file.getvalue()).decode("ascii")


@functools.cache
def box_class() -> type:
    """A VBox (ipywidgets) that leaves a still of its children, as they are when it is displayed."""
    import ipywidgets

    class StillBox(ipywidgets.VBox):
        def _ipython_display_(self, **_options: Any) -> None:
            show(self, drawn(self))

    return StillBox


# Drawing a tree of widgets


def drawn(widget: Any, wide_px: int = WIDE_PX) -> np.ndarray:
    """A picture of a widget and its children as they are now, uint8 (H, wide_px, 3).

    Boxes, sliders, checkboxes, buttons, text, pictures, and whatever has a `still()` of its own, uint8 (H, W, 3).
    """
    return stacked(_parts(widget, wide_px), wide_px)


def _parts(widget: Any, wide_px: int) -> list[np.ndarray]:
    if getattr(getattr(widget, "layout", None), "display", None) == "none":
        return []
    if hasattr(widget, "still"):
        return [fitted(widget.still(), wide_px)]
    kind = type(widget).__name__
    if kind == "HBox":
        return [button_row([child.description for child in widget.children if hasattr(child, "description")], wide_px)]
    if hasattr(widget, "children"):
        return [part for child in widget.children for part in _parts(child, wide_px)]
    if draw := _DRAWN.get(kind):
        return draw(widget, wide_px)
    return []


def stacked(parts: Sequence[np.ndarray], wide_px: int = WIDE_PX) -> np.ndarray:
    """Pictures below each other at the left, uint8 (H, W, 3) each, W at most `wide_px`, on white."""
    height = sum(part.shape[0] + GAP_PX for part in parts) + GAP_PX
    out = np.full((height, wide_px, 3), 255, np.uint8)
    top = GAP_PX
    for part in parts:
        out[top : top + part.shape[0], : part.shape[1]] = part
        top += part.shape[0] + GAP_PX
    return out


def side_by_side(parts: Sequence[np.ndarray], high_px: int = 400) -> np.ndarray:
    """Pictures beside each other, uint8 (H, W, 3) each, brought to one height, with white between them."""
    even = [np.asarray(Image.fromarray(p).resize((round(p.shape[1] * high_px / p.shape[0]), high_px))) for p in parts]
    gap = np.full((high_px, GAP_PX, 3), 255, np.uint8)
    return np.concatenate([piece for part in even for piece in (part, gap)][:-1], axis=1)


def fitted(picture: np.ndarray, wide_px: int = WIDE_PX) -> np.ndarray:
    """A picture, uint8 (H, W, 3), no wider than this; a smaller one stays as it is."""
    scale = min(1.0, wide_px / picture.shape[1])
    size = (wide_px, round(picture.shape[0] * scale))
    return picture if scale == 1 else np.asarray(Image.fromarray(picture).resize(size, Image.Resampling.LANCZOS))


def framed(picture: np.ndarray) -> np.ndarray:
    """A picture, uint8 (H, W, 3), with a thin edge, so that white paper is seen on a white page."""
    edged = Image.fromarray(picture)
    ImageDraw.Draw(edged).rectangle((0, 0, edged.width - 1, edged.height - 1), outline=FAINT)
    return np.asarray(edged)


def figure(made: Any, wide_px: int = WIDE_PX) -> np.ndarray:
    """A matplotlib figure as a picture, uint8 (H, wide_px, 3), its letters as large as they are meant."""
    made.set_size_inches(wide_px / DPI, made.get_figheight())
    file = io.BytesIO()
    made.savefig(file, format="png", dpi=DPI)
    return images.load_rgb(file)


def text_line(text: str, wide_px: int = WIDE_PX) -> np.ndarray:
    """Text on white, in as many lines as it needs; uint8 (H, wide_px, 3)."""
    lines = textwrap.wrap(text, max(20, int(wide_px / (0.5 * FONT_PX)))) or [""]
    canvas, draw = _canvas(LINE_PX * len(lines), wide_px)
    for number, line in enumerate(lines):
        draw.text((2, LINE_PX * (number + 0.5)), line, INK, _font(), anchor="lm")
    return np.asarray(canvas)


def slider_row(label: str, shares: Sequence[float], value: str, wide_px: int = WIDE_PX) -> np.ndarray:
    """A slider as it stands, with its label and its value; shares: where its knobs are, each in [0, 1]."""
    canvas, draw = _canvas(LINE_PX, wide_px)
    left, right, middle = LABEL_PX, wide_px - VALUE_PX, LINE_PX // 2
    draw.text((LABEL_PX - 10, middle), label, INK, _font(), anchor="rm")
    draw.rounded_rectangle((left, middle - 2, right, middle + 2), 2, FAINT)
    places = [left + share * (right - left) for share in shares]
    draw.rounded_rectangle((places[0] if len(places) > 1 else left, middle - 2, places[-1], middle + 2), 2, BLUE)
    for place in places:
        draw.ellipse((place - 8, middle - 8, place + 8, middle + 8), (255, 255, 255), BLUE, 2)
    draw.text((right + 16, middle), value, INK, _font(), anchor="lm")
    return np.asarray(canvas)


def button_row(labels: Sequence[str], wide_px: int = WIDE_PX) -> np.ndarray:
    """Buttons beside each other."""
    canvas, draw = _canvas(LINE_PX + 4, wide_px)
    at = 2.0
    for label in labels:
        long = draw.textlength(label, _font()) + 24
        draw.rounded_rectangle((at, 1, at + long, LINE_PX + 1), 3, (236, 236, 236), FAINT)
        draw.text((at + long / 2, LINE_PX / 2 + 1), label, INK, _font(), anchor="mm")
        at += long + GAP_PX
    return np.asarray(canvas)


def _canvas(high_px: int, wide_px: int) -> tuple[Image.Image, ImageDraw.ImageDraw]:
    canvas = Image.new("RGB", (wide_px, high_px), "white")
    return canvas, ImageDraw.Draw(canvas)


@functools.cache
def _font() -> Any:
    return ImageFont.load_default(FONT_PX)


def _slider(widget: Any, wide_px: int) -> list[np.ndarray]:
    values = widget.value if isinstance(widget.value, tuple) else (widget.value,)
    along = (lambda value: math.log(value, widget.base)) if hasattr(widget, "base") else float
    span = (widget.max - widget.min) or 1
    shares = [min(1.0, max(0.0, (along(value) - widget.min) / span)) for value in values]
    value = " to ".join(f"{value:.4g}" for value in values) if getattr(widget, "readout", True) else ""
    return [slider_row(widget.description, shares, value, wide_px)]


def _checkbox(widget: Any, wide_px: int) -> list[np.ndarray]:
    return [text_line(f"[{'x' if widget.value else ' '}] {widget.description}", wide_px)]


def _text(widget: Any, wide_px: int) -> list[np.ndarray]:
    plain = html.unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", widget.value))).strip()
    return [text_line(plain, wide_px)] if plain else []


def _choice(widget: Any, wide_px: int) -> list[np.ndarray]:
    return [text_line(f"{widget.description}: {widget.label}", wide_px)]


def _picture(widget: Any, wide_px: int) -> list[np.ndarray]:
    if not widget.value:
        return []
    picture = Image.open(io.BytesIO(bytes(widget.value))).convert("RGB")
    asked = str(widget.width).removesuffix("px")
    if asked.isdigit() and 0 < int(asked) != picture.width:
        picture = picture.resize((int(asked), round(picture.height * int(asked) / picture.width)))
    return [fitted(framed(np.asarray(picture)), wide_px)]


_DRAWN: dict[str, Callable[[Any, int], list[np.ndarray]]] = {
    "FloatSlider": _slider, "IntSlider": _slider, "FloatLogSlider": _slider, "IntRangeSlider": _slider,
    "FloatRangeSlider": _slider, "Checkbox": _checkbox, "HTML": _text, "Label": _text, "Dropdown": _choice,
    "Image": _picture, "Button": lambda widget, wide_px: [button_row([widget.description], wide_px)],
    "ToggleButton": lambda widget, wide_px: [button_row([widget.description], wide_px)],
}  # fmt: skip
