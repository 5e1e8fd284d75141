"""data_prep on a Dask cluster: the same files as by the local pool, and a clear error where there
is no cluster.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from data_prep.__main__ import main
from data_prep.make import cluster
from data_prep.make.parallel import run_jobs
from tests.test_data_prep import contents
from tests.test_data_prep_runs import refused

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def scheduler(tmp_path_factory):
    """The file of a Dask scheduler with two workers, in processes of their own."""
    folder = tmp_path_factory.mktemp("cluster")
    file = folder / "scheduler.json"
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    log = open(folder / "log.txt", "ab")  # noqa: SIM115 (the processes keep it)

    def start(what: str, *options: str) -> subprocess.Popen:
        line = [
            sys.executable,
            "-m",
            f"distributed.cli.dask_{what}",
            "--no-dashboard",
            "--scheduler-file",
            str(file),
        ]
        return subprocess.Popen([*line, *options], cwd=ROOT, env=env, stdout=log, stderr=log)

    processes = [start("scheduler", "--host", "127.0.0.1", "--port", "0")]
    wait_until(lambda: file.exists() and file.read_text().rstrip().endswith("}"))
    options = ("--no-nanny", "--nthreads", "1", "--local-directory", str(folder))
    processes += [start("worker", *options) for _ in range(2)]
    yield file, processes
    for process in processes:
        process.kill()
        process.wait()
    log.close()


def wait_until(holds) -> None:
    deadline = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def process_of(number: int) -> int:
    time.sleep(0.02)
    return os.getpid()


def test_a_cluster_writes_the_files_of_the_local_pool(
    scheduler, folders, tmp_path, monkeypatch, capsys
):
    file, processes = scheduler
    photo = folders / "photos" / "anna1.png"
    photo.write_bytes(photo.read_bytes()[:200])
    monkeypatch.chdir(tmp_path)
    for name, workers in (("local", ["--workers", "2"]), ("cluster", ["--scheduler", str(file)])):
        assert main(["synthetic", f"{name}/drawn", "--num", "40", "--size", "32", *workers]) == 0
        assert main(["pairs", folders.name, f"{name}/pairs", "--size", "32", *workers]) == 0
        main(["doctor", folders.name, "--fix", f"{name}/mended", *workers])
    assert contents(tmp_path / "local") == contents(tmp_path / "cluster")
    pids = run_jobs(process_of, [(n,) for n in range(40)], workers=str(file), progress=False)
    assert set(pids.values()) == {process.pid for process in processes[1:]} and sorted(
        pids
    ) == list(range(40))
    with pytest.raises(ZeroDivisionError):
        run_jobs(divmod, [(1, n) for n in (1, 2, 0, 3)], workers=str(file), progress=False)


@pytest.mark.parametrize("address", ["127.0.0.1:9", "host", "host:port", "no/such/file.json"])
def test_a_scheduler_that_does_not_answer_gets_one_line(address, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(cluster, "CONNECT_S", 1.0)
    line = refused(capsys, "synthetic", tmp_path / "out", "--num", 9, "--scheduler", address)
    assert f"no Dask scheduler with workers at {address}" in line and "docs/data.md" in line
    assert not (tmp_path / "out").exists()
