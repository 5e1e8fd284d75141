"""What a witness remembers of tones: the hair and the skin of a face, and how they are recoloured.

Shapes: H, W pixels. A part is float32 (H, W) in [0, 1]: how much each pixel belongs to it. The parts of a picture are
guessed from where the face lies and from its colours; of a label map they are known.
"""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping

import numpy as np

from s2f_studio.drawings import background
from s2f_utils.inference.asking import MIXED, Model
from s2f_utils.pictures import faces, images, masks
from s2f_utils.pictures.attributes import Tone

PARTS = ("hair", "skin")
CLASSES_OF = {"hair": ("hair",), "skin": ("skin", "nose", "l_ear", "r_ear", "neck")}
LOOK_PX = 128  # parts are looked for at this size
LEAST_SHARE = 0.004  # of the pixels; less than this is no part
FRAME_FILLED, FRAME_LEAST = 0.93, 0.4  # of its box, of the drawing
LINE, GAP = 24, 0.06  # grey levels below the paper; a share of the side over which lines are joined
SOFT = 0.009  # standard deviation of a part's rim, a share of the side


def parts_of_map(labels: np.ndarray, size_px: int) -> dict[str, np.ndarray]:
    """Hair and skin of a label map, uint8 (H, W), at the size of its face: {part: float32 (size_px, size_px)}."""
    small = masks.resize(labels, size_px)
    found = {}
    for part, names in CLASSES_OF.items():
        inside = np.isin(small, [masks.CLASSES.index(name) for name in names])
        found[part] = _softened(inside, small.shape)
    return found


def find_parts(picture: np.ndarray, landmarks: np.ndarray, drawing: np.ndarray | None = None) -> dict[str, np.ndarray]:
    """Hair and skin of a portrait, uint8 (H, W, 3): {part: float32 (H, W)}.

    landmarks: float (5, 2) in its pixels, as in `faces`. drawing: uint8 (P, P, 3), where the portrait was made from
    one: what its lines enclose is the person, which is otherwise guessed from the picture. Skin is what has the tone of
    the cheeks, within the face's oval and the neck; hair is what else belongs to the person's head and has the tone of
    what is above the forehead.
    """
    import cv2

    height, width = picture.shape[:2]
    size = (LOOK_PX, round(LOOK_PX * height / width))
    small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA if width > LOOK_PX else cv2.INTER_CUBIC)
    points = (np.asarray(landmarks, np.float64) + 0.5) * LOOK_PX / width - 0.5
    face = faces.Face(points, (0.0, 0.0, float(size[0]), float(size[1])), 1.0, "points")
    person = background.person_mask(small, face=face) > 0.5 if drawing is None else enclosed(drawing, size)
    eyes, mouth = points[:2].mean(axis=0), points[3:].mean(axis=0)
    down, unit = mouth - eyes, max(1.0, float(np.hypot(*(mouth - eyes))))
    y, x = np.mgrid[: size[1], : size[0]].astype(np.float32)

    def oval(centre: np.ndarray, across: float, along: float) -> np.ndarray:
        return ((x - centre[0]) / (across * unit)) ** 2 + ((y - centre[1]) / (along * unit)) ** 2 < 1

    lab = images.lab(small)
    cheeks = oval(eyes + 0.5 * down, 0.62, 0.45) & ~oval(points[0], 0.3, 0.2) & ~oval(points[1], 0.3, 0.2)
    from_skin = _distance(lab, np.median(lab[cheeks], axis=0), 1.6)
    near = max(8.0, 1.8 * float(np.median(from_skin[cheeks])))
    beside = np.abs(x - eyes[0])
    neck = (beside < 0.8 * unit) & (y > mouth[1]) & (y < mouth[1] + 1.6 * unit)
    lids = oval(points[0], 0.27, 0.15) | oval(points[1], 0.27, 0.15)
    area = person & (oval(eyes + 0.35 * down, 1.4, 1.65) | neck)
    skin = area & (from_skin < 1.3 * near)
    falling = (y > eyes[1]) & (y < mouth[1] + 1.8 * unit) & (beside < 1.9 * unit)
    head = oval(eyes + 0.35 * down, 1.9, 2.4) | falling
    hair = person & head & ~skin & ~oval(eyes + 0.62 * down, 0.85, 1.0) & ~oval(eyes, 0.92, 0.4) & (from_skin > near)
    seeds = hair & (y < eyes[1] - 0.2 * unit)
    if seeds.sum() > 20:
        from_hair = _distance(lab, np.median(lab[seeds], axis=0), 2.0)
        hair &= from_hair < np.clip(2.5 * float(np.median(from_hair[seeds])), 14.0, 26.0)
    hair = _of_one_piece(hair, seeds)
    shaded = area & (from_skin < 2.2 * near) & (hair == 0)  # cheeks in the shadow, under the chin
    closed = cv2.morphologyEx((skin | shaded).astype(np.uint8), cv2.MORPH_CLOSE, np.ones((3, 3), np.uint8))
    skin = (closed > 0) & (hair == 0) & ~(lids & (from_skin > near))  # but for the eyes themselves
    hair = cv2.dilate(hair, np.ones((3, 3), np.uint8)) * (~skin & person)  # its soft edge belongs to it
    return {"hair": _softened(hair > 0, (height, width)), "skin": _softened(skin, (height, width))}


