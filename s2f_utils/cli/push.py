"""The command `s2f push`: a model of one's own sent to the Hugging Face hub."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING, Any

from s2f_utils.cli import options

if TYPE_CHECKING:
    from s2f_utils.training.publishing import Package


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
    from pathlib import Path

    from s2f_utils.training import publishing
    from s2f_utils.weights import hub

    repo, revision = hub.parse(args.repo)
    if "@" in args.repo:
        raise ValueError(f"{args.repo}: name the branch with --branch {revision}")
    with tempfile.TemporaryDirectory() as temporary:
        package = publishing.package(args.model, Path(temporary), repo, args.licence)
        if args.dry_run:
            print(package.files[publishing.CARD].read_text(encoding="utf-8"))
        _show(args, repo, package)
        if args.dry_run:
            return 0
        publishing.check_terms(package.known, args.i_may_publish)
        hub.check_installed()
        hub.need_token()
        if not args.yes and not _agreed():
            print("nothing was sent")
            return 1
        told = package.known.told
        message = f"{package.known.meta.get('method', 'model')} by Sketch to Face {told.get('code', '')}".strip()
        name = hub.send(repo, package.files, message=message, private=args.private, branch=args.branch)
    print(f"sent: {name}")
    return 0


def _show(args: argparse.Namespace, repo: str, package: Package) -> None:
    """Say what is sent, where to, and under which terms."""
    known = package.known
    where = f"{repo}, branch {args.branch or 'main'}, {'private' if args.private else 'for all to see'}"
    print(f"to be sent to {where}:")
    for name, path in package.files.items():
        print(f"  {name}  {path.stat().st_size / 1e3:,.1f} kB")
    print(f"licence: {'none is chosen (--licence)' if known.licence == 'other' else known.licence}")
    terms = "not recorded" if known.terms is None else "; ".join(known.terms) or "the data set names none"
    print(f"training data: {known.data or 'not recorded'}; its terms: {terms}")
    if not known.terms:
        print("see that the people in the training pictures, and their owners, allow it")
    if package.stale:
        print(f"{package.stale} evaluations are older than the weights, and left out: s2f evaluate scores them anew")


def _agreed() -> bool:
    """Whether a person says yes. Raises ValueError where nobody can be asked."""
    if not sys.stdin.isatty():
        raise ValueError("nobody can be asked here: give --yes to send it")
    return input("send it? [y/N] ").strip().lower() in ("y", "yes")
