"""The command `s2f weights`: the weights that there are, and fetching them."""

from __future__ import annotations

import argparse
from typing import Any

from s2f_utils.cli import options


def add(parsers: Any) -> argparse.ArgumentParser:
    """Add the command to the others."""
    weights = options.command(
        parsers, "weights", help="list or fetch the weights that some metrics and models need",
        description="Without a name, list the weights and whether they are here. With names, fetch them.",
    )  # fmt: skip
    weights.add_argument("names", nargs="*", metavar="NAME", help="name of weights, or all that metrics need")
    return weights


def run(args: argparse.Namespace) -> int:
    """`s2f weights`."""
    from s2f_utils import weights

    if not args.names:
        return _list()
    of_metrics = [name for name, entry in weights.WEIGHTS.items() if entry.use == "metric"]
    names = of_metrics if args.names == ["all"] else args.names
    for name in names:
        if not weights.shipped(name):
            weights.entry_of(name)
    for name in names:
        print(f"{name}: {weights.shipped(name) or weights.get(name)}")
    return 0


def _list() -> int:
    from s2f_utils import weights

    for name, what in {**weights.SHIPPED, **weights.SHIPPED_RESTORERS}.items():
        path = weights.shipped(name)
        where = f"{path.stat().st_size / 1e6:.1f} MB; {path}" if path.is_file() else "not in this version"
        print(f"{name}: {what}; MIT, comes with the project; {where}")
    for name, entry in weights.WEIGHTS.items():
        here = weights.find(name)
        print(f"{name}: {entry.what}; {entry.size / 1e6:.1f} MB; {entry.licence}; {here or 'not here'}")
    return 0
