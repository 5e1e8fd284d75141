"""data_prep on a Dask cluster: a scheduler and workers in processes of their own, on this machine."""

from __future__ import annotations

import errno
import multiprocessing
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from data_prep import DataPrepError, make_pairs, make_synthetic
from data_prep.__main__ import main
from data_prep.doctor.doctor import diagnose
from data_prep.make import cluster, worker
from data_prep.make.parallel import run_jobs
from s2f_utils.pictures import images
from tests.test_data_prep import contents
from tests.test_data_prep_runs import refused

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


@pytest.fixture()
def bare(tmp_path_factory):
    """A scheduler without workers."""
    one = Cluster(tmp_path_factory.mktemp("cluster"))
    yield one
    one.close()


@pytest.fixture()
def pair(bare):
    """A scheduler with two workers, and nothing known of earlier runs."""
    bare.add()
    bare.add()
    return bare


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The set as this machine makes it alone."""
    out = tmp_path_factory.mktemp("whole") / "set"
    make_synthetic(out, num=NUM, size_px=SIZE_PX, workers=2, progress=False)
    return contents(out)


def command(out: Path, one: Cluster) -> list[str]:
    size = ["--num", str(NUM), "--size", str(SIZE_PX)]
    return [sys.executable, "-m", "data_prep", "synthetic", str(out), *size, "--scheduler", str(one.file)]


def num_photos(out: Path) -> int:
    return len(list(out.glob("photos/face-*.png")))


# The same files


def test_a_cluster_writes_the_same_files_and_both_workers_work(pair, whole, tmp_path, capsys):
    out = tmp_path / "set"
    assert main(command(out, pair)[3:]) == 0
    assert contents(out) == whole
    assert f"{NUM} pairs" in capsys.readouterr().out
    name = pair.address.removeprefix("tcp://")  # of all forms, the last
    for n, form in enumerate((name, pair.address)):
        make_synthetic(tmp_path / str(n), num=4, size_px=32, workers=form, progress=False)
    assert contents(tmp_path / "0") == contents(tmp_path / "1")
    pids = run_jobs(process_of, [(n,) for n in range(40)], workers=pair.address, progress=False)
    assert set(pids.values()) == {one.pid for one in pair.workers}


def process_of(number: int) -> int:
    """A job that says who did it."""
    time.sleep(0.02)
    return os.getpid()


def test_the_scheduler_holds_few_jobs_at_a_time(pair):
    """Batches, and only so many that the workers have work: whatever the number of jobs."""
    from distributed import Client

    held = []
    with Client(pair.address, set_as_default=False) as client:
        jobs = cluster.jobs_done(pow, [(n, 2) for n in range(20_000)], pair.address)
        for number, _ in enumerate(jobs):
            if number % 500 == 0:
                held.append(client.run_on_scheduler(lambda dask_scheduler: len(dask_scheduler.tasks)))
        wait_until(lambda: not client.run_on_scheduler(lambda dask_scheduler: len(dask_scheduler.tasks)))
    assert len(held) == 40 and max(held) <= 3 * cluster.WAITING_PER_WORKER


def test_pairs_cleaning_and_the_doctor_from_another_folder_with_broken_pictures(
    pair, folders, tmp_path, monkeypatch, capsys
):
    """Paths begin in the folder where the command is given; a reason for leaving out names them as it does here."""
    photo = folders / "photos" / "anna1.png"
    photo.write_bytes(photo.read_bytes()[:200])
    monkeypatch.chdir(tmp_path)
    found = {}
    for name, workers in (("local", ["--workers", "1"]), ("cluster", ["--scheduler", str(pair.file)])):
        assert main(["pairs", folders.name, f"{name}/pairs", "--size", "32", *workers]) == 0
        assert main(["clean", f"{folders.name}/sketches", f"{name}/clean", *workers]) == 0
        assert main(["doctor", folders.name, "--json", f"{name}/found.json", "--fix", f"{name}/mended", *workers]) == 0
        found[name] = contents(tmp_path / name)
    assert found["local"] == found["cluster"] and len(found["local"]) > 20
    assert b"src/photos/anna1.png" in found["cluster"]["pairs/settings.json"]
    places = run_jobs(os.path.abspath, [("one.png",)] * 9, workers=str(pair.file), progress=False)
    assert set(places.values()) == {str(tmp_path / "one.png")}


def test_workers_with_several_threads_make_one_picture_at_a_time(bare, whole, tmp_path, capsys):
    bare.add(threads=4)
    assert main(command(tmp_path / "set", bare)[3:]) == 0
    assert contents(tmp_path / "set") == whole
    assert "several threads" in capsys.readouterr().err
    run_jobs(alone, [(str(tmp_path), n) for n in range(8)], workers=str(bare.file), progress=False)


def alone(folder: str, number: int) -> None:
    """A job that fails while another one runs."""
    busy = Path(folder) / "busy"
    busy.touch(exist_ok=False)
    time.sleep(0.2)
    busy.unlink()


# Accidents


def test_a_killed_worker_is_survived(pair, whole, tmp_path):
    out = tmp_path / "set"
    process = subprocess.Popen(command(out, pair), cwd=ROOT, stderr=subprocess.PIPE, text=True)
    wait_until(lambda: num_photos(out) >= 8)
    pair.workers[0].kill()
    assert pair.workers[0].wait() == -signal.SIGKILL
    begun = num_photos(out)
    assert process.wait(timeout=120) == 0, process.stderr.read()
    assert begun < NUM and contents(out) == whole
    process.stderr.close()


def test_what_a_killed_worker_left_half_written_is_taken_away(pair, tmp_path):
    """A worker dies inside of a job, after its temporary file was made."""
    out = tmp_path / "set"
    out.mkdir()
    done = run_jobs(die_once, [(str(out), n) for n in range(6)], workers=str(pair.file), progress=False, out=out)
    assert done == {n: n for n in range(6)}
    assert sum(one.poll() == -signal.SIGKILL for one in pair.workers) == 1
    assert [path.name for path in out.iterdir()] == ["died"]


def die_once(out: str, number: int) -> int:
    """A job that kills the first worker that does it, in the middle of writing."""
    if number == 3 and not (Path(out) / "died").exists():
        (Path(out) / "died").write_text("yes")
        (Path(out) / ".half.png.abc.part").write_text("half")
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def test_an_interrupted_run_stops_at_once_and_goes_on(pair, whole, tmp_path):
    out = tmp_path / "set"
    process = subprocess.Popen(command(out, pair), cwd=ROOT, stderr=subprocess.PIPE, text=True)
    wait_until(lambda: num_photos(out) >= 8)
    process.send_signal(signal.SIGINT)
    told = process.communicate(timeout=60)[1].splitlines()
    assert process.returncode == 130 and told[-1].startswith("data_prep: stopped: the same command goes on"), told
    begun, names = num_photos(out), set(contents(out))
    assert 8 <= begun < NUM and "manifest.csv" not in names
    time.sleep(0.5)
    assert set(contents(out)) == names, "a job began after the end"
    assert not [name for name in names if name.endswith(".part")]
    kept = {path: path.stat().st_mtime_ns for path in out.glob("photos/*.png")}
    assert subprocess.run(command(out, pair), cwd=ROOT, capture_output=True).returncode == 0
    assert contents(out) == whole
    assert sum(path.stat().st_mtime_ns == stamp for path, stamp in kept.items()) >= begun - 2


def test_a_stopped_run_waits_for_the_jobs_under_way(pair, tmp_path):
    given = [(str(tmp_path), n) for n in range(30)]
    jobs = cluster.jobs_done(slowly, given, str(pair.file), out=tmp_path)
    next(jobs)
    time.sleep(0.2)  # others are under way
    jobs.close()
    names = set(contents(tmp_path))
    time.sleep(1.5)
    assert set(contents(tmp_path)) == names and len(names) <= 8
    assert {f"end-{name[6:]}" for name in names if name.startswith("begin-")} <= names


def slowly(folder: str, number: int) -> None:
    """A job that takes half a second, and says when it begins and ends."""
    (Path(folder) / f"begin-{number}").touch()
    time.sleep(0.5)
    (Path(folder) / f"end-{number}").touch()


def test_a_killed_run_goes_on_locally(pair, whole, tmp_path):
    out = tmp_path / "set"
    process = subprocess.Popen(command(out, pair), cwd=ROOT, stderr=subprocess.DEVNULL)
    wait_until(lambda: num_photos(out) >= 8)
    process.kill()
    process.wait()
    begun = num_photos(out)
    make_synthetic(out, num=NUM, size_px=SIZE_PX, workers=2, progress=False)
    time.sleep(1.0)  # a batch of the killed run may come to its end meanwhile
    assert begun < NUM and contents(out) == whole


def test_a_bad_job_ends_the_run_with_its_own_error(pair):
    jobs = [(1, n) for n in (1, 2, 0, *range(3, 30))]
    with pytest.raises(ZeroDivisionError):
        run_jobs(divmod, jobs, workers=str(pair.file), progress=False)
    squares = run_jobs(pow, [(n, 2) for n in range(400)], workers=str(pair.file), progress=False)
    assert squares == {n: n * n for n in range(400)}


def disk_full(number: int) -> str:
    """A job that fails as a full disk makes it."""
    raise OSError(errno.ENOSPC, "No space left on device", f"/data/{number}.png")


def test_a_full_disk_is_said_as_it_is_here(pair):
    for workers in (1, str(pair.file)):
        with pytest.raises(OSError, match="No space left") as caught:
            run_jobs(disk_full, [(n,) for n in range(9)], workers=workers, progress=False)
        assert caught.value.errno == errno.ENOSPC and caught.value.filename.startswith("/data/")


def test_a_picture_that_a_worker_fails_at_is_tried_here(pair):
    here = os.getpid()
    jobs = [(here, n) for n in range(12)]
    done = run_jobs(only_here, jobs, workers=str(pair.file), progress=False, failed=bool)
    assert set(done.values()) == {""}
    assert "another process" in run_jobs(only_here, jobs, workers=str(pair.file), progress=False)[0]


def only_here(process: int, number: int) -> str:
    """A job that works in one process and its children."""
    parent = multiprocessing.parent_process()
    return "" if process in (os.getpid(), parent and parent.pid) else f"{number}: another process"


# Clusters that cannot be used


def test_a_scheduler_that_is_not_there_gets_one_line(tmp_path, capsys):
    with socket.socket() as silent:  # takes the call, and says nothing
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        for port in (9, silent.getsockname()[1]):
            start = time.monotonic()
            told = refused(capsys, "synthetic", tmp_path / "out", "--num", 9, "--scheduler", f"127.0.0.1:{port}")
            assert f"no Dask scheduler answers at tcp://127.0.0.1:{port}" in told and "dask scheduler" in told
            assert time.monotonic() - start < 20
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


def test_a_scheduler_without_workers(bare, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(cluster, "CONNECT_S", 1.0)
    told = refused(capsys, "synthetic", tmp_path / "out", "--num", 9, "--scheduler", bare.file)
    assert "has no workers" in told and f"dask worker {bare.address}" in told
    assert not (tmp_path / "out").exists()


def test_workers_that_all_die(bare, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(cluster, "NO_WORKERS_S", 2.0)
    one = bare.add()
    arguments = ["synthetic", tmp_path / "out", "--num", 5000, "--size", 64, "--scheduler", bare.file]

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


def test_a_scheduler_that_dies_gets_one_line(pair, tmp_path):
    out = tmp_path / "set"
    process = subprocess.Popen(command(out, pair), cwd=ROOT, stderr=subprocess.PIPE, text=True)
    wait_until(lambda: num_photos(out) >= 8)
    pair.scheduler.kill()
    told = re.split(r"[\r\n]+", process.communicate(timeout=60)[1])
    assert process.returncode == 2
    lines = [
        line for line in told if line.strip() and "pair/s" not in line and "s/pair" not in line and "0%" not in line
    ]
    assert len(lines) == 1 and "the connection to the scheduler" in lines[0], told
    assert not [name for name in contents(out) if name.endswith((".part", "manifest.csv"))]


def test_a_worker_without_the_project(bare, tmp_path, capsys):
    bare.add(BLOCKED.format(name="data_prep") + WORKER)
    told = refused(capsys, "synthetic", tmp_path / "out", "--num", 9, "--size", 32, "--scheduler", bare.file)
    assert "has no data_prep" in told and "dask worker" in told


def test_a_worker_with_other_code(bare, tmp_path, capsys):
    clone = tmp_path / "clone"
    for folder in ("data_prep", "s2f_utils"):
        shutil.copytree(ROOT / folder, clone / folder, ignore=shutil.ignore_patterns("__pycache__"))
    with open(clone / "s2f_utils" / "pictures" / "images.py", "a", encoding="utf-8") as file:
        file.write("# changed\n")
    bare.add(f"import sys\nsys.path.insert(0, {str(clone)!r})\n" + WORKER, cwd=clone)
    told = refused(capsys, "synthetic", tmp_path / "out", "--num", 9, "--size", 32, "--scheduler", bare.file)
    assert f"has other code in {clone}" in told and "the worker tcp://127.0.0.1:" in told


def can_unshare() -> bool:
    """Whether this system lets us give a process file systems of its own (Linux)."""
    told = ["unshare", "-rm", "mount", "-t", "tmpfs", "none", "/mnt"]
    return bool(shutil.which("unshare")) and subprocess.run(told, capture_output=True).returncode == 0


@pytest.mark.skipif(not can_unshare(), reason="no user namespaces: a worker cannot be given another disk")
def test_a_worker_that_sees_another_disk(bare, folders, tmp_path, capsys):
    (tmp_path / "out").mkdir()
    mount = f'mount -t tmpfs none {tmp_path / "out"} && exec "$@"'
    bare.add(before=("unshare", "-rm", "sh", "-c", mount, "sh"))
    told = refused(capsys, "synthetic", tmp_path / "out", "--num", 9, "--size", 32, "--scheduler", bare.file)
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


def test_dry_runs_and_python_take_the_address(pair, folders, tmp_path):
    assert main([*command(tmp_path / "out", pair)[3:], "--dry-run"]) == 0 and not (tmp_path / "out").exists()
    make_pairs(folders, tmp_path / "here", size_px=32, progress=False)
    make_pairs(folders, tmp_path / "there", size_px=32, workers=str(pair.file), progress=False)
    assert contents(tmp_path / "here") == contents(tmp_path / "there")
    assert diagnose(folders, workers=pair.address, progress=False).counts() == diagnose(folders).counts()
    with pytest.raises(DataPrepError, match="HOST:PORT"):
        diagnose(folders, workers="nonsense")
