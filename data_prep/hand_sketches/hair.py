"""Hair and beards: strands along the photo's own, or the symbols that stand for them."""

from __future__ import annotations

import numpy as np

from data_prep.hand_sketches.features import pick
from data_prep.hand_sketches.hand import Hand
from s2f_utils.pictures import mesh
from s2f_utils.pictures.mesh import filled


def directions(grey: np.ndarray) -> np.ndarray:
    """The direction along the hair at each pixel, by the structure tensor: uint8 (H, W) → float32
    (H, W, 2), units.
    """
    import cv2

    smooth = cv2.GaussianBlur(grey.astype(np.float32), (0, 0), 1.0)
    gx, gy = cv2.Sobel(smooth, cv2.CV_32F, 1, 0), cv2.Sobel(smooth, cv2.CV_32F, 0, 1)
    xx, yy, xy = (cv2.GaussianBlur(v, (0, 0), 4.0) for v in (gx * gx, gy * gy, gx * gy))
    across = 0.5 * np.arctan2(2 * xy, xx - yy)
    return np.stack([-np.sin(across), np.cos(across)], axis=-1)


def strands(
    hand: Hand,
    mask: np.ndarray,
    along: np.ndarray,
    where: np.ndarray,
    *,
    num: int,
    length: float,
    dark: float = 1.0,
    thick: float = 0.8,
    stray: float = 0.15,
) -> None:
    """Strokes of about `length` pixels that begin anywhere in `mask`, float (H, W), and follow
    `along` (H, W, 2).

    where: (H, W, 2), where the hand puts each pixel. stray: how far, in radians, a stroke leaves
    the direction.
    """
    rng, size = hand.rng, len(mask)
    rows, columns = np.nonzero(mask > 0.5)
    if not len(rows) or num < 1:
        return
    chosen = rng.integers(0, len(rows), num)
    at = (
        np.stack([columns[chosen], rows[chosen]], axis=1).astype(np.float64)
        + rng.random((num, 2))
        - 0.5
    )
    steps = np.maximum(3, length * rng.uniform(0.4, 1.4, num) / 3).astype(int)
    turn = rng.normal(0, stray, num)
    heading = along[rows[chosen], columns[chosen]] * rng.choice([-1.0, 1.0], num)[:, None]
    paths, alive = [at.copy()], np.ones(num, bool)
    for _ in range(int(steps.max())):
        x, y = (np.clip(np.rint(at[:, k]).astype(int), 0, size - 1) for k in (0, 1))
        flow = along[y, x] * np.sign((along[y, x] * heading).sum(axis=1, keepdims=True) + 1e-9)
        heading = 0.5 * heading + 0.5 * flow
        heading /= np.maximum(1e-6, np.hypot(*heading.T))[:, None]
        cos, sin = np.cos(turn), np.sin(turn)
        turned = np.stack(
            [cos * heading[:, 0] - sin * heading[:, 1], sin * heading[:, 0] + cos * heading[:, 1]],
            axis=1,
        )
        alive &= mask[y, x] > 0.3
        at = at + 3.0 * turned * alive[:, None]
        paths.append(at.copy())
    moved = np.stack(paths, axis=1)  # (num, steps + 1, 2)
    x, y = (np.clip(np.rint(moved[..., k]).astype(int), 0, size - 1) for k in (0, 1))
    moved = where[y, x] + (moved - np.stack([x, y], axis=-1))
    for path, many in zip(moved, steps, strict=True):
        path = path[: many + 1]
        if np.hypot(*(path[-1] - path[0])) > 2:
            hand.stroke(path, dark=dark, thick=thick)


