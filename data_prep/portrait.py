"""An aligned portrait and what is known of it."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True)
class Portrait:
    """An aligned portrait.

    photo: uint8 (256, 256, 3). points: float (164, 2), pixels, as `mesh` orders them. person, hair:
    float32 (256, 256) in [0, 1]. labels: what is known of it: glasses ("0", "1"), beard (none,
    stubble, moustache, goatee, full), hair_texture ("curly"), age ("old"), …. lines: of a hat or
    glasses that were drawn on it, each (N, 2) in pixels.
    """

    photo: np.ndarray
    points: np.ndarray
    person: np.ndarray
    hair: np.ndarray
    labels: dict[str, str] = field(default_factory=dict)
    lines: dict[str, tuple[np.ndarray, ...]] = field(default_factory=dict)
