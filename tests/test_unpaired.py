"""Two folders of different people's pictures as a data set: what is written, kept, gone on with and
refused.
"""

from __future__ import annotations

import numpy as np
import pytest

import data_prep
from s2f_utils.data import SPLITS, read_manifest
from s2f_utils.pictures import images
from tests.people import person


@pytest.fixture(scope="module")
def sources(tmp_path_factory):
    """Twelve drawings and ten photos of other faces, of different sizes, the photos in two folders
    of a split.
    """
    root = tmp_path_factory.mktemp("piles")
    for n in range(12):
        images.save(root / "drawings" / f"{n}.png", person(n, size_px=96 + 8 * (n % 3)).sketch)
    for n in range(10):
        folder = root / "portraits" / ("test" if n < 3 else "train")
        images.save(folder / f"{n}.jpg", person(100 + n, size_px=128).photo)
    return root


def make_unpaired(src, out, **options):
    recipe = data_prep.Recipe(**{"size_px": 64, "unpaired": True, **options})
    return data_prep.make_pairs(src, out, recipe, progress=False)


def counts(manifest):
    rows = read_manifest(manifest)
    return {
        split: [
            sum(bool(getattr(row, side)) for row in rows.split(split))
            for side in ("sketch", "photo")
        ]
        for split in SPLITS
    }


def test_the_set_has_a_picture_a_row_and_keeps_a_split(sources, tmp_path):
    manifest = make_unpaired(sources, tmp_path / "set")
    assert counts(manifest) == {"train": [11, 6], "val": [1, 1], "test": [0, 3]}
    rows = read_manifest(manifest)
    assert all(bool(row.sketch) != bool(row.photo) for row in rows.pairs)
    assert (
        len({row.identity for row in rows.pairs}) == 22
    )  # nobody is on both sides, though names repeat
    assert {images.load_rgb(row.sketch or row.photo).shape for row in rows.pairs} == {(64, 64, 3)}
    assert rows.settings["layout"] == "unpaired" and rows.settings["counts"]["pairs"] == 22


def test_people_with_a_folder_are_in_one_split_and_guessed_faces_are_listed(sources, tmp_path):
    for n in range(18):
        flat = np.full((64, 64, 3), 100 + n, np.uint8)
        images.save(tmp_path / "people" / f"{n % 6}" / f"{n}.png", flat)
    how = {"size_px": 32, "align": "face", "fallback": "centre"}
    how |= {"photos": tmp_path / "people", "test_share": 0.3}
    made = read_manifest(make_unpaired(sources, tmp_path / "set", **how))
    assert len({(row.identity, row.split) for row in made.pairs if row.photo}) == 6
    assert len(made.settings["guessed_faces"]) == 18


def test_the_same_call_goes_on_and_another_is_refused(sources, tmp_path, capsys):
    out = tmp_path / "set"
    manifest = make_unpaired(sources, out)
    before = manifest.read_text(encoding="utf-8")
    gone = sorted((out / "photos").iterdir())[0]
    content = gone.read_bytes()
    gone.unlink()
    manifest.unlink()
    (out / "settings.json").rename(out / "settings.partial.json")  # as a killed run leaves it
    assert make_unpaired(sources, out).read_text(encoding="utf-8") == before
    assert gone.read_bytes() == content
    data_prep.make_pairs(sources, out, data_prep.Recipe(size_px=64, unpaired=True))
    assert "already complete: 22 pictures" in capsys.readouterr().out
    with pytest.raises(data_prep.DataError, match="holds a set made in another way"):
        make_unpaired(sources, out, size_px=32)


def test_an_option_that_only_pairs_have_is_refused_by_name(sources, tmp_path):
    of_pairs = {
        "layout": "nosuch",
        "sketch_side": "right",
        "points": "nosuch.csv",
        "identity": "[",
        "split_list": "nosuch.csv",
        "drop_leaks": True,
    }
    for name, value in of_pairs.items():
        option = f"--{name.replace('_', '-')},"
        with pytest.raises(data_prep.DataError, match=f"no use for {option}"):
            make_unpaired(sources, tmp_path / "set", align="face", **{name: value})
    assert not (tmp_path / "set").exists()
