"""What stands before the web app: limits of rate, size and time, other websites kept out, headers,
and the log.
"""

from __future__ import annotations

import asyncio
import json
import logging
import sys
import time
import traceback
from collections import OrderedDict
from collections.abc import Awaitable, Callable, MutableMapping
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from s2f_studio.page.uploads import MOST_BYTES, Refusal, too_large

Message = MutableMapping[str, Any]
Receive, Send = Callable[[], Awaitable[Message]], Callable[[Message], Awaitable[None]]

LOGGER = logging.getLogger("s2f_studio.server")
BODY_BYTES = MOST_BYTES + 100_000  # a file, and the form around it
DROPPED_BYTES = 150_000_000  # of a body that is too large are read on, so that the answer arrives
BODY_S = 60.0  # a body has to be there in this time
GONE = 499  # what the log has where the visitor left before the answer
UNLOGGED = (
    "/app/files/",
    "/app/examples/",
    "/app/starts/",
)  # what the page is made of, where all is well
HEADERS = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:;"
    " media-src 'self' blob:; connect-src 'self'; base-uri 'none'; form-action 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "permissions-policy": "camera=(self), microphone=(), geolocation=()",
}


class Rates:
    """A bucket of requests for each address: `burst` at once, then `per_minute`; 0 per minute: no
    limit.
    """

    def __init__(self, per_minute: int, burst: int, most_addresses: int = 10_000) -> None:
        self.per_second, self.burst, self._most = per_minute / 60, float(burst), most_addresses
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def wait_s(self, address: str) -> float:
        """0 where a request may go on, which counts it; else how long to wait."""
        if self.per_second <= 0:
            return 0.0
        now = time.monotonic()
        left, at = self._left.pop(address, (self.burst, now))
        left = min(self.burst, left + (now - at) * self.per_second)
        wait = 0.0 if left >= 1 else (1 - left) / self.per_second
        self._left[address] = (left if wait else left - 1, now)
        if len(self._left) > self._most:
            self._left.popitem(last=False)
        return wait


class Gate:
    """An ASGI middleware.

    engine: counts who waits; its limits say how many may. local_only: the app answers to localhost
    or a number alone, so that no website's name that is made to point to this machine reaches it.
    behind_proxy: the host that a request names is the proxy's, so that a page's origin is not held
    against it.
    """

    def __init__(
        self, app: Any, engine: Any, *, local_only: bool = False, behind_proxy: bool = False
    ) -> None:
        self.app, self.engine, self.local_only, self.behind_proxy = (
            app,
            engine,
            local_only,
            behind_proxy,
        )
        self.rates = Rates(engine.limits.per_minute, engine.limits.burst)

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self.app(scope, receive, send)
            return
        exchange = _Exchange(scope, send)
        is_post = scope["method"] != "GET"
        self.engine.waiting += is_post
        try:
            self._check(scope)
            if is_post:
                receive = await _in_memory(receive, exchange)
            await self.app(scope, receive, exchange.send)
        except (Refusal, ConnectionError) as error:
            await exchange.answer(
                getattr(error, "status", GONE), str(error), getattr(error, "retry_s", 0)
            )
        except asyncio.CancelledError:  # it took longer than the app waits for at its end
            await exchange.answer(503, "the app is ending: start it again")
        except Exception as error:
            trace, place = (
                "".join(traceback.format_exception(error)),
                "/".join(scope["path"].split("/")[:3])[:100],
            )
            LOGGER.error(
                json.dumps(
                    {"time": _now(), "path": place, "failed": type(error).__name__, "trace": trace}
                )
            )
            await exchange.answer(
                500, "this went wrong, and why is in the app's log: try something else"
            )
        finally:
            self.engine.waiting -= is_post
            exchange.log()

    def _check(self, scope: Message) -> None:
        """Raise Refusal for a request that is not answered, whatever it asks for."""
        headers = {name: value.decode("latin-1").lower() for name, value in scope["headers"]}
        if self.local_only and not _is_local(headers.get(b"host", "")):
            raise Refusal(
                403,
                "the app is not known by this name: open http://localhost with its port, or see --host",
            )
        if scope["method"] == "GET":
            return
        if _is_foreign(headers, self.behind_proxy):
            raise Refusal(
                403, "this request comes from another website's page: open the app itself"
            )
        wait = self.rates.wait_s((scope.get("client") or ("",))[0])
        if wait:
            raise Refusal(
                429, f"too many requests: try again in {round(wait + 1)} s", retry_s=round(wait + 1)
            )
        if self.engine.waiting > self.engine.limits.most_waiting:
            raise Refusal(
                429,
                f"{self.engine.waiting - 1} requests wait already: try again in a moment",
                retry_s=1,
            )


