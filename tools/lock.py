"""Write uv.lock, requirements.txt, environment.yml and constraints.txt from pyproject.toml: `make
lock`.

uv.lock keeps the versions that it had, unless `--upgrade` is given. requirements.txt has the direct
dependencies with their locked versions, environment.yml the same for conda, constraints.txt every
package with its hashes. `--check` writes nothing, needs no uv, and fails where requirements.txt or
environment.yml differ from what constraints.txt and pyproject.toml say. Needs uv and a network.
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
CONDA = """\
{by} `conda env create -f environment.yml`
name: sketch-to-face
channels:
  - conda-forge
dependencies:
  - python=3.12
  - pip
  - pip:
{pins}
"""


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


def generated() -> dict[Path, str]:
    """requirements.txt and environment.yml as they should be, by the files beside them."""
    pyproject = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    constraints = (ROOT / "constraints.txt").read_text(encoding="utf-8")
    lines = direct_pins(pyproject, constraints)
    indented = "\n".join(f"      {line if line.startswith('#') else '- ' + line}" for line in lines)
    return {
        ROOT / "requirements.txt": "\n".join([BY, *lines]) + "\n",
        ROOT / "environment.yml": CONDA.format(by=BY, pins=indented),
    }


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
    parser.add_argument("--check", action="store_true", help="compare only")
    options = parser.parse_args(arguments)
    if options.check:
        stale = [p.name for p, text in generated().items() if p.read_text("utf-8") != text]
        print(f"lock: {', '.join(stale) or 'nothing'} out of date")
        return int(bool(stale))
    try:
        uv("lock", "--quiet", *(["--upgrade"] if options.upgrade else []))
        export_constraints()
    except (OSError, subprocess.CalledProcessError) as error:
        print(f"lock: uv is needed and must succeed (pip install uv): {error}", file=sys.stderr)
        return 1
    for path, text in generated().items():
        path.write_text(text, encoding="utf-8", newline="\n")
    print("lock: uv.lock, constraints.txt, requirements.txt, environment.yml are written")
    return 0


if __name__ == "__main__":
    sys.exit(main())
