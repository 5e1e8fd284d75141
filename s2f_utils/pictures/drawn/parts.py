"""The drawing board and the parts of a drawn face: what `synthetic.py` puts together.

Coordinates. A face is laid out in *head units*: the origin is the midpoint of the eyes, x goes right, y goes down, and
1 is half the width of the head. Points (u, v) on the face's surface turn with the head's yaw as if they lay on a ball.
Only `Scene` knows pixels, so a face is the same face at every size. Colours are squared sRGB (gamma 2): light adds up
there almost as it does in reality, and it needs only products and square roots, which every machine rounds alike.

Every part paints the photo, labels the mask, and draws its pencil lines from the same curves, back to front.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from types import SimpleNamespace

import numpy as np

# The labels of CelebAMask-HQ, in the order of `masks.CLASSES`.
SKIN, NOSE, EYE_G, L_EYE, R_EYE, L_BROW, R_BROW, L_EAR, R_EAR = range(1, 10)
MOUTH, U_LIP, L_LIP, HAIR, HAT, EAR_R, NECK_L, NECK, CLOTH = range(10, 19)
_BARE = (SKIN, NOSE, L_BROW, R_BROW)  # what a shadow of hair or hat falls on


# --- curves ---------------------------------------------------------------------------------------------------------


def spline(points, per: int = 6, closed: bool = False) -> np.ndarray:
    """Catmull-Rom curve through points (N, 2), `per` samples a segment."""
    pts = np.asarray(points, np.float64)
    ext = np.concatenate([pts[-1:], pts, pts[:2]] if closed else [pts[:1], pts, pts[-1:]])
    weights, last = _spline_weights(per), len(ext) - 3
    curve = sum(weights[k] * ext[k : last + k, None] for k in range(4)).reshape(-1, 2)
    return curve if closed else np.concatenate([curve, pts[-1:]])


@cache
def _spline_weights(per: int) -> np.ndarray:
    t = np.arange(per)[:, None] / per
    return 0.5 * np.stack([-t + 2 * t**2 - t**3, 2 - 5 * t**2 + 3 * t**3, t + 4 * t**2 - 3 * t**3, t**3 - t**2])


def mirrored(half) -> np.ndarray:
    """Points of the left half, up to the middle, followed by their mirror images."""
    half = np.asarray(half, np.float64)
    return np.concatenate([half, half[-2::-1] * (-1, 1)])


def resample(curve: np.ndarray, num: int) -> np.ndarray:
    """The same curve with `num` points at even distances."""
    step = curve[1:] - curve[:-1]
    at = np.zeros(len(curve))
    np.cumsum(np.sqrt(step[:, 0] ** 2 + step[:, 1] ** 2), out=at[1:])
    t = _ramp(num) * at[-1]
    out = np.empty((num, 2))
    out[:, 0], out[:, 1] = np.interp(t, at, curve[:, 0]), np.interp(t, at, curve[:, 1])
    return out


@cache
def _ramp(num: int) -> np.ndarray:
    return np.linspace(0, 1, num)


def strips(curves: np.ndarray, width) -> np.ndarray:
    """Outlines (..., 2M, 2) of strokes along curves (..., M, 2) with full widths (..., M)."""
    d = np.empty_like(curves)
    d[..., 1:-1, :] = curves[..., 2:, :] - curves[..., :-2, :]
    d[..., 0, :], d[..., -1, :] = curves[..., 1, :] - curves[..., 0, :], curves[..., -1, :] - curves[..., -2, :]
    half = 0.5 * width / np.sqrt(d[..., 0] ** 2 + d[..., 1] ** 2 + 1e-18)
    out = np.empty((*curves.shape[:-2], 2 * curves.shape[-2], 2))
    m = curves.shape[-2]
    off_x, off_y = d[..., 1] * half, d[..., 0] * half
    out[..., :m, 0], out[..., :m, 1] = curves[..., 0] - off_x, curves[..., 1] + off_y
    out[..., m:, 0], out[..., m:, 1] = (curves[..., 0] + off_x)[..., ::-1], (curves[..., 1] - off_y)[..., ::-1]
    return out


@cache
def taper(num: int, start: float = 0.25, end: float = 0.15) -> np.ndarray:
    """Width profile of a stroke: thin at its ends, 1 in the middle."""
    t = _ramp(num)
    return np.minimum(1, np.minimum(start + 5 * t, end + 3 * (1 - t)))


def ellipse(x: float, y: float, rx: float, ry: float, num: int = 20, close: bool = False) -> np.ndarray:
    """Points on an ellipse; with `close` the first one comes again at the end."""
    a = np.arange(num + close) * (2 * np.pi / num)
    return np.stack([x + rx * np.cos(a), y + ry * np.sin(a)], 1)


def mix(a, b, t):
    """a for t = 0, b for t = 1."""
    return a + (b - a) * t


def bell(a: np.ndarray) -> np.ndarray:
    """exp(-a)."""
    return np.exp(-a)


def lin(rgb) -> np.ndarray:
    """sRGB 0..255 to the gamma-2 light in which the scene is painted."""
    return (np.asarray(rgb, np.float32) / 255) ** 2


# --- the drawing board ----------------------------------------------------------------------------------------------


class Scene:
    """A photo, a label map and a sketch that are drawn together, back to front."""

    def __init__(self, p: SimpleNamespace, size: int, rng: np.random.Generator):
        self.p, self.size, self.rng = p, size, rng
        self.rgb = np.zeros((size, size, 3), np.float32)
        self.mask = np.zeros((size, size), np.uint8)
        # Lines are drawn on a finer board of fixed size and averaged down: the same strokes at every size.
        self.fine = 512 if size <= 128 else 1024
        self.paper = np.full((self.fine, self.fine), 255, np.uint8)
        self.wobble = np.convolve(rng.normal(0, 1, 4096), np.hanning(15), "same") / 2.3
        self.cos, self.sin = np.cos(p.roll), np.sin(p.roll)
        axis = (np.arange(size, dtype=np.float32) + 0.5) / size
        x, y = (axis[None] - p.centre[0]) / p.scale, (axis[:, None] - p.centre[1]) / p.scale
        self.x = (self.cos * x + self.sin * y).astype(np.float32)  # head units of every pixel
        self.y = (self.cos * y - self.sin * x).astype(np.float32)

    # Points: surface -> head units -> picture in [0, 1].
    def head(self, pts) -> np.ndarray:
        """Head units (..., 2) to the picture."""
        pts = np.asarray(pts, np.float64)
        x, y, scale, (cx, cy) = pts[..., 0], pts[..., 1], self.p.scale, self.p.centre
        out = np.empty(pts.shape)
        out[..., 0] = (self.cos * x - self.sin * y) * scale + cx
        out[..., 1] = (self.sin * x + self.cos * y) * scale + cy
        return out

    def turn(self, pts, lift: float = 0.0) -> np.ndarray:
        """Surface points (..., 2) to head units; `lift` is the height above the surface, for the nose."""
        out = np.array(pts, np.float64)
        depth = np.sqrt(np.maximum(1 - out[..., 0] ** 2, 0)) + lift
        out[..., 0] = out[..., 0] * np.cos(self.p.yaw) + depth * np.sin(self.p.yaw)
        return out

    def surf(self, pts, lift: float = 0.0) -> np.ndarray:
        """Surface points (..., 2) to the picture."""
        return self.head(self.turn(pts, lift))

    # Paint.
    def cover(self, pts: np.ndarray, window=None, pad: float = 0.0):
        """Share of each pixel inside polygons (N, 2) or (K, N, 2): a window (two slices) and float32 shares in it."""
        import cv2

        size, pts = self.size, pts.reshape(-1, *pts.shape[-2:])
        if window is None:
            low, high = pts.min((0, 1)) - pad, pts.max((0, 1)) + pad
            x0, y0 = (min(max(int(v * size) - 1, 0), size - 1) for v in low)
            x1, y1 = (min(max(int(v * size) + 2, 1), size) for v in high)
            window = slice(y0, max(y1, y0 + 1)), slice(x0, max(x1, x0 + 1))
        y0, x0 = window[0].start, window[1].start
        h, w = window[0].stop - y0, window[1].stop - x0
        board = np.zeros((h * 4, w * 4), np.uint8)
        for fixed in np.rint((pts * (4 * size) - (4 * x0 + 0.5, 4 * y0 + 0.5)) * 16).astype(np.int32):
            cv2.fillPoly(board, [fixed], 255, cv2.LINE_8, 4)
        return window, cv2.resize(board, (w, h), interpolation=cv2.INTER_AREA).astype(np.float32) / 255

    def blur(self, share: np.ndarray, sigma: float) -> np.ndarray:
        """Gaussian blur; sigma in head units."""
        import cv2

        sigma = max(sigma * self.p.scale * self.size, 0.3)
        return cv2.GaussianBlur(share, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE)

    def noise(self, cells_x: int, cells_y: int) -> np.ndarray:
        """Smooth noise (H, W) of about unit variance with that many cells across the picture."""
        import cv2

        grid = self.rng.standard_normal((cells_y, cells_x), np.float32)
        how = cv2.INTER_AREA if max(cells_x, cells_y) > self.size else cv2.INTER_CUBIC
        return cv2.resize(grid, (self.size, self.size), interpolation=how)

    def paint(self, window, share, colour) -> None:
        """Lay a colour, (3,) or (h, w, 3), over the window with the given share."""
        target = self.rgb[window]
        target += (np.asarray(colour, np.float32) - target) * share[..., None]

    def shape(self, pts, colour, label: int | None = None, opacity: float = 1.0, soft: float = 0.0) -> None:
        """Fill polygons; the photo's edge can be soft, in head units, the label's is not."""
        window, share = self.cover(pts, pad=2.5 * soft * self.p.scale)
        if label is not None:
            self.mask[window][share >= 0.5] = label
        self.paint(window, (self.blur(share, soft) if soft else share) * opacity, colour)

    def line(self, curve, width: float, colour, opacity: float = 1.0, soft: float = 0.0, ends=(0.25, 0.15)) -> None:
        """Tapered strokes along (M, 2) or (K, M, 2) in the photo; width in head units."""
        curve = np.asarray(curve, np.float64)
        profile = width * self.p.scale * taper(curve.shape[-2], *ends)
        self.shape(strips(curve, profile), colour, None, opacity, soft)

    def shade(self, pts, dx: float, dy: float, soft: float, strength: float, labels=()) -> None:
        """Darken what lies under a polygon moved by (dx, dy): a soft cast shadow on the given labels."""
        window, share = self.cover(pts + np.array([dx, dy]) * self.p.scale, pad=2.5 * soft * self.p.scale)
        share = self.blur(share, soft) * strength * np.isin(self.mask[window], labels)
        self.rgb[window] *= 1 - share[..., None] * np.array([0.85, 1.0, 1.05], np.float32)

    # Pencil.
    def fill(self, board: np.ndarray, polygons: np.ndarray, values, smooth: bool = True) -> None:
        """Fill polygons (K, N, 2), one after the other, on a fine board with values (K,)."""
        import cv2

        fixed = np.rint((polygons * self.fine - 0.5) * 16).astype(np.int32)
        kind = cv2.LINE_AA if smooth else cv2.LINE_8
        for polygon, value in zip(fixed, values, strict=True):
            cv2.fillPoly(board, [polygon], value, kind, 4)

    def reduce(self, board: np.ndarray) -> np.ndarray:
        """A fine board averaged down to the picture's pixels, float32 (H, W) in [0, 255]."""
        import cv2

        return cv2.resize(board, (self.size, self.size), interpolation=cv2.INTER_AREA).astype(np.float32)

    def erase(self, pts) -> None:
        """Hide the lines behind an opaque shape."""
        self.fill(self.paper, pts[None], [255], smooth=False)

    def pencil(self, curve, width: float = 1.0, dark: float = 0.75, wobble: float = 1.0, broken: float = 0.4) -> None:
        """Draw along a curve (N, 2): it wobbles, presses unevenly, lifts now and then. Width 1 is 0.7 % of the page."""
        rng, step = self.rng, curve[1:] - curve[:-1]
        num = int(min(max(np.sqrt((step**2).sum(1)).sum() * 60, 6), 60))
        at = rng.integers(0, 4000, 3)
        path = resample(curve, num)
        path[:, 0] += self.wobble[at[0] : at[0] + num] * (0.0022 * wobble)
        path[:, 1] += self.wobble[at[1] : at[1] + num] * (0.0022 * wobble)
        press = 0.007 * width * np.clip(1 + 0.28 * self.wobble[at[2] : at[2] + num], 0.5, 1.5)
        cuts = [(0, num)]
        if num > 14 and rng.random() < broken:
            cut = int(rng.integers(5, num - 5))
            cuts = [(0, cut), (max(cut + int(rng.integers(-2, 2)), 0), num)]
        for a, b in cuts:
            value = int(255 * max(1 - dark * rng.uniform(0.85, 1.05), 0))
            self.fill(self.paper, strips(path[a:b], press[a:b] * taper(b - a, 0.45, 0.25))[None], [value])

    def pencils(self, curves, width: float = 1.0, dark: float = 0.75, wobble: float = 0.6) -> None:
        """Many short strokes (K, M, 2) at once, each with its own width and darkness."""
        curves = np.array(curves, np.float64)
        k, m = curves.shape[:2]
        if k == 0:
            return
        bend = self.rng.normal(0, 0.0013 * wobble, (k, 3, 2))
        t = _ramp(m)[:, None]
        curves += bend[:, :1] * (1 - t) + bend[:, 1:2] * t + bend[:, 2:] * (4 * t * (1 - t))
        widths = 0.007 * width * self.rng.uniform(0.7, 1.25, (k, 1)) * taper(m, 0.45, 0.25)
        values = 255 * np.maximum(1 - dark * self.rng.uniform(0.7, 1.05, k), 0)
        self.fill(self.paper, strips(curves, widths), values.astype(int).tolist())

    def landmarks(self) -> np.ndarray:
        """Five points (5, 2), float32 x and y in pixels, in the order of `Face.landmarks`."""
        p = self.p
        eyes = self.surf([(-p.eye_x, p.lid_drop), (p.eye_x, p.lid_drop)])
        nose = self.surf([(0, p.nose_y - 0.08)], 0.2 * p.nose_h)
        mouth = self.surf([(-p.mouth_w, p.mouth_y + p.corner), (p.mouth_w, p.mouth_y + p.corner)])
        return (np.concatenate([eyes, nose, mouth]) * self.size - 0.5).astype(np.float32)


