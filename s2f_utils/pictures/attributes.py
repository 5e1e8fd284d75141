"""Attributes of a person in a picture, by the names and labels that networks and tables use."""

from __future__ import annotations

WORN = ("glasses", "beard", "hat")
# Further attributes, from -1 to 1: the column of portrait_labels.csv, and its labels' values.
TRAITS: dict[str, tuple[str, dict[str, float]]] = {
    "age": ("age", {"young": -1.0, "middle": 0.0, "old": 1.0}),
    "smile": ("mouth", {"closed": -1.0, "smile-closed": 0.0, "teeth": 1.0}),
    "hair_length": (
        "hair_length",
        {"bald": -1.0, "receding": -0.6, "short": -0.3, "medium": 0.4, "long": 1.0},
    ),
    "curls": ("hair_texture", {"straight": -1.0, "wavy": 0.0, "curly": 1.0}),
}
TRAIT_LABELS = tuple(label for label, _ in TRAITS.values())
FOUND_PARTS = ("person", "hair")  # the finder's segmentation classes,
FINDER_OUTPUTS = ("photo", "crude", *WORN)  # and its binary outputs
