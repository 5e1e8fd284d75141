"""From folders of sketches and photos, or of photos alone, to a data set of square pictures."""

from __future__ import annotations

import functools
import hashlib
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from data_prep.layouts.layout import Candidate
from data_prep.make.parallel import Workers
from data_prep.make.prepare import PairTask, make_pair, parts_of, review
from data_prep.make.recipe import Recipe, with_fit
from data_prep.make.sources import (
    GivenPoints,
    Source,
    fingerprint,
    ids_of,
    pairs_of,
    people_in,
    read_points,
    read_sources,
)
from data_prep.make.split import SplitList, likely_people, read_split_list, with_splits
from data_prep.make.unpaired import unpaired_plan
from data_prep.make.write import PHOTO, SKETCH, Item, SetPlan, write_set
from data_prep.messages import NUM_SHOWN, describe_counts, printable, say, warn
from s2f_utils.data import DataError
from s2f_utils.pictures import images

MAX_LISTED = 200  # names in settings.json
NUM_VOTES = 6  # pairs that are read to see whether the sides are exchanged


def make_pairs(
    src: str | os.PathLike | Sequence[str | os.PathLike],
    out: str | os.PathLike,
    recipe: Recipe | None = None,
    *,
    workers: Workers = None,
    dry_run: bool = False,
    progress: bool = True,
) -> Path:
    """Make a data set of the pairs in `src`: square PNGs and a manifest in the folder `out`.
    Returns the manifest's path.

    src: a folder, or several, which become one set; "LAYOUT:PATH" names the layout of one. recipe:
    all options (None: the defaults). workers: processes; None: one a core; 1: this process alone; a
    Dask scheduler's address: the workers of its cluster. dry_run: say what would be done, write
    nothing. progress: show the bar and say what is done.

    An interrupted call is resumed. Raises DataError (a ValueError) when the source or an option
    is unusable, and OSError when the disk is full or may not be written.
    """
    recipe, out = recipe or Recipe(), Path(out)
    recipe.check()
    how = {"workers": workers, "progress": progress, "dry_run": dry_run}
    if recipe.unpaired:
        return write_set(out, unpaired_plan(src, out, recipe, progress or dry_run, dry_run), **how)
    plan = _paired_plan(src, out, recipe, progress, dry_run)
    return write_set(out, plan, **how)


def _paired_plan(
    src: str | os.PathLike | Sequence[str | os.PathLike],
    out: Path,
    recipe: Recipe,
    progress: bool,
    dry_run: bool,
) -> SetPlan:
    say_it = progress or dry_run
    sources = read_sources(src, recipe.layout, recipe.layout_options, out)
    divided, by_hand = read_split_list(recipe.split_list), read_points(recipe.points)
    pairs = pairs_of(sources)
    if divided:
        pairs = _divided(divided, sources, pairs, recipe.identity)
    recipe = _completed(recipe, pairs, say_it)
    settings = _settings(sources, pairs, recipe) | {
        "points": by_hand.digest,
        "split_list": divided and f"{divided.name} ({divided.digest[:12]})",
    }
    if not dry_run:  # which reads every picture
        settings["source_digest"] = _digest(pairs)
    items = _items(pairs, recipe, by_hand)
    look = functools.partial(review, drop_leaks=recipe.drop_leaks, progress=progress)
    notes = _notes(sources) | {"drop_leaks": recipe.drop_leaks}
    plan = SetPlan(items, make_pair, settings, notes, look)
    _report(sources, recipe, plan, say_it)
    _warn(pairs, recipe, plan, by_hand)
    return plan


def _divided(
    listed: SplitList, sources: Sequence[Source], pairs: Sequence[Candidate], identity: str | None
) -> list[Candidate]:
    """The pairs that the list names, with its splits; what has no match is reported."""
    people = _identities(pairs, [""] * len(pairs), identity)
    kept, (first, *others) = listed.divide(pairs, people)
    sources[0].collection.notes.append(first)
    for remark in others:
        warn(remark)
    return kept


def _completed(recipe: Recipe, pairs: Sequence[Candidate], progress: bool) -> Recipe:
    """The recipe, completed for these pairs.

    Raises DataError if something that it needs is missing.
    """
    recipe = _with_sketches(recipe, pairs)
    recipe = with_fit(recipe, [(pair.photo.path, pair.half) for pair in pairs], progress)
    _check_masks(recipe, pairs)
    return recipe


def _with_sketches(recipe: Recipe, pairs: Sequence[Candidate]) -> Recipe:
    """The recipe, with a style where there are photos without sketches and none was named."""
    alone = sum(pair.sketch is None for pair in pairs)
    if not alone or recipe.styles:
        return recipe
    if alone < len(pairs):
        raise DataError(
            f"{alone} of {len(pairs)} photos have no sketch: name a style to make all sketches from"
            " photos (--style pencil), or leave that source out"
        )
    warn("the source has photos only: pencil sketches are made from them (--style: another style)")
    return replace(recipe, styles=("pencil",))


def _check_masks(recipe: Recipe, pairs: Sequence[Candidate]) -> None:
    option = ""
    if "outlines" in recipe.styles:
        option = "--style outlines"
    elif recipe.background == "labels":
        option = "--background labels"
    without = [pair.photo.shown for pair in pairs if pair.mask is None]
    if option and without:
        raise DataError(
            f"{option} needs a label map for every photo, and {len(without)} have none (such as"
            f" {without[0]}): put them into a folder masks/ under their photos' names, or choose"
            " another option"
        )


