"""What the tests of several ranks share: starting them, finding what they left, waiting, and that none is left."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import psutil

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "benchmarks"))

import ranks_worker  # noqa: E402
from ranks_worker import ENV, apart, command, folder_of, launch, write_jobs  # noqa: E402

from s2f_utils.models import checkpoints  # noqa: E402

WORKER = Path(ranks_worker.__file__)
__all__ = ["ENV", "apart", "command", "folder_of", "launch", "write_jobs"]
WORDS = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
# A network, and another, which a process that sleeps keeps open; its number is said when both are there.
NETWORKS = """
    unshare -n sleep 600 & other=$!
    until [ $(readlink /proc/$other/ns/net) != $(readlink /proc/self/ns/net) ]; do sleep 0.05; done
    ip link add s2f type veth peer name s2f netns $other
    for side in "1 env" "2 nsenter -t $other -n"; do
        set -- $side; number=$1; shift
        "$@" ip link set lo up
        "$@" ip addr add 10.77.0.$number/24 dev s2f
        "$@" ip link set s2f up
    done
    echo $other
    wait
"""


@contextlib.contextmanager
def networks() -> Iterator[list[tuple[str, list[str]]] | str]:
    """Within the block, two networks with a cable between them (Linux): of each, its address and what begins a command
    in it; or why there are none.
    """
    if missing := [name for name in ("unshare", "nsenter", "ip") if not shutil.which(name)]:
        yield f"there is no {missing[0]}"
        return
    holder = subprocess.Popen(["unshare", "-rn", "sh", "-ec", NETWORKS], start_new_session=True, **WORDS)
    try:
        if other := holder.stdout.readline().strip():
            enter, then = ["nsenter", "-U", "-n", "--preserve-credentials", "-t"], ["env", "GLOO_SOCKET_IFNAME=s2f"]
            sides = (("10.77.0.1", str(holder.pid)), ("10.77.0.2", other))
            yield [(address, [*enter, pid, *then]) for address, pid in sides]
        else:
            yield holder.stderr.readline().strip()
    finally:
        os.killpg(holder.pid, signal.SIGKILL)
        holder.communicate()


def start(
    num: int, *arguments: object, before: Sequence[str] = (), own_session: bool = False, **launch: object
) -> subprocess.Popen:
    """So many ranks of a command, whose words are kept; `before`: what the command line begins with."""
    line = [*before, *command(num, *arguments, **launch)]
    return subprocess.Popen(line, env=ENV, cwd=ROOT, start_new_session=own_session, **WORDS)


def run(num: int, *arguments: object) -> subprocess.CompletedProcess:
    """So many ranks of a command, to their end."""
    line = command(num, *arguments)
    return subprocess.run(line, capture_output=True, text=True, env=ENV, cwd=ROOT, timeout=240)


def free_port() -> int:
    """A port of this machine that nobody listens at, and that the system gives to nobody who asks for any."""
    while True:
        port = random.SystemRandom().randrange(20_000, 30_000)
        with socket.socket() as listening, contextlib.suppress(OSError):
            listening.bind(("", port))
            return port


def state_of(place: Path, name: str) -> dict:
    """The state that the run of this name has saved."""
    return checkpoints.load_torch_file(folder_of(place, name) / "resume.pt")


def s2f(data: Path, runs: Path, *more: object) -> list[object]:
    """A training by the command line, long enough to be disturbed."""
    settings = {"total_images": 100_000, "batch_size": 4, "base_filters": 4, "disc_filters": 4, "save_every_s": 1.0}
    settings |= {"size_px": 32, "load_size_px": 34, "disc_layers": 1}
    sets = [part for name, value in settings.items() for part in ("--set", f"{name}={value}")]
    return ["-m", "s2f_utils", "train", "pix2pix", "--data", data, "--profile", "fast", "--runs", runs, "--name", "run",
            "--no-report", "--device", "cpu", *sets, *more]  # fmt: skip


def until(what, timeout_s: float = 90.0):
    """Wait for this to be true; what it was."""
    deadline = time.monotonic() + timeout_s
    while not (found := what()):
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.1)
    return found


def saved(runs: Path) -> list[Path]:
    return list(runs.glob("*-run/resume.pt"))


def workers(process: subprocess.Popen) -> list[psutil.Process]:
    """The ranks that a launcher has started, by rank."""
    mine = [p for p in psutil.Process(process.pid).children() if "s2f_utils" in " ".join(p.cmdline())]
    return sorted(mine, key=lambda p: int(p.environ()["RANK"]))


def gone(found: list[psutil.Process]) -> bool:
    return not any(p.is_running() and p.status() != psutil.STATUS_ZOMBIE for p in found)
