"""A Dask cluster for the tests of data_prep: a scheduler and workers in processes of their own, on this machine."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

from data_prep.make import cluster

ROOT = Path(__file__).resolve().parents[1]
NUM, SIZE_PX = 60, 64
BLOCKED = "import sys\nsys.modules[{name!r}] = None\n"
WORKER = "from distributed.cli.dask_worker import main\nmain()"


class Cluster:
    """A scheduler, and workers that are started and killed one by one."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.file = folder, folder / "scheduler.json"
        self.workers: list[subprocess.Popen] = []
        options = ["--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--scheduler-file", str(self.file)]
        self.scheduler = self._start("-m", "distributed.cli.dask_scheduler", *options)
        wait_until(lambda: self.file.exists() and self.file.read_text().rstrip().endswith("}"))

    @property
    def address(self) -> str:
        return cluster.address_of(str(self.file))

    def add(self, code: str = WORKER, threads: int = 1, before: tuple[str, ...] = (), **options) -> subprocess.Popen:
        """One more worker, without a nanny that would start it anew; `code` is what it runs."""
        told = ["--no-nanny", "--nthreads", str(threads), "--no-dashboard", "--local-directory", str(self.folder)]
        one = self._start("-c", code, self.address, *told, before=before, **options)
        self.workers.append(one)
        return one

    def _start(self, *arguments: str, before: tuple[str, ...] = (), cwd: Path = ROOT) -> subprocess.Popen:
        log = open(self.folder / "log.txt", "ab")  # noqa: SIM115 (the process keeps it)
        place = {**os.environ, "PYTHONPATH": str(ROOT)}
        return subprocess.Popen([*before, sys.executable, *arguments], cwd=cwd, env=place, stdout=log, stderr=log)

    def close(self) -> None:
        for process in (*self.workers, self.scheduler):
            process.kill()
            process.wait()


def wait_until(holds, timeout_s: float = 60.0) -> None:
    """Wait until a condition holds; fail when it does not."""
    deadline = time.monotonic() + timeout_s
    while not holds():
        assert time.monotonic() < deadline, "this did not come to be in time"
        time.sleep(0.01)


def command(out: Path, one: Cluster) -> list[str]:
    size = ["--num", str(NUM), "--size", str(SIZE_PX)]
    return [sys.executable, "-m", "data_prep", "synthetic", str(out), *size, "--scheduler", str(one.file)]


def num_photos(out: Path) -> int:
    return len(list(out.glob("photos/face-*.png")))
