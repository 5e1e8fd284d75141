"""All that waits for a GPU, in one go: `make bench-gpu`, or `python benchmarks/gpu.py`.

The parts come the most important first, each in a process of its own with eight minutes at most, and each saves every
measurement when it is made: what ends early is gone on with by the same command. A part that is saved, by this code and
on such a GPU, is left out unless `--again`. A part that fails or runs out of time is told at the end, and the next one
begins all the same; the exit status is 1 then. Results go to benchmarks/results/NAME_gpu.json. Without a GPU, or with
`--tiny`, everything runs with small networks to show that it works (some 5 minutes on two cores), and goes to
runs/bench-gpu/tiny. What the parts print is in runs/bench-gpu/NAME.log.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import common
import kept
import torch

LIMIT_S = 480.0
LOGS = common.ROOT / "runs" / "bench-gpu"


@dataclass(frozen=True)
class Part:
    """A script, its arguments, and those of a tiny run; the results file that it writes; its seconds on an H100, as
    guessed.
    """

    script: str
    result: str
    seconds: float
    args: tuple[str, ...] = ()
    tiny: tuple[str, ...] = ("--tiny",)
    limit_s: float = LIMIT_S


PARTS: dict[str, Part] = {
    "tests": Part("gpu_tests.py", "gpu_tests", 120),
    "steps": Part("steps.py", "steps", 400),
    "loop": Part("loop.py", "loop", 200),
    "steps-float16": Part(
        "steps.py",
        "steps_float16",
        300,
        ("--precision", "float16", "--cap-gb", "15"),
        ("--precision", "float16", "--cap-gb", "15", "--tiny", "--method", "pix2pix", "cyclegan", "stylegan2"),
    ),
    "answers": Part("answers.py", "answers", 150),
    "kills": Part(
        "kill_resume.py",
        "kill_resume",
        250,
        ("--device", "auto", "--kills", "6"),
        ("--device", "auto", "--kills", "2", "--no-wandb"),
    ),
}


@dataclass(frozen=True)
class Outcome:
    """How a part ended: "done", "saved already", "failed", "ran out of time"; why; how long it took."""

    state: str
    why: str = ""
    seconds: float = 0.0

    @property
    def is_good(self) -> bool:
        """Whether all of the part is measured."""
        return self.state in ("done", "saved already")


@functools.cache
def machine() -> dict[str, str]:
    """As `runtime.machine_facts`, from a process of its own: this one takes no memory of the GPU."""
    folder = str(kept.HERE)
    code = f"import sys, json; sys.path.insert(0, {folder!r}); import common; "
    return common.in_a_process("-c", code + "print(json.dumps(common.runtime.machine_facts()))")


def is_finished(path: Path, part: Part) -> bool:
    """Whether a part's results are all there, from this code and such a GPU."""
    return path.exists() and bool(kept.found(path, part.script, machine()).get("finished"))


def command_of(part: Part, is_tiny: bool) -> list[str]:
    """What runs a part."""
    return [sys.executable, str(kept.HERE / part.script), *(part.tiny if is_tiny else part.args)]


def run(name: str, part: Part, folder: Path, *, is_tiny: bool, again: bool = False) -> Outcome:
    """Run a part whose results go to a folder, unless they are there; never raises for what the part does."""
    path = kept.path_of(part.result, folder)
    if again:
        path.unlink(missing_ok=True)
    elif is_finished(path, part):
        return Outcome("saved already")
    log = LOGS / f"{name}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()
    with open(log, "wb") as file, _ended(subprocess.Popen(
        command_of(part, is_tiny), stdout=file, stderr=subprocess.STDOUT, cwd=common.ROOT, start_new_session=True,
        env={**os.environ, "S2F_RESULTS": str(folder)},
    )) as process:  # fmt: skip
        try:
            status = process.wait(timeout=part.limit_s)
        except subprocess.TimeoutExpired:
            return Outcome("ran out of time", f"after {part.limit_s:.0f} s; run the same again to go on", part.limit_s)
    took = time.monotonic() - began
    if status:
        return Outcome("failed", f"{last_line(log)} ({log})", took)
    if not is_finished(path, part):
        return Outcome("failed", f"it ended well, but {path} is not finished", took)
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
    lines = [line.strip() for line in log.read_text(encoding="utf-8", errors="replace").splitlines()]
    return next((line for line in reversed(lines) if line), "it said nothing")[:300]


def run_all(names: Iterable[str], folder: Path, *, is_tiny: bool, again: bool = False) -> dict[str, Outcome]:
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
    return "\n".join(f"{name:{width}}  {one.state:15}  {one.why}".rstrip() for name, one in outcomes.items())


def main(arguments: list[str] | None = None) -> int:
    """Command line; 0 where every part is measured."""
    parser = argparse.ArgumentParser(prog="gpu", description=__doc__.partition("\n")[0])
    parser.add_argument("--only", nargs="+", choices=list(PARTS), metavar="NAME", help=", ".join(PARTS))
    parser.add_argument("--list", action="store_true", help="the parts, and how long each is expected to take")
    parser.add_argument("--again", action="store_true", help="measure anew what is saved")
    parser.add_argument("--tiny", action="store_true", help="small networks; the usual where there is no GPU")
    parser.add_argument("--out", type=Path, help="folder of the results")
    options = parser.parse_args(arguments)
    if options.list:
        for name, part in PARTS.items():
            print(f"{name:14} {part.script:20} some {part.seconds / 60:.0f} minutes on an H100 (a guess)")
        return 0
    is_tiny = options.tiny or not torch.cuda.is_available()
    folder = (options.out or (LOGS / "tiny" if is_tiny else common.SAVED)).resolve()
    if is_tiny and folder == common.SAVED.resolve():
        parser.error(f"tiny results do not belong in {common.SAVED}: choose another --out")
    if is_tiny:
        print(f"{'' if options.tiny else 'no GPU here: '}everything tiny, to see that it works; results in {folder}")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that a part is not left behind
    outcomes = run_all(options.only or PARTS, folder, is_tiny=is_tiny, again=options.again)
    print(f"\n{summary(outcomes)}")
    return int(not all(one.is_good for one in outcomes.values()))


if __name__ == "__main__":
    sys.exit(main())
