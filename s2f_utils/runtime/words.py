"""Numbers of things and missing packages in words; names that are imported when asked for."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from typing import Any

EVERYTHING = "sketch-to-face[train]"  # as pip knows the project with all that it uses


def lazily(places: Mapping[str, str]) -> Callable[[str], Any]:
    """A package's `__getattr__` that imports a name's module when the name is first used.

    places: {name: full name of its module}.
    """

    def attribute(name: str) -> Any:
        if name not in places:
            raise AttributeError(f"there is no {name!r} here")
        return getattr(importlib.import_module(places[name]), name)

    return attribute


def counted(num: int, what: str) -> str:
    """A number of things in words: "1 photo", "2 photos", "2 sketches"."""
    if num == 1:
        return f"1 {what}"
    plural = "es" if what.endswith("ch") else "s"
    return f"{num:,} {what}{plural}"


def what_to_install(error: ImportError) -> str:
    """What is missing, and how to get it; one line."""
    if not isinstance(error, ModuleNotFoundError) or not error.name:
        return str(error)
    name = error.name.partition(".")[0]
    return (
        f"{name} is not installed; answering drawings does without it, this does not:"
        f" pip install '{EVERYTHING}'"
    )
