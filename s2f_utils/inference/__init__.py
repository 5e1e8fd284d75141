"""The user's door: from a trained network to pictures, candidates, styles, and faces restored."""

from s2f_utils.inference.translator import (
    MODES,
    Translator,
    find_generator,
    find_pictures,
    generate,
    generator_file,
    is_model,
    load,
    ways_of,
)

__all__ = [
    "MODES",
    "Translator",
    "find_generator",
    "find_pictures",
    "generate",
    "generator_file",
    "is_model",
    "load",
    "ways_of",
]
