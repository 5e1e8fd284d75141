"""Clean-up of a photographed or scanned drawing: perspective, shadow and paper tone, the sheet's
edges, handwriting.

`clean` does all of it; each stage has its own function. A drawing is uint8 (H, W, 3) RGB or (H, W)
grey; the result is uint8 (H, W) grey, dark lines on white paper (255).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from s2f_utils.pictures.images import luminance, rounded

LINES_BELOW = 200  # grey level of lines on cleaned paper, at most
GRID = 24  # blocks along each side, from which the paper's brightness is estimated
SHADOWS = ("soft", "hard")
RIM = 0.1  # width of the strip along the edges with no drawing, a share of each side
SHEET_PX = 400  # the longer side at which a sheet is searched for
# A sheet's side is a straight step from light to dark. Points along it, reach to both sides, in
# pixels of `SHEET_PX`.
SIDE_POINTS, BESIDE_PX, STEP_PX = 60, 14, 5
STRAIGHT_WITHIN_PX, STEP_FROM = 3.0, 12.0
# In faces between dark hair that look like sheets, at most .53 of the sides is such a step; in
# sheets on tables, at least .68.
STRAIGHT_FROM = 0.6


@dataclass(frozen=True)
class Cleaned:
    """A cleaned drawing, uint8 (H, W), and the sheet's corners in the original, (4, 2) pixels,
    clockwise from the top left, None if no sheet was found.
    """

    image: np.ndarray
    corners: np.ndarray | None


def clean(drawing: np.ndarray, *, sheet: bool = True) -> Cleaned:
    """Straighten the sheet, even out the paper, stretch the contrast, clear the rim.

    sheet: find a sheet of paper on a darker background, and cut it out.
    """
    corners = find_sheet(drawing) if sheet else None
    picture = drawing if corners is None else straighten(drawing, corners)
    flat, _ = flatten_paper(picture)
    return Cleaned(clear_rim(stretch_contrast(flat)), corners)


def _grey(drawing: np.ndarray) -> np.ndarray:
    drawing = np.asarray(drawing)
    if (
        drawing.dtype != np.uint8
        or drawing.ndim not in (2, 3)
        or (drawing.ndim == 3 and drawing.shape[2] != 3)
    ):
        raise ValueError(
            f"drawing must be uint8 (H, W, 3) or (H, W), got {drawing.dtype} {drawing.shape}"
        )
    return drawing if drawing.ndim == 2 else luminance(drawing)


def find_sheet(drawing: np.ndarray) -> np.ndarray | None:
    """The corners of a sheet of paper on a darker background: (4, 2) pixels, clockwise from the top
    left; None if there is none, as in a scan whose paper fills the picture, or if its sides would
    not be straight: a pale face between dark hair is no sheet.
    """
    import cv2

    grey = _grey(drawing)
    scale = SHEET_PX / max(grey.shape)
    small = cv2.resize(grey, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    # The drawing's lines are closed, so that only large dark areas, the table, remain.
    closed = cv2.morphologyEx(
        cv2.GaussianBlur(small, (0, 0), 2), cv2.MORPH_CLOSE, np.ones((25, 25), np.uint8)
    )
    level, bright = cv2.threshold(closed, 0, 255, cv2.THRESH_BINARY | cv2.THRESH_OTSU)
    inside, outside = closed[bright > 0], closed[bright == 0]
    if (
        not len(inside)
        or not len(outside)
        or np.median(inside) - np.median(outside) < 40
        or len(outside) < 0.03 * small.size
    ):
        return None
    outlines, _ = cv2.findContours(bright, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    hull = cv2.convexHull(max(outlines, key=cv2.contourArea))
    if cv2.contourArea(hull) < 0.2 * small.size:
        return None
    for tolerance in (0.02, 0.03, 0.04, 0.06, 0.08):
        corners = cv2.approxPolyDP(hull, tolerance * cv2.arcLength(hull, True), True)[:, 0].astype(
            np.float64
        )
        if len(corners) == 4:
            break
    else:
        return None
    filled = cv2.contourArea(corners.astype(np.float32)) / cv2.contourArea(hull)
    at_frame = np.sum(
        np.minimum(corners, np.array(small.shape[::-1]) - 1 - corners).min(axis=1) < 2
    )
    if not 0.85 < filled < 1.15 or at_frame > 2:
        return None
    angles = np.arctan2(*(corners - corners.mean(axis=0)).T[::-1])
    corners = corners[np.argsort(angles)]  # clockwise, y pointing down
    if _straight_share(small, corners) < STRAIGHT_FROM:
        return None
    first = int(np.argmin(corners.sum(axis=1)))
    return (np.roll(corners, -first, axis=0) + 0.5) / scale - 0.5


def _straight_share(grey: np.ndarray, corners: np.ndarray) -> float:
    """The share of a quadrilateral's sides that is a step from light to dark on a straight line: 0
    to 1.

    grey: uint8 (H, W), at `SHEET_PX`. corners: (4, 2), clockwise. Sides along the picture's frame
    do not count; 0 if no side counts.
    """
    import cv2

    soft = cv2.GaussianBlur(grey, (0, 0), 1).astype(np.float32)
    along, beside = np.linspace(0.06, 0.94, SIDE_POINTS), np.arange(-BESIDE_PX, BESIDE_PX + 1)
    shares = []
    for start, end in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        outwards = np.array([end[1] - start[1], start[0] - end[0]]) / np.hypot(*(end - start))
        on_side = start + along[:, None] * (end - start)
        at = on_side[:, None] + beside[:, None] * outwards  # (points, beside, 2)
        seen = ((at >= 1) & (at < np.array(grey.shape[::-1]) - 1)).all(axis=(1, 2))
        if np.mean(seen) < 0.4:
            continue
        x, y = np.moveaxis(at[seen].astype(np.float32), -1, 0)
        levels = cv2.remap(soft, x, y, cv2.INTER_LINEAR)
        window = np.lib.stride_tricks.sliding_window_view(levels, STEP_PX, axis=1).mean(axis=-1)
        steps = window[:, :-STEP_PX] - window[:, STEP_PX:]
        found, clear = steps.argmax(axis=1), steps.max(axis=1) >= STEP_FROM
        near = np.ones(len(found), bool)
        for _ in range(2):  # the second time without outliers
            line = np.polyval(np.polyfit(along[seen][near], found[near], 1), along[seen])
            away = np.abs(found - line)
            near = away <= np.median(away)
        shares.append(np.mean(clear & (away <= STRAIGHT_WITHIN_PX)))
    return float(np.mean(shares)) if shares else 0.0


def sheet_matrix(corners: np.ndarray) -> tuple[np.ndarray, tuple[int, int]]:
    """The perspective, (3, 3), from the picture's pixels to the sheet's, and the sheet's width and
    height.

    corners: as `find_sheet` gives them. Opposite sides get the mean of their lengths in the
    picture.
    """
    import cv2

    top, right, bottom, left = (np.hypot(*(corners[(n + 1) % 4] - corners[n])) for n in range(4))
    width, height = max(16, round((top + bottom) / 2)), max(16, round((left + right) / 2))
    target = np.array(
        [[0, 0], [width - 1, 0], [width - 1, height - 1], [0, height - 1]], np.float32
    )
    return cv2.getPerspectiveTransform(corners.astype(np.float32), target), (width, height)


def straighten(drawing: np.ndarray, corners: np.ndarray) -> np.ndarray:
    """Cut out a sheet and undo its perspective (`sheet_matrix`)."""
    import cv2

    matrix, size = sheet_matrix(corners)
    return cv2.warpPerspective(
        drawing, matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )


def flatten_paper(drawing: np.ndarray, *, shadows: str = "soft") -> tuple[np.ndarray, float]:
    """Divide a drawing by its paper's brightness: uint8 (H, W) with even, white paper, and
    brightest over darkest paper.

    The paper's brightness is a cubic surface through the brightest parts of 24 × 24 blocks; blocks
    that are darker than it, drawn hair and shading, are left out of the fit in turn. "hard" closes
    the lines instead and follows the remaining brightness.
    """
    import cv2

    if shadows not in SHADOWS:
        raise ValueError(f"shadows must be one of {', '.join(SHADOWS)}, got {shadows!r}")
    grey = _grey(drawing).astype(np.float32)
    height, width = grey.shape
    rows = np.linspace(0, height, min(GRID, height) + 1).astype(int)
    columns = np.linspace(0, width, min(GRID, width) + 1).astype(int)
    blocks = _ninetieths(grey, rows, columns)
    y, x = np.meshgrid(*(np.linspace(-1, 1, n) for n in blocks.shape), indexing="ij")
    terms = np.stack([x**i * y**j for i in range(4) for j in range(4 - i)], axis=-1).reshape(-1, 10)
    values, share = blocks.ravel().astype(np.float64), np.ones(blocks.size)
    for _ in range(12):
        weighted = terms * share[:, None]
        fit, *_ = np.linalg.lstsq(
            weighted.T @ terms + 1e-6 * np.eye(10), weighted.T @ values, rcond=None
        )
        under = terms @ fit - values
        spread = max(2.0, 1.5 * float(np.median(np.abs(under))))
        # Far below the surface it is drawn, not paper.
        share = 1.0 / (1.0 + (np.maximum(under, 0) / spread) ** 4)
    surface = (terms @ fit).reshape(blocks.shape).astype(np.float32)
    if shadows == "hard":
        paper = np.clip(_local_paper(grey, surface), 8, 255)
    else:
        paper = np.clip(cv2.resize(surface, (width, height), interpolation=cv2.INTER_CUBIC), 8, 255)
    light, dark = np.percentile(paper, (99, 1))
    return rounded(grey / paper * 255), float(light / dark)


def _ninetieths(grey: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """The 90th percentile of each block between these borders.

    Blocks of one size take one call, which is faster.
    """
    ninetieths = np.empty((len(rows) - 1, len(columns) - 1), np.float32)
    heights, widths = np.diff(rows), np.diff(columns)
    for height in np.unique(heights):
        for width in np.unique(widths):
            down, across = np.flatnonzero(heights == height), np.flatnonzero(widths == width)
            y, x = (
                rows[down][:, None] + np.arange(height),
                columns[across][:, None] + np.arange(width),
            )
            blocks = grey[y[:, None, :, None], x[None, :, None, :]].reshape(
                len(down), len(across), -1
            )
            ninetieths[np.ix_(down, across)] = np.percentile(blocks, 90, axis=-1)
    return ninetieths


def _local_paper(grey: np.ndarray, surface: np.ndarray, side_px: int = 400) -> np.ndarray:
    """The paper's brightness at each point, with the edges of shadows: lines are closed, and areas
    still much darker than the smooth surface count as drawn, not as shadow.
    """
    import cv2

    scale = min(1.0, side_px / max(grey.shape))
    small = cv2.resize(grey, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    size = small.shape[1::-1]
    kernel = cv2.getStructuringElement(
        cv2.MORPH_ELLIPSE, (2 * round(0.02 * max(small.shape)) + 1,) * 2
    )
    closed = cv2.medianBlur(cv2.morphologyEx(small, cv2.MORPH_CLOSE, kernel), 5)
    smooth = cv2.resize(surface, size, interpolation=cv2.INTER_CUBIC)
    local = np.where(closed > 0.2 * smooth, closed, smooth)
    return cv2.resize(local, grey.shape[1::-1], interpolation=cv2.INTER_LINEAR)


def stretch_contrast(flat: np.ndarray) -> np.ndarray:
    """Make the paper white and the darkest lines nearly black: uint8 (H, W) → uint8 (H, W).

    Values within the paper's noise become white. A page without lines stays white.
    """
    values = flat.astype(np.float32)
    paper = float(np.percentile(values, 75))
    noise = 1.4826 * float(np.median(np.abs(values[values >= paper - 25] - paper)))
    white = paper - max(3.0, 2.0 * noise)
    # Not a percentile: a few lines on a large sheet are less than 0.5 % of it.
    ink = values[values < paper - max(24.0, 6.0 * noise)]
    if ink.size < max(16, 1e-4 * values.size):
        return np.full(flat.shape, 255, np.uint8)
    black = float(np.percentile(ink, 10))
    lines = np.clip((values - black) / (white - black), 0, 1)
    return rounded(15 + 240 * lines)


def clear_rim(lines: np.ndarray) -> np.ndarray:
    """Whiten content at the edges that does not belong to the drawing: the sheet's edges, and
    handwriting.

    lines: uint8 (H, W), dark on white. A connected piece of ink (gaps up to 0.6 % of the longer
    side are closed) that lies entirely in the strip of `RIM` is removed; so is a long thin one
    along an edge. Ink that reaches further into the picture stays.
    """
    import cv2

    height, width = lines.shape
    gap = max(1, round(0.006 * max(lines.shape)))
    ink = cv2.dilate((lines < 200).astype(np.uint8), np.ones((gap, gap), np.uint8))
    count, labels, boxes, _ = cv2.connectedComponentsWithStats(ink, connectivity=8)
    across, down = RIM * width, RIM * height
    gone = np.zeros(count, bool)
    for label in range(1, count):
        left, top, wide, high = boxes[label, :4]
        in_strip = (
            left + wide <= across
            or left >= width - across
            or top + high <= down
            or top >= height - down
        )
        gone[label] = in_strip
    cleared = np.where(gone[labels], 255, lines).astype(np.uint8)
    # The sheet's edge and its shadow go, joined to the drawing or not.
    edge = max(1, round(0.012 * max(lines.shape)))
    for strip in (cleared[:edge], cleared[-edge:], cleared[:, :edge].T, cleared[:, -edge:].T):
        if np.mean(strip.min(axis=0) < 200) > 0.4:
            strip[:] = 255
    return cleared
