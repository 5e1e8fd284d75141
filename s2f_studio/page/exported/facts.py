"""What the exported page's scripts read from Python: shapes, thresholds, words; nothing twice."""

from __future__ import annotations

import inspect
import json
from typing import Any

import numpy as np

from s2f_studio import attributes, codes, shipped
from s2f_studio.answers import OPEN_FROM, PAINTED, RENDERED, SPARSE_FROM
from s2f_studio.drawings import prepare as drawings
from s2f_studio.faces import asked, average_face, model
from s2f_studio.faces.looks import SPANS, TRAITS
from s2f_studio.page import page
from s2f_studio.page.catalogue import Catalogue
from s2f_studio.page.reply import HERE
from s2f_studio.remarks import WORDS
from s2f_studio.request import LIKELY
from s2f_utils.infer import landmarks
from s2f_utils.pictures import images, mesh, shape_prior, warping
from s2f_utils.pictures.attributes import FINDER_OUTPUTS, FOUND_PARTS, WORN
from s2f_utils.pictures.faces import geometry as faces

MODEL = shipped.MODEL


def facts_of_page() -> dict[str, Any]:
    """All of it, as JSON has it."""
    mean, components, deviations = shape_prior.shapes()
    listed = Catalogue(None, official=False).list()
    return {
        "about": page.about() | {"person": []},
        "models": [listed[MODEL].listed()],
        "note_prefix": images.NOTE_PREFIX,
        "hair_at_rim": images.HAIR_AT_RIM,
        "crude": {"from": OPEN_FROM, "words": HERE["crude"]},
        "sparse": {"from": SPARSE_FROM, "words": WORDS["sparse"]},
        "not_shown": _facts_of_what_is_worn(),
        "mesh": {
            "parts": {name: places.tolist() for name, places in mesh.PARTS.items()},
            "five": mesh.FIVE.tolist(),
            "mean": mesh.mean_shape(mesh.FACE_PX).astype(np.float64).tolist(),
        },
        "shapes": {
            "mean": mean.tolist(),
            "components": components.tolist(),
            "spread": deviations.tolist(),
            "most": shape_prior.MAX_STD,
            "usual_off_px": shape_prior.USUAL_OFF_PX,
        },
        "bending": {
            "step_px": warping.STEP_PX,
            "size_px": mesh.FACE_PX,
            "ring": warping.ring(mesh.FACE_PX).tolist(),
            "smooth": inspect.signature(warping.coarse_field).parameters["smooth"].default,
        },
        "aligned": {"template": faces.TEMPLATE.tolist(), "weights": faces.FIT_WEIGHTS.tolist()},
        "looking": {
            "look_px": mesh.FACE_PX,
            "inked": landmarks.INKED,
            "small": landmarks.SMALL,
            "filled": landmarks.FILLED,
            "by_hand": landmarks.BY_HAND,
            "looks": landmarks.LOOKS,
            "lines_below": drawings.LINES_BELOW,
        },
        "people": _facts_of_people(),
        "attributes": {
            "inputs": list(attributes.ATTRIBUTES),
            "worn": list(WORN),
            "flags": list(FINDER_OUTPUTS),
            "parts": list(FOUND_PARTS),
            "added": list(average_face.ADDED),
        },
        "meaning": {
            "hat_in_doubt": landmarks.HAT_IN_DOUBT,
            "hat_from": landmarks.HAT_FROM,
            "most_hair": landmarks.MOST_HAIR,
            "surely": landmarks.CLEAR_HAT,
            "painted": PAINTED,
            "rendered": RENDERED,
            "scrawled_from": landmarks.CRUDE_HATS_FROM,
            "beard_from": average_face.BEARD_FROM,
            "guidance": average_face.GUIDANCE,
        },
    }


def _facts_of_what_is_worn() -> dict[str, Any]:
    """By what it is seen that glasses, a beard or a hat are drawn, and that a person shows none.

    bare: where among the looks the chance is that nothing is worn. traits: where a person's are.
    """
    return {
        "words": HERE["not-shown"],
        "names": [attributes.CALLED.get(name, name) for name in WORN],
        "bare": [SPANS[name].start for name in WORN],
        "surely": model.SURELY,
        "traits": [TRAITS.index(name) for name in WORN],
        "wanted": asked.WORN_VALUES[2],
        "near": asked.NEAR_WORN,
    }


def _facts_of_people() -> dict[str, Any]:
    """What the scripts infer a person by, and write one down as."""
    least, most = codes.usual_temperature(0.0), codes.usual_temperature(1.0)
    shares = (0.0, LIKELY, 1.0)
    return {
        "num_directions": codes.NUM_DIRECTIONS,
        "steps": codes.STEPS,
        "version": codes.VERSION,
        "num_chars": codes.NUM_CHARS,
        "num_traits": len(TRAITS),
        "temperature": [least, most - least],
        "first": codes.FIRST,
        "narrower": codes.NARROWER,
        "push": codes.PUSH,
        "older": codes.OLDER,
        "hair_under_hat": landmarks.HAIR_UNDER_HAT,
        "firmness": {"at": shares, "values": [model.firmness(share) for share in shares]},
    }


def script_of(facts: dict[str, Any]) -> str:
    """The facts as a script that the others import."""
    text = json.dumps(facts, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return (
        "// What the scripts read from Python; written by `s2f export page`.\n\n"
        f"export const FACTS = {text};\n"
    )
