"""Five facial landmarks, similarity transforms of them, and square crops.

Points are (x, y) in pixels, x to the right, y downwards, (0, 0) the centre of the first pixel; the five landmarks are
the eye on the picture's left, the eye on its right, the tip of the nose, and the mouth's corners, left and right.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from s2f_utils.pictures.images import paper_colour, resize, rounded

# Mean landmarks of aligned FFHQ faces, as shares of the crop's side: the 512 px template that GFPGAN uses.
TEMPLATE = (
    np.array([[192.98, 239.95], [318.90, 240.19], [256.63, 314.01], [201.26, 371.41], [313.08, 371.15]]) + 0.5
) / 512
# How much each landmark counts in the fit: the nose moves most when a head turns.
FIT_WEIGHTS = np.array([1.0, 1.0, 0.25, 0.5, 0.5])

METHODS = ("similarity", "ffhq")


class FaceError(ValueError):
    """No face could be found or used; the message says what was tried and what to do."""


@dataclass(frozen=True)
class Face:
    """A face in a picture.

    landmarks: float64 (5, 2), pixels. box: (left, top, width, height), pixels. score: in [0, 1], 1 for given points, 0
    for a guess. method: "yunet", "points", "cascade" or "centre". turn: the rotation, in degrees counterclockwise, 0,
    90, 180 or 270, in which the detector saw it upright.
    """

    landmarks: np.ndarray
    box: tuple[float, float, float, float]
    score: float
    method: str
    turn: int = 0

    @classmethod
    def around(cls, landmarks: np.ndarray, score: float, method: str, turn: int = 0) -> Face:
        """A face with the box that a detector would put around these landmarks."""
        eyes, mouth = landmarks[:2].mean(axis=0), landmarks[3:].mean(axis=0)
        side = 2.0 * max(np.hypot(*(landmarks[1] - landmarks[0])), 0.9 * np.hypot(*(mouth - eyes)))
        x, y = (eyes + mouth) / 2
        return cls(landmarks, (x - side / 2, y - 0.6 * side, side, 1.25 * side), score, method, turn)

    @property
    def middle(self) -> np.ndarray:
        """The mean of the landmarks, (x, y) in pixels."""
        return self.landmarks.mean(axis=0)

    @property
    def eye_distance(self) -> float:
        """Between the eyes, in pixels."""
        return float(np.hypot(*(self.landmarks[1] - self.landmarks[0])))


def is_plausible(landmarks: np.ndarray) -> bool:
    """Whether five points can be an upright face, tilted by less than 60°."""
    left_eye, right_eye, nose, left_mouth, right_mouth = landmarks
    across, down = right_eye - left_eye, (left_mouth + right_mouth - left_eye - right_eye) / 2
    eyes, height = np.hypot(*across), np.hypot(*down)
    if eyes < 2 or height < 2 or abs(np.degrees(np.arctan2(across[1], across[0]))) > 60:
        return False
    upright = (across[0] * down[1] - across[1] * down[0]) / (eyes * height)  # sine of the angle between both
    nose_at = np.dot(nose - (left_eye + right_eye) / 2, down) / height**2
    return bool(upright > 0.7 and 0.5 < height / eyes < 4.5 and 0.1 < nose_at < 1.0)


def face_from_points(points: np.ndarray | Sequence) -> Face:
    """A face from points: (3, 2) eyes and the mouth's middle, (4, 2) eyes and the mouth's corners, or (5, 2) all five
    landmarks; missing ones are the mean face's. Raises FaceError where they are no face.
    """
    points = np.asarray(points, dtype=np.float64)
    if points.shape not in ((3, 2), (4, 2), (5, 2)) or not np.isfinite(points).all():
        raise ValueError(f"points must be (3, 2), (4, 2) or (5, 2) finite numbers: eyes, mouth; got {points.shape}")
    landmarks = points
    if len(points) < 5:
        used = [[1, 0, 0, 0, 0], [0, 1, 0, 0, 0], [0, 0, 0, 0.5, 0.5]] if len(points) == 3 else np.eye(5)[[0, 1, 3, 4]]
        landmarks = transform(TEMPLATE, similarity(used @ TEMPLATE, points))
        landmarks[:2] = points[:2]
        if len(points) == 4:
            landmarks[3:] = points[2:]
    across = landmarks[1] - landmarks[0]  # any tilt is allowed
    level = np.array([[across[0], -across[1]], [across[1], across[0]]]) / max(float(np.hypot(*across)), 1e-9)
    if not is_plausible(landmarks @ level):
        raise FaceError(
            "the points are not a face: the order is the eye on the left, as the upright face shows it, the eye on the"
            " right, the mouth (x, y in pixels)"
        )
    return Face.around(landmarks, 1.0, "points")


def centre_face(shape: tuple[int, int]) -> Face:
    """A face that fills the middle of a picture of (height, width) as an FFHQ face fills its crop."""
    height, width = shape
    side = min(height, width)
    landmarks = TEMPLATE * side + np.array([(width - side) / 2, (height - side) / 2]) - 0.5
    return Face.around(landmarks, 0.0, "centre")


def similarity(source: np.ndarray, target: np.ndarray, point_weights: np.ndarray | None = None) -> np.ndarray:
    """The least-squares similarity transform of points (N, 2), N ≥ 2, to `target` (Umeyama 1991; no mirroring), with
    weights (N,): float64 (2, 3), to be multiplied with (x, y, 1).
    """
    a, b = (points[:, 0] + 1j * points[:, 1] for points in (np.asarray(source, float), np.asarray(target, float)))
    share = np.ones(len(a)) if point_weights is None else np.asarray(point_weights, float)
    share = share / share.sum()
    mean_a, mean_b = share @ a, share @ b
    spread = share @ np.abs(a - mean_a) ** 2
    if spread == 0:
        raise FaceError("the landmarks lie on one point")
    turn = (share * np.conj(a - mean_a)) @ (b - mean_b) / spread  # scale · e^{iθ}: in the plane, Umeyama's is this
    shift = mean_b - turn * mean_a
    return np.array([[turn.real, -turn.imag, shift.real], [turn.imag, turn.real, shift.imag]])


def transform(points: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """Apply a (2, 3) matrix to (N, 2) points."""
    return np.asarray(points, float) @ matrix[:, :2].T + matrix[:, 2]


def inverse(matrix: np.ndarray) -> np.ndarray:
    """The (2, 3) matrix that undoes a (2, 3) matrix."""
    back = np.linalg.inv(matrix[:, :2])
    return np.column_stack([back, -back @ matrix[:, 2]])


def rescaled(matrix: np.ndarray, ratio: float | np.ndarray) -> np.ndarray:
    """A (2, 3) matrix for a picture with pixels `ratio` times as large, one number or (x, y); centres lie at halves."""
    ratio = np.broadcast_to(ratio, 2)
    return np.column_stack([matrix[:, :2] * ratio, matrix[:, :2] @ (0.5 * ratio - 0.5) + matrix[:, 2]])


def alignment(landmarks: np.ndarray, size_px: int, *, method: str = "similarity", zoom: float = 1.0) -> np.ndarray:
    """The (2, 3) matrix from a picture's pixels to those of its aligned crop of `size_px`.

    method: "similarity" fits the five landmarks to `TEMPLATE`; "ffhq" is the oriented square of FFHQ (Karras et al.
    2019, `recreate_aligned_images`). zoom: above 1 shows less around the face.
    """
    if method not in METHODS:
        raise ValueError(f"method must be one of {', '.join(METHODS)}, got {method!r}")
    if not zoom > 0:
        raise ValueError(f"zoom must be more than 0, got {zoom}")
    centre = np.array([0.5, 0.5])
    if method == "similarity":
        target = ((TEMPLATE - centre) * zoom + centre) * size_px - 0.5
        return similarity(landmarks, target, FIT_WEIGHTS)
    eyes, mouth = landmarks[:2].mean(axis=0), landmarks[3:].mean(axis=0)
    across, down = landmarks[1] - landmarks[0], mouth - eyes
    direction = across - np.array([-down[1], down[0]])
    direction = direction / np.hypot(*direction)
    half = max(2.0 * np.hypot(*across), 1.8 * np.hypot(*down)) / zoom
    middle = eyes + 0.1 * down
    side = direction * half
    return similarity(np.array([middle - side, middle + side]), np.array([[0.0, 0.5], [1.0, 0.5]]) * size_px - 0.5)


def warp(image: np.ndarray, matrix: np.ndarray, size_px: int, *, border: str = "reflect") -> np.ndarray:
    """Cut the square out that `matrix` (2, 3) maps a picture's pixels to; uint8 (H, W, 3) → (size_px, size_px, 3).

    A picture that shrinks is low-pass filtered first (Lanczos). Beyond its edge, "reflect" mirrors it and fades into
    its blurred and then its median colour, as FFHQ's crops do; "paper" continues the paper's colour, for drawings.
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
    how = {"flags": cv2.INTER_CUBIC, "borderMode": mode, "borderValue": paper_colour(image)}
    crop = cv2.warpAffine(image, matrix, (size_px, size_px), **how)
    if border == "paper":
        return crop
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
    """`warp` of a label map, by nearest neighbour: uint8 (H, W) → (size_px, size_px), 0 outside."""
    import cv2

    return cv2.warpAffine(labels, matrix, (size_px, size_px), flags=cv2.INTER_NEAREST)


def align(
    image: np.ndarray, face: Face, size_px: int = 256, *, method: str = "similarity", zoom: float = 1.0
) -> np.ndarray:
    """The aligned square crop of a face: `warp` by `alignment`; uint8 (size_px, size_px, 3)."""
    return warp(image, alignment(face.landmarks, size_px, method=method, zoom=zoom), size_px)


def uniform_crop(image: np.ndarray, box: Sequence[float], size_px: int) -> np.ndarray:
    """A square resize of the part in `box`: (left, top, right, bottom) as shares of width and height, 0 to 1."""
    left, top, right, bottom = box
    if not (0 <= left < right <= 1 and 0 <= top < bottom <= 1):
        raise ValueError(f"box must be left, top, right, bottom as shares from 0 to 1, got {tuple(box)}")
    height, width = image.shape[:2]
    rows = slice(min(height - 1, round(top * height)), max(1, round(bottom * height)))
    columns = slice(min(width - 1, round(left * width)), max(1, round(right * width)))
    part = np.ascontiguousarray(image[rows, columns])  # Pillow's own `box` looks beyond its edges
    return resize(part, size_px, "stretch")
