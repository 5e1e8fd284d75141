"""Data sets by name: what can be fetched is fetched and checked, and for the others it is said
where they are.

`python -m data_prep download NAME` shows the terms before anything else. An interrupted download
goes on with the files that are missing; a file that is not the published one is never kept.
"""

from __future__ import annotations

import os
import threading
import tomllib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from data_prep.errors import DataPrepError, printable
from data_prep.fetch import open_portraits
from data_prep.files import TABLES
from data_prep.messages import indented, say, warn, warn_some
from s2f_utils import weights
from s2f_utils.weights import download

CONNECTIONS = 8
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


@dataclass(frozen=True)
class Published:
    """A published file: its addresses, of which the next is tried when one does not have it."""

    urls: tuple[str, ...]
    name: str
    sha256: str


def portrait_files() -> list[Published]:
    """The 591 portraits: address, file name and SHA-256 of each."""
    portraits = []
    for line in CHECKSUMS.read_text(encoding="utf-8").splitlines():
        digest, _, name = line.partition("  ")
        repository, (commit, prefix) = next(
            (r, p) for r, p in PORTRAITS.items() if name.startswith(p[1])
        )
        place = f"images/headshots/512x512/{name.removeprefix(prefix)}"
        urls = tuple(
            f"{GITHUB}/{repository}/raw/{version}/{place}" for version in (commit, "master")
        )
        portraits.append(Published(urls, name, digest))
    return portraits


