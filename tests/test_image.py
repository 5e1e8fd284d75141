"""The image and the Space: what they are made of fits what the package needs; no container engine builds them here."""

from __future__ import annotations

import tomllib
from pathlib import Path

from tools import space

ROOT = Path(__file__).resolve().parents[1]
FACTS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def test_the_image_copies_what_the_package_is_made_of():
    taken = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert {f"!{name}" for name in space.copied()} <= set(taken) and "*" in taken
    packages = FACTS["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    needed = {"pyproject.toml", FACTS["project"]["readme"], *FACTS["project"]["license-files"], *packages}
    assert needed == set(space.copied()) and all((ROOT / name).exists() for name in needed)
