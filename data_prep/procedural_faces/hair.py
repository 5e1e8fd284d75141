"""Hair in sheets of strands, and beards."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from data_prep.procedural_faces.board import BARE, CLOTH, HAIR, L_EAR, NECK, R_EAR, SKIN, Scene
from data_prep.procedural_faces.curves import (
    bell,
    ellipse,
    mirrored,
    mix,
    resample,
    spline,
    strips,
    taper,
)
from data_prep.procedural_faces.head import face_outline
from data_prep.procedural_faces.light import dome_light, hair_tone


@dataclass
class Sheet:
    """A lock of hair between two curves (M, 2) in head units.

    Strands run along both curves, blended (`along`), or lead from a to b. `lines` are the edges
    that the pencil draws.
    """

    a: np.ndarray
    b: np.ndarray
    along: bool = True
    behind: bool = False
    dim: float = 1.0
    curly: bool = False
    layered: bool = False  # short overlapping strands instead of long ones
    ragged: float = 0.0  # share of the length at which single strands take over from the mass
    lean: float = 0.0  # sideways drift of strands that lead from a to b
    lines: str = "ab"


def hair_sheets(s: Scene) -> list[Sheet]:
    """The locks that make up the face's hair style, back to front."""
    p, st = s.p, s.p.style
    if st.flow == "none":
        return []
    volume = 1.0 if p.hat else p.volume
    crown, side = -1.42 - st.top * volume, 1.0 + st.side * volume
    if p.hat:
        crown, side = max(crown, -1.5), min(side, 1.2)
    if st.flow == "ring":
        return [_ring(s, k) for k in (-1, 1)]
    mid, recede = -0.95 - 0.1 * p.old * (not p.feminine), 0.1 * p.old * (not p.feminine)
    hairline = np.array(
        [(0.4, mid - 0.03 - recede), (0.64, -0.77 - recede), (0.82, -0.42), (0.93, -0.1)]
    )
    long = st.tip > 0.5
    dome = [
        (0.45, crown + 0.045),
        (0.8 + 0.4 * st.side, -1.14 - 0.75 * st.top * volume),
        (0.95 + 0.8 * st.side * volume, -0.72),
        (side, -0.25),
    ]
    if long:
        dome += [
            (side + 0.03, 0.4),
            (side + 0.05 * st.tip, 0.4 + 0.5 * (st.tip - 0.4)),
            (side - 0.04, st.tip),
        ]
    else:
        dome += [(min(side, 1.04), st.tip)]
    dome = np.array(dome)
    curly = st.flow == "curly"
    sheets = []
    if long or curly:
        edge = spline(np.concatenate([[(0, crown)], dome]))
        sheets.append(Sheet(edge * (-1, 1), edge, behind=True, dim=0.5, curly=curly, ragged=0.06))
    if p.hair == "bun" and not p.hat:
        ball = ellipse(0.0, -1.64 - 0.06 * volume, 0.4 * volume, 0.3, 24)
        sheets.append(
            Sheet(ball[6:19], np.concatenate([ball[18:], ball[:7]])[::-1], behind=True, dim=0.8)
        )
    if p.hair == "ponytail":
        k = -np.sign(p.yaw) or 1.0
        tail = np.array(
            [
                [(0.5, -0.9), (1.22, -0.65), (1.42, 0.2), (1.3, 1.1), (1.05, 2.1)],
                [(0.3, -0.4), (0.95, -0.3), (1.02, 0.3), (0.98, 1.1), (0.92, 2.1)],
            ]
        ) * (k, 1)
        sheets.append(Sheet(spline(tail[0]), spline(tail[1]), behind=True, dim=0.75, ragged=0.1))
    if st.flow == "part":
        sheets += [
            _parted(s, k, p.part if not st.fringe else 0.0, mid, hairline, dome, crown)
            for k in (-1, 1)
        ]
    else:
        line = s.turn(
            mirrored(np.concatenate([[(0.97, 0.15)], hairline[::-1], [(0, mid)]]) * (-1, 1))
        )
        rim = np.append(dome[:4], [(side, 0.25)], 0) if long else dome
        cap = mirrored(np.concatenate([rim[::-1], [(0, crown)]]) * (-1, 1))
        lean, layered = 0.1 * np.sign(p.part + 0.01), p.hair == "short"
        sheets.append(
            Sheet(
                spline(line, 8),
                spline(cap, 8),
                False,
                curly=curly,
                layered=layered,
                lean=lean,
                ragged=0.04,
            )
        )
        for k in (-1, 1) if long else ():
            inner = np.array([(0.95, -0.3), (0.93, 0.4), (0.95, min(1.2, st.tip))]) * (k, 1)
            outer = np.array([(side, -0.4), (side + 0.06, 0.5), (side - 0.1, st.tip)]) * (k, 1)
            sheets.append(Sheet(spline(inner), spline(outer), curly=True))
    if st.fringe:
        y, sweep = st.fringe + p.fringe, 0.09 * np.sign(p.part)
        tilt = np.array([(-0.88, 0.1), (-0.5, 0.03), (0, -0.02), (0.5, 0.03), (0.88, 0.1)])
        low = s.turn(tilt + np.stack([0 * tilt[:, 0], y + sweep * tilt[:, 0]], 1))
        top = [
            (-0.9, -0.8),
            (-0.55, crown + 0.3),
            (0, crown + 0.12),
            (0.55, crown + 0.3),
            (0.9, -0.8),
        ]
        sheets.append(
            Sheet(
                spline(top),
                spline(low),
                along=False,
                ragged=0.22,
                lean=0.05 * np.sign(p.part),
                lines="",
            )
        )
    return sheets


