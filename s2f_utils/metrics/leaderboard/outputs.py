"""Saved outputs: where they are, and which model made them."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from s2f_utils.data import DataError, Row
from s2f_utils.metrics.scored import digest_of, digest_of_pairs
from s2f_utils.pictures import images
from s2f_utils.weights import sha256_of


@dataclass(frozen=True)
class Entry:
    """Saved outputs: the model's name, seed and inference mode ("" when there is one), {id: PNG}.

    models: the files of the networks that made them. unknown: why it is not known which made them, "" where it is.
    """

    name: str
    seed: int | None
    mode: str
    files: Mapping[str, Path]
    models: tuple[Path, ...] = ()
    unknown: str = ""

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
    from the run's `config.json` where there is one, the model's files from what `evaluate` wrote beside its outputs.
    Raises DataError when there are no outputs, when some are missing, go the other way or were made of other pictures,
    or when they are JPEG files, whose blocks and blurs would be scored too.
    """
    given, equals, path_text = spec.partition("=")
    if not equals or Path(spec).exists():
        given, path_text = "", spec
    path = Path(path_text)
    if not path.is_dir():
        raise DataError(f"{path}: no such folder: give a run folder, or a folder of outputs, as PATH or NAME=PATH")
    folder, modes = _find_folder(path, ids, direction, pairs)
    run = _run_facts(path)
    name = given or run.get("name") or path.resolve().name
    return [
        Entry(name, run.get("seed"), place.name if len(modes) > 1 else "", _files(place, ids, pairs), *made_by(place))
        for place in modes or [folder]
    ]


def _find_folder(path: Path, ids: Sequence[str], direction: str, pairs: Sequence[Row]) -> tuple[Path, list[Path]]:
    """The folder of outputs and its inference modes; of a run's evaluations the newest that goes this way, is of these
    pairs, and has all of the pictures.
    """
    found, other_way, other_pairs = [], "", False
    digest = digest_of_pairs(pairs, direction)
    evaluations = sorted(path.glob("evaluation*"), key=_written, reverse=True)
    for folder in (*(p / "outputs" for p in evaluations), path / "outputs", path):
        if not folder.is_dir():
            continue
        named = folder.name == "outputs"
        modes = sorted(p for p in folder.iterdir() if p.is_dir() and any(p.glob("*.png"))) if named else []
        if not modes and not any(images.is_image_name(p) for p in folder.iterdir() if p.is_file()):
            continue
        facts = folder.parent / "metrics.json"
        told = json.loads(facts.read_text(encoding="utf-8")) if named and facts.is_file() else {}
        if (told.get("direction") or direction) != direction:
            other_way = told["direction"]
            continue
        if digest and told.get("pairs_sha256", digest) != digest:
            other_pairs = True
            continue
        found.append((folder, modes))
    if found:
        whole = [
            (f, modes) for f, modes in found if all((p / f"{i}.png").is_file() for p in modes or [f] for i in ids[:1])
        ]
        return (whole or found)[0]
    if other_pairs:
        raise DataError(f"{path}: its outputs were made of other pictures than these: {_how_to_make(path, pairs)}")
    if other_way:
        raise DataError(
            f"{path}: its outputs go {other_way}, this leaderboard {direction}: choose with --direction, or make others"
            f" with 's2f evaluate {path} --data DATA --direction {direction}'"
        )
    raise DataError(f"{path}: no outputs here: {_how_to_make(path, pairs)}")


def _written(evaluation: Path) -> tuple[int, str]:
    """When an evaluation was written."""
    facts = evaluation / "metrics.json"
    return (facts.stat().st_mtime_ns if facts.is_file() else 0), evaluation.name


def _how_to_make(path: Path, pairs: Sequence[Row]) -> str:
    """What to do for outputs that are missing: of a run, or in a folder of pictures."""
    runs = [p for p in (path, *path.parents[:3]) if (p / "config.json").is_file()]
    runs += [path] if any(path.glob("*.safetensors")) else []
    if not runs:
        return "name its pictures by the ids of the manifest, as PNG (s2f evaluate MODEL --out DIR makes them)"
    split = f" --split {pairs[0].split}" if pairs and pairs[0].split != "test" else ""
    return f"make them with 's2f evaluate {runs[0]} --data DATA{split}', with the DATA of this leaderboard"


def _files(folder: Path, ids: Sequence[str], pairs: Sequence[Row]) -> dict[str, Path]:
    found = {}
    for name in ids:
        path = folder / f"{name}.png"
        if path.is_file():
            found[name] = path
    gone = [name for name in ids if name not in found]
    if not gone:
        return found
    jpeg = [name for name in gone if any((folder / f"{name}{s}").is_file() for s in (".jpg", ".jpeg", ".webp"))]
    if jpeg:
        raise DataError(
            f"{folder}: {len(jpeg)} outputs are JPEG or WebP files: save them as PNG, compression would be scored, too"
        )
    raise DataError(
        f"{folder}: {len(gone)} of {len(ids)} outputs are missing (such as {gone[0]}.png):"
        f" {_how_to_make(folder, pairs)}"
    )


def _run_facts(path: Path) -> dict[str, Any]:
    for folder in (path, path.parent):
        if (folder / "config.json").is_file():
            run = json.loads((folder / "config.json").read_text(encoding="utf-8"))
            return {"name": re.sub(r"^\d{4}-", "", folder.resolve().name), "seed": run.get("config", {}).get("seed")}
    return {}


def made_by(outputs: Path) -> tuple[tuple[Path, ...], str]:
    """The files of the model that made the pictures in this folder, as `evaluate` left it, and why that is not known,
    "" where it is: pictures alone say nothing, and pictures or models that have changed since do not belong together.
    """
    place = outputs.parent.parent  # of outputs/<mode>
    try:
        facts = json.loads((place / "metrics.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        facts = {}
    if not facts.get("made_by"):
        return (), "its pictures do not say which model made them"
    if facts.get("outputs", {}).get(outputs.name) != digest_of(outputs):
        return (), "its pictures are not those that were made when the model was scored"
    files = []
    for known in facts["made_by"]:
        path = Path(os.path.normpath(place.resolve() / known["file"]))
        if not path.is_file() or sha256_of(path) != known["sha256"]:
            return (
                (),
                f"{path.name}, which made its pictures, is gone or has changed: score it again with 's2f evaluate'",
            )
        files.append(path)
    return tuple(files), ""
