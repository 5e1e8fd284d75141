"""An answer as a page receives it: JSON with pictures as data URIs, and remarks in its words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from PIL import Image

from s2f_studio.answers import Answer, Face
from s2f_studio.drawings.prepare import Drawing
from s2f_studio.remarks import WORDS, Remark
from s2f_studio.request import AVERAGE
from s2f_utils.networks.info import ModelInfo
from s2f_utils.pictures import images

LEAST_SAVED_PX = 256  # side of saved pictures
HERE = {  # words that differ from the command line's
    "photo": "this looks like a photo, not like a drawing: choose photo → sketch",
    "not-a-photo": "this looks like a drawing, not like a photo: choose sketch → photo",
    "crude": "this is one of many people who fit the drawing",
    "not-shown": "not as you drew or asked: {names}; show eight faces: one may have it",
    "average-stands-in": "no person can be painted here, so this is the average of all who fit:"
    " whoever runs the page gets the generator by 's2f weights mobile-stylegan'",
    "average-presents": "man or woman has no effect on the average, only on people",
    "faces": WORDS["faces"].replace("another one", "another one under Crop"),
    "cut": WORDS["cut"].replace(
        "have it cleaned whole", "choose 'clean up, cut nothing out' under Crop"
    ),
}
CHECK = "check where the eyes and the mouth are: no face was found for sure"
ABOUT_FACE = ("rough-face", "no-face")


def as_json(
    answer: Answer, info: ModelInfo, seconds: Mapping[str, float] | None = None
) -> dict[str, Any]:
    """An answer for JSON. seconds: how long its parts took."""
    return {
        "model": info.name,
        "direction": info.direction,
        "note": images.GENERATED_NOTE,
        **crop_facts(answer.drawing, answer.remarks, info),
        "pictures": [_picture(face) | _remarks_on(face, answer) for face in answer.faces],
        "seconds": dict(seconds or {}),
    }


def crop_facts(drawing: Drawing, remarks: Sequence[Remark], info: ModelInfo) -> dict[str, Any]:
    """What was found in a picture, for JSON.

    warnings: sentences. codes: theirs. points: eyes and mouth in the upload, shares of its sides,
    or None. faces: boxes of several, [left, top, width, height]. taken: the number of the one that
    was taken, from the left.
    """
    by_code = {remark.code: remark.data for remark in remarks}
    several = by_code.get("faces", {})
    is_as_uploaded = not {"turned", "cut"} & set(by_code)
    return {
        "warnings": worded(remarks, face_found(drawing)),
        "codes": list(by_code),
        "points": points_of(drawing) if is_as_uploaded or info.reads == "photo" else None,
        "faces": list(several.get("boxes", ())) if is_as_uploaded else [],
        "taken": several.get("taken", 1),
    }


def face_found(drawing: Drawing) -> bool:
    """Whether the face was found for sure, or nobody looked for one."""
    return drawing.face is None or drawing.face.method != "centre"


def points_of(drawing: Drawing) -> list[list[float]] | None:
    """Both eyes and the centre of the mouth as shares of the paper's width and height; None where
    nobody looked for a face.
    """
    if drawing.face is None:
        return None
    landmarks = drawing.face.landmarks
    points = np.stack([landmarks[0], landmarks[1], landmarks[3:5].mean(axis=0)])
    shares = np.clip((points + 0.5) / drawing.paper.shape[1::-1], 0, 1)
    return [[round(float(x), 4), round(float(y), 4)] for x, y in shares]


def png_of(face: Face) -> bytes:
    """An answer's PNG, with the notes on its making."""
    return images.png_of(face.picture, generated=True, notes=face.notes)


def for_saving(picture: np.ndarray) -> tuple[np.ndarray, dict[str, str]]:
    """An answer for saving, uint8 (H, W, 3), of at least 256 pixels a side; and a note if it was
    enlarged.
    """
    shorter = min(picture.shape[:2])
    if shorter >= LEAST_SAVED_PX:
        return picture, {}
    height, width = (round(side * LEAST_SAVED_PX / shorter) for side in picture.shape[:2])
    larger = Image.fromarray(picture).resize((width, height), Image.Resampling.BICUBIC)
    return np.asarray(larger), {"enlarged": f"from {picture.shape[1]} x {picture.shape[0]} pixels"}


def _remarks_on(face: Face, answer: Answer) -> dict[str, list[str]]:
    """The remarks without those on the other faces."""
    own = [remark for remark in answer.remarks if _is_on(remark, face)]
    return {"warnings": worded(own, face_found(answer.drawing))}


def _is_on(remark: Remark, face: Face) -> bool:
    if remark.code == "average-presents":
        return face.name == AVERAGE
    return remark.data.get("answer", face.name) == face.name


def _picture(face: Face) -> dict[str, Any]:
    picture, enlarged = for_saving(face.picture)
    notes = face.notes | enlarged
    height, width = picture.shape[:2]
    return {
        "name": face.name,
        "person": face.person,
        "notes": notes,
        "width": width,
        "height": height,
        "png": images.data_uri(images.png_of(picture, generated=True, notes=notes)),
    }


def worded(
    remarks: Sequence[Remark], is_found: bool = True, words: Mapping[str, str] = HERE
) -> list[str]:
    """The remarks in a page's words; those on the face become one sentence if none was found for
    sure.
    """
    sentences = []
    for remark in remarks:
        if is_found or remark.code not in ABOUT_FACE:
            sentences.append(remark.worded(words))
    if not is_found:
        sentences.append(CHECK)
    return list(dict.fromkeys(sentence for sentence in sentences if sentence))
