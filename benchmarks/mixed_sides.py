"""How often mixed-up sides are noticed before a training without pairs, and how often a remark is wrong.

`python benchmarks/mixed_sides.py SET…`, data sets with a manifest.csv each. Of each set's pairs, by the source that the
manifest names, the sketches of one half of the people and the photos of the other are looked at, at most 200 of each:
as they are, exchanged, and with some of the other side's among them. Results: results/mixed_sides.json, numbers only.
"""

from __future__ import annotations

import argparse
import random
from collections import Counter
from pathlib import Path

import common
import numpy as np

from s2f_utils.data import read_manifest
from s2f_utils.pictures import sides
from s2f_utils.training.data import LOOKED_AT, features_of

MIN_PAIRS = 60
TONED = 0.6  # how colourful cream-coloured paper is: 24 grey levels between red and blue


def trials(sketches: np.ndarray, photos: np.ndarray) -> dict[str, list[str]]:
    """What is said about the sides of these pairs, `features` (N, 28) each, in every case."""
    half = len(sketches) // 2
    a, b, more_photos, more_sketches = sketches[:half], photos[half:], photos[:half], sketches[half:]
    grey, toned = b.copy(), a.copy()
    grey[:, sides.COLOUR] = 0
    toned[:, sides.COLOUR] = np.maximum(toned[:, sides.COLOUR], TONED)
    cases = {"as they should be": (a, b), "grey photos": (a, grey), "toned paper": (toned, b)}
    cases |= {"toned paper, grey photos": (toned, grey), "exchanged": (b, a), "exchanged, grey": (grey, a)}
    for share, name in ((0.02, "one of fifty"), (0.1, "a tenth"), (0.25, "a quarter"), (0.5, "half")):
        num = max(1, round(share * half))
        cases[f"photos among the sketches, {name}"] = (np.concatenate([a[num:], more_photos[:num]]), b)
        cases[f"sketches among the photos, {name}"] = (a, np.concatenate([b[num:], more_sketches[:num]]))
    cases["two folders of photos"] = (more_photos, b)
    cases["two folders of sketches"] = (a, more_sketches)
    return {name: [str(remark) for remark in sides.problems(*case)] for name, case in cases.items()}


def main() -> None:
    """Measure and write results/mixed_sides.json."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("sets", nargs="+", type=Path, help="folders of data sets")
    args = parser.parse_args()
    remarked, sets = Counter(), []
    for folder in args.sets:
        rows = [row for row in read_manifest(folder).split("train") if row.sketch and row.photo]
        for source in sorted({row.source for row in rows}):
            mine = [row for row in rows if row.source == source]
            random.Random(0).shuffle(mine)
            mine = mine[: 2 * LOOKED_AT]
            if len(mine) < MIN_PAIRS:
                continue
            found = trials(*(features_of([getattr(row, side) for row in mine]) for side in ("sketch", "photo")))
            remarked.update(name for name, said in found.items() if said)
            sets.append({"source": f"{folder.name} {source}", "pairs": len(mine), "said": found})
    names = list(sets[0]["said"])
    common.write("mixed_sides", {"num_sets": len(sets), "remarked": {n: remarked[n] for n in names}, "sets": sets})


if __name__ == "__main__":
    main()