def rim(mask: np.ndarray, where: np.ndarray, smooth: float) -> list[np.ndarray]:
    """The outlines of a mask, float (H, W), as a hand puts them: polylines (N, 2) in pixels."""
    import cv2

    soft = cv2.GaussianBlur(np.pad(mask.astype(np.float32), 1), (0, 0), smooth)
    found, _ = cv2.findContours(
        (soft > 0.5).astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE
    )
    size, lines = len(mask), []
    for contour in found:
        points = np.clip(contour[:, 0] - 1, 0, size - 1)
        inside = ((points > 1) & (points < size - 2)).all(
            axis=1
        )  # the picture's frame is no outline
        for run in np.split(points, np.flatnonzero(np.diff(inside.astype(int)) != 0) + 1):
            if len(run) > 12 and ((run > 1) & (run < size - 2)).all(axis=1).mean() > 0.5:
                lines.append(where[run[:, 1], run[:, 0]].astype(np.float64)[::2])
    return lines


def hair(
    hand: Hand, mask: np.ndarray, along: np.ndarray, where: np.ndarray, degree: float, curly: bool
) -> None:
    """The hair on a head: strands, outline, scribble, curls, an area, or a few strokes."""
    rng = hand.rng
    area = float((mask > 0.5).sum())
    if area < 150:
        return
    way = pick(
        rng,
        degree,
        {
            "strands": (5, 1),
            "outlined": (3, 2),
            "outline": (0.5, 3),
            "scribble": (0.5, 1.5),
            "area": (1, 0.7),
            "few": (0.5, 1),
        },
    )
    if curly and rng.random() < 0.5:
        way = "curls"
    full = area / 60
    if way in ("outlined", "outline", "curls", "area") or rng.random() < 0.2:
        for line in rim(mask, where, rng.uniform(1.5, 4 + 5 * degree)):
            hand.stroke(line, dark=rng.uniform(0.6, 1.0))
    if way in ("strands", "outlined"):
        strands(
            hand,
            mask,
            along,
            where,
            num=int(full * rng.uniform(0.2, 1.4) * (1 - 0.5 * degree)) + 4,
            length=rng.uniform(12, 60),
            dark=rng.uniform(0.4, 1.0),
            thick=rng.uniform(0.5, 1.1),
            stray=rng.uniform(0, 0.2),
        )
    elif way == "few":
        strands(hand, mask, along, where, num=int(rng.integers(5, 25)), length=rng.uniform(20, 70))
    elif way == "area":
        fill(hand, mask, where, dark=rng.uniform(0.3, 1.0))
        strands(hand, mask, along, where, num=int(full * rng.uniform(0, 0.5)), length=40, dark=1.0)
    elif way == "scribble":
        scribble(hand, mask, where)
    elif way == "curls":
        curls(hand, mask, where)


def fill(hand: Hand, mask: np.ndarray, where: np.ndarray, *, dark: float) -> None:
    """Fill a mask with even ink."""
    for line in rim(mask, where, 2.0):
        hand.area(line, dark=dark)


def scribble(hand: Hand, mask: np.ndarray, where: np.ndarray) -> None:
    """One line to and fro over a mask, as a child fills in hair."""
    rng, size = hand.rng, len(mask)
    turn = rng.uniform(0, np.pi)
    across, down = np.array([np.cos(turn), np.sin(turn)]), np.array([-np.sin(turn), np.cos(turn)])
    rows, columns = np.nonzero(mask > 0.5)
    points = np.stack([columns, rows], axis=1) - size / 2
    u, v = points @ across, points @ down
    lines: list[list[np.ndarray]] = [[]]
    gap, sign = rng.uniform(3, 12), 1
    for level in np.arange(v.min(), v.max(), gap):
        row = np.sort(u[np.abs(v - level) < 1])
        breaks = np.flatnonzero(np.diff(row) > 6)  # a face lies between: another piece of line
        for first, last in (
            zip(row[[0, *(breaks + 1)]], row[[*breaks, -1]], strict=True) if len(row) else ()
        ):
            ends = [
                across * end + down * level + size / 2
                for end in ((first, last) if sign > 0 else (last, first))
            ]
            if lines[-1] and np.hypot(*(lines[-1][-1] - ends[0])) > 3 * gap + 8:
                lines.append([])
            lines[-1] += ends
        sign = -sign
    for line in lines:
        if len(line) > 3:
            at = np.clip(np.rint(line).astype(int), 0, size - 1)
            hand.stroke(where[at[:, 1], at[:, 0]].astype(np.float64), sure=True)


