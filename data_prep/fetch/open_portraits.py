"""Open portraits: eight sets by name, each original fetched, checked by its SHA-256,
cut to its box and scaled.

`open_portraits.csv` lists the originals; no picture is part of this project. `credits.csv` beside
the sets' folders lists each finished file with its SHA-256, whom to credit, and the terms: what it
lists and what is unchanged is kept, so that a download that was interrupted goes on.
"""

from __future__ import annotations

import csv
import shutil
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from PIL import Image

from data_prep.fetch.transfer import Original, fetch_all
from data_prep.files import TABLES
from data_prep.messages import printable, say, warn, warn_some
from s2f_utils.data import DataError
from s2f_utils.pictures import images
from s2f_utils.runtime import atomic_path
from s2f_utils.weights import download

LIST, SETS = TABLES / "open_portraits.csv", TABLES / "open_sets.csv"
CREDITS = "credits.csv"
COLUMNS = ("set", "file", "sha256", "original", "original_sha256", "changes", "credit", "terms")
RAW = "https://raw.githubusercontent.com"
QUALITY = 95  # of WebP
SIDES = ("left", "top", "right", "bottom")


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
        page = f"https://github.com/{self.repository}"
        return f"{page}/tree/{self.commit}" if self.commit else page


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


def _read_csv(path: Path) -> list[dict[str, str]]:
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def read_credits(folder: Path) -> list[dict[str, str]]:
    """The rows of a folder's list of credits. Raises DataError where it is damaged."""
    try:
        return [{name: row[name] for name in COLUMNS} for row in _read_csv(folder / CREDITS)]
    except (KeyError, UnicodeDecodeError):
        path = printable(folder / CREDITS)
        raise DataError(
            f"{path}: damaged: delete it, and download again, which checks the files"
        ) from None


def open_sets(names: Sequence[str] | None = None) -> dict[str, OpenSet]:
    """The sets with these names, None: all. Raises DataError for other names."""
    sets = {row["name"]: OpenSet(**row) for row in _read_csv(SETS)}
    unknown = [name for name in names or () if name not in sets]
    if unknown:
        raise DataError(f"no open set {', '.join(unknown)}: the names are {', '.join(sets)}")
    return {name: entry for name, entry in sets.items() if not names or name in names}


def listed(sets: Mapping[str, OpenSet]) -> list[Portrait]:
    """The originals that `open_portraits.csv` has of these sets."""
    portraits = []
    for row in _read_csv(LIST):
        if row["set"] in sets:
            entry = sets[row["set"]]
            box = tuple(int(row[side]) for side in SIDES)
            url = f"{RAW}/{entry.repository}/{entry.commit}/{quote(row['path'])}"
            scale = float(row["scale"])
            portraits.append(Portrait(entry.name, row["name"], url, row["sha256"], box, scale))
    return portraits


def show_terms(sets: Iterable[OpenSet]) -> None:
    """Print what each set is, its terms, whom to credit, and its page."""
    for entry in sets:
        terms = f"terms: {entry.terms}; credit: {entry.credit}; page: {entry.page}"
        say(f"{entry.name}: {entry.what}; {terms}")


def fetch_portraits(
    portraits: Sequence[Portrait],
    target: Path,
    *,
    folders: Sequence[Path] = (),
    timeout_s: float = 10.0,
    progress: bool = True,
) -> Path:
    """Put portraits into `target`/<set>, and whom to credit into `target`/credits.csv.

    folders: where one of them has a portrait already, by its own credits.csv or with the original's
    SHA-256, it is copied instead of fetched. timeout_s: how long a server may stay silent.

    Returns `target`. An original that was changed or is gone does not stop the others; where the
    network does not answer, the others are not tried. At the end DataError says how many are
    missing.
    """
    store = _Store(target)
    by_name = {portrait.file.replace("/", "__"): portrait for portrait in portraits}
    missing = {}
    for name, portrait in by_name.items():
        if not (store.has(portrait) or store.copy_from(portrait, folders)):
            missing[name] = Original(name, (portrait.url,), portrait.sha256)
    num_there = len(portraits) - len(missing)
    say(
        f"{len(portraits)} portraits into {printable(target)}, {num_there} need no download",
        progress,
    )
    outcome = fetch_all(
        list(missing.values()),
        keep=lambda original, path: store.cut(by_name[original.name], path),
        note=lambda original: store.note(by_name[original.name]),
        timeout_s=timeout_s,
        progress=progress,
    )
    store.write_credits()
    problems = {by_name[name].file: reason for name, reason in outcome.problems.items()}
    _report(portraits, set(store.rows), problems, progress)
    num_lost = len(missing) - len(outcome.kept)
    if num_lost:
        untried = ""
        if outcome.num_untried:
            untried = f", {outcome.num_untried} of them not tried, for the network does not answer"
        raise DataError(
            f"{num_lost} of {len(portraits)} portraits are missing{untried}: run the same command"
            " again"
        )
    return target


