"""What a notebook begins with: generated people, portraits, drawn faces."""

from __future__ import annotations

import numpy as np
import pytest

import data_prep
import s2f_series
from data_prep.fetch import download
from data_prep.make import portraits
from data_prep.procedural_faces.synthetic import draw_face
from s2f_series import default_set
from s2f_utils.data import read_manifest
from s2f_utils.pictures import images, masks

LABELS = portraits.read_labels(portraits.LABELS)


@pytest.fixture()
def alone(monkeypatch, tmp_path):
    """No portraits on this machine, and no network."""
    monkeypatch.delenv("S2F_PORTRAITS", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(download, "GITHUB", "http://127.0.0.1:9/nobody")
    return tmp_path


@pytest.fixture()
def collection(tmp_path):
    """A folder with pictures under the portraits' names, 320 of those with points and some
    governors.
    """
    with np.load(portraits.POINTS) as found:
        names = found["names"].tolist()
    shown = [name for name in names if name.startswith(default_set.SHOWN)][:320]
    governors = [name for name in names if name.startswith("governors-")][:3]
    face = draw_face(1, size_px=128).photo
    for name in shown + governors:
        images.save(tmp_path / "portraits" / f"{name}.jpg", images.resize(face, 512))
    return tmp_path / "portraits"


def made_of(out, *data, **how):
    return read_manifest(s2f_series.make_default(out, *data, progress=False, **how))


def test_people_who_come_with_data_prep_are_the_default_and_need_no_network(alone, capsys):
    manifest = made_of(alone / "set", profile="fast")
    assert "generated people" in capsys.readouterr().out
    assert manifest.settings["source"] == "people" and manifest.settings["style"] == "hand"
    rows = {split: manifest.split(split) for split in ("train", "val", "test")}
    assert all(rows.values()) and len(manifest.pairs) == 24
    row = rows["test"][0]
    known = data_prep.people(split="test", size_px=64, sketches="hand")
    place = known.ids.index(row.id)
    assert np.array_equal(images.load_rgb(row.photo), known.pictures[place])
    assert np.array_equal(images.load_rgb(row.sketch)[..., 0], known.sketches[place])
    assert np.array_equal(images.load_labels(row.mask), known.maps[place])


def test_people_are_as_many_and_drawn_as_asked_for(alone):
    made = made_of(alone / "few", style="xdog", profile="fast", num=5)
    assert len(made.pairs) == 5 and made.settings["style"] == "xdog"
    photos = s2f_series.default_photos(5, size_px=32, split="train")
    known = data_prep.people(5, split="train", size_px=32)
    assert np.array_equal(photos, known.pictures)
    unseen = s2f_series.default_photos(10_000, size_px=32, split="unseen")
    parts = [data_prep.people(split=split, size_px=32).pictures for split in ("test", "val")]
    assert np.array_equal(unseen, np.concatenate(parts))


def test_auto_is_drawn_in_the_fast_profile_or_without_a_network_and_says_why(
    alone, capsys, monkeypatch
):
    made = made_of(alone / "fast", "auto", profile="fast")
    assert made.settings["source"] == "synthetic" and "drawn by code" in capsys.readouterr().out
    monkeypatch.setitem(data_prep.make.profiles.PROFILES, "demo", {"num": 12, "size_px": 64})
    made = made_of(alone / "set", "auto", profile="demo")
    assert made.settings["source"] == "synthetic"
    said = capsys.readouterr().out
    assert "the portraits cannot be had" in said and "Terms: MIT licence" in said
    assert said.index("Terms:") < said.index("cannot be had")


def test_portraits_at_hand_are_taken_without_governors(alone, collection, monkeypatch, capsys):
    monkeypatch.setenv("S2F_PORTRAITS", str(collection))
    monkeypatch.setitem(data_prep.make.profiles.PROFILES, "demo", {"num": 12, "size_px": 64})
    made = made_of(alone / "set", "auto", profile="demo")
    assert len(made.pairs) == 320 and not [
        row for row in made.pairs if row.id.startswith("governors")
    ]
    assert {row.split for row in made.pairs} == {"train", "val", "test"}
    assert "MIT licence" in capsys.readouterr().out and "MIT" in made.settings["terms"][0]
    sketch, photo = images.load_rgb(made.pairs[0].sketch), images.load_rgb(made.pairs[0].photo)
    assert sketch.shape == photo.shape == (64, 64, 3) and sketch.mean() > photo.mean()


def test_portraits_have_label_maps_where_they_are_asked_for(collection, tmp_path, monkeypatch):
    for path in sorted(collection.iterdir())[10:]:
        path.unlink()
    made = read_manifest(
        default_set.make_portraits(collection, tmp_path / "set", 128, maps=True, progress=False)
    )
    with (
        monkeypatch.context() as patch,
        pytest.raises(data_prep.DataError, match="have changed since"),
    ):
        labels = {name: row | {"split": "test"} for name, row in LABELS.items()}
        patch.setattr(portraits, "read_labels", lambda path: labels)  # others are for testing
        default_set.make_portraits(collection, tmp_path / "set", 128, maps=True, progress=False)
    labels = np.stack([images.load_labels(row.mask) for row in made.pairs])
    rows = {
        name: np.nonzero(labels == masks.CLASSES.index(name))[1].mean()
        for name in ("l_brow", "nose", "l_lip")
    }
    assert (
        labels.shape[1:] == (128, 128) and rows["l_brow"] < rows["nose"] - 10 < rows["l_lip"] - 20
    )


def test_a_few_photos_are_portraits_of_the_test_split_drawn_faces_or_a_sets_own(
    alone, collection, monkeypatch, capsys
):
    drawn = s2f_series.default_photos(3, "auto", profile="demo", size_px=64)
    assert (
        drawn.shape == (3, 64, 64, 3) and "drawn by code" in capsys.readouterr().out
    )  # no network
    assert (s2f_series.default_photos(3, "auto", profile="fast", size_px=64) == drawn).all()
    with pytest.raises(data_prep.DataError):
        s2f_series.default_photos(3, "portraits")
    own = data_prep.make_people(alone / "own", 20, 64, sketches="pencil", progress=False)
    assert s2f_series.default_photos(5, own.parent).shape == (
        2,
        256,
        256,
        3,
    )  # a tenth of it is for testing
    monkeypatch.setenv("S2F_PORTRAITS", str(collection))
    assert s2f_series.default_photos(4, "auto", profile="demo").shape == (4, 256, 256, 3)
    assert "© 2017 Civil Services" in capsys.readouterr().out


def test_unseen_people_are_in_no_training_set_of_now_or_then(collection, monkeypatch):
    lines = default_set.SEEN.read_text(encoding="utf-8").splitlines()
    seen = {line for line in lines if not line.startswith("#")}
    assert seen <= LABELS.keys() and all(LABELS[name]["split"] != "train" for name in seen)
    names = default_set._names_of(("test", "val"), unseen=True)
    assert len(names) == 111 and not seen & set(names)
    assert [LABELS[name]["split"] for name in names] == ["test"] * 94 + ["val"] * 17
    monkeypatch.setenv("S2F_PORTRAITS", str(collection))
    there = [name for name in names if (collection / f"{name}.jpg").is_file()]
    photos = s2f_series.default_photos(200, "auto", profile="demo", split="unseen", size_px=16)
    assert len(photos) == len(there) > 50
    assert len(s2f_series.default_photos(9, "auto", profile="demo", split="train", size_px=16)) == 9
    drawn = s2f_series.default_photos(2, "drawn", split="train", size_px=16)
    assert (drawn != s2f_series.default_photos(2, "drawn", split="unseen", size_px=16)).any()
