"""Trainings too long for a notebook: their curves and faces, as tools/shipped made them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from s2f_utils.pictures import images

FOLDER = Path(__file__).parent


@dataclass(frozen=True)
class LongRun:
    """One training. changes: what sets it apart from the others. rows, measures: its curves, by
    "images" seen. faces: images seen → faces of the same random codes, uint8 (N, S, S, 3).
    """

    changes: dict[str, float | str]
    rows: list[dict[str, float]]
    measures: list[dict[str, float]]
    faces: dict[int, np.ndarray]

    def curve(self, name: str) -> tuple[list[float], list[float]]:
        """Images seen, and the values of a column of `rows` or `measures`."""
        known = [row for row in (*self.rows, *self.measures) if name in row]
        return [row["images"] for row in known], [row[name] for row in known]


def long_runs(name: str) -> tuple[dict[str, LongRun], dict[str, float | str]]:
    """The trainings of this name, such as "stability", and the settings that they share.

    Raises ValueError for a name that is not there.
    """
    path = FOLDER / f"{name}.json"
    if not path.is_file():
        names = ", ".join(sorted(file.stem for file in FOLDER.glob("*.json")))
        raise ValueError(f"there are no long runs {name!r}: choose one of {names}")
    told = json.loads(path.read_text(encoding="utf-8"))
    sheet, size = images.load_rgb(path.with_suffix(".jpg")), int(told["settings"]["size_px"])
    lines = iter(np.split(sheet, len(sheet) // size))
    runs = {}
    for label, run in told["runs"].items():
        faces = {}
        for at in told["shown"][label]:
            line = next(lines)
            faces[at] = np.stack(np.split(line, line.shape[1] // size, axis=1))
        runs[label] = LongRun(told["changes"][label], run["rows"], run["measures"], faces)
    return runs, told["settings"]
