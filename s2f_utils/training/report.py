"""The page that a run leaves: one HTML file with pictures, curves, the metric table, settings and times inside it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from s2f_utils import metrics
from s2f_utils.metrics.evaluation import Evaluation
from s2f_utils.pictures import images, pages, viz
from s2f_utils.training.config import find_method
from s2f_utils.training.tracking import read_log

NUM_SHEETS = 4  # of samples that are shown, from early to late
_STYLE = """
.pictures img { display: block; width: {{ shown_px }}px; height: {{ shown_px }}px; }
img.wide { max-width: 100%; background: white; border-radius: 4px; }
"""
_BODY = """
<p class="lead">{{ lead }}</p>
<p class="note">{{ note }}</p>

{% for part in parts %}<h2>Held-out pictures{{ part.named }}</h2>
<p>Inputs that training never saw, what the network made of them, and the truth. The first {{ part.num_shown }} of the
split, not the best.</p>
<div class="wide"><table class="pictures">
{% for name, row in part.pictures.items() %}<tr><th>{{ name }}</th>
{% for uri in row %}<td><img src="{{ uri }}" alt="{{ name }} {{ loop.index }}"></td>{% endfor %}</tr>
{% endfor %}</table></div>

<h2>Scores{{ part.named }}</h2>
<p>Mean over {{ part.num }} pictures of the split “{{ part.split }}” at {{ size_px }} px, with 95&nbsp;% bootstrap
intervals.
The rows below the model are trivial answers: a model that does not beat them has learned nothing worth having.</p>
{{ table(part.headings, part.scores) }}
{% endfor %}
{% if not_scored %}<h2>Not scored</h2>
<p>{{ not_scored }}</p>{% endif %}
<h2>Training</h2>
{% if curves %}<img class="wide" src="{{ curves }}" alt="losses over images seen">
<p>Pale: as logged; solid: smoothed. A falling <code>{{ falling }}</code> is progress; <code>loss_gan</code> and
<code>loss_d</code> are opponents in balance, and need not fall.</p>{% endif %}
{% for name, uri in sheets.items() %}<p>Samples after {{ name }}:</p><img class="wide" src="{{ uri }}" alt="{{ name }}">
{% endfor %}
<h2>Machine and time</h2>
{{ table(["", ""], facts) }}

<h2>Settings that differ from the paper's</h2>
{{ table(["setting", "here", "paper", "from"], settings) }}
"""


def write_report(folder: str | Path, *evaluations: Evaluation, num_pictures: int = 8, not_scored: str = "") -> Path:
    """Write `report.html` into a run folder from its log, its samples, and an evaluation of each direction that the run
    has learned; returns its path.

    The pictures shown are the first of the split, not the best. not_scored: why there is no evaluation, or one less.
    The file refers to no other file or address.
    """
    folder = Path(folder)
    run = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    rows, events = read_log(folder)
    size = evaluations[0].pictures["truth"].shape[1] if evaluations else run["config"]["size_px"]
    ways = " and ".join(_shown(way) for way in [e.direction for e in evaluations] or [run["config"]["direction"]])
    sheets = sorted((folder / "samples").glob("*.png"))
    places = sorted({round(place) for place in np.geomspace(1, len(sheets), NUM_SHEETS)}) if len(sheets) > 1 else []
    return pages.write(
        folder / "report.html",
        _BODY,
        style=_STYLE,
        title=f"{run['method']}: {ways}",
        lead=f"Run {folder.name}, {rows[-1]['images'] if rows else 0:,} images seen in training.",
        note=images.GENERATED_NOTE,
        parts=[_part(e, f": {_shown(e.direction)}" if len(evaluations) > 1 else "", num_pictures) for e in evaluations],
        not_scored=not_scored,
        shown_px=128 if size <= 128 else 192,
        size_px=size,
        falling="loss_cycle" if rows and any(name.startswith("loss_cycle") for name in rows[0]) else "loss_l1",
        curves=pages.figure_uri(viz.curves({"": (rows, events)})) if len(rows) > 1 else None,
        sheets={
            f"{int(sheets[n - 1].stem):,} images": pages.webp_uri(images.load_rgb(sheets[n - 1]), 1200) for n in places
        },
        facts=[{"cells": fact} for fact in _facts(run, rows, evaluations)],
        settings=[{"cells": setting} for setting in _settings(run)],
    )


def _shown(direction: str) -> str:
    return direction.replace("-to-", " → ")


def _part(evaluation: Evaluation, named: str, num_pictures: int) -> dict[str, Any]:
    """What the page says about one direction."""
    models = [row.key for row in evaluation.rows if row.kind == "model"]
    shown = {row: evaluation.pictures[row][:num_pictures] for row in ("input", *models, "truth")}
    scores = [
        {"kind": row.kind, "cells": [row.label, *(row.cell(name).split(" ", 1) for name in evaluation.columns)]}
        for row in evaluation.rows
    ]
    return {
        "named": named,
        "num_shown": len(shown["truth"]),
        "pictures": {name: [pages.webp_uri(picture) for picture in row] for name, row in shown.items()},
        "num": len(evaluation.ids),
        "split": evaluation.split,
        "headings": ["", *(metrics.METRICS[name].heading for name in evaluation.columns)],
        "scores": scores,
    }


def _facts(run: dict[str, Any], rows: list[dict[str, Any]], evaluations: Sequence[Evaluation]) -> list[list[str]]:
    machine = run["machine"]
    facts = [
        ["trained on", f"{machine['gpu'] if run['device'] == 'cuda' else machine['processor']}, {run['precision']}"]
    ]
    if rows:
        rate = np.median([row["images_per_second"] for row in rows])
        facts += [["training time", f"{rows[-1]['seconds'] / 60:.1f} min"], ["images a second", f"{rate:.1f}"]]
    facts += [
        ["memory", machine["memory"]],
        ["versions", f"Python {machine['python']}, torch {machine['torch']}, torchvision {machine['torchvision']}"],
        ["data", f"{Path(run['data']).parent.name}, {run['data_settings'].get('layout', '')} layout"],
    ]
    if evaluations:
        facts.append(["translation", f"{1000 * evaluations[0].seconds_per_image:.0f} ms an image, float32"])
    return facts


def _settings(run: dict[str, Any]) -> list[list[str]]:
    """Name, value here, the paper's, and where the one here comes from; none that this version does not know."""
    paper, here = find_method(run["method"]).settings(), run["config"]
    chosen = [(name, origin) for name, origin in run["origin"].items() if origin != "paper" and hasattr(paper, name)]
    return [
        [name, str(here[name]), str(getattr(paper, name)), origin]
        for name, origin in chosen
        if here[name] != getattr(paper, name)
    ]
