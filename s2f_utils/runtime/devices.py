"""The machine: its cores, its device, the engine that runs a model, copies to and from a GPU, the
random generators, and what a result says of it.
"""

from __future__ import annotations

import contextlib
import ctypes
import importlib.metadata
import importlib.util
import os
import platform
import random
import re
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING, Any

from s2f_utils.runtime.words import pip_install

if TYPE_CHECKING:
    import torch

PAGEABLE_BYTES = 60_000  # CUDA copies so much aside at once; more is faster from pinned memory
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # of glibc's malloc.h
KEPT_BYTES = 2**30
# What runs a model: onnxruntime its graphs, PyTorch its network.
ENGINES = ("auto", "torch", "onnx")
_, TORCH, ONNX = ENGINES
NEEDS = {
    TORCH: f"PyTorch, for models of your own, published ones, and training: {pip_install('train')}",
    ONNX: "onnxruntime: pip install onnxruntime",
}


def num_cores() -> int:
    """How many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


# The device that "auto" means; "auto" for the best one.
_preferred: ContextVar[str] = ContextVar("preferred device", default="auto")


@contextlib.contextmanager
def preferred_device(name: str) -> Iterator[None]:
    """Within the block `pick_device` takes this device where nobody names another: a command's
    --device also reaches the metrics, which take pictures and no device.
    """
    token = _preferred.set(name)
    try:
        yield
    finally:
        _preferred.reset(token)


def pick_device(wanted: str = "auto") -> torch.device:
    """The device of this name, or for "auto" the preferred one, or the best: cuda, then mps, then
    cpu.

    Raises ValueError for a device that this machine does not have.
    """
    import torch

    available = ["cpu"]
    if torch.backends.mps.is_available():
        available.insert(0, "mps")
    if torch.cuda.is_available():
        available.insert(0, "cuda")
    if wanted == "auto":
        wanted = _preferred.get()
    if wanted == "auto":
        return torch.device(available[0])
    kind, colon, number = wanted.partition(":")
    num = torch.cuda.device_count() if kind == "cuda" else 1
    has_number = number.isdecimal() and int(number) < num
    if kind not in available or (colon and not has_number):
        raise ValueError(
            f"device {wanted!r} is not available here: use one of auto, {', '.join(available)}"
        )
    return torch.device(wanted)


def has_engine(engine: str) -> bool:
    """Whether an engine's package is installed."""
    return importlib.util.find_spec({TORCH: "torch", ONNX: "onnxruntime"}[engine]) is not None


def choose_engine(engine: str = "auto", device: str = "auto", *, has_graphs: bool = True) -> str:
    """The engine for a model: the requested one, or, with "auto", PyTorch on a GPU, and on a CPU
    onnxruntime, which is faster for default answers (docs/deploy.md), if the model has graphs.

    Raises ValueError for another engine, for onnxruntime on a GPU, and if its package
    is missing.
    """
    device = str(device)
    if engine not in ENGINES:
        raise ValueError(f"engine must be one of {', '.join(ENGINES)}, got {engine!r}")
    if engine == ONNX and device not in ("auto", "cpu"):
        raise ValueError(
            f"onnxruntime computes on the CPU here: leave device {device} out, or take engine"
            f" {TORCH}"
        )
    if engine == "auto":
        engine = ONNX if has_graphs and has_engine(ONNX) and not on_gpu(device) else TORCH
    if not has_engine(engine):
        raise ValueError(f"this needs {NEEDS[engine]}")
    return engine


def on_gpu(device: str = "auto") -> bool:
    """Whether a device, as `pick_device` names it, is a GPU.

    Raises ValueError for a missing one.
    """
    device = str(device)
    if device == "cpu" or (device == "auto" and not has_engine(TORCH)):
        return False
    if not has_engine(TORCH):
        raise ValueError(f"device {device!r} needs {NEEDS[TORCH]}")
    return pick_device(device).type != "cpu"


def full_name(device: torch.device) -> str:
    """A device's name, also of the present GPU with its number: "cuda" is "cuda:0", or whichever
    tensors are placed on, so that what is kept for each device is kept once.
    """
    import torch

    if device.type == "cuda" and device.index is None:
        return f"cuda:{torch.cuda.current_device()}"
    return str(device)


def _processor() -> str:
    """Linux's description of the processor; "" on other systems."""
    with contextlib.suppress(OSError):
        return Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="ignore")
    return ""


def cpu_has_bfloat16() -> bool:
    """Whether the processor multiplies bfloat16 in hardware
    (AVX-512 BF16, AMX, or an ARM with BF16).
    """
    return bool(re.search(r"\b(avx512_bf16|amx_bf16|bf16)\b", _processor()))


