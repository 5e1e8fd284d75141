"""The doctor: each fault that is put into a good set is found, nothing is found in the good set,
and --fix mends it.
"""

from __future__ import annotations

import shutil
import sys

import numpy as np
import pytest
from PIL import Image

from data_prep import Recipe, make_pairs
from data_prep.__main__ import main
from data_prep.check import diagnose, mend, run_doctor
from data_prep.check.examine import Subject, examine
from data_prep.check.findings import KINDS
from data_prep.layouts import find_layout
from data_prep.layouts.layout import LayoutOptions
from data_prep.layouts.tree import scan
from data_prep.procedural_faces.synthetic import draw_face
from s2f_utils.data import read_manifest
from s2f_utils.pictures import images
from tests.broken import FAULTS, Pair

NUM, SIZE = 40, 128


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    """A raw folder of drawn pairs, train/ and test/, each person once."""
    root = tmp_path_factory.mktemp("good") / "set"
    for index in range(NUM):
        face = draw_face(index, size_px=SIZE)
        split = "test" if index % 4 == 0 else "train"
        images.save(root / split / "sketches" / f"face{index:02d}.png", face.sketch)
        images.save(root / split / "photos" / f"face{index:02d}.png", face.photo)
    return root


def broken_copy(source, target):
    """A copy with every fault of `FAULTS`, each in another pair; {fault: the id of its pair}."""
    shutil.copytree(source, target)
    tree, options = scan(target), LayoutOptions()
    pairs = find_layout(tree, None, options).collect(tree, options).pairs
    sides = {
        split: [Pair(p.sketch.path, p.photo.path) for p in pairs if p.split == split]
        for split in ("train", "test")
    }
    where = {}
    mine, others = sides["train"][3:], sides["test"][::-1]
    for fault, (_, change) in FAULTS.items():
        pair, other = mine.pop(0), others[0]
        if fault == "exchanged":
            other = mine.pop(-1)
        where[fault] = pair.photo.stem
        change(pair, other)
    return where


@pytest.fixture(scope="module")
def broken(good, tmp_path_factory):
    root = tmp_path_factory.mktemp("broken") / "set"
    where = broken_copy(good, root)
    return root, where, diagnose(root, progress=False)


def test_nothing_is_found_in_a_good_set(good, capsys):
    diagnosis = diagnose(good, progress=False)
    assert (diagnosis.findings, diagnosis.may_train, len(diagnosis.subjects)) == ([], True, NUM)
    assert main(["doctor", str(good)]) == 0
    assert "nothing found" in capsys.readouterr().out


def test_a_package_that_is_missing_is_no_fault_of_the_pictures(good, monkeypatch):
    monkeypatch.setitem(sys.modules, "imagehash", None)
    with pytest.raises(ImportError, match="imagehash"):
        examine(Subject("a", "a", "train", "", str(next(good.rglob("photos/*.png")))))


@pytest.mark.parametrize(
    "fault",
    FAULTS,
)
def test_every_fault_is_found(broken, fault):
    _, where, diagnosis = broken
    expected, _ = FAULTS[fault]
    found = {
        f.kind for f in diagnosis.findings if any(where[fault] in name for name in (f.id, *f.files))
    }
    assert expected <= found, f"{fault}: found only {found}"


def test_nothing_else_is_found(broken):
    _, where, diagnosis = broken
    blamed = set(where.values())
    strangers = [
        f
        for f in diagnosis.findings
        if not any(name in part for name in blamed for part in (f.id, *f.files))
    ]
    assert [f.kind for f in strangers] in (
        [],
        ["mismatch"],
    )  # the other one of the two exchanged sketches
    assert not diagnosis.may_train


def test_every_kind_of_finding_is_printed(broken, capsys):
    root, _, diagnosis = broken
    assert main(["doctor", str(root)]) == 1
    shown = capsys.readouterr().out
    assert all(KINDS[kind].title in shown for kind in diagnosis.counts())


