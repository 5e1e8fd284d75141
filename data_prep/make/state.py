"""What an output folder holds: nothing, a part of a set, or all of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from data_prep.messages import printable
from s2f_utils.data import DataError

MANIFEST, SETTINGS, PARTIAL = "manifest.csv", "settings.json", "settings.partial.json"
ADVICE = "choose another folder, or delete this one"
CHANGED = {
    "source_digest": "the pictures of the source have changed since, or what is known of them",
    "drawing_digest": "the code that draws the faces has changed since",
}


def read_state(out: Path, settings: Mapping[str, Any]) -> str:
    """What `out` holds: "new" (nothing), "partial" or "complete" (a set with these settings).

    Raises DataError when it is a file, holds other things, or a set with other settings.
    """
    if not out.exists():
        return "new"
    if not out.is_dir():
        raise DataError(
            f"{printable(out)}: expected a folder to write to, got a file: choose another name"
        )
    path = out / SETTINGS if (out / SETTINGS).is_file() else out / PARTIAL
    if not path.is_file():
        inside = sorted(p.name for p in out.iterdir() if p.name not in (".DS_Store", "Thumbs.db"))
        if inside:
            raise DataError(
                f"{printable(out)}: not empty (there is {printable(inside[0])}) and not made by"
                " data_prep: choose a new folder"
            )
        return "new"
    _check_same(out, settings_in(path), settings)
    return "complete" if (out / MANIFEST).is_file() else "partial"


def _check_same(out: Path, before: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    differences = []
    for key, value in now.items():
        if before.get(key) != value:
            plain = f"{key}: {before.get(key)} there, {value} now"
            differences.append(CHANGED.get(key, plain))
    if differences:
        raise DataError(
            f"{printable(out)}: holds a set made in another way ({'; '.join(differences)}):"
            f" {ADVICE}"
        )


def settings_in(path: Path, advice: str = ADVICE) -> dict[str, Any]:
    """The settings in a folder's file. Raises DataError for a damaged one."""
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except (ValueError, TypeError):
        raise DataError(f"{printable(path)}: damaged: {advice}") from None
