"""Data sets by name: what can be fetched is fetched and checked, and for the others it is said
where they are.

`python -m data_prep download NAME` shows the terms before anything else. An interrupted download
goes on with the files that are missing; a file that is not the published one is never kept.
"""

from __future__ import annotations

import os
import shutil
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from data_prep.fetch import open_portraits
from data_prep.fetch.transfer import Original, fetch_all
from data_prep.files import TABLES
from data_prep.messages import indented, printable, say, warn, warn_some
from s2f_utils.data import DataError
from s2f_utils.runtime import atomic_path
from s2f_utils.weights import download

GITHUB = "https://github.com/CivilServiceUSA"
# Repository → (commit, prefix of our names):
# <GITHUB>/<repository>/raw/<commit>/images/headshots/512x512/<name>.jpg
PORTRAITS = {
    "us-senate": ("9247c869", "senate-"),
    "us-house": ("abf6d4d9", "house-"),
    "us-governors": ("a40d4961", "governors-"),
}
CHECKSUMS = TABLES / "portraits.sha256"


@dataclass(frozen=True)
class NamedSet:
    """A data set that has a name: what it is, its terms, its page, and how to get it by hand (""
    where we fetch it).
    """

    name: str
    what: str
    terms: str
    page: str
    by_hand: str = ""
    kaggle: str = ""


_LISTED = tomllib.loads((TABLES / "named_sets.toml").read_text(encoding="utf-8"))
SETS = {name: NamedSet(name, **about) for name, about in _LISTED.items()}


def portrait_files() -> list[Original]:
    """The 591 portraits: file name, addresses and SHA-256 of each."""
    portraits = []
    for line in CHECKSUMS.read_text(encoding="utf-8").splitlines():
        digest, _, name = line.partition("  ")
        for repository, (commit, prefix) in PORTRAITS.items():
            if name.startswith(prefix):
                place = f"images/headshots/512x512/{name.removeprefix(prefix)}"
                raw = f"{GITHUB}/{repository}/raw"
                urls = (f"{raw}/{commit}/{place}", f"{raw}/master/{place}")
                portraits.append(Original(name, urls, digest))
    return portraits


def list_sets() -> None:
    """Print what there is."""
    for entry in SETS.values():
        how = "by hand" if entry.by_hand else "fetched"
        if entry.kaggle:
            how = "fetched by kagglehub, or by hand"
        print(f"{entry.name:22}{entry.what} ({how})")


def fetch_set(
    name: str | None,
    out: str | os.PathLike | None = None,
    *,
    sets: Sequence[str] | None = None,
    source: str | os.PathLike | None = None,
    dry_run: bool = False,
    progress: bool = True,
) -> Path | None:
    """Fetch a data set of `SETS` into the folder `out` (default: data/raw/<name>); None lists them.

    sets, source: of "open-portraits", which sets, and a folder in which files lie already
    (<set>/<name>; default: S2F_OPEN_PORTRAITS; S2F_PORTRAITS names the folder of the set
    "portraits").

    The terms are shown first. For a set that cannot be fetched, the page, the terms and what to put
    where are shown instead, and DataError is raised, so that a script stops. Returns the folder
    or file.
    """
    if name is None:
        list_sets()
        return None
    if name not in SETS:
        raise DataError(f"there is no data set {name!r}: the names are {', '.join(SETS)}")
    entry, is_open = SETS[name], name == "open-portraits"
    if (sets or source) and not is_open:
        raise DataError("--sets and --from belong to open-portraits")
    if out and entry.kaggle:
        raise DataError(f"{name} goes into a cache, and its place is shown: leave OUT out")
    chosen = open_portraits.open_sets(sets) if is_open else {}
    say(entry.what)
    say(f"terms: {entry.terms}")
    say(f"page: {entry.page}")
    open_portraits.show_terms(chosen.values())
    if dry_run:
        return None
    target = Path(out or Path("data") / "raw" / name)
    if is_open:
        folders, portraits = _folders(source), _open_portraits(chosen)
        how = {"folders": folders, "progress": progress}
        return open_portraits.fetch_portraits(portraits, target, **how)
    return _fetch_entry(entry, target, progress)


