"""Five facial landmarks, similarity transforms of them, and square crops.

Points are (x, y) in pixels, x to the right, y downwards, (0, 0) the centre of the first pixel; the
five landmarks are the eye on the picture's left, the eye on its right, the tip of the nose, and the
mouth's corners, left and right.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image

from s2f_utils.pictures.images import paper_colour, resize, rounded

# Mean landmarks of aligned FFHQ faces, as shares of the crop's side: the 512 px template that
# GFPGAN uses.
TEMPLATE = (
    np.array(
        [[192.98, 239.95], [318.90, 240.19], [256.63, 314.01], [201.26, 371.41], [313.08, 371.15]]
    )
    + 0.5
) / 512
# How much each landmark counts in the fit: the nose moves most when a head turns.
FIT_WEIGHTS = np.array([1.0, 1.0, 0.25, 0.5, 0.5])

METHODS = ("similarity", "ffhq")


class FaceError(ValueError):
    """No face could be found or used; the message says what was tried and what to do."""


def similarity(
    source: np.ndarray, target: np.ndarray, point_weights: np.ndarray | None = None
) -> np.ndarray:
    """The least-squares similarity transform of points (N, 2), N ≥ 2, to `target` (Umeyama 1991; no
    mirroring), with weights (N,): float64 (2, 3), to be multiplied with (x, y, 1).
    """
    a = _as_complex(source)
    b = _as_complex(target)
    share = np.ones(len(a)) if point_weights is None else np.asarray(point_weights, float)
    share = share / share.sum()
    mean_a = share @ a
    mean_b = share @ b
    spread = share @ np.abs(a - mean_a) ** 2
    if spread == 0:
        raise FaceError("the landmarks lie on one point")
    # scale · e^{iθ}: Umeyama's solution in the plane
    turn = (share * np.conj(a - mean_a)) @ (b - mean_b) / spread
    shift = mean_b - turn * mean_a
    return np.array([[turn.real, -turn.imag, shift.real], [turn.imag, turn.real, shift.imag]])


def _as_complex(points: np.ndarray) -> np.ndarray:
    points = np.asarray(points, float)
    return points[:, 0] + 1j * points[:, 1]


def transform(points: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """Apply a (2, 3) matrix to (N, 2) points."""
    return np.asarray(points, float) @ matrix[:, :2].T + matrix[:, 2]


def inverse(matrix: np.ndarray) -> np.ndarray:
    """The (2, 3) matrix that undoes a (2, 3) matrix."""
    back = np.linalg.inv(matrix[:, :2])
    return np.column_stack([back, -back @ matrix[:, 2]])


def rescaled(matrix: np.ndarray, ratio: float | np.ndarray) -> np.ndarray:
    """A (2, 3) matrix for a picture with pixels `ratio` times as large, one number or (x, y);
    centres lie at halves.
    """
    ratio = np.broadcast_to(ratio, 2)
    shift = matrix[:, :2] @ (0.5 * ratio - 0.5) + matrix[:, 2]
    return np.column_stack([matrix[:, :2] * ratio, shift])


def alignment(
    landmarks: np.ndarray, size_px: int, *, method: str = "similarity", zoom: float = 1.0
) -> np.ndarray:
    """The (2, 3) matrix from a picture's pixels to those of its aligned crop of `size_px`.

    method: "similarity" fits the five landmarks to `TEMPLATE`; "ffhq" is the oriented square of
    FFHQ (Karras et al. 2019, `recreate_aligned_images`). zoom: above 1 shows less around the face.
    """
    if method not in METHODS:
        raise ValueError(f"method must be one of {', '.join(METHODS)}, got {method!r}")
    if not zoom > 0:
        raise ValueError(f"zoom must be more than 0, got {zoom}")
    centre = np.array([0.5, 0.5])
    if method == "similarity":
        target = ((TEMPLATE - centre) * zoom + centre) * size_px - 0.5
        return similarity(landmarks, target, FIT_WEIGHTS)
    return _ffhq_alignment(landmarks, size_px, zoom)


def _ffhq_alignment(landmarks: np.ndarray, size_px: int, zoom: float) -> np.ndarray:
    eyes = landmarks[:2].mean(axis=0)
    mouth = landmarks[3:].mean(axis=0)
    across = landmarks[1] - landmarks[0]
    down = mouth - eyes
    direction = across - np.array([-down[1], down[0]])
    direction = direction / np.hypot(*direction)
    half = max(2.0 * np.hypot(*across), 1.8 * np.hypot(*down)) / zoom
    middle = eyes + 0.1 * down
    side = direction * half
    edges = np.array([[0.0, 0.5], [1.0, 0.5]]) * size_px - 0.5
    return similarity(np.array([middle - side, middle + side]), edges)


def warp(
    image: np.ndarray, matrix: np.ndarray, size_px: int, *, border: str = "reflect"
) -> np.ndarray:
    """Cut the square out that `matrix` (2, 3) maps a picture's pixels to; uint8 (H, W, 3) →
    (size_px, size_px, 3).

    A picture that shrinks is low-pass filtered first (Lanczos). Beyond its edge, "reflect" mirrors
    it and fades into its blurred and then its median colour, as FFHQ's crops do; "paper" continues
    the paper's colour, for drawings.
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
    size = (size_px, size_px)
    if border == "paper":
        return cv2.warpAffine(
            image,
            matrix,
            size,
            flags=cv2.INTER_CUBIC,
            borderMode=cv2.BORDER_CONSTANT,
            borderValue=paper_colour(image),
        )
    crop = cv2.warpAffine(
        image, matrix, size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT_101
    )
    return _faded(crop, image, inverse(matrix))


