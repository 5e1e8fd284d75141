"""What notebooks show: session, training panel, curves, and dividers as widgets."""

from s2f_utils.runtime import lazily

_PLACES = {
    "check": "session",
    "filled": "session",
    "start": "session",
    "zip_results": "session",
    "TrainingPanel": "panel",
    "train_live": "panel",
    "upload_box": "controls",
    "click_face": "controls",
    "face_sliders": "controls",
    "divider": "controls",
    "table": "session",
}
__all__ = list(_PLACES)
__getattr__ = lazily({name: f"{__name__}.{place}" for name, place in _PLACES.items()})
