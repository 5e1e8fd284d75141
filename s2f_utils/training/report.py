"""The page that a run leaves: one HTML file with pictures, curves, the metric table, settings and times inside it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from s2f_utils import metrics
from s2f_utils.metrics import attributes, tally
from s2f_utils.metrics.evaluation import Evaluation, cell
from s2f_utils.pictures import images, pages, viz
from s2f_utils.training.config import find_method
from s2f_utils.training.tracking import read_log

_STYLE = """
.pictures img { display: block; width: {{ shown_px }}px; height: {{ shown_px }}px; }
img.curves { max-width: 100%; background: white; border-radius: 4px; }
"""
_BODY = """
<p class="lead">{{ lead }}</p>
<p class="note">{{ note }}</p>

{% for part in parts %}<h2>Held-out pictures{{ part.named }}</h2>
<p>Inputs that training never saw, what the network made of them, and the truth. {{ part.order }}</p>
<div class="wide"><table class="pictures">
{% for name, row in part.pictures.items() %}<tr><th>{{ name }}</th>
{% for uri in row %}<td><img src="{{ uri }}" alt="{{ name }} {{ loop.index }}"></td>{% endfor %}</tr>
{% endfor %}</table></div>

<h2>Scores{{ part.named }}</h2>
<p>Mean over {{ part.num }} pictures of the split “{{ part.split }}” at {{ size_px }} px, with 95&nbsp;% bootstrap
intervals.{% if part.times %} This run was {{ part.times }}.{% endif %}
The rows below the model are trivial answers: a model that does not beat them has learned nothing worth having.</p>
{{ table(part.headings, part.scores) }}
{% if part.by %}<p>By what the manifest says of the pairs ({{ few }}):</p>
{{ table(part.by_headings, part.by) }}{% endif %}
{% endfor %}
{% if not_scored %}<h2>Not scored</h2>
<p>{{ not_scored }}</p>{% endif %}
<h2>Training</h2>
{% if curves %}<img class="curves" src="{{ curves }}" alt="losses over images seen">
<p>Pale: as logged; solid: smoothed. A falling <code>{{ falling }}</code> is progress; <code>loss_gan</code> and
<code>loss_d</code> are opponents in balance, and need not fall.{{ cycle_note }}</p>{% endif %}
{% if progress %}<p>The same sketches through time:</p>
<div class="wide"><table class="pictures">{% for name, row in progress.items() %}
<tr><th>{{ name }}</th>
{% for uri in row %}<td><img src="{{ uri }}" alt="{{ name }}"></td>{% endfor %}</tr>
{% endfor %}</table></div>{% endif %}

<h2>Machine and time</h2>
<table>{% for key, value in facts.items() %}<tr><td>{{ key }}</td><td>{{ value }}</td></tr>{% endfor %}</table>

