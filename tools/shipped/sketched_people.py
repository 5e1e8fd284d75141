"""People with a sketch of each, drawn by a filter, for CycleGAN:
`python -m tools.shipped.sketched_people POOL OUT`.

The people are those that come with `data_prep` and, for training, those that
`tools.shipped.generated.pairs` painted in POOL. Writes OUT/manifest.csv last.
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path

import numpy as np
from tqdm import tqdm

import data_prep
from s2f_utils.data import COLUMNS, read_manifest
from s2f_utils.pictures import images
from s2f_utils.runtime import atomic_path
from tools.shipped.weights_data import artist


def write_pair(folder: Path, split: str, name: str, photo: np.ndarray) -> dict[str, str]:
    """Write a person's photo, uint8 (S, S, 3), and sketch; the row of the manifest."""
    paths = {"sketch": f"sketches/{name}.png", "photo": f"photos/{name}.png"}
    images.save(folder / paths["sketch"], np.repeat(artist(photo)[..., None], 3, axis=2))
    images.save(folder / paths["photo"], photo)
    row = {"split": split, "id": name, "identity": name, "source": "people"}
    return dict.fromkeys(COLUMNS, "") | row | paths


def main() -> None:
    """Write the data set."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("pool", type=Path)
    parser.add_argument("out", type=Path)
    args = parser.parse_args()
    rows = []
    for split in ("train", "val", "test"):
        people = data_prep.people(split=split)
        for name, photo in zip(people.ids, people.pictures, strict=True):
            rows.append(write_pair(args.out, split, name, photo))
    for manifest in sorted(args.pool.glob("*/manifest.csv")):
        of_person = {row.identity: row for row in read_manifest(manifest).pairs}
        for name, row in tqdm(of_person.items(), desc=manifest.parent.name, unit="person"):
            rows.append(write_pair(args.out, "train", name, images.load_rgb(row.photo)))
    path = args.out / "manifest.csv"
    with atomic_path(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(rows)
    print(f"{path}: {len(rows)} people")


if __name__ == "__main__":
    main()
