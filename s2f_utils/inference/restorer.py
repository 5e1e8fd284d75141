"""A restorer of aligned faces, whichever engine runs it.

Shapes: S pixels of a restorer's square crop.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from s2f_utils import weights
from s2f_utils.inference.engine import Engine
from s2f_utils.pictures import images

COLOURS_OVER = 16  # colours are kept over a sixteenth of a face's side
LEAST_SPREAD = 0.02  # standard deviation of an answer, of 2: less is a flat picture


class RestoreError(RuntimeError):
    """A restorer's answer that is no picture; the message says what to do. The input is never given instead."""


@dataclass
class Restorer:
    """A network that restores faces, ready for crops; made by `load`. net: the network, where PyTorch runs it."""

    name: str
    engine: Engine
    size_px: int
    meta: dict[str, Any] = field(default_factory=dict)
    net: Any = None

    def restore(self, crop: np.ndarray, seed: int = 0) -> np.ndarray:
        """An aligned face, uint8 (S, S, 3) → restored, the same shape. seed: of the noise that detail is painted with.

        Half precision that ends in nothing (NaN, or a flat picture: GFPGAN is known for it) is done again in float32.
        Raises RestoreError where that fails, too, ValueError for another shape.
        """
        if crop.dtype != np.uint8 or crop.shape != (self.size_px, self.size_px, 3):
            raise ValueError(
                f"{self.name} takes uint8 ({self.size_px}, {self.size_px}, 3), got {crop.dtype} {crop.shape}"
            )
        x = crop / np.float32(127.5) - 1
        made = self._run("restore", crop, seed)
        if _is_nothing(made, x) and self.engine.has("again"):
            made = self._run("again", crop, seed)
        if _is_nothing(made, x):
            raise RestoreError(
                f"{self.name}: answered with {'a flat picture' if np.isfinite(made).all() else 'NaN'}: its file may"
                " be damaged or of another network; fetch it again, or choose another restorer"
            )
        return images.rounded(127.5 * ((with_colours_of(x, made) if self.keeps_colours else made) + 1))

    @property
    def keeps_colours(self) -> bool:
        """Whether colours and brightness, over wide places, are the crop's. Ours never learned to mend them, so that
        a change of theirs is a mistake; the published ones learned it.
        """
        return self.meta.get("method") == "restore"

    def _run(self, stage: str, crop: np.ndarray, seed: int) -> np.ndarray:
        """uint8 (S, S, 3) → float32 (S, S, 3), about [-1, 1]."""
        return self.engine.run(stage, crop[None], np.array([seed]))[0][0]


def with_colours_of(given: np.ndarray, made: np.ndarray) -> np.ndarray:
    """The answer with what was given in place of its coarse part, float32 (S, S, 3) each: a change as wide as a
    sixteenth of the side, and wider, is taken back.
    """
    import cv2

    wide = len(given) / COLOURS_OVER
    return made - cv2.GaussianBlur(made - given, (0, 0), wide, borderType=cv2.BORDER_REFLECT_101)


def _is_nothing(made: np.ndarray, given: np.ndarray) -> bool:
    """Whether an answer (S, S, 3) is not finite, or one colour although what was given is not."""
    if not np.isfinite(made).all():
        return True
    spread, before = (side.clip(-1, 1).std(axis=(0, 1)).max() for side in (made, given))
    return bool(spread < LEAST_SPREAD and before > 2 * LEAST_SPREAD)


def names() -> list[str]:
    """The restorers that can be used by name: our own, and published ones that are downloaded when they are used."""
    return [*weights.SHIPPED_RESTORERS, *(name for name, entry in weights.WEIGHTS.items() if entry.use == "restorer")]
