"""Several processes that train one model, started by torchrun, over torch.distributed.

The batch is the global batch: each rank steps on an equal share of it, and `Context.descend`
averages the gradients. All ranks draw the random numbers of the global batch and keep those of
their share, so N ranks learn what one process learns. Outside of `local_batch`, and in a single
process, nothing is exchanged.
"""

from __future__ import annotations

import contextlib
import functools
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn

T = TypeVar("T")
_rank, _world_size = 0, 1  # of the process group
_share = 0  # how many pictures of the present batch are this rank's; 0 outside of `local_batch`


def world_size() -> int:
    """How many processes train together."""
    return _world_size


def is_rank_zero() -> bool:
    """Whether this is the process that writes, logs and prints."""
    return _rank == 0


@contextlib.contextmanager
def process_group(device: str = "auto") -> Iterator[str]:
    """Within the block, the processes that torchrun has started train together: over NCCL on GPUs,
    gloo on CPUs.

    device: as `pick_device` takes it. Gives that of this process: on GPUs, each process of a
    machine has its own.
    """
    global _rank, _world_size
    if "RANK" not in os.environ or os.environ.get("WORLD_SIZE", "1") == "1":
        yield device
        return
    on_gpus = device.startswith(("auto", "cuda")) and torch.cuda.is_available()
    if on_gpus:
        local_rank, num_gpus = int(os.environ["LOCAL_RANK"]), torch.cuda.device_count()
        if local_rank >= num_gpus:
            raise ValueError(
                f"this machine has {num_gpus} GPUs: give --nproc-per-node {num_gpus},"
                " or --device cpu"
            )
        device = f"cuda:{local_rank}"
        torch.cuda.set_device(device)
    dist.init_process_group("cpu:gloo,cuda:nccl" if on_gpus else "gloo")
    _rank, _world_size = dist.get_rank(), dist.get_world_size()
    try:
        yield device
        dist.destroy_process_group()  # not after an error: it would wait for ranks that are gone
    finally:
        _rank, _world_size = 0, 1


def broadcast(value: T) -> T:
    """Rank zero's value, on all ranks."""
    if _world_size == 1:
        return value
    box = [value]
    dist.broadcast_object_list(box, src=0, device=torch.device("cpu"))
    return box[0]


@contextlib.contextmanager
def local_batch(num: int) -> Iterator[slice]:
    """Within the block, each rank works on `num` pictures;
    gives where this rank's are in the global batch.
    """
    global _share
    before, _share = _share, num
    try:
        yield slice(_rank * num, (_rank + 1) * num)
    finally:
        _share = before


def is_shared() -> bool:
    """Whether other ranks work on the present batch as well."""
    return _share > 0 and _world_size > 1


def draw(sample: Callable[[int], Tensor], num: int, dim: int = 0) -> Tensor:
    """Random numbers for `num` pictures of this rank:
    drawn for those of all ranks, cut along `dim`.

    sample: draws for so many pictures. num: the rank's share, or a multiple of it where each
    picture is drawn for several times.
    """
    if not is_shared():
        return sample(num)
    by_rank = sample(num * _world_size).unflatten(dim, (num // _share, _world_size, _share))
    return by_rank.select(dim + 1, _rank).flatten(dim, dim + 1)


def _drawn(kind: Callable[..., Tensor], num: int, *shape: int, **options: Any) -> Tensor:
    return draw(lambda n: kind(n, *shape, **options), num)


rand = functools.partial(_drawn, torch.rand)  # as torch's, for `num` pictures of this rank
randn = functools.partial(_drawn, torch.randn)


def randint(low: int, high: int, num: int, *shape: int) -> Tensor:
    """As `torch.randint`, for `num` pictures of this rank."""
    return draw(lambda n: torch.randint(low, high, (n, *shape)), num)


def _sum(value: Tensor) -> Tensor:
    """The sum of a tensor over the ranks;
    its gradient is summed alike, and can be differentiated again.
    """
    from torch.distributed.nn.functional import all_reduce

    return all_reduce(value)


def gather(rows: Tensor) -> Tensor:
    """The rows of all ranks, in the global batch's order. Gradients flow back to the rank that a
    row came from.
    """
    if not is_shared():
        return rows
    zeros = torch.zeros_like(rows)
    return _sum(torch.cat([rows if n == _rank else zeros for n in range(_world_size)]))


def local_rows(rows: Tensor) -> Tensor:
    """This rank's rows of those of the global batch."""
    return rows.chunk(_world_size)[_rank] if is_shared() else rows


def mean(value: Tensor) -> Tensor:
    """The mean of a tensor over the ranks, without a gradient;
    in a single process the tensor itself.
    """
    return _sum(value.detach()) / _world_size if is_shared() else value


def mean_losses(losses: Mapping[str, Tensor], device: torch.device) -> dict[str, Tensor]:
    """The means of these scalars over the ranks."""
    if not is_shared() or not losses:
        return dict(losses)
    values = torch.stack(
        [torch.as_tensor(value, device=device).detach().double() for value in losses.values()]
    )
    return dict(zip(losses, mean(values).float().unbind(), strict=True))


def average_gradients(parameters: Sequence[nn.Parameter]) -> None:
    """Replace the gradients by their means over the ranks, in one all-reduce."""
    grads = [parameter.grad for parameter in parameters if parameter.grad is not None]
    if is_shared() and grads:
        flat = mean(torch.cat([grad.flatten() for grad in grads]))
        for grad, averaged in zip(grads, flat.split([grad.numel() for grad in grads]), strict=True):
            grad.copy_(averaged.view_as(grad))


def sync_batch_norm(net: nn.Module) -> nn.Module:
    """The network with batch norms over the global batch: on GPUs; on CPUs, where torch has none,
    over the share.
    """
    is_on_gpus = _world_size > 1 and dist.get_backend() != "gloo"
    return nn.SyncBatchNorm.convert_sync_batchnorm(net) if is_on_gpus else net
