"""From folders of sketches and photos, or of photos alone, to a data set of square pictures."""

from __future__ import annotations

import functools
import hashlib
import importlib.util
import os
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from data_prep.errors import DataPrepError, printable
from data_prep.layouts.layout import Candidate, LayoutOptions
from data_prep.make.parallel import Workers
from data_prep.make.points import GivenPoints, read_points
from data_prep.make.prepare import PairTask, make_pair, parts_of
from data_prep.make.recipe import Recipe
from data_prep.make.report import review
from data_prep.make.shapes import with_fit
from data_prep.make.sources import Source, fingerprint, ids_of, pairs_of, read_sources
from data_prep.make.split import with_splits
from data_prep.make.split_list import SplitList, read_split_list
from data_prep.make.unpaired import unpaired_plan
from data_prep.make.write import PHOTO, SKETCH, Item, SetPlan, write_set
from data_prep.messages import NUM_SHOWN, describe_counts, say, warn
from s2f_utils.pictures import images

MAX_LISTED = 200  # names in settings.json
NUM_VOTES = 6  # pairs that are read to see whether the sides are exchanged


def make_pairs(
    src: str | os.PathLike | Sequence[str | os.PathLike],
    out: str | os.PathLike,
    layout: str | None = None,
    size_px: int = 256,
    fit: str | None = None,
    *,
    sketches: str | os.PathLike | None = None,
    photos: str | os.PathLike | None = None,
    sketch_side: str = "left",
    unpaired: bool = False,
    recipe: Recipe | None = None,
    points: str | os.PathLike | None = None,
    test_share: float | None = None,
    val_share: float | None = None,
    seed: int = 0,
    identity: str | None = None,
    split_list: str | os.PathLike | None = None,
    drop_leaks: bool = False,
    workers: Workers = None,
    dry_run: bool = False,
    progress: bool = True,
) -> Path:
    """Make a data set of the pairs in `src`: square PNGs and a manifest in the folder `out`.
    Returns the manifest's path.

    src: a folder, or several, which become one set; "LAYOUT:PATH" names the layout of one.
    layout: a name of `layouts.LAYOUTS`; None: recognised.
    size_px, fit: height and width, and how they are reached: "stretch" (the protocol's track A) or
    "pad" (track B); None: "stretch", but pictures of different shapes are refused.
    sketches, photos: the folders of pairs, in `src` or anywhere, where their names do not say what
    they are.
    sketch_side: which half of an AB image is the sketch, "left" or "right".
    unpaired: sketches and photos are of different people: a row has a sketch or a photo.
    recipe: alignment, sketches made from photos, background, clean-up; its size_px and fit override
    those above.
    points: a CSV file of eyes and mouths marked by hand (`POINT_COLUMNS`, pixels of the source), by
    picture name.
    test_share, val_share, seed: as in `split_by_identity`. The source's own split is kept.
    identity: a regular expression whose first group, in a photo's path below its folder, names the
    person.
    split_list: a published split by its name (`split_list.published`), or a CSV file of lines
    "split,name"; it overrides the source's own split, and pairs that it does not name are left out.
    drop_leaks: leave out training pairs whose photo is also in another split, instead of warning
    about them.
    workers: as in `parallel.run_jobs`. dry_run: say what would be done, write nothing.

    An interrupted call is resumed. Raises DataPrepError (a ValueError) when the source or an option
    is unusable, and OSError when the disk is full or may not be written.
    """
    recipe, out = recipe or Recipe(size_px=size_px, fit=fit), Path(out)
    recipe.check()
    if points and not recipe.needs_face:
        raise DataPrepError(
            "--points belongs to --align face and to --background grabcut: give one of them, too"
        )
    folders = [str(folder) if folder else None for folder in (sketches, photos)]
    options = LayoutOptions(*folders, sketch_side, bool(recipe.styles))
    shares, say_it = {"test": test_share, "val": val_share}, progress or dry_run
    if unpaired:
        plan = unpaired_plan(src, out, recipe, options, shares, seed, say_it)
        return write_set(out, plan, workers=workers, progress=progress, dry_run=dry_run)
    sources = read_sources(src, layout, options, out)
    divided, by_hand = read_split_list(split_list), read_points(points)
    pairs = pairs_of(sources)
    if divided:
        pairs = _divided(divided, sources, pairs, identity)
    recipe = _completed(recipe, pairs, say_it)
    settings = _settings(sources, pairs, recipe, sketch_side) | {
        "points": by_hand.digest,
        "test_share": test_share,
        "val_share": val_share,
        "identity": identity,
        "split_list": divided and f"{divided.name} ({divided.digest[:12]})",
        "seed": seed,
    }
    items = _items(pairs, recipe, by_hand, settings)
    look = functools.partial(review, drop_leaks=drop_leaks, progress=progress)
    notes = _notes(sources) | {"drop_leaks": drop_leaks}
    plan = SetPlan(items, make_pair, settings, notes, look)
    _report(sources, recipe, plan, say_it)
    _warn(pairs, recipe, plan, by_hand)
    return write_set(out, plan, workers=workers, progress=progress, dry_run=dry_run)


