"""The yardsticks of drawings that become faces: crude drawings for testing, and what
benchmarks/faces.py measures.
"""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import numpy as np
import pytest
import skimage.metrics

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "benchmarks"))

import faces as faces_benchmark  # noqa: E402
import faces_inside as inside  # noqa: E402
import faces_measures  # noqa: E402
import faces_people as people  # noqa: E402

from s2f_utils.pictures import faces  # noqa: E402

FIVE = faces.TEMPLATE * 256 - 0.5


def test_it_shares_nothing_with_sketches_to_train_on():
    for path in (ROOT / "benchmarks").glob("crude_*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module.startswith(("s2f_", "data_prep")):
                assert node.module in ("s2f_utils.pictures",), path
                assert {alias.name for alias in node.names} <= {
                    "faces",
                    "images",
                    "viz",
                    "mask_of",
                }, path


def test_landmark_error_by_hand():
    five, eyes = FIVE, np.hypot(*(FIVE[1] - FIVE[0]))
    face = faces.Face.around(five + [3, 4], 0.9, "yunet")
    assert faces_measures.meant_error(face, five) == pytest.approx(5 / eyes)
    noseless = five.copy()
    noseless[2] = np.nan
    moved_nose = face.landmarks.copy()
    moved_nose[2] += 50
    assert faces_measures.meant_error(
        faces.Face.around(moved_nose, 0.9, "yunet"), noseless
    ) == pytest.approx(5 / eyes)
    assert faces_measures.meant_error(None, five) == 1
    assert faces_measures.meant_error(faces.Face.around(five + 500, 0.9, "yunet"), five) == 1


def test_halves_spread_likeness_and_mouths_by_hand():
    photos = np.random.default_rng(0).normal(size=(240, 6))
    other, alike = (people.halves(photos[:60] / by, photos[60:], paired=False) for by in (1, 50))
    assert people.halves(photos, photos, paired=True) == dict.fromkeys(other, 1)
    assert (
        all(0.5 < value < 2 for value in other.values())
        and alike["recall"] < 0.1
        and alike["frechet_ratio"] > 4
    )
    assert people.spread(np.repeat(photos[:3, None], 8, axis=1), photos) == 0
    assert people.spread(photos.reshape(30, 8, 6), photos) == pytest.approx(1, abs=0.05)
    assert [
        people.too_like(one, photos[99:], photos[:50]) for one in (photos[:9], photos[:9] + 9)
    ] == [1, 0]
    true = np.zeros((4, 478, 2))
    true[:, people.PUPILS[1], 0], true[:, people.LIPS[1], 1] = 1, [0.01, 0.02, 0.1, np.nan]
    found = people.mouths(true[[2, 0, 1, 3]], true)
    assert found == {"closed_to_open": 0.5, "num_closed": 2, "open_to_closed": 1, "num_open": 1}


def test_a_model_against_ridge_by_hand(tmp_path):
    rng, names = np.random.default_rng(0), faces_benchmark.OVER_RIDGE
    ridge = {name: rng.random(50) for name in names}
    assert faces_benchmark.over_ridge(ridge, tmp_path, "fs2k-trained-all") == {}
    place = tmp_path / "per-image" / "fs2k-zero-shot-all" / "ridge.npz"
    place.parent.mkdir(parents=True)
    np.savez(place, **ridge)
    mine = {name: values + rng.normal(0.1, 0.01, 50) for name, values in ridge.items()}
    for name, (mean, low, high) in faces_benchmark.over_ridge(
        mine, tmp_path, "fs2k-trained-all"
    ).items():
        assert mean == pytest.approx((mine[name] - ridge[name]).mean(), abs=1e-4)
        assert (
            0.09 < low < mean < high < 0.11
        )  # pair by pair: the values themselves are much further apart


def test_residue_is_one_for_the_drawing_and_none_for_its_shading():
    rng = np.random.default_rng(0)
    drawing = np.full((256, 256, 3), 255, np.uint8)
    for row in rng.integers(60, 230, 12):
        drawing[row : row + 2, 80:180] = 30
    mask = inside.mask_of(inside.outline_of(FIVE), drawing.shape)
    ramp = (
        np.repeat(np.linspace(60, 200, 256)[:, None, None], 256, axis=1)
        .repeat(3, axis=2)
        .astype(np.uint8)
    )
    copied = np.clip(ramp.astype(int) + (drawing.astype(int) - 255) // 4, 0, 255).astype(np.uint8)
    noise = rng.integers(0, 256, drawing.shape, dtype=np.uint8)
    assert inside.stroke_residue(drawing, drawing, mask) == pytest.approx(1)
    assert inside.stroke_residue(255 - drawing, drawing, mask) == pytest.approx(-1, abs=1e-3)
    assert inside.stroke_residue(copied, drawing, mask) > 0.95
    assert abs(inside.stroke_residue(ramp, drawing, mask)) < 0.1
    assert abs(inside.stroke_residue(noise, drawing, mask)) < 0.1
    assert np.isnan(inside.stroke_residue(noise, np.full_like(drawing, 255), mask))
    assert inside.stroke_residue(np.full_like(drawing, 9), drawing, mask) == 0


def test_only_the_inside_counts():
    rng = np.random.default_rng(2)
    true = rng.integers(0, 256, (256, 256, 3), dtype=np.uint8)
    points, mask = FIVE, inside.mask_of(inside.outline_of(FIVE), true.shape)
    same = inside.compare(true, true, points)
    assert same == {
        "face_ssim": pytest.approx(1),
        "face_psnr": np.inf,
        "face_l1": 0,
        "face_light": 0,
        "skin_tone": 0,
    }
    other_wall = np.where(mask[..., None], true, 0).astype(np.uint8)
    around = inside.compare(other_wall, true, points)  # but for SSIM's window at the rim
    assert around | {"face_ssim": 1} == same | {"face_ssim": 1} and around["face_ssim"] > 0.9
    darker = np.where(mask[..., None], true // 2, true).astype(np.uint8)
    found = inside.compare(darker, true, points)
    assert found["face_l1"] == pytest.approx((true[mask] - (true // 2)[mask]).mean())
    psnr = skimage.metrics.peak_signal_noise_ratio(true[mask], darker[mask], data_range=255)
    assert found["face_psnr"] == pytest.approx(psnr)
    assert found["face_light"] > 50 and found["skin_tone"] > 1
    outside = inside.compare(true, true, points + 1000)
    assert all(np.isnan(v) for v in outside.values()) and set(outside) == set(inside.COMPARED)
