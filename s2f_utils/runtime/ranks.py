"""Several processes that train as one, over torch.distributed: who they are, and what they tell one another.

torchrun starts them, on one machine or more. The batch is that of all: each rank takes its share, draws the random
numbers of the whole batch, and keeps its own, so that N ranks see the same pictures in the same order as one. Without
torchrun there is one rank, and nothing is sent. Shapes: B pictures in the whole batch, n of them here.
"""

from __future__ import annotations

import contextlib
import datetime
import os
import pickle
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

T = TypeVar("T")
PATIENCE = datetime.timedelta(hours=12)  # a pause, or a slow disk of rank 0: the others wait that long
LAST_WORDS = datetime.timedelta(seconds=3)  # for the reason why another rank ended
REASON, SAID = "s2f/reason", "s2f/said"  # where it stands in the launcher's store; how many have said it


class RankFailedError(RuntimeError):
    """Another rank has ended: what was said of it, or that it is gone."""


def is_said_elsewhere(error: BaseException) -> bool:
    """Whether another rank says this error, so that the user hears it once."""
    return getattr(error, "is_said_elsewhere", False)


@dataclass(frozen=True)
class _Group:
    """The ranks of this training."""

    rank: int
    size: int
    device: torch.device
    control: Any  # torch's group over gloo, for what is told between steps


@dataclass(frozen=True)
class _Batch:
    """How a batch, or one part of it, is shared: pictures of each rank, and of the whole batch."""

    counts: tuple[int, ...]
    whole: int

    @property
    def total(self) -> int:
        return sum(self.counts)


_group: _Group | None = None
_batch: _Batch | None = None


def asked_for() -> int:
    """How many ranks the launcher has started; 1 where there is none."""
    return int(os.environ.get("WORLD_SIZE", "1")) if "RANK" in os.environ else 1


def prefix() -> str:
    """What a rank other than the first puts before what it says."""
    number = os.environ.get("RANK", "0")
    return f"rank {number}: " if asked_for() > 1 and number != "0" else ""


def size() -> int:
    """How many ranks train together."""
    return _group.size if _group else 1


def rank() -> int:
    """Which of them this is, from 0."""
    return _group.rank if _group else 0


def is_first() -> bool:
    """Whether this is the rank that writes and tells."""
    return rank() == 0


def device_name(wanted: str = "auto") -> str:
    """The device of this rank, as `pick_device` takes it: with several ranks on GPUs, each has its own."""
    import torch

    if asked_for() == 1 or wanted not in ("auto", "cuda") or not torch.cuda.is_available():
        return wanted
    local = int(os.environ.get("LOCAL_RANK", "0"))
    if local >= torch.cuda.device_count():
        raise ValueError(
            f"there are {torch.cuda.device_count()} GPUs for {os.environ.get('LOCAL_WORLD_SIZE', '?')} ranks: give"
            " --nproc-per-node as many, or --device cpu"
        )
    return f"cuda:{local}"


@contextlib.contextmanager
def joined(device: torch.device) -> Iterator[None]:
    """Within the block, the processes that the launcher has started are the ranks of one training.

    NCCL carries what is on GPUs, gloo the rest. Where a rank ends by an exception, the others raise RankFailedError
    with its reason. With one process it does nothing.
    """
    global _group
    if asked_for() == 1 or _group is not None:
        yield
        return
    import torch
    import torch.distributed as dist

    on_gpu = device.type == "cuda"
    if on_gpu:
        torch.cuda.set_device(device)
    dist.init_process_group("nccl" if on_gpu else "gloo", timeout=PATIENCE)
    control = dist.new_group(backend="gloo", timeout=PATIENCE) if on_gpu else dist.group.WORLD
    _group = _Group(dist.get_rank(), dist.get_world_size(), device, control)
    try:
        yield
    except BaseException as error:
        _say_once(error)
        raise
    finally:
        _group = None
        with contextlib.suppress(RuntimeError):  # a rank that is gone
            dist.destroy_process_group()


@contextlib.contextmanager
def quiet_but_first() -> Iterator[None]:
    """Within the block, only rank 0 prints to stdout."""
    if is_first():
        yield
        return
    with open(os.devnull, "w", encoding="utf-8") as nowhere, contextlib.redirect_stdout(nowhere):
        yield


@contextlib.contextmanager
def alone() -> Iterator[None]:
    """Within the block, this rank works for itself, as if there were no others."""
    global _group, _batch
    before, (_group, _batch) = (_group, _batch), (None, None)
    try:
        yield
    finally:
        _group, _batch = before


