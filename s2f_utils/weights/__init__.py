"""Weights by name: the table of those that come along and those that are published, how they are fetched, and models
on the Hugging Face hub.
"""

from s2f_utils.weights import hub
from s2f_utils.weights.download import sha256_of
from s2f_utils.weights.table import (
    DEFAULT,
    EXPECT,
    FACES,
    FINDER,
    FINDERS,
    GONE,
    GRAPHS,
    OWN_TERMS,
    RENDER,
    RESTORER,
    SHIPPED,
    SHIPPED_FOLDER,
    SHIPPED_RESTORERS,
    WEIGHTS,
    WeightsError,
    WeightsFile,
    cache_folder,
    entry_of,
    find,
    get,
    model_names,
    places,
    problem,
    shipped,
)

__all__ = [
    "DEFAULT", "EXPECT", "FACES", "FINDER", "FINDERS", "GONE", "GRAPHS", "OWN_TERMS", "RENDER",
    "RESTORER", "SHIPPED", "SHIPPED_FOLDER", "SHIPPED_RESTORERS", "WEIGHTS",
    "WeightsError", "WeightsFile", "cache_folder", "entry_of", "find", "get", "hub", "model_names", "places",
    "problem", "sha256_of", "shipped",
]  # fmt: skip
