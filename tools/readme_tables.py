"""Write the tables of README.md and docs/ from benchmarks/results/*.json, between their markers:
`make tables`.

A benchmark renders its own tables (`TABLES` in its script); here they are put in place. `--check`
changes nothing and fails when a file does not say what the results say.
"""

from __future__ import annotations

import argparse
import importlib
import json
import re
import sys
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BENCHMARKS = ROOT / "benchmarks"
RESULTS = BENCHMARKS / "results"
FILES = ("README.md", *sorted(f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md")))
# The scripts with tables; those that share a marker stand there in this order.
SCRIPTS = (
    "train_speed",
    "commands",
    "leaderboard_cuhk",
    "lessons",
    "lesson_maps",
    "restorers",
    "faces",
    "answer_speed",
    "app_load",
)
OVER = ("faces_found",)  # results that begin with a script's name and are not its own
MARKED = re.compile(r"<!-- (?P<name>[\w-]+):start -->.*?<!-- (?P=name):end -->", re.DOTALL)


def tables(results: Path = RESULTS) -> dict[str, str]:
    """{marker: what stands there}, from SCRIPT.json, and SCRIPT_*.json where a script measures
    several things.
    """
    parts: dict[str, list[str]] = {}
    if str(BENCHMARKS) not in sys.path:
        sys.path.insert(0, str(BENCHMARKS))
    for script in SCRIPTS:
        module = importlib.import_module(script)
        paths = (results / f"{script}.json", *sorted(results.glob(f"{script}_*.json")))
        own = (path for path in paths if path.stem not in OVER)
        found = [json.loads(path.read_text(encoding="utf-8")) for path in own if path.exists()]
        for marker, render in module.TABLES.items():
            parts.setdefault(marker, []).extend(render(one) for one in found)
    return {marker: "\n\n".join(texts) or "Not measured yet." for marker, texts in parts.items()}


def filled(text: str, made: Mapping[str, str]) -> str:
    """A file's text with the tables that it has markers for."""

    def put(match: re.Match[str]) -> str:
        name = match["name"]
        return (
            f"<!-- {name}:start -->\n\n{made[name]}\n\n<!-- {name}:end -->"
            if name in made
            else match[0]
        )

    return MARKED.sub(put, text)


def placed(texts: Mapping[str, str], made: Mapping[str, str]) -> dict[str, str]:
    """All files' texts, {name: text}, with their tables. Raises ValueError for a table that has no
    place, or two.
    """
    places = [match["name"] for text in texts.values() for match in MARKED.finditer(text)]
    for name in made:
        if places.count(name) != 1:
            markers = f"<!-- {name}:start --> … <!-- {name}:end -->"
            raise ValueError(
                f"{markers} must stand in one file, got {places.count(name)}: {', '.join(texts)}"
            )
    return {file: filled(text, made) for file, text in texts.items()}


def main(arguments: list[str] | None = None) -> int:
    """Command line; 0 when the files say what the results say."""
    parser = argparse.ArgumentParser(prog="readme_tables", description=__doc__.partition("\n")[0])
    parser.add_argument(
        "--check", action="store_true", help="change nothing; exit status 1 when out of date"
    )
    options = parser.parse_args(arguments)
    before = {file: (ROOT / file).read_text(encoding="utf-8") for file in FILES}
    after = placed(before, tables())
    stale = [file for file in FILES if before[file] != after[file]]
    for file in stale:
        if options.check:
            print(f"{file} is out of date: run 'make tables'")
        else:
            (ROOT / file).write_text(after[file], encoding="utf-8")
    return int(options.check and bool(stale))


if __name__ == "__main__":
    sys.exit(main())
