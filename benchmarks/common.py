"""What the benchmarks share: alternating timings, peak memory, result files, Markdown tables.

A script writes results/NAME.json, with the machine, commit, date and command in it, and prints its
table for the docs. S2F_RESULTS names another folder for these files.
"""

from __future__ import annotations

import datetime
import json
import os
import shlex
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from s2f_utils import runtime  # noqa: E402  (from the clone, before anything that is installed)

ROOT = Path(__file__).resolve().parents[1]
SAVED = Path(__file__).parent / "results"
RESULTS = Path(os.environ.get("S2F_RESULTS") or SAVED)
# Folders whose uncommitted changes make a measurement "dirty".
CODE = ("s2f_utils", "s2f_studio", "data_prep", "benchmarks", ":!benchmarks/results")


def sync() -> None:
    """Wait until the GPU, if there is one, has finished its queue."""
    import torch

    if torch.cuda.is_available():
        torch.cuda.synchronize()


def alternate(variants: dict[str, Callable[[], Any]], rounds: int = 5) -> dict[str, float]:
    """Median seconds of each variant, called in turn A B C A B C …, so that a drifting machine
    affects all alike. Each is called once before, as a warm-up.
    """
    seconds: dict[str, list[float]] = {name: [] for name in variants}
    for call in variants.values():
        call()
    for _ in range(rounds):
        for name, call in variants.items():
            sync()
            start = time.perf_counter()
            call()
            sync()
            seconds[name].append(time.perf_counter() - start)
    return {name: statistics.median(values) for name, values in seconds.items()}


def on_device(name: str) -> str:
    """The name of a results file: from a GPU with "_gpu" at its end."""
    import torch

    return f"{name}_gpu" if torch.cuda.is_available() else name


def peak_memory_mib() -> float:
    """The largest resident size of this process so far in MiB; on a GPU the largest allocation."""
    import torch

    if torch.cuda.is_available():
        return torch.cuda.max_memory_allocated() / 2**20
    return peak_resident_mib()


def peak_resident_mib() -> float:
    """The largest resident size of this process so far, in MiB."""
    # getrusage would count what the parent process held before it started this one.
    status = Path("/proc/self/status")
    if status.exists():
        lines = status.read_text(encoding="ascii").splitlines()
        line = next(line for line in lines if line.startswith("VmHWM"))
        return int(line.split()[1]) / 2**10
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)


def in_a_process(*arguments: str) -> Any:
    """Run Python with these arguments in a process of its own; its last printed line, as JSON."""
    command = [sys.executable, *arguments]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def rounded(intervals: Mapping[str, Any], digits: int = 5) -> dict[str, dict[str, float]]:
    """{metric: interval} as JSON: {metric: {"mean", "low", "high"}}."""
    found = {}
    for name, interval in intervals.items():
        found[name] = {key: round(value, digits) for key, value in vars(interval).items()}
    return found


def _git(*arguments: str) -> str:
    command = ["git", "-C", str(ROOT), *arguments]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return ""


def provenance() -> dict[str, Any]:
    """Commit ("" without git), whether the code was changed since, date, command."""
    names = [Path(argument).name if "/" in argument else argument for argument in sys.argv]
    return {
        "commit": _git("rev-parse", "--short=12", "HEAD"),
        "dirty": bool(_git("status", "--porcelain", "--", *CODE)),
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "command": shlex.join(["python", *names]),
    }


def facts() -> dict[str, Any]:
    """What every results file says beside its results: the machine, and how it was measured."""
    return {"machine": runtime.machine_facts(), "provenance": provenance()}


def write(name: str, results: Any, table: Callable[[dict], str] | None = None) -> Path:
    """Write results/<name>.json with how it was measured; print its table."""
    path = RESULTS / f"{name}.json"
    found = {**facts(), "results": results}
    runtime.write_json(path, found)
    print(table(found) if table else json.dumps(found, indent=1), f"\n\nwritten: {path}")
    return path


# Tables

SCORES = {  # of a metric: its heading, and how many digits are shown
    "ssim": ("SSIM ↑", 3),
    "psnr": ("PSNR ↑", 1),
    "l1": ("L1 ↓", 1),
    "sharpness": ("sharpness → 1", 2),
    "patch_auc": ("patch AUC → 0.5", 2),
}


def markdown(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table; every column but the first is aligned to the right."""
    rule = ["---", *["---:"] * (len(header) - 1)]
    return "\n".join("| " + " | ".join(row) + " |" for row in (header, rule, *rows))


def machine_of(found: Mapping[str, Any]) -> str:
    """Where a results file was made: the GPU or the processor, and the version of torch."""
    machine = found["machine"]
    where = machine["gpu"] if machine["gpu"] != "none" else machine["processor"]
    return f"{where}, torch {machine['torch'].split('+')[0]}"


def with_interval(score: Mapping[str, float], digits: int) -> str:
    """A mean and its interval, {"mean", "low", "high"}."""
    return f"{score['mean']:.{digits}f} ({score['low']:.{digits}f}–{score['high']:.{digits}f})"
