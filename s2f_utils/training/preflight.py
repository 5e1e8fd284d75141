"""Whether a training can work, before it begins: its memory, its time and its space on the disk.

Memory is told by a few steps of a throw-away model on a small batch: what tensors take grows evenly with the batch, so
that batches of one and two pictures tell the rest.
"""

from __future__ import annotations

import dataclasses
import shutil
import statistics
import time
import traceback
import weakref
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from s2f_utils import runtime
from s2f_utils.data import DataError, stores
from s2f_utils.models.stylegan2_disc import StyleGAN2Discriminator
from s2f_utils.runtime import ConfigError, ranks
from s2f_utils.training.errors import is_out_of_memory, ways_out
from s2f_utils.training.method import Method
from s2f_utils.training.settings import INPUT_TONE, TrainConfig

ROOM = 0.9  # of what is free may be taken
# What else a CPU's memory holds (benchmarks/preflight_memory.py): the kernels' and the allocator's share beside the
# tensors, and the code that training loads.
SCRATCH, PROCESS = 1.1, 350_000_000


class Ledger(TorchDispatchMode):
    """Within it, the memory of all new tensors is counted: `now` and at most, in bytes."""

    def __init__(self) -> None:
        super().__init__()
        self.now = self.peak = 0
        self._known: weakref.WeakSet[Any] = weakref.WeakSet()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        for leaf in tree_leaves(out):
            if isinstance(leaf, torch.Tensor) and leaf.layout == torch.strided:
                self._add(leaf.untyped_storage())
        return out

    def _add(self, storage: torch.UntypedStorage) -> None:
        if storage in self._known:
            return
        size = storage.nbytes()
        self._known.add(storage)
        self.now += size
        self.peak = max(self.peak, self.now)
        weakref.finalize(storage, self._remove, size)

    def _remove(self, size: int) -> None:
        self.now -= size


@dataclass(frozen=True)
class Need:
    """Bytes that a training takes on its device beside its data, whatever the batch (`fixed`), and for each picture
    of a part of a batch; networks that see several pictures at once, by name; optimisers.
    """

    fixed: int
    per_image: int
    batch_statistics: tuple[str, ...] = ()
    num_optimizers: int = 1

    def at(self, num_images: int) -> int:
        """Bytes with so many pictures at once."""
        return self.fixed + num_images * self.per_image


def measure(kind: type[Method], config: TrainConfig, precision: runtime.Precision) -> Need:
    """What training by this method takes. Makes a model and two steps of it, and lets go of both; the global random
    generators are left as they were.
    """
    state, look = runtime.rng_state(), _on_gpu if precision.device.type == "cuda" else _counted
    try:
        with ranks.alone():
            return look(kind, config, precision)
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        traceback.clear_frames(error.__traceback__)
        raise ConfigError(
            f"memory: {stores.free_bytes(precision.device) / 1e9:.2g} GB are free, and training does not fit even with"
            " one or two pictures at a time: choose a smaller size_px, narrower networks, or another device"
        ) from None
    finally:
        runtime.set_rng_state(state)


def _counted(kind: type[Method], config: TrainConfig, precision: runtime.Precision) -> Need:
    ledger = Ledger()
    peaks = []
    with ledger:
        model = kind(config, precision)
        for num in (1, 1, 2):  # the first makes the optimisers' memory
            start = ledger.now
            ledger.peak = start
            _step(model, num)
            peaks.append(ledger.peak)
        averages = sum(p.nbytes for net in model.generators.values() for p in net.parameters())
        found = _need(peaks[1:], averages if config.ema_half_life_images else 0, model)
    fixed, per_image = round(SCRATCH * found.fixed) + PROCESS, round(SCRATCH * found.per_image)
    return dataclasses.replace(found, fixed=fixed, per_image=per_image)


def _on_gpu(kind: type[Method], config: TrainConfig, precision: runtime.Precision) -> Need:
    device, peaks = precision.device, []
    torch.cuda.empty_cache()
    before, free = torch.cuda.memory_allocated(device), stores.free_bytes(device)
    model = kind(config, precision)
    try:
        for num in (1, 1, 2):
            torch.cuda.reset_peak_memory_stats(device)
            _step(model, num)
            peaks.append(torch.cuda.max_memory_allocated(device) - before)
    except torch.OutOfMemoryError as error:
        if len(peaks) < 2:
            raise
        traceback.clear_frames(error.__traceback__)
        peaks.append(max(free, peaks[-1]))  # two pictures take more than there is
    averages = sum(p.nbytes for net in model.generators.values() for p in net.parameters())
    found = _need(peaks[1:], averages if config.ema_half_life_images else 0, model)
    del model
    torch.cuda.empty_cache()
    return found


def _need(peaks: list[int], averages: int, model: Method) -> Need:
    one, two = peaks
    per_image = max(0, two - one)
    return Need(max(0, one - per_image) + averages, per_image, tuple(batch_statistics(model)), len(model.optimizers))


def batch_statistics(model: Method) -> list[str]:
    """The networks that look at several pictures at once, by name: with parts they see fewer, and answer differently.

    Those with batch norm, and StyleGAN2's discriminator, which compares the pictures of a group.
    """
    kinds = (nn.modules.batchnorm._BatchNorm, StyleGAN2Discriminator)
    return [name for name, net in model.nets.items() if any(isinstance(part, kinds) for part in net.modules())]


