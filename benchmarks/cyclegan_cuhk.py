"""CycleGAN without pairs on CUHK's 88 training people; pix2pix and a student's conditional GAN with the pairs. At
128 px, in both directions, scored on the 100 test faces beside the trivial answers.

`python benchmarks/cyclegan_cuhk.py --data data/cuhk [--only cyclegan pix2pix …]`: an hour of two cores at most for each
model. CycleGAN sees the sketches of 44 people and the photos of the 44 others. With the published 200 epochs the judge
of sketches knows the 44 by heart after some 150, and wins: the row "as published" shows it. So the other row has fewer
epochs, smaller judges, and pictures that are turned and shifted a little. Runs that are there, finished or not, are
gone on with, and rows that are there are kept. Only numbers are written into the repository, no pictures, no weights.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import common

from s2f_utils import inference
from s2f_utils.data import Manifest, read_manifest
from s2f_utils.metrics import leaderboard
from s2f_utils.metrics.evaluation import evaluate
from s2f_utils.models.card import DIRECTIONS

TO_PHOTO, TO_SKETCH = DIRECTIONS
SIZE = {"size_px": 128, "load_size_px": 143, "ema_half_life_images": 500.0, "sample_every_images": 800}
SMALL_SET = {"disc_filters": 32, "rotate_deg": 4.0, "shift_px": 3.0, "scale": 0.04}
# name → (label, method, settings, directions)
MODELS = {
    "cyclegan": (
        "CycleGAN, 44 sketches and 44 other people's photos",
        "cyclegan",
        {"base_filters": 32, "total_images": 5_600} | SMALL_SET,
        None,
    ),
    "cyclegan-published": (
        "CycleGAN, 200 epochs as published",
        "cyclegan",
        {"base_filters": 32, "total_images": 8_800},
        None,
    ),
    "pix2pix": ("pix2pix, 88 pairs", "pix2pix", {"batch_size": 4, "total_images": 8_800}, DIRECTIONS),
    "cgan": (
        "a student's conditional GAN, 88 pairs",
        "cgan",
        {"load_size_px": 128, "total_images": 8_800},
        DIRECTIONS,
    ),
}


def trained(name: str, manifest: Manifest, runs: Path) -> dict[str, Path]:
    """The finished runs of a model by direction; one run for both where it learns both."""
    _, method, changes, ways = MODELS[name]
    if ways is None:
        folder = common.finished_run(method, SIZE | changes, manifest, runs, name)
        return dict.fromkeys(DIRECTIONS, folder)
    return {
        way: common.finished_run(method, SIZE | changes | {"direction": way}, manifest, runs, f"{name}-{way}")
        for way in ways
    }


def main() -> None:
    """Train what is not trained yet, score, write results/cyclegan_cuhk.json."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", required=True, help="folder of the CUHK data set, as data_prep makes it")
    parser.add_argument("--runs", type=Path, default=Path("runs/cyclegan-cuhk"))
    parser.add_argument("--only", nargs="*", choices=list(MODELS), default=list(MODELS))
    parser.add_argument("--patch-seeds", type=int, default=3, help="times the patch test is repeated (default: 3)")
    parser.add_argument("--no-scores", action="store_true", help="only train")
    args = parser.parse_args()
    manifest = read_manifest(args.data)
    runs = {name: trained(name, manifest, args.runs) for name in args.only}
    if args.no_scores:
        return
    before = common.written("cyclegan_cuhk").get("boards", {})
    boards = {way: score(way, runs, manifest, args, before.get(way, [])) for way in DIRECTIONS}
    protocol = "CUHK 88/100, stretched to 128 px, 100 test faces, 88-only, one seed"
    common.write("cyclegan_cuhk", {"protocol": protocol, **SIZE, "boards": boards})


def score(
    way: str, runs: dict[str, dict[str, Path]], manifest: Manifest, args: argparse.Namespace, before: list
) -> list[dict]:
    """The rows of one direction, those of other models kept from before."""
    ids = [pair.id for pair in manifest.split("test")]
    entries, facts = [], {}
    for name, folders in runs.items():
        out = folders[way] / f"evaluation-{way}"
        if not (out / "metrics.json").is_file():
            evaluate(inference.load(folders[way], direction=way), manifest, out, name=name)
        label = MODELS[name][0]
        entries += leaderboard.find_outputs(f"{label}={out}", ids, way)
        settings = json.loads((folders[way] / "config.json").read_text(encoding="utf-8"))
        facts[label] = {
            "train_seconds": round(common.train_seconds(folders[way])),
            "images": settings["total_images"],
            "both_directions": MODELS[name][3] is None,
            "device": settings["device"],
            "precision": settings["precision"],
            "run": common.run_of(folders[way]),
        }
    board = leaderboard.build(entries, manifest, patch_seeds=args.patch_seeds, direction=way, say=lambda _: None)
    rows = [common.new(row | facts.get(row["model"], {})) for row in leaderboard.as_dict(board)["rows"]]
    new = {row["model"] for row in rows}
    return rows + [row for row in before if row["model"] not in new and row["kind"] == "model"]


TABLES = {"unpaired": common.boards_table}


if __name__ == "__main__":
    main()
