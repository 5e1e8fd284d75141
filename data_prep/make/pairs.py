"""From folders of sketches and photos, or of photos alone, to a data set of square pairs."""

from __future__ import annotations

import csv
import functools
import hashlib
import importlib.util
import math
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from data_prep import files
from data_prep.errors import DataPrepError, printable
from data_prep.make.recipe import PairTask, Recipe, make_pair
from data_prep.make.review import review
from data_prep.make.split import split_by_identity
from data_prep.make.write import SetPlan, describe_counts, dry_run_report, write_set
from data_prep.messages import NUM_SHOWN, say, warn
from data_prep.sources import names
from data_prep.sources.found import SIDES, Candidate, Collection, LayoutOptions
from data_prep.sources.layouts import LAYOUTS, find_layout
from data_prep.sources.sides import named_folder
from data_prep.sources.tree import Picture, Tree, scan
from s2f_utils.pictures import faces, images

MAX_LISTED = 200  # names in settings.json
POINT_COLUMNS = ("name", "left_eye_x", "left_eye_y", "right_eye_x", "right_eye_y", "mouth_x", "mouth_y")


@dataclass(frozen=True)
class Source:
    """One folder or archive, how it is laid out, and what was found in it."""

    tree: Tree
    layout: str
    found: Collection


def make_pairs(
    src: str | os.PathLike | Sequence[str | os.PathLike],
    out: str | os.PathLike,
    layout: str | None = None,
    size_px: int = 256,
    fit: str = "stretch",
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
    strict: bool = False,
    drop_leaks: bool = False,
    workers: int | None = None,
    dry_run: bool = False,
    progress: bool = True,
) -> Path:
    """Make a data set of the pairs in `src`: square PNGs and a manifest in the folder `out`.

    src: a folder, a zip archive, or several of them, which become one set; "LAYOUT:PATH" names the layout of one.
    layout: a name of `data_prep.layouts.LAYOUTS`; None: recognised.
    size_px, fit: height and width of the pictures, and how they get there: "stretch" (the protocol's track A) or "pad"
        with black (track B).
    sketches, photos: the two folders of pairs, inside `src` or anywhere, where their names do not say what they are.
    sketch_side: which half of an AB image is the sketch, "left" or "right".
    recipe: alignment, sketches made from photos, background, clean-up; its size_px and fit count, and those above do
        not, when it is given.
    points: a CSV file of hand-given eyes and mouths (`POINT_COLUMNS`, pixels of the source) for pictures by name.
    test_share, val_share, seed: as in `split_by_identity`. A split that the source brings is kept.
    identity: a regular expression; what its first group matches in a photo's path below its folder, without suffix,
        names the person. None: as the layout knows it, else each pair is somebody else.
    strict: pictures without a partner are an error, not a warning.
    drop_leaks: leave training pairs out whose photo is also in another split, instead of warning of them.
    workers: processes; None: one a core. dry_run: say what would be done, write nothing.
    progress: show the bar and say what is done.

    Returns the manifest's path. What an interrupted call left is gone on with. Raises DataPrepError (a ValueError)
    when the source or an option is unusable, and OSError when the disk is full or may not be written.
    """
    recipe = recipe or Recipe(size_px=size_px, fit=fit)
    recipe.check()
    if sketch_side not in SIDES:
        raise DataPrepError(f"--sketch-side must be left or right, got {sketch_side!r}")
    options = LayoutOptions(sketches, photos, sketch_side, bool(recipe.styles))
    out = Path(out)
    sources = _read_sources(src, layout, options, out, strict)
    pairs = _merged(sources)
    recipe = _with_sketches(recipe, pairs)
    _check_masks(recipe, pairs)
    given_points = _read_points(points)
    recipe = _with_detector(recipe, pairs, given_points)
    if recipe.background == "rembg" and importlib.util.find_spec("rembg") is None:
        raise DataPrepError(
            "--background rembg needs a further package: pip install 'rembg[cpu]', or choose --background grabcut"
        )
    settings = {
        "layout": "+".join(source.layout for source in sources),
        "source": "+".join(printable(source.tree.root.name) for source in sources),
        "source_digest": _digest(pairs),
        **{key: list(v) if isinstance(v, tuple) else v for key, v in asdict(recipe).items()},
        "sketch_side": sketch_side if any(source.layout == "ab" for source in sources) else "",
        "points": _file_digest(points),
        "test_share": test_share,
        "val_share": val_share,
        "identity": identity,
        "seed": seed,
    }
    plan = _plan(sources, pairs, recipe, settings, given_points, drop_leaks, progress)
    _report(sources, pairs, recipe, plan, progress or dry_run)
    if dry_run:
        return dry_run_report(out, plan)
    return write_set(out, plan, workers=workers, progress=progress)