def _settings(
    sources: Sequence[Source], pairs: Sequence[Candidate], recipe: Recipe
) -> dict[str, Any]:
    """The settings that determine the pictures; a set can be resumed only with the same ones."""
    return {
        "layout": "+".join(source.layout.name for source in sources),
        "source": "+".join(printable(source.tree.root.name) for source in sources),
        **recipe.as_settings(),
        "sketch_side": recipe.sketch_side if any(pair.half for pair in pairs) else "",
        "test_share": recipe.test_share,
        "val_share": recipe.val_share,
        "identity": recipe.identity,
        "seed": recipe.seed,
    }


def _digest(pairs: Sequence[Candidate]) -> str:
    """A digest of all pictures, and of what is known of their pairs."""
    pictures = []
    for pair in pairs:
        words = repr((pair.id, pair.identity, pair.split, sorted(pair.attributes.items())))
        files_of = [picture for picture in (pair.sketch, pair.photo, pair.mask) if picture]
        pictures += [(picture, words) for picture in files_of]
    return fingerprint(pictures)


def _items(pairs: Sequence[Candidate], recipe: Recipe, points: GivenPoints) -> list[Item]:
    ids = ids_of(pairs)
    people = _identities(pairs, ids, recipe.identity)
    rows = []
    for name, person, pair in zip(ids, people, pairs, strict=True):
        row = {"id": name, "identity": person, "split": pair.split}
        rows.append({**pair.attributes, **row, "source": printable(pair.source)})
    rows = with_splits(rows, recipe.shares, recipe.seed)
    unmapped = [pair.photo.shown for pair in pairs if not pair.mask]
    if 0 < len(unmapped) < len(pairs):
        warn(
            f"maps are left out: {len(unmapped)} of {len(pairs)} photos have none, such as"
            f" {unmapped[0]}"
        )
    parts = parts_of(recipe, has_masks=not unmapped)
    items = []
    for row, pair in zip(rows, pairs, strict=True):
        task = _task(pair, recipe, points, f"{recipe.seed}/{row['id']}")
        items.append(Item(row, task, parts))
    return items


def _notes(sources: Sequence[Source]) -> dict[str, Any]:
    lone, terms = [], set()
    for source in sources:
        collection = source.collection
        lone += [p.shown for p in (*collection.lone_sketches, *collection.lone_photos)]
        terms.update(collection.terms.splitlines())
    return {"unmatched": sorted(lone)[:MAX_LISTED], "terms": sorted(terms)}


def _task(pair: Candidate, recipe: Recipe, points: GivenPoints, seed_text: str) -> PairTask:
    seed = int.from_bytes(hashlib.sha256(seed_text.encode()).digest()[:4], "big")
    sketch, mask = (str(picture.path) if picture else "" for picture in (pair.sketch, pair.mask))
    by_hand = points.of_pair(pair, recipe.each)
    return PairTask(sketch, str(pair.photo.path), pair.half, recipe, mask, *by_hand, seed)


def _identities(pairs: Sequence[Candidate], ids: Sequence[str], pattern: str | None) -> list[str]:
    if pattern is None:
        return [pair.identity or name for pair, name in zip(pairs, ids, strict=True)]
    return people_in([pair.photo for pair in pairs], pattern)


def _report(sources: Sequence[Source], recipe: Recipe, plan: SetPlan, wanted: bool) -> None:
    for source in sources:
        collection = source.collection
        if len(sources) > 1:
            where = printable(source.tree.root)
            say(f"{where}: layout {source.layout.name}, {len(collection.pairs)} pairs", wanted)
        for note in (*collection.notes, *collection.terms.splitlines()):
            say(note, wanted)
    shown = " + ".join(printable(source.tree.root) for source in sources)
    say(f"{shown}: layout {plan.settings['layout']}, {describe_counts(plan.counts())}", wanted)
    size = recipe.size_px
    say(f"{size}x{size} pixels, {recipe.in_words()}, seed {recipe.seed}", wanted)


def _warn(pairs: Sequence[Candidate], recipe: Recipe, plan: SetPlan, points: GivenPoints) -> None:
    unused = points.unused(pairs)
    if unused:
        shown = ", ".join(unused[:NUM_SHOWN])
        warn(f"{len(unused)} names in the file of points match no picture: {shown}")
    if people := likely_people([item.row for item in plan.items]):
        alike = ", ".join(next(iter(people.values()))[:NUM_SHOWN])
        warn(
            f"{len(people)} names are in two splits with another number, such as {alike}: if these"
            " are pictures of one person, say where a name has the person: --identity '^(.+)_'"
        )
    if not plan.counts()["test"]:
        warn("no pair is left for testing: results on training pictures say nothing about new ones")
    if not recipe.styles and _look_exchanged(pairs):
        halves = any(pair.half for pair in pairs)
        hint = "name the folders with --sketches and --photos"
        if halves:
            hint = "give the other --sketch-side"
        warn(
            "the sketches are more colourful than the photos: are they the other way round? If so,"
            f" {hint}"
        )


def _look_exchanged(pairs: Sequence[Candidate]) -> bool:
    """Whether most of a few pairs have a colourful "sketch" and a grey "photo"."""
    votes = []
    quick = Recipe(size_px=64)
    for pair in pairs[:: max(1, len(pairs) // NUM_VOTES)][:NUM_VOTES]:
        try:
            made = make_pair(_task(replace(pair, mask=None), quick, GivenPoints(), ""))
        except images.ImageError:
            continue
        votes.append(_colour(made.files[SKETCH]) > 2 * _colour(made.files[PHOTO]) + 5)
    return 2 * sum(votes) > len(votes)


def _colour(picture: np.ndarray) -> float:
    return float(np.ptp(picture.astype(np.int16), axis=2).mean())
