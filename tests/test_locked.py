"""uv.lock and constraints.txt: every package with hashes, from the public index, as pyproject.toml
and the pins ask.
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from tools import lock

ROOT = Path(__file__).resolve().parents[1]
FACTS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PROJECT = FACTS["project"]
PINS = (ROOT / "requirements.txt").read_text(encoding="utf-8")
LOCK_TEXT = (ROOT / "uv.lock").read_text(encoding="utf-8")
LOCK = tomllib.loads(LOCK_TEXT)
OWN = PROJECT["name"]


def locked() -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for package in LOCK["package"]:
        if package["name"] != OWN:
            found.setdefault(package["name"], set()).add(package["version"])
    return found


def constraints() -> dict[str, tuple[Requirement, list[str]]]:
    text = re.sub(r"\s*\\\n\s*", " ", (ROOT / "constraints.txt").read_text(encoding="utf-8"))
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return {
        line: (Requirement(line.partition(" --hash")[0]), re.findall(r"--hash=(\S+)", line))
        for line in lines
    }


def pinned() -> list[Requirement]:
    return [Requirement(pin) for pin in lock.pins(PINS)]


@pytest.mark.parametrize("requirement", pinned(), ids=str)
def test_a_pin_is_what_is_locked(requirement):
    name, (specifier,) = canonicalize_name(requirement.name), requirement.specifier
    assert specifier.version in locked()[name], "run `make lock`"
    assert len(locked()[name]) == sum(canonicalize_name(other.name) == name for other in pinned())


def test_the_lock_was_made_from_this_pyproject():
    (own,) = [package for package in LOCK["package"] if package["name"] == OWN]
    assert SpecifierSet(LOCK["requires-python"]) == SpecifierSet(PROJECT["requires-python"])
    extras = {"": PROJECT["dependencies"], **PROJECT["optional-dependencies"]}
    wanted = {
        (extra, canonicalize_name(Requirement(r).name), Requirement(r).specifier)
        for extra in extras
        for r in extras[extra]
    }
    told = set()
    for entry in own["metadata"]["requires-dist"]:
        extra = re.search(r"extra == '([\w-]+)'", entry.get("marker", ""))
        told.add(
            (extra[1] if extra else "", entry["name"], SpecifierSet(entry.get("specifier", "")))
        )
    assert told == wanted, "run `make lock`"
    assert set(own["metadata"]["provides-extras"]) == set(PROJECT["optional-dependencies"])


def test_constraints_are_the_lock_with_hashes():
    of_lock, of_pip = locked(), {}
    for requirement, hashes in constraints().values():
        (specifier,) = requirement.specifier
        assert specifier.operator == "==" and hashes, requirement
        assert all(
            re.fullmatch(r"sha256:[0-9a-f]{64}", one) and one in LOCK_TEXT for one in hashes
        ), requirement
        of_pip.setdefault(canonicalize_name(requirement.name), set()).add(specifier.version)
    assert of_pip == of_lock, "run `make lock`"
