"""From the paper to the best, on CUHK 88/100: faithful, realistic, what lies between, and what each part brings.

`python benchmarks/best_cuhk.py --data data/cuhk ablation` trains small variants on 78 of the 88 pairs and scores them
on the other 10; `… length` trains the faithful model for longer on 68 of them and scores it, as it goes, on the other
20, ten of which have the darkest sketches. Everything was chosen there. `… final` trains the chosen settings on all 88,
three seeds each, and scores each once on the 100 test faces; `… curve` scores the first seed with more and more detail.
All go on where they were stopped. `python benchmarks/leaderboard_cuhk.py` then takes the outputs that `final` leaves.
Results: results/best_cuhk.json. CUHK's pictures and weights made from them stay outside of the repository.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
from pathlib import Path

import common
import numpy as np

from s2f_utils import inference, metrics, runtime, weights
from s2f_utils.data import Manifest, read_manifest
from s2f_utils.metrics.evaluation import evaluate, load_pairs
from s2f_utils.metrics.structure import spectrum_db
from s2f_utils.training.methods import METHODS

SEEDS = (0, 1, 2)
FAITHFUL = {"total_images": 5_400, "constant_share": 0.5}
SMALL, REALISTIC = (METHODS[method].profiles["small"] for method in ("faithful", "realistic"))
STRONG = {name: SMALL[name] for name in ("dropout", "elastic", "rotate_deg", "scale", "shift_px")}
SHORT_F, SHORT_R = FAITHFUL | {"total_images": 4_800}, REALISTIC | {"total_images": 2_400}
# name → method, settings, the variant or the shipped model that it begins with
ABLATION: dict[str, tuple[str, dict, str | None]] = {
    "faithful": ("faithful", SHORT_F, None),
    "without SSIM": ("faithful", SHORT_F | {"lambda_ssim": 0.0}, None),
    "four times the SSIM": ("faithful", SHORT_F | {"lambda_ssim": 4.0}, None),
    "without any warp": (
        "faithful",
        SHORT_F | {"elastic": 0.0, "rotate_deg": 0.0, "shift_px": 0.0, "scale": 0.0},
        None,
    ),
    "without dropout": ("faithful", SHORT_F | {"dropout": 0.0}, None),
    "from the shipped weights": ("faithful", SHORT_F | {"hint_share": 0.0}, "sketch-to-photo-faithful"),
    "realistic": ("realistic", SHORT_R, "faithful"),
    "realistic, opponents of twice the weight": ("realistic", SHORT_R | {"lambda_gan": 0.012}, "faithful"),
    "realistic, detail from nothing, with the default settings": (
        "realistic",
        {"total_images": 3_000},
        "faithful",
    ),
    "realistic, whole pictures judged": ("realistic", SHORT_R | {"disc_crop_px": 0, "disc_crops": 1}, "faithful"),
    "realistic, feature matching": ("realistic", SHORT_R | {"lambda_features": 0.2}, "faithful"),
}
LONG = {"constant_share": 0.5, "lambda_ssim": 4.0}
STRONGER = {"dropout": 0.3, "elastic": 0.01, "rotate_deg": 8.0, "scale": 0.08, "shift_px": 8.0}
# how strong dropout and warps are → settings
LENGTH: dict[str, dict] = {
    "default": LONG | {"total_images": 9_000, "num_snapshots": 3},
    "strong": LONG | STRONG | {"total_images": 9_000, "num_snapshots": 3},
    "stronger": LONG | STRONGER | {"total_images": 7_000, "num_snapshots": 2},
}
DETAILS = (0.0, 0.25, 0.5, 0.75, 1.0)
NAMES = ("ssim", "psnr", "l1", "sharpness", "spectrum")


def ten_held_back(manifest: Manifest) -> Manifest:
    """The training pairs alone, every ninth of them, ten in all, for validation."""
    train = manifest.split("train")
    held = {pair.id for pair in train[::9][:10]}
    pairs = [dataclasses.replace(p, split="val" if p.id in held else "train") for p in train]
    return Manifest(manifest.path, pairs, manifest.settings)


def octaves(made: np.ndarray, true: np.ndarray) -> list[float]:
    """Mean error of the power spectrum in each octave, in dB, the finest first."""
    errors = np.mean([spectrum_db(f, t) for f, t in zip(made, true, strict=True)], axis=0)
    return [round(float(e), 2) for e in errors]


def ablation(manifest: Manifest, runs: Path, only: list[str]) -> list[dict]:
    """Train and score every variant on the ten that are held back."""
    held = ten_held_back(manifest)
    rows = []
    for name, (method, settings, begin) in ABLATION.items():
        if only and name not in only:
            continue
        init = begin if begin in (None, *weights.SHIPPED) else str(folder_of(runs, begin) / "generator.safetensors")
        folder = common.finished_run(method, settings, held, runs, slug(name), init=init)
        net = inference.load(folder, precision="auto")
        made, true = {}, {}
        for split in ("train", "val"):
            sketches, true[split] = load_pairs(held.split(split), net.size_px, net.direction)
            made[split] = np.concatenate([net.translate_batch(part) for part in np.array_split(sketches, 8)])
        found = metrics.measure(made["val"], true["val"], NAMES)
        fakes, reals = (np.concatenate([side["train"], side["val"]]) for side in (made, true))
        who = [p.identity for p in held.split("train")] + [p.identity for p in held.split("val")]
        test = metrics.patch_test(fakes, reals, who)
        row = {"variant": name, "settings": settings, **{k: round(float(v.mean()), 4) for k, v in found.items()}}
        row |= {
            "octaves_db": octaves(made["val"], true["val"]),
            "patch_auc": round(float(test.per_image[-10:].mean()), 3),
        }
        rows.append(row | {"train_seconds": common.train_seconds(folder)})
        print(json.dumps(rows[-1]))
    return rows


def twenty_held_back(manifest: Manifest) -> tuple[Manifest, set[str]]:
    """The training pairs alone, twenty of them for validation: the ten darkest sketches, whose ids are returned, too,
    and every eighth of the others.
    """
    train = manifest.split("train")
    sketches, _ = load_pairs(train, 256, "sketch-to-photo")
    dark = {train[i].id for i in np.argsort(sketches.mean(axis=(1, 2, 3)), kind="stable")[:10]}
    usual = {pair.id for pair in [pair for pair in train if pair.id not in dark][::8][:10]}
    pairs = [dataclasses.replace(p, split="val" if p.id in dark | usual else "train") for p in train]
    return Manifest(manifest.path, pairs, manifest.settings), dark


def length(manifest: Manifest, runs: Path) -> list[dict]:
    """Train the faithful model for longer, with weaker and stronger warps and dropout, and score it on the way."""
    held, dark = twenty_held_back(manifest)
    val = held.split("val")
    sketches, true = load_pairs(val, 256, "sketch-to-photo")
    is_dark = np.array([pair.id in dark for pair in val])

    def row(label: str, seen: int, made: np.ndarray) -> dict:
        found = metrics.measure(made, true, ("ssim", "psnr"))
        groups = {"usual": ~is_dark, "dark": is_dark}
        scores = {f"{n}_{g}": round(float(v[at].mean()), 4) for n, v in found.items() for g, at in groups.items()}
        print(label, seen, scores)
        return {"variant": label, "images": seen, **scores}

    rows, last = [], {}
    for label, settings in LENGTH.items():
        folder = common.finished_run("faithful", settings, held, runs, f"length-{label}")
        for path in [*sorted((folder / "snapshots").glob("*.safetensors")), folder / "generator.safetensors"]:
            number = path.stem.partition("-")[2]
            last[label] = inference.load(path, precision="auto").translate_batch(sketches)
            rows.append(row(label, int(number or settings["total_images"]), last[label]))
    pair = (last[label].astype(float) for label in ("strong", "stronger"))
    mean = (sum(pair) / 2).round().astype(np.uint8)
    return [*rows, row("mean of the last strong and stronger", 16_000, mean)]


def slug(name: str) -> str:
    """A variant's name as a run's."""
    return "ablation-" + name.replace(",", "").replace(" ", "-")


def folder_of(runs: Path, variant: str) -> Path:
    """The run of a variant that is trained already."""
    folder = runtime.last_run_folder(runs, slug(variant))
    if folder is None:
        raise SystemExit(f"train the variant {variant!r} first")
    return folder


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
                {"model": name, "seed": seed, "train_seconds": common.train_seconds(folder)} | scored(folder, manifest)
            )
            print(json.dumps(rows[-1]))
    return rows


def scored(folder: Path, manifest: Manifest) -> dict:
    """The scores of a run on the test faces; its outputs stay in its folder for the leaderboard."""
    done = folder / "scores.json"
    if not done.exists():
        result = evaluate(inference.load(folder), manifest, folder / "evaluation", metric_names=NAMES, name=folder.name)
        row = next(iter(result.intervals()))
        found = {n: {k: round(v, 5) for k, v in vars(i).items()} for n, i in result.intervals()[row].items()}
        _, true = load_pairs(manifest.split("test"), 256, "sketch-to-photo")
        done.write_text(json.dumps(found | {"octaves_db": octaves(result.pictures[row], true)}), encoding="utf-8")
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
        row = {"detail": amount, **{k: round(float(v.mean()), 4) for k, v in found.items()}}
        rows.append(row | {"octaves_db": octaves(made, true), "patch_auc": round(float(np.mean(areas)), 4)})
        print(json.dumps(rows[-1]))
    return rows


def main() -> None:
    """Do what is asked for, keep the other parts of the results."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("what", choices=["ablation", "length", "final", "curve"])
    parser.add_argument("--data", required=True, help="folder of the CUHK data set, as data_prep makes it")
    parser.add_argument("--runs", type=Path, default=Path("runs/cuhk-best"))
    parser.add_argument("--only", nargs="*", default=[], help="variants of the ablation, or seeds")
    args = parser.parse_args()
    manifest = read_manifest(args.data)
    path = common.RESULTS / "best_cuhk.json"
    results = json.loads(path.read_text(encoding="utf-8"))["results"] if path.exists() else {}
    if args.what == "ablation":
        new = {row["variant"]: row for row in ablation(manifest, args.runs, args.only)}
        known = {row["variant"]: row for row in results.get("ablation", [])} | new
        results["ablation"] = [known[name] for name in ABLATION if name in known]
    elif args.what == "length":
        results["length"] = length(manifest, args.runs)
    elif args.what == "final":
        new = final(manifest, args.runs, [int(seed) for seed in args.only] or list(SEEDS))
        known = {(r["model"], r["seed"]): r for r in results.get("final", [])} | {
            (r["model"], r["seed"]): r for r in new
        }
        results["final"] = [known[key] for key in sorted(known)]
    else:
        results["curve"] = curve(manifest, args.runs)
    common.write("best_cuhk", results)


if __name__ == "__main__":
    main()
