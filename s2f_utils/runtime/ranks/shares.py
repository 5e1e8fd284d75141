"""A batch shared by the ranks: which pictures are whose, their random numbers, and what looks at all of them.

Every rank draws the random numbers of the whole batch and keeps its own. Shapes: B pictures in the whole batch, n of
them here. With one process nothing is sent; what is sent raises RankFailedError where a rank has ended.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from s2f_utils.runtime.ranks import group
from s2f_utils.runtime.ranks.group import rank, size

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn


@dataclass(frozen=True)
class _Batch:
    """How a batch, or one part of it, is shared: pictures of each rank, and of the whole batch."""

    counts: tuple[int, ...]
    whole: int

    @property
    def total(self) -> int:
        return sum(self.counts)


_batch: _Batch | None = None


def _is_shared() -> bool:
    """Whether other ranks go through the present batch too."""
    return _batch is not None and size() > 1


@contextlib.contextmanager
def alone() -> Iterator[None]:
    """Within the block, this rank works for itself, as if there were no others and no batch."""
    with group.left(), _going_through(None):
        yield


@contextlib.contextmanager
def batch(total: int) -> Iterator[slice]:
    """Within the block, a batch of `total` pictures is gone through; gives where this rank's are in it.

    A rank for which none is left takes the first, which then does not count.
    """
    with _going_through(_Batch(_spread(total, size()), total)):
        yield mine()


@contextlib.contextmanager
def part(number: int, num_parts: int, num_here: int) -> Iterator[slice]:
    """Within the block, one of several parts of the present batch; gives where it is among this rank's pictures.

    num_here: pictures of a batch that only this process goes through.
    """
    now = _batch or _Batch((num_here,), num_here)
    spread = [_spread(count, num_parts) for count in now.counts]
    start = sum(spread[rank()][:number])
    counts = tuple(of_rank[number] for of_rank in spread)
    with _going_through(_Batch(counts, now.whole)):
        yield slice(start, start + counts[rank()]) if counts[rank()] else slice(0, 1)


@contextlib.contextmanager
def _going_through(now: _Batch | None) -> Iterator[None]:
    global _batch
    before, _batch = _batch, now
    try:
        yield
    finally:
        _batch = before


def _spread(total: int, num: int) -> tuple[int, ...]:
    """`total` in `num` nearly even parts, as `Tensor.tensor_split` has them."""
    return tuple(total // num + (n < total % num) for n in range(num))


def mine() -> slice:
    """Where this rank's pictures are in the present batch, or part."""
    start, count = sum(_batch.counts[: rank()]), _batch.counts[rank()]
    return slice(start, start + count) if count else slice(0, 1)


def most_parts(num_parts: int, num_here: int) -> int:
    """Into how many parts the present batch can be cut: no more than the largest share has pictures."""
    return max(1, min(num_parts, max(_batch.counts) if _batch else num_here))


def total(num_here: int) -> int:
    """How many pictures the present batch, or part, has on all ranks."""
    return _batch.total if _is_shared() else num_here


def weight() -> float:
    """What this rank's, and this part's, pictures are of the whole batch."""
    return _batch.counts[rank()] / _batch.whole if _batch else 1.0


