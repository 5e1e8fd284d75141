"""The commands of `s2f`, by name; packages beside this one add theirs (`extensions`).

Each is a function: its typed parameters are the arguments and flags, its docstring is the help, and it returns the exit
status, or None for 0.
"""

from __future__ import annotations

from collections.abc import Callable

from s2f_utils.cli.doctor import doctor
from s2f_utils.cli.enhance import enhance
from s2f_utils.cli.evaluate import evaluate
from s2f_utils.cli.faces import faces
from s2f_utils.cli.leaderboard import leaderboard
from s2f_utils.cli.plot import plot
from s2f_utils.cli.train import train
from s2f_utils.cli.weights import weights

COMMANDS: dict[str, Callable[..., int | None]] = {
    command.__name__: command for command in (train, faces, enhance, evaluate, leaderboard, plot, weights, doctor)
}
