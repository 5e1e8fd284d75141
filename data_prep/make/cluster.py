"""The jobs of `run_jobs` on a Dask cluster: machines that see one disk.

`distributed` is an optional package.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from data_prep.messages import printable
from s2f_utils.data import DataError

CONNECT_S = 10.0  # for a scheduler to answer, and for a first worker


@contextlib.contextmanager
def connected(scheduler: str) -> Iterator[Any]:
    """A client of the scheduler at this address, or in this file (.json), that has workers.

    Raises DataError.
    """
    from distributed import CancelledError, Client, KilledWorker
    from distributed.comm.addressing import parse_address, parse_host_port

    for name in ("distributed", "distributed.client"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    address = scheduler
    try:
        if scheduler.endswith(".json"):
            address = json.loads(Path(scheduler).read_text(encoding="utf-8"))["address"]
        _, host_and_port = parse_address(address)
        parse_host_port(host_and_port)  # no client, with its thread, for what is no address
        client = Client(address, timeout=CONNECT_S)
        client.wait_for_workers(1, timeout=CONNECT_S)
    except (OSError, ValueError, TypeError, KeyError) as error:  # TimeoutError is an OSError
        reason = f"{printable(scheduler)} ({printable(error)}): see docs/data.md"
        raise DataError(f"no Dask scheduler with workers at {reason}") from None
    try:
        with client:
            yield client
    except (CancelledError, KilledWorker) as error:
        raise DataError(
            f"the cluster failed ({printable(error)}): the same command goes on, once it runs"
        ) from None


def jobs_done(
    function: Callable[..., Any], jobs: Sequence[tuple], scheduler: str
) -> Iterator[tuple[int, Any]]:
    """Call `function(*job)` for each job on the workers;
    yields each job's place and its result, as they finish.
    """
    from distributed import as_completed

    with connected(scheduler) as client:
        futures = client.map(do_job, jobs, pure=False, function=function, folder=os.getcwd())
        places = {future: place for place, future in enumerate(futures)}
        for future, result in as_completed(places, with_results=True):
            yield places[future], result


def do_job(job: tuple, function: Callable[..., Any], folder: str) -> Any:
    """On a worker: one job, whose paths begin in the folder where the command was given."""
    os.chdir(folder)
    return function(*job)
