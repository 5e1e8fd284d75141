"""The tests that need a GPU (`pytest -m gpu tests`), one row a test: passed, skipped and why, or failed and why.

`python benchmarks/gpu_tests.py` (some 2 minutes, most of it importing). Without a GPU they are skipped, and told by
name. Writes results/gpu_tests.json, from a GPU gpu_tests_gpu.json.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import common
import torch
from kept import Kept, why_not


def outcome(case: ET.Element) -> dict[str, Any]:
    """What pytest wrote of one test."""
    row: dict[str, Any] = {"seconds": round(float(case.get("time", "0")), 2)}
    for kind, name in (("failure", "failed"), ("error", "failed"), ("skipped", "left_out")):
        if (said := case.find(kind)) is not None:
            return row | {name: (said.get("message") or kind).splitlines()[0][:300]}
    return row


def rows_of(report: Path) -> dict[str, dict[str, Any]]:
    """A row for each test of pytest's report, by file and name; a file that wants something else is none."""
    rows = {}
    for case in ET.parse(report).getroot().iter("testcase"):
        row, file = outcome(case), case.get("classname", "").rpartition(".")[2]
        if file or "left_out" not in row:
            rows[f"{file}::{case.get('name')}"] = row
    return rows


def main() -> None:
    """Test and write."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--tiny", action="store_true", help="the same; for a run that is tiny throughout")
    args = parser.parse_args()
    kept = Kept("gpu_tests", __file__, tiny=args.tiny)
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        command = [sys.executable, "-m", "pytest", "-m", "gpu", "-q", f"--junitxml={report}", "tests"]
        done = subprocess.run(command, cwd=common.ROOT)
        if not report.exists():
            raise SystemExit(f"pytest ended with status {done.returncode} and no report")
        kept.rows = rows_of(report)
    if not kept.rows or done.returncode not in (0, 1, 2):
        raise SystemExit(f"no test was run: pytest ended with status {done.returncode}")
    if torch.cuda.is_available() and all(map(why_not, kept.rows.values())):
        raise SystemExit("all tests were skipped")
    kept.finish()


if __name__ == "__main__":
    main()
