"""The yardsticks of drawings that become faces: crude drawings for testing, and what benchmarks/faces.py measures."""

from __future__ import annotations

import ast
import csv
import dataclasses
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[1]
DATA = ROOT.parent / "shared" / "data"
needs_portraits = pytest.mark.skipif(not (DATA / "portraits_landmarks.npz").exists(), reason="needs ../shared/data")
sys.path.insert(0, str(ROOT / "benchmarks"))

import crude_drawings  # noqa: E402
import crude_people  # noqa: E402
import faces as faces_benchmark  # noqa: E402
import faces_inside as inside  # noqa: E402
import faces_kept  # noqa: E402
import faces_measures  # noqa: E402
import faces_sets  # noqa: E402
import faces_strangers  # noqa: E402

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


@pytest.mark.parametrize("degree", crude_drawings.DEGREES)
def test_a_drawing_is_the_same_again_and_says_what_it_meant(degree):
    person = a_person()
    one, again = (crude_drawings.draw(person, degree) for _ in range(2))
    np.testing.assert_array_equal(one.picture, again.picture)
    np.testing.assert_array_equal(one.five, again.five)
    other = crude_drawings.draw(person, degree, seed=1)
    assert (one.picture != other.picture).any()
    assert one.picture.shape == (256, 256, 3) and one.picture.dtype == np.uint8
    assert np.median(one.picture) > 240 and one.picture.min() < 140  # lines on paper
    assert one.five.shape == (5, 2) and one.dense.shape == (478, 2) and one.outline.shape == (36, 2)
    assert not np.isnan(one.five[[0, 1, 3, 4]]).any()
    for x, y in one.five[:2]:  # the pupils are drawn where they are meant
        assert one.picture[round(y) - 3 : round(y) + 4, round(x) - 3 : round(x) + 4].min() < 160


def test_the_cruder_the_further_from_the_person():
    people = [a_person(n) for n in range(12)]
    off = [
        np.nanmean([np.abs(crude_drawings.draw(p, d).five - crude_people.five_of(p.mesh)) for p in people])
        for d in crude_drawings.DEGREES
    ]
    assert off[0] == 0 and off == sorted(off) and off[-1] > 3


def test_what_is_worn_is_drawn():
    for label, shown in (({"glasses": "1"}, "glasses"), ({"beard": "full"}, "beard"), ({"hat": "hat"}, "hat")):
        drawings = [[crude_drawings.draw(a_person(n, **own), "few lines") for n in range(6)] for own in ({}, label)]
        for plain, worn in zip(*drawings, strict=True):
            assert worn.shows[shown] is True
            if not plain.shows[shown]:
                assert (255 - worn.picture.astype(int)).sum() > (255 - plain.picture.astype(int)).sum()
    added = [crude_drawings.draw(a_person(n), "symbols").shows["hat"] for n in range(80)]
    assert 2 <= sum(added) <= 25  # some drawings have hats that their people have not
    careful = [crude_drawings.draw(a_person(n), "careful lines").shows["hat"] for n in range(20)]
    assert not any(careful)


def test_a_missing_nose_is_not_meant():
    found = [np.isnan(crude_drawings.draw(a_person(n), "oval and dots").five[2]).all() for n in range(30)]
    assert 3 < sum(found) < 27


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


@needs_portraits
def test_portraits_are_laid_where_models_expect_faces():
    for person in crude_people.people(DATA, "test", 3):
        off = np.abs(crude_people.five_of(person.mesh) - (faces.TEMPLATE * 256 - 0.5))
        assert off.max() < 25 and person.photo.shape == (256, 256, 3)


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


def test_one_wall_hides_the_wall_and_shows_the_face():
    rng = np.random.default_rng(0)
    picture = rng.integers(0, 256, (256, 256, 3), dtype=np.uint8)
    other = picture.copy()
    other[:8] = other[:, :8] = 0
    np.testing.assert_array_equal(faces_measures.at_one_wall(picture), faces_measures.at_one_wall(other))
    other[150, 128] = 255 - other[150, 128]
    assert (faces_measures.at_one_wall(picture) != faces_measures.at_one_wall(other)).any()
    assert (faces_measures.at_one_wall(picture)[0, 0] == faces_measures.WALL).all()


def test_trivial_rows_agree_with_the_librarys():
    rng = np.random.default_rng(0)
    sides = [rng.integers(0, 256, (n, 64, 64, 3), dtype=np.uint8) for n in (5, 5, 3)]
    chosen = faces_sets.FaceSet("x", list("abc"), ["s"] * 3, sides[2], sides[2], sides[1], sides[0])
    expected, found = baselines.trivial_predictions(*sides), chosen.trivial()
    for mine, theirs in (("mean photo", "mean"), ("nearest", "nearest"), ("the drawing itself", "sketch")):
        np.testing.assert_array_equal(found[mine], expected[theirs])
    assert np.abs(found["ridge"].astype(int) - expected["ridge"]).max() <= 1


def test_a_judge_sees_what_was_kept():
    rng = np.random.default_rng(0)

    def photo(has: bool) -> np.ndarray:
        made = rng.integers(90, 110, (128, 128, 3), dtype=np.uint8)
        if has:
            made[56:64, 30:98] = 0  # in the region of glasses
        return made

    labels = [{"glasses": n % 2 == 0, "beard": False, "hair": n % 3 == 0} for n in range(40)]
    judges = faces_kept.Judges([photo(own["glasses"]) for own in labels], labels)
    kept = judges.areas([photo(own["glasses"]) for own in labels], labels)
    lost = judges.areas([photo(False) for _ in labels], labels)
    assert kept["glasses"] == 1 and 0.2 < lost["glasses"] < 0.8 and np.isnan(kept["beard"])
    assert faces_kept.area(np.array([2, 3]), np.array([1, 2])) == pytest.approx(3.5 / 4)


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


