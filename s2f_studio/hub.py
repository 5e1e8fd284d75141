"""What is sent of a model to the Hugging Face hub: its generators, without hashes of training
pictures, and a card.
"""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from s2f_utils.networks.info import (
    DIRECTIONS,
    MEASURES,
    SCORES,
    ModelInfo,
    made_by,
    read_by,
)
from s2f_utils.pictures.images import GENERATED_NOTE

TEMPLATE = Path(__file__).with_name("readme.md.jinja")
README = "README.md"
LIMITING = re.compile(
    r"redistribut|agreement|research|non-commercial|ask its authors", re.IGNORECASE
)


@dataclass(frozen=True)
class Package:
    """What is sent: files by their names in the repository, and the model's card. stale: how many
    evaluations of the run were left out because its weights are newer.
    """

    files: dict[str, Path]
    card: ModelInfo
    stale: int
    licence: str = "other"

    def summary(self) -> str:
        """The files with their sizes, and the terms, a line each."""
        lines = [
            f"  {name}  {path.stat().st_size / 1e3:,.1f} kB" for name, path in self.files.items()
        ]
        lines.append(
            f"licence: {'none is chosen (--licence)' if self.licence == 'other' else self.licence}"
        )
        lines.append(
            f"training data: {self.card.data or 'not recorded'}; its terms: {self.card.shown_terms}"
        )
        if not self.card.terms:
            lines.append("see that the people in the training pictures, and their owners, allow it")
        if self.stale:
            lines.append(
                f"{self.stale} evaluations are older than the weights, and left out: score them"
                " anew"
            )
        return "\n".join(lines)


def pack(model: str | Path, out: Path, repo: str, licence: str = "other") -> Package:
    """Copy all that is sent of a run folder or a `.safetensors` file into the folder `out`, and
    write README.md.

    Raises FileNotFoundError, CheckpointError, or ValueError for a file that is not a model of ours.
    """
    from s2f_utils.infer import generator_file
    from s2f_utils.networks import checkpoints

    if not re.fullmatch(r"[a-z0-9][a-z0-9.-]*", licence):
        raise ValueError(
            f"--licence {licence!r}: give the hub's name of it, such as mit, cc-by-nc-4.0 or other"
        )
    given = Path(model)
    path = given / generator_file() if given.is_dir() else given
    card = _card_of(path)
    names = [generator_file(way) for way in DIRECTIONS] if given.is_dir() else []
    sources = {name: path.with_name(name) for name in names}
    sources = {generator_file(): path} | {
        name: source for name, source in sources.items() if source.is_file()
    }
    files = {name: checkpoints.publish(source, out / name) for name, source in sources.items()}
    evaluations = sorted(given.glob("evaluation*/metrics.json"), key=_time, reverse=True)
    fresh = [found for found in evaluations if _time(found) >= _time(path)]
    scores: dict[tuple[str, ...], dict[str, Any]] = {}
    for found in fresh:  # the newest of each counts
        scored = json.loads(found.read_text(encoding="utf-8"))
        scores.setdefault((scored["direction"], scored.get("data", ""), scored["split"]), scored)
    sizes = {name: copy.stat().st_size for name, copy in files.items()}
    text = readme(card.public(), repo, sizes, list(scores.values()), licence)
    (out / README).write_text(text, encoding="utf-8")
    return Package({**files, README: out / README}, card, len(evaluations) - len(fresh), licence)


def readme(
    card: ModelInfo,
    repo: str,
    files: Mapping[str, int],
    scores: Sequence[Mapping[str, Any]],
    licence: str,
) -> str:
    """README.md of a repository "user/model" on the hub, with the YAML that the hub reads.

    files: sizes in bytes, by name. scores: what `s2f evaluate` wrote, for each way and split.
    licence: the hub's name for that of the weights.
    """
    from jinja2 import Environment

    template = Environment(trim_blocks=True, keep_trailing_newline=True).from_string(
        TEMPLATE.read_text("utf-8")
    )
    reads, makes = read_by(card.direction), made_by(card.direction)
    facts = {
        "note": GENERATED_NOTE,
        "reads": reads,
        "makes": makes,
        "tags": [*filter(None, (reads, card.method))],
    }
    columns = [
        [*dict.fromkeys(k for row in one["rows"].values() for k in row if k != "label")]
        for one in scores
    ]
    scored = [*zip(scores, columns, strict=True)]
    return template.render(
        card=card, repo=repo, files=files, scores=scored, licence=licence, **facts
    )


def _card_of(path: Path) -> ModelInfo:
    """The card of a generator of ours; terms that its file lacks come from the run's folder."""
    from s2f_utils.data import terms_of
    from s2f_utils.networks import checkpoints

    if not path.is_file():
        raise FileNotFoundError(
            f"{path}: no such model: give a run folder, or a .safetensors file of yours"
        )
    if path.suffix != ".safetensors":
        raise ValueError(f"{path}: only .safetensors files are published: they hold no code")
    card = checkpoints.info_of(path)
    if not card.network:
        raise ValueError(
            f"{path}: does not say what it is: only models trained by this project are published"
        )
    if card.task in (SCORES, MEASURES):
        raise ValueError(
            f"{path}: is a {card.network}, which {card.task} pictures: give a generator"
        )
    config = path.with_name("config.json")
    if card.terms is None and config.is_file():
        settings = json.loads(config.read_text(encoding="utf-8")).get("data_settings", {})
        card = dataclasses.replace(card, terms=terms_of(settings) or None)
    return card


def _time(path: Path) -> int:
    return path.stat().st_mtime_ns


def check_terms(card: ModelInfo, may_publish: bool) -> None:
    """Raise ValueError where the terms of the training pictures limit what may be passed on, unless
    a person says that it may be.
    """
    limiting = [terms for terms in card.terms or () if LIMITING.search(terms)]
    if limiting and not may_publish:
        raise ValueError(
            "the terms of the training data limit what may be passed on"
            f" ({'; '.join(limiting)}): read them, ask its owners, and give --i-may-publish where"
            " they allow it"
        )