def test_fix_writes_a_mended_set_and_leaves_the_source_alone(broken, tmp_path, capsys):
    root, where, diagnosis = broken
    before = {p: p.read_bytes() for p in root.rglob("*") if p.is_file()}
    assert main(["doctor", str(root), "--fix", str(tmp_path / "mended"), "--dry-run"]) == 0
    assert "dry run" in capsys.readouterr().out and not (tmp_path / "mended").exists()
    assert run_doctor(root, fix=tmp_path / "mended", progress=False) == 0
    assert {p: p.read_bytes() for p in root.rglob("*") if p.is_file()} == before
    manifest = read_manifest(tmp_path / "mended")
    assert all(pair.split for pair in manifest.pairs) and len(manifest.pairs) >= NUM - 12
    again = diagnose(tmp_path / "mended", progress=False)
    assert again.may_train, [f for f in again.findings]
    mended = {pair.id: pair for pair in manifest.pairs}
    assert np.median(images.load_rgb(mended[where["inverted"]].sketch)) > 200
    squares = make_pairs(
        tmp_path / "mended", tmp_path / "squares", Recipe(size_px=64), progress=False
    )
    assert [(p.id, p.split) for p in read_manifest(squares).pairs] == [
        (p.id, p.split) for p in manifest.pairs
    ]
    (row,) = mend.rows_of(
        [Subject("a", "a", "train", "s", "p", source="\udcff")], ""
    )  # not Unicode
    assert row["source"] == "?"


def framed(good, target, change):
    """A copy of the good set whose sketches this has changed: (the sketch, its number) → a
    picture.
    """
    shutil.copytree(good, target)
    for number, path in enumerate(sorted(target.glob("*/sketches/*.png"))):
        change(Image.open(path).convert("RGB"), number).save(path)
    return target


def test_both_pairs_of_an_exchange_stop(good, tmp_path):
    """One sketch fits the other's photo: then the other's own sketch does not belong to that
    photo.
    """
    sketches = [Image.open(path).convert("RGB") for path in sorted(good.glob("*/sketches/*.png"))]
    exchanged = {12: 30, 30: 12, 15: 25, 25: 15, 18: 38, 38: 18}
    change = lambda _, number: sketches[exchanged.get(number, number)]  # noqa: E731
    diagnosis = diagnose(framed(good, tmp_path / "set", change), progress=False)
    names = [path.stem for path in sorted(good.glob("*/sketches/*.png"))]
    assert {f.id for f in diagnosis.findings if f.kind == "mismatch"} == {
        names[number] for number in exchanged
    }
    assert any("fits this photo better" in finding.detail for finding in diagnosis.findings)


def test_exchanged_sketches_of_faces_alike_are_found(good, tmp_path):
    """Each fits the other's photo so well that neither is odd by itself."""
    sketches = [Image.open(path).convert("RGB") for path in sorted(good.glob("*/sketches/*.png"))]
    names = [path.stem for path in sorted(good.glob("*/sketches/*.png"))]
    one, other = names.index("face02"), names.index("face08")
    exchanged = {one: other, other: one}
    change = lambda _, number: sketches[exchanged.get(number, number)]  # noqa: E731
    diagnosis = diagnose(framed(good, tmp_path / "set", change), progress=False)
    found = {f.id: f.detail for f in diagnosis.findings if f.kind == "mismatch"}
    assert set(found) == {"face02", "face08"}
    assert all(detail.endswith("fits better") for detail in found.values())


