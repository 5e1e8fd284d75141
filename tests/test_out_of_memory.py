"""Memory that runs out: what is said, in a notebook and on the command line, and that the run is kept."""

from __future__ import annotations

import dataclasses
import weakref

import pytest
import torch

from s2f_utils import runtime
from s2f_utils.cli import main
from s2f_utils.data import read_manifest, stores
from s2f_utils.runtime import ConfigError
from s2f_utils.training import preflight
from s2f_utils.training.errors import MemoryFullError
from s2f_utils.training.loop import train
from s2f_utils.training.methods.pix2pix import Pix2Pix
from s2f_utils.training.run import open_run
from s2f_utils.training.tracking import read_log

REAL = Pix2Pix.step


def full(*_):
    raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total of 14.56 GiB")


def cannot(*_):
    return torch.empty(2**50)  # torch's own error on a CPU


def running_out(error, most=1, after=3):
    """A step that does the real one, and runs out of memory with more than `most` pictures after so many of them."""
    done = []

    def step(model, a, b, live):
        done.append(REAL(model, a, b, live))
        if len(done) > after and len(a) > most:
            error()
        return done[-1]

    return step


@pytest.mark.parametrize(("error", "said"), [(full, "CUDA out of memory"), (cannot, "allocate memory")])
def test_a_cell_is_told_what_to_do_and_goes_on_with_a_smaller_batch(error, said, tiny, faces_manifest, tmp_path):
    run = open_run(tiny(), read_manifest(faces_manifest), tmp_path, device="cpu", progress=False)
    step = running_out(error)
    with pytest.raises(MemoryFullError, match="accumulate=2.* batch_size=.* smaller size_px") as told:
        train(run, step=step, progress=False)
    assert said in str(told.value) and "saved at image 6" in str(told.value) and "\n" not in str(told.value)
    assert run.images_seen == run.saved_at == 6
    assert torch.load(run.resume_path, weights_only=True)["images_seen"] == 6
    assert all(p.grad is None for net in run.model.nets.values() for p in net.parameters())
    assert [event["event"] for event in read_log(run.folder)[1]][-1] == "out of memory"
    run.live.set("batch_size", 1, "cell")  # as it says
    assert train(run, step=step, progress=False) == "done" and run.images_seen == run.total_images


def test_what_the_step_held_is_let_go_of(tiny, faces_manifest, tmp_path):
    run = open_run(tiny(), read_manifest(faces_manifest), tmp_path, device="cpu", progress=False)
    held = []

    def step(model, a, b, live):
        large = torch.zeros(1000)
        held.append(weakref.ref(large))
        full()

    with pytest.raises(MemoryFullError) as told:
        train(run, step=step, progress=False)
    assert held[0]() is None and told.value.__cause__ is None


def test_other_errors_are_not_taken_for_it(tiny, faces_manifest, tmp_path):
    run = open_run(tiny(), read_manifest(faces_manifest), tmp_path, device="cpu", progress=False)

    def step(model, a, b, live):
        raise RuntimeError("shapes do not fit")

    with pytest.raises(RuntimeError, match="shapes do not fit"):
        train(run, step=step, progress=False)


def test_the_command_line_says_the_same_and_goes_on(faces_manifest, tmp_path, monkeypatch, capsys):
    asked = [
        "train", "pix2pix", "--data", str(faces_manifest.parent), "--profile", "fast", "--device", "cpu", "--no-report",
        "--runs", str(tmp_path), "--set", "total_images=24", "--set", "check_memory=false",
    ]  # fmt: skip
    monkeypatch.setattr(Pix2Pix, "step", running_out(full))
    assert main(asked) == 2
    said = capsys.readouterr().err
    assert "s2f: out of memory after 12 images" in said and "--set accumulate=2" in said and "Traceback" not in said
    monkeypatch.setattr(Pix2Pix, "step", running_out(full, most=2))
    assert main([*asked, "--set", "accumulate=2"]) == 0
    assert len(list(tmp_path.iterdir())) == 1  # it went on with the same run


@pytest.mark.parametrize("fitting", [0, 1])
def test_the_look_at_a_gpus_memory_survives_its_end(fitting, tiny, monkeypatch):
    """The step is the real one, on the CPU; CUDA's accounts are made up, for there is no GPU."""
    config, precision = tiny(batch_size=8).config, runtime.Precision(torch.device("cpu"), torch.float32, False)

    def step(model, num):
        model.step(*preflight._blank(model, num), model.live_values())
        if num > fitting:
            full()

    monkeypatch.setattr(preflight, "_step", step)
    monkeypatch.setattr(stores, "free_bytes", lambda device: 1_000_000)
    for name in ("memory_allocated", "max_memory_allocated"):
        monkeypatch.setattr(torch.cuda, name, lambda device, name=name: 600_000 * name.startswith("max"))
    monkeypatch.setattr(torch.cuda, "reset_peak_memory_stats", lambda device: None)
    if not fitting:
        with pytest.raises(ConfigError, match="does not fit with one picture at a time: choose a smaller size_px"):
            preflight._on_gpu(Pix2Pix, config, precision)
        return
    config = dataclasses.replace(config, ema_half_life_images=0.0)
    need = preflight._on_gpu(Pix2Pix, config, precision)
    assert need.at(1) == 600_000 and need.at(2) == 1_000_000
    with pytest.raises(ConfigError, match="accumulate=8"):
        preflight.check(need, config, precision.device, 0)


def test_a_time_budget_cannot_be_planned_without_memory(tiny, faces_manifest, tmp_path, monkeypatch):
    monkeypatch.setattr(Pix2Pix, "step", cannot)
    resolved = tiny(time_budget_s=5.0, check_memory=False, accumulate=2)
    with pytest.raises(ConfigError, match=r"out of memory before the first image: choose .*accumulate=4"):
        open_run(resolved, read_manifest(faces_manifest), tmp_path, device="cpu", progress=False)
    assert not list(tmp_path.iterdir())
