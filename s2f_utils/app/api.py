"""The web app's REST interface: FastAPI routes over the engine, and a page that describes them without scripts."""

# Without `from __future__ import annotations`: FastAPI reads the routes' types, which are imported where they are used.

import asyncio
import html
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

from s2f_utils.app.catalogue import WAYS, Choice
from s2f_utils.app.engine import ALIGN, Answer, AskError, Engine, Order
from s2f_utils.app.gate import Gate, Rates
from s2f_utils.app.lanes import Busy
from s2f_utils.app.uploads import MOST_BYTES, Refusal
from s2f_utils.pictures import images
from s2f_utils.pictures.drawings import CLEAN

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
    "candidates": {"type": "integer", "minimum": 1, "maximum": 8, "default": 1, "description": "how many answers"},
    "clean": {"type": "string", "enum": list(CLEAN), "default": "auto", "description": "clean the paper up"},
    "align": {"type": "string", "enum": list(ALIGN), "default": "auto", "description": "find the face, lay it upright"},
    "points": {"type": "string", "pattern": r"^(0|1|0?\.\d{1,6}|0\.\d{1,6})(,(0|1|0?\.\d{1,6}|0\.\d{1,6})){5}$",
               "description": "eye on the left, eye on the right, mouth: x,y,x,y,x,y as shares of width and height"},
}  # fmt: skip
PROBLEM = {"type": "object", "required": ["detail"], "properties": {"detail": {"type": "string"}}}
MODEL = {
    "type": "object",
    "required": ["id", "title", "source", "kind", "direction", "size_px", "answers", "state", "size_mb", "terms"],
}
ANYTHING = {"application/json": {"schema": {"type": "object"}}}
TRUTH = {"true": True, "1": True, "on": True, "false": False, "0": False, "off": False, "": False}
SWEEP_S = 30.0
LEFT = 499  # what the log has where the visitor was gone before the answer
REASONS = {
    400: "no form", 403: "from another website's page", 404: "unknown model", 406: "neither PNG nor JSON is wanted",
    408: "the upload took too long", 409: "the model is not on this machine", 413: "too large",
    415: "no format that is taken", 422: "damaged, no picture, or a value out of range", 429: "too many requests",
    503: "took too long",
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
        return JSONResponse({"detail": str(error)}, error.status)

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
    """What a form's fields ask for. Raises AskError for a value that is none."""
    values: dict[str, Any] = {}
    for name, text in fields.items():
        kind, text = FIELDS[name]["type"], text.strip()
        try:
            if name == "points":
                values[name] = _points(text) if text else None
            elif kind == "boolean":
                values[name] = TRUTH[text.lower()]
            elif text == "" and name not in ("model", "direction", "restorer"):
                raise ValueError
            else:
                values[name] = {"string": str, "integer": int, "number": _number}[kind](text)
        except AskError:
            raise
        except (ValueError, KeyError):
            rule = FIELDS[name]
            bounds = f" from {rule['minimum']} to {rule['maximum']}" if "minimum" in rule else ""
            what = {"integer": "a whole number", "boolean": "true or false"}.get(kind, f"a {kind}")
            raise AskError(422, f"{name} must be {what}{bounds}") from None
    return Order(**values)


def _number(text: str) -> float:
    value = float(text)
    if value != value or abs(value) == float("inf"):
        raise ValueError
    return value


def _points(text: str) -> tuple[tuple[float, float], ...]:
    parts = text.split(",")
    try:
        values = [_number(part) for part in parts]
    except ValueError:
        values = []
    if len(values) != 6 or not all(0 <= value <= 1 for value in values):
        raise AskError(422, "points must be six shares of width and height, from 0 to 1: eye, eye, mouth")
    return tuple(zip(values[::2], values[1::2], strict=True))


def wants_json(accept: str) -> bool:
    """Whether an Accept header prefers JSON to PNG. Raises AskError (406) where it takes neither."""
    shares = {"image/png": 0.0, "application/json": 0.0}
    for part in (accept or "*/*").split(","):
        kind, *options = (piece.strip().lower() for piece in part.split(";"))
        try:
            share = float(next((o[2:] for o in options if o.startswith("q=")), 1))
        except ValueError:
            share = 0.0
        for name in shares:
            if kind in (name, name.partition("/")[0] + "/*", "*/*"):
                shares[name] = max(shares[name], share if kind == name else 0.999 * share)
    if not any(shares.values()):
        raise AskError(406, "the answer is image/png, or application/json: accept one of the two")
    return shares["application/json"] > shares["image/png"]


def as_json(answer: Answer) -> dict[str, Any]:
    """An answer with its pictures as addresses that a page can show."""
    return {
        "model": answer.choice.id,
        "direction": answer.choice.direction,
        "note": images.GENERATED_NOTE,
        "warnings": list(answer.warnings),
        "face_found": answer.found,
        "points": None if answer.points is None else [list(point) for point in answer.points],
        "given": images.data_uri(images.png_of(answer.given)),
        "pictures": [
            {"name": one.name, "notes": one.notes, "width": one.picture.shape[1], "height": one.picture.shape[0],
             "png": images.data_uri(one.png)}
            for one in answer.made
        ],
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
        responses={200: good, **_responses(400, 403, 404, 406, 408, 409, 413, 415, 422, 429, 503)},
    )  # fmt: skip
    async def translate(request: Request) -> Response:
        """Translate a picture: a PNG whose metadata say that it is generated, or JSON with all answers (Accept)."""
        in_json = wants_json(request.headers.get("accept", ""))
        content, fields = await read_form(request, tuple(FIELDS), with_file=True)
        answer = await while_there(request, engine.translate(content, order_of(fields)))
        request.scope["state"]["said"] = {"model": answer.choice.id, "seconds": answer.seconds}
        if in_json:
            return JSONResponse(await engine.in_pool(as_json, answer), headers={"vary": "accept"})
        headers = {"vary": "accept", "content-disposition": 'attachment; filename="generated.png"'}
        return Response(answer.made[0].png, media_type="image/png", headers=headers)


def as_listed(choice: Choice, state: str) -> dict[str, Any]:
    """A model as GET /api/models lists it: never with its path."""
    return {
        "id": choice.id, "title": choice.title, "source": choice.source, "kind": choice.kind,
        "direction": choice.direction, "reads": choice.reads, "size_px": choice.size_px, "detail": choice.detail,
        "answers": choice.answers, "state": state, "size_mb": round(choice.size_mb, 1), "terms": choice.terms,
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
            raise AskError(403, "nothing is downloaded while the app is shared: start it without --share")
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


def docs_page(spec: dict[str, Any], address: str) -> str:
    """An OpenAPI description as one page of plain HTML, which needs no script and nothing from elsewhere. address: of
    the app.
    """
    out = []
    for path, ways in spec["paths"].items():
        for method, about in ways.items():
            out.append(f"<h2><code>{method.upper()} {html.escape(path)}</code></h2>")
            out.append(f"<p>{html.escape(about.get('description', ''))}</p>")
            for kind, content in about.get("requestBody", {}).get("content", {}).items():
                needed = content["schema"].get("required", [])
                rows = [
                    f"<tr><td><code>{name}</code>{' *' if name in needed else ''}<td>{_kind(rule)}"
                    f"<td>{html.escape(str(rule.get('default', '')))}<td>{html.escape(rule.get('description', ''))}"
                    for name, rule in content["schema"]["properties"].items()
                ]
                head = "<tr><th>field<th>type<th>default<th>"
                out.append(f"<p>{kind}:</p><div class=wide><table>{head}{''.join(rows)}</table></div>")
            rows = [
                f"<tr><td>{status}<td>{html.escape(one['description'])}<td>{', '.join(one.get('content', {}))}"
                for status, one in about["responses"].items()
            ]
            out.append(f"<div class=wide><table><tr><th>status<th><th>answer{''.join(rows)}</table></div>")
    example = f"curl -F file=@drawing.jpg -F seed=3 {address}api/translate -o photo.png"
    return (
        "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content='width=device-width'>"
        f"<title>{html.escape(spec['info']['title'])}: interface</title><style>:root{{color-scheme:light dark}}"
        "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}"
        "table{border-collapse:collapse}td,th{border:1px solid #8884;padding:.2rem .6rem;text-align:left}"
        ".wide{overflow-x:auto}pre{overflow-x:auto;padding:.6rem;background:#8882}</style>"
        f"<h1>{html.escape(spec['info']['title'])}</h1><p>{html.escape(spec['info'].get('description', ''))}</p>"
        f"<pre>{html.escape(example)}</pre><p><a href=openapi.json>openapi.json</a></p>{''.join(out)}</html>"
    )


def _kind(rule: dict[str, Any]) -> str:
    text = " | ".join(rule["enum"]) if "enum" in rule else rule["type"]
    if "minimum" in rule:
        text += f", {rule['minimum']:.0f} to {rule['maximum']:.0f}"
    return html.escape(text)
