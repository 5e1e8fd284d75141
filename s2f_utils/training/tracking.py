"""What a run writes down while it trains: `log.jsonl`, a line of JSON for each row of losses and each event."""

from __future__ import annotations

import contextlib
import json
import sys
import time
from pathlib import Path
from typing import Any


class RunLog:
    """Appends to `log.jsonl`: rows of losses (`images`, losses, rates) and events (`event`, `images`, …).

    A line is written and flushed at once; a line that a crash cut off is left behind, and the next one starts anew.
    Lines that a full disk does not take are kept and written with the next one that it does.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / "log.jsonl"
        self._waiting = ""

    def row(self, values: dict[str, Any]) -> None:
        """A row of losses, or an event."""
        is_first, self._waiting = not self._waiting, self._waiting + json.dumps(values) + "\n"
        try:
            self._write(self._waiting.encode())
            self._waiting = ""
        except OSError as error:  # a full disk must not end the training that the log is about
            if is_first:
                why = f"{error.strerror}; the log is kept in memory until it can be written"
                print(f"{self.path}: {why}", file=sys.stderr)

    def _write(self, text: bytes) -> None:
        """Append the whole text, after a line's end, or nothing of it."""
        with open(self.path, "ab+", buffering=0) as file:
            size = file.seek(0, 2)
            if size:
                file.seek(-1, 2)
                text = (b"" if file.read(1) == b"\n" else b"\n") + text
            try:
                while text:
                    text = text[file.write(text) :]
            except OSError:
                with contextlib.suppress(OSError):
                    file.truncate(size)
                raise

    def event(self, event: str, /, **details: Any) -> None:
        """Something that happened: "change", "sample", "save", "resume", "end", …"""
        self.row({"event": event, "time": time.strftime("%Y-%m-%dT%H:%M:%S%z"), **details})

    def problem(self, message: str) -> None:
        """A problem that does not end the run: shown, and written down if that is possible."""
        print(message, file=sys.stderr)
        self.event("problem", message=message)


def read_log(folder: Path) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The rows of losses and the events of a run, in order.

    What an interrupted run had logged past the point from which it was resumed was not kept, and is left out. So is a
    row of part of an interval ("partial"), which earlier versions wrote where training stopped.
    """
    path = Path(folder) / "log.jsonl"
    entries: list[dict[str, Any]] = []
    for line in path.read_text(encoding="utf-8").splitlines() if path.is_file() else []:
        with contextlib.suppress(ValueError):  # a crash cut the line off
            entry = json.loads(line)
            if entry.get("event") == "resume":
                entries = _until_save(entries, entry["images"])
            entries.append(entry)
    rows = [entry for entry in entries if "event" not in entry and "partial" not in entry]
    return rows, [entry for entry in entries if "event" in entry]


def _until_save(entries: list[dict[str, Any]], images: int) -> list[dict[str, Any]]:
    """What a state that was saved at so many images knows: live changes after the save are not in it."""
    saves = [n for n, e in enumerate(entries) if e.get("event") == "save" and e["images"] == images]
    saved = saves[-1] if saves else len(entries)
    known = [n <= saved or e.get("event") != "change" for n, e in enumerate(entries)]
    return [e for e, is_known in zip(entries, known, strict=True) if is_known and e.get("images", 0) <= images]
