"""One source or several: scanned, recognised, their pairs collected and checked."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from data_prep import files
from data_prep.errors import DataPrepError, printable
from data_prep.layouts import LAYOUTS, find_layout, names, sides
from data_prep.layouts.layout import Candidate, Collection, LayoutOptions
from data_prep.layouts.sides import named_folder
from data_prep.layouts.tree import Picture, Tree, scan
from data_prep.messages import NUM_SHOWN, warn
from s2f_utils.runtime import counted

BY_FOLDER = (
    "pairs",
    "photos",
    "ab",
    "person-face-sketches",
)  # layouts in which a name means somebody in one source


@dataclass(frozen=True)
class Source:
    """One folder or archive, how it is laid out, and what its layout found in it."""

    tree: Tree
    layout: str
    collection: Collection


def read_sources(
    src: str | os.PathLike | Sequence[str | os.PathLike],
    layout: str | None,
    options: LayoutOptions,
    out: Path,
) -> list[Source]:
    """Each of `src`, which is one source or several, by its layout; pictures without a partner are
    warned of.

    layout: its name; None: recognised; "LAYOUT:PATH" names that of one source. Raises DataPrepError
    for a source that is unusable, or in which `out` lies.
    """
    given = [src] if isinstance(src, str | os.PathLike) else list(src)
    if not given:
        raise DataPrepError("no source given: name at least one folder")
    if len(given) > 1 and (options.sketches or options.photos):
        raise DataPrepError(
            "--sketches and --photos belong to a single source: lay the others out as --help shows"
        )
    sources = []
    for entry in given:
        named, _, path = str(entry).partition(":")
        chosen, path = (named, path) if named in LAYOUTS and path else (layout, str(entry))
        tree = scan(path)
        _check_apart(tree, options, out)
        known = find_layout(tree, chosen, options)
        collection = known.collect(tree, options)
        _check_matches(tree, known.name, collection)
        sources.append(Source(tree, known.name, collection))
    return sources


def pairs_of(sources: Sequence[Source]) -> list[Candidate]:
    """The pairs of all sources; with more than one, ids carry their source's name, and so do people
    whom a folder of the source names; those of published sets and of data sets are the same person
    in each source.
    """
    if len(sources) == 1:
        return list(sources[0].collection.pairs)
    labels = names.unique_ids(
        [source.tree.root.stem for source in sources], [(source.layout,) for source in sources]
    )
    pairs = []
    for label, source in zip(labels, sources, strict=True):
        for pair in source.collection.pairs:
            person = pair.identity
            if not person or source.layout in BY_FOLDER:
                person = f"{label}/{person or '/'.join([*pair.qualifiers, pair.photo.stem])}"
            pairs.append(replace(pair, identity=person, qualifiers=(label, *pair.qualifiers)))
    return pairs


def ids_of(pairs: Sequence[Candidate]) -> list[str]:
    """An id for each pair, which is a file name, too: the source's, else the photo's stem, made
    unique.
    """
    return names.unique_ids(
        [pair.id or pair.photo.stem for pair in pairs], [pair.qualifiers for pair in pairs]
    )


def fingerprint(pictures: Iterable[tuple[Picture, str]]) -> str:
    """A digest of pictures, each given with what is known of it: of their names, their contents,
    and these words.
    """
    digest = hashlib.sha256()
    for picture, words in pictures:
        digest.update(f"{picture.shown}\0{files.checksum(picture.path)}\0{words}\n".encode())
    return digest.hexdigest()


def _check_apart(tree: Tree, options: LayoutOptions, out: Path) -> None:
    named = [
        named_folder(tree, option).resolve()
        for option in (options.sketches, options.photos)
        if option
    ]
    if any(out.resolve().is_relative_to(folder) for folder in (tree.root, *named)):
        raise DataPrepError(
            f"{printable(out)}: the output folder lies in the source folder, whose pictures it would join: choose"
            " one outside of it"
        )


def _check_matches(tree: Tree, layout: str, collection: Collection) -> None:
    """Report pictures without a partner; an error when no pair is left,"""
    sketches = [pair.sketch for pair in collection.pairs if pair.sketch] + collection.lone_sketches
    photos = [pair.photo for pair in collection.pairs] + collection.lone_photos
    lines = [
        *_lone_lines("sketch", collection.lone_sketches, sketches, photos),
        *_lone_lines("photo", collection.lone_photos, photos, sketches),
    ]
    if not collection.pairs:
        raise DataPrepError(
            f"{printable(tree.root)}: no pairs found with layout {layout}: a sketch and its photo need the same name"
            " (sketches and photos of different people: 'python -m data_prep unpaired')",
            "\n".join([*lines, "found:", tree.describe()]),
        )
    num_lone = len(collection.lone_sketches) + len(collection.lone_photos)
    if num_lone:
        warn(f"no partner for {counted(num_lone, 'picture')}, left out:")
        for line in lines:
            warn(line)


def _lone_lines(
    side: str, lone: list[Picture], own: list[Picture], partners: list[Picture]
) -> list[str]:
    why = why_alone(side, lone[:NUM_SHOWN], own, partners)
    lines = [f"  {side} {picture.shown}: {text}" for picture, text in zip(lone, why, strict=False)]
    return lines + (
        [f"  and {len(lone) - NUM_SHOWN} more {side} pictures"] if len(lone) > NUM_SHOWN else []
    )


def why_alone(
    side: str, lone: Sequence[Picture], own: Sequence[Picture], partners: Sequence[Picture]
) -> Iterator[str]:
    """For each picture without a partner, why: names that several have, or which is nearest.

    own: all pictures of its side. partners: all of the other.
    """
    other = "photo" if side == "sketch" else "sketch"
    by_name, by_stem = (
        _grouped(own, sides.loosest_key),
        _grouped(partners, lambda partner: partner.stem),
    )
    partners_by_name = _grouped(partners, sides.loosest_key)
    for picture in lone:
        name = sides.loosest_key(picture)
        rivals, found = (
            [one for one in by_name[name] if one is not picture],
            partners_by_name.get(name, []),
        )
        if found and (rivals or len(found) > 1):
            several, which = (found, other) if len(found) > 1 else ([picture, *rivals], side)
            shown = " and ".join(one.shown for one in several[:NUM_SHOWN])
            yield f"{counted(len(several), which)} have this name: {shown}: keep the one that is meant"
            continue
        near = names.nearest(picture.stem, list(by_stem))
        yield f"no {other} that is its own" + (
            f" (nearest {other}: {by_stem[near[0]][0].shown})" if near else ""
        )


def _grouped(
    pictures: Iterable[Picture], key: Callable[[Picture], Hashable]
) -> dict[Hashable, list[Picture]]:
    grouped: dict[Hashable, list[Picture]] = {}
    for picture in pictures:
        grouped.setdefault(key(picture), []).append(picture)
    return grouped
