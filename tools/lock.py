"""Write uv.lock and constraints.txt: every package, direct or not, with its version and hashes;
`make lock`.

Direct dependencies have the versions of requirements.txt; the rest keeps the version that the lock
had, unless `--upgrade` is given. Needs uv (`pip install uv`) and a network. Addresses are those of
the public index, also where this machine is set up to use another one. `tests/test_locked.py`
compares the files.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
INDEX = "https://pypi.org/simple"
HEADER = """\
# Every package of every extra, with hashes, for pip: `pip install -r requirements.txt -c constraints.txt`.
# Written by `make lock`, from uv.lock.
"""


def pins(text: str) -> list[str]:
    """The requirements of requirements.txt, without their reasons and without the extra that they
    belong to.
    """
    lines = (line.partition("#")[0].strip() for line in text.splitlines())
    return [re.sub(r"\s*(;|and) extra == \"[\w-]+\"$", "", line) for line in lines if line]


def uv(*arguments: str) -> None:
    """Run uv in the repository, with the public index whatever this machine's settings say."""
    program = shutil.which("uv") or str(Path(sys.executable).with_name("uv"))
    settings = {name: value for name, value in os.environ.items() if not name.startswith("UV_")}
    subprocess.run(
        [program, *arguments, "--default-index", INDEX], cwd=ROOT, env=settings, check=True
    )


def main(arguments: list[str] | None = None) -> int:
    """Command line; 0 when both files are written."""
    parser = argparse.ArgumentParser(prog="lock", description=__doc__.partition("\n")[0])
    parser.add_argument(
        "--upgrade", action="store_true", help="take the newest versions of what is not pinned, too"
    )
    options = parser.parse_args(arguments)
    wanted = [
        part
        for pin in pins((ROOT / "requirements.txt").read_text(encoding="utf-8"))
        for part in ("-P", pin)
    ]
    part, whole = ROOT / "constraints.txt.part", ROOT / "constraints.txt"
    try:
        uv("lock", "--quiet", *wanted, *(["--upgrade"] if options.upgrade else []))
        uv(
            "export",
            "--quiet",
            "--frozen",
            "--all-extras",
            "--no-emit-project",
            "--no-annotate",
            "--no-header",
            "--format",
            "requirements-txt",
            "--output-file",
            str(part),
        )
        whole.write_text(HEADER + part.read_text(encoding="utf-8"), encoding="utf-8", newline="\n")
    except (OSError, subprocess.CalledProcessError) as error:
        print(f"lock: uv is needed and must succeed (pip install uv): {error}", file=sys.stderr)
        return 1
    finally:
        part.unlink(missing_ok=True)
    print("lock: uv.lock and constraints.txt are written")
    return 0


if __name__ == "__main__":
    sys.exit(main())
