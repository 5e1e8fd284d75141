"""What a kill, a full disk or a divergence leaves: the last state, whole."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import time
from pathlib import Path

import pytest
import torch

from s2f_utils import runtime
from s2f_utils.methods import METHODS
from s2f_utils.methods.method import Context, Term
from s2f_utils.networks import checkpoints
from s2f_utils.train import NotSavedError
from s2f_utils.train.config import resolve
from s2f_utils.train.live import COMMANDS
from s2f_utils.train.log import read_log
from s2f_utils.train.loop import train
from s2f_utils.train.run import finished, open_run
from s2f_utils.train.saving import write_state

CPU = torch.device("cpu")
FLOAT32 = runtime.pick_precision(CPU, "float32")


def start(tiny, manifest, folder, *, resume="never", **changes):
    return open_run(tiny(**changes), manifest, folder, resume=resume, device="cpu", progress=False)


def train_whole(tiny, manifest, folder, callbacks=(), **changes):
    """A run from its beginning to its end. A signal would cut it short: `timeout` sends SIGTERM."""
    run = start(tiny, manifest, folder, **changes)
    assert train(run, callbacks=callbacks, progress=False) == "done"
    return run


def small(method, **changes):
    values = {"size_px": 32, "load_size_px": 32, "precision": "float32", **changes}
    return METHODS[method](resolve(method, "fast", values).config, FLOAT32)


def test_a_generators_loss_leaves_no_gradient_in_the_discriminator():
    """Also where a step of one's own does not freeze it."""

    def step(m, a, ctx, *, with_g=True):
        fake = m.net_g(a)
        loss_d = m.net_d(torch.cat([a, fake.detach()], 1)).square().mean()
        ctx.descend({"loss_d": Term(loss_d)}, m.opt_d)
        if with_g:
            loss_g = -m.net_d(torch.cat([a, fake], 1)).mean()
            ctx.descend({"loss_g": Term(loss_g)}, m.opt_g)

    torch.manual_seed(1)
    a = torch.rand(4, 3, 32, 32) * 2 - 1
    found = []
    for with_g in (True, False):
        runtime.seed_everything(0)
        model = small("pix2pix", norm="instance", dropout=0.0)
        step(model, a, Context({}, model.precision), with_g=with_g)
        found.append([p.grad for p in model.net_d.parameters()])
    assert (
        all(torch.equal(x, y) for x, y in zip(*found, strict=True)) and found[0][0].abs().max() > 0
    )


def test_moments_from_another_memory_format_keep_their_values(
    tiny, manifest, tmp_path, monkeypatch
):
    """As where a GPU's run goes on on a CPU: fused Adam reads memory as it lies."""
    runs = []
    for layout in ("contiguous", "channels_last"):
        monkeypatch.setattr(METHODS["pix2pix"], "memory_format", lambda *_, layout=layout: layout)
        runs.append(start(tiny, manifest, tmp_path / layout, total_images=4))
    train(runs[0], progress=False)
    runs[1].load_state_dict(runs[0].state_dict())
    moments = runs[1].model.optimizers["lr_g"].state
    assert len(moments) > 10 and all(
        held["exp_avg"].stride() == p.stride() for p, held in moments.items()
    )


# Killed, or out of space


class Crash:
    """Ends training at an image as a kill does: nothing more is written."""

    def __init__(self, at, before=()):
        self.at, self.before = at, dict(before)

    def on_step(self, run):
        for name, value in self.before.get(run.images_seen, {}).items():
            path = run.folder / "controls.json"
            path.write_text(json.dumps(json.loads(path.read_text()) | {name: value}))
        if run.images_seen == self.at:
            raise Killed


class Killed(BaseException):
    pass


class SaveAt:
    def __init__(self, images):
        self.images = images

    def on_step(self, run):
        if run.images_seen == self.images - run.config.batch_size:
            run.live.set("save", True, "test")


def changes_of(folder):
    events = [
        e for e in read_log(folder)[1] if e["event"] == "change" and e["name"] not in COMMANDS
    ]
    return [(e["images"], e["name"], e["new"]) for e in events]


