"""Write the tables of README.md from benchmarks/results/*.json, between their markers: `make tables`.

`--check` changes nothing and fails when the README does not say what the results say.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results"


def table(header: list[str], rows: list[list[str]]) -> str:
    """A Markdown table; every column but the first is aligned to the right."""
    rule = ["---", *["---:"] * (len(header) - 1)]
    return "\n".join("| " + " | ".join(row) + " |" for row in (header, rule, *rows))


def speed_table(results: Path = RESULTS) -> str:
    """Times and memory, from train_speed*.json and data_speed.json."""
    parts = []
    for path in sorted(results.glob("train_speed*.json")):
        found = json.loads(path.read_text(encoding="utf-8"))
        r = found["results"]
        rows = [
            [name, f"{1000 * seconds:.0f} ms", f"{r['speedup_over_plain'][name]:.2f}"]
            for name, seconds in r["seconds_per_image"].items()
        ]
        memory = ", ".join(f"{value / 1024:.1f} GB in {name}" for name, value in r["peak_memory_mib"].items())
        parts.append(
            f"Training, {r['setting']} ({_machine(found)}):\n\n"
            + table(["step", "time an image", "times as fast as plain"], rows)
            + f"\n\nThe whole loop takes {r['loop_over_bare_step']:.2f} times the bare step; peak memory {memory}."
        )
    path = results / "data_speed.json"
    if path.exists():
        found = json.loads(path.read_text(encoding="utf-8"))
        rows = [[name, f"{value:g}"] for name, value in found["results"].items() if name != "unit"]
        parts.append(f"Data ({_machine(found)}):\n\n" + table(["work", found["results"]["unit"]], rows))
    path = results / "faces_found.json"
    if path.exists():
        parts.append(_faces_table(json.loads(path.read_text(encoding="utf-8"))))
    path = results / "commands.json"
    if path.exists():
        found = json.loads(path.read_text(encoding="utf-8"))
        rows = [[f"`{name}`", value] for name, value in found["results"].items()]
        parts.append(f"Commands, after installation ({_machine(found)}):\n\n" + table(["command", "time"], rows))
    return "\n\n".join(parts)


def _faces_table(found: dict[str, Any]) -> str:
    """How often a face is found in drawings, from faces_found.json."""
    photos = found["results"]["portraits"]
    spread = max(value for eye in photos["eyes_spread_percent_of_width"] for value in eye)
    rows = [
        [
            f"{name} ({r['num']})",
            *(
                f"{100 * r[key]:.1f} %"
                for key in ("found_at_0.9", "found_as_drawing", "left_to_the_fallback", "far_off")
            ),
        ]
        for name, r in found["results"].items()
        if name != "portraits"
    ]
    return (
        f"Faces: found in {100 * photos['found']:.1f} % of {photos['num']} portraits; after alignment the eyes' places"
        f" spread by {spread:.1f} % of the width or less (standard deviation). In drawings of them:\n\n"
        + table(["drawings", "score 0.9", "found as a drawing", "left to the fallback", "a landmark far off"], rows)
    )


def quality_table(results: Path = RESULTS) -> str:
    """pix2pix on CUHK's 88 pairs beside the trivial rows, from cuhk_pix2pix.json."""
    path = results / "cuhk_pix2pix.json"
    if not path.exists():
        return "Not measured yet."
    found = json.loads(path.read_text(encoding="utf-8"))["results"]
    names = ["ssim", "psnr", "mse", "l1", "l2_norm"]
    digits = {"ssim": 4, "psnr": 2, "mse": 0, "l1": 2, "l2_norm": 0}

    def cell(row: dict[str, Any], name: str) -> str:
        value = row[name]
        return f"{value['mean']:.{digits[name]}f} ({value['low']:.{digits[name]}f}–{value['high']:.{digits[name]}f})"

    rows = [[row["label"], *(cell(row, name) for name in names)] for row in found["rows"]]
    return table(["CUHK 88/100, 256 px", "SSIM ↑", "PSNR ↑", "MSE ↓", "L1 ↓", "L2 norm ↓"], rows)


def _machine(found: dict[str, Any]) -> str:
    machine = found["machine"]
    where = machine["gpu"] if machine["gpu"] != "none" else machine["processor"]
    return f"{where}, torch {machine['torch'].split('+')[0]}"


def filled(text: str, results: Path = RESULTS) -> str:
    """README's text with both tables in place. Raises ValueError when a pair of markers is missing."""
    for name, content in (("bench", speed_table(results)), ("quality", quality_table(results))):
        start, end = f"<!-- {name}:start -->", f"<!-- {name}:end -->"
        if start not in text or end not in text:
            raise ValueError(f"README.md has no markers {start} … {end}")
        head, rest = text.split(start, 1)
        text = f"{head}{start}\n\n{content or 'Not measured yet.'}\n\n{end}{rest.split(end, 1)[1]}"
    return text


def main(arguments: list[str] | None = None) -> int:
    """Command line; 0 when README.md says what the results say."""
    parser = argparse.ArgumentParser(prog="readme_tables", description=__doc__.partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="change nothing; exit status 1 when out of date")
    options = parser.parse_args(arguments)
    readme = ROOT / "README.md"
    before = readme.read_text(encoding="utf-8")
    after = filled(before)
    if options.check:
        print("README.md is " + ("up to date" if before == after else "out of date: run 'make tables'"))
        return int(before != after)
    readme.write_text(after, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
