"""Open portraits: eight sets by name, each original fetched, checked by its SHA-256, cut to its box
and scaled.

`open_portraits.csv` lists the originals; no picture is part of this project. What is in the folder
already is checked and kept, so that a download that was interrupted goes on where it stopped.
"""

from __future__ import annotations

import csv
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from PIL import Image

from data_prep.errors import DataPrepError, IncompleteError, printable
from data_prep.files import TABLES
from data_prep.messages import say, warn, warn_some
from s2f_utils.pictures import images
from s2f_utils.runtime import atomic_path
from s2f_utils.weights import download

LIST, SETS = (TABLES / f"open_{name}.csv" for name in ("portraits", "sets"))
CREDITS = "credits.csv"  # beside the sets' folders
COLUMNS = ("set", "file", "sha256", "original", "original_sha256", "changes", "credit", "terms")
RAW = "https://raw.githubusercontent.com"
CONNECTIONS = 8
QUALITY = 95  # of WebP


@dataclass(frozen=True)
class OpenSet:
    """A set of portraits: where it is published (an empty commit: several repositories), its terms,
    whom to credit.
    """

    name: str
    repository: str
    commit: str
    what: str
    terms: str
    credit: str

    @property
    def page(self) -> str:
        return f"https://github.com/{self.repository}" + (
            f"/tree/{self.commit}" if self.commit else ""
        )


@dataclass(frozen=True)
class Portrait:
    """A published original, and the part that is kept; without a box (left, top, right, bottom) all
    its bytes are.
    """

    set: str
    name: str
    url: str
    sha256: str
    box: tuple[int, int, int, int] | None = None
    scale: float = 1.0

    @property
    def file(self) -> str:
        """Where it lies in the folder of all sets."""
        return f"{self.set}/{self.name}"

    @property
    def size_px(self) -> tuple[int, int]:
        """Width and height of the cut and scaled picture."""
        left, top, right, bottom = self.box
        return round((right - left) * self.scale), round((bottom - top) * self.scale)


def _read_csv(path: Path) -> list[dict[str, str]]:
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def read_credits(folder: Path) -> list[dict[str, str]]:
    """The rows of a folder's list of credits. Raises DataPrepError where it is not as it was
    written.
    """
    try:
        return [{name: row[name] for name in COLUMNS} for row in _read_csv(folder / CREDITS)]
    except (KeyError, UnicodeDecodeError):
        path = printable(folder / CREDITS)
        raise DataPrepError(
            f"{path}: damaged: delete it, and download again, which checks the files"
        ) from None


def open_sets(names: Sequence[str] | None = None) -> dict[str, OpenSet]:
    """The sets with these names, None: all. Raises DataPrepError for other names."""
    sets = {row["name"]: OpenSet(**row) for row in _read_csv(SETS)}
    if unknown := [name for name in names or () if name not in sets]:
        raise DataPrepError(f"no open set {', '.join(unknown)}: the names are {', '.join(sets)}")
    return {name: entry for name, entry in sets.items() if not names or name in names}


def listed(sets: Mapping[str, OpenSet]) -> list[Portrait]:
    """The originals that `open_portraits.csv` has of these sets."""
    portraits = []
    for row in _read_csv(LIST):
        if entry := sets.get(row["set"]):
            box = tuple(int(row[side]) for side in ("left", "top", "right", "bottom"))
            url = f"{RAW}/{entry.repository}/{entry.commit}/{quote(row['path'])}"
            portraits.append(
                Portrait(entry.name, row["name"], url, row["sha256"], box, float(row["scale"]))
            )
    return portraits


def show_terms(sets: Iterable[OpenSet]) -> None:
    """Print what each set is, its terms, whom to credit, and its page."""
    for entry in sets:
        say(
            f"{entry.name}: {entry.what}; terms: {entry.terms}; credit: {entry.credit}; page: {entry.page}"
        )


def fetch_portraits(
    portraits: Sequence[Portrait],
    target: Path,
    *,
    folders: Sequence[Path] = (),
    timeout_s: float = 10.0,
    progress: bool = True,
) -> Path:
    """Put portraits into `target`/<set>, eight downloads at a time, and whom to credit into
    `target`/credits.csv.

    folders: where one of them has a portrait already (<folder>/<set>/<name>, or <folder>/<name>
    where its SHA-256 is
        known), it is copied instead of fetched.
    timeout_s: how long a server may stay silent.

    Returns `target`. An original that was changed or is gone does not stop the others; where the
    network does not answer, the others are not tried. At the end IncompleteError says how many are
    missing.
    """
    from tqdm.auto import tqdm

    noted = _noted(target)
    done: dict[Portrait, str] = {}  # → the file's SHA-256
    try:
        with tqdm(total=len(portraits), unit="file", disable=not progress) as bar:
            for portrait in portraits:
                if digest := _present(portrait, target, folders, noted):
                    done[portrait] = digest
                    bar.update()
            say(
                f"{len(portraits)} portraits into {printable(target)}, {len(done)} need no download",
                progress,
            )
            missing = [portrait for portrait in portraits if portrait not in done]
            problems = _fetch_each(missing, target, done, timeout_s, bar.update)
    finally:
        _write_credits(target, done, portraits)
    totals = Counter(portrait.set for portrait in portraits)
    for name, total in totals.items():
        say(f"{name}: {sum(portrait.set == name for portrait in done)} of {total}", progress)
        reasons = [
            f"{portrait.file}: {reason}"
            for portrait, reason in problems.items()
            if portrait.set == name
        ]
        warn_some(reasons)
    if lost := len(portraits) - len(done):
        untried = lost - len(problems)
        why = f", {untried} of them not tried, for the network does not answer" if untried else ""
        raise IncompleteError(
            f"{lost} of {len(portraits)} portraits are missing{why}: run the same command again"
        )
    return target


