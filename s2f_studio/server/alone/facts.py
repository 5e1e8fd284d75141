"""What the page's scripts know from Python: shapes, thresholds, words, and where everything begins;
nothing twice.
"""

from __future__ import annotations

import inspect
import json
from typing import Any

import numpy as np

from s2f_studio.drawings import bending, cleanup, likely, mesh, paper, understanding
from s2f_studio.drawings import prepare as drawings
from s2f_studio.faces import expecting, regions
from s2f_studio.page import drawing, page
from s2f_studio.page.answering import CHECK, HERE, IN_PAD, NO_FACE, UNSURE, VAGUE
from s2f_studio.page.catalogue import Catalogue
from s2f_studio.page.uploads import KEPT_PX, LEAST_SIDE_PX
from s2f_studio.remarks import WORDS
from s2f_utils import weights
from s2f_utils.pictures import attributes, images
from s2f_utils.pictures.attributes import COLOURED
from s2f_utils.pictures.faces import finding
from s2f_utils.pictures.faces import geometry as faces

MODELS = (weights.DEFAULT, "photo-to-sketch")


def facts_of_page(*, has_detector: bool) -> dict[str, Any]:
    """All of it, as JSON knows it. has_detector: whether the face detector comes along."""
    mean, components, spread = likely.shapes()
    listed = Catalogue(None, official=False).list()
    return {
        "about": page.about() | {"maps": []},
        "note_prefix": images.NOTE_PREFIX,
        "hair_at_rim": images.HAIR_AT_RIM,
        "has_detector": has_detector,
        "models": [listed[name].listed() for name in MODELS],
        "mesh": {
            "parts": {name: places.tolist() for name, places in mesh.PARTS.items()},
            "five": mesh.FIVE.tolist(),
            "mean": mesh.mean_shape(mesh.FACE_PX).astype(np.float64).tolist(),
        },
        "shapes": {
            "mean": mean.tolist(),
            "components": components.tolist(),
            "spread": spread.tolist(),
            "most": likely.MOST,
            "usual_off_px": likely.USUAL_OFF_PX,
            "parts": {name: list(parts) for name, parts in likely.PARTS.items()},
        },
        "bending": {
            "step_px": bending.STEP_PX,
            "size_px": mesh.FACE_PX,
            "ring": bending.ring(mesh.FACE_PX).tolist(),
            "smooth": inspect.signature(bending.coarse_field).parameters["smooth"].default,
        },
        "aligned": {"template": faces.TEMPLATE.tolist(), "weights": faces.FIT_WEIGHTS.tolist()},
        "looking": {
            "look_px": mesh.FACE_PX,
            "inked": understanding.INKED,
            "small": understanding.SMALL,
            "filled": understanding.FILLED,
            "by_hand": understanding.BY_HAND,
            "looks": understanding.LOOKS,
            "lines_below": drawings.LINES_BELOW,
        },
        "told": {
            "told": list(attributes.TOLD),
            "worn": list(attributes.WORN),
            "textured": list(attributes.TEXTURED),
            "flags": list(attributes.FOUND_FLAGS),
            "parts": list(attributes.FOUND_PARTS),
            "added": list(regions.ADDED),
            "coloured": list(COLOURED),
        },
        "meaning": _meaning(),
        "pad": {"drawing_px": drawing.DRAWING_PX, "words": WORDS | IN_PAD},
        "upload": {
            "most_px": KEPT_PX,
            "least_px": LEAST_SIDE_PX,
            "no_face": NO_FACE,
            "check": CHECK,
            "unsure": UNSURE,
            "words": WORDS | HERE,
        },
        "cleaning": _cleaning(),
        "yunet": {
            "photo_score": finding.PHOTO_SCORE,
            "drawing_score": finding.DRAWING_SCORE,
            "lowest_score": finding.LOWEST_SCORE,
            "trusted": finding.TRUSTED_IN_DRAWINGS,
            "blurs": list(finding.DRAWING_BLURS),
            "refine_px": finding.REFINE_PX,
            "least_share": finding.MIN_FACE_SHARE,
            "side_px": finding.SIDE_PX,
            "overlap": finding.OVERLAP,
            "most": finding.MOST,
            "enough": drawings.ENOUGH,
            "large_enough": drawings.LARGE_ENOUGH,
            "as_large": drawings.AS_LARGE,
        },
    }


def _meaning() -> dict[str, Any]:
    """What is decided between the graphs of what is meant."""
    names = (
        "NOT_DRAWN",
        "HAT_IN_DOUBT",
        "HAT_FROM",
        "MOST_HAIR",
        "SURELY",
        "HAT_SURE",
        "SCRAWLED_FROM",
        "BEARD_FROM",
    )
    meaning = {name.lower(): getattr(expecting, name) for name in names}
    meaning |= {
        "guidance": regions.GUIDANCE,
        "added_guidance": regions.ADDED_GUIDANCE,
        "vague": VAGUE,
    }
    return meaning | {"crude_from": expecting.VAGUE_FROM}


def _cleaning() -> dict[str, Any]:
    """Of paper: when it is cleaned, and how."""
    return {
        "even_paper": paper.EVEN_PAPER,
        "white_paper": paper.WHITE_PAPER,
        "grid": cleanup.GRID,
        "faint_below": paper.FAINT_BELOW,
        "lines_share": paper.LINES_SHARE,
    }


def script_of(facts: dict[str, Any]) -> str:
    """The facts as a script that the others import."""
    text = json.dumps(facts, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return f"// What the scripts know from Python; written by `s2f export page`.\n\nexport const FACTS = {text};\n"
