"""The command `s2f translate`: drawings to photos, or photos to drawings, by the shipped or by one's own models."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

from s2f_utils.cli import options
from s2f_utils.cli.options import each_picture, finish, warn
from s2f_utils.pictures.remarks import WORDS, Remark

OF_CANDIDATES = ("clean", "detail", "variations", "frame", "likely", "person")
OF_MODELS = ("mode", "fit", "align", "direction", "values")
OWN_WORDS = {code: f"{WORDS[code]} (--eyes x,y,x,y --mouth x,y)" for code in ("rough-face", "no-face")} | {
    "faces": f"{WORDS['faces']} (--face left, right, a number, or a box X,Y,WIDTH,HEIGHT)",
    "cut": f"{WORDS['cut']} (--clean whole)",
    "crude": "the drawing leaves much open: 'rendered' is a photo of the face that it means; 'faithful' keeps"
    " every line",
    "photo": f"{WORDS['photo']}, with --align; a drawing is cleaned up nevertheless with --clean always",
}


def add(parsers: Any) -> argparse.ArgumentParser:
    translate = options.command(
        parsers, "translate", help="turn drawings into photos, with the shipped or with your own models",
        description="Without MODEL: clean the drawing, find and align the face, and write candidates of the"
        " shipped models\nand a sheet of them. With MODEL (a run folder, a file, or photo-to-sketch): translate the"
        " pictures as they are;\nthey keep their aspect ratio. No photos are needed.",
    )  # fmt: skip
    translate.add_argument(
        "inputs", nargs="+", metavar="[MODEL] INPUT",
        help="pictures or folders of pictures; first, perhaps, a run folder, a .safetensors or .pth file, or a name",
    )  # fmt: skip
    options.add_out(translate, "translated")
    translate.add_argument("--seed", type=int, help="of what is invented (default: 1 for the variation, else 0)")
    options.add_device(translate)
    options.add_engine(translate)
    translate.add_argument(
        "--eyes", type=_numbers(4), metavar="X,Y,X,Y", help="eye on the left, eye on the right, in pixels as shown"
    )
    translate.add_argument("--mouth", type=_numbers(2), metavar="X,Y", help="middle of the mouth; with --eyes")
    translate.add_argument(
        "--face", metavar="WHICH",
        help="of several: left, right, the number from the left, or a box X,Y,WIDTH,HEIGHT in pixels as shown;"
        " default: the largest, most central",
    )  # fmt: skip
    translate.add_argument("--large", action="store_true", default=None, help="twice as many pixels a side: 512")
    _add_of_candidates(translate)
    _add_of_models(translate)
    return translate


def _add_of_candidates(translate: argparse.ArgumentParser) -> None:
    group = translate.add_argument_group("without MODEL; one of these with a run of 'realistic': its candidates")
    group.add_argument(
        "--clean", choices=["auto", "always", "never", "whole"],
        help="clean the paper up (default: auto); whole: as auto, but no sheet is cut out of the picture",
    )  # fmt: skip
    group.add_argument("--detail", type=float, metavar="X", help="invented detail, from 0 to 1; default 0.5")
    group.add_argument(
        "--likely", type=float, metavar="X", help="from 0, the shape as drawn, to 1, one that people have; default 0.8"
    )
    group.add_argument(
        "--person", metavar="WHAT",
        help="what is known, as age=0.5,hair=#332211: skin, hair; glasses, beard, hat, age, smile, hair_length, curls"
        " from -1 to 1",
    )  # fmt: skip
    group.add_argument("--variations", type=int, metavar="N", help="with other colours (default: 1)")
    group.add_argument(
        "--frame", choices=["square", "paper", "person"],
        help="paper: lay the picture back onto the drawing; person: without the wall behind the person",
    )  # fmt: skip


def _add_of_models(translate: argparse.ArgumentParser) -> None:
    group = translate.add_argument_group("with MODEL")
    options.add_mode(group)
    group.add_argument("--fit", choices=["stretch", "pad"], help="how to make a square; default: as in training")
    options.add_direction(group, "; photo-to-sketch without MODEL: the shipped model")
    group.add_argument(
        "--values", choices=["signed", "unit"],
        help="what the network is given: [-1, 1] (default), or [0, 1], as project 2's app does by mistake",
    )  # fmt: skip
    group.add_argument(
        "--align", action="store_true", default=None,
        help="find the face and cut it out first (the result is a square)",
    )  # fmt: skip


def _numbers(count: int) -> Callable[[str], tuple[float, ...]]:
    """A type for argparse: so many numbers with commas."""

    def parse(text: str) -> tuple[float, ...]:
        try:
            values = tuple(float(part) for part in text.split(","))
        except ValueError:
            values = ()
        if len(values) != count:
            raise argparse.ArgumentTypeError(
                f"{text!r}: give {count} numbers with commas, such as {'120,' * (count - 1)}120"
            )
        return values

    return parse


def run(args: argparse.Namespace) -> int:
    """`s2f translate`: a picture that cannot be used is reported and left out."""
    from s2f_utils import runtime
    from s2f_utils.inference import find_pictures
    from s2f_utils.pictures import faces

    model, inputs = _model_and_inputs(args)
    if bool(args.eyes) != bool(args.mouth):
        raise ValueError("--eyes and --mouth belong together: give both, in pixels of the drawing")
    args.face = faces.checked(args.face)
    if args.face is not None and args.eyes:
        raise ValueError("--face chooses among the faces that are found: leave it out with --eyes and --mouth")
    paths = find_pictures(inputs)
    several = not model or bool(_given(args, OF_CANDIDATES))
    _check(args, model, several)
    options.check_out(args, inputs, "drawings")
    if args.eyes and len(paths) > 1:
        raise ValueError(f"--eyes and --mouth are of one drawing, but {len(paths)} were given")
    runtime.seed_everything(args.seed or 0)
    work = (_with_pair if several else _with_model)(args, model)
    bad = each_picture(paths, work, "translating", "image")
    return finish(
        f"{len(paths) - bad} of {runtime.counted(len(paths), 'picture')} translated into {args.out}", len(paths), bad
    )


def _model_and_inputs(args: argparse.Namespace) -> tuple[str | None, list[str]]:
    """The model (None: the shipped pair, for drawings) and the pictures."""
    from s2f_utils.inference import is_model
    from s2f_utils.weights import DEFAULT

    first, *others = args.inputs
    if not is_model(first):  # the shipped model for photos is called as its direction is
        return ("photo-to-sketch" if args.direction == "photo-to-sketch" else None), args.inputs
    if not others:
        raise ValueError(f"{first} is a model: name the drawings after it")
    return (None if first == DEFAULT else first), others


def _given(args: argparse.Namespace, names: tuple[str, ...]) -> list[str]:
    return [name for name in names if getattr(args, name) is not None]


def _check(args: argparse.Namespace, model: str | None, several: bool) -> None:
    """Raise ValueError for options that do not go together, or cannot be."""
    from s2f_utils.weights import DETAIL, FAITHFUL

    of_candidates, of_models = _given(args, OF_CANDIDATES), _given(args, OF_MODELS)
    if not model and "direction" in of_models:  # sketch-to-photo, as without it
        of_models.remove("direction")
    if several and of_models:
        reasons = [] if model else ["is for a model of your own, named before the drawings"]
        reasons += [f"goes without {', '.join(f'--{name}' for name in of_candidates)}"] if of_candidates else []
        raise ValueError(f"--{of_models[0]} {', and '.join(reasons)}")
    if model == DETAIL:
        raise ValueError(f"{DETAIL} only adds detail to {FAITHFUL}: leave the model out, and both are used")
    options.check_range(args, "detail", 0, 1, (" (faithful)", " (realistic)"))
    options.check_range(args, "variations", 0, 64)
    options.check_range(args, "likely", 0, 1, (" (as drawn)", " (a likely face)"))
    options.check_seed(args)


def _with_model(args: argparse.Namespace, model: str) -> Callable[[Path], None]:
    """What is done with each picture where one model answers."""
    from s2f_studio.drawings import domain
    from s2f_studio.drawings import prepare as drawings
    from s2f_utils.inference import load
    from s2f_utils.pictures import faces, images
    from s2f_utils.runtime import free_stem
    from s2f_utils.weights import SHIPPED

    translator = load(model, args.device, direction=args.direction, values=args.values or "signed", engine=args.engine)
    kind, say = translator.direction.rsplit("-", 1)[1], _warner()

    def work(path: Path) -> None:
        picture = images.load_rgb(path)
        if model in SHIPPED and (advice := domain.advice(picture, translator.direction)):
            say(path, advice)
        if args.align or args.eyes or args.face is not None:
            drawn = translator.direction == "sketch-to-photo"
            face, notes = drawings.find_any(picture, drawing=drawn, points=_points(args), face=args.face)
            for note in notes:
                say(path, note)
            picture = faces.align(picture, face, translator.size_px)
        asked = {"mode": args.mode or "deterministic", "fit": args.fit, "large": bool(args.large)}
        made = translator.translate(picture, seed=args.seed or 0, **asked)
        stem = free_stem(args.out, f"{path.stem}-{kind}", [".png"])
        images.save(Path(args.out) / f"{stem}.png", made, generated=True)

    return work


def _with_pair(args: argparse.Namespace, model: str | None) -> Callable[[Path], None]:
    """What is done with each drawing where a faithful model and one that adds detail make candidates."""
    from tqdm.auto import tqdm

    from s2f_studio.faces import restored
    from s2f_studio.faces.candidates import check_several
    from s2f_studio.faces.translate import translate_drawing
    from s2f_utils.inference import load, restorers
    from s2f_utils.inference.asking import person_of
    from s2f_utils.pictures import images
    from s2f_utils.weights import DEFAULT

    pair = load(model or DEFAULT, args.device, engine=args.engine)
    check_several(pair)
    restorer = restored.here()  # a published one; nothing is fetched for it
    if restorer:
        warn(f"one more answer is restored by {restorer}: {restored.terms_of(restorer)}")
    asked = {
        name: getattr(args, name) for name in _given(args, ("clean", "frame", "detail", "face", "likely", "large"))
    }
    asked |= {"person": person_of(args.person)} if args.person else {}
    asked |= {"restorer": restorers.load(restorer, args.device)} if restorer else {}
    asked |= {} if args.variations is None else {"num_variations": args.variations}
    seed, say = 1 if args.seed is None else args.seed, _warner()

    def work(path: Path) -> None:
        drawing = images.load_rgb(path)
        done = translate_drawing(drawing, args.out, path.stem, pair=pair, points=_points(args), seed=seed, **asked)
        for warning in (*done.prepared.warnings, *done.remarks):
            say(path, warning)
        tqdm.write(f"{path.name}: {done.sheet}")

    return work


def _points(args: argparse.Namespace) -> list[tuple[float, float]] | None:
    return [args.eyes[:2], args.eyes[2:], args.mouth] if args.eyes else None


def _warner() -> Callable[[Path, Remark], None]:
    """A function that warns about a picture, and only once about the machine."""
    said: set[str] = set()

    def say(path: Path, remark: Remark) -> None:
        about = "" if remark.code == "no-detector" else f"{path.name}: "
        if about or remark.code not in said:
            warn(f"{about}{remark.worded(OWN_WORDS)}")
        said.add(remark.code)

    return say