@pytest.mark.detector
def test_a_row_by_attribute_by_hand():
    chosen = dataclasses.replace(a_set(4), five=None, outlines=None, attributes={"smile": ["yes", "no"] * 4})
    yardstick = faces_measures.Yardstick(chosen)
    made = np.where(np.arange(8)[:, None, None, None] % 2, chosen.drawings, chosen.truths)
    found = yardstick.row(made, patch_steps=0)["by_attribute"]["smile"]
    assert found["yes"]["num"] == found["no"]["num"] == 4
    assert found["yes"]["ssim"] == [1, 1, 1]
    assert found["no"]["ssim"][0] == pytest.approx(yardstick.values["ssim"][1::2].mean(), abs=1e-4)
    assert found["no"]["ssim"][1] < found["no"]["ssim"][0] < found["no"]["ssim"][2] < 0.5


@pytest.mark.detector
def test_spread_by_hand():
    chosen = a_set(4)
    same = faces_measures.spread(lambda drawing, seed: drawing, chosen, range(2), 3)
    assert same["spread_skin_tone"] == same["spread_hair"] == 0
    lighter = faces_measures.spread(lambda d, seed: np.full_like(d, 60 * seed), chosen, range(2), 3)
    assert lighter["spread_hair"] > 0


# --- the command ---


def test_models_are_named_with_what_is_asked_of_them():
    named = faces_benchmark.Named.parse("half=sketch-to-photo?detail=.5&seed=3")
    assert (named.label, named.source, named.asks) == ("half", "sketch-to-photo", {"detail": 0.5, "seed": 3})
    assert faces_benchmark.Named.parse("runs/a").source == "runs/a"
    with pytest.raises(SystemExit, match="must be numbers"):
        faces_benchmark.Named.parse("a=b?detail=much")
    own = faces_benchmark.Named.parse("own=numpy:flipud")
    drawing = np.arange(12, dtype=np.uint8).reshape(2, 2, 3)
    np.testing.assert_array_equal(own(drawing), drawing[::-1])
    assert not own.variants
    small = faces_benchmark.Named("small", "", _model=lambda drawing: drawing[::2, ::2])
    assert small(np.full((8, 8, 3), 7, np.uint8)).shape == (8, 8, 3)


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


def test_answers_are_kept_and_made_again_for_other_drawings(tmp_path):
    chosen, asked = a_set(2), []
    named = faces_benchmark.Named("count", "", _model=lambda drawing: asked.append(1) or drawing)
    for _ in range(2):
        np.testing.assert_array_equal(faces_benchmark.answers(named, chosen, tmp_path, None), chosen.drawings)
    assert len(asked) == 4
    chosen.drawings[0, 0, 0] = 7
    faces_benchmark.answers(named, chosen, tmp_path, None)
    assert len(asked) == 8


def test_rows_are_written_one_by_one_and_not_measured_twice(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(faces_benchmark.common, "RESULTS", tmp_path)
    row = {"set": "cuhk", "model": "m", "seed": 0, "num": 3, **faces_measures.NULL}
    rows = faces_benchmark.Rows(None, True)
    rows.keep(dict(row))
    rows.keep({**row, "set": "crude"})
    rows.keep({**row, "ssim": 0.5})
    again = faces_benchmark.Rows(None, True)
    assert [(r["set"], r["ssim"]) for r in again.rows] == [("crude", None), ("cuhk", 0.5)]
    assert again.has("cuhk", "m") and not again.has("cuhk", "other")
    assert not faces_benchmark.Rows(100, True).has("cuhk", "m")  # a quick look is another measurement
    quick = faces_benchmark.Rows(100, False)
    quick.keep({**row, "ssim": 0.9})
    assert faces_benchmark.Rows(None, True).rows == again.rows


def test_strangers_see_as_many_true_as_made_pictures_and_no_note(tmp_path):
    from PIL import Image

    chosen = a_set(8)
    folder = faces_strangers.write_test(chosen, chosen.drawings, tmp_path / "t", seed=0, num=4)
    with open(folder / "key.csv", newline="", encoding="utf-8") as file:
        key = list(csv.DictReader(file))
    assert Counter(row["what"] for row in key) == {"made": 4, "true": 4}
    assert len({row["person"] for row in key}) == 8  # nobody twice
    assert [row["what"] for row in key] != sorted(row["what"] for row in key)
    for row in key:
        with Image.open(folder / f"{row['number']}.png") as picture:
            assert picture.size == (256, 256) and not picture.info
    assert {row["degree"] for row in key if row["what"] == "made"} == {"few lines", "symbols"}
    with pytest.raises(FileExistsError):
        faces_strangers.write_test(chosen, chosen.drawings, tmp_path / "t", seed=0, num=4)
    with pytest.raises(ValueError, match="need 10, got 8"):
        faces_strangers.write_test(chosen, chosen.drawings, tmp_path / "u", seed=0, num=5)
    sheets = faces_strangers.contact_sheets(chosen, {"m": chosen.drawings}, tmp_path / "s")
    assert len(sheets) == 2 and all(sheet.exists() for sheet in sheets)
