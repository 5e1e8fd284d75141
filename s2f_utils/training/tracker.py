"""What trackers have in common: a run's losses, samples, live changes and settings, shown by another program too.

log.jsonl is written in any case; what goes wrong with a tracker is said once, and training goes on.
"""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from s2f_utils import runtime

if TYPE_CHECKING:
    from s2f_utils.training.live import Change


class Tracker(ABC):
    """A callback of the training loop that hands on what the log gets; a subclass says whom to.

    Its x axis is images seen. `_open` begins or goes on, `_send` takes values by name; both may raise what they like.
    """

    title = ""  # of the other program, as messages name it
    package = ""  # which it needs, optional

    def __init__(self) -> None:
        self.handle: Any = None  # the other program's, while it is open
        self.failed = False

    def on_start(self, run: Any) -> None:
        """Open it, unless it still is."""
        if self.handle is None:
            self._attempt(run, "start", lambda: self._open(run))
        if run.images_seen == 0:  # later, this step is there already
            self._log(run, live_values(run))

    def on_log(self, run: Any, row: dict[str, Any]) -> None:
        """The row, with the live values beside it."""
        self._log(run, row | live_values(run))

    def on_change(self, run: Any, change: Change) -> None:
        """The new value; commands count as 0 and 1."""
        self._log(run, {f"live/{change.name}": float(change.new)})

    @abstractmethod
    def _open(self, run: Any) -> None:
        """Begin, or go on with, what the other program keeps of this run."""

    @abstractmethod
    def _send(self, run: Any, values: dict[str, Any]) -> None:
        """Hand on values by name, at the images that the run has seen."""

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
            why = reason(error)
            if isinstance(error, ModuleNotFoundError) and error.name == self.package:
                why = f"it is not installed: pip install {self.package}"
            run.log.problem(f"{self.title}: could not {what}: {why}; training goes on without it")


def reason(error: Exception) -> str:
    """The first line of what an exception says, or its name."""
    return str(error).strip().partition("\n")[0] or type(error).__name__


def live_values(run: Any) -> dict[str, float]:
    """The live values, named as trackers name them."""
    return {f"live/{name}": value for name, value in run.live.values().items()}


def facts(run: Any) -> dict[str, Any]:
    """The configuration: settings, and in `run` what became of them on this machine, and in `machine` which it is."""
    chosen = {"length_images": run.total_images, "num_pictures": len(run.data_ids), "device": run.precision.device.type}
    chosen |= {"number_format": run.precision.name}
    return {
        "method": run.method,
        **dataclasses.asdict(run.config),
        "run": chosen,
        "machine": runtime.machine_facts(),
    }
