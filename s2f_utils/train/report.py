"""A run's report: one self-contained HTML file with pictures, scores, curves and settings."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np

from s2f_utils.metrics.evaluation import Evaluation
from s2f_utils.pictures import images, pages, viz
from s2f_utils.train.config import find_method
from s2f_utils.train.tracking import read_log

NUM_PICTURES = 8  # the first of the split, not the best
_STYLE = "img { max-width: 100%; background: white; } pre { overflow-x: auto; }"
_BODY = """
<p class="lead">Run {{ folder.name }}, {{ "{:,}".format(rows[-1].images if rows else 0) }} images seen in training.</p>
<p><b>{{ note }}</b></p>
{% for one in evaluations %}
<h2>{{ one.direction }}: held-out pictures</h2>
<p>Inputs not used in training, the network's answers, and the ground truth: the first of the split, not the best.
</p>
<img src="{{ uri(sheet_of(one)) }}" alt="inputs, answers, truths">
<h2>{{ one.direction }}: scores</h2>
<p>Mean over {{ one.ids | length }} pictures of the split “{{ one.split }}”, with 95&nbsp;% bootstrap intervals. The
rows below the model are trivial answers: a model that does not beat them has learned nothing useful.</p>
<pre>{{ one.table() }}</pre>
{% endfor %}
{% if not_scored %}<h2>Not scored</h2>
<p>{{ not_scored }}</p>{% endif %}
<h2>Training</h2>
{% if curves %}<img src="{{ curves }}" alt="losses over images seen">
<p>Pale: as logged; solid: smoothed. A falling <code>loss_l1</code> (or <code>loss_cycle_…</code>) is progress;
<code>loss_gan</code> and <code>loss_d</code> (CycleGAN has one per domain) need not fall: they balance.</p>
{% endif %}
{% for sheet in sheets %}<p>Samples after {{ "{:,}".format(sheet.stem | int) }} images:</p>
<img src="{{ uri(load(sheet), 1200) }}" alt="{{ sheet.stem }}">
{% endfor %}
<h2>Machine</h2>
<pre>{% for name, value in run.machine.items() %}{{ name }}: {{ value }}
{% endfor %}device: {{ run.device }}, {{ run.precision }}
{% if rows %}training: {{ "%.1f" % (rows[-1].seconds / 60) }} min{% endif %}</pre>
<h2>Settings that differ from the paper's</h2>
<pre>{% for name, origin in run.origin.items() if paper[name] is defined and run.config[name] != paper[name] -%}
{{ name }} = {{ run.config[name] }} (paper: {{ paper[name] }}; from: {{ origin }})
{% endfor %}</pre>
"""


def write_report(folder: str | Path, *evaluations: Evaluation, not_scored: str = "") -> Path:
    """Write `report.html` into a run folder from its log, its samples, and an evaluation of each
    direction of the run; returns its path.

    not_scored: why an evaluation is missing. The file refers to no other file or address.
    """
    folder = Path(folder)
    run = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    rows, events = read_log(folder)
    sheets, curves = sorted((folder / "samples").glob("*.png")), io.BytesIO()
    if len(rows) > 1:
        viz.curves({"": (rows, events)}).savefig(curves, format="svg", metadata={"Date": None})

    def sheet_of(evaluation: Evaluation) -> np.ndarray:
        models = [row.key for row in evaluation.rows if row.kind == "model"]
        return viz.sheet(
            [evaluation.pictures[name][:NUM_PICTURES] for name in ("input", *models, "truth")]
        )

    return pages.write(
        folder / "report.html",
        _BODY,
        style=_STYLE,
        title=f"{run['method']}: {run['config']['direction']}",
        folder=folder,
        run=run,
        rows=rows,
        evaluations=evaluations,
        not_scored=not_scored,
        note=images.GENERATED_NOTE,
        paper=vars(find_method(run["method"]).settings()),
        uri=pages.webp_uri,
        sheet_of=sheet_of,
        load=images.load_rgb,
        curves=images.data_uri(curves.getvalue(), "image/svg+xml") if len(rows) > 1 else "",
        sheets=[*sheets[:1], *sheets[1:][-1:]],
    )
