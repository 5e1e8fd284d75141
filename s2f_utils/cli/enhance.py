"""The command `s2f enhance`: faces in photos restored, and pasted back."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from s2f_utils.cli import options
from s2f_utils.cli.options import each_picture, finish
from s2f_utils.runtime import counted

if TYPE_CHECKING:
    from s2f_utils.inference.enhance import Enhanced

EPILOG = """examples:
  s2f enhance old-photo.jpg
  s2f enhance old-photo.jpg --restorer gfpgan-1.4 --upscale 2     (349 MB are fetched the first time)
  s2f enhance runs/0001-pix2pix-demo/evaluation-val/outputs/deterministic --aligned --strength 0.5"""


def add(parsers: Any) -> argparse.ArgumentParser:
    enhance = options.command(
        parsers, "enhance", help="restore the faces of photos (GFPGAN and others)", epilog=EPILOG,
        description="Every face is found, turned upright, restored and pasted back; the rest of the photo stays as it"
        " is.\nThe detail that appears is invented: likely, not true.",
    )  # fmt: skip
    enhance.add_argument("inputs", nargs="+", metavar="PHOTO", help="pictures or folders of pictures")
    enhance.add_argument(
        "--restorer", default="auto", metavar="NAME|RUN|FILE",
        help="auto (default): gfpgan-1.4 where its file is here, else ours, restorer-256; or gfpgan-1.2, gfpgan-1.3,"
        " restoreformer, codeformer, a run of 's2f train restore', or a file",
    )  # fmt: skip
    options.add_out(enhance, "enhanced")
    enhance.add_argument(
        "--strength", type=float, default=1.0, help="0: the photo as it is, 1 (default): as much as can be invented"
    )
    enhance.add_argument(
        "--upscale", type=int, default=1, choices=[1, 2, 3, 4], help="1 (default), 2, 3 or 4 times as large"
    )
    enhance.add_argument(
        "--background",
        default="lanczos",
        choices=["lanczos", "realesrgan"],
        help="what enlarges the rest: lanczos (default) or realesrgan",
    )
    enhance.add_argument(
        "--aligned",
        action="store_true",
        help="each picture is one upright face that fills it, as a model's outputs are",
    )
    enhance.add_argument("--largest", action="store_true", help="restore the largest face only")
    enhance.add_argument("--faces", action="store_true", help="also write each face before and after")
    enhance.add_argument("--seed", type=int, default=0, help="of the noise that detail is painted with (default: 0)")
    options.add_device(enhance)
    options.add_engine(enhance)
    enhance.add_argument(
        "--precision", default="float32", choices=["float32", "auto"], help="auto: half on GPUs, float32 where it fails"
    )
    return enhance


def run(args: argparse.Namespace) -> int:
    """`s2f enhance`: a photo that cannot be used is reported and left out."""
    from s2f_utils.inference import find_pictures, restorers
    from s2f_utils.inference.enhance import enhance
    from s2f_utils.pictures import images

    options.check_seed(args)
    options.check_range(args, "strength", 0, 1, (" (the photo)", " (invented detail)"))
    options.check_out(args, args.inputs, "photos")
    paths = find_pictures(args.inputs)
    restorer = restorers.load(args.restorer, args.device, args.precision, engine=args.engine)
    num_faces = 0

    def work(path: Path) -> None:
        nonlocal num_faces
        done = enhance(
            images.load_any(path), restorer, strength=args.strength, largest_only=args.largest, upscale=args.upscale,
            background=args.background, aligned=args.aligned, seed=args.seed,
        )  # fmt: skip
        num_faces += len(done.faces)
        _write(args, path.stem, done, restorer.name)

    bad = each_picture(paths, work, "enhancing", "photo", (ValueError, restorers.RestoreError))
    how = f"by {restorer.name}, {num_faces} faces"
    return finish(
        f"{len(paths) - bad} of {counted(len(paths), 'photo')} enhanced into {args.out} {how}", len(paths), bad
    )


def _write(args: argparse.Namespace, stem: str, done: Enhanced, restorer: str) -> None:
    """The photo as a PNG and, if asked for, each face before and after; nothing is overwritten."""
    from s2f_utils.pictures import images
    from s2f_utils.runtime import free_stem

    sides = {}
    for n, face in enumerate(done.faces if args.faces else ()):
        sides |= {f"face-{n}-before": face.before, f"face-{n}-after": face.after}
    out = Path(args.out)
    stem = free_stem(out, stem, [f"-{name}.png" for name in ("enhanced", *sides)])
    for name, side in sides.items():
        images.save(out / f"{stem}-{name}.png", side, generated=name.endswith("after"))
    images.save(out / f"{stem}-enhanced.png", done.image, generated=True, notes={"restorer": restorer})
