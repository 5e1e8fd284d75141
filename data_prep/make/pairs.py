"""From folders of sketches and photos, or of photos alone, to a data set of square pairs."""

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
from data_prep.layouts.gather import Source, fingerprint, ids_of, pairs_of, read_sources
from data_prep.layouts.layout import Candidate, LayoutOptions
from data_prep.layouts.split_list import SplitList, read_split_list
from data_prep.make.parallel import Workers
from data_prep.make.points import GivenPoints, read_points
from data_prep.make.recipe import PairTask, Recipe, make_pair
from data_prep.make.report import review
from data_prep.make.shapes import with_fit
from data_prep.make.split import with_splits
from data_prep.make.write import SetPlan, describe_counts, write_set
from data_prep.messages import NUM_SHOWN, say, warn
from s2f_utils.pictures import faces, images

MAX_LISTED = 200  # names in settings.json


def make_pairs(
    src: str | os.PathLike | Sequence[str | os.PathLike],
    out: str | os.PathLike,
    layout: str | None = None,
    size_px: int = 256,
    fit: str | None = None,
    *,
    sketches: str | None = None,
    photos: str | None = None,
    sketch_side: str = "left",
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
    Returns its path.

    src: a folder, a zip archive, or several, which become one set; "LAYOUT:PATH" names the layout
    of one.
    layout: a name of `sources.layouts.LAYOUTS`; None: recognised.
    size_px, fit: height and width, and how they are reached: "stretch" (the protocol's track A) or
    "pad" (track B);
    None: "stretch", but pictures of different shapes are refused.
    sketches, photos: the folders of pairs, in `src` or anywhere, where their names do not say what
    they are.
    sketch_side: which half of an AB image is the sketch, "left" or "right".
    recipe: alignment, sketches made from photos, background, clean-up; its size_px and fit override
    those above.
    points: a CSV file of eyes and mouths marked by hand (`POINT_COLUMNS`, pixels of the source), by
    picture name.
    test_share, val_share, seed: as in `split_by_identity`. The source's own split is kept.
    identity: a regular expression whose first group, in a photo's path below its folder, names the
    person.
    split_list: a published split by its name (`sources.split_list.published`), or a CSV file of
    lines "split,name"; it overrides the source's own split, and pairs that it does not name are
    left out.
    drop_leaks: leave out training pairs whose photo is also in another split, instead of warning
    about them.
    workers: as in `parallel.run_jobs`. dry_run: say what would be done, write nothing.

    An interrupted call is resumed. Raises DataPrepError (a ValueError) when the source or an option
    is unusable, and OSError when the disk is full or may not be written.
    """
    recipe, out = recipe or Recipe(size_px=size_px, fit=fit), Path(out)
    recipe.check()
    if points and recipe.align != "face" and recipe.background != "grabcut":
        raise DataPrepError(
            "--points belongs to --align face and to --background grabcut: give one of them, too"
        )
    options = LayoutOptions(sketches, photos, sketch_side, bool(recipe.styles))
    sources = read_sources(src, layout, options, out)
    divided, given = read_split_list(split_list), read_points(points)
    pairs = pairs_of(sources)
    if divided:
        pairs = _divided(divided, sources, pairs, identity)
    recipe = _completed(recipe, pairs, given, progress or dry_run)
    settings = _settings(sources, pairs, recipe, sketch_side) | {
        "points": given.digest,
        "test_share": test_share,
        "val_share": val_share,
        "identity": identity,
        "split_list": divided and f"{divided.name} ({divided.digest[:12]})",
        "seed": seed,
    }
    plan = _plan(sources, pairs, recipe, settings, given, drop_leaks, progress)
    _report(sources, pairs, recipe, plan, progress or dry_run)
    return write_set(out, plan, workers=workers, progress=progress, dry_run=dry_run)


def _divided(
    listed: SplitList, sources: Sequence[Source], pairs: Sequence[Candidate], identity: str | None
) -> list[Candidate]:
    """The pairs that the list names, with its splits; names and pairs without a match are reported."""
    people = _identities(pairs, [""] * len(pairs), identity)
    roots = [source.tree.root.stem for source in sources for _ in source.collection.pairs]
    kept, (first, *others) = listed.divide(pairs, people, roots)
    sources[0].collection.notes.append(first)
    for remark in others:
        warn(remark)
    return kept


def _completed(
    recipe: Recipe, pairs: Sequence[Candidate], points: GivenPoints, progress: bool
) -> Recipe:
    """The recipe, completed for these pairs. Raises DataPrepError if something that it needs is
    missing.
    """
    recipe = _with_sketches(recipe, pairs)
    recipe = with_fit(recipe, [(pair.photo.path, pair.half) for pair in pairs], progress)
    _check_masks(recipe, pairs)
    recipe = _with_detector(recipe, pairs, points)
    if recipe.background == "rembg" and importlib.util.find_spec("rembg") is None:
        raise DataPrepError(
            "--background rembg needs a further package: pip install 'rembg[cpu]', or choose --background grabcut"
        )
    return recipe


def _with_sketches(recipe: Recipe, pairs: Sequence[Candidate]) -> Recipe:
    """The recipe, with a style where there are photos without sketches and none was named."""
    alone = sum(pair.sketch is None for pair in pairs)
    if not alone or recipe.styles:
        return recipe
    if alone < len(pairs):
        raise DataPrepError(
            f"{alone} of {len(pairs)} photos have no sketch: name a style to make all sketches from photos"
            " (--style pencil), or leave that source out"
        )
    warn(
        "the source has photos only: pencil sketches are made from them (--style names another style)"
    )
    return replace(recipe, styles=("pencil",))


def _check_masks(recipe: Recipe, pairs: Sequence[Candidate]) -> None:
    wanted = [
        name
        for name, used in (
            ("--style outlines", "outlines" in recipe.styles),
            ("--background labels", recipe.background == "labels"),
        )
        if used
    ]
    without = [pair.photo.shown for pair in pairs if pair.mask is None]
    if wanted and without:
        raise DataPrepError(
            f"{wanted[0]} needs a label map for every photo, and {len(without)} have none (such as {without[0]}): put"
            " them into a folder masks/ under their photos' names, or choose another option"
        )


def _with_detector(recipe: Recipe, pairs: Sequence[Candidate], points: GivenPoints) -> Recipe:
    """The recipe, without the detector if it is unavailable and points or the fallback can replace
    it.
    """
    if recipe.detector == "none" or (recipe.align != "face" and recipe.background != "grabcut"):
        return recipe
    problem = faces.detector_problem()
    if not problem:
        return recipe
    given = [points.of_pair(pair, recipe.each) for pair in pairs]
    without = sum(not photo or (recipe.each and not sketch) for photo, sketch in given)
    if without and recipe.fallback == "none":
        raise DataPrepError(
            f"the face detector is missing: {problem}. Without it: give eyes and mouths by hand (--points; {without} of"
            f" {len(pairs)} pairs lack them), or let faces be guessed (--fallback cascade)"
        )
    if without:
        warn(
            f"the face detector is missing, --fallback {recipe.fallback} stands in for it: {problem}"
        )
    return replace(recipe, detector="none")


def _settings(
    sources: Sequence[Source], pairs: Sequence[Candidate], recipe: Recipe, sketch_side: str
) -> dict[str, Any]:
    """The settings that determine the pictures; a set can be resumed only with the same ones."""
    said = [(p, repr((p.id, p.identity, p.split, sorted(p.attributes.items())))) for p in pairs]
    pictures = (
        (picture, words) for p, words in said for picture in (p.sketch, p.photo, p.mask) if picture
    )
    return {
        "layout": "+".join(source.layout for source in sources),
        "source": "+".join(printable(source.tree.root.name) for source in sources),
        "source_digest": fingerprint(pictures),
        **recipe.as_settings(),
        "sketch_side": sketch_side if any(pair.half for pair in pairs) else "",
    }


def _plan(
    sources: Sequence[Source],
    pairs: Sequence[Candidate],
    recipe: Recipe,
    settings: dict[str, Any],
    points: GivenPoints,
    drop_leaks: bool,
    progress: bool,
) -> SetPlan:
    ids, seed = ids_of(pairs), settings["seed"]
    people = _identities(pairs, ids, settings["identity"])
    rows = [
        {
            **pair.attributes,
            "id": name,
            "identity": person,
            "split": pair.split,
            "source": printable(pair.source),
        }
        for name, person, pair in zip(ids, people, pairs, strict=True)
    ]
    shares = {"test": settings["test_share"], "val": settings["val_share"]}
    rows = with_splits(rows, shares, seed)
    tasks = [
        _task(pair, recipe, points, f"{seed}/{name}") for pair, name in zip(pairs, ids, strict=True)
    ]
    if unused := points.unused(pairs):
        warn(
            f"{len(unused)} names in the file of points match no picture: {', '.join(unused[:NUM_SHOWN])}"
        )
    collections = [source.collection for source in sources]
    lone = sorted(
        picture.shown for c in collections for picture in (*c.lone_sketches, *c.lone_photos)
    )
    terms = sorted({line for c in collections for line in c.terms.splitlines()})
    notes = {"unmatched": lone[:MAX_LISTED], "terms": terms, "drop_leaks": drop_leaks}
    unmapped = [pair.photo.shown for pair in pairs if not pair.mask]
    if 0 < len(unmapped) < len(pairs):
        warn(
            f"maps are left out: {len(unmapped)} of {len(pairs)} photos have none, such as {unmapped[0]}"
        )
    look = functools.partial(review, drop_leaks=drop_leaks, progress=progress)
    return SetPlan(rows, tasks, make_pair, recipe.parts(masks=not unmapped), settings, notes, look)


def _task(pair: Candidate, recipe: Recipe, points: GivenPoints, seed_text: str) -> PairTask:
    seed = int.from_bytes(hashlib.sha256(seed_text.encode()).digest()[:4], "big")
    sketch, mask = (str(picture.path) if picture else "" for picture in (pair.sketch, pair.mask))
    given = points.of_pair(pair, recipe.each)
    return PairTask(sketch, str(pair.photo.path), pair.half, recipe, mask, *given, seed)


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
        person = matched and (matched[1] if compiled.groups else matched[0])
        if not person:
            raise DataPrepError(
                f"--identity {pattern!r} finds no person in {name!r}: it must match every photo's name"
            )
        people.append(person)
    return people


def _report(
    sources: Sequence[Source],
    pairs: Sequence[Candidate],
    recipe: Recipe,
    plan: SetPlan,
    wanted: bool,
) -> None:
    for source in sources:
        collection = source.collection
        if len(sources) > 1:
            where = printable(source.tree.given)
            say(f"{where}: layout {source.layout}, {len(collection.pairs)} pairs", wanted)
        for note in (*collection.notes, *collection.terms.splitlines()):
            say(note, wanted)
    shown = " + ".join(printable(source.tree.given) for source in sources)
    say(f"{shown}: layout {plan.settings['layout']}, {describe_counts(plan.counts())}", wanted)
    say(
        f"{recipe.size_px}x{recipe.size_px} pixels, {recipe.in_words()}, seed {plan.settings['seed']}",
        wanted,
    )
    if not plan.counts()["test"]:
        warn("no pair is left for testing: results on training pictures say nothing about new ones")
    renamed = sum(
        row["id"] != (pair.id or pair.photo.stem)
        for row, pair in zip(plan.rows, pairs, strict=True)
    )
    if renamed:
        say(
            f"{renamed} ids differ from the photo's name, because names repeat or are not safe on every system",
            wanted,
        )
    if not recipe.styles and _look_swapped(pairs):
        halves = any(pair.half for pair in pairs)
        hint = (
            "give the other --sketch-side"
            if halves
            else "name the folders with --sketches and --photos"
        )
        warn(
            f"the sketches are more colourful than the photos: are they the other way round? If so, {hint}"
        )


def _look_swapped(pairs: Sequence[Candidate], num_read: int = 6) -> bool:
    """Whether most of a few pairs have a colourful "sketch" and a grey "photo"."""
    votes = []
    quick = Recipe(size_px=64)
    for pair in pairs[:: max(1, len(pairs) // num_read)][:num_read]:
        try:
            made = make_pair(_task(replace(pair, mask=None), quick, GivenPoints(), ""))
        except images.ImageError:
            continue
        colour = {
            part: np.ptp(made[part].astype(np.int16), axis=2).mean() for part in ("sketch", "photo")
        }
        votes.append(colour["sketch"] > 2 * colour["photo"] + 5)
    return 2 * sum(votes) > len(votes)
