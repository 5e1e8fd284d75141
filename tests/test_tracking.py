"""Tracking: what Weights & Biases is given (the real one, offline), and what happens without it."""

from __future__ import annotations

import json
import os
import re
import shutil
import struct
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from s2f_utils.data import read_manifest
from s2f_utils.networks import checkpoints
from s2f_utils.pictures import images
from s2f_utils.train.config import resolve
from s2f_utils.train.log import read_log
from s2f_utils.train.loop import train
from s2f_utils.train.run import open_run
from s2f_utils.train.tracking import ID_FILE, is_logged_in

ROOT = Path(__file__).resolve().parents[1]
FAST = {
    "size_px": 32,
    "load_size_px": 34,
    "base_filters": 4,
    "disc_filters": 4,
    "batch_size": 2,
    "total_images": 16,
    "num_samples": 2,
    "log_every_images": 2,
    "sample_every_images": 4,
}


def start(manifest, runs, *, resume="never", **changes):
    """A run of the fast profile, 32 px, with fewer filters."""
    resolved = resolve("pix2pix", "fast", FAST | changes)
    return open_run(
        resolved,
        read_manifest(manifest),
        runs,
        name="t",
        device="cpu",
        resume=resume,
        progress=False,
    )


class Steer:
    """Changes the learning rate at image 4, and stops at another."""

    def __init__(self, stop_at: int) -> None:
        self.stop_at = stop_at

    def on_step(self, run):
        if run.images_seen == 4:
            run.live.set("lr_g", 5e-5, "test")
        if run.images_seen == self.stop_at:
            run.live.set("stop", True, "test")


def part(manifest: str, runs: str, stop_at: int) -> None:
    """What a process of its own does for `tracked`: train without a login until `stop_at`, and
    tell.
    """
    import socket

    asked = []

    def getaddrinfo(host, *args, **kwargs):
        asked.append(host)
        raise OSError("there is no network in this test")

    socket.getaddrinfo = getaddrinfo
    run = start(manifest, runs, resume="auto", tracker="wandb")
    reason = train(run, callbacks=[Steer(stop_at)], progress=False)
    print(json.dumps({"reason": reason, "asked": asked, "mode": os.environ.get("WANDB_MODE")}))


def records(folder: Path) -> list[list]:
    """What W&B wrote for each part of a run: the records of its .wandb files, read with its own
    protobuf classes.

    The format is LevelDB's log: blocks of 32 KiB, each piece with a checksum, its length, and
    whether more follows.
    """
    from wandb.proto import wandb_internal_pb2

    parts = []
    for path in sorted(folder.glob("wandb/offline-run-*/*.wandb")):
        data, place, text, found = path.read_bytes(), 7, b"", []
        while place + 7 <= len(data):
            if 32768 - place % 32768 < 7:
                place += 32768 - place % 32768
                continue
            _, length, kind = struct.unpack("<IHB", data[place : place + 7])
            if place + 7 + length > len(data):
                break  # W&B is still writing this piece
            text += data[place + 7 : place + 7 + length]
            place += 7 + length
            if kind in (1, 4):  # whole, or the last piece
                found.append(wandb_internal_pb2.Record.FromString(text))
                text = b""
        parts.append(found)
    return parts


def history(part_records: list) -> list[dict]:
    """The rows that W&B draws: {"loss_l1": …, "samples/sheet": {"path": …}, "_step": …}."""
    rows = []
    for record in (r.history for r in part_records if r.WhichOneof("record_type") == "history"):
        rows.append({})
        for item in record.item:
            name, *inner = item.nested_key or [item.key]
            value = json.loads(item.value_json)
            if inner:
                rows[-1].setdefault(name, {})["/".join(inner)] = value
            else:
                rows[-1][name] = value
    return rows


def exit_codes(folder: Path) -> list[list[int]]:
    """Of each part of a run; its end is written a moment after W&B says so."""
    deadline = time.monotonic() + 10
    while True:
        found = [
            [r.exit.exit_code for r in one if r.WhichOneof("record_type") == "exit"]
            for one in records(folder)
        ]
        if all(found) or time.monotonic() > deadline:
            return found
        time.sleep(0.1)


def problems(folder: Path) -> list[str]:
    return [event["message"] for event in read_log(folder)[1] if event["event"] == "problem"]


def weights(folder: Path) -> dict[str, torch.Tensor]:
    state = checkpoints.load_torch_file(folder / "resume.pt")
    nets = {
        f"{net}.{name}": value
        for net, values in state["nets"].items()
        for name, value in values.items()
    }
    return nets | {"rng": state["rng"]["torch"], "numpy": state["rng"]["numpy"][1]}


def same_weights(one: Path, other: Path) -> bool:
    a, b = weights(one), weights(other)
    return len(a) > 30 and set(a) == set(b) and all(torch.equal(a[name], b[name]) for name in a)


