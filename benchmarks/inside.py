"""Scores inside the face alone, and tones of skin and hair.

Backgrounds and clothes cannot be guessed from a drawing, and fill half of a portrait. The face is
the mean outline of faces, placed by five landmarks. Pictures are uint8 (H, W, 3), masks bool (H,
W).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from s2f_utils.pictures import faces
from s2f_utils.pictures.images import luminance

# The right half of a face's outline from the top of the forehead to the chin, as shares of an
# aligned crop's side: the median over 471 portraits, made symmetrical. Laid on a face by its five
# landmarks it shares with the face mesh's own outline .88 of what both cover (median; .82 for a
# quarter of the portraits, those of turned heads).
_X = (
    0.500,
    0.569,
    0.628,
    0.685,
    0.724,
    0.749,
    0.762,
    0.768,
    0.767,
    0.764,
    0.757,
    0.740,
    0.714,
    0.685,
    0.648,
    0.618,
    0.586,
    0.549,
    0.500,
)
_Y = (
    0.285,
    0.288,
    0.298,
    0.321,
    0.355,
    0.397,
    0.443,
    0.501,
    0.556,
    0.613,
    0.673,
    0.737,
    0.786,
    0.823,
    0.856,
    0.880,
    0.900,
    0.915,
    0.920,
)
_RIGHT_HALF = np.stack([_X, _Y], axis=1)
OUTLINE = np.concatenate([_RIGHT_HALF, _RIGHT_HALF[-2:0:-1] * [-1, 1] + [1, 0]])
# Where skin is measured, from the eyes' line, 0, to the mouth's, 1: no eyes, lips or beard.
CHEEKS = (0.2, 0.85)


def outline_of(landmarks: np.ndarray) -> np.ndarray:
    """The outline of a face with these five landmarks, (5, 2): float64 (36, 2), from the forehead's
    top clockwise.
    """
    return faces.transform(OUTLINE, faces.similarity(faces.TEMPLATE, landmarks, faces.FIT_WEIGHTS))


def mask_of(outline: np.ndarray, shape: Sequence[int]) -> np.ndarray:
    """What an outline, (N, 2) in pixels, encloses of a picture of this shape (H, W, …): bool (H,
    W).
    """
    import cv2

    mask = np.zeros(shape[:2], np.uint8)
    cv2.fillPoly(mask, [np.rint(outline).astype(np.int32)], 1)
    return mask.astype(bool)


def cheeks_of(landmarks: np.ndarray, outline: np.ndarray, shape: Sequence[int]) -> np.ndarray:
    """Cheeks and nose: what lies between eyes and mouth within nine tenths of the outline, bool (H,
    W).
    """
    middle = outline.mean(axis=0)
    inner = mask_of(middle + 0.9 * (outline - middle), shape)
    eyes, mouth = landmarks[:2].mean(axis=0), landmarks[3:].mean(axis=0)
    down = (mouth - eyes) / max(float(((mouth - eyes) ** 2).sum()), 1e-9)
    y, x = np.mgrid[: shape[0], : shape[1]]
    along = (x - eyes[0]) * down[0] + (y - eyes[1]) * down[1]
    return inner & (along > CHEEKS[0]) & (along < CHEEKS[1])


def skin_tone(picture: np.ndarray, mask: np.ndarray) -> float:
    """The individual typology angle of what the mask shows, in degrees: from some 55 and more (very
    light) down to −30 and less (dark); arctan((L* − 50) / b*) of the medians (Chardon, Cretois,
    Hourseau 1991). NaN for an empty mask.
    """
    from skimage.color import rgb2lab

    if not mask.any():
        return float("nan")
    light, _, yellow = np.median(rgb2lab(picture[mask][None])[0], axis=0)
    return float(np.degrees(np.arctan2(light - 50.0, yellow)))


def tones(picture: np.ndarray) -> tuple[float, float]:
    """An aligned face's skin tone (ITA, degrees), and its hair's L*: the median of a band above the
    forehead.
    """
    from skimage.color import rgb2lab

    five = faces.TEMPLATE * picture.shape[0] - 0.5
    outline = outline_of(five)
    top, high, middle = outline[:, 1].min(), np.ptp(outline[:, 1]), outline[:, 0].mean()
    rows = slice(max(0, round(top - 0.18 * high)), max(2, round(top - 0.04 * high)))
    columns = slice(round(middle - 0.2 * high), round(middle + 0.2 * high))
    hair = float(np.median(rgb2lab(picture[rows, columns])[..., 0]))
    return skin_tone(picture, cheeks_of(five, outline, picture.shape)), hair


def similarity_inside(made: np.ndarray, true: np.ndarray, mask: np.ndarray) -> dict[str, float]:
    """SSIM, PSNR (dB) and L1 (grey levels) within a mask that is not empty, as `metrics.ssim` and
    its kin have them.
    """
    from skimage.metrics import structural_similarity

    options = {
        "data_range": 255,
        "gaussian_weights": True,
        "sigma": 1.5,
        "use_sample_covariance": False,
    }
    _, local = structural_similarity(luminance(made), luminance(true), full=True, **options)
    difference = made[mask].astype(np.float64) - true[mask]
    error = float((difference**2).mean())
    return {
        "face_ssim": float(local[mask].mean()),
        "face_psnr": 10.0 * np.log10(255.0**2 / error) if error else np.inf,
        "face_l1": float(np.abs(difference).mean()),
    }
