"""How often a model was scored on a test split: who scores again and again, and keeps the best, chooses by it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from s2f_utils import weights
from s2f_utils.data import Manifest
from s2f_utils.metrics.scored import digest_of_pairs

FILE = "times-scored.jsonl"  # in a run's folder, or beside a model's file
COUNTED = "test"  # the split


def count(files: Sequence[Path], manifest: Manifest, split: str, by: str) -> int | None:
    """Note that a model was scored, and say how often it has been with this time, in all of its run; None for another
    split than that for testing, and for a model whose file is not known, or is in the project or in a cache.

    files: of the model, its own first. by: what scored it. A set is the same one by its name, or by its pairs. Where
    nothing can be written, this time is not noted, and nothing is said.
    """
    if split != COUNTED or not files or _is_public(files[0]):
        return None
    file, data = files[0].absolute(), manifest.path.resolve().parent.name
    run = next((folder for folder in (file.parent, file.parent.parent) if (folder / "config.json").is_file()), None)
    place = (run or file.parent) / FILE
    pairs = digest_of_pairs(manifest.split(split), "sketch-to-photo")
    times = 1 + sum(
        (line.get("data") == data or (pairs != "" and line.get("pairs") == pairs))
        and line.get("split") == split
        and (run is not None or line.get("file") == file.name)
        for line in _lines(place)
    )
    now = datetime.now(UTC).isoformat(timespec="seconds")
    line = {"time": now, "by": by, "file": file.name, "data": data, "pairs": pairs, "split": split}
    try:
        with open(place, "a", encoding="utf-8") as out:
            out.write(json.dumps(line) + "\n")
    except OSError:  # the folder is read-only, or the disk full
        pass
    return times


def said(times: int | None) -> str:
    """A count in words, "" where there is none."""
    return f"scored on {COUNTED} {times} time{'s' if times > 1 else ''}" if times else ""


def _lines(place: Path) -> list[dict[str, str]]:
    found = []
    try:
        for line in place.read_text(encoding="utf-8").splitlines():
            try:
                found.append(json.loads(line))
            except ValueError:  # half a line, of a disk that was full
                continue
    except (OSError, UnicodeDecodeError):
        pass
    return [line for line in found if isinstance(line, dict)]


def _is_public(file: Path) -> bool:
    """Whether a file is one of the project's, or lies where downloaded ones are kept."""
    return file.parent in (weights.SHIPPED_FOLDER, *weights.places()) or weights.hub.is_cached(file)
