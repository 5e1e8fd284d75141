"""Saved outputs: where they are, and which model made them."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from s2f_utils.data import DataError, Row
from s2f_utils.metrics.leaks import Standing
from s2f_utils.metrics.scored import digest_of_pairs
from s2f_utils.pictures import images

HOW_TO_MAKE = "make them with 's2f evaluate MODEL --data DATA', or name PNG files by the ids of the manifest"


@dataclass(frozen=True)
class Entry:
    """Saved outputs: the model's name, seed and inference mode ("" when there is one), {id: PNG}.

    standing: what the training of the model that made them means for their scores, as `evaluate` wrote it.
    """

    name: str
    seed: int | None
    mode: str
    files: Mapping[str, Path]
    standing: Standing = Standing()

    @property
    def label(self) -> str:
        """The name, with the inference mode where there are several."""
        return f"{self.name}, {self.mode} mode" if self.mode else self.name


def find_outputs(
    spec: str, ids: Sequence[str], direction: str = "sketch-to-photo", pairs: Sequence[Row] = ()
) -> list[Entry]:
    """The saved outputs that "PATH" or "NAME=PATH" names: a run folder, an evaluation's folder, or pictures by id.

    One entry for each inference mode; of a run that learned both directions, those of `direction`; of several
    evaluations the newest, and where the `pairs` are given, the newest that was made of these. Name and seed come
    from the run's `config.json` where there is one.
    Raises DataError when there are no outputs, when some are missing, go the other way or were made of other pictures,
    or when they are JPEG files, whose blocks and blurs would be scored too.
    """
    given, equals, path_text = spec.partition("=")
    if not equals or Path(spec).exists():
        given, path_text = "", spec
    path = Path(path_text)
    if not path.is_dir():
        raise DataError(f"{path}: no such folder: give a run folder, or a folder of outputs, as PATH or NAME=PATH")
    modes, facts = _modes(path, direction, digest_of_pairs(pairs, direction))
    name, seed = _named(path)
    standing = Standing.from_json(facts)
    return [
        Entry(given or name, seed, mode.name if len(modes) > 1 else "", _files(mode, ids), standing) for mode in modes
    ]


def _modes(path: Path, direction: str, digest: str) -> tuple[list[Path], dict[str, Any]]:
    """The folders of pictures, one for each inference mode, and what `evaluate` wrote of them; of a run's evaluations
    those of the newest that goes this way and is of the pairs with this digest.
    """
    refused = f"no outputs here: {HOW_TO_MAKE}"
    for folder in (*sorted(path.glob("evaluation*"), key=_written, reverse=True), path):
        facts, outputs = _facts(folder), folder / "outputs"
        modes = sorted(p for p in outputs.iterdir() if p.is_dir()) if outputs.is_dir() else []
        if not modes and any(images.is_image_name(p) for p in folder.iterdir() if p.is_file()):
            modes = [folder]
        if modes and facts.get("direction", direction) != direction:
            refused = f"its outputs go {facts['direction']}, this leaderboard {direction}: choose with --direction"
        elif modes and digest and facts.get("pairs_sha256", digest) != digest:
            refused = f"its outputs were made of other pictures than these: {HOW_TO_MAKE}"
        elif modes:
            return modes, facts
    raise DataError(f"{path}: {refused}")


def _facts(evaluation: Path) -> dict[str, Any]:
    """What `evaluate` wrote into this folder; {} where it did not."""
    path = evaluation / "metrics.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}


def _written(evaluation: Path) -> tuple[int, str]:
    """When an evaluation was written."""
    facts = evaluation / "metrics.json"
    return (facts.stat().st_mtime_ns if facts.is_file() else 0), evaluation.name


def _files(folder: Path, ids: Sequence[str]) -> dict[str, Path]:
    found = {name: folder / f"{name}.png" for name in ids}
    gone = [name for name, path in found.items() if not path.is_file()]
    jpeg = [name for name in gone if any((folder / f"{name}{s}").is_file() for s in (".jpg", ".jpeg", ".webp"))]
    if jpeg:
        raise DataError(
            f"{folder}: {len(jpeg)} outputs are JPEG or WebP files: save them as PNG, compression would be scored, too"
        )
    if gone:
        raise DataError(
            f"{folder}: {len(gone)} of {len(ids)} outputs are missing (such as {gone[0]}.png): {HOW_TO_MAKE}"
        )
    return found


def _named(path: Path) -> tuple[str, int | None]:
    """The name and the seed of the run that a folder is, or lies in; the folder's name where it is none."""
    for folder in (path, path.parent):
        if (folder / "config.json").is_file():
            run = json.loads((folder / "config.json").read_text(encoding="utf-8"))
            return re.sub(r"^\d{4}-", "", folder.resolve().name), run.get("config", {}).get("seed")
    return path.resolve().name, None
