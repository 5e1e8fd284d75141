"""The five projects' data sets by name and folder, on small sets in their layouts."""

from __future__ import annotations

import numpy as np
import pytest

import data_prep
import s2f_series
from data_prep.layouts import LAYOUTS
from data_prep.messages import indented
from s2f_series import project_sets
from s2f_utils.data import read_manifest
from s2f_utils.metrics.evaluation import load_pairs
from s2f_utils.pictures import images, masks
from tests.people import person
from tests.test_data_prep import CUFS_PAIRS, put
from tests.test_layouts import put_celeba, put_feret, put_fs2k


@pytest.fixture(scope="module")
def drawn():
    return [person(index, 128) for index in range(16)]


def put_cufs(root, drawn):
    return put(root, drawn, CUFS_PAIRS)


def put_person_face_sketches(root, drawn):
    """Three training pairs, a validation pair and a test pair, in the folders of the Kaggle set."""
    names = [f"train/{{}}/{n}.jpg" for n in range(3)] + ["val/{}/3.jpg", "test/{}/4.jpg"]
    return put(root, drawn, [(name.format("sketches"), name.format("photos")) for name in names])


# Name → how a small one is made, and its training and test pairs.
SETS = {
    "cufs": (put_cufs, 3, 2),
    "feret": (put_feret, 8, 2),
    "person-face-sketches": (put_person_face_sketches, 3, 1),
    "celebamask-hq": (put_celeba, 3, 1),
    "fs2k": (put_fs2k, 8, 8),
}


def test_all_names_are_tried():
    assert SETS.keys() == project_sets.ALIGN.keys()


@pytest.mark.parametrize("name", SETS)
def test_a_set_becomes_pairs_that_a_notebook_loads(name, tmp_path, drawn, capsys):
    put_it, num_training, num_test = SETS[name]
    source = put_it(tmp_path / "source", drawn)
    data = f"{name}:{source}"
    made = s2f_series.make_default(tmp_path / "data", data, profile="fast", progress=False)
    manifest = read_manifest(made)
    assert manifest.settings["layout"] == name and "terms:" in capsys.readouterr().out
    found = {split: manifest.split(split) for split in ("train", "test")}
    assert [len(rows) for rows in found.values()] == [num_training, num_test]
    sketches, photos = load_pairs(found["train"], 64, "sketch-to-photo")
    assert sketches.shape == photos.shape == (num_training, 64, 64, 3)
    assert np.ptp(sketches, axis=3).max() == 0 < np.ptp(photos, axis=3).max()
    again = s2f_series.default_photos(1, made.parent, size_px=32)
    assert again.shape == (1, 32, 32, 3)


def test_sketches_are_made_in_another_style_where_it_is_asked_for(tmp_path, drawn):
    source = put_person_face_sketches(tmp_path / "source", drawn)
    data, made = f"person-face-sketches:{source}", {}
    for style in (None, "xdog"):
        out = tmp_path / str(style)
        path = s2f_series.make_default(out, data, profile="fast", style=style, progress=False)
        made[style] = load_pairs(read_manifest(path).split("test"), 64, "sketch-to-photo")[0]
    given = images.resize(images.load_rgb(source / "test/sketches/4.jpg"), 64)
    assert np.abs(made[None][0] - given.astype(float)).mean() < 1
    assert np.abs(made["xdog"] - made[None].astype(float)).mean() > 5


def test_celebamasks_maps_are_kept(tmp_path, drawn):
    source = put_celeba(tmp_path / "source", drawn)
    for n, face in enumerate(drawn[:6]):
        for label in np.unique(face.mask)[1:]:
            part = ((face.mask == label) * 255).astype(np.uint8)
            name = f"{n:05d}_{masks.CLASSES[label]}.png"
            images.save(source / "CelebAMask-HQ-mask-anno" / "0" / name, part)
    made = s2f_series.make_default(tmp_path / "data", f"celebamask-hq:{source}", profile="demo")
    (row,) = read_manifest(made).split("test")
    assert np.array_equal(images.load_labels(row.mask), drawn[4].mask)


@pytest.mark.parametrize("name", SETS)
def test_a_missing_folder_says_where_the_set_comes_from_and_what_goes_in(name, tmp_path):
    for data, fault in ((name, "without a folder"), (f"{name}:{tmp_path}/no", "is not there")):
        with pytest.raises(data_prep.DataError, match=fault) as raised:
            s2f_series.make_default(tmp_path / "data", data, profile="fast")
        told = str(raised.value)
        assert "http" in told and f"{name}:FOLDER" in told and "in the folder:" in told
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("name", SETS)
def test_a_folder_with_something_else_is_refused_with_what_it_should_have(name, tmp_path):
    images.save(tmp_path / "source" / "holiday.jpg", np.zeros((64, 64, 3), np.uint8))
    with pytest.raises(data_prep.DataError, match=f"no pairs found with layout {name}") as raised:
        s2f_series.make_default(tmp_path / "data", f"{name}:{tmp_path / 'source'}", profile="fast")
    told = str(raised.value)
    assert "holiday.jpg" in told and indented(LAYOUTS[name].expected) in told
