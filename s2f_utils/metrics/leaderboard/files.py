"""The leaderboard's files: JSON, Markdown, the values of every image, and the page."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from s2f_utils import runtime
from s2f_utils.metrics.leaderboard import page, tables
from s2f_utils.metrics.leaderboard.board import Leaderboard
from s2f_utils.metrics.scored import write_csv


def write(board: Leaderboard, out: str | Path, *, gallery: int = 24) -> Path:
    """Write leaderboard.json, .md, .html and per_image.csv into the folder `out`; returns the page's path.

    gallery: pictures of each model that are shown, evenly from its worst to its best by SSIM.
    """
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    nothing = np.full(len(board.ids), np.nan)
    lines = (
        [row.key, name, *("" if np.isnan(v) else f"{v:.6g}" for v in values)]
        for row in board.rows
        for name, *values in zip(board.ids, *(row.values.get(c, nothing) for c in board.columns), strict=True)
    )
    write_csv(out / "per_image.csv", ["row", "id", *board.columns], lines)
    facts = tables.as_dict(board) | {"machine": runtime.machine_facts()}
    for name, text in (
        ("leaderboard.json", json.dumps(facts, indent=1, ensure_ascii=False) + "\n"),
        ("leaderboard.md", tables.as_markdown(board)),
    ):
        with runtime.atomic_path(out / name) as temporary:
            temporary.write_text(text, encoding="utf-8")
    return page.write(board, out / "leaderboard.html", gallery=gallery)
