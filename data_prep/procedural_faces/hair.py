"""Hair in sheets of strands."""

from __future__ import annotations

from dataclasses import dataclass
from types import SimpleNamespace

import numpy as np

from data_prep.procedural_faces.board import BARE, CLOTH, HAIR, L_EAR, NECK, R_EAR, Scene
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
from data_prep.procedural_faces.light import dome_light, hair_tone


@dataclass
class Sheet:
    """A lock of hair between two curves (M, 2) in head units.

    Strands run along both curves, blended (`along`), or lead from the inner to the outer.
    `pencilled` are the edges that the pencil draws.
    """

    inner: np.ndarray
    outer: np.ndarray
    along: bool = True
    behind: bool = False
    dim: float = 1.0
    curly: bool = False
    layered: bool = False  # short overlapping strands instead of long ones
    ragged: float = 0.0  # share of the length at which single strands take over from the mass
    lean: float = 0.0  # sideways drift of strands that lead from the inner to the outer curve
    pencilled: tuple[str, ...] = ("inner", "outer")


def hair_sheets(scene: Scene) -> list[Sheet]:
    """The locks that make up the face's hair style, back to front."""
    person, style = scene.p, scene.p.style
    if style.flow == "none":
        return []
    if style.flow == "ring":
        return [_ring(scene, sign) for sign in (-1, 1)]
    shape = _Shape.of(person)
    sheets = _sheets_behind(person, shape)
    if style.flow == "part":
        part = 0.0 if style.fringe else person.part
        sheets += [_parted(scene, sign, part, shape) for sign in (-1, 1)]
    else:
        sheets += _cap(scene, shape)
    if style.fringe:
        sheets.append(_fringe(scene, shape.crown))
    return sheets


@dataclass
class _Shape:
    """Outlines that the sheets of a style share, in head units.

    crown: height of the hair's top. side: how far it reaches to the sides. middle: height of the
    hairline above the nose. hairline: from there to the ear (4, 2). dome: the outer outline, from
    beside the crown down. is_long: whether it falls below the ear.
    """

    crown: float
    side: float
    middle: float
    hairline: np.ndarray
    dome: np.ndarray
    volume: float
    is_long: bool

    @classmethod
    def of(cls, person: SimpleNamespace) -> _Shape:
        style = person.style
        volume = 1.0 if person.hat else person.volume
        crown, side = -1.42 - style.top * volume, 1.0 + style.side * volume
        if person.hat:
            crown, side = max(crown, -1.5), min(side, 1.2)
        balding = person.old * (not person.feminine)
        middle, recede = -0.95 - 0.1 * balding, 0.1 * balding
        hairline = [(0.4, middle - 0.03 - recede), (0.64, -0.77 - recede), (0.82, -0.42)]
        dome = [
            (0.45, crown + 0.045),
            (0.8 + 0.4 * style.side, -1.14 - 0.75 * style.top * volume),
            (0.95 + 0.8 * style.side * volume, -0.72),
            (side, -0.25),
        ]
        is_long = style.tip > 0.5
        if is_long:
            dome.append((side + 0.03, 0.4))
            dome.append((side + 0.05 * style.tip, 0.4 + 0.5 * (style.tip - 0.4)))
            dome.append((side - 0.04, style.tip))
        else:
            dome.append((min(side, 1.04), style.tip))
        hairline = np.array([*hairline, (0.93, -0.1)])
        return cls(crown, side, middle, hairline, np.array(dome), volume, is_long)


def _sheets_behind(person: SimpleNamespace, shape: _Shape) -> list[Sheet]:
    """What hangs behind the head: long or curly hair, a bun, a ponytail."""
    sheets, curly = [], person.style.flow == "curly"
    if shape.is_long or curly:
        edge = spline(np.concatenate([[(0, shape.crown)], shape.dome]))
        sheets.append(Sheet(edge * (-1, 1), edge, behind=True, dim=0.5, curly=curly, ragged=0.06))
    if person.hair == "bun" and not person.hat:
        ball = ellipse(0.0, -1.64 - 0.06 * shape.volume, 0.4 * shape.volume, 0.3, 24)
        around = np.concatenate([ball[18:], ball[:7]])[::-1]
        sheets.append(Sheet(ball[6:19], around, behind=True, dim=0.8))
    if person.hair == "ponytail":
        sign = -np.sign(person.yaw) or 1.0
        outer = np.array([(0.5, -0.9), (1.22, -0.65), (1.42, 0.2), (1.3, 1.1), (1.05, 2.1)])
        inner = np.array([(0.3, -0.4), (0.95, -0.3), (1.02, 0.3), (0.98, 1.1), (0.92, 2.1)])
        edges = spline(outer * (sign, 1)), spline(inner * (sign, 1))
        sheets.append(Sheet(*edges, behind=True, dim=0.75, ragged=0.1))
    return sheets


