"""Training in float16 with gradient scaling beside float32 of the same seed: pix2pix, CycleGAN, StyleGAN2.

`python benchmarks/float16_training.py` (some 15 minutes on one core). On a GPU this is what a T4 does. On a CPU the
project refuses `precision=float16`, as nobody would want it: here the number format is made by hand, so that autocast
and the CPU's gradient scaler do the same arithmetic on small networks. PyTorch's own CPU kernels for convolutions in
float16 are 20 to 30 times slower than float32's; `Widened` replaces them by what a tensor core does: products of
float16 numbers, sums in float32, the answer rounded to float16, or infinite where it is too large. The kernels
themselves see the first 40 images, so that both can be compared. A skipped step is one whose gradients overflowed: the
scaler leaves
the weights as they were and halves its scale. It begins at 65,536; a few at the beginning are how it finds what fits.
Writes results/float16_training.json.
"""

from __future__ import annotations

import argparse
import contextlib
import math
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import common
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map

from s2f_utils import runtime
from s2f_utils.data import Manifest, read_manifest
from s2f_utils.training import config
from s2f_utils.training import run as runs
from s2f_utils.training.loop import train
from s2f_utils.training.methods import METHODS
from s2f_utils.training.tracking import read_log

NUM_IMAGES = 2_000
SMALL: dict[str, dict[str, Any]] = {
    "pix2pix": {"batch_size": 2, "base_filters": 32, "disc_filters": 32},
    "cyclegan": {"batch_size": 2, "base_filters": 16, "disc_filters": 16},
    "stylegan2": {"size_px": 64, "load_size_px": 64, "batch_size": 8, "width": 32, "style_dim": 32},
}
FEW_IMAGES = 40  # that PyTorch's own CPU kernels see
TAIL = 50  # rows of the log at the end whose mean loss is compared


class Widened(TorchDispatchMode):
    """Within it, convolutions and matrix products of float16 tensors are summed in float32 and rounded to float16."""

    OPS = {
        getattr(torch.ops.aten, name).default for name in ("convolution", "convolution_backward", "mm", "bmm", "addmm")
    }

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        given = (args, kwargs or {})
        if func not in self.OPS or not any(_is_half(leaf) for leaf in tree_leaves(given)):
            return func(*given[0], **given[1])
        args, kwargs = tree_map(lambda leaf: leaf.float() if _is_half(leaf) else leaf, given)
        made = func(*args, **kwargs)
        return tree_map(lambda leaf: leaf.half() if isinstance(leaf, torch.Tensor) else leaf, made)


def _is_half(leaf: Any) -> bool:
    return isinstance(leaf, torch.Tensor) and leaf.dtype == torch.float16


class CountedScaler(torch.amp.GradScaler):
    """A gradient scaler that counts its optimiser steps, and those that it skipped."""

    steps = skipped = 0
    last_skip = 0  # the optimiser step

    def update(self, new_scale: float | None = None) -> None:
        """Adjust the scale; it falls exactly where a step was skipped."""
        before = self.get_scale()
        super().update(new_scale)
        self.steps += 1
        if self.get_scale() < before:
            self.skipped += 1
            self.last_skip = self.steps


def one(
    method: str, dtype: torch.dtype, manifest: Manifest, folder: Path, num: int, widened: bool = False
) -> dict[str, Any]:
    """Train once on so many images; what the losses, the weights and the scaler say."""
    device = runtime.pick_device()
    memory_format = METHODS[method].cpu_format if device.type == "cpu" else "channels_last"
    precision = runtime.Precision(device, dtype, memory_format == "channels_last")
    pick, runs.runtime.pick_precision = runs.runtime.pick_precision, lambda *_: precision
    try:
        lengths = {"total_images": num, "log_every_images": 8, "check_memory": False, "save_every_s": 1e9}
        resolved = config.resolve(method, "fast", SMALL[method] | lengths | {"sample_every_images": num})
        run = runs.open_run(resolved, manifest, folder, resume="never", progress=False)
    finally:
        runs.runtime.pick_precision = pick
    scaler = run.model.scaler = CountedScaler(device.type, enabled=dtype == torch.float16)
    began = time.perf_counter()
    with Widened() if widened else contextlib.nullcontext():
        reason = train(run, progress=False)  # raises TrainingDiverged where a loss is NaN, infinite, or runs away
    rows = read_log(run.folder)[0]
    losses = sorted({name for row in rows for name in row if name.startswith("loss")})
    tensors = [t for net in run.model.nets.values() for t in net.state_dict().values()]
    row: dict[str, Any] = {
        "ended": reason,
        "seconds": round(time.perf_counter() - began, 1),
        "weights_finite": all(bool(torch.isfinite(t).all()) for t in tensors),
        "losses_finite": all(math.isfinite(row[name]) for row in rows for name in losses if name in row),
        "last_losses": {n: round(statistics.mean(r[n] for r in rows[-TAIL:] if n in r), 5) for n in losses},
    }
    if dtype == torch.float16:
        row |= {"optimizer_steps": scaler.steps, "skipped_steps": scaler.skipped}
        row |= {"last_skip_at_step": scaler.last_skip, "scale_at_the_end": scaler.get_scale()}
    return row


def main() -> None:
    """Train each method in float32 and in float16 and write results/float16_training.json."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--only", choices=SMALL, help="one method; nothing is written")
    args = parser.parse_args()
    import data_prep

    results: dict[str, Any] = {"images": NUM_IMAGES, "device": runtime.pick_device().type}
    with tempfile.TemporaryDirectory() as folder:
        path = data_prep.make_synthetic(Path(folder) / "faces", num=64, size_px=64, progress=False)
        manifest = read_manifest(path)
        for method in [args.only] if args.only else SMALL:
            results[method] = {"settings": SMALL[method]}
            half, on_cpu = torch.float16, runtime.pick_device().type == "cpu"
            kinds = {"float32": (torch.float32, NUM_IMAGES), "float16": (half, NUM_IMAGES, on_cpu)}
            if on_cpu:
                kinds |= {"float16, 40 images": (half, FEW_IMAGES, True)}
                kinds |= {"float16, 40 images, PyTorch's CPU kernels": (half, FEW_IMAGES)}
            for number, (name, (dtype, *how)) in enumerate(kinds.items()):
                results[method][name] = one(method, dtype, manifest, Path(folder) / f"{method}-{number}", *how)
                print(method, name, results[method][name], flush=True)
    if not args.only:
        common.write("float16_training", results)


if __name__ == "__main__":
    main()
