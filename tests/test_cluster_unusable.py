"""A Dask cluster that data_prep cannot use: one line says why, and nothing is half made."""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
import sys
import threading
import time

import pytest

from data_prep import DataPrepError, make_pairs
from data_prep.__main__ import main
from data_prep.doctor.doctor import diagnose
from data_prep.make import cluster, worker
from s2f_utils.pictures import images
from tests.dask_cluster import BLOCKED, ROOT, WORKER, command, num_photos, wait_until
from tests.test_data_prep import contents
from tests.test_data_prep_runs import refused


def test_a_scheduler_that_is_not_there_gets_one_line(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(cluster, "CONNECT_S", 2.0)
    with socket.socket() as silent:  # takes the call, and says nothing
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        for port in (9, silent.getsockname()[1]):
            start = time.monotonic()
            told = refused(capsys, "synthetic", tmp_path / "out", "--num", 9, "--scheduler", f"127.0.0.1:{port}")
            assert f"no Dask scheduler answers at tcp://127.0.0.1:{port}" in told and "dask scheduler" in told
            assert time.monotonic() - start < 10
    assert not (tmp_path / "out").exists()


def test_from_outside_there_is_one_line_and_no_more(tmp_path):
    arguments = ["synthetic", str(tmp_path / "out"), "--num", "9", "--scheduler", "127.0.0.1:9"]
    start = time.monotonic()
    done = subprocess.run([sys.executable, "-m", "data_prep", *arguments], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 2 and time.monotonic() - start < 40
    assert re.fullmatch(r"data_prep: no Dask scheduler answers at .*\n", done.stderr), done.stderr


@pytest.mark.parametrize("address", ["", "host", "http://host", "host:port", "no/such/file.json", "tcp://a b:1"])
def test_what_is_no_address(tmp_path, capsys, address):
    told = refused(capsys, "synthetic", tmp_path / "out", "--num", 9, "--scheduler", address)
    assert "HOST:PORT" in told and not (tmp_path / "out").exists()


def test_a_file_that_names_no_scheduler(tmp_path, capsys):
    for content in ("", "[]", "{}"):
        (tmp_path / "one.json").write_text(content)
        assert "names no scheduler" in refused(capsys, "doctor", tmp_path, "--scheduler", tmp_path / "one.json")


def test_workers_and_scheduler_exclude_each_other(tmp_path, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["synthetic", str(tmp_path / "out"), "--workers", "2", "--scheduler", "127.0.0.1:9"])
    assert stopped.value.code == 2 and "not allowed with" in capsys.readouterr().err


def test_a_scheduler_without_workers(scheduler, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(cluster, "CONNECT_S", 1.0)
    told = refused(capsys, "synthetic", tmp_path / "out", "--num", 9, "--scheduler", scheduler.file)
    assert "has no workers" in told and f"dask worker {scheduler.address}" in told
    assert not (tmp_path / "out").exists()


def test_workers_that_all_die(scheduler, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(cluster, "NO_WORKERS_S", 2.0)
    one = scheduler.add()
    arguments = ["synthetic", tmp_path / "out", "--num", 5000, "--size", 64, "--scheduler", scheduler.file]

    def kill_later(process: subprocess.Popen) -> threading.Thread:
        enough = num_photos(tmp_path / "out") + 4

        def kill() -> None:
            wait_until(lambda: num_photos(tmp_path / "out") >= enough)
            process.kill()

        thread = threading.Thread(target=kill)
        thread.start()
        return thread

    killer = kill_later(one)
    assert "no worker is left" in refused(capsys, *arguments)
    killer.join()
    assert not [name for name in contents(tmp_path / "out") if name.endswith((".part", "manifest.csv"))]


def test_a_scheduler_that_dies_gets_one_line(two_workers, tmp_path):
    out = tmp_path / "set"
    process = subprocess.Popen(command(out, two_workers), cwd=ROOT, stderr=subprocess.PIPE, text=True)
    wait_until(lambda: num_photos(out) >= 8)
    two_workers.scheduler.kill()
    told = re.split(r"[\r\n]+", process.communicate(timeout=60)[1])
    assert process.returncode == 2
    lines = [
        line for line in told if line.strip() and "pair/s" not in line and "s/pair" not in line and "0%" not in line
    ]
    assert len(lines) == 1 and "the connection to the scheduler" in lines[0], told
    assert not [name for name in contents(out) if name.endswith((".part", "manifest.csv"))]


def test_a_worker_without_the_project(scheduler, tmp_path, capsys):
    scheduler.add(BLOCKED.format(name="data_prep") + WORKER)
    told = refused(capsys, "synthetic", tmp_path / "out", "--num", 9, "--size", 32, "--scheduler", scheduler.file)
    assert "has no data_prep" in told and "dask worker" in told


def test_a_worker_with_other_code(scheduler, tmp_path, capsys):
    clone = tmp_path / "clone"
    for folder in ("data_prep", "s2f_utils"):
        shutil.copytree(ROOT / folder, clone / folder, ignore=shutil.ignore_patterns("__pycache__"))
    with open(clone / "s2f_utils" / "pictures" / "images.py", "a", encoding="utf-8") as file:
        file.write("# changed\n")
    scheduler.add(f"import sys\nsys.path.insert(0, {str(clone)!r})\n" + WORKER, cwd=clone)
    told = refused(capsys, "synthetic", tmp_path / "out", "--num", 9, "--size", 32, "--scheduler", scheduler.file)
    assert f"has other code in {clone}" in told and "the worker tcp://127.0.0.1:" in told


def can_unshare() -> bool:
    """Whether this system lets us give a process file systems of its own (Linux)."""
    told = ["unshare", "-rm", "mount", "-t", "tmpfs", "none", "/mnt"]
    return bool(shutil.which("unshare")) and subprocess.run(told, capture_output=True).returncode == 0


@pytest.mark.skipif(not can_unshare(), reason="no user namespaces: a worker cannot be given another disk")
def test_a_worker_that_sees_another_disk(scheduler, folders, tmp_path, capsys):
    (tmp_path / "out").mkdir()
    mount = f'mount -t tmpfs none {tmp_path / "out"} && exec "$@"'
    scheduler.add(before=("unshare", "-rm", "sh", "-c", mount, "sh"))
    told = refused(capsys, "synthetic", tmp_path / "out", "--num", 9, "--size", 32, "--scheduler", scheduler.file)
    assert f"does not see {tmp_path / 'out'}" in told and "same path" in told
    assert num_photos(tmp_path / "out") == 0


def test_other_sources_other_packages_and_no_detector_are_noticed(folders, monkeypatch):
    reads = sorted(folders.rglob("*.png"))
    terms = worker.terms_of(None, reads)
    assert worker.problem_with(terms) == "" and len(terms["sizes"]) == len(reads)
    images.save(reads[0], images.load_rgb(reads[0])[:20])
    assert f"does not see {reads[0]}" in worker.problem_with(terms)
    terms["packages"]["pillow"] = "1.0"
    assert "instead of 1.0" in worker.problem_with(terms)
    monkeypatch.setattr(worker.weights, "problem", lambda name: "not here")
    assert "face detector" in worker.problem_with({**worker.terms_of(None, []), "detector": True})


def test_without_the_package_it_says_what_to_install_and_local_runs_do_without(tmp_path):
    arguments = ["synthetic", str(tmp_path / "out"), "--num", "9", "--size", "32"]
    code = BLOCKED.format(name="distributed") + BLOCKED.format(name="dask")
    code += "from data_prep.__main__ import main\nsys.exit(main(sys.argv[1:]))"

    def run(*more):
        return subprocess.run([sys.executable, "-c", code, *arguments, *more], cwd=ROOT, capture_output=True, text=True)

    done = run("--scheduler", "127.0.0.1:9")
    assert done.returncode == 2 and not (tmp_path / "out").exists()
    assert re.fullmatch(r"data_prep: --scheduler needs .*pip install distributed.*\n", done.stderr), done.stderr
    assert run("--workers", "2").returncode == 0 and (tmp_path / "out" / "manifest.csv").is_file()


def test_dry_runs_and_python_take_the_address(two_workers, folders, tmp_path):
    assert main([*command(tmp_path / "out", two_workers)[3:], "--dry-run"]) == 0 and not (tmp_path / "out").exists()
    make_pairs(folders, tmp_path / "here", size_px=32, progress=False)
    make_pairs(folders, tmp_path / "there", size_px=32, workers=str(two_workers.file), progress=False)
    assert contents(tmp_path / "here") == contents(tmp_path / "there")
    assert diagnose(folders, workers=two_workers.address, progress=False).counts() == diagnose(folders).counts()
    with pytest.raises(DataPrepError, match="HOST:PORT"):
        diagnose(folders, workers="nonsense")