def _cap(scene: Scene, shape: _Shape) -> list[Sheet]:
    """Hair that goes back from the hairline, and, where it is long, falls on both sides."""
    person, style = scene.p, scene.p.style
    ears_to_middle = np.concatenate([[(0.97, 0.15)], shape.hairline[::-1], [(0, shape.middle)]])
    line = scene.turn(mirrored(ears_to_middle * (-1, 1)))
    rim = shape.dome
    if shape.is_long:
        rim = np.append(shape.dome[:4], [(shape.side, 0.25)], 0)
    cap = mirrored(np.concatenate([rim[::-1], [(0, shape.crown)]]) * (-1, 1))
    how = {
        "along": False,
        "curly": style.flow == "curly",
        "layered": person.hair == "short",
        "lean": 0.1 * np.sign(person.part + 0.01),
        "ragged": 0.04,
    }
    sheets = [Sheet(spline(line, 8), spline(cap, 8), **how)]
    if shape.is_long:
        side, tip = shape.side, style.tip
        for sign in (-1, 1):
            inner = np.array([(0.95, -0.3), (0.93, 0.4), (0.95, min(1.2, tip))]) * (sign, 1)
            outer = np.array([(side, -0.4), (side + 0.06, 0.5), (side - 0.1, tip)]) * (sign, 1)
            sheets.append(Sheet(spline(inner), spline(outer), curly=True))
    return sheets


def _fringe(scene: Scene, crown: float) -> Sheet:
    """Hair that falls into the forehead."""
    person = scene.p
    y, sweep = person.style.fringe + person.fringe, 0.09 * np.sign(person.part)
    tilt = np.array([(-0.88, 0.1), (-0.5, 0.03), (0, -0.02), (0.5, 0.03), (0.88, 0.1)])
    low = scene.turn(tilt + np.stack([0 * tilt[:, 0], y + sweep * tilt[:, 0]], 1))
    top = [(-0.9, -0.8), (-0.55, crown + 0.3), (0, crown + 0.12), (0.55, crown + 0.3), (0.9, -0.8)]
    lean = 0.05 * np.sign(person.part)
    return Sheet(spline(top), spline(low), along=False, ragged=0.22, lean=lean, pencilled=())


def _ring(scene: Scene, sign: int) -> Sheet:
    """What is left above an ear of a balding head."""
    outer = [(sign * 0.9, -0.9), (sign * 1.06, -0.45), (sign * 1.03, 0.15)]
    inner = np.concatenate(
        [[(sign * 0.88, -0.88)], scene.turn([(sign * 0.88, -0.4), (sign * 0.965, 0.15)])]
    )
    return Sheet(spline(inner), spline(outer), ragged=0.05)


def _parted(scene: Scene, sign: int, part: float, shape: _Shape) -> Sheet:
    """One side of parted hair, from the parting down to the tips."""
    tip, side = scene.p.style.tip, shape.dome[-1, 0]
    hairline, dome = shape.hairline * (sign, 1), shape.dome * (sign, 1)
    beyond = hairline[(hairline[:, 0] - part) * sign > 0.12]
    inner = scene.turn(np.concatenate([[(part, shape.middle)], beyond]))
    tail = [(sign * 0.97, 0.14)]
    if tip > 0.5:
        tail = [(sign * 0.93, 0.3), (sign * 0.9, 0.8)]
        tail.append((sign * min(0.98, side), min(tip, 1.5)))
        if tip > 1.6:
            tail.append((sign * 0.8, tip))
    parting = (part * 0.9, shape.crown + 0.05 * abs(part))
    outer = np.concatenate([[parting], dome[(dome[:, 0] - part) * sign > 0.15]])
    ragged = 0.08 if tip > 0.5 else 0.05
    return Sheet(spline(np.concatenate([inner, tail])), spline(outer), ragged=ragged)


