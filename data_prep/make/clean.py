"""A folder of photographed or scanned drawings, cleaned up into a folder of PNGs."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from data_prep import files
from data_prep.errors import DataPrepError, printable
from data_prep.layouts import names
from data_prep.layouts.gather import fingerprint
from data_prep.layouts.tree import scan
from data_prep.make.parallel import Workers, check_workers, run_jobs
from data_prep.make.recipe import load
from data_prep.make.write import SETTINGS, settings_in
from data_prep.messages import say, warn_some
from s2f_studio.drawings import cleanup
from s2f_utils import runtime
from s2f_utils.pictures import images


def clean_file(source: str, target: str, strength: float) -> str:
    """Clean one drawing into the file `target`; returns "" or, when it is unusable, the reason."""
    try:
        cleaned = cleanup.clean(load(source), strength=strength)
    except images.ImageError as error:
        return printable(error)
    except Exception as error:  # one strange drawing must not end the run
        if files.is_passing(error):
            raise
        return printable(f"{source}: could not be cleaned ({type(error).__name__}: {error})")
    images.save(target, cleaned.image)
    return ""


def clean_drawings(
    src: str | os.PathLike,
    out: str | os.PathLike,
    *,
    strength: float = 1.0,
    workers: Workers = None,
    dry_run: bool = False,
    progress: bool = True,
) -> list[Path]:
    """Clean every picture of `src` (a folder or a zip archive) into `out`, as grey PNGs; names that
    repeat get their folders before.

    strength: as in `cleanup.clean`. Pictures that are in `out` already are passed over, so that an
    interrupted call goes on. A picture that cannot be read is reported and left out. Returns the
    files.

    Raises DataPrepError for impossible options or a folder that holds something else, OSError when
    the disk is full or may not be written.
    """
    check_workers(workers)
    if not 0.25 <= strength <= 4:
        raise DataPrepError(f"--strength must be from 0.25 to 4, got {strength:g}")
    out, tree = Path(out), scan(src)
    if out.resolve().is_relative_to(tree.root):
        raise DataPrepError(
            f"{printable(out)}: lies in the source folder: choose a folder outside of it"
        )
    ids = names.unique_ids([p.stem for p in tree.pictures], [p.folder for p in tree.pictures])
    targets = [out / f"{name}.png" for name in ids]
    digest = fingerprint((picture, "") for picture in tree.pictures)
    _check_settings(
        out, {"strength": strength, "source": printable(tree.root), "digest": digest}, dry_run
    )
    todo = [n for n, target in enumerate(targets) if not target.is_file()]
    already = len(targets) - len(todo)
    say(
        f"{printable(tree.given)}: {len(targets)} drawings, {already} cleaned already",
        progress or dry_run,
    )
    if dry_run:
        return targets
    jobs = [(str(tree.pictures[n].path), str(targets[n]), strength) for n in todo]
    how = {"workers": workers, "progress": progress, "done": already, "unit": "drawing"}
    reasons = run_jobs(clean_file, jobs, **how)
    broken = {todo[n]: reason for n, reason in reasons.items() if reason}
    warn_some(list(broken.values()), "left out: ")
    if len(broken) == len(targets):
        raise DataPrepError(f"no usable drawing among {len(targets)}")
    say(
        f"{len(targets) - len(broken)} drawings cleaned into {printable(out)}, {len(broken)} left out",
        progress,
    )
    return [target for n, target in enumerate(targets) if n not in broken]


def _check_settings(out: Path, settings: dict[str, Any], dry_run: bool) -> None:
    """Remember which drawings are in a folder, and how they were cleaned, so that they are not
    mixed with others.
    """
    path = out / SETTINGS
    if path.is_file():
        before = settings | settings_in(path)  # an older one does not say of which folder
        if before != settings:
            then = ", before they were changed" if before["digest"] != settings["digest"] else ""
            of = f"drawings of {before['source']}, cleaned with strength {before['strength']}{then}"
            raise DataPrepError(f"{printable(out)}: holds {of}: choose another folder")
    elif out.is_dir() and any(out.iterdir()):
        raise DataPrepError(
            f"{printable(out)}: not empty and not made by 'clean': choose a new folder"
        )
    elif not dry_run:
        runtime.write_json(path, settings)
    for leftover in out.glob(".*.part") if out.is_dir() and not dry_run else ():
        leftover.unlink(missing_ok=True)
