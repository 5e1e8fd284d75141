"""The package beside this one, `s2f_studio`: its networks, training methods, ways to answer, and
commands.

This library imports no package above it. Where the studio is installed, `extend(table)` lets its
`register` add to one of the tables here, and `studio(name)` is one of its modules.
"""

from __future__ import annotations

import functools
import importlib
import importlib.util
from types import ModuleType

TABLES = ("networks", "methods", "kinds", "commands")


@functools.cache
def studio(name: str = "") -> ModuleType | None:
    """A module of the studio, such as "drawings.prepare", or the package itself; None where it is
    not installed.
    """
    if not importlib.util.find_spec("s2f_studio"):
        return None
    return importlib.import_module(f"s2f_studio.{name}".removesuffix("."))


@functools.cache
def extend(table: str) -> None:
    """Add what the studio has for one of `TABLES`, where it is installed."""
    assert table in TABLES, table
    if package := studio():
        package.register(table)
