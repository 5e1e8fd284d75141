"""torch.compile and CUDA graphs, on and off: does a training step gain by them?

`python benchmarks/compiled.py` (a GPU; up to 8 minutes, most of it compiling). For each method its step as it is; with
its networks compiled; with their kernels recorded (mode "reduce-overhead"); and the whole step recorded as one CUDA
graph. A row says how long a step takes, how long making it ready took, and how far the losses of the fourth step are
from those of the step as it is, which began with the same weights (dropout is off). What cannot be compiled or recorded
is a row that says why. A recorded step repeats what the CPU drew while it was recorded: it is timed, not a training.
`--tiny` shows on any machine that it works. Writes results/compiled.json, from a GPU compiled_gpu.json.
"""

from __future__ import annotations

import argparse
import functools
import time
from collections.abc import Callable, Mapping
from typing import Any

import common
import steps
import torch
import train_speed
from kept import Kept, why_not

from s2f_utils import runtime
from s2f_utils.training.method import Method

SETTINGS: dict[str, tuple[str, dict[str, Any]]] = {
    "pix2pix, batch 1": ("pix2pix", {"batch_size": 1, "dropout": 0.0}),
    "pix2pix, batch 8": ("pix2pix", {"batch_size": 8, "dropout": 0.0}),
    "cyclegan, batch 1": ("cyclegan", {"batch_size": 1}),
    "faithful, batch 4": ("faithful", {"batch_size": 4, "dropout": 0.0}),
}
VARIANTS = ("as it is", "networks compiled", "networks recorded", "step recorded")
COMPARED = 4  # the step whose losses are compared: the first that a recorded step makes

Stepping = Callable[[], Mapping[str, torch.Tensor]]


def ready(variant: str, model: Method, a: torch.Tensor, b: torch.Tensor) -> Stepping:
    """A function that makes a step by this variant. Raises what torch raises where that is not possible."""
    live = model.live_values()
    if variant == "step recorded":
        return _recorded(model, a, b, live)
    if variant != "as it is":
        for net in model.nets.values():
            net.compile(mode="reduce-overhead" if variant == "networks recorded" else "default")

    def step() -> Mapping[str, torch.Tensor]:
        torch.compiler.cudagraph_mark_step_begin()
        return model.step(a, b, live)

    return step


def _recorded(model: Method, a: torch.Tensor, b: torch.Tensor, live: Mapping[str, float]) -> Stepping:
    """After PyTorch's notes on CUDA graphs: some steps on a stream aside, then one that is recorded, not made."""
    for optimizer in model.optimizers.values():
        for group in optimizer.param_groups:
            group["capturable"] = True
    aside = torch.cuda.Stream()
    aside.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(aside):
        for _ in range(COMPARED - 1):
            model.step(a, b, live)
    torch.cuda.current_stream().wait_stream(aside)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        losses = model.step(a, b, live)

    def replay() -> Mapping[str, torch.Tensor]:
        graph.replay()
        return losses

    return replay


def measured(name: str, variant: str, reference: Mapping[str, float], *, tiny: bool) -> dict[str, Any]:
    """Milliseconds of a step, seconds until it was ready, the fourth step's losses, and how far they are from those of
    the step as it is; the largest, relative to each.
    """
    if variant == "step recorded" and not torch.cuda.is_available():
        return {"left_out": "needs a GPU"}
    torch._dynamo.reset()
    method, changes = SETTINGS[name]
    began = time.perf_counter()
    model, a, b = train_speed.made(method, changes, profile="fast" if tiny else "full")
    step = ready(variant, model, a, b)
    for _ in range(1 if variant == "step recorded" else COMPARED):
        losses = {key: float(value) for key, value in step().items()}
    common.sync()
    row: dict[str, Any] = {"ready_s": round(time.perf_counter() - began, 1), "losses": losses}
    if reference:
        apart = max(abs(losses[key] - value) / max(abs(value), 1e-6) for key, value in reference.items())
        row["losses_apart"] = float(f"{apart:.2g}")
    return row | {"ms": round(1000 * steps.seconds_of(step, 1, tiny=tiny), 3)}


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--tiny", action="store_true", help="a small pix2pix only, to see that it works")
    args = parser.parse_args()
    kept = Kept("compiled", __file__, tiny=args.tiny)
    kept.row("setting", lambda: {"precision": runtime.pick_precision(runtime.pick_device()).name})
    for name in list(SETTINGS)[: 1 if args.tiny else None]:
        reference: Mapping[str, float] = {}
        for variant in VARIANTS:
            run = functools.partial(measured, name, variant, reference, tiny=args.tiny)
            row = kept.row(f"{name}, {variant}", run)
            reference = reference or row.get("losses", {})
    kept.finish(may_fail=lambda name: not name.endswith(VARIANTS[0]))


def table(found: Mapping[str, Any]) -> str:
    """A row for each setting, a column for each variant."""
    rows = dict(found["results"])
    setting = rows.pop("setting")
    cells, notes = [], []
    for name in SETTINGS:
        mine = {variant: rows[f"{name}, {variant}"] for variant in VARIANTS if f"{name}, {variant}" in rows}
        shown = []
        for variant in VARIANTS:
            row = mine.get(variant, {})
            shown.append(f"{row['ms']:.1f} ms" if "ms" in row else "–")
            if why_not(row):
                notes.append(f"- {name}, {variant}: {why_not(row)}")
            elif "losses_apart" in row:
                notes.append(
                    f"- {name}, {variant}: ready in {row['ready_s']:.0f} s, losses {row['losses_apart']} apart"
                )
        if mine:
            cells.append([name, *shown])
    head = f"{setting['precision']} ({common.machine_of(found)}):"
    return "\n\n".join([head, common.markdown(["a step", *VARIANTS], cells), "\n".join(notes)]).rstrip()


TABLES = {"gpu-compiled": table}
WAITING = "Waits for a GPU."


if __name__ == "__main__":
    main()
