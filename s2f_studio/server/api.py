"""The web app's REST interface: FastAPI routes over the engine, and a page that describes them without scripts."""

# Without `from __future__ import annotations`: FastAPI reads the routes' types, which are imported where they are used.

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from s2f_studio.server.catalogue import Choice
from s2f_studio.server.docs import docs_page
from s2f_studio.server.engine import Answer, AskError, Engine, Made
from s2f_studio.server.forms import FIELDS, order_of, read_form, while_there
from s2f_studio.server.gate import Gate, Rates
from s2f_studio.server.lanes import Busy
from s2f_studio.server.uploads import Refusal
from s2f_utils.pictures import images

TEXT = {"type": "string"}
PROBLEM = {"type": "object", "required": ["detail"], "properties": {"detail": TEXT, "code": TEXT}}
MODEL = {
    "type": "object",
    "required": ["id", "title", "source", "kind", "direction", "size_px", "answers", "state", "size_mb", "terms"],
}
ANYTHING = {"application/json": {"schema": {"type": "object"}}}
SWEEP_S = 30.0
LEFT = 499  # what the log has where the visitor was gone before the answer
REASONS = {
    400: "no form", 403: "from another website's page", 404: "unknown model", 408: "the upload took too long",
    409: "the model is not on this machine", 413: "too large", 415: "no format that is taken",
    422: "damaged, no picture, or a value out of range", 429: "too many requests", 503: "took too long",
}  # fmt: skip


def create_api(
    engine: Engine,
    *,
    downloads: bool = True,
    more: Callable[[Any], None] | None = None,
    local_only: bool = False,
    behind_proxy: bool = False,
) -> Any:
    """The FastAPI app. downloads: whether visitors may let official models be downloaded. more: adds further routes.
    local_only, behind_proxy: as in `gate.Gate`.
    """
    from fastapi import FastAPI

    @asynccontextmanager
    async def lifespan(_app: Any) -> AsyncIterator[None]:
        sweeping = asyncio.ensure_future(_sweep(app))
        yield
        sweeping.cancel()
        await asyncio.to_thread(engine.close)

    app = FastAPI(
        title="Sketch to Face", version=_version(), docs_url=None, redoc_url=None, lifespan=lifespan,
        description=images.GENERATED_NOTE, openapi_url=None,
    )  # fmt: skip
    _add_errors(app)
    _add_translate(app, engine)
    _add_models(app, engine, downloads)
    _add_pages(app, engine)
    if more is not None:
        more(app)
    rates = Rates(engine.limits.per_minute, engine.limits.burst)
    app.add_middleware(Gate, rates=rates, methods=_methods(app), local_only=local_only, behind_proxy=behind_proxy)
    return app


async def _sweep(app: Any) -> None:
    """Let go of the sketch pads whose pages are silent, although nobody else comes."""
    while True:
        await asyncio.sleep(SWEEP_S)
        if (visits := getattr(app.state, "visits", None)) is not None:
            visits.tidy()


def _version() -> str:
    from s2f_utils import __version__

    return __version__


def _methods(app: Any) -> dict[str, set[str]]:
    """{path: its methods} of the routes; a last part that is a parameter is "*"."""
    found: dict[str, set[str]] = {}
    for route in app.routes:
        path = getattr(route, "path", "")
        path = path.rpartition("/")[0] + "/*" if path.endswith("}") else path
        found.setdefault(path, set()).update(getattr(route, "methods", None) or ())
    return found


def _add_errors(app: Any) -> None:
    from fastapi.requests import Request
    from fastapi.responses import JSONResponse
    from starlette.requests import ClientDisconnect

    async def refused(_request: Request, error: Exception) -> JSONResponse:
        code = getattr(error, "code", "")
        return JSONResponse({"detail": str(error)} | ({"code": code} if code else {}), error.status)

    async def busy(_request: Request, error: Exception) -> JSONResponse:
        return JSONResponse({"detail": str(error)}, 429, {"retry-after": str(error.retry_s)})

    async def left(_request: Request, _error: Exception) -> JSONResponse:
        return JSONResponse({"detail": "the visitor is gone"}, LEFT)

    app.add_exception_handler(Refusal, refused)
    app.add_exception_handler(Busy, busy)
    app.add_exception_handler(ClientDisconnect, left)


def _responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    return {
        status: {"description": REASONS[status], "content": {"application/json": {"schema": PROBLEM}}}
        for status in statuses
    }


def _handed_out(made: Made) -> dict[str, Any]:
    """An answer as a page shows and saves it: of at least 256 pixels."""
    picture, enlarged = images.handed_out(made.picture)
    notes = made.notes | enlarged
    png = images.png_of(picture, generated=True, notes=notes) if enlarged else made.png
    height, width = picture.shape[:2]
    return {"name": made.name, "notes": notes, "width": width, "height": height, "png": images.data_uri(png)}


def as_json(answer: Answer) -> dict[str, Any]:
    """An answer with its pictures as addresses that a page can show."""
    return {
        "model": answer.choice.id,
        "direction": answer.choice.direction,
        "note": images.GENERATED_NOTE,
        "warnings": list(answer.warnings),
        "codes": list(answer.codes),
        "face_found": answer.found,
        "points": None if answer.points is None else [list(point) for point in answer.points],
        "num_faces": answer.num_faces,
        "faces": list(answer.faces),
        "taken": answer.taken,
        "sheet": answer.sheet,
        "given": images.data_uri(images.png_of(answer.given)),
        "pictures": [_handed_out(one) for one in answer.made],
        "seconds": answer.seconds,
    }  # fmt: skip


