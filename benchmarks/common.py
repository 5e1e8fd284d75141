"""What the benchmark scripts share: medians of repeated timings, peak memory, a JSON file with the machine in it."""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from s2f_utils import runtime  # noqa: E402  (from the clone, before anything that is installed)
from s2f_utils.data import Manifest  # noqa: E402  (from the clone, before anything that is installed)

ROOT = Path(__file__).resolve().parents[1]
RESULTS = Path(__file__).parent / "results"


def sync() -> None:
    """Wait until the GPU, if there is one, has done what it was given."""
    import torch

    if torch.cuda.is_available():
        torch.cuda.synchronize()


def alternate(variants: dict[str, Callable[[], Any]], rounds: int = 5) -> dict[str, float]:
    """Median seconds of each variant, called in turn A B C A B C …, so that a drifting machine hits all alike."""
    seconds: dict[str, list[float]] = {name: [] for name in variants}
    for call in variants.values():
        call()  # warm-up
    for _ in range(rounds):
        for name, call in variants.items():
            sync()
            start = time.perf_counter()
            call()
            sync()
            seconds[name].append(time.perf_counter() - start)
    return {name: statistics.median(values) for name, values in seconds.items()}


def finished_run(
    method: str, changes: dict[str, Any], manifest: Manifest, runs: Path, name: str, *, init: str | None = None
) -> Path:
    """The folder of the finished run of this name and these settings; trained, or trained to its end, if need be."""
    from s2f_utils.training import config
    from s2f_utils.training.init import settings_of
    from s2f_utils.training.loop import train
    from s2f_utils.training.run import finished, open_run

    has_gpu = runtime.pick_device("auto").type != "cpu"
    begun_with = settings_of(init, method) if init else {}
    resolved = config.resolve(method, "full", changes, has_gpu=has_gpu, begun_with=begun_with)
    done = finished(resolved, manifest, runs, name=name, init=init)
    if done:
        return done
    run = open_run(resolved, manifest, runs, name=name, init=init)
    if train(run) != "done":
        raise SystemExit("interrupted; all is saved: run the same command again")
    return run.folder


def train_seconds(run: Path) -> float:
    """How long a run has been trained, in seconds."""
    from s2f_utils.training.tracking import read_log

    return read_log(run)[0][-1]["seconds"]


def peak_memory_mib() -> float:
    """The largest resident size of this process so far, in MiB (on a GPU: the largest allocation there)."""
    import torch

    if torch.cuda.is_available():
        return torch.cuda.max_memory_allocated() / 2**20
    status = Path("/proc/self/status")
    if status.exists():  # getrusage would count what the parent process held before it started this one
        line = next(line for line in status.read_text(encoding="ascii").splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) / 2**10
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)


def write(name: str, results: dict[str, Any] | Sequence[Any]) -> Path:
    """Write results/<name>.json with the machine and the versions, and print it."""
    path = RESULTS / f"{name}.json"
    text = json.dumps({"machine": runtime.machine_facts(), "results": results}, indent=2) + "\n"
    with runtime.atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
    print(text)
    return path
