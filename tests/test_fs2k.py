"""FS2K and what it taught: attributes, leaks that alignment hides, shapes, borders, and a doctor
that leaves it whole.

The made-up set has FS2K's layout; the test marked "data" looks at the real one, where it is.
"""

from __future__ import annotations

import dataclasses
import json
from collections import Counter

import numpy as np
import pytest
from PIL import Image

from data_prep import Recipe, make_pairs
from data_prep.__main__ import main
from data_prep.check import diagnose, run_doctor
from data_prep.layouts import fs2k
from data_prep.layouts.layout import LayoutOptions
from data_prep.layouts.tree import scan
from s2f_utils.data import COLUMNS, DataError, read_manifest, stores, terms_of
from s2f_utils.metrics.evaluation import Evaluation, load_pairs
from s2f_utils.pictures import duplicates, faces, images
from s2f_utils.pictures.sketches import contour
from tests.people import person
from tests.shared import needs_shared, shared
from tests.test_layouts import drawn, put_fs2k  # noqa: F401 - drawn is a fixture

REAL = shared("data/fs2k")
ATTRIBUTES = {
    "style",
    "hair",
    "hair_color",
    "gender",
    "earring",
    "smile",
    "frontal_face",
    "skin_color",
    "lip_color",
    "eye_color",
}


def rows_of(folder):
    return {row.id: row for row in read_manifest(folder).pairs}


def test_the_annotation_becomes_columns_and_the_style_is_not_the_folders_number(tmp_path, drawn):  # noqa: F811
    root = put_fs2k(tmp_path / "FS2K", drawn)
    rows = rows_of(make_pairs(root, tmp_path / "set", Recipe(size_px=64), progress=False).parent)
    assert set(rows["photo1-image0000"].attributes) == ATTRIBUTES
    words = {
        "style": "1",
        "hair": "yes",
        "hair_color": "golden",
        "gender": "male",
        "earring": "no",
        "smile": "yes",
    }
    known = rows["photo2-image0004"].attributes
    assert (
        known.items()
        >= {**words, "frontal_face": "yes", "lip_color": "158 86 79", "eye_color": ""}.items()
    )
    photo = images.load_rgb(root / "photo" / "photo2" / "image0004.jpg")
    assert known["skin_color"] == " ".join(
        f"{v:.0f}" for v in np.median(photo[72:77, 58:63].reshape(-1, 3), axis=0)
    )
    entry = json.loads((root / "anno_train.json").read_text())
    entry[4] |= {"style": 7, "hair": "0", "skin_color": [500, 3], "lip_color": [1, float("nan"), 2]}
    entry[1]["skin_color"] = [float("nan"), 3.0]
    (root / "anno_train.json").write_text(json.dumps(entry))
    pairs = {pair.id: pair.attributes for pair in fs2k.collect(scan(root), LayoutOptions()).pairs}
    assert {
        key: pairs["photo2-image0004"][key] for key in ("style", "hair", "skin_color", "lip_color")
    } == {"style": "", "hair": "", "skin_color": "", "lip_color": ""}


def test_attributes_survive_every_way_a_set_is_made_anew(tmp_path, drawn):  # noqa: F811
    root = put_fs2k(tmp_path / "FS2K", drawn)
    first = make_pairs(
        root, tmp_path / "set", Recipe(size_px=64, val_share=0.2), progress=False
    ).parent
    expected = {name: row.attributes for name, row in rows_of(first).items()}
    again = make_pairs(first, tmp_path / "again", Recipe(size_px=32), progress=False).parent
    assert {name: row.attributes for name, row in rows_of(again).items()} == expected
    for source, out in ((first, "mended"), (root, "raw-mended")):
        run_doctor(source, fix=tmp_path / out, progress=False)
        assert {name: row.attributes for name, row in rows_of(tmp_path / out).items()} == expected
    made = [read_manifest(tmp_path / name) for name in ("set", "again", "mended", "raw-mended")]
    assert [terms_of(manifest.settings) for manifest in made] == [[fs2k.TERMS]] * 4
    styles = rows_of(
        make_pairs(
            root,
            tmp_path / "made",
            recipe=Recipe(size_px=64, styles=("pencil", "xdog")),
            progress=False,
        ).parent
    )
    assert styles["photo1-image0000-xdog"].attributes == expected["photo1-image0000"]
    for n in range(3):
        for side, picture in (("sketches", drawn[n].sketch), ("photos", drawn[n].photo)):
            images.save(tmp_path / "mine" / side / f"{n}.png", picture)
    both = make_pairs(
        [str(root), str(tmp_path / "mine")], tmp_path / "both", Recipe(size_px=64), progress=False
    )
    assert both.read_text(encoding="utf-8").splitlines()[0].startswith(",".join(COLUMNS) + ",style")
    merged = rows_of(both.parent)
    assert all(set(row.attributes) == ATTRIBUTES for row in merged.values())
    assert {"mine/1", "fs2k-1-0000"} <= {row.identity for row in merged.values()}
    assert Counter(bool(row.attributes["style"]) for row in merged.values()) == {True: 16, False: 3}


