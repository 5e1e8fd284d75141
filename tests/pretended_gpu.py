"""A GPU for tests that is none: tensors on "cuda" lie in the CPU's memory, and what would wait for it is noted.

What a GPU does is queued, and Python goes on; it waits where a value is read back, where the size of a result depends
on values, and where memory that is not pinned is copied over without `non_blocking`. Such a wait costs little by itself
and leaves the GPU without work.
"""

from __future__ import annotations

import contextlib
import threading
import traceback
import weakref
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar
from unittest import mock

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map

from s2f_utils.runtime import PAGEABLE

GPU, CPU = torch.device("cuda"), torch.device("cpu")
ROOT = Path(__file__).resolve().parents[1]
READ_BACK = {"_local_scalar_dense", "nonzero", "_linalg_check_errors", "equal", "masked_select", "unique_consecutive"}
BY_INDEX = {"index", "index_put", "index_put_", "_index_put_impl_", "index_fill_"}
MOVES = {Tensor.to, Tensor.cpu, Tensor.cuda}
TO_PYTHON = {Tensor.tolist, Tensor.numpy, Tensor.__array__}
GROUPED = torch._C._group_tensors_by_device_and_dtype
FROM_PYTHON = {torch.tensor, torch.as_tensor, torch.asarray, Tensor.new_tensor}


class PretendedGPU(TorchFunctionMode):
    """Within it, "cuda" is a device. waits: what Python waited for since it was emptied, with the line that did it."""

    _there: ClassVar[weakref.WeakSet[Any]] = weakref.WeakSet()  # storages; one GPU, so that what is cached stays there

    def __init__(self) -> None:
        super().__init__()
        self.waits: list[str] = []
        self.pinned_in: list[str] = []  # the names of threads
        self.default = GPU  # of tensors that torch makes by itself, such as in backward
        self._pinned: weakref.WeakSet[Any] = weakref.WeakSet()
        self._coming: weakref.WeakSet[Any] = weakref.WeakSet()  # to the CPU, and not there yet
        self._copying = False

    def has(self, value: Any) -> bool:
        """Whether this is a tensor on the GPU."""
        return isinstance(value, Tensor) and value.untyped_storage() in self._there

    def is_coming(self, given: list[Tensor]) -> bool:
        """Whether one of these is on its way to the CPU."""
        return any(one.untyped_storage() in self._coming for one in given)

    def put(self, made: Any) -> Any:
        """The same tensors, now on the GPU."""
        for one in tree_leaves(made):
            if isinstance(one, Tensor):
                self._there.add(one.untyped_storage())
        return made

    def wait(self, why: str) -> None:
        """Note a wait, and which line of the project is to blame."""
        ours = [f for f in traceback.extract_stack() if f.filename.startswith(f"{ROOT}/s2f_utils")]
        where = f"{Path(ours[-1].filename).relative_to(ROOT)}:{ours[-1].lineno} {ours[-1].line}" if ours else "here"
        self.waits.append(f"{where}: {why}")

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        given = [one for one in tree_leaves((args, kwargs)) if isinstance(one, Tensor)]
        on_gpu = any(map(self.has, given))
        name = getattr(func, "__name__", "")
        if func == Tensor.device.__get__:
            return GPU if on_gpu else func(*args, **kwargs)
        if func == Tensor.is_cuda.__get__:
            return on_gpu
        if func is torch._C._nn._parse_to:
            return func(*args, **kwargs)
        if func in MOVES:
            return self._moved(func, args, kwargs)
        if func in TO_PYTHON and on_gpu:
            self.wait(f"{name} of a tensor on the GPU")
        target, args, kwargs = _without_device(args, kwargs)
        target = target or (GPU if on_gpu else CPU)
        if func in FROM_PYTHON and target == GPU and not (func is torch.as_tensor and self.has(args[0])):
            self.wait(f"{name} copies what Python has")
        before, self.default = self.default, target
        try:
            made = func(*args, **kwargs)
        finally:
            self.default = before
        if func in FROM_PYTHON and target == GPU:
            self.put(made)
        return made

    def _moved(self, func: Any, args: Any, kwargs: Any) -> Tensor:
        """`to` and its kin: a copy, where the device changes."""
        x, rest = args[0], args[1:]
        start = GPU if self.has(x) else CPU
        if func is Tensor.to:
            other = next((one for one in (*rest, *kwargs.values()) if isinstance(one, Tensor)), None)
            plain = {key: value for key, value in kwargs.items() if key != "copy"}
            device, dtype, non_blocking, layout = torch._C._nn._parse_to(*rest, **plain)
            device = (GPU if self.has(other) else CPU) if other is not None else device or start
        else:
            device, dtype = (GPU if func is Tensor.cuda else CPU), None
            non_blocking, layout = kwargs.get("non_blocking", False), None
        device = torch.device(device.type)
        options = {"memory_format": layout} if layout is not None else {}
        if device == start:
            return x.to(dtype or x.dtype, copy=kwargs.get("copy", False), **options)
        if device == CPU and not non_blocking:
            self.wait("copied to the CPU")
        elif device == GPU and not non_blocking:
            self.wait("copied to the GPU without non_blocking")
        elif device == GPU and x.nbytes > PAGEABLE and x.untyped_storage() not in self._pinned:
            self.wait(f"{x.nbytes} bytes copied to the GPU that are not pinned")
        self._copying = True
        try:
            made = x.to(dtype or x.dtype, copy=True, **options)
        finally:
            self._copying = False
        if device == CPU and non_blocking:
            self._coming.add(made.untyped_storage())
        return self.put(made) if device == GPU else made

    def pin(self, x: Tensor) -> Tensor:
        """As `Tensor.pin_memory`, in any thread."""
        if x.untyped_storage() in self._pinned:
            return x
        made = x.clone()
        self.pinned_in.append(threading.current_thread().name)
        self._pinned.add(made.untyped_storage())
        return made

    def stream(self, device: Any = None) -> Any:
        """What `torch.cuda.current_stream` gives: an event's wait is one for what was asked for, and no more."""
        event = SimpleNamespace(synchronize=self._coming.clear)
        return SimpleNamespace(record_event=lambda: event)

    def by_device(self, lists: Any, with_indices: bool = False) -> Any:
        """torch's `_group_tensors_by_device_and_dtype`, which optimisers ask, with the devices that are pretended."""
        found = GROUPED(lists, with_indices)
        return {
            (GPU if any(map(self.has, groups[0])) else device, dtype): (groups, places)
            for (device, dtype), (groups, places) in found.items()
        }