def _present(
    portrait: Portrait, target: Path, folders: Sequence[Path], noted: dict[str, dict]
) -> str | None:
    """The SHA-256 of a portrait's file in `target`, where it may be copied from a folder; None if
    it is in none.
    """
    path = target / portrait.file
    if path.is_file():
        digest = download.sha256_of(path)
        if (
            digest == noted[portrait.file]["sha256"]
            if portrait.file in noted
            else _is_right(portrait, path)
        ):
            return digest
        warn(f"{printable(path)}: damaged or changed: it is replaced")
    for folder in folders:
        for copy in (folder / portrait.file, folder / portrait.name)[
            : 2 if portrait.box is None else 1
        ]:
            if _is_right(portrait, copy):
                with atomic_path(path) as temporary:
                    shutil.copyfile(copy, temporary)
                return download.sha256_of(path)
    return None


def _is_right(portrait: Portrait, path: Path) -> bool:
    """Whether a file is the original, or a whole picture of the size that the box and the scale
    give.
    """
    if not path.is_file():
        return False
    if portrait.box is None:
        return download.sha256_of(path) == portrait.sha256
    try:
        height, width = images.load_rgb(path).shape[:2]
    except images.ImageError:
        return False
    return all(
        abs(a - b) <= 1 for a, b in zip((width, height), portrait.size_px, strict=True)
    )  # the scale is rounded


def _fetch_each(
    missing: Sequence[Portrait],
    target: Path,
    done: dict[Portrait, str],
    timeout_s: float,
    advance: Callable[[], Any],
) -> dict[Portrait, str]:
    """Fetch them into `done`; returns why some could not be had, up to where the network stopped to
    answer.
    """
    before = len(done)
    problems: dict[Portrait, str] = {}
    unanswered = 0  # in a row

    def fetch(portrait: Portrait) -> str:
        original = Path(folder) / portrait.file
        attempts = 4 if len(done) > before else 2
        download.fetch(
            portrait.url, original, sha256=portrait.sha256, timeout_s=timeout_s, attempts=attempts
        )
        _cut(portrait, original, target / portrait.file)
        original.unlink()
        return download.sha256_of(target / portrait.file)

    with (
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder,
        ThreadPoolExecutor(CONNECTIONS) as pool,
    ):
        futures = {pool.submit(fetch, portrait): portrait for portrait in missing}
        try:
            for future in as_completed(futures):
                try:
                    done[futures[future]] = future.result()
                    unanswered = 0
                except (download.DownloadError, images.ImageError) as error:
                    problems[futures[future]] = str(error)
                    unanswered = unanswered + 1 if isinstance(error, download.NoAnswerError) else 0
                advance()
                if unanswered == CONNECTIONS:
                    break
        finally:  # also after Ctrl-C or a full disk: what waits is not begun
            pool.shutdown(wait=False, cancel_futures=True)
    return problems


def _cut(portrait: Portrait, original: Path, path: Path) -> None:
    """Write the part of an original that is kept, complete or not at all."""
    with atomic_path(path) as temporary:
        if portrait.box is None:
            shutil.copyfile(original, temporary)
            return
        picture = Image.fromarray(images.load_rgb(original)).crop(portrait.box)
        if picture.size != portrait.size_px:
            picture = picture.resize(portrait.size_px, Image.Resampling.LANCZOS)
        picture.save(temporary, format="WEBP", quality=QUALITY)


def _noted(target: Path) -> dict[str, dict[str, str]]:
    return (
        {row["file"]: row for row in read_credits(target)} if (target / CREDITS).is_file() else {}
    )


def _write_credits(target: Path, done: dict[Portrait, str], chosen: Sequence[Portrait]) -> None:
    """Write a row for each of `done`, and those that are noted by now, by another download perhaps,
    of other files.
    """
    sets, now = open_sets(), {portrait.file for portrait in chosen}
    rows = {file: row for file, row in _noted(target).items() if file not in now}
    for portrait, digest in done.items():
        entry, changes = sets[portrait.set], "cut out and scaled" if portrait.box else "none"
        values = (
            entry.name,
            portrait.file,
            digest,
            portrait.url,
            portrait.sha256,
            changes,
            entry.credit,
            entry.terms,
        )
        rows[portrait.file] = dict(zip(COLUMNS, values, strict=True))
    if rows:
        with (
            atomic_path(target / CREDITS) as temporary,
            open(temporary, "w", newline="", encoding="utf-8") as file,
        ):
            writer = csv.DictWriter(file, COLUMNS)
            writer.writeheader()
            writer.writerows(rows[name] for name in sorted(rows))
