"""The names of profiles, and the one in force."""

from __future__ import annotations

import os

PROFILE_NAMES = ("full", "demo", "fast")  # of notebooks
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
