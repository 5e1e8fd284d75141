"""What commands share: profiles by name, numbers of things and missing packages in words, what to
do when nobody reads stdout any more, and names that are imported when asked for.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable, Mapping
from typing import Any

PROFILE_NAMES = ("full", "demo", "fast")  # of notebooks
READER_LEFT = 141  # exit status where stdout is closed, as of a program that ends by SIGPIPE
TRAINING_PROFILES = ("full", "small", "demo", "fast")  # "small" can only be asked for


class ConfigError(ValueError):
    """A setting that does not exist or has an impossible value."""


def profile_name(wanted: str | None = None, asked: str | None = None) -> str:
    """The profile in force: `asked` for on a command line, else the environment's S2F_PROFILE, else
    `wanted`, a notebook's parameter, else "demo".

    Raises ConfigError for unknown names; "small" is known on the command line only.
    """
    name = asked or os.environ.get("S2F_PROFILE") or wanted or "demo"
    names = TRAINING_PROFILES if asked else PROFILE_NAMES
    if name not in names:
        raise ConfigError(f"there is no profile {name!r} here: the profiles are {', '.join(names)}")
    return name


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


def discard_stdout() -> None:
    """Send stdout nowhere once its reader has left: Python flushes it once more when it ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def of_command_line(error: Exception, program: str) -> str:
    """What is wrong with a command line; one line.

    error: cyclopts's. program: what is called, such as "s2f".
    """
    from cyclopts import MissingArgumentError

    if not isinstance(error, MissingArgumentError):
        return " ".join(str(error).split())
    command = " ".join(error.command_chain)
    meaning = error.argument.parameter.help
    needed = f"{error.argument.name} ({meaning})" if meaning else error.argument.name
    return f"{command} needs a value for {needed}: '{program} {command} --help' shows all"


def pip_install(extra: str = "") -> str:
    """The command that installs an extra, or what answering takes; the project is not on PyPI."""
    return f'pip install ".[{extra}]" in the clone' if extra else "pip install . in the clone"


def what_to_install(error: ImportError) -> str:
    """What is missing, and how to get it; one line."""
    if not isinstance(error, ModuleNotFoundError) or not error.name:
        return str(error)
    name = error.name.partition(".")[0]
    return (
        f"{name} is not installed; answering drawings does without it, this does not:"
        f" {pip_install('train')} (docs/install.md: smaller without a GPU)"
    )
