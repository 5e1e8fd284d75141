"""Every method walks on CUDA without a GPU: a training by the real loop, saved, resumed, and its
answers, as on a T4 (float16) and on an A100 (bfloat16).

What a GPU computes is not seen here, and what it takes is: see `tests/test_gpu.py` for the rest.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch._subclasses.fake_tensor import DynamicOutputShapeException

import s2f_studio.faces.method  # its method is known by it
from s2f_utils import infer, networks, runtime
from s2f_utils.infer import restorers
from s2f_utils.methods import METHODS
from s2f_utils.methods.logistic import r1_penalty
from s2f_utils.methods.method import Batch, Context
from s2f_utils.networks import checkpoints, pretrained, published
from s2f_utils.train.config import resolve
from s2f_utils.train.loop import train
from s2f_utils.train.run import open_run
from tests.fake_cuda import A100, T4, WaitsForGPU, fake_cuda
from tests.steps import take_step
from tests.test_training import StopAt
from tests.walked_backward import walked_backward

pytestmark = pytest.mark.skipif(
    torch.cuda.is_available(), reason="this machine has a GPU: tests/test_gpu.py walks on it"
)
CARDS = {"T4": (T4, torch.float16), "A100": (A100, torch.bfloat16)}
MOVED = {"rotate_deg": 5.0, "shift_px": 2.0, "shear_deg": 5.0, "scale": 0.05, "elastic": 0.003}
# What the profile "fast" leaves out of a method, and what needs fewer steps to occur.
WALKED = {
    "pix2pix": MOVED | {"lambda_perceptual": 1.0, "dropout": 0.5},
    "cyclegan": MOVED,
    "cgan": MOVED,
    "faithful": {"lambda_perceptual": 1.0},
    "stylegan2": {"r1_every": 2, "path_every": 2, "noise_from_images": 8},
    "psp": MOVED
    | {"size_px": 64, "load_size_px": 64, "decoder_px": 64}
    | {"perceptual": "lpips", "lambda_id": 0.1, "mixing": 0.5, "lambda_l2_crop": 1.0},
    "restore": {"perceptual": "vgg", "lambda_style": 50.0, "lambda_id": 10.0, "r1_every": 2},
}
BATCH = 4
LENGTH = 5 * BATCH
STOPPED_AT = 4 * BATCH


@pytest.fixture(scope="module")
def faces_64(tmp_path_factory):
    """A StyleGAN2 of 64 px, and its discriminator, with which a pSp may begin."""
    folder = tmp_path_factory.mktemp("faces")
    sizes = {"size_px": 64, "channel_multiplier": 1.0, "width": 16}
    net_g = networks.build("stylegan2", style_dim=16, num_mlp=2, **sizes)
    net_d = networks.build("stylegan2-disc", **sizes)
    checkpoints.save_generator(folder / "discriminator.safetensors", net_d, {})
    return checkpoints.save_generator(folder / "generator.safetensors", net_g, {})


class Watched:
    """From a training's start to its last step whatever waits for the GPU is an error."""

    def __init__(self, gpu, last):
        self.gpu, self.last = gpu, last

    def on_start(self, run):
        run.last_save = math.inf  # a save that is due by time may wait
        self.gpu.may_wait = False

    def on_step(self, run):
        self.gpu.may_wait = run.images_seen >= self.last


def begin(method, manifest, runs, init=None, resume="never", **changes):
    settings = {
        "batch_size": BATCH,
        "total_images": LENGTH,
        "num_samples": 2,
        "log_every_images": 10**9,
        "sample_every_images": 10**9,
        "ema_half_life_images": 20.0,
    }
    settings |= WALKED.get(method, {}) | changes
    resolved = resolve(method, "fast", settings, has_gpu=True)
    return open_run(
        resolved, manifest, runs, device="cuda", resume=resume, init=init, progress=False
    )


def check_placed(run, dtype):
    """Networks and averages are on the GPU, as this card takes them."""
    assert run.precision.dtype is dtype and run.scaler.is_enabled() == (dtype is torch.float16)
    nets = [*run.model.nets.values(), *(average.net for average in run.ema.values())]
    for net in nets:
        tensors = [*net.parameters(), *net.buffers()]
        assert all(tensor.device.type == "cuda" for tensor in tensors)
        images = [t for t in tensors if t.ndim == 4 and min(t.shape) > 1]
        last = [t.is_contiguous(memory_format=torch.channels_last) for t in images]
        if not getattr(net, "needs_contiguous", False):
            assert all(last) if run.precision.channels_last else not all(last)