def _strands(
    sheet: Sheet, num: int, points: int, rng, wave: float, start: tuple, end: tuple
) -> np.ndarray:
    """Strands (num, points, 2) of a sheet in head units, sorted from one side to the other.

    Where along the sheet each one begins and ends is drawn from the ranges `start` and `end`.
    """
    across = np.sort(rng.random(num))[:, None]
    first, last = rng.uniform(*start, (num, 1)), rng.uniform(*end, (num, 1))
    at = first + (last - first) * np.linspace(0, 1, points)  # (num, points)
    inner, outer = resample(sheet.inner, 64), resample(sheet.outer, 64)
    if sheet.along:
        where, blend = at, np.broadcast_to(across, at.shape)
    else:  # drift sideways and, towards the ears, down
        where, blend = across + (sheet.lean + 0.16 * (across - 0.5)) * at**1.5, at
    where = np.clip(where, 0, 1.04) * 63
    low = np.minimum(where.astype(int), 62)
    fraction = (where - low)[..., None]
    on_inner, on_outer = (
        inner[low] + (inner[low + 1] - inner[low]) * fraction,
        outer[low] + (outer[low + 1] - outer[low]) * fraction,
    )
    pts = on_inner + (on_outer - on_inner) * blend[..., None]
    if wave:
        phase = 12.6 * across + rng.normal(0, 0.5, (num, 1))
        pts[..., 0] += wave * np.sin(at * 14 + phase) * np.clip(at * 2 - 0.3, 0, 1)
    return pts


def _mass(sheet: Sheet, rng) -> np.ndarray:
    """The sheet's outline; the ragged end is left to single strands, curls make it bumpy."""
    inner, outer = sheet.inner, sheet.outer
    if sheet.ragged:
        if sheet.along:
            inner, outer = (
                resample(c, 50)[: round(50 * (1 - sheet.ragged))] for c in (inner, outer)
            )
        else:
            inner, outer = resample(inner, 60), resample(outer, 60)
            outer = mix(outer, inner, sheet.ragged)
    pts = np.concatenate([inner, outer[::-1]])
    if not sheet.curly:
        return pts
    pts = resample(np.concatenate([pts, pts[:1]]), 161)[:-1]
    bumps = np.abs(np.sin(np.arange(160) * 0.55 + np.cumsum(rng.normal(0, 0.12, 160))))
    away = pts - (0, -0.3)
    return pts + away / np.sqrt((away**2).sum(1, keepdims=True)) * (0.09 * bumps - 0.04)[:, None]


def draw_hair(scene: Scene, sheets: list[Sheet]) -> None:
    """Paint sheets of hair: a mass with strands, lit like a dome."""
    person, rng, buzz = scene.p, scene.rng, scene.p.style.flow == "buzz"
    for sheet in sheets:
        pts = scene.head(_mass(sheet, rng))
        if not sheet.behind:
            scene.shade(
                pts,
                -0.07 * person.light[0],
                0.1,
                0.07,
                0.3 if buzz else 0.45,
                (*BARE, L_EAR, R_EAR, NECK, CLOTH),
            )
        tone, cover = (
            np.full((scene.fine, scene.fine), 128, np.uint8),
            np.zeros((scene.fine, scene.fine), np.uint8),
        )
        scene.fill(cover, pts[None], [255])
        strands = _texture(scene, sheet, tone, cover)
        low, high = pts.min(0) - 0.05, pts.max(0) + 0.11
        (x0, y0), (x1, y1) = (
            np.clip((v * scene.size).astype(int), 0, scene.size)
            for v in (low, high + 1 / scene.size)
        )
        window = slice(y0, y1), slice(x0, x1)
        grain, share = (scene.reduce(board)[window] for board in (tone, cover))
        grain, share = grain / 128 - 1, share / 255
        x, y = scene.x[window], scene.y[window]
        # The mass as a dome: light from the key side, a band of shine around the crown, dark behind
        # the face.
        lambert = dome_light(person, x / 1.25, (y + 0.35) / 1.5)
        radius = np.sqrt((x - 0.35 * person.light[0]) ** 2 + (y + 0.35) ** 2 / 1.25) + 0.25 * grain
        band = (
            bell(((radius - 0.82) / 0.14) ** 2)
            * np.clip(lambert + 0.1, 0, 1)
            * np.clip(0.4 - y, 0, 1)
        )
        lit = (0.42 + 0.62 * np.clip(lambert, 0, 1)) * (1 + 0.8 * grain) + (
            0.12 if sheet.curly or buzz else 0.35
        ) * band
        alpha = scene.blur(share, 0.018)
        if buzz:
            alpha = np.clip(scene.blur(share, 0.06) * 1.15 - 0.08, 0, 1) * np.clip(
                0.72 + 0.5 * grain, 0, 1
            )
        scene.paint(window, alpha, hair_tone(person, np.clip(lit * sheet.dim, 0.12, 1.9)))
        scene.mask[window][share >= 0.5] = HAIR
        if not buzz:  # the ground that the pencil's side leaves under dark hair tells its colour
            scene.fill(
                scene.paper,
                pts[None],
                [int(255 - 130 * max(0.6 - person.hair_rgb.mean() / 255, 0))],
                smooth=False,
            )
        _pencil_hair(scene, sheet, strands, pts)


