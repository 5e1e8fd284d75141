"""A notebook's session: its folder, also in Google Drive; checks; the zip of results."""

from __future__ import annotations

import os
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch

from s2f_utils.notebook import session


def test_check_is_strict_only_where_asked(monkeypatch, capsys):
    monkeypatch.delenv("S2F_STRICT", raising=False)
    session.check(True, "water is wet")
    session.check(False, "fire is cold")
    assert capsys.readouterr().out == "✓ water is wet\n✗ not so this time: fire is cold\n"
    monkeypatch.setenv("S2F_STRICT", "1")
    with pytest.raises(AssertionError, match="fire is cold"):
        session.check(False, "fire is cold")


def test_a_blank_is_open_right_or_wrong_with_a_reason(monkeypatch, capsys):
    monkeypatch.setenv("S2F_STRICT", "1")
    assert session.filled(..., 1.0, "a sum") is False
    assert session.filled(torch.ones(2), np.ones(2), "ones") is True
    assert session.filled(1 + 2j, 1 + 2j, "a complex number") is True
    assert capsys.readouterr().out.splitlines()[0].startswith("✗ blank")
    for answer, reason in ((2.0, "give 1, yours gives 2"), (-1.0, "the sign"), ([1.0], "shape")):
        with pytest.raises(AssertionError, match=reason):
            session.filled(answer, 1.0, "a sum", {"the sign is wrong": -1.0})
    with pytest.raises(AssertionError, match="off by 4"):
        session.filled(1 - 2j, 1 + 2j, "a complex number")
    with pytest.raises(AssertionError, match="off by 3"):
        session.filled(torch.tensor([1 + 2j]), torch.tensor([1 + 5j]), "a complex tensor")
    with pytest.raises(AssertionError, match="numbers, got str"):
        session.filled("one", 1.0, "a sum")
    with pytest.raises(AssertionError, match="without `return`"):
        session.filled(None, 1.0, "a sum")
    monkeypatch.delenv("S2F_STRICT")
    assert session.filled(float("nan"), 1.0, "a sum") is False
    assert "a sum" in capsys.readouterr().out


RESULTS = (
    "runs/0001-a/config.json",
    "runs/0001-a/log.jsonl",
    "runs/0001-a/generator.safetensors",
    "runs/0001-a/report.html",
    "runs/0001-a/samples/0.png",
    "runs/0001-a/scores/metrics.csv",
    "runs/0001-a/wandb-id.txt",
    "wandb/own.txt",
    "snapshots/mine.safetensors",
    "mine.png",
)
NO_RESULTS = (
    "runs/0001-a/resume.pt",
    "runs/0001-a/resume-1.pt",
    "runs/0001-a/resume-12.pt",
    "runs/0001-a/.resume.pt.x.part",
    "runs/0001-a/wandb/offline-run-1/run.wandb",
    "runs/0001-a/snapshots/generator-00000010.safetensors",
    "faces/manifest.csv",
    "faces/photos/1.png",
    ".ipynb_checkpoints/a.ipynb",
)


def session_folder(folder):
    for name in RESULTS + NO_RESULTS:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"x" * 1_500_000 if name.endswith(".pt") else b"x")
    os.utime(folder / "mine.png", (0, 0))  # a file without a date, of 1970
    return folder


def test_a_zip_holds_all_results_and_says_what_it_leaves_out(tmp_path, capsys):
    folder = session_folder(tmp_path / "02")
    path = session.zip_results(folder)
    with zipfile.ZipFile(path) as archive:
        assert sorted(archive.namelist()) == sorted(f"02/{name}" for name in RESULTS)
        assert archive.testzip() is None
    assert all((folder / name).is_file() for name in RESULTS + NO_RESULTS), "nothing is deleted"
    said = capsys.readouterr().out
    assert said.startswith(f"10 files, {path.stat().st_size / 1e6:.1f} MB; left out: ")
    assert said.endswith("W&B's files, data sets, resume files, snapshots of runs\n")


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
    (package / "output.py").write_text(
        "managers = []\n\ndef enable_custom_widget_manager():\n    managers.append(1)\n"
    )
    monkeypatch.syspath_prepend(tmp_path / "fake")
    import google.colab

    yield google.colab
    for name in [n for n in sys.modules if n == "google.colab" or n.startswith("google.colab.")]:
        del sys.modules[name]


def test_drive_is_mounted_for_a_folder_in_it_once(tmp_path, colab, monkeypatch, capsys):
    monkeypatch.delenv("S2F_FOLDER", raising=False)
    monkeypatch.setattr(session, "DRIVE", tmp_path / "content" / "drive")
    session.DRIVE.parent.mkdir()
    monkeypatch.chdir(session.DRIVE.parent)  # as a notebook in Colab
    begun = session.start("02", "demo", "drive/MyDrive/faces")
    assert begun.folder == Path("drive/MyDrive/faces/02") and begun.folder.is_dir()
    assert "google.colab.drive" in sys.modules, "it is not a folder of the machine's own"
    assert sys.modules["google.colab.output"].managers == [1], (
        "widgets that are not Colab's own are shown"
    )
    session.mount_drive(
        session.DRIVE / "MyDrive"
    )  # a second call of `mount` would fail: MyDrive is there
    session.mount_drive(tmp_path / "elsewhere")
    assert not (tmp_path / "elsewhere").exists()


def test_each_profile_has_a_folder_of_its_own(tmp_path, monkeypatch, capsys):
    monkeypatch.delenv("S2F_PROFILE", raising=False)
    monkeypatch.setenv("S2F_FOLDER", str(tmp_path))
    assert session.start("02").folder == tmp_path / "02"
    monkeypatch.setenv("S2F_PROFILE", "fast")
    begun = session.start("02", "full")
    assert (
        begun.profile == "fast" and begun.folder == tmp_path / "02-fast" and begun.folder.is_dir()
    )
    assert "02-fast" in capsys.readouterr().out
