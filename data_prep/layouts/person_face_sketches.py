"""Person Face Sketches from Kaggle:
20,655 training pairs, its sketches made from CelebAMask-HQ's photos.
"""

from __future__ import annotations

from dataclasses import replace

from data_prep.layouts import pairs
from data_prep.layouts.layout import Collection, Layout, LayoutOptions
from data_prep.layouts.tree import Tree, words_of

NAME = "person-face-sketches"
TERMS = (
    "Person Face Sketches: made from CelebAMask-HQ photos, whose terms hold; see its Kaggle page"
)


def recognise(tree: Tree, options: LayoutOptions) -> bool:
    """Whether a folder called like the Kaggle set, or one above it,
    has train/photos and train/sketches.
    """
    words = {word for part in tree.root.parts for word in words_of(part)}
    tops = {picture.folder[:2] for picture in tree.pictures}
    is_named = {"person", "face", "sketches"} <= words
    return is_named and {("train", "photos"), ("train", "sketches")} <= tops


def collect(tree: Tree, options: LayoutOptions) -> Collection:
    """Its pairs by name, as in any two folders."""
    collection = pairs.collect(tree, options)
    collection.pairs = [replace(pair, source=NAME) for pair in collection.pairs]
    collection.terms = TERMS
    return collection


LAYOUT = Layout(
    NAME,
    "Person Face Sketches from Kaggle, with its split",
    "train/photos/, train/sketches/  1.jpg ...\n"
    "val/photos/, val/sketches/, test/photos/, test/sketches/",
    recognise,
    collect,
    local_names=True,
)
