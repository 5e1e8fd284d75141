"""The yardsticks of drawings that become faces: crude drawings for testing, and what benchmarks/faces.py measures."""

from __future__ import annotations

import ast
import csv
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "benchmarks"))

import crude_drawings  # noqa: E402
import crude_people  # noqa: E402
import faces as faces_benchmark  # noqa: E402
import faces_inside as inside  # noqa: E402
import faces_measures  # noqa: E402
import faces_sets  # noqa: E402

from s2f_utils.metrics import baselines  # noqa: E402
from s2f_utils.pictures import faces  # noqa: E402


def a_person(number: int = 0, **labels: str) -> crude_people.Person:
    """Nobody: an aligned face's outline and landmarks on plain grey, in the mesh's order."""
    rng = np.random.default_rng(number)
    side = crude_people.SIZE_PX
    five, oval = faces.TEMPLATE * side - 0.5, inside.OUTLINE * side - 0.5
    mesh = np.tile(five[2], (478, 1)) + rng.uniform(-8, 8, (478, 2))
    mesh[list(crude_people.OVAL)] = oval
    for eye in (0, 1):
        for part, lift in ((crude_drawings.UPPER, -5), (crude_drawings.LOWER, 4)):
            across = np.linspace(-14, 14, 9)
            mesh[list(part[eye])] = five[eye] + np.stack([across, lift * np.cos(across / 9)], axis=1)
        for part, lift in ((crude_drawings.BROW_TOP, -20), (crude_drawings.BROW_UNDER, -15)):
            mesh[list(part[eye])] = five[eye] + np.stack([np.linspace(-18, 18, 5), np.full(5, lift)], axis=1)
        mesh[list(crude_drawings.IRISES[eye])] = five[eye] + [[0, 0], [4, 0], [0, 4], [-4, 0], [0, -4]]
    for part, low in ((crude_drawings.LIP_TOP, -6), (crude_drawings.LIP_UNDER, 9)):
        bow = low * np.sin(np.linspace(0, np.pi, 11))
        mesh[list(part)] = np.linspace(five[3], five[4], 11) + np.stack([np.zeros(11), bow], axis=1)
    mesh[list(crude_people.NOSE)] = five[2]
    photo = np.full((side, side, 3), 200, np.uint8)
    photo[inside.mask_of(oval, photo.shape)] = (190, 140, 120)
    usual = {"glasses": "0", "beard": "none", "hat": "none", "hair_length": "short", "hair_texture": "straight",
             "hair_colour": "brown", "mouth": "closed", "fringe": "0"}  # fmt: skip
    return crude_people.Person(f"nobody-{number}", photo, mesh, usual | labels)


def a_set(num: int = 12) -> faces_sets.FaceSet:
    """Nobodies' drawings of two degrees, with noise for photos."""
    rng = np.random.default_rng(0)
    drawn = [crude_drawings.draw(a_person(n), d) for n in range(num) for d in ("few lines", "symbols")]
    photos = [rng.integers(0, 256, (256, 256, 3), dtype=np.uint8) for _ in range(2 * num)]
    return faces_sets.FaceSet(
        "crude", [one.person for one in drawn], [one.degree for one in drawn], np.stack([one.picture for one in drawn]),
        np.repeat(np.stack(photos[:num]), 2, axis=0), np.stack(photos[num:]), five=np.stack([o.five for o in drawn]),
        outlines=np.stack([o.outline for o in drawn]), shows=[o.shows for o in drawn],
    )  # fmt: skip


# --- the drawings ---


def test_it_shares_nothing_with_sketches_to_train_on():
    for path in (ROOT / "benchmarks").glob("crude_*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module.startswith("s2f_"):
                assert node.module in ("s2f_utils.pictures",), path
                assert {alias.name for alias in node.names} <= {"faces", "images", "viz", "mask_of"}, path


def test_the_labels_are_those_of_the_portraits():
    with open(crude_people.LABELS, newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert Counter(row["split"] for row in rows) == {"train": 471, "val": 20, "test": 100}
    split = {row["name"]: row["split"] for row in rows}
    twins = ("edward-lamont", "ned-lamont", "mike-dewine", "michael-dewine", "mike-parson", "michael-parson")
    assert all(split[f"governors-{name}"] == "train" for name in twins)
    assert len(crude_people.labels_of("test")) == 100


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


def test_trivial_rows_agree_with_the_librarys():
    rng = np.random.default_rng(0)
    sides = [rng.integers(0, 256, (n, 64, 64, 3), dtype=np.uint8) for n in (5, 5, 3)]
    chosen = faces_sets.FaceSet("x", list("abc"), ["s"] * 3, sides[2], sides[2], sides[1], sides[0])
    expected, found = baselines.trivial_predictions(*sides), chosen.trivial()
    for mine, theirs in (("mean photo", "mean"), ("nearest", "nearest"), ("the drawing itself", "sketch")):
        np.testing.assert_array_equal(found[mine], expected[theirs])
    assert np.abs(found["ridge"].astype(int) - expected["ridge"]).max() <= 1


@pytest.mark.detector
def test_a_row_has_every_column_and_takes_copies_for_copies():
    chosen = a_set()
    yardstick = faces_measures.Yardstick(chosen)
    lines = yardstick.row(chosen.drawings, patch_steps=2)
    assert set(faces_measures.NULL) <= set(lines)
    assert lines["residue"] == 1 and lines["ssim"] is None and lines["fooled"] is None
    assert 0 <= lines["patch_auc"] <= 1 and set(lines["by_kind"]) == {"few lines", "symbols"}
    copies = yardstick.row(np.repeat(chosen.train_photos, 2, axis=0), patch_steps=0)
    assert copies["nearest_photo"] == pytest.approx(1) and lines["nearest_photo"] < 0.5
    assert copies["copied"] == 1.0 and lines["copied"] < 0.1
    assert copies["patch_auc"] is None
    assert yardstick.row(chosen.truths, patch_steps=0)["frechet_ratio"] == pytest.approx(1)
    assert "by_attribute" not in lines


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