class _Exchange:
    """Adds headers to an answer, and says in one line of JSON what became of a request; never what
    was in it.
    """

    def __init__(self, scope: Message, send: Send) -> None:
        self.scope, self._send = scope, send
        self.begun, self.status, self.bytes_in, self.bytes_out = time.perf_counter(), 0, 0, 0

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            added = [(name.encode(), value.encode()) for name, value in HEADERS.items()]
            message = {**message, "headers": [*message.get("headers", []), *added]}
        self.bytes_out += len(message.get("body", b""))
        await self._send(message)

    async def answer(self, status: int, text: str, retry_s: int = 0) -> None:
        """Say what is wrong, where nothing was said yet."""
        if self.status:
            return
        body = json.dumps({"detail": text}, ensure_ascii=False).encode()
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", str(len(body)).encode()),
        ]
        headers += [(b"retry-after", str(retry_s).encode())] if retry_s else []
        await self.send({"type": "http.response.start", "status": status, "headers": headers})
        await self.send({"type": "http.response.body", "body": body})

    def log(self) -> None:
        path = self.scope["path"]
        if self.status < 400 and (path == "/" or path.startswith(UNLOGGED)):
            return
        line = {
            "time": _now(),
            "method": self.scope["method"],
            "path": path[:100],
            "status": self.status,
            "ms": round(1000 * (time.perf_counter() - self.begun)),
            "bytes_in": self.bytes_in,
            "bytes_out": self.bytes_out,
            **self.scope.get("state", {}).get("said", {}),
        }
        LOGGER.info(json.dumps(line))


async def _in_memory(receive: Receive, exchange: _Exchange) -> Receive:
    """A body, read whole, as the app receives it. Raises Refusal where it is too large or too slow,
    ConnectionError.
    """
    parts, more = [], True
    try:
        async with asyncio.timeout(BODY_S):
            while more and exchange.bytes_in < DROPPED_BYTES:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise ConnectionError("the visitor is gone")
                exchange.bytes_in += len(message.get("body", b""))
                if exchange.bytes_in <= BODY_BYTES:
                    parts.append(message.get("body", b""))
                more = message.get("more_body", False)
    except TimeoutError:
        raise Refusal(408, f"the upload took longer than {BODY_S:g} seconds: try again") from None
    if exchange.bytes_in > BODY_BYTES:
        raise too_large(exchange.bytes_in)
    left = [{"type": "http.request", "body": b"".join(parts), "more_body": False}]

    async def received() -> Message:
        return left.pop() if left else await receive()  # then when the visitor goes

    return received


def _is_foreign(headers: dict[bytes, str], behind_proxy: bool) -> bool:
    """Whether a browser says that the page that asks is another website's: in so many words, or,
    where it does not know them (over http), by the page's origin.
    """
    if (site := headers.get(b"sec-fetch-site")) is not None:
        return site not in ("same-origin", "none")
    origin, host = headers.get(b"origin"), headers.get(b"host", "")
    if behind_proxy or origin is None:
        return False
    try:
        return urlsplit(origin).netloc not in (host, headers.get(b"x-forwarded-host", host))
    except ValueError:
        return True


def _is_local(host: str) -> bool:
    """Whether the host that is asked for is localhost or an address in numbers."""
    try:
        name = urlsplit(f"//{host}").hostname or ""
        return name == "localhost" or name.endswith(".localhost") or bool(ip_address(name))
    except ValueError:  # neither a name that is known nor a number
        return False


def _now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


def log_to_stderr() -> None:
    """Let each request's line be written to stderr, as JSON."""
    if not LOGGER.handlers:
        handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(logging.Formatter("%(message)s"))
        LOGGER.addHandler(handler)
    LOGGER.setLevel(logging.INFO)
    LOGGER.propagate = False
