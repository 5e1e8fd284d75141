"""The panel beside a training in a notebook: everything that may change, live curves, samples through time.

Its sliders and buttons act while training runs in the foreground cell: the page's messages are read between two steps
(`poller`); where that cannot work, `train_live` trains in short chunks. What was tried, and with which versions, stands
in docs/live-widgets.md. Needs ipywidgets 7.7 or 8.
"""

from __future__ import annotations

import dataclasses
import html
import inspect
import math
import sys
import threading
import time
import uuid
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from s2f_utils.notebook import curves, stills
from s2f_utils.notebook.gauges import WIDTH, make_slider, memory_text, progress_text, still_of
from s2f_utils.notebook.poller import PagePoller, current_kernel, has_page, in_vscode
from s2f_utils.training.live import COMMANDS
from s2f_utils.training.tracking import read_log

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
SHARE = 0.02  # of the time of training that drawing the curves may take
LEAST_S = 1.0  # between two drawings of the curves
LAST = ("batch_size", "sample_every")  # live values that come last; they count images


class TrainingPanel:
    """Sliders of every live value, buttons, curves, samples through time; a callback for the training loop.

    Train by `train_live(train, run, panel)`, which shows it; so do `show()` and the last line of a cell. Without a page
    it draws nothing and costs nothing. names: the live values to show, all by default: a learning rate for each
    network, each loss's weight, strength of augmentation, sampling interval. labels: what is written beside them. mode:
    "auto", "polling", "chunks" or "off". Raises ValueError where one is unknown.
    """

    BUTTONS: ClassVar[dict[str, str]] = {
        "pause": "Pause", "step": "One step", "sample": "Sample now", "save": "Save", "stop": "Stop",
        "continue": "Continue",
    }  # fmt: skip
    polling_works: ClassVar[bool | None] = None  # in this kernel; None until a page has answered, in time or too late

    def __init__(
        self,
        run: Any,
        names: Sequence[str] | None = None,
        labels: Mapping[str, str] | None = None,
        mode: str = "auto",
    ) -> None:
        ranges = run.live.ranges
        names = [*(n for n in ranges if n not in LAST), *LAST] if names is None else names
        unknown = [name for name in names if name not in ranges]
        if unknown:
            raise ValueError(f"there is no live value {unknown[0]!r}: the names are {', '.join(ranges)}")
        if mode != "auto" and mode not in MODES:
            raise ValueError(f"mode must be auto, {', '.join(MODES)}, got {mode!r}")
        self.run, self.live, self.names, self.labels = run, run.live, tuple(names), dict(labels or {})
        self.wanted_mode, self.mode = mode, "off"
        self.to_the_end = False  # whether there is one chunk only
        self.rows, self.events = read_log(run.folder)
        self.sheets = sorted((run.folder / "samples").glob("*.png"))
        self.num_drawn = 0  # times that the curves were drawn
        self.sliders: dict[str, Any] = {}
        self.buttons: dict[str, Any] = {}
        self.box: Any = None  # all widgets, once they are made
        self._shown_as = ""  # the output that it is shown in, once it is
        self.go_on: Callable[[], Any] | None = None  # what Continue does, while training waits between two chunks
        self._poller: PagePoller | None = None
        self._thread: threading.Thread | None = None  # the one that trains at the moment
        self._inbox: deque[tuple[str, Any]] = deque()  # events that came in another thread (ipykernel 7.0 to 7.3)
        self._drawing, self._stale = False, True
        self._started = self._lasted = self._next_poll = self._next_draw = self._next_curves = 0.0

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
        self._shown_as = uuid.uuid4().hex
        stills.show(self.box, None, self._shown_as)
        return True

    def leave_still(self) -> None:
        """Leave a picture of the panel in the notebook: in its own output, or, where there is no page, in the cell's.

        Not in Colab, where it is not known whether an output with a widget may be written anew.
        """
        if current_kernel() is None or not self.rows:
            return
        if not self._shown_as:
            stills.show_alone(still_of(self))
        elif "google.colab" not in sys.modules:
            stills.replace(self.box, still_of(self), self._shown_as)

    def _build(self) -> None:
        if self.box is not None:
            return
        import ipywidgets as w

        self._build_controls()
        self._build_pictures()
        for line in (self.progress, self.memory, self.status):
            line.layout.margin = "0 2px"
        row = w.HBox(list(self.buttons.values()), layout=w.Layout(flex_flow="row wrap"))
        first = w.VBox([w.VBox(list(self.sliders.values())), row, self.bar, self.progress, self.memory, self.status])
        first.layout = w.Layout(flex=f"1 1 {WIDTH}", min_width="0", max_width="32em")
        second = w.VBox([self.curves, self.log_scale], layout=w.Layout(flex="2 1 24em", min_width="0"))
        top = w.HBox([first, second], layout=w.Layout(flex_flow="row wrap"))
        self.box = w.VBox([top, self.time_row, self.picture, self.probe])
        self._draw()
        self._follow_sheets()
        self._redraw_curves()

    def _build_controls(self) -> None:
        import ipywidgets as w

        longest = max((len(self.labels.get(name, name)) for name in self.names), default=0)
        for name in self.names:
            limits, value = self.live.ranges[name], self.live[name]
            if name == "sample_every":  # its own range ends far beyond any training
                limits = dataclasses.replace(limits, high=min(limits.high, max(self.run.total_images, value)))
            label, label_width = self.labels.get(name, name), f"{0.55 * longest + 1:.1f}em"
            slider = make_slider(limits, value, label, label_width, whole=name in LAST)
            slider.observe(lambda change, name=name: self._receive(name, change["new"]), "value")
            self.sliders[name] = slider
        for name, text in self.BUTTONS.items():
            self.buttons[name] = w.Button(description=text, layout=w.Layout(width="auto"))
            self.buttons[name].on_click(lambda _button, name=name: self._receive(name, True))
        self.bar = w.FloatProgress(0.0, min=0.0, max=1.0, layout=w.Layout(width=WIDTH, max_width="99%"))
        self.progress, self.memory, self.status = w.HTML(), w.HTML(), w.HTML()
        self.probe = w.Label(layout=w.Layout(height="0"))

    def _build_pictures(self) -> None:
        import ipywidgets as w

        self.curves = w.HTML(layout=w.Layout(width="100%"))
        self.log_scale = w.ToggleButton(False, description="log scale", layout=w.Layout(width="8em"))
        self.log_scale.observe(lambda _: self._redraw_curves(), "value")
        wide, style = w.Layout(width="100%", max_width="60em"), {"description_width": "7em"}
        self.through_time = w.IntSlider(
            0, min=0, max=0, description="samples at", readout=False, layout=wide, style=style
        )
        self.through_time.observe(lambda change: self._show_sheet(), "value")
        self.when = w.Label()
        self.time_row = w.HBox([self.through_time, self.when], layout=w.Layout(display="none"))
        layout = w.Layout(display="none", max_width="100%", align_self="flex-start")
        self.picture = w.Image(format="png", layout=layout)

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
            TrainingPanel.polling_works = True  # an event acted while the cell runs
        elif name == "probe" and value and self._lasted > PROOF_TIMEOUT_S and not self.polling_works:
            TrainingPanel.polling_works = False  # the page's answer came only after the cell
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
        """Take up what the run has logged; choose the mode; ask the page for an answer, which shows whether polling
        works.
        """
        self.rows, self.events = read_log(run.folder)
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
        self._follow_sheets()
        self._stale = True

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
        """Between two steps: let the page's messages act, and draw when that is affordable."""
        if self.mode == "off":
            return
        now = time.monotonic()
        if self._poller is not None and now >= self._next_poll:
            try:
                self._poller.poll()
            except Exception:  # an unknown kernel: training matters more
                self._poller, TrainingPanel.polling_works = None, False
            self._next_poll = time.monotonic() + POLL_EVERY_S
        while self._inbox:
            self._obey(*self._inbox.popleft())
            self._next_draw = now  # a change is shown at once
        if now >= self._next_draw:
            self._draw(run)
            self._next_draw = time.monotonic() + REDRAW_EVERY_S
        if self._stale and time.monotonic() >= self._next_curves:
            self._redraw_curves()

    on_idle = on_step

    def on_log(self, run: Any, row: Mapping[str, Any]) -> None:
        """Another point of every curve."""
        self.rows.append(dict(row))
        self._stale = True

    def on_change(self, run: Any, change: Any) -> None:
        """Another mark in the curves."""
        self.events.append({"event": "change", "images": run.images_seen, **vars(change)})
        self._stale = True

    def on_sample(self, run: Any, path: Path) -> None:
        """Another sheet of samples; shown, if the newest one was shown before."""
        scores = getattr(run, "scores", {})
        self.events.append({"event": "sample", "images": run.images_seen, "file": f"samples/{path.name}", **scores})
        if path not in self.sheets:
            self.sheets.append(Path(path))
        self._stale = True
        if self.mode != "off":
            self._follow_sheets()

    def on_end(self, run: Any, reason: str) -> None:
        """Say why training ended."""
        self._thread = self._poller = None
        self._lasted = time.monotonic() - self._started
        if self.mode != "off":
            self._draw(run, reason)
            self._redraw_curves()

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
        self.buttons["step"].disabled |= not self.live.asked("pause")
        if run is not None:
            self.bar.value = run.images_seen / max(1, run.total_images)
            self.progress.value = progress_text(run.images_seen, run.total_images, run.images_per_second)
            self.memory.value = html.escape(memory_text(run.precision.device))
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

    def _redraw_curves(self) -> None:
        if not self.rows:
            return
        begun = time.monotonic()
        self.curves.value = curves.draw(self.rows, self.events, log=self.log_scale.value)
        self.num_drawn += 1
        self._stale = False
        took = time.monotonic() - begun
        self._next_curves = time.monotonic() + max(LEAST_S, took / SHARE)

    def _follow_sheets(self) -> None:
        """The slider through time reaches to the newest sheet, and stays there if it was at its end."""
        if self.box is None or not self.sheets:
            return
        at_end = self.through_time.value == self.through_time.max
        self.through_time.max = len(self.sheets) - 1
        self.time_row.layout.display = ""
        if at_end:
            self.through_time.value = self.through_time.max
        self._show_sheet()

    def _show_sheet(self) -> None:
        path = self.sheets[min(self.through_time.value, len(self.sheets) - 1)]
        try:
            self.picture.value = path.read_bytes()
        except OSError:  # removed by hand
            return
        self.picture.layout.display = ""
        self.when.value = f"{int(path.stem):,} images"