<h2>Settings that differ from the paper's</h2>
<table><tr><th>setting</th><th>here</th><th>paper</th><th>from</th></tr>
{% for s in settings %}<tr><td>{{ s.name }}</td><td>{{ s.here }}</td><td>{{ s.paper }}</td><td>{{ s.origin }}</td></tr>
{% endfor %}</table>
"""


def duration(seconds: float) -> str:
    """Seconds as people say them: "45 s", "6 min 05 s", "1 h 02 min"."""
    total = round(seconds)
    if total < 60:
        return f"{total} s"
    if total < 3600:
        return f"{total // 60} min {total % 60:02d} s"
    return f"{total // 3600} h {total % 3600 // 60:02d} min"


def write_report(folder: str | Path, *evaluations: Evaluation, num_pictures: int = 8, not_scored: str = "") -> Path:
    """Write `report.html` into a run folder from its log, its samples, and an evaluation of each direction that the run
    has learned; returns its path.

    The pictures shown are the first of the split, not the best. not_scored: why there is no evaluation, or one less.
    The file refers to no other file or address.
    """
    folder = Path(folder)
    run = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    rows, events = read_log(folder)
    several, size = len(evaluations) > 1, run["config"]["size_px"]
    if evaluations:
        size = evaluations[0].pictures["truth"].shape[1]
    changes = [event for event in events if event["event"] == "change"]
    ways = " and ".join(_shown(way) for way in [e.direction for e in evaluations] or [run["config"]["direction"]])
    cycles = [name for name in (rows[0] if rows else {}) if name.startswith("loss_cycle")]
    return pages.write(
        folder / "report.html",
        _BODY,
        style=_STYLE,
        title=f"{run['method']}: {ways}",
        lead=f"Run {folder.name}, {rows[-1]['images'] if rows else 0:,} images seen in training.",
        note=images.GENERATED_NOTE,
        parts=[_part(e, f": {_shown(e.direction)}" if several else "", num_pictures) for e in evaluations],
        not_scored=not_scored,
        few=attributes.FEW,
        shown_px=128 if size <= 128 else 192,
        size_px=size,
        falling="loss_cycle" if cycles else "loss_l1",
        cycle_note=" A cycle can be closed by hiding the picture in its translation: it is no measure of quality."
        if cycles
        else "",
        curves=pages.figure_uri(viz.loss_curves(rows, changes)) if len(rows) > 1 else None,
        progress=_progress_rows(folder, size),
        facts=_facts(run, rows, evaluations),
        settings=_settings(run),
    )


def _shown(direction: str) -> str:
    return direction.replace("-to-", " → ")


def _part(evaluation: Evaluation, named: str, num_pictures: int) -> dict[str, Any]:
    """What the page says about one direction."""
    shown = {row: evaluation.pictures[row][:num_pictures] for row in ("input", *_model_rows(evaluation), "truth")}
    return {
        "named": named,
        "order": f"The first {len(shown['truth'])} of the split, not the best.",
        "pictures": {name: [pages.webp_uri(p) for p in row] for name, row in shown.items()},
        "num": len(evaluation.ids),
        "split": evaluation.split,
        "times": tally.said(evaluation.times),
        "headings": ["", *(metrics.METRICS[name].heading for name in next(iter(evaluation.values.values())))],
        "scores": _score_rows(evaluation),
        "by_headings": evaluation.rows_by_attributes()[0],
        "by": [{"kind": "model", "cells": cells} for cells in evaluation.rows_by_attributes()[1]],
    }


def _model_rows(evaluation: Evaluation) -> list[str]:
    return list(evaluation.models())


def _score_rows(evaluation: Evaluation) -> list[dict[str, Any]]:
    out = []
    for row, found in evaluation.intervals().items():
        cells = [cell(name, interval).split(" ", 1) for name, interval in found.items()]
        kind = "trivial" if row in metrics.TRIVIAL_ROWS else "model"
        out.append({"kind": kind, "cells": [evaluation.labels[row], *cells]})
    return out


def _progress_rows(folder: Path, size_px: int, num_times: int = 5, num_faces: int = 8) -> dict[str, list[str]]:
    """Outputs at a few moments, cut out of the sheets of samples (rows: input, output, truth; 4 px gaps)."""
    sheets = sorted((folder / "samples").glob("*.png"))
    if len(sheets) < 2:
        return {}
    places = sorted({round(i) for i in np.geomspace(1, len(sheets), num_times)})
    out: dict[str, list[str]] = {}
    for place in places:
        picture = images.load_rgb(sheets[place - 1])
        step = size_px + 4
        num = min(num_faces, (picture.shape[1] - 4) // step)
        cuts = [picture[step + 4 : 2 * step, 4 + n * step : (n + 1) * step] for n in range(num)]
        out[f"{int(sheets[place - 1].stem):,} images"] = [pages.webp_uri(cut) for cut in cuts]
    return out


def _facts(run: dict[str, Any], rows: list[dict[str, Any]], evaluations: Sequence[Evaluation]) -> dict[str, Any]:
    machine = run["machine"]
    rates = [row["images_per_second"] for row in rows]
    facts = {
        "trained on": f"{machine['gpu'] if run['device'] == 'cuda' else machine['processor']}, {run['precision']}",
        "training time": duration(rows[-1]["seconds"]) if rows else "–",
        "training rate": f"{np.median(rates):.1f} images a second" if rates else "–",
        "memory": machine["memory"],
        "versions": f"Python {machine['python']}, torch {machine['torch']}, torchvision {machine['torchvision']}",
        "data": f"{Path(run['data']).parent.name}, {run['data_settings'].get('layout', '')} layout",
    }
    if evaluations:
        facts["translation"] = f"{1000 * evaluations[0].seconds_per_image:.0f} ms an image, float32"
    return facts


def _settings(run: dict[str, Any]) -> list[dict[str, Any]]:
    paper = find_method(run["method"]).settings()
    return [
        {"name": name, "here": run["config"][name], "paper": getattr(paper, name), "origin": origin}
        for name, origin in run["origin"].items()
        if origin != "paper" and hasattr(paper, name) and run["config"][name] != getattr(paper, name)
    ]
