"""Memory that runs out: what is said, in a notebook and on the command line, and that the run is
kept.
"""

from __future__ import annotations

import weakref

import pytest
import torch

from s2f_studio.cli import main
from s2f_utils.data import read_manifest
from s2f_utils.methods.pix2pix import Pix2Pix
from s2f_utils.train import MemoryFullError, is_out_of_memory
from s2f_utils.train.log import read_log
from s2f_utils.train.loop import train
from s2f_utils.train.run import open_run

REAL = Pix2Pix.step


def full(*_):
    raise torch.OutOfMemoryError(
        "CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total of 14.56 GiB"
    )


def cannot(*_):
    return torch.empty(2**50)  # torch's own error on a CPU


def running_out(error, most=1, after=3):
    """A step that does the real one, and runs out of memory with more than `most` pictures after so
    many of them.
    """
    done = []

    def step(model, batch, ctx):
        done.append(REAL(model, batch, ctx))
        if len(done) > after and len(batch.a) > most:
            error()
        return done[-1]

    return step


@pytest.mark.parametrize(
    ("error", "said"), [(full, "CUDA out of memory"), (cannot, "allocate memory")]
)
def test_a_cell_is_told_what_to_do_and_goes_on_with_a_smaller_batch(
    error, said, tiny, faces_manifest, tmp_path
):
    run = open_run(tiny(), read_manifest(faces_manifest), tmp_path, device="cpu", progress=False)
    step = running_out(error)
    with pytest.raises(MemoryFullError, match="batch_size=.* smaller size_px") as told:
        train(run, step=step, progress=False)
    assert (
        said in str(told.value)
        and "saved at image 6" in str(told.value)
        and "\n" not in str(told.value)
    )
    assert run.images_seen == run.saved_at == 6
    assert torch.load(run.resume_path, weights_only=True)["images_seen"] == 6
    assert all(p.grad is None for net in run.model.nets.values() for p in net.parameters())
    assert [event["event"] for event in read_log(run.folder)[1]][-1] == "out of memory"
    run.live.set("batch_size", 1, "cell")  # as it says
    assert train(run, step=step, progress=False) == "done" and run.images_seen == run.total_images


def test_what_the_step_held_is_let_go_of(tiny, faces_manifest, tmp_path):
    run = open_run(tiny(), read_manifest(faces_manifest), tmp_path, device="cpu", progress=False)
    held = []

    def step(model, batch, ctx):
        large = torch.zeros(1000)
        held.append(weakref.ref(large))
        full()

    with pytest.raises(MemoryFullError) as told:
        train(run, step=step, progress=False)
    assert held[0]() is None and told.value.__cause__ is None


def test_the_command_line_says_the_same_and_goes_on(faces_manifest, tmp_path, monkeypatch, capsys):
    asked = [
        "train",
        "pix2pix",
        "--data",
        str(faces_manifest.parent),
        "--profile",
        "fast",
        "--device",
        "cpu",
        "--no-scores",
        "--runs",
        str(tmp_path),
        "--set",
        "total_images=24",
    ]
    monkeypatch.setattr(Pix2Pix, "step", running_out(full))
    assert main(asked) == 2
    said = capsys.readouterr().err
    assert (
        "s2f: out of memory after 12 images" in said
        and "--set batch_size=" in said
        and "Traceback" not in said
    )
    monkeypatch.setattr(Pix2Pix, "step", running_out(full, most=2))
    assert main([*asked, "--set", "batch_size=2"]) == 0
    assert len(list(tmp_path.glob("*-pix2pix-*"))) == 1, "the same run went on"


@pytest.mark.parametrize(
    "said",
    [
        "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`",
        "cuDNN error: CUDNN_STATUS_ALLOC_FAILED",
    ],
)
def test_what_cublas_and_cudnn_say_is_memory_as_well(said):
    assert is_out_of_memory(RuntimeError(said))
    assert not is_out_of_memory(RuntimeError(said.replace("ALLOC", "EXECUTION")))


def test_a_batch_that_fits_16_gb_is_named_where_it_is_known(
    tiny, faces_manifest, tmp_path, monkeypatch
):
    monkeypatch.setattr(Pix2Pix, "batch_of_16gb", 1)
    run = open_run(tiny(), read_manifest(faces_manifest), tmp_path, device="cpu", progress=False)
    with pytest.raises(MemoryFullError, match="settings of full, batch_size=1 fits 16 GB"):
        train(run, step=running_out(full), progress=False)
