"""The command `s2f faces`: faces by chance, or many answers to one sketch, map or photo, from StyleGAN2 and pSp."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from s2f_utils.cli import options
from s2f_utils.cli.options import each_picture, finish, warn
from s2f_utils.runtime import counted

if TYPE_CHECKING:
    import numpy as np

    from s2f_utils.inference.styles import StyleModel

MOST = 256  # faces in one call
EPILOG = """examples:
  s2f faces faces-64 --num 16 --psi 0.7
  s2f faces sketch-to-face-64 drawing.png --num 8 --seed 3
  s2f faces map-to-face-64 map.png --layers 2-9
  s2f faces psp-sketch drawing.png          (1.2 GB are fetched the first time)"""


def add(parsers: Any) -> argparse.ArgumentParser:
    faces = options.command(
        parsers, "faces", help="faces by chance, or many answers to one drawing (StyleGAN2, pSp)", epilog=EPILOG,
        description="Without INPUT: faces by chance. With INPUT, a sketch, map or photo as the model reads it: its"
        " face,\nand NUM others that keep its coarse styles and have the rest by chance.",
    )  # fmt: skip
    faces.add_argument("model", help="run folder or file of stylegan2 or psp, or a name (s2f weights lists them)")
    faces.add_argument("inputs", nargs="*", metavar="INPUT", help="pictures, square and aligned as in training")
    faces.add_argument("--map", metavar="FILE", help="the map beside the sketch, for a model that reads both")
    options.add_out(faces, "faces")
    faces.add_argument("--num", type=int, default=8, help="how many faces by chance (default: 8)")
    faces.add_argument("--seed", type=int, default=0, help="of what is drawn by chance (default: 0)")
    faces.add_argument(
        "--psi", type=float, help="truncation: 1 as varied as in training, 0 the mean face (default: 0.7; with INPUT 1)"
    )
    faces.add_argument("--strength", type=float, default=1.0, help="of what is mixed in, from 0 to 1 (default: 1)")
    faces.add_argument(
        "--layers", default="open", metavar="NAME|A-B",
        help="which styles come from chance: open (default: as the encoder learned it), coarse, middle, fine, or 5-9",
    )  # fmt: skip
    options.add_device(faces)
    options.add_engine(faces)
    return faces


def run(args: argparse.Namespace) -> int:
    from s2f_utils import inference
    from s2f_utils.inference import find_pictures

    options.check_range(args, "num", 0, MOST)
    options.check_seed(args)
    options.check_range(args, "strength", 0, 1)
    options.check_range(args, "psi", 0, 2)
    paths = find_pictures(args.inputs) if args.inputs else []
    if args.map and len(paths) != 1:
        raise ValueError("--map belongs to one sketch: name that sketch")
    model = inference.load_styles(args.model, args.device, engine=args.engine)
    if not paths:
        return _by_chance(args, model)
    layers = model.layers_of(args.layers)
    bad = each_picture(paths, lambda path: _answer(args, model, path, layers), "answering", "picture")
    return finish(f"{len(paths) - bad} of {counted(len(paths), 'picture')} answered in {args.out}", len(paths), bad)


def _by_chance(args: argparse.Namespace, model: StyleModel) -> int:
    if args.num == 0:
        raise ValueError("--num 0 and no picture: nothing to do")
    made = model.decode(model.draw(args.num, args.seed, 0.7 if args.psi is None else args.psi))
    _write(Path(args.out), f"seed-{args.seed}", made, None)
    return finish(f"{counted(args.num, 'face')} in {args.out}", args.num)


def _answer(args: argparse.Namespace, model: StyleModel, path: Path, layers: range) -> None:
    from s2f_utils.pictures import images, masks

    given = masks.load(path) if model.reads == "map" else images.load_rgb(path)
    labels = masks.load(args.map) if args.map else None
    if advice := model.advice(given):
        warn(f"{path.name}: {advice}")
    own = model.encode(given, labels)
    psi = 1.0 if args.psi is None else args.psi
    others = model.variants(own, args.num, seed=args.seed, strength=args.strength, layers=layers, psi=psi)
    made = model.decode(own) if args.num == 0 else _joined(model.decode(own), model.decode(others))
    shown = masks.picture_of(given) if model.reads == "map" else given
    _write(Path(args.out), path.stem, made, images.resize(shown, model.size_px, "stretch"))


def _joined(*batches: np.ndarray) -> np.ndarray:
    import numpy as np

    return np.concatenate(batches)


def _write(folder: Path, stem: str, made: np.ndarray, given: np.ndarray | None) -> None:
    """Each face as a PNG, and a sheet of all, beginning with what was given; nothing is overwritten."""
    from s2f_utils.pictures import images, viz
    from s2f_utils.runtime import free_stem

    names = ["face", *(f"face-{n}" for n in range(1, len(made)))]
    if given is None:
        names = [f"face-{n + 1}" for n in range(len(made))]
    stem = free_stem(folder, stem, [f"-{name}.png" for name in (*names, "faces")])
    for name, face in zip(names, made, strict=True):
        images.save(folder / f"{stem}-{name}.png", face, generated=True)
    tiles = made if given is None else _joined(given[None], made)
    rows = [tiles[n : n + 8] for n in range(0, len(tiles), 8)]
    images.save(folder / f"{stem}-faces.png", viz.sheet(rows), generated=True)
