"""The leaderboard's files: JSON, Markdown, every image's values, and a page with tables, a figure and galleries."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from s2f_utils import metrics, runtime
from s2f_utils.metrics import retrieval
from s2f_utils.metrics.leaderboard import tables
from s2f_utils.metrics.leaderboard.board import Leaderboard, Row
from s2f_utils.metrics.scored import write_csv
from s2f_utils.pictures import images, pages, viz

SHOWN_PX = 112
_STYLE = """
.gallery { display: flex; flex-wrap: wrap; gap: .6rem; margin-top: .8rem; }
.gallery figure { margin: 0; font-size: .75rem; color: GrayText; }
.gallery img { width: {{ px }}px; height: {{ px }}px; display: block; }
img.figure { max-width: 100%; background: white; border-radius: 4px; }
tr.control td { font-style: italic; }
td:first-child { white-space: normal; min-width: 13rem; }
details summary { cursor: pointer; }
"""
_BODY = """
<p class="lead">{{ num }} images of the split “{{ board.split }}” of {{ board.data }}, {{ board.size_px }} px.
Means with 95&nbsp;% bootstrap intervals over images.</p>
<p class="note">{{ note }}</p>
{% for question in questions %}
<h2>{{ question.title }}</h2>
{{ table(question.headings, question.rows) }}
{% if question.caveat %}<p>{{ question.caveat }}</p>{% endif %}
{% endfor %}
{% for line in remarks %}<p class="lead">{{ line }}.</p>{% endfor %}
{% for name, reason in missing.items() %}<p class="lead">Not measured: {{ name }}: {{ reason }}.</p>{% endfor %}
{% if seeds %}<h2>Over seeds</h2>
{{ table(seed_headings, seeds) }}{% endif %}
{% if figure %}<h2>Perception against distortion</h2>
<p>To the right: nearer to the true photo. Downwards: harder to tell from photos, to the dashed line at best: true
pictures of other people. No answer is best at both, and what is only filtered should not pass for real.</p>
<img class="figure" src="{{ figure }}" alt="patch test over SSIM">{% endif %}
<h2>Pairs of rows</h2>
<p>Mean difference on the same images, with its 95&nbsp;% interval: one that excludes 0 is a difference.</p>
{{ table(paired_headings, paired) }}
{% for model in galleries %}
<h2>{{ model.label }}</h2>
<p>From the worst to the best by SSIM, {{ model.figures|length }} of {{ num }}: what went in, the output, the truth.</p>
<details{% if loop.first %} open{% endif %}><summary>pictures</summary><div class="gallery">
{% for f in model.figures %}<figure>{% for uri in f.pictures %}<img src="{{ uri }}" alt="{{ f.caption }}">
{% endfor %}<figcaption>{{ f.caption }}</figcaption></figure>{% endfor %}
</div></details>
{% endfor %}
"""


def write(board: Leaderboard, out: str | Path, *, gallery: int = 24) -> Path:
    """Write leaderboard.json, .md, .html and per_image.csv into the folder `out`; returns the page's path.

    gallery: pictures of each model that are shown, evenly from its worst to its best by SSIM.
    """
    out = Path(out)
    nothing = np.full(len(board.ids), np.nan)
    lines = (
        [row.key, name, *("" if np.isnan(v) else f"{v:.6g}" for v in values)]
        for row in board.rows
        for name, *values in zip(board.ids, *(row.values.get(c, nothing) for c in board.columns), strict=True)
    )
    write_csv(out / "per_image.csv", ["row", "id", *board.columns], lines)
    runtime.write_json(out / "leaderboard.json", tables.as_dict(board) | {"machine": runtime.machine_facts()})
    with runtime.atomic_path(out / "leaderboard.md") as temporary:
        temporary.write_text(tables.as_markdown(board), encoding="utf-8")
    return _write_page(board, out / "leaderboard.html", gallery)


def _write_page(board: Leaderboard, path: Path, gallery: int) -> Path:
    differences = [c for c in tables.PAIRED if c in board.columns]
    seeds = [
        [f"{group['model']} ({len(group['seeds'])} seeds)", *(tables.seeds_cell(group, c) for c in board.columns)]
        for group in tables.over_seeds(board)
    ]
    return pages.write(
        path,
        _BODY,
        style=_STYLE,
        title=f"Leaderboard: {board.data}",
        board=board,
        num=len(board.ids),
        note=images.GENERATED_NOTE,
        questions=_questions(board),
        remarks=tables.remarks(board),
        missing={_heading(name): reason for name, reason in board.missing.items()},
        seeds=[{"cells": cells} for cells in seeds],
        seed_headings=["", *map(_heading, board.columns)],
        figure=_figure(board),
        paired_headings=["model", "minus", *map(_heading, differences)],
        paired=_paired_rows(board, differences),
        galleries=[_gallery(board, row, gallery) for row in board.rows if row.kind == "model"] if gallery else [],
        px=SHOWN_PX,
    )


def _questions(board: Leaderboard) -> list[dict[str, Any]]:
    found = []
    for question, title in metrics.QUESTIONS.items():
        names = (*board.columns, *board.numbers)
        columns = [name for name in names if metrics.METRICS[name].question == question]
        rows = [
            {"kind": row.kind, "cells": [*tables.named(row), *(tables.cell(row, c).split(" ", 1) for c in columns)]}
            for row in board.rows
            if any(c in row.values or c in row.details for c in columns)
        ]
        caveat = {"who": retrieval.CAVEAT, "real": tables.floor_note(board)}.get(question, "")
        headings = ["", "league", "seed", *map(_heading, columns)]
        found.append({"title": title, "headings": headings, "rows": rows, "caveat": caveat})
    return found


def _heading(column: str) -> str:
    return metrics.METRICS[column].heading


def _figure(board: Leaderboard) -> str | None:
    rows = [row for row in board.rows if "patch_auc" in row.values]
    points = {row.label: (row.mean("ssim"), row.mean("patch_auc"), row.kind) for row in rows}
    return pages.figure_uri(viz.perception_distortion(points, tables.floor(board))) if points else None


def _paired_rows(board: Leaderboard, columns: list[str]) -> list[dict[str, Any]]:
    found = []
    for row in board.rows:
        for other, gaps in tables.paired(board, row).items():
            cells = [_gap(gaps.get(column), metrics.METRICS[column].digits) for column in columns]
            found.append({"cells": [_titled(row), other, *cells]})
    return found


def _gap(gap: list[float | None] | None, digits: int) -> str:
    if gap is None or None in gap:
        return "–"
    mean, low, high = gap
    return f"{mean:+.{digits}f} [{low:+.3g}, {high:+.3g}]"


def _titled(row: Row) -> str:
    return row.shown if row.seed is None else f"{row.shown}, seed {row.seed}"


def _gallery(board: Leaderboard, row: Row, num: int) -> dict[str, Any]:
    order = np.argsort(row.values["ssim"], kind="stable")
    chosen = order[np.unique(np.linspace(0, len(order) - 1, min(num, len(order))).round().astype(int))]
    figures = [
        {
            "caption": f"{board.ids[n]} · {row.values['ssim'][n]:.3f}",
            "pictures": [pages.webp_uri(board.pictures[key][n], 2 * SHOWN_PX) for key in ("input", row.key, "truth")],
        }
        for n in chosen
    ]
    return {"label": _titled(row), "figures": figures}
