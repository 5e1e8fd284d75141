"""The leaderboard as one HTML page: what was asked, the table, perception against distortion, galleries."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from s2f_utils import metrics
from s2f_utils.metrics import leaderboard, retrieval
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
<p class="lead">{{ num }} images of the split “{{ split }}” of {{ data }}, {{ size_px }} px. Means with 95&nbsp;%
bootstrap intervals over images.</p>
<p class="note">{{ note }}</p>
{% for question in questions %}
<h2>{{ question.title }}</h2>
<div class="wide"><table><tr><th></th><th>league</th><th>seed</th>
{% for h in question.headings %}<th>{{ h }}</th>{% endfor %}</tr>
{% for row in question.rows %}<tr class="{{ row.kind }}"><td>{{ row.label }}</td><td>{{ row.league }}</td>
<td>{{ row.seed }}</td>
{% for mean, interval in row.cells %}<td>{{ mean }} <small>{{ interval }}</small></td>{% endfor %}</tr>
{% endfor %}</table></div>
{% if question.caveat %}<p>{{ question.caveat }}</p>{% endif %}
{% endfor %}
{% for name, reason in missing.items() %}<p class="lead">Not measured: {{ name }}: {{ reason }}.</p>{% endfor %}
{% if seeds %}<h2>Over seeds</h2>
<div class="wide"><table><tr><th></th>{% for h in seed_headings %}<th>{{ h }}</th>{% endfor %}</tr>
{% for row in seeds %}<tr><td>{{ row.label }}</td>{% for c in row.cells %}<td>{{ c }}</td>{% endfor %}</tr>{% endfor %}
</table></div>{% endif %}
{% if figure %}<h2>Perception against distortion</h2>
<p>To the right: nearer to the true photo. Downwards: harder to tell from photos. No answer is best at both, and what is
only filtered should not pass for real.</p>
<img class="figure" src="{{ figure }}" alt="patch test over SSIM">{% endif %}
<h2>Pairs of rows</h2>
<p>Mean difference on the same images, with its 95&nbsp;% interval: one that excludes 0 is a difference.</p>
<div class="wide"><table><tr><th>model</th><th>minus</th>{% for h in paired_headings %}<th>{{ h }}</th>{% endfor %}</tr>
{% for row in paired %}<tr><td>{{ row.model }}</td><td>{{ row.other }}</td>
{% for c in row.cells %}<td>{{ c }}</td>{% endfor %}</tr>{% endfor %}</table></div>
{% for model in galleries %}
<h2>{{ model.label }}</h2>
<p>From the worst to the best by SSIM, {{ model.figures|length }} of {{ num }}: what went in, the output, the truth.</p>
<details{% if loop.first %} open{% endif %}><summary>pictures</summary><div class="gallery">
{% for f in model.figures %}<figure>{% for uri in f.pictures %}<img src="{{ uri }}" alt="{{ f.id }}">
{% endfor %}<figcaption>{{ f.id }} · {{ f.ssim }}</figcaption></figure>{% endfor %}
</div></details>
{% endfor %}
"""


def write(board: leaderboard.Leaderboard, path: str | Path, *, gallery: int = 24) -> Path:
    """Write the page; returns its path."""
    seeds = leaderboard.over_seeds(board)
    paired = [c for c in leaderboard.PAIRED if c in board.columns]
    return pages.write(
        path,
        _BODY,
        style=_STYLE,
        title=f"Leaderboard: {board.data}",
        num=len(board.ids),
        split=board.split,
        data=board.data,
        size_px=board.size_px,
        note=images.GENERATED_NOTE,
        questions=_questions(board),
        missing={leaderboard.heading(name): reason for name, reason in board.missing.items()},
        seeds=[_seed_row(board, group) for group in seeds],
        seed_headings=[leaderboard.heading(c) for c in board.columns],
        figure=_figure(board),
        paired_headings=[leaderboard.heading(c) for c in paired],
        paired=_paired_rows(board, paired),
        galleries=[_gallery(board, row, gallery) for row in board.rows if row.kind == "model"] if gallery else [],
        px=SHOWN_PX,
    )