class _Below(TorchDispatchMode):
    """What torch's own operations do, those of backward too."""

    def __init__(self, gpu: PretendedGPU) -> None:
        super().__init__()
        self.gpu = gpu

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        gpu, name = self.gpu, func._schema.name.removeprefix("aten::")
        given = [one for one in tree_leaves((args, kwargs)) if isinstance(one, Tensor)]
        there = [gpu.has(one) for one in given]
        here = any(one.ndim for one, is_there in zip(given, there, strict=True) if not is_there)
        if gpu.is_coming(given):
            gpu.wait(f"{name} reads what has not come yet")
        made = func(*args, **(kwargs or {}))
        if gpu._copying:
            return made
        if any(there):
            if name in READ_BACK:
                gpu.wait(f"{name} reads the GPU")
            elif name in BY_INDEX and any(one.dtype == torch.bool for one in given[1:]):
                gpu.wait(f"{name} by a mask has to count")
            elif name in BY_INDEX and here:
                gpu.wait(f"{name} by numbers that Python has")
            elif name == "copy_" and len(set(there)) == 2:
                gpu.wait("copy_ from one device to the other")
            elif here:
                raise RuntimeError(f"{func}: tensors on both devices, {there}")
            return made if there[:1] == [False] and name == "copy_" else gpu.put(made)
        return gpu.put(made) if not given and gpu.default == GPU else made


def _without_device(args: Any, kwargs: Any) -> tuple[torch.device | None, Any, Any]:
    """The device that is asked for, and the arguments without it."""
    asked = [torch.device(kwargs["device"])] if kwargs.get("device") is not None else []
    asked += [one for one in tree_leaves(args) if isinstance(one, torch.device)]
    if not asked:
        return None, args, kwargs
    kwargs = kwargs | ({"device": CPU} if "device" in kwargs else {})
    args = tree_map(lambda one: CPU if isinstance(one, torch.device) else one, args)
    return torch.device(asked[0].type), args, kwargs


@contextlib.contextmanager
def pretended_gpu() -> Iterator[PretendedGPU]:
    """Within the block, tensors can be on "cuda"; gives what knows of the waits."""
    gpu = PretendedGPU()
    stream = mock.patch("torch.cuda.current_stream", gpu.stream)
    grouped = mock.patch("torch._C._group_tensors_by_device_and_dtype", gpu.by_device)
    pinned = mock.patch.object(Tensor, "pin_memory", lambda x: gpu.pin(x))
    with stream, grouped, pinned, _Below(gpu), gpu:
        yield gpu
