"""HTML pages that are one file: nothing in them refers to another file or address."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from s2f_utils import runtime
from s2f_utils.pictures import images

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_FRAME = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{ title }}</title>
<style>
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 76rem; margin: 2rem auto; padding: 0 1rem; }
h1 { margin-bottom: 0; } h2 { margin: 2.2rem 0 0; }
.lead { color: GrayText; margin-top: .2rem; }
.note { border-left: 4px solid #c80; padding: .2rem .9rem; margin: 1.5rem 0; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: .3rem .8rem; text-align: right; border-bottom: 1px solid #8884; white-space: nowrap; }
th:first-child, td:first-child { text-align: left; }
td small { color: GrayText; display: block; }
tr.model td { font-weight: 600; }
.pictures td { padding: 2px; border: 0; } .pictures th { border: 0; font-weight: 400; padding-right: .6rem; }
{% block style %}{% endblock %}
</style></head><body>
<h1>{{ title }}</h1>
{% block body %}{% endblock %}
</body></html>
"""

# table(headings, rows) of a body: rows of {"kind": their class, if any, "cells": text, or (number, interval) each}.
_TABLE = """
{% macro table(headings, rows) %}
<div class="wide"><table><tr>{% for heading in headings %}<th>{{ heading }}</th>{% endfor %}</tr>
{% for row in rows %}<tr class="{{ row.kind }}">
{% for cell in row.cells %}<td>{% if cell is string %}{{ cell }}{% else %}{{ cell[0] }} <small>{{ cell[1] }}</small>
{% endif %}</td>{% endfor %}</tr>
{% endfor %}</table></div>
{% endmacro %}
"""


def write(path: str | os.PathLike, body: str, *, title: str, style: str = "", **values: Any) -> Path:
    """Write a page whose body is a Jinja template filled with `values`; returns its path.

    body, style: templates of what is inside of <body>, below the title, and of further CSS rules. Values are escaped.
    `table` (above) writes a table in a body.
    """
    import jinja2

    body = '{% from "table" import table %}' + body
    page = '{% extends "frame" %}{% block style %}' + style + "{% endblock %}{% block body %}" + body + "{% endblock %}"
    loader = jinja2.DictLoader({"frame": _FRAME, "table": _TABLE, "page": page})
    text = jinja2.Environment(loader=loader, autoescape=True).get_template("page").render(title=title, **values)
    path = Path(path)
    with runtime.atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
    return path


def webp_uri(picture: np.ndarray, max_side_px: int | None = None) -> str:
    """A picture for showing, uint8 (H, W, 3) or (H, W), as a data URI (WebP, quality 92), shrunk if it is larger."""
    from PIL import Image

    image, buffer = Image.fromarray(picture), io.BytesIO()
    if max_side_px:
        image.thumbnail((max_side_px, max_side_px))
    image.save(buffer, format="WEBP", quality=92, method=4)
    return images.data_uri(buffer.getvalue(), "image/webp")


def figure_uri(figure: Figure) -> str:
    """A figure as a data URI (SVG)."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None})
    return images.data_uri(buffer.getvalue(), "image/svg+xml")
