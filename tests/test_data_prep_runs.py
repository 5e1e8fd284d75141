"""data_prep: sets of faces, stopping and going on, and what bad inputs get."""

from __future__ import annotations

import errno
import signal
import subprocess
import sys
import time
from pathlib import Path
from unittest.mock import Mock

import numpy as np
import pytest
import torch
from PIL import Image

import data_prep.make.write
from data_prep import Recipe, make_pairs, make_people
from data_prep.__main__ import main
from data_prep.make.parallel import run_jobs
from data_prep.make.synthetic_set import make_synthetic
from data_prep.procedural_faces.synthetic import draw_face
from s2f_utils.pictures import images
from tests.spawned import start_of_process
from tests.test_data_prep import NUM, by_split, contents, read

ROOT = Path(__file__).resolve().parents[1]


def refused(capsys, *arguments: object) -> str:
    """Run a command that must fail: exit code 2, one message, no traceback; returns the message."""
    capsys.readouterr()
    assert main([str(argument) for argument in arguments]) == 2
    error = capsys.readouterr().err.split("\r")[-1].splitlines()
    lines = [line for line in error if line.startswith("data_prep: ") and "warning:" not in line]
    assert len(lines) == 1, error
    assert "Traceback" not in "".join(error)
    return lines[0]


# Sets of faces


def test_synthetic_set(tmp_path, monkeypatch):
    monkeypatch.setenv("S2F_PROFILE", "fast")
    make_synthetic(tmp_path / "out")
    rows = read(tmp_path / "out")
    assert [len(ids) for ids in by_split(rows).values()] == [21, 1, 2]
    assert by_split(rows)["test"] == ["face-00022", "face-00023"]
    face = draw_face(22, size_px=64, seed=0)
    row = next(row for row in rows if row["id"] == "face-00022")
    assert row["identity"] == row["id"] and row["source"] == "synthetic seed=0"
    assert np.array_equal(images.load_rgb(tmp_path / "out" / row["photo"]), face.photo)
    with (
        Image.open(tmp_path / "out" / row["mask"]) as mask,
        Image.open(tmp_path / "out" / row["sketch"]) as sketch,
    ):
        assert np.array_equal(np.asarray(mask), face.mask) and np.array_equal(
            np.asarray(sketch), face.sketch
        )


def test_the_number_of_workers_does_not_matter(tmp_path):
    for workers in (1, 3):
        make_people(tmp_path / str(workers), 48, 32, seed=5, sketches="mixture", workers=workers)
    assert contents(tmp_path / "1") == contents(tmp_path / "3")
    make_people(tmp_path / "other", 1, 32, seed=6, sketches="mixture")
    sketch = str(Path("sketches", "person-0001.png"))
    assert contents(tmp_path / "other")[sketch] != contents(tmp_path / "1")[sketch]


# Stopping and going on


def stop_after(monkeypatch, number: int, error: BaseException) -> list[Path]:
    """Let `images.save` fail from its `number`-th call on; returns the list of what it has
    saved.
    """
    saved: list[Path] = []
    original = images.save

    def save(path, image, **options):
        if len(saved) >= number:
            raise error
        saved.append(path)
        return original(path, image, **options)

    monkeypatch.setattr(data_prep.make.write.images, "save", save)
    return saved


def test_dry_run_writes_nothing(folders, tmp_path, capsys):
    before = contents(tmp_path)
    assert main(["pairs", str(folders), str(tmp_path / "out"), "--dry-run"]) == 0
    assert main(["people", str(tmp_path / "faces"), "--num", "3", "--dry-run"]) == 0
    assert (
        contents(tmp_path) == before
        and not (tmp_path / "out").exists()
        and not (tmp_path / "faces").exists()
    )
    shown = capsys.readouterr().out
    assert "6 pairs (train 5, test 1)" in shown and "fit: stretch" in shown and "num: 3" in shown