def test_people_are_named_by_a_pattern(good, tmp_path, capsys):
    """Two pictures a person: --fix divides by people, and those in two splits are found."""
    names = [path.name for path in sorted(good.glob("*/photos/*.png"))]
    for number, name in enumerate(names):
        for side in ("sketches", "photos"):
            (source,) = good.glob(f"*/{side}/{name}")
            images.save(
                tmp_path / "raw" / side / f"p{number // 2}_{number % 2}.png",
                images.load_rgb(source),
            )
    pattern = r"^(p\d+)_"
    run_doctor(tmp_path / "raw", identity=pattern, fix=tmp_path / "mended", progress=False)
    pairs = read_manifest(tmp_path / "mended").pairs
    assert len({pair.identity for pair in pairs}) == NUM // 2
    assert len({(pair.identity, pair.split) for pair in pairs}) == NUM // 2
    # without the pattern, each picture is somebody
    run_doctor(tmp_path / "raw", fix=tmp_path / "unnamed", progress=False)
    assert "identity" not in diagnose(tmp_path / "unnamed", progress=False).counts()
    diagnosis = diagnose(tmp_path / "unnamed", identity=pattern, progress=False)
    assert diagnosis.counts()["identity"] >= 1 and not diagnosis.may_train
    assert main(["doctor", str(tmp_path / "raw"), "--identity", "^(q)"]) == 2
    assert "finds no person in 'p0_0'" in capsys.readouterr().err


def test_a_format_that_cannot_be_read_says_what_to_do(good, tmp_path):
    shutil.copytree(good, tmp_path / "set")
    photo = next(tmp_path.glob("set/train/photos/*.png"))
    photo.rename(photo.with_suffix(".heic")).write_bytes(b"\0\0\0 ftypheic")
    (finding,) = [f for f in diagnose(tmp_path / "set", progress=False).findings]
    assert finding.kind == "unreadable" and "convert it to PNG or JPEG" in finding.detail


def test_a_data_set_with_a_manifest_is_looked_at_too(good, tmp_path, capsys):
    make_pairs(good, tmp_path / "set", Recipe(size_px=96), progress=False)
    assert diagnose(tmp_path / "set", progress=False).findings == []
    table = (tmp_path / "set" / "manifest.csv").read_bytes()
    for text in (
        table.replace(b"\ntest,face04", b"\ntest,face00"),
        table.replace(b",set\n", b",\xe9\n"),
    ):
        (tmp_path / "set" / "manifest.csv").write_bytes(text)
        assert diagnose(tmp_path / "set", progress=False).counts() == {"manifest": 1}
    (tmp_path / "set" / "manifest.csv").write_bytes(table + b"train\n")
    (tmp_path / "set" / "photos" / "face07.png").unlink()
    told = [(f.kind, f.id) for f in diagnose(tmp_path / "set", progress=False).findings]
    assert told == [("missing", ""), ("missing", "face07")]
    table = (
        (tmp_path / "set" / "manifest.csv")
        .read_text(encoding="utf-8")
        .replace("face08,face08", "face08,face09")
    )
    more = (
        "test,again,again,sketches/face10.png,photos/face10.png,,\n"
        "Test,odd,odd,sketches/face11.png,,,\n"
    )
    (tmp_path / "set" / "manifest.csv").write_text(table + more, encoding="utf-8")
    found = {f.kind: f for f in diagnose(tmp_path / "set", progress=False).findings}
    assert (
        set(found) == {"missing", "identity", "leak", "split"}
        and "train and test" in found["identity"].detail
    )
    assert [found[kind].drop for kind in ("identity", "leak", "split")] == [
        ("face09",),
        ("face10",),
        ("odd",),
    ]
    images.save(tmp_path / "set" / "photos" / "face05.png", draw_face(5, size_px=96).photo[:90])
    assert diagnose(tmp_path / "set", progress=False).counts()["not_square"] == 1


def test_sides_that_are_exchanged_as_a_whole_stop_training(good, tmp_path):
    for split in ("train", "test"):
        for side, other in (("sketches", "photos"), ("photos", "sketches")):
            shutil.copytree(good / split / side, tmp_path / "set" / split / other)
    diagnosis = diagnose(tmp_path / "set", progress=False)
    assert "exchanged" in diagnosis.counts() and not diagnosis.may_train
