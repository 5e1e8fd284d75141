"""data_prep on a Dask cluster: the same files as on one machine, whatever happens to its workers."""

from __future__ import annotations

import errno
import multiprocessing
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from data_prep import make_synthetic
from data_prep.__main__ import main
from data_prep.make import cluster
from data_prep.make.parallel import run_jobs
from tests.dask_cluster import NUM, ROOT, SIZE_PX, command, num_photos, wait_until
from tests.test_data_prep import contents


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The set as this machine makes it alone."""
    out = tmp_path_factory.mktemp("whole") / "set"
    make_synthetic(out, num=NUM, size_px=SIZE_PX, workers=2, progress=False)
    return contents(out)


# The same files


def test_a_cluster_writes_the_same_files_and_both_workers_work(two_workers, whole, tmp_path, capsys):
    out = tmp_path / "set"
    assert main(command(out, two_workers)[3:]) == 0
    assert contents(out) == whole
    assert f"{NUM} pairs" in capsys.readouterr().out
    name = two_workers.address.removeprefix("tcp://")  # of all forms, the last
    for n, form in enumerate((name, two_workers.address)):
        make_synthetic(tmp_path / str(n), num=4, size_px=32, workers=form, progress=False)
    assert contents(tmp_path / "0") == contents(tmp_path / "1")
    pids = run_jobs(process_of, [(n,) for n in range(40)], workers=two_workers.address, progress=False)
    assert set(pids.values()) == {one.pid for one in two_workers.workers}


def process_of(number: int) -> int:
    """A job that says who did it."""
    time.sleep(0.02)
    return os.getpid()


def test_the_scheduler_holds_few_jobs_at_a_time(two_workers):
    """Batches, and only so many that the workers have work: whatever the number of jobs."""
    from distributed import Client

    held = []
    with Client(two_workers.address, set_as_default=False) as client:
        jobs = cluster.jobs_done(pow, [(n, 2) for n in range(20_000)], two_workers.address)
        for number, _ in enumerate(jobs):
            if number % 500 == 0:
                held.append(client.run_on_scheduler(lambda dask_scheduler: len(dask_scheduler.tasks)))
        wait_until(lambda: not client.run_on_scheduler(lambda dask_scheduler: len(dask_scheduler.tasks)))
    assert len(held) == 40 and max(held) <= 3 * cluster.WAITING_PER_WORKER


def test_pairs_cleaning_and_the_doctor_from_another_folder_with_broken_pictures(
    two_workers, folders, tmp_path, monkeypatch, capsys
):
    """Paths begin in the folder where the command is given; a reason for leaving out names them as it does here."""
    photo = folders / "photos" / "anna1.png"
    photo.write_bytes(photo.read_bytes()[:200])
    monkeypatch.chdir(tmp_path)
    found = {}
    for name, workers in (("local", ["--workers", "1"]), ("cluster", ["--scheduler", str(two_workers.file)])):
        assert main(["pairs", folders.name, f"{name}/pairs", "--size", "32", *workers]) == 0
        assert main(["clean", f"{folders.name}/sketches", f"{name}/clean", *workers]) == 0
        assert main(["doctor", folders.name, "--json", f"{name}/found.json", "--fix", f"{name}/mended", *workers]) == 0
        found[name] = contents(tmp_path / name)
    assert found["local"] == found["cluster"] and len(found["local"]) > 20
    assert b"src/photos/anna1.png" in found["cluster"]["pairs/settings.json"]
    places = run_jobs(os.path.abspath, [("one.png",)] * 9, workers=str(two_workers.file), progress=False)
    assert set(places.values()) == {str(tmp_path / "one.png")}


def test_workers_with_several_threads_make_one_picture_at_a_time(scheduler, whole, tmp_path, capsys):
    scheduler.add(threads=4)
    assert main(command(tmp_path / "set", scheduler)[3:]) == 0
    assert contents(tmp_path / "set") == whole
    assert "several threads" in capsys.readouterr().err
    run_jobs(alone, [(str(tmp_path), n) for n in range(8)], workers=str(scheduler.file), progress=False)


def alone(folder: str, number: int) -> None:
    """A job that fails while another one runs."""
    busy = Path(folder) / "busy"
    busy.touch(exist_ok=False)
    time.sleep(0.2)
    busy.unlink()


# Accidents


def test_a_killed_worker_is_survived(two_workers, whole, tmp_path):
    out = tmp_path / "set"
    process = subprocess.Popen(command(out, two_workers), cwd=ROOT, stderr=subprocess.PIPE, text=True)
    wait_until(lambda: num_photos(out) >= 8)
    two_workers.workers[0].kill()
    assert two_workers.workers[0].wait() == -signal.SIGKILL
    begun = num_photos(out)
    assert process.wait(timeout=120) == 0, process.stderr.read()
    assert begun < NUM and contents(out) == whole
    process.stderr.close()


def test_what_a_killed_worker_left_half_written_is_taken_away(two_workers, tmp_path):
    """A worker dies inside of a job, after its temporary file was made."""
    out = tmp_path / "set"
    out.mkdir()
    done = run_jobs(die_once, [(str(out), n) for n in range(6)], workers=str(two_workers.file), progress=False, out=out)
    assert done == {n: n for n in range(6)}
    assert sum(one.poll() == -signal.SIGKILL for one in two_workers.workers) == 1
    assert [path.name for path in out.iterdir()] == ["died"]


def die_once(out: str, number: int) -> int:
    """A job that kills the first worker that does it, in the middle of writing."""
    if number == 3 and not (Path(out) / "died").exists():
        (Path(out) / "died").write_text("yes")
        (Path(out) / ".half.png.abc.part").write_text("half")
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def test_an_interrupted_run_stops_at_once_and_goes_on(two_workers, whole, tmp_path):
    out = tmp_path / "set"
    process = subprocess.Popen(command(out, two_workers), cwd=ROOT, stderr=subprocess.PIPE, text=True)
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
    assert subprocess.run(command(out, two_workers), cwd=ROOT, capture_output=True).returncode == 0
    assert contents(out) == whole
    assert sum(path.stat().st_mtime_ns == stamp for path, stamp in kept.items()) >= begun - 2


def test_a_stopped_run_waits_for_the_jobs_under_way(two_workers, tmp_path):
    given = [(str(tmp_path), n) for n in range(30)]
    jobs = cluster.jobs_done(slowly, given, str(two_workers.file), out=tmp_path)
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


def test_a_killed_run_goes_on_locally(two_workers, whole, tmp_path):
    out = tmp_path / "set"
    process = subprocess.Popen(command(out, two_workers), cwd=ROOT, stderr=subprocess.DEVNULL)
    wait_until(lambda: num_photos(out) >= 8)
    process.kill()
    process.wait()
    begun = num_photos(out)
    make_synthetic(out, num=NUM, size_px=SIZE_PX, workers=2, progress=False)
    time.sleep(1.0)  # a batch of the killed run may come to its end meanwhile
    assert begun < NUM and contents(out) == whole


def test_a_bad_job_ends_the_run_with_its_own_error(two_workers):
    jobs = [(1, n) for n in (1, 2, 0, *range(3, 30))]
    with pytest.raises(ZeroDivisionError):
        run_jobs(divmod, jobs, workers=str(two_workers.file), progress=False)
    squares = run_jobs(pow, [(n, 2) for n in range(400)], workers=str(two_workers.file), progress=False)
    assert squares == {n: n * n for n in range(400)}


def disk_full(number: int) -> str:
    """A job that fails as a full disk makes it."""
    raise OSError(errno.ENOSPC, "No space left on device", f"/data/{number}.png")


def test_a_full_disk_is_said_as_it_is_here(two_workers):
    for workers in (1, str(two_workers.file)):
        with pytest.raises(OSError, match="No space left") as caught:
            run_jobs(disk_full, [(n,) for n in range(9)], workers=workers, progress=False)
        assert caught.value.errno == errno.ENOSPC and caught.value.filename.startswith("/data/")


def test_a_picture_that_a_worker_fails_at_is_tried_here(two_workers):
    here = os.getpid()
    jobs = [(here, n) for n in range(12)]
    done = run_jobs(only_here, jobs, workers=str(two_workers.file), progress=False, failed=bool)
    assert set(done.values()) == {""}
    assert "another process" in run_jobs(only_here, jobs, workers=str(two_workers.file), progress=False)[0]


def only_here(process: int, number: int) -> str:
    """A job that works in one process and its children."""
    parent = multiprocessing.parent_process()
    return "" if process in (os.getpid(), parent and parent.pid) else f"{number}: another process"
