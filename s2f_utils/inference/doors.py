"""Where a package adds how drawings are prepared, and how other files than PyTorch's are opened."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

import numpy as np

from s2f_utils.extensions import extend
from s2f_utils.inference.facts import Facts
from s2f_utils.pictures import images, masks
from s2f_utils.pictures.remarks import Remark


class Preparer(Protocol):
    """What lays a person's picture out as a model expects it."""

    def prepared_for(self, facts: Facts, picture: Any, **options: Any) -> Any:
        """The picture as this model expects it, as `given`, uint8 (H, W, 3) or class numbers (H, W)."""

    def advice_on(self, picture: np.ndarray, reads: str) -> Remark | None:
        """What to tell who gives this picture, uint8 (H, W, 3), to a model that reads sketches or photos."""


class Opener(Protocol):
    """What opens models that PyTorch does not run; None for what it leaves to the next."""

    def open_model(self, model: str | Path, device: str, engine: str, **options: Any) -> Any:
        """As `inference.load`, or None."""

    def open_restorer(self, restorer: str | Path, device: str, engine: str) -> Any:
        """As `restorers.load`, or None."""


PREPARERS: list[Preparer] = []
OPENERS: list[Opener] = []


def prepared(facts: Facts, picture: str | Path | np.ndarray, **options: Any) -> np.ndarray:
    """A picture as a model expects it: cleaned, its face found and laid out, by the first of `PREPARERS`.

    Without one, maps and pictures of models that take them as they are can be given; ValueError for other models.
    """
    extend("answers")
    for preparer in PREPARERS:
        return preparer.prepared_for(facts, picture, **options).given
    if facts.layout and facts.reads != "map":
        raise ValueError(f"{facts.name}: aligned pictures are needed, and s2f_studio, which aligns them, is not there")
    if facts.reads == "map":
        return masks.labels_of(picture if isinstance(picture, np.ndarray) else masks.load(picture))
    return picture if isinstance(picture, np.ndarray) else images.load_rgb(picture)


def advice_on(picture: np.ndarray, reads: str) -> Remark | None:
    """What to tell who gives this picture, uint8 (H, W, 3), to a model that reads sketches or photos, if anything."""
    extend("answers")
    return next((preparer.advice_on(picture, reads) for preparer in PREPARERS), None)
