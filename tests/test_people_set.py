"""The people that come with the package: even, adult, painted by their codes; and sets of them."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
import torch

import data_prep
from data_prep.__main__ import main
from data_prep.make import people_set
from s2f_utils.data import DataError, read_manifest
from s2f_utils.networks import checkpoints
from s2f_utils.pictures import faces, images, masks, mesh
from tools.shipped import embedded_people, people_traits

ROWS = people_set.read_rows()
ALL = 1_200


@pytest.fixture(scope="module")
def some() -> data_prep.People:
    return data_prep.people(40, sketches="hand", seed=3)


def shares(label: str, rows=ROWS) -> dict[str, float]:
    counts = Counter(row[label] for row in rows)
    return {value: counts[value] / len(rows) for value in counts}


def test_there_are_1200_people_in_less_than_20_mb():
    size = people_set.PEOPLE.stat().st_size + people_set.LABELS.stat().st_size
    assert len(ROWS) == ALL and size < 20e6
    assert len({row["id"] for row in ROWS}) == ALL
    codes = people_set._arrays()["codes"]
    assert codes.shape == (ALL, 512) and len(np.unique(codes, axis=0)) == ALL


def test_all_are_adults():
    assert set(shares("age")) == {"young", "middle", "old"}


@pytest.mark.parametrize("rows", [ROWS, ROWS[:300]], ids=["all", "the first 300"])
def test_traits_are_even(rows):
    skin, age, glasses = shares("skin", rows), shares("age", rows), shares("glasses", rows)
    assert set(skin) == {*people_traits.SKINS, people_traits.LIGHTEST}
    assert min(age.values()) > 0.2
    assert 0.45 < shares("presents", rows)["man"] < 0.55
    assert 0.15 < glasses["1"] < 0.35
    assert 0.1 < 1 - shares("hat", rows)["none"] < 0.2
    assert 0.1 < 1 - shares("beard", rows)["none"] < 0.3
    assert set(people_traits.SHARES["hair_length"]) == set(shares("hair_length", rows))
    for row in rows:
        assert row["beard"] == "none" or row["presents"] == "man", row["id"]


def test_splits_are_mixed_from_the_first_few_on():
    assert [row["split"] for row in ROWS[:3]] == ["train", "test", "val"]
    counts = Counter(row["split"] for row in ROWS)
    assert counts["test"] == ALL // 10 and counts["val"] == ALL // 20
    test = [row for row in ROWS if row["split"] == "test"]
    assert 0.4 < shares("presents", test)["man"] < 0.6


def test_one_call_gives_all_that_is_known_of_people(some):
    assert len(some) == len(some.ids) == len(some.labels) == 40
    assert some.pictures.shape == (40, 256, 256, 3) and some.pictures.dtype == np.uint8
    assert some.maps.shape == some.sketches.shape == (40, 256, 256)
    assert some.codes.shape == (40, 512) and some.codes.dtype == np.float32
    assert some.points.shape == (40, 164, 2) and some.points.dtype == np.float32
    assert set(some.labels[0]) == set(people_traits.SHARES)
    assert data_prep.people(2).sketches is None


def test_landmarks_and_maps_fit_the_pictures(some):
    five = mesh.five_of(some.points)
    template = faces.TEMPLATE * 256 - 0.5
    assert np.abs(five - template).mean() < 6  # aligned as photos are
    for name, number in (("l_eye", 0), ("r_eye", 1), ("nose", 2)):
        columns, rows = np.rint(five[:, number]).astype(int).T
        on_it = some.maps[np.arange(40), rows, columns] == masks.CLASSES.index(name)
        assert on_it.mean() > 0.9, name
    assert 0.3 < (some.maps > 0).mean() < 0.8
    hats = [
        map_ for map_, labels in zip(some.maps, some.labels, strict=True) if labels["hat"] != "none"
    ]
    assert hats and np.mean([np.isin(masks.CLASSES.index("hat"), one) for one in hats]) > 0.7


def test_codes_paint_the_pictures(generator_file):
    net = checkpoints.load_network(generator_file)[0].eval()
    some = data_prep.people(2)
    with torch.inference_mode():
        painted = images.to_uint8(net(torch.from_numpy(some.codes), 512))
    for picture, made, matrix in zip(some.pictures, painted, some.alignments, strict=True):
        warped = faces.warp(made, faces.rescaled(matrix, 0.5), 256).astype(float)
        assert np.square(warped - picture).mean() < 50  # 31 dB; WebP leaves 38
    assert np.square(warped - some.pictures[0]).mean() > 500


def test_other_sizes_show_the_same(some):
    small = data_prep.people(40, size_px=128)
    assert small.pictures.shape == (40, 128, 128, 3) and small.sketches is None
    assert np.allclose(small.points, (some.points + 0.5) / 2 - 0.5)
    halved = some.pictures.reshape(40, 128, 2, 128, 2, 3).mean((2, 4))
    assert np.abs(small.pictures - halved).mean() < 3
    corners = np.array([[0.0, 0], [255, 30], [40, 200]])
    for large, matrix in zip(some.alignments[:3], small.alignments[:3], strict=True):
        expected = (faces.transform(corners, large) + 0.5) / 2 - 0.5
        assert np.allclose(faces.transform((corners + 0.5) / 2 - 0.5, matrix), expected, atol=1e-3)


def test_sketches_follow_the_seed_and_the_person_alone(some):
    assert (some.sketches.mean((1, 2)) > some.pictures.mean((1, 2, 3))).mean() > 0.9
    again = data_prep.people(3, sketches="hand", seed=3)
    assert (again.sketches == some.sketches[:3]).all()
    other = data_prep.people(3, sketches="hand", seed=4)
    assert all((a != b).any() for a, b in zip(other.sketches, again.sketches, strict=True))
    assert (other.pictures == again.pictures).all()
    test = data_prep.people(1, split="test", sketches="hand", seed=3)
    assert test.ids == [some.ids[1]] and (test.sketches[0] == some.sketches[1]).all()


def test_the_cruder_the_fewer_lines():
    careful, crude = (data_prep.people(8, sketches="hand", degree=value) for value in (0.0, 1.0))
    assert (careful.sketches < 128).mean() != (crude.sketches < 128).mean()
    assert (careful.sketches < 240).mean() > 1.5 * (crude.sketches < 240).mean()


@pytest.mark.parametrize("style", people_set.STYLES)
def test_each_style_gives_dark_lines_on_white(style):
    sketch = data_prep.people(1, sketches=style).sketches[0]
    assert sketch.mean() > 150 and sketch.std() > 10


def test_a_set_has_every_person_with_labels_and_terms(tmp_path, monkeypatch):
    monkeypatch.setenv("S2F_PROFILE", "fast")
    path = data_prep.make_people(tmp_path / "set", progress=False)
    manifest = read_manifest(path)
    assert [row.id for row in manifest.split("test")] == [
        row["id"] for row in ROWS[:24] if row["split"] == "test"
    ]
    assert len(manifest.pairs) == 24 and manifest.settings["size_px"] == 64
    assert "not checked" in manifest.settings["terms"][0]
    for row in manifest.pairs:
        place = int(row.id.removeprefix("person-")) - 1
        assert row.identity == row.id and row.attributes["skin"] == ROWS[place]["skin"]
    same = data_prep.people(24, size_px=64, sketches="hand")
    place = same.ids.index(manifest.pairs[0].id)
    assert (images.load_rgb(manifest.pairs[0].photo) == same.pictures[place]).all()
    assert (masks.load(manifest.pairs[0].mask) == same.maps[place]).all()
    assert (images.load_rgb(manifest.pairs[0].sketch)[..., 0] == same.sketches[place]).all()
    assert data_prep.make_people(tmp_path / "set", progress=False) == path  # complete
    with pytest.raises(DataError):
        data_prep.make_people(tmp_path / "set", seed=1, progress=False)


def test_the_command_writes_a_set(tmp_path, capsys):
    out = tmp_path / "set"
    options = ["--num", "4", "--size", "64", "--sketches", "pencil"]
    assert main(["people", str(out), *options, "--dry-run"]) == 0 and not out.exists()
    assert main(["people", str(out), *options]) == 0
    assert len(read_manifest(out).pairs) == 4
    assert "4 pairs" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "word"),
    [
        (["--num", "0"], "--num"),
        (["--num", "5000"], "1,200"),
        (["--size", "1000"], "--size"),
        (["--sketches", "oil"], "oil"),
        (["--sketches", "pencil", "--degree", "0.5"], "degree"),
        (["--degree", "2"], "degree"),
        (["--seed", "-1"], "seed"),
    ],
)
def test_impossible_options_are_refused(tmp_path, capsys, options, word):
    assert main(["people", str(tmp_path / "set"), *options]) == 2
    assert word in capsys.readouterr().err and not (tmp_path / "set").exists()


def test_a_choice_evens_out_what_a_pool_has():
    rng = np.random.default_rng(0)
    labels = []
    for _ in range(2_000):
        row = {}
        for trait, shares_ in people_traits.SHARES.items():
            values = list(shares_)
            odds = 0.6 ** np.arange(len(values))
            row[trait] = values[rng.choice(len(values), p=odds / odds.sum())]
        labels.append(row)
    order = people_traits.chosen(labels, 250)
    assert len(set(order)) == 250
    for trait, goal in people_traits.SHARES.items():
        before, after = shares(trait, labels), shares(trait, [labels[n] for n in order])
        was, is_now = (
            sum(abs(share.get(value, 0) - goal[value]) for value in goal)
            for share in (before, after)
        )
        assert is_now < max(0.7 * was, 0.2), trait
        assert trait != "skin" or is_now < 0.1
    with pytest.raises(SystemExit, match="larger pool"):
        people_traits.chosen(labels[:10], 11)


def test_tones_have_the_classes_of_the_typology_angle():
    tones = {(68, 14): "light", (60, 20): "tan", (30, 14): "dark", (70, 0): "very light"}
    for (lightness, yellow), name in tones.items():
        assert people_traits.skin_of(np.array([lightness, 10, yellow])) == name
    assert people_traits.hair_colour_of(np.full(3, np.nan)) == ""


def test_who_may_be_a_child_turned_busy_unsure_or_like_somebody_is_left_out(monkeypatch, capsys):
    num = 8
    probs = np.zeros((num, 30), np.float32)
    points = np.repeat(mesh.mean_shape(256)[None], num, axis=0)
    pool = {
        "keys": np.array([f"key-{n}" for n in range(num)]),
        "probs": probs,
        "age": np.full(num, np.log(40.0)),
        "points": points,
        "off": np.ones((num, 164)),
        "busy": np.full(num, 3.0),
        "tones": np.full((num, 6), 50.0),
        "ids": np.eye(num, 128),
        "full": np.zeros(num),
    }
    monkeypatch.setattr(embedded_people, "_is_alone", lambda preview: True)
    real, seen = (
        np.full((1, 128), 9.0),
        {"key-6": {"fault": "painted badly"}, "key-7": {"fault": ""}},
    )
    usable = embedded_people.is_usable(pool, real, {})
    assert usable.all()
    probs[0, people_traits.SPANS["age"].start] = 0.1
    pool["age"][1] = np.log(25.0)
    points[2, mesh.PARTS["nose"], 0] += 30
    pool["busy"][3] = 5
    pool["off"][4] = 9
    real = pool["ids"][5:6] + 0.02
    usable = embedded_people.is_usable(pool, real, seen)
    assert usable.tolist() == [False] * 7 + [True]
    assert "might be under 18 2" in capsys.readouterr().out
