"""The commands of `s2f`, by name; packages beside this one add theirs (`extensions`).

Each is a module with add(parsers), which adds the command to the others and returns its parser, and run(args), which
returns its exit status.
"""

from __future__ import annotations

from types import ModuleType

from s2f_utils.cli import doctor, enhance, evaluate, faces, leaderboard, plot, train, weights

COMMANDS: dict[str, ModuleType] = {
    "train": train,
    "faces": faces,
    "enhance": enhance,
    "evaluate": evaluate,
    "leaderboard": leaderboard,
    "plot": plot,
    "weights": weights,
    "doctor": doctor,
}
