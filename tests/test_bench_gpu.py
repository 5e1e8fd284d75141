"""`make bench-gpu`: its parts are scripts that are there, within their time, each with a line in docs/scale.md."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "benchmarks"))
gpu, common = (importlib.import_module(name) for name in ("gpu", "common"))


def test_the_parts_are_scripts_with_a_word_in_the_docs(capsys):
    assert gpu.main(["--list"]) == 0
    listed = [line.split()[0] for line in capsys.readouterr().out.splitlines()]
    told = (ROOT / "docs" / "scale.md").read_text(encoding="utf-8")
    assert listed == list(gpu.PARTS) and all(f"\n| `{name}` |" in told for name in listed)
    scripts = [part.command[0] for part in gpu.PARTS.values() if part.command[0] != "-m"]
    assert scripts and all((ROOT / script).is_file() for script in scripts)
    assert all(part.seconds < part.limit_s < 500 for part in gpu.PARTS.values())
