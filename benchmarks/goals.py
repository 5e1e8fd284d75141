"""What answers to drawings are measured by, beside its goals, from what the other scripts wrote:
`python benchmarks/goals.py`. It measures nothing but the size of what ships; a script whose file is
missing is named.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import common

from s2f_studio import shipped
from s2f_utils import weights

# File in results/, measure, goal, how its value is read.
Goal = tuple[str, str, str, Callable[[dict], str]]


def _follows(key: str, *sets: str) -> Callable[[dict], str]:
    return lambda found: ", ".join(f"{found['rows'][name][key]:.2f}" for name in sets)


def _look(key: str) -> Callable[[dict], str]:
    return lambda found: ", ".join(
        f"{found[side][key]:.2f}" for side in ("answers", "true_portraits")
    )


def _rows(key: str) -> Callable[[dict], str]:
    return lambda found: ", ".join(f"{row[key]:.2f}" for row in found["rows"].values())


def _value(key: str, digits: int) -> Callable[[dict], str]:
    return lambda found: f"{found[key]:.{digits}f}"


def _seconds(*kinds: str) -> Callable[[dict], str]:
    def of_kinds(found: dict) -> str:
        took = {row["answer"]: row["ms"] / 1000 for row in found["rows"]}
        return ", ".join(f"{took[kind]:.2f}" for kind in kinds)

    return of_kinds


def _fs2k(key: str) -> Callable[[dict], str]:
    def of_both(found: dict) -> str:
        return ", ".join(_number(found["rows"][kind].get(key)) for kind in ("average", "person"))

    return of_both


def _number(score: Any) -> str:
    if score is None:
        return "–"
    return f"{score['mean'] if isinstance(score, dict) else score:.3f}"


GOALS: tuple[Goal, ...] = (
    ("looks", "photo to people who look, beside true portraits", "≥ .5 of these", _look("photo")),
    (
        "follows",
        "hair: IoU over that of true pairs, examples, lay",
        "≥ .9, ≥ .7",
        _follows("hair_of_true_pairs", "examples", "lay"),
    ),
    (
        "follows",
        "the drawing's share of variance: hair, lay",
        "≥ .8",
        _follows("share_hair", "lay"),
    ),
    ("follows", "of identity, lay", "≥ .35", _follows("share_identity", "lay")),
    (
        "follows",
        "answers whose person answers another drawing, examples, lay",
        "≤ .03",
        _follows("shared_people", "examples", "lay"),
    ),
    (
        "follows",
        "eight seeds: spread of identity, examples, lay",
        "≥ .7",
        _follows("spread_identity", "examples", "lay"),
    ),
    ("follows", "of skin, examples, lay", "≥ .8", _follows("spread_skin", "examples", "lay")),
    ("follows", "of hair, examples, lay", "≥ .8", _follows("spread_hair", "examples", "lay")),
    (
        "follows",
        "choosing over the best of forty, lay: after five rounds",
        "≤ .8",
        _follows("choosing_5", "lay"),
    ),
    ("follows", "after ten", "≤ .65", _follows("choosing_10", "lay")),
    ("edits", "older, glasses, blond, smile: the same person", "≥ .9 each", _rows("same_person")),
    ("edits", "and the edit seen", "≥ .9 each", _rows("seen")),
    ("skin_tones", "skin asked for, within 8°: six tones, all", "≥ .95", _rows("near")),
    ("likeness", "adults", "≥ .99", _value("adults", 3)),
    ("likeness", "like a real person", "≤ .005", _value("too_like", 4)),
    ("fs2k", "FS2K: SSIM in the face, average, person", "≥ .467", _fs2k("face_ssim")),
    ("fs2k", "FS2K: closed mouths that open", "≤ .19", _fs2k("closed_to_open")),
    ("fs2k", "FS2K: open mouths that close", "≤ .05", _fs2k("open_to_closed")),
    (
        "answer_speed",
        "seconds: a person of 256 px, of 512, eight of 256",
        "≤ .15, .7, .8",
        _seconds("person, 256 pixels", "person", "eight people, 256 pixels"),
    ),
)


def shipped_mb() -> float:
    """The size of all that ships with the packages' models, in MB."""
    folders = (weights.SHIPPED_FOLDER, shipped.FOLDER)
    files = (path for folder in folders for path in folder.rglob("*") if path.is_file())
    return sum(path.stat().st_size for path in files) / 1e6


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
    rows.append(["MB of models that ship", f"{shipped_mb():.0f}", "≤ 75"])
    print(common.markdown(["measure", "measured", "goal"], rows))


if __name__ == "__main__":
    main()
