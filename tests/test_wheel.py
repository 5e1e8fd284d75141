"""The wheel: everything that lies in the packages' folders is inside, and it answers outside of a
clone.
"""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from s2f_utils import weights

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("s2f_utils", "s2f_studio", "data_prep")

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("hatchling") is None, reason="no hatchling: the extra dev"
)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> zipfile.ZipFile:
    """The wheel of this clone, built by this environment's hatchling, without a network."""
    out = tmp_path_factory.mktemp("dist")
    code = f"from hatchling.build import build_wheel; print(build_wheel({str(out)!r}))"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return zipfile.ZipFile(out / done.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    wheel.extractall(folder)
    return folder


@pytest.fixture()
def run(installed, tmp_path):
    """Runs s2f from the wheel, in an empty folder; what it printed."""
    work = tmp_path / "work"
    work.mkdir()

    def command(*arguments: object) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "s2f_utils", *map(str, arguments)],
            cwd=work,
            env=os.environ | {"PYTHONPATH": str(installed)},
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return command


def test_every_file_of_the_packages_is_inside(wheel):
    inside = {name for name in wheel.namelist() if name.startswith(PACKAGES)}
    there = {
        path.relative_to(ROOT).as_posix()
        for package in PACKAGES
        for path in (ROOT / package).rglob("*")
        if path.is_file()
        and "__pycache__" not in path.parts
        and ".ipynb_checkpoints" not in path.parts
    }
    assert inside == there
    endings = {Path(name).suffix for name in inside}
    assert {".safetensors", ".onnx", ".js", ".css", ".html", ".png", ".py"} <= endings
    assert {f"{package}/py.typed" for package in PACKAGES} <= inside


def test_nothing_else_is_inside_but_what_pip_reads(wheel):
    (info,) = {name.partition("/")[0] for name in wheel.namelist() if not name.startswith(PACKAGES)}
    version = re.search(
        r'__version__ = "([^"]+)"', (ROOT / "s2f_utils" / "__init__.py").read_text("utf-8")
    )[1]
    assert info == f"sketch_to_face-{version}.dist-info"
    told = wheel.read(f"{info}/METADATA").decode()
    assert f"\nVersion: {version}\n" in told and "\nRequires-Python: >=3.11\n" in told
    assert b"s2f = s2f_utils.cli:main" in wheel.read(f"{info}/entry_points.txt")


def test_it_translates_outside_of_a_clone(run, installed, tmp_path):
    told = run("doctor")
    assert "ok   own models" in told and str(ROOT) not in told.partition("own models")[2]
    drawing = min((installed / "s2f_studio" / "drawings" / "examples").glob("*.png"))
    run("translate", drawing, "--engine", "onnx", "--out", tmp_path / "answers")
    assert list((tmp_path / "answers").glob("*.png"))
    assert str(installed) in run("weights").partition(weights.EXPECT)[2].partition("\n")[0]


def test_its_app_answers_outside_of_a_clone(run):
    pytest.importorskip("fastapi", reason="the extra 'app' is not installed")
    assert "answered" in run("app", "--check", "--engine", "onnx")
