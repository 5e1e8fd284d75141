"""From a drawing to faces: `translate` is what every front end calls, and Python code as well.

The command (`cli.translate`), the app (`server.service`) and the notebook's pad (`page.widget`)
differ only in where the picture comes from and where the answers go: `write_answer` writes files,
`page.reply` JSON.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from s2f_studio import shipped
from s2f_studio.attributes import CALLED, COLOURED, PRESENTS, as_tone
from s2f_studio.drawings.paper import advice
from s2f_studio.drawings.prepare import Drawing, onto_paper, prepare_for
from s2f_studio.faces.asked import not_shown
from s2f_studio.faces.model import FaceModel, Person
from s2f_studio.loading import load
from s2f_studio.refusal import Refusal, refusal_of
from s2f_studio.remarks import Remark
from s2f_studio.request import AVERAGE, DIRECTIONS, LIKELY, PERSON, DrawingRequest, chosen_text
from s2f_studio.sheet import sheet
from s2f_utils import runtime, weights
from s2f_utils.infer import restorers
from s2f_utils.infer.enhance import Restorer
from s2f_utils.infer.enhance import enhance as enhance_photo
from s2f_utils.infer.translator import Model
from s2f_utils.networks.info import ModelInfo, made_by
from s2f_utils.pictures import faces, images, masks

if TYPE_CHECKING:
    from s2f_utils.infer.engine import Engine

LEAST_SKIN = 0.01  # of a label map
# Mean expected error of landmarks, in eye distances: .22 at most in drawn faces, more in scrawls.
VAGUE = 0.235
# The same, from which on too little is drawn to say who it is: faces with eyes, nose and mouth have
# .03 to .08, an outline with eyes .14, a line .35.
SPARSE_FROM = 0.12
# From this "crude" score on a drawing leaves much open: FS2K's two careful styles, and CUFS, have
# .15 to .27, the simple style and pen drawings .29 to .52.
OPEN_FROM = 0.28
NO_FACE = (
    "no face was found in this picture: place the eyes and the mouth on it, or have a face made"
    " anyway"
)
# How an answer came about, in its metadata.
PAINTED = "painted by a generator from this drawing; nobody's portrait"
RENDERED = "rendered by a network: the average of all faces that fit this drawing"
ALIGN = {"auto": None, "always": True, "never": False}
USUAL = DrawingRequest()


@dataclass(frozen=True)
class Face:
    """One answer to a picture.

    name: "person", "average" and "person 2", "person 3" and so on; of other models "answer" and
    "variation 1" and so on. picture: uint8 (H, W, 3). notes: how it was made, for a file's
    metadata. person: the person's code, as `codes` writes it, None for other answers. not_shown:
    the attributes that were asked for, or glasses, beard or hat that are drawn, which this person
    does not show.
    """

    name: str
    picture: np.ndarray
    notes: dict[str, str]
    person: str | None = None
    not_shown: tuple[str, ...] = ()


@dataclass(frozen=True)
class Answer:
    """All answers to one picture.

    drawing: the picture as it was prepared. faces: the answers, in the order in which they were
    asked for. remarks: for the user, most important first. kind: of the answers, "photo" or
    "sketch". is_on_paper: whether the faces are laid back onto the picture.
    """

    drawing: Drawing
    faces: tuple[Face, ...]
    remarks: tuple[Remark, ...]
    kind: str
    is_on_paper: bool = False


def translate(
    picture: str | Path | np.ndarray,
    request: DrawingRequest = USUAL,
    model: Model | str | Path = "",
    restorer: Restorer | None = None,
    check: Callable[[], None] = lambda: None,
) -> Answer:
    """Answer a picture: photos for a drawing or a label map, or a sketch for a photo.

    The usual request is for one answer, and a picture without a face is refused; the command asks
    for three answers to a drawing (`candidates=3`) and for a face in any case (`insist=True`).

    picture: a path, or uint8 (H, W, 3); of a label map a path, or class numbers, uint8 (H, W).
    request: what is asked for; its fields are those of `DrawingRequest`. model: a loaded one, or as
    `load` takes it; "": the one that the request names, else the shipped one of its direction.
    restorer: a loaded one for `request.enhance`; None: the shipped one. check: called before each
    network; what it raises ends work that nobody waits for any more.

    Raises Refusal, a ValueError, if there is no face or the picture cannot be used, and what `load`
    and the model raise.
    """
    model, restorer = loaded(model, restorer, request)
    picture = read_picture(picture, model.info)
    # drawings/prepare.py: the paper cleaned, the face found, upright, and cropped to 256 pixels.
    finder = model.finder if isinstance(model, FaceModel) else None
    drawing = prepare_or_refuse(picture, request, model.info, finder)
    is_on_paper = request.frame != "square"
    if is_on_paper and drawing.matrix is None:
        raise Refusal(422, f"frame {request.frame} needs a picture that is aligned: give align")
    # What is asked of the model, by the answers' names: people of several seeds, their average.
    stands_in = isinstance(model, FaceModel) and average_stands_in(request)
    average = request.model_copy(update={"answer": AVERAGE, "candidates": 1})
    asked = average if stands_in else request
    names, requests = zip(*asked.candidates_for(model.info), strict=True)
    check()
    # The shipped model's `FaceModel.answer_people`: who could be meant, painted; their average.
    pictures, people = _answers(model, drawing, list(requests))
    made = []
    for name, one, face, person in zip(names, requests, pictures, people, strict=True):
        if request.enhance:
            check()
            face = enhance(face, request, restorer)
        if is_on_paper:
            face = onto_paper(face, drawing, person=request.frame == "person")
        code, lacks = None, ()
        if person is not None:
            code = person.text
            lacks = not_shown(dict.fromkeys(person.drawn, 1.0) | one.person, person.traits)
        notes = notes_of(one, model.info, restorer, code)
        made.append(Face(name, face, notes, code, lacks))
    remarks = remarks_on(drawing, asked, model.info, made)
    if stands_in:
        remarks = (Remark("average-stands-in", {"why": stands_in}), *remarks)
    return Answer(drawing, tuple(made), remarks, made_by(model.info.direction), is_on_paper)


def loaded(
    model: Model | str | Path, restorer: Restorer | None, request: DrawingRequest
) -> tuple[Model, Restorer | None]:
    """The model and the restorer of a request, as `translate` takes them. Raises Refusal, and what
    `load` raises.
    """
    if not isinstance(model, Model):
        name = model or request.model or shipped.DEFAULTS[request.direction or DIRECTIONS[0]]
        model = load(name, direction=request.direction or None)
    if request.enhance and made_by(model.info.direction) != "photo":
        raise Refusal(422, "enhance restores photos: leave it out where a sketch is made")
    if request.enhance and restorer is None:
        restorer = restorers.load(weights.RESTORER)
    return model, restorer


def average_stands_in(request: DrawingRequest) -> str:
    """Why the average face answers where a person was asked for: the generator is neither here nor
    to be had, and what to do; "" if it does not.
    """
    if request.answer == AVERAGE:
        return ""
    try:
        weights.generator()
    except weights.WeightsError as error:
        return str(error)
    return ""


def _answers(
    model: Model, drawing: Drawing, requests: list[DrawingRequest]
) -> tuple[list[np.ndarray], list[Person | None]]:
    """A model's answers to a drawing, and the people who answer, None for others.

    Raises Refusal for what the model cannot do.
    """
    pictures = [drawing.image] * len(requests)
    try:
        if isinstance(model, FaceModel):
            return model.answer_people(pictures, requests, [drawing.shows] * len(requests))
        return model.answer(pictures, requests), [None] * len(requests)
    except ValueError as error:
        raise refusal_of(error) from None


def read_picture(picture: str | Path | np.ndarray, info: ModelInfo) -> np.ndarray:
    """A picture from its path, as a model of this description reads it; an array as it is."""
    if isinstance(picture, np.ndarray):
        return picture
    return masks.load(picture) if info.reads == "map" else images.load_rgb(picture)


def prepare_or_refuse(
    picture: np.ndarray,
    request: DrawingRequest,
    info: ModelInfo,
    finder: Engine | None = None,
) -> Drawing:
    """The picture as a model reads it (`drawings.prepare.prepare_for`). finder: as in `Drawing`.

    Raises Refusal if it shows no face, or cannot be used.
    """
    try:
        drawing = prepare_for(
            picture,
            info,
            points=request.points_in(picture.shape),
            clean=request.clean,
            align=ALIGN[request.align],
            face=request.face,
        )
    except ValueError as error:  # FaceError, too
        raise refusal_of(error) from None
    drawing = replace(drawing, finder=finder)
    if info.reads == "map":
        _check_map(drawing.image)
    elif drawing.face is None:
        return replace(drawing, warnings=_advice(picture, request, info))
    else:
        _check_face(drawing, request, info)
    return drawing


def _advice(picture: np.ndarray, request: DrawingRequest, info: ModelInfo) -> tuple[Remark, ...]:
    """Remarks on a picture that is used as it is; none for clean "never", or others' models."""
    if request.clean == "never" or not shipped.is_ours(info.name):
        return ()
    remark = advice(picture, info.reads)
    return (remark,) if remark else ()


