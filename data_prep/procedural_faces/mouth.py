"""Mouth and nose."""

from __future__ import annotations

import numpy as np

from data_prep.procedural_faces.board import L_LIP, MOUTH, NOSE, SKIN, U_LIP, Scene
from data_prep.procedural_faces.curves import bell, ellipse, mirrored, mix, spline
from data_prep.procedural_faces.light import lin


def draw_mouth(s: Scene) -> None:
    """Lips, and teeth where they part."""
    p = s.p
    my, w, cy, g = p.mouth_y, p.mouth_w, p.mouth_y + p.corner, p.gap
    smile = max(p.smile, 0)
    up, low, under = 0.09 * p.lip * (1 - 0.25 * smile), 0.125 * p.lip * (1 - 0.15 * smile), 0.62 * g
    corner = (-w, cy)
    top = [
        corner,
        (-0.62 * w, mix(my, cy, 0.35) - up * 0.55),
        (-0.24 * w, my - up),
        (0, my - up * 0.8),
    ]
    seam_up = [corner, (-0.5 * w, mix(my, cy, 0.3) + 0.01 - 0.32 * g), (0, my + 0.012 - 0.38 * g)]
    seam_low = [corner, (-0.55 * w, mix(my, cy, 0.3) + 0.01 + 0.5 * g), (0, my + 0.012 + under)]
    bottom = [
        corner,
        (-0.6 * w, mix(my, cy, 0.4) + low * 0.62 + 0.5 * g),
        (-0.2 * w, my + low + under),
        (0, my + low + 0.01 + under),
    ]
    top, seam_up, seam_low, bottom = (
        spline(mirrored(c), 8) for c in (top, seam_up, seam_low, bottom)
    )
    skin = lin(p.skin)
    natural = mix(skin, lin((182, 80, 82)) * (0.25 + 1.2 * skin.mean()), 0.6) * np.array(
        [1.0, 0.82, 0.84]
    )
    lips = natural if p.lipstick is None else lin(p.lipstick) * (0.65 + 0.9 * skin.mean())
    window, whole = s.cover(s.surf(np.concatenate([top, bottom[::-1]])), pad=0.02)
    y, xm = s.y[window], s.x[window] - s.turn((0, my))[0]
    lit = 0.92 + 0.22 * np.clip(xm / w * p.light[0], -1, 1)
    if g > 0:
        _open_mouth(s, window, seam_up, seam_low, lit, xm)
    for pts, level, label in (
        (np.concatenate([top, seam_up[::-1]]), 0.72, U_LIP),
        (np.concatenate([seam_low, bottom[::-1]]), 0.95, L_LIP),
    ):
        _, share = s.cover(s.surf(pts), window)
        roll = bell(((y - my - under - 0.035) / (low * 0.75)) ** 2) if label == L_LIP else 0.5
        soft = share if p.lipstick is not None else s.blur(share, 0.012)
        s.paint(window, soft * 0.94, lips * (lit * level * (0.72 + 0.36 * roll))[..., None])
        s.mask[window][share >= 0.5] = label
    gx = 0.15 * w * np.sign(p.light[0])
    glint = (
        bell(((xm - gx) / (0.3 * w)) ** 2 + ((y - my - low * 0.5 - under) / (low * 0.22)) ** 2)
        * whole
    )
    s.rgb[window] += (glint * (0.16 if p.lipstick is not None else 0.1) * (0.35 + skin.mean()))[
        ..., None
    ]
    dark = lin((64, 22, 22)) * (0.3 + 0.7 * skin.mean())
    if g == 0:
        s.line(s.surf(seam_up), 0.036, dark, 0.85, 0.006, (0.5, 0.5))
        s.pencil(s.surf(seam_up), 1.15, 0.85, 0.6, 0)
    else:
        s.pencil(s.surf(seam_up), 0.9, 0.8, 0.6)
        s.pencil(s.surf(seam_low), 0.8, 0.65, 0.6)
    for k in (-1, 1):
        s.shape(s.surf(ellipse(k * (w + 0.012), cy, 0.035, 0.022, 10)), dark, None, 0.4, 0.018)
    s.pencil(s.surf(top), 0.8, 0.55)
    s.pencil(s.surf(bottom[5:-5]), 0.8, 0.5)
    s.pencil(s.surf(bottom[len(bottom) // 3 : -(len(bottom) // 3)] + (0, 0.07)), 0.7, 0.35)


def _open_mouth(s: Scene, window, seam_up: np.ndarray, seam_low: np.ndarray, lit, xm) -> None:
    p, w = s.p, s.p.mouth_w
    inner = s.surf(np.concatenate([seam_up, seam_low[::-1]]))
    _, share = s.cover(inner, window)
    s.paint(window, share, lin((66, 22, 24)))
    s.mask[window][share >= 0.5] = MOUTH
    depth = 0.72 if p.mood == "grin" else 0.3  # how much of the opening the upper teeth fill
    edge = mix(seam_up, seam_low, depth)
    _, bite = s.cover(s.surf(np.concatenate([seam_up[2:-2], edge[2:-2][::-1]])), window)
    tone = (
        lin((236, 230, 220))
        * (np.clip(0.95 - 0.5 * (xm / w) ** 2, 0, 1) * (0.5 + 0.42 * lit))[..., None]
    )
    s.paint(window, s.blur(np.minimum(bite, share), 0.008), tone)
    at = np.array([10, 13, 16, 19, 22])
    if p.mood == "grin" and len(seam_up) > 30:
        s.line(s.surf(np.stack([seam_up[at], edge[at]], 1)), 0.014, lin((150, 120, 110)), 0.4)
    # the upper lip's shadow on the teeth
    s.line(s.surf(seam_up + (0, 0.02)), 0.03, lin((60, 20, 20)), 0.5, 0.01)
    s.fill(s.paper, inner[None], [110])
    s.erase(s.surf(np.concatenate([seam_up[2:-2], edge[2:-2][::-1]])))
    s.pencil(s.surf(edge[2:-2]), 0.6, 0.45, 0.6)


def draw_nose(s: Scene) -> None:
    """Nostrils, wings and cast shadow; the bridge is in the head's relief."""
    p = s.p
    w, y, lift = p.nose_w, p.nose_y, 0.2 * p.nose_h
    half = np.array(
        [
            (-0.075, -0.02),
            (-0.085, 0.2),
            (-0.115, 0.4),
            (-w * 0.92, y - 0.12),
            (-w * 1.05, y - 0.02),
            (-w * 0.8, y + 0.045),
            (0, y + 0.065),
        ]
    )
    region = mirrored(half)
    rise = np.clip((region[:, 1] + 0.1) / y, 0, 1) * np.clip(1.2 - np.abs(region[:, 0]) / 0.3, 0, 1)
    region = s.turn(region) + np.stack([0.16 * np.sin(p.yaw) * rise, 0 * rise], 1)
    window, share = s.cover(s.head(spline(region, 5, closed=True)))
    s.mask[window][(share >= 0.5) & (s.mask[window] == SKIN)] = NOSE
    dark = lin((86, 34, 26)) * (0.12 + 0.9 * lin(p.skin).mean())
    s.shape(s.surf(ellipse(-0.1 * p.light[0], y + 0.1, w * 0.8, 0.055), 0.1), dark, None, 0.2, 0.05)
    base = spline([(-w * 0.75, y + 0.03), (0, y + 0.06), (w * 0.75, y + 0.03)], 6)
    s.line(s.surf(base, lift * 0.7), 0.05, dark, 0.25, 0.02)
    for k in (-1, 1):
        hole = s.surf(ellipse(k * w * 0.48, y + 0.02, w * 0.25, 0.024, 14), lift * 0.7)
        s.shape(hole, dark * 0.5, None, 0.75, 0.012)
        wing = [
            (k * w * 0.78, y - 0.14),
            (k * w * 1.08, y - 0.06),
            (k * w * 1.05, y + 0.025),
            (k * w * 0.8, y + 0.04),
        ]
        wing = s.surf(spline(wing), lift * 0.35)
        s.line(wing, 0.035, dark, 0.35, 0.012)
        s.pencil(wing, 0.9, 0.65)
        s.pencil(hole[6:], 1.0, 0.8, 0.5, 0)
    s.pencil(
        s.surf(spline([(-w * 0.4, y + 0.035), (0, y + 0.065), (w * 0.4, y + 0.035)]), lift * 0.7),
        0.8,
        0.55,
    )
    far = -np.sign(p.light[0])
    s.pencil(
        s.surf(spline([(far * 0.15, -0.12), (far * 0.09, 0.05), (far * 0.1, 0.3)]), 0.08), 0.7, 0.35
    )
