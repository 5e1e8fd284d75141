"""The tables of README.md and docs/ say what benchmarks/results say."""

from __future__ import annotations

import importlib
import importlib.util
import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
spec = importlib.util.spec_from_file_location("readme_tables", ROOT / "tools" / "readme_tables.py")
readme_tables = importlib.util.module_from_spec(spec)
spec.loader.exec_module(readme_tables)


@pytest.fixture(scope="module")
def made():
    return readme_tables.tables()


@pytest.mark.parametrize("file", readme_tables.FILES)
def test_the_tables_are_up_to_date(file, made):
    text = (ROOT / file).read_text(encoding="utf-8")
    assert readme_tables.filled(text, made) == text, "run 'make tables'"
    assert "Not measured yet" not in text


def test_every_table_has_its_place(made):
    texts = {file: (ROOT / file).read_text(encoding="utf-8") for file in readme_tables.FILES}
    assert readme_tables.placed(texts, made) == texts


def test_every_script_with_a_table_is_asked_for_it():
    scripts = (ROOT / "benchmarks").glob("*.py")
    assert {p.stem for p in scripts if "\nTABLES = " in p.read_text(encoding="utf-8")} == set(readme_tables.SCRIPTS)


def test_a_changed_number_is_noticed(tmp_path):
    text = (ROOT / "docs" / "results.md").read_text(encoding="utf-8")
    for path in readme_tables.RESULTS.glob("*.json"):
        content = path.read_text(encoding="utf-8").replace('"torch": "2.', '"torch": "9.')
        (tmp_path / path.name).write_text(content, encoding="utf-8")
    assert "torch 9." in readme_tables.filled(text, readme_tables.tables(tmp_path))


def test_results_that_are_not_there_yet_are_said(tmp_path):
    said = readme_tables.tables(tmp_path)
    assert {marker for marker, text in said.items() if text == "Waits for a GPU."} == {
        "gpu-steps", "gpu-loop", "gpu-answers",
    }  # fmt: skip
    assert {text for marker, text in said.items() if not marker.startswith("gpu-")} == {"Not measured yet."}


def test_the_usual_detail_in_the_quality_table_is_that_of_the_curve(made):
    module = importlib.import_module("leaderboard_cuhk")
    path = readme_tables.RESULTS / "leaderboard_cuhk.json"
    rows = json.loads(path.read_text(encoding="utf-8"))["results"]["rows"]
    assert module.in_order(rows) == rows, "best_cuhk.json has other numbers: run benchmarks/leaderboard_cuhk.py"
    (shown,) = [line for line in made["quality"].splitlines() if module.USUAL in line]
    assert f"{module.USUAL}, one seed | open | 0.757 | 18.6 | 23.1 |" in shown


def test_missing_markers_are_an_error(made):
    with pytest.raises(ValueError, match="bench:start"):
        readme_tables.placed({"README.md": "# nothing here\n"}, made)


def test_a_new_pair_of_markers_is_filled():
    text = "before\n\n<!-- new:start -->\n<!-- new:end -->\n\n<!-- other:start -->\nx\n<!-- other:end -->\n"
    wanted = text.replace("<!-- new:start -->\n", "<!-- new:start -->\n\n| a table |\n\n")
    assert readme_tables.filled(text, {"new": "| a table |"}) == wanted


def test_scripts_that_are_named_are_there():
    """What is gone is named with the commit that has it: `git show COMMIT:benchmarks/NAME.py`."""
    folders = ("docs", "s2f_utils", "data_prep", "tests", "tools", "benchmarks", "notebooks")
    files = [ROOT / "README.md", *(p for folder in folders for p in (ROOT / folder).rglob("*.*"))]
    named = {
        name
        for path in files
        if path.suffix in (".md", ".py", ".ipynb")
        for name in re.findall(r"(?<!:)benchmarks/(\w+)\.py", path.read_text(encoding="utf-8"))
    }
    assert named and {name for name in named if not (ROOT / "benchmarks" / f"{name}.py").is_file()} == set()
