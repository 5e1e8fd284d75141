"""What of a model is published: its generators without the hashes of training pictures, and its card; nothing else."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import s2f_utils
from s2f_utils import models
from s2f_utils.inference import generator_file
from s2f_utils.models import checkpoints
from s2f_utils.models.card import DIRECTIONS, JUDGES, MEASURES, RENDERS
from s2f_utils.training import card, learned_from

CARD = "README.md"
EXPECTED = "expected.safetensors"
LICENCE = re.compile(r"[a-z0-9][a-z0-9.-]*")  # of the hub's names
LIMITING = re.compile(r"redistribut|agreement|research|non-commercial|ask its authors", re.IGNORECASE)


class PublishError(ValueError):
    """A model that cannot, or may not, be published; the message says why, and what to do."""


@dataclass(frozen=True)
class Package:
    """Files by their names in the repository, and what is known of them. stale: how many evaluations of the run were
    left out because its weights are newer.
    """

    files: dict[str, Path]
    known: card.Known
    stale: int = 0


def package(run: str | Path, out: Path, repo: str, licence: str = card.NO_LICENCE) -> Package:
    """Copies of all that is published of a run folder or a `.safetensors` file, in the folder `out`, and its card.

    repo: "user/model". Raises FileNotFoundError, CheckpointError, or PublishError for a file that is no model.
    """
    if not LICENCE.fullmatch(licence):
        raise PublishError(f"--licence {licence!r}: give the hub's name of it, such as mit, cc-by-nc-4.0 or other")
    generator = _generator(Path(run))
    folder = Path(run) if Path(run).is_dir() else None
    meta = checkpoints.header_of(generator)
    if meta.get("network") not in models.NETWORKS:
        raise PublishError(f"{generator}: does not say what it is: only models trained by this project are published")
    about = models.NETWORKS[meta["network"]].describe(meta.get("args") or {})
    if about.does in (JUDGES, MEASURES):
        raise PublishError(f"{generator}: is a {meta['network']}, which {about.does} pictures: give a generator")
    sources = {generator_file(): generator}
    for way in DIRECTIONS if folder else ():
        sources[generator_file(way)] = folder / generator_file(way)
    if about.does == RENDERS:
        sources[EXPECTED] = generator.with_name(EXPECTED)
    files = {name: learned_from.publish(path, out / name) for name, path in sources.items() if path.is_file()}
    nets = [checkpoints.load_network(path)[0] for path in files.values()]  # that all of them can be read
    scores, stale = _scores_of(folder, generator) if folder else ([], 0)
    known = card.Known(
        repo, {name: path.stat().st_size for name, path in files.items()}, meta, about,
        sum(tensor.numel() for tensor in nets[0].state_dict().values()), learned_from.read(files[generator_file()]),
        _profile_of(folder), scores, _all_terms([sources[name] for name in files]), licence, s2f_utils.__version__,
    )  # fmt: skip
    (out / CARD).write_text(card.write(known), encoding="utf-8")
    return Package({**files, CARD: out / CARD}, known, stale)


def check_terms(known: card.Known, may_publish: bool) -> None:
    """Raise PublishError where the training data's terms limit what may be passed on, unless a person says that it may
    be.
    """
    limiting = [terms for terms in known.terms or () if LIMITING.search(terms)]
    if limiting and not may_publish:
        raise PublishError(
            f"the terms of the training data limit what may be passed on ({'; '.join(limiting)}): read them, ask its"
            " owners, and give --i-may-publish where they allow it"
        )


def _generator(run: Path) -> Path:
    path = run / generator_file() if run.is_dir() else run
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such model: give a run folder, or a .safetensors file of yours")
    if path.suffix != ".safetensors":
        raise PublishError(f"{path}: only .safetensors files are published: they hold no code")
    return path


def _profile_of(folder: Path | None) -> str:
    """The profile that a run's settings came from, "" where its folder does not say."""
    origins = _facts_of(folder).get("origin", {}).values() if folder else ()
    found = {origin.removeprefix("profile ") for origin in origins if str(origin).startswith("profile ")}
    return found.pop() if len(found) == 1 else ""


def _facts_of(folder: Path) -> dict[str, Any]:
    try:
        return json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}


def _all_terms(paths: list[Path]) -> list[str] | None:
    """The terms of all that these files learned from; None where none of them says anything."""
    said = [terms for path in paths if (terms := learned_from.terms_of_file(path)) is not None]
    return sorted({one for terms in said for one in terms}) if said else None


def _scores_of(folder: Path, generator: Path) -> tuple[list[dict[str, Any]], int]:
    """The newest scores of a run for each way, data set and split, and how many files were left out, being older than
    the weights.
    """
    files = sorted(folder.glob("evaluation*/metrics.json"), key=lambda path: path.stat().st_mtime_ns, reverse=True)
    fresh = [path for path in files if path.stat().st_mtime_ns >= generator.stat().st_mtime_ns]
    found: dict[tuple[str, ...], dict[str, Any]] = {}
    for path in fresh:
        scored = json.loads(path.read_text(encoding="utf-8"))
        found.setdefault((scored["direction"], scored.get("data", ""), scored["split"]), scored)
    return list(found.values()), len(files) - len(fresh)
