"""The machine and the run: devices, precision, generators, numbered folders, checks, the zip of results."""

from __future__ import annotations

import random
import sys
import zipfile

import numpy as np
import pytest
import torch

from s2f_utils import models, runtime
from s2f_utils.training.tracking import RunLog, read_log


def test_unknown_device_lists_what_is_there():
    with pytest.raises(ValueError, match="use one of auto, .*cpu"):
        runtime.pick_device("tpu")
    assert runtime.pick_device("cpu").type == "cpu"


def test_precision_follows_the_hardware(monkeypatch):
    cpu = torch.device("cpu")
    for has, expected in ((True, torch.bfloat16), (False, torch.float32)):
        monkeypatch.setattr(runtime, "cpu_has_bfloat16", lambda has=has: has)
        assert runtime.pick_precision(cpu).dtype == expected
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (7, 5))
    t4 = runtime.pick_precision(torch.device("cuda"))
    assert t4.dtype == torch.float16 and t4.channels_last
    with pytest.raises(ValueError, match="float16 training needs a GPU"):
        runtime.pick_precision(cpu, "float16")


def test_prepared_network_answers_in_float32_and_trains_its_own_weights():
    precision = runtime.pick_precision(torch.device("cpu"), "bfloat16")
    torch.manual_seed(0)
    net = models.init_weights(models.build("patchgan", in_channels=3, base_filters=8))
    x = torch.rand(1, 3, 64, 64)
    exact = net(x)
    keys = list(net.state_dict())
    precision.prepare(net)
    out = net(precision.images(x))
    assert out.dtype == torch.float32 and list(net.state_dict()) == keys
    assert 0 < (out - exact).abs().max() < 0.05 * exact.abs().max() + 0.02
    out.sum().backward()
    assert all(p.grad.dtype == torch.float32 for p in net.parameters())


def test_random_generators_are_put_back():
    runtime.seed_everything(3)
    state = runtime.rng_state()
    first = (random.random(), np.random.rand(), torch.rand(1).item())
    runtime.set_rng_state(state)
    assert (random.random(), np.random.rand(), torch.rand(1).item()) == first
    runtime.seed_everything(3)
    assert random.random() == first[0]


def test_run_folders_are_numbered_and_never_reused(tmp_path):
    names = [runtime.new_run_folder(tmp_path / "runs", name).name for name in ("a", "b", "a")]
    assert names == ["0001-a", "0002-b", "0003-a"]
    assert runtime.last_run_folder(tmp_path / "runs", "a") is None
    for name in names:
        (tmp_path / "runs" / name / "resume.pt").write_bytes(b"")
    assert runtime.last_run_folder(tmp_path / "runs", "a").name == "0003-a"
    assert runtime.last_run_folder(tmp_path / "nowhere", "a") is None


def test_check_is_strict_only_where_asked(monkeypatch, capsys):
    monkeypatch.delenv("S2F_STRICT", raising=False)
    assert runtime.check(True, "water is wet") and not runtime.check(False, "fire is cold")
    assert capsys.readouterr().out == "✓ water is wet\n✗ not so this time: fire is cold\n"
    monkeypatch.setenv("S2F_STRICT", "1")
    with pytest.raises(AssertionError, match="fire is cold"):
        runtime.check(False, "fire is cold")


RESULTS = (
    "runs/0001-a/config.json", "runs/0001-a/log.jsonl", "runs/0001-a/generator.safetensors", "runs/0001-a/report.html",
    "runs/0001-a/samples/0.png", "runs/0001-a/scores/metrics.csv", "runs/0001-a/wandb-id.txt", "wandb/own.txt",
    "mine.png",
)  # fmt: skip
NO_RESULTS = (
    "runs/0001-a/resume.pt", "runs/0001-a/resume-1.pt", "runs/0001-a/resume-12.pt", "runs/0001-a/.resume.pt.x.part",
    "runs/0001-a/wandb/offline-run-1/run.wandb", "faces/manifest.csv", "faces/photos/1.png",
    ".ipynb_checkpoints/a.ipynb",
)  # fmt: skip


def session_folder(folder):
    for name in RESULTS + NO_RESULTS:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"x" * 1_500_000 if name.endswith(".pt") else b"x")
    return folder


def test_a_zip_holds_all_results_and_says_what_it_leaves_out(tmp_path, capsys):
    folder = session_folder(tmp_path / "02")
    path = runtime.zip_results(folder)
    with zipfile.ZipFile(path) as archive:
        assert sorted(archive.namelist()) == sorted(f"02/{name}" for name in RESULTS)
        assert archive.testzip() is None
    said = capsys.readouterr().out
    assert said.startswith(f"9 files, {path.stat().st_size / 1e6:.1f} MB; left out: ")
    assert "resume files 4.5 MB" in said and "data sets 0.0 MB" in said and "W&B's files 0.0 MB" in said


