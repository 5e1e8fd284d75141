"""The command `s2f leaderboard`: the saved outputs of several models compared."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from s2f_studio.cli import options
from s2f_studio.cli.options import Data, Direction, between


def leaderboard(
    outputs: Annotated[tuple[str, ...], Parameter(metavar="RUN")] = (),
    /,
    *,
    data: Data,
    split: Literal["val", "test"] = "test",
    out: Path = Path("runs/leaderboard"),
    metrics: str = "all",
    patch_seeds: Annotated[int, between(0, 100)] = 1,
    direction: Direction = "sketch-to-photo",
) -> None:
    """Compare the saved outputs of several models.

    They are measured by every metric, beside the answers that need no model: a table as Markdown,
    of which the main columns and the metrics that you name are printed, and a contact sheet.

    Args:
        outputs: run folders, or folders of PNGs by id; NAME=PATH names one
        split: which of the pairs
        out: folder for the table and the sheet
        metrics: with commas; all: all that can be measured
        patch_seeds: times the patch test is repeated; 0: not at all
    """
    from s2f_utils.data import read_manifest
    from s2f_utils.metrics import leaderboard as tables

    names = options.metric_names(metrics)
    manifest = read_manifest(data)
    entries = []
    for spec in outputs:
        entries += tables.find_outputs(spec, manifest, split, direction)
    board = tables.build(
        entries,
        manifest,
        split=split,
        columns=names,
        patch_seeds=patch_seeds,
        direction=direction,
    )
    table = tables.write(board, out)
    named = () if metrics == "all" else names
    print(tables.as_markdown(board, list(dict.fromkeys((*tables.SHORT, *named)))))
    print(f"written: {table}, with every metric, and beside it faces.png")
