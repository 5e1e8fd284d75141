"""The command `s2f enhance`: faces in photos restored, and pasted back."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

EPILOG = """examples:
  s2f enhance old-photo.jpg
  s2f enhance old-photo.jpg --restorer gfpgan-1.4 --upscale 2     (349 MB are fetched the first time)
  s2f enhance runs/0001-pix2pix-demo/evaluation/outputs/deterministic --aligned --strength 0.5"""


def add_parser(commands: Any) -> None:
    """Add the command to the others."""
    enhance = commands.add_parser(
        "enhance", help="restore the faces of photos (GFPGAN and others)", epilog=EPILOG,
        description="Every face is found, turned upright, restored and pasted back; the rest of the photo stays as it"
        " is.\nThe detail that appears is invented: likely, not true.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    enhance.add_argument("inputs", nargs="+", metavar="PHOTO", help="pictures or folders of pictures")
    enhance.add_argument(
        "--restorer", default="auto", metavar="NAME|RUN|FILE",
        help="auto (default): gfpgan-1.4 where its file is here, else ours, restorer-256; or gfpgan-1.2, gfpgan-1.3,"
        " restoreformer, codeformer, a run of 's2f train restore', or a file",
    )  # fmt: skip
    enhance.add_argument("--out", default="enhanced", metavar="DIR", help="folder for the PNGs (default: enhanced)")
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
    enhance.add_argument("--device", default="auto", help="auto (default), cuda, mps or cpu")
    enhance.add_argument(
        "--precision", default="float32", choices=["float32", "auto"], help="auto: half on GPUs, float32 where it fails"
    )


def run(args: argparse.Namespace) -> int:
    """`s2f enhance`: a photo that cannot be used is reported and left out."""
    from tqdm.auto import tqdm

    from s2f_utils.inference import restorers
    from s2f_utils.inference.enhance import enhance
    from s2f_utils.inference.translate import free_stem
    from s2f_utils.inference.translator import find_pictures
    from s2f_utils.pictures import images

    if not 0 <= args.seed < 2**31:
        raise ValueError(f"--seed must be from 0 to {2**31 - 1}, got {args.seed}")
    if not 0 <= args.strength <= 1:
        raise ValueError(f"--strength must be from 0 (the photo) to 1 (invented detail), got {args.strength:g}")
    out = Path(args.out)
    if not args.out or any(place.exists() and not place.is_dir() for place in (out, *out.parents)):
        raise ValueError(f"--out {args.out!r}: is a file, or below one, or nothing: name a folder")
    if any(Path(item).is_dir() and Path(item).resolve() == out.resolve() for item in args.inputs):
        raise ValueError(f"--out {args.out!r}: is the folder of the photos: name another folder for the results")
    paths = find_pictures(args.inputs)
    restorer = restorers.load(args.restorer, args.device, args.precision)
    options = {"upscale": args.upscale, "background": args.background, "aligned": args.aligned, "seed": args.seed}
    bad = num_faces = 0
    for path in tqdm(paths, desc="enhancing", unit="photo", disable=len(paths) < 2):
        try:
            photo = images.load_any(path)
            done = enhance(photo, restorer, strength=args.strength, largest_only=args.largest, **options)
        except (ValueError, restorers.RestoreError) as error:
            bad += 1
            named = "" if str(error).startswith(str(path)) else f"{path.name}: "
            tqdm.write(f"s2f: left out: {named}{error}", file=sys.stderr)
            continue
        num_faces += len(done.faces)
        sides = [f"face-{n}-{side}" for n in range(len(done.faces)) for side in ("before", "after") if args.faces]
        stem = free_stem(out, path.stem, ["enhanced", *sides])
        for name, side in zip(sides, (s for face in done.faces for s in (face.before, face.after)), strict=False):
            images.save(out / f"{stem}-{name}.png", side, generated=name.endswith("after"))
        images.save(out / f"{stem}-enhanced.png", done.image, generated=True, notes={"restorer": restorer.name})
    note = f"; {images.GENERATED_NOTE}" if bad < len(paths) else ""
    print(
        f"{len(paths) - bad} of {len(paths)} photos enhanced into {args.out} by {restorer.name}, {num_faces} faces"
        f"{note}"
    )
    return 0 if bad == 0 else (2 if bad == len(paths) else 1)