def _read_sources(
    src: str | os.PathLike | Sequence[str | os.PathLike],
    layout: str | None,
    options: LayoutOptions,
    out: Path,
    strict: bool,
) -> list[Source]:
    given = [src] if isinstance(src, str | os.PathLike) else list(src)
    if not given:
        raise DataPrepError("no source given: name at least one folder")
    if len(given) > 1 and (options.sketches or options.photos):
        raise DataPrepError("--sketches and --photos belong to a single source: lay the others out as --help shows")
    sources = []
    for entry in given:
        named, _, path = str(entry).partition(":")
        chosen, path = (named, path) if named in LAYOUTS and path else (layout, str(entry))
        tree = scan(path)
        _check_apart(tree, options, out)
        found_layout = find_layout(tree, chosen, options)
        found = found_layout.collect(tree, options)
        _check_matches(tree, found_layout.name, found, strict)
        sources.append(Source(tree, found_layout.name, found))
    return sources


def _merged(sources: Sequence[Source]) -> list[Candidate]:
    """The pairs of all sources; with more than one, people and ids carry their source's name."""
    if len(sources) == 1:
        return list(sources[0].found.pairs)
    labels = names.unique_ids([source.tree.root.stem for source in sources], [(source.layout,) for source in sources])
    merged = []
    for label, source in zip(labels, sources, strict=True):
        for pair in source.found.pairs:
            person = f"{label}/{pair.identity or '/'.join([*pair.qualifiers, pair.photo.stem])}"
            merged.append(replace(pair, identity=person, qualifiers=(label, *pair.qualifiers)))
    return merged


def _with_sketches(recipe: Recipe, pairs: Sequence[Candidate]) -> Recipe:
    """The recipe, with a style where there are photos without sketches and none was named."""
    alone = sum(pair.sketch is None for pair in pairs)
    if not alone or recipe.styles:
        return recipe
    if alone < len(pairs):
        raise DataPrepError(
            f"{alone} of {len(pairs)} photos have no sketch: name a style to make all sketches from photos"
            " (--style pencil), or leave that source away"
        )
    warn("the source has photos only: pencil sketches are made from them (--style names another style)")
    return replace(recipe, styles=("pencil",))


def _check_masks(recipe: Recipe, pairs: Sequence[Candidate]) -> None:
    wanted = [name for name, used in (("--style outlines", "outlines" in recipe.styles),
                                      ("--background labels", recipe.background == "labels")) if used]  # fmt: skip
    without = [pair.photo.shown for pair in pairs if pair.mask is None]
    if wanted and without:
        raise DataPrepError(
            f"{wanted[0]} needs a label map for every photo, and {len(without)} have none (such as {without[0]}): put"
            " them into a folder masks/ under their photos' names, or choose another"
        )


def _with_detector(recipe: Recipe, pairs: Sequence[Candidate], points: Mapping[str, tuple]) -> Recipe:
    """The recipe, without the detector where it cannot be had and something else is there: points, or the fallback."""
    if recipe.detector == "none" or (recipe.align != "face" and recipe.background != "grabcut"):
        return recipe
    problem = faces.detector_problem()
    if not problem:
        return recipe
    tasks = [_task(pair, recipe, points, "", 0) for pair in pairs]
    without = sum(not task.points or (recipe.each and not task.sketch_points) for task in tasks)
    if without and recipe.fallback == "none":
        raise DataPrepError(
            f"the face detector is missing: {problem}. Without it: give eyes and mouths by hand (--points; {without} of"
            f" {len(pairs)} pairs lack them), or let faces be guessed (--fallback cascade)"
        )
    if without:
        warn(f"the face detector is missing, --fallback {recipe.fallback} stands in for it: {problem}")
    return replace(recipe, detector="none")


def _read_points(path: str | os.PathLike | None) -> dict[str, tuple[tuple[float, float], ...]]:
    """{picture's name: eyes and mouth} of a CSV file with `POINT_COLUMNS`."""
    if path is None:
        return {}
    path = Path(path)
    if not path.is_file():
        raise DataPrepError(
            f"--points {printable(path)}: no such file: give a CSV file with {', '.join(POINT_COLUMNS)}"
        )
    found = {}
    with open(path, newline="", encoding="utf-8-sig", errors="replace") as file:
        reader = csv.DictReader(file)
        missing = [column for column in POINT_COLUMNS if column not in (reader.fieldnames or ())]
        if missing:
            raise DataPrepError(f"--points {printable(path)}: the columns {', '.join(missing)} are missing")
        for number, row in enumerate(reader, start=2):
            try:
                values = [float(row[column]) for column in POINT_COLUMNS[1:]]
            except (TypeError, ValueError):
                values = [math.nan]
            if not all(map(math.isfinite, values)):
                raise DataPrepError(f"--points {printable(path)}: line {number} has no six numbers")
            found[row["name"]] = tuple(zip(values[::2], values[1::2], strict=True))
    return found


