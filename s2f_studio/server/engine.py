"""What the web app does with an upload: read, clean, align, translate, enhance, encode; for many visitors at once.

Shapes: S pixels of a model.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from s2f_studio.drawings import domain, mesh
from s2f_studio.drawings.mesh import FACE_PX
from s2f_studio.drawings.preparing import Ready, prepared_for
from s2f_studio.engines import choice as engines
from s2f_studio.faces.choosing import FAITHFUL, advised, answer_to
from s2f_studio.server import uploads
from s2f_studio.server.catalogue import FOLDERS, Catalogue, Choice, ModelError, load
from s2f_studio.server.lanes import MOST_BATCH, MOST_BATCH_CPU, Busy, Lanes
from s2f_studio.server.orders import Order, asks_of, named
from s2f_studio.server.uploads import AskError
from s2f_studio.web import messages
from s2f_utils import runtime, weights
from s2f_utils.inference import Ask, Facts, Model
from s2f_utils.pictures import faces, images, masks
from s2f_utils.pictures.remarks import WORDS, Remark

ALIGN = ("auto", "always", "never")
LEAST_SKIN = 0.01  # of a label map
HERE = {  # what is said otherwise on the command line
    "photo": "this looks like a photo, not like a drawing: choose the direction photo → sketch",
    "not-a-photo": "this looks like a drawing, not like a photo: choose the direction sketch → photo",
    "crude": messages.WORDS["crude"],
    "faces": WORDS["faces"].replace("another one", "another one at Face"),
    "cut": WORDS["cut"].replace("have it cleaned whole", "choose 'clean up, cut nothing out' at Paper"),
}
CHECK = "check where the eyes and the mouth are: "
UNSURE, NO_DETECTOR = "no face was found for sure", "the face detector is not on this machine"
NO_FACE = "no face was found in this picture: place the eyes and the mouth on it, or have a face made anyway"
VAGUE = 0.235  # of the eyes' distance, by how much points are off: of drawn faces at most .22, of scrawls more


@dataclass(frozen=True)
class Limits:
    """How much the app does at once.

    most_waiting: requests that are worked on or wait. timeout_s: of one. workers: threads that read, align and encode;
    0: one more than there are cores. most_models, most_bytes: in memory. most_batch: requests that one pass of a
    network answers; 0: 8 on a GPU, 2 on a CPU, where more of them gain nothing. per_minute, burst: requests of one
    address; 0: as many as it likes. most_visits, visit_s: sketch pads that are kept, and for how long without a word
    from their page.
    """

    most_waiting: int = 64
    timeout_s: float = 60.0
    workers: int = 0
    most_models: int = 4
    most_bytes: int = 3_000_000_000
    most_batch: int = 0
    per_minute: int = 300
    burst: int = 60
    most_visits: int = 64
    visit_s: float = 1800.0


@dataclass(frozen=True)
class Made:
    """One answer: its name, the picture, uint8 (H, W, 3), the PNG with its notes, and how it came about."""

    name: str
    picture: np.ndarray
    png: bytes
    notes: dict[str, str]


@dataclass(frozen=True)
class Answer:
    """All answers to a request. given: what the model saw, as a picture. points: where eyes and mouth were found on the
    upload, shares as in `Order`, None where that is not known; found: whether a face was. sheet: the corners of the
    sheet that was cut out of the upload, (4, 2) such shares, None where nothing was. num_faces: as
    far as they were looked for; faces: where they are, (left, top, width, height) in such shares from the left, none
    where there is one alone or that is not known; taken: the number of the one that was taken. codes: of the warnings.
    """

    choice: Choice
    made: list[Made]
    given: np.ndarray
    warnings: tuple[str, ...]
    points: tuple[tuple[float, float], ...] | None
    found: bool
    seconds: dict[str, float] = field(default_factory=dict)
    sheet: list[list[float]] | None = None
    num_faces: int = 1
    faces: tuple[list[float], ...] = ()
    taken: int = 1
    codes: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Ready:
    given: np.ndarray
    shown: np.ndarray
    warnings: tuple[str, ...] = ()
    points: tuple[tuple[float, float], ...] | None = None
    found: bool = False
    sheet: list[list[float]] | None = None
    num_faces: int = 1
    faces: tuple[list[float], ...] = ()
    taken: int = 1
    codes: tuple[str, ...] = ()


class Engine:
    """The models and the threads behind the web app; `close` ends them."""

    def __init__(
        self,
        catalogue: Catalogue | None = None,
        limits: Limits | None = None,
        device: str = "auto",
        engine: str = "auto",
    ) -> None:
        self.catalogue, self.limits, self.device = catalogue or Catalogue(), limits or Limits(), device
        engines.chosen(engine, device)  # what cannot be is said now
        at_once = self.limits.most_batch or (MOST_BATCH if engines.on_gpu(device) else MOST_BATCH_CPU)
        self.lanes = Lanes(
            lambda choice: load(choice, device, at_once, engine), most_models=self.limits.most_models,
            most_bytes=self.limits.most_bytes, most_batch=at_once,
        )  # fmt: skip
        workers = self.limits.workers or runtime.num_cores() + 1
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="pictures")
        self.waiting, self.answered, self.begun = 0, 0, time.monotonic()

    def close(self) -> None:
        """Finish what is being done and end all threads."""
        self._pool.shutdown(wait=True, cancel_futures=True)
        self.lanes.close()

    @asynccontextmanager
    async def admitted(self) -> AsyncIterator[None]:
        """Room for one request, for as long as `limits.timeout_s`. Raises Busy, or AskError (503) after that time."""
        if self.waiting >= self.limits.most_waiting:
            raise Busy(f"{self.waiting} requests are waiting already: try again in a moment")
        self.waiting += 1
        try:
            async with asyncio.timeout(self.limits.timeout_s):
                yield
        except TimeoutError:
            raise AskError(503, f"this took longer than {self.limits.timeout_s:g} seconds: try again later") from None
        finally:
            self.waiting -= 1

    async def in_pool(self, work: Callable, *given: Any) -> Any:
        """What a function returns that is run in one of the threads for pictures."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, work, *given)

    async def call(self, choice: Choice, work: Callable[[Model], Any]) -> Any:
        """What a function returns that is run in the thread of a model, with it."""
        return await asyncio.wrap_future(self.lanes.lane(choice).call(work))

    async def translate(self, content: bytes, asked: Order) -> Answer:
        """Answer an upload. Raises UploadError, ModelError, AskError or Busy, each with a sentence for the visitor."""
        choice, restorer = await asyncio.to_thread(self._chosen, asked)
        clock = {"begun": time.perf_counter()}
        async with self.admitted():
            ready = await self.in_pool(self._prepare, content, choice, asked)
            clock["prepared"] = time.perf_counter()
            (asks, warnings), codes = asks_of(asked, choice), ready.codes
            pictures = await _all([self.answer(choice, ready.given, ask) for _, ask in asks])
            clock["translated"] = time.perf_counter()
            if choice.chooses:
                square = images.resize(ready.given, choice.size_px, "stretch")  # as it is asked for (`asks_of`)
                kind = await self.in_pool(answer_to, square, asks[0][1])
                if remark := await self.in_pool(advised, square, asks[0][1]):
                    warnings, codes = (*warnings, remark.worded(HERE)), (*codes, remark.code)
                asks = named(asks, kind)
            if restorer is not None:
                wanted = (restorer, asked.strength, asked.seed)
                pictures = await _all([self.restored(picture, *wanted) for picture in pictures])
                clock["enhanced"] = time.perf_counter()
            made = await self.in_pool(_finish, pictures, asks, choice, asked, restorer)
            clock["finished"] = time.perf_counter()
        self.answered += 1
        at = list(clock.values())
        seconds = {name: round(b - a, 4) for name, a, b in zip(list(clock)[1:], at, at[1:], strict=False)}
        return Answer(
            choice, made, ready.shown, (*ready.warnings, *warnings), ready.points, ready.found, seconds,
            ready.sheet, ready.num_faces, ready.faces, ready.taken, codes,
        )  # fmt: skip

    def _chosen(self, asked: Order) -> tuple[Choice, Choice | None]:
        """The model, and the restorer where one is asked for. Raises AskError for both at once, ModelError."""
        choice = self.catalogue.choose(asked.model, asked.direction)
        if asked.enhance and choice.direction == "photo-to-sketch":
            raise AskError(422, "enhance restores photos: leave it out where a sketch is made")
        return choice, self.catalogue.restorer(asked.restorer) if asked.enhance else None

    async def facts(self, choice: Choice) -> Facts:
        """What a model is, which is loaded now where it is not yet."""
        return await self.call(choice, lambda model: model.facts)

    async def answer(self, choice: Choice, given: np.ndarray, ask: Ask) -> np.ndarray:
        """A model's answer, uint8 (H, W, 3), from its thread, perhaps in one pass with others'."""
        return await asyncio.wrap_future(self.lanes.lane(choice).answer(given, ask))

    async def restored(self, picture: np.ndarray, using: Choice, strength: float, seed: int = 0) -> np.ndarray:
        """A translated face with added detail, uint8 (H, W, 3), from a restorer's thread; errors as of `translate`."""
        from s2f_utils.inference.restorers import RestoreError

        if strength == 0:
            return picture
        try:
            return await self.answer(using, picture, Ask(seed, strength=strength))
        except faces.FaceError:
            raise ModelError(422, "no face was found to enhance: leave enhance out") from None
        except weights.WeightsError:
            raise ModelError(
                422, "to enhance a picture that is not square takes the face detector, which is not on this machine"
            ) from None
        except (RestoreError, ValueError) as error:
            raise ModelError(422, FOLDERS.sub("", str(error))) from None

    # In the threads for pictures

    def _prepare(self, content: bytes, choice: Choice, asked: Order) -> _Ready:
        if choice.reads == "map":
            labels = uploads.read_map(content)
            if np.mean(labels == masks.CLASSES.index("skin")) < LEAST_SKIN:
                raise AskError(422, "this map has no face: less than 1 % of it is skin (class 1); is it a drawing?")
            return _Ready(labels, masks.colour(labels), found=True)
        picture = uploads.read_picture(content)
        points = None
        if asked.points is not None:
            points = np.asarray(asked.points, dtype=np.float64) * picture.shape[1::-1] - 0.5
        try:
            if asked.align == "never" or (asked.align == "auto" and not choice.layout and points is None):
                return self._as_it_is(picture, choice)
            return self._aligned(picture, choice, asked, points)
        except (faces.FaceError, ValueError) as error:
            if isinstance(error, uploads.Refusal):
                raise
            raise AskError(422, in_page(str(error))) from None

    def _as_it_is(self, picture: np.ndarray, choice: Choice) -> _Ready:
        advice = domain.advice(picture, choice.direction) if choice.source == "shipped" else None
        told = ((advice.worded(HERE),), (advice.code,)) if advice else ((), ())
        return _Ready(picture, picture, told[0], found=True, codes=told[1])

    def _aligned(self, picture: np.ndarray, choice: Choice, asked: Order, points: np.ndarray | None) -> _Ready:
        ready = prepared_for(
            choice.facts, picture, points=points, clean=asked.clean, align=True, face=_which(asked, picture)
        )
        if Remark("no-lines") in ready.warnings:
            raise AskError(422, f"{Remark('no-lines')}: draw a face first")
        found = ready.face.method not in ("centre", "cascade")
        if points is None and not asked.insist:
            _check_face(ready, choice)
        as_given = not {"turned", "cut"} & {remark.code for remark in ready.warnings}
        where = _shares(ready.face.landmarks, picture.shape) if as_given or choice.reads == "photo" else None
        told = {remark.code: remark.data for remark in ready.warnings}
        sheet, several = told.get("cut", {}).get("corners"), told.get("faces", {})
        return _Ready(
            ready.given, ready.given, _told(ready.warnings, found), where, found, sheet, several.get("num", 1),
            tuple(several.get("boxes", ())) if as_given else (), several.get("taken", 1), tuple(told),
        )  # fmt: skip


