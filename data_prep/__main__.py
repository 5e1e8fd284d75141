"""The command line, `python -m data_prep`: every command is a function, whose parameters and
docstring become its flags and help.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from cyclopts import App, CycloptsError, Group, Parameter

from data_prep.check.doctor import run_doctor
from data_prep.fetch.download import fetch_set
from data_prep.layouts import LAYOUTS, expected_trees
from data_prep.make.pair_set import make_pairs
from data_prep.make.people_set import STYLES, make_people
from data_prep.make.recipe import Layout, Photos, Recipe, Sketches, SketchSide
from data_prep.make.split import published
from data_prep.make.with_landmarks import add_landmarks
from data_prep.messages import printable
from s2f_utils.data import DataError
from s2f_utils.pictures import images
from s2f_utils.runtime import (
    READER_LEFT,
    discard_stdout,
    of_command_line,
    what_to_do,
    what_to_install,
)
from s2f_utils.weights import WeightsError

EXIT_ERROR, EXIT_STOPPED = 2, 130
EXAMPLES = """Examples:

    python -m data_prep people data/people --num 300 --sketches hand
    python -m data_prep pairs downloads/CUFS data/cufs
    python -m data_prep pairs my_pictures data/mine --sketches drawings --photos portraits
    python -m data_prep pairs PHOTOS data/mine --align face --style pencil --style xdog
    python -m data_prep doctor data/mine"""

RUN = Group("Running", sort_key=5)

Workers = Annotated[int | None, Parameter(group=RUN, help="processes (default: one a core)")]
Scheduler = Annotated[
    str | None,
    Parameter(
        group=RUN,
        help="the Dask cluster of this scheduler works instead: HOST:PORT, or its file (.json)",
    ),
]
SketchesOfPeople = Annotated[str, Parameter(help=f"their style: {', '.join(STYLES)}")]
DryRun = Annotated[bool, Parameter(group=RUN, help="say what would be done, write nothing")]


def _workers(workers: int | None, scheduler: str | None) -> int | str | None:
    if workers is not None and scheduler is not None:
        raise DataError("--workers and --scheduler exclude each other: give one of them")
    return workers if scheduler is None else scheduler


def pairs(
    *folders: Path,
    recipe: Recipe = Recipe(),  # noqa: B008 - frozen
    workers: Workers = None,
    scheduler: Scheduler = None,
    dry_run: DryRun = False,
) -> None:
    """Find the pairs in a folder, divide them by people, and write them as square pictures.

    Parameters
    ----------
    folders
        SRC ... OUT: folders with the pictures, several become one set (LAYOUT:SRC names the layout
        of one), and last the new folder for the data set
    """
    if len(folders) < 2:
        raise DataError("pairs needs SRC and OUT: folders with pictures, and a new folder")
    *sources, out = folders
    make_pairs(sources, out, recipe, workers=_workers(workers, scheduler), dry_run=dry_run)


def people(
    out: Path,
    *,
    num: int | None = None,
    size: int | None = None,
    sketches: SketchesOfPeople = "hand",
    degree: float | None = None,
    seed: int = 0,
    profile: str | None = None,
    workers: Workers = None,
    scheduler: Scheduler = None,
    dry_run: DryRun = False,
) -> None:
    """Write the generated people that come with the package: picture, sketch and label map, with
    what each shows. A tenth is for testing, a twentieth for validation.

    Parameters
    ----------
    out
        new folder for the data set
    num
        how many people (default: the profile's, at most all)
    size
        height and width in pixels (default: the profile's)
    degree
        of sketches by hand: from 0, a soft pencil portrait, to 1, an oval with dots (default: a
        random one for each)
    seed
        another seed, other sketches of the same people
    profile
        full, demo or fast: number and size (default: $S2F_PROFILE, else demo)
    """
    make_people(
        out,
        num,
        size,
        seed,
        sketches=sketches,
        degree=degree,
        profile=profile,
        workers=_workers(workers, scheduler),
        dry_run=dry_run,
    )


def landmarks(
    data: Path,
    out: Path,
    *,
    workers: Workers = None,
    scheduler: Scheduler = None,
    dry_run: DryRun = False,
) -> None:
    """Add landmarks to your own pairs, for `s2f finetune`.

    Parameters
    ----------
    data
        a data set that 'pairs' made, its faces aligned
    out
        new folder for the data set
    """
    add_landmarks(data, out, workers=_workers(workers, scheduler), dry_run=dry_run)


def doctor(
    data: Path,
    *,
    layout: Layout = None,
    sketches: Sketches = None,
    photos: Photos = None,
    sketch_side: SketchSide = "left",
    identity: str | None = None,
    fix: Path | None = None,
    drop_doubtful: bool = False,
    workers: Workers = None,
    scheduler: Scheduler = None,
    dry_run: DryRun = False,
) -> int:
    """Find what is wrong with a data set, or with a source as 'pairs' takes it. The exit code is 0
    when training may start, 1 when it should not, 2 for an error.

    Parameters
    ----------
    data
        data set, or folder with pictures
    identity
        which part of a photo's name is the person, as of 'pairs': people in two splits are found,
        and --fix divides by people
    fix
        write a mended copy of the set into this new folder
    drop_doubtful
        with --fix: also leave out pairs with any other finding
    """
    return run_doctor(
        data,
        layout=layout,
        sketches=sketches,
        photos=photos,
        sketch_side=sketch_side,
        identity=identity,
        fix=fix,
        drop_doubtful=drop_doubtful,
        workers=_workers(workers, scheduler),
        dry_run=dry_run,
    )


def download(
    name: str | None = None,
    out: Path | None = None,
    *,
    sets: list[str] | None = None,
    source: Annotated[Path | None, Parameter(name="--from")] = None,
    dry_run: bool = False,
) -> None:
    """Fetch a data set; its terms are shown first. Without a name, list them.

    Parameters
    ----------
    name
        name of the set
    out
        folder for it (default: data/raw/NAME)
    sets
        of open-portraits, this set; may be repeated
    source
        folder with open portraits (DIR/SET/FILE)
    dry_run
        show the terms and the page, fetch nothing
    """
    fetch_set(name, out, sets=sets, source=source, dry_run=dry_run)


COMMANDS = (pairs, people, landmarks, doctor, download)


def app() -> App:
    """The command line with all commands."""
    flags = Parameter(negative=(), allow_repeating=True, show_default=_shown_default)
    top = App(
        "data_prep",
        help="Raw pictures in, a data set out: photos, sketches, masks, and a manifest.csv, which"
        " is written last. A run that was stopped goes on when the same command is given again.",
        help_epilogue=EXAMPLES,
        help_format="markdown",
        version_flags=(),
        default_parameter=flags,
        suppress_keyboard_interrupt=False,
    )
    for place, function in enumerate(COMMANDS):
        epilogue = ""
        if function is pairs:
            trees = expected_trees().replace("\n", "\n    ")
            lists = ", ".join(published())
            epilogue = (
                f"Layouts (--layout {', '.join(LAYOUTS)}):\n\n    {trees}\n\nSplit lists: {lists}"
            )
        top.command(function, sort_key=place, help_epilogue=epilogue)
    return top


def _shown_default(value: object) -> str | None:
    return None if value in (None, False, ()) else str(value)


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; returns the exit code: 0, 1, 2 for an error (one line on stderr), 130 for
    Ctrl-C, or 141 where nobody reads stdout any more.
    """
    argv = sys.argv[1:] if argv is None else list(argv)
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="replace")  # a console may lack the letters of a name
    call = {"exit_on_error": False, "print_error": False, "result_action": "return_value"}
    try:
        try:
            return app()(argv, **call) or 0
        finally:
            sys.stdout.flush()  # here, where a reader that has left can still be answered
    except BrokenPipeError:  # such as head, which has read enough
        discard_stdout()
        return READER_LEFT
    except KeyboardInterrupt:
        begins_anew = "doctor" in argv
        goes_on = "" if begins_anew else ": the same command goes on where this one stopped"
        print(f"data_prep: stopped{goes_on}", file=sys.stderr)
        return EXIT_STOPPED
    except Exception as error:
        text = _explain(error)
        if text is None:
            raise
        print(f"data_prep: {text}", file=sys.stderr)
        return EXIT_ERROR


def _explain(error: Exception) -> str | None:
    """One line for a failure that a person can do something about; None for a fault of ours."""
    if isinstance(error, CycloptsError):
        return of_command_line(error, "python -m data_prep")
    if isinstance(error, DataError | images.ImageError | WeightsError):
        return str(error)
    if isinstance(error, OSError):
        return printable(what_to_do(error))
    if isinstance(error, ImportError):
        return what_to_install(error)
    if isinstance(error, MemoryError):
        return "not enough memory: close other programs, or give fewer --workers"
    return None


if __name__ == "__main__":
    raise SystemExit(main())
