"""The command `s2f export`: a model as ONNX."""

from __future__ import annotations

import argparse
from typing import Any

from s2f_utils.cli import options


def add(parsers: Any) -> argparse.ArgumentParser:
    export = options.command(
        parsers, "export", help="write a model as ONNX, for programs without PyTorch",
        description="Write a model into a new folder: an ONNX graph for each of its steps, and model.json, which says"
        " what they take and give.\n  s2f export sketch-to-photo face-onnx\n  s2f translate face-onnx drawing.jpg\n"
        "docs/onnx.md says how to use the graphs elsewhere.",
    )  # fmt: skip
    export.add_argument("model", metavar="MODEL", help="a name, a run folder, or a .safetensors or .pth file")
    export.add_argument("out", metavar="OUT", help="a new folder")
    export.add_argument(
        "--precision", default="float32", choices=["float32", "float16"],
        help="of the weights; float16: files of half the size, computed in float32 (default: float32)",
    )  # fmt: skip
    export.add_argument("--direction", default=None, metavar="WAY", help="which generator of a CycleGAN run is meant")
    return export


def run(args: argparse.Namespace) -> int:
    """`s2f export`; the status."""
    from s2f_utils.inference import load, restorers
    from s2f_utils.inference.enhance import Enhancer
    from s2f_utils.inference.export import check_installed, export

    check_installed()
    restores = args.model in restorers.names()
    if restores:
        model = Enhancer(restorers.load(args.model, "cpu", engine="torch"))
    else:
        model = load(args.model, "cpu", direction=args.direction, engine="torch")
    made = export(model, args.out, precision=args.precision)
    size = sum(path.stat().st_size for path in made.iterdir())
    use = f"enhance photo.jpg --restorer {made}" if restores else f"translate {made} drawing.jpg"
    print(f"{made}: {size / 1e6:.0f} MB; use it with 's2f {use}'")
    return 0
