"""CUDA tensors on a machine that has no GPU: they have a shape, a type and a device, and no values.

Tensors on the CPU are real. An operation on a CUDA tensor gives another one by the rules of
`FakeTensorMode`: two devices in one operation raise. What waits for a GPU is known here: within
`waiting_is_an_error` reading a value and a blocking copy raise, as with
`torch.cuda.set_sync_debug_mode`; elsewhere a value that is read is 0, or True.

PyTorch's backward does not run on such tensors, and `tests/walked_backward.py` stands in for it.
"""

from __future__ import annotations

import contextlib
import types
import weakref
from collections.abc import Iterator, Sequence
from typing import Any
from unittest import mock

import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode, unset_fake_temporarily
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_map

from tests.walked_backward import walked_backward

aten = torch.ops.aten
READS = (aten._local_scalar_dense.default, aten.equal.default)
COPIES = (aten._to_copy.default,)
T4, A100 = (7, 5), (8, 0)  # compute capabilities


class WaitsForGPU(AssertionError):
    """A step reads from the GPU, or copies to it and waits."""


class FakeCuda(TorchDispatchMode):
    """Sends operations on CUDA tensors to a FakeTensorMode, and counts the memory that they hold.

    live_bytes, peak_bytes: of all storages on the GPU, now and at most. sent_bytes: copied to it.
    """

    def __init__(self, fake: FakeTensorMode) -> None:
        super().__init__()
        self.fake = fake
        self.may_wait = True
        self.live_bytes = 0
        self.peak_bytes = 0
        self.sent_bytes = 0
        self._storages: set[int] = set()

    def __torch_dispatch__(
        self, func: Any, kinds: Sequence[type], args: tuple = (), kwargs: dict | None = None
    ) -> Any:
        kwargs = kwargs or {}
        values = [*each_of(args), *kwargs.values()]
        if not any(map(is_on_gpu, values)):
            with unset_fake_temporarily():
                return func(*args, **kwargs)
        if func is torch.ops.prim.device.default:
            return args[0].device
        if not self.may_wait and waits(func, args, kwargs):
            raise WaitsForGPU(f"{func} waits for the GPU")
        if func in COPIES and is_real(args[0]):
            self.sent_bytes += args[0].nbytes
        if func in READS:
            return args[0].dtype is torch.bool or func is aten.equal.default
        if func is aten.copy_.default and not is_on_gpu(args[0]):
            with unset_fake_temporarily():
                return args[0].copy_(values_of(args[1]))
        if any(is_real(value) for value in values):
            args, kwargs = tree_map(as_fake, (args, kwargs))
        return self._arrived(func(*args, **kwargs))

    def _arrived(self, result: Any) -> Any:
        """An operation's result, counted where it is on the GPU, with values where it is not."""
        is_back = False
        for tensor in each_of((result,)):
            if is_on_gpu(tensor):
                self._count(tensor.untyped_storage())
            is_back |= isinstance(tensor, FakeTensor) and not is_on_gpu(tensor)
        if not is_back:
            return result
        with unset_fake_temporarily():
            return tree_map(as_real, result)

    def _count(self, storage: torch.UntypedStorage) -> None:
        """Count a storage's memory from now until it is freed."""
        key, num_bytes = storage._cdata, storage.nbytes()
        if key in self._storages:
            return
        self._storages.add(key)
        self.live_bytes += num_bytes
        self.peak_bytes = max(self.peak_bytes, self.live_bytes)
        weakref.finalize(storage, self._free, key, num_bytes)

    def _free(self, key: int, num_bytes: int) -> None:
        self._storages.discard(key)
        self.live_bytes -= num_bytes

    @contextlib.contextmanager
    def waiting_is_an_error(self) -> Iterator[None]:
        """Within the block, whatever waits for the GPU raises WaitsForGPU."""
        before, self.may_wait = self.may_wait, False
        try:
            yield
        finally:
            self.may_wait = before


def each_of(values: Sequence[Any]) -> list[Any]:
    """The values, and those in lists and tuples among them."""
    flat = []
    for value in values:
        if isinstance(value, list | tuple):
            flat += value
        else:
            flat.append(value)
    return flat


