"""A portrait that drawings are made from: photo, points, hair, person, and what it shows."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from s2f_studio.drawings import mesh


@dataclass(frozen=True)
class Portrait:
    """An aligned portrait.

    photo: uint8 (256, 256, 3). points: float (164, 2), pixels, as `faces.mesh` orders them. person,
    hair: float32 (256, 256) in [0, 1]. shows: what is known about it: glasses ("0", "1"), beard
    (none, stubble, moustache, goatee, full), hair_texture ("curly"), age ("old"), …. lines: of what
    was put on it, "hat" and "glasses", each (N, 2) in pixels.
    """

    photo: np.ndarray
    points: np.ndarray
    person: np.ndarray
    hair: np.ndarray
    shows: dict[str, str] = field(default_factory=dict)
    lines: dict[str, tuple[np.ndarray, ...]] = field(default_factory=dict)


def mirrored(portrait: Portrait) -> Portrait:
    """The portrait as a mirror shows it."""
    last = portrait.photo.shape[1] - 1
    points = (portrait.points * [-1, 1] + [last, 0])[mesh.mirror()].astype(np.float32)
    lines = {
        name: tuple(line * [-1, 1] + [last, 0] for line in own)
        for name, own in portrait.lines.items()
    }
    flipped = {
        name: np.ascontiguousarray(getattr(portrait, name)[:, ::-1])
        for name in ("photo", "person", "hair")
    }
    return replace(portrait, points=points, lines=lines, **flipped)
