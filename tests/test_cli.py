"""The command line: from pairs to a report, and one clear line for everything that can go wrong."""

from __future__ import annotations

import errno
import io
import json
import os
import re
import shutil
import subprocess
import sys
import types
from pathlib import Path

import numpy as np
import pytest
import torch

import s2f_studio
from s2f_studio import cli
from s2f_studio.codes import NUM_DIRECTIONS, text_of
from s2f_studio.drawings import prepare as drawings
from s2f_utils import networks
from s2f_utils.data import read_manifest
from s2f_utils.networks import checkpoints
from s2f_utils.pictures import images
from s2f_utils.train.log import read_log

SOMEBODY, ANOTHER, THIRD = (text_of(np.full(NUM_DIRECTIONS, n / 32)) for n in (1, 2, 3))
TINY = [
    "--set",
    "size_px=32",
    "--set",
    "load_size_px=34",
    "--set",
    "base_filters=4",
    "--set",
    "disc_filters=4",
    "--set",
    "total_images=8",
    "--set",
    "batch_size=2",
    "--profile",
    "full",
    "--device",
    "cpu",
]


def command(*args: object) -> tuple[int, str, str]:
    """Run s2f in a process of its own, as a person would; (exit status, stdout, stderr)."""
    run = [sys.executable, "-m", "s2f_studio", *map(str, args)]
    done = subprocess.run(
        run, capture_output=True, text=True, timeout=300, cwd=Path(__file__).parents[1]
    )
    return done.returncode, done.stdout, done.stderr


def said(capsys) -> str:
    """What the last command wrote to stderr beside progress bars; fails when that is not one
    line.
    """
    lines = [
        line for line in capsys.readouterr().err.splitlines() if line.strip() and "%|" not in line
    ]
    assert len(lines) == 1 and lines[0].startswith("s2f: "), lines
    return lines[0]


def test_train_leaves_a_complete_run_folder(trained):
    assert trained.name == "0001-pix2pix-full"
    names = {p.name for p in trained.iterdir()}
    assert {
        "config.json",
        "log.jsonl",
        "controls.json",
        "resume.pt",
        "generator.safetensors",
    } <= names
    assert not list(trained.rglob("*.part"))
    facts = json.loads((trained / "config.json").read_text())
    assert facts["origin"]["base_filters"] == "yours" and facts["origin"]["lambda_l1"] == "paper"
    scores = json.loads((trained / "evaluation-val" / "metrics.json").read_text())
    assert set(scores["rows"]) == {"pix2pix", "sketch", "mean", "nearest", "ridge"}
    ssim = scores["rows"]["mean"]["ssim"]
    assert 0 < ssim["mean"] < 1 and ssim["low"] is None, "one person has no interval"


def test_second_run_gets_its_own_folder_and_evaluate_repeats_the_scores(
    trained, faces_manifest, tmp_path, monkeypatch
):
    out = tmp_path / "scores"
    same = ["--data", str(faces_manifest), "--split", "val", "--device", "cpu"]
    monkeypatch.setattr(
        sys, "stdout", io.TextIOWrapper(io.BytesIO(), "cp1252")
    )  # as a file on Windows: no arrows
    assert cli.main(["evaluate", str(trained), *same, "--out", str(out)]) == 0
    assert b"ridge regression" in sys.stdout.buffer.getvalue()
    first, second = (
        json.loads((p / "metrics.json").read_text())["rows"]
        for p in (trained / "evaluation-val", out)
    )
    assert first == second
    before = {p: p.stat().st_mtime_ns for p in trained.rglob("*")}
    args = [
        "train",
        "pix2pix",
        "--data",
        str(faces_manifest),
        "--runs",
        str(trained.parent),
        *TINY,
        "--no-scores",
    ]
    assert cli.main(args) == 0
    assert {p.name for p in trained.parent.iterdir()} == {"0001-pix2pix-full", "0002-pix2pix-full"}
    assert {p: p.stat().st_mtime_ns for p in trained.rglob("*")} == before


