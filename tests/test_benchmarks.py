"""What the benchmarks measure, on cases worked out by hand."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest
import skimage.metrics

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "benchmarks"))

import common  # noqa: E402
import goals  # noqa: E402
import gpu  # noqa: E402
import inside  # noqa: E402
import people  # noqa: E402

from s2f_utils.pictures import faces  # noqa: E402


def test_scores_of_sets_are_relative_to_photos():
    photos = np.random.default_rng(0).normal(size=(240, 6))
    assert people.halves(photos, photos, paired=True) == dict.fromkeys(people.SET_SCORES, 1)
    usual = people.halves(photos[:60], photos[60:], paired=False)
    assert all(0.5 < value < 2 for value in usual.values())
    alike = people.halves(photos[:60] / 50, photos[60:], paired=False)
    assert alike["recall"] < 0.1 and alike["frechet_ratio"] > 4


def test_spread():
    photos = np.random.default_rng(0).normal(size=(240, 6))
    assert people.spread(np.repeat(photos[:3, None], 8, axis=1), photos) == 0
    assert people.spread(photos.reshape(30, 8, 6), photos) == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize("goal", goals.GOALS, ids=lambda goal: goal[1])
def test_every_goal_is_read_from_what_its_script_wrote(goal):
    name, _, _, value = goal
    found = json.loads((common.SAVED / f"{name}.json").read_text(encoding="utf-8"))
    numbers = [float(number) for number in value(found["results"]).split(", ")]
    assert numbers and np.isfinite(numbers).all()


def test_mouths():
    true = np.zeros((4, 478, 2))
    true[:, people.PUPILS[1], 0] = 1
    true[:, people.LIPS[1], 1] = [0.01, 0.02, 0.1, np.nan]
    found = people.mouths(true[[2, 0, 1, 3]], true)
    assert found == {"closed_to_open": 0.5, "num_closed": 2, "open_to_closed": 1, "num_open": 1}


def test_only_the_inside_of_a_face_counts():
    rng = np.random.default_rng(2)
    true = rng.integers(0, 256, (256, 256, 3), dtype=np.uint8)
    mask = inside.mask_of(inside.outline_of(faces.TEMPLATE * 256 - 0.5), true.shape)
    assert 0.2 < mask.mean() < 0.5
    darker = np.where(mask[..., None], true // 2, 0).astype(np.uint8)
    found = inside.similarity_inside(darker, true, mask)
    assert found["face_l1"] == pytest.approx((true[mask] - (true // 2)[mask]).mean())
    psnr = skimage.metrics.peak_signal_noise_ratio(true[mask], darker[mask], data_range=255)
    assert found["face_psnr"] == pytest.approx(psnr)


def test_a_lighter_face_has_a_larger_typology_angle():
    mask = np.ones((32, 32), bool)
    dark, light = (np.full((32, 32, 3), rgb, np.uint8) for rgb in ((90, 60, 45), (235, 205, 190)))
    assert inside.skin_tone(dark, mask) < 10 and inside.skin_tone(light, mask) > 41


def test_the_parts_that_need_a_gpu_are_there():
    scripts = [command[0] for command in gpu.PARTS.values() if command[0] != "-m"]
    assert scripts and all((ROOT / script).is_file() for script in scripts)
