"""The README's tables say what benchmarks/results say."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
spec = importlib.util.spec_from_file_location("readme_tables", ROOT / "tools" / "readme_tables.py")
readme_tables = importlib.util.module_from_spec(spec)
spec.loader.exec_module(readme_tables)


def test_readme_is_up_to_date():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert readme_tables.filled(text) == text, "run 'make tables'"


def test_a_changed_number_is_noticed(tmp_path):
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    for path in readme_tables.RESULTS.glob("*.json"):
        content = path.read_text(encoding="utf-8").replace('"torch": "2.', '"torch": "9.')
        (tmp_path / path.name).write_text(content, encoding="utf-8")
    assert "torch 9." in readme_tables.filled(text, tmp_path)


def test_missing_markers_are_an_error():
    with pytest.raises(ValueError, match="bench:start"):
        readme_tables.filled("# nothing here\n")
