"""data_prep: splits by identity, names, layouts, and the pictures that come out."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from data_prep import DataError, Recipe, make_pairs, split_by_identity
from data_prep.__main__ import main
from data_prep.check import diagnose
from data_prep.make.split import crossing_identities
from s2f_utils.data import COLUMNS
from s2f_utils.pictures import images, sketches
from tests.shared import needs_shared, shared

ROOT = Path(__file__).resolve().parents[1]
CUFS = shared("data/cufs")
NUM = 6


def put(root: Path, faces: list, pairs: list[tuple[str, str]]) -> Path:
    """Save a face's sketch and photo under each pair of names."""
    for n, (sketch, photo) in enumerate(pairs):
        images.save(root / sketch, faces[n % len(faces)].sketch)
        images.save(root / photo, faces[n % len(faces)].photo)
    return root


def read(out: Path) -> list[dict[str, str]]:
    with open(out / "manifest.csv", newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def contents(folder: Path) -> dict[str, bytes]:
    return {
        str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()
    }


def by_split(rows: list[dict[str, str]]) -> dict[str, list[str]]:
    return {
        split: sorted(row["id"] for row in rows if row["split"] == split)
        for split in ("train", "val", "test")
    }


# Splits


def people(num: int, shots: int = 3) -> list[dict[str, str]]:
    return [
        {"identity": f"p{n}", "split": "", "id": f"p{n}-{shot}"}
        for n in range(num)
        for shot in range(shots)
    ]


def test_no_identity_crosses_the_shares_are_kept_and_the_order_does_not_matter():
    rows = people(50)
    splits = split_by_identity(rows, {"test": 0.2, "val": 0.1}, seed=3)
    made = [{**row, "split": split} for row, split in zip(rows, splits, strict=True)]
    assert crossing_identities(made) == {}
    assert [splits.count(name) for name in ("train", "val", "test")] == [105, 15, 30]
    forward = dict(zip((row["id"] for row in rows), split_by_identity(rows, seed=1), strict=True))
    backward = dict(
        zip((row["id"] for row in rows[::-1]), split_by_identity(rows[::-1], seed=1), strict=True)
    )
    assert forward == backward
    assert split_by_identity(rows, seed=1) != split_by_identity(rows, seed=2)


def test_an_official_split_is_kept_val_comes_from_training_and_a_person_is_refused_in_two():
    rows = [{"identity": f"p{n}", "split": "train" if n < 88 else "test"} for n in range(188)]
    splits = split_by_identity(rows, {"val": 10 / 88})
    assert [splits.count(name) for name in ("train", "val", "test")] == [78, 10, 100]
    assert set(splits[88:]) == {"test"}
    with pytest.raises(DataError, match="its own test split"):
        split_by_identity(rows, {"test": 0.1})
    rows = people(20)
    rows[0]["split"] = "val"  # which nobody is drawn into
    assert split_by_identity(rows)[:3] == ["val"] * 3
    rows[1]["split"] = "train"
    with pytest.raises(DataError, match="p0 in train and val"):
        split_by_identity(rows)


# Layouts


def test_plain_pairs(folders, tmp_path):
    manifest = make_pairs(folders, tmp_path / "out", Recipe(size_px=32))
    rows = read(tmp_path / "out")
    assert manifest == tmp_path / "out" / "manifest.csv" and tuple(rows[0]) == COLUMNS
    assert sorted(row["id"] for row in rows) == [f"anna{n}" for n in range(NUM)]
    assert [len(ids) for ids in by_split(rows).values()] == [5, 0, 1]
    for row in rows:
        assert (
            row["photo"] == f"photos/{row['id']}.png"
            and row["mask"] == ""
            and row["source"] == "src"
        )
        assert images.load_rgb(tmp_path / "out" / row["sketch"]).shape == (32, 32, 3)
    settings = json.loads((tmp_path / "out" / "settings.json").read_text(encoding="utf-8"))
    assert (
        settings["layout"] == "pairs"
        and settings["counts"]["pairs"] == NUM
        and settings["source"] == "src"
    )
    assert str(tmp_path) not in json.dumps(settings)


def test_named_folders_and_identities_from_names(tmp_path, faces):
    pairs = [(f"ink/p{n % 3}_{n}.png", f"camera/p{n % 3}_{n}.png") for n in range(NUM)]
    src, out = put(tmp_path / "src", faces, pairs), tmp_path / "out"
    with pytest.raises(DataError, match="no known layout fits this folder"):
        make_pairs(src, out)
    with pytest.raises(DataError, match="finds no person"):
        make_pairs(src, out, Recipe(sketches="ink", photos="camera", identity="^(q)_"))
    make_pairs(src, out, Recipe(size_px=32, sketches="ink", photos="camera", identity="^([^_]+)_"))
    rows = read(out)
    assert {row["identity"] for row in rows} == {"p0", "p1", "p2"} and crossing_identities(
        rows
    ) == {}
    assert [len(ids) for ids in by_split(rows).values()] == [4, 0, 2]


def put_twice(root, drawn):
    """Two pairs of each of six people, whose names say so, in one folder."""
    names = [f"p{n // 2:02d}_{1 + n % 2}.png" for n in range(12)]
    return put(root, 2 * list(drawn), [(f"sketches/{one}", f"photos/{one}") for one in names])


def test_several_pictures_of_a_person_are_seen_in_their_names(tmp_path, faces, folders, capsys):
    src, out = put_twice(tmp_path / "twice", faces), tmp_path / "out"
    make_pairs(src, out, Recipe(size_px=32), progress=False)
    splits = {}
    for row in read(out):
        splits.setdefault(row["id"][:3], set()).add(row["split"])
    crossing = sorted(who for who, found in splits.items() if len(found) > 1)
    assert crossing and f"such as {crossing[0]}_1, {crossing[0]}_2" in capsys.readouterr().err
    diagnosis = diagnose(out, progress=False)
    assert {f.id for f in diagnosis.findings if f.kind == "names"} == set(crossing)
    assert len([f for f in diagnose(src, progress=False).findings if f.kind == "names"]) == 6


def test_of_people_who_are_known_no_names_are_asked_about(tmp_path, faces, folders, capsys):
    known = Recipe(size_px=32, identity="^([^_]+)_")
    make_pairs(put_twice(tmp_path / "twice", faces), tmp_path / "out", known, progress=False)
    make_pairs(folders, tmp_path / "other", Recipe(size_px=32), progress=False)
    assert "--identity" not in capsys.readouterr().err


@pytest.mark.parametrize("side", ["left", "right"])
def test_ab_images_are_cut_and_their_folders_are_the_split(tmp_path, faces, side):
    for n, face in enumerate(faces):
        halves = [np.repeat(face.sketch[..., None], 3, axis=2), face.photo]
        both = np.concatenate(halves if side == "left" else halves[::-1], axis=1)
        images.save(tmp_path / "src" / ("train", "val", "test")[n % 3] / f"{n // 3}.png", both)
    make_pairs(tmp_path / "src", tmp_path / "out", Recipe(size_px=64, sketch_side=side))
    rows = read(tmp_path / "out")
    assert by_split(rows)["val"] == ["val-0", "val-1"] and len(rows) == NUM
    for row in rows:
        n = 3 * int(row["id"][-1]) + ("train", "val", "test").index(row["split"])
        assert np.array_equal(images.load_rgb(tmp_path / "out" / row["photo"]), faces[n].photo)
        assert np.array_equal(
            images.load_rgb(tmp_path / "out" / row["sketch"])[..., 0], faces[n].sketch
        )


def test_sides_that_look_swapped_are_pointed_out(tmp_path, faces, capsys):
    src = put(
        tmp_path / "src", faces, [(f"photos/{n}.png", f"sketches/{n}.png") for n in range(NUM)]
    )
    main(["pairs", str(src), str(tmp_path / "out"), "--dry-run"])
    assert "other way round" in capsys.readouterr().err
    src = put(
        tmp_path / "right", faces, [(f"sketches/{n}.png", f"photos/{n}.png") for n in range(NUM)]
    )
    main(["pairs", str(src), str(tmp_path / "out"), "--dry-run"])
    assert "other way round" not in capsys.readouterr().err


CUFS_PAIRS = [
    (
        "CUHK_training_cropped_sketches/F2-005-01-sz1.jpg",
        "CUHK_training_cropped_photos/f-005-01.jpg",
    ),
    (
        "CUHK_training_cropped_sketches/M2-062-01-sz1.jpg",
        "CUHK_training_cropped_photos/M-062-01.jpg",
    ),
    (
        "CUHK_testing_cropped_sketches/sketches/f1-005-01-sz1.jpg",
        "CUHK_testing_cropped_photos/photos/f1-005-01.jpg",
    ),
    (
        "CUHK_testing_cropped_sketches/sketches/m-063-01-SZ1.JPG",
        "CUHK_testing_cropped_photos/photos/m-063-01.jpg",
    ),
    ("CUHK_testing_sketch/m-063-01-sz1.jpg", "CUHK_testing_photo/m-063-01.jpg"),
    ("AR_cropped_sketches/M2-062-01-sz1.jpg", "AR_cropped_photos/m-062-1.jpg"),
]


def test_cufs_names_databases_and_official_split(tmp_path, faces):
    make_pairs(put(tmp_path / "src", faces, CUFS_PAIRS), tmp_path / "out", Recipe(size_px=32))
    rows = {row["identity"]: row for row in read(tmp_path / "out")}
    assert set(rows) == {"f-005", "m-062", "f1-005", "m-063", "ar-m-062"}
    assert [rows[name]["split"] for name in ("f-005", "m-062", "f1-005", "m-063")] == [
        "train",
        "train",
        "test",
        "test",
    ]
    assert rows["f-005"]["id"] == "f-005-01" and rows["m-062"]["id"] == "M-062-01"
    assert rows["ar-m-062"]["source"] == "cufs/ar"
    cropped = images.load_rgb(tmp_path / "src" / CUFS_PAIRS[3][1])  # not the original beside it
    made = images.load_rgb(tmp_path / "out" / rows["m-063"]["photo"])
    assert np.array_equal(made, images.resize(cropped, 32, "stretch"))


@pytest.mark.data
@needs_shared("data/cufs")
def test_the_real_cufs_is_found_exactly(tmp_path):
    from data_prep.layouts import find_layout
    from data_prep.layouts.layout import LayoutOptions
    from data_prep.layouts.tree import scan

    with open(CUFS / "expected_pairs.csv", newline="") as file:
        expected = {(row["split"], row["sketch"], row["photo"]) for row in csv.DictReader(file)}
    layout = find_layout(tree := scan(CUFS), None, options := LayoutOptions())
    found = layout.collect(tree, options)
    assert layout.name == "cufs" and not found.lone_sketches and not found.lone_photos
    assert len(found.pairs) == 188
    assert {
        (pair.split, pair.sketch.path.name, pair.photo.path.name) for pair in found.pairs
    } == expected

    make_pairs(CUFS, tmp_path / "out", Recipe(size_px=32), progress=False)
    rows = read(tmp_path / "out")
    assert {(row["split"], f"{row['id']}.jpg") for row in rows} == {
        (s, photo) for s, _, photo in expected
    }
    assert [len(ids) for ids in by_split(rows).values()] == [88, 0, 100]
    assert len({row["identity"] for row in rows}) == 188 and crossing_identities(rows) == {}


# Pictures


def test_pad_keeps_the_pixels_and_centres_them_on_black(tmp_path):
    image = np.random.default_rng(0).integers(1, 256, (250, 200, 3), np.uint8)
    for side in ("sketches", "photos"):
        images.save(tmp_path / "src" / side / "a.png", image)
    make_pairs(tmp_path / "src", tmp_path / "out", Recipe(fit="pad"))
    made = images.load_rgb(tmp_path / "out" / "photos" / "a.png")
    assert np.array_equal(made, np.pad(image, ((3, 3), (28, 28), (0, 0))))
    again = make_pairs(tmp_path / "out", tmp_path / "again", Recipe(fit="pad", size_px=128)).parent
    assert {images.read_content_box(again / side / "a.png") for side in ("photos", "sketches")} == {
        (13, 0, 102, 128)
    }
    assert (
        main(
            [
                "pairs",
                str(tmp_path / "src"),
                str(tmp_path / "drawn"),
                "--fit",
                "pad",
                "--style",
                "pencil",
            ]
        )
        == 0
    )
    drawn = images.load_rgb(tmp_path / "drawn" / "sketches" / "a.png")[..., 0]
    assert np.array_equal(drawn, np.pad(sketches.pencil(image), ((3, 3), (28, 28))))
