"""What the panel beside a training costs, and how soon notebook 02 shows a curve that moves.

`python benchmarks/panel_speed.py` (some minutes on two cores). The same cell trains in turn with the panel and
without, in a kernel whose messages nobody draws, and, where Playwright, JupyterLab and a Chromium are there, in a page
on this machine, whose drawing then counts too. Writes results/panel_speed.json.
"""

from __future__ import annotations

import importlib.util
import json
import os
import queue
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import common

sys.path.insert(0, str(common.ROOT))

from tests.browser import pages  # noqa: E402

ROUNDS, NUM_STEPS = 5, 120  # of each kind, and steps in each; NUM_STEPS of a demo training are about ten seconds
TRIES = 3
DONE = "panel_speed: "
CURVES = ".widget-html-content svg"
NOTEBOOK = common.ROOT / "notebooks" / "02_pix2pix.ipynb"


def measure_here(rounds: int, num_steps: int) -> None:
    """In a notebook's cell: train as notebook 02 does, with the panel and without in turn, and print what it took."""
    import data_prep
    from s2f_utils.data import read_manifest
    from s2f_utils.notebook import TrainingPanel, curves
    from s2f_utils.pictures import viz
    from s2f_utils.training import config
    from s2f_utils.training.loop import train
    from s2f_utils.training.run import open_run

    folder = Path(tempfile.mkdtemp(prefix="panel-speed-"))
    faces = data_prep.make_synthetic(folder / "faces", num=64, size_px=128, progress=False)
    changes = {"total_images": 10**9, "log_every_images": 150, "sample_every_images": 1_500, "check_memory": False}
    run = open_run(config.resolve("pix2pix", "demo", changes), read_manifest(faces), folder / "runs", progress=False)
    run.save = lambda: run.resume_path  # what a save takes depends on the disk, and both kinds would make one

    class Stop:
        left = 0

        def on_step(self, run: Any) -> None:
            self.left -= 1
            if not self.left:
                run.live.set("stop", True, "benchmark")

    stop, panel = Stop(), TrainingPanel(run)
    shown = panel.show()
    modes = []

    def some_steps(*callbacks: Any) -> None:
        stop.left = num_steps
        train(run, callbacks=[stop, *callbacks], progress=False)
        modes.extend(callback.mode for callback in callbacks)

    seconds = common.alternate({"with": lambda: some_steps(panel), "without": some_steps}, rounds)
    if not shown or set(modes) != {"polling"} or not panel.num_drawn:
        raise SystemExit(f"the panel was not at work: shown {shown}, {modes}, drawn {panel.num_drawn} times")
    rows, events = (panel.rows * 200)[:200], panel.events
    rows = [row | {"images": 150 * n} for n, row in enumerate(rows, start=1)]
    times = common.alternate(
        {
            "SVG": lambda: curves.draw(rows, events),
            "matplotlib": lambda: viz.curves({"": (rows, events)}).savefig(os.devnull, format="png", dpi=72),
        }
    )
    result = {
        "seconds_per_step": {name: round(value / num_steps, 4) for name, value in seconds.items()},
        "with_over_without": round(seconds["with"] / seconds["without"], 4),
        "curves_drawn": panel.num_drawn,
        "ms_to_draw_200_rows": {name: round(1000 * value, 1) for name, value in times.items()},
    }
    shutil.rmtree(folder)
    print(DONE + json.dumps(result))


def cell(rounds: int, num_steps: int) -> str:
    """The source of the cell that calls `measure_here`."""
    folder = str(Path(__file__).resolve().parent)
    begin = f"import sys; sys.path.insert(0, {folder!r}); import panel_speed"
    return f"{begin}\npanel_speed.measure_here({rounds}, {num_steps})"


@contextmanager
def kernel(folder: Path) -> Iterator[Any]:
    """A kernel's client, whose kernel works in the folder."""
    from jupyter_client.manager import start_new_kernel

    manager, client = start_new_kernel(cwd=str(folder), env=os.environ | {"PYTHONPATH": str(common.ROOT)})
    try:
        yield client
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def messages(client: Any) -> Iterator[dict[str, Any]]:
    """What the kernel tells a page, until ten minutes of silence; an error in a cell ends the benchmark."""
    while True:
        try:
            message = client.get_iopub_msg(timeout=600)
        except queue.Empty:
            raise SystemExit("the kernel is silent") from None
        if message["msg_type"] == "error":
            raise SystemExit("\n".join(message["content"]["traceback"]))
        yield message


