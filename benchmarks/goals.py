"""What answers to drawings are measured by, beside its goals, from what the other scripts wrote:
`python benchmarks/goals.py`. It measures nothing; a script whose file is missing is named.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import common

# File in results/, measure, goal, how its value is read.
Goal = tuple[str, str, str, Callable[[dict], str]]


def _follows(key: str, *sets: str) -> Callable[[dict], str]:
    return lambda found: ", ".join(f"{found['rows'][name][key]:.2f}" for name in sets)


def _look(key: str, prefix: str = "") -> Callable[[dict], str]:
    def shares(found: dict) -> str:
        sides = (f"{prefix}answers", f"{prefix}true_portraits")
        return ", ".join(f"{found[side][key]:.2f}" for side in sides)

    return shares


def _kept(found: dict) -> str:
    return ", ".join(f"{share:.2f}" for share in found["kept"].values())


def _tones(found: dict) -> str:
    return ", ".join(f"{row['near']:.2f}" for row in found["rows"].values())


def _fs2k(key: str) -> Callable[[dict], str]:
    def of_both(found: dict) -> str:
        return ", ".join(_number(found["rows"][kind].get(key)) for kind in ("average", "person"))

    return of_both


def _number(score: Any) -> str:
    if score is None:
        return "–"
    return f"{score['mean'] if isinstance(score, dict) else score:.3f}"


GOALS: tuple[Goal, ...] = (
    ("looks", "three looks: photo, beside true portraits", "≥ .9 of these", _look("photo")),
    ("looks", "at least retouched, beside true portraits", "≥ .95", _look("at_least_retouched")),
    ("looks", "two later looks, one at a time: photo", "≥ .9", _look("photo", "later_")),
    ("looks", "the same: at least retouched", "≥ .95", _look("at_least_retouched", "later_")),
    ("looks", "drawn and kept: the traits of looks.json", "≥ .9 each", _kept),
    (
        "follows",
        "hair: IoU over that of true pairs, examples, lay",
        "≥ .85, ≥ .75",
        _follows("hair_of_true_pairs", "examples", "lay"),
    ),
    (
        "follows",
        "the drawing's share of variance: hair, examples, lay",
        "≥ .85",
        _follows("share_hair", "examples", "lay"),
    ),
    (
        "follows",
        "of identity, examples, lay",
        "≥ .35",
        _follows("share_identity", "examples", "lay"),
    ),
    (
        "follows",
        "eight seeds: spread of identity, lay",
        "≥ .8",
        _follows("spread_identity", "lay"),
    ),
    ("follows", "of skin, lay", "≥ .8", _follows("spread_skin", "lay")),
    ("follows", "of hair, lay", "≥ .8", _follows("spread_hair", "lay")),
    (
        "follows",
        "seeds that keep their person after three strokes, examples, lay",
        "≥ .85",
        _follows("kept_after_strokes", "examples", "lay"),
    ),
    ("follows", "choosing: over the best of forty, lay", "≤ .9", _follows("choosing", "lay")),
    ("skin_tones", "skin asked for, within 8°: six tones, all", "≥ .9", _tones),
    ("fs2k", "FS2K: SSIM in the face, average, person", "≥ .467", _fs2k("face_ssim")),
    ("fs2k", "FS2K: closed mouths that open", "≤ .19", _fs2k("closed_to_open")),
    ("fs2k", "FS2K: open mouths that close", "≤ .05", _fs2k("open_to_closed")),
)


def main() -> None:
    """Print the table."""
    rows, files = [], {}
    for name in dict.fromkeys(goal[0] for goal in GOALS):
        path = common.RESULTS / f"{name}.json"
        if path.exists():
            files[name] = json.loads(path.read_text(encoding="utf-8"))["results"]
    for name, measure, goal, value in GOALS:
        shown = value(files[name]) if name in files else f"run {name}.py"
        rows.append([measure, shown, goal])
    print(common.markdown(["measure", "measured", "goal"], rows))


if __name__ == "__main__":
    main()
