"""Write uv.lock, requirements.txt and constraints.txt from pyproject.toml: `make lock`.

uv.lock keeps the versions that it had, unless `--upgrade` is given. requirements.txt has the direct
dependencies with their locked versions, constraints.txt every package with its hashes. Needs uv and
a network.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
INDEX = "https://pypi.org/simple"
BY = "# Written by `make lock` from pyproject.toml and uv.lock."
# Extras that requirements.txt marks, and installs only where they are asked for (S2F_EXTRA).
ON_DEMAND = ("test-browser", "gfpgan")


def uv(*arguments: str) -> None:
    """Run uv in the repository, with the public index whatever this machine's settings say."""
    program = shutil.which("uv") or str(Path(sys.executable).with_name("uv"))
    settings = {name: value for name, value in os.environ.items() if not name.startswith("UV_")}
    command = [program, *arguments, "--default-index", INDEX]
    subprocess.run(command, cwd=ROOT, env=settings, check=True)


def locked_pins(constraints: str) -> dict[str, list[str]]:
    """{package: its lines `name==version ; marker`} of constraints.txt."""
    pins: dict[str, list[str]] = {}
    for line in constraints.splitlines():
        match = re.match(r"([\w.-]+)==[^\\]*", line)
        if match:
            pins.setdefault(canonicalize_name(match[1]), []).append(match[0].strip())
    return pins


def direct_pins(pyproject: str, constraints: str) -> list[str]:
    """The lines of requirements.txt: direct dependencies with locked versions, by extra."""
    project = tomllib.loads(pyproject)["project"]
    groups = {"": project["dependencies"], **project["optional-dependencies"]}
    locked = locked_pins(constraints)
    lines = []
    for extra, requirements in groups.items():
        lines.append(f"# Extra {extra}" if extra else "# What answering takes, without PyTorch")
        for requirement in requirements:
            for pin in locked[canonicalize_name(Requirement(requirement).name)]:
                lines.append(_marked(pin, extra) if extra in ON_DEMAND else pin)
    return lines


def _marked(pin: str, extra: str) -> str:
    joint = "and" if ";" in pin else ";"
    return f'{pin} {joint} extra == "{extra}"'


def requirements() -> str:
    """requirements.txt as it should be, by pyproject.toml and constraints.txt."""
    pyproject = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    constraints = (ROOT / "constraints.txt").read_text(encoding="utf-8")
    return "\n".join([BY, *direct_pins(pyproject, constraints)]) + "\n"


def export_constraints() -> None:
    """Write constraints.txt: every package of every extra, with hashes."""
    part = ROOT / "constraints.txt.part"
    flags = "--quiet --frozen --all-extras --no-emit-project --no-annotate --no-header"
    try:
        uv("export", *flags.split(), "--format", "requirements-txt", "--output-file", str(part))
        text = f"{BY}\n" + part.read_text(encoding="utf-8")
        (ROOT / "constraints.txt").write_text(text, encoding="utf-8", newline="\n")
    finally:
        part.unlink(missing_ok=True)


def main(arguments: list[str] | None = None) -> int:
    """Command line; 0 when all files are written, or as they should be."""
    parser = argparse.ArgumentParser(prog="lock", description=__doc__.partition("\n")[0])
    parser.add_argument("--upgrade", action="store_true", help="take the newest versions")
    options = parser.parse_args(arguments)
    try:
        uv("lock", "--quiet", *(["--upgrade"] if options.upgrade else []))
        export_constraints()
    except (OSError, subprocess.CalledProcessError) as error:
        print(f"lock: uv is needed and must succeed (pip install uv): {error}", file=sys.stderr)
        return 1
    (ROOT / "requirements.txt").write_text(requirements(), encoding="utf-8", newline="\n")
    print("lock: uv.lock, constraints.txt and requirements.txt are written")
    return 0


if __name__ == "__main__":
    sys.exit(main())
