"""What the benchmark scripts share: medians of repeated timings, peak memory, runs that are gone on
with, a JSON file that says how it was measured, and the Markdown of their tables. S2F_RESULTS names
another folder for these files.

A script that has tables names them in `TABLES`: {marker in README.md or docs: function}, each from
the content of one results file, {"machine", "provenance", "results"}, to Markdown.
tools/readme_tables.py puts them in place.
"""

from __future__ import annotations

import datetime
import functools
import json
import os
import re
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
SAVED = Path(__file__).parent / "results"  # in the repository
RESULTS = Path(os.environ.get("S2F_RESULTS") or SAVED)
CODE = (
    "s2f_utils",
    "data_prep",
    "benchmarks",
    "tools",
    "Makefile",
    ":!benchmarks/results",
)  # what is measured


def sync() -> None:
    """Wait until the GPU, if there is one, has done what it was given."""
    import torch

    if torch.cuda.is_available():
        torch.cuda.synchronize()


def alternate(variants: dict[str, Callable[[], Any]], rounds: int = 5) -> dict[str, float]:
    """Median seconds of each variant, called in turn A B C A B C …, so that a drifting machine hits
    all alike.
    """
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


def on_device(name: str) -> str:
    """The name of a results file: from a GPU with "_gpu" at its end."""
    import torch

    return f"{name}_gpu" if torch.cuda.is_available() else name


def peak_memory_mib() -> float:
    """The largest resident size of this process so far, in MiB (on a GPU: the largest allocation
    there).
    """
    import torch

    return (
        torch.cuda.max_memory_allocated() / 2**20
        if torch.cuda.is_available()
        else peak_resident_mib()
    )


def peak_resident_mib() -> float:
    """The largest resident size of this process so far, in MiB."""
    status = Path("/proc/self/status")
    if (
        status.exists()
    ):  # getrusage would count what the parent process held before it started this one
        line = next(
            line
            for line in status.read_text(encoding="ascii").splitlines()
            if line.startswith("VmHWM")
        )
        return int(line.split()[1]) / 2**10
    import psutil

    used = psutil.Process().memory_info()
    if hasattr(used, "peak_wset"):  # Windows
        return used.peak_wset / 2**20
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)


def in_a_process(script: str, *arguments: str) -> Any:
    """Run a script of this folder in a process of its own; what the last line that it prints says,
    as JSON.
    """
    command = [sys.executable, script, *arguments]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def written(name: str) -> Any:
    """The results that stand in results/<name>.json; {} where there are none."""
    path = RESULTS / f"{name}.json"
    return json.loads(path.read_text(encoding="utf-8"))["results"] if path.exists() else {}


def rounded(intervals: Mapping[str, Any], digits: int = 5) -> dict[str, dict[str, float]]:
    """{metric: interval} as JSON: {metric: {"mean", "low", "high"}}."""
    return {
        name: {key: round(v, digits) for key, v in vars(i).items()} for name, i in intervals.items()
    }


@functools.cache
def provenance() -> dict[str, Any]:
    """How this process measures: commit ("" without git), whether code was changed since, date, and
    the command without folders.
    """

    def git(*arguments: str) -> str:
        try:
            done = subprocess.run(
                ["git", "-C", str(ROOT), *arguments], capture_output=True, text=True, check=True
            )
        except (OSError, subprocess.SubprocessError):
            return ""
        return done.stdout.strip()

    told = shlex.join(["python", *(without_folders(argument) for argument in sys.argv)])
    return {
        "commit": git("rev-parse", "--short=12", "HEAD"),
        "dirty": bool(git("status", "--porcelain", "--", *CODE)),
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "command": told,
    }


def without_folders(argument: str) -> str:
    """An argument with its absolute paths cut down to names; those in the clone begin there."""
    return re.sub(r"(?<![\w.])/(?:[^/=,]*/)*", "", argument.replace(f"{ROOT}/", ""))


provenance()  # as it is now: the files may change while this measures


def facts() -> dict[str, Any]:
    """What every results file says beside its results: the machine, and how it was measured."""
    return {"machine": runtime.machine_facts(), "provenance": provenance()}


