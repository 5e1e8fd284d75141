"""The data of the trained lessons (pix2pix-128, …): open portraits in colour, aligned to the face, with made sketches.

`python tools/lesson_data.py PORTRAITS OUT`, PORTRAITS as `python -m data_prep download open-portraits PORTRAITS` leaves
it. Writes OUT/manifest.csv with a pencil, an ink and a contour sketch of each photo, and OUT/manifest-photos.csv with
each photo once, for methods that learn from photos alone. People keep the split that all shipped models share.
"""

from __future__ import annotations

import argparse
import csv
import tempfile
from pathlib import Path

from data_prep.__main__ import main as data_prep
from data_prep.make.gallery import sitters_of

STYLES = "pencil,xdog,contour"


def make(portraits: Path, out: Path, size_px: int = 256) -> None:
    """Write the data set."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary, "open-portraits")  # the manifest's source
        for sitter in sitters_of(portraits):
            if sitter.labels.get("colour") == "grey":
                continue
            name = f"{sitter.labels['person']}_{sitter.name.replace('/', '-')}{sitter.file.suffix}"
            link = folder / sitter.split / name
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(sitter.file.resolve())
        asked = ["--align", "face", "--size", str(size_px), "--style", STYLES, "--identity", "^([^_]+)_"]
        if data_prep(["pairs", f"photos:{folder}", str(out), *asked]):
            raise SystemExit("the pairs could not be made")
    with open(out / "manifest.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    with open(out / "manifest-photos.csv", "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(row for row in rows if row["id"].endswith(f"-{STYLES.partition(',')[0]}"))


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("portraits", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--size", type=int, default=256, help="pixels (default: 256)")
    args = parser.parse_args()
    make(args.portraits, args.out, args.size)


if __name__ == "__main__":
    main()
