"""The panel beside a training in a notebook:
everything that may change, live curves, samples through time.

Its sliders and buttons act while training runs in the foreground cell: the page's messages are read
between two steps (`poller`, which says why). Needs ipywidgets 7.7 or 8.
"""

from __future__ import annotations

import contextlib
import html
import io
import math
import sys
import time
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from tqdm import tqdm

from s2f_utils.notebook import stills
from s2f_utils.notebook.poller import PagePoller, current_kernel, has_page
from s2f_utils.pictures import images, viz
from s2f_utils.train.log import read_log

POLL_EVERY_S = 0.1  # a poll costs about 0.1 ms, a message about 1 ms
REDRAW_EVERY_S = 1.0
DRAWING_SHARE = 0.05  # of the time of training that drawing the curves may take
LEAST_S = 2.0  # between two drawings of them
DPI = 80  # of the curves
WIDTH = "27em"  # of a slider with its label
LAST = ("batch_size", "sample_every")  # live values that come last; they count images
PROGRESS = "{n:,} of {total:,} images · {rate_fmt} · {remaining} left"
STEERED = (
    "a moved slider acts from the next step on; if not on this page, edit controls.json in the"
    " run's folder"
)
NOT_STEERED = "this page cannot be asked while a cell runs: edit controls.json in the run's folder"


