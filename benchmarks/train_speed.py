"""Speed and memory of pix2pix training: the loop against the bare step, and our step against a plain one.

Run it on a quiet machine: `python benchmarks/train_speed.py [--size 256] [--batch 8]`. Times are medians of alternating
calls in one run; what counts are the ratios.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import common
import torch

import data_prep
from s2f_utils import config, datasets, runtime
from s2f_utils.training.loop import train
from s2f_utils.training.pix2pix import Pix2Pix
from s2f_utils.training.run import open_run


def bare(size_px: int, batch_size: int, precision: str, memory_format: str, *, fused: bool = True):
    """A function that makes one step (forward, backward, optimiser) on random tensors."""
    resolved = config.resolve("pix2pix", "full", {"size_px": size_px, "batch_size": batch_size})
    chosen = runtime.pick_precision(runtime.pick_device(), precision, memory_format)
    model = Pix2Pix(resolved.config, chosen)
    if not fused:
        for name, net in (("opt_g", model.net_g), ("opt_d", model.net_d)):
            setattr(model, name, torch.optim.Adam(net.parameters(), lr=2e-4, betas=(0.5, 0.999)))
    shape = (batch_size, 3, size_px, size_px)
    a, b = (chosen.images(torch.rand(shape, device=chosen.device) * 2 - 1) for _ in range(2))
    live = model.live_values()

    def step():
        model.step(a, b, live)

    return step


def loop(folder: Path, size_px: int, batch_size: int, num_steps: int):
    """A function that trains `num_steps` steps in the real loop: drawn faces, jitter, EMA, log, bar; without saving."""
    manifest = datasets.read_manifest(
        data_prep.make_synthetic(folder / "faces", num=32, size_px=size_px, progress=False)
    )
    changes = {
        "size_px": size_px,
        "load_size_px": round(size_px * 286 / 256),
        "batch_size": batch_size,
        "total_images": 10**9,
        "ema_half_life_images": 1000.0,
        "sample_every_images": 10**9,
        "log_every_images": batch_size * 4,
    }
    run = open_run(config.resolve("pix2pix", "full", changes), manifest, folder / "runs", resume="never")
    run.images_seen = batch_size  # past the first sample sheet

    class Stop:
        def on_step(self, run):
            self.left -= 1
            if not self.left:
                run.live.set("stop", True, "benchmark")

    stop = Stop()
    run.save = lambda: run.resume_path  # a save takes what the disk takes; it is timed apart

    def some_steps():
        stop.left = num_steps
        train(run, callbacks=[stop], progress=True)

    return some_steps


def memory_of(size_px: int, batch_size: int, precision: str) -> float:
    """Peak memory in MiB of three steps in a fresh process."""
    code = (
        f"import sys; sys.path[:0] = [{str(Path(__file__).parent)!r}]; import common, train_speed\n"
        f"step = train_speed.bare({size_px}, {batch_size}, {precision!r}, 'auto')\n"
        "for _ in range(3): step()\n"
        "print(common.peak_memory_mib())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return float(done.stdout.splitlines()[-1])


def main() -> None:
    """Measure and write results/train_speed.json (on a GPU: train_speed_gpu.json)."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=5)
    args = parser.parse_args()
    size, batch = args.size, args.batch
    chosen = runtime.pick_precision(runtime.pick_device())

    seconds = common.alternate(
        {
            "ours": bare(size, batch, "auto", "auto"),
            "ours, NCHW": bare(size, batch, "auto", "contiguous"),
            "float32, channels last": bare(size, batch, "float32", "channels_last"),
            "plain: float32, NCHW, default Adam": bare(size, batch, "float32", "contiguous", fused=False),
        },
        args.rounds,
    )
    per_image = {name: value / batch for name, value in seconds.items()}
    plain = per_image["plain: float32, NCHW, default Adam"]

    num_steps = 4
    step = bare(size, batch, "auto", "auto")
    with tempfile.TemporaryDirectory() as folder:
        whole = loop(Path(folder), size, batch, num_steps)
        pair = common.alternate({"loop": whole, "bare": lambda: [step() for _ in range(num_steps)]}, args.rounds)

    results = {
        "setting": f"pix2pix, {size} px, batch {batch}, 64 filters, {chosen.device.type}, {chosen.name}",
        "seconds_per_image": {name: round(value, 4) for name, value in per_image.items()},
        "speedup_over_plain": {name: round(plain / value, 2) for name, value in per_image.items()},
        "loop_over_bare_step": round(pair["loop"] / pair["bare"], 3),
        "peak_memory_mib": {p: round(memory_of(size, batch, p)) for p in dict.fromkeys([chosen.name, "float32"])},
    }
    common.write("train_speed" + ("_gpu" if chosen.device.type == "cuda" else ""), results)


if __name__ == "__main__":
    main()
