"""The command `s2f push`: a model of one's own sent to the Hugging Face hub."""

from __future__ import annotations

import argparse
import dataclasses
import json
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from s2f_utils.cli import options
from s2f_utils.models.card import DIRECTIONS, JUDGES, MEASURES, RENDERS, ModelCard

README, EXPECTED = "README.md", "expected.safetensors"
LIMITING = re.compile(r"redistribut|agreement|research|non-commercial|ask its authors", re.IGNORECASE)


def add(parsers: Any) -> argparse.ArgumentParser:
    push = options.command(
        parsers, "push", help="send a model of yours to the Hugging Face hub",
        description="Send the generators of a run, without the hashes of its training pictures, and a card: what it is,"
        " what it\nlearned from, terms, scores, faults. Nothing else is sent, and it is shown before.\n"
        "  s2f push runs/0003-pix2pix-demo user/faces\n  s2f translate hf:user/faces drawing.jpg\n"
        "docs/hub.md says more.",
    )  # fmt: skip
    push.add_argument("model", metavar="RUN", help="a run folder, or a .safetensors file")
    push.add_argument("repo", metavar="USER/MODEL", help="its name on the hub; made if it is not there")
    push.add_argument("--private", action="store_true", help="for you alone; of a repository that is made now")
    push.add_argument("--branch", metavar="NAME", help="send to this branch (default: main)")
    push.add_argument(
        "--licence", default="other", metavar="ID",
        help="the hub's name of the licence that you give it: mit, cc-by-nc-4.0, … (default: other, none is chosen)",
    )  # fmt: skip
    push.add_argument(
        "--i-may-publish", action="store_true",
        help="the owners of the training data allow it, though their terms limit what may be passed on",
    )  # fmt: skip
    push.add_argument("--dry-run", action="store_true", help="print the card and what would be sent, and stop")
    push.add_argument("--yes", action="store_true", help="do not ask before sending")
    return push


def run(args: argparse.Namespace) -> int:
    """`s2f push`; the status."""
    import tempfile

    from s2f_utils.weights import hub

    repo, revision = hub.parse(args.repo)
    if "@" in args.repo:
        raise ValueError(f"{args.repo}: name the branch with --branch {revision}")
    with tempfile.TemporaryDirectory() as temporary:
        package = pack(args.model, Path(temporary), repo, args.licence)
        if args.dry_run:
            print(package.files[README].read_text(encoding="utf-8"))
        _show(args, repo, package)
        if args.dry_run:
            return 0
        check_terms(package.card, args.i_may_publish)
        hub.check_installed()
        hub.need_token()
        if not args.yes and not _agreed():
            print("nothing was sent")
            return 1
        message = f"{package.card.method or 'model'} by Sketch to Face {package.card.code}".strip()
        name = hub.send(repo, package.files, message=message, private=args.private, branch=args.branch)
    print(f"sent: {name}")
    return 0


@dataclass(frozen=True)
class Package:
    """What is sent: files by their names in the repository, and the model's card. stale: how many evaluations of the
    run were left out because its weights are newer.
    """

    files: dict[str, Path]
    card: ModelCard
    stale: int


def pack(model: str | Path, out: Path, repo: str, licence: str = "other") -> Package:
    """Copy all that is sent of a run folder or a `.safetensors` file into the folder `out`, and write README.md.

    Raises FileNotFoundError, CheckpointError, or ValueError for a file that is not a model of ours.
    """
    from s2f_utils.inference import generator_file
    from s2f_utils.models import checkpoints

    if not re.fullmatch(r"[a-z0-9][a-z0-9.-]*", licence):
        raise ValueError(f"--licence {licence!r}: give the hub's name of it, such as mit, cc-by-nc-4.0 or other")
    given = Path(model)
    path = given / generator_file() if given.is_dir() else given
    card = _card_of(path)
    names = [generator_file(way) for way in DIRECTIONS] if given.is_dir() else []
    sources = {name: path.with_name(name) for name in (*names, *([EXPECTED] if card.does == RENDERS else []))}
    sources = {generator_file(): path} | {name: source for name, source in sources.items() if source.is_file()}
    files = {name: checkpoints.publish(source, out / name) for name, source in sources.items()}
    evaluations = sorted(given.glob("evaluation*/metrics.json"), key=_time, reverse=True)
    fresh = [found for found in evaluations if _time(found) >= _time(path)]
    scores: dict[tuple[str, ...], dict[str, Any]] = {}
    for scored in (json.loads(found.read_text(encoding="utf-8")) for found in fresh):  # the newest of each
        scores.setdefault((scored["direction"], scored.get("data", ""), scored["split"]), scored)
    sizes = {name: copy.stat().st_size for name, copy in files.items()}
    readme = card.public().readme(repo, sizes, list(scores.values()), licence)
    (out / README).write_text(readme, encoding="utf-8")
    return Package({**files, README: out / README}, card, len(evaluations) - len(fresh))


def _card_of(path: Path) -> ModelCard:
    """The card of a generator of ours; of a run from before terms were in files, with those in its folder."""
    from s2f_utils.data import terms_of
    from s2f_utils.models import checkpoints

    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such model: give a run folder, or a .safetensors file of yours")
    if path.suffix != ".safetensors":
        raise ValueError(f"{path}: only .safetensors files are published: they hold no code")
    card = checkpoints.card_of(path)
    if not card.network:
        raise ValueError(f"{path}: does not say what it is: only models trained by this project are published")
    if card.does in (JUDGES, MEASURES):
        raise ValueError(f"{path}: is a {card.network}, which {card.does} pictures: give a generator")
    config = path.with_name("config.json")
    if card.terms is None and config.is_file():
        settings = json.loads(config.read_text(encoding="utf-8")).get("data_settings", {})
        card = dataclasses.replace(card, terms=terms_of(settings) or None)
    return card


def _time(path: Path) -> int:
    return path.stat().st_mtime_ns


def check_terms(card: ModelCard, may_publish: bool) -> None:
    """Raise ValueError where the terms of the training pictures limit what may be passed on, unless a person says that
    it may be.
    """
    limiting = [terms for terms in card.terms or () if LIMITING.search(terms)]
    if limiting and not may_publish:
        raise ValueError(
            f"the terms of the training data limit what may be passed on ({'; '.join(limiting)}): read them, ask its"
            " owners, and give --i-may-publish where they allow it"
        )


def _show(args: argparse.Namespace, repo: str, package: Package) -> None:
    """Say what is sent, where to, and under which terms."""
    where = f"{repo}, branch {args.branch or 'main'}, {'private' if args.private else 'for all to see'}"
    print(f"to be sent to {where}:")
    for name, path in package.files.items():
        print(f"  {name}  {path.stat().st_size / 1e3:,.1f} kB")
    print(f"licence: {'none is chosen (--licence)' if args.licence == 'other' else args.licence}")
    print(f"training data: {package.card.data or 'not recorded'}; its terms: {package.card.shown_terms}")
    if not package.card.terms:
        print("see that the people in the training pictures, and their owners, allow it")
    if package.stale:
        print(f"{package.stale} evaluations are older than the weights, and left out: s2f evaluate scores them anew")


def _agreed() -> bool:
    """Whether a person says yes. Raises ValueError where nobody can be asked."""
    if not sys.stdin.isatty():
        raise ValueError("nobody can be asked here: give --yes to send it")
    return input("send it? [y/N] ").strip().lower() in ("y", "yes")