def _ring(s: Scene, k: int) -> Sheet:
    """What is left above an ear of a balding head."""
    outer = [(k * 0.9, -0.9), (k * 1.06, -0.45), (k * 1.03, 0.15)]
    inner = np.concatenate([[(k * 0.88, -0.88)], s.turn([(k * 0.88, -0.4), (k * 0.965, 0.15)])])
    return Sheet(spline(inner), spline(outer), ragged=0.05)


def _parted(s: Scene, k: int, part: float, mid: float, hairline, dome, crown: float) -> Sheet:
    """One side of parted hair, from the parting down to the tips."""
    tip, side = s.p.style.tip, dome[-1, 0]
    hairline, dome = hairline * (k, 1), dome * (k, 1)
    inner = s.turn(np.concatenate([[(part, mid)], hairline[(hairline[:, 0] - part) * k > 0.12]]))
    if tip > 0.5:
        tail = [(k * 0.93, 0.3), (k * 0.9, 0.8), (k * min(0.98, side), min(tip, 1.5))] + [
            (k * 0.8, tip)
        ] * (tip > 1.6)
    else:
        tail = [(k * 0.97, 0.14)]
    outer = np.concatenate(
        [[(part * 0.9, crown + 0.05 * abs(part))], dome[(dome[:, 0] - part) * k > 0.15]]
    )
    return Sheet(
        spline(np.concatenate([inner, tail])), spline(outer), ragged=0.08 if tip > 0.5 else 0.05
    )


def _strands(
    sheet: Sheet, num: int, points: int, rng, wave: float, start: tuple, end: tuple
) -> np.ndarray:
    """Strands (num, points, 2) of a sheet in head units, sorted from one side to the other.

    Where along the sheet each one begins and ends is drawn from the ranges `start` and `end`.
    """
    across = np.sort(rng.random(num))[:, None]
    first, last = rng.uniform(*start, (num, 1)), rng.uniform(*end, (num, 1))
    at = first + (last - first) * np.linspace(0, 1, points)  # (num, points)
    a, b = resample(sheet.a, 64), resample(sheet.b, 64)
    if sheet.along:
        where, blend = at, np.broadcast_to(across, at.shape)
    else:  # drift sideways and, towards the ears, down
        where, blend = across + (sheet.lean + 0.16 * (across - 0.5)) * at**1.5, at
    where = np.clip(where, 0, 1.04) * 63
    low = np.minimum(where.astype(int), 62)
    f = (where - low)[..., None]
    pa, pb = a[low] + (a[low + 1] - a[low]) * f, b[low] + (b[low + 1] - b[low]) * f
    pts = pa + (pb - pa) * blend[..., None]
    if wave:
        phase = 12.6 * across + rng.normal(0, 0.5, (num, 1))
        pts[..., 0] += wave * np.sin(at * 14 + phase) * np.clip(at * 2 - 0.3, 0, 1)
    return pts


