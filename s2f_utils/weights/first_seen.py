"""Published files whose SHA-256 nobody published: that of the first that came is noted, and later ones are held to it.

The notes lie in the cache, as `first-seen.json`: {file name: {"sha256", "date"}}.
"""

from __future__ import annotations

import contextlib
import datetime
import json
from pathlib import Path

from s2f_utils import runtime
from s2f_utils.weights.download import sha256_of

NOTES = "first-seen.json"


class WeightsError(ValueError):
    """Weights that are not there, or not what they should be; the message says what to do."""


def digest_of(file_name: str, cache: Path) -> str:
    """The SHA-256 that was noted of a file of this name, "" where none was."""
    return _noted(cache).get(file_name, {}).get("sha256", "")


def hold(path: Path, cache: Path) -> None:
    """Note the SHA-256 of a file, where none of its name has been seen; raise WeightsError where it was another one."""
    noted, digest = _noted(cache), sha256_of(path)
    known = noted.get(path.name)
    if known is None:
        noted[path.name] = {"sha256": digest, "date": datetime.date.today().isoformat()}
        with contextlib.suppress(OSError):  # a cache that cannot be written: the next one is noted
            cache.mkdir(parents=True, exist_ok=True)
            runtime.write_json(cache / NOTES, noted)
    elif known["sha256"] != digest:
        raise WeightsError(
            f"{path}: not the file that was here first, on {known['date']} (SHA-256 {digest[:12]}… instead of"
            f" {known['sha256'][:12]}…): nobody published which one is right; delete it, or, if you trust it, its line"
            f" in {cache / NOTES}"
        )


def _noted(cache: Path) -> dict[str, dict[str, str]]:
    try:
        found = json.loads((cache / NOTES).read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