def own_wandb(**values: str) -> dict[str, str]:
    """The environment of a process that is to start a wandb-core of its own, not share this
    one's.
    """
    return {
        name: value for name, value in os.environ.items() if not name.startswith("WANDB_")
    } | values


@pytest.fixture(scope="module")
def tracked(faces_manifest, tmp_path_factory):
    """A run in two processes that know of no login: its folder, what each told, and whom they
    connected to.
    """
    runs = tmp_path_factory.mktemp("tracked")
    env = own_wandb() | {"NETRC": str(runs / "none"), "XDG_CACHE_HOME": str(runs / "cache")}
    told, traces = [], []
    for number, stop_at in enumerate((10, 99)):
        trace = runs / f"trace-{number}"
        watched = (
            ["strace", "-f", "--seccomp-bpf", "-e", "trace=connect,sendto", "-o", str(trace)]
            if shutil.which("strace")
            else []
        )
        arguments = f"{str(faces_manifest)!r}, {str(runs)!r}, {stop_at}"
        code = f"from tests import test_tracking as t; t.part({arguments})"
        done = subprocess.run(
            [*watched, sys.executable, "-c", code],
            capture_output=True,
            text=True,
            timeout=300,
            cwd=ROOT,
            env=env,
        )
        assert done.returncode == 0, done.stderr
        told.append(json.loads(done.stdout.splitlines()[-1]) | {"err": done.stderr})
        traces.append(trace.read_text() if watched else None)
    return runs / "0001-t", told, traces


def test_rows_settings_and_live_changes_arrive(tracked):
    folder, told, _ = tracked
    assert [t["reason"] for t in told] == ["stopped", "done"]
    assert re.fullmatch(
        "W.*: run .*, offline, as there is no login; 'wandb sync .*\n", told[0]["err"]
    )  # no warning
    parts = records(folder)
    sent = {row["images"]: row for found in parts for row in history(found)}
    rows = read_log(folder)[0]
    assert len(rows) == 8 and problems(folder) == []
    for row in rows:
        assert sent[row["images"]]["_step"] == row["images"]
        assert {name: sent[row["images"]][name] for name in row} == row
    assert [sent[n]["live/lr_g"] for n in (0, 2, 4, 6, 16)] == [2e-4, 2e-4, 5e-5, 5e-5, 5e-5]
    assert sent[10]["live/stop"] == 1.0
    (run,) = (r.run for r in parts[0] if r.WhichOneof("record_type") == "run")
    config = {i.key: json.loads(i.value_json) for i in run.config.update}
    assert (config["method"], config["lambda_l1"], config["tracker"]) == ("pix2pix", 100.0, "wandb")
    assert config["machine"]["torch"] == torch.__version__ and config["run"]["length_images"] == 16
    assert run.display_name == "0001-t" and run.project == "sketch-to-face"
    axes = [r.metric for r in parts[0] if r.WhichOneof("record_type") == "metric"]
    assert any(metric.glob_name == "*" and metric.step_metric == "images" for metric in axes)


def test_samples_arrive_with_their_scores(tracked):
    folder, _, _ = tracked
    sent = {
        row["_step"]: row
        for found in records(folder)
        for row in history(found)
        if "samples/sheet" in row
    }
    events = [event for event in read_log(folder)[1] if event["event"] == "sample"]
    assert [event["images"] for event in events] == sorted(sent) == [0, 4, 8, 12, 16]
    for event in events:
        row = sent[event["images"]]
        (copy,) = folder.glob(f"wandb/offline-*/files/{row['samples/sheet']['path']}")
        assert np.array_equal(images.load_rgb(copy), images.load_rgb(folder / event["file"]))
        assert row["samples/ssim"] == event["ssim"] and row["samples/psnr"] == event["psnr"]


def test_a_resumed_run_goes_on_in_the_same_wandb_run(tracked):
    folder, _, _ = tracked
    parts = records(folder)
    ids = [{r.run.run_id for r in found if r.WhichOneof("record_type") == "run"} for found in parts]
    assert ids == [{(folder / ID_FILE).read_text().strip()}] * 2
    steps = [[row["_step"] for row in history(found)] for found in parts]
    assert steps == [[0, 2, 4, 6, 8, 10], [12, 14, 16]]  # none twice: 'wandb sync' takes both
    assert exit_codes(folder) == [[0], [0]]


