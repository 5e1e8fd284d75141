"""From a picture and a request to answers, without any state between requests.

The steps are `prepare`, `answers`, `restored` and `finish`. The server (`server.engine`) schedules
each of them; only the notebook's widget calls `answer`, which runs them all.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from PIL import Image

from s2f_studio.attributes import COLOURED, as_tone
from s2f_studio.drawings import mesh
from s2f_studio.drawings.prepare import Drawing, advice, prepare_for
from s2f_studio.page.uploads import Refusal
from s2f_studio.query import Query
from s2f_studio.remarks import WORDS, Remark
from s2f_studio.request import LIKELY, DrawingRequest
from s2f_utils import weights
from s2f_utils.infer import Model, Request
from s2f_utils.networks.info import ModelInfo
from s2f_utils.pictures import faces, images, masks

LEAST_SKIN = 0.01  # of a label map
LEAST_HANDED_PX = 256  # side of saved pictures
HERE = {  # words that differ from the command line's
    "photo": "this looks like a photo, not like a drawing: choose photo → sketch",
    "not-a-photo": "this looks like a drawing, not like a photo: choose sketch → photo",
    "crude": "the drawing leaves much open: this is one of many faces that fit it",
    "faces": WORDS["faces"].replace("another one", "another one under Crop"),
    "cut": WORDS["cut"].replace(
        "have it cleaned whole", "choose 'clean up, cut nothing out' under Crop"
    ),
}
CHECK = "check where the eyes and the mouth are: "
UNSURE, NO_DETECTOR = "no face was found for sure", "the face detector is not on this machine"
NO_FACE = "no face was found in this picture: place the eyes and the mouth on it, or have a face made anyway"
VAGUE = 0.235  # mean expected error of landmarks, in eye distances: .22 at most in drawn faces, more in scrawls
FOLDERS = re.compile(
    r"(?<![\w.])(?:[A-Za-z]:)?[/\\][^\n:]*[/\\]"
)  # paths of this machine are private


@dataclass(frozen=True)
class Ready:
    """A picture prepared for a model, and what was found in it.

    given: uint8 (H, W, 3), or class numbers (H, W). remarks: for the user. found: whether a face
    was found. points: its eyes and the centre of its mouth in the upload, shares of the sides; None
    if unknown.
    """

    given: np.ndarray
    remarks: tuple[Remark, ...] = ()
    found: bool = True
    points: tuple[tuple[float, float], ...] | None = None


@dataclass(frozen=True)
class Made:
    """One answer: its name, the picture, uint8 (H, W, 3), the PNG, and notes on its making, also in
    the PNG.
    """

    name: str
    picture: np.ndarray
    png: bytes
    notes: dict[str, str]


@dataclass(frozen=True)
class Answer:
    """All answers to a request."""

    ready: Ready
    made: tuple[Made, ...]
    remarks: tuple[Remark, ...]  # of the picture and of the answers


def answer(
    picture: np.ndarray, query: Query, model: Model, restorer: Model | None = None
) -> Answer:
    """Answers to a picture, uint8 (H, W, 3), or label map, uint8 (H, W). Raises Refusal, and what
    the models raise.
    """
    ready = prepare(picture, query, model.info)
    made, remarks = answers(model, ready.given, query)
    if query.enhance and restorer is not None:
        made = [(name, ask, restored(restorer, one, query)) for name, ask, one in made]
    name = None if restorer is None else restorer.info.name
    return finish(ready, made, remarks, query, model.info, name)


# Before the model


def prepare(
    picture: np.ndarray, query: Query, facts: ModelInfo, *, size_px: int | None = None
) -> Ready:
    """Prepare the picture for the model: clean it and align its face. Raises Refusal if there is no
    face.

    size_px: of the aligned picture; None: what the model reads.
    """
    facts = facts if size_px is None else replace(facts, size_px=size_px)
    if facts.reads == "map":
        if np.mean(picture == masks.CLASSES.index("skin")) < LEAST_SKIN:
            raise Refusal(
                422, "this map has no face: less than 1 % of it is skin (class 1); is it a drawing?"
            )
        return Ready(picture)
    points = None
    if query.points is not None:
        points = np.asarray(query.points, dtype=np.float64) * picture.shape[1::-1] - 0.5
    try:
        if query.align == "never" or (
            query.align == "auto" and not facts.layout and points is None
        ):
            return Ready(picture, _advice(picture, query, facts))
        return _aligned(picture, query, facts, points)
    except (faces.FaceError, ValueError) as error:
        if isinstance(error, Refusal):
            raise
        # without hints on the command line, whose points are pixels
        raise Refusal(422, re.sub(r"\s*\((--|x, y in pixels)[^)]*\)", "", str(error))) from None


def _advice(picture: np.ndarray, query: Query, facts: ModelInfo) -> tuple[Remark, ...]:
    """Remarks on a picture that is taken as it is; none for clean "never" or other models than
    ours.
    """
    if query.clean == "never" or facts.name not in (*weights.SHIPPED, weights.DEFAULT):
        return ()
    remark = advice(picture, facts.reads)
    return (remark,) if remark else ()


def _aligned(
    picture: np.ndarray, query: Query, facts: ModelInfo, points: np.ndarray | None
) -> Ready:
    ready = prepare_for(
        picture, facts, points=points, clean=query.clean, align=True, face=query.face
    )
    if Remark("no-lines") in ready.warnings:
        raise Refusal(422, f"{Remark('no-lines')}: draw a face first")
    codes = {remark.code for remark in ready.warnings}
    if points is None and not query.insist:
        _check_face(ready, codes, facts)
    as_given = not {"turned", "cut"} & codes
    where = (
        _shares(ready.face.landmarks, picture.shape) if as_given or facts.reads == "photo" else None
    )
    return Ready(ready.image, ready.warnings, ready.face.method not in ("centre", "cascade"), where)


def _check_face(drawing: Drawing, codes: set[str], facts: ModelInfo) -> None:
    """Raise Refusal for a picture that seems to have no face: a house, a wall, a scrawl."""
    if "no-face" in codes and "no-detector" not in codes:
        raise Refusal(422, NO_FACE, "no-face")
    is_unsure = (
        facts.reads == "sketch"
        and facts.layout == "aligned"
        and bool(codes & {"no-face", "rough-face"})
    )
    if is_unsure and drawing.shows.off.mean() > VAGUE * mesh.eye_distance(drawing.shows.points):
        raise Refusal(422, NO_FACE, "no-face")


def _shares(landmarks: np.ndarray, shape: tuple[int, ...]) -> tuple[tuple[float, float], ...]:
    """Both eyes and the centre of the mouth as shares of the picture's width and height."""
    points = np.stack([landmarks[0], landmarks[1], landmarks[3:5].mean(axis=0)])
    shares = np.clip((points + 0.5) / shape[1::-1], 0, 1)
    return tuple((round(float(x), 4), round(float(y), 4)) for x, y in shares)


