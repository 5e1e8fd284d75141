"""How soon the page without a server answers in Chromium: `python benchmarks/page_speed.py`, two minutes on a quiet
machine.

Needs `pip install playwright` and `apt install chromium`. The page is exported anew and served by a static server on
this machine, with one thread, and with two where the server isolates it. Each load is in a browser that has nothing of
it. Writes results/page_speed.json.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import common

from s2f_studio.server.alone.page import export_page
from s2f_utils import runtime
from tests.browser.hands import FACE, changed_by_stroke, settled
from tests.browser.pages import CLOCK, browser, until
from tests.browser.statics import Isolating, Quiet, hosted

LOADS, STROKES = 3, 7
SLOWEST_S = 120.0
FIRST = f"document.querySelector('.s2f-face') && {FACE}.startsWith('data:image/png')"
HOSTS = {"one thread": Quiet, "two threads, isolated": Isolating}


def main() -> None:
    """Measure and write."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = export_page(Path(temporary) / "site")
        rows = [measured(folder, name, handler) for name, handler in HOSTS.items()]
        size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    found = {**common.facts(), "results": {"rows": rows, "mb": round(size / 1e6, 1)}}
    runtime.write_json(common.RESULTS / "page_speed.json", found)
    print(table(found))


def measured(folder: Path, name: str, handler: type) -> dict[str, Any]:
    """Milliseconds until the paper is there, until the first face, and from the pencil's lift to the new face."""
    paints, firsts, strokes = [], [], []
    with hosted(folder, handler) as address:
        for load in range(LOADS):
            with browser() as chromium:
                page = chromium.new_page(viewport={"width": 1280, "height": 900})
                begun = time.perf_counter()
                page.goto(address, wait_until="commit")
                page.locator(".s2f-paper").wait_for()
                paints.append(time.perf_counter() - begun)
                until(page, FIRST, None, SLOWEST_S)
                firsts.append(time.perf_counter() - begun)
                settled(page)
                if load == LOADS - 1:
                    page.evaluate(CLOCK)
                    for number in range(STROKES):
                        y = 0.2 + 0.05 * number
                        changed_by_stroke(page, (0.3, y), (0.4, y + 0.02))
                    strokes = [took / 1000 for took in page.evaluate("times")]
    said = {"paper_ms": paints, "first_face_ms": firsts, "stroke_ms": strokes}
    return {"host": name} | {key: round(1000 * statistics.median(values)) for key, values in said.items()}


def table(found: Mapping[str, Any]) -> str:
    """A row for each host."""
    heads: dict[str, Callable[[dict], str]] = {
        "in Chromium, by the processor": lambda row: row["host"],
        "paper, ms": lambda row: str(row["paper_ms"]),
        "first face, ms": lambda row: str(row["first_face_ms"]),
        "stroke to picture, ms": lambda row: str(row["stroke_ms"]),
    }
    results = found["results"]
    rows = common.markdown(list(heads), [[told(row) for told in heads.values()] for row in results["rows"]])
    return f"{rows}\n\nThe folder has {results['mb']:.0f} MB. {common.machine_of(found)}."


TABLES = {"page-speed": table}

if __name__ == "__main__":
    main()