def tight(photo, left, top, side):
    """A square part of a photo, as large as the photo."""
    part = Image.fromarray(photo).crop((left, top, left + side, top + side))
    return np.asarray(part.resize(photo.shape[1::-1], Image.Resampling.BICUBIC))


def test_a_print_is_of_the_source_and_is_handed_on(tmp_path):
    photo = person(3, size_px=160).photo
    own, source = (duplicates.Hashes.of(tight(photo, *box)) for box in ((0, 0, 160), (20, 15, 120)))
    assert duplicates.Hashes.from_note(own.as_note()).phash == own.phash
    np.testing.assert_array_equal(
        duplicates.Hashes.from_note(own.as_note()).thumbnail, own.thumbnail
    )
    other = duplicates.Hashes.of(person(4, size_px=160).photo)
    cut = {duplicates.SOURCE_NOTE: own.as_note()}
    seen = [
        duplicates.hashes_of({}, own),
        duplicates.hashes_of(cut, source),
        duplicates.hashes_of({}, other),
        (),
    ]
    assert [(t.first, t.second) for t in duplicates.find_duplicates(seen)] == [(0, 1)]
    assert duplicates.find_duplicates([duplicates.hashes_of({}, p) for p in (own, source)]) == []
    assert duplicates.find_duplicates(seen, ["train", "train", "test", "test"]) == []


def test_leaks_that_alignment_hides_are_found_dropped_refused_and_seen_by_the_doctor(tmp_path):
    """The same photo in both splits, but the face is found at another place the second time."""
    for n in range(14):
        face = person(0 if n == 13 else n, size_px=160)
        for side, picture in (("sketches", face.sketch), ("photos", face.photo)):
            images.save(
                tmp_path / "raw" / ("test" if n > 9 else "train") / side / f"{n:02d}.png", picture
            )
    found = faces.find_face(images.load_rgb(tmp_path / "raw" / "test" / "photos" / "13.png"))
    aside = (
        found.landmarks
        + np.array([[9.0, 6.0]])
        + 0.1 * (found.landmarks - found.landmarks.mean(axis=0))
    )
    points = [aside[0], aside[1], aside[3:].mean(axis=0)]
    line = ",".join(f"{v:.2f}" for point in points for v in point)
    names = "name,left_eye_x,left_eye_y,right_eye_x,right_eye_y,mouth_x,mouth_y"
    (tmp_path / "points.csv").write_text(f"{names}\n13.png,{line}\n")
    recipe = Recipe(size_px=96, align="face", points=tmp_path / "points.csv")
    made = make_pairs(tmp_path / "raw", tmp_path / "set", recipe, progress=False).parent
    pictures = [images.load_rgb(made / "photos" / f"{name}.png") for name in ("00", "13")]
    alike = duplicates.correlation(*map(duplicates.thumbnail, pictures))
    assert alike < duplicates.MIN_CORRELATION, "alignment does not hide this leak"
    settings = json.loads((made / "settings.json").read_text(encoding="utf-8"))
    assert settings["in_two_splits"] == [{"test": "13", "train": "00"}]
    again = make_pairs(made, tmp_path / "again", Recipe(size_px=64), progress=False).parent
    for folder in (made, again):
        with pytest.raises(
            DataError, match="1 photos of the split .test.*train anew what has learned from it"
        ):
            Evaluation(read_manifest(folder), "test", "sketch-to-photo", 64)
        assert [
            (f.kind, f.drop) for f in diagnose(folder, progress=False).findings if f.kind == "leak"
        ] == [("leak", ("00",))]
    run_doctor(again, fix=tmp_path / "mended", progress=False)
    assert "00" not in rows_of(tmp_path / "mended") and "13" in rows_of(tmp_path / "mended")
    assert duplicates.SOURCE_NOTE in images.read_notes(tmp_path / "mended" / "photos" / "13.png")
    Evaluation(read_manifest(tmp_path / "mended"), "test", "sketch-to-photo", 64)  # raises nothing
    recipe = dataclasses.replace(recipe, drop_leaks=True)
    dropped = make_pairs(tmp_path / "raw", tmp_path / "dropped", recipe, progress=False).parent
    Evaluation(read_manifest(dropped), "test", "sketch-to-photo", 64)
    assert "00" not in rows_of(dropped)


