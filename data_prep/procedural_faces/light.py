"""Light and colour: wall, skin and hair under one key light.

Colours are squared sRGB (gamma 2): light adds up there almost as it does in reality, and it needs
only products and square roots, which every machine rounds alike.
"""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np

from data_prep.procedural_faces.board import Scene
from data_prep.procedural_faces.curves import bell


def lin(rgb) -> np.ndarray:
    """sRGB 0..255 to the gamma-2 light in which the scene is painted."""
    return (np.asarray(rgb, np.float32) / 255) ** 2


def flesh_shadow(p: SimpleNamespace) -> np.ndarray:
    """The warm dark of folds in the skin."""
    return lin(p.skin) * np.array([0.48, 0.35, 0.32], np.float32)


def hair_tone(p: SimpleNamespace, lit) -> np.ndarray:
    """Hair colour (..., 3) for light from 0 (shadow) over 1 to 2 (shine)."""
    base = lin(p.hair_rgb.clip(12, 250))
    lit = np.asarray(lit, np.float32)[..., None]
    return base * lit * (1 + 0.25 * lit) * 0.8 + np.clip(lit - 1.15, 0, None) * 0.14 * (0.4 + base)


def skin_light(s: Scene, slope_x, slope_y, tint=1.0, gloss: float = 1.0) -> np.ndarray:
    """Skin (h, w, 3) whose surface falls by slope_x, slope_y towards the right and down,
    lit by the key light.

    Lambert with a soft terminator, a sky from above, a weak fill from the other side, and Blinn's
    highlight.
    """
    p = s.p
    inv = 1 / np.sqrt(slope_x**2 + slope_y**2 + 1)
    nl = (slope_x * p.light[0] + slope_y * p.light[1] + p.light[2]) * inv
    diffuse = np.maximum((nl + 0.25) / 1.25, 0)
    # Light that has travelled through skin is red: it shows where the surface turns away from the
    # light.
    edge = bell(((nl - 0.15) / 0.28) ** 2) * 0.10
    away = np.clip(-slope_x * np.sign(p.light[0]) * inv, 0, 1)
    sky = 0.21 - 0.06 * slope_y * inv + 0.08 * away + 0.04 * away**4
    light = diffuse[..., None] * (p.key * 0.94).astype(np.float32)
    light = light + sky[..., None] * np.array([0.97, 1.0, 1.06], np.float32)
    light = light + edge[..., None] * np.array([1.0, 0.1, -0.1], np.float32)
    half = p.light + (0, 0, 1)
    half = half / np.sqrt((half**2).sum())
    nh2 = np.clip((slope_x * half[0] + slope_y * half[1] + half[2]) * inv, 0, 1) ** 2
    nh8 = (nh2 * nh2) ** 2
    shine = gloss * (0.045 * nh8 * nh8 + 0.05 * nh8**5) * (0.7 + 0.4 * p.tone)
    return (
        lin(p.skin) * tint * light + shine[..., None] * np.array([1, 0.96, 0.9], np.float32)
    ).astype(np.float32)


def dome_light(p: SimpleNamespace, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The key light on a dome, as hair and hats are: x, y from -1 to 1 across it; negative where it
    is turned away.
    """
    x, y = np.clip(x, -1, 1), np.clip(y, -1, 1)
    return x * p.light[0] + y * p.light[1] + np.sqrt(np.clip(1 - x**2 - y**2, 0.05, 1)) * p.light[2]


def draw_background(s: Scene) -> None:
    """A wall or a blurred room."""
    rng, p = s.rng, s.p
    base = p.back_rgb * rng.uniform(0.8, 1.1)
    axis = (np.arange(s.size, dtype=np.float32) + 0.5) * (2 / s.size) - 1
    x, y = axis[None], axis[:, None]
    # Lit from the side of the key light, darker towards the corners.
    glow = bell(((x - 0.6 * np.sign(p.light[0])) ** 2 + (y + 0.3) ** 2) / 1.6)
    s.rgb[:] = lin(base.clip(30, 235)) * (0.55 + 0.75 * glow)[..., None]
    for _ in range(7 if rng.random() < 0.5 else 0):
        cx, cy, r = rng.uniform(-1, 1), rng.uniform(-1, 1), rng.uniform(0.15, 0.5)
        spot = bell((((x - cx) ** 2 + (y - cy) ** 2) / r**2) ** 2) * rng.uniform(0.1, 0.4)
        colour = lin((base + rng.uniform(-40, 50) + rng.uniform(-16, 16, 3)).clip(20, 245))
        s.rgb += (colour - s.rgb) * spot[..., None]
    s.rgb *= (1 + 0.03 * s.noise(9, 9) + 0.015 * s.noise(40, 40))[..., None]
