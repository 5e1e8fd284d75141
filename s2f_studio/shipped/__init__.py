"""The studio's own models, whose files lie here; the library's are in `s2f_utils.weights`."""

from __future__ import annotations

from pathlib import Path

from s2f_utils import weights

FOLDER = Path(__file__).parent
# Of them, as ONNX, without weights: tools/shipped/ship_graphs.py writes them.
GRAPHS = FOLDER / "graphs"
EXPECT, PEOPLE = "sketch-to-photo-expected", "sketch-to-photo-people"
# Made of both, and of the finder, the generator and its preview head (`s2f_utils.weights`).
MODEL = "sketch-to-photo"
FILES: dict[str, str] = {
    EXPECT: "the average face for a drawing, soft",
    PEOPLE: "what a drawing shows, and which of the generator's people could be meant",
}
NAMES = (MODEL, EXPECT)  # that models are loaded by
# The models that answer where none is named, by direction.
DEFAULTS = {
    "sketch-to-photo": MODEL,
    "photo-to-sketch": "photo-to-sketch",
    "map-to-photo": "map-to-face-512",
}


def file_of(name: str) -> Path:
    """The file of one of `FILES`."""
    return FOLDER / f"{name}.safetensors"


def all_files() -> dict[str, Path]:
    """The files of all models that come along, the library's as well, by their names."""
    parts = weights.FINDER, weights.PREVIEW
    of_library = *weights.SHIPPED, *weights.SHIPPED_RESTORERS, *parts
    files = {name: weights.shipped(name) for name in of_library}
    return files | {name: file_of(name) for name in FILES}


def is_ours(name: str) -> bool:
    """Whether a model by this name comes along, the studio's or the library's."""
    return name in NAMES or name in weights.SHIPPED
