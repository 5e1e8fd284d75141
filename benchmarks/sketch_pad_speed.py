"""How fast the face follows the pencil: from a drawing's PNG to the face's, step by step, for each shipped model.

`python benchmarks/sketch_pad_speed.py` (about a minute on two cores). The whole way, from the pencil's lift to
the picture in the page, is printed by `pytest -s tests/browser`. Writes results/sketch_pad_speed.json.
"""

from __future__ import annotations

import common
import numpy as np
from PIL import Image, ImageDraw

from s2f_studio.web import widget
from s2f_studio.web.catalogue import TITLES
from s2f_studio.web.drawing import shown
from s2f_studio.web.widget import page_of
from s2f_utils.pictures import images, masks

ROUNDS = 15
START = "drawn face 5"
HAIR = "#b05a28"


def stroked(given: np.ndarray, n: int) -> np.ndarray:
    """The drawing, or the map in its colours, with one more stroke, another for each n."""
    picture = Image.fromarray(shown(given))
    side, y = picture.width, int(picture.width * (0.1 + 0.02 * (n % 40)))
    colour = tuple(map(int, masks.PALETTE[masks.CLASSES.index("hair")])) if given.ndim == 2 else (38, 38, 38)
    ImageDraw.Draw(picture).line([(side // 4, y), (3 * side // 4, y + 9)], fill=colour, width=5)
    return np.asarray(picture)


def at_pen_up(name: str) -> dict[str, float]:
    """Milliseconds that Python takes for one stroke, with and without the restorer and a hint; and parts of that."""
    pad = widget.sketch_pad(name, start=START)
    page = page_of(pad)
    first, count = pad.given, iter(range(10_000))

    def stroke(**fields: object) -> None:
        asked = {"model": name, "align": "never", "clean": "never", **fields}
        uri = images.picture_uri(stroked(first, next(count)))
        page.receive(page, {"kind": "translate", "n": 1, "picture": uri, "fields": asked})
        if not page.told["ok"]:
            raise SystemExit(page.told["told"]["detail"])

    seconds = common.alternate(
        {
            "a stroke": stroke,
            "a stroke, restored": lambda: stroke(enhance=True, strength=1.0),
            "a stroke, hair hinted": lambda: stroke(person=f"hair={HAIR}"),
            "of it: the stroke's PNG made here": lambda: images.picture_uri(stroked(first, 1)),
            "of it: the model": lambda: pad.answers(1),
        },
        rounds=ROUNDS,
    )
    return {step: round(1000 * value, 1) for step, value in seconds.items()}


def main() -> None:
    """Measure and write results/sketch_pad_speed.json."""
    common.write("sketch_pad_speed", {name: at_pen_up(name) for name in TITLES})


def table(found: dict) -> str:
    """What each model's stroke takes in Python."""
    steps = ("a stroke", "a stroke, restored", "a stroke, hair hinted")
    rows = [[f"`{name}`", *(f"{took[step]:.0f}" for step in steps)] for name, took in found["results"].items()]
    header = ["milliseconds", "a stroke", "and the restorer", "and a hint in force"]
    return f"On {common.machine_of(found)}:\n\n{common.markdown(header, rows)}"


TABLES = {"pad-speed": table}


if __name__ == "__main__":
    main()
