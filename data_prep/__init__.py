"""Raw pictures in, a data set out: folders of square pictures and one `manifest.csv`.

On the command line `python -m data_prep pairs SRC OUT` and `python -m data_prep people OUT`; in
Python `make_pairs(src, out)` and `make_people(out)`, or `people()` for the generated people that
come with the package, as arrays. The manifest is the only contract with the rest of the project: a
row per pair with the columns of `s2f_utils.data.COLUMNS`, and it is written last, so that a folder
which has one is complete.
"""

from __future__ import annotations

from data_prep.make.pair_set import make_pairs
from data_prep.make.people_set import People, make_people, people
from data_prep.make.recipe import Recipe
from data_prep.make.split import split_by_identity
from data_prep.make.with_landmarks import add_landmarks
from s2f_utils.data import DataError

__all__ = [
    "DataError",
    "People",
    "Recipe",
    "add_landmarks",
    "make_pairs",
    "make_people",
    "people",
    "split_by_identity",
]
