"""A run's log, `log.jsonl`: rows of mean losses, and events."""

from __future__ import annotations

import contextlib
import json
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from s2f_utils import runtime


class RunLog:
    """Appends to `log.jsonl`:
    rows of losses (`images`, losses, rates) and events (`event`, `images`, …).

    Lines that a full disk rejects are kept and written as soon as there is space. A line cut off by
    a crash stays so.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / "log.jsonl"
        is_cut = self.path.is_file() and self.path.read_bytes()[-1:] not in (b"", b"\n")
        self._unwritten = b"\n" if is_cut else b""
        self._is_full = False

    def row(self, values: dict[str, Any]) -> None:
        """A row of losses, or an event."""
        self._unwritten += json.dumps(runtime.finite(values), allow_nan=False).encode() + b"\n"
        try:
            with open(self.path, "ab", buffering=0) as file:
                while self._unwritten:
                    self._unwritten = self._unwritten[file.write(self._unwritten) :]
            self._is_full = False
        except OSError as error:  # a full disk must not end training
            if not self._is_full:
                why = f"{error.strerror}; the log is kept in memory until it can be written"
                print(f"{self.path}: {why}", file=sys.stderr)
            self._is_full = True

    def event(self, event: str, /, **details: Any) -> None:
        """Something that happened: "change", "sample", "save", "resume", "end", …"""
        self.row({"event": event, "time": time.strftime("%Y-%m-%dT%H:%M:%S%z"), **details})

    def problem(self, message: str) -> None:
        """A problem that does not end the run: printed, and logged if possible."""
        print(message, file=sys.stderr)
        self.event("problem", message=message)


def read_log(folder: str | Path) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The rows of losses and the events of a run, in order, without entries after the point from
    which an interrupted run was resumed, and without rows of part of an interval ("partial"), which
    earlier versions wrote.
    """
    entries: list[dict[str, Any]] = []
    for entry in _lines(folder):
        if entry.get("event") == "resume":
            entries = _until_save(entries, entry["images"])
        entries.append(entry)
    rows = [entry for entry in entries if "event" not in entry and "partial" not in entry]
    return rows, [entry for entry in entries if "event" in entry]


def lost_images(folder: Path) -> int:
    """How many images of a run were seen and logged before it was killed, and then again after it
    was resumed from an older state; of all its resumes together.
    """
    lost = last = 0
    for entry in _lines(folder):
        if entry.get("event") == "resume":
            lost += max(0, last - entry["images"])
            last = entry["images"]
        last = max(last, entry.get("images", 0))
    return lost


def _lines(folder: Path) -> list[dict[str, Any]]:
    """All entries of a run's log."""
    path = Path(folder) / "log.jsonl"
    entries = []
    for line in path.read_text(encoding="utf-8").splitlines() if path.is_file() else []:
        with contextlib.suppress(ValueError):  # a line cut off by a crash
            entries.append(json.loads(line))
    return entries


def _until_save(entries: list[dict[str, Any]], images: int) -> list[dict[str, Any]]:
    """The entries known to the state saved at `images`:
    live changes after the save are not in it.
    """
    saves = [n for n, e in enumerate(entries) if e.get("event") == "save" and e["images"] == images]
    saved = saves[-1] if saves else len(entries)
    known = [n <= saved or e.get("event") != "change" for n, e in enumerate(entries)]
    return [
        e
        for e, is_known in zip(entries, known, strict=True)
        if is_known and e.get("images", 0) <= images
    ]


class MeanLosses:
    """The losses since the last row of the log, summed on the device without waiting for it. By
    loss, as one of weight 0 may be missing from some steps.
    """

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.clear()

    def clear(self) -> None:
        """Begin a new row."""
        self.sums: dict[str, Tensor] = {}  # of losses times images
        self.nums: dict[str, int] = {}  # of images

    def add(self, losses: Mapping[str, Tensor | float], num: int) -> None:
        """Add the losses of a step on `num` images; a step of your own may return numbers, or
        tensors with a graph.
        """
        for name, value in losses.items():
            total = torch.as_tensor(value).detach() * num
            self.sums[name] = self.sums[name] + total if name in self.sums else total
            self.nums[name] = self.nums.get(name, 0) + num

    def means(self) -> dict[str, float]:
        """Their means by name, read from the device."""
        if not self.sums:
            return {}
        sums = torch.stack([total.to(self.device) for total in self.sums.values()]).tolist()
        return {name: total / self.nums[name] for name, total in zip(self.sums, sums, strict=True)}

    def state_dict(self) -> dict[str, Any]:
        """The sums and numbers, as in the resume file."""
        return {"sums": dict(self.sums), "nums": dict(self.nums)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore them from a resume file."""
        self.sums = {name: total.to(self.device) for name, total in state["sums"].items()}
        self.nums = dict(state["nums"])