def _check_face(ready: Ready, choice: Choice) -> None:
    """Raise AskError for a picture in which there seems to be no face: a house, a wall, a scrawl."""
    codes = {remark.code for remark in ready.warnings}
    if "no-face" in codes and "no-detector" not in codes:
        raise AskError(422, NO_FACE, "no-face")
    if choice.reads == "sketch" and choice.layout == "aligned" and codes & {"no-face", "rough-face"}:
        from s2f_studio.drawings.understanding import understood

        found = understood(images.resize(ready.given, FACE_PX, "stretch"))
        if found.off.mean() > VAGUE * mesh.eye_distance(found.points):
            raise AskError(422, NO_FACE, "no-face")


async def _all(asked: list[Coroutine]) -> list[Any]:
    """What all of them give; where one fails, the others are not waited for."""
    waiting = [asyncio.ensure_future(one) for one in asked]
    try:
        return await asyncio.gather(*waiting)
    except BaseException:
        for one in waiting:
            one.cancel()
        raise


def _finish(
    pictures: list[np.ndarray], asks: list[tuple[str, Ask]], choice: Choice, asked: Order, using: Choice | None
) -> list[Made]:
    made = []
    for picture, (name, ask) in zip(pictures, asks, strict=True):
        notes = {"model": choice.id, "seed": str(ask.seed)}
        if choice.chooses:
            notes["answer"] = ask.answer
        if choice.detail and (not choice.chooses or ask.answer == FAITHFUL):
            notes["detail"] = f"{ask.detail:g}"
        if using is not None:
            notes["restorer"] = f"{using.id}, strength {asked.strength:g}"
        made.append(Made(name, picture, images.png_of(picture, generated=True, notes=notes), notes))
    return made


