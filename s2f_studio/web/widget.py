"""The sketch pad in a notebook: a widget with the pad's own page.

The page asks by messages, one at a time: of several drawings only the newest waits. The answer comes back as traits.
"""

from __future__ import annotations

import functools
import time
from typing import Any

import numpy as np

from s2f_studio.web import messages
from s2f_studio.web.sketch_pad import SketchPad
from s2f_utils.notebook import stills


class ShownPad(SketchPad):
    """A pad that shows its page where it is a cell's last line."""

    _page: Any = None  # the widget, once it was shown

    def _ipython_display_(self) -> None:
        if not self.show():
            print(repr(self))

    def still(self) -> np.ndarray:
        """The drawing and its answer beside each other, uint8 (H, W, 3): what is left of a pad without a kernel."""
        given = self.given if self.given.ndim == 3 else np.repeat(self.given[..., None], 3, axis=2)
        face = np.full_like(given, 255) if self.face is None else self.face
        name = self.choices[self.facts.name].replace("→", "to")  # which the font of stills does not have
        said = f"the drawing, and the answer: {name}, seed {self.seed}"
        return stills.stacked([stills.side_by_side([given, face]), stills.text_line(said)])

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


def sketch_pad(model: Any = None, **options: Any) -> ShownPad:
    """A pad to draw on, whose face follows: shown as the last line of a cell, or used without a page.

    model: None for the shipped one, another of `state.TITLES`, a run folder, or what `inference.load` gives.
    options: start (a name of `starts()`, a number, an array or None), models (further ones to choose from), restorer,
    device. Raises what `load_for_drawings` raises.
    """
    pad = ShownPad(model, **options)
    pad.answer_first()
    return pad


def page_of(pad: SketchPad) -> Any:
    """The widget that shows this pad; what a cell changes in the pad is shown, too. Raises ImportError without
    anywidget.
    """
    return _page_class()(pad)


class _Page:
    """What the widget does: it tells the page what the pad holds, and the pad what the page asks for."""

    def __init__(self, pad: SketchPad) -> None:
        super().__init__()
        self.pad, self._shown, self._receiving = pad, messages.Shown(), False
        self.on_msg(self.receive)
        pad.listeners.append(self._hear)
        self._publish(with_drawing=True)

    def _hear(self, what: str) -> None:
        if not self._receiving:
            self._publish(with_drawing=what == "drawing")

    def _publish(self, *, with_drawing: bool) -> None:
        with self.hold_sync():
            for name, value in self._shown.values(self.pad, with_drawing=with_drawing).items():
                setattr(self, name, value)

    def receive(self, _widget: Any, content: dict[str, Any], _buffers: Any = None) -> None:
        """Do what the page asks for, {"kind", "n", …}; what goes wrong is shown there as text."""
        with self.pad.busy:
            begun, before, problem = time.perf_counter(), self.pad.given, ""
            kind, self._receiving = content.get("kind", ""), True
            try:
                with messages.whole(self.pad, kind):
                    self._obey(content)
            except Exception as error:  # there is no cell that could show it
                problem = str(error) or type(error).__name__
            finally:
                self._receiving = False
            with self.hold_sync():
                self._publish(with_drawing=kind == "hello" or (kind != "draw" and self.pad.given is not before))
                self.problem, self.seconds = problem, time.perf_counter() - begun
                self.answered = int(content.get("n", 0))

    def _obey(self, content: dict[str, Any]) -> None:
        if content.get("kind") == "hello":  # a page that was opened again
            return
        if messages.obey(self.pad, content, self.pad.facts_of):
            self.pad.translate()
        if content["kind"] == "save":
            self.large = messages.face_uri(self.pad, self.pad.large_face())
        if content["kind"] in messages.SHOW_VARIANTS:
            wanted = messages.wants_variants(self.pad, content["kind"])
            self._shown.variants = messages.variants_shown(self.pad.variants()) if wanted else []


@functools.cache
def _page_class() -> type:
    import anywidget
    import traitlets

    class SketchPadPage(_Page, anywidget.AnyWidget):
        """A pad's page; `answered` is the number of the last request that was dealt with."""

        _esm = messages.joined(messages.STATIC / "sketch_pad.js")
        _css = (messages.STATIC / "sketch_pad.css").read_text(encoding="utf-8")
        drawing = traitlets.Unicode().tag(sync=True)
        loaded = traitlets.Int(0).tag(sync=True)  # counts the drawings that the page has to load
        face = traitlets.Unicode().tag(sync=True)
        large = traitlets.Unicode().tag(sync=True)  # the face as it was saved last
        state = traitlets.Dict().tag(sync=True)
        problem = traitlets.Unicode().tag(sync=True)
        seconds = traitlets.Float(0.0).tag(sync=True)
        answered = traitlets.Int(0).tag(sync=True)

    return SketchPadPage
