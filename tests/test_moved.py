"""A name that has moved says in one line where it is; a name that never was is missing as ever."""

from __future__ import annotations

import importlib
import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

from s2f_utils.runtime import moved

ROOT = Path(__file__).resolve().parents[1]


@pytest.mark.parametrize("old", moved.MOVED)
def test_the_old_name_is_gone_and_the_new_one_is_there(old):
    with pytest.raises(ImportError) as told:
        importlib.import_module(f"s2f_utils.{old}")
    assert f"import s2f_utils.{moved.MOVED[old]}," in str(told.value) and "\n" not in str(told.value)
    assert importlib.util.find_spec(f"s2f_utils.{moved.MOVED[old]}") is not None


@pytest.mark.parametrize("line", ["from s2f_utils import images", "from s2f_utils.synthetic import draw_face"])
def test_every_way_to_import_says_it(line):
    done = subprocess.run([sys.executable, "-c", line], cwd=ROOT, capture_output=True, text=True)
    last = done.stderr.splitlines()[-1]
    assert done.returncode == 1 and last.startswith("ImportError: s2f_utils.") and "has moved: import " in last


def test_a_name_that_never_was_is_only_missing():
    with pytest.raises(ModuleNotFoundError, match="No module named 's2f_utils.nonsense'"):
        importlib.import_module("s2f_utils.nonsense")
    with pytest.raises(ImportError, match="cannot import name 'nonsense'"):
        from s2f_utils import nonsense  # noqa: F401
    assert importlib.util.find_spec("s2f_utils.nonsense") is None
    assert not hasattr(importlib.import_module("s2f_utils"), "nonsense")
