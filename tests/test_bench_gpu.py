"""`make bench-gpu`: a part that fails is told and the next one runs, what is saved is not measured again, and what is
tiny stays out of benchmarks/results. The parts here are small scripts, run as the true ones are.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import time
from pathlib import Path

import pytest
import torch

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "benchmarks"))
gpu, kept, common = (importlib.import_module(name) for name in ("gpu", "kept", "common"))

HEAD = f"""
import os, pathlib, signal, subprocess, sys, time
sys.path.insert(0, {str(ROOT / "benchmarks")!r})
here = pathlib.Path(__file__).parent
"""
NO_RESULTS = HEAD + "sys.exit('there is no such thing')"
TOO_SLOW = (
    HEAD + "sleeper = subprocess.Popen(['sleep', '600'])\n(here / 'pid').write_text(str(sleeper.pid))\nsleeper.wait()"
)
ROWS = (
    HEAD
    + """
from kept import Kept
kept = Kept("rows", __file__, tiny=True)
with open(here / "measured", "a") as file:
    file.write("|")  # a process has begun
def measured(name):
    with open(here / "measured", "a") as file:
        file.write(name)
    if name == "b" and (here / "measured").read_text() == "|ab":
        os.kill(os.getpid(), signal.SIGKILL)
    if name == "c" and (here / "measured").read_text() == "|ab|bc":
        raise RuntimeError("CUDA error: an illegal memory access was encountered")
    return {"of": name}
for name in "abcd":
    kept.row(name, lambda: measured(name))
kept.finish(may_fail=lambda name: name == "c")
"""
)
SCRIPTS = {"nothing": NO_RESULTS, "slow": TOO_SLOW, "rows": ROWS}


@pytest.fixture()
def parts(tmp_path, monkeypatch):
    """The three scripts as parts; the folder that they are in."""
    for name, text in SCRIPTS.items():
        (tmp_path / f"{name}.py").write_text(text, encoding="utf-8")
    made = {
        name: gpu.Part(str(tmp_path / f"{name}.py"), name, 1, limit_s=4.0 if name == "slow" else 100.0)
        for name in SCRIPTS
    }
    monkeypatch.setattr(gpu, "PARTS", made)
    monkeypatch.setattr(gpu, "LOGS", tmp_path / "logs")
    return tmp_path


def test_the_parts_are_scripts_each_with_its_results_and_a_word_in_the_docs(capsys):
    assert gpu.main(["--list"]) == 0
    listed = [line.split()[0] for line in capsys.readouterr().out.splitlines()]
    told = (ROOT / "docs" / "scale.md").read_text(encoding="utf-8")
    assert listed == list(gpu.PARTS) and all(f"\n| `{name}` |" in told for name in listed)
    assert all((ROOT / "benchmarks" / part.script).is_file() for part in gpu.PARTS.values())
    assert len({part.result for part in gpu.PARTS.values()}) == len(gpu.PARTS)
    assert all(part.seconds < part.limit_s < 500 for part in gpu.PARTS.values())


def is_alive(pid):
    """Whether a process is there that is more than a name whose parent has not asked for it."""
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    except OSError:
        return False


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="no /proc: processes are looked up there")
def test_a_part_that_fails_or_is_slow_is_told_and_the_next_one_goes_on_where_it_was(parts, capsys):
    found = gpu.run_all(gpu.PARTS, parts / "out", is_tiny=True)
    assert [one.state for one in found.values()] == ["failed", "ran out of time", "failed"]
    lines = gpu.summary(found).splitlines()
    assert len(lines) == 3 and "there is no such thing" in lines[0] and "go on" in lines[1]
    time.sleep(0.2)
    assert not is_alive(int((parts / "pid").read_text()))  # what the slow one began has ended with it
    path = kept.path_of("rows", parts / "out")
    assert list(json.loads(path.read_text())["results"]) == ["a"]  # the third was killed over "b"

    assert gpu.main(["--only", "nothing", "rows", "--tiny", "--out", str(parts / "out")]) == 1
    held = json.loads(path.read_text())
    assert (parts / "measured").read_text() == "|ab|bc|d"  # after the fault, which is a row, in a new process
    assert held["finished"]
    assert held["results"]["c"] == {"failed": "RuntimeError: CUDA error: an illegal memory access was encountered"}
    assert held["results"]["d"] == {"of": "d"}

    assert gpu.main(["--only", "rows", "--tiny", "--out", str(parts / "out")]) == 0
    assert "saved already" in capsys.readouterr().out and (parts / "measured").read_text() == "|ab|bc|d"
    script = parts / "rows.py"
    script.write_text(script.read_text() + "# other code\n")
    assert gpu.main(["--only", "rows", "--tiny", "--out", str(parts / "out")]) == 0
    assert (parts / "measured").read_text() == "|ab|bc|d|abcd"


def test_a_row_that_failed_makes_the_part_fail_and_is_tried_again(parts, monkeypatch):
    monkeypatch.setattr(common, "RESULTS", parts)
    rows = kept.Kept("some", "kept.py")
    rows.row("good", lambda: {"ms": 1})
    assert rows.row("bad", lambda: 1 / 0) == {"failed": "ZeroDivisionError: division by zero"}
    with pytest.raises(SystemExit, match="1 of 2 rows failed: bad: ZeroDivisionError"):
        rows.finish()
    assert not json.loads(rows.path.read_text())["finished"]
    assert list(kept.Kept("some", "kept.py").rows) == ["good"]


def test_what_is_tiny_never_lands_in_the_results(parts, capsys):
    before = {path: path.stat().st_mtime_ns for path in common.SAVED.iterdir()}
    with pytest.raises(SystemExit, match="do not belong"):
        kept.Kept("rows", __file__, tiny=True)
    with pytest.raises(SystemExit):
        gpu.main(["--tiny", "--out", str(common.SAVED)])
    (parts / "measured").write_text("of another run ")
    assert gpu.main(["--tiny", "--only", "rows"]) == 0
    assert f"results in {parts / 'logs' / 'tiny'}" in capsys.readouterr().out
    assert kept.path_of("rows", parts / "logs" / "tiny").exists()
    assert {path: path.stat().st_mtime_ns for path in common.SAVED.iterdir()} == before


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_without_a_gpu_everything_is_tiny_and_not_called_a_gpus(parts, capsys):
    (parts / "measured").write_text("of another run ")
    assert gpu.main(["--only", "rows"]) == 0
    assert "no GPU here: everything tiny" in capsys.readouterr().out
    assert os.listdir(parts / "logs" / "tiny") == ["rows.json"]
