"""Two folders of different people's pictures as a data set: what is written, kept, gone on with and refused."""

from __future__ import annotations

import zipfile

import pytest

import data_prep
from data_prep.__main__ import main
from data_prep.make.drawn.synthetic import draw_face
from data_prep.make.recipe import Recipe
from s2f_utils.data import SPLITS, read_manifest
from s2f_utils.pictures import images


@pytest.fixture(scope="module")
def sources(tmp_path_factory):
    """Twelve drawings and ten photos of other faces, of different sizes, the photos in two folders of a split."""
    root = tmp_path_factory.mktemp("piles")
    for n in range(12):
        images.save(root / "drawings" / f"{n}.png", draw_face(n, size_px=96 + 8 * (n % 3)).sketch)
    for n in range(10):
        folder = root / "portraits" / ("test" if n < 3 else "train")
        images.save(folder / f"{n}.jpg", draw_face(100 + n, size_px=128).photo)
    return root / "drawings", root / "portraits"


def counts(manifest):
    rows = read_manifest(manifest)
    return {
        split: [sum(bool(getattr(row, side)) for row in rows.split(split)) for side in ("sketch", "photo")]
        for split in SPLITS
    }


def test_the_set_has_a_picture_a_row_and_keeps_a_split(sources, tmp_path):
    manifest = data_prep.make_unpaired(*sources, tmp_path / "set", 64, progress=False)
    assert counts(manifest) == {"train": [11, 6], "val": [1, 1], "test": [0, 3]}
    rows = read_manifest(manifest)
    assert all(bool(row.sketch) != bool(row.photo) for row in rows.pairs)
    assert len({row.identity for row in rows.pairs}) == 22  # nobody is on both sides, though names repeat
    assert {images.load_rgb(row.sketch or row.photo).shape for row in rows.pairs} == {(64, 64, 3)}
    assert rows.settings["layout"] == "unpaired" and rows.settings["counts"]["pairs"] == 22


def test_the_same_call_goes_on_and_another_is_refused(sources, tmp_path, capsys):
    out = tmp_path / "set"
    manifest = data_prep.make_unpaired(*sources, out, 64, progress=False)
    before = manifest.read_text(encoding="utf-8")
    gone = sorted((out / "photos").iterdir())[0]
    content = gone.read_bytes()
    gone.unlink()
    manifest.unlink()
    (out / "settings.json").rename(out / "settings.partial.json")  # as a killed run leaves it
    assert data_prep.make_unpaired(*sources, out, 64, progress=False).read_text(encoding="utf-8") == before
    assert gone.read_bytes() == content
    data_prep.make_unpaired(*sources, out, 64)
    assert "already complete: 22 pictures" in capsys.readouterr().out
    with pytest.raises(data_prep.DataPrepError, match="holds a set made in another way"):
        data_prep.make_unpaired(*sources, out, 32, progress=False)


def test_archives_dry_runs_and_bad_pictures(sources, tmp_path, capsys):
    archive = tmp_path / "drawings.zip"
    with zipfile.ZipFile(archive, "w") as packed:
        for path in sorted(sources[0].iterdir()):
            packed.write(path, path.name)
        packed.writestr("broken.png", b"not a picture")
    data_prep.make_unpaired(archive, sources[1], tmp_path / "set", 64, dry_run=True)
    assert not (tmp_path / "set").exists() and "dry run: 23 pictures" in capsys.readouterr().out
    manifest = data_prep.make_unpaired(archive, sources[1], tmp_path / "set", 64)
    captured = capsys.readouterr()
    assert len(read_manifest(manifest).pairs) == 22
    assert "broken.png" in captured.err and "22 pictures" in captured.out and "1 left out" in captured.out


def test_what_cannot_be_is_said(sources, tmp_path, capsys):
    with pytest.raises(data_prep.DataPrepError, match="resized, aligned by their face, or cleaned up: no more"):
        data_prep.make_unpaired(*sources, tmp_path / "set", recipe=Recipe(styles=("pencil",)), progress=False)
    with pytest.raises(data_prep.DataPrepError, match="one lies in the other"):
        data_prep.make_unpaired(sources[0].parent, sources[1], tmp_path / "set", progress=False)
    with pytest.raises(data_prep.DataPrepError, match="lies in a source folder"):
        data_prep.make_unpaired(*sources, sources[0] / "set", progress=False)
    assert main(["unpaired", str(tmp_path / "nowhere"), str(sources[1]), str(tmp_path / "set")]) == 2
    assert "nowhere" in capsys.readouterr().err
    assert main(["unpaired", *map(str, sources), str(tmp_path / "set"), "--size", "32", "--val-share", "0"]) == 0
    shown = capsys.readouterr()
    assert "12 sketches, 10 photos, taken for different people's" in shown.out
    assert "12 pictures on the sketch side: a network learns them by heart" in shown.err
    assert counts(tmp_path / "set")["test"] == [0, 3]  # the photos' own split stays
