"""The command `s2f faces`: faces by chance, or many answers to one sketch, map or photo, from StyleGAN2 and pSp."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

    from s2f_utils.inference.styles import Faces

MOST = 256  # faces in one call
EPILOG = """examples:
  s2f faces faces-64 --num 16 --psi 0.7
  s2f faces sketch-to-face-64 drawing.png --num 8 --seed 3
  s2f faces map-to-face-64 map.png --layers 2-9
  s2f faces psp-sketch drawing.png          (1.2 GB are fetched the first time)"""


def add_parser(commands: Any) -> None:
    """Add the command to the others."""
    faces = commands.add_parser(
        "faces", help="faces by chance, or many answers to one drawing (StyleGAN2, pSp)", epilog=EPILOG,
        description="Without INPUT: faces by chance. With INPUT, a sketch, map or photo as the model reads it: its"
        " face,\nand NUM others that keep its coarse styles and have the rest by chance.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    faces.add_argument("model", help="run folder or file of stylegan2 or psp, or a name (s2f weights lists them)")
    faces.add_argument("inputs", nargs="*", metavar="INPUT", help="pictures, square and aligned as in training")
    faces.add_argument("--map", metavar="FILE", help="the map beside the sketch, for a model that reads both")
    faces.add_argument("--out", default="faces", metavar="DIR", help="folder for the PNGs (default: faces)")
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
    faces.add_argument("--device", default="auto", help="auto (default), cuda, mps or cpu")


def run(args: argparse.Namespace) -> int:
    """`s2f faces`."""
    from s2f_utils.inference import styles
    from s2f_utils.inference.translator import find_pictures

    if not 0 <= args.num <= MOST:
        raise ValueError(f"--num must be from 0 to {MOST}, got {args.num}")
    if not 0 <= args.seed < 2**31:
        raise ValueError(f"--seed must be from 0 to {2**31 - 1}, got {args.seed}")
    if not 0 <= args.strength <= 1:
        raise ValueError(f"--strength must be from 0 to 1, got {args.strength:g}")
    if args.psi is not None and not 0 <= args.psi <= 2:
        raise ValueError(f"--psi must be from 0 to 2, got {args.psi:g}")
    paths = find_pictures(args.inputs) if args.inputs else []
    if args.map and len(paths) != 1:
        raise ValueError("--map belongs to one sketch: name that sketch")
    model = styles.load(args.model, args.device)
    if not paths:
        return _by_chance(args, model)
    layers = model.layers_of(args.layers)
    bad = 0
    for path in paths:
        try:
            _answer(args, model, path, layers)
        except ValueError as error:
            bad += 1
            named = "" if str(error).startswith(str(path)) else f"{path.name}: "
            print(f"s2f: left out: {named}{error}", file=sys.stderr)
    _say(f"{len(paths) - bad} of {len(paths)} pictures answered in {args.out}", bad < len(paths))
    return 0 if bad == 0 else (2 if bad == len(paths) else 1)


def _by_chance(args: argparse.Namespace, model: Faces) -> int:
    if args.num == 0:
        raise ValueError("--num 0 and no picture: nothing to do")
    made = model.decode(model.draw(args.num, args.seed, 0.7 if args.psi is None else args.psi))
    _write(Path(args.out), f"seed-{args.seed}", made, None)
    _say(f"{args.num} faces in {args.out}", True)
    return 0


def _answer(args: argparse.Namespace, model: Faces, path: Path, layers: range) -> None:
    from s2f_utils.pictures import images, masks

    given = masks.load(path) if model.reads == "map" else images.load_rgb(path)
    labels = masks.load(args.map) if args.map else None
    if advice := model.advice(given):
        print(f"s2f: {path.name}: {advice}", file=sys.stderr)
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
    from s2f_utils.inference.translate import free_stem
    from s2f_utils.pictures import images, viz

    names = ["face", *(f"face-{n}" for n in range(1, len(made)))]
    if given is None:
        names = [f"face-{n + 1}" for n in range(len(made))]
    stem = free_stem(folder, stem, [*names, "faces"])
    for name, face in zip(names, made, strict=True):
        images.save(folder / f"{stem}-{name}.png", face, generated=True)
    tiles = made if given is None else _joined(given[None], made)
    rows = [tiles[n : n + 8] for n in range(0, len(tiles), 8)]
    images.save(folder / f"{stem}-faces.png", viz.sheet(rows), generated=True)


def _say(text: str, any_made: bool) -> None:
    from s2f_utils.pictures import images

    print(f"{text}; {images.GENERATED_NOTE}" if any_made else text)