def train_live(
    train: Callable[..., str], run: Any, panel: TrainingPanel, *, chunk_s: float = 20.0, **options: Any
) -> str:
    """Show `panel` and train; returns the loop's reason for ending.

    `train(run, callbacks=[…], max_seconds=…, **options)` is the loop. Where polling works it is called once. Where not,
    this returns "chunk" after `chunk_s` seconds, and the Continue button, or a second call, goes on with the values as
    they are then; with math.inf it trains to the end all the same, for what comes after needs it. Without a page it
    trains to the end.
    """
    panel.to_the_end = math.isinf(chunk_s)
    callbacks = [*options.pop("callbacks", ()), panel]

    def go() -> str:
        reason = ""
        try:
            while not reason or (reason == "chunk" and not panel.needs_chunks()):  # polling proved to work meanwhile
                max_seconds = chunk_s if panel.needs_chunks() else None
                reason = train(run, callbacks=callbacks, max_seconds=max_seconds, **options)
        except BaseException as error:  # the Continue button has no cell that could show it
            panel.on_end(run, f"{type(error).__name__}: {error}")
            raise
        if reason == "chunk":
            panel.go_on, panel.mode = go, "chunks"
            panel._draw(run, reason)
        else:
            panel.leave_still()
        return reason

    if panel.show() and "progress" in inspect.signature(train).parameters:
        options.setdefault("progress", False)  # one bar is enough
    return go()
