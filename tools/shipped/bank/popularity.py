"""Hold popular entries back: `python -m tools.shipped.bank.popularity PORTRAITS WORK`.

Some entries fit nearly every drawing a little, and would come again and again. For drawings that no
measure uses, entries are chosen by the shipped weights; who comes more often than the others gets
an offset below 0, who comes seldom one above, until that no longer changes much. Writes
WORK/popularity.npz; `build` adds the offsets. Run `build` before and after it.
"""

from __future__ import annotations

import argparse
import itertools
from pathlib import Path

import numpy as np
from tqdm import tqdm

import s2f_studio
from s2f_studio.drawings.landmarks import find_landmarks
from s2f_studio.faces import bank, choosing
from s2f_studio.faces.model import FaceModel
from s2f_studio.request import PER_ROUND, DrawingRequest
from tools.shipped.bank.drawings import by_code, of_portraits

NUM_PORTRAITS, NUM_BY_CODE = 160, 80
NUM_BLOCKS, ROUNDS = 8, 14  # rounds of eight a drawing, rounds of fitting
STEP, LEAST, MOST = 0.35, -4.0, 0.5  # nats


def weights_of(portraits: Path) -> tuple[np.ndarray, np.ndarray]:
    """The weights of all entries for many drawings, (D, 2 E), and how crude each is, (D,)."""
    model = s2f_studio.load("sketch-to-photo", "cpu", engine="torch")
    assert isinstance(model, FaceModel)
    made = [
        *itertools.islice(of_portraits(portraits), NUM_PORTRAITS),
        *itertools.islice(by_code(NUM_BY_CODE), NUM_BY_CODE),
    ]
    weights, crude = [], []
    for square, _ in tqdm(made, desc="drawings"):
        look, ask = find_landmarks(square), DrawingRequest()
        average = model.averages(square[None], [look], [ask])[0]
        weights.append(model.weigh(square, look, average, ask).nats)
        crude.append(look.flags["crude"])
    return np.stack(weights), np.array(crude)


def fitted(weights: np.ndarray, crude: np.ndarray, numbers: np.ndarray) -> np.ndarray:
    """The offset of each entry: (E,)."""
    num = len(numbers)
    best = np.maximum(weights[:, :num], weights[:, num:])
    offset = np.zeros(num)
    for turn in range(ROUNDS):
        counts = np.zeros(num)
        for row, degree in zip(best, crude, strict=True):
            for block in range(NUM_BLOCKS):
                free = choosing.usual_temperature(degree)
                counts[choosing.eight_of(row + offset, numbers, block, free)] += 1
        usual = PER_ROUND * NUM_BLOCKS * len(best) / num
        offset = np.clip(offset - STEP * np.log((counts + 2) / (usual + 2)), LEAST, MOST)
        largest = np.sort(counts)[-num // 20 :].sum() / counts.sum()
        print(f"{turn}: the twentieth who come most often have {largest:.2f} of the answers")
    return offset


def main() -> None:
    """Fit and write."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("portraits", type=Path)
    parser.add_argument("work", type=Path)
    args = parser.parse_args()
    written = args.work / "popularity.npz"
    if written.exists():  # the shipped weights have these offsets in them, and would lose them
        parser.error(f"{written} is there: remove it, run build, and then this again")
    shipped = bank.shipped()
    offset = fitted(*weights_of(args.portraits), shipped.numbers)
    keys = [f"{row['set']}/{Path(row['file']).stem}" for row in shipped.rows]
    np.savez(written, key=np.array(keys), offset=offset)


if __name__ == "__main__":
    main()
