"""Data sets that have names: FS2K, Person Face Sketches, CelebAMask-HQ's photos."""

from __future__ import annotations

import json
import re
from pathlib import Path

from data_prep import files
from data_prep.errors import DataPrepError, printable
from data_prep.sources import names
from data_prep.sources.found import Candidate, Collection, LayoutOptions
from data_prep.sources.sides import with_made
from data_prep.sources.tree import PARTS_FOLDER, Picture, Tree
from s2f_utils.data import COLUMNS, DataError, read_manifest

FS2K_TERMS = "FS2K: for research; see its repository (DengPingFan/FS2K)"
CELEBA_TERMS = "CelebAMask-HQ: for non-commercial research and education; the photos belong to others"
PFS_TERMS = "Person Face Sketches: made from CelebAMask-HQ photos, whose terms hold; see its Kaggle page"

_FS2K_FOLDER = re.compile(r"^(?:photo|sketch)(\d)$")
_FS2K_NAME = re.compile(r"^(?:image|sketch)(\d{4})$")
_CELEBA_FOLDER = "CelebA-HQ-img"
_CELEBA_MAPPING = "CelebA-HQ-to-CelebA-mapping.txt"
# Where CelebA's official partition begins with validation and with testing, by CelebA's own numbers.
CELEBA_VAL, CELEBA_TEST = 162_771, 182_638


def read_text(tree: Tree, name: str) -> str | None:
    """A text file of this name in the source or up to two folders below it, or beside the source; None if not there."""
    if tree.root.is_dir():
        for pattern in (name, f"*/{name}", f"*/*/{name}", f"../{name}"):
            for path in sorted(tree.root.glob(pattern)):
                return path.read_text(encoding="utf-8", errors="replace")
        return None
    for inside in sorted(files.open_archive(tree.given).namelist(), key=len):
        if Path(inside).name == name and "__MACOSX" not in inside:
            return files.open_archive(tree.given).read(inside).decode("utf-8", errors="replace")
    return None


def _fs2k_key(picture: Picture) -> tuple[str, str] | None:
    """(batch, number) of an FS2K picture: photo1/image0001 and sketch1/sketch0001 are ("1", "0001")."""
    folder = _FS2K_FOLDER.match(picture.folder[-1].casefold()) if picture.folder else None
    name = _FS2K_NAME.match(picture.stem.casefold())
    return (folder[1], name[1]) if folder and name else None


def is_fs2k(tree: Tree) -> bool:
    """Whether most pictures lie in photo1 … sketch3 under FS2K's names."""
    return 2 * sum(_fs2k_key(picture) is not None for picture in tree.pictures) > len(tree.pictures)


def collect_fs2k(tree: Tree, options: LayoutOptions) -> Collection:
    """Pair photo1/image0001 with sketch1/sketch0001; the split is that of anno_train.json and anno_test.json."""
    sides: dict[str, list[Picture]] = {"photo": [], "sketch": []}
    for picture in tree.pictures:
        if _fs2k_key(picture):
            sides["sketch" if picture.folder[-1].casefold().startswith("sketch") else "photo"].append(picture)
    split_of: dict[tuple[str, str], str] = {}
    for split in ("train", "test"):
        text = read_text(tree, f"anno_{split}.json")
        if text is None:
            continue
        try:
            entries = json.loads(text)
            listed = [str(entry["image_name"]).casefold() for entry in entries] if isinstance(entries, list) else []
        except (ValueError, KeyError, TypeError):
            listed = []
        if not listed:
            raise DataPrepError(
                f"{printable(tree.root)}: anno_{split}.json is not FS2K's list of pictures: download it again"
            ) from None
        for name in listed:
            found = re.match(r"^(?:.*/)?photo(\d)/image(\d{4})", name)
            if found:
                split_of[found[1], found[2]] = split
    pairs, lone_sketches, lone_photos = names.match(sides["sketch"], sides["photo"], [_fs2k_key])
    found = Collection([], lone_sketches, lone_photos, terms=FS2K_TERMS)
    for sketch, photo in sorted(with_made(pairs, found, options), key=lambda pair: _fs2k_key(pair[1])):
        batch, number = _fs2k_key(photo)
        found.pairs.append(
            Candidate(
                sketch, photo, f"fs2k/style{batch}", split_of.get((batch, number), ""),
                f"fs2k-{batch}-{number}", qualifiers=(f"photo{batch}",),
            )
        )  # fmt: skip
    if split_of:
        found.notes.append("the split is the official one of anno_train.json and anno_test.json")
    else:
        found.notes.append("no anno_train.json and anno_test.json here: the split is drawn, not the official one")
    return found


