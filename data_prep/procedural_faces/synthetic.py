"""Drawn faces with their pencil sketch, label map and landmarks:
training pairs that need no download.

"left" and "right" mean the image's, as in the pictures of CelebAMask-HQ: class l_eye is the eye on
the image's left. A beard belongs to the class skin: the 19 classes have none for it.

Every part paints the photo, labels the mask, and draws its pencil lines from the same curves, back
to front.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from data_prep.procedural_faces import beard, body, eyes, hair, head, light, mouth, person, worn
from data_prep.procedural_faces.board import Scene

MIN_SIZE_PX, MAX_SIZE_PX = 32, 512


@dataclass(frozen=True)
class Face:
    """One drawn face.

    photo: uint8 (H, W, 3) RGB in [0, 255]. sketch: uint8 (H, W), near-white paper, dark pencil.
    mask: uint8 (H, W), index into `masks.CLASSES`. landmarks: float32 (5, 2) of x, y in pixels:
    image-left eye, image-right eye, nose tip, image-left and image-right mouth corner. attributes:
    plain Python values that say what was drawn.
    """

    photo: np.ndarray
    sketch: np.ndarray
    mask: np.ndarray
    landmarks: np.ndarray
    attributes: dict


def draw_face(
    index: int, *, size_px: int = 256, seed: int = 0, hair_colour: str | None = None
) -> Face:
    """Draw face number `index` of the endless series `seed`.

    The same (index, seed) is the same face at every size, whatever was drawn before. Skin tone, age
    and hair style run evenly through their ranges as the index grows.

    index, seed: integers ≥ 0. size_px: height and width, 32 to 512. hair_colour: draw the same face
    with hair of this colour, a name in `person.HAIR_COLOURS`; None: with its own.
    Raises ValueError where one of them is out of range.
    """
    if not MIN_SIZE_PX <= size_px <= MAX_SIZE_PX:
        raise ValueError(f"size_px must be from {MIN_SIZE_PX} to {MAX_SIZE_PX}, got {size_px}")
    if index < 0 or seed < 0:
        raise ValueError(f"index and seed must be 0 or more, got index={index}, seed={seed}")
    p = person.choose(index, seed, hair_colour)
    s = Scene(p, size_px, person.generator(seed, index, 1))
    light.draw_background(s)
    sheets = hair.hair_sheets(s)
    hair.draw_hair(s, [sheet for sheet in sheets if sheet.behind])
    body.draw_neck(s)
    body.draw_clothes(s)
    head.draw_ears(s)
    head.draw_head(s)
    if p.beard != "none":
        beard.draw_beard(s)
    mouth.draw_mouth(s)
    mouth.draw_nose(s)
    for side in (-1, 1):
        eyes.draw_eye(s, side)
        eyes.draw_brow(s, side)
    head.draw_wrinkles(s)
    if p.glasses:
        worn.draw_glasses(s)
    hair.draw_hair(s, [sheet for sheet in sheets if not sheet.behind])
    if p.earrings:
        worn.draw_earrings(s)
    if p.hat:
        worn.draw_hat(s)
    return Face(s.photo(), s.sketch(), s.mask, s.landmarks(), p.attributes)
