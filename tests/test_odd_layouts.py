"""Sets as people have them: other folder and file names, stray folders and pictures."""

from __future__ import annotations

import numpy as np
import pytest

from data_prep import DataError, Recipe, make_pairs
from s2f_utils.pictures import images
from tests.test_data_prep import by_split, put, read

N = range(1, 6)
CUFS = [f"{n:03d}" for n in range(5, 10)]


def rows_of(tmp_path, faces, names, **options):
    src = put(tmp_path / "src", faces, names)
    return read(make_pairs(src, tmp_path / "out", Recipe(size_px=32, **options)).parent)


# what is odd → (sketch, photo) of each pair
NAMES = {
    "zeros before numbers": [
        (f"sketches/{n}.png", f"photos/{n:03d}.jpg") for n in (1, 9, 10, 99, 100)
    ],
    "CUFS in folders of another name": [
        (f"sketch/F2-{n}-01-sz1.png", f"photo/f-{n}-01.png") for n in CUFS
    ],
    "drawings and portraits": [(f"My drawings/{n}.png", f"My portraits/{n}.png") for n in N],
    "a split below": [(f"sketches/train/{n}.png", f"photos/train/{n}.png") for n in N],
    "sides in both names": [
        (f"set/sketches/{n}_sketch.png", f"set/photos/{n}_photo.png") for n in N
    ],
}


@pytest.mark.parametrize("odd", NAMES)
def test_pairs_are_found_under_other_names(tmp_path, faces, odd):
    names = NAMES[odd]
    assert len(rows_of(tmp_path, faces, names)) == len(names)
    for row in read(tmp_path / "out"):  # each with its own: the sketch that lay beside this photo
        sketch, photo = next(pair for pair in names if row["id"] in pair[1])
        place = names.index((sketch, photo))
        made = images.load_rgb(tmp_path / "out" / row["sketch"])
        drawn = images.resize(
            images.load_rgb(tmp_path / "src" / sketch), 32, "stretch", fill=(0, 0, 0)
        )
        np.testing.assert_array_equal(made, drawn, err_msg=f"{place}")


@pytest.mark.parametrize("train", ["Training {}", "{}/train", "{}_train"])
def test_splits_are_read_from_folders_however_they_say_it(tmp_path, faces, train):
    names = [
        (f"{train.format('Sketches')}/{n}.png", f"{train.format('Photos')}/{n}.png") for n in N
    ]
    test = train.replace("rain", "est")
    names += [
        (f"{test.format('Sketches')}/{n}.png", f"{test.format('Photos')}/{n}.png") for n in (6, 7)
    ]
    assert by_split(rows_of(tmp_path, faces, names)) == {
        "train": [*"12345"],
        "val": [],
        "test": ["6", "7"],
    }


def test_numbers_do_not_marry_people_whose_names_differ(tmp_path, faces):
    names = [("sketches/ann1.png", "photos/bob1.png"), ("sketches/cy2.png", "photos/dee2.png")]
    with pytest.raises(DataError, match="no pairs found"):
        rows_of(tmp_path, faces, names)


def test_a_stray_picture_beside_ab_images_is_named(tmp_path, faces):
    for n in N:
        both = np.concatenate([np.repeat(faces[n].sketch[..., None], 3, 2), faces[n].photo], axis=1)
        images.save(tmp_path / "src" / ("train" if n < 4 else "test") / f"{n}.png", both)
    images.save(tmp_path / "src" / "preview.png", faces[0].photo)
    with pytest.raises(
        DataError, match="alone of its size, and perhaps not of the set: preview.png"
    ):
        make_pairs(tmp_path / "src", tmp_path / "out")
    (tmp_path / "src" / "preview.png").unlink()
    rows = read(make_pairs(tmp_path / "src", tmp_path / "out", Recipe(size_px=32)).parent)
    assert by_split(rows) == {"train": [*"123"], "val": [], "test": ["4", "5"]}


@pytest.mark.parametrize(("stray", "where"), [(".ipynb_checkpoints", "photos/"), ("__MACOSX", "")])
def test_stray_folders_are_passed_over(tmp_path, faces, capsys, stray, where):
    for name in ("1.png", "train/epoch001_fake.png", "photos/2.png"):
        images.save(tmp_path / "src" / where / stray / name, faces[3].photo)
    names = [(f"sketches/{n}.png", f"photos/{n}.png") for n in N]
    assert len(rows_of(tmp_path, faces, names)) == 5 and "no partner" not in capsys.readouterr().err
    recipe = Recipe(size_px=32, styles=("pencil",))
    assert len(read(make_pairs(tmp_path / "src", tmp_path / "made", recipe=recipe).parent)) == 5