def _mass(sheet: Sheet, rng) -> np.ndarray:
    """The sheet's outline; the ragged end is left to single strands, curls make it bumpy."""
    a, b = sheet.a, sheet.b
    if sheet.ragged:
        if sheet.along:
            a, b = (resample(c, 50)[: round(50 * (1 - sheet.ragged))] for c in (a, b))
        else:
            a, b = resample(a, 60), resample(b, 60)
            b = mix(b, a, sheet.ragged)
    pts = np.concatenate([a, b[::-1]])
    if not sheet.curly:
        return pts
    pts = resample(np.concatenate([pts, pts[:1]]), 161)[:-1]
    bumps = np.abs(np.sin(np.arange(160) * 0.55 + np.cumsum(rng.normal(0, 0.12, 160))))
    away = pts - (0, -0.3)
    return pts + away / np.sqrt((away**2).sum(1, keepdims=True)) * (0.09 * bumps - 0.04)[:, None]


def draw_hair(s: Scene, sheets: list[Sheet]) -> None:
    """Paint sheets of hair: a mass with strands, lit like a dome."""
    p, rng, buzz = s.p, s.rng, s.p.style.flow == "buzz"
    for sheet in sheets:
        pts = s.head(_mass(sheet, rng))
        if not sheet.behind:
            s.shade(
                pts,
                -0.07 * p.light[0],
                0.1,
                0.07,
                0.3 if buzz else 0.45,
                (*BARE, L_EAR, R_EAR, NECK, CLOTH),
            )
        tone, cover = np.full((s.fine, s.fine), 128, np.uint8), np.zeros((s.fine, s.fine), np.uint8)
        s.fill(cover, pts[None], [255])
        strands = _texture(s, sheet, tone, cover)
        low, high = pts.min(0) - 0.05, pts.max(0) + 0.11
        (x0, y0), (x1, y1) = (
            np.clip((v * s.size).astype(int), 0, s.size) for v in (low, high + 1 / s.size)
        )
        window = slice(y0, y1), slice(x0, x1)
        grain, share = (s.reduce(board)[window] for board in (tone, cover))
        grain, share = grain / 128 - 1, share / 255
        x, y = s.x[window], s.y[window]
        # The mass as a dome: light from the key side, a band of shine around the crown, dark behind
        # the face.
        nl = dome_light(p, x / 1.25, (y + 0.35) / 1.5)
        r = np.sqrt((x - 0.35 * p.light[0]) ** 2 + (y + 0.35) ** 2 / 1.25) + 0.25 * grain
        band = bell(((r - 0.82) / 0.14) ** 2) * np.clip(nl + 0.1, 0, 1) * np.clip(0.4 - y, 0, 1)
        lit = (0.42 + 0.62 * np.clip(nl, 0, 1)) * (1 + 0.8 * grain) + (
            0.12 if sheet.curly or buzz else 0.35
        ) * band
        alpha = s.blur(share, 0.018)
        if buzz:
            alpha = np.clip(s.blur(share, 0.06) * 1.15 - 0.08, 0, 1) * np.clip(
                0.72 + 0.5 * grain, 0, 1
            )
        s.paint(window, alpha, hair_tone(p, np.clip(lit * sheet.dim, 0.12, 1.9)))
        s.mask[window][share >= 0.5] = HAIR
        if not buzz:  # the ground that the pencil's side leaves under dark hair tells its colour
            s.fill(
                s.paper,
                pts[None],
                [int(255 - 130 * max(0.6 - p.hair_rgb.mean() / 255, 0))],
                smooth=False,
            )
        _pencil_hair(s, sheet, strands, pts)


