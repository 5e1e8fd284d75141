"""From a folder of raw pairs to an answer: the way of a researcher with pairs of their own."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from data_prep import DataError, Recipe, make_pairs, people
from data_prep.check import diagnose, write_mended
from data_prep.procedural_faces.synthetic import draw_face
from s2f_series import write_careless_pairs
from s2f_studio.drawings.prepare import prepare_for
from s2f_utils import infer
from s2f_utils.data import read_manifest
from s2f_utils.pictures import faces, images
from s2f_utils.train import config
from s2f_utils.train.loop import train
from s2f_utils.train.run import open_run

NUM = 14


def trained_on(data, runs):
    """The model of a short run on a data set."""
    changes = {"total_images": 8, "size_px": 64, "load_size_px": 64}
    settings = config.resolve("pix2pix", "fast", changes, has_gpu=False)
    run = open_run(settings, read_manifest(data), runs, device="cpu", progress=False)
    train(run, progress=False)
    return infer.load(run.folder, "cpu")


@pytest.fixture(scope="module")
def raw(tmp_path_factory):
    """Drawn pairs, each face at its own place and size in the picture."""
    folder, rng = tmp_path_factory.mktemp("raw") / "raw", np.random.default_rng(0)
    for number in range(NUM):
        face = draw_face(number, size_px=192)
        matrix = np.array([[0.8, 0, rng.uniform(0, 50)], [0, 0.8, rng.uniform(0, 50)]])
        sketch = np.repeat(face.sketch[..., None], 3, axis=2)
        for side, picture in (("sketches", sketch), ("photos", face.photo)):
            moved = faces.warp(picture, matrix, 208, border="paper")
            images.save(folder / side / f"{number:02d}.png", moved)
    return folder


def test_a_run_on_aligned_pairs_aligns_new_drawings(raw, tmp_path):
    aligned = make_pairs(
        raw, tmp_path / "aligned", Recipe(size_px=64, align="face"), progress=False
    )
    model = trained_on(aligned, tmp_path / "runs-aligned")
    assert model.info.layout == "aligned"
    drawing = images.load_rgb(raw / "sketches" / "03.png")
    face = faces.find_face(drawing, drawing=True)
    given = images.resize(prepare_for(drawing, model.info).image, 64)
    assert np.abs(given.astype(int) - faces.align(drawing, face, 64)).mean() < 12
    assert np.abs(given.astype(int) - images.resize(drawing, 64)).mean() > 20


def test_a_run_on_whole_pictures_takes_them_as_they_are(raw, tmp_path):
    whole = make_pairs(raw, tmp_path / "whole", Recipe(size_px=64), progress=False)
    model = trained_on(whole, tmp_path / "runs-whole")
    assert model.info.layout == ""
    drawing = images.load_rgb(raw / "sketches" / "03.png")
    given = prepare_for(drawing, model.info).image
    assert np.array_equal(given, drawing)


def test_a_mended_set_stays_aligned(raw, tmp_path):
    data = make_pairs(raw, tmp_path / "set", Recipe(size_px=64, align="face"), progress=False)
    mended = write_mended(diagnose(data, progress=False), tmp_path / "mended", progress=False)
    assert read_manifest(mended).settings["align"] == "face"


@pytest.fixture(scope="module")
def careless(tmp_path_factory):
    return write_careless_pairs(tmp_path_factory.mktemp("careless") / "my_pairs", 24)


def test_the_doctor_finds_what_the_careless_folder_has(careless, tmp_path):
    before = {path: path.read_bytes() for path in careless.rglob("*.*")}
    diagnosis = diagnose(careless, identity="^([^_]+)_", progress=False)
    found = Counter(finding.id for finding in diagnosis.findings)
    spoilt = {"p02_1", "p03_1", "p06_1", "p09_1", "p13_1", "p14_1", "p19_1", "zoe_1"}
    assert set(found) == spoilt | {"p15_1", "p15_1 final"}
    person_of = {subject.id: subject.identity for subject in diagnosis.subjects}
    assert person_of["p04_1"] == person_of["p04_2"] == "p04"
    write_careless_pairs(careless, 30)  # a folder that is there is left as it is
    assert {path: path.read_bytes() for path in careless.rglob("*.*")} == before
    for num in (12, 145):  # the faults would be most of them; there are not so many test people
        with pytest.raises(DataError, match="from 24 to 144"):
            write_careless_pairs(tmp_path / "few", num)


def test_the_careless_folder_has_test_people_each_sixth_pair_one_of_them_again(careless):
    photos = careless / "photos"
    known = people(6, split="test", size_px=64).pictures
    for name, place in (("p00_1", 0), ("p04_1", 4), ("p04_2", 4)):
        photo = images.load_rgb(photos / f"{name}.jpg")
        aligned = faces.align(photo, faces.find_face(photo), 64)
        fits = [np.corrcoef(aligned.ravel(), one.ravel())[0, 1] for one in known]
        assert np.argmax(fits) == place and max(fits) > 0.8
    by_day, in_the_evening = (images.load_rgb(photos / f"p04_{n}.jpg").mean() for n in (1, 2))
    assert in_the_evening < 0.9 * by_day
