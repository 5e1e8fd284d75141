"""Maps of real faces in CelebAMask-HQ's classes, from what is known of the open portraits:
points, person, hair.

Ears, neck and clothes are told apart by place and colour, and err; a hat is marked where the
portrait's label says that there is one, glasses are not. Where real maps are at hand, those are
better.
"""

from __future__ import annotations

import numpy as np

from data_prep.portrait import Portrait
from s2f_utils.pictures import masks
from s2f_utils.pictures.mesh import PARTS

SAME_SKIN = 22.0  # distance of a and b in CIELAB from the face's own
EAR_REACH = 0.16  # beside the face, in its widths
# class → part of the mesh; a nose's points are no ring, but its outline goes around them
OF_MESH = {
    "l_eye": "left_eye",
    "r_eye": "right_eye",
    "l_brow": "left_brow",
    "r_brow": "right_brow",
    "mouth": "mouth",
}


def map_of(portrait: Portrait) -> np.ndarray:
    """A portrait's map, uint8 (256, 256), numbers of `masks.CLASSES`."""
    import cv2

    points = {name: portrait.points[places].astype(np.float32) for name, places in PARTS.items()}

    def filled(ring: np.ndarray) -> np.ndarray:
        out = np.zeros(portrait.photo.shape[:2], np.uint8)
        cv2.fillPoly(out, [np.rint(ring).astype(np.int32)], 1)
        return out.astype(bool)

    oval = points["oval"]
    face, lips, inner = filled(oval), filled(points["lips"]), filled(points["mouth"])
    person, hair = portrait.person > 0.5, portrait.hair > 0.5
    left, right = oval[:, 0].min(), oval[:, 0].max()
    rows, columns = np.indices(face.shape)
    middle = points["mouth"][:, 1].mean()

    # What of the rest is as the face's skin: ears beside it, the neck below.
    colours = cv2.cvtColor(portrait.photo, cv2.COLOR_RGB2LAB).astype(np.float32)
    own = np.median(colours[face & ~hair], axis=0)
    bare = np.linalg.norm((colours - own)[..., 1:], axis=2) < SAME_SKIN
    bare &= colours[..., 0] > 0.4 * own[0]
    bare = cv2.morphologyEx(
        bare.astype(np.uint8), cv2.MORPH_OPEN, np.ones((3, 3), np.uint8)
    ).astype(bool)
    rest = person & ~face & ~hair
    reach = EAR_REACH * (right - left)
    high = (rows > oval[:, 1].min() + 0.25 * np.ptp(oval[:, 1])) & (
        rows < middle + 0.1 * np.ptp(oval[:, 1])
    )
    beside = rest & bare & high & (columns > left - reach) & (columns < right + reach)
    below = rest & (rows > middle) & ~beside
    neck = below & bare & (columns > left) & (columns < right)

    parts = {name: filled(points[part]) & face for name, part in OF_MESH.items()}
    above = rest & ~below & (rows < points["mouth"][:, 1].min())
    hat = np.zeros_like(face)
    if portrait.labels.get("hat", "none") not in ("none", ""):
        hat = above & ~bare & ~beside
    parts |= {
        "skin": face | (rest & ~below),
        "nose": filled(cv2.convexHull(points["nose"])[:, 0]) & face,
        "hair": hair,
        "hat": hat,
    }
    parts |= {
        "l_ear": beside & (columns < oval[:, 0].mean()),
        "r_ear": beside & (columns >= oval[:, 0].mean()),
    }
    upper = rows < np.interp(columns, *points["mouth"][np.argsort(points["mouth"][:, 0])].T)
    parts |= {
        "u_lip": lips & ~inner & upper,
        "l_lip": lips & ~inner & ~upper,
        "neck": neck,
        "cloth": below & ~neck,
    }
    return masks.join_parts({name: (255 * part).astype(np.uint8) for name, part in parts.items()})
