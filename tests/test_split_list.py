"""A split by a list: the published ones, and a user's own file."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from data_prep import DataPrepError, make_pairs
from data_prep.__main__ import main
from data_prep.layouts.layout import Candidate
from data_prep.layouts.tree import Picture
from data_prep.make.split_list import read_split_list
from tests.test_data_prep import by_split, put, read


def candidate(path, identity=""):
    """A pair whose photo has this path below its source; lists look at names alone."""
    *folders, name = path.split("/")
    return Candidate(None, Picture(Path(path), tuple(folders), "photo"), "made", "", identity)


def splits(listed, pairs, root="src"):
    kept, remarks = listed.divide(pairs, [pair.identity for pair in pairs], [root] * len(pairs))
    return {pair.photo.shown: pair.split for pair in kept}, remarks


@pytest.mark.parametrize("first_student", [0, 1])
@pytest.mark.parametrize("folders", ["photos/{}", "CUFS/{}/Training Photos"])
def test_cufs_is_split_as_its_papers_say_whatever_the_folders(first_student, folders):
    ranges = {"AR": range(1, 124), "XM2VTS": range(1, 296)}
    ranges["CUHK"] = [*range(first_student, first_student + 88), *range(89, 189)]
    pairs = [
        candidate(f"{folders.format(db)}/{n}.jpg")
        for db, numbers in ranges.items()
        for n in numbers
    ]
    found, remarks = splits(read_split_list("cufs-268-338"), pairs)
    count = Counter(
        (next(db for db in ranges if db in name), split) for name, split in found.items()
    )
    assert count == {
        ("CUHK", "train"): 88,
        ("CUHK", "test"): 100,
        ("AR", "train"): 80,
        ("AR", "test"): 43,
        ("XM2VTS", "train"): 100,
        ("XM2VTS", "test"): 195,
    }
    assert len(remarks) == 2 and "1 names in it are no picture's here" in remarks[1]


def test_a_file_divides_a_set_and_what_it_does_not_name_is_left_out(tmp_path, faces, capsys):
    names = [
        (f"test/sketches/{n}.png", f"test/photos/{n}.png")
        for n in ("anna", "ben", "cleo", "dan", "eve")
    ]
    src = put(tmp_path / "src", faces, names)
    file = tmp_path / "mine.csv"
    file.write_text(
        "# mine\nsplit,name\ntraining,ANNA.png\nval,ben\ntest,photos/cleo\ntest,nobody\n",
        encoding="utf-8",
    )
    assert (
        main(["pairs", str(src), str(tmp_path / "out"), "--size", "32", "--split-list", str(file)])
        == 0
    )
    assert by_split(read(tmp_path / "out")) == {"train": ["anna"], "val": ["ben"], "test": ["cleo"]}
    told = capsys.readouterr()
    assert "1 names in it are no picture's here: nobody" in told.err and "the list mine" in told.out
    assert (
        "2 pairs that it does not name, left out: test/photos/dan.png, test/photos/eve.png"
        in told.err
    )
    file.write_text("train,anna\ntest,*\n", encoding="utf-8")
    with pytest.raises(DataPrepError, match="split_list: mine .* there, mine .* now"):
        make_pairs(src, tmp_path / "out", size_px=32, split_list=file)
    rows = read(make_pairs(src, tmp_path / "rest", size_px=32, split_list=file).parent)
    assert by_split(rows) == {"train": ["anna"], "val": [], "test": ["ben", "cleo", "dan", "eve"]}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("train,anna\ntest,Anna.png\n", "line 2: Anna.png has another split above"),
        ("train,zoe\n", "names none of these pictures: it has zoe, here is AR/photos/1.png"),
        (
            "train,1\ntest,*\n",
            "1 may be AR/photos/1.png or XM2VTS/photos/1.png: write the folder before it",
        ),
    ],
)
def test_a_list_that_cannot_be_used_is_one_clear_line(tmp_path, faces, content, message):
    names = [
        (f"{db}/sketches/{n}.png", f"{db}/photos/{n}.png")
        for db in ("AR", "XM2VTS")
        for n in (1, 2)
    ]
    src, file = put(tmp_path / "src", faces, names), tmp_path / "list.csv"
    file.write_text(content, encoding="utf-8")
    with pytest.raises(DataPrepError) as raised:
        make_pairs(src, tmp_path / "never", size_px=32, split_list=file)
    assert message in str(raised.value) and "\n" not in str(raised.value)
    assert not (tmp_path / "never").exists()
