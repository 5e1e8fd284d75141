"""What several commands share: options, declared once and checked once, and the way from picture to picture."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

# Written out here, where the library has them, too: asking for help must not load torch (a test compares them).
DIRECTIONS = ("sketch-to-photo", "photo-to-sketch")
MODES = ("deterministic", "paper")
ENGINES = ("auto", "torch", "onnx")


def command(parsers: Any, name: str, **texts: str) -> argparse.ArgumentParser:
    """Add a command to the others; its description and its examples keep their lines."""
    return parsers.add_parser(name, formatter_class=argparse.RawDescriptionHelpFormatter, **texts)


def add_device(parser: argparse.ArgumentParser) -> None:
    """Add --device."""
    parser.add_argument("--device", default="auto", help="auto (default), cuda, mps or cpu")


def add_engine(parser: argparse.ArgumentParser) -> None:
    """Add --engine, what runs the networks."""
    parser.add_argument(
        "--engine", choices=ENGINES, default="auto",
        help="what runs the networks: torch; onnx, which needs no PyTorch; auto (default): on a CPU the faster one",
    )  # fmt: skip


def add_out(parser: argparse.ArgumentParser, default: str) -> None:
    """Add --out, the folder that pictures are written into."""
    parser.add_argument("--out", default=default, metavar="DIR", help=f"folder for the PNGs (default: {default})")


def add_pairs(parser: argparse.ArgumentParser) -> None:
    """Add --data, the pairs that models are scored on."""
    parser.add_argument("--data", required=True, metavar="DIR", help="folder with a manifest.csv")


def add_seen(parser: Any) -> None:
    """Add --seen, to score what a model has seen."""
    parser.add_argument(
        "--seen", action="store_true", help="score a model that has seen some of the pairs all the same, and mark it"
    )


def add_direction(parser: Any, more: str = "") -> None:
    """Add --direction of a model that does not say it by itself."""
    parser.add_argument(
        "--direction", choices=DIRECTIONS,
        help=f"of a CycleGAN: which of its two generators, or which way a published file goes{more}",
    )  # fmt: skip


def add_mode(parser: Any, **options: Any) -> None:
    """Add --mode, how a network of pix2pix answers."""
    text = "deterministic (default), or paper: the test image's own statistics and live dropout"
    parser.add_argument("--mode", choices=MODES, help=text, **options)


def check_range(
    args: argparse.Namespace, name: str, least: float, most: float, means: tuple[str, str] = ("", "")
) -> None:
    """Raise ValueError where the option was given and lies outside of [least, most]; `means`: what these two are."""
    value = getattr(args, name)
    if value is not None and not least <= value <= most:
        ends = " to ".join(f"{end}{what}" for end, what in zip((least, most), means, strict=True))
        raise ValueError(f"--{name} must be from {ends}, got {value:{'g' if isinstance(value, float) else ''}}")


def check_seed(args: argparse.Namespace) -> None:
    """Raise ValueError for a --seed that torch does not take on every device."""
    check_range(args, "seed", 0, 2**31 - 1)


def check_out(args: argparse.Namespace, inputs: Sequence[str], what: str) -> None:
    """Raise ValueError where --out cannot be a folder, or is the one of the pictures; `what`: their name."""
    out = Path(args.out)
    if not args.out or any(place.exists() and not place.is_dir() for place in (out, *out.parents)):
        raise ValueError(f"--out {args.out!r}: is a file, or below one, or nothing: name a folder")
    if any(Path(item).is_dir() and Path(item).resolve() == out.resolve() for item in inputs):
        raise ValueError(f"--out {args.out!r}: is the folder of the {what}: name another folder for the results")


def metric_names(text: str) -> tuple[str, ...]:
    """ "ssim,psnr" → ("ssim", "psnr"); groups such as "all" or "sets" stand for several."""
    from s2f_utils import metrics

    groups = {name: metrics.group(name) for name in metrics.GROUPS}
    names = [n for part in text.split(",") if part.strip() for n in groups.get(part.strip(), (part.strip(),))]
    unknown = [name for name in names if name not in metrics.METRICS]
    if unknown or not names:
        raise ValueError(f"--metrics {text!r}: the metrics are {', '.join((*groups['all'], *groups['sets'], *groups))}")
    return tuple(dict.fromkeys(names))


def each_picture(
    paths: Sequence[Path],
    work: Callable[[Path], None],
    doing: str,
    unit: str,
    refusals: tuple[type[Exception], ...] = (ValueError,),
) -> int:
    """Let `work` deal with every path; one that it refuses is said and left out. Returns how many were.

    doing, unit: of the progress bar. refusals: the errors that mean that a picture cannot be used.
    """
    from tqdm.auto import tqdm

    bad = 0
    for path in tqdm(paths, desc=doing, unit=unit, disable=len(paths) < 2):
        try:
            work(path)
        except refusals as error:
            bad += 1
            named = "" if str(error).startswith(str(path)) else f"{path.name}: "
            warn(f"left out: {named}{error}")
    return bad


def warn(text: str) -> None:
    """A line on stderr, above the progress bar if there is one."""
    from tqdm.auto import tqdm

    tqdm.write(f"s2f: {text}", file=sys.stderr)


def finish(text: str, num: int, bad: int = 0) -> int:
    """Print what was done, with the note that it is generated; the exit status: 0, 1 for some left out, 2 for all."""
    from s2f_utils.pictures import images

    print(f"{text}; {images.GENERATED_NOTE}" if bad < num else text)
    return 0 if bad == 0 else (2 if bad == num else 1)
