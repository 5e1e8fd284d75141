"""The command `s2f translate`: drawings to photos, or photos to drawings."""

from __future__ import annotations

import os
import sys
import webbrowser
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, get_args

from cyclopts import Parameter, Token

from s2f_studio import shipped
from s2f_studio.cli import options
from s2f_studio.cli.options import Device, Engine, Out, warn
from s2f_studio.remarks import WORDS
from s2f_studio.request import AVERAGE, DrawingRequest

USUAL = DrawingRequest()
NUM_CANDIDATES = 3  # of the shipped model, where no number is asked for
POINTS_HINT = "(--eyes x,y,x,y --mouth x,y)"
OWN_WORDS = {
    "rough-face": f"{WORDS['rough-face']} {POINTS_HINT}",
    "no-face": f"{WORDS['no-face']} {POINTS_HINT}",
    "faces": f"{WORDS['faces']} (--face left, right, or a number)",
    "cut": f"{WORDS['cut']} (--clean whole)",
    "crude": "the drawing leaves much open: 'person' is one of many whom it could mean; 'average'"
    " invents less",
    "photo": f"{WORDS['photo']}, with --align always; a drawing is cleaned up nevertheless with"
    " --clean always",
}


def _numbers(kind: type, tokens: Sequence[Token]) -> tuple[float, ...]:
    """ "120,130" → (120.0, 130.0), for a tuple of so many numbers."""
    count = len(get_args(kind))
    values = tokens[0].value.split(",")
    try:
        return tuple(float(value) for value, _ in zip(values, range(count), strict=True))
    except ValueError:
        raise ValueError(
            f"give {count} numbers with commas, such as {'120,' * (count - 1)}120"
        ) from None


Eyes = Annotated[
    tuple[float, float, float, float] | None,
    Parameter(converter=_numbers, n_tokens=1, metavar="X,Y,X,Y"),
]
Mouth = Annotated[
    tuple[float, float] | None, Parameter(converter=_numbers, n_tokens=1, metavar="X,Y")
]


def translate(
    inputs: Annotated[list[str], Parameter(metavar="[MODEL] INPUT")],
    /,
    *,
    out: Out = Path("translated"),
    request: Annotated[DrawingRequest, Parameter("*", group="Request")] = USUAL,
    eyes: Eyes = None,
    mouth: Mouth = None,
    open: bool = False,
    device: Device = "auto",
    engine: Engine = "auto",
) -> int:
    """Turn drawings into photos, with the shipped or with your own models.

    Without MODEL, or with a run of `s2f finetune`: clean the drawing, find and align the face, and
    write three candidates and a sheet of them. With another MODEL (a run folder, a file, or
    photo-to-sketch): one answer to each picture as it is, which keeps its aspect ratio. What cannot
    be used is reported and left out.

        s2f translate drawing.jpg
        s2f translate runs/0003-pix2pix-demo drawing.jpg more-drawings/ --out photos
        s2f translate runs/0004-cyclegan-demo portrait.jpg --direction photo-to-sketch

    Args:
        inputs: pictures or folders of pictures; first, perhaps, a run folder, a .safetensors or
            .pth file, or a name
        eyes: eye on the left, eye on the right, in pixels as shown
        mouth: middle of the mouth; with --eyes
        open: show the sheet of answers, or the only answer, where there is a screen
    """
    from s2f_studio.loading import load
    from s2f_utils import weights
    from s2f_utils.infer import find_pictures, restorers

    name, inputs = _model_and_inputs(inputs, request.direction)
    paths = find_pictures(inputs)
    options.check_out(out, inputs, "drawings")
    points = _points(eyes, mouth, request, len(paths))
    direction = request.direction or None
    model = load(name or shipped.MODEL, device, direction=direction, engine=engine)
    restorer = None
    if request.enhance:
        restorer = restorers.load(weights.RESTORER, device, engine=engine)
    of_people = "answer" in model.info.supports
    request = _with_defaults(request, of_people=of_people, is_placed=points is not None)
    written: list[Path] = []

    def answer(path: Path) -> None:
        written.extend(_answer(path, request, points, model, restorer, out))

    status = options.each_picture(paths, answer, f"translated into {out}")
    if open and written:
        _show(written[0])
    return status


