"""Train the expected face further on FS2K's 1,058 training pairs, for the rows of faces.json that learned from them.

`python benchmarks/faces_fs2k.py --data ../shared/data --work /tmp/faces-work [--images 12000]` makes a data set of the
pairs, with points and people found by our finder, in WORK/fs2k-points, trains from the shipped model, and prints the
run's folder: `python benchmarks/faces.py … --sets fs2k-trained --league portraits+FS2K --model "expected, trained=RUN"`
measures it. Pairs whose photo is a test pair's, too, are left out. All stays in --work: FS2K may not be handed on.
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path

import common
import numpy as np
from faces_sets import fs2k_train
from tqdm import tqdm

from s2f_studio.drawings.understanding import Understood, understand
from s2f_studio.faces.networks.expect import SIDE_PX
from s2f_studio.faces.shaped import HAIR
from s2f_utils import weights
from s2f_utils.data import COLUMNS, read_manifest
from s2f_utils.pictures import images
from s2f_utils.pictures.attributes import WORN

SETTINGS = {"lr_g": 3e-4, "constant_share": 0.2, "misfit_px": 0.8, "pen": 0.5, "ema_half_life_images": 2_000.0}
VAL_EVERY = 25  # one of so many pairs is for the sheets of samples


def write_pairs(data: Path, work: Path, out: Path) -> None:
    """The data set that `expect` learns from; its manifest is written last."""
    ids, sketches, photos = fs2k_train(data, work)
    rows = []
    for n, name in enumerate(tqdm(ids, desc="points", unit="pair")):
        drawn, true = understand([sketches[n], photos[n]])
        for folder, picture in (("sketches", sketches[n]), ("photos", photos[n])):
            images.save(out / folder / f"{name}.png", images.resize(picture, SIDE_PX))
        images.save(out / "masks" / f"{name}.png", _labels(true))
        for folder, found in (("points", drawn), ("photo_points", true)):
            (out / folder).mkdir(exist_ok=True)
            np.save(out / folder / f"{name}.npy", ((found.points + 0.5) * (SIDE_PX / 256) - 0.5).astype(np.float32))
        split = "val" if n % VAL_EVERY == 0 else "train"
        paths = {"sketch": "sketches", "photo": "photos", "mask": "masks"}
        row = {key: f"{folder}/{name}.png" for key, folder in paths.items()}
        row |= {key: f"{key}/{name}.npy" for key in ("points", "photo_points")}
        worn = {key: true.flags[key] > 0.5 for key in WORN}
        row |= {"glasses": int(worn["glasses"]), "beard": "full" if worn["beard"] else "none", "hat": int(worn["hat"])}
        rows.append({"split": split, "id": name, "identity": name, "source": "fs2k", **row})
    with open(out / "manifest.csv", "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, [*COLUMNS, "points", "photo_points", *WORN])
        writer.writeheader()
        writer.writerows(rows)


def _labels(found: Understood) -> np.ndarray:
    person, hair = (images.resize(_grey(found.parts[name]), SIDE_PX)[..., 0] > 127 for name in ("person", "hair"))
    return np.where(hair & person, np.uint8(HAIR), person.astype(np.uint8))


def _grey(part: np.ndarray) -> np.ndarray:
    return np.repeat(images.rounded(255 * part)[..., None], 3, axis=2)


def main() -> None:
    """Make the set, train, print the folder."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of fs2k")
    parser.add_argument("--work", type=Path, required=True, help="folder outside of the project, for pictures")
    parser.add_argument("--images", type=int, default=12_000, help="to train on")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    out = args.work / "fs2k-points"
    if not (out / "manifest.csv").exists():
        write_pairs(args.data, args.work, out)
    changes = SETTINGS | {"total_images": args.images, "seed": args.seed}
    run = common.finished_run(
        "expect", changes, read_manifest(out), args.work / "runs", f"expect-fs2k-{args.seed}", init=weights.EXPECT
    )
    print(run)


if __name__ == "__main__":
    main()
