"""`make bench-gpu`: a part that fails is told and the next one runs, what is saved is not measured again, and what is
tiny stays out of benchmarks/results. The parts here are small scripts, run as the true ones are.
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "benchmarks"))
gpu, common = (importlib.import_module(name) for name in ("gpu", "common"))

HEAD = "import os, pathlib, subprocess, sys\nhere = pathlib.Path(__file__).parent\n"
SCRIPTS = {
    "nothing": HEAD + "sys.exit('there is no such thing')",
    "slow": HEAD
    + "sleeper = subprocess.Popen(['sleep', '600'])\n(here / 'pid').write_text(str(sleeper.pid))\nsleeper.wait()",
    "rows": HEAD + "open(here / 'measured', 'a').write(' '.join(sys.argv[1:]) + '|')\nprint('all well')",
}


@pytest.fixture()
def parts(tmp_path, monkeypatch):
    """The three scripts as parts; the folder that they are in."""
    made = {}
    for name, text in SCRIPTS.items():
        script = tmp_path / f"{name}.py"
        script.write_text(text, encoding="utf-8")
        made[name] = gpu.Part((str(script),), 1, limit_s=4.0 if name == "slow" else 100.0)
    monkeypatch.setattr(gpu, "PARTS", made)
    monkeypatch.setattr(gpu, "LOGS", tmp_path / "logs")
    monkeypatch.setattr(gpu, "machine", lambda: {"gpu": "none", "torch": "2"})
    return tmp_path


def test_the_parts_are_scripts_with_a_word_in_the_docs(capsys):
    assert gpu.main(["--list"]) == 0
    listed = [line.split()[0] for line in capsys.readouterr().out.splitlines()]
    told = (ROOT / "docs" / "scale.md").read_text(encoding="utf-8")
    assert listed == list(gpu.PARTS) and all(f"\n| `{name}` |" in told for name in listed)
    scripts = [part.command[0] for part in gpu.PARTS.values() if part.command[0] != "-m"]
    assert scripts and all((ROOT / script).is_file() for script in scripts)
    assert all(part.seconds < part.limit_s < 500 for part in gpu.PARTS.values())


def is_alive(pid):
    """Whether a process is there that is more than a name whose parent has not asked for it."""
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    except OSError:
        return False
