"""The panel beside a training in a notebook: everything that may change, live curves, samples through time.

It is `steering.TrainingSliders` with more to see; how its clicks reach the loop, docs/live-widgets.md says.
"""

from __future__ import annotations

import dataclasses
import html
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from s2f_utils.notebook import curves
from s2f_utils.notebook.steering import TrainingSliders, make_slider
from s2f_utils.training.tracking import read_log

SHARE = 0.02  # of the time of training that drawing the curves may take
LEAST_S = 1.0  # between two drawings of the curves
LAST = ("batch_size", "sample_every")  # live values that come last; they count images
WIDTH = "27em"  # of a slider with its label


def memory_text(device: Any) -> str:
    """One line: the memory that training takes, and what is free; of the GPU, where it runs on one."""
    import psutil

    gb = 1e9
    if device.type == "cuda":
        import torch

        free, total = torch.cuda.mem_get_info(device)
        most = torch.cuda.max_memory_allocated(device)
        return f"GPU memory: {most / gb:.1f} GB at most, {free / gb:.1f} of {total / gb:.1f} GB free"
    used = psutil.Process().memory_info().rss
    return f"memory: {used / gb:.1f} GB, {psutil.virtual_memory().available / gb:.1f} GB free"


class TrainingPanel(TrainingSliders):
    """Sliders of every live value, buttons, curves, samples through time; a callback for the training loop.

    Train by `train_live(train, run, panel)`, which shows it. Without a page it draws nothing and costs nothing. names:
    the live values to show, all by default: a learning rate for each network, each loss's weight, strength of
    augmentation, sampling interval. labels: what is written beside them. mode: "auto", "polling", "chunks" or "off".
    Raises ValueError where one is unknown.
    """

    BUTTONS: ClassVar[dict[str, str]] = {
        "pause": "Pause", "step": "One step", "sample": "Sample now", "save": "Save", "stop": "Stop",
        "continue": "Continue",
    }  # fmt: skip

    def __init__(
        self,
        run: Any,
        names: Sequence[str] | None = None,
        labels: Mapping[str, str] | None = None,
        mode: str = "auto",
    ) -> None:
        names = [*(n for n in run.live.ranges if n not in LAST), *LAST] if names is None else names
        super().__init__(run.live, names, labels, mode)
        self.run = run
        self.rows, self.events = read_log(run.folder)
        self.sheets = sorted((run.folder / "samples").glob("*.png"))
        self.num_drawn = 0  # times that the curves were drawn
        self._stale, self._next_curves = True, 0.0

    def _build(self) -> None:
        if self.box is not None:
            return
        super()._build()
        import ipywidgets as w

        wide = w.Layout(width="100%", max_width="60em")
        self.curves = w.HTML(layout=w.Layout(width="100%"))
        self.log_scale = w.ToggleButton(False, description="log scale", layout=w.Layout(width="8em"))
        self.log_scale.observe(lambda _: self._redraw_curves(), "value")
        self.through_time = w.IntSlider(
            0, min=0, max=0, description="samples at", readout=False, layout=wide, style={"description_width": "7em"}
        )
        self.through_time.observe(lambda change: self._show_sheet(), "value")
        self.when, self.memory = w.Label(), w.HTML()
        self.time_row = w.HBox([self.through_time, self.when], layout=w.Layout(display="none"))
        sliders = w.VBox(list(self.sliders.values()))
        for button in self.buttons.values():
            button.layout.width = "auto"
        self.bar.layout.width, self.bar.layout.max_width = WIDTH, "99%"
        for line in (self.progress, self.memory, self.status):
            line.layout.margin = "0 2px"
        first = w.VBox([sliders, self.button_row, self.bar, self.progress, self.memory, self.status])
        first.layout = w.Layout(flex=f"1 1 {WIDTH}", min_width="0", max_width="32em")
        second = w.VBox([self.curves, self.log_scale], layout=w.Layout(flex="2 1 24em", min_width="0"))
        top = w.HBox([first, second], layout=w.Layout(flex_flow="row wrap"))
        self.box.children = [top, self.time_row, self.picture, self.probe]
        self._follow_sheets()
        self._redraw_curves()

    def _slider(self, name: str, label: str) -> Any:
        limits = self.live.ranges[name]
        if name == "sample_every":  # its own range ends far beyond any training
            limits = dataclasses.replace(limits, high=min(limits.high, max(self.run.total_images, self.live[name])))
        longest = max(len(self.labels.get(each, each)) for each in self.names)
        whole = name in LAST
        return make_slider(limits, self.live[name], label, WIDTH, f"{0.55 * longest + 1:.1f}em", whole=whole)

    # What the training loop calls, beside what the sliders do

    def on_start(self, run: Any) -> None:
        """Take up what the run has logged."""
        self.rows, self.events = read_log(run.folder)
        super().on_start(run)
        self._follow_sheets()
        self._stale = True

    def on_log(self, run: Any, row: Mapping[str, Any]) -> None:
        """Another point of every curve."""
        super().on_log(run, row)
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

    def on_step(self, run: Any) -> None:
        """Between two steps: obey, and draw when that is affordable."""
        super().on_step(run)
        if self.mode != "off" and self._stale and time.monotonic() >= self._next_curves:
            self._redraw_curves()

    on_idle = on_step

    def on_end(self, run: Any, reason: str) -> None:
        """Draw the last points."""
        super().on_end(run, reason)
        if self.mode != "off":
            self._redraw_curves()

    # Drawing

    def _draw(self, run: Any = None, ended: str = "") -> None:
        super()._draw(run, ended)
        if self.box is None:
            return
        self.buttons["step"].disabled |= not self.live.asked("pause")
        if run is not None and hasattr(self, "memory"):
            self.memory.value = html.escape(memory_text(run.precision.device))

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
