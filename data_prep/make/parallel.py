"""Many small jobs on all cores, or on a cluster, with a progress bar, stoppable at any moment."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.connection import wait as wait_for_end
from typing import Any

from data_prep.make import cluster
from s2f_utils import runtime
from s2f_utils.data import DataError

MIN_JOBS_PER_WORKER = 16  # starting a process takes as long as some pictures
WAITING_PER_WORKER = 8
# processes here; the address of a Dask scheduler; None: a process for each core
Workers = int | str | None

_function: Callable[..., Any]  # of a worker


def check_workers(workers: Workers) -> None:
    """DataError unless `workers` is None, at least 1,
    or a scheduler that answers and has workers.
    """
    if isinstance(workers, str):
        with cluster.connected(workers):
            pass
    elif workers is not None and workers < 1:
        raise DataError(f"--workers must be 1 or more, got {workers}")


def run_jobs(
    function: Callable[..., Any],
    jobs: Sequence[tuple],
    *,
    workers: Workers = None,
    progress: bool = True,
    done: int = 0,
    unit: str = "pair",
) -> dict[int, Any]:
    """Call `function(*job)` for each job and return the results by the job's place; the order of
    calls is open.

    `workers` processes share the jobs (None: one a core; 1: this process does them; a scheduler's
    address: the workers of its cluster). `done` is where the progress bar starts, for work that was
    finished before. The first exception ends the run: jobs under way are finished, none is begun.
    So does Ctrl-C.
    """
    from tqdm.auto import tqdm

    results: dict[int, Any] = {}
    total = done + len(jobs)
    with (
        tqdm(total=total, initial=done, unit=unit, disable=not progress, smoothing=0.05) as bar,
        contextlib.closing(_finished(function, jobs, workers)) as finished,
    ):
        for place, result in finished:
            results[place] = result
            bar.update()
    return results


def _finished(
    function: Callable[..., Any], jobs: Sequence[tuple], workers: Workers
) -> Iterator[tuple[int, Any]]:
    """Pairs of a job's place and its result, as they are finished."""
    if isinstance(workers, str):
        return cluster.jobs_done(function, jobs, workers)
    num = min(workers or runtime.num_cores(), max(1, len(jobs) // MIN_JOBS_PER_WORKER))
    if num == 1:
        return ((place, function(*job)) for place, job in enumerate(jobs))
    return _in_processes(function, jobs, num)


def _in_processes(
    function: Callable[..., Any], jobs: Sequence[tuple], num: int
) -> Iterator[tuple[int, Any]]:
    # not forked: a process that runs torch has threads, whose locks a forked child would inherit
    spawn = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(num, spawn, initializer=_start_worker, initargs=(function,))
    waiting: dict[Future, int] = {}
    try:
        for place, job in enumerate(jobs):
            waiting[pool.submit(_do, job)] = place
            if len(waiting) >= num * WAITING_PER_WORKER:
                yield from _collect(waiting)
        while waiting:
            yield from _collect(waiting)
    except BrokenProcessPool:
        raise DataError(
            "a worker process ended (out of memory? a script without `if __name__ == '__main__'`?):"
            " run the same command again with --workers 1; it goes on where it stopped"
        ) from None
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _collect(waiting: dict[Future, int]) -> list[tuple[int, Any]]:
    finished, _ = wait(waiting, return_when=FIRST_COMPLETED)
    return [(waiting.pop(future), future.result()) for future in finished]


def _start_worker(function: Callable[..., Any]) -> None:
    """In a worker: keep the function, which may be large, for all jobs. Ctrl-C is the parent's
    business, and a parent that is gone ends the worker.
    """
    import cv2

    global _function
    _function = function
    cv2.setNumThreads(1)  # the processes share the cores already
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _do(job: tuple) -> Any:
    return _function(*job)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait_for_end([parent.sentinel])
        os._exit(1)
