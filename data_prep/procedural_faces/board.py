"""The drawing board:
a photo, a label map and a pencil sketch that are drawn together, back to front.

Coordinates. A face is laid out in *head units*: the origin is the midpoint of the eyes, x goes
right, y goes down, and 1 is half the width of the head. Points (u, v) on the face's surface turn
with the head's yaw as if they lay on a ball. Only `Scene` knows pixels, so a face is the same face
at every size.
"""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np

from data_prep.procedural_faces.curves import ramp, resample, strips, taper

# The labels of CelebAMask-HQ, in the order of `masks.CLASSES`.
SKIN, NOSE, EYE_G, L_EYE, R_EYE, L_BROW, R_BROW, L_EAR, R_EAR = range(1, 10)
MOUTH, U_LIP, L_LIP, HAIR, HAT, EAR_R, NECK_L, NECK, CLOTH = range(10, 19)
BARE = (SKIN, NOSE, L_BROW, R_BROW)  # what a shadow of hair or hat falls on


class Scene:
    """A photo, a label map and a sketch that are drawn together, back to front."""

    def __init__(self, p: SimpleNamespace, size: int, rng: np.random.Generator):
        self.p, self.size, self.rng = p, size, rng
        self.rgb = np.zeros((size, size, 3), np.float32)
        self.mask = np.zeros((size, size), np.uint8)
        # Lines are drawn on a finer board of fixed size and averaged down: the same strokes at
        # every size.
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
        """Surface points (..., 2) to head units;
        `lift` is the height above the surface, for the nose.
        """
        out = np.array(pts, np.float64)
        depth = np.sqrt(np.maximum(1 - out[..., 0] ** 2, 0)) + lift
        out[..., 0] = out[..., 0] * np.cos(self.p.yaw) + depth * np.sin(self.p.yaw)
        return out

    def surf(self, pts, lift: float = 0.0) -> np.ndarray:
        """Surface points (..., 2) to the picture."""
        return self.head(self.turn(pts, lift))

    # Paint.
    def cover(self, pts: np.ndarray, window=None, pad: float = 0.0):
        """Share of each pixel inside polygons (N, 2) or (K, N, 2): a window (two slices) and
        float32 shares in it.
        """
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
        for fixed in np.rint((pts * (4 * size) - (4 * x0 + 0.5, 4 * y0 + 0.5)) * 16).astype(
            np.int32
        ):
            cv2.fillPoly(board, [fixed], 255, cv2.LINE_8, 4)
        return window, cv2.resize(board, (w, h), interpolation=cv2.INTER_AREA).astype(
            np.float32
        ) / 255

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

    def shape(
        self, pts, colour, label: int | None = None, opacity: float = 1.0, soft: float = 0.0
    ) -> None:
        """Fill polygons; the photo's edge can be soft, in head units, the label's is not."""
        window, share = self.cover(pts, pad=2.5 * soft * self.p.scale)
        if label is not None:
            self.mask[window][share >= 0.5] = label
        self.paint(window, (self.blur(share, soft) if soft else share) * opacity, colour)

    def line(
        self,
        curve,
        width: float,
        colour,
        opacity: float = 1.0,
        soft: float = 0.0,
        ends=(0.25, 0.15),
    ) -> None:
        """Tapered strokes along (M, 2) or (K, M, 2) in the photo; width in head units."""
        curve = np.asarray(curve, np.float64)
        profile = width * self.p.scale * taper(curve.shape[-2], *ends)
        self.shape(strips(curve, profile), colour, None, opacity, soft)

    def shade(self, pts, dx: float, dy: float, soft: float, strength: float, labels=()) -> None:
        """Darken what lies under a polygon moved by (dx, dy):
        a soft cast shadow on the given labels.
        """
        window, share = self.cover(
            pts + np.array([dx, dy]) * self.p.scale, pad=2.5 * soft * self.p.scale
        )
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

        return cv2.resize(board, (self.size, self.size), interpolation=cv2.INTER_AREA).astype(
            np.float32
        )

    def erase(self, pts) -> None:
        """Hide the lines behind an opaque shape."""
        self.fill(self.paper, pts[None], [255], smooth=False)

    def pencil(
        self,
        curve,
        width: float = 1.0,
        dark: float = 0.75,
        wobble: float = 1.0,
        broken: float = 0.4,
    ) -> None:
        """Draw along a curve (N, 2): it wobbles, presses unevenly, lifts now and then. Width 1 is
        0.7 % of the page.
        """
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
            self.fill(
                self.paper, strips(path[a:b], press[a:b] * taper(b - a, 0.45, 0.25))[None], [value]
            )

    def pencils(self, curves, width: float = 1.0, dark: float = 0.75, wobble: float = 0.6) -> None:
        """Many short strokes (K, M, 2) at once, each with its own width and darkness."""
        curves = np.array(curves, np.float64)
        k, m = curves.shape[:2]
        if k == 0:
            return
        bend = self.rng.normal(0, 0.0013 * wobble, (k, 3, 2))
        t = ramp(m)[:, None]
        curves += bend[:, :1] * (1 - t) + bend[:, 1:2] * t + bend[:, 2:] * (4 * t * (1 - t))
        widths = 0.007 * width * self.rng.uniform(0.7, 1.25, (k, 1)) * taper(m, 0.45, 0.25)
        values = 255 * np.maximum(1 - dark * self.rng.uniform(0.7, 1.05, k), 0)
        self.fill(self.paper, strips(curves, widths), values.astype(int).tolist())

    # What comes out.
    def photo(self) -> np.ndarray:
        """The photo, uint8 (H, W, 3) RGB."""
        return (np.sqrt(np.clip(self.rgb, 0, 1)) * 255 + 0.5).astype(np.uint8)

    def sketch(self) -> np.ndarray:
        """The sketch, uint8 (H, W): strokes, hatching and grain on near-white paper."""
        import cv2

        lines = 1 - self.reduce(self.paper) / 255
        how = cv2.INTER_AREA if self.size <= 256 else cv2.INTER_LINEAR
        grain = self.rng.integers(0, 256, (256, 256), dtype=np.uint8)
        grain = cv2.resize(grain, (self.size, self.size), interpolation=how)
        grain = grain.astype(np.float32) / 255 - 0.5
        # The darker the subject, the stronger the hatching; only inside the figure, so that the
        # paper stays white.
        tone = self.blur(
            np.sqrt(np.clip(self.rgb @ np.array([0.3, 0.59, 0.11], np.float32), 0, 1)), 0.06
        )
        depth = np.clip(0.74 - tone, 0, 0.6) * self.blur((self.mask > 0).astype(np.float32), 0.02)
        axis = (np.arange(self.size, dtype=np.float32) + 0.5) / self.size
        drift, fade = self.noise(7, 7), self.noise(16, 16)
        hatch = np.float32(0.42)
        if self.size >= 96:  # below that a hatch line is thinner than a pixel
            phase = (axis[None] * 0.8 + axis[:, None]) * (2 * np.pi * 46) + 1.3 * drift
            cross = (axis[None] * 0.9 - axis[:, None]) * (2 * np.pi * 43) + 1.3 * drift
            hatch = np.clip(0.35 + 0.75 * np.sin(phase) + 0.15 * fade, 0, 1)
            hatch = hatch + np.clip(depth - 0.34, 0, 0.2) * 3 * np.clip(
                0.3 + 0.7 * np.sin(cross), 0, 1
            )
        dark = lines * (0.95 + 0.35 * grain) + depth * (0.30 * hatch + 0.13) * (1 + 0.8 * grain)
        return (np.clip(250 - 245 * dark + 5 * grain, 0, 255) + 0.5).astype(np.uint8)

    def landmarks(self) -> np.ndarray:
        """Five points (5, 2), float32 x and y in pixels, in the order of `Face.landmarks`."""
        p = self.p
        eyes = self.surf([(-p.eye_x, p.lid_drop), (p.eye_x, p.lid_drop)])
        nose = self.surf([(0, p.nose_y - 0.08)], 0.2 * p.nose_h)
        mouth = self.surf([(-p.mouth_w, p.mouth_y + p.corner), (p.mouth_w, p.mouth_y + p.corner)])
        return (np.concatenate([eyes, nose, mouth]) * self.size - 0.5).astype(np.float32)
