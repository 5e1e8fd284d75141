"""The training loop against the bare step and against the published step, and whether a step ever waits for the GPU.

`python benchmarks/loop.py` (a GPU; some 3 minutes). The loop reads drawn faces that lie on the device, jitters,
averages the generator, writes a row of the log every 100 images, and saves nothing; bare is our step on random
pictures; plain is the step as published (`train_speed`): float32, NCHW, Adam as it comes. Aims: at most 1.15 times the
bare step, and five times as fast as plain. Medians of alternating calls. Then some steps of the loop run while a wait
for the GPU is an error (`torch.cuda.set_sync_debug_mode`): what it says stands in the results. `--tiny` shows on any
machine that it works. Writes results/loop.json, from a GPU loop_gpu.json.
"""

from __future__ import annotations

import argparse
import functools
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import common
import torch
import train_speed
from kept import Kept, one_line, why_not

from s2f_utils import runtime
from s2f_utils.training.loop import train
from s2f_utils.training.run import TrainingRun

AIM_OVER_BARE, AIM_OVER_PLAIN = 1.15, 5.0
SETTINGS: dict[str, tuple[str, dict[str, Any]]] = {
    "pix2pix, batch 1": ("pix2pix", {"batch_size": 1}),
    "pix2pix, batch 8": ("pix2pix", {"batch_size": 8}),
    "cyclegan, batch 1": ("cyclegan", {"batch_size": 1}),
    "faithful, batch 4": ("faithful", {"batch_size": 4}),
    "stylegan2, batch 8": ("stylegan2", {"batch_size": 8}),
    "restore, batch 4": ("restore", {"batch_size": 4}),
}
CALL_S, ROUNDS, CHECKED = 1.5, 5, 20


class NoWaiting(train_speed.Stop):
    """Between two steps and in them, a wait for the GPU is an error; at the end of a training it is none."""

    def on_start(self, run: TrainingRun) -> None:
        """From now on."""
        torch.cuda.set_sync_debug_mode("error")

    def on_step(self, run: TrainingRun) -> None:
        """Until the last step."""
        super().on_step(run)
        if not self.left:
            torch.cuda.set_sync_debug_mode("default")


def waits(method: str, folder: Path, changes: dict[str, Any], profile: str) -> str:
    """ "never", or what it waited for, of steps in which no row of the log is due; "not known" without a GPU."""
    if not torch.cuda.is_available():
        return "not known"
    run = train_speed.opened(method, folder, changes | {"log_every_images": 10**9}, profile=profile)
    train(run, callbacks=[train_speed.Stop(3)], progress=False)  # what is made once
    try:
        train(run, callbacks=[NoWaiting(CHECKED)], progress=False)
    except RuntimeError as error:
        return one_line(error)
    finally:
        torch.cuda.set_sync_debug_mode("default")
    return "never"


def measured(name: str, folder: Path, *, tiny: bool) -> dict[str, Any]:
    """Milliseconds of a step in the loop, bare and plain, their ratios, and what is waited for."""
    method, changes = SETTINGS[name]
    profile = "fast" if tiny else "full"
    step = train_speed.bare(method, changes, profile=profile)
    plain = train_speed.bare(method, changes, "float32", "contiguous", profile=profile, plain=True)
    for _ in range(3):
        step()
    common.sync()
    began = time.perf_counter()
    step()
    common.sync()
    num = 4 if tiny else max(16, min(200, int(CALL_S / (time.perf_counter() - began))))
    num -= num % 16 if num > 16 else 0  # whole cycles of R1
    whole = train_speed.loop(method, folder, changes, num, profile=profile)
    calls = {
        "loop": whole,
        "bare": lambda: [step() for _ in range(num)],
        "plain": lambda: [plain() for _ in range(num)],
    }
    took = common.alternate(calls, 1 if tiny else ROUNDS)
    row: dict[str, Any] = {f"{kind}_ms": round(1000 * seconds / num, 3) for kind, seconds in took.items()}
    row |= {"steps_a_call": num, "loop_over_bare": round(took["loop"] / took["bare"], 3)}
    row["times_plain"] = round(took["plain"] / took["loop"], 2)
    return row | {"waits": waits(method, folder, changes, profile)}


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--tiny", action="store_true", help="small networks, one round: only to see that it works")
    args = parser.parse_args()
    kept = Kept("loop", __file__, tiny=args.tiny)
    kept.row("setting", lambda: {"precision": runtime.pick_precision(runtime.pick_device()).name})
    with tempfile.TemporaryDirectory() as folder:
        for name in SETTINGS:
            kept.row(name, functools.partial(measured, name, Path(folder), tiny=args.tiny))
    kept.finish()


def table(found: Mapping[str, Any]) -> str:
    """A row for each setting."""
    rows = dict(found["results"])
    setting = rows.pop("setting")
    cells = []
    for name, row in rows.items():
        if why_not(row):
            cells.append([name, "–", "–", "–", "–", "–", why_not(row)])
            continue
        times = [f"{row[f'{kind}_ms']:.1f}" for kind in ("loop", "bare", "plain")]
        cells.append([name, *times, f"{row['loop_over_bare']:.2f}", f"{row['times_plain']:.2f}", row["waits"]])
    head = ["", "loop, ms a step", "bare step", "plain step", "loop / bare", "plain / loop", "waits for the GPU"]
    aims = f"Aims: loop / bare at most {AIM_OVER_BARE:g}, plain / loop at least {AIM_OVER_PLAIN:g}."
    return f"{setting['precision']} ({common.machine_of(found)}). {aims}\n\n{common.markdown(head, cells)}"


TABLES = {"gpu-loop": table}
WAITING = "Waits for a GPU."


if __name__ == "__main__":
    main()
