"""FS2K and what it taught: attributes, leaks that alignment hides, shapes, borders, and a doctor that leaves it whole."""

from __future__ import annotations

import numpy as np
import pytest

from data_prep import Recipe, make_pairs
from data_prep.__main__ import main
from data_prep.doctor import run_doctor
from data_prep.sources.download import SETS
from s2f_utils.data import DataError, read_manifest, stores
from s2f_utils.metrics.scored import load_pairs
from s2f_utils.pictures import faces, images
from s2f_utils.pictures.drawn.synthetic import draw_face
from tests.test_layouts import drawn, put_fs2k  # noqa: F401 - drawn is a fixture


def rows_of(folder):
    return {row.id: row for row in read_manifest(folder).pairs}


# Shapes and borders


def test_pictures_of_different_shapes_are_refused_and_all_of_one_shape_are_said(tmp_path, drawn, capsys):  # noqa: F811
    for n in range(4):
        for side, picture in (("sketches", drawn[n].sketch), ("photos", drawn[n].photo)):
            images.save(tmp_path / "raw" / side / f"{n}.png", picture[:96])
    assert main(["pairs", str(tmp_path / "raw"), str(tmp_path / "one"), "--size", "64"]) == 0
    assert "are not square (128x96) and are stretched: --align face" in capsys.readouterr().out
    assert read_manifest(tmp_path / "one").settings["fit"] == "stretch"
    for side in ("sketches", "photos"):
        images.save(tmp_path / "raw" / side / "2.png", images.load_rgb(tmp_path / "raw" / side / "2.png")[:, 40:])
    assert main(["pairs", str(tmp_path / "raw"), str(tmp_path / "two")]) == 2
    assert "different shapes (128x96, 88x96)" in (said := capsys.readouterr().err) and "--fit pad" in said
    sides = [str(tmp_path / "raw" / side) for side in ("sketches", "photos")]
    assert main(["unpaired", *sides, str(tmp_path / "three")]) == 2
    assert "different shapes" in capsys.readouterr().err
    for fit in ("pad", "stretch"):
        assert main(["pairs", str(tmp_path / "raw"), str(tmp_path / fit), "--fit", fit, "--size", "64"]) == 0
        assert read_manifest(tmp_path / fit).settings["fit"] == fit


def test_training_and_scoring_do_not_squeeze_pictures_of_a_set_that_was_not_made_square(tmp_path, drawn):  # noqa: F811
    import torch

    for n in range(14):
        for side, picture in (("sketches", drawn[n].sketch), ("photos", drawn[n].photo)):
            images.save(tmp_path / "raw" / side / f"{n}.png", picture[:96])
    run_doctor(tmp_path / "raw", fix=tmp_path / "mended", progress=False)
    with pytest.raises(DataError, match="128x96 pixels are not square.*--align face"):
        stores.PairedData(read_manifest(tmp_path / "mended").split("train"), 32, torch.device("cpu"))
    with pytest.raises(DataError, match="128x96 pixels are not square"):
        load_pairs(read_manifest(tmp_path / "mended").split("train"), 32, "sketch-to-photo")


def test_the_hint_after_the_download_aligns_faces():
    assert "--align face" in SETS["fs2k"].by_hand


@pytest.mark.detector
def test_beyond_a_sketchs_edge_there_is_paper_and_nothing_mirrored(tmp_path):
    face = draw_face(5, size_px=256)
    found = faces.find_face(face.photo)
    top = round(found.landmarks[:2, 1].mean()) - 40  # a tight crop, through the hair
    for side, picture in (("sketches", face.sketch), ("photos", face.photo)):
        images.save(tmp_path / "raw" / side / "a.png", picture[top : top + 170, 40:216])
    recipe = Recipe(size_px=128, align="face", zoom=0.8)
    made = rows_of(make_pairs(tmp_path / "raw", tmp_path / "set", recipe=recipe, progress=False).parent)["a"]
    sketch = images.load_rgb(made.sketch)
    assert (sketch[:8] == sketch[0, 0]).all() and sketch[0, 0].min() > 200


def test_the_paper_of_a_sketch_whose_rim_is_hair_is_not_black():
    sketch = np.full((60, 60, 3), 240, np.uint8)
    sketch[:5], sketch[:, :5], sketch[:, -5:], sketch[-5:, :30] = 30, 30, 30, 30
    assert images.paper_colour(sketch) == (240, 240, 240)
    assert images.paper_colour(255 - sketch) == (225, 225, 225)
    assert images.paper_colour(np.zeros((60, 60, 3), np.uint8)) == (0, 0, 0)
