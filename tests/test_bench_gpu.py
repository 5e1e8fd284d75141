"""`make bench-gpu`: a part that fails is told and the next one runs, what is saved is not measured again, and what is
tiny stays out of benchmarks/results. The parts here are small scripts, run as the true ones are.
"""

from __future__ import annotations

import importlib
import json
import sys
import time
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


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="no /proc: processes are looked up there")
def test_a_part_that_fails_or_is_slow_does_not_stop_the_next_one_and_what_is_saved_is_kept(parts, capsys, monkeypatch):
    found = gpu.run_all(gpu.PARTS, parts / "out", is_tiny=True)
    assert [one.state for one in found.values()] == ["failed", "ran out of time", "done"]
    lines = gpu.summary(found).splitlines()
    assert len(lines) == 3 and "there is no such thing" in lines[0] and "after 4 s" in lines[1]
    time.sleep(0.2)
    assert not is_alive(int((parts / "pid").read_text()))  # what the slow one began has ended with it
    held = json.loads((parts / "out" / "gpu.json").read_text())["results"]
    assert list(held) == ["rows"] and held["rows"]["said"] == "all well"

    again = ["--only", "rows", "--tiny", "--out", str(parts / "out")]
    assert gpu.main(again) == 0 and gpu.main([*again, "--only", "nothing", "rows"]) == 1
    assert "saved already" in capsys.readouterr().out and (parts / "measured").read_text() == "--tiny|"
    monkeypatch.setattr(gpu, "code", lambda: "of another commit")
    assert gpu.main(again) == 0 and gpu.main([*again, "--again"]) == 0
    assert (parts / "measured").read_text() == "--tiny|" * 3


def test_what_is_tiny_never_lands_in_the_results(parts, capsys):
    with pytest.raises(SystemExit):
        gpu.main(["--tiny", "--out", str(common.SAVED)])
    assert gpu.main(["--tiny", "--only", "rows"]) == 0
    assert f"results in {parts / 'logs' / 'tiny'}" in capsys.readouterr().out
    assert (parts / "logs" / "tiny" / "gpu.json").exists() and not (common.SAVED / "gpu.json").exists()
