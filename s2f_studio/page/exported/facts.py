"""What the exported page's scripts read from Python: shapes, thresholds, words; nothing twice."""

from __future__ import annotations

import inspect
import json
from typing import Any

import numpy as np

from s2f_studio import attributes, shipped
from s2f_studio.answers import COMPOSED, OPEN_FROM, RENDERED, RENDERED_FROM_LINES, SPARSE_FROM
from s2f_studio.drawings import landmarks, mesh, shape_prior, warping
from s2f_studio.drawings import prepare as drawings
from s2f_studio.faces import average_face, bank, choosing, model, regions
from s2f_studio.faces.looks import NUM_VALUES
from s2f_studio.page import page
from s2f_studio.page.catalogue import Catalogue
from s2f_studio.page.reply import HERE
from s2f_studio.remarks import WORDS
from s2f_studio.request import PER_ROUND
from s2f_utils.pictures import images
from s2f_utils.pictures.faces import geometry as faces

MODEL = shipped.MODEL
PICTURES = "people"  # the folder of the bank's pictures


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
        "mesh": {
            "parts": {name: places.tolist() for name, places in mesh.PARTS.items()},
            "five": mesh.FIVE.tolist(),
            "mean": mesh.mean_shape(mesh.FACE_PX).astype(np.float64).tolist(),
        },
        "shapes": {
            "mean": mean.tolist(),
            "components": components.tolist(),
            "spread": deviations.tolist(),
            "most": shape_prior.MOST,
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
        "bank": _facts_of_bank(),
        "attributes": {
            "inputs": list(attributes.ATTRIBUTES),
            "worn": list(attributes.WORN),
            "flags": list(attributes.FINDER_OUTPUTS),
            "parts": list(attributes.FOUND_PARTS),
            "added": list(regions.ADDED),
        },
        "meaning": {
            "hat_in_doubt": average_face.HAT_IN_DOUBT,
            "hat_from": average_face.HAT_FROM,
            "most_hair": average_face.MOST_HAIR,
            "surely": average_face.SURELY,
            "careful": model.CAREFUL_BELOW,
            "composed": COMPOSED,
            "rendered": RENDERED,
            "rendered_from_lines": RENDERED_FROM_LINES,
            "scrawled_from": average_face.CRUDE_HATS_FROM,
            "beard_from": average_face.BEARD_FROM,
            "guidance": regions.GUIDANCE,
        },
    }


def _facts_of_bank() -> dict[str, Any]:
    """What the scripts choose people by."""
    shipped = bank.shipped()
    least, most = choosing.usual_temperature(0.0), choosing.usual_temperature(1.0)
    return {
        "numbers": shipped.numbers.tolist(),
        "pictures": [f"{PICTURES}/{name}" for name in shipped.files],
        "num_values": NUM_VALUES,
        "eight": PER_ROUND,
        "temperature": [least, most - least],
        "stream": choosing.STREAM,
        "noise": choosing.NOISE,
        "eighth": choosing.EIGHTH,
        "outside": choosing.OUTSIDE,
        "alike": choosing.ALIKE,
        "seen": choosing.SEEN,
        "narrower": choosing.NARROWER,
        "own_shape": model.OWN_SHAPE,
        "entry_code_share": model.ENTRY_CODE_SHARE,
        "hair_under_hat": model.HAIR_UNDER_HAT,
    }


def script_of(facts: dict[str, Any]) -> str:
    """The facts as a script that the others import."""
    text = json.dumps(facts, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return (
        "// What the scripts read from Python; written by `s2f export page`.\n\n"
        f"export const FACTS = {text};\n"
    )
