"""How long commands take: `python benchmarks/commands.py [COMMAND…]`, after `make setup`, on a
quiet machine.

`demo` and `test` are the Makefile's, once, best in a fresh clone (half an hour on two cores);
"import s2f_utils" and "s2f --help" are medians of eleven processes. Writes results/commands.json;
what other calls measured stays. A command that fails is not written.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time

import common

ROUNDS = 11
SHORT = {
    "import s2f_utils": ["-c", "import s2f_utils"],
    "s2f --help": ["-c", "from s2f_utils.cli import main; main(['--help'])"],
}
USUAL = ("demo", "test", *SHORT)


def timed(target: str) -> dict:
    """Run a target of the Makefile; how long it took. SystemExit where it fails."""
    is_fresh = not (common.ROOT / "data").exists() and not (common.ROOT / "runs").exists()
    began = time.monotonic()
    status = subprocess.run(["make", "-C", str(common.ROOT), target]).returncode
    if status:
        raise SystemExit(f"make {target} failed with exit status {status}: nothing was written")
    return {"seconds": round(time.monotonic() - began, 1), "fresh_clone": is_fresh}


def median_of(arguments: list[str]) -> dict:
    """Run Python some times: the median, and that of an empty script beside it."""

    def process(*command: str) -> None:
        subprocess.run(
            [sys.executable, *command], check=True, stdout=subprocess.DEVNULL, cwd=common.ROOT
        )

    seconds: dict[str, list[float]] = {"whole": [], "python": []}
    for _ in range(ROUNDS):
        for name, command in {"whole": arguments, "python": ["-c", ""]}.items():
            began = time.perf_counter()
            process(*command)
            seconds[name].append(time.perf_counter() - began)
    whole, alone = (statistics.median(seconds[name]) for name in ("whole", "python"))
    return {"seconds": round(whole, 3), "of_it_python": round(alone, 3), "fresh_clone": False}


def main(arguments: list[str] | None = None) -> None:
    """Time the commands one after the other, write results/commands.json."""
    parser = argparse.ArgumentParser(prog="commands", description=__doc__.partition("\n")[0])
    parser.add_argument(
        "commands",
        nargs="*",
        default=USUAL,
        help=f"targets of the Makefile, or one of {', '.join(SHORT)}",
    )
    for command in parser.parse_args(arguments).commands:
        short = SHORT.get(command)
        name = command if short else f"make {command}"
        row = common.new(
            (median_of(short) if short else timed(command))
            | {"machine": common.runtime.machine_facts()}
        )
        common.write("commands", common.written("commands") | {name: row})


def took(value: str | dict) -> str:
    """A time in words. Text was taken with a watch, before this script did it."""
    if isinstance(value, str):
        return f"{value}; by a watch"
    if "of_it_python" in value:
        return f"{value['seconds']:.2f} s, {value['of_it_python']:.2f} s of it Python ({common.machine_of(value)})"
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
