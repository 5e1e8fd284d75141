"""Weights by name: the table of those that come along and those that are published, and how they are fetched."""

from s2f_utils.weights.download import sha256_of
from s2f_utils.weights.table import (
    DEFAULT,
    DETAIL,
    EXPECT,
    FACES,
    FAITHFUL,
    FINDER,
    FINDERS,
    GRAPHS,
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
    "DEFAULT", "DETAIL", "EXPECT", "FACES", "FAITHFUL", "FINDER", "FINDERS", "GRAPHS", "RENDER", "RESTORER",
    "SHIPPED", "SHIPPED_FOLDER", "SHIPPED_RESTORERS", "WEIGHTS",
    "WeightsError", "WeightsFile", "cache_folder", "entry_of", "find", "get", "model_names", "places", "problem",
    "sha256_of", "shipped",
]  # fmt: skip