def test_after_a_kill_no_step_is_sent_twice(faces_manifest, tmp_path, monkeypatch):
    """W&B drops what has a lower step than the last row, such as the rows after a resume."""
    import wandb

    class Handle(SimpleNamespace):
        offline = False
        url = id = "here"

        def log(self, values, step):
            sent.append((values["images"], step))

        def define_metric(self, *args, **options):
            pass

        def finish(self, exit_code):
            pass

    class Kill:
        def on_step(self, run):
            if run.images_seen == 4:
                run.live.set("save", True, "test")
            if run.images_seen == 10:
                raise KeyboardInterrupt

    sent = []
    monkeypatch.setattr(wandb, "init", lambda **options: Handle())
    with pytest.raises(KeyboardInterrupt):
        train(start(faces_manifest, tmp_path, tracker="wandb"), callbacks=[Kill()], progress=False)
    again = start(faces_manifest, tmp_path, resume="auto", tracker="wandb")
    assert again.images_seen == 6
    train(again, progress=False)
    steps = [step for _, step in sent]
    assert steps == sorted(steps) and steps[-1] == 20
    assert [images for images, step in sent if step > 10] == [8, 8, 10, 12, 12, 14, 16, 16]


def test_offline_nothing_is_looked_up_or_connected_to(tracked):
    _, told, traces = tracked
    assert [(t["asked"], t["mode"]) for t in told] == [([], None)] * 2
    if traces[0] is None:
        pytest.skip("strace is not installed: wandb-core, a process of its own, was not watched")
    for trace in traces:
        assert "AF_UNIX" in trace  # to wandb-core, which was watched too
        assert not re.search(r"AF_INET", trace)


@pytest.fixture(scope="module")
def plain(faces_manifest, tmp_path_factory):
    """The folder of a run that nothing follows and nobody steers."""
    run = start(faces_manifest, tmp_path_factory.mktemp("plain"))
    assert train(run, progress=False) == "done"
    return run.folder


def test_training_is_bit_for_bit_the_same_with_and_without(
    tracked, plain, faces_manifest, tmp_path
):
    folder, _, _ = tracked
    steered = start(faces_manifest, tmp_path)
    train(steered, callbacks=[Steer(99)], progress=False)
    assert same_weights(folder, steered.folder)
    assert not same_weights(folder, plain)


@pytest.mark.parametrize(
    ("package", "title"), [("wandb", "Weights & Biases"), ("tensorboard", "TensorBoard")]
)
def test_without_the_package_training_goes_on(
    faces_manifest, plain, tmp_path, monkeypatch, capsys, package, title
):
    for name in [
        name for name in sys.modules if name.startswith((package, f"torch.utils.{package}"))
    ]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, package, None)
    run = start(faces_manifest, tmp_path, tracker=package)
    while train(run, max_seconds=0.0, progress=False) == "chunk":
        pass
    message = (
        f"{title}: could not start: it is not installed: pip install {package}; "
        "training goes on without it"
    )
    assert problems(run.folder) == [message] and capsys.readouterr().err.strip() == message
    assert same_weights(run.folder, plain) and not (run.folder / package).exists()


def test_what_fails_in_the_middle_is_said_once_and_survived(faces_manifest, tmp_path, monkeypatch):
    import wandb

    class Break:
        def on_step(self, run):
            if run.images_seen == 6:

                def broken(*args, **kwargs):
                    raise ConnectionError("the pipe is broken\nand more")

                monkeypatch.setattr(wandb, "Image", broken)

    run = start(faces_manifest, tmp_path, tracker="wandb")
    assert (
        train(run, callbacks=[Break()], progress=False) == "done"
        and len(read_log(run.folder)[0]) == 8
    )
    expected = "Weights & Biases: could not log: the pipe is broken; training goes on without it"
    assert problems(run.folder) == [expected]
    assert exit_codes(run.folder) == [[1]]
    assert [row["_step"] for row in history(records(run.folder)[0])] == [0, 2, 4, 6, 8]


def test_an_exception_ends_the_wandb_run_as_failed(faces_manifest, tmp_path):
    class Raise:
        def on_step(self, run):
            if run.images_seen == 6:
                raise ZeroDivisionError("of a callback")

    run = start(faces_manifest, tmp_path, tracker="wandb")
    with pytest.raises(ZeroDivisionError):
        train(run, callbacks=[Raise()], progress=False)
    assert exit_codes(run.folder) == [[1]] and run.trackers[0].handle is None


def test_a_login_is_found_in_the_environment_or_in_netrc(tmp_path, monkeypatch):
    for name in ("WANDB_API_KEY", "WANDB_IDENTITY_TOKEN_FILE", "WANDB_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    path = tmp_path / "netrc"
    monkeypatch.setenv("NETRC", str(path))
    assert not is_logged_in()
    path.write_text(f"machine notwandb.ai\n  login user\n  password {'x' * 40}\n")
    assert not is_logged_in()
    monkeypatch.setenv("WANDB_BASE_URL", "https://notwandb.ai")
    assert is_logged_in()
    path.write_text("machine")  # broken
    assert not is_logged_in()
    monkeypatch.setenv("WANDB_API_KEY", "x" * 40)
    assert is_logged_in()
