""".ci/run: whatever `make test` says last, pytest's closing line comes last, and the exit status is
make's.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PASSED = "======= 12 passed, 3 skipped, 2 warnings in 71.20s (0:01:11) ======="
FAILED = "======= 1 failed, 11 passed in 1.20s ======="

pytestmark = pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")


@pytest.mark.parametrize(
    ("printed", "status", "expected_status", "last"),
    [
        (f"ruff\n{PASSED}\n", 0, 0, PASSED),
        (f"1 error by ruff\n{PASSED}\nmake: *** [test] Error 1\n", 2, 2, PASSED),
        (f"{FAILED}\nmake: *** [test] Error 1\n", 2, 2, FAILED),
        ("set-up: no Python found\n", 2, 2, ""),
        ("nothing was tested\n", 0, 1, ""),
    ],
)
def test_closing_line_and_status(tmp_path, printed, status, expected_status, last):
    (tmp_path / "clone" / ".ci").mkdir(parents=True)
    shutil.copy(ROOT / ".ci" / "run", tmp_path / "clone" / ".ci")
    (tmp_path / "printed").write_text(printed, encoding="utf-8")
    make = tmp_path / "make"
    make.write_text(
        f'#!/bin/sh\n[ "$*" = test ] || exit 77\ncat "{tmp_path}/printed"\nexit {status}\n',
        encoding="utf-8",
    )
    make.chmod(0o755)
    run, own = (
        ["bash", str(tmp_path / "clone" / ".ci" / "run")],
        {"PATH": f"{tmp_path}:/usr/bin:/bin"},
    )
    result = subprocess.run(run, env=own, text=True, capture_output=True, stdin=subprocess.DEVNULL)
    assert result.returncode == expected_status
    assert result.stdout.splitlines()[-1] == last