def _report(
    portraits: Sequence[Portrait], there: set[str], problems: Mapping[str, str], progress: bool
) -> None:
    totals = Counter(portrait.set for portrait in portraits)
    num_there = Counter(portrait.set for portrait in portraits if portrait.file in there)
    for name, total in totals.items():
        say(f"{name}: {num_there[name]} of {total}", progress)
        reasons = [
            f"{file}: {why}" for file, why in problems.items() if file.startswith(f"{name}/")
        ]
        warn_some(reasons)


class _Store:
    """A folder of portraits and its list of credits."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.sets = open_sets()
        self.rows: dict[str, dict[str, str]] = {}
        if (folder / CREDITS).is_file():
            self.rows = {row["file"]: row for row in read_credits(folder)}

    def has(self, portrait: Portrait) -> bool:
        """Whether the file is there as it was finished; a changed one is reported."""
        path = self.folder / portrait.file
        if portrait.file in self.rows:
            if path.is_file() and download.sha256_of(path) == self.rows[portrait.file]["sha256"]:
                return True
            del self.rows[portrait.file]
        elif portrait.box is None and _is_file(path, portrait.sha256):
            self.note(portrait)
            return True
        if path.is_file():
            warn(f"{printable(path)}: damaged, changed, or not finished: it is replaced")
        return False

    def copy_from(self, portrait: Portrait, folders: Sequence[Path]) -> bool:
        """Copy a portrait from the first folder that has it, and note it."""
        for folder in folders:
            for path, sha256 in _copies_in(folder, portrait):
                if _is_file(path, sha256):
                    with atomic_path(self.folder / portrait.file) as temporary:
                        shutil.copyfile(path, temporary)
                    self.note(portrait)
                    return True
        return False

    def cut(self, portrait: Portrait, original: Path) -> None:
        """Write the part of an original that is kept, complete or not at all."""
        with atomic_path(self.folder / portrait.file) as temporary:
            if portrait.box is None:
                shutil.copyfile(original, temporary)
                return
            left, top, right, bottom = portrait.box
            width = round((right - left) * portrait.scale)
            height = round((bottom - top) * portrait.scale)
            picture = Image.fromarray(images.load_rgb(original)).crop(portrait.box)
            if picture.size != (width, height):
                picture = picture.resize((width, height), Image.Resampling.LANCZOS)
            picture.save(temporary, format="WEBP", quality=QUALITY)

    def note(self, portrait: Portrait) -> None:
        """List a finished file at once, so that a killed download leaves none without a credit."""
        entry = self.sets[portrait.set]
        self.rows[portrait.file] = {
            "set": entry.name,
            "file": portrait.file,
            "sha256": download.sha256_of(self.folder / portrait.file),
            "original": portrait.url,
            "original_sha256": portrait.sha256,
            "changes": "cut out and scaled" if portrait.box else "none",
            "credit": entry.credit,
            "terms": entry.terms,
        }
        is_new = not (self.folder / CREDITS).is_file()
        with open(self.folder / CREDITS, "a", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, COLUMNS)
            if is_new:
                writer.writeheader()
            writer.writerow(self.rows[portrait.file])

    def write_credits(self) -> None:
        """Write the list of credits anew: sorted, each file once."""
        if not self.rows:
            return
        with (
            atomic_path(self.folder / CREDITS) as temporary,
            open(temporary, "w", newline="", encoding="utf-8") as file,
        ):
            writer = csv.DictWriter(file, COLUMNS)
            writer.writeheader()
            writer.writerows(self.rows[name] for name in sorted(self.rows))


def _is_file(path: Path, sha256: str) -> bool:
    return path.is_file() and download.sha256_of(path) == sha256


def _copies_in(folder: Path, portrait: Portrait) -> list[tuple[Path, str]]:
    """Files of a folder that may be the portrait, with the SHA-256 that each must have then."""
    if portrait.box is None:
        return [(folder / name, portrait.sha256) for name in (portrait.file, portrait.name)]
    if not (folder / CREDITS).is_file():
        return []
    rows = {row["file"]: row for row in read_credits(folder)}
    row = rows.get(portrait.file)
    if row is None or row["original_sha256"] != portrait.sha256:
        return []
    return [(folder / portrait.file, row["sha256"])]
