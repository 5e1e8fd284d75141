"""Using trained networks: translation of pictures, candidates, styles, and restoring of faces.

Modules that need torch are imported at first use.
"""

from s2f_utils.inference.asking import MODES, Ask, Facts
from s2f_utils.inference.finding import find_generator, find_pictures, generator_file, is_model, ways_of
from s2f_utils.inference.loading import load, load_for_drawings, load_styles
from s2f_utils.inference.translator import Model

__all__ = [
    "MODES", "Ask", "Facts", "Model", "find_generator", "find_pictures", "generator_file", "is_model", "load",
    "load_for_drawings", "load_styles", "ways_of",
]  # fmt: skip
