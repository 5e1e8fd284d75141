"""What stands before the web app: other websites kept out, bodies and rates bounded, headers.

Which host names the app answers to is Starlette's TrustedHostMiddleware (`api.create_api`).

It bounds one visitor by address. An app that is open to the internet stands behind a proxy, which
ends slow connections and knows its visitors (docs/app.md, "For others").
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter, OrderedDict
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from s2f_studio.page.uploads import MOST_BYTES, too_large
from s2f_studio.refusal import Refusal

Message = MutableMapping[str, Any]
Receive, Send = Callable[[], Awaitable[Message]], Callable[[Message], Awaitable[None]]

LOGGER = logging.getLogger("s2f_studio.server")
BODY_BYTES = MOST_BYTES + 100_000  # a file, and the form around it
DROPPED_BYTES = 150_000_000  # of a body that is too large are read on, so that the answer arrives
BODY_S = 60.0  # a body has to be there in this time
ADDRESS_SHARE = 0.25  # of the room for bodies, for those of one address
HEADERS = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self';"
    " img-src 'self' data: blob:; media-src 'self' blob:; connect-src 'self'; base-uri 'none';"
    " form-action 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "permissions-policy": "camera=(self), microphone=(), geolocation=()",
}


class RateLimit:
    """Requests of each address: `burst` at once, then `per_minute`; 0 per minute: no limit."""

    def __init__(self, per_minute: int, burst: int, max_addresses: int = 10_000) -> None:
        self.per_second, self.burst, self._max = per_minute / 60, float(burst), max_addresses
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def wait_s(self, address: str) -> float:
        """0 where a request may go on, which counts it; else how long to wait."""
        if self.per_second <= 0:
            return 0.0
        now = time.monotonic()
        left, since = self._left.pop(address, (self.burst, now))
        left = min(self.burst, left + (now - since) * self.per_second)
        wait = 0.0 if left >= 1 else (1 - left) / self.per_second
        self._left[address] = (left if wait else left - 1, now)
        if len(self._left) > self._max:
            self._left.popitem(last=False)
        return wait


class Guard:
    """An ASGI middleware.

    behind_proxy: the host that a request names is the proxy's, so that a page's origin is not held
    against it.
    """

    def __init__(self, app: Any, limits: Any, *, behind_proxy: bool = False) -> None:
        self.app, self.limits, self.behind_proxy = app, limits, behind_proxy
        self.rates = RateLimit(limits.per_minute, limits.burst)
        # Of the bodies that are being read or worked on: of all, and of each address.
        self.body_bytes = 0
        self.bytes_of: Counter[str] = Counter()

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self.app(scope, receive, send)
            return
        reply = _Reply(scope, send)
        try:
            if scope["method"] in ("GET", "HEAD"):
                await self.app(scope, receive, reply.send)
                return
            self._check(scope)
            with self._room_for(scope):
                received = await read_body(receive)
                await self.app(scope, received, reply.send)
        except Refusal as error:
            await reply.refuse(error.status, str(error), error.retry_s)
        except ConnectionError:  # the visitor is gone
            pass
        except asyncio.CancelledError:  # it took longer than the server waits for at its end
            await reply.refuse(503, "the app is ending: start it again")
        except Exception:
            LOGGER.exception("%s failed", scope["path"][:100])
            await reply.refuse(
                500, "this went wrong, and why is in the app's log: try something else"
            )

    def _check(self, scope: Message) -> None:
        """Raise Refusal for a request with a body that is not answered, whatever it asks for."""
        headers = {name: value.decode("latin-1").lower() for name, value in scope["headers"]}
        if is_foreign(headers, self.behind_proxy):
            raise Refusal(
                403, "this request comes from another website's page: open the app itself"
            )
        wait = self.rates.wait_s(_address(scope))
        if wait:
            seconds = round(wait + 1)
            raise Refusal(429, f"too many requests: try again in {seconds} s", retry_s=seconds)

    @contextmanager
    def _room_for(self, scope: Message) -> Iterator[None]:
        """Room for a body, before any of it is read. Raises Refusal where there is none."""
        declared = dict(scope["headers"]).get(b"content-length", b"")
        size = int(declared) if declared.isdigit() else BODY_BYTES
        size = min(size, BODY_BYTES)  # more of it is never kept
        address, most = _address(scope), self.limits.max_body_bytes
        is_full = self.body_bytes + size > most
        if is_full or self.bytes_of[address] + size > max(BODY_BYTES, ADDRESS_SHARE * most):
            raise Refusal(429, "many uploads are being read: try again in a moment", retry_s=2)
        self.body_bytes += size
        self.bytes_of[address] += size
        try:
            yield
        finally:
            self.body_bytes -= size
            self.bytes_of[address] -= size
            if not self.bytes_of[address]:
                del self.bytes_of[address]


def _address(scope: Message) -> str:
    """The visitor's, "" where it is unknown."""
    return (scope.get("client") or ("",))[0]


class _Reply:
    """Adds headers to a reply; refuses a request that has none yet."""

    def __init__(self, scope: Message, send: Send) -> None:
        self._scope, self._send, self.has_started = scope, send, False

    async def send(self, message: Message) -> None:
        from starlette.datastructures import MutableHeaders

        if message["type"] == "http.response.start":
            self.has_started = True
            headers = MutableHeaders(scope=message)
            headers.update(HEADERS)
            headers.setdefault("cache-control", "no-cache")
        await self._send(message)

    async def refuse(self, status: int, text: str, retry_s: int = 0) -> None:
        from starlette.responses import JSONResponse

        if self.has_started:
            return
        headers = {"retry-after": str(retry_s)} if retry_s else None
        response = JSONResponse({"detail": text}, status, headers)
        await response(self._scope, None, self.send)


async def read_body(receive: Receive) -> Receive:
    """A whole body, as the app receives it.

    Raises Refusal where it is too large or too slow, ConnectionError where the visitor goes.
    """
    parts: list[bytes] = []
    num_bytes, has_more = 0, True
    try:
        async with asyncio.timeout(BODY_S):
            while has_more and num_bytes < DROPPED_BYTES:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise ConnectionError("the visitor is gone")
                part = message.get("body", b"")
                num_bytes += len(part)
                if num_bytes <= BODY_BYTES:
                    parts.append(part)
                else:
                    parts.clear()
                has_more = message.get("more_body", False)
    except TimeoutError:
        raise Refusal(408, f"the upload took longer than {BODY_S:g} seconds: try again") from None
    if num_bytes > BODY_BYTES:
        raise too_large(num_bytes)
    unread = [{"type": "http.request", "body": b"".join(parts), "more_body": False}]

    async def received() -> Message:
        return unread.pop() if unread else await receive()  # then when the visitor goes

    return received


def is_foreign(headers: dict[bytes, str], behind_proxy: bool) -> bool:
    """Whether a browser says that the page that asks is another website's: by sec-fetch-site, or,
    where the browser does not send it (over http), by the page's origin.
    """
    site = headers.get(b"sec-fetch-site")
    if site is not None:
        return site not in ("same-origin", "none")
    origin, host = headers.get(b"origin"), headers.get(b"host", "")
    if behind_proxy or origin is None:
        return False
    try:
        return urlsplit(origin).netloc not in (host, headers.get(b"x-forwarded-host", host))
    except ValueError:
        return True
