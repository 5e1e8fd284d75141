"""A sheet of people for drawings: the drawing, the average face, and a person for each seed.

`python -m tools.shipped.people.answers SHEET DRAWING…`
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from PIL import Image

import s2f_utils as s2f
from s2f_studio.drawings.prepare import prepare
from s2f_studio.request import AVERAGE, DrawingRequest
from s2f_utils.infer import Model
from s2f_utils.pictures import images


def row(model: Model, drawing: np.ndarray, num: int, temperature: float | None) -> np.ndarray:
    """A drawing, uint8 (256, 256, 3), the average face, and `num` people: uint8 (256, W, 3)."""
    requests = [DrawingRequest(seed=seed, temperature=temperature) for seed in range(num)]
    requests.insert(0, DrawingRequest(answer=AVERAGE))
    return np.concatenate([drawing, *model.answer([drawing] * len(requests), requests)], axis=1)


def main() -> None:
    """Answer the drawings."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("sheet", type=Path)
    parser.add_argument("drawings", type=Path, nargs="+")
    parser.add_argument("--people", type=int, default=8, help="to each drawing")
    parser.add_argument("--temperature", type=float, help="default: by each drawing's crudeness")
    args = parser.parse_args()
    model = s2f.load(device="cpu")
    drawings = [prepare(images.load_rgb(path)).image for path in args.drawings]
    rows = [row(model, one, args.people, args.temperature) for one in drawings]
    Image.fromarray(np.concatenate(rows)).save(args.sheet)


if __name__ == "__main__":
    main()
