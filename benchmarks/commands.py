"""How long `make demo` and `make test` take: `python benchmarks/commands.py [TARGET…]`, in a fresh clone after
`make setup`, on a quiet machine (half an hour on two cores).

Writes results/commands.json; what other calls measured stays. A target that fails is not written.
"""

from __future__ import annotations

import argparse
import subprocess
import time

import common

TARGETS = ("demo", "test")


def timed(target: str) -> dict:
    """Run a target of the Makefile; how long it took. SystemExit where it fails."""
    is_fresh = not (common.ROOT / "data").exists() and not (common.ROOT / "runs").exists()
    began = time.monotonic()
    status = subprocess.run(["make", "-C", str(common.ROOT), target]).returncode
    if status:
        raise SystemExit(f"make {target} failed with exit status {status}: nothing was written")
    return {"seconds": round(time.monotonic() - began, 1), "fresh_clone": is_fresh}


def main(arguments: list[str] | None = None) -> None:
    """Time the targets one after the other, write results/commands.json."""
    parser = argparse.ArgumentParser(prog="commands", description=__doc__.partition("\n")[0])
    parser.add_argument("targets", nargs="*", default=TARGETS, help=f"of the Makefile (default: {' '.join(TARGETS)})")
    for target in parser.parse_args(arguments).targets:
        row = common.new(timed(target) | {"machine": common.runtime.machine_facts()})
        common.write("commands", common.written("commands") | {f"make {target}": row})


def took(value: str | dict) -> str:
    """A time in words. Text was taken with a watch, before this script did it."""
    if isinstance(value, str):
        return f"{value}; by a watch"
    minutes, seconds = divmod(round(value["seconds"]), 60)
    where = ", in a fresh clone" if value["fresh_clone"] else ""
    return f"{minutes} min {seconds} s{where} ({common.machine_of(value)})"


def table(found: dict) -> str:
    """Each command and its time."""
    rows = [[f"`{name}`", took(value)] for name, value in found["results"].items()]
    return f"Commands, after installation ({common.machine_of(found)}):\n\n" + common.markdown(
        ["command", "time"], rows
    )


TABLES = {"bench": table}


if __name__ == "__main__":
    main()