def _texture(s: Scene, sheet: Sheet, tone: np.ndarray, cover: np.ndarray) -> np.ndarray:
    """Draw strands or curls into tone (128 is neutral) and cover. Returns their curves in head
    units.
    """
    p, rng, st = s.p, s.rng, s.p.style
    if sheet.curly or st.flow == "buzz":
        num, size = (420, 0.085) if sheet.curly else (700, 0.018)
        seeds = _strands(sheet, num, 2, rng, 0, (0.0, 0.98), (1.0, 1.0))[rng.permutation(num), :1]
        angle = rng.uniform(0, 6.3, (num, 1)) + rng.uniform(2.5, 4.5, (num, 1)) * np.linspace(
            0, 1, 7
        )
        curves = seeds + np.stack([np.cos(angle), np.sin(angle)], -1) * (
            size * rng.uniform(0.5, 1.1, (num, 1, 1))
        )
        values = 128 * (1 + rng.normal(0, 0.33, num))
        outlines = strips(s.head(curves), size * 0.42 * p.scale * taper(7, 0.4, 0.3))
        s.fill(tone, outlines, values.clip(10, 245).astype(int).tolist())
        return curves
    locs = p.hair == "locs"
    num, wide = (50, 0.085) if locs else (110, 0.036)
    wave = st.wave if sheet.along else st.wave * 0.3
    starts, ends = ((0.0, 0.6), (0.62, 1.06)) if sheet.layered else ((0.0, 0.1), (0.86, 1.05))
    curves = _strands(sheet, num, 12, rng, wave, starts, ends)
    clump = np.convolve(rng.normal(0, 1, num + 12), np.hanning(15)[1:-1] / 3, "valid")[:num]
    values = 1 + 0.17 * clump + rng.normal(0, 0.17, num)
    if locs:
        values += 0.2 * (np.arange(num) % 2) - 0.1
    order = rng.permutation(num)
    curves = curves[order]
    outlines = strips(s.head(curves), wide * p.scale * taper(12, 0.5, 0.2))
    s.fill(tone, outlines, (128 * values[order]).clip(10, 245).astype(int).tolist())
    s.fill(cover, outlines, [255] * num)
    # Shine where the hair turns towards the light, shade at the roots: short strokes that follow
    # the strands.
    for count, first, last, level in (
        (26, (0.14, 0.34), (0.36, 0.6), 1.45),
        (26, (0.0, 0.02), (0.1, 0.24), 0.6),
        (16, (0.55, 0.7), (0.8, 1.0), 0.7),
    ):
        strokes = _strands(sheet, count, 8, rng, wave, first, last)
        levels = 128 * (1 + (level - 1) * rng.uniform(0.4, 1.0, count))
        s.fill(
            tone,
            strips(s.head(strokes), 0.03 * p.scale * taper(8, 0.1, 0.1)),
            levels.astype(int).tolist(),
        )
    return curves