def test_an_interrupted_run_goes_on_and_ends_the_same(folders, tmp_path, monkeypatch, capsys):
    make_pairs(folders, tmp_path / "whole", Recipe(size_px=32))
    command = ["pairs", str(folders), str(tmp_path / "out"), "--size", "32", "--workers", "1"]
    with monkeypatch.context() as patch:
        stop_after(patch, 5, KeyboardInterrupt())
        assert main(command) == 130
    assert "goes on" in capsys.readouterr().err
    assert not (tmp_path / "out" / "manifest.csv").exists()
    with monkeypatch.context() as patch:
        saved = stop_after(patch, 1000, KeyboardInterrupt())
        assert main(command) == 0
        assert len(saved) == 8  # two pairs were whole, the third is made again
    assert contents(tmp_path / "out") == contents(tmp_path / "whole")


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no SIGKILL on this system")
def test_sigkill_leaves_no_manifest_and_the_next_run_completes(tmp_path):
    command = [
        sys.executable,
        "-m",
        "data_prep",
        "people",
        str(tmp_path / "out"),
        "--num",
        "24",
        "--size",
        "32",
    ]
    process = subprocess.Popen([*command, "--workers", "2"], cwd=ROOT, stderr=subprocess.DEVNULL)
    photos = tmp_path / "out" / "photos"
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and not (
        photos.is_dir() and len(list(photos.glob("*.png"))) >= 3
    ):
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (tmp_path / "out" / "manifest.csv").exists()
    begun = len(list(photos.glob("*.png")))
    assert 3 <= begun < 24
    (photos / ".person-0024.png.abc.part").write_bytes(b"half")
    make_people(tmp_path / "out", 24, 32)
    make_people(tmp_path / "whole", 24, 32)
    assert contents(tmp_path / "out") == contents(tmp_path / "whole")


def test_a_half_written_file_that_a_second_run_swept_away_is_written_again(
    folders, tmp_path, monkeypatch
):
    photos, swept = tmp_path / "out" / "photos", []

    def sweep(_file):
        if not swept:
            swept.extend(path for path in photos.glob(".*.part") if path.unlink() is None)

    monkeypatch.setattr("s2f_utils.runtime.files.os.fsync", sweep)
    assert main(["pairs", str(folders), str(tmp_path / "out"), "--size", "32"]) == 0
    assert swept and len(read(tmp_path / "out")) == len(list(photos.iterdir())) == NUM


def test_a_complete_set_is_left_alone_and_a_deleted_picture_comes_back(folders, tmp_path, capsys):
    out = tmp_path / "out"
    make_pairs(folders, out, Recipe(size_px=32))
    stamps = {path: path.stat().st_mtime_ns for path in out.rglob("*")}
    make_pairs(folders, out, Recipe(size_px=32))
    assert "already complete" in capsys.readouterr().out
    assert {path: path.stat().st_mtime_ns for path in out.rglob("*")} == stamps
    before = contents(out)
    (out / "photos" / "anna3.png").unlink()
    make_pairs(folders, out, Recipe(size_px=32))
    assert contents(out) == before


