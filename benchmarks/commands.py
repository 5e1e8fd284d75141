"""Times of the commands of the README: taken with a watch in a fresh clone, and written into results/commands.json."""

from __future__ import annotations

import common


def table(found: dict) -> str:
    """Each command and its time."""
    rows = [[f"`{name}`", value] for name, value in found["results"].items()]
    return f"Commands, after installation ({common.machine_of(found)}):\n\n" + common.markdown(
        ["command", "time"], rows
    )


TABLES = {"bench": table}