def _add_translate(app: Any, engine: Engine) -> None:
    from fastapi.requests import Request
    from fastapi.responses import JSONResponse, Response

    properties = {"file": {"type": "string", "format": "binary", "description": "a drawing, photo or label map"}}
    schema = {
        "type": "object", "required": ["file"], "properties": properties | FIELDS, "additionalProperties": False,
    }  # fmt: skip
    body = {"required": True, "content": {"multipart/form-data": {"schema": schema}}}
    good = {
        "description": "the answer",
        "content": {"image/png": {}, "application/json": {"schema": {"type": "object"}}},
    }

    @app.post(
        "/api/translate", openapi_extra={"requestBody": body}, response_class=Response, tags=["translate"],
        responses={200: good, **_responses(400, 403, 404, 408, 409, 413, 415, 422, 429, 503)},
    )  # fmt: skip
    async def translate(request: Request) -> Response:
        """Translate a picture: a PNG whose metadata say that it is generated, or JSON with all answers (Accept)."""
        content, fields = await read_form(request, tuple(FIELDS), with_file=True)
        answer = await while_there(request, engine.translate(content, order_of(fields)))
        request.scope["state"]["said"] = {"model": answer.choice.id, "seconds": answer.seconds}
        if "application/json" in request.headers.get("accept", ""):
            return JSONResponse(await engine.in_pool(as_json, answer), headers={"vary": "accept"})
        headers = {"vary": "accept", "content-disposition": 'attachment; filename="generated.png"'}
        return Response(answer.made[0].png, media_type="image/png", headers=headers)


def as_listed(choice: Choice, state: str) -> dict[str, Any]:
    """A model as GET /api/models lists it: never with its path."""
    return {
        "id": choice.id, "title": choice.title, "source": choice.source, "kind": choice.kind,
        "direction": choice.direction, "reads": choice.reads, "size_px": choice.size_px, "detail": choice.detail,
        "chooses": choice.chooses, "answers": choice.answers, "state": state, "size_mb": round(choice.size_mb, 1),
        "terms": choice.terms,
    }  # fmt: skip


def _add_models(app: Any, engine: Engine, downloads: bool) -> None:
    from fastapi.requests import Request
    from fastapi.responses import JSONResponse

    listed = {"type": "object", "properties": {"models": {"type": "array", "items": MODEL}}, "required": ["models"]}
    good = {200: {"description": "the models", "content": {"application/json": {"schema": listed}}}}

    @app.get("/api/models", response_class=JSONResponse, tags=["models"], responses=good)
    async def models() -> JSONResponse:
        """The models and restorers: shipped, of the runs folder, and official ones with size and terms."""
        found = await engine.in_pool(engine.catalogue.list)
        rows = [as_listed(choice, engine.catalogue.state(choice)) for choice in found.values()]
        return JSONResponse({"models": rows, "downloads": downloads, "note": images.GENERATED_NOTE})

    properties = {
        "model": {"type": "string", "maxLength": 200},
        "agree": {"type": "string", "description": "yes: to the terms that GET /api/models shows"},
    }
    schema = {"type": "object", "required": ["model", "agree"], "properties": properties, "additionalProperties": False}
    body = {"required": True, "content": {"multipart/form-data": {"schema": schema}}}
    begun = {
        "description": "it has begun, or the model is here",
        "content": {"application/json": {"schema": {"type": "object"}}},
    }

    @app.post(
        "/api/models/download", openapi_extra={"requestBody": body}, response_class=JSONResponse, tags=["models"],
        status_code=202, responses={202: begun, **_responses(400, 403, 404, 408, 413, 422, 429)},
    )  # fmt: skip
    async def download(request: Request) -> JSONResponse:
        """Download an official model, when a person has seen its size and terms and agrees."""
        _, fields = await read_form(request, ("model", "agree"), with_file=False)
        if not downloads:
            raise AskError(403, "nothing is downloaded here: ask whoever runs the app")
        if fields.get("agree") != "yes":
            raise AskError(422, "agree must be yes: GET /api/models shows the size and the terms")
        state = await asyncio.to_thread(engine.catalogue.fetch, fields.get("model", ""))
        return JSONResponse({"model": fields["model"], "state": state}, 202)


def _add_pages(app: Any, engine: Engine) -> None:
    from fastapi.requests import Request
    from fastapi.responses import HTMLResponse, JSONResponse

    facts = {"type": "object", "required": ["status", "waiting", "answered", "models", "uptime_s"]}
    good = {200: {"description": "alive", "content": {"application/json": {"schema": facts}}}}

    @app.get("/health", response_class=JSONResponse, tags=["health"], responses=good)
    async def health() -> JSONResponse:
        """Whether the app is alive, how many requests wait, which models are in memory."""
        return JSONResponse(
            {"status": "ok", "waiting": engine.waiting, "answered": engine.answered,
             "models": engine.lanes.in_memory(), "batches": engine.lanes.batches(),
             "uptime_s": round(time.monotonic() - engine.begun, 1)}
        )  # fmt: skip

    @app.get("/openapi.json", include_in_schema=False)
    async def openapi() -> JSONResponse:
        return JSONResponse(app.openapi())

    @app.get("/docs", include_in_schema=False)
    async def docs(request: Request) -> HTMLResponse:
        return HTMLResponse(docs_page(app.openapi(), str(request.base_url)))
