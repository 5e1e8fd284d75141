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
from kept import Kept


def outcome(case: ET.Element) -> dict[str, Any]:
    """What pytest wrote of one test."""
    row: dict[str, Any] = {"seconds": round(float(case.get("time", "0")), 2)}
    for kind, name in (("failure", "failed"), ("error", "failed"), ("skipped", "left_out")):
        if (said := case.find(kind)) is not None:
            return row | {name: (said.get("message") or kind).splitlines()[0][:300]}
    return row


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
        cases = ET.parse(report).getroot().iter("testcase")
        kept.rows = {case.get("name", "?"): outcome(case) for case in cases}
    if not kept.rows or done.returncode not in (0, 1):
        raise SystemExit(f"no test was run: pytest ended with status {done.returncode}")
    kept.finish()


if __name__ == "__main__":
    main()