def answers(method, run):
    """What the run's generator answers on the GPU: pictures, uint8 (H, W, 3)."""
    picture = np.full((64, 64, 3), 200, np.uint8)
    if method == "restore":
        size_px = run.config.size_px
        seed = np.zeros(1, np.int64)
        restorer = restorers.load(run.folder, "cuda", engine="torch")
        (made,) = restorer.engine.run("restore", picture[None, :size_px, :size_px], seed)
        return [made[0]]
    if method == "stylegan2":
        styles = infer.load_styles(run.folder, "cuda", "auto", engine="torch")
        return list(styles.decode(styles.draw(2), noise=3))
    ways = list(run.generators) if method == "cyclegan" else [None]
    models = [infer.load(run.folder, "cuda", "auto", direction=way, engine="torch") for way in ways]
    for model in models:  # in the memory format that it was trained in
        assert model.engine.precision.memory_format == run.precision.memory_format
    return [model.translate(picture) for model in models]


# bfloat16 takes few ways of its own: only `make test-all` goes them.
ON_CARDS = ["T4", pytest.param("A100", marks=pytest.mark.slow)]


@pytest.mark.parametrize("card", ON_CARDS)
@pytest.mark.parametrize("method", [name for name in METHODS if METHODS[name].data != "custom"])
def test_a_training_walks_on_cuda(method, card, manifest, faces_64, tmp_path, no_published_weights):
    capability, dtype = CARDS[card]
    init = faces_64 if method == "psp" else None
    with fake_cuda(capability) as gpu:
        run = begin(method, manifest, tmp_path, init)
        check_placed(run, dtype)
        if method == "stylegan2":
            run.model.ada.p = 0.5
        # What is made once: kernels, loss networks; and the first sheet of samples.
        assert train(run, max_seconds=0.0, progress=False) == "chunk"
        watched = Watched(gpu, STOPPED_AT)
        assert train(run, callbacks=[watched, StopAt(STOPPED_AT)], progress=False) == "stopped"
        again = begin(method, manifest, tmp_path, init, resume="auto")
        again.live.set("sample", True, "test")
        assert again.images_seen == STOPPED_AT and train(again, progress=False) == "done"
        assert len(list(again.folder.glob("samples/*.png"))) == 2
        assert all(made.shape[2] == 3 for made in answers(method, again))
    loaded = no_published_weights
    assert sorted(loaded) == sorted(set(loaded)), "a loss network was loaded twice"
    assert pretrained.shared_features.cache_info().misses <= 1


@pytest.mark.parametrize("card", ON_CARDS)
@pytest.mark.parametrize("method", [name for name in METHODS if METHODS[name].data == "custom"])
def test_a_step_walks_on_cuda(method, card):
    """Of methods whose data no manifest of pairs has."""
    s2f_studio.faces.method.skin_area.cache_clear()  # it may be on another card
    with fake_cuda(CARDS[card][0]) as gpu:
        model, a, b = made(method)
        take_step(model, a, b)
        with gpu.waiting_is_an_error():
            take_step(model, a, b, steps=1)


def made(method, **changes):
    """A method on the GPU, and a batch for its step."""
    config = resolve(method, "fast", changes, has_gpu=True).config
    precision = runtime.pick_precision(runtime.pick_device("cuda"))
    model = METHODS[method](config, precision)
    sides = [torch.rand(BATCH, *shape, device="cuda") * 2 - 1 for shape in model.shapes]
    return model, *map(precision.images, sides)


# The walk sees


def reads_a_loss(model, batch, ctx):
    terms = METHODS["pix2pix"].step(model, batch, ctx)
    ctx.observe("l1", terms["loss_l1"].value.item())
    return terms


def copies_and_waits(model, batch, ctx):
    torch.tensor(0.5, device=batch.b.device)
    return METHODS["pix2pix"].step(model, batch, ctx)


def looks_for_places(model, batch, ctx):
    batch.b[batch.b > 0]
    return METHODS["pix2pix"].step(model, batch, ctx)


@pytest.mark.parametrize(
    ("step", "error"),
    [
        (reads_a_loss, WaitsForGPU),
        (copies_and_waits, WaitsForGPU),
        (looks_for_places, DynamicOutputShapeException),
    ],
)
def test_a_step_that_waits_is_seen(step, error):
    with fake_cuda() as gpu:
        model, a, b = made("pix2pix")
        ctx = Context(model.live_values(), model.precision)
        ctx.values(METHODS["pix2pix"].step(model, Batch(a, b), ctx))
        with gpu.waiting_is_an_error(), pytest.raises(error):
            step(model, Batch(a, b), ctx)


