"""Write tests/colab.txt from the list of packages that Colab publishes.

    python tools/colab_versions.py                                    # the newest list; needs a
    network python tools/colab_versions.py pip-freeze.gpu.txt --date 2026-08-19

Of Colab's packages those are taken that this project, with the extras that notebooks meet, or a
package that it needs
asks for: what uv.lock names. Colab's builds of torch for one version of CUDA (+cu128) become the
version itself.
"""

from __future__ import annotations

import argparse
import datetime
import re
import sys
import tomllib
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
COLAB = ROOT / "tests" / "colab.txt"
PUBLISHED = "https://raw.githubusercontent.com/googlecolab/backend-info/main/pip-freeze.gpu.txt"
EXTRAS = (
    "train",
    "app",
    "hub",
    "tracking",
    "onnx",
    "notebooks",
)  # not those for working on the project
# Not in the lock, but beside what is: Colab's front end, what its cv2 folder holds, what notebooks
# show tables with.
BESIDE = ("notebook", "opencv-python", "opencv-contrib-python", "pandas", "pooch")
DRIVERS = re.compile(r"nvidia-|cuda-|triton$")  # come with torch's own build, which is not Colab's


def canonical(name: str) -> str:
    """A distribution's name as pip compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def needed(lock: dict, own: str = "sketch-to-face", extras: Iterable[str] = EXTRAS) -> set[str]:
    """The packages that `own` with its extras needs, directly or not: `lock` is uv.lock as tomllib
    reads it.
    """
    packages: dict[str, list[dict]] = {}
    for package in lock["package"]:
        packages.setdefault(package["name"], []).append(package)
    seen, waiting = set(), [(own, extra) for extra in ("", *extras)]
    while waiting:
        name, extra = asked = waiting.pop()
        if asked in seen:
            continue
        seen.add(asked)
        for package in packages[name]:
            found = (
                package.get("optional-dependencies", {}).get(extra, [])
                if extra
                else package.get("dependencies", [])
            )
            for entry in found:
                waiting += [(entry["name"], more) for more in ("", *entry.get("extra", []))]
    return {name for name, _ in seen} - {own}


def chosen(published: str, names: set[str]) -> list[str]:
    """The lines `name==version` of a list by `pip freeze` that are among `names`, by name."""
    pins = {}
    for line in published.splitlines():
        match = re.fullmatch(r"([\w.-]+)==([^\s+;]+)(?:\+[\w.]+)?", line.strip())
        if match and canonical(match[1]) in names and not DRIVERS.match(canonical(match[1])):
            pins[canonical(match[1])] = match[2]
    return [f"{name}=={version}" for name, version in sorted(pins.items())]


def text_of(pins: list[str], source: str, date: str) -> str:
    """tests/colab.txt."""
    return f"""\
# Colab's versions, as far as the package, what it needs, and the notebooks meet them (Python 3.13).
# Written by tools/colab_versions.py from {source}, published on {date}.
# `make test-all` installs them, runs every notebook with its set-up cell, and fails if one changes.
""" + "".join(f"{pin}\n" for pin in pins)


def read(source: str) -> str:
    """A list by its path or address."""
    if not source.startswith("https://"):
        return Path(source).read_text(encoding="utf-8")
    import requests

    answer = requests.get(source, timeout=30)
    answer.raise_for_status()
    return answer.text


def main(arguments: list[str] | None = None) -> int:
    """Command line; 0 when the file is written."""
    parser = argparse.ArgumentParser(prog="colab_versions", description=__doc__.partition("\n")[0])
    parser.add_argument(
        "list",
        nargs="?",
        default=PUBLISHED,
        help="path or https address (default: where Colab has it)",
    )
    parser.add_argument("--date", help="when it was published (default: today, for an address)")
    parser.add_argument("--out", default=COLAB, type=Path)
    options = parser.parse_args(arguments)
    if not options.date and not options.list.startswith("https://"):
        parser.error("--date: say when the list was published")
    lock = tomllib.loads((ROOT / "uv.lock").read_text(encoding="utf-8"))
    try:
        pins = chosen(read(options.list), needed(lock) | set(BESIDE))
    except OSError as error:
        print(f"colab_versions: {options.list} cannot be read: {error}", file=sys.stderr)
        return 1
    if not any(pin.startswith("torch==") for pin in pins):
        print(
            f"colab_versions: {options.list} is no list of Colab's packages: torch is not in it",
            file=sys.stderr,
        )
        return 1
    source = options.list if options.list.startswith("https://") else Path(options.list).name
    date = options.date or datetime.date.today().isoformat()
    options.out.write_text(text_of(pins, source, date), encoding="utf-8", newline="\n")
    print(f"{options.out}: {len(pins)} packages")
    return 0


if __name__ == "__main__":
    sys.exit(main())