def _say_once(error: BaseException) -> None:
    """Leave word for the other ranks why this one ends; where one of them was first, it is the one that says it."""
    if is_said_elsewhere(error):
        return
    from torch.distributed.distributed_c10d import _get_default_store

    with contextlib.suppress(Exception):  # the store is gone with the launcher
        store = _get_default_store()
        if not isinstance(error, RankFailedError):
            store.set(REASON, f"rank {rank()} ended: {type(error).__name__}: {error}".partition("\n")[0])
        if store.add(SAID, 1) > 1:
            _marked(error)


@contextlib.contextmanager
def _reached() -> Iterator[None]:
    """An error of torch's, because a rank does not answer, as one line that says why."""
    try:
        yield
    except (RuntimeError, ValueError) as error:
        from torch.distributed.distributed_c10d import _get_default_store

        word = ""
        with contextlib.suppress(Exception):
            store = _get_default_store()
            store.wait([REASON], LAST_WORDS)
            word = store.get(REASON).decode()
        gone = "another rank is gone (killed, or its machine cannot be reached)"
        failed = RankFailedError(f"{word or gone}; training ends, and what was saved last is still there")
        raise (_marked(failed) if word else failed) from error


def told(value: T) -> T:
    """What rank 0 has here, on all ranks."""
    if _group is None or _group.size == 1:
        return value
    import torch
    import torch.distributed as dist

    box = [value if _group.rank == 0 else None]
    with _reached():
        dist.broadcast_object_list(box, src=0, group=_group.control, device=torch.device("cpu"))
    return box[0]


def first(work: Callable[[], T]) -> T:
    """Rank 0 does this work; its result, or its exception, is that of all ranks."""
    if _group is None or _group.size == 1:
        return work()
    made, error = None, None
    if _group.rank == 0:
        try:
            made = work()
        except Exception as raised:
            error = raised
    made, told_error = told((made, _portable(error)))
    if told_error is not None:
        raise error or _marked(told_error)
    return made


def _portable(error: Exception | None) -> Exception | None:
    """An exception as it can be sent."""
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        return RuntimeError(f"{type(error).__name__}: {error}")
    return error


def _marked(error: Exception) -> Exception:
    error.is_said_elsewhere = True
    return error


def any_asks(asks: bool) -> bool:
    """Whether any rank asks for something, told to all."""
    if _group is None or _group.size == 1:
        return asks
    import torch
    import torch.distributed as dist

    flag = torch.tensor(int(asks))
    with _reached():
        dist.all_reduce(flag, dist.ReduceOp.MAX, group=_group.control)
    return bool(flag)


def collected(mine: T) -> list[T]:
    """What each rank has here, by rank, on all ranks."""
    if _group is None or _group.size == 1:
        return [mine]
    import torch.distributed as dist

    found: list[Any] = [None] * _group.size
    with _reached():
        dist.all_gather_object(found, mine, group=_group.control)
    return found


def divided(items: Sequence[T]) -> Sequence[T]:
    """This rank's share of items that are worked on one by one: every `size`-th."""
    return items[rank() :: size()]


