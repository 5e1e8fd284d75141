"""Do trainings keep their time budget beside a busy core? `python benchmarks/budgets.py [--budget 45]`; 10 minutes.

Every method whose demo has a budget on a CPU trains with a shorter one, while a process of its own keeps one core busy
from the start on; then pix2pix once more, with the core busy in the middle third only. A row says how long the training
took, with sheets of samples and saves, and how far the learning rate had come down.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import common

import data_prep
from s2f_utils.data import Manifest, read_manifest
from s2f_utils.training import config
from s2f_utils.training.loop import train
from s2f_utils.training.run import open_run

METHODS = ("pix2pix", "cyclegan", "cgan", "faithful", "psp", "stylegan2", "restore")
INIT = {"psp": "faces-64"}


def _spin() -> None:
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {0})
    while True:
        pass


@contextmanager
def busy_core(after_s: float = 0.0, for_s: float = 1e9) -> Iterator[None]:
    """Within the block, or a part of it, another process works on one core as hard as it can."""
    process = multiprocessing.get_context("spawn").Process(target=_spin, daemon=True)
    ended = threading.Event()

    def keep() -> None:
        if not ended.wait(after_s):
            process.start()
            ended.wait(for_s)
            process.kill()

    thread = threading.Thread(target=keep)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def trained(method: str, manifest: Manifest, folder: Path, budget_s: float, **busy: float) -> dict[str, Any]:
    """Train a method's demo with this budget beside a busy core; what became of it."""
    init = INIT.get(method)
    begun = config.settings_of(init, method) if init else None
    resolved = config.resolve(method, "demo", {"time_budget_s": budget_s, "total_images": 10**7}, begun_with=begun)
    with busy_core(**busy):
        run = open_run(resolved, manifest, folder, resume="never", device="cpu", init=init, progress=False)
        planned, began = run.total_images, time.monotonic()
        train(run, progress=False)
        took = time.monotonic() - began
    return {
        "over_budget": round(took / budget_s, 3),
        "images": run.images_seen,
        "planned_at_first": planned,
        "last_lr_factor": round(run.lr_factor(), 4),
    }


def main() -> None:
    """Measure and write results/budgets.json."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--budget", type=float, default=45.0, help="seconds of each training")
    parser.add_argument("--method", nargs="*", choices=METHODS, default=METHODS)
    args = parser.parse_args()
    found = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        manifest = read_manifest(data_prep.make_synthetic(folder / "faces", num=64, size_px=144, progress=False))
        for method in args.method:
            found[method] = trained(method, manifest, folder / "runs", args.budget)
            print(method, found[method], flush=True)
        third = args.budget / 3
        found["pix2pix, busy in the middle"] = trained(
            "pix2pix", manifest, folder / "runs", args.budget, after_s=third, for_s=third
        )
    common.write("budgets", {"budget_s": args.budget, "trainings": found})


def table(found: dict[str, Any]) -> str:
    """How long each took, against its budget."""
    r = found["results"]
    rows = [
        [name, f"{one['over_budget']:.2f}", f"{one['planned_at_first']:,}", f"{one['images']:,}"]
        for name, one in r["trainings"].items()
    ]
    return (
        f"A training of {r['budget_s']:.0f} seconds beside a process that keeps one of the two cores busy"
        f" ({common.machine_of(found)}):\n\n"
        + common.markdown(["method", "took, × budget", "images planned at first", "images seen"], rows)
    )


TABLES = {"budgets": table}


if __name__ == "__main__":
    main()
