"""Make the pictures of the web app's gallery, `python tools/gallery.py`: example drawings, and what
comes of them.

Good answers and failed ones, each with a word on why. To be run again when the weights are others;
look at them then.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
from PIL import Image

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from s2f_studio.drawings import prepare as drawings  # noqa: E402
from s2f_utils import infer, runtime  # noqa: E402  (the clone's)

PICTURES = ROOT / "s2f_studio" / "page" / "gallery"
SHOWN_PX, QUALITY = 192, 82
# example, what is asked, and what is said of it
GOOD = (
    ("long-hair", {}, "Careful lines: hair and shape are kept; skin, light and age are guessed."),
    ("plain-man", {}, "A drawing has many answers. This is the first of them …"),
    ("plain-man", {"seed": 3}, "… and this is another one: press Another."),
    ("beard", {}, "A beard that is drawn stays."),
    ("few-lines", {"seed": 7}, "Few lines: the face that they mean, at a likelier shape."),
    (
        "old-man",
        {"person": {"glasses": 1.0}},
        "With “glasses” said under The person: they are drawn first.",
    ),
    ("hat", {"person": {"beard": 1.0}}, "A hat that is drawn, and a beard that is said."),
)
FAILED = (
    ("child", {}, "A child becomes an adult: all portraits that the networks know are of adults."),
    ("curls", {"seed": 1}, "Curls become waves: few portraits have any."),
    ("hat", {"seed": 2}, "A hat has no cloth and no shadow: hardly any portrait has one."),
    ("beard", {"seed": 7}, "Some seeds have stains of colour at beards and lips."),
    ("turned", {"seed": 1}, "A head that is turned: the far side is guessed from the near one."),
)


def main() -> None:
    """Write the pictures; `page/static/about.html` says what they show."""
    argparse.ArgumentParser(description=__doc__).parse_args()  # --help writes nothing
    model = infer.load(device="cpu")
    for kind, rows in (("good", GOOD), ("failed", FAILED)):
        for number, (name, asked, _text) in enumerate(rows, start=1):
            drawing = drawings.prepare(drawings.example(name)).image
            _save(PICTURES / f"gallery-{name}.webp", drawing)
            answer = model.translate(drawing, **asked)
            _save(PICTURES / f"gallery-{kind}-{number}.webp", answer)


def _save(path: Path, picture: np.ndarray) -> None:
    small = Image.fromarray(picture).resize((SHOWN_PX, SHOWN_PX), Image.Resampling.LANCZOS)
    with runtime.atomic_path(path) as temporary:
        small.save(temporary, "WEBP", quality=QUALITY, method=6)


if __name__ == "__main__":
    main()
