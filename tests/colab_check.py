"""Run every notebook as Colab would, and see that installing the package changes nothing that was
there.

A script for the environment of tests/colab.txt (Python 3.13, Colab's versions); `make test-all`
makes that environment and runs it. Each notebook is copied, unmodified, to a folder outside the
clone, so that its set-up cell has to install the package; a stand-in for `google.colab` is imported
before the first cell, as Colab does. S2F_SOURCE tells the set-up cell to install from this clone
instead of the public address. `colab_check.py NOTEBOOK…` runs some of them.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = "sketch-to-face"
FAKE_COLAB = """\
from pathlib import Path


def enable_custom_widget_manager():
    Path(__file__).with_name("widget-manager-enabled").touch()
"""


def parse_pins(text: str) -> dict[str, str]:
    """`name==version` lines, of `pip freeze` or of colab.txt, as {canonical name: version}."""
    pins = {}
    for line in text.splitlines():
        line = line.partition("#")[0].strip()
        if "==" in line:
            name, _, version = line.partition("==")
            pins[canonicalize_name(name)] = version.strip()
        elif " @ " in line:
            name, _, address = line.partition(" @ ")
            pins[canonicalize_name(name)] = address.strip()
    return pins


def changes(before: dict[str, str], after: dict[str, str]) -> list[str]:
    """What differs among the packages that were there before: one line each; new packages are no
    change.
    """
    return [
        f"{name}: {version} → {after.get(name, 'gone')}"
        for name, version in sorted(before.items())
        if after.get(name) != version
    ]


def pip(*arguments: str) -> str:
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", *arguments]
    return subprocess.run(command, check=True, text=True, stdout=subprocess.PIPE).stdout


def restore(before: dict[str, str]) -> None:
    """Take out what was not there before, and bring back the versions that were."""
    now = parse_pins(pip("freeze", "--all"))
    added = sorted(set(now) - set(before))
    if added:
        pip("uninstall", "--quiet", "--yes", *added)
    moved = [f"{name}=={version}" for name, version in before.items() if now.get(name) != version]
    if moved:
        pip("install", "--quiet", "--no-deps", *moved)


def pretend_colab(folder: Path) -> dict[str, str]:
    """Environment variables under which a kernel starts with `google.colab` imported, and in the
    fast profile.
    """
    package = folder / "fake" / "google" / "colab"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("from google.colab import output\n", encoding="utf-8")
    (package / "output.py").write_text(FAKE_COLAB, encoding="utf-8")
    startup = folder / "ipython" / "profile_default" / "startup"
    startup.mkdir(parents=True)
    (startup / "00-colab.py").write_text("import google.colab\n", encoding="utf-8")
    return {
        "PYTHONPATH": str(folder / "fake"),
        "IPYTHONDIR": str(folder / "ipython"),
        "S2F_SOURCE": ROOT.as_uri(),
        "S2F_PROFILE": "fast",
        "S2F_STRICT": "1",
        "WANDB_MODE": "offline",
        # ipykernel 6 on Python 3.13: silences a warning per start
        "PYDEVD_DISABLE_FILE_VALIDATION": "1",
    }


def check_notebook(source: Path, before: dict[str, str], execute) -> list[str]:
    """Run one notebook in a folder of its own; returns what went wrong, one entry each."""
    restore(before)
    with tempfile.TemporaryDirectory(prefix="s2f-colab-") as name:
        folder = Path(name)
        content = folder / "content"
        content.mkdir()
        notebook = Path(shutil.copy(source, content))
        os.environ.update(pretend_colab(folder))
        seconds, error = execute(notebook, folder / "executed.ipynb", content)
        after = parse_pins(pip("freeze", "--all"))
        problems = [error] if error else []
        problems += [f"changed by the installation: {line}" for line in changes(before, after)]
        if PACKAGE not in after:
            problems.append(f"the set-up cell did not install {PACKAGE}")
        if not (folder / "fake" / "google" / "colab" / "widget-manager-enabled").exists():
            problems.append("the set-up cell did not enable Colab's custom widget manager")
    added = ", ".join(
        f"{name} {version}"
        for name, version in after.items()
        if name not in before and name != PACKAGE
    )
    state = "FAILED" if problems else "ok"
    print(f"{source.name}: {state}, {seconds:.0f} s; added: {added or 'nothing'}", flush=True)
    return problems


def main() -> int:
    """0 when every notebook ran and no version changed."""
    pins = parse_pins((ROOT / "tests" / "colab.txt").read_text(encoding="utf-8"))
    before = parse_pins(pip("freeze", "--all"))
    wrong = changes(pins, before)
    if wrong:
        print(
            "this environment is not that of tests/colab.txt:", *wrong, sep="\n  ", file=sys.stderr
        )
        return 1
    spec = importlib.util.spec_from_file_location(
        "run_notebooks", ROOT / "tools" / "run_notebooks.py"
    )
    run_notebooks = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(run_notebooks)
    notebooks = [Path(name).resolve() for name in sys.argv[1:]] or run_notebooks.series()
    if not notebooks:
        print("no notebooks found", file=sys.stderr)
        return 1
    failed = 0
    try:
        for notebook in notebooks:
            problems = check_notebook(notebook, before, run_notebooks.execute)
            failed += bool(problems)
            for problem in problems:
                print(problem, file=sys.stderr)
    finally:
        restore(before)
    if not failed:
        print(f"Colab's set of {len(before)} packages is unchanged")
    print(f"{len(notebooks) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
