"""The models at work for many visitors at once: each in a thread of its own, what surrounds it in a
pool.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from s2f_studio.engines import running as engines
from s2f_studio.page import answering, drawing, uploads
from s2f_studio.page.catalogue import Catalogue, Choice, load
from s2f_studio.page.uploads import Refusal
from s2f_studio.query import Query
from s2f_utils import runtime
from s2f_utils.infer import Model


@dataclass(frozen=True)
class Limits:
    """How much the app does at once.

    most_waiting: requests that are worked on or wait. timeout_s: of one. workers: threads that
    read, align and encode;
    0: one more than there are cores. most_models, most_bytes: of files, that are kept in memory
    (packed weights take two to four times their files there). per_minute, burst: requests of one
    address;
    0: as many as it likes.
    """

    most_waiting: int = 64
    timeout_s: float = 60.0
    workers: int = 0
    most_models: int = 4
    most_bytes: int = 3_000_000_000
    per_minute: int = 300
    burst: int = 60


@dataclass
class _Held:
    """A model in memory, or one that is being loaded, and its thread."""

    choice: Choice
    thread: ThreadPoolExecutor
    model: Model | None = None
    waiting: set[Future] = field(default_factory=set)


class Models:
    """The models in memory, each with a thread of its own, so that a slow one keeps only its own
    visitors waiting.

    The least used one goes where there are more than `most_models`, or more bytes of weights than
    `most_bytes`.
    """

    def __init__(self, load: Callable[[Choice], Model], most_models: int, most_bytes: int) -> None:
        self._load, self._most = load, (most_models, most_bytes)
        self._held: OrderedDict[str, _Held] = OrderedDict()
        self._lock = threading.Lock()

    def call(self, choice: Choice, work: Callable[[Model], Any]) -> Future:
        """What a function gives that is run with the model, in its thread. Raises Refusal where
        there is no room.
        """
        with self._lock:
            held = self._held.get(choice.id)
            if (
                held is None or held.choice != choice
            ):  # a run that was trained further is read again
                if held is not None:
                    self._let_go(held)
                self._make_room(choice)
                held = self._held[choice.id] = _Held(
                    choice, ThreadPoolExecutor(1, f"model {choice.id}")
                )
            self._held.move_to_end(choice.id)
            future = held.thread.submit(self._run, held, work)
            held.waiting.add(future)
        future.add_done_callback(held.waiting.discard)
        return future

    def _run(self, held: _Held, work: Callable[[Model], Any]) -> Any:
        if held.model is None:
            held.model = self._load(held.choice)
        return work(held.model)

    def _make_room(self, choice: Choice) -> None:
        most_models, most_bytes = self._most
        while self._held:
            total = choice.size_mb * 1e6 + sum(
                held.choice.size_mb * 1e6 for held in self._held.values()
            )
            if len(self._held) < most_models and total <= most_bytes:
                return
            least_used = next((held for held in self._held.values() if not held.waiting), None)
            if least_used is None:
                raise Refusal(
                    429,
                    "all models that fit into memory are at work: try again in a moment",
                    retry_s=5,
                )
            self._let_go(least_used)

    def _let_go(self, held: _Held) -> None:
        del self._held[held.choice.id]
        held.thread.shutdown(wait=False)

    def in_memory(self) -> dict[str, int]:
        """{id: bytes of its weights} of the models that are loaded, the least used first."""
        with self._lock:
            return {name: held.model.num_bytes for name, held in self._held.items() if held.model}

    def close(self) -> None:
        """Finish what is being done, and end all threads."""
        with self._lock:
            held, self._held = list(self._held.values()), OrderedDict()
        for one in held:
            one.thread.shutdown(cancel_futures=True)


class Engine:
    """What answers behind the web app; `close` ends it."""

    def __init__(
        self,
        catalogue: Catalogue | None = None,
        limits: Limits | None = None,
        device: str = "auto",
        engine: str = "auto",
    ) -> None:
        self.catalogue, self.limits = catalogue or Catalogue(), limits or Limits()
        engines.choose_engine(engine, device)  # what cannot be is said now
        self.models = Models(
            lambda choice: load(choice, device, engine=engine),
            self.limits.most_models,
            self.limits.most_bytes,
        )
        self._pool = ThreadPoolExecutor(self.limits.workers or runtime.num_cores() + 1, "pictures")
        self.waiting, self.answered, self.begun = 0, 0, time.monotonic()

    def close(self) -> None:
        """Finish what is being done and end all threads."""
        self._pool.shutdown(wait=True, cancel_futures=True)
        self.models.close()

    async def in_pool(self, work: Callable, *given: Any) -> Any:
        """What a function returns that is run in one of the threads for pictures."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, work, *given)

    async def call(self, choice: Choice, work: Callable[[Model], Any]) -> Any:
        """What a function returns that is run in the thread of a model, with it."""
        return await asyncio.wrap_future(self.models.call(choice, work))

    async def in_time(self, work: Any) -> Any:
        """What a coroutine returns. Raises Refusal (503) where it takes longer than
        `limits.timeout_s`.
        """
        try:
            async with asyncio.timeout(self.limits.timeout_s):
                return await work
        except TimeoutError:
            raise Refusal(
                503, f"this took longer than {self.limits.timeout_s:g} seconds: try again later"
            ) from None

    async def answer(self, content: bytes, query: Query) -> tuple[dict[str, Any], bytes]:
        """The answers to an upload, as `answering.as_json`, and the first PNG. Raises Refusal."""
        choice, restorer = await asyncio.to_thread(self._chosen, query)
        at = [time.perf_counter()]

        async def timed(work: Any) -> Any:
            done = await work
            at.append(time.perf_counter())
            return done

        ready = await timed(self.in_pool(self._prepare, content, choice, query))

        def made_by(model: Model) -> tuple[Any, Any]:
            return answering.answers(model, ready.given, query), model.info

        (made, remarks), facts = await timed(self.call(choice, made_by))
        if restorer is not None:
            made = await timed(
                self.call(
                    restorer,
                    lambda one: [(*m[:2], answering.restored(one, m[2], query)) for m in made],
                )
            )
        name = None if restorer is None else restorer.id
        answer = await timed(
            self.in_pool(answering.finish, ready, made, remarks, query, facts, name)
        )
        self.answered += 1
        steps = ["prepared", "translated", *(["enhanced"] if restorer else []), "finished"]
        seconds = {
            step: round(end - start, 4) for step, start, end in zip(steps, at, at[1:], strict=False)
        }
        reply = await self.in_pool(answering.as_json, answer, facts, seconds)
        return reply, answer.made[0].png

    def _chosen(self, query: Query) -> tuple[Choice, Choice | None]:
        """The model, and the restorer where one is asked for. Raises Refusal for sketches to be
        restored.
        """
        choice = self.catalogue.choose(query.model, query.direction)
        if query.enhance and choice.direction == "photo-to-sketch":
            raise Refusal(422, "enhance restores photos: leave it out where a sketch is made")
        return choice, self.catalogue.restorer(query.restorer) if query.enhance else None

    def _prepare(self, content: bytes, choice: Choice, query: Query) -> answering.Ready:
        return answering.prepare(uploads.read(content, choice.reads), query, choice.info)

    def cropped(self, content: bytes, query: Query) -> dict[str, Any]:
        """An upload as the pad's drawing, as `drawing.cropped`. Raises Refusal."""
        choice = self.catalogue.choose(query.model, query.direction)
        return drawing.cropped(uploads.read(content, choice.reads), query, choice.info)
