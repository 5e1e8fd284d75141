"""What only a GPU can show: nothing waits for it, float16, resumed training, memory; its answers
are a CPU's.

A minute on an H100. Of the packages, torch, torchvision, numpy, Pillow, OpenCV, safetensors,
psutil, cyclopts, tqdm and pytest are needed; without scikit-image the sheets of samples have no
scores, without kornia pictures are not rotated, and three methods are skipped, as is what needs the
weights of a shipped model where they are absent.
"""

from __future__ import annotations

import contextlib
import gc
import importlib.util

import numpy as np
import pytest
import torch

import s2f_studio
import s2f_studio.faces.method  # noqa: F401  its method is known by it
from s2f_studio import cli, shipped
from s2f_studio.drawings import prepare as drawings
from s2f_utils import metrics, runtime, weights
from s2f_utils.methods import METHODS
from s2f_utils.train.config import resolve
from s2f_utils.train.loop import train
from s2f_utils.train.run import open_run
from tests.steps import take_step
from tests.test_training import StopAt, all_tensors

pytestmark = pytest.mark.gpu
DEVICE = "cuda"
ON_THE_CPU = {"restore": "photos are made bad on the CPU"}  # methods whose step has to wait
WITHOUT_WEIGHTS = {
    "psp": {"perceptual": "discriminator"},
    "restore": {"perceptual": "discriminator"},
}
NEED_KORNIA = {"expect", "faithful"}  # for the loss of SSIM
HAS_KORNIA = importlib.util.find_spec("kornia") is not None
MOVED = {"rotate_deg": 5.0, "shift_px": 2.0} if HAS_KORNIA else {}


@pytest.fixture(autouse=True)
def scores_without_skimage(monkeypatch):
    """A machine without scikit-image trains here all the same: its sheets of samples have no
    scores.
    """
    if importlib.util.find_spec("skimage") is None:
        monkeypatch.setattr(metrics, "measure", lambda fakes, reals, names: {})


def skip_without_kornia(method):
    if method in NEED_KORNIA and not HAS_KORNIA:
        pytest.skip(f"{method} needs kornia")


def skip_without(*models):
    absent = [name for name in models if not shipped.all_files()[name].is_file()]
    if absent:
        pytest.skip(f"the weights of {', '.join(absent)} are not on this machine")


@contextlib.contextmanager
def waiting_is_an_error():
    """Within it, whatever waits for the GPU raises RuntimeError."""
    torch.cuda.set_sync_debug_mode("error")
    try:
        yield
    finally:
        torch.cuda.set_sync_debug_mode("default")


@pytest.fixture()
def repeatable():
    before = torch.backends.cudnn.deterministic
    torch.backends.cudnn.deterministic = True
    torch.use_deterministic_algorithms(True, warn_only=True)
    yield
    torch.use_deterministic_algorithms(False)
    torch.backends.cudnn.deterministic = before


def made(method, precision="auto", **changes):
    """A method on the GPU, small, and a batch of random pictures for its step."""
    skip_without_kornia(method)
    config = resolve(method, "fast", WITHOUT_WEIGHTS.get(method, {}) | changes, has_gpu=True).config
    skip_without(*getattr(config, "experts", ()))
    device = runtime.pick_device(DEVICE)
    chosen = runtime.pick_precision(
        device, precision, METHODS[method].memory_format(config, device)
    )
    torch.manual_seed(0)
    model = METHODS[method](config, chosen)
    pictures = [
        torch.rand(config.batch_size, *shape, device=chosen.device) * 2 - 1
        for shape in model.shapes
    ]
    return model, *map(chosen.images, pictures)


def begin(manifest, runs, method="pix2pix", resume="never", **changes):
    skip_without_kornia(method)
    usual = {
        "total_images": 64,
        "num_samples": 2,
        "log_every_images": 10**9,
        "sample_every_images": 10**9,
    }
    resolved = resolve(method, "fast", usual | changes, has_gpu=True)
    return open_run(resolved, manifest, runs, device=DEVICE, resume=resume, progress=False)


@pytest.mark.parametrize("precision", ["auto", "float16"])
@pytest.mark.parametrize("method", sorted(set(METHODS) - set(ON_THE_CPU)))
def test_a_step_never_waits_for_the_gpu(method, precision):
    model, a, b = made(method, precision)
    live = model.live_values()
    for _ in range(2):  # what is made once
        take_step(model, a, b, live)
    with waiting_is_an_error():
        for n in range(36):  # some regularise every 16 steps
            losses = take_step(model, a, b, live, steps=n)
    assert all(torch.isfinite(torch.as_tensor(value)).all() for value in losses.values())


class Watched:
    """Between the first and the last step of a training a wait is an error."""

    def __init__(self, last):
        self.last = last

    def on_start(self, run):
        torch.cuda.set_sync_debug_mode("error")

    def on_step(self, run):
        if run.images_seen >= self.last:
            torch.cuda.set_sync_debug_mode("default")


