"""What packages beside this one add: networks, training methods, models that answer, commands.

This library imports no package above it. Where one is installed, its `register(what)` is called when `what` is asked
for the first time, and puts its own things into the same tables that the library's stand in.
"""

from __future__ import annotations

import functools
import importlib
import importlib.util

PACKAGES = ("s2f_studio",)
DOORS = ("networks", "methods", "answers", "torch answers", "commands")


@functools.cache
def extend(what: str) -> None:
    """Let the packages that are installed add what they have for one of `DOORS`."""
    assert what in DOORS, what
    for name in PACKAGES:
        if importlib.util.find_spec(name):
            importlib.import_module(name).register(what)
