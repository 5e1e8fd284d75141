"""Train pix2pix, CycleGAN, the conditional GAN, faithful and the stages on FS2K's 1,051 training pairs, for faces.json.

`python benchmarks/fs2k_trained.py --data ../shared/data --work /tmp/faces-work [--methods faithful pix2pix]` makes a
data set of the pairs in WORK/fs2k-pairs, cut by the photo's face, trains one method after the other, measures each on
the 1,046 test pairs (`faces.py --sets fs2k-trained`), and goes on where it was stopped. One seed each, and far fewer
pictures than the papers: some hours on one core. "stages" goes on with the shipped models, as `s2f finetune` does.
All pictures stay in --work: FS2K may not be handed on.
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path
from typing import Any

import common
import faces
from faces_sets import fs2k_train
from tqdm import tqdm

import data_prep
from s2f_studio.faces.finetune import finetune
from s2f_utils.data import COLUMNS, read_manifest
from s2f_utils.pictures import images
from s2f_utils.training.methods import METHODS

VAL_EVERY = 25  # one of so many pairs is for the sheets of samples
LEAGUE = "FS2K-only"
SETTINGS: dict[str, dict[str, Any]] = {
    "faithful": METHODS["faithful"].profiles["small"] | {"total_images": 5_000},
    "pix2pix": METHODS["pix2pix"].profiles["demo"]
    | METHODS["pix2pix"].profiles["demo on a CPU"]
    | {"total_images": 30_000, "time_budget_s": 0.0},
    "cgan": {"batch_size": 4, "total_images": 10_000},
    "cyclegan": METHODS["cyclegan"].profiles["demo on a CPU"] | {"total_images": 6_000, "time_budget_s": 0.0},
}
LABELS = {
    "faithful": "faithful, trained",
    "pix2pix": "pix2pix at 128 px, trained",
    "cgan": "conditional GAN at 128 px, trained",
    "cyclegan": "CycleGAN at 64 px, trained",
}
STAGES, STAGES_IMAGES = "stages", 8_000  # for each of the four steps
STAGES_LEAGUE = "portraits+FS2K"
METHODS_HERE = [*SETTINGS, STAGES]


def write_pairs(data: Path, work: Path, out: Path) -> None:
    """The data set; its manifest is written last."""
    ids, sketches, photos = fs2k_train(data, work)
    rows = []
    for n, name in enumerate(tqdm(ids, desc="pairs", unit="pair")):
        for folder, picture in (("sketches", sketches[n]), ("photos", photos[n])):
            images.save(out / folder / f"{name}.png", picture)
        split = "val" if n % VAL_EVERY == 0 else "train"
        row = {"split": split, "id": name, "identity": name, "source": "fs2k"}
        rows.append(row | {"sketch": f"sketches/{name}.png", "photo": f"photos/{name}.png"})
    with open(out / "manifest.csv", "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(rows)


def main() -> None:
    """Make the set; train and measure."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of fs2k")
    parser.add_argument("--work", type=Path, required=True, help="folder outside of the project, for pictures")
    parser.add_argument("--methods", nargs="+", choices=METHODS_HERE, default=METHODS_HERE)
    parser.add_argument("--images", type=int, help="to train on; default: the method's")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--num", type=int, help="a quick look at so many test pairs, whose rows are not written")
    args = parser.parse_args()
    out = args.work / "fs2k-pairs"
    if not (out / "manifest.csv").exists():
        write_pairs(args.data, args.work, out)
    for method in args.methods:
        if method == STAGES:
            league, model = STAGES_LEAGUE, f"rendered, trained={_stages(out, args)}?answer=rendered"
        else:
            changes = SETTINGS[method] | {"seed": args.seed} | ({"total_images": args.images} if args.images else {})
            name = f"{method}-fs2k-{changes['total_images']}-{args.seed}"
            run = common.finished_run(method, changes, read_manifest(out), args.work / "runs", name)
            league, model = LEAGUE, f"{LABELS[method]}={run}"
        options = {"--data": args.data, "--work": args.work, "--sets": "fs2k-trained", "--league": league,
                   "--seed": args.seed, "--model": model}  # fmt: skip
        options |= {"--num": args.num} if args.num else {}
        faces.main(["--sheets", *(str(part) for option in options.items() for part in option)])


def _stages(pairs: Path, args: argparse.Namespace) -> Path:
    """The shipped models' stages fine-tuned on the pairs, with points found by our finder; the folder of the last."""
    shaped, images_each = args.work / "fs2k-shaped", args.images or STAGES_IMAGES
    if not (shaped / "manifest.csv").exists():
        data_prep.make_shaped(pairs, shaped)
    runs = args.work / f"runs-stages-{images_each}-{args.seed}"
    return finetune(shaped, runs, minutes=0.0, device="cpu", total_images=images_each, seed=args.seed)


if __name__ == "__main__":
    main()