def _divided(
    listed: SplitList, sources: Sequence[Source], pairs: Sequence[Candidate], identity: str | None
) -> list[Candidate]:
    """The pairs that the list names, with its splits; what has no match is reported."""
    people = _identities(pairs, [""] * len(pairs), identity)
    roots = [source.tree.root.stem for source in sources for _ in source.collection.pairs]
    kept, (first, *others) = listed.divide(pairs, people, roots)
    sources[0].collection.notes.append(first)
    for remark in others:
        warn(remark)
    return kept


def _completed(recipe: Recipe, pairs: Sequence[Candidate], progress: bool) -> Recipe:
    """The recipe, completed for these pairs.

    Raises DataPrepError if something that it needs is missing.
    """
    recipe = _with_sketches(recipe, pairs)
    recipe = with_fit(recipe, [(pair.photo.path, pair.half) for pair in pairs], progress)
    _check_masks(recipe, pairs)
    if recipe.background == "rembg" and importlib.util.find_spec("rembg") is None:
        raise DataPrepError(
            "--background rembg needs a further package: pip install 'rembg[cpu]', or choose"
            " --background grabcut"
        )
    return recipe


def _with_sketches(recipe: Recipe, pairs: Sequence[Candidate]) -> Recipe:
    """The recipe, with a style where there are photos without sketches and none was named."""
    alone = sum(pair.sketch is None for pair in pairs)
    if not alone or recipe.styles:
        return recipe
    if alone < len(pairs):
        raise DataPrepError(
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
        raise DataPrepError(
            f"{option} needs a label map for every photo, and {len(without)} have none (such as"
            f" {without[0]}): put them into a folder masks/ under their photos' names, or choose"
            " another option"
        )


def _settings(
    sources: Sequence[Source], pairs: Sequence[Candidate], recipe: Recipe, sketch_side: str
) -> dict[str, Any]:
    """The settings that determine the pictures; a set can be resumed only with the same ones."""
    pictures = []
    for pair in pairs:
        words = repr((pair.id, pair.identity, pair.split, sorted(pair.attributes.items())))
        files_of = [picture for picture in (pair.sketch, pair.photo, pair.mask) if picture]
        pictures += [(picture, words) for picture in files_of]
    return {
        "layout": "+".join(source.layout.name for source in sources),
        "source": "+".join(printable(source.tree.root.name) for source in sources),
        "source_digest": fingerprint(pictures),
        **recipe.as_settings(),
        "sketch_side": sketch_side if any(pair.half for pair in pairs) else "",
    }


def _items(
    pairs: Sequence[Candidate], recipe: Recipe, points: GivenPoints, settings: dict[str, Any]
) -> list[Item]:
    ids, seed = ids_of(pairs), settings["seed"]
    people = _identities(pairs, ids, settings["identity"])
    rows = []
    for name, person, pair in zip(ids, people, pairs, strict=True):
        row = {"id": name, "identity": person, "split": pair.split}
        rows.append({**pair.attributes, **row, "source": printable(pair.source)})
    shares = {"test": settings["test_share"], "val": settings["val_share"]}
    rows = with_splits(rows, shares, seed)
    unmapped = [pair.photo.shown for pair in pairs if not pair.mask]
    if 0 < len(unmapped) < len(pairs):
        warn(
            f"maps are left out: {len(unmapped)} of {len(pairs)} photos have none, such as"
            f" {unmapped[0]}"
        )
    parts = parts_of(recipe, has_masks=not unmapped)
    items = []
    for row, pair in zip(rows, pairs, strict=True):
        task = _task(pair, recipe, points, f"{seed}/{row['id']}")
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
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        raise DataPrepError(
            f"--identity {pattern!r} is not a regular expression: {error}"
        ) from None
    people = []
    for pair in pairs:
        name = printable("/".join([*pair.photo.sub, pair.photo.stem]))
        matched = compiled.search(name)
        person = matched and matched[1 if compiled.groups else 0]
        if not person:
            raise DataPrepError(
                f"--identity {pattern!r} finds no person in {name!r}: it must match every photo's"
                " name"
            )
        people.append(person)
    return people


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
    size, seed = recipe.size_px, plan.settings["seed"]
    say(f"{size}x{size} pixels, {recipe.in_words()}, seed {seed}", wanted)


def _warn(pairs: Sequence[Candidate], recipe: Recipe, plan: SetPlan, points: GivenPoints) -> None:
    unused = points.unused(pairs)
    if unused:
        shown = ", ".join(unused[:NUM_SHOWN])
        warn(f"{len(unused)} names in the file of points match no picture: {shown}")
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
