"""All measurements that need a GPU: `make bench-gpu`, or `python benchmarks/gpu.py`.

Each part runs in a process of its own, the most important first, for eight minutes at most. Its
results go to benchmarks/results/NAME_gpu.json when it ends, and its name to gpu.json, so that the
same command continues with the missing parts; `--again` repeats all. A part that fails does not
stop the next one. Without a GPU, or with `--tiny`, everything runs with small networks to show that
it works, and goes to runs/bench-gpu/tiny. Output: runs/bench-gpu/NAME.log.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import common
import torch

LOGS = common.ROOT / "runs" / "bench-gpu"
LIMIT_S = 480
PARTS = {
    "tests": ("-m", "pytest", "-m", "gpu", "-q", "tests"),
    "pix2pix": ("benchmarks/train_speed.py", "--method", "pix2pix"),
    "cyclegan": ("benchmarks/train_speed.py", "--method", "cyclegan"),
    "stylegan2": ("benchmarks/train_speed.py", "--method", "stylegan2"),
    "answers": ("benchmarks/answer_speed.py", "--device", "auto"),
}


def finished(folder: Path) -> dict[str, dict]:
    """The parts whose results lie in a folder, with when and on what they were measured."""
    try:
        return json.loads((folder / "gpu.json").read_text(encoding="utf-8"))["results"]
    except (OSError, ValueError):
        return {}


def run(name: str, folder: Path, *, is_tiny: bool) -> str:
    """Run a part; "done", or how it failed."""
    command = [sys.executable, *PARTS[name]]
    if is_tiny and name != "tests":
        command.append("--tiny")
    log = LOGS / f"{name}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    start = time.monotonic()
    with open(log, "wb") as output:
        try:
            status = subprocess.run(
                command,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=common.ROOT,
                env={**os.environ, "S2F_RESULTS": str(folder)},
                timeout=LIMIT_S,
            ).returncode
        except subprocess.TimeoutExpired:
            return f"ran out of time after {LIMIT_S} s ({log})"
    if status:
        return f"failed with status {status} ({log})"
    row = {"seconds": round(time.monotonic() - start, 1), **common.provenance()}
    results = finished(folder) | {name: row}
    common.runtime.write_json(folder / "gpu.json", {**common.facts(), "results": results})
    return "done"


def main(arguments: list[str] | None = None) -> int:
    """Command line; 0 where every part was measured."""
    parser = argparse.ArgumentParser(prog="gpu", description=__doc__.partition("\n")[0])
    parser.add_argument("--only", nargs="+", choices=list(PARTS), default=list(PARTS))
    parser.add_argument("--again", action="store_true", help="repeat what was measured before")
    parser.add_argument("--tiny", action="store_true", help="small networks; without a GPU always")
    options = parser.parse_args(arguments)
    is_tiny = options.tiny or not torch.cuda.is_available()
    folder = LOGS / "tiny" if is_tiny else common.SAVED
    there = {} if options.again else finished(folder)
    print(f"{'everything tiny; ' if is_tiny else ''}results in {folder}")
    outcomes = []
    for name in options.only:
        outcome = "measured before" if name in there else run(name, folder, is_tiny=is_tiny)
        print(f"{name}: {outcome}", flush=True)
        outcomes.append(outcome in ("done", "measured before"))
    return int(not all(outcomes))


if __name__ == "__main__":
    sys.exit(main())
