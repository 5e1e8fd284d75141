"""The data of the trained lessons (pix2pix-128, …): open portraits in colour, aligned to the face,
with made sketches.

`python -m tools.shipped.lesson_data PORTRAITS OUT`, PORTRAITS as `python -m data_prep download
open-portraits PORTRAITS` leaves it. Writes OUT/manifest.csv with a pencil, an ink and a contour
sketch of each photo, OUT/manifest-photos.csv with each photo once, for methods that learn from
photos alone, and OUT/manifest-sharp.csv with the sharp ones of these. People keep the split that
all shipped models share.
"""

from __future__ import annotations

import argparse
import csv
import tempfile
from pathlib import Path

import numpy as np

from data_prep import Recipe, make_pairs
from data_prep.make.portraits import PortraitFile
from data_prep.make.write import write_manifest
from s2f_utils.pictures import mesh
from tools.shipped.portraits import portraits_in

STYLES = ("pencil", "xdog", "contour")
# least distance of the eyes in a portrait that a restorer learns from; aligned to 256 px they have
# 63
SHARP_PX = 55


def make(portraits: Path, out: Path, size_px: int = 256) -> None:
    """Write the data set."""
    entries = [one for one in portraits_in(portraits) if one.labels.get("colour") != "grey"]
    how = {"identity": "^([^_]+)_", "align": "face", "styles": STYLES}
    recipe = Recipe(layout="photos", size_px=size_px, **how)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary, "open-portraits")  # the manifest's source
        link(entries, folder)
        manifest = make_pairs(folder, out, recipe)
    with open(manifest, newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    rows = [row for row in rows if row["id"].endswith(f"-{STYLES[0]}")]
    apart = {}
    for entry in entries:
        left, right = mesh.five_of(entry.points)[:2]
        apart[file_name(entry)] = np.linalg.norm(right - left)
    sharp = [row for row in rows if apart[row["id"].rpartition("-")[0]] >= SHARP_PX]
    write_manifest(out / "manifest-photos.csv", rows)
    write_manifest(out / "manifest-sharp.csv", sharp)


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
    args = parser.parse_args()
    make(args.portraits, args.out, args.size)
