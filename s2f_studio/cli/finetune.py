"""The command `s2f finetune`: all stages from a drawing to a face go on with pairs of one's own."""

from __future__ import annotations

import argparse
from typing import Any

from s2f_utils.cli import options


def add(parsers: Any) -> argparse.ArgumentParser:
    finetune = options.command(
        parsers, "finetune", help="go on with the shipped models, on a hundred pairs of your own",
        description="Fine-tune what says which face is expected, and what renders it, on a set of pairs with points:"
        "\n  python -m data_prep shaped data/mine data/mine-points\n  s2f finetune --data data/mine-points\nThe same"
        " command goes on where it was stopped. What it leaves is a model: s2f translate RUN drawing.jpg",
    )  # fmt: skip
    finetune.add_argument("--data", required=True, metavar="DIR", help="as 'python -m data_prep shaped' leaves it")
    finetune.add_argument(
        "--runs", default="runs", metavar="DIR", help="where the run folders are made (default: runs)"
    )
    finetune.add_argument("--minutes", type=float, default=25.0, metavar="M", help="of training in all (default: 25)")
    options.add_device(finetune)
    return finetune


def run(args: argparse.Namespace) -> int:
    """`s2f finetune`; the status."""
    from s2f_studio.faces.finetune import finetune

    if not args.minutes > 0:
        raise ValueError(f"--minutes must be more than 0, got {args.minutes:g}")
    made = finetune(args.data, args.runs, minutes=args.minutes, device=args.device)
    print(f"{made}: use it with 's2f translate {made} drawing.jpg'")
    return 0
