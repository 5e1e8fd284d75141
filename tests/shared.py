"""Data that are not in the repository: the folder ../shared, where there is one.

S2F_SHARED names another folder; "none", or nothing, hides it, so that tests see what is on a user's
machine.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

BESIDE = Path(__file__).resolve().parents[2] / "shared"
HIDDEN = ("", "none")


def shared(part: str) -> Path | None:
    """A folder of the shared data, such as "data/cufs"; None where it is hidden, or not there."""
    chosen = os.environ.get("S2F_SHARED", str(BESIDE))
    folder = Path(chosen) / part
    return folder if chosen not in HIDDEN and folder.is_dir() else None


def needs_shared(part: str) -> pytest.MarkDecorator:
    """Skip a test by name where this folder of the shared data is not there."""
    return pytest.mark.skipif(shared(part) is None, reason=f"no {part} in ../shared (S2F_SHARED)")
