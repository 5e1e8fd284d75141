"""The web app's page: its files, the examples, and the visits of its sketch pad."""

# Without `from __future__ import annotations`: FastAPI reads the routes' types, which are imported where they are used.

import functools
import json
from pathlib import Path
from typing import Any

import numpy as np

from s2f_studio.drawings import prepare as drawings
from s2f_studio.server.engine import AskError, Engine
from s2f_studio.server.forms import body_problem
from s2f_studio.server.visits import Visits
from s2f_studio.web import messages
from s2f_utils.pictures import images, masks
from s2f_utils.pictures.drawn import synthetic

STATIC = Path(__file__).with_name("static")
TYPES = {
    ".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml", ".webp": "image/webp",
    ".json": "application/json",
}  # fmt: skip
FILES = {
    **{path.name: path for path in sorted(STATIC.rglob("*")) if path.suffix in TYPES and path.suffix != ".html"},
    **{name: messages.STATIC / name for name in (*messages.SCRIPTS, *messages.STYLES)},
}
FACES = (3, 5, 8, 10, 17, 21)  # of synthetic.draw_face's series
PHOTOS, MAPS = (tuple(f"{kind}-{number}" for number in FACES) for kind in ("photo", "map"))
MOST_COMMAS = 20_000  # in a message: a region of thousands of points has as many
EXAMPLES = (*drawings.EXAMPLES, *PHOTOS, *MAPS)
NETWORK = "This page is open to other machines: what you draw and upload travels to the one that runs the app."
ON_HUB = "This page runs on a JupyterHub: what you draw and upload travels to the machine that runs the notebook."
IN_COLAB = "This page runs in Colab: what you draw and upload travels to Google's machine that runs the notebook."


def example(name: str) -> np.ndarray:
    """One of `EXAMPLES`: a drawing, a drawn face, uint8 (H, W, 3), or a label map in its colours."""
    if name in drawings.EXAMPLES:
        return drawings.example(name)
    kind, _, number = name.partition("-")
    face = synthetic.draw_face(int(number), size_px=256)
    return face.photo if kind == "photo" else masks.colour(face.mask)


@functools.lru_cache(maxsize=len(EXAMPLES))
def _example_png(name: str) -> bytes:
    return images.png_of(example(name))


def add_routes(app: Any, engine: Engine, notice: str = "") -> None:
    """Add the page and what it asks for: its files, the examples, and the visits of its sketch pad.

    notice: a sentence that stays in sight, beside the note that faces are guesses.
    """
    from fastapi.requests import Request
    from fastapi.responses import JSONResponse, Response

    visits = Visits(engine)
    app.state.visits = visits
    told = {"note": images.GENERATED_NOTE, "travels": notice}
    told |= {"drawings": drawings.EXAMPLES, "photos": PHOTOS, "maps": MAPS}

    def sent(path: Path) -> Response:
        return Response(path.read_bytes(), media_type=TYPES[path.suffix], headers={"cache-control": "no-cache"})

    @app.get("/", include_in_schema=False)
    async def home() -> Response:
        return sent(STATIC / "index.html")

    @app.get("/app/about", include_in_schema=False)
    async def about() -> JSONResponse:
        return JSONResponse(told)

    @app.get("/app/files/{name}", include_in_schema=False)
    async def files(name: str) -> Response:
        if name not in FILES:
            raise AskError(404, "there is nothing here")
        return sent(FILES[name])

    @app.get("/app/examples/{name}", include_in_schema=False)
    async def examples(name: str) -> Response:
        if name not in EXAMPLES:
            raise AskError(404, "there is no such example")
        png = await engine.in_pool(_example_png, name)
        return Response(png, media_type="image/png", headers={"cache-control": "max-age=3600"})

    @app.post("/app/visits", include_in_schema=False)
    async def begin() -> JSONResponse:
        return JSONResponse(await visits.begin())

    @app.post("/app/visits/{visit}", include_in_schema=False)
    async def tell(visit: str, request: Request) -> JSONResponse:
        visits.find(visit)  # before anything is read
        content = await read_json(request)
        if content.get("kind") == "bye":
            visits.end(visit)
            return JSONResponse({"values": {}})
        told = await visits.tell(visit, content)
        request.scope["state"]["said"] = {"kind": content["kind"], "seconds": told["values"]["seconds"]}
        return JSONResponse(told)


async def read_json(request: Any) -> dict[str, Any]:
    """A request's JSON object. Raises AskError for anything else."""
    try:
        body = await request.body()
        if (problem := body_problem(request)) is not None:
            raise problem
        content = json.loads(body) if body.count(b",") <= MOST_COMMAS else None  # pictures have none
    except (ValueError, RecursionError):
        content = None
    if not isinstance(content, dict):
        raise AskError(422, "send a JSON object")
    return content
