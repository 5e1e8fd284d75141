"""Models at work: each in a thread of its own that loads it once, answers what waits for it in batches, and goes.

A slow model, or one that is being loaded, keeps only its own visitors waiting.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from s2f_studio.server.catalogue import Choice
from s2f_utils.inference import Ask, Model

MOST_BATCH, MOST_BATCH_CPU = 8, 2  # pictures in one pass; benchmarks/app_load.py


class Busy(RuntimeError):
    """No room for a further request; try again in `retry_s` seconds."""

    def __init__(self, message: str, retry_s: int = 1) -> None:
        super().__init__(message)
        self.retry_s = retry_s


@dataclass
class _Job:
    """One picture to answer, or (`work`) anything else to do with the model."""

    picture: np.ndarray | None = None
    ask: Ask | None = None
    work: Callable[[Model], Any] | None = None
    done: Future = field(default_factory=Future)


class Lane(threading.Thread):
    """One model's thread. load: makes the model, in this thread; what it raises, everybody who waits gets."""

    def __init__(self, choice: Choice, load: Callable[[Choice], Model], most_batch: int = MOST_BATCH) -> None:
        super().__init__(name=f"model {choice.id}", daemon=True)
        self.choice, self._load, self._most_batch = choice, load, max(1, most_batch)
        self._waiting: deque[_Job] = deque()
        self._changed = threading.Condition()
        self._closed = self._working = False
        self.model: Model | None = None
        self.batches: dict[int, int] = {}  # {size: how many}

    @property
    def is_idle(self) -> bool:
        """Whether nobody waits and nothing is being done."""
        with self._changed:
            return not self._waiting and not self._working

    def answer(self, picture: np.ndarray, ask: Ask) -> Future:
        """An answer, uint8 (H, W, 3), to a picture, perhaps together with others' pictures."""
        return self._put(_Job(picture, ask))

    def call(self, work: Callable[[Model], Any]) -> Future:
        """Something to be done with the model, alone."""
        return self._put(_Job(work=work))

    def _put(self, job: _Job) -> Future:
        with self._changed:
            if self._closed:
                raise Busy("the model is being put away: try again")
            self._waiting.append(job)
            self._changed.notify()
        return job.done

    def close(self) -> None:
        """Finish what waits, forget the model, and end."""
        with self._changed:
            self._closed = True
            self._changed.notify()

    def run(self) -> None:
        """The thread's own work."""
        while jobs := self._next():
            try:
                if self.model is None:
                    self.model = self._load(self.choice)
                self._do(jobs)
            except BaseException as error:  # the thread lives on; whoever waits is told
                for job in jobs:
                    if not job.done.done():
                        job.done.set_exception(error)
            finally:
                with self._changed:
                    self._working = False
            jobs = job = None  # nobody's picture stays until the next one comes
        self.model = None

    def _next(self) -> list[_Job]:
        """The oldest job and those that can be answered with it; [] at the end."""
        with self._changed:
            while True:
                while not self._waiting and not self._closed:
                    self._changed.wait()
                if not self._waiting:
                    return []
                first = self._waiting.popleft()
                if first.done.set_running_or_notify_cancel():
                    break
            self._working = True
            jobs = [first]
            most = self._most_batch if self.model is not None and self.model.in_batches else 1
            while self._waiting and len(jobs) < most and first.work is None and self._waiting[0].work is None:
                job = self._waiting.popleft()
                if job.done.set_running_or_notify_cancel():
                    jobs.append(job)
            return jobs

    def _do(self, jobs: list[_Job]) -> None:
        if jobs[0].work is not None:
            jobs[0].done.set_result(jobs[0].work(self.model))
            return
        self.batches[len(jobs)] = self.batches.get(len(jobs), 0) + 1
        try:
            made = self.model.answer([job.picture for job in jobs], [job.ask for job in jobs])
        except Exception:
            if len(jobs) == 1:
                raise
            for job in jobs:  # whoever's picture it was: each is answered, or told, by itself
                self._alone(job)
            return
        for job, picture in zip(jobs, made, strict=True):
            job.done.set_result(picture)

    def _alone(self, job: _Job) -> None:
        try:
            job.done.set_result(self.model.answer([job.picture], [job.ask])[0])
        except Exception as error:
            job.done.set_exception(error)


class Lanes:
    """All models in memory: at most `most_models`, and `most_bytes` of weights; the least used one goes first."""

    def __init__(
        self, load: Callable[[Choice], Model], *, most_models: int, most_bytes: int, most_batch: int = MOST_BATCH
    ) -> None:
        self._load, self._most = load, (most_models, most_bytes)
        self.most_batch = most_batch
        self._lanes: OrderedDict[str, Lane] = OrderedDict()
        self._lock = threading.Lock()

    def lane(self, choice: Choice) -> Lane:
        """The model's lane, a new one where it is not in memory. Raises Busy where all others are at work."""
        with self._lock:
            lane = self._lanes.get(choice.id)
            if lane is not None and lane.choice == choice:
                self._lanes.move_to_end(choice.id)
            else:  # a run that was trained further is read again
                if lane is not None:
                    self._lanes.pop(choice.id).close()
                self._make_room(choice)
                lane = self._lanes[choice.id] = Lane(choice, self._load, self.most_batch)
                lane.start()
            return lane

    def _make_room(self, choice: Choice) -> None:
        most_models, most_bytes = self._most
        while self._lanes:
            total = choice.size_mb * 1e6 + sum(lane.choice.size_mb * 1e6 for lane in self._lanes.values())
            if len(self._lanes) < most_models and total <= most_bytes:
                return
            least_used = next((lane for lane in self._lanes.values() if lane.is_idle), None)
            if least_used is None:
                raise Busy("all models that fit into memory are at work: try again in a moment", retry_s=5)
            self._lanes.pop(least_used.choice.id).close()

    def in_memory(self) -> dict[str, int]:
        """{id: bytes of its weights} of the models that are loaded, the least used first."""
        with self._lock:
            return {name: lane.model.num_bytes for name, lane in self._lanes.items() if lane.model}

    def batches(self) -> dict[int, int]:
        """{size of a batch: how many there were}, of the models in memory."""
        found: dict[int, int] = {}
        with self._lock:
            for lane in self._lanes.values():
                for size, num in list(lane.batches.items()):
                    found[size] = found.get(size, 0) + num
        return found

    def close(self, timeout_s: float = 10.0) -> None:
        """Finish what waits and end all threads."""
        with self._lock:
            lanes, self._lanes = list(self._lanes.values()), OrderedDict()
        until = time.monotonic() + timeout_s
        for lane in lanes:
            lane.close()
        for lane in lanes:
            lane.join(max(0.0, until - time.monotonic()))
