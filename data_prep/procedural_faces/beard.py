"""Stubble, moustaches and beards."""

from __future__ import annotations

import numpy as np

from data_prep.procedural_faces.board import SKIN, Scene
from data_prep.procedural_faces.curves import mirrored, spline
from data_prep.procedural_faces.head import face_outline
from data_prep.procedural_faces.light import hair_tone


def draw_beard(scene: Scene) -> None:
    """Stubble, moustache, goatee or beard: a soft ground under hairs. Its label stays skin."""
    person, rng = scene.p, scene.rng
    my, w, kind = person.mouth_y, person.mouth_w, person.beard
    grow = {"full": 0.2, "short": 0.06}.get(kind, 0.0)
    c = person.chin + grow
    lip = [
        (-w * 0.8, my + 0.03),
        (-w - 0.09, my + 0.07),
        (-w * 0.8, my - 0.1),
        (-0.12, my - 0.2),
        (0, my - 0.19),
    ]
    lip = np.concatenate([mirrored(lip), [(0.1, my - 0.07), (-0.1, my - 0.07)]])
    shapes = [scene.turn(spline(lip, 4, closed=True))]
    if kind == "goatee":
        chin = np.array(
            [
                (0, my + 0.2),
                (-w * 0.5, my + 0.17),
                (-w - 0.05, my + 0.02),
                (-w - 0.09, my + 0.15),
                (-0.3, c - 0.06),
                (0, c + 0.03),
            ]
        )
        shapes.append(
            scene.turn(spline(np.concatenate([chin, chin[-2:0:-1] * (-1, 1)]), 4, closed=True))
        )
    if kind in ("short", "full", "stubble"):
        left, right = (side[side[:, 1] > 0.1] for side in face_outline(person))
        jaw = np.concatenate([left, right[-2::-1]])
        low = np.clip((jaw[:, 1] - 0.6) / (person.chin - 0.6), 0, 1) ** 2
        jaw = np.stack([jaw[:, 0] * (0.99 + 0.25 * grow), jaw[:, 1] + grow * low], 1)
        inner = [
            (-0.9, 0.15),
            (-0.84, 0.5),
            (-0.68, my - 0.2),
            (-w - 0.06, my - 0.06),
            (-w * 0.92, my + 0.1),
            (-w * 0.5, my + 0.2),
            (0, my + 0.19),
        ]
        shapes.append(np.concatenate([jaw, scene.turn(spline(mirrored(inner)))[::-1]]))
    strength = {"stubble": 0.3, "moustache": 0.7, "goatee": 0.7, "short": 0.62}.get(kind, 0.75)
    dark = 0.3 if kind == "stubble" else float(0.8 - 0.4 * person.hair_rgb.mean() / 255)
    length = {"stubble": 0.035, "short": 0.09, "full": 0.17}.get(kind, 0.11)
    for shape in shapes:
        pts = scene.head(shape)
        window, share = scene.cover(pts, pad=0.03)
        below = np.clip(scene.y[window] - person.chin + 0.2, 0, 1)
        lit = np.clip(0.72 + 0.35 * scene.x[window] * person.light[0] - 0.25 * below, 0.3, 1.2)
        scene.paint(window, scene.blur(share, 0.045) * strength, hair_tone(person, lit))
        scene.mask[window][share >= 0.5] = SKIN
        if kind == "full" and len(shape) > 50:
            scene.erase(pts)
        seeds = rng.uniform(shape.min(0), shape.max(0), (420 if len(shape) > 50 else 110, 2))
        seeds = seeds[_inside(shape, seeds)]
        run = (
            np.stack([0.4 * seeds[:, 0] + rng.normal(0, 0.2, len(seeds)), 0.8 + 0 * seeds[:, 0]], 1)
            * length
        )
        hairs = scene.head(
            np.stack([seeds - 0.3 * run, seeds + 0.25 * run + (0.006, 0), seeds + 0.7 * run], 1)
        )
        for part, tone in ((hairs[::2], 0.55), (hairs[1::2], 1.25)):
            if len(part):
                scene.line(
                    part,
                    0.022,
                    hair_tone(person, tone),
                    0.25 if kind == "stubble" else 0.5,
                    0,
                    (0.6, 0.2),
                )
        scene.pencils(hairs[::2], 0.65, dark, 0.4)


def _inside(ring: np.ndarray, pts: np.ndarray) -> np.ndarray:
    """Which of pts (K, 2) lie in the polygon ring (N, 2), by counting crossings to the right."""
    x, y = pts[:, :1], pts[:, 1:]
    ax, ay = ring[:, 0], ring[:, 1]
    bx, by = np.roll(ax, -1), np.roll(ay, -1)
    crosses = (ay > y) != (by > y)
    at = ax + (y - ay) / np.where(by == ay, 1.0, by - ay) * (bx - ax)
    return (crosses & (at > x)).sum(1) % 2 == 1
