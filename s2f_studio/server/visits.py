"""Sketch pads of visitors: each page has one here, with a model that it shares with all others, until the page goes.

The page is the sketch pad's own (sketch_pad.js); its messages come as JSON instead of through a notebook's kernel.
"""

from __future__ import annotations

import asyncio
import copy
import secrets
import time
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Any

from s2f_studio.server import uploads
from s2f_studio.server.catalogue import Choice
from s2f_studio.server.engine import HERE, AskError, Engine, in_page
from s2f_studio.server.lanes import Busy
from s2f_studio.web import messages
from s2f_studio.web.sketch_pad import variants_of
from s2f_studio.web.state import PadState
from s2f_utils.inference import Facts

UNSURE = "the face was not found for sure: place its eyes and mouth under Upload"  # in the pad there are no points
ONE_OF = HERE["faces"].replace("at Face", "at Face under Upload")
WHOLE = HERE["cut"].replace("at Paper", "at Paper under Upload")
IN_PAD = HERE | {"rough-face": UNSURE, "no-face": UNSURE, "no-detector": "", "cut": WHOLE, "faces": ONE_OF}
MOST_SAID = 300  # characters of what went wrong
MOST_POINTS = 5000  # of a region's outline


@dataclass
class Visit:
    """One page's pad and what it shows."""

    pad: PadState
    at: float
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    shown: messages.Shown = field(default_factory=messages.Shown)


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
        async with self.engine.admitted():
            facts = await self.engine.facts(choice)
            visit = Visit(await self.engine.in_pool(PadState, facts, choices), time.monotonic())
            await self._answer(visit, choice)
        name = secrets.token_urlsafe(18)
        self._visits[name] = visit
        self.tidy()
        return {"visit": name, "values": await self.engine.in_pool(_values, visit, True, {}, "", 0.0)}

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
        if content.get("kind") not in messages.KINDS:
            raise AskError(422, "the pad does not know this: reload the page")
        if visit.lock.locked():
            raise Busy("one thing at a time: the pad is still at work")
        async with visit.lock:
            self._visits.move_to_end(name)
            visit.at = begun = time.monotonic()
            before, kind = visit.pad.given, content["kind"]
            large: dict[str, str] = {}
            problem = await self._do(visit, content, large)
            visit.at = time.monotonic()
            with_drawing = kind in ("hello", "restore") or (kind != "draw" and visit.pad.given is not before)
            took = time.monotonic() - begun
            values = await self.engine.in_pool(_values, visit, with_drawing, content, problem, took)
            return {"values": values | large}

    async def _do(self, visit: Visit, content: dict[str, Any], large: dict[str, str]) -> str:
        """Obey, and let the models answer; what went wrong, in a sentence. large: takes the face to be saved."""
        pad, engine, kind = visit.pad, self.engine, content["kind"]
        try:
            choice, pad.choices = await asyncio.to_thread(
                lambda: (engine.catalogue.choose(_model_of(pad, content)), self._choices())
            )
            async with engine.admitted():
                facts = await engine.facts(choice) if kind in ("model", "restore") else pad.facts
                with messages.whole(pad, kind):
                    changed = copy.copy(pad)  # its thread goes on beyond the time limit, and then changes nothing here
                    wanted = await engine.in_pool(_obey, changed, content, facts)
                    vars(pad).update(vars(changed))
                    if wanted:
                        await self._answer(visit, choice)
                    if kind == "save":
                        large["large"] = await self._large(pad, choice)
                    if kind in messages.SHOW_VARIANTS:
                        visit.shown.variants = await self._variants(pad, choice, kind)
        except (uploads.Refusal, Busy) as error:
            return str(error)
        except ValueError as error:
            return in_page(str(error))
        except (KeyError, TypeError, AttributeError, IndexError, OverflowError):
            return "the pad does not understand this: reload the page"
        return ""

    async def _answer(self, visit: Visit, choice: Choice) -> None:
        """The pad's face anew: the model's answer, restored where that is wished, with hints and within the region."""
        pad, engine = visit.pad, self.engine
        given, ask = pad.question()
        made = await engine.answer(choice, given, ask)
        if ask.strength > 0:
            using = await asyncio.to_thread(engine.catalogue.restorer)
            made = await engine.restored(made, using, ask.strength)
        if pad.hints:
            face, pad.hint_warnings = await engine.call(choice, lambda model: pad.finished(made, model))
        else:
            face, pad.hint_warnings = await engine.in_pool(pad.finished, made)
        pad.set_face(face)  # here, so that an answer that comes too late changes nothing

    async def _large(self, pad: PadState, choice: Choice) -> str:
        given, ask = pad.large_question()
        made = await self.engine.answer(choice, given, ask)
        if pad.hints:
            made, _ = await self.engine.call(choice, lambda model: pad.finished(made, model))
        return await self.engine.in_pool(messages.face_uri, pad, made)

    async def _variants(self, pad: PadState, choice: Choice, kind: str) -> list[str]:
        if not messages.wants_variants(pad, kind):
            return []
        made, pad.found = await self.engine.call(choice, lambda model: variants_of(pad, model))
        return await self.engine.in_pool(messages.variants_shown, made)

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


def _values(visit: Visit, with_drawing: bool, content: dict[str, Any], problem: str, seconds: float) -> dict[str, Any]:
    number = content.get("n", 0)
    return visit.shown.values(visit.pad, with_drawing=with_drawing, words=IN_PAD) | {
        "problem": problem[:MOST_SAID], "seconds": round(seconds, 4),
        "answered": number if isinstance(number, int) else 0,
    }  # fmt: skip


def _model_of(pad: PadState, content: dict[str, Any]) -> str:
    """The model that a message needs: the pad's own, the one that is chosen, or that of the version to go back to."""
    if content["kind"] in ("model", "restore"):
        return str(content.get("name" if content["kind"] == "model" else "model", ""))
    if content["kind"] == "back" and content.get("number") in range(len(pad.versions)):
        return pad.versions[content["number"]].settings["facts"].name
    return pad.facts.name


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


def _obey(pad: PadState, content: dict[str, Any], facts: Facts) -> bool:
    """Do what a message asks for; whether the pad's drawing is to be answered again."""
    if content["kind"] == "hello":
        return False
    content = _checked(content)
    picture = uploads.read_picture(messages.bytes_in(content["picture"])) if "picture" in content else None
    return messages.obey(pad, content, lambda _name: facts, lambda _uri, _name: picture)
