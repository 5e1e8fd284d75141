"""What a run writes down while it trains: `log.jsonl`, a line of JSON for each row of losses and each event."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any


class RunLog:
    """Appends to `log.jsonl`: rows of losses (`images`, losses, rates) and events (`event`, `images`, …).

    A line is written and flushed at once; a line that a crash cut off is left behind, and the next one starts anew.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / "log.jsonl"
        self.failed = False

    def _append(self, entry: dict[str, Any]) -> None:
        text = json.dumps(entry) + "\n"
        if self.path.exists():
            with open(self.path, "rb") as file:
                file.seek(0, 2)
                if file.tell():
                    file.seek(-1, 2)
                    text = ("" if file.read(1) == b"\n" else "\n") + text
        try:
            with open(self.path, "a", encoding="utf-8") as file:
                file.write(text)
        except OSError as error:  # a full disk must not end the training that the log is about
            if not self.failed:
                print(f"{self.path}: {error.strerror}; rows of the log are lost", file=sys.stderr)
            self.failed = True
        else:
            self.failed = False

    def row(self, values: dict[str, Any]) -> None:
        """A row of losses."""
        self._append(values)

    def event(self, event: str, /, **details: Any) -> None:
        """Something that happened: "change", "sample", "save", "resume", "end", …"""
        self._append({"event": event, "time": time.strftime("%Y-%m-%dT%H:%M:%S%z"), **details})

    def problem(self, message: str) -> None:
        """A problem that does not end the run: shown, and written down if that is possible."""
        print(message, file=sys.stderr)
        self.event("problem", message=message)


def read_log(folder: Path) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The rows of losses and the events of a run, in order.

    What an interrupted run had logged past the point from which it was resumed was not kept, and is left out.
    """
    path = Path(folder) / "log.jsonl"
    entries: list[dict[str, Any]] = []
    for line in path.read_text(encoding="utf-8").splitlines() if path.is_file() else []:
        try:
            entry = json.loads(line)
        except ValueError:
            continue
        if entry.get("event") == "resume":
            entries = [e for e in entries if e.get("images", 0) <= entry["images"]]
        entries.append(entry)
    return [e for e in entries if "event" not in e], [e for e in entries if "event" in e]