def _check_map(labels: np.ndarray) -> None:
    if np.mean(labels == masks.CLASSES.index("skin")) < LEAST_SKIN:
        raise Refusal(
            422, "this map has no face: less than 1 % of it is skin (class 1); is it a drawing?"
        )


def _check_face(drawing: Drawing, request: DrawingRequest, info: ModelInfo) -> None:
    """Raise Refusal for a picture that seems to have no face: a house, a wall, a scrawl."""
    codes = {remark.code for remark in drawing.warnings}
    if "no-lines" in codes:
        raise Refusal(422, f"{Remark('no-lines')}: draw a face first")
    if request.points is not None or request.insist:
        return
    if "no-face" in codes:
        raise Refusal(422, NO_FACE, "no-face")
    is_unsure = "rough-face" in codes
    if not (is_unsure and info.reads == "sketch" and info.layout == "aligned"):
        return
    if drawing.shows.vagueness > VAGUE:
        raise Refusal(422, NO_FACE, "no-face")


def enhance(face: np.ndarray, request: DrawingRequest, restorer: Restorer) -> np.ndarray:
    """A model's answer with added detail, uint8 (H, W, 3); a square one is a face that fills it.
    Raises Refusal if there is no face in another.
    """
    if request.strength == 0:
        return face
    is_square = face.shape[0] == face.shape[1]
    options = {"strength": request.strength, "seed": request.seed}
    try:
        return enhance_photo(face, restorer, aligned=is_square, **options).image
    except faces.FaceError:
        raise Refusal(422, "no face was found to enhance: leave enhance out") from None
    except ValueError as error:
        raise refusal_of(error) from None