def drawn(draw: Callable[[int], Tensor], num: int, dim: int = 0) -> Tensor:
    """Random numbers for `num` pictures of this rank: drawn for those of all ranks, and cut along `dim`.

    draw: for so many pictures. num: n, or a multiple of it, where each picture is looked at several times; the first n
    are then those of the first time.
    """
    if not _is_shared():
        return draw(num)
    times, left = divmod(num, max(1, _batch.counts[rank()]))
    if left:
        raise RuntimeError(f"{num} draws for {_batch.counts[rank()]} pictures of this rank: not a multiple")
    whole = draw(times * _batch.total)
    shape = whole.shape
    whole = whole.reshape(*shape[:dim], times, _batch.total, *shape[dim + 1 :])
    return whole.narrow(dim + 1, mine().start, num // times).reshape(*shape[:dim], num, *shape[dim + 1 :])


def rand(num: int, *shape: int) -> Tensor:
    """As `torch.rand`, for `num` pictures of this rank."""
    import torch

    return drawn(lambda n: torch.rand(n, *shape), num)


def randn(num: int, *shape: int, **options: Any) -> Tensor:
    """As `torch.randn`, for `num` pictures of this rank."""
    import torch

    return drawn(lambda n: torch.randn(n, *shape, **options), num)


def randint(low: int, high: int, num: int, *shape: int) -> Tensor:
    """As `torch.randint`, for `num` pictures of this rank."""
    import torch

    return drawn(lambda n: torch.randint(low, high, (n, *shape)), num)


# --- What looks at the whole batch -------------------------------------------------------------------------------


def gathered(here: Tensor) -> Tensor:
    """Rows of this rank's pictures, (n, ...) → those of all ranks', (B, ...), in the batch's order; no gradient."""
    return gathered_with_gradient(here.detach()) if _is_shared() else here


def gathered_with_gradient(here: Tensor) -> Tensor:
    """As `gathered`; the gradient of what each rank makes of them is added up. It can be differentiated again."""
    if not _is_shared():
        return here
    from s2f_utils.runtime.ranks.gather import Gather

    return Gather.apply(here, _batch.counts)


def own(whole: Tensor) -> Tensor:
    """This rank's rows of the whole batch's, (B, ...) → (n, ...)."""
    return whole[mine()] if _is_shared() else whole


def places(num: int) -> range:
    """The numbers of this rank's `num` pictures in the whole batch."""
    start = mine().start if _is_shared() else 0
    return range(start, start + num)


def whole(here: Tensor) -> Tensor:
    """A sum over this rank's pictures → the same over the batch's, times this rank's weight; no gradient.

    What is divided by it is right after `Method.descend` has weighed it and the ranks' gradients are added up.
    """
    if not _is_shared():
        return here
    import torch.distributed as dist

    total = here.detach().clone() if weight() else here.detach() * 0
    with group.reached():
        dist.all_reduce(total)
    return total * (weight() or 1.0) * _batch.whole / _batch.total


def averaged(losses: Mapping[str, Tensor], device: torch.device) -> dict[str, Tensor]:
    """Losses of this rank's pictures → those of the batch's."""
    if size() == 1:
        return dict(losses)
    return added({name: value * weight() for name, value in losses.items()}, device)


def added(losses: Mapping[str, Tensor], device: torch.device) -> dict[str, Tensor]:
    """Losses that are weighed already, by this rank → their sums over the ranks."""
    if size() == 1 or not losses:
        return dict(losses)
    import torch
    import torch.distributed as dist

    values = torch.stack([torch.as_tensor(value, device=device).detach().double() for value in losses.values()])
    with group.reached():
        dist.all_reduce(values)
    return dict(zip(losses, values.float().unbind(), strict=True))


def sum_gradients(parameters: Sequence[nn.Parameter]) -> None:
    """Add the ranks' gradients up, on all ranks; each has weighed its own."""
    if size() == 1:
        return
    import torch
    import torch.distributed as dist

    own = [parameter for parameter in parameters if parameter.grad is not None]
    if not own:
        return
    sizes = [parameter.numel() for parameter in own]
    flat = torch.cat([parameter.grad.flatten() for parameter in own])
    with group.reached():
        dist.all_reduce(flat)
    for parameter, summed in zip(own, flat.split(sizes), strict=True):
        if parameter.is_contiguous():
            parameter.grad = summed.view_as(parameter)
        else:
            parameter.grad.copy_(summed.view_as(parameter))


def see_whole_batch(net: nn.Module) -> nn.Module:
    """A network whose batch norms take the statistics of all ranks' pictures: on GPUs; elsewhere torch has no such
    norm, and each rank takes those of its own.
    """
    if not group.on_gpus():
        return net
    from torch import nn

    return nn.SyncBatchNorm.convert_sync_batchnorm(net)