def is_person_face_sketches(tree: Tree) -> bool:
    """Whether a folder called like the Kaggle set, or one above it, has train/photos and train/sketches."""
    spoken = {word for part in tree.root.parts for word in names.words(part)}
    tops = {picture.folder[:2] for picture in tree.pictures if len(picture.folder) >= 2}
    return {"person", "face", "sketches"} <= spoken and {("train", "photos"), ("train", "sketches")} <= tops


def is_celeba(tree: Tree) -> bool:
    """Whether there is a folder CelebA-HQ-img with numbered pictures."""
    return any(_CELEBA_FOLDER in (*picture.folder, tree.root.name) for picture in tree.pictures)


def collect_celeba(tree: Tree, options: LayoutOptions) -> Collection:
    """CelebAMask-HQ's photos, by number; the split is CelebA's, by the mapping file. Sketches are made from them."""
    found = Collection([], terms=CELEBA_TERMS)
    photos = [
        picture
        for picture in tree.pictures
        if picture.stem.isdigit() and _CELEBA_FOLDER in (tree.root.name, *picture.folder)
    ]
    split_of: dict[int, str] = {}
    for line in (read_text(tree, _CELEBA_MAPPING) or "").splitlines()[1:]:
        columns = line.split()
        if len(columns) >= 2 and columns[0].isdigit() and columns[1].isdigit():
            original = int(columns[1])
            split_of[int(columns[0])] = (
                "train" if original < CELEBA_VAL else "val" if original < CELEBA_TEST else "test"
            )
    for photo in sorted(photos, key=lambda picture: int(picture.stem)):
        number = int(photo.stem)
        folder, inside = tree.parts.get(number, (None, ()))
        mask = folder and Picture(folder / f"{number:05d}{files.ALL_PARTS}", inside, "mask")
        found.pairs.append(
            Candidate(None, photo, "celebamask-hq", split_of.get(number, ""), f"celeba-hq-{number}", mask=mask)
        )
    if tree.parts and (lacking := sum(pair.mask is None for pair in found.pairs)):
        found.notes.append(f"{lacking} photos have no parts in {PARTS_FOLDER}: no maps are written")
    if split_of:
        found.notes.append(f"the split is CelebA's, by {_CELEBA_MAPPING}")
    else:
        found.notes.append(f"no {_CELEBA_MAPPING} here: the split is drawn, not CelebA's, and may divide people")
    return found


def is_photos(tree: Tree) -> bool:
    """Whether there are pictures, and no folder of them says that it holds sketches."""
    return any(picture.side != "mask" for picture in tree.pictures) and not tree.on_side("sketch")


def is_dataset(tree: Tree) -> bool:
    """Whether data_prep made this folder, or the one folder in it: it has a manifest with the documented columns."""
    if len(tree.manifests) != 1:
        return False
    head = files.read_bytes(tree.manifests[0])[:200].decode("utf-8-sig", errors="replace").splitlines()
    return bool(head) and set(COLUMNS) <= set(head[0].strip().split(","))


def collect_dataset(tree: Tree, options: LayoutOptions) -> Collection:
    """The pairs of a data set as its manifest has them, with split and identity: to align, resize or merge it anew."""
    if not tree.root.is_dir():
        raise DataPrepError(
            f"{printable(tree.given)}: holds a data set with a manifest.csv: unpack it, give the folder"
        )
    try:
        manifest = read_manifest(tree.manifests[0])
    except DataError as error:
        raise DataPrepError(str(error)) from None

    def picture(path: Path | None, side: str) -> Picture | None:
        return path and Picture(path, path.parent.relative_to(manifest.path.parent).parts, side)

    found = Collection([])
    once: set[Path] = set()
    for pair in manifest.pairs:
        if not pair.photo or (options.made and pair.photo in once):
            continue  # of a photo with several sketches, one is enough to make others from
        once.add(pair.photo)
        sketch, photo, mask = (picture(getattr(pair, side), side) for side in ("sketch", "photo", "mask"))
        name = photo.stem if options.made else pair.id
        found.pairs.append(Candidate(sketch, photo, pair.source, pair.split, pair.identity, mask=mask, id=name))
    return found
