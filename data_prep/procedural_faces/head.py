"""The head: ears, skull and jaw, the relief of its features, the colours and folds of its skin."""

from __future__ import annotations

from types import SimpleNamespace
from typing import NamedTuple

import numpy as np

from data_prep.procedural_faces.board import CLOTH, L_EAR, NECK, NECK_L, R_EAR, SKIN, Scene
from data_prep.procedural_faces.curves import bell, spline
from data_prep.procedural_faces.light import flesh_shadow, skin_light

_EAR = [
    (0.0, -0.1),
    (0.08, -0.2),
    (0.165, -0.16),
    (0.19, -0.02),
    (0.165, 0.14),
    (0.12, 0.26),
    (0.1, 0.38),
    (0.05, 0.45),
    (0.0, 0.42),
    (-0.06, 0.2),
]


def draw_ears(s: Scene) -> None:
    """Both ears; the far one hides when the head turns."""
    p = s.p
    for k, label in ((-1, L_EAR), (1, R_EAR)):
        near = -k * np.sin(p.yaw)  # positive for the ear that the head turns to us
        wide = 1 + (0.5 if near > 0 else 2.0) * near
        if wide < 0.35:
            continue
        place, flip = np.array([k * (0.955 - 0.12 * max(near, 0)), 0.05]), np.array([k * wide, 1.0])
        pts = s.head(spline(_EAR, 4, closed=True) * flip + place)
        window, share = s.cover(pts)
        x, y = (s.x[window] - place[0]) * k / wide, s.y[window] - place[1]
        hollow = bell(((x - 0.07) / 0.05) ** 2 + ((y - 0.1) / 0.13) ** 2)
        groove = bell(((x - 0.115) / 0.025) ** 2 + (y / 0.18) ** 2)
        tint = (1 - (0.55 * hollow + 0.35 * groove)[..., None] * np.array([0.7, 1.0, 1.05])) * (
            0.94,
            0.81,
            0.79,
        )
        s.paint(window, share, skin_light(s, 0 * x + 0.5 * k, 0 * x - 0.1, tint, 0.5))
        s.mask[window][share >= 0.5] = label
        s.erase(pts)
        s.pencil(pts, 0.9)
        s.pencil(
            s.head(spline([(0.03, -0.08), (0.1, -0.12), (0.13, 0.0), (0.1, 0.16)]) * flip + place),
            0.6,
            0.5,
        )
        s.pencil(s.head(spline([(0.03, 0.02), (0.07, 0.1), (0.03, 0.22)]) * flip + place), 0.6, 0.5)


def jaw_shift(p: SimpleNamespace, y):
    """How far the turn of the head moves its outline at height y:
    the chin most, the skull not at all.
    """
    return 0.42 * np.sin(p.yaw) * np.clip((y + 0.4) / 1.8, 0, 1) ** 1.3


def face_outline(p: SimpleNamespace) -> tuple[np.ndarray, np.ndarray]:
    """Silhouette of skull and jaw in head units: left and right side (M, 2), from crown to chin."""
    cheek, jaw, c = 0.035 * (p.full - 0.5), 0.145 * (p.jaw - 0.4), p.chin
    half = [
        (0.0, -1.42),
        (0.42, -1.36),
        (0.74, -1.14),
        (0.93, -0.78),
        (1.0, -0.35),
        (0.99, 0.05),
        (0.95 + cheek, 0.4),
        (0.855 + 2 * cheek + 0.35 * jaw, 0.52 * c),
        (0.7 + 3 * cheek + jaw, 0.735 * c),
        (0.48 + 2 * cheek + jaw, c - 0.18),
        (0.255 + 0.6 * jaw, c - 0.035),
        (0.0, c),
    ]
    right = spline(half + [(-half[-2][0], half[-2][1])])[:67]
    sides = []
    for k in (-1, 1):
        side = right * (k, 1)
        side[:, 0] += jaw_shift(p, side[:, 1])
        sides.append(side)
    return sides[0], sides[1]


