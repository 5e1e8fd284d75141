"""The data of the trained lessons (pix2pix-128, …): open portraits in colour, aligned to the face,
with made sketches.

`python -m tools.shipped.lesson_data PORTRAITS OUT`, PORTRAITS as `python -m data_prep download
open-portraits PORTRAITS` leaves it. Writes OUT/manifest.csv with a pencil, an ink and a contour
sketch of each photo, OUT/manifest-photos.csv with each photo once, for methods that learn from
photos alone, and OUT/manifest-sharp.csv with the sharp ones of these. With `--maps`, for pSp, each
photo has a map of its parts (data_prep/make/face_maps.py) and a pencil sketch, and
OUT/manifest-plain.csv has training people before plain walls, as the generator learned them, and
those with closed mouths, four of ten, twice; OUT/manifest-hand.csv has these rows and drawings as
by hand. People keep the split that all shipped models share.
"""

from __future__ import annotations

import argparse
import csv
import tempfile
from pathlib import Path

import cv2
import numpy as np
from PIL import Image
from tqdm import tqdm

from data_prep import Recipe, make_pairs
from data_prep.hand_sketches.drawing import scribble
from data_prep.make.face_maps import map_of
from data_prep.make.portraits import PortraitFile, PortraitSet
from data_prep.make.write import write_manifest
from s2f_utils.pictures import faces, images, mesh
from s2f_utils.pictures.masks import CLASSES
from tools.shipped.portraits import portraits_in
from tools.shipped.walls import plain

STYLES = ("pencil", "xdog", "contour")
# Share of a map between the lips: .0007 to .001 where they are closed, else mostly .0025 or more.
CLOSED = 0.0016
# least distance of the eyes in a portrait that a restorer learns from; aligned to 256 px they have
# 63
SHARP_PX = 55
# more drawings of each person with glasses, who are one of six
GLASSES_MORE = 2


def make(portraits: Path, out: Path, size_px: int = 256, maps: bool = False) -> None:
    """Write the data set."""
    entries = [one for one in portraits_in(portraits) if one.labels.get("colour") != "grey"]
    how = {"align": "face", "styles": STYLES}
    if maps:
        how = {"styles": STYLES[:1]}
    recipe = Recipe(layout="photos", size_px=size_px, identity="^([^_]+)_", **how)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary, "open-portraits")  # the manifest's source
        if maps:
            write_maps(entries, folder)
        else:
            link(entries, folder)
        manifest = make_pairs(folder, out, recipe)
    with open(manifest, newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    if maps:
        rows = [before_plain_wall(row, out) for row in rows]
        rows += closed_again(rows, out)
        write_manifest(out / "manifest-plain.csv", rows)
        write_manifest(out / "manifest-hand.csv", rows + drawn_by_hand(entries, rows, out))
        return
    rows = [row for row in rows if row["id"].endswith(f"-{STYLES[0]}")]
    apart = {}
    for entry in entries:
        left, right = mesh.five_of(entry.points)[:2]
        apart[file_name(entry)] = np.linalg.norm(right - left)
    sharp = [row for row in rows if apart[row["id"].rpartition("-")[0]] >= SHARP_PX]
    write_manifest(out / "manifest-photos.csv", rows)
    write_manifest(out / "manifest-sharp.csv", sharp)


def write_maps(entries: list[PortraitFile], folder: Path) -> None:
    """Write aligned photos and their maps, to photos and masks in a folder for each split."""
    portraits = PortraitSet(entries)
    for number, entry in enumerate(tqdm(entries, unit="portrait")):
        portrait = portraits.segmented(number)
        for side, picture in (("photos", portrait.photo), ("masks", map_of(portrait))):
            file = folder / entry.split / side / f"{file_name(entry)}.png"
            file.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(picture).save(file)


def before_plain_wall(row: dict[str, str], out: Path) -> dict[str, str]:
    """A training row with a plain wall behind its person, whose photo this writes; others as they
    are. A sketch's flag is no reason to paint spots.
    """
    if row["split"] != "train":
        return row
    labels = images.load_labels(out / row["mask"])
    person = (labels != CLASSES.index("background")).astype(np.float32)
    file = f"plain/{row['id']}.png"
    (out / "plain").mkdir(exist_ok=True)
    photo = plain(images.load_rgb(out / row["photo"]), cv2.GaussianBlur(person, (0, 0), 1.0))
    images.save(out / file, photo)
    return row | {"photo": file}


def closed_again(rows: list[dict[str, str]], out: Path) -> list[dict[str, str]]:
    """The training rows whose map has next to nothing between the lips, by a second id."""
    again = []
    for row in rows:
        inside = np.asarray(Image.open(out / row["mask"])) == CLASSES.index("mouth")
        if row["split"] == "train" and inside.mean() < CLOSED:
            again.append(row | {"id": f"{row['id']}-again"})
    return again


def drawn_by_hand(
    entries: list[PortraitFile], rows: list[dict[str, str]], out: Path
) -> list[dict[str, str]]:
    """Rows with drawings as by hand of the same photos, aligned by the drawn points, which this
    writes: one of each row, from careful to crude, and of people with glasses `GLASSES_MORE` more.
    People in hats are left out, for no line of a hat is known.
    """
    portraits = PortraitSet(entries)
    number_of = {file_name(entry): number for number, entry in enumerate(entries)}
    rows_of: dict[int, list[dict[str, str]]] = {}
    for row in rows:
        number = number_of[row["id"].removesuffix("-again")]
        if entries[number].labels.get("hat", "none") == "none":
            rows_of.setdefault(number, []).append(row)
    (out / "hand").mkdir(exist_ok=True)
    drawn = []
    for number, own in tqdm(rows_of.items(), unit="portrait", desc="by hand"):
        portrait = portraits.segmented(number)
        times = len(own) + (GLASSES_MORE if portrait.labels["glasses"] == "1" else 0)
        rng = np.random.default_rng([31, number])
        for n in range(times):
            name = f"{own[0]['id']}-hand{n + 1}"
            sketch = scribble(portrait, rng, (n + rng.random()) / times)
            colours = np.repeat(sketch.image[..., None], 3, axis=2)
            matrix = faces.alignment(mesh.five_of(sketch.points), len(colours))
            file = f"hand/{name}.png"
            images.save(out / file, faces.warp(colours, matrix, len(colours), border="paper"))
            drawn.append(own[0] | {"id": name, "sketch": file})
    return drawn


def link(entries: list[PortraitFile], folder: Path) -> None:
    """Link the portraits' files, in a folder for each split."""
    for entry in entries:
        file = folder / entry.split / f"{file_name(entry)}{entry.path.suffix}"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.symlink_to(entry.path.resolve())


def file_name(entry: PortraitFile) -> str:
    """The person's number and the portrait's name, without its ending."""
    return f"{entry.labels['person']}_{entry.name.replace('/', '__')}"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("portraits", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--size", type=int, default=256, help="pixels (default: 256)")
    parser.add_argument("--maps", action="store_true", help="with maps of the faces' parts")
    args = parser.parse_args()
    make(args.portraits, args.out, args.size, args.maps)