def to_device(value: torch.Tensor, device: torch.device) -> torch.Tensor:
    """A tensor on the device, copied without waiting for the work that a GPU has still to do."""
    on_gpu = device.type == "cuda"
    if on_gpu and value.device.type == "cpu" and value.nbytes > PAGEABLE_BYTES:
        value = value.pin_memory()  # a GPU copies from it by itself
    return value.to(device, non_blocking=on_gpu)


def start_copy(value: torch.Tensor) -> Callable[[], torch.Tensor]:
    """Begin to copy a tensor to the CPU; the returned function waits for the copy."""
    import torch

    on_gpu = value.device.type == "cuda"
    copy = value.detach().to("cpu", non_blocking=on_gpu)
    done = torch.cuda.current_stream(value.device).record_event() if on_gpu else None

    def wait() -> torch.Tensor:
        if done is not None:
            done.synchronize()
        return copy

    return wait


def keep_freed_memory() -> None:
    """Tell glibc, for the rest of the process, to keep up to a gigabyte of freed memory at hand.

    It would give each large tensor back to the system, which hands out new memory page by page, at
    a page fault each. Nothing happens where there is another C library.
    """
    if platform.libc_ver()[0] != "glibc":
        return
    libc = ctypes.CDLL(None)
    libc.mallopt(M_MMAP_THRESHOLD, KEPT_BYTES)
    libc.mallopt(M_TRIM_THRESHOLD, KEPT_BYTES)


@contextlib.contextmanager
def tuned(device: torch.device) -> Iterator[None]:
    """Context for many steps of equal shapes: on a CPU, what a step frees is kept for the next one
    (`keep_freed_memory`, which outlasts the block); on a GPU cuDNN chooses the fastest kernel for
    each shape.

    That choice, and with it the last bits of a result, may differ from run to run; nothing changes
    where deterministic algorithms are asked for.
    """
    import torch

    if device.type == "cpu":
        keep_freed_memory()

    cudnn = torch.backends.cudnn
    before = cudnn.benchmark
    deterministic = cudnn.deterministic or torch.are_deterministic_algorithms_enabled()
    if device.type == "cuda" and not deterministic:
        cudnn.benchmark = True
    try:
        yield
    finally:
        cudnn.benchmark = before


def seed_everything(seed: int) -> None:
    """Seed Python's and NumPy's global generators, and torch's, where it is installed."""
    import numpy as np

    random.seed(seed)
    np.random.seed(seed % 2**32)
    with contextlib.suppress(ImportError):
        import torch

        torch.manual_seed(seed)


def rng_state(device: torch.device) -> dict[str, Any]:
    """The states of the global random generators and of this GPU's, as types that
    `torch.load(weights_only=True)` reads.
    """
    import numpy as np
    import torch

    name, keys, position, has_gauss, cached = np.random.get_state()
    return {
        "python": random.getstate(),
        "numpy": [name, torch.from_numpy(keys.astype(np.int64)), position, has_gauss, cached],
        "torch": torch.get_rng_state(),
        "cuda": [torch.cuda.get_rng_state(device)] if device.type == "cuda" else [],
    }


def set_rng_state(state: dict[str, Any], device: torch.device) -> None:
    """Set the global random generators to a saved state, and every rank's GPU to rank zero's."""
    import numpy as np
    import torch

    version, internal, gauss = state["python"]
    random.setstate((version, tuple(internal), gauss))
    name, keys, position, has_gauss, cached = state["numpy"]
    np.random.set_state((name, keys.numpy().astype(np.uint32), position, has_gauss, cached))
    torch.set_rng_state(state["torch"])
    if device.type == "cuda" and state["cuda"]:
        torch.cuda.set_rng_state(state["cuda"][0], device)


def machine_facts() -> dict[str, str]:
    """Processor, GPU, memory and versions, to be written beside every result."""
    import numpy
    import psutil
    import torch

    processor = platform.processor() or platform.machine()
    if model := re.search(r"^model name\s*: (.+)$", _processor(), re.MULTILINE):
        processor = model[1].strip()
    return {
        "processor": f"{processor}, {os.cpu_count()} cores",
        "memory": f"{psutil.virtual_memory().total / 2**30:.0f} GiB",
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else "none",
        "python": platform.python_version(),
        "torch": torch.__version__,
        "torchvision": importlib.metadata.version("torchvision"),
        "numpy": numpy.__version__,
        "system": platform.system(),
    }
