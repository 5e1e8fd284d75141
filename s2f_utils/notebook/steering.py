"""Sliders and buttons that act while training runs in the foreground cell.

The page's messages are read between two steps (`poller`); where that cannot work, `train_live` trains in short chunks.
What was tried, and with which versions, stands in docs/live-widgets.md. Needs ipywidgets 7.7 or 8.
"""

from __future__ import annotations

import html
import inspect
import math
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from s2f_utils.notebook.poller import PagePoller, current_kernel, has_page, in_vscode
from s2f_utils.training.live import COMMANDS, LiveValues, Range

POLL_EVERY_S = 0.1  # a poll costs about 0.1 ms, a message about 1 ms
REDRAW_EVERY_S = 1.0  # a change of a slider or a press of a button is drawn at once
PROOF_TIMEOUT_S = 5.0  # a page that shows the controls answers within about a second
MODES = {
    "polling": "live: polling (a moved slider acts from the next step on)",
    "chunks": "in chunks: press Continue, or run the cell again; a moved slider acts in the next chunk",
    "off": "controls.json only",
}
NO_ANSWER = (
    "live: polling, but this page has not answered yet. If the sliders do nothing, interrupt, make them anew with "
    'mode="chunks" and go on, or edit controls.json'
)
UNASKED = "this page cannot be asked while a cell runs: training goes to its end, and controls.json steers it"


def make_slider(
    limits: Range, value: float, label: str, width: str = "36em", label_width: str = "13em", whole: bool = False
) -> Any:
    """A slider for one live value, logarithmic where its range says so; it reports when it is let go.

    width: of all, label_width: of the part that the label takes, as in CSS. whole: it counts something.
    """
    import ipywidgets

    layout, style = ipywidgets.Layout(width=width, max_width="99%"), {"description_width": label_width}
    common = {"description": label, "continuous_update": False, "layout": layout, "style": style}
    if limits.log and limits.low > 0:
        low, high = math.log10(limits.low), math.log10(limits.high)
        step, shape = (high - low) / 200, ",.0f" if whole else ".2"
        return ipywidgets.FloatLogSlider(value, base=10, min=low, max=high, step=step, readout_format=shape, **common)
    step, shape = (1.0, ".0f") if whole else ((limits.high - limits.low) / 200, ".4")
    return ipywidgets.FloatSlider(value, min=limits.low, max=limits.high, step=step, readout_format=shape, **common)


def progress_text(images_seen: int, total_images: int, images_per_second: float | None) -> str:
    """One line: images seen of all, images a second, time left."""
    text = f"{images_seen:,} of {total_images:,} images"
    if not images_per_second:
        return text
    minutes, seconds = divmod(round(max(0, total_images - images_seen) / images_per_second), 60)
    left = f"{minutes // 60} h {minutes % 60:02d} min" if minutes >= 60 else f"{minutes}:{seconds:02d}"
    return f"{text} · {images_per_second:.3g} images/s · {left} left"


