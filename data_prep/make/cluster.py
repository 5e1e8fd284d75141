"""The jobs of `run_jobs` on a Dask cluster: machines that see one disk. `distributed` is an optional package."""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from data_prep.errors import DataPrepError, printable

CONNECT_S = 10.0  # for a scheduler to answer, and for a first worker
AT_ONCE = 10_000  # jobs that the scheduler holds


@contextlib.contextmanager
def connected(scheduler: str) -> Iterator[Any]:
    """A client of the scheduler at this address, or of this file (.json), which has workers; or DataPrepError."""
    try:
        from distributed import Client
    except ModuleNotFoundError:
        raise DataPrepError("--scheduler needs a further package: pip install distributed, on all machines") from None
    for name in ("distributed", "distributed.client"):
        logging.getLogger(name).setLevel(logging.CRITICAL)  # what matters is in one line of ours
    where = {"scheduler_file": scheduler} if scheduler.endswith(".json") else {"address": scheduler}
    try:
        client = Client(**where, timeout=CONNECT_S, set_as_default=False)
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise DataPrepError(
            f"no Dask scheduler answers at {printable(scheduler)} ({printable(error)}): start one with"
            " 'dask scheduler', and give HOST:PORT, or the file.json that 'dask scheduler --scheduler-file' wrote"
        ) from None
    with client:
        try:
            client.wait_for_workers(1, timeout=CONNECT_S)
        except TimeoutError:
            start = f"dask worker {client.scheduler.address} --nworkers -1 --nthreads 1"
            raise DataPrepError(f"the scheduler has no workers: start them in this project's folder: {start}") from None
        yield client


def jobs_done(function: Callable[..., Any], jobs: Sequence[tuple], scheduler: str) -> Iterator[tuple[int, Any]]:
    """Call `function(*job)` for each job on the workers; pairs of a job's place and its result, as they finish."""
    with connected(scheduler) as client:
        from distributed import KilledWorker, as_completed

        for start in range(0, len(jobs), AT_ONCE):
            some = jobs[start : start + AT_ONCE]
            futures = client.map(do_job, some, function=function, folder=os.getcwd(), pure=False)
            places = {future.key: start + n for n, future in enumerate(futures)}
            try:
                for future, result in as_completed(futures, loop=client.loop, with_results=True):
                    yield places[future.key], result
            except KilledWorker as error:
                raise DataPrepError(f"{error}; run the same command again: it goes on where it stopped") from None
            finally:
                client.cancel(futures)


def do_job(job: tuple, function: Callable[..., Any], folder: str) -> Any:
    """On a worker: one job, whose paths begin in the folder where the command was given."""
    import cv2

    os.chdir(folder)
    cv2.setNumThreads(1)  # as in the local pool: the workers share the cores already
    return function(*job)
