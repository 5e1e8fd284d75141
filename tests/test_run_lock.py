"""A run's folder belongs to one process, until that ends, in whichever way."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

from s2f_utils.data import read_manifest
from s2f_utils.train import RunInUseError
from s2f_utils.train.config import resolve
from s2f_utils.train.loop import train
from s2f_utils.train.run import open_run
from s2f_utils.train.state import LOCK
from tests.test_training import StopAt

HOLD = """
import sys, time
from filelock import FileLock

lock = FileLock(sys.argv[1])
lock.acquire(timeout=0)
print("held", flush=True)
time.sleep(600)
"""


@pytest.fixture
def held_elsewhere():
    """A function that has another process hold a folder; returns the process."""
    processes = []

    def hold(folder):
        command = [sys.executable, "-c", HOLD, str(folder / LOCK)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        processes.append(process)
        assert process.stdout.readline() == "held\n"
        return process

    yield hold
    for process in processes:
        process.kill()
        process.wait()


def start(manifest, runs, resume="auto", **changes):
    small = {"base_filters": 4, "disc_filters": 4, "num_samples": 2, "total_images": 8}
    resolved = resolve("pix2pix", "fast", small | {"batch_size": 2} | changes)
    return open_run(resolved, manifest, runs, device="cpu", resume=resume, progress=False)


def test_a_run_is_trained_by_one_process_until_that_is_killed(
    faces_manifest, tmp_path, held_elsewhere
):
    manifest = read_manifest(faces_manifest)
    run = start(manifest, tmp_path)
    train(run, callbacks=[StopAt(4)], progress=False)
    other = held_elsewhere(run.folder)  # free again once the training has ended
    half_written = run.folder / ".resume.pt.part"
    half_written.write_text("of the other process")
    before = run.log.path.read_text()
    for resume in ("auto", run.folder):
        with pytest.raises(RunInUseError, match="another process trains this run"):
            start(manifest, tmp_path, resume)
    with pytest.raises(RunInUseError):
        train(run, progress=False)
    assert half_written.exists() and run.log.path.read_text() == before

    new = start(manifest, tmp_path, lr_g=1e-4)  # of other settings
    assert new.folder != run.folder

    other.send_signal(signal.SIGKILL)
    other.wait()
    again = start(manifest, tmp_path, run.folder)
    assert again.images_seen == 4 and train(again, progress=False) == "done"


def test_a_training_that_fails_leaves_its_folder_free(faces_manifest, tmp_path, held_elsewhere):
    class Fails:
        def on_step(self, run):
            raise RuntimeError("of the callback")

    run = start(read_manifest(faces_manifest), tmp_path)
    with pytest.raises(RuntimeError, match="of the callback"):
        train(run, callbacks=[Fails()], progress=False)
    held_elsewhere(run.folder)


def test_a_training_holds_its_folder_between_chunks_too(faces_manifest, tmp_path, held_elsewhere):
    run = start(read_manifest(faces_manifest), tmp_path)
    assert train(run, max_seconds=0.0, progress=False) == "chunk"
    with pytest.raises(AssertionError):
        held_elsewhere(run.folder)
    assert train(run, progress=False) == "done"
    held_elsewhere(run.folder)
