"""Sketch to Face: a thin library under the notebooks that turn face sketches into photos.

import s2f_utils as s2f

photo = s2f.load("pix2pix-128").translate(s2f.load_rgb("sketch.png"))  # an RGB array
"""

from __future__ import annotations

__version__ = "1.1.0.dev0"
_HOMES = {  # what a notebook needs, and where it lives; imported when it is asked for
    "Request": "s2f_utils.infer",
    "load": "s2f_utils.infer",
    "load_rgb": "s2f_utils.pictures.images",
    "save": "s2f_utils.pictures.images",
    "check": "s2f_utils.notebook",
    "start": "s2f_utils.notebook",
}
__all__ = ["Request", "check", "load", "load_rgb", "save", "start"]


def __getattr__(name: str) -> object:
    import importlib

    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOMES])
