"""How much memory a training will take, before it begins: from a few steps of a throw-away model on a small batch.

What tensors take grows evenly with the batch, so that batches of one and two pictures tell the rest.
"""

from __future__ import annotations

import weakref
from dataclasses import dataclass
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from s2f_utils import runtime
from s2f_utils.data import stores
from s2f_utils.runtime import ConfigError
from s2f_utils.training.accumulate import batch_statistics, in_parts
from s2f_utils.training.config import TrainConfig
from s2f_utils.training.method import Method

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
    of a part of a batch; networks that see several pictures at once, by name.
    """

    fixed: int
    per_image: int
    batch_statistics: tuple[str, ...] = ()

    def at(self, num_images: int) -> int:
        """Bytes with so many pictures at once."""
        return self.fixed + num_images * self.per_image


def measure(kind: type[Method], config: TrainConfig, precision: runtime.Precision) -> Need:
    """What training by this method takes. Makes a model and two steps of it, and lets go of both; the global random
    generators are left as they were.
    """
    state = runtime.rng_state()
    try:
        return (
            _on_gpu(kind, config, precision) if precision.device.type == "cuda" else _counted(kind, config, precision)
        )
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
            _step(model, config, precision, num)
            peaks.append(ledger.peak)
        averages = sum(p.nbytes for net in model.generators.values() for p in net.parameters())
        found = _need(peaks[1:], averages if config.ema_half_life_images else 0, model)
    return Need(round(SCRATCH * found.fixed) + PROCESS, round(SCRATCH * found.per_image), found.batch_statistics)


def _on_gpu(kind: type[Method], config: TrainConfig, precision: runtime.Precision) -> Need:
    device = precision.device
    torch.cuda.empty_cache()
    before = torch.cuda.memory_allocated(device)
    model = kind(config, precision)
    peaks = []
    for num in (1, 1, 2):
        torch.cuda.reset_peak_memory_stats(device)
        _step(model, config, precision, num)
        peaks.append(torch.cuda.max_memory_allocated(device) - before)
    averages = sum(p.nbytes for net in model.generators.values() for p in net.parameters())
    found = _need(peaks[1:], averages if config.ema_half_life_images else 0, model)
    del model
    torch.cuda.empty_cache()
    return found


def _need(peaks: list[int], averages: int, model: Method) -> Need:
    one, two = peaks
    per_image = max(0, two - one)
    return Need(max(0, one - per_image) + averages, per_image, tuple(batch_statistics(model)))


def _step(model: Method, config: TrainConfig, precision: runtime.Precision, num: int) -> None:
    a, b = (
        precision.images(torch.zeros(num, channels, *(config.size_px,) * 2, device=precision.device))
        for channels in (model.given_channels, 3)
    )
    in_parts(type(model).step, 1)(model, a, b, model.live_values())


def check(need: Need, config: TrainConfig, device: torch.device, data_bytes: int, accumulates: bool = True) -> str:
    """A line that says what will be taken and what is free. ConfigError where it is too much, with a way out: the
    batch in parts, which takes less memory and gives the same (`batch_statistics` apart), or a smaller size.
    """
    free = stores.free_bytes(device) * ROOM
    batch = -(-config.batch_size // config.accumulate)
    wanted = need.at(batch) + data_bytes
    line = f"memory: about {wanted / 1e9:.2g} GB for training, {free / ROOM / 1e9:.2g} GB are free"
    if wanted <= free:
        return line
    ways = []
    fitting = int((free - need.fixed - data_bytes) // max(1, need.per_image))
    if 1 <= fitting < batch and accumulates:
        parts = -(-config.batch_size // fitting)
        same = (
            f"nearly the same result: {' and '.join(need.batch_statistics)} sees fewer pictures at once"
            if need.batch_statistics
            else "the same result, more slowly"
        )
        ways.append(f"accumulate={parts} (batches of {config.batch_size} in {parts} parts: {same})")
    elif 1 <= fitting < batch:
        ways.append(f"batch_size={fitting}")
    ways.append("a smaller size_px, narrower networks, or another device")
    raise ConfigError(
        f"{line}: choose {', or '.join(ways)}; check_memory=false trains all the same, and may end the session"
    )
