"""Write the web app as a Space of the Hugging Face hub into a new folder: `python tools/space.py
OUT`, then `hf upload USER/NAME OUT --repo-type space`.

The Space is the image of the Dockerfile: this writes that file, what it copies, and the README that
tells the hub so.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
HEAD = """---
title: Sketch to Face
emoji: ✏️
colorFrom: gray
colorTo: yellow
sdk: docker
app_port: 5000
license: mit
short_description: Draw a face; a network guesses a photo
---

# Sketch to Face

Draw or upload a face; a network guesses a photo of somebody who fits it. What appears is a guess, one of many, and no
evidence. What you draw and upload travels to the machine that runs this page; it is kept in memory while it is worked
on, and never written to disk.

The app of <{repository}>, on a CPU, without PyTorch.
"""


def copied(dockerfile: Path = ROOT / "Dockerfile") -> list[str]:
    """The files and folders that the image copies from the clone."""
    lines = dockerfile.read_text(encoding="utf-8").splitlines()
    return [part for line in lines if line.startswith("COPY") for part in line.split()[1:-1]]


def write(out: Path) -> Path:
    """Write the Space into the new folder `out`. Raises FileExistsError where it holds something."""
    if out.exists() and any(out.iterdir()):
        raise FileExistsError(f"{out}: holds something already: name a new folder")
    out.mkdir(parents=True, exist_ok=True)
    for name in ("Dockerfile", ".dockerignore", *copied()):
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, out / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copyfile(ROOT / name, out / name)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    (out / "README.md").write_text(
        HEAD.format(repository=project["urls"]["Repository"]), encoding="utf-8"
    )
    return out


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="space", description=__doc__.partition("\n")[0])
    parser.add_argument("out", type=Path, metavar="OUT", help="a new folder")
    try:
        print(f"space: {write(parser.parse_args(arguments).out)}")
    except OSError as error:
        print(f"space: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
