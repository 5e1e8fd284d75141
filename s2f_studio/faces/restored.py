"""The cheapest believable answer: the expected face, made small, restored by a published restorer, and laid over.

GFPGAN and CodeFormer have seen 70,000 photos of faces, and fill in what such faces have. Whoever looks at the answer
sees those faces more than the drawing: the further `strength` goes, the more.
"""

from __future__ import annotations

import numpy as np

from s2f_utils import weights
from s2f_utils.inference.restorers import Restorer
from s2f_utils.pictures import images

SMALL_PX = 96  # the expected face is soft: smaller, restorers take it for a photo of few pixels, not for a blurred one
STRENGTH = 0.8
USUAL = ("gfpgan-1.4", "codeformer", "restoreformer", "gfpgan-1.3", "gfpgan-1.2")


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


def restored(
    face: np.ndarray, restorer: Restorer, *, strength: float = STRENGTH, small_px: int = SMALL_PX, seed: int = 0
) -> np.ndarray:
    """An expected face, uint8 (S, S, 3), restored: uint8 (R, R, 3), R as the restorer makes them.

    strength: from 0, the face as it is, enlarged, to 1. small_px: the side to which it is made small first. Raises
    ValueError for another array or value, and what `Restorer.restore` raises.
    """
    if face.dtype != np.uint8 or face.ndim != 3 or face.shape[0] != face.shape[1] or face.shape[2] != 3:
        raise ValueError(f"a face must be uint8 (S, S, 3), got {face.dtype} {face.shape}")
    if not 0 <= strength <= 1:
        raise ValueError(f"strength must be from 0 to 1, got {strength:g}")
    if not small_px >= 16:
        raise ValueError(f"small_px must be 16 or more, got {small_px}")
    large = images.resize(face, restorer.size_px, "stretch")
    if strength == 0:
        return large
    small = images.resize(face, min(small_px, len(face)), "stretch")
    made = restorer.restore(images.resize(small, restorer.size_px, "stretch"), seed)
    return images.rounded(large + strength * (made.astype(np.float32) - large))
