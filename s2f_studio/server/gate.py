"""What stands before the web app: limits of rate and size, a list of the paths that exist, headers, and the log.

A visitor's browser is told to load nothing from elsewhere, and to run no script that is not a file of ours.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import json
import logging
import sys
import time
import traceback
from collections import OrderedDict
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import urlsplit

from s2f_studio.server.uploads import MOST_BYTES, too_large

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive, Send = Callable[[], Awaitable[Message]], Callable[[Message], Awaitable[None]]

LOGGER = logging.getLogger("s2f_studio.server")
FORM_BYTES = 100_000  # of a form around its file
MOST_TOGETHER = 400_000_000  # bytes of all bodies that are in memory at once
BODY_S = 60.0  # a body has to be there in this time
DROPPED_BYTES = 150_000_000  # of a body that is too large are read on, so that the answer arrives
UNLOGGED = ("/", "/app/files/", "/app/examples/")  # the page and what it is made of, where all is well
HEADERS = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:;"
    " media-src 'self' blob:; connect-src 'self'; base-uri 'none'; form-action 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "permissions-policy": "camera=(self), microphone=(), geolocation=()",
}


class Rates:
    """A bucket of requests for each address: `burst` at once, then `per_minute`; 0 per minute: no limit."""

    def __init__(self, per_minute: int, burst: int, most_addresses: int = 10_000) -> None:
        self.per_second, self.burst, self._most = per_minute / 60, burst, most_addresses
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def wait_s(self, address: str) -> float:
        """0 where a request may go on, which counts it; else how long to wait."""
        if self.per_second <= 0:
            return 0.0
        now = time.monotonic()
        left, at = self._left.pop(address, (float(self.burst), now))
        left = min(float(self.burst), left + (now - at) * self.per_second)
        wait = 0.0 if left >= 1 else (1 - left) / self.per_second
        self._left[address] = (left - 1 if not wait else left, now)
        while len(self._left) > self._most:
            self._left.popitem(last=False)
        return wait


class Gate:
    """An ASGI middleware. methods: {path: the methods that it has} of our own routes. local_only: the app is asked for
    as localhost or by a number only, so that no website's name that is made to point to this machine reaches it.
    behind_proxy: the host that a request names is the proxy's, so that a page's origin is not held against it.
    """

    def __init__(
        self,
        app: Any,
        rates: Rates,
        methods: dict[str, set[str]],
        *,
        local_only: bool = False,
        behind_proxy: bool = False,
    ) -> None:
        self.app, self.rates, self.methods = app, rates, methods
        self.local_only, self.behind_proxy = local_only, behind_proxy
        self.reserved = 0  # bytes of the bodies that are being read or worked on

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
            return
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        told, body = _Told(scope, send), _Body(receive, self)
        try:
            refusal = self._refused(scope)
            length = _length(scope)
            if refusal is None and length > MOST_BYTES + FORM_BYTES:
                await _drop(receive, DROPPED_BYTES)
                refusal = (413, str(too_large(length)), {})
            if refusal is not None:
                await _answer(told.send, *refusal)
                return
            scope.setdefault("state", {})["body"] = body
            await self.app(scope, body.receive, told.send)
        except asyncio.CancelledError:  # it took longer than the app waits for at its end
            if not told.status:
                await _answer(told.send, 503, "the app is ending: start it again", {})
        except Exception as error:
            _log_failure(scope, error)
            if not told.status:
                await _answer(told.send, 500, "this went wrong, and why is in the app's log: try something else", {})
        finally:
            self.reserved -= body.num_bytes
            told.log()

    def _refused(self, scope: Scope) -> tuple[int, str, dict[str, str]] | None:
        path, method = scope["path"], scope["method"]
        if self.local_only and not _is_local_name(scope):
            return 403, "the app is not known by this name: open http://localhost with its port, or see --host", {}
        known = self.methods.get(path)
        if known is None:
            known = self.methods.get("/".join([*path.split("/")[:-1], "*"]))
        if known is None:
            return 404, "there is nothing here: /docs lists what there is", {}
        if method not in known:
            listed = ", ".join(sorted(known))
            return 405, f"{method} is not known here: {listed} is", {"allow": listed}
        if method != "GET":
            if _is_foreign(scope, self.behind_proxy):
                return 403, "this request comes from another website's page: open the app itself", {}
            wait = self.rates.wait_s((scope.get("client") or ("",))[0])
            if wait:
                whole = max(1, round(wait + 0.5))
                return 429, f"too many requests: try again in {whole} s", {"retry-after": str(whole)}
        return None


class _Told:
    """Adds headers to an answer, and says in one line of JSON what became of a request; never what was in it."""

    def __init__(self, scope: Scope, send: Send) -> None:
        self.scope, self._send = scope, send
        self.begun, self.status, self.num_bytes = time.perf_counter(), 0, 0

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            there = {name.lower() for name, _ in message.get("headers", [])}
            more = [(name.encode(), value.encode()) for name, value in HEADERS.items() if name.encode() not in there]
            message = {**message, "headers": [*message.get("headers", []), *more]}
        elif message["type"] == "http.response.body":
            self.num_bytes += len(message.get("body", b""))
        await self._send(message)

    def log(self) -> None:
        path = self.scope["path"]
        if self.status < 400 and (path == UNLOGGED[0] or path.startswith(UNLOGGED[1:])):
            return
        if path.startswith("/app/visits/"):
            path = "/app/visits/*"  # whoever reads the log must not enter somebody's visit
        state = self.scope.get("state", {})
        body = state.get("body")
        line = {
            "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "method": self.scope["method"],
            "path": path[:100], "status": self.status, "ms": round(1000 * (time.perf_counter() - self.begun)),
            "bytes_in": body.num_bytes if body else 0, "bytes_out": self.num_bytes, **state.get("said", {}),
        }  # fmt: skip
        LOGGER.info(json.dumps(line, ensure_ascii=True))


class _Body:
    """Counts what comes in. `problem`: (status, sentence) where more came than may be taken, by this body or by all of
    them, or where it did not come in time; the body ends there.
    """

    def __init__(self, receive: Receive, gate: Gate) -> None:
        self._receive, self._gate, self.num_bytes, self._is_whole = receive, gate, 0, False
        self._until = time.monotonic() + BODY_S
        self.problem: tuple[int, str] | None = None

    async def receive(self) -> Message:
        if self._is_whole:
            return await self._receive()  # when the visitor goes
        try:
            message = await asyncio.wait_for(self._receive(), max(0.0, self._until - time.monotonic()))
        except TimeoutError:
            self.problem = (408, f"the upload took longer than {BODY_S:g} seconds: try again")
            message = {"type": "http.request", "body": b"", "more_body": False}
        if message["type"] == "http.request":
            came = len(message.get("body", b""))
            self.num_bytes += came
            self._gate.reserved += came
            if self.num_bytes > MOST_BYTES + FORM_BYTES:
                self.problem = (413, str(too_large(self.num_bytes)))
            elif self._gate.reserved > MOST_TOGETHER:
                self.problem = (429, "too much is being uploaded: try again in a moment")
            if self.problem:
                message = {"type": "http.request", "body": b"", "more_body": False}
        self._is_whole = message["type"] != "http.request" or not message.get("more_body", False)
        return message


def _length(scope: Scope) -> int:
    """How long the body is, by the request's header; 0 where it does not say so."""
    for name, value in scope["headers"]:
        if name == b"content-length" and value.isdigit():
            return int(value)
    return 0


