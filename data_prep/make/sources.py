"""One source or several: scanned, recognised, their pairs collected and checked; and the eyes and
mouths that a user gives by hand.
"""

from __future__ import annotations

import csv
import hashlib
import math
import os
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from data_prep import files
from data_prep.layouts import LAYOUTS, find_layout
from data_prep.layouts.layout import (
    Candidate,
    Collection,
    Layout,
    LayoutOptions,
    loosest_key,
    named_folder,
    nearest,
    unique_ids,
)
from data_prep.layouts.tree import Picture, Tree, scan
from data_prep.messages import NUM_SHOWN, indented, printable, warn
from s2f_utils.data import DataError
from s2f_utils.runtime import counted


@dataclass(frozen=True)
class Source:
    """One folder, how it is laid out, and the pairs in it."""

    tree: Tree
    layout: Layout
    collection: Collection


def read_sources(
    src: str | os.PathLike | Sequence[str | os.PathLike],
    layout: str | None,
    options: LayoutOptions,
    out: Path,
) -> list[Source]:
    """Each of `src`, which is one source or several, by its layout;
    pictures without a partner are warned of.

    layout: its name; None: recognised; "LAYOUT:PATH" names that of one source. Raises DataError
    for a source that is unusable, or in which `out` lies.
    """
    entries = [src] if isinstance(src, str | os.PathLike) else list(src)
    if not entries:
        raise DataError("no source given: name at least one folder")
    if len(entries) > 1 and (options.sketches or options.photos):
        raise DataError(
            "--sketches and --photos belong to a single source: lay the others out as --help shows"
        )
    return [_read_source(str(entry), layout, options, out) for entry in entries]


def _read_source(entry: str, layout: str | None, options: LayoutOptions, out: Path) -> Source:
    prefix, _, path = entry.partition(":")
    if prefix in LAYOUTS and path:
        layout, entry = prefix, path
    tree = scan(entry)
    check_outside(out, tree, options)
    known = find_layout(tree, layout, options)
    collection = known.collect(tree, options)
    _check_matches(tree, known.name, collection)
    return Source(tree, known, collection)


def pairs_of(sources: Sequence[Source]) -> list[Candidate]:
    """The pairs of all sources; with more than one, ids carry their source's name, and so do people
    whom a folder of the source names; those of published sets and of data sets are the same person
    in each source.
    """
    if len(sources) == 1:
        return list(sources[0].collection.pairs)
    stems = [source.tree.root.stem for source in sources]
    labels = unique_ids(stems, [(source.layout.name,) for source in sources])
    pairs = []
    for label, source in zip(labels, sources, strict=True):
        for pair in source.collection.pairs:
            person = pair.identity
            if not person or source.layout.local_names:
                person = f"{label}/{person or '/'.join([*pair.qualifiers, pair.photo.stem])}"
            pairs.append(replace(pair, identity=person, qualifiers=(label, *pair.qualifiers)))
    return pairs


def ids_of(pairs: Sequence[Candidate]) -> list[str]:
    """An id for each pair, which is also a file name:
    the source's, else the photo's stem, made unique.
    """
    stems = [pair.id or pair.photo.stem for pair in pairs]
    return unique_ids(stems, [pair.qualifiers for pair in pairs])


def people_in(photos: Iterable[Picture], pattern: str) -> list[str]:
    """The person in the name of each photo, with its folders: what the first group of the regular
    expression matches, or all of it. Raises DataError for a name without a person.
    """
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        raise DataError(f"--identity {pattern!r} is not a regular expression: {error}") from None
    people = []
    for photo in photos:
        name = printable("/".join([*photo.sub, photo.stem]))
        matched = compiled.search(name)
        person = matched and matched[1 if compiled.groups else 0]
        if not person:
            raise DataError(
                f"--identity {pattern!r} finds no person in {name!r}: it must match every photo's"
                " name"
            )
        people.append(person)
    return people


def fingerprint(pictures: Iterable[tuple[Picture, str]]) -> str:
    """A digest of pictures, each given with what is known of it: of their names, their contents,
    and these words.
    """
    digest = hashlib.sha256()
    for picture, words in pictures:
        digest.update(f"{picture.shown}\0{files.checksum(picture.path)}\0{words}\n".encode())
    return digest.hexdigest()


def check_outside(out: Path, tree: Tree, options: LayoutOptions) -> None:
    """DataError where the output folder lies in the source or a folder that the user named."""
    folders = [tree.root]
    for option in (options.sketches, options.photos):
        if option:
            folders.append(named_folder(tree, option).resolve())
    if any(out.resolve().is_relative_to(folder) for folder in folders):
        raise DataError(
            f"{printable(out)}: the output folder lies in the source folder, whose pictures it"
            " would join: choose one outside of it"
        )


