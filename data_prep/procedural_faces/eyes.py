"""Eyes with lids and lashes, and brows."""

from __future__ import annotations

import numpy as np

from data_prep.procedural_faces.board import L_BROW, L_EYE, R_BROW, R_EYE, Scene
from data_prep.procedural_faces.curves import bell, ellipse, mix, strips
from data_prep.procedural_faces.light import flesh_shadow, lin


def draw_eye(s: Scene, k: int) -> None:
    """The eye on the image's left (k = -1) or right (k = 1), with lids and lashes."""
    p = s.p
    t = np.linspace(0, 1, 21)
    x, hump = k * (p.eye_x + p.eye_w * (2 * t - 1)), 4 * t * (1 - t)
    line = 0.025 - (0.035 + p.eye_tilt) * t + p.lid_drop * hump
    open_h = p.eye_h * (0.1 if p.eyes_closed else 1)
    upper = np.stack([x, line - open_h * hump**0.72 * (1.06 - 0.12 * t)], 1)
    lower = np.stack([x, line + open_h * 0.74 * hump**0.9 * (0.88 + 0.24 * t)], 1)
    fold = upper - np.stack([0 * t, 0.055 + 0.03 * hump - 0.25 * p.lid_drop * hump], 1)
    skin, shadow = lin(p.skin), flesh_shadow(p)
    if p.makeup:
        s.shape(
            s.surf(np.concatenate([upper, fold[::-1] - (0, 0.02)])),
            shadow * [1.1, 0.9, 1.05],
            None,
            0.45,
            0.04,
        )
    pts = s.surf(np.concatenate([upper, lower[::-1]]))
    window, share = s.cover(pts, pad=0.01)
    s.mask[window][share >= 0.5] = L_EYE if k < 0 else R_EYE
    if p.eyes_closed:
        s.shape(s.surf(np.concatenate([fold, upper[::-1]])), skin * 0.85, None, 0.5, 0.03)
    else:
        _eyeball(s, k, window, share, pts, s.surf(upper), s.surf(lower))
    lash = mix(lin((22, 14, 12)), lin(p.hair_rgb.clip(0, 120)) * 0.4, 0.3)
    path = np.concatenate([upper, [upper[-1] + (k * 0.025, -0.012 * (1 + p.makeup))]])
    width = np.append(0.25 + 0.75 * np.clip(t * 1.6, 0, 1), 0.2) * (
        0.05 + 0.014 * p.feminine + 0.016 * p.makeup
    )
    path = path - np.stack([0 * width, width * 0.25], 1)
    s.shape(strips(s.surf(path), width * p.scale), lash, None, 0.9, 0.004)
    if p.feminine or p.child:
        root, out = upper[11:20:2], t[11:20:2]
        rise = np.full(5, 0.055 if p.eyes_closed else -0.055)
        tip = root + np.stack([k * (0.012 + 0.045 * out), rise], 1) * (1 + 0.25 * p.makeup)
        curl = mix(root, tip, 0.5) + (k * 0.008, 0.004)
        s.line(s.surf(np.stack([root, curl, tip], 1)), 0.022, lash, 0.75, 0, (1, 0.2))
    s.line(s.surf(lower[2:]), 0.026, mix(shadow, lash, 0.4), 0.5, 0.006)
    s.line(s.surf(lower[3:-3] + (0, 0.022)), 0.02, np.minimum(skin * 1.2, 1), 0.3, 0.008)
    if not p.monolid:
        s.line(s.surf(fold[1:-1]), 0.036, shadow, 0.55, 0.008)
        s.pencil(s.surf(fold[1:-1]), 0.7, 0.5)
    s.pencil(s.surf(upper), 1.5, 0.9, 0.5, 0)
    s.pencil(s.surf(lower[2:]), 0.7, 0.6, 0.5)