# --- backdrop, body -------------------------------------------------------------------------------------------------


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


def skin_light(s: Scene, slope_x, slope_y, tint=1.0, gloss: float = 1.0) -> np.ndarray:
    """Skin (h, w, 3) whose surface falls by slope_x, slope_y towards the right and down, lit by the key light.

    Lambert with a soft terminator, a sky from above, a weak fill from the other side, and Blinn's highlight.
    """
    p = s.p
    inv = 1 / np.sqrt(slope_x**2 + slope_y**2 + 1)
    nl = (slope_x * p.light[0] + slope_y * p.light[1] + p.light[2]) * inv
    diffuse = np.maximum((nl + 0.25) / 1.25, 0)
    # Light that has travelled through skin is red: it shows where the surface turns away from the light.
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
    return (lin(p.skin) * tint * light + shine[..., None] * np.array([1, 0.96, 0.9], np.float32)).astype(np.float32)


def draw_neck(s: Scene) -> None:
    """Neck and shoulders, bare."""
    p = s.p
    nw, drop = p.neck_w, p.drop
    half = [(-2.25, 3.2), (-2.05, 2.3 + drop), (-1.5, 2.0 + drop), (-0.95, 1.85 + drop), (-nw * 1.2, 1.7 + drop),
            (-nw * 1.0, 1.5), (-nw * 0.97, 1.2), (-nw, 0.6)]  # fmt: skip
    left = spline(half) + (p.shift, 0)
    right = left * (-1, 1) + (2 * p.shift, 0)
    pts = s.head(np.concatenate([left, right[::-1]]))
    window, share = s.cover(pts)
    x, y = s.x[window] - p.shift, s.y[window]
    ax = np.abs(x)
    turn = np.clip(x / np.maximum(nw, 0.35 + 0.9 * np.clip(y - 1.4, 0, 3)), -1, 1)
    # The two tendons that meet in the pit of the throat, and the collar bones.
    tendon = np.sign(x) * bell(((ax - nw * 0.75 + 0.42 * (y - 1.2)) / 0.09) ** 2) * np.clip(ax * 6, 0, 1)
    bones = bell(((y - 1.98 - drop - 0.06 * ax) / 0.055) ** 2) * np.clip(ax * 3 - 0.3, 0, 1)
    s.paint(window, share, skin_light(s, 1.2 * turn**3 + 0.16 * tendon, 0.15 - 0.3 * bones, gloss=0.4))
    s.mask[window][share >= 0.5] = NECK
    s.erase(pts)
    for k, line in ((-1, left), (1, right)):
        s.pencil(s.head(line[18:]), 0.9)
        s.pencil(s.head([(k * 0.12 + p.shift, 2.02 + drop), (k * 0.6 + p.shift, 1.95 + drop)]), 0.6, 0.35)