def _faded(crop: np.ndarray, image: np.ndarray, back: np.ndarray) -> np.ndarray:
    """A crop whose mirrored parts fade into its blurred and then the picture's median colour.

    back: the (2, 3) matrix from the crop's pixels to those of the picture.
    """
    import cv2

    size_px = len(crop)
    height, width = image.shape[:2]
    axis = np.arange(size_px)
    x = back[0, 0] * axis[None, :] + back[0, 1] * axis[:, None] + back[0, 2]
    y = back[1, 0] * axis[None, :] + back[1, 1] * axis[:, None] + back[1, 2]
    side = size_px * np.sqrt(abs(np.linalg.det(back[:, :2])))
    beyond = np.maximum.reduce([-x, x - (width - 1), -y, y - (height - 1)]) / (0.3 * side)
    if beyond.max() <= 0:
        return crop
    blurred = cv2.GaussianBlur(crop, (0, 0), 0.02 * size_px).astype(np.float32)
    few = image.reshape(-1, 3)[:: max(1, image.size // 30000)]
    median = np.median(few, axis=0).astype(np.float32)
    out = crop.astype(np.float32)
    out += (blurred - out) * np.clip(1 + beyond / 0.05, 0, 1)[..., None].astype(np.float32)
    out += (median - out) * np.clip(beyond, 0, 1)[..., None].astype(np.float32)
    return rounded(out)


def warp_labels(labels: np.ndarray, matrix: np.ndarray, size_px: int) -> np.ndarray:
    """`warp` of a label map, by nearest neighbour: uint8 (H, W) → (size_px, size_px), 0 outside."""
    import cv2

    return cv2.warpAffine(labels, matrix, (size_px, size_px), flags=cv2.INTER_NEAREST)


def uniform_crop(image: np.ndarray, box: Sequence[float], size_px: int) -> np.ndarray:
    """A square resize of the part in `box`: (left, top, right, bottom) as shares of width and
    height, 0 to 1.
    """
    left, top, right, bottom = box
    if not (0 <= left < right <= 1 and 0 <= top < bottom <= 1):
        raise ValueError(
            f"box must be left, top, right, bottom as shares from 0 to 1, got {tuple(box)}"
        )
    height, width = image.shape[:2]
    rows = slice(min(height - 1, round(top * height)), max(1, round(bottom * height)))
    columns = slice(min(width - 1, round(left * width)), max(1, round(right * width)))
    part = np.ascontiguousarray(image[rows, columns])  # Pillow's own `box` looks beyond its edges
    return resize(part, size_px, "stretch")