# The models


def answers(
    model: Model, given: np.ndarray, query: Query
) -> tuple[list[tuple[str, DrawingRequest, np.ndarray]], tuple[Remark, ...]]:
    """A model's answers to a prepared picture, [(name, request, uint8 (H, W, 3))], and remarks."""
    asks = query.asks(model.info)
    made = [(name, ask, model.answer([given], [ask])[0]) for name, ask in asks]
    remark = (
        model.advice(given, DrawingRequest(answer=query.answer))
        if "answer" in model.info.supports
        else None
    )
    return made, (remark,) if remark else ()


def restored(restorer: Model, picture: np.ndarray, query: Query) -> np.ndarray:
    """A translated face with added detail, uint8 (H, W, 3). Raises Refusal if there is no face, or
    no restorer.
    """
    from s2f_utils.infer.restorers import RestoreError

    if query.strength == 0:
        return picture
    try:
        return restorer.answer([picture], [Request(seed=query.seed, strength=query.strength)])[0]
    except faces.FaceError:
        raise Refusal(422, "no face was found to enhance: leave enhance out") from None
    except weights.WeightsError:
        raise Refusal(
            422,
            "to enhance a picture that is not square takes the face detector, which is not on this machine",
        ) from None
    except (RestoreError, ValueError) as error:
        raise Refusal(422, FOLDERS.sub("", str(error))) from None


# After the models


def finish(
    ready: Ready,
    made: Sequence[tuple[str, DrawingRequest, np.ndarray]],
    remarks: tuple[Remark, ...],
    query: Query,
    facts: ModelInfo,
    restorer: str | None,
) -> Answer:
    """The answers as PNGs, with notes on their making. restorer: its name."""
    found = []
    for name, ask, picture in made:
        notes = _notes(ask, facts)
        if query.enhance and restorer is not None:
            notes["restorer"] = f"{restorer}, strength {query.strength:g}"
        found.append(
            Made(name, picture, images.png_of(picture, generated=True, notes=notes), notes)
        )
    if query.candidates > 1 and len(found) == 1:
        remarks = (*remarks, Remark("one-answer", {"model": facts.name}))
    return Answer(ready, tuple(found), (*ready.remarks, *remarks))


