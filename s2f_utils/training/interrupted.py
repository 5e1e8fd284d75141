"""What an interrupted run takes up beside its saved state: live changes after the last save, edits of `controls.json`
that no step had obeyed, and what a kill left behind half written.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from s2f_utils.training.live import COMMANDS, LiveValues
from s2f_utils.training.tracking import read_log


@dataclass(frozen=True)
class Planned:
    """A live change that is to be made again at `images`, as the interrupted training made it there."""

    images: int
    name: str
    new: float
    source: str


def changes_to_repeat(folder: Path, images: int) -> list[Planned]:
    """The live changes that a run's log has from `images` on, where its saved state ends, in their order.

    Those that an earlier resume had planned and did not come to are among them, unless somebody moved the same value
    in the meantime. None from before a setback or a divergence: what led there is not done again.
    """
    done: list[Planned] = []
    planned: list[Planned] = []
    for event in read_log(folder)[1]:
        if event["event"] in ("setback", "diverged"):
            done, planned = [], []
        elif event["event"] == "resume":
            planned = [Planned(**change) for change in event.get("changes", ())]
        elif event["event"] == "change" and event["name"] not in COMMANDS:
            change = Planned(event["images"], event["name"], event["new"], event["source"])
            if change in planned:
                planned.remove(change)
            else:
                planned = [other for other in planned if other.name != change.name]
            done.append(change)
    return sorted((c for c in done + planned if c.images >= images), key=lambda change: change.images)


def unobeyed_edits(controls: Path, live: LiveValues, folder: Path, images: int) -> dict[str, Any]:
    """What somebody wrote into `controls.json` after the last step of the interrupted run: values by name.

    live: with the values of the saved state, which ends at `images`.
    """
    held: Any = None
    with contextlib.suppress(OSError, ValueError):  # absent, or an editor was in the middle of writing
        held = json.loads(controls.read_text(encoding="utf-8"))
    if not isinstance(held, dict):
        return {}
    known: dict[str, set[float]] = {name: {value} for name, value in live.values().items()}
    for event in read_log(folder)[1]:
        if event["event"] == "change" and event["name"] in known and event["images"] >= images:
            known[event["name"]] = {event["new"]}
    for change in changes_to_repeat(folder, images):  # killed between the log's new line and controls.json's
        known.get(change.name, set()).add(change.new)
    return {name: value for name, value in held.items() if name in known and value not in known[name]}


def take_up(live: LiveValues, controls: Path, folder: Path, images: int) -> list[Planned]:
    """Obey the edits that nobody had obeyed, and return the changes that are to be made again later.

    live: with the values of the saved state, which ends at `images`. An edit is newer than what was to be repeated.
    """
    edits = unobeyed_edits(controls, live, folder, images)
    planned = [change for change in changes_to_repeat(folder, images) if change.name not in edits]
    for name, value in edits.items():
        try:
            live.set(name, value, controls.name)
        except ValueError as error:
            live.problem = f"{controls.name}: {error}; it stays as it is"
    return [change for change in planned if change.name in live.ranges]


def due(planned: Sequence[Planned], images: int) -> Mapping[str, Planned]:
    """The changes for this step, by name; of several to one value, the last."""
    return {change.name: change for change in planned if change.images <= images}


def remove_leftovers(folder: Path) -> None:
    """Delete what a kill in the middle of writing left half written in a run's own folders: `.name.….part`."""
    for place in (folder, folder / "samples", folder / "snapshots"):
        for path in place.glob(".*.part"):
            path.unlink(missing_ok=True)