def everything_of(folder):
    """Tensors of the state that a run has saved at its end, and the rows of its log without the
    clock.
    """
    state = checkpoints.load_torch_file(folder / "resume.pt")
    tensors = {f"{net}.{k}": v for net, values in state["nets"].items() for k, v in values.items()}
    tensors |= {f"ema.{k}": v for values in state["ema"].values() for k, v in values.items()}
    for name, opt in state["optimizers"].items():
        tensors |= {
            f"{name}.{i}.{k}": torch.as_tensor(v)
            for i, slot in opt["state"].items()
            for k, v in slot.items()
        }
    rows = [{k: v for k, v in row.items() if "second" not in k} for row in read_log(folder)[0]]
    return tensors | {"rng": state["rng"]["torch"]}, rows


def assert_equal(folder, whole):
    (tensors, rows), (expected, expected_rows) = everything_of(folder), everything_of(whole)
    assert set(tensors) == set(expected) and len(tensors) > 100
    assert [k for k, v in tensors.items() if not torch.equal(v, expected[k])] == []
    assert rows == expected_rows and len(rows) > 1


LATER = {"ema_half_life_images": 6.0, "log_every_images": 6, "precision": "float32"}


def test_live_changes_after_the_last_save_are_gone_with_what_they_did(tiny, manifest, tmp_path):
    run = start(tiny, manifest, tmp_path / "killed", **LATER)
    edits = {4: {"lambda_l1": 30.0}, 8: {"lr_d": 1e-3}, 12: {"lr_g": 1e-3}}
    with pytest.raises(Killed):
        train(run, callbacks=[SaveAt(8), Crash(14, edits)], progress=False)
    assert [name for _, name, _ in changes_of(run.folder)] == ["lambda_l1", "lr_d", "lr_g"]
    again = start(tiny, manifest, tmp_path / "killed", resume="auto", **LATER)
    assert again.images_seen == 8 and again.live["lr_g"] == 2e-4 and again.live["lambda_l1"] == 30.0
    assert changes_of(again.folder) == [(4, "lambda_l1", 30.0)]
    assert json.loads((again.folder / "controls.json").read_text())["lr_g"] == 2e-4
    assert train(again, progress=False) == "done"
    edit = Crash(99, {4: {"lambda_l1": 30.0}})
    whole = train_whole(tiny, manifest, tmp_path / "whole", [edit], **LATER)
    assert_equal(again.folder, whole.folder)


def test_rows_do_not_depend_on_when_training_was_saved_stopped_or_cut(tiny, manifest, tmp_path):
    whole = train_whole(tiny, manifest, tmp_path / "whole", **LATER)
    run = start(tiny, manifest, tmp_path / "parts", save_every_s=0.0, **LATER)
    assert train(run, max_seconds=0.0, progress=False) == "chunk"
    assert read_log(run.folder)[0] == []  # two of six images
    with pytest.raises(Killed):
        train(run, callbacks=[Crash(10)], progress=False)
    run = start(tiny, manifest, tmp_path / "parts", resume="auto", **LATER)
    run.live.set("stop", True, "test")
    assert train(run, progress=False) == "stopped"
    assert [row["images"] for row in read_log(run.folder)[0]] == [6]
    run = start(tiny, manifest, tmp_path / "parts", resume="auto", **LATER)
    assert run.images_seen in (8, 10) and train(run, progress=False) == "done"
    assert_equal(run.folder, whole.folder)


