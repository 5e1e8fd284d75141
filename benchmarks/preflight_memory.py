"""Estimates of the memory that training takes against what it took, for six settings, each in a process of its own.

`python benchmarks/preflight_memory.py` (some 3 minutes on two cores, up to 6 GB). The measured peak is that of the
process, less what it held before the run was opened: on a CPU its resident size, on a GPU torch's largest allocation.
`--tiny` shows on two small settings that it works. Writes results/preflight_memory.json, from a GPU
preflight_memory_gpu.json.
"""

from __future__ import annotations

import argparse
import functools
import json
import tempfile
import time
from pathlib import Path

import common
from kept import Kept, why_not

SIX: dict[str, tuple[str, dict]] = {
    "pix2pix 256 px, batch 1": ("pix2pix", {"batch_size": 1}),
    "pix2pix 256 px, batch 8": ("pix2pix", {"batch_size": 8}),
    "pix2pix 256 px, batch 8 in 4 parts": ("pix2pix", {"batch_size": 8, "accumulate": 4}),
    "cyclegan 128 px, 32 filters, batch 2": (
        "cyclegan", {"size_px": 128, "load_size_px": 143, "base_filters": 32, "disc_filters": 32, "batch_size": 2},
    ),
    "faithful 256 px, batch 4, float32": ("faithful", {"batch_size": 4, "precision": "float32"}),
    "stylegan2 128 px, batch 16": (
        "stylegan2",
        {"size_px": 128, "load_size_px": 128, "batch_size": 16, "width": 128, "channel_multiplier": 0.5},
    ),
}  # fmt: skip
SMALL: dict[str, tuple[str, dict]] = {
    f"{method} 64 px, 8 filters, batch 2": (
        method, {"size_px": 64, "load_size_px": 68, "base_filters": 8, "disc_filters": 8, "batch_size": 2},
    )
    for method in ("pix2pix", "cyclegan")
}  # fmt: skip
NUM_STEPS = 6


def one(name: str, data: str) -> None:
    """Estimate, train, and print both in MiB."""
    import torch

    from s2f_utils import runtime
    from s2f_utils.data import read_manifest
    from s2f_utils.training import config, preflight
    from s2f_utils.training.loop import train
    from s2f_utils.training.methods import METHODS
    from s2f_utils.training.run import open_run

    method, changes = (SIX | SMALL)[name]
    has_gpu = runtime.pick_device("auto").type != "cpu"
    length = {"total_images": NUM_STEPS * changes["batch_size"], "num_samples": 1, "check_memory": False}
    resolved = config.resolve(method, "full", changes | length, has_gpu=has_gpu)
    manifest = read_manifest(data)
    _warm_up()
    before = common.peak_memory_mib() if has_gpu else _resident_mib()
    with tempfile.TemporaryDirectory() as folder:
        run = open_run(resolved, manifest, folder, resume="never", progress=False)
        train(run, progress=False)
    peak = common.peak_memory_mib() - before
    del run
    start = time.perf_counter()
    device = runtime.pick_device("auto")
    kind = METHODS[method]
    precision = runtime.pick_precision(device, resolved.config.precision, kind.memory_format(resolved.config, device))
    need = preflight.measure(kind, resolved.config, precision)
    seconds = time.perf_counter() - start
    part = -(-changes["batch_size"] // changes.get("accumulate", 1))
    pictures = 2 * len(manifest.split("train")) * resolved.config.load_size_px**2 * 3
    estimate = (need.at(part) + pictures) / 2**20
    print(json.dumps({"estimate_mib": round(estimate), "measured_mib": round(peak), "seconds": round(seconds, 2)}))
    torch.manual_seed(0)


def _warm_up() -> None:
    """What every process loads once, whatever it trains."""
    import torch

    net = torch.nn.Conv2d(3, 8, 3)
    net(torch.zeros(1, 3, 32, 32)).sum().backward()
    import kornia  # noqa: F401


def _resident_mib() -> float:
    import psutil

    return psutil.Process().memory_info().rss / 2**20


def main() -> None:
    """Measure and write results/preflight_memory.json."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--tiny", action="store_true", help="two small settings: only to see that it works")
    parser.add_argument("--one", nargs=2, metavar=("NAME", "DATA"), help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.one:
        one(*args.one)
        return
    import data_prep

    kept = Kept("preflight_memory", __file__, tiny=args.tiny)
    with tempfile.TemporaryDirectory() as folder:
        data = str(data_prep.make_synthetic(Path(folder) / "faces", num=24, size_px=256, progress=False))
        for name in SMALL if args.tiny else SIX:
            kept.row(name, functools.partial(compared, name, data))
    kept.finish()


def compared(name: str, data: str) -> dict[str, float]:
    """Estimate and measured peak of one setting in MiB, and by which share the estimate is off."""
    row = common.in_a_process(__file__, "--one", name, data)
    return row | {"error": round(row["estimate_mib"] / row["measured_mib"] - 1, 3)}


def table(found: dict) -> str:
    """Estimates beside measured peaks."""
    rows = [
        [
            name,
            f"{r['estimate_mib']:,} MiB",
            f"{r['measured_mib']:,} MiB",
            f"{100 * r['error']:+.0f} %",
            f"{r['seconds']:.1f} s",
        ]
        for name, r in found["results"].items()
        if not why_not(r)
    ]
    where = f"On {common.machine_of(found)}:\n\n" if found["machine"]["gpu"] != "none" else ""
    return where + common.markdown(["", "estimate", "measured peak", "off by", "the estimate took"], rows)


TABLES = {"preflight": table}


if __name__ == "__main__":
    main()
