"""The data of the trained lessons (pix2pix-128, …): open portraits in colour, aligned to the face,
with made sketches.

`python -m tools.shipped.lesson_data PORTRAITS OUT`, PORTRAITS as `python -m data_prep download
open-portraits PORTRAITS` leaves it. Writes OUT/manifest.csv with a pencil, an ink and a contour
sketch of each photo, OUT/manifest-photos.csv with each photo once, for methods that learn from
photos alone, and OUT/manifest-sharp.csv with the sharp ones of these. With `--maps`, for pSp, each
photo has a map of its parts (data_prep/make/face_maps.py) and a pencil sketch. People keep the
split that all shipped models share.
"""

from __future__ import annotations

import argparse
import csv
import tempfile
from pathlib import Path

import numpy as np

from data_prep.__main__ import main as data_prep
from data_prep.make import face_maps
from data_prep.make.portraits import Sitter, sitters_of
from s2f_studio.drawings import mesh

STYLES = "pencil,xdog,contour"
SHARP_PX = 55  # least distance of the eyes in a portrait that a restorer learns from; aligned to 256 px they have 63


def make(portraits: Path, out: Path, size_px: int = 256, maps: bool = False) -> None:
    """Write the data set."""
    sitters = [one for one in sitters_of(portraits) if one.labels.get("colour") != "grey"]
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary, "open-portraits")  # the manifest's source
        (face_maps.write if maps else link)(sitters, folder)
        asked = ["--align", "none" if maps else "face", "--style", "pencil" if maps else STYLES]
        asked += ["--size", str(size_px), "--identity", "^([^_]+)_"]
        if data_prep(["pairs", f"photos:{folder}", str(out), *asked]):
            raise SystemExit("the pairs could not be made")
    if maps:
        return
    with open(out / "manifest.csv", newline="", encoding="utf-8") as file:
        rows = [
            row
            for row in csv.DictReader(file)
            if row["id"].endswith(f"-{STYLES.partition(',')[0]}")
        ]
    apart = {
        file_name(one): np.linalg.norm(np.diff(mesh.five_of(one.points)[:2], axis=0))
        for one in sitters
    }
    sharp = [row for row in rows if apart[row["id"].rpartition("-")[0]] >= SHARP_PX]
    for name, kept in (("photos", rows), ("sharp", sharp)):
        with open(out / f"manifest-{name}.csv", "w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(kept)


def link(sitters: list[Sitter], folder: Path) -> None:
    """Link the portraits' files, in a folder for each split."""
    for sitter in sitters:
        file = folder / sitter.split / f"{file_name(sitter)}{sitter.file.suffix}"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.symlink_to(sitter.file.resolve())


def file_name(sitter: Sitter) -> str:
    """The person's number and the portrait's name, without its ending."""
    return f"{sitter.labels['person']}_{sitter.name.replace('/', '__')}"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("portraits", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--size", type=int, default=256, help="pixels (default: 256)")
    parser.add_argument("--maps", action="store_true", help="with maps of the faces' parts")
    args = parser.parse_args()
    make(args.portraits, args.out, args.size, args.maps)
