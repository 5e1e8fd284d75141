"""The command `s2f leaderboard`: the saved outputs of several models compared."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from s2f_utils.cli import options


def add(parsers: Any) -> argparse.ArgumentParser:
    board = options.command(
        parsers, "leaderboard", help="compare the saved outputs of several models",
        description="Measure saved outputs by every metric, beside the answers that need no model: a table as JSON,"
        " Markdown and one HTML page.",
    )  # fmt: skip
    board.add_argument(
        "outputs", nargs="*", metavar="RUN", help="run folder, or folder of PNGs by id; NAME=PATH names it"
    )
    options.add_pairs(board)
    board.add_argument("--split", default="test", choices=["val", "test"], help="default: test")
    board.add_argument("--out", default="runs/leaderboard", metavar="DIR", help="default: runs/leaderboard")
    board.add_argument(
        "--open", action="append", default=[], metavar="NAME", dest="open_league",
        help="this model saw other data than the set's training pairs: it plays in the open league; repeatable. That a"
        " model saw nothing else, its file proves, or its league is unknown",
    )  # fmt: skip
    options.add_seen(board)
    board.add_argument(
        "--metrics", default="all", metavar="NAMES", help="with commas (default: all that can be measured)"
    )
    board.add_argument(
        "--patch-seeds", type=int, default=1, metavar="N", help="times the patch test is repeated; 0: not at all"
    )
    board.add_argument(
        "--gallery", type=int, default=24, metavar="N", help="pictures shown of each model (default: 24)"
    )
    board.add_argument("--direction", default=options.DIRECTIONS[0], choices=options.DIRECTIONS)
    return board


def run(args: argparse.Namespace) -> int:
    from s2f_utils.data import read_manifest
    from s2f_utils.metrics import leaderboard

    if args.patch_seeds < 0 or args.gallery < 0:
        raise ValueError("--patch-seeds and --gallery must be 0 or more")
    names = options.metric_names(args.metrics)
    manifest = read_manifest(args.data)
    pairs = manifest.split(args.split)
    ids = [pair.id for pair in pairs]
    entries = [entry for spec in args.outputs for entry in leaderboard.find_outputs(spec, ids, args.direction, pairs)]
    board = leaderboard.build(
        entries, manifest, split=args.split, columns=names, patch_seeds=args.patch_seeds, direction=args.direction,
        open_league=args.open_league, allow_seen=args.seen, say=lambda text: print(f"  {text}", file=sys.stderr),
    )  # fmt: skip
    page = leaderboard.write(board, args.out, gallery=args.gallery)
    print(leaderboard.as_markdown(board))
    print(f"written: {page} and, beside it, leaderboard.json, leaderboard.md, per_image.csv")
    return 0
