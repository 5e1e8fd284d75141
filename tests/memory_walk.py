"""How much memory of a GPU a training's step takes, without one: the walk of `tests/fake_cuda.py`.

`python -m tests.memory_walk` prints a table; docs/training.md has a part of it. What is counted:
weights, averages, gradients, Adam's moments, and what steps keep and make, forward and backward,
with all that a method regularises. Not counted: CUDA itself and cuDNN's workspaces, about a
gigabyte.
"""

from __future__ import annotations

import gc
import sys
from typing import Any
from unittest import mock

import torch

import s2f_studio.faces.method  # noqa: F401  its method is known by it
from s2f_utils import runtime
from s2f_utils.methods import METHODS
from s2f_utils.methods.method import Method
from s2f_utils.networks import checkpoints, pretrained, published
from s2f_utils.train.config import resolve
from tests.fake_cuda import A100, T4, fake_cuda
from tests.published import weights_like
from tests.steps import take_step

PROFILES = ("full", "demo")
# psp takes its decoder's sizes from the generator that it begins with; in `demo` faces of 128 px.
BEGUN = {
    ("psp", "demo"): {
        "size_px": 128,
        "load_size_px": 128,
        "decoder_px": 128,
        "style_dim": 128,
        "num_mlp": 4,
        "width": 256,
        "channel_multiplier": 0.5,
    }
}
T4_BYTES = 16e9


def two_steps(model: Method, batch_size: int) -> None:
    """A step with all that is regularised, then another: Adam's moments are there."""
    device = model.precision.device
    half_life = model.config.ema_half_life_images
    averages = [checkpoints.EMA(net, half_life) for net in model.generators.values() if half_life]
    if hasattr(model, "ada"):
        model.ada.p = 0.5
    for _ in range(2):
        sides = [torch.rand(batch_size, *shape, device=device) * 2 - 1 for shape in model.shapes]
        a, b = map(model.precision.images, sides)
        take_step(model, a.cpu() if model.from_cpu else a, b)
    for average in averages:
        average.update(batch_size, batch_size)


def step_bytes(
    method: str, profile: str = "full", capability: tuple[int, int] = T4, **changes: Any
) -> int:
    """The most memory that a step's tensors take on a GPU of this compute capability."""
    kind, config = METHODS[method], resolve(method, profile, changes, has_gpu=True).config
    pretrained.shared_features.cache_clear()
    published._loaded.cache_clear()
    gc.collect()
    with mock.patch.object(published, "_state", weights_like), fake_cuda(capability) as gpu:
        device = runtime.pick_device("cuda")
        memory_format = kind.memory_format(config, device)
        model = kind(config, runtime.pick_precision(device, config.precision, memory_format))
        two_steps(model, config.batch_size)
    return gpu.peak_bytes


def main() -> None:
    """Print the table."""
    print("| method | profile | size | batch | T4, float16 | A100, bfloat16 |")
    print("| --- | --- | ---: | ---: | ---: | ---: |")
    for method in sys.argv[1:] or METHODS:
        for profile in PROFILES:
            changes = BEGUN.get((method, profile), {})
            config = resolve(method, profile, changes, has_gpu=True).config
            cells = [method, f"`{profile}`", f"{config.size_px} px", str(config.batch_size)]
            for card in (T4, A100):
                cells.append(f"{step_bytes(method, profile, card, **changes) / 1e9:.1f} GB")
            print(f"| {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
