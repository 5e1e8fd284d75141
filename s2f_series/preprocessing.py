"""The part of preparing pairs that notebook 01 leaves to its readers, besides what
`pictures.faces` has.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def in_test(who: Sequence[str], asked: Sequence[str]) -> np.ndarray:
    """Whether each picture belongs to testing, bool (N,), so that no person is on both sides.

    who: the person in each of N pictures. asked: the people to be tested.
    """
    return np.isin(who, asked)
