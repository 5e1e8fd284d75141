"""What answers to drawings are measured by, beside its goals, from what the other scripts wrote:
`python benchmarks/goals.py`. It measures nothing; a script whose file is missing is named.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import common

from s2f_utils import weights

# File in results/, measure, goal, how its value is read.
Goal = tuple[str, str, str, Callable[[dict], str]]


def _lay(key: str) -> Callable[[dict], str]:
    return lambda found: f"{found['rows'][weights.DEFAULT][key]:.2f}"


def _inside(group: str) -> Callable[[dict], str]:
    def shares(found: dict) -> str:
        scores = found["calibration"]
        return ", ".join(f"{scores[f'inside_{level}_{group}']:.2f}" for level in (0.5, 0.8, 0.95))

    return shares


def _asked_skin(found: dict) -> str:
    return ", ".join(f"{group['within']:.2f}" for group in found["asked_skin"].values())


def _dark(found: dict) -> str:
    return f"{found['dark']['samples']:.2f}, {found['dark']['training']:.2f}"


def _gains(found: dict) -> str:
    scores = found["calibration"]
    return f"{scores['gain_careful']:.1f}, {scores['gain_crude']:.1f}"


def _fs2k(key: str) -> Callable[[dict], str]:
    def of_both(found: dict) -> str:
        return ", ".join(_number(found["rows"][kind].get(key)) for kind in ("average", "person"))

    return of_both


def _number(score: Any) -> str:
    if score is None:
        return "–"
    return f"{score['mean'] if isinstance(score, dict) else score:.3f}"


GOALS: tuple[Goal, ...] = (
    ("lay_drawings", "lay drawings: Fréchet ratio", "≤ 1.8", _lay("frechet_ratio")),
    ("lay_drawings", "lay drawings: precision", "≥ .85", _lay("precision")),
    ("lay_drawings", "lay drawings: recall", "≥ .4", _lay("recall")),
    ("lay_drawings", "eight seeds: spread of identity", "≥ .8", _lay("spread_identity")),
    ("lay_drawings", "eight seeds: of skin tone", "≥ .8", _lay("spread_skin_tone")),
    ("lay_drawings", "eight seeds: of hair", "≥ .8", _lay("spread_hair")),
    ("lay_drawings", "too like a training photo", "≤ .02", _lay("too_like")),
    ("drawn_people", "careful: codes inside 50, 80, 95 %", "within .05", _inside("careful")),
    ("drawn_people", "crude: codes inside 50, 80, 95 %", "within .05", _inside("crude")),
    ("drawn_people", "nats above the prior, careful and crude", "> 0", _gains),
    ("drawn_people", "asked skin within 8°, light, tan, dark", "all", _asked_skin),
    ("drawn_people", "dark skin unasked, and in training", "within .05", _dark),
    (
        "drawn_people",
        "careful drawings come nearer",
        "≥ .9",
        lambda found: f"{found['dlib']['nearer']:.2f}",
    ),
    ("drawn_people", "choosing, by code", "≤ .9", lambda found: f"{found['choosing']:.2f}"),
    ("fs2k", "FS2K: SSIM in the face, average, person", "+ .03", _fs2k("face_ssim")),
    ("fs2k", "FS2K: closed mouths that open", "≤ .10", _fs2k("closed_to_open")),
    ("fs2k", "FS2K: open mouths that close", "≤ .12", _fs2k("open_to_closed")),
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