def draw_head(s: Scene) -> None:
    """Skull, face and jaw: bare skin, lit; the features' relief is in it already."""
    p = s.p
    left, right = face_outline(p)
    outline = s.head(np.concatenate([left, right[-2:0:-1]]))
    s.shade(outline, -0.22 * p.light[0], 0.27, 0.1, 0.6, (NECK, NECK_L, CLOTH))
    window, share = s.cover(outline)
    x, y = s.x[window], s.y[window]
    bend = jaw_shift(p, y)
    half = np.interp(y, right[:, 1], right[:, 0] - jaw_shift(p, right[:, 1])).astype(np.float32)
    flat = np.clip((x - bend) / np.maximum(s.blur(half, 0.1), 0.2), -1, 1)
    nx = 0.97 * np.sign(flat) * np.abs(flat) ** 1.7
    t = np.clip((y - 0.05) / np.where(y < 0.05, 1.5, p.chin + 0.05), -1, 1)
    ny = 0.8 * np.sign(t) * np.abs(t) ** 2.6
    nz = np.sqrt(np.maximum(1 - nx**2 - ny**2, 0.16))
    xc = np.clip(x, -0.999, 0.999)
    u = (xc * np.cos(p.yaw) - np.sqrt(1 - xc**2) * np.sin(p.yaw)).astype(np.float32)
    gy, gx = np.gradient(_relief(p, u, y), 1 / (p.scale * s.size))
    tint = _complexion(s, window, u, y)
    s.paint(window, share, skin_light(s, nx / nz - gx, ny / nz - gy, tint, 1 - 0.3 * p.child))
    s.mask[window][share >= 0.5] = SKIN
    s.erase(outline)
    for side in (left, right):
        s.pencil(s.head(side[24:]), 1.25)
        s.pencil(s.head(side[:26]), 1.1)


class _Bump(NamedTuple):
    """A smooth rise (or hollow) of the face: its place (u is mirrored), its extent, and how high it
    is, in head units.
    """

    u: float
    v: float
    width: float
    height: float
    amplitude: float