def test_it_saves_soon_and_what_a_kill_left_half_written_is_removed(
    tiny, manifest, tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr("s2f_utils.train.saving.SOON_S", 0.0)
    run = start(tiny, manifest, tmp_path, save_every_s=1e9)
    with pytest.raises(Killed):
        train(run, callbacks=[Crash(8)], progress=False)
    (run.folder / ".resume.pt.x1.part").write_bytes(b"half")
    (run.folder / "samples" / ".00000008.png.x2.part").write_bytes(b"half")
    again = start(tiny, manifest, tmp_path, resume="auto")
    assert again.folder == run.folder and again.images_seen == run.saved_at > 0
    assert (
        f"{run.folder} goes on at image {run.saved_at} of 24, where it was last"
        in capsys.readouterr().out
    )
    assert list(run.folder.rglob("*.part")) == []


class SmallDisk:
    """A disk of its own at a folder, which can be full."""

    def __init__(self, folder):
        self.folder, self.ballast = folder, folder / "ballast"

    def command(self, *args):
        return subprocess.run([*args, str(self.folder)], capture_output=True).returncode == 0

    def fill(self):
        with (
            open(self.ballast, "wb", buffering=0) as file,
            pytest.raises(OSError, match="No space left"),
        ):
            while True:
                file.write(bytes(4096))


@pytest.fixture()
def disk(tmp_path):
    found = SmallDisk(tmp_path / "disk")
    found.folder.mkdir()
    if not found.command("mount", "-t", "tmpfs", "-o", "size=8m", "s2f-test"):
        pytest.skip("mounting a small disk needs root and the right to mount")
    yield found
    found.command("umount", "-l")


def saved_at(folder):
    return checkpoints.load_torch_file(folder / "resume.pt")["images_seen"]


def test_where_nothing_can_be_written_for_a_while_nothing_is_lost(tiny, manifest, tmp_path):
    """Between images 8 and 16 files have a limit, and a slider moves: said, and training goes on by
    itself.
    """
    resource = pytest.importorskip("resource")
    before, seen = resource.getrlimit(resource.RLIMIT_FSIZE), []

    class Trouble:
        def on_step(self, run):
            if run.images_seen == 12:
                run.live.set("lambda_l1", 50.0, "test")
            if run.folder.parent.name == "whole":
                return
            if run.images_seen in (8, 16):
                resource.setrlimit(
                    resource.RLIMIT_FSIZE, (20_000, before[1]) if run.images_seen == 8 else before
                )
            if 8 < run.images_seen <= 16:
                seen.append(saved_at(run.folder))
                assert list(run.folder.rglob("*.part")) == []

    options = {"save_every_s": 0.0, "sample_every_images": 4} | LATER
    run = start(tiny, manifest, tmp_path / "runs", **options)
    try:
        assert train(run, callbacks=[Trouble()], progress=False) == "done"
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert seen == [8] * 4 and saved_at(run.folder) == 24  # a save that fails changes nothing
    problems = [e["message"] for e in read_log(run.folder)[1] if e["event"] == "problem"]
    for images in (10, 12, 14, 16):
        (said,) = [
            p
            for p in problems
            if p.startswith(f"could not save at image {images}: no space left in")
        ]
        assert str(run.folder) in said and "what was saved at image 8 is still there" in said
        assert said.endswith("; training goes on")
    assert json.loads((run.folder / "controls.json").read_text())["lambda_l1"] == 50.0
    whole = train_whole(tiny, manifest, tmp_path / "whole", [Trouble()], **options)
    assert_equal(run.folder, whole.folder)


def test_a_disk_that_is_full_at_the_end_says_so_and_the_same_session_saves_later(
    tiny, manifest, tmp_path, disk
):
    run = start(tiny, manifest, disk.folder, save_every_s=1e9, **LATER)

    class Fill:
        def on_step(self, run):
            if run.images_seen == 8:
                write_state(run)
            if run.images_seen == 20:
                disk.fill()

    with pytest.raises(
        NotSavedError, match="could not save at image 24, the last: no space left in .*"
    ):
        train(run, callbacks=[Fill()], progress=False)
    assert saved_at(run.folder) == 8
    disk.ballast.unlink()
    assert train(run, progress=False) == "done" and saved_at(run.folder) == 24
    whole = train_whole(tiny, manifest, tmp_path / "whole", **LATER)
    assert_equal(run.folder, whole.folder)


def test_a_run_whose_last_generator_was_not_written_is_not_at_its_end(
    tiny, manifest, tmp_path, monkeypatch
):
    run = start(tiny, manifest, tmp_path / "runs", save_every_s=1e9)

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    class Early:
        def on_step(self, run):
            if run.images_seen == 8:
                write_state(run)
                monkeypatch.setattr(checkpoints, "save_generator", full)

    with pytest.raises(NotSavedError):
        train(run, callbacks=[Early()], progress=False)
    monkeypatch.undo()
    wanted = tiny(save_every_s=1e9)
    assert finished(wanted, manifest, tmp_path / "runs") is None
    again = open_run(wanted, manifest, tmp_path / "runs", device="cpu", progress=False)
    assert again.folder == run.folder and again.images_seen == 8


def test_a_folder_that_is_gone_is_not_made_anew(tiny, manifest, tmp_path):
    run = start(tiny, manifest, tmp_path / "runs")
    away = tmp_path / "away"

    class Unmount:
        def on_step(self, run):
            if run.images_seen == 8:
                os.rename(run.folder, away)

    with pytest.raises(NotSavedError, match="is gone: bring it back .in Colab, mount Drive again."):
        train(run, callbacks=[Unmount()], progress=False)
    os.rename(away, run.folder)
    assert train(run, progress=False) == "done" and saved_at(run.folder) == 24


def test_no_room_for_a_run_is_said_before_it_begins(tiny, manifest, disk):
    disk.fill()
    with pytest.raises(OSError, match="0 MB are free, the run needs .* MB"):
        start(tiny, manifest, disk.folder)
    assert [p.name for p in disk.folder.iterdir()] == ["ballast"]


CELL = """
import sys
sys.path.insert(0, {root!r})
from s2f_utils.data import read_manifest
from s2f_utils.notebook import start
from s2f_utils.train import config
from s2f_utils.train.log import read_log
from s2f_utils.train.loop import train
from s2f_utils.train.run import finished, open_run
session = start("02", "demo", {folder!r})
settings = config.resolve("pix2pix", "full", {settings!r})
manifest = read_manifest({manifest!r})
run = open_run(settings, manifest, session.folder / "runs", device="cpu", progress=False)
lambda_l1 = run.live["lambda_l1"]
print("begins at", run.images_seen, "of", run.total_images, "lambda_l1", lambda_l1, flush=True)
rows = [row["images"] for row in read_log(run.folder)[0]]
print("rows", rows[:1], rows[-1:], flush=True)
reason = train(run, progress=False)
print("ended", reason, run.images_seen, flush=True)
"""


@pytest.mark.slow
def test_an_interrupted_kernel_saves_and_a_fresh_one_goes_on(tiny, manifest, tmp_path):
    """Interrupt, as by a notebook's button; then the kernel dies in the middle of training; then a
    third one.
    """
    pytest.importorskip("ipykernel")
    pytest.importorskip("jupyter_client")
    from tests.test_widgets import Kernel

    resolved = tiny(total_images=10**6, save_every_s=0.5, log_every_images=2)
    settings = resolved.config.model_dump()
    code = {
        "root": str(Path(__file__).resolve().parents[1]),
        "folder": str(tmp_path),
        "manifest": str(manifest.path),
    }
    folder = tmp_path / "02" / "runs" / "0001-pix2pix"

    def wait_for(condition):
        deadline = time.monotonic() + 120
        while not condition() and time.monotonic() < deadline:
            time.sleep(0.05)
        assert condition()

    def saved():
        return saved_at(folder) if (folder / "resume.pt").exists() else 0

    kernel = Kernel()
    cell = kernel.start(CELL.format(**code, settings=settings))
    assert "begins at 0" in kernel.wait_for("begins at", 120)
    wait_for(lambda: saved() > 0)  # by time
    path = folder / "controls.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"lambda_l1": 25.0}))
    wait_for(lambda: any(e["event"] == "change" for e in read_log(folder)[1]))
    kernel.manager.interrupt_kernel()
    text, _ = kernel.finish(cell, 60)
    assert f"ended interrupted {saved()}" in text and "KeyboardInterrupt" not in text
    assert f"all is saved in {folder}. To go on, run the same command or cell again" in text
    kernel.client.stop_channels()
    kernel.manager.shutdown_kernel(now=True)

    stopped_at = saved()
    for _ in range(2):
        kernel = Kernel()
        kernel.start(CELL.format(**code, settings=settings))
        text = kernel.wait_for("begins at", 120)
        assert f"begins at {stopped_at} of 1000000 lambda_l1 25.0" in text
        if "rows" not in text:
            text = kernel.wait_for("rows")
        assert f"rows [2] [{stopped_at}]" in text
        wait_for(lambda at=stopped_at: saved() > at)
        kernel.client.stop_channels()
        kernel.manager.shutdown_kernel(now=True)  # without a chance to save
        stopped_at = saved()
    images = [row["images"] for row in read_log(folder)[0]]
    assert images == sorted(set(images)) and images[-1] >= stopped_at


def test_only_a_refused_write_is_called_a_full_disk(tmp_path):
    """A fault of ours while saving is not hidden behind "the disk is full"."""

    class Broken:
        def __reduce__(self):
            raise RuntimeError("a fault in __reduce__")

    with pytest.raises(RuntimeError, match="a fault in __reduce__"):
        checkpoints.save_resume(tmp_path / "resume.pt", {"x": Broken()})
    assert not list(tmp_path.iterdir())
