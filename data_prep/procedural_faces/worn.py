"""Glasses, earrings and hats."""

from __future__ import annotations

import numpy as np

from data_prep.procedural_faces.board import (
    BARE,
    EAR_R,
    EYE_G,
    HAIR,
    HAT,
    L_EYE,
    NOSE,
    R_BROW,
    SKIN,
    Scene,
)
from data_prep.procedural_faces.curves import ellipse, mirrored, resample, spline, strips
from data_prep.procedural_faces.head import face_outline, jaw_shift
from data_prep.procedural_faces.light import dome_light, lin


def draw_glasses(s: Scene) -> None:
    """Frames, lenses with a reflection, and arms;
    eyes and brows keep their labels, as in CelebAMask-HQ.
    """
    p = s.p
    thick, kind = p.glasses.split()
    width = (0.085 if thick == "thick" else 0.04) * p.scale
    colour = lin((30, 24, 24) if thick == "thick" else (112, 96, 66))
    if thick == "thick" and p.hat_rgb[0] > 110:
        colour = lin((92, 52, 30))
    power = 1.0 if kind == "round" else 0.45
    rx, ry = (0.31, 0.285) if kind == "round" else (0.335, 0.235)
    ring = ellipse(0, 0, 1, 1, 40, close=True)
    ring = np.sign(ring) * np.abs(ring) ** power * (rx, ry)
    before, sight = s.mask.copy(), (s.mask >= L_EYE) & (s.mask <= R_BROW)
    for k in (-1, 1):
        lens = s.surf(ring + (k * 0.44, 0.06), 0.08)
        middle = lens.mean(0)
        window, share = s.cover(lens)
        s.paint(window, share * 0.012, (0.75, 0.85, 0.95))
        s.mask[window][share >= 0.5] = EYE_G
        away = lens - middle
        glare = middle + np.stack([0.1 * away[:, 0] - 0.3 * away[:, 1], away[:, 1]], 1)
        glare[:, 0] += 0.14 * p.scale * np.sign(p.light[0])
        s.paint(window, s.blur(s.cover(glare, window)[1], 0.04) * share * 0.05, (1, 1, 1))
        rim = strips(lens, np.full(41, width))
        s.shade(rim, -0.03 * p.light[0], 0.05, 0.03, 0.35, (SKIN, NOSE))
        s.shape(rim, colour, EYE_G)
        s.line(lens[24:34], 0.4 * width / p.scale, np.minimum(colour * 3 + 0.08, 1), 0.6, 0.004)
        hinge = s.turn((k * (0.44 + rx * 0.99), 0.0), 0.08)
        if (k - hinge[0]) * k > 0.02:
            arm = s.head([hinge, (k * 1.0, -0.04)])
            s.shape(strips(arm, np.full(2, width * 0.9)), colour, EYE_G)
            s.pencil(arm, 1.2, 0.8)
        off = width / p.scale if thick == "thick" else 0
        for grow in {1 + off, 1 - off}:
            s.pencil(middle + away * grow, 1.0, 0.85, 0.6, 0)
    bridge = s.surf(spline([(-0.14, 0.0), (0, -0.05), (0.14, 0.0)]), 0.14)
    s.shape(strips(bridge, np.full(len(bridge), width)), colour, EYE_G)
    s.pencil(bridge, 1.2, 0.85)
    s.mask[sight] = before[sight]


def draw_earrings(s: Scene) -> None:
    """Hoops or drops below both ears that can be seen."""
    p, rng = s.p, s.rng
    gold = lin([(222, 182, 96), (214, 214, 220), (206, 232, 236)][rng.integers(3)])
    hoop = rng.random() < 0.4
    for k in (-1, 1):
        near = -k * np.sin(p.yaw)
        if near < -0.25:
            continue
        x, y = k * (1.0 - 0.1 * max(near, 0)), 0.55
        if hoop:
            ring = s.head(ellipse(x, y + 0.12, 0.11, 0.15, 24, close=True))
            s.shape(strips(ring, np.full(25, 0.05 * p.scale)), gold * 0.9, EAR_R)
            s.line(ring[13:20], 0.03, np.minimum(gold * 1.6, 1), 0.7)
            s.pencil(ring, 1.0, 0.75, 0.5, 0)
            continue
        for r, dy in ((0.05, 0.0), (0.085, 0.14)):
            bead = s.head(ellipse(x, y + dy, r, r * 1.1, 14, close=True))
            s.shape(bead, gold * 0.8, EAR_R)
            shine = ellipse(
                x + 0.3 * r * np.sign(p.light[0]), y + dy - 0.3 * r, r * 0.35, r * 0.35, 10
            )
            s.shape(s.head(shine), np.minimum(gold * 1.6 + 0.15, 1))
            s.erase(bead)
            s.pencil(bead, 0.9, 0.75, 0.5, 0)


