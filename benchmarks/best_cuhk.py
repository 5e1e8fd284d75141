"""Our own methods at their best on CUHK 88/100: faithful, realistic, and what lies between.

`python benchmarks/best_cuhk.py --data data/cuhk final` trains the chosen settings on all 88 pairs, three seeds each,
and scores each once on the 100 test faces; `… curve` scores the first seed with more and more detail. Both go on where
they were stopped. `python benchmarks/leaderboard_cuhk.py` then takes the outputs that `final` leaves. Results:
results/best_cuhk.json, which also keeps what the settings were chosen by ("ablation", "length"). CUHK's pictures and
weights made from them stay outside of the repository.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import common
import numpy as np

from s2f_utils import inference, metrics, runtime
from s2f_utils.data import Manifest, read_manifest
from s2f_utils.metrics.evaluation import evaluate, load_pairs
from s2f_utils.metrics.structure import spectrum_db
from s2f_utils.training.methods import METHODS

SEEDS = (0, 1, 2)
FAITHFUL = {"total_images": 5_400, "constant_share": 0.5}
SMALL, REALISTIC = (METHODS[method].profiles["small"] for method in ("faithful", "realistic"))
DETAILS = (0.0, 0.25, 0.5, 0.75, 1.0)
NAMES = ("ssim", "psnr", "l1", "sharpness", "spectrum")
GOALS = {"faithful": "≥ .78, ≥ 19.1, ≤ 22.2", "realistic": "≥ .74, AUC ≤ .75, sharpness .85–1.1, ≤ 1.5 dB"}
SHOWN = (("ssim", 4), ("psnr", 2), ("l1", 2), ("sharpness", 2))  # in tables, with so many digits


def octaves(made: np.ndarray, true: np.ndarray) -> list[float]:
    """Mean error of the power spectrum in each octave, in dB, the finest first."""
    errors = np.mean([spectrum_db(f, t) for f, t in zip(made, true, strict=True)], axis=0)
    return [round(float(e), 2) for e in errors]


def final(manifest: Manifest, runs: Path, seeds: list[int]) -> list[dict]:
    """Train both models, and the faithful one as profile small has it, on all 88 pairs, and score each once."""
    rows = []
    for seed in seeds:
        first = common.finished_run("faithful", FAITHFUL | {"seed": seed}, manifest, runs, f"faithful-{seed}")
        init = str(first / "generator.safetensors")
        second = common.finished_run(
            "realistic", REALISTIC | {"seed": seed}, manifest, runs, f"realistic-{seed}", init=init
        )
        small = common.finished_run("faithful", SMALL | {"seed": seed}, manifest, runs, f"faithful-small-{seed}")
        for name, folder in (("faithful", first), ("realistic", second), ("faithful, profile small", small)):
            rows.append(
                {
                    "model": name,
                    "seed": seed,
                    "train_seconds": common.train_seconds(folder),
                    "run": common.run_of(folder),
                }
                | scored(folder, manifest)
            )
            print(json.dumps(rows[-1]))
    return rows


def scored(folder: Path, manifest: Manifest) -> dict:
    """The scores of a run on the test faces; its outputs stay in its folder for the leaderboard."""
    done = folder / "scores.json"
    if not done.exists():
        result = evaluate(inference.load(folder), manifest, folder / "evaluation", metric_names=NAMES, name=folder.name)
        row, intervals = next(iter(result.intervals().items()))
        found = common.rounded(intervals)
        _, true = load_pairs(manifest.split("test"), 256, "sketch-to-photo")
        row_of = common.new(found | {"octaves_db": octaves(result.pictures[row], true)})
        done.write_text(json.dumps(row_of), encoding="utf-8")
    return json.loads(done.read_text(encoding="utf-8"))


def curve(manifest: Manifest, runs: Path) -> list[dict]:
    """The first seed's realistic model on the test faces, with more and more of its detail."""
    net = inference.load(runtime.last_run_folder(runs, "realistic-0"), precision="auto")
    test = manifest.split("test")
    sketches, true = load_pairs(test, 256, "sketch-to-photo")
    rows = []
    for amount in DETAILS:
        made = np.stack([net.translate(sketch, detail=amount) for sketch in sketches])
        found = metrics.measure(made, true, NAMES)
        areas = [metrics.patch_test(made, true, [p.identity for p in test], seed=seed).auc for seed in SEEDS]
        row = common.new({"detail": amount, "seed": 0, **{k: round(float(v.mean()), 4) for k, v in found.items()}})
        rows.append(row | {"octaves_db": octaves(made, true), "patch_auc": round(float(np.mean(areas)), 4)})
        print(json.dumps(rows[-1]))
    return rows


def main() -> None:
    """Do what is asked for, keep the other parts of the results."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("what", choices=["final", "curve"])
    parser.add_argument("--data", required=True, help="folder of the CUHK data set, as data_prep makes it")
    parser.add_argument("--runs", type=Path, default=Path("runs/cuhk-best"))
    parser.add_argument("--only", nargs="*", default=[], type=int, help="seeds")
    args = parser.parse_args()
    manifest = read_manifest(args.data)
    results = common.written("best_cuhk")
    if args.what == "final":
        new = final(manifest, args.runs, args.only or list(SEEDS))
        known = {(row["model"], row["seed"]): row for row in (*results.get("final", []), *new)}
        results["final"] = [known[key] for key in sorted(known)]
    else:
        results["curve"] = curve(manifest, args.runs)
    common.write("best_cuhk", results)


def best_table(found: dict) -> str:
    """Both models on the test faces, seed by seed, beside the goals."""
    rows = [
        [
            f"{r['model']}, seed {r['seed']}",
            *(f"{common.mean_of(r[name]):.{digits}f}" for name, digits in SHOWN),
            in_db(r["octaves_db"]),
            f"{r['train_seconds'] / 60:.0f} min",
        ]
        for r in found["results"]["final"]
    ]
    head = ["CUHK 88/100", "SSIM", "PSNR", "L1", "sharpness", "spectrum by octave, dB (finest first)", "training"]
    goals = "; ".join(f"{name}: {goal}" for name, goal in GOALS.items())
    return common.markdown(head, rows) + f"\n\nThe goals were, {goals}."


def curve_table(found: dict) -> str:
    """One realistic model with more and more of its detail."""
    rows = [
        [
            f"{r['detail']:g}",
            *(f"{r[name]:.{digits}f}" for name, digits in SHOWN),
            in_db(r["octaves_db"]),
            f"{r['patch_auc']:.3f}",
        ]
        for r in found["results"]["curve"]
    ]
    return common.markdown(["detail", "SSIM", "PSNR", "L1", "sharpness", "spectrum by octave, dB", "patch AUC"], rows)


def in_db(octaves_db: list[float]) -> str:
    """The errors of the octaves in a table's cell."""
    return " ".join(f"{value:+.1f}" for value in octaves_db)


TABLES = {"best": best_table, "curve": curve_table}


if __name__ == "__main__":
    main()
