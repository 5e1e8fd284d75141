"""The command `s2f push`: a model of one's own sent to the Hugging Face hub."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter


def push(
    model: Annotated[Path, Parameter(metavar="RUN")],
    repo: Annotated[str, Parameter(metavar="USER/MODEL")],
    /,
    *,
    private: bool = False,
    licence: Annotated[str, Parameter(metavar="ID")] = "other",
    i_may_publish: bool = False,
    dry_run: bool = False,
    yes: bool = False,
) -> int:
    """Send a model of yours to the Hugging Face hub.

    Sends the generators of a run, and a card: what it is, what it learned from, terms. Nothing else
    is sent, and it is shown before. docs/deploy.md says more.

        s2f push runs/0003-pix2pix-demo user/faces
        s2f translate hf:user/faces drawing.jpg

    Args:
        model: a run folder, or a .safetensors file
        repo: its name on the hub; made if it is not there
        private: for you alone; of a repository that is made now
        licence: the hub's name of the licence that you give it: mit, cc-by-nc-4.0, …; other: none
            is chosen
        i_may_publish: the owners of the training data allow it, though their terms limit what may
            be passed on
        dry_run: print the card and what would be sent, and stop
        yes: do not ask before sending
    """
    from s2f_studio import hub as package
    from s2f_utils.weights import hub

    name, _ = hub.parse(repo)
    if "@" in repo:
        raise ValueError(f"{repo}: give USER/MODEL alone")
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        info = package.pack(model, folder, name, licence)
        print((folder / package.README).read_text(encoding="utf-8"))
        files = ", ".join(sorted(path.name for path in folder.iterdir()))
        print(f"to be sent to {name}, {'private' if private else 'for all to see'}: {files}")
        if not info.terms:
            print("see that the people in the training pictures, and their owners, allow it")
        if dry_run:
            return 0
        package.check_terms(info, i_may_publish)
        if not yes and not _agreed():
            print("nothing was sent")
            return 1
        message = f"{info.method or 'model'} by Sketch to Face {info.code}".strip()
        print(f"sent: {hub.send(name, folder, message=message, private=private)}")
    return 0


def _agreed() -> bool:
    """Whether a person says yes. Raises ValueError where nobody can be asked."""
    if not sys.stdin.isatty():
        raise ValueError("nobody can be asked here: give --yes to send it")
    return input("send it? [y/N] ").strip().lower() in ("y", "yes")