@pytest.mark.parametrize(
    ("method", "elastic"), [("pix2pix", 0.0), ("cyclegan", 0.003), ("faithful", 0.003)]
)
def test_the_loop_waits_only_for_what_is_due(manifest, tmp_path, method, elastic):
    moved = MOVED | ({"elastic": elastic} if HAS_KORNIA else {})
    run = begin(manifest, tmp_path, method, total_images=48, ema_half_life_images=20.0, **moved)
    train(
        run, max_seconds=0.0, progress=False
    )  # a step: the sheet of samples, and what is made once
    with contextlib.ExitStack() as stack:
        stack.callback(torch.cuda.set_sync_debug_mode, "default")
        assert train(run, callbacks=[Watched(48)], progress=False) == "done"


@pytest.mark.parametrize("precision", ["float32", "auto", "float16"])
def test_a_resumed_training_is_the_uninterrupted_one(manifest, tmp_path, precision, repeatable):
    options = {"precision": precision, "ema_half_life_images": 20.0, "dropout": 0.5} | MOVED
    whole = begin(manifest, tmp_path / "whole", **options)
    assert train(whole, progress=False) == "done"
    assert (
        train(
            begin(manifest, tmp_path / "parts", **options), callbacks=[StopAt(24)], progress=False
        )
        == "stopped"
    )
    torch.rand(100, device=DEVICE)
    parts = begin(manifest, tmp_path / "parts", resume="auto", **options)
    assert parts.images_seen == 24 and train(parts, progress=False) == "done"
    expected, found = all_tensors(whole), all_tensors(parts)
    apart = [
        k
        for k, v in expected.items()
        if not torch.equal(torch.as_tensor(v), torch.as_tensor(found[k]))
    ]
    assert apart == [] and len(expected) > 100


def test_float16_scales_its_loss_and_leaves_out_a_step_that_overflows():
    model, a, b = made("pix2pix", "float16", lambda_l1=100.0)
    live = model.live_values()
    scaler = model.precision.scaler()
    l1 = [float(take_step(model, a, b, live, scaler=scaler)["loss_l1"]) for _ in range(30)]
    assert np.isfinite(l1).all() and l1[-1] < l1[0]
    scale, before = scaler.get_scale(), [p.clone() for p in model.net_g.parameters()]
    take_step(model, a, b, live | {"lambda_l1": 1e38}, scaler=scaler)
    assert scaler.get_scale() < scale
    assert all(map(torch.equal, model.net_g.parameters(), before))


@pytest.mark.parametrize("num", [4, 300_000, 3_000_000])
def test_what_is_sent_arrives_whole_although_nothing_waits(num):
    busy = torch.randn(2048, 2048, device=DEVICE)
    device = torch.device(DEVICE)
    expected = [torch.full((num,), float(turn)) for turn in range(8)]
    arrived = []
    with waiting_is_an_error():
        for turn in range(8):
            busy = busy @ busy * 1e-3
            arrived.append(
                runtime.to_device(torch.full((num,), float(turn)), device)
            )  # the source is let go at once
    assert all(torch.equal(one.cpu(), other) for one, other in zip(arrived, expected, strict=True))


@pytest.mark.parametrize(("precision", "levels"), [("float32", 1.0), ("auto", 4.0)])
@pytest.mark.parametrize("asked", [{"answer": "average"}, {"seed": 3}], ids=str)
def test_answers_are_those_of_a_cpu(asked, precision, levels, generator_file):
    skip_without(shipped.EXPECT, shipped.PEOPLE, weights.PREVIEW, weights.FINDER)
    picture = drawings.prepare(drawings.example("plain-man")).image
    answers = [
        s2f_studio.load("sketch-to-photo", device, kind, engine="torch")
        .translate(picture, **asked)
        .astype(float)
        for device, kind in ((DEVICE, precision), ("cpu", "float32"))
    ]
    assert np.abs(answers[0] - answers[1]).mean() < levels


def test_too_large_a_batch_is_told_in_one_line(faces_manifest, tmp_path, capsys):
    settings = ("size_px=256", "load_size_px=256", "batch_size=512", "total_images=512")
    args = [
        "train",
        "pix2pix",
        "--data",
        str(faces_manifest),
        "--runs",
        str(tmp_path),
        "--device",
        DEVICE,
    ]
    args += ["--profile", "full", *(part for setting in settings for part in ("--set", setting))]
    gc.collect()
    torch.cuda.empty_cache()
    _, total = torch.cuda.mem_get_info()
    torch.cuda.set_per_process_memory_fraction(
        3e9 / total
    )  # the networks fit, what a batch leaves behind does not
    try:
        status = cli.main(args)
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    told = capsys.readouterr().err.splitlines()[-1]
    assert (
        status == 2 and "out of memory after 0 images" in told and "smaller batch than 512" in told
    )
