"""The command line, `s2f`: every command is a function, whose parameters and docstring become its
flags and help.

It returns the exit status, or None for 0.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence

from cyclopts import App, CycloptsError, Parameter

from s2f_studio.cli.app import app
from s2f_studio.cli.doctor import doctor
from s2f_studio.cli.enhance import enhance
from s2f_studio.cli.evaluate import evaluate
from s2f_studio.cli.export import export
from s2f_studio.cli.faces import faces
from s2f_studio.cli.finetune import finetune
from s2f_studio.cli.leaderboard import leaderboard
from s2f_studio.cli.push import push
from s2f_studio.cli.train import train
from s2f_studio.cli.translate import translate
from s2f_studio.cli.weights import weights
from s2f_studio.refusal import is_for_a_user
from s2f_utils.runtime import READER_LEFT, discard_stdout

COMMANDS: tuple[Callable[..., int | None], ...] = (
    train,
    faces,
    enhance,
    evaluate,
    leaderboard,
    weights,
    doctor,
    translate,
    finetune,
    export,
    push,
    app,
)
EXAMPLES = """Examples:

    s2f translate drawing.jpg
    s2f train pix2pix --data data/my-pairs --profile demo
    s2f evaluate runs/0003-pix2pix-demo --data data/my-pairs
    s2f app

Data sets are made by 'python -m data_prep'; see its --help."""


def command_line() -> App:
    """The command line with all commands."""
    # A flag may be repeated: the last one counts.
    flags = Parameter(negative=(), show_default=_shown_default, allow_repeating=True)
    top = App(
        "s2f",
        help="Sketch to Face: from face sketches to photos.",
        help_epilogue=EXAMPLES,
        help_format="markdown",
        version_flags=(),
        default_parameter=flags,
        suppress_keyboard_interrupt=False,
    )
    for place, command in enumerate(COMMANDS):
        top.command(command, name=command.__name__, sort_key=place, help_epilogue="")
    return top


def _shown_default(value: object) -> str | None:
    return None if value is None or value is False or value == () else str(value)


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; every expected failure is one line on stderr and exit status 2.

    A failure that is not expected, and any with S2F_TRACEBACK=1, is raised.
    """
    argv = sys.argv[1:] if argv is None else list(argv)
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="replace")  # a file's encoding on Windows lacks arrows
    try:
        return _run(argv)
    except KeyboardInterrupt:
        print("s2f: interrupted; nothing is half written", file=sys.stderr)
        return 130
    except BrokenPipeError:  # such as head, which has read enough
        discard_stdout()
        return READER_LEFT
    except Exception as error:
        text = _explain(error)
        if text is None or os.environ.get("S2F_TRACEBACK") == "1":
            raise
        rank = os.environ.get("RANK", "0")  # as torchrun numbers its processes
        print(f"s2f: {'' if rank == '0' else f'rank {rank}: '}{text}", file=sys.stderr)
        return 2


def _run(argv: list[str]) -> int:
    # torchrun sets this name; clusters set WORLD_SIZE, too, where each process works alone.
    is_of_several = "TORCHELASTIC_RUN_ID" in os.environ and os.environ.get("WORLD_SIZE", "1") != "1"
    if is_of_several and argv[:1] != ["train"]:
        raise ValueError(f"{' '.join(argv[:1])} runs in one process: leave torchrun out")
    try:
        status = command_line()(
            argv, exit_on_error=False, print_error=False, result_action="return_value"
        )
    finally:
        sys.stdout.flush()  # here, where a reader that has left can still be answered
    return status or 0


def _explain(error: Exception) -> str | None:
    """One line for a failure that a person can do something about; None for a fault of ours."""
    from pydantic import ValidationError

    from s2f_utils.infer.request import Request
    from s2f_utils.runtime import of_command_line, what_to_do, what_to_install
    from s2f_utils.train import (
        MemoryFullError,
        NotSavedError,
        RunInUseError,
        TrainingDiverged,
        is_out_of_memory,
    )

    if isinstance(error, CycloptsError):
        if isinstance(error.__cause__, ValidationError):  # a request's
            return f"--{Request.explain(error.__cause__)}"
        return of_command_line(error, "s2f")
    if isinstance(error, NotSavedError):
        return error.strerror
    if isinstance(error, OSError) and error.errno is not None:
        return what_to_do(error)
    if isinstance(error, ImportError):
        return what_to_install(error)
    if isinstance(error, OSError | TrainingDiverged | MemoryFullError | RunInUseError):
        return str(error)
    if isinstance(error, ValueError) and is_for_a_user(error):
        return str(error)
    if is_out_of_memory(error):
        return "out of memory: use a smaller batch (--set batch_size=…) or size"
    return None
