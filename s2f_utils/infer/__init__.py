"""Using trained networks: translation of pictures, candidates, styles, and restoring of faces.

Modules that need torch are imported at first use.
"""

from s2f_utils.infer.finding import (
    directions_of,
    find_generator,
    find_pictures,
    generator_file,
    is_model,
)
from s2f_utils.infer.loading import load, load_for_drawings, load_styles
from s2f_utils.infer.request import MODES, Request
from s2f_utils.infer.translator import Model

__all__ = [
    "MODES",
    "Model",
    "Request",
    "directions_of",
    "find_generator",
    "find_pictures",
    "generator_file",
    "is_model",
    "load",
    "load_for_drawings",
    "load_styles",
]