def test_tensors_on_two_devices_are_seen():
    with fake_cuda():
        model, a, b = made("pix2pix")
        with pytest.raises(RuntimeError, match="two devices|same device"):
            take_step(model, a, torch.zeros(b.shape))


def test_memory_is_that_of_living_tensors():
    """A million float32 values, then what a convolution's backward pass keeps and frees."""
    with fake_cuda() as gpu:
        before = gpu.live_bytes
        values = torch.zeros(1_000_000, device="cuda")
        view = values.view(1000, 1000)
        assert gpu.live_bytes - before == 4_000_000
        squares = view.requires_grad_().square()
        assert gpu.live_bytes - before == 8_000_000
        del values, squares, view
        assert gpu.live_bytes == before and gpu.peak_bytes >= before + 8_000_000


def gradients_of_losses(method):
    """All gradients of a method's networks for one batch on a CPU: of pix2pix's L1 loss, or of
    StyleGAN2's regularisers, which differentiate twice.
    """
    runtime.seed_everything(0)
    cpu = runtime.pick_precision(torch.device("cpu"), "float32")
    model = METHODS[method](resolve(method, "fast").config, cpu)
    a, b = (torch.rand(BATCH, *shape) * 2 - 1 for shape in model.shapes)
    if method == "pix2pix":
        losses = [(model.net_g(a) - b).abs().mean()]
    else:
        model.ada.p = 0.5
        losses = [model.path_penalty(BATCH, 0.9), r1_penalty(model.net_d, b, model.augment)]
    weights = [p for net in model.nets.values() for p in net.parameters()]
    for loss in losses:
        loss.backward(inputs=weights)
    return [p.grad for p in weights]


@pytest.mark.parametrize("method", ["pix2pix", "stylegan2"])
def test_the_walked_backward_pass_is_pytorchs(method):
    expected = gradients_of_losses(method)
    with walked_backward():
        found = gradients_of_losses(method)
    assert sum(gradient is not None for gradient in expected) > 20
    for ours, theirs in zip(found, expected, strict=True):
        assert (ours is None) == (theirs is None)
        if ours is not None:  # sums may be in another order
            assert (ours - theirs).abs().max() <= 1e-5 * theirs.abs().max()


def test_a_loss_network_is_the_same_under_both_names_of_a_gpu(no_published_weights):
    with fake_cuda():
        for device in ("cuda", "cuda:0"):
            published.network("arcface", torch.device(device))
    assert no_published_weights == ["arcface"]


def test_the_noise_of_path_lengths_is_drawn_on_the_gpu():
    with fake_cuda() as gpu:
        model, _, b = made("stylegan2")
        model.draw(BATCH, 0.9)
        before = gpu.sent_bytes
        model.draw(BATCH, 0.9)
        styles = gpu.sent_bytes - before
        model.path_penalty(BATCH, 0.9)
        assert gpu.sent_bytes - before - styles == styles < b.nbytes


# What is off by default, method by method.
OPTIONS = {
    "pix2pix": [
        {"discriminator": "projected", "lambda_perceptual": 1.0},
        {"norm": "instance", "gan_loss": "vanilla"},
    ],
    "cyclegan": [{"discriminator": "projected", "size_px": 64, "load_size_px": 64}],
    "stylegan2": [{"discriminator": "projected", "size_px": 64, "load_size_px": 64}],
    "psp": [
        {"perceptual": "efficientnet", "lambda_gan": 0.1, "lambda_components": 1.0}
        | {"size_px": 128, "load_size_px": 128, "decoder_px": 128},
        {"direction": "both-to-photo", "flip": 0.0, "mixing": 0.5},
    ],
    "restore": [
        {"perceptual": "efficientnet", "discriminator": "projected", "lambda_components": 1.0}
        | {"size_px": 128, "load_size_px": 128},
        {"decoder": "prior"},
    ],
}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("method", "changes"),
    [(method, changes) for method, every in OPTIONS.items() for changes in every],
    ids=str,
)
def test_options_walk_on_cuda(method, changes, no_published_weights):
    with fake_cuda() as gpu:
        model, a, b = made(method, **changes)
        a = a.cpu() if model.from_cpu else a
        take_step(model, a, b)
        with gpu.waiting_is_an_error():
            take_step(model, a, b, steps=1)
