"""The user's door: a trained network answers pictures; candidates, styles, hints, and faces restored."""

from s2f_utils.inference.asking import MODES, Ask, Model
from s2f_utils.inference.facts import Facts
from s2f_utils.inference.finding import find_generator, find_pictures, generator_file, is_model, ways_of
from s2f_utils.inference.loading import load, load_for_drawings, load_styles
from s2f_utils.inference.translator import Translator, generate

__all__ = [
    "MODES",
    "Ask",
    "Facts",
    "Model",
    "Translator",
    "find_generator",
    "find_pictures",
    "generate",
    "generator_file",
    "is_model",
    "load",
    "load_for_drawings",
    "load_styles",
    "ways_of",
]
