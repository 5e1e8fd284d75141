"""Values that may change during training, by a widget, a callback, or `controls.json`.

The loop calls `poll()` once per step, in the foreground: Colab does not show a background thread's
changes.
"""

from __future__ import annotations

import dataclasses
import json
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from s2f_utils.methods.settings import Live
from s2f_utils.runtime import write_json

if TYPE_CHECKING:
    from s2f_utils.methods.method import Method

COMMANDS = ("pause", "step", "save", "sample", "stop")
CONTROLS = "controls.json"


@dataclass(frozen=True)
class Change:
    """One live value that changed:
    name, old and new value, source ("widget", "controls.json", "code", …).
    """

    name: str
    old: float | bool
    new: float | bool
    source: str


class LiveValues:
    """Numbers and commands that the training loop reads at every step.

    values: the initial ones. ranges: their limits, by the same names. controls: a JSON file with
    the values, whose edits are applied. The commands `pause`, `step` (one, while paused), `save`,
    `sample` and `stop` are False at first; `step`, `save` and `sample` return to False once the
    loop has carried them out.
    """

    def __init__(
        self, values: Mapping[str, float], ranges: Mapping[str, Live], controls: Path | None = None
    ) -> None:
        self.ranges = dict(ranges)
        self._values = {name: self._checked(name, value) for name, value in values.items()}
        self._values |= dict.fromkeys(COMMANDS, False)
        self._pending: list[Change] = []
        self._controls = controls
        self._stamp: tuple[int, int] | None = None  # of the file as last read or written
        self._unwritten = False  # the newest values could not be written
        self.problem = ""

    def __getitem__(self, name: str) -> float:
        if name not in self._values:
            raise KeyError(
                f"{self._unknown(name)}; a setting becomes one by its type, LossWeight or"
                " LearningRate (methods/settings.py)"
            )
        return self._values[name]

    def values(self) -> dict[str, float]:
        """A copy of all current values by name, without the commands, as in the resume file."""
        return {name: self._values[name] for name in self.ranges}

    def load_state_dict(self, state: Mapping[str, float]) -> None:
        """Restore the values of a resume file; values that the method no longer has are ignored."""
        self._values |= {
            name: self._checked(name, value) for name, value in state.items() if name in self.ranges
        }

    def asked(self, command: str) -> bool:
        """Whether a command is currently requested."""
        return self._values[command]

    def done(self, command: str) -> None:
        """Reset a command that has been carried out."""
        if self.asked(command):
            self._read_controls()
            self._values[command] = False
            self.write_controls()

    def set(self, name: str, value: float | bool, source: str = "code") -> None:
        """Change a value or a command; it applies from the loop's next step on.

        Raises ValueError for an unknown name, or for a value outside its range.
        """
        new = self._checked(name, value)
        old, self._values[name] = self._values[name], new
        if new != old:
            self._pending.append(Change(name, old, new, source))

    def _checked(self, name: str, value: Any) -> float | bool:
        if name in COMMANDS:
            if not isinstance(value, bool):
                raise ValueError(f"{name} must be true or false, got {value!r}")
            return value
        if name not in self.ranges:
            raise ValueError(self._unknown(name))
        low, high = self.ranges[name].low, self.ranges[name].high
        try:
            number = math.nan if isinstance(value, bool | np.bool_ | str) else float(value)
        except (TypeError, ValueError, RuntimeError):  # the last of a tensor
            number = math.nan
        if not low <= number <= high:
            raise ValueError(f"{name} must be between {low:g} and {high:g}, got {value!r}")
        return number

    def _unknown(self, name: str) -> str:
        known = ", ".join([*self.ranges, *COMMANDS])
        return f"there is no live value {name!r}: the names are {known}"

    def poll(self) -> list[Change]:
        """All changes since the last call, including edits of `controls.json`.

        Costs one `os.stat`.
        """
        self._read_controls()
        changes, self._pending = self._pending, []
        if self._unwritten or any(change.source != CONTROLS for change in changes):
            self.write_controls()
        return changes

    def take_problem(self) -> str:
        """The latest problem with `controls.json` since the last call, once;
        the values concerned are unchanged.
        """
        problem, self.problem = self.problem, ""
        return problem

    def read_edits_since(self, written_at_ns: int) -> None:
        """Apply an edit of `controls.json` that is newer than this time, as of `os.stat`: made
        after the training had ended, so that it applies when the run goes on.
        """
        stamp = self._stamp_of_file()
        if stamp is not None and stamp[0] > written_at_ns:
            self._read_controls()

    def _read_controls(self) -> None:
        stamp = self._stamp_of_file()
        if stamp in (None, self._stamp):
            return
        self._stamp = stamp
        try:
            wanted = dict(json.loads(self._controls.read_text(encoding="utf-8")))
        # Half written by an editor: the next version is read.
        except (OSError, TypeError, ValueError) as error:
            self.problem = f"{CONTROLS} was not understood ({error}); the values stay as they are"
            return
        for name, value in wanted.items():
            try:
                self.set(name, value, CONTROLS)
            except ValueError as error:
                self.problem = f"{CONTROLS}: {error}; it is unchanged"

    def write_controls(self) -> None:
        """Write values and commands to `controls.json`, after applying its edits. A failed write is
        reported by `take_problem`, and `poll` tries again.
        """
        if self._controls is None:
            return
        if self._stamp is not None:
            self._read_controls()
        try:
            # A missing folder, as of an unmounted Drive, is not created elsewhere.
            os.stat(self._controls.parent)
            write_json(self._controls, self._values)
            self._unwritten, self._stamp = False, self._stamp_of_file()
        except OSError as error:
            if not self._unwritten:
                self.problem = (
                    f"{self._controls}: could not be written ({error.strerror}); the values still"
                    " apply"
                )
            self._unwritten = True

    def _stamp_of_file(self) -> tuple[int, int] | None:
        """Time and size of `controls.json`; None if it does not exist."""
        try:
            status = os.stat(self._controls or "")
            return status.st_mtime_ns, status.st_size
        except OSError:
            return None


def usual_sample_every(batch_size: int, total_images: int) -> float:
    """The images between two sheets of samples, unless the settings name them: 20 sheets a run."""
    return float(max(batch_size, total_images // 20))


def live_values(model: Method, total_images: int, folder: Path | None) -> LiveValues:
    """The live values of a training of this length, as configured at its start, and their limits.

    folder: where their `controls.json` is; None: on ranks that do not read it.
    """
    config = model.config
    batch = float(config.batch_size)
    usual = usual_sample_every(config.batch_size, total_images)
    every = float(config.sample_every_images or usual)
    values = model.live_values() | {"augment": 1.0, "batch_size": batch, "sample_every": every}
    ranges = config.live_ranges() | {
        "augment": Live(0.0, 2.0),
        "batch_size": Live(1.0, max(16.0, 2 * batch)),
        "sample_every": Live(1.0, max(1e9, every), log=True),
    }
    for name, limits in ranges.items():  # a setting outside the slider's range extends it
        low = min(limits.low, values[name])
        high = max(limits.high, values[name])
        ranges[name] = dataclasses.replace(limits, low=low, high=high)
    return LiveValues(values, ranges, controls=folder / CONTROLS if folder else None)