def remarks_on(
    drawing: Drawing, request: DrawingRequest, info: ModelInfo, made: Sequence[Face]
) -> tuple[Remark, ...]:
    """The remarks on a picture and its answers, most important first."""
    remarks = [*drawing.warnings]
    if "answer" in info.supports and request.answer == PERSON:
        degree = drawing.shows.flags["crude"]
        if drawing.shows.vagueness > SPARSE_FROM:
            remarks.append(Remark("sparse"))
        elif degree > OPEN_FROM:
            remarks.append(Remark("crude", {"degree": degree}))
    if PRESENTS in request.person and any(face.name == AVERAGE for face in made):
        remarks.append(Remark("average-presents"))
    if request.candidates > len(made):
        if "answer" not in info.supports:
            remarks.append(Remark("one-answer", {"model": info.name}))
        elif request.answer == PERSON:
            remarks.append(Remark("one-likeliest"))
        else:
            remarks.append(Remark("one-average"))
    return (*remarks, *(_on_not_shown(face) for face in made if face.not_shown))


def _on_not_shown(face: Face) -> Remark:
    """The remark on a person who does not show all that was drawn or asked for."""
    names = ", ".join(CALLED.get(name, name) for name in face.not_shown)
    return Remark("not-shown", {"names": names, "answer": face.name})


def notes_of(
    request: DrawingRequest,
    info: ModelInfo,
    restorer: Restorer | None,
    person: str | None,
) -> dict[str, str]:
    """How an answer was made, for its file's metadata. person: the code of the person."""
    notes = {"model": info.name, "seed": str(request.seed)}
    if person is not None:
        notes |= {"person": person} | _of_choice(request)
    if "answer" in info.supports:
        notes["answer"] = request.answer
        notes["made"] = RENDERED if request.answer == AVERAGE else PAINTED
    if "likely" in info.supports and request.likely != LIKELY:
        notes["likely"] = f"{request.likely:g}"
    if "person" in info.supports:
        for name, value in request.person.items():
            if name in COLOURED:
                notes[name] = "#{:02x}{:02x}{:02x}".format(*as_tone(value).colour)
            else:
                notes[name] = f"{value:g}"
    if restorer is not None and request.enhance and request.strength > 0:
        notes["restorer"] = f"{restorer.info.name}, strength {request.strength:g}"
    return notes


def _of_choice(request: DrawingRequest) -> dict[str, str]:
    """What the choice of a person depended on, beside the drawing and the seed."""
    notes = {}
    if request.temperature is not None:
        notes["temperature"] = f"{request.temperature:g}"
    if request.guidance != 1:
        notes["guidance"] = f"{request.guidance:g}"
    if request.chosen:
        notes["chosen"] = chosen_text(request.chosen)
    return notes


def write_answer(answer: Answer, out: str | Path, stem: str = "drawing") -> tuple[Path, ...]:
    """Write an answer's faces as PNGs into the folder `out`, which is made, and before them, if
    there are several, a sheet of the drawing and all of them.

    Existing files are never overwritten: a name that is taken gets a number. stem: what the files'
    names begin with; a single answer's ends with its kind. Returns the files, the sheet first.
    Raises OSError.
    """
    out = Path(out)
    if len(answer.faces) == 1:
        (face,) = answer.faces
        stem = runtime.free_stem(out, f"{stem}-{answer.kind}", [".png"])
        file = images.save(out / f"{stem}.png", face.picture, generated=True, notes=face.notes)
        return (file,)
    endings = [f"-{face.name.replace(' ', '-')}.png" for face in answer.faces]
    stem = runtime.free_stem(out, stem, ["-candidates.png", *endings])
    drawing = answer.drawing.paper if answer.is_on_paper else answer.drawing.image
    whole = sheet(
        [masks.shown(drawing), *(face.picture for face in answer.faces)],
        ["your drawing", *(face.name for face in answer.faces)],
    )
    files = [images.save(out / f"{stem}-candidates.png", whole, generated=True)]
    for face, ending in zip(answer.faces, endings, strict=True):
        notes = {"candidate": face.name, **face.notes}
        files.append(
            images.save(out / f"{stem}{ending}", face.picture, generated=True, notes=notes)
        )
    return tuple(files)
