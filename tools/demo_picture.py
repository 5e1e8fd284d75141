"""Make the README's pictures: docs/drawings.jpg, example drawings and what the default model makes
of them, and docs/front.jpg, three rows of it. Faults stay: these are not the best answers.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from PIL import Image

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import s2f_studio  # noqa: E402
from s2f_studio.drawings import prepare as drawings  # noqa: E402
from s2f_utils.pictures import images, viz  # noqa: E402

EXAMPLES = ("long-hair", "plain-man", "glasses", "old-man", "curls", "beard", "hat", "few-lines")
ANSWERS = (
    {},
    {"seed": 1},
    {"seed": 2},
    {"answer": "average"},
)


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
    """Write both."""
    made = rows()
    for name, chosen in (("drawings.jpg", made), ("front.jpg", made[:3])):
        sheet = np.asarray(Image.fromarray(viz.sheet(chosen)).reduce(2))
        print(images.save(ROOT / "docs" / name, sheet, generated=True))


if __name__ == "__main__":
    main()
