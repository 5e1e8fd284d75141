"""pix2pix on CUHK's 88 training pairs, scored on the 100 test pairs in both inference modes, beside the trivial rows.

`python benchmarks/cuhk_pix2pix.py --data data/cuhk` with a data set made by `python -m data_prep pairs --layout cufs`.
Runs that are there, finished or not, are gone on with; what the full 200 epochs of the paper need is a GPU, or a day of
CPU. Only numbers are written into the repository, no pictures and no weights.
"""

from __future__ import annotations

import argparse
import json
import statistics
from pathlib import Path

import common

from s2f_utils import inference, metrics
from s2f_utils.data import read_manifest
from s2f_utils.metrics.evaluation import evaluate
from s2f_utils.training.tracking import read_log

# Project 1: no decay, no crop, no flip; its copies were made offline, ours are transformed anew each time.
PROJECT_1 = {"epochs": 11.0, "batch_size": 16, "load_size_px": 256, "flip": 0.0, "constant_share": 1.0}
COPIES = {"copies": 10, "rotate_deg": 20.0, "shift_px": 5.0, "shear_deg": 5.0}
SETTINGS = {
    "project1": ("a student's pix2pix: 11 epochs, batch 16", PROJECT_1),
    "project1-copies": ("a student's pix2pix with 10 copies a pair", PROJECT_1 | COPIES),
    "paper": ("paper", {}),
}
NAMES = ("ssim", "psnr", "mse", "l1", "l2_norm", "ssim_rgb_7x7", "psnr_uint8")


def main() -> None:
    """Train what is not trained yet, score, write results/cuhk_pix2pix.json."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", required=True, help="folder of the CUHK data set, as data_prep makes it")
    parser.add_argument("--runs", type=Path, default=Path("runs/cuhk"))
    parser.add_argument("--only", nargs="*", choices=list(SETTINGS), default=list(SETTINGS))
    parser.add_argument("--paper-epochs", type=float, default=200.0, help="fewer than 200 are marked as undertrained")
    args = parser.parse_args()
    manifest = read_manifest(args.data)
    rows = []
    for name in args.only:
        label, changes = SETTINGS[name]
        if name == "paper":
            short = args.paper_epochs < 200
            label = f"paper, {args.paper_epochs:g} of 200 epochs{' (undertrained)' if short else ''}"
            changes = {"epochs": args.paper_epochs}
        folder = common.finished_run("pix2pix", changes, manifest, args.runs, name)
        facts = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        log, _ = read_log(folder)
        result = evaluate(
            inference.load(folder), manifest, folder / "evaluation", modes=("deterministic", "paper"),
            metric_names=NAMES, name=label,
        )  # fmt: skip
        how = {
            "images_seen": log[-1]["images"],
            "device": facts["device"],
            "precision": facts["precision"],
            "train_seconds": log[-1]["seconds"],
            "images_per_second": statistics.median(row["images_per_second"] for row in log),
            "seed": facts["config"]["seed"],
            "run": common.run_of(folder),
        }
        for row, found in result.intervals().items():
            if row not in result.labels or any(row == r["key"] for r in rows):
                continue
            trivial = row in metrics.TRIVIAL_ROWS
            rows.append(
                common.new(
                    {"key": row, "label": result.labels[row], **({} if trivial else how)} | common.rounded(found)
                )
            )
    before = common.written("cuhk_pix2pix").get("rows", [])  # of settings that were not asked for this time
    rows += [row for row in before if row["key"] not in {r["key"] for r in rows}]
    rows.sort(key=lambda row: row["key"] in metrics.TRIVIAL_ROWS)
    common.write("cuhk_pix2pix", {"protocol": "CUHK 88/100, track A (stretched to 256 px), 88-only", "rows": rows})


if __name__ == "__main__":
    main()
