"""Using trained networks: translation of pictures, candidates, styles, and restoring of faces.

Each name is imported when it is asked for, so that a command's help needs no numpy.
"""

from s2f_utils.runtime import lazily

_MODULES = {
    "MODES": "request",
    "Model": "translator",
    "Request": "request",
    "directions_of": "loading",
    "find_generator": "loading",
    "find_pictures": "loading",
    "is_model": "loading",
    "load": "loading",
    "load_styles": "loading",
}
__all__ = list(_MODULES)
__getattr__ = lazily({name: f"{__name__}.{module}" for name, module in _MODULES.items()})
