"""Who is shown next, after rounds of choosing: people near the ones who were picked.

The middle of the picks moves away from who was passed over, and each round is narrower than the one
before. The exported page does the same (page/exported/static/choose.js).

Shapes: K directions of W.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from s2f_studio.codes import code_of, mean_of
from s2f_studio.request import Round

FIRST, NARROWER = 1.3, 0.9  # of the spread: after one round, and each round's of the one before
PUSH = 0.35  # how far from who was passed over, in their distances
OLDER = 0.5  # weight of each round's picks, of the next one's


def usual_temperature(crude: float) -> float:
    """The default temperature for a drawing so crude, from 0 to 1."""
    return 0.45 + 0.1 * min(1.0, max(0.0, crude))


def centre_of(rounds: Sequence[Round]) -> tuple[np.ndarray, float] | None:
    """The code around which the next people lie, float32 (K,), and their spread, as a share of the
    usual one; None where nobody was picked yet.
    """
    centre, weight, spread = None, 0.0, 1.0
    for one in rounds:
        if not one.picked:
            continue
        picked = mean_of([code_of(text) for text in one.picked])
        aim = picked
        if one.passed:
            passed = mean_of([code_of(text) for text in one.passed])
            aim = picked + PUSH * (picked - passed)
        weight = OLDER * weight
        centre = aim if centre is None else (weight * centre + aim) / (weight + 1)
        weight += 1
        spread = FIRST if spread == 1.0 else NARROWER * spread
    return None if centre is None else (centre.astype(np.float32), spread)
