"""The notebooks keep to the template, and a broken one fails the tests."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("[0-9]*.ipynb"))
SOLUTIONS = sorted((ROOT / "notebooks" / "solutions").glob("[0-9]*.ipynb"))
MAX_CODE_LINES = 25
MOST_CELLS = 35
REPOSITORY = "https://github.com/sketch-to-face/sketch-to-face/blob/main"
WIDGET = "application/vnd.jupyter.widget-view+json"


def load(path):
    return nbformat.read(path, as_version=4)


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def num_lines_of_logic(cell):
    """Lines that are not empty, no comment, and no import."""
    return len(
        [
            line
            for line in cell.source.splitlines()
            if not re.match(r"\s*(#|$)|(from|import) ", line)
        ]
    )


def pictures_of(cell):
    return [
        o for o in cell.get("outputs", []) if {"image/jpeg", "image/png"} & set(o.get("data", {}))
    ]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.name)
def test_it_opens_with_its_result(path):
    cells = load(path).cells
    number = path.name[:2] if path.name[2] == "_" else path.name[:3]
    assert cells[0].source.startswith(f"# {number} ") and "colab-badge.svg" in cells[0].source
    assert f"]({REPOSITORY.replace('blob', 'raw')}/docs/titles/{number}.jpg)" in cells[0].source
    assert (ROOT / "docs" / "titles" / f"{number}.jpg").stat().st_size < 80_000
    assert f"]({REPOSITORY}/docs/glossary.md)" in cells[0].source
    assert "You will" in cells[0].source and "not measured" not in cells[0].source
    form = cells[1]
    assert form.metadata["cellView"] == "form" and form.metadata["tags"] == ["setup", "parameters"]
    assert form.source.startswith("# @title ") and "# @param" in form.source
    assert any(pictures_of(cell) for cell in cells[:3]), "nothing is seen in the first three cells"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.name)
def test_template(path):
    cells = load(path).cells
    text = "\n".join(cell.source for cell in cells)
    assert (
        "if FAST" not in text
        and "zip_results" in text
        and "## Summary" in text
        and "<summary>Hint" in text
    )
    assert "**Guess.**" in text and text.count("check(") >= 8
    assert f"solutions/{path.name[:2]}" in text, "the exercises have solutions"
    assert len(cells) <= MOST_CELLS
    taught = [
        cell for cell in code_cells(load(path))[1:] if num_lines_of_logic(cell) > MAX_CODE_LINES
    ]
    assert not taught, (
        f"cells of more than {MAX_CODE_LINES} lines: {[c.source[:60] for c in taught]}"
    )


@pytest.mark.parametrize("path", NOTEBOOKS + SOLUTIONS, ids=lambda p: p.name)
def test_committed_outputs_are_a_demo_run_without_errors(path):
    notebook = load(path)
    assert path.stat().st_size < 1_200_000
    outputs = [output for cell in code_cells(notebook) for output in cell.outputs]
    assert not [o for o in outputs if o.output_type == "error"]
    assert not [o for o in outputs if WIDGET in o.get("data", {})], (
        "a widget is a blank without its kernel"
    )
    text = "".join(o.get("text", "") for o in outputs if o.output_type == "stream")
    assert "profile: demo" in text and "✓" in text
    assert "✗" not in text
    assert not re.search(r"/(home|root|tmp|Users|content)/", text), (
        "a path of one machine is in the outputs"
    )
    assert any(map(pictures_of, code_cells(notebook)))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.name)
def test_its_exercises_have_solutions(path):
    exercises = load(path).cells[-1].source.partition("### Exercises")[2]
    num = len(re.findall(r"(?m)^\d+\. ", exercises))
    solutions = load(
        ROOT / "notebooks" / "solutions" / f"{path.name.partition('_')[0]}_solutions.ipynb"
    )
    solved = re.findall(
        r"(?m)^## (\d+) ", "\n".join(c.source for c in solutions.cells if c.cell_type == "markdown")
    )
    assert num >= 3 and solved == [str(n + 1) for n in range(num)]


def run_nbval(path: Path) -> subprocess.CompletedProcess:
    nbval = ["-m", "pytest", "-p", "no:cacheprovider", "-q", "--nbval-lax", "--nbval-current-env"]
    return subprocess.run(
        [sys.executable, *nbval, str(path)],
        capture_output=True,
        text=True,
        timeout=300,
        cwd=path.parent,
        env={**os.environ, "S2F_STRICT": "1", "S2F_PROFILE": "fast", "PYTHONPATH": str(ROOT)},
    )


def test_a_broken_cell_fails_and_a_false_check_fails(tmp_path):
    """The same command as `make test`, on three notebooks of two cells."""
    codes = {
        "whole": "assert check(1 + 1 == 2, 'one and one are two') is None",
        "broken": "undefined_name",
        "false": "check(1 + 1 == 3, 'one and one are three')",
    }
    results = {}
    for name, code in codes.items():
        cells = [
            nbformat.v4.new_code_cell("from s2f_utils.notebook import check"),
            nbformat.v4.new_code_cell(code),
        ]
        metadata = {
            "kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}
        }
        nbformat.write(
            nbformat.v4.new_notebook(cells=cells, metadata=metadata), tmp_path / f"{name}.ipynb"
        )
        results[name] = run_nbval(tmp_path / f"{name}.ipynb")
    assert results["whole"].returncode == 0, results["whole"].stdout
    for name, reason in (("broken", "NameError"), ("false", "one and one are three")):
        assert results[name].returncode == 1, results[name].stdout
        assert "1 failed, 1 passed" in results[name].stdout and reason in results[name].stdout


def test_every_notebook_asks_colab_for_a_gpu():
    """Half of them once opened without one, and trained on a processor."""
    asked = {path.name: nbformat.read(path, 4)["metadata"] for path in (*NOTEBOOKS, *SOLUTIONS)}
    asked = {
        name: (data.get("accelerator"), data.get("colab", {}).get("gpuType"))
        for name, data in asked.items()
    }
    assert set(asked.values()) == {("GPU", "T4")}, asked


@pytest.mark.parametrize("path", NOTEBOOKS + SOLUTIONS, ids=lambda p: p.name)
def test_links_lead_somewhere_from_a_copy_in_colab(path):
    """A copy in Drive has no folder beside it: links are whole addresses. Title pictures are the
    site's, too.
    """
    text = "\n".join(cell.source for cell in load(path).cells if cell.cell_type == "markdown")
    links = re.findall(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)", text)
    assert all(link.startswith("https://") for link in links), links
    ours = [
        link.removeprefix(f"{REPOSITORY}/").partition("#")[0]
        for link in links
        if link.startswith(REPOSITORY)
    ]
    assert [name for name in ours if not (ROOT / name).is_file()] == []