def test_pictures_of_different_shapes_are_refused(tmp_path, drawn, capsys):  # noqa: F811
    for n in range(4):
        for side, picture in (("sketches", drawn[n].sketch), ("photos", drawn[n].photo)):
            images.save(tmp_path / "raw" / side / f"{n}.png", picture[:96])
    assert main(["pairs", str(tmp_path / "raw"), str(tmp_path / "one"), "--size", "64"]) == 0
    assert "are not square (128x96) and are stretched: --align face" in capsys.readouterr().out
    assert read_manifest(tmp_path / "one").settings["fit"] == "stretch"
    for side in ("sketches", "photos"):
        images.save(
            tmp_path / "raw" / side / "2.png",
            images.load_rgb(tmp_path / "raw" / side / "2.png")[:, 40:],
        )
    assert main(["pairs", str(tmp_path / "raw"), str(tmp_path / "two")]) == 2
    assert (
        "different shapes (128x96, 88x96)" in (said := capsys.readouterr().err)
        and "--fit pad" in said
    )
    for fit in ("pad", "stretch"):
        assert (
            main(
                ["pairs", str(tmp_path / "raw"), str(tmp_path / fit), "--fit", fit, "--size", "64"]
            )
            == 0
        )
        assert read_manifest(tmp_path / fit).settings["fit"] == fit


def test_one_photo_of_two_sketches_is_no_copy_and_stays(tmp_path):
    """As FS2K's testing pairs photo3-image0190 and photo3-image0430; a pair that is copied whole is
    left out.
    """
    for n in range(14):
        face = person({12: 3, 13: 4}.get(n, n), size_px=128)
        sketch = contour(face.photo) if n == 12 else face.sketch
        for side, picture in (("sketches", sketch), ("photos", face.photo)):
            images.save(tmp_path / "raw" / "train" / side / f"{n:02d}.png", picture)
    found = diagnose(tmp_path / "raw", progress=False).findings
    told = {f.id: f for f in found if f.kind in ("duplicate", "alike")}
    assert {name: f.kind for name, f in told.items()} == {"12": "alike", "13": "duplicate"}
    assert "drawn twice" in told["12"].detail and "drawn twice" not in told["13"].detail
    run_doctor(tmp_path / "raw", fix=tmp_path / "mended", progress=False)
    assert set(rows_of(tmp_path / "mended")) == {f"{n:02d}" for n in range(13)}
    run_doctor(tmp_path / "raw", fix=tmp_path / "strict", drop_doubtful=True, progress=False)
    assert not {"12", "13"} & set(rows_of(tmp_path / "strict"))


def test_training_and_scoring_do_not_squeeze_pictures(tmp_path, drawn):  # noqa: F811
    import torch

    for n in range(14):
        for side, picture in (("sketches", drawn[n].sketch), ("photos", drawn[n].photo)):
            images.save(tmp_path / "raw" / side / f"{n}.png", picture[:96])
    run_doctor(tmp_path / "raw", fix=tmp_path / "mended", progress=False)
    with pytest.raises(DataError, match="128x96 pixels are not square.*--align face"):
        stores.paired_data(
            read_manifest(tmp_path / "mended").split("train"), 32, torch.device("cpu")
        )
    with pytest.raises(DataError, match="128x96 pixels are not square"):
        load_pairs(read_manifest(tmp_path / "mended").split("train"), 32, "sketch-to-photo")


def test_the_paper_of_a_sketch_whose_rim_is_hair_is_not_black():
    sketch = np.full((60, 60, 3), 240, np.uint8)
    sketch[:5], sketch[:, :5], sketch[:, -5:], sketch[-5:, :30] = 30, 30, 30, 30
    assert images.paper_colour(sketch) == (240, 240, 240)
    assert images.paper_colour(255 - sketch) == (225, 225, 225)
    assert images.paper_colour(np.zeros((60, 60, 3), np.uint8)) == (0, 0, 0)


@needs_shared("data/fs2k")
@pytest.mark.data
def test_the_real_set_has_its_split_its_styles_and_its_attributes():
    pairs = fs2k.collect(scan(REAL), LayoutOptions()).pairs
    assert Counter(pair.split for pair in pairs) == {"train": 1058, "test": 1046}
    assert len({pair.id for pair in pairs}) == 2104 and all(
        pair.id.startswith("photo") for pair in pairs
    )
    styles = Counter(pair.attributes["style"] for pair in pairs)
    assert styles == {"0": 976, "1": 731, "2": 397}
    assert sum(pair.attributes["style"] != str(int(pair.id[5]) - 1) for pair in pairs) == 1009
    assert all(set(pair.attributes) == ATTRIBUTES for pair in pairs)
    counted = Counter((key, text) for pair in pairs for key, text in pair.attributes.items())
    assert (
        counted["gender", "male"] == 1206
        and counted["smile", "yes"] == 1315
        and counted["hair", "no"] == 100
    )
    skin = np.array(
        [pair.attributes["skin_color"].split() for pair in pairs if pair.attributes["skin_color"]],
        int,
    )
    assert (
        len(skin) == 2103
        and np.mean((skin[:, 0] > skin[:, 1]) & (skin[:, 0] - skin[:, 2] > 15)) > 0.95
    )
