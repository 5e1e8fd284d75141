"""What a request brings: its form, read in memory, and its fields as an order."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any

from s2f_studio.drawings import likely
from s2f_studio.drawings.prepare import CLEAN
from s2f_studio.server.catalogue import WAYS
from s2f_studio.server.engine import ALIGN, AskError
from s2f_studio.server.lanes import Busy
from s2f_studio.server.orders import Order
from s2f_studio.server.uploads import MOST_BYTES
from s2f_utils.inference import asking
from s2f_utils.inference.asking import ANSWERS, LIKELY, person_of
from s2f_utils.pictures import faces
from s2f_utils.pictures.attributes import TOLD

FIELD_BYTES = 2000  # the longest value of a form's field
SHARE = {"type": "number", "minimum": 0, "maximum": 1}
FIELDS: dict[str, dict[str, Any]] = {
    "direction": {"type": "string", "enum": list(WAYS), "description": "default: the model's own, or sketch-to-photo"},
    "model": {"type": "string", "maxLength": 200, "description": "an id of GET /api/models; default: the shipped one"},
    "enhance": {"type": "boolean", "default": False, "description": "restore the photo, which invents detail"},
    "strength": SHARE | {"default": 0.5, "description": "of enhance: 0 leaves the photo, 1 invents most"},
    "restorer": {"type": "string", "maxLength": 200, "description": "an id of GET /api/models; default: our own"},
    "seed": {"type": "integer", "minimum": 0, "maximum": 2**31 - 1, "default": 0},
    "detail": SHARE | {"default": 0.5, "description": "0: faithful, 1: realistic, which is invented"},
    "answer": {"type": "string", "enum": list(ANSWERS), "default": "auto",
               "description": "faithful keeps every line, expected is what such a drawing means on average,"
               " rendered a photo of somebody like that"},
    "likely": {"type": "string", "maxLength": 100, "description": "of expected and rendered: 0: the shape as it is"
               f" drawn, 1: one that people have; or by parts, as eyes=1,mouth=0; default: {LIKELY:g}"},
    "person": {"type": "string", "maxLength": 300, "description": "what is known of the person, as"
               " age=0.5,hair=#332211: skin and hair as colours, " + ", ".join(TOLD) + " from -1 to 1"},
    "large": {"type": "boolean", "default": False, "description": "twice as many pixels a side: 512 for 256"},
    "candidates": {"type": "integer", "minimum": 1, "maximum": 8, "default": 1, "description": "how many answers"},
    "clean": {"type": "string", "enum": list(CLEAN), "default": "auto", "description": "clean the paper up;"
              " whole: as auto, but no sheet is cut out of the picture"},
    "align": {"type": "string", "enum": list(ALIGN), "default": "auto", "description": "find the face, lay it upright"},
    "face": {"type": "string", "maxLength": 100, "description": "of several: left, right, the number from the left, or"
             " a box, left,top,width,height as shares of width and height; default: the largest, most central"},
    "insist": {"type": "boolean", "default": False, "description": "make a face also where none is found"},
    "points": {"type": "string", "pattern": r"^(0|1|0?\.\d{1,6}|0\.\d{1,6})(,(0|1|0?\.\d{1,6}|0\.\d{1,6})){5}$",
               "description": "eye on the left, eye on the right, mouth: x,y,x,y,x,y as shares of width and height"},
}  # fmt: skip
TRUTH = {"true": True, "1": True, "on": True, "false": False, "0": False, "off": False, "": False}


async def read_form(request: Any, known: tuple[str, ...], *, with_file: bool) -> tuple[bytes, dict[str, str]]:
    """The file and the other fields of a form, all kept in memory. Raises UploadError or AskError."""
    from starlette.formparsers import MultiPartException, MultiPartParser

    class InMemory(MultiPartParser):
        spool_max_size = 2 * MOST_BYTES

    if not request.headers.get("content-type", "").lower().startswith("multipart/form-data"):
        raise AskError(400, "send a form (multipart/form-data)")
    try:
        parser = InMemory(
            request.headers, request.stream(), max_files=1, max_fields=len(FIELDS) + 2, max_part_size=FIELD_BYTES
        )
        form = await parser.parse()
    except (MultiPartException, KeyError, ValueError, AssertionError) as error:
        raise body_problem(request) or AskError(400, f"no form that can be read: {error or 'it is cut off'}") from None
    async with _closing(form):
        if (problem := body_problem(request)) is not None:
            raise problem
        fields = {name: value for name, value in form.multi_items() if isinstance(value, str)}
        files = [(name, value) for name, value in form.multi_items() if not isinstance(value, str)]
        if unknown := sorted({*(set(fields) - set(known)), *({name for name, _ in files} - {"file"})}):
            raise AskError(422, f"unknown field {unknown[0][:40]!r}: the fields are file, {', '.join(known)}")
        if not with_file:
            return b"", fields
        if len(files) != 1 or files[0][0] != "file":
            raise AskError(422, "the picture is missing: send it as the file named 'file'")
        return await files[0][1].read(), fields


def body_problem(request: Any) -> AskError | Busy | None:
    """What the gate found wrong with a body while it was read."""
    body = request.scope.get("state", {}).get("body")
    if body is None or not body.problem:
        return None
    status, text = body.problem
    return Busy(text, retry_s=2) if status == 429 else AskError(status, text)


async def while_there(request: Any, work: Coroutine) -> Any:
    """What a coroutine returns; it is ended where the visitor goes before. Raises starlette's ClientDisconnect then."""
    from starlette.requests import ClientDisconnect

    async def gone() -> None:
        while (await request.receive())["type"] != "http.disconnect":
            pass

    working, leaving = asyncio.ensure_future(work), asyncio.ensure_future(gone())
    try:
        await asyncio.wait((working, leaving), return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise ClientDisconnect
        return working.result()
    finally:
        working.cancel()
        leaving.cancel()


@asynccontextmanager
async def _closing(form: Any) -> AsyncIterator[None]:
    try:
        yield
    finally:
        await form.close()


def order_of(fields: dict[str, str]) -> Order:
    """What a form's fields ask for. Raises AskError for a value that is not as `FIELDS` says."""
    return Order(**{name: _value(name, text.strip()) for name, text in fields.items()})


def _value(name: str, text: str) -> Any:
    rule = FIELDS[name]
    if name == "points":
        return _points(text) if text else None
    if name == "likely":
        return _likely(text) if text else LIKELY
    if name == "person":
        try:
            return person_of(text)
        except ValueError as error:
            raise AskError(422, f"person: {error}") from None
    if rule["type"] == "string":
        if len(text) > rule.get("maxLength", FIELD_BYTES):
            raise AskError(422, f"{name} must be {rule['maxLength']} characters long at most")
        known = rule.get("enum")
        if known and text not in known and (text or "default" in rule):
            raise AskError(422, f"{name} must be one of {', '.join(known)}")
        return _face(text) if name == "face" else text
    if rule["type"] == "boolean":
        if text.lower() not in TRUTH:
            raise AskError(422, f"{name} must be true or false")
        return TRUTH[text.lower()]
    kind, what = (int, "a whole number") if rule["type"] == "integer" else (float, "a number")
    try:
        value = kind(text)
    except ValueError:
        value = math.nan
    if not rule["minimum"] <= value <= rule["maximum"]:
        raise AskError(422, f"{name} must be {what} from {rule['minimum']} to {rule['maximum']}")
    return value


def _likely(text: str) -> float | dict[str, float]:
    try:
        if "=" not in text:
            amount: float | dict[str, float] = float(text)
        else:
            pairs = (part.partition("=") for part in text.split(","))
            amount = {name.strip(): float(value) for name, _, value in pairs}
        asking.amounts_of(amount)
        return amount
    except (ValueError, OverflowError):
        parts = ", ".join(likely.PARTS)
        raise AskError(422, f"likely must be from 0 to 1, or by parts, as eyes=1,mouth=0: {parts}") from None


def _face(text: str) -> str:
    try:
        which = faces.checked(text)
    except ValueError as error:
        raise AskError(422, str(error)) from None
    if isinstance(which, tuple) and not (min(which) >= 0 and max(which) <= 1):
        raise AskError(422, "a box around a face must be four shares of width and height, from 0 to 1")
    return text


def _points(text: str) -> tuple[tuple[float, float], ...]:
    try:
        values = [float(part) for part in text.split(",")]
    except ValueError:
        values = []
    if len(values) != 6 or not all(0 <= value <= 1 for value in values):
        raise AskError(422, "points must be six shares of width and height, from 0 to 1: eye, eye, mouth")
    return tuple(zip(values[::2], values[1::2], strict=True))