def draw_clothes(s: Scene) -> None:
    """Shoulders of a garment with its neckline, then collar and necklace."""
    p, rng = s.p, s.rng
    nw, drop, move = p.neck_w, p.drop, (p.shift, 0)
    deep = {"crew": 1.9, "v-neck": 2.3, "shirt": 2.1, "suit": 2.25, "turtleneck": 1.6, "wide": 2.25}[p.cloth] + drop
    edge = {"turtleneck": nw * 1.04, "wide": 1.3, "crew": nw * 1.3}.get(p.cloth, nw * 1.16)
    high = {"turtleneck": 1.45, "wide": 1.93, "crew": 1.7}.get(p.cloth, 1.66) + drop
    bend = (0.5, 0.5) if p.cloth in ("v-neck", "shirt", "suit") else (0.62, 0.78)
    neckline = spline(mirrored([(-edge, high), (-edge * bend[0], mix(high, deep, bend[1])), (0, deep)])) + move
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
        s.shape(strips(s.head(neckline), np.full(len(neckline), 0.1 * p.scale)), colour * 0.72, CLOTH)
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
        vest = np.array([(-nw, 1.66), (0, 2.1), (nw, 1.66), (0.62, 2.0), (0.1, low), (-0.1, low), (-0.62, 2.0)])
        s.shape(s.head(vest + move), shirt * 0.72, CLOTH)
        s.erase(s.head(vest + move))
        tie_rgb = lin(p.hat_rgb)
        tie = np.array([(-0.1, 2.03), (0.1, 2.03), (0.07, 2.19), (0.17, low), (-0.17, low), (-0.07, 2.19)]) + move
        s.shape(s.head(tie), tie_rgb * 0.75, CLOTH)
        s.line(s.head(tie[[0, 5, 4]] + (0.05, 0.02)), 0.05, tie_rgb * 1.4, 0.4)
        s.pencil(s.head(tie[[0, 1, 2, 3]]), 0.8)
        s.pencil(s.head(tie[[0, 5, 4]]), 0.8)
        for k in (-1, 1):
            lapel = np.array([(nw * 1.1, 1.66), (0.86, 2.05), (0.6, 2.2), (0.18, low), (0.5, 2.0), (nw, 1.72)])
            lapel = s.head(lapel * (k, 1) + move)
            s.shade(lapel, 0.03 * k, 0.05, 0.04, 0.4, (CLOTH,))
            s.shape(lapel, colour * (1.15 if k * p.light[0] < 0 else 0.85) * 0.8, CLOTH)
            s.pencil(lapel, 0.9)
    for k in (-1, 1):
        wing = np.array([(nw * 0.98, 1.5), (nw * 1.2, 1.62), (0.54, 2.06), (0.04, 2.06), (nw * 0.72, 1.78)])
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


# --- head -----------------------------------------------------------------------------------------------------------

_EAR = [(0.0, -0.1), (0.08, -0.2), (0.165, -0.16), (0.19, -0.02), (0.165, 0.14), (0.12, 0.26), (0.1, 0.38),
        (0.05, 0.45), (0.0, 0.42), (-0.06, 0.2)]  # fmt: skip


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
        tint = (1 - (0.55 * hollow + 0.35 * groove)[..., None] * np.array([0.7, 1.0, 1.05])) * (0.94, 0.81, 0.79)
        s.paint(window, share, skin_light(s, 0 * x + 0.5 * k, 0 * x - 0.1, tint, 0.5))
        s.mask[window][share >= 0.5] = label
        s.erase(pts)
        s.pencil(pts, 0.9)
        s.pencil(s.head(spline([(0.03, -0.08), (0.1, -0.12), (0.13, 0.0), (0.1, 0.16)]) * flip + place), 0.6, 0.5)
        s.pencil(s.head(spline([(0.03, 0.02), (0.07, 0.1), (0.03, 0.22)]) * flip + place), 0.6, 0.5)