def test_translate_a_folder_of_drawings_that_have_no_photos(trained, tmp_path, capsys):
    source, out = tmp_path / "Zeichnungen für später", tmp_path / "Größe 1"
    rng = np.random.default_rng(0)
    for name, shape in (("Köpfe.png", (40, 60, 3)), ("b.jpg", (90, 50, 3)), ("b.png", (32, 32, 3))):
        images.save(source / name, rng.integers(0, 256, shape, dtype=np.uint8))
    (source / "notes.txt").write_text("not a picture")
    (source / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n cut off")
    assert (
        cli.main(["translate", str(trained), str(source), "--out", str(out), "--device", "cpu"])
        == 1
    )
    assert "broken.png" in said(capsys)
    assert sorted(p.name for p in out.iterdir()) == [
        "Köpfe-photo.png",
        "b-photo-2.png",
        "b-photo.png",
    ]
    assert images.load_rgb(out / "Köpfe-photo.png").shape == (21, 32, 3)
    assert images.load_rgb(out / "b-photo.png").shape == (32, 18, 3)
    from PIL import Image

    assert "not evidence" in Image.open(out / "b-photo.png").text["Description"]


def test_placed_eyes_align_a_drawing_for_a_model_of_ones_own(trained, tmp_path, capsys):
    drawing = drawings.example("plain-man")
    images.save(tmp_path / "d.png", drawing)
    points = [(150, 210), (270, 210), (210, 330)]
    command = ["translate", str(trained), str(tmp_path / "d.png"), "--out", str(tmp_path / "o")]
    command += ["--device", "cpu"]
    assert cli.main([*command, "--eyes", "150,210,270,210", "--mouth", "210,330"]) == 0
    aligned = drawings.prepare(drawing, size_px=32, points=points).image
    expected = s2f_studio.load(trained, "cpu").translate(aligned)
    assert np.array_equal(images.load_rgb(tmp_path / "o" / "d-photo.png"), expected)
    assert cli.main([*command, "--eyes", "150,210,470,210", "--mouth", "210,330"]) == 2
    assert "outside of the picture, which is 420 x 510 pixels" in capsys.readouterr().err


def test_a_named_run_goes_on_with_its_own_settings(trained, faces_manifest, tmp_path):
    begin = ["train", "pix2pix", "--data", str(faces_manifest), "--runs", str(tmp_path)]
    begin += ["--no-scores"]
    assert cli.main([*begin, *TINY, "--init", str(trained)]) == 0
    (run,) = tmp_path.iterdir()
    go_on = [*begin, "--resume", str(run), "--device", "cpu"]
    assert cli.main([*go_on, "--set", "total_images=12", "--set", "lr_g=1e-4"]) == 0
    assert cli.main([*go_on, "--set", "total_images=16"]) == 0
    changed = [e["changed"] for e in read_log(run)[1] if e["event"] == "resume"]
    assert changed == [{"total_images": [8, 12], "lr_g": [2e-4, 1e-4]}, {"total_images": [12, 16]}]
    state = checkpoints.load_torch_file(run / "resume.pt")
    assert state["images_seen"] == 16 and state["live"]["lr_g"] == 1e-4


@pytest.mark.parametrize(("name", "status"), [("SLURM_JOB_ID", 0), ("TORCHELASTIC_RUN_ID", 2)])
def test_only_torchrun_is_refused_where_one_process_works(name, status, monkeypatch, capsys):
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv(name, "1")
    assert cli.main(["weights"]) == status
    assert ("leave torchrun out" in capsys.readouterr().err) == (status == 2)


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["evaluate", "runs/none"], r"needs a value for --data \(folder with a manifest.csv, "),
        (["push", "runs/none"], "push needs a value for REPO: 's2f push --help' shows all"),
        (["weigths"], 'Unknown command "weigths"'),
    ],
)
def test_a_command_line_that_lacks_something_is_told_what(args, message, capsys):
    assert cli.main(args) == 2 and re.search(message, said(capsys))


@pytest.mark.parametrize(
    ("flag", "text"),
    [
        ("--chosen", f"{SOMEBODY},{ANOTHER}/{THIRD};{THIRD}"),
        ("--keep", SOMEBODY),
        ("--points", ".3,.4,.6,.4,.5,.7"),
        ("--person", "age=.5"),
    ],
)
def test_a_flag_of_several_values_takes_them_as_one_text(flag, text, tmp_path, capsys):
    missing = str(tmp_path / "missing.jpg")
    assert cli.main(["translate", missing, flag, text]) == 2
    assert "missing.jpg: no such picture" in said(capsys)
    assert cli.main(["translate", missing, flag, "wrong"]) == 2
    assert said(capsys).startswith(f"s2f: {flag}")


# Ten bad inputs: one clear line or a working answer, no traceback, nothing half written.


def test_bad_empty_folder(tmp_path, trained, capsys):
    (tmp_path / "empty").mkdir()
    assert (
        cli.main(
            [
                "train",
                "pix2pix",
                "--data",
                str(tmp_path / "empty"),
                "--runs",
                str(tmp_path / "r"),
                *TINY,
            ]
        )
        == 2
    )
    assert "no manifest.csv in this folder: make a data set with 'python -m data_prep" in said(
        capsys
    )
    assert (
        cli.main(["translate", str(trained), str(tmp_path / "empty"), "--out", str(tmp_path / "o")])
        == 2
    )
    assert "no pictures in this folder" in said(capsys)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["empty"]