def enclosed(drawing: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """What a drawing's lines enclose, small gaps included, and the lines: uint8 (P, P, 3) → bool (height, width).

    size: (width, height). The paper is what can be reached from the top and the sides without crossing a line.
    """
    import cv2

    grey = cv2.resize(cv2.cvtColor(drawing, cv2.COLOR_RGB2GRAY), size, interpolation=cv2.INTER_AREA)
    lines = (grey < np.percentile(grey, 90) - LINE).astype(np.uint8)
    gap = 2 * round(GAP * size[0] / 2) + 1
    framed = cv2.copyMakeBorder(lines, gap, gap, gap, gap, cv2.BORDER_CONSTANT, value=0)
    framed[-gap:, gap:-gap] = lines[-1]  # lines that leave the paper below go on
    closed = cv2.morphologyEx(framed, cv2.MORPH_CLOSE, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (gap, gap)))
    flooded = closed.copy()
    cv2.floodFill(flooded, None, (0, 0), 2)
    return (flooded[gap:-gap, gap:-gap] != 2) | (lines > 0)


def is_framed(drawing: np.ndarray) -> bool:
    """Whether lines go around a drawing, uint8 (P, P, 3), as a frame does: then a wall cannot be told from a person."""
    inside = enclosed(drawing, (LOOK_PX, LOOK_PX))
    rows, columns = np.flatnonzero(inside.any(axis=1)), np.flatnonzero(inside.any(axis=0))
    if not len(rows):
        return False
    box = inside[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    return bool(box.mean() > FRAME_FILLED and box.size > FRAME_LEAST * inside.size)


def _distance(lab: np.ndarray, to: np.ndarray, lightness: float) -> np.ndarray:
    """Colour difference, float (H, W), in which lightness counts less, so that shading does."""
    return np.sqrt((((lab - to) / np.array([lightness, 1.0, 1.0])) ** 2).sum(axis=-1))


def _of_one_piece(inside: np.ndarray, seeds: np.ndarray) -> np.ndarray:
    """What hangs together with the seeds, uint8 (H, W): islands elsewhere are brows, clothes and shadows."""
    import cv2

    opened = cv2.morphologyEx(inside.astype(np.uint8), cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    count, pieces, boxes, _ = cv2.connectedComponentsWithStats(opened, connectivity=8)
    least = LEAST_SHARE * inside.size
    kept = [n for n in range(1, count) if boxes[n, cv2.CC_STAT_AREA] > least and seeds[pieces == n].any()]
    return np.isin(pieces, kept).astype(np.uint8)


def _softened(inside: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """A part with a soft rim at another size; exactly 0 away from it."""
    import cv2

    soft = cv2.resize(inside.astype(np.float32), shape[::-1], interpolation=cv2.INTER_LINEAR)
    reach = 2 * max(1, round(2 * SOFT * shape[1])) + 1
    return cv2.GaussianBlur(soft, (reach, reach), SOFT * shape[1])


def is_there(part: np.ndarray) -> bool:
    """Whether a part is large enough to have a tone."""
    return float(np.mean(part > 0.5)) >= LEAST_SHARE


def tone_of(picture: np.ndarray, part: np.ndarray) -> Tone | None:
    """The tone of a part of a picture, uint8 (H, W, 3); None where there is next to nothing of it."""
    import cv2

    if not is_there(part):
        return None
    lab = images.lab(picture)[part > 0.5]
    middle = lab.mean(axis=0, keepdims=True)[None].astype(np.float32)
    rgb = images.rounded(255 * cv2.cvtColor(middle, cv2.COLOR_LAB2RGB)[0, 0])
    return Tone(tuple(int(v) for v in rgb), float(lab[:, 0].std()))


def difference(one: Tone, other: Tone) -> float:
    """How different two tones look: the distance of their colours in CIELAB (about 2 can just be seen)."""
    pair = np.array([[one.colour, other.colour]], np.uint8)
    lab = images.lab(pair)[0]
    return float(np.linalg.norm(lab[0] - lab[1]))


def transfer(picture: np.ndarray, part: np.ndarray, tone: Tone) -> np.ndarray:
    """The picture, uint8 (H, W, 3), with a part of it in another tone: means in CIELAB (Reinhard et al. 2001).

    Strands and shading stay; where the part is 0, every byte stays. tone.spread: where known, the lightness varies as
    much as it does there, at most twice or half as much as before. A part that is not there is left.
    """
    import cv2

    if not is_there(part):
        return picture.copy()
    inside, lab = part > 0.5, images.lab(picture)
    middle, spread = lab[inside].mean(axis=0), float(lab[inside][:, 0].std())
    wanted = images.lab(np.array([[tone.colour]], np.uint8))[0, 0]
    scale = 1.0 if tone.spread is None else float(np.clip(tone.spread / max(spread, 1.0), 0.5, 2.0))
    moved = (lab - middle) * np.array([scale, 1.0, 1.0], np.float32) + wanted
    moved[..., 0] = np.clip(moved[..., 0], 0, 100)
    rgb = 255 * np.clip(cv2.cvtColor(moved.astype(np.float32), cv2.COLOR_LAB2RGB), 0, 1)
    mixed = picture + part[..., None] * (rgb - picture)
    return np.where(part[..., None] > 0, images.rounded(mixed), picture)


def parts_of(model: Model, given: np.ndarray, face: np.ndarray) -> dict[str, np.ndarray]:
    """Hair and skin of a model's answer, by the map that was given, or by its looks: {part: float32 (S, S)}."""
    if model.facts.reads == "map":
        return parts_of_map(given, len(face))
    return find_parts(face, model.facts.landmarks, given)


def with_hints(
    model: Model, given: np.ndarray, face: np.ndarray, tones: Mapping[str, Tone], memory: MutableMapping | None = None
) -> np.ndarray:
    """A model's answer, uint8 (S, S, 3), with its hair or skin in the tones that were asked for.

    A generator with styles mixes others in that have the tone; another model's colours are transferred. memory: the
    shares of styles that were found for a tone, kept by whoever asks, so that the next face gets the same.
    """
    parts = parts_of(model, given, face)
    tones = {part: tone for part, tone in tones.items() if is_there(parts[part])}
    if model.facts.hint_method == MIXED:
        from s2f_studio.faces.fitting import in_tones  # PyTorch, which this file can do without

        return in_tones(model, given, face, parts, tones, {} if memory is None else memory)
    for part, tone in tones.items():
        face = transfer(face, parts[part], tone)
    return face
