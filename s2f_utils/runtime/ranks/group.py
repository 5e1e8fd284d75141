"""The ranks of a training: who they are, how they join, what they tell one another, and how they end together.

What is told or collected raises RankFailedError where a rank has ended.
"""

from __future__ import annotations

import contextlib
import datetime
import os
import pickle
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    import torch

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
    on_gpus: bool
    control: Any  # torch's group over gloo, for what is told between steps


_group: _Group | None = None


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


def on_gpus() -> bool:
    """Whether several ranks train together, on GPUs."""
    return _group is not None and _group.on_gpus


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
    _group = _Group(dist.get_rank(), dist.get_world_size(), on_gpu, control)
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
def left() -> Iterator[None]:
    """Within the block, this process is no rank of any training."""
    global _group
    before, _group = _group, None
    try:
        yield
    finally:
        _group = before


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
def reached() -> Iterator[None]:
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
    if _group is None:
        return value
    import torch
    import torch.distributed as dist

    box = [value if _group.rank == 0 else None]
    with reached():
        dist.broadcast_object_list(box, src=0, group=_group.control, device=torch.device("cpu"))
    return box[0]


def first(work: Callable[[], T]) -> T:
    """Rank 0 does this work; its result, or its exception, is that of all ranks."""
    if _group is None:
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
    if _group is None:
        return asks
    import torch
    import torch.distributed as dist

    flag = torch.tensor(int(asks))
    with reached():
        dist.all_reduce(flag, dist.ReduceOp.MAX, group=_group.control)
    return bool(flag)


def collected(mine: T) -> list[T]:
    """What each rank has here, by rank, on all ranks."""
    if _group is None:
        return [mine]
    import torch.distributed as dist

    found: list[Any] = [None] * _group.size
    with reached():
        dist.all_gather_object(found, mine, group=_group.control)
    return found


def divided(items: Sequence[T]) -> Sequence[T]:
    """This rank's share of items that are worked on one by one: every `size`-th."""
    return items[rank() :: size()]
