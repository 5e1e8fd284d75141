"""The person in a portrait: a mask, and another background."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from s2f_utils.pictures.faces import Face
from s2f_utils.pictures.images import rounded

METHODS = ("labels", "grabcut")


def person_mask(
    photo: np.ndarray,
    method: str = "grabcut",
    *,
    labels: np.ndarray | None = None,
    face: Face | None = None,
) -> np.ndarray:
    """How much each pixel belongs to the person: float32 (H, W) in [0, 1].

    photo: uint8 (H, W, 3). method: "labels", all but the background (class 0) of the label map
    `labels`, integer (H, W); "grabcut", OpenCV's GrabCut (Rother et al. 2004), started from the
    head and shoulders below `face`.

    Raises ValueError if an input that the method needs is missing.
    """
    if method not in METHODS:
        raise ValueError(f"method must be one of {', '.join(METHODS)}, got {method!r}")
    if method == "labels":
        if labels is None or labels.shape != photo.shape[:2]:
            raise ValueError(
                f"method labels needs a label map of {photo.shape[:2]}, got"
                f" {getattr(labels, 'shape', None)}"
            )
        return (labels != 0).astype(np.float32)
    if face is None:
        raise ValueError("method grabcut needs the face: find it with faces.find_face first")
    return _grabcut(photo, face)


def _grabcut(photo: np.ndarray, face: Face, side_px: int = 256, rounds: int = 4) -> np.ndarray:
    """GrabCut at a quarter of a megapixel or less, its edge softened, then enlarged."""
    import cv2

    scale = min(1.0, side_px / max(photo.shape[:2]))
    size = (max(8, round(photo.shape[1] * scale)), max(8, round(photo.shape[0] * scale)))
    small = cv2.resize(photo, size, interpolation=cv2.INTER_AREA)
    trimap = _trimap((size[1], size[0]), face.landmarks * scale)
    cv2.setRNGSeed(0)
    cv2.grabCut(
        small, trimap, None, np.zeros((1, 65)), np.zeros((1, 65)), rounds, cv2.GC_INIT_WITH_MASK
    )
    person = np.isin(trimap, (cv2.GC_FGD, cv2.GC_PR_FGD)).astype(np.uint8)
    count, parts, stats, _ = cv2.connectedComponentsWithStats(person)
    nose = np.clip((face.landmarks[2] * scale).astype(int), 0, np.array(size) - 1)
    keep = parts[nose[1], nose[0]] or (
        1 + int(np.argmax(stats[1:, cv2.CC_STAT_AREA])) if count > 1 else 0
    )
    person = (parts == keep).astype(np.uint8) if keep else person
    outer, _ = cv2.findContours(person, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    filled = cv2.drawContours(np.zeros_like(person), outer, -1, 1, cv2.FILLED).astype(np.float32)
    soft = cv2.GaussianBlur(filled, (0, 0), 1.0)
    return np.clip(cv2.resize(soft, photo.shape[1::-1], interpolation=cv2.INTER_CUBIC), 0, 1)


def _trimap(shape: tuple[int, int], landmarks: np.ndarray) -> np.ndarray:
    """GrabCut's start: the face is person, the upper corners and sides are background.

    The rest is probably one of them.
    """
    import cv2

    height, width = shape
    eyes, mouth = landmarks[:2].mean(axis=0), landmarks[3:].mean(axis=0)
    down = mouth - eyes
    unit = float(np.hypot(*down))
    angle = float(np.degrees(np.arctan2(*down))) * -1
    trimap = np.full(shape, cv2.GC_PR_BGD, np.uint8)

    def ellipse(centre: np.ndarray, axes: tuple[float, float], label: int) -> None:
        axes_px = tuple(max(1, round(a * unit)) for a in axes)
        cv2.ellipse(
            trimap,
            tuple(int(v) for v in np.rint(centre)),
            axes_px,
            angle,
            0,
            360,
            label,
            cv2.FILLED,
        )

    neck = mouth + 1.2 * down
    body = np.array(
        [
            neck + [-1.0 * unit, 0],
            neck + [unit, 0],
            [neck[0] + 3.4 * unit, height],
            [neck[0] - 3.4 * unit, height],
        ]
    )
    cv2.fillPoly(trimap, [np.rint(body).astype(np.int32)], cv2.GC_PR_FGD)
    ellipse(eyes + 0.25 * down, (1.55, 2.1), cv2.GC_PR_FGD)  # hair
    ellipse(eyes + 0.55 * down, (0.9, 1.35), cv2.GC_FGD)  # skin
    # The neck; from 0.1 units below its end to 0.8 units the shoulders' slope, within the picture.
    ends = np.clip(np.array([-0.4, 0.1, 0.8]) * unit + neck[1], 0, height)
    slope = np.clip((ends[2] - ends[1]) / (0.7 * unit), 0, 1)
    half = np.array([0.4, 0.4, 0.4 + 1.3 * slope]) * unit
    rightside = np.array([*zip(neck[0] + half, ends, strict=True), (neck[0] + half[2], height)])
    chest = np.concatenate([rightside, ([2 * neck[0], 0] + rightside * [-1, 1])[::-1]])
    cv2.fillPoly(trimap, [np.rint(chest).astype(np.int32)], cv2.GC_FGD)
    rim = max(2, round(0.02 * width))
    top = max(1, min(height, round(eyes[1])))
    # The head may touch the top edge.
    head = slice(max(0, round(eyes[0] - 1.5 * unit)), max(0, round(eyes[0] + 1.5 * unit)))
    frame = np.zeros(shape, bool)
    frame[:rim] = frame[:top, :rim] = frame[:top, -rim:] = True
    frame[:rim, head] = False
    trimap[frame & (trimap != cv2.GC_FGD)] = cv2.GC_BGD
    return trimap


def replace_background(
    photo: np.ndarray, mask: np.ndarray, colour: Sequence[int] = (255, 255, 255)
) -> np.ndarray:
    """Lay the person over one colour: uint8 (H, W, 3). mask: float (H, W) in [0, 1]."""
    if mask.shape != photo.shape[:2]:
        raise ValueError(f"mask must be {photo.shape[:2]} like the photo, got {mask.shape}")
    share = mask[..., None].astype(np.float32)
    return rounded(photo * share + np.asarray(colour, np.float32) * (1 - share))
