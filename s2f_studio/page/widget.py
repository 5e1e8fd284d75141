"""The sketch pad of notebooks: draw, and a face follows; shown as a cell's last line, or used
without a page.

The page has the pad's state and sends the kernel one request at a time (`static/widget.js`).
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from s2f_studio import shipped
from s2f_studio.answers import Answer, Face, translate
from s2f_studio.loading import load
from s2f_studio.page import drawing, page, reply, uploads
from s2f_studio.page.catalogue import TITLES, Catalogue
from s2f_studio.request import PER_ROUND, DrawingRequest
from s2f_utils import weights
from s2f_utils.infer import Model, restorers
from s2f_utils.networks.info import ModelInfo
from s2f_utils.notebook import stills
from s2f_utils.pictures import images, masks, viz

AS_DRAWN = {"align": "never", "clean": "never"}  # a pad's drawing is aligned already


class SketchPad:
    """A drawing, the settings of a request, and the face that answers it.

    given: the drawing, uint8 (512, 512, 3), or class numbers, uint8 (256, 256). query: the
    request's settings. face: the newest answer, uint8 (S, S, 3), or None.
    """

    def __init__(
        self,
        model: Any = None,
        *,
        start: str | np.ndarray | None = drawing.START,
        models: Sequence[Any] = (),
        restorer: str | Path = weights.RESTORER,
        device: str = "auto",
    ) -> None:
        self.device, self.restorer = device, restorer
        self._models: dict[str, Model] = {}
        self._page: Any = None  # the widget, after it was shown
        # messages of a page can come in a thread of their own (ipykernel 7)
        self.busy = threading.RLock()
        self.query, self.start = DrawingRequest(**AS_DRAWN), ""
        self.face: np.ndarray | None = None
        self.notes: dict[str, str] = {}  # on the face's making
        self.model = self._opened(model)
        self.names = dict.fromkeys(
            [self.info.name, *(self._opened(other).info.name for other in models), *TITLES]
        )
        self.given = drawing.blank(self.info.reads)
        if start is None:
            return
        is_unknown = isinstance(start, str) and start not in self.starts()
        if is_unknown and start == drawing.START:  # the usual drawing, for a model that reads maps
            start = self.starts()[0]
        self.begin_with(start)

    def __repr__(self) -> str:
        return f"SketchPad({self.info.name}; {images.GENERATED_NOTE})"

    @property
    def info(self) -> ModelInfo:
        """The model's info."""
        return self.model.info

    def _opened(self, model: Any = None) -> Model:
        """A model, loaded on first use (`load_for_drawings`)."""
        key = _key_of(model)
        if key is None or key not in self._models:
            opened = load_for_drawings(model, self.device)
            key = key or opened.info.name
            self._models[opened.info.name] = self._models[key] = opened
        return self._models[key]

    # The drawing and the request

    def set_drawing(self, given: np.ndarray) -> None:
        """Set a square drawing, uint8 (H, W, 3) or (H, W), or, for a model that reads maps, class
        numbers, uint8 (H, W), or their colours.

        Raises ValueError for any other array: `begin_with` takes photographed paper of any shape.
        """
        self.given, self.start = drawing.as_given(given, self.info.reads).copy(), ""
        self._tell()

    def begin_with(self, start: str | np.ndarray) -> None:
        """Start from one of `starts()`, or from your own drawing, uint8 (H, W, 3), which is cleaned
        and aligned.

        Raises ValueError for an unknown name or no drawing.
        """
        if isinstance(start, np.ndarray):
            self.given, self.start = drawing.placed(start, self.info.reads), ""
        else:
            self.given, self.start = drawing.start_of(self.info.reads, start), start
        self._tell()

    def starts(self) -> tuple[str, ...]:
        """The names of the drawings, or maps, to start from."""
        return drawing.STARTS[self.info.reads]

    def set(self, **changes: Any) -> None:
        """Change settings (`DrawingRequest`): `pad.set(answer="average", person={"age": 1.0})`.

        Another seed lets go of who was picked. Raises ValueError for an unknown field, or a value
        out of range.
        """
        if "seed" in changes:
            changes = {"keep": None} | changes
        self.query = DrawingRequest.of(self.query.model_dump() | changes)
        self._tell()

    def set_model(self, model: Any) -> None:
        """Change the model (`load_for_drawings`); a drawing is kept if the new model reads drawings
        as well.

        Raises ValueError for a model with another kind of input, and keeps the old one.
        """
        before, self.model = self.info, self._opened(model)
        self.face = None
        self.names.setdefault(self.info.name)
        if self.info.reads != before.reads:
            self.begin_with(self.starts()[0])
        self._tell()

    # The face

    def translate(self) -> np.ndarray:
        """The face of the drawing, uint8 (S, S, 3). Raises ValueError for an empty drawing."""
        with self.busy:
            (made,) = self._made(1)
            self.face, self.notes = made.picture, made.notes
            self._tell()
            return self.face

    def answers(self, num: int, **changes: Any) -> list[np.ndarray]:
        """`num` answers to the drawing, uint8 (S, S, 3) each. changes: of the settings, for these
        answers only.
        """
        return [one.picture for one in self._made(num, **changes)]

    def _made(self, num: int, **changes: Any) -> tuple[Face, ...]:
        if drawing.is_empty(self.given):
            raise ValueError("the drawing is empty: draw a face, or start from one of the list")
        query = DrawingRequest.of(self.query.model_dump() | {"candidates": num} | changes)
        with self.busy:
            return self._answer(self.given, query).faces

    def _answer(self, given: np.ndarray, query: DrawingRequest) -> Answer:
        restorer = self._restorer if query.enhance else None
        return translate(given, query, self.model, restorer)

    @functools.cached_property
    def _restorer(self) -> Model:
        return restorers.load(self.restorer, self.device)

    def save(self, path: str | Path) -> Path:
        """Write the face; a PNG's metadata says that it is generated, no evidence, and how it was
        made.
        """
        if self.face is None:
            raise ValueError("there is no face yet to save: call translate() first")
        return images.save(path, self.face, generated=True, notes=self.notes)

    # In a notebook

    def _ipython_display_(self) -> None:
        if not self.show():
            print(repr(self))

    def still(self) -> np.ndarray:
        """The drawing and its answer side by side, uint8 (H, W, 3): shown in place of a pad without
        a kernel.
        """
        given = masks.shown(self.given)
        face = np.full_like(given, 255) if self.face is None else self.face
        name = TITLES.get(self.info.name, self.info.name).replace(
            "→", "to"
        )  # missing in the stills' font
        said = f"the drawing, and the answer: {name}, seed {self.query.seed}"
        pair = viz.sheet([[images.resize(given, len(face), "stretch"), face]])
        return stills.stacked([stills.fitted(pair), stills.text_line(said)])

    def show(self) -> bool:
        """Display the pad in this cell; False where there is no notebook, or no anywidget."""
        try:
            from IPython import get_ipython

            if getattr(get_ipython(), "kernel", None) is None:
                return False
            self._page = self._page or page_of(self)
            stills.show(self._page, self.still())
        except ImportError:
            return False
        return True

    def _tell(self) -> None:
        """Send the page a cell's changes."""
        if self._page is None:
            return
        if self.info.name not in [one["id"] for one in self._page.about["models"]]:
            self._page.about = self.about()
        self._page.pad = self.now()

    def now(self) -> dict[str, Any]:
        """The pad's state, in the page's format (`static/state.js`)."""
        query = self.query
        given = {
            "uri": images.picture_uri(masks.shown(self.given)),
            "isEmpty": bool(drawing.is_empty(self.given)),
            "start": self.start,
            "warnings": [],
            "codes": [],
        }
        settings = {
            "model": self.info.name,
            "seed": query.seed,
            "answer": query.answer,
            "likely": query.likely,
            "temperature": query.temperature,
            "keep": query.keep,
            "person": dict(query.person),
            "strength": query.strength if query.enhance else 0.0,
        }
        return {
            "settings": settings,
            "drawings": {self.info.reads: given},
            "face": self._face_uri(),
            "round": self._round(),
        }

    def _round(self) -> dict[str, Any] | None:
        """The page's eight faces around the people whom a cell names; None where it names none."""
        if not self.query.chosen:
            return None
        chosen = [[list(one.picked), list(one.passed)] for one in self.query.chosen]
        return {"first": self.query.seed - self.query.seed % PER_ROUND, "chosen": chosen}

    def _face_uri(self) -> str:
        if self.face is None:
            return ""
        face, enlarged = reply.for_saving(self.face)
        return images.data_uri(images.png_of(face, generated=True, notes=self.notes | enlarged))

    def about(self) -> dict[str, Any]:
        """The page's initial data, with the models and the restorer to choose from."""
        listed = Catalogue(None, official=False).list()
        rows = [
            listed[name].listed() if name in listed else _row(self._opened(name).info)
            for name in self.names
        ]
        rows.append(listed[weights.RESTORER].listed() | {"id": str(self.restorer)})
        return page.about() | {"models": rows}

    def reply(self, content: dict[str, Any]) -> dict[str, Any]:
        """The reply to a message of the page, by its `kind`.

        "translate": the answer to the drawing, which the pad then holds, with `keep`, the code of
        who stays. "look": the same, but the pad holds what it held: a preview, or one of eight.
        "crop": a user's picture as a drawing. "start": one of `starts()`. Raises Refusal,
        ValueError.
        """
        kind = content.get("kind")
        if kind == "start":
            start = drawing.start_of(content["reads"], content["name"])
            return {"drawing": images.picture_uri(masks.shown(start))}
        if kind not in ("translate", "look", "crop"):
            raise ValueError(f"the pad does not know {kind!r}: run the cell again")
        query = DrawingRequest.of(content["fields"])
        model = self._opened(query.model)
        if kind == "crop":
            picture = uploads.picture_in(content["picture"], model.info.reads)
            return drawing.cropped(picture, query, model.info)
        given = drawing.as_given(uploads.picture_in(content["picture"]), model.info.reads)
        restorer = self._restorer if query.enhance else None
        answer = translate(given, query, model, restorer)
        if kind == "translate":
            self.model, self.given, self.start = model, given, ""
            held = {"direction": "", "model": ""}
            if keep := DrawingRequest.of({"keep": content.get("keep")}).keep:
                held |= {"keep": keep, "chosen": ()}
            self.query = query.model_copy(update=held)
            self.face, self.notes = answer.faces[0].picture, answer.faces[0].notes
        return reply.as_json(answer, model.info)


