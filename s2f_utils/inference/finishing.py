"""What is put right in a rendered person: a cast over the skin, and a hat that shimmers.

Shapes: S pixels of a person in the mean shape's frame; colours times person, and person, float32 (S, S, 4) in [0, 1].
"""

from __future__ import annotations

import functools

import numpy as np

from s2f_utils.pictures.faces import mesh

HAIR, PERSON = 0.4, 0.5  # from this share on, it is
UNLIKE_SKIN = 20.0  # distance in CIELAB from the cheeks' tone
LEAST = 0.02  # of the pixels; less is no hat
CAST, ALIKE = 0.7, 30.0  # how much of a cast is taken away; how far in CIELAB hues are alike
SATURATION = 0.5  # of what hues differ by in a hat, of which one is left, and in hair
CLOSE_PX, SOFT_PX = 9, 2.0  # of 256


def of_one_cloth(person: np.ndarray, hair: np.ndarray) -> np.ndarray:
    """A person with a hat → the same, the hat in one colour: its light stays, its hues become one, for few people with
    hats were there to learn from. hair: float32 (S', S').

    The hat is what is above the brows, is no hair, and has not the cheeks' tone.
    """
    import cv2

    side_px = len(person)
    colours, lab, there = _colours(person)
    cheeks, above = _places(side_px)
    if not (cheeks & there).any():  # nothing to tell the cloth from
        return person
    skin = np.median(lab[cheeks & there], axis=0)
    is_hair = cv2.resize(hair, (side_px, side_px), interpolation=cv2.INTER_LINEAR) > HAIR
    hat = there & above & ~is_hair & (np.linalg.norm(lab - skin, axis=2) > UNLIKE_SKIN)
    across = 2 * round(CLOSE_PX * side_px / 512) + 1
    kernel = np.ones((across, across), np.uint8)
    hat = cv2.morphologyEx(cv2.morphologyEx(hat.astype(np.uint8), cv2.MORPH_OPEN, kernel), cv2.MORPH_CLOSE, kernel)
    if hat.mean() < LEAST:
        return person
    plain = lab.copy()
    plain[..., 1:] = SATURATION * np.median(lab[hat > 0][:, 1:], axis=0)
    soft = cv2.GaussianBlur(hat.astype(np.float32), (0, 0), SOFT_PX * side_px / 256)[..., None]
    return _with(person, colours + soft * (cv2.cvtColor(plain, cv2.COLOR_LAB2RGB).clip(0, 1) - colours))


def without_cast(person: np.ndarray, hair: np.ndarray, tones: np.ndarray) -> np.ndarray:
    """A person → the same, the hues of skin and hair nearer to those that are asked for, (6,) in [0, 1] or NaN, and
    such hair of fewer hues: a seed's codes tint the light, at times as no light is. hair: float32 (S', S').
    """
    import cv2

    side_px = len(person)
    _, lab, there = _colours(person)
    cheeks, _ = _places(side_px)
    is_hair = there * cv2.resize(hair, (side_px, side_px), interpolation=cv2.INTER_LINEAR)
    wanted = cv2.cvtColor(tones.astype(np.float32).reshape(1, 2, 3), cv2.COLOR_RGB2LAB)[0, :, 1:]
    for part, hue, inside in zip(("skin", "hair"), wanted, (cheeks & there, is_hair > PERSON), strict=True):
        if inside.mean() < LEAST / 10 or not np.isfinite(hue).all():
            continue
        own = np.median(lab[inside], axis=0)[1:]
        near = np.exp(-(np.linalg.norm(lab[..., 1:] - own, axis=2) ** 2) / ALIKE**2)
        if part == "hair":
            lab[..., 1:] += is_hair[..., None] * (CAST * (hue - own) - (1 - SATURATION) * (lab[..., 1:] - own))
        else:
            lab[..., 1:] += CAST * (near * (1 - is_hair))[..., None] * (hue - own)
    return _with(person, cv2.cvtColor(lab, cv2.COLOR_LAB2RGB).clip(0, 1))


def _colours(person: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A person's colours, (S, S, 3), in CIELAB, too, and where the person is, bool (S, S)."""
    import cv2

    there = person[..., 3] > PERSON
    colours = (person[..., :3] / np.maximum(person[..., 3:], 1e-3)).clip(0, 1).astype(np.float32)
    return colours, cv2.cvtColor(colours, cv2.COLOR_RGB2LAB), there


def _with(person: np.ndarray, colours: np.ndarray) -> np.ndarray:
    return np.concatenate([colours * person[..., 3:], person[..., 3:]], axis=2)


@functools.lru_cache(maxsize=4)
def _places(side_px: int) -> tuple[np.ndarray, np.ndarray]:
    """Where the cheeks are, and what is above the brows' lower edge, bool (S, S) each."""
    points = mesh.mean_shape(side_px)
    five, unit = mesh.five_of(points), mesh.eye_distance(points)
    y, x = np.mgrid[:side_px, :side_px]
    cheeks = np.zeros((side_px, side_px), bool)
    for eye in five[:2]:
        cheeks |= np.hypot(x - eye[0], y - (0.6 * eye[1] + 0.4 * five[3:, 1].mean())) < 0.22 * unit
    brows = min(points[mesh.PARTS[name], 1].mean() for name in ("left_brow", "right_brow"))
    return cheeks, y < brows
