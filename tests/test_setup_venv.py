"""tools/setup_venv.sh, with a stand-in for Python that installs nothing and notes its calls."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[1] / "tools" / "setup_venv.sh"

# Answers what the script asks: -c (its version), -m venv DIR (copies itself there), -m pip … (works, unless PIP_FAILS).
FAKE_PYTHON = """\
#!/bin/sh
case "$*" in
  *"%d.%d.%d"*) echo "Python {version}.0" ;;
  *"%d.%d"*) echo "{version}" ;;
  "-m venv "*) mkdir -p "$3/bin" && cp "$0" "$3/bin/python" && touch "$3/pyvenv.cfg" ;;
  "-m pip --version") ;;
  "-m pip install"*) [ -z "$PIP_FAILS" ] || exit 1 ;;
  *) echo "unexpected: $*" >&2; exit 99 ;;
esac
case "$*" in "-m venv "*|"-m pip install"*) echo "$*" >> "{calls}" ;; esac
"""

pytestmark = pytest.mark.skipif(shutil.which("sh") is None, reason="needs a POSIX shell")


class Clone:
    """A folder with what the script reads, whose path has a space, and a folder of stand-in interpreters."""

    def __init__(self, folder: Path, **pythons: str) -> None:
        self.root = folder / "a clone"
        self.root.mkdir(parents=True)
        self.calls_file = folder / "calls"
        (self.root / "requirements.txt").write_text("torch==1\n", encoding="utf-8")
        (self.root / "pyproject.toml").write_text("[project]\n", encoding="utf-8")
        self.path = folder / "path"
        self.path.mkdir()
        for tool in ("sh", "cksum", "cat", "mkdir", "cp", "mv", "rm", "ls", "sed", "touch", "basename"):
            (self.path / tool).symlink_to(shutil.which(tool))
        for name, version in pythons.items():
            python = self.path / name.replace("_", ".")
            python.write_text(FAKE_PYTHON.format(version=version, calls=self.calls_file), encoding="utf-8")
            python.chmod(0o755)

    def setup(self, *arguments: str, **variables: str) -> subprocess.CompletedProcess:
        """Run the script; by default as the Makefile does."""
        arguments = arguments or (".venv", "auto", "requirements.txt", ".")
        environment = {"PATH": str(self.path), "PIP_FAILS": ""} | variables
        return subprocess.run(
            ["sh", str(SCRIPT), *arguments], cwd=self.root, env=environment, text=True, capture_output=True
        )

    def calls(self) -> list[str]:
        """What was made and installed since the last question, shortened."""
        lines = self.calls_file.read_text(encoding="utf-8").splitlines() if self.calls_file.exists() else []
        self.calls_file.unlink(missing_ok=True)
        return [line.removeprefix("-m ").replace("--disable-pip-version-check --quiet ", "") for line in lines]


@pytest.fixture()
def clone(tmp_path):
    return Clone(tmp_path, python3="3.12")


PACKAGES = ["pip install pip>=25.3", "pip install -r requirements.txt"]
FULL = ["venv .venv", *PACKAGES, "pip install --no-deps -e ."]


def test_the_second_run_does_nothing(clone):
    first = clone.setup()
    assert first.returncode == 0, first.stderr
    assert clone.calls() == FULL
    second = clone.setup()
    assert (second.returncode, second.stdout, clone.calls()) == (0, "", [])


def test_changed_pins_are_installed(clone):
    clone.setup()
    clone.calls()
    (clone.root / "requirements.txt").write_text("torch==2\n", encoding="utf-8")
    assert clone.setup().returncode == 0
    assert clone.calls() == FULL[1:]


def test_an_interrupted_installation_goes_on(clone):
    failed = clone.setup(PIP_FAILS="1")
    assert failed.returncode == 1
    assert failed.stderr.count("\n") == 1 and "pip could not" in failed.stderr
    assert list((clone.root / ".venv").glob(".s2f-*")) == []
    clone.calls()
    assert clone.setup().returncode == 0
    assert clone.calls() == FULL[1:]


@pytest.mark.parametrize("version", ["3.10", "3.15", "2.7"])
def test_an_unsuitable_python_is_refused_in_one_line(tmp_path, version):
    clone = Clone(tmp_path, python3=version)
    for python in ("python3", "auto"):
        result = clone.setup(".venv", python, "requirements.txt", ".")
        assert result.returncode == 1
        assert result.stderr.count("\n") == 1
        assert version in result.stderr and "3.11 to 3.14" in result.stderr
    assert not (clone.root / ".venv").exists()
    assert clone.calls() == []


def test_a_folder_that_is_no_environment_is_left_alone(clone):
    precious = clone.root / "photos" / "me.png"
    precious.parent.mkdir()
    precious.touch()
    result = clone.setup("photos", "auto", "requirements.txt", ".")
    assert result.returncode == 1 and "not a virtual environment" in result.stderr
    assert list(precious.parent.iterdir()) == [precious]
