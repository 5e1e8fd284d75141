"""The web app's page: Gradio's frame and tabs, our own drawing and upload pages in them, and what they ask for.

Every picture goes through our own routes: the page uses none of the framework's upload or file components, whose routes
stay closed (`gate`).
"""

# Without `from __future__ import annotations`: FastAPI reads the routes' types, which are imported where they are used.

import functools
import json
from pathlib import Path
from typing import Any

import numpy as np

from s2f_utils.app.engine import AskError, Engine
from s2f_utils.app.forms import body_problem
from s2f_utils.app.visits import Visits
from s2f_utils.pad import messages
from s2f_utils.pictures import drawings, images, masks
from s2f_utils.pictures.drawn import synthetic

STATIC = Path(__file__).with_name("static")
SCRIPTS = (
    "answers.js", "app.js", "app_models.js", "app_upload.js", "camera.js", "choices.js", "common.js", "given.js",
    "points.js", "visit.js",
)  # fmt: skip
FILES = {
    **dict.fromkeys((*SCRIPTS, "app.css"), STATIC),
    **dict.fromkeys((*messages.SCRIPTS, *messages.STYLES), messages.STATIC),
}
TYPES = {".js": "text/javascript", ".css": "text/css"}
FACES = (3, 5, 8, 10, 17, 21)  # of synthetic.draw_face's series
PHOTOS, MAPS = (tuple(f"{kind}-{number}" for number in FACES) for kind in ("photo", "map"))
MOST_COMMAS = 20_000  # in a message: a region of thousands of points has as many
EXAMPLES = (*drawings.EXAMPLES, *PHOTOS, *MAPS)
TRAVELS = (
    "This page is shared: what you draw and upload travels over the internet, through a relay, to the machine that runs"
    " the app."
)
IN_COLAB = "This page runs in Colab: what you draw and upload travels to Google's machine that runs the notebook."
ABOUT = """
<div class="s2f-page s2f-about">
<p><b>What appears here is a guess.</b> A neural network paints a face that could belong to a drawing; it is one of
many. It says nothing about who a person is, and is no evidence. Detail that makes a face look real is invented.</p>
<p>Pictures are kept in memory while they are worked on, and are never written to disk; a drawing stays while its page
is open. The log has times and sizes, no pictures and no names of files. EXIF data are not kept. Nothing is loaded from
other websites.</p>
<p>PNG, JPEG, WebP, BMP and TIFF are taken, up to 20 MB and 32 million pixels. The examples are drawn by code.</p>
<p>For programs: <code>POST /api/translate</code>; <a href="docs">the interface's description</a>.</p>
</div>"""
HEAD = "<h1>Sketch to Face</h1><p>Draw or upload a face; a network guesses a photo.</p>"


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


def add_routes(app: Any, engine: Engine) -> None:
    """Add what the page asks for: its scripts and styles, the examples, and the visits of its sketch pad."""
    from fastapi.requests import Request
    from fastapi.responses import JSONResponse, Response

    visits = Visits(engine)
    app.state.visits = visits
    kept = {"cache-control": "no-cache"}

    @app.get("/app/files/{name}", include_in_schema=False)
    async def files(name: str) -> Response:
        if name not in FILES:
            raise AskError(404, "there is nothing here")
        return Response((FILES[name] / name).read_bytes(), media_type=TYPES[Path(name).suffix], headers=kept)

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


def build(notice: str = "") -> Any:
    """The page as Gradio's Blocks. notice: a sentence that stays in sight beside the note that faces are guesses."""
    import gradio as gr

    travels = f'<span class="s2f-travels">{notice}</span>' if notice else ""
    always = f'<div class="s2f-always" role="note">{images.GENERATED_NOTE}{travels}</div>'
    head = f'<div class="s2f-page s2f-head">{HEAD}</div>'
    lists = (
        f'data-drawings="{" ".join(drawings.EXAMPLES)}" data-photos="{" ".join(PHOTOS)}" data-maps="{" ".join(MAPS)}"'
    )
    plain = {"apply_default_css": False, "js_on_load": None}
    with gr.Blocks(title="Sketch to Face", analytics_enabled=False) as page:
        gr.HTML(head + always, **plain)
        with gr.Tabs():
            with gr.Tab("Draw", id="draw"):
                gr.HTML('<div class="s2f-page" data-s2f="pad"></div>', **plain)
            with gr.Tab("Upload", id="upload"):
                gr.HTML(f'<div class="s2f-page" data-s2f="upload" {lists}></div>', **plain)
            with gr.Tab("Models", id="models"):
                gr.HTML('<div class="s2f-page" data-s2f="models"></div>', **plain)
            with gr.Tab("About", id="about"):
                gr.HTML(ABOUT, **plain)
    return page


def mount(app: Any, notice: str = "") -> Any:
    """Mount the page on the FastAPI app, which has our routes already."""
    import gradio as gr

    fonts = {"font": ["system-ui", "sans-serif"], "font_mono": ["ui-monospace", "monospace"]}  # none from elsewhere
    rel = {".css": "stylesheet", ".js": "modulepreload"}  # all at once, instead of one import after the other
    links = "".join(f'<link rel="{rel[Path(name).suffix]}" href="app/files/{name}">' for name in FILES)
    return gr.mount_gradio_app(
        app, build(notice), path="/", footer_links=[], run_history=False, allowed_paths=[], blocked_paths=["/"],
        max_file_size=1, show_error=False, ssr_mode=False, enable_monitoring=False, mcp_server=False, pwa=False,
        theme=gr.themes.Default(primary_hue="blue", **fonts),
        head=f'{links}<script type="module" src="app/files/app.js"></script>',
    )  # fmt: skip
