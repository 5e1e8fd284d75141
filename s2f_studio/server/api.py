"""The web app's routes: the REST interface, and what its page asks for beside that."""

# Without `from __future__ import annotations`: FastAPI reads the routes' types, which are imported
# where they are used.

import asyncio
import functools
import mimetypes
import time
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any

from s2f_studio.page import drawing, page, reply
from s2f_studio.page.uploads import MOST_BYTES
from s2f_studio.refusal import Refusal
from s2f_studio.request import DrawingRequest, form_schema
from s2f_studio.server.docs import docs_page
from s2f_studio.server.guard import Guard
from s2f_studio.server.service import Service
from s2f_utils.pictures import images, masks

# The hosts that an app on this machine alone answers to: no website's name that is made to point to
# this machine. Starlette 1.6, which Colab has, reads "[" in [::1]:5000.
LOCAL_HOSTS = ("localhost", "*.localhost", "127.0.0.1", "[::1]", "[")
FIELD_BYTES = 40_000  # the longest value of a form's field: `chosen`, of 160 codes
TEXT = {"type": "string"}
OBJECT = {"application/json": {"schema": {"type": "object"}}}
PROBLEM = {"type": "object", "required": ["detail"], "properties": {"detail": TEXT, "code": TEXT}}
REASONS = {
    400: "no form",
    403: "from another website's page",
    404: "unknown model",
    408: "the upload took too long",
    409: "the model is not on this machine",
    413: "too large",
    415: "no format that is taken",
    422: "damaged, no picture, or a value out of range",
    429: "too many requests",
    503: "took too long",
}
REFUSALS = {
    status: {"description": why, "content": {"application/json": {"schema": PROBLEM}}}
    for status, why in REASONS.items()
}
FILE = {"type": "string", "format": "binary", "description": "a drawing, photo or label map"}


def create_api(
    service: Service,
    *,
    notice: str = "",
    local_only: bool = False,
    behind_proxy: bool = False,
) -> Any:
    """The FastAPI app.

    notice: a sentence that stays in sight. local_only: only requests for one of `LOCAL_HOSTS` are
    answered. behind_proxy: as in `guard.Guard`.
    """
    from fastapi import FastAPI
    from fastapi.requests import Request
    from fastapi.responses import JSONResponse
    from starlette.formparsers import MultiPartParser
    from starlette.middleware.trustedhost import TrustedHostMiddleware

    from s2f_utils import __version__

    @asynccontextmanager
    async def lifespan(_app: Any) -> AsyncIterator[None]:
        yield
        await asyncio.to_thread(service.close)

    MultiPartParser.spool_max_size = 2 * MOST_BYTES  # uploads stay in memory
    app = FastAPI(
        title="Sketch to Face",
        version=__version__,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        description=images.GENERATED_NOTE,
        lifespan=lifespan,
    )

    async def refused(_request: Request, error: Refusal) -> JSONResponse:
        headers = {"retry-after": str(error.retry_s)} if error.retry_s else None
        content = {"detail": str(error)}
        if error.code:
            content["code"] = error.code
        return JSONResponse(content, error.status, headers)

    app.add_exception_handler(Refusal, refused)
    _add_answers(app, service)
    _add_pad(app, service)
    _add_models(app, service)
    _add_docs(app)
    _add_files(app, page.about(notice))
    hosts = LOCAL_HOSTS if local_only else ("*",)
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=hosts, www_redirect=False)
    app.add_middleware(Guard, limits=service.limits, behind_proxy=behind_proxy)
    app.state.service = service
    return app


def _form(properties: dict[str, Any], *required: str) -> dict[str, Any]:
    """How OpenAPI describes a form."""
    rule = {
        "type": "object",
        "required": list(required),
        "properties": properties,
        "additionalProperties": False,
    }
    return {"requestBody": {"required": True, "content": {"multipart/form-data": {"schema": rule}}}}


async def read_form(request: Any) -> tuple[bytes, dict[str, str]]:
    """The file and the other fields of a form, all kept in memory; those that are empty count as
    not there.

    Raises Refusal for what is no such form.
    """
    from starlette.exceptions import HTTPException

    if not request.headers.get("content-type", "").lower().startswith("multipart/form-data"):
        raise Refusal(400, "send a form (multipart/form-data)")
    try:
        async with request.form(max_files=1, max_fields=40, max_part_size=FIELD_BYTES) as form:
            items = form.multi_items()
            files = [(name, value) for name, value in items if not isinstance(value, str)]
            fields = {name: value.strip() for name, value in items if isinstance(value, str)}
            if "file" in fields or any(name != "file" for name, _ in files):
                raise Refusal(422, "the picture is the file named 'file', and the only one")
            if not files:
                raise Refusal(422, "the picture is missing: send it as the file named 'file'")
            content = await files[0][1].read()
    except (HTTPException, KeyError, ValueError, AssertionError) as error:
        if isinstance(error, Refusal):
            raise
        raise Refusal(
            400, f"no form that can be read: {getattr(error, 'detail', error) or 'it is cut off'}"
        ) from None
    return content, {name: value for name, value in fields.items() if value}


