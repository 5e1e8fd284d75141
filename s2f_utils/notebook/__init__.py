"""What notebooks show: session, training panel, curves, and dividers as widgets."""

import importlib
from typing import Any

_PLACES = {
    "check": "session", "start": "session", "zip_results": "session",
    "TrainingPanel": "panel", "train_live": "panel",
    "upload_box": "controls", "click_face": "controls", "detail_slider": "controls", "face_sliders": "controls",
    "divider": "controls", "strength_slider": "controls", "table": "tables",
}  # fmt: skip
__all__ = list(_PLACES)


def __getattr__(name: str) -> Any:
    """A public name, from its file, which is loaded when a cell asks for it."""
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_PLACES[name]}"), name)
