"""The command `s2f weights`: the weights that there are, and fetching them."""

from __future__ import annotations

import argparse
from typing import Any

from s2f_utils.cli import options


def add(parsers: Any) -> argparse.ArgumentParser:
    weights = options.command(
        parsers, "weights", help="list or fetch the weights that some metrics and models need; publish your own",
        description="Without a name, list the weights and whether they are here. With names, fetch them.",
    )  # fmt: skip
    weights.add_argument("names", nargs="*", metavar="NAME", help="name of weights, or all that metrics need")
    weights.add_argument(
        "--publish", nargs=2, metavar=("MODEL", "FILE"),
        help="copy your own model (a run or file) to FILE (.safetensors), without the hashes of its training pictures",
    )  # fmt: skip
    return weights


def run(args: argparse.Namespace) -> int:
    from s2f_utils import weights

    if args.publish:
        return _publish(*args.publish)
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


def _publish(model: str, target: str) -> int:
    from s2f_utils.inference import find_generator
    from s2f_utils.models import checkpoints

    print(f"model: {checkpoints.publish(find_generator(model), target)}")
    return 0


def _list() -> int:
    from s2f_utils import weights

    for name, what in {**weights.SHIPPED, **weights.SHIPPED_RESTORERS, **weights.FINDERS}.items():
        path = weights.shipped(name)
        where = f"{path.stat().st_size / 1e6:.1f} MB; {path}" if path.is_file() else "not in this version"
        print(f"{name}: {what}; MIT, comes with the project; {where}")
    for name, entry in weights.WEIGHTS.items():
        here = weights.find(name)
        print(f"{name}: {entry.what}; {entry.size / 1e6:.1f} MB; {entry.licence}; {here or 'not here'}")
    return 0