def load_for_drawings(model: str | Path | Model | None = None, device: str = "auto") -> Model:
    """A model that reads sketches or label maps: None for the shipped one, or as `load`.

    Raises ValueError for a model that reads photos, random codes alone, or a sketch and a map
    together.
    """
    if not isinstance(model, Model):
        model = load(model or shipped.MODEL, device)
    reads = model.info.reads
    if reads not in ("sketch", "map"):
        input_ = f"reads a {reads}" if reads else "draws faces by chance and reads nothing"
        raise ValueError(
            f"{model.info.name}: {input_}: the pad gives a drawing or a label map; choose a model"
            " for those"
        )
    return model


def _key_of(model: Any) -> str | None:
    """The name of a model that is given by a name or a path; None for a loaded one."""
    if model is None:
        return shipped.MODEL
    return str(model) if isinstance(model, str | Path) else None


def _row(info: ModelInfo) -> dict[str, Any]:
    """A row of the page's list for a model that is not in the catalogue."""
    knows = info.supports
    return {
        "id": info.name,
        "title": info.name,
        "kind": "model",
        "direction": info.direction,
        "reads": info.reads,
        "size_px": info.size_px,
        "chooses": "answer" in knows,
        "answers": 8 if {"answer", "styles"} & knows else 1,
        "previews": "preview" in knows,
        "state": "ready",
    }