def _notes(ask: DrawingRequest, facts: ModelInfo) -> dict[str, str]:
    notes = {"model": facts.name, "seed": str(ask.seed)}
    if "answer" in facts.supports:
        notes["answer"] = ask.answer
    if "likely" in facts.supports:
        amounts = ask.likely if isinstance(ask.likely, Mapping) else {"": ask.likely}
        notes |= {
            f"likely {part}".strip(): f"{own:g}" for part, own in amounts.items() if own != LIKELY
        }
    if "person" in facts.supports:
        tones = {part: as_tone(ask.person[part]).colour for part in COLOURED if part in ask.person}
        notes |= {name: f"{value:g}" for name, value in ask.person.items() if name not in COLOURED}
        notes |= {part: "#{:02x}{:02x}{:02x}".format(*tone) for part, tone in tones.items()}
    return notes


def as_json(
    given: Answer, facts: ModelInfo, seconds: Mapping[str, float] | None = None
) -> dict[str, Any]:
    """An answer for JSON, with its pictures as data URIs."""
    ready = replace(given.ready, remarks=given.remarks)
    shown = masks.colour(ready.given) if ready.given.ndim == 2 else ready.given
    return {
        "model": facts.name,
        "direction": facts.direction,
        "note": images.GENERATED_NOTE,
        **crop_facts(ready),
        "given": images.data_uri(images.png_of(shown)),
        "pictures": [_handed_out(one) for one in given.made],
        "seconds": dict(seconds or {}),
    }


def crop_facts(ready: Ready) -> dict[str, Any]:
    """What was found in a picture, for JSON.

    warnings: sentences. codes: theirs. face_found: for sure. points: eyes and mouth in the upload,
    shares of its sides, or None. faces: boxes of several, [left, top, width, height]. taken: the
    number of the one that was taken, from the left.
    """
    by_code = {remark.code: remark.data for remark in ready.remarks}
    several = by_code.get("faces", {})
    is_as_uploaded = not {"turned", "cut"} & set(by_code)
    return {
        "warnings": worded(ready.remarks, ready.found),
        "codes": list(by_code),
        "face_found": ready.found,
        "points": None if ready.points is None else [list(point) for point in ready.points],
        "num_faces": several.get("num", 1),
        "faces": list(several.get("boxes", ())) if is_as_uploaded else [],
        "taken": several.get("taken", 1),
    }


def handed_out(picture: np.ndarray) -> tuple[np.ndarray, dict[str, str]]:
    """An answer for saving, uint8 (H, W, 3), of at least 256 pixels a side; and a note if it was
    enlarged.
    """
    if (least := min(picture.shape[:2])) >= LEAST_HANDED_PX:
        return picture, {}
    height, width = (round(side * LEAST_HANDED_PX / least) for side in picture.shape[:2])
    larger = Image.fromarray(picture).resize((width, height), Image.Resampling.BICUBIC)
    return np.asarray(larger), {"enlarged": f"from {picture.shape[1]} x {picture.shape[0]} pixels"}


def _handed_out(made: Made) -> dict[str, Any]:
    picture, enlarged = handed_out(made.picture)
    notes = made.notes | enlarged
    png = images.png_of(picture, generated=True, notes=notes) if enlarged else made.png
    height, width = picture.shape[:2]
    return {
        "name": made.name,
        "notes": notes,
        "width": width,
        "height": height,
        "png": images.data_uri(png),
    }


def worded(
    remarks: Sequence[Remark], found: bool = True, words: Mapping[str, str] = HERE
) -> list[str]:
    """The remarks in a page's words; those on the face become one sentence if none was found for
    sure.
    """
    about_face = ("rough-face", "no-face", "no-detector")
    sentences = [
        remark.worded(words) for remark in remarks if found or remark.code not in about_face
    ]
    if not found:
        is_missing = any(remark.code == "no-detector" for remark in remarks)
        sentences.append(CHECK + (NO_DETECTOR if is_missing else UNSURE))
    return list(dict.fromkeys(one for one in sentences if one))
