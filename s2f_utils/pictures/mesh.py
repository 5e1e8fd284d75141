"""A face as 164 landmarks: which they are, their mean shape, their mirror image, and masks of parts
of the face from them.

The points are a subset of the 478 of MediaPipe's face mesh (Kartynnik et al. 2019), in its terms:
`MESH` has their numbers there. Points are (x, y) in pixels, (0, 0) the centre of the first pixel;
left and right are the picture's.
"""

from __future__ import annotations

import functools
from pathlib import Path

import numpy as np

MEAN_PX = 128  # side of the frame to which drawings are warped, in which a face has its mean shape
FACE_PX = 256  # side of drawings when they are analysed and warped, and of answers
# part → indices in the face mesh, around the part; clockwise from the top for the oval
MESH: dict[str, tuple[int, ...]] = {
    "oval": (
        10,
        338,
        297,
        332,
        284,
        251,
        389,
        356,
        454,
        323,
        361,
        288,
        397,
        365,
        379,
        378,
        400,
        377,
        152,
        148,
        176,
        149,
        150,
        136,
        172,
        58,
        132,
        93,
        234,
        127,
        162,
        21,
        54,
        103,
        67,
        109,
    ),
    "lips": (
        61,
        146,
        91,
        181,
        84,
        17,
        314,
        405,
        321,
        375,
        291,
        409,
        270,
        269,
        267,
        0,
        37,
        39,
        40,
        185,
    ),
    "mouth": (
        78,
        95,
        88,
        178,
        87,
        14,
        317,
        402,
        318,
        324,
        308,
        415,
        310,
        311,
        312,
        13,
        82,
        81,
        80,
        191,
    ),
    "left_eye": (33, 7, 163, 144, 145, 153, 154, 155, 133, 173, 157, 158, 159, 160, 161, 246),
    "right_eye": (263, 249, 390, 373, 374, 380, 381, 382, 362, 398, 384, 385, 386, 387, 388, 466),
    "left_brow": (46, 53, 52, 65, 55, 107, 66, 105, 63, 70),
    "right_brow": (276, 283, 282, 295, 285, 336, 296, 334, 293, 300),
    "left_iris": (468, 469, 470, 471, 472),
    "right_iris": (473, 474, 475, 476, 477),
    "nose": (168, 6, 197, 195, 5, 4, 1, 2, 98, 97, 326, 327, 129, 358, 64, 294, 48, 278, 218, 438),
    "cheeks": (50, 280, 205, 425, 101, 330),
}
IN_MESH = np.array([number for part in MESH.values() for number in part])
NUM_POINTS = len(IN_MESH)
_ENDS = np.cumsum([0, *map(len, MESH.values())])
# part → indices of its points among the 164
PARTS = {name: np.arange(_ENDS[n], _ENDS[n + 1]) for n, name in enumerate(MESH)}
# the face's five landmarks, as `faces` orders them: eyes, nose, corners of the mouth
FIVE = np.array(
    [
        PARTS["left_iris"][0],
        PARTS["right_iris"][0],
        PARTS["nose"][5],
        PARTS["lips"][0],
        PARTS["lips"][10],
    ]
)


def five_of(points: np.ndarray) -> np.ndarray:
    """The five landmarks of a face's 164 points: (..., 164, 2) → (..., 5, 2)."""
    return points[..., FIVE, :]


def eye_distance(points: np.ndarray) -> np.ndarray:
    """The distance between the centres of the eyes: (..., 164, 2) → (...), pixels."""
    between = points[..., FIVE[1], :] - points[..., FIVE[0], :]
    return np.hypot(between[..., 0], between[..., 1])


def lips_of(points: np.ndarray) -> np.ndarray:
    """The gap between the inner lips, and how much higher the corners are than the middle of the
    outer ones, in eye distances: (164, 2) → (2,).
    """
    mouth, lips = points[PARTS["mouth"]], points[PARTS["lips"]]
    gap = mouth[4:7, 1].mean() - mouth[14:17, 1].mean()
    middle, corners = (lips[5, 1] + lips[15, 1]) / 2, (lips[0, 1] + lips[10, 1]) / 2
    return np.array([gap, middle - corners]) / eye_distance(points)


@functools.cache
def mean_shape(size_px: int = 256) -> np.ndarray:
    """The mean of the portraits' points in an aligned crop of `size_px`, made symmetric: float32
    (164, 2), pixels.
    """
    shares = np.load(Path(__file__).with_name("mean_shape.npy"))
    return (shares * size_px - 0.5).astype(np.float32)


@functools.cache
def mirror() -> np.ndarray:
    """The index of each point's mirror image: integer (164,)."""
    shape = mean_shape(256)
    flipped = shape * [-1, 1] + [255, 0]
    found = np.empty(NUM_POINTS, int)
    for name, places in PARTS.items():
        other = name.replace("left", "@").replace("right", "left").replace("@", "right")
        away = np.linalg.norm(flipped[places][:, None] - shape[PARTS[other]][None], axis=2)
        found[places] = PARTS[other][np.argmin(away, axis=1)]
    return found


def filled(points: np.ndarray, size_px: int) -> np.ndarray:
    """The inside of a polygon (N, 2): uint8 (size_px, size_px), 0 or 1."""
    import cv2

    return cv2.fillPoly(
        np.zeros((size_px, size_px), np.uint8), [np.rint(points).astype(np.int32)], 1
    )


def bare_skin(points: np.ndarray, size_px: int = 256) -> np.ndarray:
    """The bare skin of a face, bool (size_px, size_px): the oval without eyes, brows and mouth."""
    import cv2

    inside = cv2.erode(filled(points[PARTS["oval"]], size_px), np.ones((9, 9), np.uint8))
    for name in ("left_eye", "right_eye", "left_brow", "right_brow", "lips"):
        hull = cv2.convexHull(np.rint(points[PARTS[name]]).astype(np.int32))
        part = cv2.fillPoly(np.zeros((size_px, size_px), np.uint8), [hull], 1)
        inside[cv2.dilate(part, np.ones((7, 7), np.uint8)) > 0] = 0
    return inside > 0
