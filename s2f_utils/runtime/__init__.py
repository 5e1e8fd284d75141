"""The machine and the run: device, precision, seeds, numbered run folders, files written whole,
names of profiles.
"""

from __future__ import annotations

import contextlib
import errno
import functools
import importlib
import itertools
import json
import os
import platform
import random
import re
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import torch


PROFILE_NAMES = ("full", "demo", "fast")  # of notebooks
TRAINING_PROFILES = ("full", "small", "demo", "fast")  # "small" can only be asked for
PAGEABLE = 60_000  # bytes: so much CUDA copies aside at once
EVERYTHING = "sketch-to-face[train]"  # as pip knows the project with all that it uses


class ConfigError(ValueError):
    """A setting that does not exist or has an impossible value."""


def lazily(places: Mapping[str, str]) -> Callable[[str], Any]:
    """A package's `__getattr__`: names by the modules that have them, which are imported when one
    is asked for.
    """

    def attribute(name: str) -> Any:
        if name not in places:
            raise AttributeError(f"there is no {name!r} here")
        return getattr(importlib.import_module(places[name]), name)

    return attribute


def num_cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def pick_device(wanted: str = "auto") -> torch.device:
    """The best device: cuda, then mps, then cpu; or the one asked for, with a ValueError if it is
    not there.
    """
    import torch

    is_there = {
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
        "cpu": True,
    }
    names = [name for name in is_there if is_there[name]]
    kind, colon, number = wanted.partition(":")
    num = torch.cuda.device_count() if kind == "cuda" else 1
    fits = kind in names and (not colon or (number.isdecimal() and int(number) < num))
    if wanted != "auto" and not fits:
        raise ValueError(
            f"device {wanted!r} is not available here: use one of auto, {', '.join(names)}"
        )
    return torch.device(names[0] if wanted == "auto" else wanted)


def _processor() -> str:
    """What Linux says of the processor; "" elsewhere."""
    with contextlib.suppress(OSError):
        return Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="ignore")
    return ""


def cpu_has_bfloat16() -> bool:
    """Whether the processor multiplies bfloat16 in hardware (AVX-512 BF16, AMX, or an ARM with
    BF16).
    """
    return bool(re.search(r"\b(avx512_bf16|amx_bf16|bf16)\b", _processor()))


@dataclass(frozen=True)
class Precision:
    """The number format of the forward passes, and the memory format that measures faster with it.

    `benchmarks/train_speed.py` measures both; parameters, losses and optimisers always stay in
    float32.
    """

    device: torch.device
    dtype: torch.dtype
    channels_last: bool

    @property
    def name(self) -> str:
        return str(self.dtype).removeprefix("torch.")

    def prepare(self, net: torch.nn.Module) -> torch.nn.Module:
        """Move a network to the device and the memory format, and let its forward pass run in this
        precision.

        What the network returns is float32 again, so that a training step reads like the paper's.
        """
        import torch

        net.to(self.device)
        if self.channels_last and not getattr(net, "needs_contiguous", False):
            for tensor in (*net.parameters(), *net.buffers()):
                if (
                    tensor.ndim == 4
                ):  # StyleGAN2 has weights of five dimensions, which the network's own to() refuses
                    tensor.data = tensor.data.contiguous(memory_format=torch.channels_last)
        if self.dtype != torch.float32:
            plain_forward = type(net).forward

            @functools.wraps(plain_forward)
            def forward(*inputs: torch.Tensor, **options: Any) -> torch.Tensor:
                with torch.autocast(self.device.type, self.dtype):
                    return _float32(plain_forward(net, *inputs, **options))

            net.forward = forward
        return net

    def autocast(self) -> torch.autocast:
        """Parts of a prepared network that are called by themselves run in this precision inside of
        it.
        """
        import torch

        return torch.autocast(self.device.type, self.dtype, enabled=self.dtype != torch.float32)

    def images(self, batch: torch.Tensor) -> torch.Tensor:
        """A batch (N, C, H, W) in this memory format."""
        import torch

        return batch.contiguous(memory_format=torch.channels_last) if self.channels_last else batch

    def scaler(self) -> torch.amp.GradScaler:
        """Gradient scaling: at work in float16 only. It begins at 4,096, so that a short run skips
        few steps.
        """
        import torch

        return torch.amp.GradScaler(
            self.device.type, init_scale=2.0**12, enabled=self.dtype == torch.float16
        )


def _float32(output: Any) -> Any:
    """A tensor, or lists of tensors, in float32."""
    return (
        type(output)(map(_float32, output)) if isinstance(output, list | tuple) else output.float()
    )


