"""pSp on CUHK's 88 training pairs: a StyleGAN2 of 128 px that began with the one of drawn faces (64 px) and learned
from the 88 photos with ADA, and an encoder of sketches for it. Scored on the 100 test faces as in cyclegan_cuhk.py,
beside the answers that need no model. It began with weights that come along: league "open".

`python benchmarks/psp_cuhk.py --data data/cuhk` (an hour of one core). Runs that are there, finished or
not, are gone on with. Only numbers are written into the repository, no pictures, no weights.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import common

from s2f_utils import inference
from s2f_utils.data import read_manifest
from s2f_utils.metrics import leaderboard
from s2f_utils.metrics.evaluation import evaluate
from s2f_utils.models.card import DIRECTIONS
from s2f_utils.training.tracking import read_log

TO_PHOTO = DIRECTIONS[0]
GENERATOR = {
    "size_px": 128, "load_size_px": 128, "batch_size": 16, "total_images": 40_000, "style_dim": 128, "num_mlp": 4,
    "width": 128, "channel_multiplier": 0.25, "augment_disc": "ada", "ada_images": 25_000.0, "r1_gamma": 0.5,
    "lambda_path": 0.0, "noise_from_images": 40_000, "ema_half_life_images": 5_000.0, "flip": 0.5,
    "sample_every_images": 10_000, "num_samples": 12,
}  # fmt: skip
ENCODER = {
    "load_size_px": 128, "encoder": "small", "perceptual": "discriminator", "batch_size": 16, "total_images": 12_000,
    "constant_share": 0.5, "lr_g": 1e-3, "beta1": 0.9, "beta2": 0.99, "ema_half_life_images": 2_000.0,
    "rotate_deg": 3.0, "shift_px": 3.0, "scale": 0.03, "sample_every_images": 4_000, "num_samples": 8,
}  # fmt: skip
BEGIN = "faces-64"
LABEL = "pSp, 88 pairs, a generator of the 88 photos begun with drawn faces"


def main() -> None:
    """Train what is not trained yet, score, write results/psp_cuhk.json."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", required=True, help="folder of the CUHK data set, as data_prep makes it")
    parser.add_argument("--runs", type=Path, default=Path("runs/psp-cuhk"))
    parser.add_argument("--patch-seeds", type=int, default=3, help="times the patch test is repeated (default: 3)")
    args = parser.parse_args()
    manifest = read_manifest(args.data)
    generator = common.finished_run("stylegan2", GENERATOR, manifest, args.runs, "faces", init=BEGIN)
    encoder = common.finished_run("psp", ENCODER, manifest, args.runs, "encoder", init=str(generator))
    out = encoder / "evaluation"
    if not (out / "metrics.json").is_file():
        evaluate(inference.load(encoder), manifest, out, name="psp")
    ids = [pair.id for pair in manifest.split("test")]
    entries = leaderboard.find_outputs(f"{LABEL}={out}", ids, TO_PHOTO)
    board = leaderboard.build(entries, manifest, patch_seeds=args.patch_seeds, direction=TO_PHOTO, say=lambda _: None)
    settings = json.loads((encoder / "config.json").read_text(encoding="utf-8"))
    seen = {name: read_log(run)[0][-1]["images"] for name, run in (("generator", generator), ("encoder", encoder))}
    facts: dict[str, Any] = {
        "train_seconds": round(common.train_seconds(generator) + common.train_seconds(encoder)),
        "images": sum(seen.values()),
        "generator_images": seen["generator"],
        "device": settings["device"],
        "run": common.run_of(encoder),
        "generator_run": common.run_of(generator),
    }
    rows = [{**row, **(facts if row["model"] == LABEL else {})} for row in leaderboard.as_dict(board)["rows"]]
    model = inference.load_styles(generator, "cpu")
    common.write(
        "psp_cuhk",
        {
            "protocol": "CUHK 88/100, stretched to 128 px, 100 test faces, open, one seed",
            "styles": model.num_layers,
            "boards": {TO_PHOTO: rows},
        },
    )


TABLES = {"psp-cuhk": common.boards_table}


if __name__ == "__main__":
    main()