class TrainingSliders:
    """Sliders, buttons, progress, losses and the newest samples; a callback for the training loop.

    live: what is steered. names: the values to show, the first three by default; labels: what is written beside them.
    mode: "auto", "polling", "chunks" or "off". Raises ValueError where one is unknown. Shown by `show()`, by
    `train_live`, or as the last line of a cell. Without a page it draws nothing, costs nothing.
    """

    BUTTONS: ClassVar[dict[str, str]] = {
        "pause": "Pause", "sample": "Sample now", "stop": "Stop", "continue": "Continue",
    }  # fmt: skip
    polling_works: ClassVar[bool | None] = None  # in this kernel; None until a page has answered, in time or too late

    def __init__(
        self,
        live: LiveValues,
        names: Sequence[str] | None = None,
        labels: Mapping[str, str] | None = None,
        mode: str = "auto",
    ) -> None:
        names = list(live.ranges)[:3] if names is None else names
        unknown = [name for name in names if name not in live.ranges]
        if unknown:
            raise ValueError(f"there is no live value {unknown[0]!r}: the names are {', '.join(live.ranges)}")
        if mode != "auto" and mode not in MODES:
            raise ValueError(f"mode must be auto, {', '.join(MODES)}, got {mode!r}")
        self.live, self.names, self.labels = live, tuple(names), dict(labels or {})
        self.wanted_mode, self.mode = mode, "off"
        self.to_the_end = False  # whether there is one chunk only
        self.sliders: dict[str, Any] = {}
        self.buttons: dict[str, Any] = {}
        self.box: Any = None  # all widgets, once they are made
        self.go_on: Callable[[], Any] | None = None  # what Continue does, while training waits between two chunks
        self._poller: PagePoller | None = None
        self._thread: threading.Thread | None = None  # the one that trains at the moment
        self._inbox: deque[tuple[str, Any]] = deque()  # events that came in another thread (ipykernel 7.0 to 7.3)
        self._losses: dict[str, float] = {}
        self._drawing = False
        self._started = self._lasted = self._next_poll = self._next_draw = 0.0

    def __repr__(self) -> str:
        values = ", ".join(f"{name} {self.live[name]:g}" for name in self.names)
        return f"{type(self).__name__}({values}; {MODES[self.mode]})"

    def _ipython_display_(self) -> None:
        if not self.show():
            print(repr(self))

    def show(self) -> bool:
        """Display the controls in this cell; False where there is no page, or no ipywidgets."""
        if not has_page():
            return False
        try:
            self._build()
        except ImportError:
            return False
        from IPython.display import display

        display(self.box)
        return True

    def _build(self) -> None:
        import ipywidgets as w

        if self.box is not None:
            return
        for name in self.names:
            slider = self._slider(name, self.labels.get(name, name))
            slider.observe(lambda change, name=name: self._receive(name, change["new"]), "value")
            self.sliders[name] = slider
        for name, text in self.BUTTONS.items():
            self.buttons[name] = w.Button(description=text, layout=w.Layout(width="9em"))
            self.buttons[name].on_click(lambda _button, name=name: self._receive(name, True))
        self.bar = w.FloatProgress(0.0, min=0.0, max=1.0, layout=w.Layout(width="36em"))
        self.progress, self.losses, self.status = w.HTML(), w.HTML(), w.HTML()
        layout = w.Layout(display="none", max_width="100%", align_self="flex-start")
        self.picture = w.Image(format="png", layout=layout)
        self.probe = w.Label(layout=w.Layout(height="0"))
        self.button_row = w.HBox(list(self.buttons.values()), layout=w.Layout(flex_flow="row wrap"))
        self.box = w.VBox(
            [
                *self.sliders.values(),
                self.button_row,
                self.bar,
                self.progress,
                self.losses,
                self.picture,
                self.status,
                self.probe,
            ]
        )
        self._draw()

    def _slider(self, name: str, label: str) -> Any:
        return make_slider(self.live.ranges[name], self.live[name], label)

    # What the person does

    def _receive(self, name: str, value: Any) -> None:
        if self._drawing:
            return  # our own change of a slider
        if self._thread in (None, threading.current_thread()):
            self._obey(name, value)
        else:
            self._inbox.append((name, value))  # obeyed between two steps

    def _obey(self, name: str, value: Any) -> None:
        if self._thread is not None and self.mode == "polling":
            TrainingSliders.polling_works = True  # an event acted while the cell runs
        elif name == "probe" and value and self._lasted > PROOF_TIMEOUT_S and not self.polling_works:
            TrainingSliders.polling_works = False  # the page's answer came only after the cell
        if name in self.live.ranges:
            limits = self.live.ranges[name]  # 10 ** log10(low) may miss the limit by a rounding error
            self.live.set(name, min(max(float(value), limits.low), limits.high), "widget")
        elif name in COMMANDS and (self._thread or self.go_on):  # else the click came too late
            self.live.set(name, name != "pause" or not self.live.asked("pause"), "widget")
        self._draw()
        if name in ("continue", "stop") and self._thread is None and self.go_on is not None:
            self.go_on()  # stopping too: the loop saves and says so

    # What the training loop calls

    def on_start(self, run: Any) -> None:
        """Choose the mode; ask the page for an answer, which shows whether polling works."""
        self._thread, self._started, self.go_on = threading.current_thread(), time.monotonic(), None
        self.mode, self._poller = self._choose_mode()
        self._next_poll = self._next_draw = 0.0
        if self.mode == "polling" and not self.polling_works:
            # A page reports every new view of a widget that counts its views: an answer without a person.
            import ipywidgets

            self.probe = ipywidgets.Label(layout=ipywidgets.Layout(height="0"))
            self.probe._view_count = 0
            self.probe.observe(lambda change: self._receive("probe", change["new"]), "_view_count")
            self.box.children = [*self.box.children[:-1], self.probe]
        self._draw(run)

    def _choose_mode(self) -> tuple[str, PagePoller | None]:
        if self.box is None or self.wanted_mode == "off" or not has_page():
            return "off", None
        if self.wanted_mode == "chunks" or (self.wanted_mode == "auto" and self.polling_works is False):
            return "chunks", None
        try:
            return "polling", PagePoller(current_kernel())
        except RuntimeError:
            return "chunks", None

    def needs_chunks(self) -> bool:
        """Whether the sliders act only between chunks, as far as it is known by now."""
        mode, _ = self._choose_mode()
        doubtful = self.wanted_mode == "auto" and self.polling_works is None and in_vscode()
        return mode == "chunks" or (mode == "polling" and doubtful)

    def on_step(self, run: Any) -> None:
        """Between two steps: let the page's messages act, and draw now and then."""
        if self.mode == "off":
            return
        now = time.monotonic()
        if self._poller is not None and now >= self._next_poll:
            try:
                self._poller.poll()
            except Exception:  # an unknown kernel: training matters more
                self._poller, TrainingSliders.polling_works = None, False
            self._next_poll = time.monotonic() + POLL_EVERY_S
        while self._inbox:
            self._obey(*self._inbox.popleft())
            self._next_draw = now  # a change is shown at once
        if now >= self._next_draw:
            self._draw(run)
            self._next_draw = time.monotonic() + REDRAW_EVERY_S

    on_idle = on_step

    def on_log(self, run: Any, row: Mapping[str, Any]) -> None:
        """Show the losses of a row of the log, when it is time to draw."""
        self._losses = {name: value for name, value in row.items() if name.startswith("loss")}

    def on_sample(self, run: Any, path: Path) -> None:
        """Show the newest sheet of samples."""
        if self.mode != "off":
            self.picture.value = Path(path).read_bytes()
            self.picture.layout.display = ""

    def on_end(self, run: Any, reason: str) -> None:
        """Say why training ended."""
        self._thread = self._poller = None
        self._lasted = time.monotonic() - self._started
        if self.mode != "off":
            self._draw(run, reason)

    # Drawing

    def _draw(self, run: Any = None, ended: str = "") -> None:
        if self.box is None:
            return
        self._drawing = True
        for name, slider in self.sliders.items():
            if not math.isclose(slider.value, self.live[name], rel_tol=1e-9, abs_tol=1e-12):
                slider.value = self.live[name]  # controls.json moved it, or a resumed run
        self._drawing = False
        waiting = self.go_on is not None
        self.buttons["pause"].description = "Resume" if self.live.asked("pause") else "Pause"
        self.buttons["pause"].layout.display = "none" if self.mode == "chunks" else ""
        self.buttons["continue"].layout.display = "" if waiting else "none"
        for button in self.buttons.values():
            button.disabled = self._thread is None and not waiting
        if run is not None:
            self.bar.value = run.images_seen / max(1, run.total_images)
            losses = (f"{html.escape(name)} <b>{value:.4g}</b>" for name, value in self._losses.items())
            self.losses.value = " · ".join(losses)
            self.progress.value = progress_text(run.images_seen, run.total_images, run.images_per_second)
        self.status.value = html.escape("; ".join(filter(None, (self._state(ended), self.live.problem))))

    def _state(self, ended: str) -> str:
        """In words: how it is steered, or why it ended."""
        if ended and ended != "chunk":
            return f"ended: {ended}"
        text = MODES[self.mode]
        if self.mode == "chunks" and self.to_the_end and not ended:
            text = UNASKED
        elif self.mode == "polling" and not self.polling_works and time.monotonic() - self._started > PROOF_TIMEOUT_S:
            text = NO_ANSWER
        return f"{text}; paused" if self.live.asked("pause") and not ended else text