async def read_request(request: Any) -> tuple[bytes, DrawingRequest]:
    """A form's file, and its other fields as a request. Raises Refusal."""
    content, fields = await read_form(request)
    try:
        return content, DrawingRequest.of(fields)
    except ValueError as error:
        raise Refusal(422, str(error)) from None


async def while_there(request: Any, work: Coroutine) -> Any:
    """What a coroutine returns; it is ended where the visitor goes before.

    Raises ConnectionError then.
    """

    async def gone() -> None:
        while (await request.receive())["type"] != "http.disconnect":
            pass

    working, leaving = asyncio.ensure_future(work), asyncio.ensure_future(gone())
    try:
        await asyncio.wait((working, leaving), return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise ConnectionError("the visitor is gone")
        return working.result()
    finally:
        working.cancel()
        leaving.cancel()


def _add_answers(app: Any, service: Service) -> None:
    from fastapi.requests import Request
    from fastapi.responses import JSONResponse, Response

    good = {"description": "the answer", "content": {"image/png": {}} | OBJECT}

    @app.post(
        "/api/translate",
        openapi_extra=_form({"file": FILE} | form_schema(), "file"),
        response_class=Response,
        responses={200: good} | REFUSALS,
    )
    async def translate(request: Request) -> Response:
        """Translate a picture: a PNG whose metadata say that it is generated, or JSON with all
        answers (Accept).
        """
        content, asked = await read_request(request)
        as_json = "application/json" in request.headers.get("accept", "")

        def work(check: Any) -> Any:
            answer, info, seconds = service.answer(content, asked, check)
            if as_json:
                return reply.as_json(answer, info, {"all": round(seconds, 4)})
            return reply.png_of(answer.faces[0])

        done = await while_there(request, service.run(work))
        if as_json:
            return JSONResponse(done, headers={"vary": "accept"})
        headers = {"vary": "accept", "content-disposition": 'attachment; filename="generated.png"'}
        return Response(done, media_type="image/png", headers=headers)


def _add_pad(app: Any, service: Service) -> None:
    from fastapi.requests import Request
    from fastapi.responses import JSONResponse

    @app.post("/app/crop", include_in_schema=False)
    async def cropped(request: Request) -> JSONResponse:
        """An upload for the pad: cleaned, its face where the model expects it."""
        content, asked = await read_request(request)
        work = service.run(lambda _check: service.cropped(content, asked))
        return JSONResponse(await while_there(request, work))


def _add_models(app: Any, service: Service) -> None:
    from fastapi.responses import JSONResponse

    good = {"description": "the models", "content": OBJECT}

    @app.get("/api/models", response_class=JSONResponse, responses={200: good})
    async def models() -> JSONResponse:
        """The models and restorers: shipped, of the runs folder, and official ones with size and
        terms.
        """
        found = await asyncio.to_thread(service.catalogue.list)
        rows = [choice.listed() for choice in found.values()]
        return JSONResponse({"models": rows, "note": images.GENERATED_NOTE})

    @app.get(
        "/health",
        response_class=JSONResponse,
        responses={200: {"description": "alive", "content": OBJECT}},
    )
    async def health() -> JSONResponse:
        """Whether the app is alive, how many requests wait, which models are in memory."""
        return JSONResponse(
            {
                "status": "ok",
                "waiting": service.waiting,
                "answered": service.answered,
                "models": service.models.in_memory(),
                "uptime_s": round(time.monotonic() - service.started, 1),
            }
        )


def _add_docs(app: Any) -> None:
    from fastapi.requests import Request
    from fastapi.responses import HTMLResponse, JSONResponse

    @app.get("/openapi.json", include_in_schema=False)
    async def openapi() -> JSONResponse:
        return JSONResponse(app.openapi())

    @app.get("/docs", include_in_schema=False)
    async def docs(request: Request) -> HTMLResponse:
        return HTMLResponse(docs_page(app.openapi(), str(request.base_url)))


def _add_files(app: Any, about: dict[str, Any]) -> None:
    from fastapi.responses import FileResponse, JSONResponse, Response
    from starlette.middleware.gzip import GZipMiddleware
    from starlette.staticfiles import StaticFiles

    for suffix, kind in page.TYPES.items():  # where the system knows none, or a wrong one
        mimetypes.add_type(kind, suffix)
    files = StaticFiles(directory=page.STATIC, packages=[("s2f_studio.page", page.GALLERY.name)])
    app.mount("/app/files", GZipMiddleware(files))

    @app.get("/", include_in_schema=False)
    async def home() -> FileResponse:
        return FileResponse(page.INDEX)

    @app.get("/app/about", include_in_schema=False)
    async def what_it_is() -> JSONResponse:
        return JSONResponse(about)

    @functools.lru_cache(maxsize=100)
    def png_of(reads: str, name: str) -> bytes:
        return images.png_of(masks.shown(drawing.start_of(reads, name)))

    @app.get("/app/starts/{reads}/{name}", include_in_schema=False)
    async def starts(reads: str, name: str) -> Response:
        if name not in drawing.STARTS.get(reads, ()):
            raise Refusal(404, "there is no such start")
        png = await asyncio.to_thread(png_of, reads, name)
        return Response(png, media_type="image/png", headers={"cache-control": "max-age=3600"})
