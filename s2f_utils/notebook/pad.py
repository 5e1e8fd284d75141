"""The sketch pad in a notebook: a widget with the pad's own page.

The page asks by messages, one at a time: of several drawings only the newest waits. The answer comes back as traits.
"""

from __future__ import annotations

import functools
import time
from typing import Any

from s2f_utils.pad import messages, scripts
from s2f_utils.pad.drawing import shown
from s2f_utils.pad.sketch_pad import SketchPad
from s2f_utils.pictures.images import picture_uri


class ShownPad(SketchPad):
    """A pad that shows its page where it is a cell's last line."""

    _page: Any = None  # the widget, once it was shown

    def _ipython_display_(self) -> None:
        if not self.show():
            print(repr(self))

    def show(self) -> bool:
        """Display the pad in this cell; False where there is no notebook, or no anywidget."""
        try:
            from IPython import get_ipython
            from IPython.display import display

            if getattr(get_ipython(), "kernel", None) is None:
                return False
            self._page = self._page or page_of(self)
            display(self._page)
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
        self.pad, self._variants, self._receiving, self._told = pad, [], False, set()
        self._kept: dict[int, dict[str, str]] = {}  # what is shown of each version, by its id
        self.on_msg(self.receive)
        pad.listeners.append(self._hear)
        self._publish({"drawing", "face", "settings"})

    def _hear(self, what: str) -> None:
        if self._receiving:
            self._told.add(what)
        else:
            self._publish({what})

    def _publish(self, told: set[str]) -> None:
        with self.hold_sync():
            if "drawing" in told:
                self.drawing = picture_uri(shown(self.pad.given))
                self.loaded += 1
            self.face = "" if self.pad.face is None else messages.face_uri(self.pad)
            kept = self._kept
            self._kept = {id(one): kept.get(id(one)) or messages.shown_of(one) for one in self.pad.versions}
            self.state = messages.state_of(self.pad, self._variants, list(self._kept.values()))

    def receive(self, _widget: Any, content: dict[str, Any], _buffers: Any = None) -> None:
        """Do what the page asks for, {"kind", "n", …}; what goes wrong is shown there as text."""
        begun, problem = time.perf_counter(), ""
        self._receiving, self._told = True, set()
        try:
            self._obey(content)
        except Exception as error:  # there is no cell that could show it
            problem = str(error) or type(error).__name__
        finally:
            self._receiving = False
        told = self._told - ({"drawing"} if content.get("kind") == "draw" else set())
        with self.hold_sync():
            self._publish(told)
            self.problem, self.seconds = problem, time.perf_counter() - begun
            self.answered = int(content.get("n", 0))

    def _obey(self, content: dict[str, Any]) -> None:
        if content.get("kind") == "hello":  # a page that was opened again
            self._told = {"drawing"}
            return
        if messages.obey(self.pad, content, self.pad.facts_of):
            self.pad.translate()
        if content["kind"] in messages.SHOW_VARIANTS:
            wanted = messages.wants_variants(self.pad, content["kind"])
            self._variants = messages.variants_shown(self.pad.variants()) if wanted else []


@functools.cache
def _page_class() -> type:
    import anywidget
    import traitlets

    class SketchPadPage(_Page, anywidget.AnyWidget):
        """A pad's page; `answered` is the number of the last request that was dealt with."""

        _esm = scripts.joined(scripts.STATIC / "sketch_pad.js")
        _css = (scripts.STATIC / "sketch_pad.css").read_text(encoding="utf-8")
        drawing = traitlets.Unicode().tag(sync=True)
        loaded = traitlets.Int(0).tag(sync=True)  # counts the drawings that the page has to load
        face = traitlets.Unicode().tag(sync=True)
        state = traitlets.Dict().tag(sync=True)
        problem = traitlets.Unicode().tag(sync=True)
        seconds = traitlets.Float(0.0).tag(sync=True)
        answered = traitlets.Int(0).tag(sync=True)

    return SketchPadPage
