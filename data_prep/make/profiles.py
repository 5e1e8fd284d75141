"""How many faces a profile has, and how large."""

from __future__ import annotations

from s2f_utils.data import DataError

PROFILES: dict[str, dict[str, int]] = {
    "full": {"num": 2_000, "size_px": 256},
    "demo": {"num": 1_600, "size_px": 128},
    "fast": {"num": 24, "size_px": 64},
}


def profile_of(name: str | None) -> tuple[str, dict[str, int]]:
    """A profile's name, with its number and size of faces; None: the environment's S2F_PROFILE,
    else "demo". Raises DataError for another name.
    """
    from s2f_utils.runtime import ConfigError, profile_name

    try:
        name = name or profile_name()
    except ConfigError as error:
        raise DataError(str(error)) from None
    if name not in PROFILES:
        raise DataError(f"there is no profile {name!r}: the profiles are {', '.join(PROFILES)}")
    return name, PROFILES[name]
