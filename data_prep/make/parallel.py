"""Many small jobs on all cores, or on a cluster, with a progress bar, stoppable at any moment."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.connection import wait as wait_for_end
from typing import Any

from data_prep.errors import DataPrepError
from data_prep.make import cluster
from s2f_utils import runtime

MIN_JOBS_PER_WORKER = 4  # starting a process costs more than a few small pictures
WAITING_PER_WORKER = 8
_function: Callable[..., Any]  # of a worker
Workers = (
    int | str | None
)  # processes here; the address of a Dask scheduler; None: a process for each core


def check_workers(workers: Workers) -> None:
    """DataPrepError unless `workers` is None, at least 1, or a scheduler that answers and has
    workers of its own.
    """
    if isinstance(workers, str):
        with cluster.connected(workers):
            pass
    elif workers is not None and workers < 1:
        raise DataPrepError(f"--workers must be 1 or more, got {workers}")


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
    finished before. The first exception
    ends the run: jobs under way are finished, none is begun. So does Ctrl-C.
    """
    from tqdm.auto import tqdm

    results: dict[int, Any] = {}
    with (
        tqdm(
            total=done + len(jobs), initial=done, unit=unit, disable=not progress, smoothing=0.05
        ) as bar,
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
    workers = min(workers or runtime.num_cores(), max(1, len(jobs) // MIN_JOBS_PER_WORKER))
    return _here(function, jobs) if workers == 1 else _elsewhere(function, jobs, workers)


def _here(function: Callable[..., Any], jobs: Sequence[tuple]) -> Iterator[tuple[int, Any]]:
    for place, job in enumerate(jobs):
        yield place, function(*job)


def _elsewhere(
    function: Callable[..., Any], jobs: Sequence[tuple], workers: int
) -> Iterator[tuple[int, Any]]:
    import cv2

    waiting: dict[Future, int] = {}
    threads = cv2.getNumThreads()
    cv2.setNumThreads(
        1
    )  # the processes share the cores already; and a forked worker has none of its parent's threads
    pool = ProcessPoolExecutor(
        workers, mp_context=_context(), initializer=_start_worker, initargs=(function,)
    )
    try:
        for place, job in enumerate(jobs):
            with warnings.catch_warnings():
                # Python 3.12 warns of threads that hold a lock while forking; our workers take none
                # of theirs.
                warnings.filterwarnings(
                    "ignore", message=".*multi-threaded.*fork", category=DeprecationWarning
                )
                waiting[pool.submit(_do, job)] = place
            if len(waiting) >= workers * WAITING_PER_WORKER:
                yield from _collect(waiting)
        while waiting:
            yield from _collect(waiting)
    except BrokenProcessPool:
        raise DataPrepError(
            "a worker process died (out of memory?): run the same command again with --workers 1; it goes on where it"
            " stopped"
        ) from None
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
        cv2.setNumThreads(threads)


def _collect(waiting: dict[Future, int]) -> list[tuple[int, Any]]:
    finished, _ = wait(waiting, return_when=FIRST_COMPLETED)
    return [(waiting.pop(future), future.result()) for future in finished]


def _context() -> multiprocessing.context.BaseContext:
    """Forked workers on Linux: they start at once, and a script without a `__main__` guard works as
    well.
    """
    return multiprocessing.get_context("fork" if sys.platform == "linux" else None)


def _start_worker(function: Callable[..., Any]) -> None:
    """In a worker: keep the function, which may be large, for all jobs. Ctrl-C is the parent's
    business, and a parent that is gone ends the worker.
    """
    global _function
    _function = function
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _do(job: tuple) -> Any:
    return _function(*job)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait_for_end([parent.sentinel])
        os._exit(1)