def pick_precision(
    device: torch.device, precision: str = "auto", memory_format: str = "auto"
) -> Precision:
    """bfloat16 where the hardware has it, float16 on other CUDA cards (T4), else float32; channels
    last with both.
    """
    import torch

    if precision == "auto":
        if device.type == "cuda":
            precision = (
                "bfloat16" if torch.cuda.get_device_capability(device)[0] >= 8 else "float16"
            )
        else:
            precision = "bfloat16" if device.type == "cpu" and cpu_has_bfloat16() else "float32"
    if precision not in (known := ("float32", "bfloat16", "float16")):
        raise ValueError(f"precision must be auto, {', '.join(known)}, got {precision!r}")
    if precision == "float16" and device.type == "cpu":
        raise ValueError("float16 training needs a GPU: use precision=auto, bfloat16 or float32")
    channels_last = (
        device.type in ("cpu", "cuda")
        if memory_format == "auto"
        else memory_format == "channels_last"
    )
    return Precision(device, getattr(torch, precision), channels_last)


def sent(drawn: torch.Tensor, device: torch.device) -> torch.Tensor:
    """What the CPU has drawn, on the device; a GPU's queue of work is not waited for."""
    on_gpu = device.type == "cuda"
    if on_gpu and drawn.device.type == "cpu" and drawn.nbytes > PAGEABLE:
        drawn = drawn.pin_memory()  # from which a GPU fetches it by itself
    return drawn.to(device, non_blocking=on_gpu)


@contextlib.contextmanager
def tuned(device: torch.device) -> Iterator[None]:
    """Within the block, cuDNN tries which kernels are fastest for each shape, and remembers them:
    training's shapes stay. Which wins may differ from run to run, and with it the last bits; not
    where deterministic ones are asked for.
    """
    import torch

    cudnn = torch.backends.cudnn
    before, repeatable = (
        cudnn.benchmark,
        cudnn.deterministic or torch.are_deterministic_algorithms_enabled(),
    )
    cudnn.benchmark = before or (device.type == "cuda" and not repeatable)
    try:
        yield
    finally:
        cudnn.benchmark = before


def start_copy(value: torch.Tensor) -> Callable[[], torch.Tensor]:
    """Begin to copy a tensor to the CPU; returns a function that waits for the copy and gives it."""
    import torch

    on_gpu = value.device.type == "cuda"
    copy = value.detach().to("cpu", non_blocking=on_gpu)
    done = torch.cuda.current_stream(value.device).record_event() if on_gpu else None

    def wait() -> torch.Tensor:
        if done is not None:
            done.synchronize()
        return copy

    return wait


def seed_everything(seed: int) -> None:
    """Seed Python's and NumPy's global generators, and torch's, where it is installed."""
    random.seed(seed)
    np.random.seed(seed % 2**32)
    with contextlib.suppress(ImportError):
        import torch

        torch.manual_seed(seed)


def rng_state(device: torch.device) -> dict[str, Any]:
    """The state of the global random generators and of this GPU's, which
    `torch.load(weights_only=True)` reads back.
    """
    import torch

    name, keys, position, has_gauss, cached = np.random.get_state()
    return {
        "python": random.getstate(),
        "numpy": [name, torch.from_numpy(keys.astype(np.int64)), position, has_gauss, cached],
        "torch": torch.get_rng_state(),
        "cuda": [torch.cuda.get_rng_state(device)] if device.type == "cuda" else [],
    }


def set_rng_state(state: dict[str, Any], device: torch.device) -> None:
    """Put the global random generators back to a saved state; every rank's GPU to that of rank
    zero's.
    """
    import torch

    version, internal, gauss = state["python"]
    random.setstate((version, tuple(internal), gauss))
    name, keys, position, has_gauss, cached = state["numpy"]
    np.random.set_state((name, keys.numpy().astype(np.uint32), position, has_gauss, cached))
    torch.set_rng_state(state["torch"])
    if device.type == "cuda" and state["cuda"]:
        torch.cuda.set_rng_state(state["cuda"][0], device)


def new_run_folder(root: str | os.PathLike, name: str) -> Path:
    """Make and return the next free numbered folder under `root`, such as runs/0007-pix2pix-demo."""
    root = Path(root)
    root.mkdir(parents=True, exist_ok=True)
    numbers = [int(m[1]) for p in root.iterdir() if (m := re.match(r"(\d{4,})-", p.name))]
    for number in itertools.count(1 + max(numbers, default=0)):
        folder = root / f"{number:04d}-{name}"
        with contextlib.suppress(FileExistsError):  # somebody else took the number in the meantime
            folder.mkdir()
            return folder


