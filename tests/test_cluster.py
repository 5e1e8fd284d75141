"""data_prep on a Dask cluster: the same files as by the local pool, and a clear error where there
is no cluster.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from data_prep.__main__ import main
from data_prep.make import cluster
from data_prep.make.parallel import run_jobs
from tests.spawned import process_of
from tests.test_data_prep import contents
from tests.test_data_prep_runs import refused

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def scheduler(tmp_path_factory):
    """The file of a Dask scheduler, and its worker: a process of its own with two threads."""
    from distributed import Client, LocalCluster

    folder = tmp_path_factory.mktemp("cluster")
    file = folder / "scheduler.json"
    line = [sys.executable, "-m", "distributed.cli.dask_worker", "--scheduler-file", str(file)]
    line += ["--no-nanny", "--no-dashboard", "--nthreads", "2", "--local-directory", str(folder)]
    options = {"host": "127.0.0.1", "dashboard_address": None, "silence_logs": False}
    with LocalCluster(n_workers=0, **options) as cluster, (folder / "log.txt").open("ab") as log:
        with Client(cluster) as client:
            client.write_scheduler_file(str(file))
        env = {**os.environ, "PYTHONPATH": str(ROOT)}
        worker = subprocess.Popen(line, cwd=ROOT, env=env, stdout=log, stderr=log)
        yield file, worker
        worker.kill()
        worker.wait()


def test_a_cluster_writes_the_files_of_the_local_pool(scheduler, folders, tmp_path, monkeypatch):
    file, worker = scheduler
    photo = folders / "photos" / "anna1.png"
    photo.write_bytes(photo.read_bytes()[:200])
    monkeypatch.chdir(tmp_path)
    for name, workers in (("local", ["--workers", "2"]), ("cluster", ["--scheduler", str(file)])):
        assert main(["people", f"{name}/people", "--num", "40", "--size", "32", *workers]) == 0
        assert main(["pairs", folders.name, f"{name}/pairs", "--size", "32", *workers]) == 0
        main(["doctor", folders.name, "--fix", f"{name}/mended", *workers])
    assert contents(tmp_path / "local") == contents(tmp_path / "cluster")
    pids = run_jobs(process_of, [(n,) for n in range(40)], workers=str(file), progress=False)
    assert set(pids.values()) == {worker.pid} and sorted(pids) == list(range(40))
    with pytest.raises(ZeroDivisionError):
        run_jobs(divmod, [(1, n) for n in (1, 2, 0, 3)], workers=str(file), progress=False)


@pytest.mark.parametrize("address", ["127.0.0.1:9", "host", "host:port", "no/such/file.json"])
def test_a_scheduler_that_does_not_answer_gets_one_line(address, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(cluster, "CONNECT_S", 1.0)
    line = refused(capsys, "people", tmp_path / "out", "--num", 9, "--scheduler", address)
    assert f"no Dask scheduler with workers at {address}" in line and "docs/data.md" in line
    assert not (tmp_path / "out").exists()