def _fetch_entry(entry: NamedSet, target: Path, progress: bool) -> Path:
    if entry.name == "portraits":
        return fetch_files(portrait_files(), target, progress=progress)
    if entry.kaggle:
        return _from_kaggle(entry)
    raise DataError(
        f"{entry.name} cannot be fetched by a program: get it from the page above\n"
        f"{indented(entry.by_hand)}"
    )


def _open_portraits(chosen: Mapping[str, open_portraits.OpenSet]) -> list[open_portraits.Portrait]:
    portraits = open_portraits.listed(chosen)
    if "portraits" in chosen:
        for file in portrait_files():
            whole = open_portraits.Portrait("portraits", file.name, file.urls[0], file.sha256)
            portraits.append(whole)
    return portraits


def _folders(source: str | os.PathLike | None) -> list[Path]:
    """Where open portraits may lie already: --from or S2F_OPEN_PORTRAITS, and S2F_PORTRAITS."""
    folders = {"S2F_OPEN_PORTRAITS": os.environ.get("S2F_OPEN_PORTRAITS")}
    if source:
        folders = {"--from": source}
    folders["S2F_PORTRAITS"] = os.environ.get("S2F_PORTRAITS")
    for name, folder in folders.items():
        if folder and not Path(folder).is_dir():
            raise DataError(
                f"{name}={printable(folder)}: no such folder: name the one with the portraits"
            )
    return [Path(folder) for folder in folders.values() if folder]


def _from_kaggle(entry: NamedSet) -> Path:
    try:
        import kagglehub
    except ImportError:
        raise DataError(
            f"{entry.name} needs the package kagglehub (pip install kagglehub), or your own hands\n"
            f"{indented(entry.by_hand)}"
        ) from None
    try:
        folder = Path(kagglehub.dataset_download(entry.kaggle))
        say(f"it is here: {printable(folder)}")
        return folder
    except Exception as error:  # it raises what its libraries raise
        raise DataError(
            f"kagglehub could not fetch {entry.kaggle} ({error}): check the login, or get it"
            f" by hand\n{indented(entry.by_hand)}"
        ) from None


def fetch_missing(files: Sequence[Original], target: Path, *, progress: bool = True) -> Path:
    """Fetch portraits into a folder, with their terms shown first, unless all are there."""
    if not all((target / file.name).is_file() for file in files):
        entry = SETS["portraits"]
        say(f"fetching {len(files)} of {entry.what}. Terms: {entry.terms}. Page: {entry.page}")
        fetch_files(files, target, progress=progress)
    return target


def fetch_files(files: Sequence[Original], target: Path, *, progress: bool = True) -> Path:
    """Fetch files into a folder; those that are there are checked and kept, or replaced if damaged.

    A file that cannot be fetched does not stop the others; at the end DataError says how many
    are missing and why.
    """
    target.mkdir(parents=True, exist_ok=True)
    missing = []
    for file in files:
        path = target / file.name
        if not path.is_file():
            missing.append(file)
        elif download.sha256_of(path) != file.sha256:
            warn(f"{printable(path)}: damaged or changed: it is replaced")
            missing.append(file)
    num_there = len(files) - len(missing)
    say(f"{len(files)} files into {printable(target)}, {num_there} are there already", progress)

    def keep(file: Original, path: Path) -> None:
        with atomic_path(target / file.name) as temporary:
            shutil.copyfile(path, temporary)

    outcome = fetch_all(missing, keep, progress=progress)
    warn_some(list(outcome.problems.values()))
    num_lost = len(missing) - len(outcome.kept)
    if num_lost:
        untried = ""
        if outcome.num_untried:
            untried = f", {outcome.num_untried} of them not tried, for the network does not answer"
        raise DataError(
            f"{num_lost} of {len(files)} files are missing{untried}: run the same command again to"
            " go on"
        )
    say(f"{len(files)} files, all as published, in {printable(target)}", progress)
    return target
