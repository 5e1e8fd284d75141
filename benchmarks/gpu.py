"""All that waits for a GPU, in one go: `make bench-gpu`, or `python benchmarks/gpu.py`.

The parts come the most important first, each in a process of its own with eight minutes at most.
What a part measured is saved when it ends, in benchmarks/results/NAME_gpu.json, and that it ended
well in gpu.json: the same command goes on with the parts that are missing, and measures anew what
was measured with other code, another GPU or another torch, or all with `--again`. A part that fails
or runs out of time does not stop the next one; the summary at the end names it, and the exit status
is 1. Without a GPU, or with `--tiny`, everything runs with small networks to show that it works
(some 5 minutes on two cores), and goes to runs/bench-gpu/tiny. What the parts print is in
runs/bench-gpu/NAME.log.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import common
import torch

LOGS = common.ROOT / "runs" / "bench-gpu"
MEASURED = ("s2f_utils", "s2f_studio", "benchmarks")  # folders whose code a result belongs to


@dataclass(frozen=True)
class Part:
    """A script with its arguments; its seconds on an H100, as guessed, and at most. can_be_tiny: it
    takes `--tiny`.
    """

    command: tuple[str, ...]
    seconds: float
    limit_s: float = 480.0
    can_be_tiny: bool = True


PARTS: dict[str, Part] = {
    "tests": Part(("-m", "pytest", "-m", "gpu", "-q", "tests"), 120, can_be_tiny=False),
    "pix2pix": Part(("benchmarks/train_speed.py", "--method", "pix2pix"), 90),
    "cyclegan": Part(("benchmarks/train_speed.py", "--method", "cyclegan"), 90),
    "stylegan2": Part(("benchmarks/train_speed.py", "--method", "stylegan2"), 90),
    "answers": Part(("benchmarks/answer_speed.py", "--device", "auto"), 40),
    "answers-8": Part(("benchmarks/answer_speed.py", "--device", "auto", "--batch", "8"), 60),
}


@dataclass(frozen=True)
class Outcome:
    """How a part ended: "done", "saved already", "failed", "ran out of time"; why; how long it
    took.
    """

    state: str
    why: str = ""
    seconds: float = 0.0

    @property
    def is_good(self) -> bool:
        """Whether all of the part is measured."""
        return self.state in ("done", "saved already")


@functools.cache
def code() -> str:
    """A checksum of the code that is measured."""
    hashed = hashlib.sha256()
    for path in sorted(
        path for folder in MEASURED for path in (common.ROOT / folder).rglob("*.py")
    ):
        hashed.update(f"{path.name}\0".encode() + path.read_bytes())
    return hashed.hexdigest()[:12]


@functools.cache
def machine() -> dict[str, str]:
    """As `runtime.machine_facts`, from a process of its own: this one takes no memory of the GPU."""
    folder = str(Path(__file__).parent)
    text = f"import sys, json; sys.path.insert(0, {folder!r}); import common; "
    return common.in_a_process("-c", text + "print(json.dumps(common.runtime.machine_facts()))")


def measured_by() -> dict[str, str]:
    """What a result that still counts has to agree with."""
    return {"code": code(), **{name: machine()[name] for name in ("gpu", "torch")}}


def ended_well(folder: Path) -> dict[str, Any]:
    """The parts whose results lie in a folder: {name: what they were measured by, and how long that
    took}.
    """
    try:
        return json.loads((folder / "gpu.json").read_text(encoding="utf-8"))["results"]
    except (OSError, ValueError):
        return {}


def run(name: str, part: Part, folder: Path, *, is_tiny: bool, again: bool = False) -> Outcome:
    """Run a part whose results go to a folder, unless they are there; never raises for what the
    part does.
    """
    saved = ended_well(folder).get(name, {})
    if not again and measured_by().items() <= saved.items():
        return Outcome("saved already")
    log = LOGS / f"{name}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, *part.command, *(["--tiny"] if is_tiny and part.can_be_tiny else [])]
    began = time.monotonic()
    with (
        open(log, "wb") as file,
        _ended(
            subprocess.Popen(
                command,
                stdout=file,
                stderr=subprocess.STDOUT,
                cwd=common.ROOT,
                start_new_session=True,
                env={**os.environ, "S2F_RESULTS": str(folder)},
            )
        ) as process,
    ):
        try:
            status = process.wait(timeout=part.limit_s)
        except subprocess.TimeoutExpired:
            return Outcome("ran out of time", f"after {part.limit_s:.0f} s", part.limit_s)
    took = time.monotonic() - began
    if status:
        return Outcome("failed", f"{last_line(log)} ({log})", took)
    row = common.new({**measured_by(), "seconds": round(took, 1), "said": last_line(log)})
    common.runtime.write_json(
        folder / "gpu.json", {**common.facts(), "results": ended_well(folder) | {name: row}}
    )
    return Outcome("done", seconds=took)


@contextlib.contextmanager
def _ended(process: subprocess.Popen) -> Iterator[subprocess.Popen]:
    """A process, which is ended with all that it began when the block ends."""
    try:
        yield process
    finally:
        with contextlib.suppress(OSError):  # nobody is left
            if hasattr(os, "killpg"):
                os.killpg(process.pid, signal.SIGKILL)
            else:
                process.kill()
        process.wait()


def last_line(log: Path) -> str:
    """The last line that says something, 300 characters at most."""
    lines = [
        line.strip() for line in log.read_text(encoding="utf-8", errors="replace").splitlines()
    ]
    return next((line for line in reversed(lines) if line), "it said nothing")[:300]


def run_all(
    names: Iterable[str], folder: Path, *, is_tiny: bool, again: bool = False
) -> dict[str, Outcome]:
    """Run parts one after the other, whatever becomes of each."""
    outcomes = {}
    for name in names:
        print(f"{name} … ", end="", flush=True)
        outcomes[name] = run(name, PARTS[name], folder, is_tiny=is_tiny, again=again)
        print(f"{outcomes[name].state}, {outcomes[name].seconds:.0f} s", flush=True)
    return outcomes


def summary(outcomes: dict[str, Outcome]) -> str:
    """A line for each part."""
    width = max(map(len, outcomes), default=0)
    return "\n".join(
        f"{name:{width}}  {one.state:15}  {one.why}".rstrip() for name, one in outcomes.items()
    )


def main(arguments: list[str] | None = None) -> int:
    """Command line; 0 where every part is measured."""
    parser = argparse.ArgumentParser(prog="gpu", description=__doc__.partition("\n")[0])
    parser.add_argument(
        "--only", nargs="+", choices=list(PARTS), metavar="NAME", help=", ".join(PARTS)
    )
    parser.add_argument(
        "--list", action="store_true", help="the parts, and how long each is expected to take"
    )
    parser.add_argument("--again", action="store_true", help="measure anew what is saved")
    parser.add_argument(
        "--tiny", action="store_true", help="small networks; the usual where there is no GPU"
    )
    parser.add_argument("--out", type=Path, help="folder of the results")
    options = parser.parse_args(arguments)
    if options.list:
        for name, part in PARTS.items():
            print(
                f"{name:10} some {part.seconds / 60:.1f} minutes on an H100 (a guess): {' '.join(part.command)}"
            )
        return 0
    is_tiny = options.tiny or not torch.cuda.is_available()
    folder = (options.out or (LOGS / "tiny" if is_tiny else common.SAVED)).resolve()
    if is_tiny and folder == common.SAVED.resolve():
        parser.error(f"tiny results do not belong in {common.SAVED}: choose another --out")
    if is_tiny:
        print(
            f"{'' if options.tiny else 'no GPU here: '}everything tiny, to see that it works; results in {folder}"
        )
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that a part is not left behind
    outcomes = run_all(options.only or PARTS, folder, is_tiny=is_tiny, again=options.again)
    print(f"\n{summary(outcomes)}")
    return int(not all(one.is_good for one in outcomes.values()))


if __name__ == "__main__":
    sys.exit(main())
