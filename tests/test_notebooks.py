"""The notebooks keep to the template, and a broken one fails the tests."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from tools.run_notebooks import hash_of_code

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("[0-9]*.ipynb"))
SOLUTIONS = sorted((ROOT / "notebooks" / "solutions").glob("[0-9]*.ipynb"))
MAX_CODE_LINES = 25
MAX_CELLS = 42
REPOSITORY = "https://github.com/sketch-to-face/sketch-to-face"
WIDGET = "application/vnd.jupyter.widget-view+json"
each_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
each_file = pytest.mark.parametrize("path", NOTEBOOKS + SOLUTIONS, ids=lambda path: path.name)


def load(path):
    return nbformat.read(path, as_version=4)


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def num_lines_of_logic(cell):
    """Lines that are not empty, no comment, and no import."""
    ignored = re.compile(r"\s*(#|$)|(from|import) ")
    return len([line for line in cell.source.splitlines() if not ignored.match(line)])


def pictures_of(cell):
    kinds = {"image/jpeg", "image/png"}
    return [o for o in cell.get("outputs", []) if kinds & set(o.get("data", {}))]


@each_notebook
def test_it_keeps_to_the_template(path):
    cells = load(path).cells
    number = path.name.partition("_")[0]
    title = cells[0].source
    assert title.startswith(f"# {number} ") and "colab-badge.svg" in title
    assert f"({REPOSITORY}/raw/main/docs/titles/{number}.jpg)" in title
    form = cells[1]
    assert form.metadata["cellView"] == "form" and form.metadata["tags"] == ["setup", "parameters"]
    assert any(pictures_of(cell) for cell in cells[:3]), "nothing is seen in the first three cells"
    text = "\n".join(cell.source for cell in cells)
    assert "zip_results" in text and text.count("check(") >= 8 and "if FAST" not in text
    assert len(cells) <= MAX_CELLS
    long = [c for c in code_cells(load(path))[1:] if num_lines_of_logic(c) > MAX_CODE_LINES]
    assert not long, f"cells of more than {MAX_CODE_LINES} lines: {[c.source[:60] for c in long]}"


@each_file
def test_committed_outputs_are_a_demo_run_without_errors(path):
    notebook = load(path)
    assert path.stat().st_size < 2_000_000
    outputs = [output for cell in code_cells(notebook) for output in cell.outputs]
    assert not [o for o in outputs if o.output_type == "error"]
    blank = [o for o in outputs if WIDGET in o.get("data", {})]
    assert not blank, "a widget is a blank without its kernel"
    text = "".join(o.get("text", "") for o in outputs if o.output_type == "stream")
    assert "profile: demo" in text and "✓" in text
    assert not re.search(r"✗(?! blank, to be filled: )", text)
    assert not re.search(r"/(home|root|tmp|Users|content)/", text), "a path of one machine"
    assert any(map(pictures_of, code_cells(notebook)))


@each_file
def test_outputs_are_those_of_the_code(path):
    """Not of an earlier version of it, not cut, not those of a training that was resumed."""
    notebook = load(path)
    ran = notebook.metadata.get("last_run", {}).get("code")
    assert ran in (None, hash_of_code(notebook)), "the code was changed after the run"
    silent = []
    for cell in code_cells(notebook):
        body = ast.parse(cell.source).body
        if cell.execution_count and body and isinstance(body[-1], ast.Expr) and not cell.outputs:
            silent.append(cell.source.splitlines()[-1])
    assert not silent, f"cells whose last line shows something have no output: {silent}"
    text = "".join(o.get("text", "") for cell in code_cells(notebook) for o in cell.outputs)
    assert "goes on at image" not in text, "a training was resumed"


@each_file
def test_it_asks_colab_for_a_gpu_and_links_by_whole_addresses(path):
    """A copy in Drive has no folder beside it."""
    notebook = load(path)
    assert notebook.metadata["accelerator"] == "GPU"
    assert notebook.metadata["colab"]["gpuType"] == "T4"
    text = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    links = re.findall(r"\[[^\]]*\]\(([^)\s]+)\)", text)
    assert all(link.startswith("https://") for link in links), links
    for link in links:
        ours = re.match(rf"{REPOSITORY}/(?:blob|raw)/main/([^#]+)", link)
        assert ours is None or (ROOT / ours[1]).is_file(), link


@each_notebook
def test_its_exercises_have_solutions(path):
    exercises = load(path).cells[-1].source.partition("### Exercises")[2]
    num = len(re.findall(r"(?m)^\d+\. ", exercises))
    name = f"{path.name.partition('_')[0]}_solutions.ipynb"
    solutions = load(ROOT / "notebooks" / "solutions" / name)
    text = "\n".join(c.source for c in solutions.cells if c.cell_type == "markdown")
    solved = re.findall(r"(?m)^## (\d+) ", text)
    assert num >= 3 and solved == [str(n + 1) for n in range(num)]


def run_nbval(path: Path) -> subprocess.CompletedProcess:
    """The same command as `make test`."""
    nbval = ["-m", "pytest", "-p", "no:cacheprovider", "-q", "--nbval-lax", "--nbval-current-env"]
    environment = {**os.environ, "S2F_STRICT": "1", "S2F_PROFILE": "fast", "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [sys.executable, *nbval, str(path)],
        capture_output=True,
        text=True,
        timeout=300,
        cwd=path.parent,
        env=environment,
    )


def test_a_broken_cell_and_a_false_check_fail(tmp_path):
    """In one notebook: lax, nbval runs every cell."""
    sources = (
        "from s2f_utils.notebook import check",
        "assert check(1 + 1 == 2, 'one and one are two') is None",
        "undefined_name",
        "check(1 + 1 == 3, 'one and one are three')",
    )
    cells = [nbformat.v4.new_code_cell(source) for source in sources]
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    notebook = nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": kernel})
    nbformat.write(notebook, tmp_path / "broken.ipynb")
    result = run_nbval(tmp_path / "broken.ipynb")
    assert result.returncode == 1 and "2 failed, 2 passed" in result.stdout, result.stdout
    assert "NameError" in result.stdout and "one and one are three" in result.stdout