def _questions(board: leaderboard.Leaderboard) -> list[dict[str, Any]]:
    extra = {"real": [leaderboard.PATCH_COLUMN], "who": list(leaderboard.RETRIEVAL_COLUMNS)}
    found = []
    for question, title in metrics.QUESTIONS.items():
        own = [c for c in board.columns if c in metrics.METRICS and metrics.METRICS[c].question == question]
        columns = own + [c for c in extra.get(question, ()) if c in board.columns]
        rows = [
            {"label": row.label, "kind": row.kind, "league": row.league, "seed": "" if row.seed is None else row.seed,
             "cells": [leaderboard.cell(row, c) for c in columns]}
            for row in board.rows if any(c in row.values for c in columns)
        ]  # fmt: skip
        sets = [c for c in leaderboard.SET_COLUMNS if any(c in row.details for row in board.rows)]
        headings = [leaderboard.heading(c) for c in columns]
        if question == "real" and sets:
            headings += [leaderboard.heading(c) for c in sets]
            for line, row in zip(rows, (r for r in board.rows if any(c in r.values for c in columns)), strict=True):
                line["cells"] += [(f"{row.details[c]:.{leaderboard.digits(c)}f}", "") for c in sets if c in row.details]
        caveat = retrieval.CAVEAT if question == "who" else ""
        found.append({"title": title, "headings": headings, "rows": rows, "caveat": caveat})
    return found


def _seed_row(board: leaderboard.Leaderboard, group: dict[str, Any]) -> dict[str, Any]:
    cells = []
    for column in board.columns:
        value, places = group[column], leaderboard.digits(column)
        known = value["mean"] is not None
        cells.append(f"{value['mean']:.{places}f} ± {value['std']:.{places}f}" if known else "–")
    return {"label": f"{group['model']} ({len(group['seeds'])} seeds)", "cells": cells}


def _figure(board: leaderboard.Leaderboard) -> str | None:
    if leaderboard.PATCH_COLUMN not in board.columns:
        return None
    points = {
        row.label: (row.mean("ssim"), row.mean(leaderboard.PATCH_COLUMN), row.kind)
        for row in board.rows if leaderboard.PATCH_COLUMN in row.values
    }  # fmt: skip
    return pages.figure_uri(viz.perception_distortion(points))


def _paired_rows(board: leaderboard.Leaderboard, columns: list[str]) -> list[dict[str, Any]]:
    found = []
    for row in leaderboard.as_dict(board)["rows"]:
        for other, gaps in row["paired"].items():
            cells = []
            for column in columns:
                if column not in gaps or None in gaps[column]:
                    cells.append("–")
                    continue
                mean, low, high = gaps[column]
                cells.append(f"{mean:+.{leaderboard.digits(column)}f} [{low:+.3g}, {high:+.3g}]")
            seed = "" if row["seed"] is None else f", seed {row['seed']}"
            found.append({"model": row["model"] + seed, "other": other, "cells": cells})
    return found


def _gallery(board: leaderboard.Leaderboard, row: leaderboard.Row, num: int) -> dict[str, Any]:
    order = np.argsort(row.values["ssim"], kind="stable")
    chosen = order[np.unique(np.linspace(0, len(order) - 1, min(num, len(order))).round().astype(int))]
    figures = []
    for n in chosen:
        shown = [board.pictures[key][n] for key in ("input", row.key, "truth")]
        figures.append(
            {"id": board.ids[n], "ssim": f"{row.values['ssim'][n]:.3f}",
             "pictures": [pages.picture_uri(picture, 2 * SHOWN_PX) for picture in shown]}
        )  # fmt: skip
    seed = "" if row.seed is None else f", seed {row.seed}"
    return {"label": row.label + seed, "figures": figures}