def last_run_folder(root: str | os.PathLike, name: str) -> Path | None:
    """The newest folder of this name under `root` that holds a resume file, or None."""
    saved = [file.parent for file in Path(root).glob("*/resume.pt")]
    own = [folder for folder in saved if re.fullmatch(rf"\d+-{re.escape(name)}", folder.name)]
    return max(own, default=None, key=lambda folder: int(folder.name.split("-")[0]))


def machine_facts() -> dict[str, str]:
    """What a result has to say about where it was made: processor, GPU, memory, versions."""
    import psutil
    import torch
    import torchvision

    model = re.search(r"^model name\s*: (.+)$", _processor(), re.MULTILINE)
    processor = model[1].strip() if model else platform.processor() or platform.machine()
    return {
        "processor": f"{processor}, {os.cpu_count()} cores",
        "memory": f"{psutil.virtual_memory().total / 2**30:.0f} GiB",
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else "none",
        "python": platform.python_version(),
        "torch": torch.__version__,
        "torchvision": torchvision.__version__,
        "numpy": np.__version__,
        "system": platform.system(),
    }


@contextlib.contextmanager
def atomic_path(path: str | os.PathLike) -> Iterator[Path]:
    """A temporary path beside `path` that replaces it when the block ends well, and vanishes when
    it does not.

    Whoever reads `path`, even after a crash in the middle, sees the old file, the new file, or
    none; never half.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name[:40]}.{secrets.token_hex(4)}.part")
    temporary.touch(exist_ok=False)
    try:
        yield temporary
        with open(temporary, "rb+") as written:
            os.fsync(written.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def write_json(path: str | os.PathLike, values: Any) -> None:
    """Write values as JSON that people can read, complete or not at all."""
    with atomic_path(path) as temporary:
        temporary.write_text(
            json.dumps(values, indent=2, ensure_ascii=False) + "\n", encoding="utf-8"
        )


def what_to_do(error: OSError, folder: Path | None = None) -> str:
    """Why a file could not be written or read, where, and what to do about it; one line.

    folder: of the run that it belongs to.
    """
    where, reason = folder or error.filename or "the output folder", error.strerror or str(error)
    if folder is not None and not folder.is_dir():
        return f"{folder} is gone: bring it back (in Colab, mount Drive again)"
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return f"no space left in {where}: the disk is full ({reason}): delete what is not needed on that disk"
    if error.errno in (errno.EROFS, errno.EACCES, errno.EPERM):
        return f"{where} may not be written to, or read: no permission ({reason}): allow it, or choose another folder"
    return f"{where}: {reason}" + (
        ": see that the disk is still there (in Colab, mount Drive again)" if folder else ""
    )


def what_to_install(error: ImportError) -> str:
    """What is missing, and how to get it; one line."""
    if not isinstance(error, ModuleNotFoundError) or not error.name:
        return str(error)
    name = error.name.partition(".")[0]
    return f"{name} is not installed; answering drawings does without it, this does not: pip install '{EVERYTHING}'"


def counted(num: int, what: str) -> str:
    """A number of things in words: "1 photo", "2 photos", "2 sketches"."""
    return (
        f"{num:,} {what}" if num == 1 else f"{num:,} {what}{'es' if what.endswith('ch') else 's'}"
    )


def free_stem(folder: str | os.PathLike, stem: str, endings: Sequence[str] = ("",)) -> str:
    """The stem, with a number if need be, so that nothing in `folder` is called "stem" + one of the
    endings yet.

    endings: of the files that will share the stem, such as ["-face.png", "-faces.png"]; one "" for
    a folder.
    """
    for number in itertools.count(1):
        chosen = stem if number == 1 else f"{stem}-{number}"
        if not any((Path(folder) / f"{chosen}{ending}").exists() for ending in endings):
            return chosen


def profile_name(wanted: str | None = None, asked: str | None = None) -> str:
    """The profile in force: the one `asked` for on a command line, else the environment's
    S2F_PROFILE, else `wanted` (a notebook's parameter), else "demo". ConfigError if there is no
    such profile; "small" can only be asked for.
    """
    name = asked or os.environ.get("S2F_PROFILE") or wanted or "demo"
    names = TRAINING_PROFILES if asked else PROFILE_NAMES
    if name not in names:
        raise ConfigError(f"there is no profile {name!r} here: the profiles are {', '.join(names)}")
    return name