def _pencil_hair(s: Scene, sheet: Sheet, curves: np.ndarray, mass: np.ndarray) -> None:
    p, rng = s.p, s.rng
    light = float(p.hair_rgb.mean() / 255)
    dark, many = 0.85 - 0.5 * light, (1.0 - 0.65 * light) * (0.6 if sheet.behind else 1)
    if p.style.flow == "buzz":
        s.pencils(s.head(curves[: int(330 * many), :3]), 0.55, dark * 0.7, 0.3)
    elif sheet.curly:
        s.pencils(s.head(curves[: int(150 * many)]), 0.75, dark * 0.85, 0.5)
        for part in np.split(mass, 4):
            s.pencil(part, 0.9, 0.7, 1, 0.8)
        return
    else:
        m = curves.shape[1]
        some = np.repeat(curves[: int(110 * many)], 1 if sheet.along else 2, 0)
        first = rng.integers(0, m // 2, len(some))  # strokes cover part of a strand each
        picked = (
            np.stack([c[f : f + m // 2] for c, f in zip(some, first, strict=True)])
            if len(some)
            else some
        )
        s.pencils(s.head(picked), 0.8, dark * 0.9, 0.8)
    for name in sheet.lines:
        s.pencil(s.head(getattr(sheet, name)), 1.0, 0.75, 1.5, 0.8)


def draw_beard(s: Scene) -> None:
    """Stubble, moustache, goatee or beard: a soft ground with hairs over it. Its label stays skin."""
    p, rng = s.p, s.rng
    my, w, kind = p.mouth_y, p.mouth_w, p.beard
    grow = {"full": 0.2, "short": 0.06}.get(kind, 0.0)
    c = p.chin + grow
    lip = [
        (-w * 0.8, my + 0.03),
        (-w - 0.09, my + 0.07),
        (-w * 0.8, my - 0.1),
        (-0.12, my - 0.2),
        (0, my - 0.19),
    ]
    lip = np.concatenate([mirrored(lip), [(0.1, my - 0.07), (-0.1, my - 0.07)]])
    shapes = [s.turn(spline(lip, 4, closed=True))]
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
            s.turn(spline(np.concatenate([chin, chin[-2:0:-1] * (-1, 1)]), 4, closed=True))
        )
    if kind in ("short", "full", "stubble"):
        left, right = (side[side[:, 1] > 0.1] for side in face_outline(p))
        jaw = np.concatenate([left, right[-2::-1]])
        low = np.clip((jaw[:, 1] - 0.6) / (p.chin - 0.6), 0, 1) ** 2
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
        shapes.append(np.concatenate([jaw, s.turn(spline(mirrored(inner)))[::-1]]))
    strength = {"stubble": 0.3, "moustache": 0.7, "goatee": 0.7, "short": 0.62}.get(kind, 0.75)
    dark = 0.3 if kind == "stubble" else float(0.8 - 0.4 * p.hair_rgb.mean() / 255)
    length = {"stubble": 0.035, "short": 0.09, "full": 0.17}.get(kind, 0.11)
    for shape in shapes:
        pts = s.head(shape)
        window, share = s.cover(pts, pad=0.03)
        below = np.clip(s.y[window] - p.chin + 0.2, 0, 1)
        lit = np.clip(0.72 + 0.35 * s.x[window] * p.light[0] - 0.25 * below, 0.3, 1.2)
        s.paint(window, s.blur(share, 0.045) * strength, hair_tone(p, lit))
        s.mask[window][share >= 0.5] = SKIN
        if kind == "full" and len(shape) > 50:
            s.erase(pts)
        seeds = rng.uniform(shape.min(0), shape.max(0), (420 if len(shape) > 50 else 110, 2))
        seeds = seeds[_inside(shape, seeds)]
        run = (
            np.stack([0.4 * seeds[:, 0] + rng.normal(0, 0.2, len(seeds)), 0.8 + 0 * seeds[:, 0]], 1)
            * length
        )
        hairs = s.head(
            np.stack([seeds - 0.3 * run, seeds + 0.25 * run + (0.006, 0), seeds + 0.7 * run], 1)
        )
        for part, tone in ((hairs[::2], 0.55), (hairs[1::2], 1.25)):
            if len(part):
                s.line(
                    part,
                    0.022,
                    hair_tone(p, tone),
                    0.25 if kind == "stubble" else 0.5,
                    0,
                    (0.6, 0.2),
                )
        s.pencils(hairs[::2], 0.65, dark, 0.4)


def _inside(ring: np.ndarray, pts: np.ndarray) -> np.ndarray:
    """Which of pts (K, 2) lie in the polygon ring (N, 2), by counting crossings to the right."""
    x, y = pts[:, :1], pts[:, 1:]
    ax, ay = ring[:, 0], ring[:, 1]
    bx, by = np.roll(ax, -1), np.roll(ay, -1)
    crosses = (ay > y) != (by > y)
    at = ax + (y - ay) / np.where(by == ay, 1.0, by - ay) * (bx - ax)
    return (crosses & (at > x)).sum(1) % 2 == 1
