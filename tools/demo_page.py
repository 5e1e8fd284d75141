"""One page of what `make demo` trained: drawings, answers, curves and scores.

`python tools/demo_page.py DATA RUNS` writes RUNS/demo.html, of the newest demo run of each method
in the folder RUNS, and prints its path. The page is one file, with its pictures inside.
"""

from __future__ import annotations

import argparse
import io
import json
import sys
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from s2f_utils import metrics, runtime
from s2f_utils.data import Manifest, read_manifest
from s2f_utils.metrics.evaluation import load_outputs, load_pairs, output_file
from s2f_utils.pictures import images, viz
from s2f_utils.train.log import read_log

NUM_SHOWN = 8  # people
PAGE_DPI = 90
SCORES = ("ssim", "sharpness", "psnr", "mse", "l1")
SIDES = {  # of a translation: what goes in, and what should come out
    "sketch-to-photo": ("drawing", "photo"),
    "photo-to-sketch": ("photo", "drawing"),
}
METHODS = {  # title, and what is special about it
    "pix2pix": ("pix2pix", "Learns from pairs, a drawing and its photo."),
    "cyclegan": (
        "CycleGAN",
        "Learns both directions, and is not told which drawing belongs to which photo. That takes"
        " far longer than half a minute: these are its first steps.",
    ),
}
HEAD = """<!DOCTYPE html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Sketch to Face: make demo</title>
<style>
body { font: 16px/1.5 system-ui, sans-serif; max-width: 1120px; margin: 2em auto; padding: 0 1em;
  color: #222; background: #fff }
h2 { margin-top: 2.5em; border-top: 1px solid #ddd; padding-top: 1em }
img { max-width: 100%; display: block; margin: 0.5em 0 }
table { border-collapse: collapse; font-size: 12.5px; white-space: nowrap }
th, td { padding: 0.25em 1em 0.25em 0; text-align: left; border-bottom: 1px solid #eee }
.small { color: #666; font-size: 14px }
</style>
"""


def main() -> None:
    """Write the page and say where it is."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("data", type=Path, metavar="DATA")
    parser.add_argument("runs", type=Path, metavar="RUNS")
    args = parser.parse_args()
    runs = {}
    for method in METHODS:
        run = runtime.last_run_folder(args.runs, f"{method}-demo")
        if run is None:
            sys.exit(f"{args.runs}: no run {method}-demo: run 'make demo'")
        runs[method] = run
    out = args.runs / "demo.html"
    with runtime.atomic_path(out) as temporary:
        page = page_of(runs, read_manifest(args.data))
        temporary.write_text(page, encoding="utf-8")
    print(f"open {out.resolve()}")


def page_of(runs: Mapping[str, Path], manifest: Manifest) -> str:
    """The page on runs, {method: its folder}."""
    parts = [
        HEAD,
        "<h1>What <code>make demo</code> trained</h1>",
        "<p>Two networks learned from people whom a generator painted, each for a minute at"
        " most. The people shown here are for validation: no network has learned from them.</p>",
        f'<p class="small">{escape(images.GENERATED_NOTE)}</p>',
    ]
    for method, run in runs.items():
        parts += section(method, run, manifest)
    parts.append(
        "<p>Next: <code>make lab</code> opens the notebooks, in which these methods are explained"
        " step by step; <code>make app</code> the page on which you draw.</p>"
    )
    return "\n".join(parts) + "\n</html>\n"


def section(method: str, run: Path, manifest: Manifest) -> list[str]:
    """What one run has learned: answers and scores in each direction, and its curves."""
    rows, events = read_log(run)
    length = f"{rows[-1]['images']:,} images in {rows[-1]['seconds']:.0f} s of training"
    title, about = METHODS[method]
    parts = [
        f"<h2>{escape(title)}</h2>",
        f"<p>{escape(about)}</p>",
        f'<p class="small">{length}; its folder: <code>{escape(run.name)}</code></p>',
    ]
    for scored in sorted(run.glob("evaluation-val*")):
        parts += direction(scored, manifest)
    parts.append("<p>Losses of training, thin and smoothed, and scores of its samples:</p>")
    parts.append(picture(viz.curves({run.name: (rows, events)}), f"curves of {title}"))
    return parts


def direction(scored: Path, manifest: Manifest) -> list[str]:
    """The answers to validation drawings (or photos) and the scores of all, by the folder of an
    evaluation.
    """
    facts = json.loads((scored / "metrics.json").read_text(encoding="utf-8"))
    pairs = manifest.split("val")[:NUM_SHOWN]
    given, truths = load_pairs(pairs, facts["size_px"], facts["direction"])
    outputs = scored / "outputs" / "deterministic"
    answers = load_outputs({pair.id: output_file(outputs, pair.id) for pair in pairs})
    source, target = SIDES[facts["direction"]]
    grid = viz.picture_grid({source: given, "answer": answers, f"true {target}": truths}, 1.3)
    return [
        f"<h3>{source} → {target}</h3>",
        picture(grid, f"{source}s, answers, true {target}s"),
        f"<p>Scores on {facts['num_images']} pairs, with 95 % intervals. The rows below the"
        " method's are answers without a network: what it must beat.</p>",
        table(facts["rows"]),
    ]


def table(rows: Mapping[str, Mapping[str, Any]]) -> str:
    """The scores of an evaluation's rows as an HTML table."""
    lines = [_line("th", ["", *(metrics.METRICS[name].heading for name in SCORES)])]
    for row in rows.values():
        cells = [row["label"]]
        for name in SCORES:
            interval = metrics.Interval(**row[name])
            cells.append(interval.text(metrics.METRICS[name].digits))
        lines.append(_line("td", cells))
    return f"<table>{''.join(lines)}</table>"


def _line(tag: str, cells: Sequence[str]) -> str:
    inside = "".join(f"<{tag}>{escape(cell)}</{tag}>" for cell in cells)
    return f"<tr>{inside}</tr>"


def picture(figure: Figure, alt: str) -> str:
    """A figure as an HTML image that carries its pixels."""
    png = io.BytesIO()
    figure.savefig(png, format="png", dpi=PAGE_DPI)
    return f'<img alt="{escape(alt)}" src="{images.data_uri(png.getvalue())}">'


if __name__ == "__main__":
    main()