def draw_hat(s: Scene) -> None:
    """Beanie, cap, hat with a brim, or headscarf."""
    p = s.p
    front = s.turn(spline(mirrored([(-0.999, -0.5), (-0.7, -0.66), (0, -0.74)]), 8))
    front = np.concatenate([[(-1.1, -0.48)], front, [(1.1, -0.48)]])
    tall = {"beanie": -1.74, "cap": -1.62, "brim": -1.78, "headscarf": -1.6}[p.hat]
    half = [(1.12, -0.5), (1.13, -0.85), (0.95, -1.3), (0.5, tall + 0.06), (0, tall)]
    if p.hat == "brim":
        half = [(1.1, -0.5), (1.06, -0.95), (0.98, -1.4), (0.62, tall), (0, tall + 0.09)]
    pts = np.concatenate([front, spline(mirrored(half), 6)])
    if p.hat == "headscarf":
        pts, front = _scarf(s, tall)
    img = s.head(pts)
    s.shade(img, -0.06 * p.light[0], 0.12, 0.07, 0.5, (*BARE, EYE_G, HAIR))
    window, share = s.cover(img)
    x, y = s.x[window], s.y[window]
    nl = dome_light(p, x / 1.3, (y + 0.6) / 1.6)
    weave = 0.06 * s.noise(10, 7)[window]
    if p.hat == "beanie":
        weave = weave + 0.09 * np.sin(x * 34 / (1.15 - 0.25 * (y + 0.6) ** 2))
    if p.hat == "headscarf":
        weave = weave + 0.09 * np.sin(15 * np.sqrt((x / 1.1) ** 2 + ((y + 0.2) / 1.5) ** 2) + 2 * x)
    colour = lin(p.hat_rgb)
    s.paint(
        window,
        share,
        colour * np.clip(0.3 + 0.75 * np.clip(nl, 0, 1) + weave, 0.08, 1.4)[..., None],
    )
    s.mask[window][share >= 0.5] = HAT
    s.erase(img)
    s.pencil(s.head(front), 1.1)
    s.pencil(img[len(front) :], 1.2)
    if p.hat == "beanie":
        band = np.concatenate([front, front[::-1] * (1.02, 1) - (0, 0.3)])
        s.shape(s.head(band), colour * 1.15, HAT, 0.35)
        s.pencil(s.head(front - (0, 0.3)), 0.9)
        ribs = resample(front, 20)[1:-1, None] + np.array([(0, -0.03), (0, -0.15), (0, -0.27)])
        s.line(s.head(ribs), 0.035, colour * 0.5, 0.5, 0.01)
        s.pencils(s.head(ribs), 0.6, 0.45)
    elif p.hat in ("cap", "brim"):
        _brim(s, front, colour, tall)


def _brim(s: Scene, front: np.ndarray, colour: np.ndarray, tall: float) -> None:
    p = s.p
    turn = 0.35 * np.sin(p.yaw) if p.hat == "cap" else 0.0
    wide, y = (0.98, -0.52) if p.hat == "cap" else (1.75, -0.55)
    half = [(-wide, y - 0.04), (-wide * 0.6, y - 0.2), (0, y - 0.26)]
    edge = [(wide * 0.62, y + 0.13), (0, y + 0.2), (-wide * 0.62, y + 0.13)]
    brim = np.concatenate([mirrored(half), edge]) + (turn, 0)
    brim = s.head(spline(brim, 6, closed=True))
    s.shade(brim, 0, 0.13, 0.06, 0.5, (*BARE, EYE_G, HAIR))
    window, share = s.cover(brim)
    fall = np.clip((s.y[window] - y + 0.2) / 0.4, 0, 1)
    s.paint(window, share, colour * (1.1 - 0.75 * fall)[..., None])
    s.mask[window][share >= 0.5] = HAT
    s.erase(brim)
    s.pencil(np.concatenate([brim, brim[:1]]), 1.2, 0.8)
    if p.hat == "brim":
        s.shape(
            s.head(np.concatenate([front - (0, 0.12), front[::-1] - (0, 0.3)])),
            colour * 0.3,
            HAT,
            0.85,
        )
        s.pencil(s.head(front - (0, 0.3)), 0.9)
        return
    seam = s.head(spline([(turn, -0.75), (turn * 0.7, -1.2), (turn * 0.3, tall)]))
    s.line(seam, 0.03, colour * 0.4, 0.6)
    s.pencil(seam, 0.7, 0.5)


def _scarf(s: Scene, tall: float) -> tuple[np.ndarray, np.ndarray]:
    """Outline of a headscarf with a hole for the face, cut open at the bottom;
    and the hole's edge alone.
    """
    p = s.p
    half = [
        (-1.9, 3.0),
        (-1.45, 2.0),
        (-1.15, 1.2),
        (-1.2, 0.5),
        (-1.17, -0.4),
        (-1.05, -1.05),
        (-0.6, tall + 0.1),
        (0, tall),
    ]
    # The hole follows the jaw, a little inside it, and closes over the forehead.
    left, right = (side[side[:, 1] > -0.3] for side in face_outline(p))
    brow = spline([left[0], *s.turn([(-0.5, -0.79), (0, -0.9), (0.5, -0.79)]), right[0]])
    middle = np.array([jaw_shift(p, 0.5), 0.5])
    hole = middle + (np.concatenate([left[:0:-1], brow, right[1:]]) - middle) * 0.94
    outer = spline(mirrored(half), 8)
    return np.concatenate([hole, [(0, 3.0)], outer[::-1], [(0, 3.0)]]), hole
