"""Make three pictures of docs. methods.jpg: the first test people, and what three methods make of
their sketches. drawings.jpg: example drawings and what the default model makes of them; front.jpg:
three rows of it. Faults stay: these are not the best answers.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from PIL import Image

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import data_prep  # noqa: E402
import s2f_studio  # noqa: E402
from s2f_studio.drawings import prepare as drawings  # noqa: E402
from s2f_utils import infer  # noqa: E402
from s2f_utils.pictures import images, viz  # noqa: E402

EXAMPLES = ("long-hair", "plain-man", "glasses", "old-man", "curls", "beard", "hat", "few-lines")
ANSWERS = (
    {},
    {"seed": 1},
    {"seed": 2},
    {"answer": "average"},
)
METHODS = ("pix2pix-128", "cyclegan-128", "sketch-to-face-512")
NUM_PEOPLE, SIDE_PX = 5, 256


def columns() -> list[np.ndarray]:
    """Test people's pencil sketches, what each method makes of these, and the people: five times
    uint8 (N, 256, 256, 3).
    """
    people = data_prep.people(NUM_PEOPLE, split="test", size_px=SIDE_PX, sketches="pencil")
    sketches = people.sketches[..., None].repeat(3, axis=-1)
    shown = [sketches]
    for name in METHODS:
        model = infer.load(name, "cpu")
        answers = [images.resize(model.translate(sketch), SIDE_PX) for sketch in sketches]
        shown.append(np.stack(answers))
    return [*shown, people.pictures]


def rows() -> list[np.ndarray]:
    """Drawings, three photos for each, the average face: rows of uint8 (8, 256, 256, 3)."""
    model = s2f_studio.load(device="cpu")
    inputs = [drawings.prepare(drawings.example(name)).image for name in EXAMPLES]
    answers = []
    for request in ANSWERS:
        made = [model.translate(one, **request) for one in inputs]
        answers.append(np.stack([images.resize(one, len(inputs[0])) for one in made]))
    return [np.stack(inputs), *answers]


def main() -> None:
    """Write all three."""
    sheet = viz.sheet(list(zip(*columns(), strict=True)))
    sheet = images.resize(sheet, 820)
    print(images.save(ROOT / "docs" / "methods.jpg", sheet, generated=True))
    made = rows()
    for name, chosen in (("drawings.jpg", made), ("front.jpg", made[:3])):
        sheet = np.asarray(Image.fromarray(viz.sheet(chosen)).reduce(2))
        print(images.save(ROOT / "docs" / name, sheet, generated=True))


if __name__ == "__main__":
    main()
