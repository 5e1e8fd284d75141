"""Whether a guest fits into the memory there is, said before anything is loaded."""

from __future__ import annotations

from typing import TYPE_CHECKING

from s2f_utils.weights.guests import Guest

if TYPE_CHECKING:
    import torch

FLOAT32 = 2  # times what float16 takes; a CPU computes in float32
OF_CUDA = 1_000_000_000  # of what a guest takes on a GPU: the context, and what the allocator loses


class GuestError(ValueError):
    """A guest that cannot answer here; the message says why, and what to do."""


def needed(guest: Guest, device: torch.device) -> int:
    """Bytes that a guest takes on a device: weights, and what one answer needs beside them."""
    return guest.gpu_bytes if device.type == "cuda" else FLOAT32 * (guest.gpu_bytes - OF_CUDA)


def free(device: torch.device) -> int:
    """Bytes that are free: of the GPU's memory, else of the machine's."""
    import psutil
    import torch

    if device.type == "cuda":
        return (
            torch.cuda.mem_get_info(device)[0]
            + torch.cuda.memory_reserved(device)
            - torch.cuda.memory_allocated(device)
        )
    return psutil.virtual_memory().available


def check(guest: Guest, device: torch.device) -> None:
    """Raise GuestError where a guest does not fit."""
    need, there = needed(guest, device), free(device)
    if there < need:
        what = "of the GPU's memory" if device.type == "cuda" else "of memory"
        raise GuestError(
            f"{guest.name} needs {need / 1e9:.1f} GB {what}, and {there / 1e9:.1f} are free: close other programs and"
            " notebooks, take a machine with more, or use our own models"
        )