def _is_foreign(scope: Scope, behind_proxy: bool) -> bool:
    """Whether a browser says that the page that asks is another website's: in so many words, or, where it does not know
    them (over http), by the page's origin.
    """
    headers = dict(scope["headers"])
    if (site := headers.get(b"sec-fetch-site")) is not None:
        return site not in (b"same-origin", b"none")
    origin, host = headers.get(b"origin"), headers.get(b"host", b"")
    if behind_proxy or origin is None:
        return False
    try:
        named = urlsplit(origin).netloc.lower()
    except ValueError:
        return True
    return named not in (host.lower(), headers.get(b"x-forwarded-host", host).lower())


def _is_local_name(scope: Scope) -> bool:
    """Whether the host that is asked for is localhost or an address in numbers."""
    host = dict(scope["headers"]).get(b"host", b"").decode("latin-1").lower()
    try:
        name = urlsplit(f"//{host}").hostname or ""
        return name == "localhost" or name.endswith(".localhost") or bool(ipaddress.ip_address(name))
    except ValueError:  # neither a name that is known nor a number
        return False


def _log_failure(scope: Scope, error: Exception) -> None:
    """What failed, in one line of JSON; of what was asked, the path's beginning alone."""
    trace = "".join(traceback.format_exception(error))
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    place = "/".join(scope["path"].split("/")[:3])[:100]
    LOGGER.error(json.dumps({"time": now, "path": place, "failed": type(error).__name__, "trace": trace}))


async def _drop(receive: Receive, most: int) -> None:
    """Read a body and forget it, so that who sends it gets to read the answer; not more, and not for longer, than is
    fair.
    """
    dropped, more = 0, True
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(BODY_S):
            while more and dropped < most:
                message = await receive()
                dropped += len(message.get("body", b""))
                more = message["type"] == "http.request" and message.get("more_body", False)


async def _answer(send: Send, status: int, text: str, headers: dict[str, str]) -> None:
    body = json.dumps({"detail": text}, ensure_ascii=False).encode()
    told = {"content-type": "application/json", "content-length": str(len(body)), **headers}
    await send(
        {
            "type": "http.response.start",
            "status": status,
            "headers": [(k.encode(), v.encode()) for k, v in told.items()],
        }
    )
    await send({"type": "http.response.body", "body": body})


def log_to_stderr() -> None:
    """Let each request's line be written to stderr, as JSON."""
    if not LOGGER.handlers:
        handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(logging.Formatter("%(message)s"))
        LOGGER.addHandler(handler)
    LOGGER.setLevel(logging.INFO)
    LOGGER.propagate = False