@pytest.fixture()
def own_copy(faces_manifest, tmp_path):
    shutil.copytree(faces_manifest.parent, tmp_path / "data")
    return tmp_path / "data" / "manifest.csv"


def test_bad_manifest_points_nowhere(own_copy, tmp_path, capsys):
    victim = read_manifest(own_copy).split("train")[0]
    victim.sketch.unlink()
    assert (
        cli.main(
            ["train", "pix2pix", "--data", str(own_copy), "--runs", str(tmp_path / "r"), *TINY]
        )
        == 2
    )
    assert f"sketch sketches/{victim.id}.png does not exist" in said(capsys)
    assert (
        cli.main(
            [
                "train",
                "pix2pix",
                "--data",
                str(tmp_path / "nowhere"),
                "--runs",
                str(tmp_path / "r"),
                *TINY,
            ]
        )
        == 2
    )
    assert "nowhere" in said(capsys) and not (tmp_path / "r").exists()


@pytest.mark.parametrize(
    "settings, message",
    [
        (["lambda_l2=3"], "no setting 'lambda_l2' (did you mean lambda_l1?)"),
        (["epochs=many"], "epochs must be a valid number"),
        (["size_px=100", "load_size_px=110"], "size_px must be a power of two"),
        (["epochs"], "--set needs NAME=VALUE"),
        (["precision=int8"], "precision must be 'auto', 'float32'"),
    ],
)
def test_bad_unknown_option(settings, message, faces_manifest, tmp_path, capsys):
    flags = [part for setting in settings for part in ("--set", setting)]
    args = [
        "train",
        "pix2pix",
        "--data",
        str(faces_manifest),
        "--runs",
        str(tmp_path / "r"),
        *TINY,
        *flags,
    ]
    assert cli.main(args) == 2 and message in said(capsys)
    assert not (tmp_path / "r").exists()


def test_bad_wrong_checkpoint(tmp_path, trained, capsys):
    drawing = images.save(tmp_path / "a.png", np.full((64, 64, 3), 255, np.uint8))
    net_d = checkpoints.save_generator(
        tmp_path / "net_d.safetensors", networks.build("patchgan", base_filters=4), {}
    )
    assert cli.main(["translate", str(net_d), str(drawing), "--out", str(tmp_path / "o")]) == 2
    assert "is a patchgan, which scores pictures: give a generator" in said(capsys)
    torch.save({"fc.weight": torch.zeros(2, 2)}, tmp_path / "other.pth")
    assert (
        cli.main(
            ["translate", str(tmp_path / "other.pth"), str(drawing), "--out", str(tmp_path / "o")]
        )
        == 2
    )
    assert "none of the generators known here" in said(capsys)
    torch.save(networks.build("patchgan", base_filters=4), tmp_path / "pickled.pth")
    assert (
        cli.main(
            ["translate", str(tmp_path / "pickled.pth"), str(drawing), "--out", str(tmp_path / "o")]
        )
        == 2
    )
    assert "not executed here" in said(capsys) and not (tmp_path / "o").exists()


@pytest.mark.parametrize("suffix", ["safetensors", "pt"])
def test_bad_truncated_checkpoint(suffix, trained, faces_manifest, tmp_path, capsys):
    drawing = images.save(tmp_path / "a.png", np.full((64, 64, 3), 255, np.uint8))
    whole = trained / ("generator.safetensors" if suffix == "safetensors" else "resume.pt")
    cut = tmp_path / whole.name
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    assert cli.main(["translate", str(cut), str(drawing), "--out", str(tmp_path / "o")]) == 2
    assert "damaged" in said(capsys) and not (tmp_path / "o").exists()


@pytest.mark.parametrize(
    "number, message", [(errno.EROFS, "no permission"), (errno.ENOSPC, "the disk is full")]
)
def test_bad_folder_that_cannot_be_written(number, message, trained, tmp_path, monkeypatch, capsys):
    drawing = images.save(tmp_path / "a.png", np.full((64, 64, 3), 255, np.uint8))

    def refuse(*_args, **_options):
        raise OSError(number, os.strerror(number), str(tmp_path / "o"))

    monkeypatch.setattr(Path, "touch", refuse)
    assert (
        cli.main(
            [
                "translate",
                str(trained),
                str(drawing),
                "--out",
                str(tmp_path / "o"),
                "--device",
                "cpu",
            ]
        )
        == 2
    )
    assert message in said(capsys) and not list(tmp_path.glob("o/*"))


def test_a_model_that_training_cannot_begin_with_is_refused(faces_manifest, tmp_path, capsys):
    base = ["train", "psp", "--data", str(faces_manifest), "--runs", str(tmp_path / "r")]
    for extra, message in (([], "give it with --init"),):
        assert cli.main([*base, *extra]) == 2
        assert message in said(capsys) and not (tmp_path / "r").exists()


