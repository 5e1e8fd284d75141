"""The number format and the memory format of a training's forward passes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from s2f_utils.runtime.devices import cpu_has_bfloat16

if TYPE_CHECKING:
    import torch

DTYPES = ("float32", "bfloat16", "float16")


@dataclass(frozen=True)
class Precision:
    """The number format of the forward passes, and the memory format.

    Parameters, losses and optimisers always stay in float32; `benchmarks/train_speed.py` compares
    the formats.
    """

    device: torch.device
    dtype: torch.dtype
    channels_last: bool

    @property
    def name(self) -> str:
        return str(self.dtype).removeprefix("torch.")

    @property
    def memory_format(self) -> str:
        return "channels_last" if self.channels_last else "contiguous"

    def place(self, net: torch.nn.Module) -> torch.nn.Module:
        """Move a network to the device and the memory format."""
        import torch

        net.to(self.device)
        if self.channels_last and not getattr(net, "needs_contiguous", False):
            for tensor in (*net.parameters(), *net.buffers()):
                if tensor.ndim == 4:  # StyleGAN2's weights of five dimensions make net.to() fail
                    tensor.data = tensor.data.contiguous(memory_format=torch.channels_last)
        return net

    def autocast(self) -> torch.autocast:
        """Forward passes inside of it run in this number format."""
        import torch

        return torch.autocast(self.device.type, self.dtype, enabled=self.dtype != torch.float32)

    def images(self, batch: torch.Tensor) -> torch.Tensor:
        """A batch (N, C, H, W) in this memory format."""
        import torch

        if self.channels_last:
            return batch.contiguous(memory_format=torch.channels_last)
        return batch

    def scaler(self) -> torch.amp.GradScaler:
        """Gradient scaling, active in float16 only;
        it begins at 4,096, so that a short run skips few steps.
        """
        import torch

        return torch.amp.GradScaler(
            self.device.type, init_scale=2.0**12, enabled=self.dtype == torch.float16
        )


def pick_precision(
    device: torch.device, precision: str = "auto", memory_format: str = "auto"
) -> Precision:
    """The formats of these names; for "auto" bfloat16 where the hardware has it, float16 on other
    CUDA cards (T4), else float32, and channels last on CPUs and CUDA cards.

    Raises ValueError for unknown names, and for float16 on a CPU.
    """
    import torch

    if precision == "auto":
        precision = _fastest_dtype(device)
    if precision not in DTYPES:
        raise ValueError(f"precision must be auto, {', '.join(DTYPES)}, got {precision!r}")
    if precision == "float16" and device.type == "cpu":
        raise ValueError("float16 training needs a GPU: use precision=auto, bfloat16 or float32")
    channels_last = memory_format == "channels_last"
    if memory_format == "auto":
        channels_last = device.type in ("cpu", "cuda")
    return Precision(device, getattr(torch, precision), channels_last)


def training_format(device: torch.device, norm: str) -> str:
    """The memory format in which networks learn faster on such a device.

    norm: that of the networks, "batch", "instance", "group" or "none". Instance norm has no kernel
    for channels last (CycleGAN on a CPU: 10 to 15 % slower), on CUDA group norm has none either;
    batch norm's backward pass is slow in it on a CPU without AVX-512 (pix2pix at 256 px, batch 8:
    0.4 s, and 0.11 s in NCHW).
    """
    import torch

    if device.type == "cuda":
        return "contiguous" if norm in ("instance", "group") else "channels_last"
    has_avx512 = torch.backends.cpu.get_cpu_capability() == "AVX512"
    if device.type != "cpu" or norm == "instance" or (norm == "batch" and not has_avx512):
        return "contiguous"
    return "channels_last"


def answering_format(device: torch.device, norm: str) -> str:
    """The memory format in which networks answer faster: on CUDA that of training; on a CPU
    channels last (a CycleGAN's generator 8 %, pix2pix's 6 % faster).
    """
    return "auto" if device.type == "cpu" else training_format(device, norm)


def _fastest_dtype(device: torch.device) -> str:
    import torch

    if device.type == "cuda":
        major, _ = torch.cuda.get_device_capability(device)
        return "bfloat16" if major >= 8 else "float16"
    if device.type == "cpu" and cpu_has_bfloat16():
        return "bfloat16"
    return "float32"