def _relief(p: SimpleNamespace, u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Height of brow, sockets, nose, cheeks, lips and chin over the head, in head units."""
    my, ny, sag, smile = p.mouth_y, p.nose_y, p.old, max(p.smile, 0)
    bumps = {
        "forehead": _Bump(0.0, -0.62, 0.5, 0.34, 0.06),
        "brow ridge": _Bump(0.33, -0.22, 0.24, 0.085, 0.03 + 0.03 * (not p.feminine)),
        "eye socket": _Bump(0.41, 0.01, 0.25, 0.15, -0.12),
        "inner corner of the eye": _Bump(0.17, -0.04, 0.07, 0.12, -0.05),
        "eyeball": _Bump(p.eye_x, -0.01, 0.17, 0.11, 0.075),
        "bag below the eye": _Bump(p.eye_x, 0.2, 0.16, 0.05, 0.008 + 0.014 * sag),
        "groove below the bag": _Bump(0.4, 0.29, 0.2, 0.06, -0.012 - 0.01 * sag),
        "cheekbone": _Bump(0.62, 0.36, 0.25, 0.18, 0.07 - 0.02 * p.child),
        "cheek": _Bump(0.46, 0.6, 0.2, 0.2, 0.03 * p.full + 0.055 * smile),
        "hollow of the cheek": _Bump(0.68, 0.8, 0.16, 0.24, -0.05 * (1 - p.full) - 0.02 * sag),
        "temple": _Bump(0.85, -0.35, 0.16, 0.3, -0.05),
        "mouth area": _Bump(0.0, my, 0.4, 0.24, 0.07),
        "philtrum": _Bump(0.0, my - 0.19, 0.035, 0.08, -0.016),
        "ridge of the philtrum": _Bump(0.065, my - 0.19, 0.04, 0.09, 0.012),
        "upper lip": _Bump(0.1, my - 0.055, 0.14, 0.045, 0.02 * p.lip),
        "lower lip": _Bump(0.0, my + 0.095, 0.2, 0.055, 0.045 * p.lip),
        "groove below the lips": _Bump(0.0, my + 0.215, 0.2, 0.05, -0.035),
        "chin": _Bump(0.0, p.chin - 0.2, 0.2, 0.14, 0.09 if p.feminine else 0.11),
        "corner of the mouth": _Bump(p.mouth_w + 0.04, my + p.corner, 0.05, 0.07, -0.03),
        "jowl": _Bump(0.5, p.chin - 0.3, 0.16, 0.2, 0.02 + 0.03 * sag),
        "wing of the nose": _Bump(p.nose_w - 0.035, ny - 0.03, 0.066, 0.075, 0.07 * p.nose_h),
        "groove beside the wing": _Bump(p.nose_w + 0.07, ny - 0.02, 0.05, 0.1, -0.03),
    }
    mirrored_u = np.abs(u)
    height = np.zeros_like(u)
    for bump in bumps.values():
        across, down = (mirrored_u - bump.u) / bump.width, (v - bump.v) / bump.height
        height += np.float32(bump.amplitude) * bell(across**2 + down**2)
    # The nose: a ridge that rises and widens from between the eyes to the tip, then falls off
    # steeply.
    t = np.clip((v + 0.12) / (ny + 0.06), 0, 1)
    nu = u - 0.2 * np.sin(p.yaw) * t
    fall = 1 / (1 + np.exp(np.clip((v - ny - 0.015 + 1.3 * nu**2) / 0.03, -30, 30)))
    ridge = (0.035 + 0.155 * t**1.3) * bell((nu / (0.088 + 0.047 * t)) ** 2)
    tip = 0.09 * bell((nu / 0.12) ** 2 + ((v - ny + 0.075) / 0.1) ** 2)
    return height + p.nose_h * fall * (ridge + tip) * np.clip((v + 0.3) * 6, 0, 1)


def _complexion(s: Scene, window, u, v) -> np.ndarray:
    """Colour of the skin relative to its base (h, w, 3): blood in cheeks and nose, freckles,
    blotches, tired eyes.
    """
    p, au = s.p, np.abs(u)
    red = p.blush * bell(((au - 0.58) / 0.24) ** 2 + ((v - 0.45) / 0.22) ** 2)
    red += 0.55 * bell((u / 0.16) ** 2 + ((v - p.nose_y + 0.08) / 0.16) ** 2)
    red += (
        0.25 * bell((u / 0.25) ** 2 + ((v - p.chin + 0.15) / 0.15) ** 2)
        + 0.1 * s.noise(12, 12)[window]
    )
    tint = 1 - red[..., None] * np.array([0.02, 0.22, 0.18], np.float32)
    tired = (0.10 + 0.10 * p.old) * bell(((au - 0.4) / 0.17) ** 2 + ((v - 0.17) / 0.08) ** 2)
    tired += 0.12 * bell(((au - 0.32) / 0.2) ** 2 + ((v + 0.1) / 0.09) ** 2)
    tint = tint * (1 - tired[..., None] * np.array([0.9, 1.0, 0.8], np.float32))
    mottle = 0.018 * s.noise(30, 30) + (0.01 + 0.015 * p.old) * s.noise(80, 80)
    tint = tint * (1 + mottle[window])[..., None]
    if p.freckles:
        spots = np.clip(s.noise(110, 110) - 1.2, 0, 0.9)[window] * bell(
            (au / 0.75) ** 4 + ((v - 0.35) / 0.32) ** 2
        )
        tint = tint * (1 - spots[..., None] * np.array([0.22, 0.4, 0.5], np.float32))
    if p.grown_man and p.beard == "none":  # shaven chin
        jaw = bell((au / 0.75) ** 4 + ((v - 1.15) / 0.36) ** 4)
        tint = tint * (1 - 0.12 * jaw[..., None] * np.array([1.0, 0.75, 0.55], np.float32))
    return tint


def draw_wrinkles(s: Scene) -> None:
    """Folds of age, of a smile, of surprise, of a frown."""
    p, dark = s.p, flesh_shadow(s.p)
    depth = 0.55 * p.old + 0.4 * max(p.smile, 0) * (1 - 0.9 * p.child)
    for k in (-1, 1):
        fold = [
            (p.nose_w + 0.03, p.nose_y - 0.05),
            (p.nose_w + 0.13, p.nose_y + 0.12),
            (p.mouth_w + 0.07, p.mouth_y + p.corner - 0.04),
            (p.mouth_w + 0.09, p.mouth_y + 0.1),
        ]
        fold = s.surf(spline(fold) * (k, 1))
        if depth > 0.08:
            s.line(fold, 0.05, dark, min(0.45 * depth, 0.45), 0.022)
            s.pencil(fold[: -4 if p.old < 0.4 else None], 0.8, 0.25 + 0.35 * min(depth, 1))
        if p.old > 0.15:
            bag = s.surf(spline([(k * 0.24, 0.13), (k * 0.4, 0.21), (k * 0.58, 0.17)]))
            s.line(bag, 0.035, dark, 0.28 * p.old, 0.016)
            s.pencil(bag, 0.6, 0.2 + 0.25 * p.old)
            at = np.arange(3)[:, None]
            feet = np.stack(
                [0 * at + (0.68, 0.75, 0.82), (-0.02, -0.03, -0.07) + at * (0.05, 0.07, 0.11)], 2
            )
            feet = s.surf(feet * (k, 1))
            s.line(feet, 0.022, dark, 0.45 * p.old, 0.006)
            s.pencils(feet, 0.5, 0.5 * p.old)
        if p.mood == "stern":
            s.line(
                s.surf([(k * 0.07, -0.3), (k * 0.06, -0.2), (k * 0.08, -0.13)]),
                0.035,
                dark,
                0.5,
                0.01,
            )
    for y in (-0.55, -0.68, -0.81) if p.old > 0.35 or p.mood == "surprised" else ():
        wide = 0.46 + 0.2 * (-0.7 - y)
        brow = [
            (-wide, y + 0.02),
            (-0.2, y - 0.02),
            (0, y + 0.012),
            (0.25, y - 0.02),
            (wide, y + 0.02),
        ]
        brow = s.surf(spline(brow))
        s.line(brow, 0.03, dark, 0.28 * max(p.old, 0.35), 0.012)
        s.pencil(brow, 0.6, 0.35 * max(p.old, 0.5))