def sketch_pad(model: Any = None, **options: Any) -> SketchPad:
    """A pad to draw on, whose face follows: shown as the last line of a cell, or used without a
    page.

    model: None for the shipped one, another of `catalogue.TITLES`, a run folder, or a result of
    `load`.
    options: start (a name of `starts()`, an array or None), models (further ones to choose from),
    restorer, device. Raises what `load_for_drawings` raises.
    """
    pad = SketchPad(model, **options)
    if not drawing.is_empty(pad.given):
        pad.translate()
    return pad


def page_of(pad: SketchPad) -> Any:
    """The widget that shows this pad and its changes by cells. Raises ImportError without
    anywidget.
    """
    return _page_class()(pad)


@functools.cache
def _page_class() -> type:
    import anywidget
    import traitlets

    class SketchPadPage(anywidget.AnyWidget):
        """A pad's page: `pad` is its state, `reply` the newest reply, with the number of its
        request.
        """

        _esm = page.joined(page.STATIC / "widget.js")
        _css = (page.STATIC / "pad.css").read_text(encoding="utf-8")
        about = traitlets.Dict().tag(sync=True)
        pad = traitlets.Dict().tag(sync=True)
        reply = traitlets.Dict().tag(sync=True)

        def __init__(self, shown: SketchPad) -> None:
            super().__init__(about=shown.about(), pad=shown.now())
            self._shown = shown
            self.on_msg(self.receive)

        def receive(self, _widget: Any, content: dict[str, Any], _buffers: Any = None) -> None:
            """Answer a message of the page, {"kind", "n", …}; errors are shown there as text."""
            with self._shown.busy:
                try:
                    ok, answer = True, self._shown.reply(content)
                except Exception as error:  # no cell could show it
                    detail = str(error) or type(error).__name__
                    ok, answer = False, {"detail": detail, "code": getattr(error, "code", "")}
                self.reply = {"n": content.get("n", 0), "ok": ok, "reply": answer}

    return SketchPadPage
