"""Sketch pads of visitors: each page has one here, with a model that it shares with all others, until the page goes.

The page is the sketch pad's own (sketch_pad.js); its messages come as JSON instead of through a notebook's kernel.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from s2f_utils.app import uploads
from s2f_utils.app.catalogue import Choice, Loaded
from s2f_utils.app.engine import AskError, Engine, in_page
from s2f_utils.app.lanes import Busy
from s2f_utils.inference.pad_models import PadModel
from s2f_utils.pad import messages, sketch_pad
from s2f_utils.pictures import domain, drawings
from s2f_utils.pictures.images import picture_uri

KINDS = (
    "hello", "draw", "set", "model", "start", "upload", "region", "hint", "photo", "keep", "drop", "back", "choose",
    "variants",
)  # fmt: skip
# In the pad there are no points to place.
IN_PAD = {
    in_page(domain.ADVICE[name]): "the face was not found for sure: place its eyes and mouth under Upload"
    for name in ("rough face", "no face")
}
MOST_SAID = 300  # characters of what went wrong
MOST_POINTS = 5000  # of a region's outline


class ToRestore(Exception):
    """A pad's new face that waits for the restorer, uint8 (S, S, 3)."""

    def __init__(self, made: np.ndarray) -> None:
        super().__init__("this face is to be restored")
        self.made = made


class _Lent(PadModel):
    """A model that many pads use in turn: what belongs to one pad is kept here, the network only while it is lent."""

    def __init__(self, name: str, real: PadModel) -> None:
        super().__init__(name, real.reads, real.size_px)
        self.layout, self.hint_method, self.real = real.layout, real.hint_method, real
        self.has_detail, self.has_variants, self.has_seed = real.has_detail, real.has_variants, real.has_seed
        self.chosen: Any = None
        self._shares: dict[tuple, Any] = {}

    def _own(self) -> PadModel:
        if self.has_variants:
            self.real.chosen, self.real._shares = self.chosen, self._shares
        return self.real

    def answer(self, given: np.ndarray, detail: float, seed: int) -> np.ndarray:
        return self._own().answer(given, detail, seed)

    def variants(self, given: np.ndarray, num: int, seed: int) -> tuple[np.ndarray, Any]:
        """Other answers, and their styles."""
        return self._own().variants(given, num, seed)

    def with_hints(self, given: np.ndarray, face: np.ndarray, tones: dict) -> np.ndarray:
        return self._own().with_hints(given, face, tones)


class VisitPad(sketch_pad.SketchPad):
    """A visitor's pad. The page keeps the steps of the drawing, so that only one is kept here."""

    most_steps = 1

    def __init__(self, engine: Engine, choice: Choice, real: PadModel, choices: dict[str, str]) -> None:
        self._lent = {choice.id: _Lent(choice.id, real)}
        self._ready: Any = None  # an upload that was laid already
        super().__init__(choice.id, device=engine.device)
        self.choices = choices

    def _load(self, model: Any) -> PadModel:
        return self._lent[model]

    def _restored(self, made: np.ndarray) -> np.ndarray:
        raise ToRestore(made)  # in the restorer's own thread: the model's is not for waiting

    def complete(self, made: np.ndarray) -> None:
        """Go on with a face that was restored."""
        with self._busy:
            self._completed(made)

    def lay(self, picture: np.ndarray) -> None:
        """Clean an upload, uint8 (H, W, 3), and find its face, for the next `begin_with`."""
        self._ready = super()._own(picture)

    def _own(self, picture: np.ndarray) -> tuple[np.ndarray, tuple[str, ...]]:
        ready, self._ready = self._ready, None
        return ready or super()._own(picture)

    def lend(self, name: str, real: PadModel | None) -> None:
        """Give the pad a model's network, or take it back (None)."""
        if name not in self._lent:
            self._lent[name] = _Lent(name, real)
        self._lent[name].real = real