def _eyeball(s: Scene, k: int, window, share, pts, upper, lower) -> None:
    """White, iris, pupil and catch light inside the lids (curves in the picture)."""
    p, skin = s.p, lin(s.p.skin)
    px, py = s.x[window], s.y[window]
    cx, cy = s.turn((k * p.eye_x + p.gaze[0], -0.004 + p.gaze[1]))
    ri = 0.107 * (1 + 0.05 * p.child)
    rx = ri * (0.25 + 0.75 * np.cos(p.yaw + 0.35 * k))
    r = np.sqrt(((px - cx) / rx) ** 2 + ((py - cy) / ri) ** 2)
    # The ball: darker under the upper lid and towards both corners, pink at the inner one.
    _, open_share = s.cover(pts + (-0.02 * p.light[0] * p.scale, 0.045 * p.scale), window)
    lid = 0.5 + 0.5 * s.blur(open_share, 0.03)
    ux = (px - s.turn((k * p.eye_x, 0))[0]) * k / p.eye_w
    white = mix(lin((222, 216, 211)), skin, 0.16) * (lid * (1 - 0.35 * ux**2))[..., None]
    white = mix(
        white,
        lin((186, 110, 104)) * (0.4 + skin.mean()),
        0.8 * bell(((ux + 0.95) / 0.16) ** 2)[..., None],
    )
    soft = 1 / (ri * p.scale * s.size)  # one pixel, in radii
    below = np.clip((py - cy) / ri * 0.5 + 0.55 - 0.2 * (px - cx) * p.light[0], 0.1, 1.3)
    ring = (0.25 + 0.75 * np.clip((1.0 - r) / 0.22, 0, 1)) * (0.55 + 1.0 * below) * lid
    # fibres
    ring = ring * (1 + 0.14 * np.sin(17 * np.arctan2(py - cy, px - cx)) * np.clip(r - 0.3, 0, 1))
    ball = mix(
        white, lin(p.iris_rgb) * ring[..., None], np.clip((1 - r) / soft + 0.5, 0, 1)[..., None]
    )
    ball = ball * (1 - 0.96 * np.clip((0.44 - r) / soft + 0.5, 0, 1))[..., None]
    gx, gy = cx + 0.36 * ri * np.sign(p.light[0]), cy - 0.34 * ri
    glint = np.clip((0.23 - np.sqrt((px - gx) ** 2 + (py - gy) ** 2) / ri) / soft + 0.5, 0, 1)
    glint = np.maximum(
        glint, 0.1 * bell(((px - 2 * cx + gx) ** 2 + (py - cy - 0.45 * ri) ** 2) / (0.3 * ri) ** 2)
    )
    s.paint(window, share, mix(ball, 0.95, (glint * 0.9)[..., None]))

    s.erase(pts)
    rim = s.head(ellipse(cx, cy, rx, ri, 48))
    near = np.abs(rim[:, None, 0] - upper[None, :, 0]).argmin(1)
    seen = (rim[:, 1] > upper[near, 1]) & (rim[:, 1] < lower[near, 1])
    middle = s.head((cx, cy))
    for at in (np.arange(12, 37), np.arange(36, 61) % 48):  # left and right arc
        arc = rim[at][seen[at]]
        if len(arc) > 3:
            s.pencil(arc, 0.8, 0.75, 0.4, 0)
    spokes = rim[seen][::3]  # a dark iris is hatched darker
    s.pencils(
        np.stack([spokes, mix(spokes, middle, 0.5)], 1),
        0.7,
        0.8 - 0.9 * float(np.mean(p.iris_rgb)) / 255,
        0.2,
    )
    s.fill(s.paper, s.head(ellipse(cx, cy, 0.44 * rx, 0.44 * ri, 14))[None], [25])
    s.fill(s.paper, s.head(ellipse(gx, gy, 0.2 * rx, 0.2 * ri, 10))[None], [255])


def draw_brow(s: Scene, k: int) -> None:
    """The brow on side k: a soft shape with hairs."""
    p, rng = s.p, s.rng
    t = np.linspace(0, 1, 17)
    y = (
        p.brow_y
        + 0.03
        - (p.brow_arch + 0.045) * np.sin(np.pi * np.minimum(t / 1.3, 1)) ** 1.2
        + 0.055 * t**3
    )
    y = y + p.frown * (1 - t) ** 2 - 0.02 * p.frown
    curve = np.stack([mix(0.17, 0.74, t) * k, y], 1)
    width = p.brow_w * np.minimum(1, 0.6 + 2 * t) * np.clip(1.4 - 1.1 * t, 0.12, 1) * 1.35
    base = mix(lin(p.hair_rgb.clip(12, 190)) * 0.75, flesh_shadow(p), 0.3)
    window, share = s.cover(strips(s.surf(curve), width * p.scale), pad=0.02)
    s.paint(window, s.blur(share, 0.018) * 0.85, base)
    s.mask[window][share >= 0.5] = L_BROW if k < 0 else R_BROW
    at = np.linspace(0, 15.9, 20)
    low = at.astype(int)
    root = mix(curve[low], curve[low + 1], (at - low)[:, None])
    root[:, 1] += width[low] * rng.uniform(-0.1, 0.45, 20)
    lean = np.stack([k * (0.04 + 0.05 * at / 15), -0.04 * (1 - at / 11)], 1) * rng.uniform(
        0.7, 1.2, (20, 1)
    )
    hairs = s.surf(np.stack([root, root + 0.5 * lean, root + lean], 1))
    s.line(hairs, 0.016, base * 0.5, 0.4, 0, (1, 0.2))
    s.pencils(hairs, 0.8, float(np.clip(0.95 - 0.6 * p.hair_rgb.mean() / 255, 0.4, 0.9)), 0.3)