def is_real(value: Any) -> bool:
    """Whether this is a tensor with values."""
    return isinstance(value, Tensor) and not isinstance(value, FakeTensor)


def is_on_gpu(value: Any) -> bool:
    """Whether this is a CUDA tensor or device."""
    if isinstance(value, Tensor):
        return value.device.type == "cuda"
    return isinstance(value, torch.device) and value.type == "cuda"


def waits(func: Any, args: tuple, kwargs: dict) -> bool:
    """Whether the CPU waits for the GPU in this operation."""
    if func in READS:
        return True
    if func is aten._to_copy.default:
        target = kwargs.get("device") or args[0].device
        crosses = is_on_gpu(args[0]) != is_on_gpu(target)
        return crosses and not kwargs.get("non_blocking", False)
    if func is aten.copy_.default:
        crosses = is_on_gpu(args[0]) != is_on_gpu(args[1])
        non_blocking = args[2] if len(args) > 2 else kwargs.get("non_blocking", False)
        return crosses and not non_blocking
    return False


def as_fake(value: Any) -> Any:
    """A real tensor as one without values; anything else as it is."""
    if not is_real(value):
        return value
    return torch.empty_strided(value.shape, value.stride(), dtype=value.dtype, device="cpu")


def as_real(value: Any) -> Any:
    """A tensor that has arrived on the CPU, with values; anything else as it is."""
    if not isinstance(value, FakeTensor) or is_on_gpu(value):
        return value
    return values_of(value)


def values_of(tensor: Tensor) -> Tensor:
    """A real tensor of this shape and type: zeros, or True."""
    fill = 1 if tensor.dtype is torch.bool else 0
    return torch.full(tuple(tensor.shape), fill, dtype=tensor.dtype)


def stays(one: Tensor, other: Tensor) -> None:
    """`torch.utils.swap_tensors`, which refuses fake tensors, where a network is where it goes."""
    if one.device != other.device:
        raise RuntimeError(f"a network goes from {one.device} to {other.device}: not walked")


@contextlib.contextmanager
def fake_cuda(
    capability: tuple[int, int] = T4, memory_bytes: int = 16 * 10**9
) -> Iterator[FakeCuda]:
    """Within the block, torch has one GPU of this compute capability, whose tensors are fake."""
    stream = mock.Mock()
    cuda = {
        "is_available": lambda: True,
        "device_count": lambda: 1,
        "current_device": lambda: 0,
        "current_stream": lambda device=None: stream,
        "get_device_capability": lambda device=None: capability,
        "is_bf16_supported": lambda including_emulation=True: capability >= A100,
        "get_device_name": lambda device=None: "fake",
        "mem_get_info": lambda device=None: (memory_bytes, memory_bytes),
        "get_rng_state": lambda device=None: torch.zeros(16, dtype=torch.uint8),
        "set_rng_state": lambda state, device=None: None,
        "empty_cache": lambda: None,
    }
    with FakeTensorMode() as fake, contextlib.ExitStack() as stack:
        for name, stand_in in cuda.items():
            stack.enter_context(mock.patch.object(torch.cuda, name, stand_in))
        stack.enter_context(mock.patch.object(FakeTensorMode, "avoid_device_init", True))
        stack.enter_context(mock.patch.object(torch.utils, "swap_tensors", stays))
        stack.enter_context(mock.patch.object(Tensor, "pin_memory", lambda self: self))
        stack.enter_context(mock.patch.object(torch, "save", _save_values(torch.save)))
        stack.enter_context(mock.patch.object(torch, "load", _load_values(torch.load)))
        stack.enter_context(walked_backward())
        yield stack.enter_context(FakeCuda(fake))


def _save_values(save: types.FunctionType) -> Any:
    """`torch.save`, which writes the values that CUDA tensors would have."""

    def saved(value: Any, *args: Any, **kwargs: Any) -> None:
        save(tree_map(lambda x: x.cpu() if is_on_gpu(x) else x, value), *args, **kwargs)

    return saved


def _load_values(load: types.FunctionType) -> Any:
    """`torch.load`, which reads values also where tensors may be fake."""

    def loaded(*args: Any, **kwargs: Any) -> Any:
        with unset_fake_temporarily():
            return load(*args, **kwargs)

    return loaded