def train_live(
    train: Callable[..., str], run: Any, sliders: TrainingSliders, *, chunk_s: float = 20.0, **options: Any
) -> str:
    """Show `sliders` and train; returns the loop's reason for ending.

    `train(run, callbacks=[…], max_seconds=…, **options)` is the loop. Where polling works it is called once. Where not,
    this returns "chunk" after `chunk_s` seconds, and the Continue button, or a second call, goes on with the values as
    they are then; with math.inf it trains to the end all the same, for what comes after needs it. Without a page it
    trains to the end.
    """
    sliders.to_the_end = math.isinf(chunk_s)
    callbacks = [*options.pop("callbacks", ()), sliders]

    def go() -> str:
        reason = ""
        try:
            while not reason or (reason == "chunk" and not sliders.needs_chunks()):  # polling proved to work meanwhile
                max_seconds = chunk_s if sliders.needs_chunks() else None
                reason = train(run, callbacks=callbacks, max_seconds=max_seconds, **options)
        except BaseException as error:  # the Continue button has no cell that could show it
            sliders.on_end(run, f"{type(error).__name__}: {error}")
            raise
        if reason == "chunk":
            sliders.go_on, sliders.mode = go, "chunks"
            sliders._draw(run, reason)
        return reason

    if sliders.show() and "progress" in inspect.signature(train).parameters:
        options.setdefault("progress", False)  # one bar is enough
    return go()