class TrainingPanel:
    """Sliders of every live value, buttons, curves, samples through time;
    a callback for the training loop.

    Train by `train_live(train, run, panel)`, which shows it; so do `show()` and the last line of a
    cell. Without a page it draws nothing and costs nothing. names: the live values to show, all by
    default: a learning rate for each network, each loss's weight, strength of augmentation,
    sampling interval. Raises ValueError where one is unknown.
    """

    BUTTONS: ClassVar[dict[str, str]] = {
        "pause": "Pause",
        "step": "One step",
        "sample": "Sample now",
        "save": "Save",
        "stop": "Stop",
    }

    def __init__(self, run: Any, names: Sequence[str] | None = None) -> None:
        ranges = run.live.ranges
        if names is None:
            names = [*[name for name in ranges if name not in LAST], *LAST]
        self.names = tuple(names)
        unknown = set(self.names) - set(ranges)
        if unknown:
            raise ValueError(
                f"there is no live value {min(unknown)!r}: the names are {', '.join(ranges)}"
            )
        self.run = run
        self.live = run.live
        self.ranges = ranges
        self.box: Any = None  # all widgets, once they are shown
        self._display_id = ""  # of the output that it is shown in
        self._poller: PagePoller | None = None
        self._trains = False
        self._follows = False  # while the sliders are set to the live values
        self._next_poll = 0.0
        self._next_draw = 0.0
        self._next_curves = 0.0

    @property
    def rows(self) -> list[dict[str, Any]]:
        """The rows of losses of the run's log."""
        return read_log(self.run.folder)[0]

    def show(self) -> bool:
        """Display the controls in this cell; False where there is no page."""
        if not has_page():
            return False
        if self.box is None:
            self._build()
        self._display_id = uuid.uuid4().hex
        stills.show(self.box, None, display_id=self._display_id)
        return True

    _ipython_display_ = show

    def leave_still(self) -> None:
        """Leave a picture of the panel in the notebook: in its own output, or, where there is no
        page, in the cell's.

        In Colab folded, below the panel: there it is not known whether an output with a widget may
        be written anew.
        """
        log = read_log(self.run.folder)
        if current_kernel() is None or not log[0]:
            return
        if not self._display_id:
            stills.show(None, self.still(log))
        elif "google.colab" in sys.modules:
            stills.show_folded(
                self.still(log), "a picture of the panel, for when its notebook is opened again"
            )
        else:
            stills.show(self.box, self.still(log), display_id=self._display_id, update=True)

    def still(self, log: tuple[list, list]) -> np.ndarray:
        """Live values, curves and newest samples as they are now, uint8 (H, W, 3).
        log: as of `read_log`.
        """
        values = ", ".join(f"{name} {self.live[name]:.4g}" for name in self.names)
        seen = f"{self.run.images_seen:,} of {self.run.total_images:,} images"
        curves = images.load_rgb(io.BytesIO(_png_of_curves(log)))
        parts = [stills.text_line(values), stills.text_line(seen), stills.fitted(curves)]
        if sheets := self._sheets():
            parts.append(stills.text_line(f"samples at {int(sheets[-1].stem):,} images"))
            parts.append(stills.fitted(images.load_rgb(sheets[-1])))
        return stills.stacked(parts)

    def _sheets(self) -> list[Path]:
        return sorted((self.run.folder / "samples").glob("*.png"))

    # The widgets, and what the person does

    def _build(self) -> None:
        import ipywidgets as w
        import matplotlib.figure  # noqa: F401  (so that the first drawing is as fast as the others)

        wide = w.Layout(width=WIDTH, max_width="99%")
        wrap = w.Layout(flex_flow="row wrap")
        self.sliders = {name: self._make_slider(name, wide) for name in self.names}
        self.buttons = {name: self._make_button(name) for name in self.BUTTONS}
        self.bar = w.FloatProgress(min=0.0, max=1.0, layout=wide)
        self.progress = w.HTML()
        self.status = w.HTML()
        buttons = w.HBox(list(self.buttons.values()), layout=wrap)
        left = w.VBox(
            [*self.sliders.values(), buttons, self.bar, self.progress, self.status],
            layout=w.Layout(flex=f"1 1 {WIDTH}", min_width="0", max_width="32em"),
        )
        self.curves = w.Image(format="png", layout=w.Layout(max_width="100%", object_fit="contain"))
        self.log_scale = w.ToggleButton(
            False, description="log scale", layout=w.Layout(width="8em")
        )
        self.log_scale.observe(lambda _: self._redraw_curves(), "value")
        right = w.VBox(
            [self.curves, self.log_scale], layout=w.Layout(flex="2 1 24em", min_width="0")
        )
        self._build_samples()
        self.box = w.VBox([w.HBox([left, right], layout=wrap), self.samples])
        self._draw()
        self._follow_sheets()
        self._redraw_curves()

    def _build_samples(self) -> None:
        """The samples through time, hidden until there are some."""
        import ipywidgets as w

        self.through_time = w.IntSlider(0, min=0, max=0, description="samples at", readout=False)
        self.through_time.observe(lambda _: self._show_sheet(), "value")
        self.when = w.Label()
        self.picture = w.Image(
            format="png", layout=w.Layout(max_width="100%", align_self="flex-start")
        )
        times = w.HBox([self.through_time, self.when])
        self.samples = w.VBox([times, self.picture], layout=w.Layout(display="none"))

    def _make_button(self, name: str) -> Any:
        import ipywidgets as w

        button = w.Button(description=self.BUTTONS[name], layout=w.Layout(width="auto"))
        button.on_click(lambda _button: self._press(name))
        return button

    def _make_slider(self, name: str, layout: Any) -> Any:
        """A slider for one live value, logarithmic where its range says so;
        it reports when it is let go.
        """
        import ipywidgets as w

        limits = self.ranges[name]
        value = self.live[name]
        is_whole = name in LAST
        is_log = limits.log and limits.low > 0
        low, high = limits.low, limits.high
        if name == "sample_every":  # its own range ends far beyond any training
            high = min(high, max(self.run.total_images, value))
        if is_log:
            low, high = math.log10(low), math.log10(high)
        kind = w.FloatLogSlider if is_log else w.FloatSlider
        longest = max(len(name) for name in self.names)
        slider = kind(
            value=value,
            min=low,
            max=high,
            step=1.0 if is_whole and not is_log else (high - low) / 200,
            readout_format=",.0f" if is_whole else ".3",
            description=name,
            continuous_update=False,
            layout=layout,
            style={"description_width": f"{0.55 * longest + 1:.1f}em"},
        )
        slider.observe(lambda change: self._move(name, change["new"]), "value")
        return slider

    def _move(self, name: str, value: float) -> None:
        if self._follows:  # not the person
            return
        limits = self.ranges[name]  # 10 ** log10(low) may miss the limit by a rounding error
        self.live.set(name, min(max(value, limits.low), limits.high), "widget")

    def _press(self, name: str) -> None:
        if self._trains:  # else the click came too late
            self.live.set(name, name != "pause" or not self.live.asked("pause"), "widget")
            self._draw()

    # What the training loop calls

    def on_start(self, run: Any) -> None:
        """Listen to the page, if there is one that can be asked."""
        self._trains = True
        self._poller = None
        self._next_poll = 0.0
        self._next_draw = 0.0
        self._next_curves = 0.0
        if self.box is not None and has_page():
            with contextlib.suppress(RuntimeError):
                self._poller = PagePoller(current_kernel())
        self._draw()

    def on_step(self, run: Any) -> None:
        """Between two steps: let the page's messages act, and draw when that is affordable."""
        if self.box is None:
            return
        if self._poller is not None and time.monotonic() >= self._next_poll:
            try:
                self._poller.poll()
            except Exception:  # an unknown kernel: training matters more
                self._poller = None
            self._next_poll = time.monotonic() + POLL_EVERY_S
        if time.monotonic() >= self._next_draw:
            self._draw()
            self._next_draw = time.monotonic() + REDRAW_EVERY_S
        if time.monotonic() >= self._next_curves:
            self._redraw_curves()

    on_idle = on_step

    def on_sample(self, run: Any, path: Path) -> None:
        """Another sheet of samples; shown, if the newest one was shown before."""
        self._follow_sheets()

    def on_end(self, run: Any, reason: str) -> None:
        """Say why training ended."""
        self._trains = False
        self._poller = None
        self._draw(reason)
        self._redraw_curves()

    # Drawing

    def _draw(self, ended: str = "") -> None:
        if self.box is None:
            return
        for name, slider in self.sliders.items():
            if not math.isclose(slider.value, self.live[name], rel_tol=1e-9, abs_tol=1e-12):
                self._follows = True  # controls.json moved it, or a resumed run
                slider.value = self.live[name]
                self._follows = False
        paused = self.live.asked("pause")
        self.buttons["pause"].description = "Resume" if paused else "Pause"
        for name, button in self.buttons.items():
            button.disabled = not self._trains or (name == "step" and not paused)
        seen = self.run.images_seen
        total = max(seen, self.run.total_images)  # a time budget's is an estimate
        self.bar.value = seen / max(1, total)
        rate = self.run.images_per_second
        self.progress.value = tqdm.format_meter(
            seen, total, 0, rate=rate, unit=" images", bar_format=PROGRESS
        )
        notes = [self._state(ended), "paused" if paused and not ended else "", self.live.problem]
        self.status.value = html.escape("; ".join(filter(None, notes)))

    def _state(self, ended: str) -> str:
        if ended:
            return f"ended: {ended}"
        if self._poller is not None:
            return STEERED
        return NOT_STEERED if self._trains else ""

    def _redraw_curves(self) -> None:
        began = time.monotonic()
        log = read_log(self.run.folder) if self.box is not None else ([], [])
        if log[0]:
            self.curves.value = _png_of_curves(log, self.log_scale.value)
        now = time.monotonic()
        self._next_curves = now + max(LEAST_S, (now - began) / DRAWING_SHARE)

    def _follow_sheets(self) -> None:
        """The slider through time reaches to the newest sheet,
        and stays there if it was at its end.
        """
        newest = len(self._sheets()) - 1
        if self.box is None or newest < 0:
            return
        is_at_end = self.through_time.value == self.through_time.max
        self.through_time.max = newest
        self.samples.layout.display = ""
        if is_at_end:
            self.through_time.value = newest
        self._show_sheet()

    def _show_sheet(self) -> None:
        path = self._sheets()[self.through_time.value]
        self.picture.value = path.read_bytes()
        self.when.value = f"{int(path.stem):,} images"


def _png_of_curves(log: tuple[list, list], log_scale: bool = False) -> bytes:
    file = io.BytesIO()
    viz.curves({"": log}, log=log_scale).savefig(file, format="png", dpi=DPI)
    return file.getvalue()


def train_live(train: Callable[..., str], run: Any, panel: TrainingPanel, **options: Any) -> str:
    """Show `panel` and train; returns the loop's reason for ending.

    `train(run, callbacks=[…], **options)` is the loop. Where the page cannot be asked while a cell
    runs, max_seconds=20 trains for so long, and the cell again goes on with the values as they are
    then.
    """
    if panel.show():
        options.setdefault("progress", False)  # one bar is enough
    try:
        reason = train(run, callbacks=[*options.pop("callbacks", ()), panel], **options)
    except BaseException as error:
        panel.on_end(run, f"{type(error).__name__}: {error}")
        raise
    panel.leave_still()
    return reason