def test_settings_of_one_method_are_listed_with_what_they_mean(capsys):
    from s2f_utils.methods import METHODS

    assert (
        cli.main(["train", "pix2pix", "--list-settings", "--profile", "fast", "--set", "lr_g=1e-3"])
        == 0
    )
    first, second, *rows = capsys.readouterr().out.splitlines()
    assert first.startswith("pix2pix: pix2pix, Isola et al. 2017") and "profile fast" in second
    assert [row.split(" = ")[0].strip() for row in rows] == [
        *METHODS["pix2pix"].Config.model_fields
    ]
    shown = next(row for row in rows if row.strip().startswith("lr_g"))
    assert re.fullmatch(
        r"  lr_g = 0.0002; yours: 0.001 +Adam's learning rate for the generator", shown
    )
    assert cli.main(["train", "expect", "--list-settings", "--init", "sketch-to-photo"]) == 0
    capsys.readouterr()
    assert cli.main(["train", "pix3pix", "--list-settings"]) == 2
    assert "there is no method 'pix3pix': the methods are pix2pix" in said(capsys)


@pytest.mark.skipif(os.name != "posix", reason="other systems do not call it a broken pipe")
@pytest.mark.parametrize(
    "args",
    [
        ["s2f_studio", "--help"],
        ["s2f_studio", "weights"],
        ["data_prep", "people", "unwritten", "--dry-run"],
        ["data_prep", "download"],
    ],
    ids=" ".join,
)
def test_a_reader_that_has_left_is_no_failure(args):
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(
        [sys.executable, "-m", *args],
        stdout=write,
        stderr=subprocess.PIPE,
        timeout=300,
        cwd=Path(__file__).parents[1],
        env=os.environ | {"PYTHONUNBUFFERED": ""},  # argparse itself hides the write's
    )
    os.close(write)
    assert done.returncode in (1, 141) and done.stderr == b""  # 1: of help


def test_asking_for_help_loads_no_torch():
    code = (
        "import sys; from s2f_studio.cli import main; main(['--help'])\n"
        "assert not {'torch', 'numpy', 'onnxruntime'} & {*sys.modules}"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=Path(__file__).parents[1]
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_shape_person_and_size_from_the_command_line(generator_file, tmp_path, capsys):
    drawing = tmp_path / "d.png"
    images.save(drawing, drawings.example("few-lines"))
    told = ["--likely", "0", "--person", "age=0.5,hair=#332211", "--large", "--candidates", "1"]
    assert cli.main(["translate", str(drawing), "--out", str(tmp_path / "out"), *told]) == 0
    made = images.load_rgb(tmp_path / "out" / "d-photo.png")
    ready = drawings.prepare(drawings.example("few-lines")).image
    model, person = s2f_studio.load(device="cpu"), {"age": 0.5, "hair": "#332211"}
    ours = model.translate(ready, answer="person", likely=0.0, person=person, large=True)
    assert made.shape == (1024, 1024, 3) and np.abs(made.astype(int) - ours).max() <= 1
    for wrong, said in (
        (["--person", "shoes=1"], "person has the attributes"),
        (["--likely", "3"], "--likely: input should be less than or equal to 1"),
    ):
        assert cli.main(["translate", str(drawing), "--out", str(tmp_path / "none"), *wrong]) == 2
        assert said in capsys.readouterr().err and not (tmp_path / "none").exists()


def numpys_fault() -> None:
    np.stack([np.zeros(2), np.zeros(3)])


def zips_fault() -> None:
    list(zip([1], [], strict=True))


@pytest.mark.parametrize("fault", [numpys_fault, zips_fault])
@pytest.mark.parametrize("traceback", ["", "1"])
def test_only_errors_that_our_code_raises_are_one_line(traceback, fault, capsys, monkeypatch):
    """What numpy or a built-in function raises is a fault of ours, which has to be traced."""
    monkeypatch.setenv("S2F_TRACEBACK", traceback)
    command = ["translate", "nowhere.jpg", "--large", "--clean", "sometimes"]
    if traceback:
        with pytest.raises(Exception, match="sometimes"):
            cli.main(command)
    else:
        assert cli.main(command) == 2
        assert len(capsys.readouterr().err.splitlines()) == 1
    main = sys.modules["s2f_studio.cli.main"]
    of_ours = types.FunctionType(fault.__code__, {"__name__": "s2f_studio.cli", "np": np}, "fault")
    monkeypatch.setattr(main, "COMMANDS", (of_ours,))
    with pytest.raises(ValueError, match="same shape|is shorter"):
        cli.main(["fault"])
