"""The faces that a notebook trains with: portraits with made sketches where they can be had, else
drawn faces.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np

from data_prep.errors import DataPrepError, printable
from data_prep.fetch import download
from data_prep.make.face_maps import map_of
from data_prep.make.portraits import OUR_LABELS, SIZE_PX, Gallery, Sitter, digest_of, sitters_of
from data_prep.make.synthetic_set import make_synthetic, profile_of
from data_prep.make.write import SetPlan, describe_counts, write_set
from data_prep.messages import say
from data_prep.procedural_faces.synthetic import draw_face
from s2f_utils.data import read_manifest
from s2f_utils.pictures import faces, images, masks, sketches
from s2f_utils.weights import cache_folder

CHOICES = ("auto", "portraits", "drawn")
SHOWN = (
    "senate-",
    "house-",
)  # governors' portraits may have other owners: they are not shown in notebooks
CREDIT = "portraits of US senators and representatives, © 2017 Civil Services, MIT licence"
ENOUGH = 300  # portraits in a folder that is taken for the collection


def make_default(
    out: str | os.PathLike,
    data: str | os.PathLike = "auto",
    *,
    profile: str | None = None,
    num: int | None = None,
    style: str = "pencil",
    maps: bool = False,
    progress: bool = True,
) -> Path:
    """The set that a notebook trains with, made in the folder `out` unless `data` is one; its
    manifest's path.

    data: "portraits", of 541 US senators and representatives, with sketches made from them
    (`style`, of `sketches.STYLES`); "drawn", faces drawn by code; "auto": portraits where they can
    be had, else drawn; or a folder with a manifest.csv, which is taken as it is. Portraits are
    looked for in the folder that S2F_PORTRAITS names and in the cache, and are then downloaded into
    the cache (35 MB, terms shown first). In the profile "fast", "auto" is "drawn", so that tests
    need no network. profile: gives the size in pixels, as of `make_synthetic`.
    num: how many faces are drawn where faces are drawn; None: the profile's. maps: label maps as
    well, as of `face_maps.map_of` for portraits; drawn faces always have them.

    Says in one line what it took. Raises DataPrepError where `data` is none of these, or portraits
    are asked for and cannot be had.
    """
    out, (name, chosen) = Path(out), profile_of(profile)
    if str(data) not in CHOICES:
        return _given(Path(data))
    why = "asked for"
    if data == "portraits" or (data == "auto" and name != "fast"):
        try:
            folder = portraits_folder(progress=progress)
        except (DataPrepError, OSError) as error:
            if data == "portraits":
                raise
            why = f"the portraits cannot be had: {error}"
        else:
            say(f"data: {CREDIT}; their sketches are made from them ({style})")
            out = out / ("portraits-with-maps" if maps else "portraits")
            return make_portraits(
                folder, out, chosen["size_px"], style, maps=maps, progress=progress
            )
    elif data == "auto":
        why = "the profile 'fast' needs no network"
    say(f"data: faces drawn by code ({why})")
    return make_synthetic(out / "drawn", num, profile=name, progress=progress)


def default_photos(
    num: int,
    data: str | os.PathLike = "auto",
    *,
    size_px: int = SIZE_PX,
    profile: str | None = None,
) -> np.ndarray:
    """A few aligned photos of test people (docs/data.md: which models have seen some): uint8 (n,
    size_px, size_px, 3).

    data, profile: as of `make_default`, whose test split they are from; only the portraits that are
    shown are fetched. n is smaller than `num` where a folder's test split is. Says what it took,
    and raises what `make_default` raises.
    """
    if str(data) not in CHOICES:
        rows = [row for row in read_manifest(_given(Path(data))).split("test") if row.photo][:num]
        return np.stack([images.resize(images.load_rgb(row.photo), size_px) for row in rows])
    if data == "portraits" or (data == "auto" and profile_of(profile)[0] != "fast"):
        try:
            folder = _some_portraits(num)
        except (DataPrepError, OSError):
            if data == "portraits":
                raise
        else:
            say(f"photos: {CREDIT}")
            shown = [
                one
                for one in sitters_of(folder)
                if one.name.startswith(SHOWN) and one.split == "test"
            ]
            return np.stack(
                [images.resize(portrait.photo, size_px) for portrait in Gallery(shown[:num])]
            )
    say("photos: faces drawn by code")
    drawn = [draw_face(index, size_px=SIZE_PX, seed=9) for index in range(num)]
    return np.stack(
        [
            faces.warp(face.photo, faces.alignment(face.landmarks, size_px), size_px)
            for face in drawn
        ]
    )


def _some_portraits(num: int) -> Path:
    """A folder with at least the first `num` portraits of the test split: S2F_PORTRAITS, or the
    cache.
    """
    with open(OUR_LABELS, newline="", encoding="utf-8-sig") as file:
        tested = {row["name"] for row in csv.DictReader(file) if row["split"] == "test"}
    wanted = [
        file
        for file in sorted(shown_files(), key=lambda file: file.name)
        if Path(file.name).stem in tested
    ]
    return portraits_folder(wanted[:num], progress=False)


def _given(data: Path) -> Path:
    manifest = data / "manifest.csv" if data.is_dir() else data
    if not manifest.is_file():
        raise DataPrepError(
            f"DATA is {printable(data)}, where no manifest.csv is: give {', '.join(CHOICES)}, or a folder made by"
            " 'python -m data_prep pairs'"
        )
    return manifest


def shown_files() -> list[download.Published]:
    """The portraits that are shown in notebooks."""
    return [file for file in download.portrait_files() if file.name.startswith(SHOWN)]


def portraits_folder(
    wanted: Sequence[download.Published] | None = None, *, progress: bool = True
) -> Path:
    """The folder with these portraits, None: all: S2F_PORTRAITS, the cache, or the cache after a
    download.

    Raises DataPrepError where the folder named holds no portraits, or they cannot be fetched.
    """
    if chosen := os.environ.get("S2F_PORTRAITS"):
        if sum(path.name.startswith(SHOWN) for path in Path(chosen).glob("*")) < ENOUGH:
            raise DataPrepError(
                f"S2F_PORTRAITS={chosen}: the portraits are not there: name their folder, or unset it"
            )
        return Path(chosen)
    return download.fetch_missing(
        wanted or shown_files(), cache_folder() / "portraits", progress=progress
    )


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
    maps where `maps` is
    true: squares and a manifest in `out`.

    Splits are those of the open portraits, by person. photo-to-sketch and restorer-256 learned
    before 42 photos became test photos. Returns the manifest's path. Raises DataPrepError.
    """
    if style not in sketches.STYLES:
        raise DataPrepError(
            f"there is no style {style!r}: the styles are {', '.join(sketches.STYLES)}"
        )
    sitters = [sitter for sitter in sitters_of(Path(folder)) if sitter.name.startswith(SHOWN)]
    rows = [
        {"split": one.split, "id": one.name, "identity": one.name, "source": "portraits"}
        for one in sitters
    ]
    settings = {
        "layout": "portraits",
        "source": "portraits",
        "size_px": size_px,
        "fit": "",
        "style": style,
        "source_digest": digest_of(sitters),
        **({"maps": True} if maps else {}),
    }
    notes = {"terms": [download.SETS["portraits"].terms]}
    parts = ("sketch", "photo", "mask") if maps else ("sketch", "photo")
    make = partial(_pictures, size_px=size_px, style=style, maps=maps)
    plan = SetPlan(rows, sitters, make, parts, settings, notes)
    say(f"{describe_counts(plan.counts())}: portraits of {size_px}x{size_px} pixels", progress)
    return write_set(Path(out), plan, progress=progress)


def _pictures(sitter: Sitter, size_px: int, style: str, maps: bool) -> dict[str, np.ndarray]:
    portrait = Gallery([sitter]).cut_out(0) if maps else Gallery([sitter])[0]
    drawn = sketches.make_sketch(portrait.photo, style)
    small = images.resize(np.repeat(drawn[..., None], 3, axis=2), size_px)
    out = {"sketch": small[..., 0], "photo": images.resize(portrait.photo, size_px)}
    return out | ({"mask": masks.resize(map_of(portrait), size_px)} if maps else {})
