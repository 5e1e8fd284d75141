"""The faces that a notebook trains with: generated people, unless others are asked for."""

from __future__ import annotations

import csv
import os
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np

from data_prep import make_people, people
from data_prep.fetch import download
from data_prep.fetch.transfer import Original
from data_prep.make.face_maps import map_of
from data_prep.make.people_set import BY_HAND, read_rows
from data_prep.make.portraits import (
    LABELS,
    SIZE_PX,
    PortraitFile,
    PortraitSet,
    digest_of,
    read_portraits,
)
from data_prep.make.profiles import profile_of
from data_prep.make.synthetic_set import make_synthetic
from data_prep.make.write import MASK, PHOTO, SKETCH, Item, Prepared, SetPlan, write_set
from data_prep.messages import describe_counts, printable, say
from data_prep.procedural_faces.synthetic import draw_face
from s2f_series import project_sets
from s2f_utils.data import DataError, read_manifest
from s2f_utils.pictures import faces, images, masks, sketches
from s2f_utils.weights import cache_folder

PEOPLE = "people"
RAW_CHOICES = ("auto", "portraits", "drawn")
CHOICES = (PEOPLE, *RAW_CHOICES)
# governors' portraits may have other owners: they are not shown in notebooks
SHOWN = ("senate-", "house-")
CREDIT = "portraits of US senators and representatives, © 2017 Civil Services, MIT licence"
ENOUGH = 300  # portraits in a folder that is taken for the collection
UNSEEN = "unseen"
SPLITS_OF = {UNSEEN: ("test", "val")}
# Of test and validation people, in earlier training sets.
SEEN = Path(__file__).with_name("seen_portraits.txt")
SEEDS = {"train": 8, "val": 7, "test": 9, UNSEEN: 9}  # of drawn faces


def wants_portraits(data: str, profile: str | None) -> bool:
    """Whether portraits are looked for. The profile "fast" needs no network, unless asked to."""
    return data == "portraits" or (data == "auto" and profile_of(profile)[0] != "fast")


def make_default(
    out: str | os.PathLike,
    data: str | os.PathLike = PEOPLE,
    *,
    profile: str | None = None,
    num: int | None = None,
    style: str | None = None,
    maps: bool = False,
    progress: bool = True,
) -> Path:
    """The set that a notebook trains with, made in the folder `out` unless `data` is one;
    its manifest's path.

    data: "people", the generated people that come with `data_prep`, with drawings and label maps;
    "portraits", of 541 US senators and representatives; "drawn", faces drawn by code; "auto":
    portraits where they can be had, else drawn; "NAME:FOLDER", one of the projects' data sets
    (`project_sets.ALIGN` has the names) in a folder or an archive, of which `data_prep` makes
    pairs; or a folder with a manifest.csv, which is taken as it is. Portraits are looked for in the
    folder that S2F_PORTRAITS names and in the cache, and are then downloaded into the cache (35 MB,
    terms shown first). In the profile "fast", "auto" is "drawn", so that tests need no network.
    profile: gives the size in pixels, as of `make_people`. num: how many people, or drawn faces,
    at most; None: the profile's. style: how they are sketched; None: people as by hand, portraits
    by a pencil filter, and a named set's photos only where it has no sketches. maps: label maps of
    portraits as well, as of `face_maps.map_of`; people and drawn faces always have them.

    Says in one line what it took. Raises DataError where `data` is none of these, a set's folder is
    not there, or portraits are asked for and cannot be had.
    """
    out, (name, chosen) = Path(out), profile_of(profile)
    size_px = chosen["size_px"]
    if project_sets.is_named(str(data)):
        return project_sets.make_named(str(data), out, size_px, style, progress=progress)
    if str(data) not in CHOICES:
        return _manifest_in(Path(data))
    if data == PEOPLE:
        say("data: generated people, who come with data_prep")
        sketched = {"sketches": style or BY_HAND, "profile": name, "progress": progress}
        return make_people(out / PEOPLE, _at_most_all(num), **sketched)
    reason = "asked for" if data == "drawn" else "the profile 'fast' needs no network"
    if wants_portraits(str(data), name):
        try:
            folder = portraits_folder(progress=progress)
        except (DataError, OSError) as error:
            if data == "portraits":
                raise
            reason = f"the portraits cannot be had: {error}"
        else:
            style = style or "pencil"
            say(f"data: {CREDIT}; their sketches are made from them ({style})")
            out = out / ("portraits-with-maps" if maps else "portraits")
            return make_portraits(folder, out, size_px, style, maps=maps, progress=progress)
    say(f"data: faces drawn by code ({reason})")
    return make_synthetic(out / "drawn", num, profile=name, progress=progress)


