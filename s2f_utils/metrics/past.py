"""What a model has learned from: the hashes in its files, and in those of the models that it began with."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from s2f_utils import runtime, weights
from s2f_utils.data import Row
from s2f_utils.models import provenance
from s2f_utils.pictures import duplicates, images

SIDES = {"sketches": ("sketch", "mask"), "photos": ("photo",)}  # of a training → the manifest's columns they come from


@dataclass
class Past:
    """What a model and those before it learned from, as far as their files say.

    hashes: {side: {exact hash: perceptual hashes, of the picture and of what it was cut out of, "" where there is
    none}}, in hexadecimal digits. data: the names of
    the data sets. published: weights with a name, ours or others', that are among its parents or are the model itself.
    gaps: why not all is known; empty where all is.
    """

    hashes: dict[str, dict[str, tuple[str, ...]]] = field(default_factory=lambda: {side: {} for side in SIDES})
    data: set[str] = field(default_factory=set)
    published: set[str] = field(default_factory=set)
    gaps: list[str] = field(default_factory=list)

    @property
    def num_pictures(self) -> int:
        """How many different pictures are known."""
        return sum(map(len, self.hashes.values()))


def past_of(files: Sequence[Path], unknown: str = "") -> Past:
    """The past of a model that answers by these files; parents are found by their SHA-256.

    unknown: why the files are not known, where there are none. Raises FileNotFoundError, or CheckpointError where one
    of the files cannot be read.
    """
    past, done = Past(), set()
    if not files:
        past.gaps.append(unknown or "it does not say which file it was made of")
    for path in files:
        _take_in(past, Path(path), done)
    return past


def _take_in(past: Past, path: Path, done: set[str]) -> None:
    digest = weights.sha256_of(path)
    if digest in done:
        return
    done.add(digest)
    if name := _published(path, digest):
        past.published.add(name)
        past.gaps.append(f"{name} was published without the hashes of what it learned from")
        return
    told = provenance.read(path) if path.suffix == ".safetensors" else {}
    if not told:
        past.gaps.append(f"{_named(path)} does not say what it learned from")
        return
    past.gaps += _unlisted(told, path)
    _take_told(past, told, path, _named(path), done)


def _take_told(past: Past, told: Mapping[str, Any], path: Path, name: str, done: set[str]) -> None:
    """Take in what a model's file says, or what its child's file, at this path, says of it."""
    past.data |= {told.get("data", "")} - {""}
    past.gaps += _take_hashes(past, told, name)
    for parent in told.get("parents", ()):
        if parent["name"] in weights.model_names():
            past.published.add(parent["name"])
            past.gaps.append(f"{parent['name']}, which {name} began with, was published without hashes")
        elif _has_hashes(parent):
            _take_told(past, parent, path, parent["name"], done)
        elif found := _find(parent, path):
            _take_in(past, found, done)
        else:
            past.gaps.append(f"{parent['name']}, which {name} began with, is gone or has changed")


def _has_hashes(parent: Mapping[str, Any]) -> bool:
    pictures = parent.get("pictures")
    return pictures == provenance.OWN or bool(pictures) and all("sha256" in side for side in pictures.values())


def _take_hashes(past: Past, told: Mapping[str, Any], name: str) -> list[str]:
    """Take in the hashes of a model's own pictures; returns what is missing of them."""
    pictures = told.get("pictures") or {}
    if pictures == provenance.OWN:
        return []
    for side, found in pictures.items():
        exact, *alike = (provenance.unpack(found, name) for name in ("sha256", "perceptual", "source"))
        if side not in SIDES or len(exact) != found["num"]:
            return [f"{name} has no hashes of its training pictures"]
        alike = [hashes or [""] * len(exact) for hashes in alike]
        past.hashes[side] |= dict(zip(exact, zip(*alike, strict=True), strict=True))
    return [] if pictures else [f"{name} has no hashes of its training pictures"]


def _unlisted(told: Mapping[str, Any], path: Path) -> list[str]:
    """What is missing of a network that learned from others' answers, in a file of before these were its parents."""
    asked = [name for name in str(told.get("settings", {}).get("expected_by") or "").split(",") if name.strip()]
    known = len(told.get("parents", ())) >= len(asked)
    return [] if known else [f"{_named(path)} does not say which models it learned from"]


