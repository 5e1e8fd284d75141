"""One of the ranks of `benchmarks/ranks.py` and `tests/test_ranks.py`: trains what a file of jobs says, one by one.

`python benchmarks/ranks_worker.py JOBS.json`, alone or under torchrun; `launch` starts it. A job: method, manifest,
name, settings, and, where they are wanted, runs, init, resume, double (all in float64), nudge (begin with another last
bit), stop_at (images), move (live values after the first step), spoil (the step whose true pictures are no numbers, on
all ranks but the first), threads. Rank 0 leaves a run's folder, and in its
`first.pt` the first gradient that each optimiser is handed, and when each step was done.
"""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from s2f_utils.data import read_manifest
from s2f_utils.pictures import images
from s2f_utils.runtime import ranks
from s2f_utils.training.config import resolve
from s2f_utils.training.loop import train
from s2f_utils.training.method import Step, weights_of
from s2f_utils.training.methods import METHODS
from s2f_utils.training.run import open_run

ROOT = Path(__file__).resolve().parents[1]
ENV = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}


def command(
    num: int, *arguments: object, launcher: Sequence[str] = ("--standalone",), always: bool = False
) -> list[str]:
    """A command line of so many ranks; of one, without a launcher, unless it is always wanted."""
    torchrun = ["-m", "torch.distributed.run", *launcher, "--nproc-per-node", str(num)] if num > 1 or always else []
    return [sys.executable, *torchrun, *map(str, arguments)]


def write_jobs(jobs: Sequence[Mapping[str, Any]], place: Path) -> Path:
    """The file of these jobs, whose runs go into the folder `place`, where it lies too."""
    file = place / "jobs.json"
    file.write_text(json.dumps([{"runs": str(place), **job} for job in jobs], default=str), encoding="utf-8")
    return file


def launch(num: int, jobs: Sequence[Mapping[str, Any]], place: Path) -> None:
    """So many ranks do these jobs in the folder `place`; RuntimeError with what they said where they fail."""
    line = command(num, __file__, write_jobs(jobs, place))
    done = subprocess.run(line, capture_output=True, text=True, env=ENV, cwd=ROOT)
    if done.returncode:
        raise RuntimeError(done.stderr[-3000:])


def folder_of(place: Path, name: str) -> Path:
    """The run of this name."""
    (found,) = place.glob(f"[0-9]*-{name}")
    return found


def apart(one: Mapping[str, Mapping], other: Mapping[str, Mapping]) -> float:
    """How far the weights of two sets of networks, tensors by name, are apart at most."""
    pairs = [(v, other[net][k]) for net, tensors in one.items() for k, v in tensors.items()]
    return max(float((v.double() - w.double()).abs().max()) for v, w in pairs if v.is_floating_point())


class Watch:
    """Keeps the first gradients, the times of steps, moves sliders, and ends a training early."""

    def __init__(self, run: Any, stop_at: int, move: Mapping[str, float]) -> None:
        self.first: dict[str, torch.Tensor] = {}
        self.times: list[float] = []
        self.stop_at, self.move = stop_at, move
        for name, opt in run.model.optimizers.items():
            opt.register_step_pre_hook(lambda opt, *_, name=name: self.keep(name, opt))

    def keep(self, name: str, opt: torch.optim.Optimizer) -> None:
        if name not in self.first:
            slopes = [p.grad for p in weights_of(opt) if p.grad is not None]
            self.first[name] = torch.cat([slope.flatten() for slope in slopes]).clone()

    def on_step(self, run: Any) -> None:
        self.times.append(time.monotonic())
        torch.rand(1)  # as any callback may: of several ranks, the first alone draws it
        if len(self.times) == 1:
            for name, value in self.move.items():
                run.live.set(name, value, "job")
        if self.stop_at and run.images_seen >= self.stop_at:
            run.live.set("stop", True, "job")


def in_float64() -> None:
    """What a step asks for in float32 is float64 from now on."""
    torch.set_default_dtype(torch.float64)
    to_tensor = images.to_tensor
    images.to_tensor = lambda pictures: to_tensor(pictures).double()
    torch.Tensor.float = torch.Tensor.double


def nudge(weights: torch.Tensor) -> None:
    """Make these weights larger by the least that their format can say: what rounding alone does to a training."""
    with torch.no_grad():
        weights.copy_(torch.nextafter(weights, torch.full_like(weights, torch.inf)))


def spoiled(method: str, number: int) -> Step:
    """The method's step; in the one of this number, the true pictures of all ranks but the first are no numbers."""
    calls = itertools.count()

    def step(model: Any, a: torch.Tensor, b: torch.Tensor, live: Mapping[str, float]) -> dict[str, torch.Tensor]:
        if next(calls) == number and (ranks.size() == 1 or not ranks.is_first()):
            b = b * float("nan")
        return METHODS[method].step(model, a, b, live)

    return step


def work(job: dict[str, Any]) -> None:
    """Train one job's run."""
    if job.get("double"):
        in_float64()
    settings = {"precision": "float32", "memory_format": "contiguous", **job["settings"]}
    run = open_run(
        resolve(job["method"], job.get("profile", "fast"), settings), read_manifest(job["manifest"]), job["runs"],
        name=job["name"], device="cpu", resume=job.get("resume", "never"), init=job.get("init"), progress=False,
    )  # fmt: skip
    if job.get("nudge"):
        for net in run.model.nets.values():
            nudge(next(net.parameters()))
    watch = Watch(run, job.get("stop_at", 0), job.get("move", {}))
    step = spoiled(job["method"], job["spoil"]) if "spoil" in job else None
    train(run, callbacks=[watch], step=step, progress=False)
    if ranks.is_first():
        torch.save({"first": watch.first, "times": watch.times}, run.folder / "first.pt")


def main() -> None:
    """Command line."""
    jobs = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    with ranks.joined(torch.device("cpu")):
        for job in jobs:
            torch.set_num_threads(job.get("threads", 1))
            work(job)


if __name__ == "__main__":
    main()
