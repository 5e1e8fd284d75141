"""The site: every page has its place in it, and links and formulas are checked."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SITE = ROOT / "docs" / "site"
READERS = ("student", "teacher", "researcher", "artist", "developer")

spec = importlib.util.spec_from_file_location("build_site", ROOT / "tools" / "build_site.py")
build_site = importlib.util.module_from_spec(spec)
spec.loader.exec_module(build_site)


def with_sphinx() -> str | None:
    """A Python that has what the site is built with: this one, or that of `make docs`."""
    if all(
        importlib.util.find_spec(name) for name in ("sphinx", "myst_nb", "furo", "latex2mathml")
    ):
        return sys.executable
    folder = ROOT / os.environ.get("S2F_DOCS_VENV", ".venv-docs")
    made = [folder / "bin" / "python", folder / "Scripts" / "python.exe"]
    return next(
        (str(path) for path in made if path.is_file() and (folder / ".s2f-packages").is_file()),
        None,
    )


PYTHON = with_sphinx()
needs_sphinx = pytest.mark.skipif(PYTHON is None, reason="no Sphinx: `make docs` brings it")


def toctree() -> list[str]:
    text = (SITE / "index.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```\{toctree\}\n(.*?)```", text, re.DOTALL)
    return [
        line for block in blocks for line in block.splitlines() if line and not line.startswith(":")
    ]


def test_every_notebook_and_document_is_in_a_toctree():
    entries = toctree()
    assert len(entries) == len(set(entries))
    pages = {
        name.rpartition(".")[0] for name in build_site.sources() if name.endswith((".md", ".ipynb"))
    } - {"index"}
    assert {f"docs/readers/{reader}" for reader in READERS} | {
        "docs/glossary",
        "docs/page",
    } <= pages
    missing = {page for page in pages - set(entries) if not page.startswith("notebooks/")}
    assert missing == set(), "name it in a toctree of docs/site/index.md"
    assert "notebooks/**" in entries  # all of them, solutions too
    assert set(entries) - {"notebooks/**"} <= pages


@needs_sphinx
def test_broken_links_and_formulas_are_errors(tmp_path):
    wrong = ["[x](nowhere.md)", "[x](../tools/none.py)", "[x](app.md#no-place)", r"$\nocommand$"]
    right = ["[x](../tools/badges.py)", "[x](app.md#the-page)", r"$\mathbb E\,|x|$"]
    (tmp_path / "page.md").write_text(
        "# Page\n\n" + "\n\n".join([*wrong, *right]) + "\n", encoding="utf-8"
    )
    script = (
        "import sys; sys.path.insert(0, sys.argv[1]); import build_site as b; from pathlib import Path\n"
        "few = {name: path for name, path in b.sources().items() if name in {'index.md', 'docs/app.md'}}\n"
        "b.sources = lambda: {**few, 'docs/page.md': Path(sys.argv[2])}\n"
        "sys.exit(b.main([sys.argv[3]]))"
    )
    arguments = [str(ROOT / "tools"), str(tmp_path / "page.md"), str(tmp_path / "site")]
    done = subprocess.run(
        [PYTHON, "-c", script, *arguments], text=True, capture_output=True, encoding="utf-8"
    )
    assert done.returncode == 1 and not (tmp_path / "site").exists(), done.stdout + done.stderr
    said = [line for line in done.stdout.splitlines() if line.startswith("docs/page.md")]
    for word in ("nowhere.md", "none.py", "no-place", "nocommand"):
        assert len([line for line in said if word in line]) == 1, done.stdout
    assert len(said) == 4, done.stdout