def _plan(
    sources: Sequence[Source],
    pairs: Sequence[Candidate],
    recipe: Recipe,
    settings: dict[str, Any],
    points: Mapping[str, tuple],
    drop_leaks: bool,
    progress: bool,
) -> SetPlan:
    ids = names.unique_ids([pair.id or pair.photo.stem for pair in pairs], [pair.qualifiers for pair in pairs])
    people = _identities(pairs, ids, settings["identity"])
    rows = [
        {"id": name, "identity": person, "split": pair.split, "source": printable(pair.source)}
        for name, person, pair in zip(ids, people, pairs, strict=True)
    ]
    shares = {"test": settings["test_share"], "val": settings["val_share"]}
    for row, split in zip(rows, split_by_identity(rows, shares, settings["seed"]), strict=True):
        row["split"] = split
    tasks = [_task(pair, recipe, points, name, settings["seed"]) for pair, name in zip(pairs, ids, strict=True)]
    lone = [picture.shown for source in sources for picture in (*source.found.lone_sketches, *source.found.lone_photos)]
    used = {key for pair in pairs for p in (pair.photo, pair.sketch) if p for key in (p.shown, p.path.name, p.stem)}
    if unused := sorted(set(points) - used):
        warn(f"{len(unused)} names in the file of points are no picture's: {', '.join(unused[:NUM_SHOWN])}")
    terms = sorted({source.found.terms for source in sources if source.found.terms})
    notes = {"unmatched": sorted(lone)[:MAX_LISTED], "terms": terms, "drop_leaks": drop_leaks}
    unmapped = [pair.photo.shown for pair in pairs if not pair.mask]
    has_masks = bool(pairs) and not unmapped
    if 0 < len(unmapped) < len(pairs):
        warn(f"maps are left out: {len(unmapped)} of {len(pairs)} photos have none, such as {unmapped[0]}")
    look = functools.partial(review, drop_leaks=drop_leaks, progress=progress)
    return SetPlan(rows, tasks, make_pair, recipe.parts(has_masks), settings, notes, look)


def _task(pair: Candidate, recipe: Recipe, points: Mapping[str, tuple], name: str, seed: int) -> PairTask:
    own_seed = int.from_bytes(hashlib.sha256(f"{seed}/{name}".encode()).digest()[:4], "big")
    sketch = str(pair.sketch.path) if pair.sketch else ""
    mask = str(pair.mask.path) if pair.mask else ""
    photo_points, sketch_points = _points_of(pair.photo, points), ()
    if pair.sketch and recipe.each:
        sketch_points = _points_of(pair.sketch, points, besides=pair.photo)
    return PairTask(sketch, str(pair.photo.path), pair.half, recipe, mask, photo_points, sketch_points, own_seed)


def _points_of(picture: Picture, points: Mapping[str, tuple], besides: Picture | None = None) -> tuple:
    """A picture's hand-given points: by its path in the source, its name, or its stem. A name that `besides`, its
    photo, has as well means the photo.
    """
    keys = [picture.shown, picture.path.name, picture.stem]
    taken = {besides.shown, besides.path.name, besides.stem} if besides else set()
    return next((points[key] for key in keys if key in points and key not in taken), ())


def _identities(pairs: Sequence[Candidate], ids: Sequence[str], pattern: str | None) -> list[str]:
    if pattern is None:
        return [pair.identity or name for pair, name in zip(pairs, ids, strict=True)]
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        raise DataPrepError(f"--identity {pattern!r} is not a regular expression: {error}") from None
    people = []
    for pair in pairs:
        name = printable("/".join([*pair.photo.sub, pair.photo.stem]))
        matched = compiled.search(name)
        person = matched and (matched[1] if compiled.groups else matched[0])
        if not person:
            raise DataPrepError(f"--identity {pattern!r} finds no person in {name!r}: it must match every photo's name")
        people.append(person)
    return people


def _digest(pairs: Sequence[Candidate]) -> str:
    """A fingerprint of the source: names, sizes in bytes and splits of its pairs' files."""
    digest = hashlib.sha256()
    for pair in pairs:
        for picture in filter(None, (pair.sketch, pair.photo, pair.mask)):
            digest.update(f"{picture.shown}\0{files.size_of(picture.path)}\0{pair.split}\n".encode())
    return digest.hexdigest()


def _file_digest(path: str | os.PathLike | None) -> str:
    return hashlib.sha256(Path(path).read_bytes()).hexdigest() if path and Path(path).is_file() else ""


def _check_apart(tree: Tree, options: LayoutOptions, out: Path) -> None:
    inner = out.resolve()
    named = [named_folder(tree, option).resolve() for option in (options.sketches, options.photos) if option]
    for folder in (tree.root, *named):
        if inner == folder or folder in inner.parents:
            raise DataPrepError(
                f"{printable(out)}: the output folder lies in the source folder, whose pictures it would join: choose"
                " one outside of it"
            )


