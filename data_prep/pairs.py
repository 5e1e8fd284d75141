"""From a folder of sketches and photos to a data set of square pairs."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from data_prep import names
from data_prep.errors import DataPrepError, printable
from data_prep.found import SIDES, Candidate, Collection, LayoutOptions
from data_prep.layouts import find_layout, named_folder
from data_prep.split import split_by_identity
from data_prep.tree import Picture, Tree, scan
from data_prep.write import NUM_SHOWN, SetPlan, describe_counts, dry_run_report, say, warn, write_set
from s2f_utils import images

MIN_SIDE_PX = 8  # smaller pictures hold no face
MIN_AB_ASPECT = 1.2  # narrower pictures are not two faces side by side
MAX_SIZE_PX = 4096
MAX_LISTED = 200  # names in settings.json


@dataclass(frozen=True)
class PairTask:
    """What another process needs to make one pair: the files, the sketch's half of them, size and fit."""

    sketch: str
    photo: str
    half: str
    size_px: int
    fit: str


def make_pair(task: PairTask) -> dict[str, np.ndarray]:
    """Read, cut and resize one pair: {"sketch", "photo"}, uint8 (size_px, size_px, 3).

    With fit "pad" (track B of the protocol) the pictures are centred on black; a sketch of another size than its photo
    is stretched to the photo's first, because padded apart they would no longer lie on each other.
    Raises ImageError when a picture is unusable.
    """
    photo = _load(task.photo)
    if task.half:
        sketch, photo = _halves(photo, task)
    else:
        sketch = _load(task.sketch)
    if task.fit == "pad" and sketch.shape != photo.shape:
        size = (photo.shape[1], photo.shape[0])
        sketch = np.asarray(Image.fromarray(sketch).resize(size, Image.Resampling.BICUBIC))
    pair = {"sketch": sketch, "photo": photo}
    made = {part: images.resize(image, task.size_px, task.fit, fill=(0, 0, 0)) for part, image in pair.items()}
    if task.fit == "pad":  # scores are taken inside of this box (track B)
        made["content"] = images.content_box(photo.shape[:2], task.size_px)
    return made


def _load(path: str) -> np.ndarray:
    try:
        image = images.load_rgb(path)
    except images.ImageError:
        raise
    except Exception as error:  # a damaged file can fail anywhere in its decoder, and must not end the run
        raise images.ImageError(f"{path}: cannot be read ({error or type(error).__name__})") from None
    height, width = image.shape[:2]
    if min(height, width) < MIN_SIDE_PX:
        raise images.ImageError(f"{path}: {width}x{height} pixels are too few for a face")
    return image


