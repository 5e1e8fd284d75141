"""Square crops of faces: the same place in every picture, nothing squeezed, nothing aliased."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image

from s2f_utils.pictures.faces.geometry import Face, alignment, inverse, rescaled
from s2f_utils.pictures.images import paper_colour, resize, rounded


def warp(image: np.ndarray, matrix: np.ndarray, size_px: int, *, border: str = "reflect") -> np.ndarray:
    """Cut the square out that `matrix` (2, 3) maps a picture's pixels to; uint8 (H, W, 3) → (size_px, size_px, 3).

    A picture that shrinks is low-pass filtered first (Lanczos), so that nothing is aliased. Beyond the picture's edge,
    "reflect" mirrors it and fades into its blurred and then its median colour, as FFHQ's crops do (with a narrower
    blurred rim inside of the picture); "paper" continues the paper's colour, for drawings.
    """
    import cv2

    if border not in ("reflect", "paper"):
        raise ValueError(f"border must be reflect or paper, got {border!r}")
    scale = float(np.sqrt(abs(np.linalg.det(matrix[:, :2]))))
    height, width = image.shape[:2]
    small = (max(1, round(width * scale)), max(1, round(height * scale)))
    if scale < 0.95 and min(small) >= 8:
        ratio = np.array([width / small[0], height / small[1]])
        image = np.asarray(Image.fromarray(image).resize(small, Image.Resampling.LANCZOS))
        matrix = rescaled(matrix, ratio)
    mode = {"reflect": cv2.BORDER_REFLECT_101, "paper": cv2.BORDER_CONSTANT}[border]
    size = (size_px, size_px)
    crop = cv2.warpAffine(image, matrix, size, flags=cv2.INTER_CUBIC, borderMode=mode, borderValue=paper_colour(image))
    return crop if border == "paper" else _softened(crop, image, matrix)


def _softened(crop: np.ndarray, image: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """Fade what lies beyond the picture's edge into blur and into the picture's median colour."""
    import cv2

    size_px = len(crop)
    back = inverse(matrix)
    axis = np.arange(size_px)
    x, y = (back[n, 0] * axis[None, :] + back[n, 1] * axis[:, None] + back[n, 2] for n in (0, 1))
    side = size_px * np.sqrt(abs(np.linalg.det(back[:, :2])))
    beyond = np.maximum.reduce([-x, x - (image.shape[1] - 1), -y, y - (image.shape[0] - 1)]) / (0.3 * side)
    if beyond.max() <= 0:
        return crop
    blurred = cv2.GaussianBlur(crop, (0, 0), 0.02 * size_px).astype(np.float32)
    median = np.median(image.reshape(-1, 3)[:: max(1, image.size // 30000)], axis=0).astype(np.float32)
    out = crop.astype(np.float32)
    out += (blurred - out) * np.clip(1 + beyond / 0.05, 0, 1)[..., None].astype(np.float32)
    out += (median - out) * np.clip(beyond, 0, 1)[..., None].astype(np.float32)
    return rounded(out)


def warp_labels(labels: np.ndarray, matrix: np.ndarray, size_px: int) -> np.ndarray:
    """Cut a label map as `warp` cuts its photo, by nearest neighbour: uint8 (H, W) → (size_px, size_px), 0 outside."""
    import cv2

    return cv2.warpAffine(labels, matrix, (size_px, size_px), flags=cv2.INTER_NEAREST)


def align(
    image: np.ndarray, face: Face, size_px: int = 256, *, method: str = "similarity", zoom: float = 1.0
) -> np.ndarray:
    """The aligned square crop of a face: `warp` by `alignment`; uint8 (size_px, size_px, 3)."""
    return warp(image, alignment(face.landmarks, size_px, method=method, zoom=zoom), size_px)


def uniform_crop(image: np.ndarray, box: Sequence[float], size_px: int) -> np.ndarray:
    """The same part of every picture, without a detector (project 3): crop, then resize to a square.

    box: (left, top, right, bottom) as shares of width and height, 0 to 1. Resized as by `images.resize`.
    """
    left, top, right, bottom = box
    if not (0 <= left < right <= 1 and 0 <= top < bottom <= 1):
        raise ValueError(f"box must be left, top, right, bottom as shares from 0 to 1, got {tuple(box)}")
    height, width = image.shape[:2]
    rows = slice(min(height - 1, round(top * height)), max(1, round(bottom * height)))
    columns = slice(min(width - 1, round(left * width)), max(1, round(right * width)))
    part = np.ascontiguousarray(image[rows, columns])  # Pillow's own `box` looks beyond its edges
    return resize(part, size_px, "stretch")