def _told(remarks: Sequence[Remark], found: bool) -> tuple[str, ...]:
    """What the library had to say, in the page's words; in one sentence where no face was found for sure."""
    about_face = ("rough-face", "no-face", "no-detector")
    told = [remark.worded(HERE) for remark in remarks if found or remark.code not in about_face]
    if not found:
        is_missing = any(remark.code == "no-detector" for remark in remarks)
        told.append(CHECK + (NO_DETECTOR if is_missing else UNSURE))
    return tuple(dict.fromkeys(told))


def in_page(text: str) -> str:
    """An error of the library, without words about the command line."""
    return re.sub(r"\s*\(--[^)]*\)", "", text)


def _which(asked: Order, picture: np.ndarray) -> faces.Which:
    """The face that is asked for, a box in pixels."""
    which = faces.checked(asked.face)
    if not isinstance(which, tuple):
        return which
    return tuple(float(share * side) for share, side in zip(which, picture.shape[1::-1] * 2, strict=True))


def _shares(landmarks: np.ndarray, shape: tuple[int, ...]) -> tuple[tuple[float, float], ...]:
    """Both eyes and the middle of the mouth as shares of the picture's width and height."""
    points = np.stack([landmarks[0], landmarks[1], landmarks[3:5].mean(axis=0)])
    shares = np.clip((points + 0.5) / shape[1::-1], 0, 1)
    return tuple((round(float(x), 4), round(float(y), 4)) for x, y in shares)
