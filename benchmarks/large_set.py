"""A set of 20,000 drawn pairs, killed and interrupted on the way: its rate, and the memory that all its processes take.

`python benchmarks/large_set.py` (ten minutes and 1 GB of disk on two cores). The set is made at 64 px, stopped once by
SIGKILL and once by Ctrl-C, gone on with to its end; then it is aligned and looked at by the doctor, whole.
"""

from __future__ import annotations

import argparse
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import common
import psutil

EVERY_S = 0.5


def run(
    *command: str, stop_after: int = 0, how: signal.Signals = signal.SIGTERM, folder: Path | None = None
) -> tuple[float, list[float], int]:
    """Run a data_prep command: seconds, memory in MiB through time, exit code. Stopped at `stop_after` files."""
    start, memory = time.monotonic(), []
    process = subprocess.Popen(
        [sys.executable, "-m", "data_prep", *command], stderr=subprocess.DEVNULL, cwd=common.ROOT
    )
    while process.poll() is None:
        memory.append(_memory_mib(process.pid))
        if stop_after and folder and folder.is_dir() and len(list(folder.iterdir())) >= stop_after:
            process.send_signal(how)
            process.wait()
            break
        time.sleep(EVERY_S)
    return time.monotonic() - start, memory, process.returncode


def _memory_mib(pid: int) -> float:
    """What a process and its children hold that they share with nobody else, and a share of what they do (PSS)."""
    total = 0
    try:
        for process in (psutil.Process(pid), *psutil.Process(pid).children(recursive=True)):
            total += getattr(process.memory_full_info(), "pss", 0)
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return 0.0
    return total / 2**20


def summary(seconds: float, memory: list[float], num: int) -> dict[str, float]:
    """Rate, and memory after a tenth of the time and at the most in the rest."""
    tenth = max(1, len(memory) // 10)
    return {
        "pairs_per_second": round(num / seconds, 1),
        "memory_mib_after_a_tenth": round(max(memory[: 2 * tenth])),
        "memory_mib_at_most": round(max(memory)),
    }


def main() -> None:
    """Measure and write results/large_set.json."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--num", type=int, default=20_000)
    num = parser.parse_args().num
    signal.signal(
        signal.SIGINT, signal.default_int_handler
    )  # a shell's background jobs ignore Ctrl-C, and so would ours
    with tempfile.TemporaryDirectory() as folder:
        out, photos = f"{folder}/set", Path(folder) / "set" / "photos"
        command = ("synthetic", out, "--num", str(num), "--size", "64")
        first, memory, _ = run(*command, stop_after=num // 4, how=signal.SIGKILL, folder=photos)
        killed_at = len(list(photos.glob("*.png")))
        second, more, code = run(*command, stop_after=num // 2, how=signal.SIGINT, folder=photos)
        interrupted_at = len(list(photos.glob("*.png")))
        third, rest, done = run(*command)
        rows = len((Path(out) / "manifest.csv").read_text(encoding="utf-8").splitlines()) - 1
        results = {
            "num": num,
            "killed_at": killed_at,
            "interrupted_at": interrupted_at,
            "exit_codes": [code, done],
            "rows_at_the_end": rows,
            "leftovers": len(list(Path(out).rglob("*.part"))),
            "drawing": summary(first + second + third, memory + more + rest, num),
        }
        seconds, memory, _ = run("pairs", out, f"{folder}/aligned", "--align", "face", "--size", "64")
        results["aligning"] = summary(seconds, memory, num)
        seconds, memory, _ = run("doctor", out, "--json", f"{folder}/found.json")
        results["doctor"] = summary(seconds, memory, num)
    common.write("large_set", results)


if __name__ == "__main__":
    main()
