"""The public address stands in pyproject.toml; whatever repeats it is as `make badges` writes it."""

from __future__ import annotations

import importlib.util
import shutil
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).resolve().parents[1]
ELSEWHERE = "https://github.com/example/elsewhere"

spec = importlib.util.spec_from_file_location("badges", ROOT / "tools" / "badges.py")
badges = importlib.util.module_from_spec(spec)
spec.loader.exec_module(badges)


def notebook(first: str, setup: str) -> nbformat.NotebookNode:
    v4 = nbformat.v4
    return v4.new_notebook(
        cells=[v4.new_markdown_cell(first), v4.new_code_cell(setup), v4.new_code_cell("print('mine')")]
    )


@pytest.fixture()
def clone(tmp_path):
    """A small clone whose files name another address than its pyproject.toml."""
    (tmp_path / "notebooks").mkdir()
    for name in ("README.md", "CITATION.cff"):
        shutil.copy(ROOT / name, tmp_path)
    (tmp_path / "s2f_utils").mkdir()
    (tmp_path / "s2f_utils" / "__init__.py").write_text('__version__ = "9.8.7"\n', encoding="utf-8")
    (tmp_path / "pyproject.toml").write_text(
        f'[project]\nname = "x"\n[project.urls]\nRepository = "{ELSEWHERE}"\n', encoding="utf-8"
    )
    old = "# @title Settings\nA = 1\n\n" + badges.setup_cell_source(
        "https://github.com/old/address", "99_wrong.ipynb", "v0"
    )
    old_badge = badges.colab_badge("https://github.com/old/address", "99_wrong.ipynb")
    nbformat.write(notebook(f"# One\n\n{old_badge}\n\nText.", old), tmp_path / "notebooks" / "01_one.ipynb")
    nbformat.write(notebook("# Two\n\nText.", old + "\nprint(1)"), tmp_path / "notebooks" / "02_two.ipynb")
    return tmp_path


def apply(root: Path) -> dict[Path, str]:
    files = badges.pending(root)
    for path, text in files.items():
        path.write_text(text, encoding="utf-8")
    return files


def test_this_repository_is_up_to_date():
    pending = [str(path.relative_to(ROOT)) for path in badges.pending(ROOT)]
    assert pending == [], "run `make badges`"


def test_wrong_addresses_are_found_and_mended(clone):
    found = {path.name for path in apply(clone)}
    assert found == {"README.md", "CITATION.cff", "01_one.ipynb", "02_two.ipynb"}
    assert badges.pending(clone) == {}
    one = nbformat.read(clone / "notebooks" / "01_one.ipynb", as_version=4)
    badge = (
        "[![Open In Colab](https://colab.research.google.com/assets/colab-badge.svg)]"
        "(https://colab.research.google.com/github/example/elsewhere/blob/main/notebooks/01_one.ipynb)"
    )
    assert one.cells[0].source == f"# One\n\n{badge}\n\nText."
    assert '"git+https://github.com/example/elsewhere@v9.8.7"' in one.cells[1].source
    assert one.cells[2].source == "print('mine')"
    two = nbformat.read(clone / "notebooks" / "02_two.ipynb", as_version=4)
    assert two.cells[0].source.splitlines()[2] == badge.replace("01_one", "02_two")
    wanted = badges.setup_cell_source(ELSEWHERE, "02_two.ipynb", "v9.8.7")
    assert two.cells[1].source == "# @title Settings\nA = 1\n\n" + wanted
    readme = (clone / "README.md").read_text(encoding="utf-8")
    assert f"{badge} One" in readme and f"git clone {ELSEWHERE}\ncd elsewhere" in readme
    assert f"repository-code: {ELSEWHERE}" in (clone / "CITATION.cff").read_text(encoding="utf-8")
    for path in (clone / "README.md", clone / "CITATION.cff"):
        assert badges.repository_url(ROOT) not in path.read_text(encoding="utf-8")


def test_elsewhere_the_set_up_installs_and_holds_what_is_there(tmp_path, monkeypatch):
    source, commands, real = badges.setup_cell_source(ELSEWHERE, "02_x.ipynb", "v1.2.3"), [], importlib.util.find_spec
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == "s2f_utils" else real(name))
    monkeypatch.setattr("subprocess.run", lambda command, **options: commands.append((command, options)))
    exec(compile(source.partition("from s2f_utils")[0], "set-up cell", "exec"), {})
    ((command, options),) = commands
    assert command[1:5] == ["-m", "pip", "install", "--quiet"] and options == {"check": True}
    assert f"sketch-to-face[train] @ git+{ELSEWHERE}@v1.2.3" in command
    assert any(part.startswith("torch==") for part in command)
