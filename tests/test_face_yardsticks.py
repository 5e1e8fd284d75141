"""The yardsticks of drawings that become faces: crude drawings for testing, and what benchmarks/faces.py measures."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "benchmarks"))

import faces as faces_benchmark  # noqa: E402
import faces_measures  # noqa: E402

from s2f_utils.pictures import faces  # noqa: E402

# --- the drawings ---


def test_it_shares_nothing_with_sketches_to_train_on():
    for path in (ROOT / "benchmarks").glob("crude_*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module.startswith(("s2f_", "data_prep")):
                assert node.module in ("s2f_utils.pictures",), path
                assert {alias.name for alias in node.names} <= {"faces", "images", "viz", "mask_of"}, path


# --- what is measured ---


def test_landmark_error_by_hand():
    five = faces.TEMPLATE * 256 - 0.5
    eyes = np.hypot(*(five[1] - five[0]))
    face = faces.Face.around(five + [3, 4], 0.9, "yunet")
    assert faces_measures.meant_error(face, five) == pytest.approx(5 / eyes)
    noseless = five.copy()
    noseless[2] = np.nan
    moved_nose = face.landmarks.copy()
    moved_nose[2] += 50
    assert faces_measures.meant_error(faces.Face.around(moved_nose, 0.9, "yunet"), noseless) == pytest.approx(5 / eyes)
    assert faces_measures.meant_error(None, five) == 1
    assert faces_measures.meant_error(faces.Face.around(five + 500, 0.9, "yunet"), five) == 1


# --- the command ---


def test_a_model_against_ridge_by_hand(tmp_path):
    rng, names = np.random.default_rng(0), faces_benchmark.OVER_RIDGE
    ridge = {name: rng.random(50) for name in names}
    assert faces_benchmark.over_ridge(ridge, tmp_path, "fs2k-trained-all") == {}
    place = tmp_path / "per-image" / "fs2k-zero-shot-all" / "ridge.npz"
    place.parent.mkdir(parents=True)
    np.savez(place, **ridge)
    mine = {name: values + rng.normal(0.1, 0.01, 50) for name, values in ridge.items()}
    for name, (mean, low, high) in faces_benchmark.over_ridge(mine, tmp_path, "fs2k-trained-all").items():
        assert mean == pytest.approx((mine[name] - ridge[name]).mean(), abs=1e-4)
        assert 0.09 < low < mean < high < 0.11  # pair by pair: the values themselves are much further apart