def curls(hand: Hand, mask: np.ndarray, where: np.ndarray) -> None:
    """Rings and spirals all over a mask."""
    rng = hand.rng
    rows, columns = np.nonzero(mask > 0.5)
    for n in rng.integers(0, len(rows), int(len(rows) / rng.uniform(80, 300)) + 3):
        turn = np.linspace(0, rng.uniform(1.2, 4) * np.pi, 16) + rng.uniform(0, 6.3)
        radius = rng.uniform(2.5, 8) * np.linspace(1, rng.uniform(0.3, 1), 16)
        at = where[rows[n], columns[n]]
        hand.stroke(
            at + np.stack([np.cos(turn), np.sin(turn)], axis=1) * radius[:, None],
            dark=rng.uniform(0.5, 1.0),
        )


def beard(
    hand: Hand, points: np.ndarray, mask: np.ndarray, kind: str, where: np.ndarray, degree: float
) -> None:
    """A beard or a moustache: short strokes downwards and outwards, dots, or an area. mask: where
    it grows, (H, W).
    """
    rng, size = hand.rng, len(mask)
    if (mask > 0.5).sum() < 20:
        return
    lips = points[mesh.PARTS["lips"]].mean(axis=0)
    y, x = np.mgrid[:size, :size].astype(np.float32)
    along = np.stack([(x - lips[0]) * 0.6, np.abs(y - lips[1]) * 0.4 + 14], axis=-1)
    along /= np.maximum(1e-6, np.hypot(along[..., 0], along[..., 1]))[..., None]
    area = float((mask > 0.5).sum())
    if kind == "stubble":
        rows, columns = np.nonzero(mask > 0.5)
        for n in rng.integers(0, len(rows), int(area / rng.uniform(8, 30))):
            at = where[rows[n], columns[n]]
            hand.stroke(
                np.stack([at, at + rng.normal(0, 1.5, 2)]), dark=rng.uniform(0.2, 0.7), thick=0.6
            )
        return
    way = pick(
        rng,
        degree,
        {"strands": (4, 2), "outlined": (1, 1.5), "area": (0.5, 1), "scribble": (0.1, 1)},
    )
    if way in ("outlined", "area"):
        for line in rim(mask, where, 2.0):
            hand.stroke(line)
    if way == "area":
        fill(hand, mask, where, dark=rng.uniform(0.3, 0.9))
    elif way == "scribble":
        scribble(hand, mask, where)
    else:
        strands(
            hand,
            mask,
            along,
            where,
            num=int(area / rng.uniform(10, 40)) + 4,
            length=rng.uniform(6, 22),
            dark=rng.uniform(0.5, 1.0),
            stray=0.25,
        )


def beard_zone(points: np.ndarray, kind: str, size_px: int = 256) -> np.ndarray:
    """Where a beard of this kind grows: uint8 (size_px, size_px), 0 or 1; nothing for "none"."""
    oval, lips, nose = (
        points[mesh.PARTS["oval"]],
        points[mesh.PARTS["lips"]],
        points[mesh.PARTS["nose"]],
    )
    if kind == "none":
        return np.zeros((size_px, size_px), np.uint8)
    under_nose = nose[[8, 7, 11]] + [0, 2]
    upper = filled(np.concatenate([lips[:1], under_nose, lips[10:]]), size_px)
    if kind == "moustache":
        zone = upper
    elif kind == "goatee":
        chin = oval[14:23]
        zone = upper | filled(
            np.concatenate([lips[10:11] + [4, 0], chin, lips[:1] - [4, 0]]), size_px
        )
    else:
        zone = upper | filled(
            np.concatenate([oval[9:28], lips[:1] - [3, 2], under_nose, lips[10:11] + [3, -2]]),
            size_px,
        )
    zone[filled(lips, size_px) > 0] = 0
    return zone
