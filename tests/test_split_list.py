"""A split by a list: the published ones, and a user's own file."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from data_prep import DataError, Recipe, make_pairs
from data_prep.__main__ import main
from data_prep.layouts.layout import Candidate
from data_prep.layouts.tree import Picture
from data_prep.make.split import read_split_list
from tests.test_data_prep import by_split, put, read


def candidate(database, stem):
    """A pair of a database of CUFS; lists look at names alone."""
    photo = Picture(Path(f"{stem}.jpg"), ("photos",), "photo")
    return Candidate(None, photo, f"cufs/{database}", "", f"{database}-{stem}")


def splits(listed, pairs):
    kept, remarks = listed.divide(pairs, [pair.identity for pair in pairs])
    return Counter((pair.source, pair.split) for pair in kept), remarks


@pytest.mark.parametrize("first_student", [0, 1])
def test_cufs_is_split_as_its_papers_say(first_student):
    ranges = {"ar": range(1, 124), "xm2vts": range(1, 296)}
    ranges["cuhk"] = [*range(first_student, first_student + 88), *range(89, 189)]
    pairs = [candidate(db, str(n)) for db, numbers in ranges.items() for n in numbers]
    counts, remarks = splits(read_split_list("cufs-268-338"), pairs)
    assert counts == {
        ("cufs/cuhk", "train"): 88,
        ("cufs/cuhk", "test"): 100,
        ("cufs/ar", "train"): 80,
        ("cufs/ar", "test"): 43,
        ("cufs/xm2vts", "train"): 100,
        ("cufs/xm2vts", "test"): 195,
    }
    assert len(remarks) == 2 and "1 names in it are no picture's here" in remarks[1]


def test_a_person_may_be_named_and_the_rest_too():
    pairs = [
        Candidate(None, Picture(Path(f"0000{n}_fa.ppm"), (), "photo"), "feret", "", f"0000{n}")
        for n in (1, 2, 6)
    ]
    counts, _ = splits(read_split_list("cufsf-250-944"), pairs)
    assert counts == {("feret", "train"): 2, ("feret", "test"): 1}


def test_a_file_divides_a_set_and_what_it_does_not_name_is_left_out(tmp_path, faces, capsys):
    names = [
        (f"test/sketches/{n}.png", f"test/photos/{n}.png")
        for n in ("anna", "ben", "cleo", "dan", "eve")
    ]
    src = put(tmp_path / "src", faces, names)
    file = tmp_path / "mine.csv"
    file.write_text(
        "# mine\nsplit,name\ntrain,anna\nval,ben\ntest,src/cleo\ntest,nobody\n",
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
    with pytest.raises(DataError, match="split_list: mine .* there, mine .* now"):
        make_pairs(src, tmp_path / "out", Recipe(size_px=32, split_list=file))
    rows = read(make_pairs(src, tmp_path / "rest", Recipe(size_px=32, split_list=file)).parent)
    assert by_split(rows) == {"train": ["anna"], "val": [], "test": ["ben", "cleo", "dan", "eve"]}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("train,anna\ntest,anna\n", "line 2: anna has another split above"),
        ("train,zoe\n", "names none of these pictures: it has zoe, here is 1"),
        ("training,1\n", "line 1 is not train, val or test, a comma, and a name"),
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
    with pytest.raises(DataError) as raised:
        make_pairs(src, tmp_path / "never", Recipe(size_px=32, split_list=file))
    assert message in str(raised.value) and "\n" not in str(raised.value)
    assert not (tmp_path / "never").exists()
