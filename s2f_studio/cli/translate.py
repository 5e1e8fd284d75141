"""The command `s2f translate`: drawings to photos, or photos to drawings, by the shipped or by
one's own models.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from cyclopts import Parameter, Token

from s2f_studio.remarks import WORDS, Remark
from s2f_utils.cli import options
from s2f_utils.cli.options import Device, Direction, Engine, Mode, Out, Seed, Share, between, warn

POINTS_HINT = "(--eyes x,y,x,y --mouth x,y)"
OWN_WORDS = {
    "rough-face": f"{WORDS['rough-face']} {POINTS_HINT}",
    "no-face": f"{WORDS['no-face']} {POINTS_HINT}",
    "faces": f"{WORDS['faces']} (--face left, right, or a number)",
    "cut": f"{WORDS['cut']} (--clean whole)",
    "crude": "the drawing leaves much open: 'rendered' is one photo of the face that it means; 'expected' invents less",
    "photo": f"{WORDS['photo']}, with --align; a drawing is cleaned up nevertheless with --clean always",
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


@Parameter("*", group="Without MODEL: several candidates")
@dataclass(frozen=True, kw_only=True)
class OfCandidates:
    """What may be asked where the answer is several candidates.

    Args:
        clean: clean the paper up (default: auto); whole: as auto, but no sheet is cut out of the
        picture
        likely: from 0, the shape as drawn, to 1, one that people have (default: 0.8)
        person: what is known, as age=0.5,hair=#332211: skin, hair; glasses, beard, hat, age, smile,
        hair_length, curls
            from -1 to 1
        variations: how many other answers (default: 1)
        frame: paper: lay the picture back onto the drawing; person: without the person's background
    """

    clean: Literal["auto", "always", "never", "whole"] | None = None
    likely: Share | None = None
    person: str | None = None
    variations: Annotated[int | None, between(0, 64)] = None
    frame: Literal["square", "paper", "person"] | None = None


@Parameter("*", group="With MODEL")
@dataclass(frozen=True, kw_only=True)
class OfModels:
    """What may be asked where one model answers.

    Args:
        fit: how to make a square; default: as in training
        values: what the network is given: signed: [-1, 1] (default); unit: [0, 1], as project 2's
        app does by mistake
        align: find the face and cut it out first (the result is a square)
    """

    mode: Mode | None = None
    fit: Literal["stretch", "pad"] | None = None
    direction: Direction | None = None
    values: Literal["signed", "unit"] | None = None
    align: bool = False


@Parameter("*")
@dataclass(frozen=True, kw_only=True)
class OfAll:
    """What may be asked of both.

    Args:
        seed: of what is invented (default: 1 for the variation, else 0)
        eyes: eye on the left, eye on the right, in pixels as shown
        mouth: middle of the mouth; with --eyes
        face: of several: left, right, or the number from the left; default: the largest, most
        central
        large: twice as many pixels a side: 512
    """

    out: Out = Path("translated")
    seed: Seed | None = None
    device: Device = "auto"
    engine: Engine = "auto"
    eyes: Annotated[
        tuple[float, float, float, float] | None,
        Parameter(converter=_numbers, n_tokens=1, metavar="X,Y,X,Y"),
    ] = None
    mouth: Annotated[
        tuple[float, float] | None, Parameter(converter=_numbers, n_tokens=1, metavar="X,Y")
    ] = None
    face: str | None = None
    large: bool = False

    @property
    def points(self) -> list[tuple[float, ...]] | None:
        """Both eyes and the mouth, where they were given."""
        return [self.eyes[:2], self.eyes[2:], self.mouth] if self.eyes else None


def translate(
    inputs: Annotated[list[str], Parameter(metavar="[MODEL] INPUT")],
    /,
    *,
    asked: OfAll = OfAll(),
    of_candidates: OfCandidates = OfCandidates(),
    of_models: OfModels = OfModels(),
) -> int:
    """Turn drawings into photos, with the shipped or with your own models.

    Without MODEL: clean the drawing, find and align the face, and write candidates of the shipped
    models and a sheet of them. With MODEL (a run folder, a file, or photo-to-sketch): translate the
    pictures as they are; they keep their aspect ratio; --direction photo-to-sketch names that
    model, too. What cannot be used is reported and left out.

        s2f translate drawing.jpg
        s2f translate runs/0003-pix2pix-demo drawing.jpg more-drawings/ --out photos
        s2f translate runs/0004-cyclegan-demo portrait.jpg --direction photo-to-sketch

    Args:
        inputs: pictures or folders of pictures; first, perhaps, a run folder, a .safetensors or
        .pth file, or a name
    """
    from s2f_studio.drawings.prepare import parse_face_choice
    from s2f_utils import runtime
    from s2f_utils.infer import find_pictures

    model, inputs = _model_and_inputs(inputs, of_models.direction)
    if bool(asked.eyes) != bool(asked.mouth):
        raise ValueError("--eyes and --mouth belong together: give both, in pixels of the drawing")
    face = parse_face_choice(asked.face)
    if face is not None and asked.eyes:
        raise ValueError(
            "--face chooses among the faces that are found: leave it out with --eyes and --mouth"
        )
    paths = find_pictures(inputs)
    given = _given(of_candidates)
    _check(model, given, _given(of_models))
    options.check_out(asked.out, inputs, "drawings")
    if asked.eyes and len(paths) > 1:
        raise ValueError(f"--eyes and --mouth are of one drawing, but {len(paths)} were given")
    runtime.seed_everything(asked.seed or 0)
    if given or not model:
        work = _with_candidates(model, asked, face, given)
    else:
        work = _with_model(model, asked, face, of_models)
    return options.each_picture(paths, work, f"translated into {asked.out}")


def _given(asked: Any) -> dict[str, Any]:
    """The flags of a group that are on the command line."""
    return {
        name: value
        for name, value in asdict(asked).items()
        if value is not None and value is not False
    }


def _model_and_inputs(inputs: list[str], direction: str | None) -> tuple[str | None, list[str]]:
    """The model (None: the shipped one, for drawings) and the pictures."""
    from s2f_utils.infer import is_model
    from s2f_utils.weights import DEFAULT

    first, *others = inputs
    if not is_model(first):  # the shipped model for photos is called as its direction is
        return ("photo-to-sketch" if direction == "photo-to-sketch" else None), inputs
    if not others:
        raise ValueError(f"{first} is a model: name the drawings after it")
    return (None if first == DEFAULT else first), others


def _check(model: str | None, of_candidates: dict[str, Any], of_models: dict[str, Any]) -> None:
    """Raise ValueError for options that do not go together."""
    wrong = [
        name for name in of_models if model or name != "direction"
    ]  # sketch-to-photo, as without it
    if wrong and (of_candidates or not model):
        reasons = [] if model else ["is for a model of your own, named before the drawings"]
        reasons += (
            [f"goes without {', '.join(f'--{name}' for name in of_candidates)}"]
            if of_candidates
            else []
        )
        raise ValueError(f"--{wrong[0]} {', and '.join(reasons)}")


def _with_model(model: str, asked: OfAll, face: Any, more: OfModels) -> Callable[[Path], None]:
    """What is done with each picture where one model answers."""
    from s2f_studio.drawings import prepare as drawings
    from s2f_utils.infer import load
    from s2f_utils.pictures import faces, images
    from s2f_utils.runtime import free_stem
    from s2f_utils.weights import SHIPPED

    values = more.values or "signed"
    translator = load(
        model, asked.device, direction=more.direction, values=values, engine=asked.engine
    )
    kind, say = translator.info.direction.rsplit("-", 1)[1], _warner()

    def work(path: Path) -> None:
        picture = images.load_rgb(path)
        if model in SHIPPED and (advice := drawings.advice(picture, translator.info.reads)):
            say(path, advice)
        if more.align or asked.eyes or face is not None:
            drawn = translator.info.direction == "sketch-to-photo"
            found, notes = drawings.find_any(picture, drawing=drawn, points=asked.points, face=face)
            for note in notes:
                say(path, note)
            picture = faces.align(picture, found, translator.info.size_px)
        mode, seed = more.mode or "deterministic", asked.seed or 0
        made = translator.translate(
            picture, seed=seed, mode=mode, fit=more.fit or "", large=asked.large
        )
        stem = free_stem(asked.out, f"{path.stem}-{kind}", [".png"])
        images.save(asked.out / f"{stem}.png", made, generated=True)

    return work


def _with_candidates(
    model: str | None, asked: OfAll, face: Any, given: dict[str, Any]
) -> Callable[[Path], None]:
    """What is done with each drawing where a model makes candidates."""
    from tqdm.auto import tqdm

    from s2f_studio.faces.translate import check_several, translate_drawing
    from s2f_studio.request import parse_person
    from s2f_utils.infer import load
    from s2f_utils.pictures import images
    from s2f_utils.weights import DEFAULT

    opened = load(model or DEFAULT, asked.device, engine=asked.engine)
    check_several(opened)
    query = {
        "model": opened,
        "points": asked.points,
        "face": face,
        "seed": 1 if asked.seed is None else asked.seed,
    }
    query |= {
        "num_variations" if name == "variations" else name: value for name, value in given.items()
    }
    query |= {"person": parse_person(given["person"])} if "person" in given else {}
    query |= {"large": True} if asked.large else {}
    say = _warner()

    def work(path: Path) -> None:
        done = translate_drawing(images.load_rgb(path), asked.out, path.stem, **query)
        for warning in (*done.prepared.warnings, *done.remarks):
            say(path, warning)
        tqdm.write(f"{path.name}: {done.sheet}")

    return work


def _warner() -> Callable[[Path, Remark], None]:
    """A function that warns about a picture, and only once about the machine."""
    said: set[str] = set()

    def say(path: Path, remark: Remark) -> None:
        about = "" if remark.code == "no-detector" else f"{path.name}: "
        if about or remark.code not in said:
            warn(f"{about}{remark.worded(OWN_WORDS)}")
        said.add(remark.code)

    return say
