"""Fine-tuning the shipped model on CUHK's 88 pairs against training from scratch, at the same time of training.

`python benchmarks/finetune.py --data data/cuhk [--minutes 5 20]`. The pictures and the weights made from CUHK stay
outside of the repository. The runs of a budget see the same number of images: what this machine manages in that time.
Results: results/finetune.json.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import common

from s2f_utils import inference
from s2f_utils.data import read_manifest
from s2f_utils.metrics.evaluation import evaluate
from s2f_utils.training.methods.faithful import Faithful

NAMES = ("ssim", "psnr", "l1", "sharpness")
SHIPPED = "sketch-to-photo-faithful"
SMALL = Faithful.profiles["small"]
STARTS: dict[str, tuple[str | None, dict]] = {
    "from scratch": (None, {}),
    "from the shipped weights": (SHIPPED, {}),
    "from the shipped weights, without colour hints": (SHIPPED, {"hint_share": 0.0}),
}


def main() -> None:
    """Train what is not trained yet, score, write results/finetune.json."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", required=True, help="folder of the CUHK data set, as data_prep makes it")
    parser.add_argument("--runs", type=Path, default=Path("runs/finetune"))
    parser.add_argument("--minutes", type=float, nargs="*", default=[5.0, 20.0])
    parser.add_argument("--images-a-minute", type=int, default=400, help="what this machine trains (one core: 400)")
    parser.add_argument("--only", nargs="*", default=[], help="names of starts; nothing is written then")
    args = parser.parse_args()
    manifest = read_manifest(args.data)
    rows = []
    for minutes in args.minutes:
        length = {"total_images": round(minutes * args.images_a_minute)}
        for label, (init, changes) in STARTS.items():
            if args.only and label not in args.only:
                continue
            name = f"{label.replace(',', '').replace(' ', '-')}-{minutes:g}"
            folder = common.finished_run("faithful", SMALL | length | changes, manifest, args.runs, name, init=init)
            result = evaluate(
                inference.load(folder), manifest, folder / "evaluation", metric_names=NAMES, name=name, progress=False
            )
            scores = common.rounded(next(iter(result.intervals().values())))
            rows.append({
                "start": label, "minutes": minutes, **length, "train_seconds": common.train_seconds(folder),
                "run": common.run_of(folder), **scores,
            })  # fmt: skip
            print(rows[-1])
    if args.only:
        return
    common.write("finetune", {"protocol": "CUHK 88/100, track A, 100 test faces, faithful, one seed", "rows": rows})


def table(found: dict) -> str:
    """Each start at each time."""
    names = ("ssim", "psnr", "l1")
    rows = [
        [
            f"{r['minutes']:g} minutes, {r['start']}",
            f"{r['total_images']:,}",
            *(common.with_interval(r[name], common.SCORES[name][1]) for name in names),
        ]
        for r in found["results"]["rows"]
    ]
    return common.markdown(
        ["CUHK 88/100, faithful, one seed", "images", *(common.SCORES[name][0] for name in names)], rows
    )


TABLES = {"finetune": table}


if __name__ == "__main__":
    main()