def list_sets() -> None:
    """Print what there is."""
    for entry in SETS.values():
        how = (
            "fetched"
            if not entry.by_hand
            else "fetched by kagglehub, or by hand"
            if entry.kaggle
            else "by hand"
        )
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
    where are shown instead, and DataPrepError is raised, so that a script stops. Returns the folder
    or file.
    """
    if name is None:
        list_sets()
        return None
    if name not in SETS:
        raise DataPrepError(f"there is no data set {name!r}: the names are {', '.join(SETS)}")
    entry, is_open = SETS[name], name == "open-portraits"
    if (sets or source) and not is_open:
        raise DataPrepError("--sets and --from belong to open-portraits")
    chosen = open_portraits.open_sets(sets) if is_open else {}
    say(entry.what)
    say(f"terms: {entry.terms}")
    say(f"page: {entry.page}")
    open_portraits.show_terms(chosen.values())
    if out and (name == "yunet" or entry.kaggle):
        raise DataPrepError(f"{name} goes into a cache, and its place is shown: leave OUT out")
    if dry_run:
        return None
    if name == "yunet":
        file = weights.get("yunet")
        say(f"it is here: {printable(file)}")
        return file
    target = Path(out or Path("data") / "raw" / name)
    if name == "portraits":
        return fetch_files(portrait_files(), target, progress=progress)
    if is_open:
        wanted = open_portraits.listed(chosen)
        if "portraits" in chosen:
            files = portrait_files()
            wanted += [
                open_portraits.Portrait("portraits", file.name, file.urls[0], file.sha256)
                for file in files
            ]
        return open_portraits.fetch_portraits(
            wanted, target, folders=_folders(source), progress=progress
        )
    if entry.kaggle:
        return _from_kaggle(entry)
    raise DataPrepError(
        f"{name} cannot be fetched by a program: get it from the page above",
        indented(entry.by_hand),
    )


def _folders(source: str | os.PathLike | None) -> list[Path]:
    """Where open portraits may lie already: --from or S2F_OPEN_PORTRAITS, and S2F_PORTRAITS."""
    given = (
        {"--from": source}
        if source
        else {"S2F_OPEN_PORTRAITS": os.environ.get("S2F_OPEN_PORTRAITS")}
    )
    given["S2F_PORTRAITS"] = os.environ.get("S2F_PORTRAITS")
    for name, folder in given.items():
        if folder and not Path(folder).is_dir():
            raise DataPrepError(
                f"{name}={printable(folder)}: no such folder: name the one with the portraits"
            )
    return [Path(folder) for folder in given.values() if folder]


def _from_kaggle(entry: NamedSet) -> Path:
    try:
        import kagglehub
    except ImportError:
        raise DataPrepError(
            f"{entry.name} needs the package kagglehub (pip install kagglehub), or your own hands",
            indented(entry.by_hand),
        ) from None
    try:
        folder = Path(kagglehub.dataset_download(entry.kaggle))
        say(f"it is here: {printable(folder)}")
        return folder
    except Exception as error:  # it raises what its libraries raise
        raise DataPrepError(
            f"kagglehub could not fetch {entry.kaggle} ({error}): check the login, or get it by hand",
            indented(entry.by_hand),
        ) from None


def first_of(files: Sequence[Published], target: Path, *, timeout_s: float = 10.0) -> Path:
    """Fetch the first of these files that is not in the folder, in one try each address: whether
    there is a network.

    Raises DataPrepError where no address has it.
    """
    missing = next((file for file in files if not (target / file.name).is_file()), files[0])
    target.mkdir(parents=True, exist_ok=True)
    reasons = []
    for url in missing.urls:
        try:
            download.fetch(
                url, target / missing.name, sha256=missing.sha256, timeout_s=timeout_s, attempts=1
            )
            return target / missing.name
        except download.DownloadError as error:
            reasons.append(str(error))
    raise DataPrepError(f"{missing.name} could not be fetched: {reasons[-1]}")


def fetch_missing(files: Sequence[Published], target: Path, *, progress: bool = True) -> Path:
    """Fetch portraits into a folder, with their terms shown first, unless all are there."""
    if not all((target / file.name).is_file() for file in files):
        entry = SETS["portraits"]
        say(f"fetching {len(files)} of {entry.what}. Terms: {entry.terms}. Page: {entry.page}")
        first_of(files, target)  # without a network it is known at once
        fetch_files(files, target, progress=progress)
    return target


def fetch_files(
    files: Sequence[Published], target: Path, *, timeout_s: float = 30.0, progress: bool = True
) -> Path:
    """Fetch files into a folder, eight at a time; those that are there are checked and kept, or
    replaced if damaged.

    A file that cannot be fetched does not stop the others; at the end DataPrepError says how many
    are missing and why. Where nothing came of the first eight, the others are not tried.
    """
    from tqdm.auto import tqdm

    arrived = threading.Event()  # a file
    reasons: dict[str, str] = {}
    lost: list[str] = []

    def one(file: Published) -> None:
        if (path := target / file.name).is_file() and download.sha256_of(path) != file.sha256:
            warn(f"{printable(path)}: damaged or changed: it is replaced")
            path.unlink()
        for url in () if in_vain() else file.urls:
            try:
                attempts = 4 if arrived.is_set() else 2
                download.fetch(
                    url, path, sha256=file.sha256, timeout_s=timeout_s, attempts=attempts
                )
            except download.DownloadError as error:
                reasons.setdefault(file.name, str(error))
            else:
                reasons.pop(file.name, None)
                arrived.set()
                bar.update()
                return
        lost.append(file.name)

    def in_vain() -> bool:
        return not arrived.is_set() and len(lost) >= CONNECTIONS

    target.mkdir(parents=True, exist_ok=True)
    there = sum((target / file.name).is_file() for file in files)
    say(f"{len(files)} files into {printable(target)}, {there} are there already", progress)
    with (
        tqdm(total=len(files), unit="file", disable=not progress) as bar,
        ThreadPoolExecutor(CONNECTIONS) as pool,
    ):
        tasks = [pool.submit(one, file) for file in files]
        try:
            for task in tasks:
                task.result()
        except BaseException:  # Ctrl-C, a full disk: those under way stop at their next file
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    warn_some(list(reasons.values()))
    if in_vain() and len(reasons) < len(files):
        raise DataPrepError(
            f"nothing came of the first {len(reasons)} of {len(files)} files: the others were not tried"
        )
    if reasons:
        raise DataPrepError(
            f"{len(reasons)} of {len(files)} files are missing: run the same command again to go on"
        )
    say(f"{len(files)} files, all as published, in {printable(target)}", progress)
    return target
