"""What saving costs: seconds and megabytes of a save of pix2pix and CycleGAN at 256 px, and their share of training.

`python benchmarks/saving_cost.py` (some 2 minutes; 4 GB of disk, `--folder` says where). A save is the resume file and
the generators, each written beside, flushed to the disk (fsync) and renamed. The share is of the default interval
(`save_every_s`). Beside it: the same bytes written and flushed in one piece, which is what the disk can do. Writes
results/saving_cost.json.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import common

from s2f_utils import runtime
from s2f_utils.data import Manifest, read_manifest
from s2f_utils.training import config
from s2f_utils.training.loop import make_batch, train
from s2f_utils.training.run import TrainingRun, open_run

RUNS: dict[str, tuple[str, dict[str, Any]]] = {
    "pix2pix 256 px": ("pix2pix", {}),
    "pix2pix 256 px, keep_last=3": ("pix2pix", {"keep_last": 3}),
    "pix2pix 256 px, averaged generator": ("pix2pix", {"ema_half_life_images": 1500.0}),
    "cyclegan 256 px": ("cyclegan", {}),
}
SAVES = 5


def plain_write(folder: Path, size: int) -> float:
    """Seconds for so many bytes in one piece, flushed to the disk."""
    piece = os.urandom(1 << 20)
    began = time.perf_counter()
    with open(folder / "plain", "wb") as file:
        for _ in range(size >> 20):
            file.write(piece)
        file.flush()
        os.fsync(file.fileno())
    seconds = time.perf_counter() - began
    (folder / "plain").unlink()
    return seconds


def saves(run: TrainingRun) -> tuple[list[float], list[float]]:
    """Seconds of each save, and of the fsyncs in it."""
    real, flushing, whole, flushed = os.fsync, [0.0], [], []

    def timed(descriptor: int) -> None:
        began = time.perf_counter()
        real(descriptor)
        flushing[0] += time.perf_counter() - began

    os.fsync = timed
    try:
        for _ in range(SAVES):
            flushing[0], began = 0.0, time.perf_counter()
            run.save()
            whole.append(time.perf_counter() - began)
            flushed.append(flushing[0])
    finally:
        os.fsync = real
    return whole, flushed


def step_seconds(run: TrainingRun) -> float:
    """Seconds of a training step, after the one that training began with."""
    began = time.perf_counter()
    losses = type(run.model).step(run.model, *make_batch(run, run.config.batch_size), run.live)
    float(sum(losses.values()))
    return time.perf_counter() - began


def one(method: str, changes: dict[str, Any], manifest: Manifest, folder: Path) -> dict[str, Any]:
    """What saving one run costs."""
    lengths = {"total_images": 1, "num_samples": 1, "sample_every_images": 1000}
    resolved = config.resolve(method, "full", changes | lengths, has_gpu=runtime.pick_device().type != "cpu")
    run = open_run(resolved, manifest, folder, resume="never", progress=False)
    train(run, progress=False)  # optimisers have memories only after a step
    seconds, flushed = saves(run)
    written = [path for path in run.folder.iterdir() if path.name == "resume.pt" or path.suffix == ".safetensors"]
    size = sum(path.stat().st_size for path in written)
    kept = sum(path.stat().st_size for path in run.folder.rglob("*") if path.is_file())
    plain = statistics.median(plain_write(run.folder, size) for _ in range(3))
    save, step = statistics.median(seconds), step_seconds(run)
    interval = type(resolved.config)().save_every_s
    resume = run.resume_path.stat().st_size
    for path in run.folder.glob("resume*.pt"):
        path.unlink()
    return {
        "resume_mb": round(resume / 1e6, 1),
        "generators_mb": round((size - resume) / 1e6, 1),
        "on_disk_mb": round(kept / 1e6, 1),
        "save_s": round(save, 2),
        "slowest_save_s": round(max(seconds), 2),
        "of_it_fsync": round(statistics.median(flushed) / save, 2),
        "plain_write_s": round(plain, 2),
        "times_a_plain_write": round(save / plain, 2),
        "step_s": round(step, 2),
        "steps_a_save_costs": round(save / step, 1),
        "interval_s": interval,
        "share_of_training": round(save / interval, 4),
    }


def main() -> None:
    """Measure and write results/saving_cost.json."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--folder", help="on the disk to measure; default: the system's folder for temporary files")
    args = parser.parse_args()
    import data_prep

    results: dict[str, Any] = {}
    with tempfile.TemporaryDirectory(dir=args.folder) as place:
        path = data_prep.make_synthetic(Path(place) / "faces", num=8, size_px=256, progress=False)
        manifest = read_manifest(path)
        for name, (method, changes) in RUNS.items():
            results[name] = one(method, changes, manifest, Path(place) / "runs")
            print(name, results[name], flush=True)
    common.write("saving_cost", results)


def table(found: dict[str, Any]) -> str:
    """What a save costs."""
    rows = [
        [
            name,
            f"{r['resume_mb']:,.0f} + {r['generators_mb']:,.0f} MB",
            f"{r['on_disk_mb']:,.0f} MB",
            f"{r['times_a_plain_write']:.1f}",
            f"{r['steps_a_save_costs']:.1f}",
            f"{100 * r['share_of_training']:.1f} %",
        ]
        for name, r in found["results"].items()
    ]
    header = ["", "resume file + generators", "on disk", "times one plain write", "steps", "share of training"]
    return common.markdown(header, rows)


TABLES = {"saving": table}


if __name__ == "__main__":
    main()
