"""The command `s2f export`: a model as ONNX, or the app's page with the models inside."""

from __future__ import annotations

import argparse
from typing import Any

from s2f_utils.cli import options

PAGE = "page"  # what stands for the page in a model's place; a run of this name is given as ./page


def add(parsers: Any) -> argparse.ArgumentParser:
    export = options.command(
        parsers, "export", help="write a model as ONNX, or the app's page without its server",
        description="Write a model into a new folder: an ONNX graph for each of its steps, and model.json, which says"
        " what they take and give.\n  s2f export sketch-to-photo face-onnx\n  s2f translate face-onnx drawing.jpg\n"
        "docs/onnx.md says how to use the graphs elsewhere.\n\nWith 'page' for the model: the app's page as a folder"
        " that any web server serves, in which the browser itself answers (docs/page.md).\n  s2f export page site\n"
        "  python -m http.server -d site",
    )  # fmt: skip
    export.add_argument("model", metavar="MODEL", help="a name, a run folder, a .safetensors or .pth file, or page")
    export.add_argument("out", metavar="OUT", help="a new folder")
    export.add_argument("--format", default="onnx", choices=["onnx"], help="of a model: onnx")
    export.add_argument(
        "--precision", default="float32", choices=["float32", "float16"],
        help="of the weights; float16: files of half the size, computed in float32 (default: float32)",
    )  # fmt: skip
    export.add_argument("--direction", default=None, metavar="WAY", help="which generator of a CycleGAN run is meant")
    export.add_argument(
        "--ort", default=None, metavar="PACKAGE",
        help="of the page: the npm package onnxruntime-web, a .tgz or a folder (default: fetched)",
    )  # fmt: skip
    return export


def run(args: argparse.Namespace) -> int:
    """`s2f export`; the status."""
    if args.model == PAGE:
        return _page(args)
    if args.ort is not None:
        raise ValueError(f"--ort is for the page alone: 's2f export {PAGE} {args.out}'")
    from s2f_studio.export.writing import check_installed, export
    from s2f_utils.inference import load, restorers
    from s2f_utils.inference.enhance import Enhancer

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


def _page(args: argparse.Namespace) -> int:
    from s2f_studio.server.alone.page import export_page

    if args.direction is not None:
        raise ValueError("--direction is for a model: the page has both directions")
    made = export_page(args.out, ort=args.ort)
    size = sum(path.stat().st_size for path in made.rglob("*") if path.is_file())
    print(f"{made}: {size / 1e6:.0f} MB; open it with 'python -m http.server -d {made}', or put it on any static host")
    return 0
