"""The command `s2f plot`: the curves of runs as one picture."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from s2f_utils.cli import options

X_AXES = ("images", "seconds", "epoch")
EPILOG = """examples:
  s2f plot runs/0003-pix2pix-demo                      (writes runs/0003-pix2pix-demo/curves.png)
  s2f plot runs/0003-pix2pix-demo --log --only loss_l1 ssim
  s2f plot runs/0003-pix2pix-demo runs/0004-pix2pix-demo --x seconds --out both.svg"""


def add(parsers: Any) -> argparse.ArgumentParser:
    plot = options.command(
        parsers, "plot", help="draw the curves of one run, or of several to compare", epilog=EPILOG,
        description="Losses, and the scores of the samples, from a run's log: raw as thin lines, smoothed as bold ones."
        "\nNumbered marks show where a live value was changed while training ran. The run may still be training.",
    )  # fmt: skip
    plot.add_argument("runs", nargs="+", metavar="RUN", help="run folders; several are drawn into the same axes")
    plot.add_argument(
        "--out", metavar="FILE", help=".png or .svg; default: curves.png in the run folder, or here for several runs"
    )
    plot.add_argument("--only", nargs="+", action="extend", default=[], metavar="NAME", help="only these curves")
    plot.add_argument("--x", default="images", choices=X_AXES, help="along images seen (default), seconds or epochs")
    plot.add_argument("--log", action="store_true", help="losses on a logarithmic scale")
    plot.add_argument(
        "--smooth", type=float, default=0.87, metavar="SHARE",
        help="of the old mean that each row keeps, from 0 (not smoothed) to less than 1 (default: 0.87)",
    )  # fmt: skip
    return plot


def run(args: argparse.Namespace) -> int:
    from s2f_utils import runtime
    from s2f_utils.pictures import viz

    folders = [Path(name) for name in args.runs]
    out = Path(args.out) if args.out else (folders[0] if len(folders) == 1 else Path()) / "curves.png"
    kind = out.suffix.lower().removeprefix(".")
    if kind not in ("png", "svg"):
        raise ValueError(f"--out {str(out)!r}: name a file that ends in .png or .svg")
    names = [folder.resolve().name for folder in folders]
    labels = names if len(set(names)) == len(names) else list(map(str, folders))
    logs = {label: _read(folder) for label, folder in zip(labels, folders, strict=True)}
    known = list(dict.fromkeys(name for log in logs.values() for name in viz.curve_names(*log)))
    if unknown := [name for name in args.only if name not in known]:
        raise ValueError(f"--only {unknown[0]}: there is no such curve: the names are {', '.join(known)}")
    figure = viz.curves(logs, only=args.only, x=args.x, log=args.log, share=args.smooth)
    with runtime.atomic_path(out) as temporary:
        figure.savefig(temporary, format=kind, dpi=150)
    print(out)
    return 0


def _read(folder: Path) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    from s2f_utils.training.tracking import read_log

    if not (folder / "log.jsonl").is_file():
        raise FileNotFoundError(f"{folder}: no log.jsonl in this folder: give the folder of a run")
    rows, events = read_log(folder)
    if not rows:
        raise ValueError(f"{folder}: its log has no row of losses yet: wait for the first, or train on")
    return rows, events
