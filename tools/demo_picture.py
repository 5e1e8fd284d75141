"""Make the README's pictures: `demo_picture.py RUN DATA` docs/demo.png, `demo_picture.py` alone the
others.

The first: sketches, what the network of a demo run made of them, the truth; the first faces of the
test split, not the best. docs/drawings.jpg: example drawings, and what the models that come with
the project make of them. docs/front.jpg: three rows of it.
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
from s2f_studio.faces.translate import candidates  # noqa: E402
from s2f_utils import infer  # noqa: E402  (the clone's)
from s2f_utils.data import read_manifest  # noqa: E402  (the clone's)
from s2f_utils.metrics import evaluation  # noqa: E402  (the clone's)
from s2f_utils.pictures import images, viz  # noqa: E402

SHOWN = ("long-hair", "plain-man", "glasses", "old-man", "curls", "beard", "turned", "child")


def demo(run: Path, data: Path, num: int) -> np.ndarray:
    """Sketches, answers and truths of a run, in rows."""
    translator = infer.load(run)
    pairs = read_manifest(data).split("test")[:num]
    inputs, truths = evaluation.load_pairs(pairs, translator.size_px, translator.direction)
    return viz.sheet([inputs, translator.translate_batch(inputs), truths])


def drawn() -> np.ndarray:
    """Drawings, photos of somebody who fits them and of two others, what is expected, in rows."""
    model = infer.load(device="cpu")
    inputs = [drawings.prepare(drawings.example(name)).image for name in SHOWN]
    found = [{c.name: c.picture for c in candidates(model, one, 3, 2)} for one in inputs]
    names = ("rendered", "variation 1", "variation 2", "expected")
    return viz.sheet(
        [np.stack(inputs), *(np.stack([by_name[name] for by_name in found]) for name in names)]
    )


def front(sheet: np.ndarray) -> np.ndarray:
    """Of the sheet of `drawn`, half as large, the drawings, a photo of each, and another one."""
    row, gap = sheet.shape[0] // 5, np.full((2, sheet.shape[1], 3), 255, np.uint8)
    return np.concatenate(
        [part for place in (0, 1, 3) for part in (sheet[place * row + 2 : (place + 1) * row], gap)]
    )


def main(arguments: list[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(prog="demo_picture", description=__doc__.partition("\n")[0])
    parser.add_argument("run", type=Path, nargs="?")
    parser.add_argument("data", type=Path, nargs="?")
    parser.add_argument("--num", type=int, default=8)
    options = parser.parse_args(arguments)
    if options.data:
        name, picture = "demo.png", demo(options.run, options.data, options.num)
    else:
        name, picture = "drawings.jpg", np.asarray(Image.fromarray(drawn()).reduce(2))
        print(images.save(ROOT / "docs" / "front.jpg", front(picture), generated=True))
    print(images.save(ROOT / "docs" / name, picture, generated=True))


if __name__ == "__main__":
    main()
