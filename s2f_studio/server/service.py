"""What answers behind the web app: models in memory, threads, and limits of time and work."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from s2f_studio.answers import Answer, translate
from s2f_studio.page import drawing, uploads
from s2f_studio.page.catalogue import Catalogue, Choice, load
from s2f_studio.refusal import Refusal
from s2f_studio.request import DrawingRequest
from s2f_utils import runtime
from s2f_utils.infer import Model
from s2f_utils.networks.info import ModelInfo

WORST_CANDIDATES = "ask for fewer candidates, or without large or enhance"


@dataclass(frozen=True)
class Limits:
    """How much the app does at once.

    max_waiting: requests that are worked on or wait. timeout_s: of one. threads: that work; 0: one
    more than there are cores. max_cost: of one request, in usual answers (`DrawingRequest.cost`).
    max_models, max_bytes: of files, that are kept in memory (packed weights take two to four times
    their files there). max_body_bytes: of all bodies that are being read. per_minute, burst:
    requests of one address; 0 per minute: no limit.
    """

    max_waiting: int = 64
    timeout_s: float = 60.0
    threads: int = 0
    max_cost: int = 16
    max_models: int = 4
    max_bytes: int = 3_000_000_000
    max_body_bytes: int = 200_000_000
    per_minute: int = 1200
    burst: int = 240


class Stopped(Exception):
    """Nobody waits for this work any more."""


@dataclass
class _Loaded:
    """A model in memory, or one that is being loaded."""

    choice: Choice
    lock: threading.Lock = field(default_factory=threading.Lock)
    model: Model | None = None
    users: int = 0


class LoadedModels:
    """The models in memory, which threads share. The least used one goes where there are more than
    `max_models`, or more bytes of weights than `max_bytes`.
    """

    def __init__(self, load: Callable[[Choice], Model], max_models: int, max_bytes: int) -> None:
        self._load, self._max_models, self._max_bytes = load, max_models, max_bytes
        self._loaded: OrderedDict[str, _Loaded] = OrderedDict()
        self._lock = threading.Lock()

    @contextmanager
    def use(self, choice: Choice) -> Iterator[Model]:
        """The model, which stays in memory within the context.

        Raises Refusal where there is no room.
        """
        with self._lock:
            entry = self._entry(choice)
            entry.users += 1
        try:
            with entry.lock:
                if entry.model is None:
                    entry.model = self._load(choice)
            yield entry.model
        finally:
            with self._lock:
                entry.users -= 1

    def _entry(self, choice: Choice) -> _Loaded:
        entry = self._loaded.get(choice.id)
        if entry is None or entry.choice != choice:  # a run that was trained further is read again
            self._loaded.pop(choice.id, None)
            self._make_room(choice)
            entry = self._loaded[choice.id] = _Loaded(choice)
        self._loaded.move_to_end(choice.id)
        return entry

    def _make_room(self, choice: Choice) -> None:
        while self._loaded:
            megabytes = choice.size_mb + sum(one.choice.size_mb for one in self._loaded.values())
            has_room = megabytes * 1e6 <= self._max_bytes
            if len(self._loaded) < self._max_models and has_room:
                return
            idle = [name for name, one in self._loaded.items() if not one.users]
            if not idle:
                raise Refusal(
                    429,
                    "all models that fit into memory are at work: try again in a moment",
                    retry_s=5,
                )
            del self._loaded[idle[0]]

    def in_memory(self) -> dict[str, int]:
        """{id: bytes of its weights} of the models that are loaded, the least used first."""
        with self._lock:
            loaded = [(name, one.model) for name, one in self._loaded.items()]
        return {name: model.num_bytes for name, model in loaded if model is not None}


class Service:
    """What answers behind the web app; `close` ends it."""

    def __init__(
        self,
        catalogue: Catalogue | None = None,
        limits: Limits | None = None,
        device: str = "auto",
        engine: str = "auto",
    ) -> None:
        self.catalogue, self.limits = catalogue or Catalogue(), limits or Limits()
        runtime.choose_engine(engine, device)  # raises now for what is not here
        self.models = LoadedModels(
            lambda choice: load(choice, device, engine=engine),
            self.limits.max_models,
            self.limits.max_bytes,
        )
        num_threads = self.limits.threads or runtime.num_cores() + 1
        self._threads = ThreadPoolExecutor(num_threads, "answers")
        self._lock = threading.Lock()
        self.waiting, self.answered, self.started = 0, 0, time.monotonic()

    def close(self) -> None:
        """Finish what is being done and end all threads."""
        self._threads.shutdown(wait=True, cancel_futures=True)

    async def run(self, work: Callable[[Callable[[], None]], Any]) -> Any:
        """What a function returns that runs in one of the threads.

        work: gets a function that raises Stopped once nobody waits for it. It counts as waiting
        until it has really ended. Raises Refusal where too many wait (429), or where it takes
        longer than `limits.timeout_s` (503).
        """
        stopped = threading.Event()

        def check() -> None:
            if stopped.is_set():
                raise Stopped

        with self._lock:
            if self.waiting >= self.limits.max_waiting:
                raise Refusal(
                    429, f"{self.waiting} requests wait already: try again in a moment", retry_s=1
                )
            self.waiting += 1
        future = self._threads.submit(work, check)
        future.add_done_callback(self._ended)
        try:
            async with asyncio.timeout(self.limits.timeout_s):
                return await asyncio.wrap_future(future)
        except TimeoutError:
            raise Refusal(
                503, f"this took longer than {self.limits.timeout_s:g} seconds: try again later"
            ) from None
        finally:
            stopped.set()

    def _ended(self, _future: Any) -> None:
        with self._lock:
            self.waiting -= 1

    def answer(
        self, content: bytes, request: DrawingRequest, check: Callable[[], None]
    ) -> tuple[Answer, ModelInfo, float]:
        """The answers to an upload, the model's facts, and the seconds. Raises Refusal."""
        started = time.perf_counter()
        choice, restorer_choice = self._chosen(request)
        picture = uploads.read(content, choice.reads)
        check()
        with self.models.use(choice) as model:
            if restorer_choice is None:
                answer = translate(picture, request, model, check=check)
            else:
                with self.models.use(restorer_choice) as restorer:
                    answer = translate(picture, request, model, restorer, check)
        with self._lock:
            self.answered += 1
        return answer, model.info, time.perf_counter() - started

    def _chosen(self, request: DrawingRequest) -> tuple[Choice, Choice | None]:
        """The model, and the restorer where one is asked for.

        Raises Refusal for too much work.
        """
        if request.cost > self.limits.max_cost:
            raise Refusal(422, f"this is too much work for one request: {WORST_CANDIDATES}")
        choice = self.catalogue.choose(request.model, request.direction)
        return choice, self.catalogue.restorer() if request.enhance else None

    def cropped(self, content: bytes, request: DrawingRequest) -> dict[str, Any]:
        """An upload as the pad's drawing, as `drawing.cropped`. Raises Refusal."""
        choice = self.catalogue.choose(request.model, request.direction)
        return drawing.cropped(uploads.read(content, choice.reads), request, choice.info)