def default_photos(
    num: int,
    data: str | os.PathLike = PEOPLE,
    *,
    size_px: int = SIZE_PX,
    profile: str | None = None,
    split: str = "test",
) -> np.ndarray:
    """Aligned photos of a split's people, each once: uint8 (n, size_px, size_px, 3).

    data, profile: as of `make_default`, whose splits these are, but for a named set: give the
    folder that `make_default` made of it. Only the portraits that are shown are fetched. split:
    "train", "val", "test" (docs/data.md: which models have seen some), or "unseen": test people,
    then validation people, of portraits without those of whom the first part of restorer-256, or
    photo-to-sketch, has seen a photo. n is smaller than `num` where there are fewer. Says what it
    took. Raises ValueError for another split, and what `make_default` raises.
    """
    if split not in SEEDS:
        raise ValueError(f"split must be one of {', '.join(SEEDS)}, got {split!r}")
    splits = SPLITS_OF.get(split, (split,))
    if data == PEOPLE:
        say("photos: generated people, who come with data_prep")
        most = _at_most_all(num)
        found = [people(most, split=part, size_px=size_px).pictures for part in splits]
        return np.concatenate(found)[:num]
    if str(data) not in CHOICES:
        manifest = read_manifest(_manifest_in(Path(data)))
        rows = [row for part in splits for row in manifest.split(part) if row.photo]
        paths = list(dict.fromkeys(row.photo for row in rows))[:num]
        photos = [images.load_rgb(path) for path in paths]
        return _stacked(photos, size_px)
    if wants_portraits(str(data), profile):
        names = _names_of(splits, unseen=split == UNSEEN)
        try:
            folder = _some_portraits(names[:num])
        except (DataError, OSError):
            if data == "portraits":
                raise
        else:
            say(f"photos: {CREDIT}")
            known = {entry.name: entry for entry in _shown(read_portraits(folder))}
            entries = [known[name] for name in names if name in known][:num]
            return _stacked([portrait.photo for portrait in PortraitSet(entries)], size_px)
    say("photos: faces drawn by code")
    photos = []
    for index in range(num):
        face = draw_face(index, size_px=SIZE_PX, seed=SEEDS[split])
        photos.append(faces.warp(face.photo, faces.alignment(face.landmarks, size_px), size_px))
    return np.stack(photos)


def _at_most_all(num: int | None) -> int | None:
    """So many people, or as many as there are."""
    return None if num is None else min(num, len(read_rows()))


def _names_of(splits: Sequence[str], *, unseen: bool) -> list[str]:
    """The portraits of these splits, one split after the other, by name. unseen: without those of
    `SEEN`.
    """
    lines = SEEN.read_text(encoding="utf-8").splitlines() if unseen else []
    left_out = {line for line in lines if not line.startswith("#")}
    with open(LABELS, newline="", encoding="utf-8-sig") as file:
        split_of = {row["name"]: row["split"] for row in csv.DictReader(file)}
    shown = sorted(Path(file.name).stem for file in shown_files())
    names = []
    for split in splits:
        names += [name for name in shown if split_of.get(name) == split and name not in left_out]
    return names


def _stacked(photos: Sequence[np.ndarray], size_px: int) -> np.ndarray:
    return np.stack([images.resize(photo, size_px) for photo in photos])


