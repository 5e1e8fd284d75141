"""Trains the jobs of a JSON file, alone or as one of torchrun's processes: `python
tests/distributed_worker.py FILE`.

A job: method, manifest, runs, name and settings; where they are wanted, init, resume, float64
(train in it), stop_at (images), and move (live values after the first step).
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

import s2f_studio.faces.method  # noqa: F401  its method is known by it
from s2f_utils.data import read_manifest
from s2f_utils.pictures import images
from s2f_utils.runtime import distributed
from s2f_utils.train.config import resolve
from s2f_utils.train.loop import train
from s2f_utils.train.run import open_run


class Moves:
    """A callback that moves live values after the first step, and stops early."""

    def __init__(self, move: Mapping[str, float], stop_at: int) -> None:
        self.move, self.stop_at = dict(move), stop_at

    def on_step(self, run: Any) -> None:
        torch.rand(1)  # as any callback may: it runs on rank zero alone
        while self.move:
            run.live.set(*self.move.popitem(), "test")
        if self.stop_at and run.images_seen >= self.stop_at:
            run.live.set("stop", True, "test")


def use_float64() -> None:
    """From now on, what a step asks for in float32 is float64."""
    torch.set_default_dtype(torch.float64)
    to_tensor = images.to_tensor
    images.to_tensor = lambda pictures: to_tensor(pictures).double()
    torch.Tensor.float = torch.Tensor.double


def check_same_weights(run: Any) -> None:
    """AssertionError unless this rank has ended with the weights of rank zero."""
    weights = {name: list(net.parameters()) for name, net in run.model.nets.items()}
    for name, first in distributed.broadcast(weights).items():
        same = [torch.equal(one, other) for one, other in zip(weights[name], first, strict=True)]
        assert all(same), f"{name}: {same.count(False)} of {len(same)} tensors differ"


def work(job: Mapping[str, Any]) -> None:
    if job.get("float64"):
        use_float64()
    settings = {"precision": "float32", **job["settings"]}
    run = open_run(
        resolve(job["method"], "fast", settings),
        read_manifest(job["manifest"]),
        job["runs"],
        name=job["name"],
        device="cpu",
        resume=job.get("resume", "never"),
        init=job.get("init"),
        progress=False,
    )
    train(run, callbacks=[Moves(job.get("move", {}), job.get("stop_at", 0))], progress=False)
    check_same_weights(run)


def main() -> None:
    torch.set_num_threads(1)
    with distributed.process_group("cpu"):
        for job in json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")):
            work(job)


if __name__ == "__main__":
    main()
