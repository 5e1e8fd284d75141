"""Neck, clothes and what is worn at the neck."""

from __future__ import annotations

import numpy as np

from data_prep.procedural_faces.board import CLOTH, NECK, NECK_L, Scene
from data_prep.procedural_faces.curves import bell, ellipse, mirrored, mix, resample, spline, strips
from data_prep.procedural_faces.light import lin, skin_light


def draw_neck(s: Scene) -> None:
    """Neck and shoulders, bare."""
    p = s.p
    nw, drop = p.neck_w, p.drop
    half = [
        (-2.25, 3.2),
        (-2.05, 2.3 + drop),
        (-1.5, 2.0 + drop),
        (-0.95, 1.85 + drop),
        (-nw * 1.2, 1.7 + drop),
        (-nw * 1.0, 1.5),
        (-nw * 0.97, 1.2),
        (-nw, 0.6),
    ]
    left = spline(half) + (p.shift, 0)
    right = left * (-1, 1) + (2 * p.shift, 0)
    pts = s.head(np.concatenate([left, right[::-1]]))
    window, share = s.cover(pts)
    x, y = s.x[window] - p.shift, s.y[window]
    ax = np.abs(x)
    turn = np.clip(x / np.maximum(nw, 0.35 + 0.9 * np.clip(y - 1.4, 0, 3)), -1, 1)
    # The two tendons that meet in the pit of the throat, and the collar bones.
    tendon = (
        np.sign(x) * bell(((ax - nw * 0.75 + 0.42 * (y - 1.2)) / 0.09) ** 2) * np.clip(ax * 6, 0, 1)
    )
    bones = bell(((y - 1.98 - drop - 0.06 * ax) / 0.055) ** 2) * np.clip(ax * 3 - 0.3, 0, 1)
    s.paint(
        window, share, skin_light(s, 1.2 * turn**3 + 0.16 * tendon, 0.15 - 0.3 * bones, gloss=0.4)
    )
    s.mask[window][share >= 0.5] = NECK
    s.erase(pts)
    for k, line in ((-1, left), (1, right)):
        s.pencil(s.head(line[18:]), 0.9)
        s.pencil(
            s.head([(k * 0.12 + p.shift, 2.02 + drop), (k * 0.6 + p.shift, 1.95 + drop)]), 0.6, 0.35
        )


def draw_clothes(s: Scene) -> None:
    """Shoulders of a garment with its neckline, then collar and necklace."""
    p, rng = s.p, s.rng
    nw, drop, move = p.neck_w, p.drop, (p.shift, 0)
    deep = {
        "crew": 1.9,
        "v-neck": 2.3,
        "shirt": 2.1,
        "suit": 2.25,
        "turtleneck": 1.6,
        "wide": 2.25,
    }[p.cloth] + drop
    edge = {"turtleneck": nw * 1.04, "wide": 1.3, "crew": nw * 1.3}.get(p.cloth, nw * 1.16)
    high = {"turtleneck": 1.45, "wide": 1.93, "crew": 1.7}.get(p.cloth, 1.66) + drop
    bend = (0.5, 0.5) if p.cloth in ("v-neck", "shirt", "suit") else (0.62, 0.78)
    neckline = (
        spline(mirrored([(-edge, high), (-edge * bend[0], mix(high, deep, bend[1])), (0, deep)]))
        + move
    )
    slope = [(0.98, 1.82 + drop), (1.52, 1.97 + drop), (2.1, 2.27 + drop), (2.3, 3.3)]
    shoulder = spline([(edge + 0.02, high + 0.02), *slope])
    mirror = shoulder * (-1, 1) + move
    shoulder = shoulder + move
    pts = s.head(np.concatenate([neckline, shoulder, mirror[::-1]]))
    s.shade(pts, 0, -0.04, 0.05, 0.35, (NECK,))
    window, share = s.cover(pts)
    x, y = s.x[window] - p.shift, s.y[window]
    folds = s.noise(6, 9)[window] * 0.5 + s.noise(14, 5)[window] * 0.3
    lit = 0.62 + 0.3 * p.light[0] * np.clip(x / 2, -1, 1) + 0.10 * folds
    lit = lit + 0.35 * bell(((y - 2.0 - drop - 0.14 * np.abs(x)) / 0.2) ** 2)
    lit = lit * (1 - 0.45 * bell((x / 0.6) ** 2 + ((y - 1.6) / 0.35) ** 2))
    colour = lin(p.cloth_rgb)
    s.paint(window, share, colour * np.clip(lit, 0.15, 1.5)[..., None])
    s.mask[window][share >= 0.5] = CLOTH
    s.erase(pts)
    for line in (neckline, shoulder, mirror):
        s.pencil(s.head(line), 1.1)
    for _ in range(5):
        a = np.array([rng.uniform(0.6, 1.6) * rng.choice([-1, 1]) + p.shift, rng.uniform(2.1, 2.4)])
        s.pencil(s.head([a, a + rng.uniform(-0.12, 0.12, 2) + (0, 0.2)]), 0.6, 0.35)
    _collar(s, neckline, colour)
    if p.necklace:
        _necklace(s)


