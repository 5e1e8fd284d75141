"""Picture after picture: what translate, faces and enhance do alike."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path


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