def jaw_shift(p: SimpleNamespace, y):
    """How far the turn of the head moves its outline at height y: the chin most, the skull not at all."""
    return 0.42 * np.sin(p.yaw) * np.clip((y + 0.4) / 1.8, 0, 1) ** 1.3


def face_outline(p: SimpleNamespace) -> tuple[np.ndarray, np.ndarray]:
    """Silhouette of skull and jaw in head units: left and right side (M, 2), from crown to chin."""
    cheek, jaw, c = 0.035 * (p.full - 0.5), 0.145 * (p.jaw - 0.4), p.chin
    half = [(0.0, -1.42), (0.42, -1.36), (0.74, -1.14), (0.93, -0.78), (1.0, -0.35), (0.99, 0.05), (0.95 + cheek, 0.4),
            (0.855 + 2 * cheek + 0.35 * jaw, 0.52 * c), (0.7 + 3 * cheek + jaw, 0.735 * c),
            (0.48 + 2 * cheek + jaw, c - 0.18), (0.255 + 0.6 * jaw, c - 0.035), (0.0, c)]  # fmt: skip
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
    s.head_window = window
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


def _relief(p: SimpleNamespace, u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Height of brow, sockets, nose, cheeks, lips and chin over the head, in head units."""
    my, ny, sag, smile = p.mouth_y, p.nose_y, p.old, max(p.smile, 0)
    # u (mirrored), v, width, height, amplitude
    bumps = [
        (0.0, -0.62, 0.5, 0.34, 0.06), (0.33, -0.22, 0.24, 0.085, 0.03 + 0.03 * (not p.feminine)),
        (0.41, 0.01, 0.25, 0.15, -0.12), (0.17, -0.04, 0.07, 0.12, -0.05), (p.eye_x, -0.01, 0.17, 0.11, 0.075),
        (p.eye_x, 0.2, 0.16, 0.05, 0.008 + 0.014 * sag), (0.4, 0.29, 0.2, 0.06, -0.012 - 0.01 * sag),
        (0.62, 0.36, 0.25, 0.18, 0.07 - 0.02 * p.child), (0.46, 0.6, 0.2, 0.2, 0.03 * p.full + 0.055 * smile),
        (0.68, 0.8, 0.16, 0.24, -0.05 * (1 - p.full) - 0.02 * sag), (0.85, -0.35, 0.16, 0.3, -0.05),
        (0.0, my, 0.4, 0.24, 0.07), (0.0, my - 0.19, 0.035, 0.08, -0.016), (0.065, my - 0.19, 0.04, 0.09, 0.012),
        (0.1, my - 0.055, 0.14, 0.045, 0.02 * p.lip), (0.0, my + 0.095, 0.2, 0.055, 0.045 * p.lip),
        (0.0, my + 0.215, 0.2, 0.05, -0.035), (0.0, p.chin - 0.2, 0.2, 0.14, 0.09 if p.feminine else 0.11),
        (p.mouth_w + 0.04, my + p.corner, 0.05, 0.07, -0.03), (0.5, p.chin - 0.3, 0.16, 0.2, 0.02 + 0.03 * sag),
        (p.nose_w - 0.035, ny - 0.03, 0.066, 0.075, 0.07 * p.nose_h), (p.nose_w + 0.07, ny - 0.02, 0.05, 0.1, -0.03),
    ]  # fmt: skip
    au = np.abs(u)
    height = np.zeros_like(u)
    for bu, bv, wu, wv, amp in bumps:
        height += np.float32(amp) * bell(((au - bu) / wu) ** 2 + ((v - bv) / wv) ** 2)
    # The nose: a ridge that rises and widens from between the eyes to the tip, then falls off steeply.
    t = np.clip((v + 0.12) / (ny + 0.06), 0, 1)
    nu = u - 0.2 * np.sin(p.yaw) * t
    fall = 1 / (1 + np.exp(np.clip((v - ny - 0.015 + 1.3 * nu**2) / 0.03, -30, 30)))
    ridge = (0.035 + 0.155 * t**1.3) * bell((nu / (0.088 + 0.047 * t)) ** 2)
    tip = 0.09 * bell((nu / 0.12) ** 2 + ((v - ny + 0.075) / 0.1) ** 2)
    return height + p.nose_h * fall * (ridge + tip) * np.clip((v + 0.3) * 6, 0, 1)


def _complexion(s: Scene, window, u, v) -> np.ndarray:
    """Colour of the skin relative to its base (h, w, 3): blood in cheeks and nose, freckles, blotches, tired eyes."""
    p, au = s.p, np.abs(u)
    red = p.blush * bell(((au - 0.58) / 0.24) ** 2 + ((v - 0.45) / 0.22) ** 2)
    red += 0.55 * bell((u / 0.16) ** 2 + ((v - p.nose_y + 0.08) / 0.16) ** 2)
    red += 0.25 * bell((u / 0.25) ** 2 + ((v - p.chin + 0.15) / 0.15) ** 2) + 0.1 * s.noise(12, 12)[window]
    tint = 1 - red[..., None] * np.array([0.02, 0.22, 0.18], np.float32)
    tired = (0.10 + 0.10 * p.old) * bell(((au - 0.4) / 0.17) ** 2 + ((v - 0.17) / 0.08) ** 2)
    tired += 0.12 * bell(((au - 0.32) / 0.2) ** 2 + ((v + 0.1) / 0.09) ** 2)
    tint = tint * (1 - tired[..., None] * np.array([0.9, 1.0, 0.8], np.float32))
    mottle = 0.018 * s.noise(30, 30) + (0.01 + 0.015 * p.old) * s.noise(80, 80)
    tint = tint * (1 + mottle[window])[..., None]
    if p.freckles:
        spots = np.clip(s.noise(110, 110) - 1.2, 0, 0.9)[window] * bell((au / 0.75) ** 4 + ((v - 0.35) / 0.32) ** 2)
        tint = tint * (1 - spots[..., None] * np.array([0.22, 0.4, 0.5], np.float32))
    if p.grown_man and p.beard == "none":  # shaven chin
        jaw = bell((au / 0.75) ** 4 + ((v - 1.15) / 0.36) ** 4)
        tint = tint * (1 - 0.12 * jaw[..., None] * np.array([1.0, 0.75, 0.55], np.float32))
    return tint


# --- features -------------------------------------------------------------------------------------------------------


def _flesh_shadow(p: SimpleNamespace) -> np.ndarray:
    """The warm dark of folds in the skin."""
    return lin(p.skin) * np.array([0.48, 0.35, 0.32], np.float32)


def draw_mouth(s: Scene) -> None:
    """Lips, and teeth where they part."""
    p = s.p
    my, w, cy, g = p.mouth_y, p.mouth_w, p.mouth_y + p.corner, p.gap
    smile = max(p.smile, 0)
    up, low, under = 0.09 * p.lip * (1 - 0.25 * smile), 0.125 * p.lip * (1 - 0.15 * smile), 0.62 * g
    corner = (-w, cy)
    top = [corner, (-0.62 * w, mix(my, cy, 0.35) - up * 0.55), (-0.24 * w, my - up), (0, my - up * 0.8)]
    seam_up = [corner, (-0.5 * w, mix(my, cy, 0.3) + 0.01 - 0.32 * g), (0, my + 0.012 - 0.38 * g)]
    seam_low = [corner, (-0.55 * w, mix(my, cy, 0.3) + 0.01 + 0.5 * g), (0, my + 0.012 + under)]
    bottom = [corner, (-0.6 * w, mix(my, cy, 0.4) + low * 0.62 + 0.5 * g), (-0.2 * w, my + low + under),
              (0, my + low + 0.01 + under)]  # fmt: skip
    top, seam_up, seam_low, bottom = (spline(mirrored(c), 8) for c in (top, seam_up, seam_low, bottom))
    skin = lin(p.skin)
    natural = mix(skin, lin((182, 80, 82)) * (0.25 + 1.2 * skin.mean()), 0.6) * np.array([1.0, 0.82, 0.84])
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
    glint = bell(((xm - gx) / (0.3 * w)) ** 2 + ((y - my - low * 0.5 - under) / (low * 0.22)) ** 2) * whole
    s.rgb[window] += (glint * (0.16 if p.lipstick is not None else 0.1) * (0.35 + skin.mean()))[..., None]
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
    tone = lin((236, 230, 220)) * (np.clip(0.95 - 0.5 * (xm / w) ** 2, 0, 1) * (0.5 + 0.42 * lit))[..., None]
    s.paint(window, s.blur(np.minimum(bite, share), 0.008), tone)
    at = np.array([10, 13, 16, 19, 22])
    if p.mood == "grin" and len(seam_up) > 30:
        s.line(s.surf(np.stack([seam_up[at], edge[at]], 1)), 0.014, lin((150, 120, 110)), 0.4)
    s.line(s.surf(seam_up + (0, 0.02)), 0.03, lin((60, 20, 20)), 0.5, 0.01)  # the upper lip's shadow on the teeth
    s.fill(s.paper, inner[None], [110])
    s.erase(s.surf(np.concatenate([seam_up[2:-2], edge[2:-2][::-1]])))
    s.pencil(s.surf(edge[2:-2]), 0.6, 0.45, 0.6)


def draw_nose(s: Scene) -> None:
    """Nostrils, wings and cast shadow; the bridge is in the head's relief."""
    p = s.p
    w, y, lift = p.nose_w, p.nose_y, 0.2 * p.nose_h
    half = np.array([(-0.075, -0.02), (-0.085, 0.2), (-0.115, 0.4), (-w * 0.92, y - 0.12), (-w * 1.05, y - 0.02),
                     (-w * 0.8, y + 0.045), (0, y + 0.065)])  # fmt: skip
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
        wing = [(k * w * 0.78, y - 0.14), (k * w * 1.08, y - 0.06), (k * w * 1.05, y + 0.025), (k * w * 0.8, y + 0.04)]
        wing = s.surf(spline(wing), lift * 0.35)
        s.line(wing, 0.035, dark, 0.35, 0.012)
        s.pencil(wing, 0.9, 0.65)
        s.pencil(hole[6:], 1.0, 0.8, 0.5, 0)
    s.pencil(s.surf(spline([(-w * 0.4, y + 0.035), (0, y + 0.065), (w * 0.4, y + 0.035)]), lift * 0.7), 0.8, 0.55)
    far = -np.sign(p.light[0])
    s.pencil(s.surf(spline([(far * 0.15, -0.12), (far * 0.09, 0.05), (far * 0.1, 0.3)]), 0.08), 0.7, 0.35)


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
    skin, shadow = lin(p.skin), _flesh_shadow(p)
    if p.makeup:
        s.shape(s.surf(np.concatenate([upper, fold[::-1] - (0, 0.02)])), shadow * [1.1, 0.9, 1.05], None, 0.45, 0.04)
    pts = s.surf(np.concatenate([upper, lower[::-1]]))
    window, share = s.cover(pts, pad=0.01)
    s.mask[window][share >= 0.5] = L_EYE if k < 0 else R_EYE
    if p.eyes_closed:
        s.shape(s.surf(np.concatenate([fold, upper[::-1]])), skin * 0.85, None, 0.5, 0.03)
    else:
        _eyeball(s, k, window, share, pts, s.surf(upper), s.surf(lower))
    lash = mix(lin((22, 14, 12)), lin(p.hair_rgb.clip(0, 120)) * 0.4, 0.3)
    path = np.concatenate([upper, [upper[-1] + (k * 0.025, -0.012 * (1 + p.makeup))]])
    width = np.append(0.25 + 0.75 * np.clip(t * 1.6, 0, 1), 0.2) * (0.05 + 0.014 * p.feminine + 0.016 * p.makeup)
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
    white = mix(white, lin((186, 110, 104)) * (0.4 + skin.mean()), 0.8 * bell(((ux + 0.95) / 0.16) ** 2)[..., None])
    soft = 1 / (ri * p.scale * s.size)  # one pixel, in radii
    below = np.clip((py - cy) / ri * 0.5 + 0.55 - 0.2 * (px - cx) * p.light[0], 0.1, 1.3)
    ring = (0.25 + 0.75 * np.clip((1.0 - r) / 0.22, 0, 1)) * (0.55 + 1.0 * below) * lid
    ring = ring * (1 + 0.14 * np.sin(17 * np.arctan2(py - cy, px - cx)) * np.clip(r - 0.3, 0, 1))  # fibres
    ball = mix(white, lin(p.iris_rgb) * ring[..., None], np.clip((1 - r) / soft + 0.5, 0, 1)[..., None])
    ball = ball * (1 - 0.96 * np.clip((0.44 - r) / soft + 0.5, 0, 1))[..., None]
    gx, gy = cx + 0.36 * ri * np.sign(p.light[0]), cy - 0.34 * ri
    glint = np.clip((0.23 - np.sqrt((px - gx) ** 2 + (py - gy) ** 2) / ri) / soft + 0.5, 0, 1)
    glint = np.maximum(glint, 0.1 * bell(((px - 2 * cx + gx) ** 2 + (py - cy - 0.45 * ri) ** 2) / (0.3 * ri) ** 2))
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
    s.pencils(np.stack([spokes, mix(spokes, middle, 0.5)], 1), 0.7, 0.8 - 0.9 * float(np.mean(p.iris_rgb)) / 255, 0.2)
    s.fill(s.paper, s.head(ellipse(cx, cy, 0.44 * rx, 0.44 * ri, 14))[None], [25])
    s.fill(s.paper, s.head(ellipse(gx, gy, 0.2 * rx, 0.2 * ri, 10))[None], [255])


def draw_brow(s: Scene, k: int) -> None:
    """The brow on side k: a soft shape with hairs."""
    p, rng = s.p, s.rng
    t = np.linspace(0, 1, 17)
    y = p.brow_y + 0.03 - (p.brow_arch + 0.045) * np.sin(np.pi * np.minimum(t / 1.3, 1)) ** 1.2 + 0.055 * t**3
    y = y + p.frown * (1 - t) ** 2 - 0.02 * p.frown
    curve = np.stack([mix(0.17, 0.74, t) * k, y], 1)
    width = p.brow_w * np.minimum(1, 0.6 + 2 * t) * np.clip(1.4 - 1.1 * t, 0.12, 1) * 1.35
    base = mix(lin(p.hair_rgb.clip(12, 190)) * 0.75, _flesh_shadow(p), 0.3)
    window, share = s.cover(strips(s.surf(curve), width * p.scale), pad=0.02)
    s.paint(window, s.blur(share, 0.018) * 0.85, base)
    s.mask[window][share >= 0.5] = L_BROW if k < 0 else R_BROW
    at = np.linspace(0, 15.9, 20)
    low = at.astype(int)
    root = mix(curve[low], curve[low + 1], (at - low)[:, None])
    root[:, 1] += width[low] * rng.uniform(-0.1, 0.45, 20)
    lean = np.stack([k * (0.04 + 0.05 * at / 15), -0.04 * (1 - at / 11)], 1) * rng.uniform(0.7, 1.2, (20, 1))
    hairs = s.surf(np.stack([root, root + 0.5 * lean, root + lean], 1))
    s.line(hairs, 0.016, base * 0.5, 0.4, 0, (1, 0.2))
    s.pencils(hairs, 0.8, float(np.clip(0.95 - 0.6 * p.hair_rgb.mean() / 255, 0.4, 0.9)), 0.3)


def draw_wrinkles(s: Scene) -> None:
    """Folds of age, of a smile, of surprise, of a frown."""
    p, dark = s.p, _flesh_shadow(s.p)
    depth = 0.55 * p.old + 0.4 * max(p.smile, 0) * (1 - 0.9 * p.child)
    for k in (-1, 1):
        fold = [(p.nose_w + 0.03, p.nose_y - 0.05), (p.nose_w + 0.13, p.nose_y + 0.12),
                (p.mouth_w + 0.07, p.mouth_y + p.corner - 0.04), (p.mouth_w + 0.09, p.mouth_y + 0.1)]  # fmt: skip
        fold = s.surf(spline(fold) * (k, 1))
        if depth > 0.08:
            s.line(fold, 0.05, dark, min(0.45 * depth, 0.45), 0.022)
            s.pencil(fold[: -4 if p.old < 0.4 else None], 0.8, 0.25 + 0.35 * min(depth, 1))
        if p.old > 0.15:
            bag = s.surf(spline([(k * 0.24, 0.13), (k * 0.4, 0.21), (k * 0.58, 0.17)]))
            s.line(bag, 0.035, dark, 0.28 * p.old, 0.016)
            s.pencil(bag, 0.6, 0.2 + 0.25 * p.old)
            at = np.arange(3)[:, None]
            feet = np.stack([0 * at + (0.68, 0.75, 0.82), (-0.02, -0.03, -0.07) + at * (0.05, 0.07, 0.11)], 2)
            feet = s.surf(feet * (k, 1))
            s.line(feet, 0.022, dark, 0.45 * p.old, 0.006)
            s.pencils(feet, 0.5, 0.5 * p.old)
        if p.mood == "stern":
            s.line(s.surf([(k * 0.07, -0.3), (k * 0.06, -0.2), (k * 0.08, -0.13)]), 0.035, dark, 0.5, 0.01)
    for y in (-0.55, -0.68, -0.81) if p.old > 0.35 or p.mood == "surprised" else ():
        wide = 0.46 + 0.2 * (-0.7 - y)
        brow = [(-wide, y + 0.02), (-0.2, y - 0.02), (0, y + 0.012), (0.25, y - 0.02), (wide, y + 0.02)]
        brow = s.surf(spline(brow))
        s.line(brow, 0.03, dark, 0.28 * max(p.old, 0.35), 0.012)
        s.pencil(brow, 0.6, 0.35 * max(p.old, 0.5))


def draw_beard(s: Scene) -> None:
    """Stubble, moustache, goatee or beard: a soft ground with hairs over it. Its label stays skin."""
    p, rng = s.p, s.rng
    my, w, kind = p.mouth_y, p.mouth_w, p.beard
    grow = {"full": 0.2, "short": 0.06}.get(kind, 0.0)
    c = p.chin + grow
    lip = [(-w * 0.8, my + 0.03), (-w - 0.09, my + 0.07), (-w * 0.8, my - 0.1), (-0.12, my - 0.2), (0, my - 0.19)]
    lip = np.concatenate([mirrored(lip), [(0.1, my - 0.07), (-0.1, my - 0.07)]])
    shapes = [s.turn(spline(lip, 4, closed=True))]
    if kind == "goatee":
        chin = np.array([(0, my + 0.2), (-w * 0.5, my + 0.17), (-w - 0.05, my + 0.02), (-w - 0.09, my + 0.15),
                         (-0.3, c - 0.06), (0, c + 0.03)])  # fmt: skip
        shapes.append(s.turn(spline(np.concatenate([chin, chin[-2:0:-1] * (-1, 1)]), 4, closed=True)))
    if kind in ("short", "full", "stubble"):
        left, right = (side[side[:, 1] > 0.1] for side in face_outline(p))
        jaw = np.concatenate([left, right[-2::-1]])
        low = np.clip((jaw[:, 1] - 0.6) / (p.chin - 0.6), 0, 1) ** 2
        jaw = np.stack([jaw[:, 0] * (0.99 + 0.25 * grow), jaw[:, 1] + grow * low], 1)
        inner = [(-0.9, 0.15), (-0.84, 0.5), (-0.68, my - 0.2), (-w - 0.06, my - 0.06), (-w * 0.92, my + 0.1),
                 (-w * 0.5, my + 0.2), (0, my + 0.19)]  # fmt: skip
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
        run = np.stack([0.4 * seeds[:, 0] + rng.normal(0, 0.2, len(seeds)), 0.8 + 0 * seeds[:, 0]], 1) * length
        hairs = s.head(np.stack([seeds - 0.3 * run, seeds + 0.25 * run + (0.006, 0), seeds + 0.7 * run], 1))
        for part, tone in ((hairs[::2], 0.55), (hairs[1::2], 1.25)):
            if len(part):
                s.line(part, 0.022, hair_tone(p, tone), 0.25 if kind == "stubble" else 0.5, 0, (0.6, 0.2))
        s.pencils(hairs[::2], 0.65, dark, 0.4)


def _inside(ring: np.ndarray, pts: np.ndarray) -> np.ndarray:
    """Which of pts (K, 2) lie in the polygon ring (N, 2), by counting crossings to the right."""
    x, y = pts[:, :1], pts[:, 1:]
    ax, ay = ring[:, 0], ring[:, 1]
    bx, by = np.roll(ax, -1), np.roll(ay, -1)
    crosses = (ay > y) != (by > y)
    at = ax + (y - ay) / np.where(by == ay, 1.0, by - ay) * (bx - ax)
    return (crosses & (at > x)).sum(1) % 2 == 1


def draw_glasses(s: Scene) -> None:
    """Frames, lenses with a reflection, and arms; eyes and brows keep their labels, as in CelebAMask-HQ."""
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


# --- hair, hats, jewels ---------------------------------------------------------------------------------------------


@dataclass
class Sheet:
    """A lock of hair between two curves (M, 2) in head units.

    Strands run along both curves, blended (`along`), or lead from a to b. `lines` are the edges that the pencil draws.
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


def hair_tone(p: SimpleNamespace, lit) -> np.ndarray:
    """Hair colour (..., 3) for light from 0 (shadow) over 1 to 2 (shine)."""
    base = lin(p.hair_rgb.clip(12, 250))
    lit = np.asarray(lit, np.float32)[..., None]
    return base * lit * (1 + 0.25 * lit) * 0.8 + np.clip(lit - 1.15, 0, None) * 0.14 * (0.4 + base)


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
    hairline = np.array([(0.4, mid - 0.03 - recede), (0.64, -0.77 - recede), (0.82, -0.42), (0.93, -0.1)])
    long = st.tip > 0.5
    dome = [(0.45, crown + 0.045), (0.8 + 0.4 * st.side, -1.14 - 0.75 * st.top * volume),
            (0.95 + 0.8 * st.side * volume, -0.72), (side, -0.25)]  # fmt: skip
    if long:
        dome += [(side + 0.03, 0.4), (side + 0.05 * st.tip, 0.4 + 0.5 * (st.tip - 0.4)), (side - 0.04, st.tip)]
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
        sheets.append(Sheet(ball[6:19], np.concatenate([ball[18:], ball[:7]])[::-1], behind=True, dim=0.8))
    if p.hair == "ponytail":
        k = -np.sign(p.yaw) or 1.0
        tail = np.array([[(0.5, -0.9), (1.22, -0.65), (1.42, 0.2), (1.3, 1.1), (1.05, 2.1)],
                         [(0.3, -0.4), (0.95, -0.3), (1.02, 0.3), (0.98, 1.1), (0.92, 2.1)]]) * (k, 1)  # fmt: skip
        sheets.append(Sheet(spline(tail[0]), spline(tail[1]), behind=True, dim=0.75, ragged=0.1))
    if st.flow == "part":
        sheets += [_parted(s, k, p.part if not st.fringe else 0.0, mid, hairline, dome, crown) for k in (-1, 1)]
    else:
        line = s.turn(mirrored(np.concatenate([[(0.97, 0.15)], hairline[::-1], [(0, mid)]]) * (-1, 1)))
        rim = np.append(dome[:4], [(side, 0.25)], 0) if long else dome
        cap = mirrored(np.concatenate([rim[::-1], [(0, crown)]]) * (-1, 1))
        lean, layered = 0.1 * np.sign(p.part + 0.01), p.hair == "short"
        sheets.append(
            Sheet(spline(line, 8), spline(cap, 8), False, curly=curly, layered=layered, lean=lean, ragged=0.04)
        )
        for k in (-1, 1) if long else ():
            inner = np.array([(0.95, -0.3), (0.93, 0.4), (0.95, min(1.2, st.tip))]) * (k, 1)
            outer = np.array([(side, -0.4), (side + 0.06, 0.5), (side - 0.1, st.tip)]) * (k, 1)
            sheets.append(Sheet(spline(inner), spline(outer), curly=True))
    if st.fringe:
        y, sweep = st.fringe + p.fringe, 0.09 * np.sign(p.part)
        tilt = np.array([(-0.88, 0.1), (-0.5, 0.03), (0, -0.02), (0.5, 0.03), (0.88, 0.1)])
        low = s.turn(tilt + np.stack([0 * tilt[:, 0], y + sweep * tilt[:, 0]], 1))
        top = [(-0.9, -0.8), (-0.55, crown + 0.3), (0, crown + 0.12), (0.55, crown + 0.3), (0.9, -0.8)]
        sheets.append(Sheet(spline(top), spline(low), along=False, ragged=0.22, lean=0.05 * np.sign(p.part), lines=""))
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
        tail = [(k * 0.93, 0.3), (k * 0.9, 0.8), (k * min(0.98, side), min(tip, 1.5))] + [(k * 0.8, tip)] * (tip > 1.6)
    else:
        tail = [(k * 0.97, 0.14)]
    outer = np.concatenate([[(part * 0.9, crown + 0.05 * abs(part))], dome[(dome[:, 0] - part) * k > 0.15]])
    return Sheet(spline(np.concatenate([inner, tail])), spline(outer), ragged=0.08 if tip > 0.5 else 0.05)


def _strands(sheet: Sheet, num: int, points: int, rng, wave: float, start: tuple, end: tuple) -> np.ndarray:
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
            s.shade(pts, -0.07 * p.light[0], 0.1, 0.07, 0.3 if buzz else 0.45, (*_BARE, L_EAR, R_EAR, NECK, CLOTH))
        tone, cover = np.full((s.fine, s.fine), 128, np.uint8), np.zeros((s.fine, s.fine), np.uint8)
        s.fill(cover, pts[None], [255])
        strands = _texture(s, sheet, tone, cover)
        low, high = pts.min(0) - 0.05, pts.max(0) + 0.11
        (x0, y0), (x1, y1) = (np.clip((v * s.size).astype(int), 0, s.size) for v in (low, high + 1 / s.size))
        window = slice(y0, y1), slice(x0, x1)
        grain, share = (s.reduce(board)[window] for board in (tone, cover))
        grain, share = grain / 128 - 1, share / 255
        x, y = s.x[window], s.y[window]
        # The mass as a dome: light from the key side, a band of shine around the crown, dark behind the face.
        nx, ny = np.clip(x / 1.25, -1, 1), np.clip((y + 0.35) / 1.5, -1, 1)
        nl = nx * p.light[0] + ny * p.light[1] + np.sqrt(np.clip(1 - nx**2 - ny**2, 0.05, 1)) * p.light[2]
        r = np.sqrt((x - 0.35 * p.light[0]) ** 2 + (y + 0.35) ** 2 / 1.25) + 0.25 * grain
        band = bell(((r - 0.82) / 0.14) ** 2) * np.clip(nl + 0.1, 0, 1) * np.clip(0.4 - y, 0, 1)
        lit = (0.42 + 0.62 * np.clip(nl, 0, 1)) * (1 + 0.8 * grain) + (0.12 if sheet.curly or buzz else 0.35) * band
        alpha = s.blur(share, 0.018)
        if buzz:
            alpha = np.clip(s.blur(share, 0.06) * 1.15 - 0.08, 0, 1) * np.clip(0.72 + 0.5 * grain, 0, 1)
        s.paint(window, alpha, hair_tone(p, np.clip(lit * sheet.dim, 0.12, 1.9)))
        s.mask[window][share >= 0.5] = HAIR
        if not buzz:  # the ground that the pencil's side leaves under dark hair tells its colour
            s.fill(s.paper, pts[None], [int(255 - 130 * max(0.6 - p.hair_rgb.mean() / 255, 0))], smooth=False)
        _pencil_hair(s, sheet, strands, pts)


def _texture(s: Scene, sheet: Sheet, tone: np.ndarray, cover: np.ndarray) -> np.ndarray:
    """Draw strands or curls into tone (128 is neutral) and cover. Returns their curves in head units."""
    p, rng, st = s.p, s.rng, s.p.style
    if sheet.curly or st.flow == "buzz":
        num, size = (420, 0.085) if sheet.curly else (700, 0.018)
        seeds = _strands(sheet, num, 2, rng, 0, (0.0, 0.98), (1.0, 1.0))[rng.permutation(num), :1]
        angle = rng.uniform(0, 6.3, (num, 1)) + rng.uniform(2.5, 4.5, (num, 1)) * np.linspace(0, 1, 7)
        curves = seeds + np.stack([np.cos(angle), np.sin(angle)], -1) * (size * rng.uniform(0.5, 1.1, (num, 1, 1)))
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
    # Shine where the hair turns towards the light, shade at the roots: short strokes that follow the strands.
    for count, first, last, level in (
        (26, (0.14, 0.34), (0.36, 0.6), 1.45),
        (26, (0.0, 0.02), (0.1, 0.24), 0.6),
        (16, (0.55, 0.7), (0.8, 1.0), 0.7),
    ):
        strokes = _strands(sheet, count, 8, rng, wave, first, last)
        levels = 128 * (1 + (level - 1) * rng.uniform(0.4, 1.0, count))
        s.fill(tone, strips(s.head(strokes), 0.03 * p.scale * taper(8, 0.1, 0.1)), levels.astype(int).tolist())
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
        picked = np.stack([c[f : f + m // 2] for c, f in zip(some, first, strict=True)]) if len(some) else some
        s.pencils(s.head(picked), 0.8, dark * 0.9, 0.8)
    for name in sheet.lines:
        s.pencil(s.head(getattr(sheet, name)), 1.0, 0.75, 1.5, 0.8)


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
            shine = ellipse(x + 0.3 * r * np.sign(p.light[0]), y + dy - 0.3 * r, r * 0.35, r * 0.35, 10)
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
    s.shade(img, -0.06 * p.light[0], 0.12, 0.07, 0.5, (*_BARE, EYE_G, HAIR))
    window, share = s.cover(img)
    x, y = s.x[window], s.y[window]
    nx, ny = np.clip(x / 1.3, -1, 1), np.clip((y + 0.6) / 1.6, -1, 1)
    nl = nx * p.light[0] + ny * p.light[1] + np.sqrt(np.clip(1 - nx**2 - ny**2, 0.05, 1)) * p.light[2]
    weave = 0.06 * s.noise(10, 7)[window]
    if p.hat == "beanie":
        weave = weave + 0.09 * np.sin(x * 34 / (1.15 - 0.25 * (y + 0.6) ** 2))
    if p.hat == "headscarf":
        weave = weave + 0.09 * np.sin(15 * np.sqrt((x / 1.1) ** 2 + ((y + 0.2) / 1.5) ** 2) + 2 * x)
    colour = lin(p.hat_rgb)
    s.paint(window, share, colour * np.clip(0.3 + 0.75 * np.clip(nl, 0, 1) + weave, 0.08, 1.4)[..., None])
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
    s.shade(brim, 0, 0.13, 0.06, 0.5, (*_BARE, EYE_G, HAIR))
    window, share = s.cover(brim)
    fall = np.clip((s.y[window] - y + 0.2) / 0.4, 0, 1)
    s.paint(window, share, colour * (1.1 - 0.75 * fall)[..., None])
    s.mask[window][share >= 0.5] = HAT
    s.erase(brim)
    s.pencil(np.concatenate([brim, brim[:1]]), 1.2, 0.8)
    if p.hat == "brim":
        s.shape(s.head(np.concatenate([front - (0, 0.12), front[::-1] - (0, 0.3)])), colour * 0.3, HAT, 0.85)
        s.pencil(s.head(front - (0, 0.3)), 0.9)
        return
    seam = s.head(spline([(turn, -0.75), (turn * 0.7, -1.2), (turn * 0.3, tall)]))
    s.line(seam, 0.03, colour * 0.4, 0.6)
    s.pencil(seam, 0.7, 0.5)


def _scarf(s: Scene, tall: float) -> tuple[np.ndarray, np.ndarray]:
    """Outline of a headscarf with a hole for the face, cut open at the bottom; and the hole's edge alone."""
    p = s.p
    half = [(-1.9, 3.0), (-1.45, 2.0), (-1.15, 1.2), (-1.2, 0.5), (-1.17, -0.4), (-1.05, -1.05), (-0.6, tall + 0.1),
            (0, tall)]  # fmt: skip
    # The hole follows the jaw, a little inside it, and closes over the forehead.
    left, right = (side[side[:, 1] > -0.3] for side in face_outline(p))
    brow = spline([left[0], *s.turn([(-0.5, -0.79), (0, -0.9), (0.5, -0.79)]), right[0]])
    middle = np.array([jaw_shift(p, 0.5), 0.5])
    hole = middle + (np.concatenate([left[:0:-1], brow, right[1:]]) - middle) * 0.94
    outer = spline(mirrored(half), 8)
    return np.concatenate([hole, [(0, 3.0)], outer[::-1], [(0, 3.0)]]), hole


def finish_sketch(s: Scene) -> np.ndarray:
    """The sketch, uint8 (H, W): strokes, hatching and grain on near-white paper."""
    import cv2

    lines = 1 - s.reduce(s.paper) / 255
    how = cv2.INTER_AREA if s.size <= 256 else cv2.INTER_LINEAR
    grain = cv2.resize(s.rng.integers(0, 256, (256, 256), dtype=np.uint8), (s.size, s.size), interpolation=how)
    grain = grain.astype(np.float32) / 255 - 0.5
    # The darker the subject, the stronger the hatching; only inside the figure, so that the paper stays white.
    tone = s.blur(np.sqrt(np.clip(s.rgb @ np.array([0.3, 0.59, 0.11], np.float32), 0, 1)), 0.06)
    depth = np.clip(0.74 - tone, 0, 0.6) * s.blur((s.mask > 0).astype(np.float32), 0.02)
    axis = (np.arange(s.size, dtype=np.float32) + 0.5) / s.size
    drift, fade = s.noise(7, 7), s.noise(16, 16)
    hatch = np.float32(0.42)
    if s.size >= 96:  # below that a hatch line is thinner than a pixel
        phase = (axis[None] * 0.8 + axis[:, None]) * (2 * np.pi * 46) + 1.3 * drift
        cross = (axis[None] * 0.9 - axis[:, None]) * (2 * np.pi * 43) + 1.3 * drift
        hatch = np.clip(0.35 + 0.75 * np.sin(phase) + 0.15 * fade, 0, 1)
        hatch = hatch + np.clip(depth - 0.34, 0, 0.2) * 3 * np.clip(0.3 + 0.7 * np.sin(cross), 0, 1)
    dark = lines * (0.95 + 0.35 * grain) + depth * (0.30 * hatch + 0.13) * (1 + 0.8 * grain)
    return (np.clip(250 - 245 * dark + 5 * grain, 0, 255) + 0.5).astype(np.uint8)