def test_a_zip_that_fails_on_the_way_leaves_the_old_one(tmp_path, monkeypatch):
    folder = session_folder(tmp_path / "02")
    before = runtime.zip_results(folder).read_bytes()
    write, written = zipfile.ZipFile.write, []

    def failing(self, *args):
        if len(written) == 3:
            raise OSError(28, "No space left on device")
        written.append(args)
        write(self, *args)

    monkeypatch.setattr(zipfile.ZipFile, "write", failing)
    with pytest.raises(OSError, match="No space left"):
        runtime.zip_results(folder)
    assert (tmp_path / "02.zip").read_bytes() == before and len(list(tmp_path.iterdir())) == 2


COLAB_DRIVE = """
from pathlib import Path

def mount(place):
    if (Path(place).parent / "declined").exists():
        raise ValueError("mount failed")
    (Path(place) / "MyDrive").mkdir(parents=True)
"""


@pytest.fixture()
def colab(tmp_path, monkeypatch):
    """A stand-in for Colab's own package, whose `mount` makes MyDrive."""
    package = tmp_path / "fake" / "google" / "colab"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "drive.py").write_text(COLAB_DRIVE)
    monkeypatch.syspath_prepend(tmp_path / "fake")
    import google.colab

    yield google.colab
    for name in [n for n in sys.modules if n == "google.colab" or n.startswith("google.colab.")]:
        del sys.modules[name]


def test_drive_is_mounted_for_a_folder_in_it_once(tmp_path, colab, monkeypatch, capsys):
    monkeypatch.delenv("S2F_FOLDER", raising=False)
    monkeypatch.setattr(runtime, "DRIVE", tmp_path / "content" / "drive")
    folder = runtime.DRIVE / "MyDrive" / "faces"
    session = runtime.start("02", "demo", folder)
    assert session.folder == folder / "02" and session.folder.is_dir()
    assert runtime.mount_drive(folder)  # a second call of `mount` would fail: MyDrive is there
    assert not runtime.mount_drive(tmp_path / "elsewhere")
    with pytest.raises(ValueError, match="give a folder under .*MyDrive"):
        runtime.mount_drive(runtime.DRIVE / "faces")


def test_a_drive_that_is_declined_or_not_there_is_no_folder_on_another_disk(tmp_path, colab, monkeypatch):
    monkeypatch.setattr(runtime, "DRIVE", tmp_path / "content" / "drive")
    folder = runtime.DRIVE / "MyDrive" / "faces"
    (tmp_path / "content").mkdir()
    (tmp_path / "content" / "declined").touch()
    with pytest.raises(FileNotFoundError, match="could not be mounted .mount failed.*allow it, or leave FOLDER empty"):
        runtime.start("02", "demo", folder)
    del sys.modules["google.colab"]  # not by monkeypatch, which would put it back after the fixture has cleaned up
    with pytest.raises(ValueError, match="Google Drive is there in Colab only: give a folder of this machine"):
        runtime.start("02", "demo", folder)
    assert not runtime.DRIVE.exists()


def test_log_survives_a_line_cut_off_and_forgets_what_was_not_kept(tmp_path):
    log = RunLog(tmp_path)
    for images in (2, 4, 6):
        log.row({"images": images, "loss": 1.0})
    with open(log.path, "a") as file:
        file.write('{"images": 8, "lo')  # killed in the middle of a line
    log.event("resume", images=4)
    log.row({"images": 6, "loss": 2.0})
    rows, events = read_log(tmp_path)
    assert [(row["images"], row["loss"]) for row in rows] == [(2, 1.0), (4, 1.0), (6, 2.0)]
    assert [event["event"] for event in events] == ["resume"]


def test_each_profile_has_a_folder_of_its_own(tmp_path, monkeypatch, capsys):
    monkeypatch.delenv("S2F_PROFILE", raising=False)
    monkeypatch.setenv("S2F_FOLDER", str(tmp_path))
    assert runtime.start("02").folder == tmp_path / "02"
    monkeypatch.setenv("S2F_PROFILE", "fast")
    session = runtime.start("02", "full")
    assert session.profile == "fast" and session.folder == tmp_path / "02-fast" and session.folder.is_dir()
    assert "02-fast" in capsys.readouterr().out
