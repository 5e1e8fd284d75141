"""The command `s2f leaderboard`: the saved outputs of several models compared."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from s2f_utils.cli import options
from s2f_utils.cli.options import Data, Direction, Seen, between


def leaderboard(
    outputs: Annotated[tuple[str, ...], Parameter(metavar="RUN")] = (),
    /,
    *,
    data: Data,
    split: Literal["val", "test"] = "test",
    out: Path = Path("runs/leaderboard"),
    seen: Seen = False,
    metrics: str = "all",
    patch_seeds: Annotated[int, between(0, 100)] = 1,
    direction: Direction = "sketch-to-photo",
) -> None:
    """Compare the saved outputs of several models.

    They are measured by every metric, beside the answers that need no model: a table as JSON and
    Markdown, and a contact sheet.

    Args:
        outputs: run folders, or folders of PNGs by id; NAME=PATH names one
        split: which of the pairs
        out: folder for the tables
        metrics: with commas; all: all that can be measured
        patch_seeds: times the patch test is repeated; 0: not at all
    """
    from s2f_utils.data import read_manifest
    from s2f_utils.metrics import leaderboard as tables

    names = options.metric_names(metrics)
    manifest = read_manifest(data)
    pairs = manifest.split(split)
    ids = [pair.id for pair in pairs]
    entries = [
        entry for spec in outputs for entry in tables.find_outputs(spec, ids, direction, pairs)
    ]
    board = tables.build(
        entries,
        manifest,
        split=split,
        columns=names,
        patch_seeds=patch_seeds,
        direction=direction,
        allow_seen=seen,
    )
    table = tables.write(board, out)
    print(tables.as_markdown(board))
    print(f"written: {table} and, beside it, leaderboard.json, per_image.csv, faces.png")