def _texture(scene: Scene, sheet: Sheet, tone: np.ndarray, cover: np.ndarray) -> np.ndarray:
    """Draw strands or curls into tone (128 is neutral) and cover.

    Returns their curves in head units.
    """
    person, rng, style = scene.p, scene.rng, scene.p.style
    if sheet.curly or style.flow == "buzz":
        num, size = (420, 0.085) if sheet.curly else (700, 0.018)
        seeds = _strands(sheet, num, 2, rng, 0, (0.0, 0.98), (1.0, 1.0))[rng.permutation(num), :1]
        angle = rng.uniform(0, 6.3, (num, 1)) + rng.uniform(2.5, 4.5, (num, 1)) * np.linspace(
            0, 1, 7
        )
        curves = seeds + np.stack([np.cos(angle), np.sin(angle)], -1) * (
            size * rng.uniform(0.5, 1.1, (num, 1, 1))
        )
        values = 128 * (1 + rng.normal(0, 0.33, num))
        outlines = strips(scene.head(curves), size * 0.42 * person.scale * taper(7, 0.4, 0.3))
        scene.fill(tone, outlines, values.clip(10, 245).astype(int).tolist())
        return curves
    locs = person.hair == "locs"
    num, wide = (50, 0.085) if locs else (110, 0.036)
    wave = style.wave if sheet.along else style.wave * 0.3
    starts, ends = ((0.0, 0.6), (0.62, 1.06)) if sheet.layered else ((0.0, 0.1), (0.86, 1.05))
    curves = _strands(sheet, num, 12, rng, wave, starts, ends)
    clump = np.convolve(rng.normal(0, 1, num + 12), np.hanning(15)[1:-1] / 3, "valid")[:num]
    values = 1 + 0.17 * clump + rng.normal(0, 0.17, num)
    if locs:
        values += 0.2 * (np.arange(num) % 2) - 0.1
    order = rng.permutation(num)
    curves = curves[order]
    outlines = strips(scene.head(curves), wide * person.scale * taper(12, 0.5, 0.2))
    scene.fill(tone, outlines, (128 * values[order]).clip(10, 245).astype(int).tolist())
    scene.fill(cover, outlines, [255] * num)
    # Shine where the hair turns towards the light, shade at the roots: short strokes that follow
    # the strands.
    for count, first, last, level in (
        (26, (0.14, 0.34), (0.36, 0.6), 1.45),
        (26, (0.0, 0.02), (0.1, 0.24), 0.6),
        (16, (0.55, 0.7), (0.8, 1.0), 0.7),
    ):
        strokes = _strands(sheet, count, 8, rng, wave, first, last)
        levels = 128 * (1 + (level - 1) * rng.uniform(0.4, 1.0, count))
        scene.fill(
            tone,
            strips(scene.head(strokes), 0.03 * person.scale * taper(8, 0.1, 0.1)),
            levels.astype(int).tolist(),
        )
    return curves


def _pencil_hair(scene: Scene, sheet: Sheet, curves: np.ndarray, mass: np.ndarray) -> None:
    person, rng = scene.p, scene.rng
    light = float(person.hair_rgb.mean() / 255)
    dark, many = 0.85 - 0.5 * light, (1.0 - 0.65 * light) * (0.6 if sheet.behind else 1)
    if person.style.flow == "buzz":
        scene.pencils(scene.head(curves[: int(330 * many), :3]), 0.55, dark * 0.7, 0.3)
    elif sheet.curly:
        scene.pencils(scene.head(curves[: int(150 * many)]), 0.75, dark * 0.85, 0.5)
        for part in np.split(mass, 4):
            scene.pencil(part, 0.9, 0.7, 1, 0.8)
        return
    else:
        num_points = curves.shape[1]
        some = np.repeat(curves[: int(110 * many)], 1 if sheet.along else 2, 0)
        first = rng.integers(0, num_points // 2, len(some))  # strokes cover part of a strand each
        picked = (
            np.stack(
                [
                    c[fraction : fraction + num_points // 2]
                    for c, fraction in zip(some, first, strict=True)
                ]
            )
            if len(some)
            else some
        )
        scene.pencils(scene.head(picked), 0.8, dark * 0.9, 0.8)
    for name in sheet.pencilled:
        scene.pencil(scene.head(getattr(sheet, name)), 1.0, 0.75, 1.5, 0.8)
