"""The switch that hides ../shared, and that only one file knows where that is."""

from __future__ import annotations

import pytest

from tests.shared import BESIDE, shared
from tests.test_data_prep import ROOT


def test_the_folder_is_hidden_or_another_or_the_one_beside_the_clone(tmp_path, monkeypatch):
    (tmp_path / "data").mkdir()
    monkeypatch.setenv("S2F_SHARED", str(tmp_path))
    assert shared("data") == tmp_path / "data" and shared("weights") is None
    (tmp_path / "none" / "data").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("tests.shared.BESIDE", tmp_path)
    for hidden in ("none", ""):
        monkeypatch.setenv("S2F_SHARED", hidden)
        assert shared("data") is None
    monkeypatch.delenv("S2F_SHARED")
    assert shared("data") == tmp_path / "data"


@pytest.mark.parametrize("folder", ["tests", "tools", "benchmarks", "notebooks"])
def test_nothing_else_looks_for_it(folder):
    assert ROOT.parent / "shared" == BESIDE
    files = [*(ROOT / folder).rglob("*.py"), *(ROOT / folder).rglob("*.ipynb")]
    ways = ('"shared" /', '/ "shared"', "../shared/")
    allowed = ("shared.py", "test_shared.py")
    files = [path for path in files if path.name not in allowed]
    looking = [path for path in files if any(way in path.read_text("utf-8") for way in ways)]
    assert files and not looking
