"""The README's tables say what benchmarks/results say."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
spec = importlib.util.spec_from_file_location("readme_tables", ROOT / "tools" / "readme_tables.py")
readme_tables = importlib.util.module_from_spec(spec)
spec.loader.exec_module(readme_tables)


@pytest.mark.parametrize("file", list(readme_tables.TABLES))
def test_the_tables_are_up_to_date(file):
    text = (ROOT / file).read_text(encoding="utf-8")
    assert readme_tables.filled(text, file=file) == text, "run 'make tables'"
    assert "Not measured yet" not in text


def test_a_changed_number_is_noticed(tmp_path):
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    for path in readme_tables.RESULTS.glob("*.json"):
        content = path.read_text(encoding="utf-8").replace('"torch": "2.', '"torch": "9.')
        (tmp_path / path.name).write_text(content, encoding="utf-8")
    assert "torch 9." in readme_tables.filled(text, tmp_path)


def test_missing_markers_are_an_error():
    with pytest.raises(ValueError, match="bench:start"):
        readme_tables.filled("# nothing here\n")