def new(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row that says how it was measured, for results that keep the rows of earlier calls."""
    return {**row, "provenance": provenance()}


def run_of(folder: str | Path) -> dict[str, Any]:
    """Of a run: method, seed, images seen, settings that are not the method's own, what it began
    with, and its code.
    """
    from s2f_utils.networks import checkpoints
    from s2f_utils.train.methods import METHODS
    from s2f_utils.train.tracking import read_log

    folder = Path(folder)
    told = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    usual, config = METHODS[told["method"]].settings(), told["config"]
    changed = {name: value for name, value in config.items() if value != getattr(usual, name, None)}
    log = read_log(folder)[0]
    return {
        "method": told["method"],
        "seed": config["seed"],
        "images": log[-1]["images"] if log else 0,
        "settings": {
            k: without_folders(v) if isinstance(v, str) else v
            for k, v in changed.items()
            if k != "seed"
        },
        "began_with": without_folders(str(told.get("init") or "")),
        "code": checkpoints.card_of(folder / "generator.safetensors").code,
    }


def write(name: str, results: dict[str, Any] | Sequence[Any]) -> Path:
    """Write results/<name>.json with how it was measured, and print it."""
    path = RESULTS / f"{name}.json"
    runtime.write_json(path, {**facts(), "results": results})
    print(path.read_text(encoding="utf-8"))
    return path


# Tables

SCORES = {  # of a metric: its heading, and how many digits are shown
    "ssim": ("SSIM ↑", 3),
    "psnr": ("PSNR ↑", 1),
    "l1": ("L1 ↓", 1),
    "fsim": ("FSIM ↑", 3),
    "landmarks": ("landmarks ↓", 3),
    "sharpness": ("sharpness → 1", 2),
    "spectrum": ("spectrum, dB ↓", 1),
    "patch_auc": ("patch AUC → 0.5", 2),
    "rank1": ("rank-1 ↑", 2),
    "mrr": ("MRR ↑", 2),
}
WITH_INTERVAL = ("ssim", "psnr", "l1")


def markdown(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table; every column but the first is aligned to the right."""
    rule = ["---", *["---:"] * (len(header) - 1)]
    return "\n".join("| " + " | ".join(row) + " |" for row in (header, rule, *rows))


def machine_of(found: Mapping[str, Any]) -> str:
    """Where a results file was made: the GPU or the processor, and the version of torch."""
    machine = found["machine"]
    where = machine["gpu"] if machine["gpu"] != "none" else machine["processor"]
    return f"{where}, torch {machine['torch'].split('+')[0]}"


def mean_of(score: Any) -> float:
    """A score, or the mean of a score with its interval."""
    return score["mean"] if isinstance(score, dict) else score


def with_interval(score: Mapping[str, float], digits: int) -> str:
    """A mean and its interval, {"mean", "low", "high"}."""
    return f"{score['mean']:.{digits}f} ({score['low']:.{digits}f}–{score['high']:.{digits}f})"


def score_of(row: Mapping[str, Any], name: str) -> str:
    """A score in a leaderboard's row, the first ones with their intervals; a dash where there is
    none.
    """
    if row.get(name) is None:
        return "–"
    digits = SCORES[name][1]
    if name not in WITH_INTERVAL:
        return f"{row[name]:.{digits}f}"
    if name not in row.get("intervals", {}):
        return f"{row[name]:.{digits}f}"
    low, high = row["intervals"][name]
    return with_interval({"mean": row[name], "low": low, "high": high}, digits)


def floor_note(board: Sequence[Mapping[str, Any]]) -> str:
    """A sentence about the floor of a leaderboard's patch test; "" where it was not measured."""
    from s2f_utils.metrics import leaderboard

    nearest = (
        row for row in board if row.get("key") == "nearest" and row.get("patch_auc") is not None
    )
    return next((leaderboard.floor_note(row["patch_auc"], row["model"]) for row in nearest), "")


def one_seed(row: Mapping[str, Any]) -> str:
    """The name of a model that was trained once, or of an answer that needs no training."""
    return f"{row['model']}, one seed" if row["kind"] == "model" else row["model"]
