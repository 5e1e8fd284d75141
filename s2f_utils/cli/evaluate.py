"""The command `s2f evaluate`: a trained network scored on pairs."""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from typing import Any

from s2f_utils import runtime
from s2f_utils.cli import options

METRICS = "ssim,sharpness,psnr,mse,l1,l2_norm"


def add(parsers: Any) -> argparse.ArgumentParser:
    evaluate = options.command(
        parsers, "evaluate", help="score a trained network on pairs",
        description="SSIM, sharpness, PSNR, MSE, L1 and L2 norm with 95 % intervals, beside the trivial answers.",
    )  # fmt: skip
    evaluate.add_argument("model", help="run folder, .safetensors or .pth file, or hf:USER/MODEL")
    options.add_pairs(evaluate)
    evaluate.add_argument("--split", default="test", choices=["train", "val", "test"], help="default: test")
    evaluate.add_argument(
        "--out", metavar="DIR", help="folder for the results; default: a new one beside the model, or in runs"
    )
    evaluate.add_argument(
        "--by", metavar="COLUMN",
        help="also the means for each value of a column of manifest.csv (default: SSIM and sharpness of the model for"
        " each column of two to six values)",
    )  # fmt: skip
    options.add_seen(evaluate)
    options.add_direction(evaluate)
    options.add_mode(evaluate, action="append")
    options.add_device(evaluate)
    evaluate.add_argument(
        "--metrics", default=METRICS, metavar="NAMES",
        help="with commas; all, project1 (with its published errors), sets (FID, KID, …), faces (inside of the face,"
        " stroke residue, …), or features (perceptual, Fréchet, precision, recall), too"
        f" (default: {METRICS})",
    )  # fmt: skip
    return evaluate


def run(args: argparse.Namespace) -> int:
    from s2f_utils.data import read_manifest
    from s2f_utils.inference import load
    from s2f_utils.metrics.attributes import check_attribute
    from s2f_utils.metrics.evaluation import evaluate

    manifest = read_manifest(args.data)
    if args.by:
        check_attribute(manifest, args.split, args.by)
    translator = load(args.model, args.device, direction=args.direction)
    out = Path(args.out) if args.out else _new_folder(args.model, args.split)
    result = evaluate(
        translator, manifest, out, split=args.split, modes=args.mode or ["deterministic"],
        metric_names=options.metric_names(args.metrics), name=translator.meta.get("method", Path(args.model).stem),
        allow_seen=args.seen,
    )  # fmt: skip
    data, num = manifest.path.resolve().parent.name, runtime.counted(len(result.ids), "pair")
    print(f"{data}, split {args.split}: {num} of {translator.size_px}x{translator.size_px} pixels\n")
    print(result.table())
    if by := result.table_by(args.by or ""):
        print(f"\n{by}\n")
    if result.seen.text:
        print(f"the model {result.seen.text} pairs in its training: its scores say nothing about new people")
    if result.seen.unknown:
        print(f"whether the model has seen these pairs is not known: {result.seen.unknown}")
    if result.alike:
        few = ", ".join(result.alike[:3]) + (", …" if len(result.alike) > 3 else "")
        print(f"{len(result.alike)} photos are much like a training photo: look whether they are the same ({few})")
    if result.not_pairs:
        print(f"{result.not_pairs} rows of the split have one picture only, and were not scored")
    for metric, reason in result.missing.items():
        print(f"not measured: {metric}: {reason}")
    print(f"per image: {result.folder / 'per_image.csv'}; summary: {result.folder / 'metrics.json'}")
    return 0


def _new_folder(model: str, split: str) -> Path:
    """A folder that is not there yet, beside the model, so that one evaluation does not mix with another."""
    from s2f_utils import weights
    from s2f_utils.inference import find_generator
    from s2f_utils.runtime import free_stem

    if model in weights.model_names() or weights.hub.is_name(model):  # nothing is written into the project or a cache
        parent, name = Path("runs"), f"evaluation-{re.sub(r'[^A-Za-z0-9._-]', '-', model)}-{split}"
    else:
        parent, name = find_generator(model).parent, f"evaluation-{split}"
    return parent / free_stem(parent, name)
