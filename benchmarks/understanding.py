"""How well drawings are understood: landmarks by our finder and by the face detector, and the finder's flags.

`python benchmarks/understanding.py --data ../shared/data --work /tmp/faces-work`, about ten minutes on one core. The
crude drawings say where each landmark was meant to be; of artists' sketches the photo's landmarks, found by the
detector, stand for the truth, though a sketch is some pixels off its photo. Only numbers are written.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from pathlib import Path

import common
import numpy as np
from crude_drawings import DEGREES
from faces_measures import meant_error
from faces_sets import FaceSet, load
from tqdm import tqdm

from s2f_studio.drawings.understanding import Understood, understand
from s2f_utils import runtime
from s2f_utils.metrics.structure import surest_face
from s2f_utils.pictures import faces

MEASURED = ("crude", "fs2k-zero-shot", "cuhk")
NAMES = [name.removesuffix("-zero-shot") for name in MEASURED]
NEAR = 0.08  # of the eye distance: the goal


def errors(found: Sequence[faces.Face | None], meant: Sequence[np.ndarray]) -> np.ndarray:
    """As `meant_error`, one by one; at most 1."""
    return np.array([meant_error(face, five) for face, five in zip(found, meant, strict=True)])


def as_face(found: Understood) -> faces.Face:
    """The five landmarks as a detector gives them."""
    return faces.Face.around(found.five, 1.0, "points")


def of_set(chosen: FaceSet, num: int | None) -> list[dict]:
    """A row for each degree or style, and one for all."""
    places = range(len(chosen.people))[:: max(1, len(chosen.people) // num)] if num else range(len(chosen.people))
    start = time.perf_counter()
    found = {n: understand([chosen.drawings[n]])[0] for n in tqdm(places, desc=chosen.name, mininterval=10)}
    seconds = (time.perf_counter() - start) / len(found)
    detected = {n: surest_face(chosen.drawings[n]) for n in places}
    if chosen.five is not None:
        meant = {n: chosen.five[n] for n in places}
    else:
        seen = {n: surest_face(chosen.truths[n]) for n in places}
        meant = {n: face.landmarks for n, face in seen.items() if face is not None}
    photos = [understand([chosen.truths[n]])[0] for n in list(meant)[:: max(1, len(meant) // 100)]]
    rows = []
    for kind in ("all", *sorted({chosen.kinds[n] for n in places})):
        mine = [n for n in meant if kind in ("all", chosen.kinds[n])]
        five = [meant[n] for n in mine]
        ours, theirs = errors([as_face(found[n]) for n in mine], five), errors([detected[n] for n in mine], five)
        flags = {flag: float(np.mean([found[n].flags[flag] for n in mine])) for flag in ("photo", "crude")}
        rows.append({
            "set": chosen.name.removesuffix("-zero-shot"), "kind": kind, "num": len(mine),
            "finder_median": round(float(np.median(ours)), 4), "finder_near": round(float(np.mean(ours < NEAR)), 3),
            "detector_median": round(float(np.median(theirs)), 4),
            "detector_near": round(float(np.mean(theirs < NEAR)), 3),
            "taken_for_photos": round(float(np.mean([found[n].flags["photo"] > 0.5 for n in mine])), 4),
            "crude": round(flags["crude"], 3),
            "photos_known": round(float(np.mean([one.flags["photo"] > 0.5 for one in photos])), 4),
            "ms": round(1000 * seconds, 1),
        })  # fmt: skip
    return rows


def table(found: dict) -> str:
    """Sets and their degrees: medians and shares within the goal."""
    within = f"within {NEAR} ↑"
    head = [
        "drawings",
        "number",
        "finder: median error ↓",
        within,
        "detector's ↓",
        within,
        "taken for photos ↓",
        "crude",
    ]
    rows = sorted(found["results"]["rows"], key=lambda r: (NAMES.index(r["set"]), _place(r["kind"])))
    cells = [
        [
            f"{r['set']}: {r['kind']}", str(r["num"]), f"{r['finder_median']:.3f}", f"{r['finder_near']:.2f}",
            f"{r['detector_median']:.3f}", f"{r['detector_near']:.2f}", f"{r['taken_for_photos']:.3f}",
            f"{r['crude']:.2f}",
        ]
        for r in rows
    ]  # fmt: skip
    return f"{common.markdown(head, cells)}\n\nErrors in eye distances. {common.machine_of(found)}."


def _place(kind: str) -> tuple:
    return (kind != "all", DEGREES.index(kind) if kind in DEGREES else 0, kind)


TABLES = {"understanding": table}


def main() -> None:
    """Measure all sets and write the results."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of portraits, fs2k and cufs")
    parser.add_argument("--work", type=Path, required=True, help="folder outside of the project, for pictures")
    parser.add_argument("--num", type=int, help="a quick look at about so many drawings of each set; not written")
    args = parser.parse_args()
    rows = [row for name in MEASURED for row in of_set(load(name, args.data, args.work), args.num)]
    found = {**common.facts(), "results": {"rows": rows}}
    if args.num is None:
        runtime.write_json(common.RESULTS / "understanding.json", found)
    print(table(found))


if __name__ == "__main__":
    main()
