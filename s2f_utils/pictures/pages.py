"""Self-contained HTML pages."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Any

import numpy as np

from s2f_utils import runtime
from s2f_utils.pictures import images

_PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{ title }}</title>
<style>
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 76rem; margin: 2rem auto; padding: 0 1rem; }
.lead { color: GrayText; }
STYLE
</style></head><body>
<h1>{{ title }}</h1>
BODY
</body></html>
"""


def write(
    path: str | os.PathLike, body: str, *, title: str, style: str = "", **values: Any
) -> Path:
    """Write a page, and return its path. body, style: Jinja templates, with escaped `values`, of
    HTML and CSS.
    """
    import jinja2

    page = _PAGE.replace("STYLE", style).replace("BODY", body)
    text = jinja2.Environment(autoescape=True).from_string(page).render(title=title, **values)
    path = Path(path)
    with runtime.atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
    return path


def webp_uri(picture: np.ndarray, max_side_px: int | None = None) -> str:
    """A picture, uint8 (H, W, 3) or (H, W), as a data URI (WebP, quality 92) of at most this size."""
    from PIL import Image

    image, buffer = Image.fromarray(picture), io.BytesIO()
    if max_side_px:
        image.thumbnail((max_side_px, max_side_px))
    image.save(buffer, format="WEBP", quality=92, method=4)
    return images.data_uri(buffer.getvalue(), "image/webp")