def _blank(model: Method, num: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Grey pictures a and b of a batch of `num`, as the networks see them."""
    size, precision = model.config.size_px, model.precision
    return tuple(
        precision.images(torch.zeros(num, channels, side, side, device=precision.device))
        for channels, side in ((model.given_channels, size), (model.target_channels, size * model.target_scale))
    )


def _step(model: Method, num: int) -> None:
    model.step(*_blank(model, num), model.live_values())


def check(need: Need, config: TrainConfig, device: torch.device, data_bytes: int, accumulates: bool = True) -> str:
    """A line that says what will be taken and what is free. ConfigError where it is too much, with a way out: the
    batch in parts, which takes less memory and gives nearly the same, or a smaller size.
    """
    free = stores.free_bytes(device) * ROOM
    batch = -(-config.batch_size // (config.accumulate * ranks.size()))
    wanted = need.at(batch) + data_bytes
    line = f"memory: about {wanted / 1e9:.2g} GB for training, {free / ROOM / 1e9:.2g} GB are free"
    if wanted <= free:
        return line
    ways = []
    fitting = int((free - need.fixed - data_bytes) // max(1, need.per_image))
    if 1 <= fitting < batch and accumulates:
        parts = -(-config.batch_size // fitting)
        ways.append(f"accumulate={parts} (batches of {config.batch_size} in {parts} parts: {_how_alike(need)})")
    elif 1 <= fitting < batch:
        ways.append(f"batch_size={fitting}")
    ways.append("a smaller size_px, narrower networks, or another device")
    raise ConfigError(
        f"{line}: choose {', or '.join(ways)}; check_memory=false trains all the same, and may end the session"
    )


def _how_alike(need: Need) -> str:
    """How what training gives with batches in parts is like what it gives with whole ones."""
    apart = [f"{' and '.join(need.batch_statistics)} sees fewer pictures at once"] if need.batch_statistics else []
    apart += ["the networks learn at the same time, not in turns"] if need.num_optimizers > 1 else []
    return f"nearly the same result: {', and '.join(apart)}" if apart else "the same result, more slowly"


def check_parts(kind: type[Method], config: TrainConfig) -> None:
    """Raise ConfigError where batches are to be gone through in parts by a method that needs whole ones, or the input's
    tone is to change in one that does not learn an answer to it from pairs.
    """
    if config.accumulate > 1 and not kind.accumulates:
        raise ConfigError(f"accumulate must be 1 with {kind.__name__}: take a smaller batch_size")
    for name in INPUT_TONE:
        if getattr(config, name) and kind.data != "pairs":
            raise ConfigError(f"{name} must be 0 with {kind.__name__}: it is for methods that learn from pairs")


def check_memory(kind: type[Method], config: TrainConfig, precision: runtime.Precision, num_rows: int) -> str:
    """What training takes of the memory and what is free, in a line; ConfigError where it is too much."""
    pictures = 2 * num_rows * config.load_size_px**2 * 3  # uint8; where they do not fit, they are read as needed
    free = stores.free_bytes(precision.device)
    kept = pictures if pictures < free / 2 else 0
    return check(measure(kind, config, precision), config, precision.device, kept, kind.accumulates)


def images_in_time(kind: type[Method], config: TrainConfig, precision: runtime.Precision, num_steps: int = 8) -> int:
    """How many images are likely to fit into the time budget, which `pace` keeps then: from a few
    steps of a throw-away model, with batches in as many parts as in training.
    """
    try:
        with runtime.tuned(precision.device):
            seconds, cycle = _timed(kind, config, precision, num_steps)
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        traceback.clear_frames(error.__traceback__)
        ways = ways_out(config.batch_size, config.accumulate, kind.accumulates)
        raise ConfigError(f"out of memory before the first image: {ways}") from None
    usual = statistics.median if cycle == 1 else statistics.mean
    per_step = 1.1 * usual(seconds)  # a tenth more for data, log, samples and saves
    return ranks.told(max(config.batch_size, int(config.time_budget_s / per_step) * config.batch_size))


def _timed(
    kind: type[Method], config: TrainConfig, precision: runtime.Precision, num_steps: int
) -> tuple[list[float], int]:
    """How long each of some steps takes, in seconds, and after how many steps their costs repeat."""
    model = kind(config, precision)
    seconds = []
    for _ in range(3 + max(num_steps, model.cycle)):
        began = time.monotonic()
        with ranks.batch(config.batch_size) as share:
            a, b = _blank(model, share.stop - share.start)
            losses = model.learn(kind.step, a, b, model.live_values(), config.accumulate)
        float(sum(losses.values()))  # reading a value waits for the device
        seconds.append(time.monotonic() - began)
    return seconds[3:], model.cycle


def check_space(folder: Path, model: Method, config: TrainConfig, is_new: bool) -> None:
    """Refuse a run that could not be saved before it begins, with a DataError."""
    place = next(p for p in (folder.absolute(), *folder.absolute().parents) if p.is_dir())
    weights = sum(p.numel() for net in model.nets.values() for p in net.parameters())
    states = config.keep_last + 1 if is_new else 1  # one is written while those before it are still there
    need = 4 * weights * (states * (3 + 1) + 2)  # weights and Adam's two moments, average; generator, old and new
    free = shutil.disk_usage(place).free
    if free < need:
        raise DataError(
            f"{place}: {free / 1e6:.0f} MB are free, but this run needs {need / 1e6:.0f} MB to be saved: free some"
            " space or choose another folder"
        )
