"""What trackers have in common: a run's losses, samples, live changes and settings, shown by another program.

log.jsonl is written in any case; what goes wrong with a tracker is said once, and training goes on without it.
"""

from __future__ import annotations

import contextlib
import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import Any

from s2f_utils import runtime
from s2f_utils.training.live import Change


class Tracker(ABC):
    """A callback of the training loop that hands on what the log gets; its x axis is images seen.

    What a subclass does with the other program may raise what it likes.
    """

    title = ""  # of the other program, as messages name it
    package = ""  # which it needs, optional

    def __init__(self) -> None:
        self.handle: Any = None  # the other program's, while it is open; it stays open between chunks
        self.failed = False

    @abstractmethod
    def _open(self, run: Any) -> Any:
        """Begin, or go on with, what the other program keeps of this run; its handle."""

    @abstractmethod
    def _send(self, run: Any, values: dict[str, Any], sheet: Path | None = None) -> None:
        """Hand on values by name, and a sheet of samples, at the images that the run has seen."""

    @abstractmethod
    def _close(self, handle: Any, failed: bool) -> None:
        """Write everything, and let go of the handle."""

    def on_start(self, run: Any) -> None:
        """Open it, unless it still is."""
        if self.handle is None:
            self._attempt(run, "start", lambda: setattr(self, "handle", self._open(run)))
        if run.images_seen == 0:  # later, this step is there already
            self._log(run, live_values(run))

    def on_log(self, run: Any, row: dict[str, Any]) -> None:
        """The row, with the live values beside it."""
        self._log(run, row | live_values(run))

    def on_change(self, run: Any, change: Change) -> None:
        """The new value; commands count as 0 and 1."""
        self._log(run, {f"live/{change.name}": float(change.new)})

    def on_sample(self, run: Any, path: Path) -> None:
        """The sheet, and its scores."""
        scores = {f"samples/{name}": value for name, value in run.scores.items()}
        self._attempt(run, "send samples", lambda: self._send(run, scores, path))

    def on_end(self, run: Any, reason: str) -> None:
        """Close it, but not between two chunks."""
        if reason != "chunk":
            self._end(run, False)

    def on_failure(self, run: Any, error: BaseException) -> None:
        """Close it; the run has failed."""
        self._end(run, True)

    def _end(self, run: Any, run_failed: bool) -> None:
        handle, self.handle = self.handle, None
        if handle is not None and self.failed:
            with contextlib.suppress(Exception):  # said already
                self._close(handle, True)
        elif handle is not None:
            self._attempt(run, "write everything", lambda: self._close(handle, run_failed))
        self.failed = False

    def _log(self, run: Any, values: dict[str, Any]) -> None:
        self._attempt(run, "log", lambda: self._send(run, values))

    def _attempt(self, run: Any, what: str, action: Callable[[], Any]) -> None:
        """Do something with the other program; the first thing that fails is said, and the last that is tried."""
        if self.failed:
            return
        try:
            action()
        except Exception as error:
            self.failed = True
            why = str(error).strip().partition("\n")[0] or type(error).__name__
            if isinstance(error, ModuleNotFoundError) and error.name == self.package:
                why = f"it is not installed: pip install {self.package}"
            run.log.problem(f"{self.title}: could not {what}: {why}; training goes on without it")


def live_values(run: Any) -> dict[str, float]:
    """The live values, named as trackers name them."""
    return {f"live/{name}": value for name, value in run.live.values().items()}


def facts(run: Any) -> dict[str, dict[str, Any]]:
    """The settings, what became of them on this machine, and which machine it is."""
    chosen = {"length_images": run.total_images, "num_pictures": len(run.data_ids), "device": run.precision.device.type}
    chosen |= {"number_format": run.precision.name}
    settings = {"method": run.method, **dataclasses.asdict(run.config)}
    return {"settings": settings, "run": chosen, "machine": runtime.machine_facts()}