def speed_without_drawing(rounds: int, num_steps: int) -> dict[str, Any]:
    """`measure_here` in a kernel that takes this script for a page."""
    with tempfile.TemporaryDirectory() as folder, kernel(Path(folder)) as client:
        client.execute(cell(rounds, num_steps), allow_stdin=True)
        for message in messages(client):
            text = message["content"].get("text", "") if message["msg_type"] == "stream" else ""
            if DONE in text:
                return json.loads(text.partition(DONE)[2].splitlines()[0])
    raise AssertionError


def first_curve_without_drawing() -> float:
    """Seconds from sending all cells of notebook 02 until the kernel sends the second picture of its curves."""
    sources = [
        cell["source"] for cell in json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"] if "outputs" in cell
    ]
    with tempfile.TemporaryDirectory() as folder, kernel(Path(folder)) as client:
        begun = time.monotonic()
        for source in sources:
            client.execute("".join(source), allow_stdin=True)
        seen = 0
        for message in messages(client):
            state = message["content"].get("data", {}).get("state", {}) if message["msg_type"] == "comm_msg" else {}
            seen += "<svg" in str(state.get("value", ""))
            if seen == 2:
                return round(time.monotonic() - begun, 1)
    raise AssertionError


@contextmanager
def page_of(folder: Path) -> Iterator[tuple[Any, str, str]]:
    """A browser's page, the front end that is installed, and its address."""
    from playwright.sync_api import sync_playwright

    front = pages.front_end()
    with pages.jupyter(folder, front) as address, sync_playwright() as play:
        browser = play.chromium.launch(executable_path=pages.CHROMIUM, args=pages.FLAGS)
        page = browser.new_page(viewport={"width": 1400, "height": 1400})
        page.set_default_timeout(600_000)
        yield page, front, address
        browser.close()


def speed_in_a_page(rounds: int, num_steps: int) -> dict[str, Any]:
    """`measure_here` in a page that draws the panel."""
    import nbformat

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell(rounds, num_steps))])
        notebook.metadata = {"kernelspec": {"name": "python3", "display_name": "Python 3"}}
        nbformat.write(notebook, folder / "speed.ipynb")
        with page_of(folder) as (page, front, address):
            pages.run_all(page, front, address, "speed.ipynb")
            page.wait_for_selector(CURVES)
            text = page.get_by_text(DONE).last.inner_text()
    return {"front end": front} | json.loads(text.partition(DONE)[2].splitlines()[0])


def first_curve_in_a_page() -> float:
    """Seconds from "Run all" in notebook 02 until its curves have moved in the page."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        shutil.copy(NOTEBOOK, folder / "02.ipynb")
        with page_of(folder) as (page, front, address):
            pages.run_all(page, front, address, "02.ipynb")
            begun = time.monotonic()
            page.wait_for_selector(CURVES, state="attached")
            before = page.locator(CURVES).first.evaluate("node => node.outerHTML")
            page.wait_for_function(
                f"before => document.querySelector('{CURVES}').outerHTML !== before", arg=before, polling=50
            )
            return round(time.monotonic() - begun, 1)


def spread(seconds: list[float]) -> dict[str, float]:
    """Median, least and most."""
    return {"median": statistics.median(seconds), "least": min(seconds), "most": max(seconds)}


def main() -> None:
    """Measure and write results/panel_speed.json."""
    import argparse

    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--steps", type=int, default=NUM_STEPS, help="of each round")
    parser.add_argument("--tries", type=int, default=TRIES, help="runs of notebook 02 up to its first curve")
    args = parser.parse_args()
    results: dict[str, Any] = {
        "nobody draws": speed_without_drawing(args.rounds, args.steps),
        "seconds to the first moving curve, nobody draws": spread(
            [first_curve_without_drawing() for _ in range(args.tries)]
        ),
    }
    if importlib.util.find_spec("playwright") and pages.CHROMIUM and pages.front_end():
        results["in a page"] = speed_in_a_page(args.rounds, args.steps)
        found = spread([first_curve_in_a_page() for _ in range(args.tries)])
        results["seconds to the first moving curve, in a page"] = found
    else:
        print("no page: it needs playwright, JupyterLab or Notebook 6, and a Chromium", file=sys.stderr)
    common.write("panel_speed", results)


if __name__ == "__main__":
    main()