def _answer(
    path: Path,
    request: DrawingRequest,
    points: list[tuple[float, ...]] | None,
    model: Any,
    restorer: Any,
    out: Path,
) -> tuple[Path, ...]:
    """Answer one picture, write its files, and warn of its remarks."""
    from tqdm.auto import tqdm

    from s2f_studio.answers import read_picture, write_answer
    from s2f_studio.answers import translate as answer_to
    from s2f_studio.drawings.face import points_inside

    picture = read_picture(path, model.info)
    if points is not None:
        points_inside(points, picture.shape)  # raises in pixels, as they were given
        height, width = picture.shape[:2]
        shares = tuple(((x + 0.5) / width, (y + 0.5) / height) for x, y in points)
        request = DrawingRequest.of(request.model_dump() | {"points": shares})
    answer = answer_to(picture, request, model, restorer)
    files = write_answer(answer, out, path.stem)
    for remark in answer.remarks:
        warn(f"{path.name}: {remark.worded(OWN_WORDS)}")
    tqdm.write(f"{path.name}: {files[0]}")
    return files


def _with_defaults(request: DrawingRequest, *, of_people: bool, is_placed: bool) -> DrawingRequest:
    """The request with this command's defaults: it warns of a face that it does not find; a model
    of people gives several answers; other models get pictures as they are, unless the face is
    chosen or `is_placed`, by --eyes and --mouth, or the paper is to be cleaned.
    """
    usual: dict[str, Any] = {"insist": True}
    if of_people and request.answer != AVERAGE:
        usual["candidates"] = NUM_CANDIDATES
    has_face = is_placed or request.points is not None or request.face
    is_cleaned = request.clean not in ("auto", "never")
    if not of_people and not has_face and not is_cleaned:
        usual["align"] = "never"
    changes = {name: value for name, value in usual.items() if name not in request.model_fields_set}
    return request.model_copy(update=changes)


def _points(
    eyes: tuple[float, ...] | None,
    mouth: tuple[float, ...] | None,
    request: DrawingRequest,
    num_pictures: int,
) -> list[tuple[float, ...]] | None:
    """Both eyes and the mouth in pixels, if they were given.

    Raises ValueError for a part of them, and for several pictures.
    """
    if bool(eyes) != bool(mouth):
        raise ValueError("--eyes and --mouth belong together: give both, in pixels of the drawing")
    if not eyes:
        return None
    if request.face:
        raise ValueError(
            "--face chooses among the faces that are found: leave it out with --eyes and --mouth"
        )
    if num_pictures > 1:
        raise ValueError(f"--eyes and --mouth are of one drawing, but {num_pictures} were given")
    return [eyes[:2], eyes[2:], mouth]


def _model_and_inputs(inputs: list[str], direction: str) -> tuple[str | None, list[str]]:
    """The model (None: the shipped one, for drawings) and the pictures."""
    from s2f_utils.infer import is_model

    first, *others = inputs
    if first not in shipped.NAMES and not is_model(first):
        named = shipped.DEFAULTS.get(direction, shipped.MODEL)
        return (None if named == shipped.MODEL else named), inputs
    if not others:
        raise ValueError(f"{first} is a model: name the drawings after it")
    return (None if first == shipped.MODEL else first), others


def _show(path: Path) -> None:
    """Open a picture in the system's viewer; a warning where there is no screen."""
    has_screen = sys.platform in ("win32", "darwin")
    has_screen = has_screen or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
    if not has_screen or not webbrowser.open(path.resolve().as_uri()):
        warn(f"there is no screen here to show {path}")
