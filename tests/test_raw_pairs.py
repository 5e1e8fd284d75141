"""Notebook 01's heap of raw pictures, and its cell that makes pairs of a named data set."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import data_prep
import s2f_series
from data_prep.check import diagnose
from data_prep.fetch import download
from s2f_series import raw_pairs
from s2f_utils.data import read_manifest
from s2f_utils.notebook import check
from s2f_utils.notebook.session import Session
from s2f_utils.pictures import faces, images, viz
from s2f_utils.runtime import new_run_folder
from tests.people import person
from tests.test_project_sets import SETS

NOTEBOOK = Path(__file__).resolve().parents[1] / "notebooks" / "01_preprocessing.ipynb"
NUM = 16


@pytest.fixture(scope="module")
def heap(tmp_path_factory):
    return s2f_series.write_raw_pairs(tmp_path_factory.mktemp("raw") / "heap", NUM)


@pytest.fixture(scope="module")
def made(heap, tmp_path_factory):
    """Pairs of the heap, as notebook 01 makes them."""
    recipe = data_prep.Recipe(
        size_px=128, align="face", each=True, clean=True, identity="^([^_]+)_"
    )
    out = tmp_path_factory.mktemp("made") / "set"
    return data_prep.make_pairs(heap.folder, out, recipe, workers=1, progress=False)


def picture(heap, side, name):
    return images.load_rgb(heap.folder / side / f"{name}.{raw_pairs.ENDINGS[side]}")


def test_landmarks_are_where_the_faces_are(heap):
    for side, of_side in heap.landmarks.items():
        for name in heap.names:
            face = faces.find_face(picture(heap, side, name), drawing=side == "sketches")
            off = np.linalg.norm(face.landmarks - of_side[name], axis=1)
            assert off.max() < 0.4 * face.eye_distance, (side, name)


def test_two_photos_lie_on_their_side_and_one_of_them_says_so(heap):
    aside = []
    for name in heap.names:
        with Image.open(heap.folder / "photos" / f"{name}.jpg") as opened:
            if opened.getexif().get(raw_pairs.ORIENTATION) == raw_pairs.QUARTER:
                aside.append("tagged")
        down = np.diff(heap.landmarks["photos"][name][[0, 3]], axis=0)[0]
        if abs(down[0]) > abs(down[1]):
            aside.append("as it is")
    assert sorted(aside) == ["as it is", "tagged"]


def test_data_prep_and_the_doctor_find_what_is_wrong(heap, made):
    manifest = read_manifest(made)
    reasons = " ".join(entry["reason"] for entry in manifest.settings["left_out"])
    assert len(manifest.settings["left_out"]) == 2
    assert "damaged" in reasons and "no face found" in reasons
    assert manifest.settings["unmatched"] == ["photos/p08_1.jpg"]
    assert len(manifest.pairs) == NUM - 2
    diagnosis = diagnose(made.parent, workers=1, progress=False)
    assert diagnosis.counts()["mismatch"] == 2
    named = {name for finding in diagnosis.findings for name in finding.files}
    exchanged = {f"sketches/{name}.png" for name in ("p09_1", "p10_1")}
    assert exchanged <= named and "photos/zoe_1.png" in named


def test_grey_paper_becomes_white(heap, made):
    assert np.median(picture(heap, "sketches", "p04_1")) < 180
    sketch = images.load_rgb(made.parent / "sketches" / "p04_1.png")
    assert np.median(sketch) > 240


def test_the_same_people_come_again_and_others_of_another_seed(heap, tmp_path):
    again = s2f_series.write_raw_pairs(tmp_path / "again", NUM)
    other = s2f_series.write_raw_pairs(tmp_path / "other", NUM, seed=1)
    file = "photos/p00_1.jpg"
    assert (again.folder / file).read_bytes() == (heap.folder / file).read_bytes()
    assert (other.folder / file).read_bytes() != (heap.folder / file).read_bytes()


def test_impossible_heaps_are_refused(heap, tmp_path):
    with pytest.raises(data_prep.DataError, match="at least 16"):
        s2f_series.write_raw_pairs(tmp_path / "few", 15)
    with pytest.raises(data_prep.DataError, match="is there already"):
        s2f_series.write_raw_pairs(heap.folder)
    with pytest.raises(data_prep.DataError, match="one of people, portraits"):
        s2f_series.write_raw_pairs(tmp_path / "drawn", NUM, "drawn")


def test_only_the_portraits_that_are_used_are_fetched(monkeypatch, tmp_path):
    def save_all(files, folder, progress):
        fetched.extend(file.name for file in files)
        for file in files:
            images.save(folder / file.name, person(1, 128).photo)

    fetched: list[str] = []
    monkeypatch.delenv("S2F_PORTRAITS", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(download, "fetch_files", save_all)
    sample = s2f_series.sample_pairs(4, "portraits", progress=False)
    assert len(fetched) == 4 and not [name for name in fetched if name.startswith("governors")]
    again = s2f_series.sample_pairs(4, "portraits", progress=False)
    assert len(fetched) == 4 and [one.name for one in again] == [one.name for one in sample]


def test_a_desk_shows_every_picture():
    colours = [np.full((40, 30, 3), value, np.uint8) for value in (40, 90, 140, 190, 240)]
    desk = s2f_series.on_a_desk(colours, (300, 200))
    assert desk.shape == (200, 300, 3) and desk.dtype == np.uint8
    for colour in colours:
        assert (desk == colour[0, 0]).all(axis=2).sum() > 50


@pytest.mark.parametrize("name", SETS)
def test_the_notebooks_cell_makes_pairs_of_a_named_set(name, tmp_path):
    """The cells of section 6, with DATA = "NAME:FOLDER"."""
    put_it, num_training, num_test = SETS[name]
    source = put_it(tmp_path / "source", [person(index, 128) for index in range(16)])
    cells = {
        cell["id"]: "".join(cell["source"]) for cell in json.loads(NOTEBOOK.read_text())["cells"]
    }
    session = Session(None, "fast", tmp_path)
    scope = {"DATA": f"{name}:{source}", "session": session, "sets": tmp_path / "sets"}
    scope |= {"check": check, "np": np, "data_prep": data_prep, "s2f_series": s2f_series}
    scope |= {"faces": faces, "images": images, "viz": viz, "read_manifest": read_manifest}
    scope |= {"new_run_folder": new_run_folder, "Path": Path, "SIDES": ("sketch", "photo")}
    helper = cells["pairs"].partition("def sides_of")[2].partition("\n\n")[0]
    exec("def sides_of" + helper, scope)
    exec(cells["named-sets"], scope)
    named = scope["named"]
    assert named.settings["layout"] == name
    assert [len(named.split(split)) for split in ("train", "test")] == [num_training, num_test]
    assert len(scope["rows"]["sketch"]) == min(8, len(named.pairs))