def _some_portraits(names: Sequence[str]) -> Path:
    """A folder with at least these portraits."""
    wanted = [file for file in shown_files() if Path(file.name).stem in set(names)]
    return portraits_folder(wanted, progress=False)


def _manifest_in(data: Path) -> Path:
    manifest = data / "manifest.csv" if data.is_dir() else data
    if not manifest.is_file():
        raise DataError(
            f"DATA is {printable(data)}, where no manifest.csv is: give {', '.join(CHOICES)}, a set"
            f" and its folder ({', '.join(project_sets.ALIGN)}, such as cufs:FOLDER), or a folder"
            " made by 'python -m data_prep pairs'"
        )
    return manifest


def shown_files() -> list[Original]:
    """The portraits that are shown in notebooks."""
    return [file for file in download.portrait_files() if file.name.startswith(SHOWN)]


def _shown(entries: Sequence[PortraitFile]) -> list[PortraitFile]:
    return [entry for entry in entries if entry.name.startswith(SHOWN)]


def portraits_folder(wanted: Sequence[Original] | None = None, *, progress: bool = True) -> Path:
    """The folder with these portraits, None: all: S2F_PORTRAITS, the cache, or the cache after a
    download.

    Raises DataError where the folder named holds no portraits, or they cannot be fetched.
    """
    chosen = os.environ.get("S2F_PORTRAITS")
    if not chosen:
        folder = cache_folder() / "portraits"
        return download.fetch_missing(wanted or shown_files(), folder, progress=progress)
    if sum(path.name.startswith(SHOWN) for path in Path(chosen).glob("*")) < ENOUGH:
        raise DataError(
            f"S2F_PORTRAITS={chosen}: the portraits are not there: name their folder, or unset it"
        )
    return Path(chosen)


def make_portraits(
    folder: str | os.PathLike,
    out: str | os.PathLike,
    size_px: int = 128,
    style: str = "pencil",
    *,
    maps: bool = False,
    progress: bool = True,
) -> Path:
    """Pairs of the portraits in `folder`, aligned, with a sketch made from each, and with label
    maps where `maps` is true: squares and a manifest in `out`.

    Splits are those of the open portraits, by person. photo-to-sketch and restorer-256 learned
    before 42 photos became test photos. Returns the manifest's path. Raises DataError.
    """
    if style not in sketches.STYLES:
        raise DataError(f"there is no style {style!r}: the styles are {', '.join(sketches.STYLES)}")
    entries = _shown(read_portraits(Path(folder)))
    parts = (SKETCH, PHOTO, MASK) if maps else (SKETCH, PHOTO)
    items = []
    for entry in entries:
        row = {"split": entry.split, "id": entry.name, "identity": entry.name}
        items.append(Item(row | {"source": "portraits"}, entry, parts))
    settings = {
        "layout": "portraits",
        "source": "portraits",
        "size_px": size_px,
        "fit": "",
        "style": style,
        "source_digest": digest_of(entries),
    }
    if maps:
        settings["maps"] = True
    notes = {"terms": [download.SETS["portraits"].terms]}
    make = partial(_pictures, size_px=size_px, style=style, maps=maps)
    plan = SetPlan(items, make, settings, notes)
    say(f"{describe_counts(plan.counts())}: portraits of {size_px}x{size_px} pixels", progress)
    return write_set(Path(out), plan, progress=progress)


def _pictures(entry: PortraitFile, size_px: int, style: str, maps: bool) -> Prepared:
    one = PortraitSet([entry])
    portrait = one.segmented(0) if maps else one[0]
    sketch = sketches.make_sketch(portrait.photo, style)
    sketch = images.resize(np.repeat(sketch[..., None], 3, axis=2), size_px)[..., 0]
    made = {SKETCH: sketch, PHOTO: images.resize(portrait.photo, size_px)}
    if maps:
        made[MASK] = masks.resize(map_of(portrait), size_px)
    return Prepared(made)
