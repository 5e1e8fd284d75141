"""data_prep on a Dask cluster: the same files as on one machine."""

from __future__ import annotations

import os

import pytest

from data_prep.__main__ import main
from data_prep.make.parallel import run_jobs
from tests.test_data_prep import contents


@pytest.fixture(scope="module")
def scheduler():
    """The address of a scheduler with two workers, each a process."""
    distributed = pytest.importorskip("distributed")
    options = {"n_workers": 2, "threads_per_worker": 1, "processes": True, "dashboard_address": None}
    with distributed.LocalCluster(**options) as cluster:
        yield cluster.scheduler_address


def test_a_cluster_writes_the_same_files_as_the_local_pool(scheduler, tmp_path, folders, monkeypatch):
    photo = folders / "photos" / "anna1.png"
    photo.write_bytes(photo.read_bytes()[:200])  # it is left out, with the same reason
    monkeypatch.chdir(tmp_path)
    for name, workers in (("local", ["--workers", "1"]), ("cluster", ["--scheduler", scheduler])):
        assert main(["synthetic", f"{name}/drawn", "--num", "8", "--size", "32", *workers]) == 0
        assert main(["pairs", folders.name, f"{name}/pairs", "--size", "32", *workers]) == 0
        assert main(["doctor", folders.name, "--json", f"{name}/found.json", *workers]) == 1  # it finds the cut photo
    local, cluster = contents(tmp_path / "local"), contents(tmp_path / "cluster")
    assert local == cluster and len(local) > 20


def test_jobs_run_in_other_processes_and_a_bad_one_ends_the_run_with_its_own_error(scheduler):
    pids = run_jobs(process_of, [(n,) for n in range(20)], workers=scheduler, progress=False)
    assert len(pids) == 20 and os.getpid() not in pids.values()
    with pytest.raises(ZeroDivisionError):
        run_jobs(divmod, [(1, n) for n in (1, 2, 0, 3)], workers=scheduler, progress=False)


def process_of(number: int) -> int:
    return os.getpid()


def test_a_scheduler_that_does_not_answer_gets_one_line(tmp_path, monkeypatch, capsys):
    pytest.importorskip("distributed")
    monkeypatch.setattr("data_prep.make.cluster.CONNECT_S", 0.5)
    assert main(["synthetic", str(tmp_path / "set"), "--num", "4", "--scheduler", "127.0.0.1:9"]) != 0
    said = capsys.readouterr().err.strip().splitlines()
    assert "no Dask scheduler answers at 127.0.0.1:9" in said[-1] and "dask scheduler" in said[-1]
    assert not (tmp_path / "set").exists()