def _check_matches(tree: Tree, layout: str, collection: Collection) -> None:
    """Warn of pictures without a partner; an error when no pair is left."""
    lines = list(lone_lines(collection))
    if not collection.pairs:
        found = "\n".join([*lines, "found:", tree.describe()])
        raise DataError(
            f"{printable(tree.root)}: no pairs found with layout {layout}: a sketch and its photo"
            f" need the same name (sketches and photos of different people: --unpaired)\n{found}\n"
            f"expected:\n{indented(LAYOUTS[layout].expected)}"
        )
    num_lone = len(collection.lone_sketches) + len(collection.lone_photos)
    if num_lone:
        warn(f"no partner for {counted(num_lone, 'picture')}, left out:")
        for line in lines:
            warn(line)


def lone_lines(collection: Collection) -> Iterator[str]:
    """Which pictures have no partner, and why, the first few of each side."""
    for side, lone in (("sketch", collection.lone_sketches), ("photo", collection.lone_photos)):
        for picture, why in zip(lone[:NUM_SHOWN], why_alone(side, collection), strict=False):
            yield f"  {side} {picture.shown}: {why}"
        if len(lone) > NUM_SHOWN:
            yield f"  and {len(lone) - NUM_SHOWN} more {side} pictures"


def why_alone(side: str, collection: Collection) -> Iterator[str]:
    """For each picture of a side without a partner, why:
    names that several have, or the nearest name.
    """
    sketches = [pair.sketch for pair in collection.pairs if pair.sketch] + collection.lone_sketches
    photos = [pair.photo for pair in collection.pairs] + collection.lone_photos
    is_sketch = side == "sketch"
    lone = collection.lone_sketches if is_sketch else collection.lone_photos
    partners = photos if is_sketch else sketches
    other = "photo" if is_sketch else "sketch"
    by_key: dict[object, list[Picture]] = defaultdict(list)
    for picture in (*sketches, *photos):
        by_key[loosest_key(picture)].append(picture)
    by_stem = {partner.stem: partner for partner in reversed(partners)}
    alone = [p.stem for p in (collection.lone_photos if is_sketch else collection.lone_sketches)]
    for picture in lone:
        same_name = [one for one in by_key[loosest_key(picture)] if one is not picture]
        if same_name:
            shown = ", ".join(one.shown for one in same_name[:NUM_SHOWN])
            yield f"several pictures have this name: {shown}: keep the one that is meant"
            continue
        near = nearest(picture.stem, alone) or nearest(picture.stem, list(by_stem))
        hint = f" (nearest {other}: {by_stem[near].shown})" if near else ""
        yield f"no {other} has its name{hint}"


POINT_COLUMNS = (
    "name",
    "left_eye_x",
    "left_eye_y",
    "right_eye_x",
    "right_eye_y",
    "mouth_x",
    "mouth_y",
)
# both eyes and the mouth, in pixels of the source; () for none
Points = tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class GivenPoints:
    """The points of a file by the names in it, and the file's SHA-256, "" for no file."""

    by_name: dict[str, Points] = field(default_factory=dict)
    digest: str = ""

    def of_pair(self, pair: Candidate, each: bool) -> tuple[Points, Points]:
        """The photo's points, and,
        where photo and sketch are aligned `each` by its own face, the sketch's.
        """
        sketch = self._of(pair.sketch, besides=_names(pair.photo)) if pair.sketch and each else ()
        return self._of(pair.photo), sketch

    def unused(self, pairs: Iterable[Candidate]) -> list[str]:
        """The names that are no picture's."""
        names: set[str] = set()
        for pair in pairs:
            names.update(_names(pair.photo))
            if pair.sketch:
                names.update(_names(pair.sketch))
        return sorted(set(self.by_name) - names)

    def _of(self, picture: Picture, besides: Iterable[str] = ()) -> Points:
        """A name that is also one of `besides`, those of a sketch's photo, means the photo."""
        for name in _names(picture):
            if name in self.by_name and name not in besides:
                return self.by_name[name]
        return ()


def _names(picture: Picture) -> tuple[str, ...]:
    """What a picture may be called: by its path in the source, its name, or its stem."""
    return picture.shown, picture.path.name, picture.stem


def read_points(path: str | os.PathLike | None) -> GivenPoints:
    """Read a CSV file with the columns `POINT_COLUMNS`; None: no points.

    Raises DataError where there is no such file, or a column or a number is missing.
    """
    if path is None:
        return GivenPoints()
    path = Path(path)
    if not path.is_file():
        raise DataError(
            f"--points {printable(path)}: no such file: give a CSV file with"
            f" {', '.join(POINT_COLUMNS)}"
        )
    by_name = {}
    with open(path, newline="", encoding="utf-8-sig", errors="replace") as file:
        reader = csv.DictReader(file)
        missing = [column for column in POINT_COLUMNS if column not in (reader.fieldnames or ())]
        if missing:
            raise DataError(
                f"--points {printable(path)}: the columns {', '.join(missing)} are missing"
            )
        for number, row in enumerate(reader, start=2):
            try:
                values = [float(row[column]) for column in POINT_COLUMNS[1:]]
            except (TypeError, ValueError):
                values = [math.nan]
            if not all(map(math.isfinite, values)):
                raise DataError(f"--points {printable(path)}: line {number} has no six numbers")
            by_name[row["name"]] = tuple(zip(values[::2], values[1::2], strict=True))
    return GivenPoints(by_name, hashlib.sha256(path.read_bytes()).hexdigest())
