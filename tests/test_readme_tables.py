"""The tables of README.md and docs/ say what benchmarks/results and `make bench-gpu` say."""

from __future__ import annotations

import importlib
import importlib.util
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
    assert (
        named
        and {name for name in named if not (ROOT / "benchmarks" / f"{name}.py").is_file()} == set()
    )


def test_the_parts_of_bench_gpu_are_scripts_with_a_line_in_the_docs(capsys):
    gpu = importlib.import_module("gpu")
    assert gpu.main(["--list"]) == 0
    listed = [line.split()[0] for line in capsys.readouterr().out.splitlines()]
    told = (ROOT / "docs" / "scale.md").read_text(encoding="utf-8")
    assert listed == list(gpu.PARTS) and all(f"\n| `{name}` |" in told for name in listed)
    scripts = [part.command[0] for part in gpu.PARTS.values() if part.command[0] != "-m"]
    assert scripts and all((ROOT / script).is_file() for script in scripts)
    assert all(part.seconds < part.limit_s < 500 for part in gpu.PARTS.values())
