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

import s2f_studio  # noqa: E402
from s2f_studio.drawings import prepare as drawings  # noqa: E402
from s2f_utils import runtime  # noqa: E402  (the clone's)

PICTURES = ROOT / "s2f_studio" / "page" / "gallery"
SHOWN_PX, QUALITY = 192, 82
# example, what is asked, and what is said of it
GOOD = (
    ("long-hair", {"seed": 1}, "Hair and shape are kept; skin, light and age are left open."),
    ("plain-man", {}, "A drawing has many answers. This is the first of them …"),
    ("plain-man", {"seed": 3}, "… and this is another: press Show eight faces."),
    ("plain-man", {"person": {"glasses": 1.0}}, "The first of them, with glasses."),
    ("beard", {}, "A beard that is drawn stays."),
    ("old-man", {"seed": 5}, "A bald head and lines of age bring somebody old."),
    ("curls", {}, "Curls that are drawn stay."),
    ("hat", {"seed": 3}, "A hat with a brim."),
)
FAILED = (
    ("child", {}, "A child becomes an adult, unless the drawing surely shows a child."),
    ("few-lines", {}, "A cap of a few lines is taken for hair."),
    ("hat", {"seed": 7}, "The hat has a halo, and something light hangs at her chin."),
    ("turned", {"seed": 1}, "A head that is turned is answered from the front."),
)


def main() -> None:
    """Write the pictures; `page/static/about.html` and docs/gallery.md say what they show."""
    argparse.ArgumentParser(description=__doc__).parse_args()  # --help writes nothing
    model = s2f_studio.load(device="cpu")
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