# --- A batch and its random numbers ------------------------------------------------------------------------------


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
def halved() -> Iterator[None]:
    """Within the block, each rank looks at half of its pictures, one at least."""
    if _batch is None:
        yield
        return
    with _going_through(_Batch(tuple(max(1, count // 2) for count in _batch.counts), _batch.whole)):
        yield


@contextlib.contextmanager
def _going_through(now: _Batch) -> Iterator[None]:
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
    return _batch.total if _batch and size() > 1 else num_here


def weight() -> float:
    """What this rank's, and this part's, pictures are of the whole batch."""
    return _batch.counts[rank()] / _batch.whole if _batch else 1.0


def drawn(draw: Callable[[int], Tensor], num: int, dim: int = 0) -> Tensor:
    """Random numbers for `num` pictures of this rank: drawn for those of all ranks, and cut along `dim`.

    draw: for so many pictures. num: n, or a multiple of it, where each picture is looked at several times; the first n
    are then those of the first time.
    """
    if _batch is None or size() == 1:
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
    if _batch is None or size() == 1:
        return here
    return _Gather.apply(here.detach(), _batch.counts)


def gathered_with_gradient(here: Tensor) -> Tensor:
    """As `gathered`; the gradient of what each rank makes of them is added up. It can be differentiated again."""
    if _batch is None or size() == 1:
        return here
    return _Gather.apply(here, _batch.counts)


def own(whole: Tensor) -> Tensor:
    """This rank's rows of the whole batch's, (B, ...) → (n, ...)."""
    return whole if _batch is None or size() == 1 else whole[mine()]


def places(num: int) -> range:
    """The numbers of this rank's `num` pictures in the whole batch."""
    start = 0 if _batch is None or size() == 1 else mine().start
    return range(start, start + num)


def whole(here: Tensor) -> Tensor:
    """A sum over this rank's pictures → the same over the batch's, times this rank's weight; no gradient.

    What is divided by it is right after `Method.descend` has weighed it and the ranks' gradients are added up.
    """
    if _batch is None or size() == 1:
        return here
    import torch.distributed as dist

    total = here.detach().clone() if weight() else here.detach() * 0
    with _reached():
        dist.all_reduce(total)
    return total * (weight() or 1.0) * _batch.whole / _batch.total


def _gather_class() -> type:
    import torch
    import torch.distributed as dist

    class Gather(torch.autograd.Function):
        """All ranks' rows; its gradient is `Scatter`, whose gradient it is."""

        @staticmethod
        def forward(ctx: Any, here: Tensor, counts: tuple[int, ...]) -> Tensor:
            ctx.counts, ctx.num = counts, len(here)
            padded = here.new_zeros(max(1, *counts), *here.shape[1:])
            padded[: len(here)] = here
            found = [torch.empty_like(padded) for _ in counts]
            with _reached():
                dist.all_gather(found, padded)
            return torch.cat([rows[:count] for rows, count in zip(found, counts, strict=True)])

        @staticmethod
        def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
            return Scatter.apply(grad, ctx.counts, ctx.num), None

    class Scatter(torch.autograd.Function):
        """The sum over all ranks of what they have for every row, of which each keeps its own."""

        @staticmethod
        def forward(ctx: Any, whole: Tensor, counts: tuple[int, ...], num: int) -> Tensor:
            ctx.counts = counts
            total = whole.contiguous().clone()
            with _reached():
                dist.all_reduce(total)
            start, count = sum(counts[: rank()]), counts[rank()]
            return total[start : start + count] if count else total.new_zeros(num, *total.shape[1:])

        @staticmethod
        def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None]:
            return Gather.apply(grad, ctx.counts), None, None

    return Gather


class _Gather:
    """`Gather`, made when it is first used: importing this file does not import torch."""

    _kind: type | None = None

    @classmethod
    def apply(cls, here: Tensor, counts: tuple[int, ...]) -> Tensor:
        cls._kind = cls._kind or _gather_class()
        return cls._kind.apply(here, counts)


def averaged(losses: Mapping[str, Tensor], device: torch.device) -> dict[str, Tensor]:
    """Losses of this rank's pictures → those of the batch's."""
    if _group is None or _group.size == 1:
        return dict(losses)
    return added({name: value * weight() for name, value in losses.items()}, device)


def added(losses: Mapping[str, Tensor], device: torch.device) -> dict[str, Tensor]:
    """Losses that are weighed already, by this rank → their sums over the ranks."""
    if _group is None or _group.size == 1 or not losses:
        return dict(losses)
    import torch
    import torch.distributed as dist

    values = torch.stack([torch.as_tensor(value, device=device).detach().double() for value in losses.values()])
    with _reached():
        dist.all_reduce(values)
    return dict(zip(losses, values.float().unbind(), strict=True))


def sum_gradients(parameters: Sequence[nn.Parameter]) -> None:
    """Add the ranks' gradients up, on all ranks; each has weighed its own."""
    if _group is None or _group.size == 1:
        return
    import torch
    import torch.distributed as dist
    from torch._utils import _flatten_dense_tensors, _unflatten_dense_tensors

    grads = [parameter.grad for parameter in parameters if parameter.grad is not None]
    if not grads:
        return
    flat = _flatten_dense_tensors(grads)
    with _reached():
        dist.all_reduce(flat)
    torch._foreach_copy_(grads, list(_unflatten_dense_tensors(flat, grads)))


def see_whole_batch(net: nn.Module) -> nn.Module:
    """A network whose batch norms take the statistics of all ranks' pictures: on GPUs; elsewhere torch has no such
    norm, and each rank takes those of its own.
    """
    if _group is None or _group.size == 1 or _group.device.type != "cuda":
        return net
    from torch import nn

    return nn.SyncBatchNorm.convert_sync_batchnorm(net)