@dataclass
class Visit:
    """One page's pad and what was told to it."""

    pad: VisitPad
    at: float
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    loaded: int = 0
    variants: list[str] = field(default_factory=list)
    told: set[str] = field(default_factory=set)
    kept: dict[int, dict[str, str]] = field(default_factory=dict)  # what is shown of each version, by its id


class Visits:
    """All visits, by a name that nobody can guess; the longest unused one goes where there are too many."""

    def __init__(self, engine: Engine) -> None:
        self.engine, self.limits = engine, engine.limits
        self._visits: OrderedDict[str, Visit] = OrderedDict()

    def __len__(self) -> int:
        return len(self._visits)

    async def begin(self) -> dict[str, Any]:
        """A new visit: {"visit": its name, "values": what its page shows}."""
        self.tidy(self.limits.most_visits - 1)
        choice, choices = await asyncio.to_thread(lambda: (self.engine.catalogue.choose(), self._choices()))

        def work(loaded: Loaded) -> VisitPad:
            real = loaded.pad_model()
            pad = VisitPad(self.engine, choice, real, choices)
            pad.translate()
            pad.lend(choice.id, None)
            return pad

        async with self.engine.admitted():
            pad = await self.engine.call(choice, work)
        visit, name = Visit(pad, time.monotonic()), secrets.token_urlsafe(18)
        pad.listeners.append(visit.told.add)
        self._visits[name] = visit
        self.tidy()
        return {"visit": name, "values": await self.engine.in_pool(self._values, visit, {"drawing"}, {}, "", 0.0)}

    def find(self, name: str) -> Visit:
        """A visit by its name. Raises AskError (404) for one that is over."""
        self.tidy()
        if (visit := self._visits.get(name)) is None:
            raise AskError(404, "this visit is over")
        return visit

    def end(self, name: str) -> None:
        """The page was closed."""
        self._visits.pop(name, None)

    async def tell(self, name: str, content: dict[str, Any]) -> dict[str, Any]:
        """Do what the page of a visit asks for: {"values": what has changed}.

        Raises AskError (404) for a visit that is over, Busy where the page does not wait for its answers.
        """
        visit = self.find(name)
        if content.get("kind") not in KINDS:
            raise AskError(422, "the pad does not know this: reload the page")
        if visit.lock.locked():
            raise Busy("one thing at a time: the pad is still at work")
        async with visit.lock:
            self._visits.move_to_end(name)
            visit.at = begun = time.monotonic()
            problem = await self._do(visit, content)
            visit.at = time.monotonic()
            told = visit.told - ({"drawing"} if content["kind"] == "draw" else set())
            told |= {"drawing"} if content["kind"] == "hello" else set()
            visit.told.clear()
            took = time.monotonic() - begun
            return {"values": await self.engine.in_pool(self._values, visit, told, content, problem, took)}

    async def _do(self, visit: Visit, content: dict[str, Any]) -> str:
        """Obey, the network's share in the model's thread; what went wrong, in a sentence."""
        pad, engine = visit.pad, self.engine
        try:
            choice, pad.choices = await asyncio.to_thread(
                lambda: (engine.catalogue.choose(_model_of(pad, content)), self._choices())
            )
            async with engine.admitted():
                picture = await engine.in_pool(_picture_of, pad, content) if "picture" in content else None
                await self._with_model(choice, visit, lambda: _obey(visit, content, picture), content["kind"])
        except (uploads.Refusal, Busy) as error:
            return str(error)
        except ValueError as error:
            return in_page(str(error))
        except (KeyError, TypeError, AttributeError, IndexError, OverflowError):
            return "the pad does not understand this: reload the page"
        return ""

    async def _with_model(self, choice: Choice, visit: Visit, work: Callable[[], None], kind: str) -> None:
        """Do something with a pad while it has its model, in the model's thread; restore its face in the restorer's."""
        pad = visit.pad

        def lent(loaded: Loaded) -> None:
            pad.lend(choice.id, loaded.pad_model())
            try:
                work()
            finally:
                pad.lend(choice.id, None)

        try:
            await self.engine.call(choice, lent)
        except ToRestore as waiting:
            using = await asyncio.to_thread(self.engine.catalogue.restorer)
            made = await self.engine.restored(waiting.made, using, pad.strength)

            def complete() -> None:
                pad.complete(made)
                _show_variants(visit, kind)

            await self._with_model(choice, visit, complete, kind)

    def _values(
        self, visit: Visit, told: set[str], content: dict[str, Any], problem: str, seconds: float
    ) -> dict[str, Any]:
        pad = visit.pad
        values: dict[str, Any] = {"problem": problem[:MOST_SAID], "seconds": round(seconds, 4)}
        if "drawing" in told:
            visit.loaded += 1
            values |= {"drawing": picture_uri(sketch_pad.shown(pad.given)), "loaded": visit.loaded}
        values["face"] = "" if pad.face is None else messages.face_uri(pad)
        kept = visit.kept
        visit.kept = {id(one): kept.get(id(one)) or messages.shown_of(one) for one in pad.versions}
        values["state"] = messages.state_of(pad, visit.variants, list(visit.kept.values()))
        told = [in_page(text) for text in values["state"]["warnings"] if not text.startswith(drawings.NO_DETECTOR)]
        values["state"]["warnings"] = [IN_PAD.get(text, text) for text in told]
        number = content.get("n", 0)
        values["answered"] = number if isinstance(number, int) else 0
        return values

    def _choices(self) -> dict[str, str]:
        listed = self.engine.catalogue.list().values()
        return {c.id: c.title for c in listed if c.kind == "model" and c.reads in ("sketch", "map") and c.here}

    def tidy(self, most: int | None = None) -> None:
        """Let the visits go that are over, and the longest unused ones beyond `most`."""
        most, now = self.limits.most_visits if most is None else most, time.monotonic()
        for name, visit in list(self._visits.items()):
            if len(self._visits) > most or now - visit.at > self.limits.visit_s:
                if not visit.lock.locked():
                    del self._visits[name]
            else:
                break  # the others were used later