def _check_matches(tree: Tree, layout: str, found: Collection, strict: bool) -> None:
    """Report pictures without a partner; an error when no pair is left, or when `strict`."""
    drawn = [pair.sketch for pair in found.pairs if pair.sketch]
    lines = [
        *_lone_lines("sketch", found.lone_sketches, "photo", [pair.photo for pair in found.pairs] + found.lone_photos),
        *_lone_lines("photo", found.lone_photos, "sketch", drawn + found.lone_sketches),
    ]
    if not found.pairs:
        raise DataPrepError(
            f"{printable(tree.root)}: no pairs found with layout {layout}: a sketch and its photo need the same name"
            " (sketches and photos of different people: 'python -m data_prep unpaired')",
            "\n".join([*lines, "found:", tree.describe()]),
        )
    num_lone = len(found.lone_sketches) + len(found.lone_photos)
    if num_lone and strict:
        raise DataPrepError(
            f"{num_lone} pictures have no partner: rename or remove them, or leave --strict away", "\n".join(lines)
        )
    if num_lone:
        warn(f"{num_lone} pictures have no partner and are left out:")
        for line in lines:
            warn(line)


def _lone_lines(side: str, lone: list[Picture], other: str, partners: list[Picture]) -> list[str]:
    by_stem: dict[str, list[Picture]] = {}
    for partner in partners:
        by_stem.setdefault(partner.stem, []).append(partner)
    lines = []
    for picture in lone[:NUM_SHOWN]:
        near = names.nearest(picture.stem, list(by_stem))
        hint = f" (nearest {other}: {by_stem[near[0]][0].shown})" if near else ""
        lines.append(f"  {side} {picture.shown}: no {other} that is its own{hint}")
    if len(lone) > NUM_SHOWN:
        lines.append(f"  and {len(lone) - NUM_SHOWN} more {side} pictures")
    return lines


def _report(sources: Sequence[Source], pairs: Sequence[Candidate], recipe: Recipe, plan: SetPlan, wanted: bool) -> None:
    for source in sources:
        where = printable(source.tree.given)
        if len(sources) > 1:
            say(f"{where}: layout {source.layout}, {len(source.found.pairs)} pairs", wanted)
        for note in (*source.found.notes, *filter(None, [source.found.terms])):
            say(note, wanted)
    shown = " + ".join(printable(source.tree.given) for source in sources)
    say(f"{shown}: layout {plan.settings['layout']}, {describe_counts(plan.counts())}", wanted)
    say(f"{recipe.size_px}x{recipe.size_px} pixels, {_how(recipe)}, seed {plan.settings['seed']}", wanted)
    if not plan.counts()["test"]:
        warn("no pair is left for testing: results on training pictures say nothing about new ones")
    renamed = sum(row["id"] != pair.photo.stem for row, pair in zip(plan.rows, pairs, strict=True))
    if renamed:
        say(f"{renamed} ids are not just the photo's name, because names repeat or are not safe everywhere", wanted)
    if not recipe.styles and _look_swapped(pairs):
        ab = "ab" in plan.settings["layout"].split("+")
        hint = "give the other --sketch-side" if ab else "name the folders with --sketches and --photos"
        warn(f"the sketches are more colourful than the photos: are they the other way round? If so, {hint}")


def _how(recipe: Recipe) -> str:
    """The recipe in words."""
    own = ", each by its own" if recipe.each else ""
    parts = {
        "none": f"fit {recipe.fit}",
        "crop": f"cut at {' '.join(f'{v:g}' for v in recipe.crop)}",
        "face": f"aligned to the face ({recipe.method}, zoom {recipe.zoom:g}{own})",
    }
    how = [parts[recipe.align]]
    if recipe.styles:
        how.append(f"sketches made: {', '.join(recipe.styles)}")
    if recipe.background != "keep":
        how.append(f"background white ({recipe.background})")
    if recipe.clean:
        how.append("sketches cleaned up")
    return ", ".join(how)


def _look_swapped(pairs: Sequence[Candidate], num_read: int = 6) -> bool:
    """Whether most of a few pairs have a colourful "sketch" and a grey "photo"."""
    votes = []
    quick = Recipe(size_px=64)
    for pair in pairs[:: max(1, len(pairs) // num_read)][:num_read]:
        try:
            made = make_pair(_task(replace(pair, mask=None), quick, {}, "", 0))
        except images.ImageError:
            continue
        colour = {part: np.ptp(made[part].astype(np.int16), axis=2).mean() for part in ("sketch", "photo")}
        votes.append(colour["sketch"] > 2 * colour["photo"] + 5)
    return 2 * sum(votes) > len(votes)
