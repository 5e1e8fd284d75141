"""Plugins: packages that extend this one, found by the entry points of the group `GROUP`.

An entry point names a module with a function for each of `TABLES`, which returns a dictionary:
`networks`, classes by the names in files' headers; `methods` of training, by name; `models`,
subclasses of `infer.translator.Translator` by the names of their networks; `commands` of `s2f`, by
name; and `tools`, of which there are "prepare" (picture, info, **options → picture), "open_model"
and "open_restorer" (`infer.loading`, `infer.restorers`).
"""

from __future__ import annotations

import functools
from importlib import metadata
from typing import Any

GROUP = "s2f.plugins"
TABLES = ("networks", "methods", "models", "commands", "tools")


@functools.cache
def contributed(table: str) -> dict[str, Any]:
    """What the installed plugins have for one of `TABLES`; what that needs is imported now."""
    assert table in TABLES, table
    merged: dict[str, Any] = {}
    for plugin in metadata.entry_points(group=GROUP):
        merged |= getattr(plugin.load(), table)()
    return merged


def packages() -> set[str]:
    """The names of this package and of those that extend it."""
    plugins = metadata.entry_points(group=GROUP)
    return {__name__.partition(".")[0], *(plugin.module.partition(".")[0] for plugin in plugins)}
