"""Where every row of the tables comes from: `python tools/trace_tables.py [MARKER…]`.

For each table: its page, the results file, and when that was committed, which is not when it was measured, nor the
code that ran. For each row: the run behind it (method, seeds, images, league, settings), and commit, date and command
of the measuring. What the results do not say is "not noted".
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))

import readme_tables  # noqa: E402  (beside this file)

NOT_NOTED = "not noted"
TOLD = {"run", "training", "kind", "league", "seed", "images", "total_images"}  # of a run, in an entry of results
ABOUT = ("protocol", "data", "restorer", "setting")  # of a whole file


@dataclass(frozen=True)
class Row:
    """A row of a table: its first cells, the run behind it, and how it was measured."""

    label: str
    run: str
    measured: str


@dataclass(frozen=True)
class Table:
    """What one results file gives to one marker."""

    marker: str
    page: str
    file: str
    about: str
    committed: str
    rows: tuple[Row, ...]


def traces(results: Path = readme_tables.RESULTS) -> list[Table]:
    """Every table of README.md and docs/, a results file each. Raises ValueError where a script's `ROWS` do not fit its
    table.
    """
    pages = {file: (readme_tables.ROOT / file).read_text(encoding="utf-8") for file in readme_tables.FILES}
    found = []
    for script, module, paths in readme_tables.sources(results):
        for path in paths:
            content = json.loads(path.read_text(encoding="utf-8"))
            committed = committed_in(path)
            about = "; ".join(str(content["results"][name]) for name in ABOUT if name in content.get("results", {}))
            for marker, render in module.TABLES.items():
                entries = getattr(module, "ROWS", {}).get(marker)
                rows = tuple(rows_of(marker, script, content, render(content), entries))
                page = next((file for file, text in pages.items() if f"<!-- {marker}:start -->" in text), NOT_NOTED)
                found.append(Table(marker, page, path.name, about, committed, rows))
    return found


def rows_of(
    marker: str, script: str, content: Mapping[str, Any], rendered: str, entries: Callable | None
) -> Iterable[Row]:
    """A table's rows. entries: from the results to those behind each row; None where a row is what the script measures,
    and not a training.
    """
    labels = first_cells(rendered)
    behind = entries(content) if entries else [None] * len(labels)
    if len(behind) != len(labels):
        raise ValueError(f"{script}.ROWS[{marker!r}] tells of {len(behind)} rows, its table has {len(labels)}")
    own = "provenance" in json.dumps([*behind])  # of rows that are kept from earlier calls
    for label, of in zip(labels, behind, strict=True):
        told = [entry.get("provenance") for entry in of] if own and of else [content.get("provenance")]
        run = run_of(of) if of and TOLD & set(of[0]) else f"benchmarks/{script}.py"
        yield Row(label, run, " and ".join(dict.fromkeys(measured(one) for one in told)))


def first_cells(rendered: str) -> list[str]:
    """The first two cells of every row of Markdown's tables, without their heads."""
    lines, labels = rendered.splitlines(), []
    for number, line in enumerate(lines):
        is_head = number + 1 < len(lines) and lines[number + 1].startswith("| --- |")
        if line.startswith("| ") and not line.startswith("| --- |") and not is_head:
            cells = [cell.strip() for cell in line.strip("|").split(" | ")]
            labels.append(", ".join(cells[:2]))
    return labels


def run_of(entries: Sequence[Mapping[str, Any]]) -> str:
    """Method, seeds, images, league and settings of a row's runs."""
    first = entries[0]
    if first.get("kind") in ("control", "trivial") or first.get("league") == "none":
        return f"no training; league {first.get('league', NOT_NOTED)}"
    run, training = first.get("run", {}), first.get("training", {})
    images = (run.get("images"), training.get("images_seen"), first.get("images"), first.get("total_images"))
    facts = {
        "method": run.get("method") or training.get("method"),
        "seeds": ", ".join(sorted({str(e["seed"]) for e in entries if e.get("seed") is not None})),
        "images": next((one for one in images if one), None),
        "league": first.get("league"),
        "settings": json.dumps(run["settings"], ensure_ascii=False) if "settings" in run else None,
        "began with": run.get("began_with", None) if run.get("began_with") else ("nothing" if run else None),
        "code": run.get("code"),
    }
    copied = f"; copied from {first['copied_from']}" if "copied_from" in first else ""
    return "; ".join(f"{name} {value or NOT_NOTED}" for name, value in facts.items()) + copied


def measured(told: Mapping[str, Any] | None) -> str:
    """Commit, date and command of the measuring, in words."""
    if not told:
        return NOT_NOTED
    commit = told["commit"] or f"commit {NOT_NOTED}"
    return f"{commit}{' with changes' if told['dirty'] else ''}, {told['date']}, {told['command']}"


def committed_in(path: Path) -> str:
    """The commit in which a file was last written, and its date; "" where git cannot tell."""
    command = ["git", "-C", str(path.parent), "log", "-1", "--format=%h, %as", "--", path.name]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return ""


def told(tables: Iterable[Table]) -> str:
    """All of it as text."""
    lines = []
    for one in tables:
        lines += ["", f"{one.marker} in {one.page}: {one.file}{f' ({one.about})' if one.about else ''}"]
        lines.append(f"  results committed in {one.committed or NOT_NOTED}")
        for row in one.rows:
            lines += [f"  {row.label}", f"    run: {row.run}", f"    measured: {row.measured}"]
    return "\n".join(lines).lstrip("\n")


def main(arguments: list[str] | None = None) -> int:
    """Command line."""
    parser = argparse.ArgumentParser(prog="trace_tables", description=__doc__.partition("\n")[0])
    parser.add_argument("markers", nargs="*", metavar="MARKER", help="of the tables, such as quality; default: all")
    options = parser.parse_args(arguments)
    found = traces()
    if unknown := set(options.markers) - {one.marker for one in found}:
        parser.error(f"no such table: {', '.join(sorted(unknown))}; there are {', '.join(t.marker for t in found)}")
    print(told(one for one in found if not options.markers or one.marker in options.markers))
    return 0


if __name__ == "__main__":
    sys.exit(main())
