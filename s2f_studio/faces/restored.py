"""The cheapest believable answer: the expected face, made small, restored by a published restorer, and laid over.

GFPGAN and RestoreFormer have seen 70,000 photos of faces, and fill in what such faces have. Whoever looks at the answer
sees those faces more than the drawing.
"""

from __future__ import annotations

import numpy as np

from s2f_utils import weights
from s2f_utils.inference.restorers import Restorer
from s2f_utils.pictures import images

SMALL_PX = 96  # the expected face is soft: smaller, restorers take it for a photo of few pixels, not for a blurred one
STRENGTH = 0.8  # from 0, the face as it is, to 1, the restored one
USUAL = ("gfpgan-1.4", "restoreformer", "gfpgan-1.3", "gfpgan-1.2")


def here() -> str:
    """The published restorer that is on this machine, the first of `USUAL`; "" where none is. Nothing is fetched."""
    for name in USUAL:
        try:
            if weights.find(name):
                return name
        except weights.WeightsError:
            continue
    return ""


def terms_of(restorer: str) -> str:
    """Under which terms its answers may be used."""
    return weights.entry_of(restorer).licence if restorer in weights.WEIGHTS else weights.OWN_TERMS


def restored(face: np.ndarray, restorer: Restorer) -> np.ndarray:
    """An expected face, uint8 (S, S, 3), made small, restored and laid over: uint8 (R, R, 3), R the restorer's size.

    Raises what `Restorer.restore` raises.
    """
    large = images.resize(face, restorer.size_px, "stretch")
    small = images.resize(face, SMALL_PX, "stretch")
    made = restorer.restore(images.resize(small, restorer.size_px, "stretch"))
    return images.rounded(large + STRENGTH * (made.astype(np.float32) - large))