def _model_of(pad: VisitPad, content: dict[str, Any]) -> str:
    """The model that a message needs: the pad's own, the one that is chosen, or that of the version to go back to."""
    if content["kind"] == "model":
        return str(content.get("name", ""))
    if content["kind"] == "back" and content.get("number") in range(len(pad.versions)):
        return pad.versions[content["number"]].settings["model"]
    return pad.model.name


def _checked(content: dict[str, Any]) -> dict[str, Any]:
    """A message whose numbers are within bounds. Raises AskError."""
    if "seed" in content:
        content = {**content, "seed": int(content["seed"]) % 2**31}
    if points := content.get("points"):
        if len(points) > MOST_POINTS:
            raise AskError(422, "the outline of the region has too many points: draw it anew")
        outline = [[float(x), float(y)] for x, y in points]
        if not all(-1 <= value <= 2 for point in outline for value in point):  # a stroke may leave the paper
            raise AskError(422, "the outline of the region is not on the paper: draw it anew")
        content = {**content, "points": outline}
    return content


def _obey(visit: Visit, content: dict[str, Any], picture: np.ndarray | None) -> None:
    pad, kind = visit.pad, content["kind"]
    if kind == "hello":
        return
    if messages.obey(pad, _checked(content), lambda _uri, _name: picture) and pad.given.any():
        pad.translate()
    _show_variants(visit, kind)


def _show_variants(visit: Visit, kind: str) -> None:
    if kind in messages.SHOW_VARIANTS:
        visit.variants = messages.quick_variants(visit.pad, kind == "variants")


def _picture_of(pad: VisitPad, content: dict[str, Any]) -> np.ndarray:
    """The picture in a message, uint8 (H, W, 3); an upload is cleaned and laid as well."""
    picture = uploads.read_picture(messages.bytes_in(content["picture"]))
    if content["kind"] == "upload":
        pad.lay(picture)
    return picture