def _collar(s: Scene, neckline: np.ndarray, colour: np.ndarray) -> None:
    """What the clothes have at the neck: a hem, a shirt's collar, a jacket with tie."""
    p, nw, low = s.p, s.p.neck_w, 2.75
    move = np.array([p.shift, p.drop])
    if p.cloth in ("crew", "v-neck", "turtleneck"):
        s.shape(
            strips(s.head(neckline), np.full(len(neckline), 0.1 * p.scale)), colour * 0.72, CLOTH
        )
        s.line(s.head(neckline + (0, 0.02)), 0.03, colour * 1.2, 0.5)
        s.pencil(s.head(neckline + (0, 0.1)), 0.7, 0.5)
    if p.cloth == "turtleneck":
        across = np.linspace(-nw * 0.9, nw * 0.9, 9)
        ribs = s.head([[(x, 1.62), (x * 1.04, 1.75), (x * 1.08, 1.86)] + move for x in across])
        s.line(ribs, 0.05, colour * 0.6, 0.5, 0.02)
        s.pencils(ribs, 0.6, 0.45)
    if p.cloth not in ("shirt", "suit"):
        return
    shirt = lin((236, 236, 238)) if p.cloth == "suit" else np.minimum(colour * 1.25 + 0.03, 1)
    if p.cloth == "suit":
        vest = np.array(
            [(-nw, 1.66), (0, 2.1), (nw, 1.66), (0.62, 2.0), (0.1, low), (-0.1, low), (-0.62, 2.0)]
        )
        s.shape(s.head(vest + move), shirt * 0.72, CLOTH)
        s.erase(s.head(vest + move))
        tie_rgb = lin(p.hat_rgb)
        tie = (
            np.array(
                [(-0.1, 2.03), (0.1, 2.03), (0.07, 2.19), (0.17, low), (-0.17, low), (-0.07, 2.19)]
            )
            + move
        )
        s.shape(s.head(tie), tie_rgb * 0.75, CLOTH)
        s.line(s.head(tie[[0, 5, 4]] + (0.05, 0.02)), 0.05, tie_rgb * 1.4, 0.4)
        s.pencil(s.head(tie[[0, 1, 2, 3]]), 0.8)
        s.pencil(s.head(tie[[0, 5, 4]]), 0.8)
        for k in (-1, 1):
            lapel = np.array(
                [(nw * 1.1, 1.66), (0.86, 2.05), (0.6, 2.2), (0.18, low), (0.5, 2.0), (nw, 1.72)]
            )
            lapel = s.head(lapel * (k, 1) + move)
            s.shade(lapel, 0.03 * k, 0.05, 0.04, 0.4, (CLOTH,))
            s.shape(lapel, colour * (1.15 if k * p.light[0] < 0 else 0.85) * 0.8, CLOTH)
            s.pencil(lapel, 0.9)
    for k in (-1, 1):
        wing = np.array(
            [(nw * 0.98, 1.5), (nw * 1.2, 1.62), (0.54, 2.06), (0.04, 2.06), (nw * 0.72, 1.78)]
        )
        wing = s.head(wing * (k, 1) + move)
        s.shade(wing, 0, 0.05, 0.04, 0.4, (NECK, CLOTH))
        s.shape(wing, shirt * (0.92 if k * p.light[0] > 0 else 0.66), CLOTH)
        s.erase(wing)
        s.pencil(wing[[0, 1, 2, 3, 4, 0]], 0.9)


def _necklace(s: Scene) -> None:
    p, nw = s.p, s.p.neck_w
    half = [(-nw * 1.02, 1.52 + p.drop), (-nw * 0.68, 1.78 + p.drop), (0, 1.95 + p.drop)]
    chain = s.head(spline(mirrored(half), 8) + (p.shift, 0))
    gold = lin([(214, 176, 98), (206, 206, 212), (236, 228, 214)][s.rng.integers(3)])
    s.shade(strips(chain, np.full(len(chain), 0.05 * p.scale)), 0, 0.03, 0.03, 0.35, (NECK,))
    s.shape(strips(chain, np.full(len(chain), 0.055 * p.scale)), gold * 0.7, NECK_L)
    dots = resample(chain, 22)[:, None]
    s.shape(dots + ellipse(0, 0, 0.034 * p.scale, 0.034 * p.scale, 10), gold * 0.95, NECK_L)
    glints = dots + ellipse(-0.01 * p.scale, -0.012 * p.scale, 0.014 * p.scale, 0.014 * p.scale, 8)
    s.shape(glints, np.minimum(gold * 1.8, 1))
    s.pencils(dots + ellipse(0, 0, 0.03 * p.scale, 0.03 * p.scale, 8, close=True), 0.6, 0.6, 0.2)
