"""The jobs of `run_jobs` on a Dask cluster: many machines that see one disk. `distributed` is an optional package.

Jobs travel in batches of about a second, a few for each worker at a time, so that a set of millions never lies in the
scheduler. When a worker dies, Dask gives its batches to another: a job may be done twice, which `make_pictures` and the
others allow, for they write complete files. What runs on a worker stands in `worker.py`.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import pickle
import queue
import re
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from data_prep.errors import DataPrepError, printable
from data_prep.make.worker import terms_of
from data_prep.messages import warn

CONNECT_S = 10.0  # until a scheduler must answer, and a first worker be there
NO_WORKERS_S = 30.0  # how long a run waits for new workers when all are gone
STOP_S = 60.0  # a stopped run waits so long for the jobs under way
POLL_S = 1.0
BATCH_S, MAX_BATCH = 1.0, 256
WAITING_PER_WORKER = 2  # batches: one that is worked on, one that is there when it ends
# What a worker is told, in builtins only: the scheduler unpickles the call, too, and need not have this project.
CALL = "__import__('data_prep.make.worker', fromlist=['run_batch']).run_batch(sent)"
HOW = "dask worker {address} --nworkers -1 --nthreads 1"
AGAIN = "run the same command again; it goes on where it stopped"
MISSING = "--scheduler needs a further package: pip install distributed, here and on the cluster"


def address_of(scheduler: str) -> str:
    """A scheduler's address as Dask writes it, of tcp://host:port, host:port, or the path of a scheduler file (.json).

    Raises DataPrepError for anything else.
    """
    forms = "give tcp://HOST:PORT, HOST:PORT, or the file.json that 'dask scheduler --scheduler-file' wrote"
    if scheduler.endswith(".json"):
        try:
            return str(json.loads(Path(scheduler).read_text(encoding="utf-8"))["address"])
        except FileNotFoundError:
            raise DataPrepError(f"--scheduler {printable(scheduler)}: no such file: {forms}") from None
        except (ValueError, KeyError, TypeError):
            raise DataPrepError(f"--scheduler {printable(scheduler)}: names no scheduler: {forms}") from None
    if not re.fullmatch(r"(\w+://)?[^/\s]+:\d+", scheduler):
        raise DataPrepError(f"--scheduler {printable(scheduler)}: not an address: {forms}")
    return scheduler if "://" in scheduler else f"tcp://{scheduler}"


def check_cluster(scheduler: str) -> None:
    """DataPrepError unless `distributed` is installed, the scheduler answers, and it has a worker."""
    with _connected(address_of(scheduler)):
        pass


def jobs_done(
    function: Callable[..., Any],
    jobs: Sequence[tuple],
    scheduler: str,
    *,
    out: Path | None = None,
    reads: Sequence[str | os.PathLike] = (),
) -> Iterator[tuple[int, Any]]:
    """Call `function(*job)` for each job on the workers; pairs of a job's place and its result, as they are finished.

    out: the folder that is written to; the workers must see it, and stop soon after the run does. reads: source files,
    some of which the workers look for. A job's exception is raised here, as by the local pool; DataPrepError where the
    cluster is at fault.
    """
    address = address_of(scheduler)
    with _connected(address) as client, _sign(out) as sign:
        run = _Run(client, address, function, jobs, terms_of(sign, reads))
        try:
            yield from run.results()
        finally:
            run.stop(sign)


class _Run:
    """Batches of jobs on their way to the workers and back."""

    def __init__(self, client: Any, address: str, function: Callable, jobs: Sequence[tuple], terms: dict) -> None:
        self.client, self.address, self.function, self.jobs, self.terms = client, address, function, jobs, terms
        self.begun = 0  # jobs that were sent
        self.under_way: dict[str, tuple[Any, range]] = {}  # a future's key → the future and its jobs' places
        self.finished: queue.SimpleQueue[str] = queue.SimpleQueue()
        self.seconds_a_job = BATCH_S  # until the first are measured: one job a batch
        self.num_workers = self._count()
        self.seen_workers = self.counted = time.monotonic()
        wide = sum(threads > 1 for threads in client.nthreads().values())
        if wide:
            warn(f"{wide} workers have several threads, and make one picture at a time: {HOW.format(address=address)}")

    def results(self) -> Iterator[tuple[int, Any]]:
        """Send and collect until all is done."""
        while self.begun < len(self.jobs) or self.under_way:
            while self.begun < len(self.jobs) and len(self.under_way) < WAITING_PER_WORKER * self.num_workers:
                self._send()
            try:
                key = self.finished.get(timeout=POLL_S)
            except queue.Empty:
                self._look()
                continue
            future, places = self.under_way.pop(key)
            done, seconds = self._result(future)
            future.release()
            self.seconds_a_job = max(seconds / len(places), 1e-4)
            if time.monotonic() - self.counted > 5 * POLL_S:
                self._look()
            if len(done) < len(places):
                raise DataPrepError(f"another run has begun to write to the same folder: let it end, or {AGAIN}")
            yield from zip(places, done, strict=True)

    def stop(self, sign: Path | None) -> None:
        """No batch under way begins another job; wait for those that write."""
        if sign is not None:
            sign.unlink(missing_ok=True)
            deadline = time.monotonic() + STOP_S
            while self.under_way and time.monotonic() < deadline and self.client.status == "running":
                try:
                    self.under_way.pop(self.finished.get(timeout=POLL_S), None)
                except queue.Empty:
                    if not self._count():
                        break
        if self.under_way and self.client.status == "running":
            self.client.cancel([future for future, _ in self.under_way.values()])

    def _send(self) -> None:
        left = len(self.jobs) - self.begun
        even = -(-left // (WAITING_PER_WORKER * self.num_workers))  # the last batches end together
        places = range(self.begun, self.begun + max(1, min(round(BATCH_S / self.seconds_a_job), MAX_BATCH, even)))
        batch = pickle.dumps((self.function, [self.jobs[place] for place in places]))
        sent = {"sent": pickle.dumps((self.terms, batch))}
        future = self.client.submit(eval, CALL, sent, pure=False, key=f"data_prep-{uuid.uuid4().hex}")
        self.under_way[future.key] = future, places
        self.begun = places.stop
        future.add_done_callback(lambda future: self.finished.put(future.key))

    def _result(self, future: Any) -> tuple[list[Any], float]:
        from distributed import KilledWorker

        while True:
            try:
                return future.result(timeout=POLL_S)
            except TimeoutError:
                if future.status == "error":  # a job's own
                    raise
                self._look()  # its worker died with the result: another makes it anew
            except KilledWorker:
                raise DataPrepError(
                    "workers died over the same pictures again and again (out of memory?): start fewer of them on a"
                    f" machine, and {AGAIN}"
                ) from None
            except ModuleNotFoundError as error:
                raise DataPrepError(
                    f"a worker at {self.address} has no {error.name}: start the workers in this project's folder, with"
                    f" the packages that this machine has: {HOW.format(address=self.address)}"
                ) from None
            except Exception:
                if future.status in ("cancelled", "lost"):
                    raise self._lost() from None
                raise

    def _look(self) -> None:
        """Count the workers. Raises DataPrepError when the scheduler is gone, or all workers are, and none comes."""
        self.counted = time.monotonic()
        if self.client.status != "running":
            raise self._lost()
        num = self._count()
        if num:
            self.num_workers, self.seen_workers = num, self.counted
        elif self.counted - self.seen_workers > NO_WORKERS_S:
            raise DataPrepError(
                f"no worker is left at {self.address}: start some ({HOW.format(address=self.address)}), and {AGAIN}"
            )

    def _count(self) -> int:
        return len(self.client.nthreads())

    def _lost(self) -> DataPrepError:
        return DataPrepError(
            f"the connection to the scheduler at {self.address} was lost: see that it runs, and {AGAIN}"
        )


@contextlib.contextmanager
def _connected(address: str) -> Iterator[Any]:
    """A client of the scheduler, which has a worker. Raises DataPrepError."""
    try:
        import distributed
    except ModuleNotFoundError:
        raise DataPrepError(MISSING) from None
    with _quiet(), contextlib.ExitStack() as stack:
        client = _client(distributed, address)
        stack.callback(client.close, timeout=CONNECT_S)
        try:
            client.wait_for_workers(1, timeout=CONNECT_S)
        except TimeoutError:
            raise DataPrepError(
                f"the scheduler at {address} has no workers: start them on each machine, in this project's folder:"
                f" {HOW.format(address=address)}"
            ) from None
        yield client


def _client(distributed: Any, address: str) -> Any:
    """Connect in a thread: what is no scheduler, but takes the call and is silent, would be waited for without end."""
    answers: queue.SimpleQueue[Any] = queue.SimpleQueue()

    def connect() -> None:
        try:
            answers.put(distributed.Client(address, timeout=CONNECT_S, set_as_default=False, name="data_prep"))
        except Exception as error:
            answers.put(error)

    threading.Thread(target=connect, daemon=True).start()
    try:
        answer = answers.get(timeout=CONNECT_S + 2)
    except queue.Empty:
        answer = TimeoutError("no answer")
    if isinstance(answer, Exception):
        raise DataPrepError(
            f"no Dask scheduler answers at {address} ({printable(answer).splitlines()[0]}): start one with 'dask"
            " scheduler', or correct --scheduler"
        )
    return answer


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Without Dask's own words in the log: what matters is said in one line here."""
    names = [name for name in logging.root.manager.loggerDict if name.split(".")[0] in ("distributed", "tornado")]
    levels = {name: logging.getLogger(name).level for name in names}
    for name in names:
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        for name, level in levels.items():
            logging.getLogger(name).setLevel(level)


@contextlib.contextmanager
def _sign(out: Path | None) -> Iterator[Path | None]:
    """A file in the folder that is written to, which says that the run is on: a worker that does not see it has
    another disk, or nothing more to do. In the end it goes, with what killed workers left half written.
    """
    if out is None:
        yield None
        return
    handle, name = tempfile.mkstemp(dir=out, prefix=".cluster.", suffix=".part")
    os.close(handle)
    try:
        yield Path(name).absolute()
    finally:
        for leftover in (*out.glob(".*.part"), *out.glob("*/.*.part")):
            leftover.unlink(missing_ok=True)
