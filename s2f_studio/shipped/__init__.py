"""The studio's own models, whose files lie here; the library's are in `s2f_utils.weights`."""

from __future__ import annotations

from pathlib import Path

from s2f_utils import weights

FOLDER = Path(__file__).parent
# Of them, as ONNX, without weights: tools/shipped/ship_graphs.py writes them.
GRAPHS = FOLDER / "graphs"
EXPECT, PERSON, FINDER = "sketch-to-photo-expected", "sketch-to-photo-person", "finder"
BANK = "sketch-to-photo-bank"
MODEL = "sketch-to-photo"  # made of all four
FILES: dict[str, str] = {
    EXPECT: "the average face for a drawing, soft",
    FINDER: "the points of a face in a drawing or a photo, and what else is there",
    PERSON: "the photo of a person whom a careful drawing could mean",
    BANK: "what a drawing shows, and which generated people fit it",
}
NAMES = (MODEL, EXPECT)  # that models are loaded by
# The models that answer where none is named, by direction.
DEFAULTS = {
    "sketch-to-photo": MODEL,
    "photo-to-sketch": "photo-to-sketch",
    "map-to-photo": "map-to-face-128",
}


def file_of(name: str) -> Path:
    """The file of one of `FILES`."""
    return FOLDER / f"{name}.safetensors"


def all_files() -> dict[str, Path]:
    """The files of all models that come along, the library's as well, by their names."""
    of_library = (*weights.SHIPPED, *weights.SHIPPED_RESTORERS)
    files = {name: weights.shipped(name) for name in of_library}
    return files | {name: file_of(name) for name in FILES}


def is_ours(name: str) -> bool:
    """Whether a model by this name comes along, the studio's or the library's."""
    return name in NAMES or name in weights.SHIPPED