def _named(path: Path) -> str:
    return "/".join(path.parts[-2:])


def _published(path: Path, digest: str) -> str:
    """The name of published or shipped weights, "" for others."""
    if name := _known_sums().get(digest):
        return name
    return next(
        (e.name for e in weights.WEIGHTS.values() if path.parent in weights.places() and e.file_name == path.name), ""
    )


@functools.lru_cache(maxsize=1)
def _known_sums() -> dict[str, str]:
    """SHA-256 → name, of all weights that have one."""
    ours = {weights.sha256_of(path): path.stem for path in sorted(weights.SHIPPED_FOLDER.glob("*.safetensors"))}
    return {entry.sha256: entry.name for entry in weights.WEIGHTS.values() if entry.sha256} | ours


def _find(parent: Mapping[str, str], child: Path) -> Path | None:
    """The file of a parent: where the child's run says that it was, beside the child's run, or in any run there."""
    tried: set[Path] = set()
    for path in _places(parent["name"], child):
        path = path.absolute()
        if path in tried or not path.is_file():
            continue
        tried.add(path)
        if weights.sha256_of(path) == parent["sha256"]:
            return path
    return None


def _places(name: str, child: Path) -> Iterator[Path]:
    run = child.absolute().parent
    try:
        facts = json.loads((run / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        facts = {}
    config = facts.get("config", {})
    experts = str(config.get("expected_by") or "").split(",")
    for given in filter(None, (facts.get("init"), config.get("detail_init"), *map(str.strip, experts))):
        yield from (Path(given), *sorted(Path(given).glob("*.safetensors")))
    beside = run.parent / name
    yield from (beside, *sorted(beside.glob("*.safetensors")))
    yield from sorted(run.glob("*.safetensors"))
    yield from sorted(run.parent.glob("*/*.safetensors"))  # a run's folder may have another name now


class Pictures:
    """The pictures of some rows of a manifest, hashed when they are asked for, and once."""

    def __init__(self, rows: Sequence[Row]) -> None:
        self.rows = rows
        self._known: dict[str, list[str]] = {}

    def exact(self, column: str) -> list[str]:
        """The exact hashes of the files in a column, "" where a row has none."""
        return self._hashes(column, "exact", lambda path: provenance.hash_file(path).hex())

    def perceptual(self, column: str) -> list[list[str]]:
        """The perceptual hashes of sketches or photos, and of what they were cut out of, "" where a row has none; maps
        have none.
        """
        if column == "mask":
            return []
        own = self._hashes(column, "perceptual", lambda path: duplicates.perceptual_hash(images.load_rgb(path)))
        return [own, self._hashes(column, "source", duplicates.source_hash)]

    def _hashes(self, column: str, kind: str, make: Callable[[Path], str]) -> list[str]:
        key = f"{column} {kind}"
        if key not in self._known:
            paths = [getattr(row, column) for row in self.rows]
            with ThreadPoolExecutor(runtime.num_cores()) as pool:
                self._known[key] = list(pool.map(lambda path: make(path) if path else "", paths))
        return self._known[key]


def num_others(past: Past, pictures: Pictures) -> int:
    """How many of the pictures that a model learned from are not among these, exactly or nearly."""
    num = 0
    for side, columns in SIDES.items():
        own = {text for column in columns for text in pictures.exact(column)}
        rest = [alike for exact, alike in past.hashes[side].items() if exact not in own]
        same = np.zeros(len(rest), bool)
        if any(any(alike) for alike in rest):
            mine = [text for column in columns for hashes in pictures.perceptual(column) for text in hashes]
            for theirs in zip(*rest, strict=True):
                same |= duplicates.are_copies(theirs, mine)
        num += int((~same).sum())
    return num


def is_seen(past: Past, pictures: Pictures) -> np.ndarray:
    """Whether a model learned from a picture of each of these rows, exactly or nearly: bool (number of rows,)."""
    seen = np.zeros(len(pictures.rows), bool)
    for side, columns in SIDES.items():
        known = past.hashes[side]
        for column in columns if known else ():
            seen |= [text in known for text in pictures.exact(column)]
            theirs = [text for alike in known.values() for text in alike]
            for mine in pictures.perceptual(column) if any(theirs) else ():
                seen |= duplicates.are_copies(mine, theirs)
    return seen