def test_a_set_with_a_picture_left_out_keeps_its_manifest_while_it_is_tried_again(
    folders, tmp_path, monkeypatch
):
    (folders / "photos" / "anna3.png").write_bytes(b"no picture")
    out = tmp_path / "out"
    make_pairs(folders, out, Recipe(size_px=32))
    before = read(out)
    assert len(before) == NUM - 1

    def stopped(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("data_prep.make.write.run_jobs", stopped)
    with pytest.raises(KeyboardInterrupt):
        make_pairs(folders, out, Recipe(size_px=32))
    assert read(out) == before


def test_a_dry_run_reads_no_whole_file(folders, tmp_path, monkeypatch, capsys):
    make_pairs(folders, tmp_path / "out", Recipe(size_px=32))
    monkeypatch.setattr("data_prep.files.checksum", None)
    for out, said in (("out", "holds all of it"), ("new", "is new")):
        make_pairs(folders, tmp_path / out, Recipe(size_px=32), dry_run=True)
        assert said in capsys.readouterr().out


def test_other_settings_or_another_source_are_refused(folders, tmp_path, capsys):
    out = tmp_path / "out"
    make_pairs(folders, out, Recipe(size_px=32))
    before = contents(out)
    assert "size_px: 32 there, 64 now" in refused(capsys, "pairs", folders, out, "--size", "64")
    (folders / "sketches" / "anna0.png").unlink()
    assert "the pictures of the source have changed" in refused(
        capsys, "pairs", folders, out, "--size", "32"
    )
    assert contents(out) == before


def test_a_full_disk_leaves_no_manifest(folders, tmp_path, monkeypatch, capsys):
    command = ["pairs", folders, tmp_path / "out", "--size", "32", "--workers", "1"]
    with monkeypatch.context() as patch:
        stop_after(patch, 3, OSError(errno.ENOSPC, "No space left on device"))
        assert "disk is full" in refused(capsys, *command)
    left = contents(tmp_path / "out")
    assert "manifest.csv" not in left and not any(name.endswith(".part") for name in left)
    assert main(list(map(str, command))) == 0 and len(read(tmp_path / "out")) == NUM


def test_workers_are_spawned_and_their_errors_end_the_run():
    """A forked worker would inherit the locks that torch's threads hold."""
    torch.ones(300, 300) @ torch.ones(300, 300)
    jobs = [(n,) for n in range(40)]
    started = run_jobs(start_of_process, jobs, workers=2, progress=False)
    assert sorted(started) == list(range(40)) and set(started.values()) == {"SpawnProcess"}
    with pytest.raises(OSError, match="No space left"):
        run_jobs(start_of_process, [*jobs, (-1,)], workers=2, progress=False)


@pytest.mark.parametrize(
    "error", [OSError(errno.ENOTCONN, "gone"), MemoryError(), OSError("cut off")]
)
def test_what_may_pass_leaves_no_pair_out_for_good(folders, tmp_path, monkeypatch, error):
    command = [
        "pairs",
        str(folders),
        str(tmp_path / "out"),
        "--size",
        "32",
        "--workers",
        "1",
        "--style",
        "pencil",
    ]
    fail, real = Mock(side_effect=error), images.rgb_of
    with monkeypatch.context() as patch:
        patch.setattr(
            images,
            "rgb_of",
            lambda picture: (fail if "anna3" in picture.filename else real)(picture),
        )
        assert main(command) == (0 if error.args == ("cut off",) else 2)
    assert main(command) == 0 and len(read(tmp_path / "out")) == NUM


# Bad inputs


def test_names_that_do_not_match_are_shown_with_the_nearest(folders, tmp_path, capsys):
    (folders / "photos" / "anna2.png").rename(folders / "photos" / "anan2.png")
    assert main(["pairs", str(folders), str(tmp_path / "out"), "--size", "32"]) == 0
    shown = capsys.readouterr().err
    assert "sketch sketches/anna2.png" in shown and "nearest photo: photos/" in shown
    assert len(read(tmp_path / "out")) == NUM - 1


def test_sources_and_outputs_that_cannot_be(folders, tmp_path, capsys):
    out, empty, archive = tmp_path / "out", tmp_path / "empty", tmp_path / "cufs.zip"
    empty.mkdir()
    archive.write_bytes(b"PK")
    foreign = tmp_path / "foreign"
    foreign.mkdir()
    (foreign / "thesis.txt").write_text("years of work")
    assert "no such folder" in refused(capsys, "pairs", tmp_path / "missing", out)
    assert "no pictures" in refused(capsys, "pairs", empty, out)
    assert "unpack it" in refused(capsys, "pairs", archive, out)
    assert "lies in the source" in refused(capsys, "pairs", folders, folders / "out")
    assert "lies in the source" in refused(capsys, "pairs", folders, folders)
    assert "not made by data_prep" in refused(capsys, "pairs", folders, foreign)
    assert "got a file" in refused(capsys, "pairs", folders, archive)
    refused(capsys, "pairs", folders, archive / "out")
    assert "no pairs found" in refused(
        capsys, "pairs", folders / "photos", out, "--layout", "pairs"
    )
    assert not out.exists() and list(foreign.iterdir()) == [foreign / "thesis.txt"]