def _halves(image: np.ndarray, task: PairTask) -> tuple[np.ndarray, np.ndarray]:
    """The sketch and the photo of an AB image; the middle column of an odd width belongs to neither."""
    height, width = image.shape[:2]
    if width < MIN_AB_ASPECT * height:
        raise images.ImageError(f"{task.photo}: {width}x{height} pixels are not two pictures side by side")
    left, right = image[:, : width // 2], image[:, width - width // 2 :]
    return (left, right) if task.half == "left" else (right, left)


def make_pairs(
    src: str | os.PathLike,
    out: str | os.PathLike,
    layout: str | None = None,
    size_px: int = 256,
    fit: str = "stretch",
    *,
    sketches: str | None = None,
    photos: str | None = None,
    sketch_side: str = "left",
    test_share: float | None = None,
    val_share: float | None = None,
    seed: int = 0,
    identity: str | None = None,
    strict: bool = False,
    workers: int | None = None,
    dry_run: bool = False,
    progress: bool = True,
) -> Path:
    """Make a data set of the pairs in `src`: square PNGs and a manifest in the folder `out`.

    layout: a name of `data_prep.layouts.LAYOUTS`; None: recognised.
    size_px, fit: height and width of the pictures, and how they get there: "stretch" (the protocol's track A) or "pad"
        with black (track B).
    sketches, photos: the two folders of pairs, inside `src` or anywhere, where their names do not say what they are.
    sketch_side: which half of an AB image is the sketch, "left" or "right".
    test_share, val_share, seed: as in `split_by_identity`. A split that the source brings is kept.
    identity: a regular expression; what its first group matches in a photo's path below its folder, without suffix,
        names the person. None: as the layout knows it, else each pair is somebody else.
    strict: pictures without a partner are an error, not a warning.
    workers: processes; None: one a core. dry_run: say what would be done, write nothing.
    progress: show the bar and say what is done.

    Returns the manifest's path. What an interrupted call left is gone on with. Raises DataPrepError (a ValueError)
    when the source or an option is unusable, and OSError when the disk is full or may not be written.
    """
    _check_options(size_px, fit, sketch_side)
    options = LayoutOptions(sketches, photos, sketch_side)
    out, tree = Path(out), scan(src)
    _check_apart(tree, options, out)
    chosen = find_layout(tree, layout, options)
    found = chosen.collect(tree, options)
    _check_matches(tree, chosen.name, found, strict)
    settings = {
        "layout": chosen.name,
        "source": printable(tree.root.name),
        "source_digest": _digest(found.pairs, tree.root),
        "size_px": size_px,
        "fit": fit,
        "sketch_side": sketch_side if chosen.name == "ab" else "",
        "test_share": test_share,
        "val_share": val_share,
        "identity": identity,
        "seed": seed,
    }
    plan = _plan(found, settings)
    _report(chosen.name, tree, found, plan, progress or dry_run)
    if dry_run:
        return dry_run_report(out, plan)
    return write_set(out, plan, workers=workers, progress=progress)


def _plan(found: Collection, settings: dict[str, Any]) -> SetPlan:
    pairs = found.pairs
    ids = names.unique_ids([pair.photo.stem for pair in pairs], [pair.qualifiers for pair in pairs])
    people = _identities(pairs, ids, settings["identity"])
    rows = [
        {"id": name, "identity": person, "split": pair.split, "source": printable(pair.source)}
        for name, person, pair in zip(ids, people, pairs, strict=True)
    ]
    shares = {"test": settings["test_share"], "val": settings["val_share"]}
    for row, split in zip(rows, split_by_identity(rows, shares, settings["seed"]), strict=True):
        row["split"] = split
    tasks = [
        PairTask(str(pair.sketch.path), str(pair.photo.path), pair.half, settings["size_px"], settings["fit"])
        for pair in pairs
    ]
    lone = [picture.shown for picture in (*found.lone_sketches, *found.lone_photos)]
    return SetPlan(rows, tasks, make_pair, ("sketch", "photo"), settings, {"unmatched": sorted(lone)[:MAX_LISTED]})


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


def _digest(pairs: Sequence[Candidate], root: Path) -> str:
    """A fingerprint of the source: names, sizes in bytes and splits of its pairs' files."""
    digest = hashlib.sha256()
    for pair in pairs:
        for picture in (pair.sketch, pair.photo):
            size = picture.path.stat().st_size if picture.path.exists() else -1
            digest.update(f"{picture.shown}\0{size}\0{pair.split}\n".encode())
    return digest.hexdigest()


def _check_options(size_px: int, fit: str, sketch_side: str) -> None:
    if fit not in images.FITS:
        raise DataPrepError(f"--fit must be one of {', '.join(images.FITS)}, got {fit!r}")
    if sketch_side not in SIDES:
        raise DataPrepError(f"--sketch-side must be left or right, got {sketch_side!r}")
    if not MIN_SIDE_PX <= size_px <= MAX_SIZE_PX:
        raise DataPrepError(f"--size must be from {MIN_SIDE_PX} to {MAX_SIZE_PX} pixels, got {size_px}")


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
    lines = [
        *_lone_lines("sketch", found.lone_sketches, "photo", [pair.photo for pair in found.pairs] + found.lone_photos),
        *_lone_lines("photo", found.lone_photos, "sketch", [pair.sketch for pair in found.pairs] + found.lone_sketches),
    ]
    if not found.pairs:
        raise DataPrepError(
            f"{printable(tree.root)}: no pairs found with layout {layout}: a sketch and its photo need the same name",
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
        hint = f" (nearest {other}: {by_stem[near][0].shown})" if near else ""
        lines.append(f"  {side} {picture.shown}: no {other} that is its own{hint}")
    if len(lone) > NUM_SHOWN:
        lines.append(f"  and {len(lone) - NUM_SHOWN} more {side} pictures")
    return lines


def _report(layout: str, tree: Tree, found: Collection, plan: SetPlan, wanted: bool) -> None:
    settings = plan.settings
    say(f"{printable(tree.given)}: layout {layout}, {describe_counts(plan.counts())}", wanted)
    for note in found.notes:
        say(note, wanted)
    say(f"{settings['size_px']}x{settings['size_px']} pixels, fit {settings['fit']}, seed {settings['seed']}", wanted)
    counts = plan.counts()
    if not counts["test"]:
        warn("no pair is left for testing: results on training pictures say nothing about new ones")
    renamed = sum(row["id"] != pair.photo.stem for row, pair in zip(plan.rows, found.pairs, strict=True))
    if renamed:
        say(f"{renamed} ids are not just the photo's name, because names repeat or are not safe everywhere", wanted)
    if _look_swapped(found.pairs):
        hint = "give the other --sketch-side" if layout == "ab" else "name the folders with --sketches and --photos"
        warn(f"the sketches are more colourful than the photos: are they the other way round? If so, {hint}")


def _look_swapped(pairs: Sequence[Candidate], num_read: int = 6) -> bool:
    """Whether most of a few pairs have a colourful "sketch" and a grey "photo"."""
    votes = []
    for pair in pairs[:: max(1, len(pairs) // num_read)][:num_read]:
        try:
            made = make_pair(PairTask(str(pair.sketch.path), str(pair.photo.path), pair.half, 64, "stretch"))
        except images.ImageError:
            continue
        colour = {part: np.ptp(image.astype(np.int16), axis=2).mean() for part, image in made.items()}
        votes.append(colour["sketch"] > 2 * colour["photo"] + 5)
    return 2 * sum(votes) > len(votes)
