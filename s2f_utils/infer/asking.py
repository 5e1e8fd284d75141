"""A model's description, `Facts`. Shapes: S pixels of a model's pictures."""

from __future__ import annotations

import functools
from dataclasses import dataclass

from s2f_utils.networks.card import read_by

LEAST_PX = 16  # least side of a picture of a face
DETAIL_OF_DRAWINGS = (
    0.5  # more of it glitters on lines and smooth paper; soft pencil portraits tolerate 1
)


@dataclass(frozen=True)
class Facts:
    """A model's description, without its network."""

    name: str  # the name used by the user
    direction: str  # from which domain to which
    size_px: int  # S
    knows: frozenset[str] = (
        frozenset()
    )  # supported fields of a request: seed, detail, styles, answer, likely, person
    layout: str = "aligned"  # for faces aligned to `faces.TEMPLATE`; "": pictures need no alignment

    @functools.cached_property
    def reads(self) -> str:
        """ "sketch", "map", "photo", "sketch and map", or "" for a model that takes random codes
        alone.
        """
        return read_by(self.direction)
