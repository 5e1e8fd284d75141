"""What several commands share: the types of their flags, and the way from picture to picture."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter
from cyclopts.validators import Number

from s2f_studio.refusal import is_for_a_user
from s2f_utils.infer.request import MAX_SEED, MODES
from s2f_utils.networks.info import DIRECTIONS
from s2f_utils.runtime import ENGINES


def between(least: float, most: float) -> Parameter:
    """Of a number: it is refused where it lies outside of [least, most]."""
    return Parameter(validator=Number(gte=least, lte=most))


Share = Annotated[float, between(0, 1)]
Seed = Annotated[int, between(0, MAX_SEED)]
Device = Annotated[str, Parameter(help="auto, cuda, mps or cpu")]
Engine = Annotated[
    Literal[ENGINES],
    Parameter(
        help="what runs the networks: torch; onnx, which needs no PyTorch; auto: on a CPU the"
        " faster one"
    ),
]
Mode = Annotated[
    Literal[MODES],
    Parameter(
        help="deterministic (default), or paper: the test image's own statistics and live dropout"
    ),
]
Direction = Annotated[
    Literal[DIRECTIONS],
    Parameter(
        help="of a CycleGAN: which of its generators; of a published file: which way it goes"
    ),
]
Data = Annotated[Path, Parameter(help="folder with a manifest.csv, or the file itself")]
Out = Annotated[Path, Parameter(help="folder for the PNGs")]


def check_out(out: Path, inputs: Sequence[str], what: str) -> None:
    """Raise ValueError where `out` is the folder of the pictures; `what`: their name."""
    if any(Path(item).is_dir() and Path(item).resolve() == out.resolve() for item in inputs):
        raise ValueError(
            f"--out {str(out)!r}: is the folder of the {what}: name another folder for the results"
        )


def metric_names(text: str) -> tuple[str, ...]:
    """ "ssim,psnr" → ("ssim", "psnr"); groups such as "all" or "sets" stand for several."""
    from s2f_utils import metrics

    groups = {name: metrics.group(name) for name in metrics.GROUPS}
    names = []
    for part in filter(None, map(str.strip, text.split(","))):
        names += groups.get(part, [part])
    unknown = [name for name in names if name not in metrics.METRICS]
    if unknown or not names:
        known = ", ".join((*groups["all"], *groups["sets"], *groups))
        raise ValueError(f"--metrics {text!r}: the metrics are {known}")
    return tuple(dict.fromkeys(names))


def each_picture(
    paths: Sequence[Path], work: Callable[[Path], None], done: str, unit: str = "picture"
) -> int:
    """Let `work` deal with every path, and print how many are `done`; one that it refuses is
    reported and left out.

    Returns the exit status: 0, 1 where some were left out, 2 where all were.
    """
    from tqdm.auto import tqdm

    from s2f_utils.pictures import images
    from s2f_utils.runtime import counted

    bad = 0
    for path in tqdm(paths, unit=unit, disable=len(paths) < 2):
        try:
            work(path)
        except ValueError as error:
            if not is_for_a_user(error):
                raise
            bad += 1
            named = "" if str(error).startswith(str(path)) else f"{path.name}: "
            warn(f"left out: {named}{error}")
    note = f"; {images.GENERATED_NOTE}" if bad < len(paths) else ""
    print(f"{len(paths) - bad} of {counted(len(paths), unit)} {done}{note}")
    if not bad:
        return 0
    return 2 if bad == len(paths) else 1


def warn(text: str) -> None:
    """A line on stderr, above the progress bar if there is one."""
    from tqdm.auto import tqdm

    tqdm.write(f"s2f: {text}", file=sys.stderr)
