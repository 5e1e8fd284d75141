"""The memory format and the kind of Adam with which a long training on a CPU is faster: measured
at its start, and kept in its `config.json`.
"""

from __future__ import annotations

import dataclasses
import json
import time
from pathlib import Path

import torch

from s2f_utils.methods.config import TrainConfig
from s2f_utils.methods.method import Batch, Context, Method
from s2f_utils.runtime import Precision, distributed, pick_precision

MIN_STEPS = 1_000  # of a training that is worth measuring, which takes six steps
MARGIN = 0.95  # the usual choice stays unless the other always takes less than this share


def pick(
    kind: type[Method],
    config: TrainConfig,
    device: torch.device,
    total_images: int,
    folder: Path | None,
) -> Precision:
    """The number format, memory format and kind of Adam of a training.

    folder: of the run that is resumed, which keeps what it has on a CPU; None for a new run. Of new
    runs only long ones on a CPU are measured, unless the settings name a memory format; the faster
    choice may then differ from run to run, and with it the last bits of a result, and dropout. The
    random generators' states change: seed them afterwards.
    """
    memory_format = config.memory_format
    if memory_format == "auto" and device.type in ("cpu", "cuda"):
        memory_format = kind.memory_format(config, device)
    usual = pick_precision(device, config.precision, memory_format)
    if config.memory_format != "auto" or device.type != "cpu":
        return usual
    if folder is not None:
        return _kept(folder, usual)
    is_long = total_images >= MIN_STEPS * config.batch_size
    if not is_long or kind.data == "custom" or distributed.world_size() > 1:
        return usual
    return _measured(kind, config, usual)


def _kept(folder: Path, usual: Precision) -> Precision:
    """What a run began with; the usual choice if it began on another device, or with a version that
    did not write it down.
    """
    facts = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    if facts.get("device") != "cpu" or "fused_adam" not in facts:
        return usual
    channels_last = facts["memory_format"] == "channels_last"
    return dataclasses.replace(usual, channels_last=channels_last, fused_adam=facts["fused_adam"])


def _measured(kind: type[Method], config: TrainConfig, usual: Precision) -> Precision:
    """The fastest choice for steps on noise, of models that are thrown away. Prints it."""
    other = dataclasses.replace(usual, channels_last=not usual.channels_last)
    seconds = {}
    for precision in (usual, other):
        model = kind(config, precision)
        seconds[precision] = step_seconds(model)
        fused, default = adam_seconds(model)
        del model  # before the next one is built
    best = other if _is_faster(seconds[other], seconds[usual]) else usual
    chosen = dataclasses.replace(best, fused_adam=not _is_faster(default, fused))
    steps = (f"{p.memory_format} {min(seconds[p][1:]):.3g} s a step" for p in (usual, other))
    adam = f"Adam fused {min(fused):.2g} s, default {min(default):.2g} s"
    name = "fused" if chosen.fused_adam else "default"
    print(
        f"measured on this processor: {', '.join(steps)}; {adam}: the run takes "
        f"{chosen.memory_format} and {name} Adam"
    )
    return chosen


def _is_faster(seconds: list[float], usual: list[float]) -> bool:
    """Whether something is clearly faster than usual. The first time of each does not count."""
    return max(seconds[1:]) < MARGIN * min(usual[1:])


def step_seconds(model: Method) -> list[float]:
    """The times of a first step and of two more, on noise."""
    sides = []
    for shape in model.shapes:
        noise = 2 * torch.rand(model.config.batch_size, *shape) - 1
        sides.append(model.precision.images(noise))
    seconds = []
    for steps in (1, 2, 3):  # step 0 may have more to do than others, as in StyleGAN2
        began = time.perf_counter()
        context = Context(model.live_values(), model.precision, steps=steps)
        context.values(model.step(Batch(*sides), context))
        seconds.append(time.perf_counter() - began)
    return seconds


def adam_seconds(model: Method) -> tuple[list[float], list[float]]:
    """The times in which all optimisers update their weights once, fused and as by default, in
    turn: other work on the machine slows both.
    """
    seconds = {True: [], False: []}
    for fused in (True, False) * 4:
        began = time.perf_counter()
        for opt in model.optimizers.values():
            for group in opt.param_groups:
                group["fused"] = fused
            opt.step()
        seconds[fused].append(time.perf_counter() - began)
    return seconds[True], seconds[False]
