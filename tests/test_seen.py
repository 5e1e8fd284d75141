"""A model that has seen what it is scored on is refused, or marked: real runs of a second each."""

from __future__ import annotations

import dataclasses
import json
import shutil

import numpy as np
import pytest
from PIL import Image

import data_prep
from s2f_utils import inference, weights
from s2f_utils.cli.main import main
from s2f_utils.data import DataError, read_manifest, stores
from s2f_utils.metrics import leaderboard, past
from s2f_utils.pictures import images
from s2f_utils.pictures.drawn.synthetic import draw_face
from s2f_utils.pictures.duplicates import SAME_BITS, are_copies, perceptual_hash, source_hash
from s2f_utils.training import learned_from
from tests.scored import SIZE, as_before, drawn_set, run_on, score, standing


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return tmp_path_factory.mktemp("seen")


@pytest.fixture(scope="module")
def mine(home):
    """Twelve people, four of them for testing."""
    return drawn_set(home, "mine", range(12))


def all_for_training(manifest):
    """The same pairs, all of them in the training split."""
    return dataclasses.replace(manifest, pairs=[dataclasses.replace(row, split="train") for row in manifest.pairs])


def evaluated(capsys, model, manifest, out, *more):
    """The exit status of `s2f evaluate`, and what it said."""
    command = ["evaluate", str(model), "--data", str(manifest.path.parent), "--out", str(out), "--metrics", "ssim"]
    status = main([*command, *more])
    return status, "".join(capsys.readouterr())


@pytest.fixture()
def cheat(mine, tmp_path, tiny):
    """A run on all pairs, those of the test split, too."""
    return run_on(all_for_training(mine), tmp_path / "runs", "cheat", tiny)


def test_a_run_on_all_pairs_is_refused_and_with_seen_marked(cheat, mine, tmp_path, capsys):
    status, said = evaluated(capsys, cheat, mine, tmp_path / "out")
    assert status == 2 and "has seen 4 of 4 pairs of the split 'test'" in said and "--seen" in said
    assert said.count("\n") == 1 and not (tmp_path / "out").exists()
    status, said = evaluated(capsys, cheat, mine, cheat / "evaluation", "--seen")
    assert (
        status == 0
        and "the model has seen 4 of 4 pairs in its training: its scores say nothing about new people" in said
    )
    seen = json.loads((cheat / "evaluation" / "metrics.json").read_text())["seen"]
    assert (seen["num"], seen["of"], seen["unknown"]) == (4, 4, "") and sorted(seen["pairs"]) == [
        "p0",
        "p1",
        "p2",
        "p3",
    ]
    board = ["leaderboard", str(cheat), "--data", str(mine.path.parent), "--out", str(tmp_path / "board")]
    board += ["--metrics", "ssim", "--patch-seeds", "0", "--gallery", "1"]
    assert main(board) == 2
    assert "cheat, seed 0 has seen 4 of 4" in capsys.readouterr().err and not (tmp_path / "board").exists()
    assert main([*board, "--seen"]) == 0
    assert "| cheat (has seen 4 of 4) |" in capsys.readouterr().out
    facts = json.loads((tmp_path / "board" / "leaderboard.json").read_text())
    assert facts["rows"][0]["seen"]["num"] == 4 and facts["rows"][0]["league"] == "open"
    assert (tmp_path / "board" / "leaderboard.html").read_text().count("cheat (has seen 4 of 4)") >= 3


def test_of_a_run_that_saw_one_test_pair_that_one_is_named(mine, tmp_path, tiny):
    one = mine.split("test")[2]
    run = run_on(
        dataclasses.replace(mine, pairs=[*mine.split("train"), dataclasses.replace(one, split="train")]),
        tmp_path / "runs", "one", tiny,
    )  # fmt: skip
    with pytest.raises(DataError, match=rf"has seen 1 of 4 pairs .* \({one.id}\)"):
        score(run, mine, tmp_path / "out")


def test_a_run_on_other_data_and_the_training_split_are_not_refused(mine, home, tmp_path, tiny):
    run = run_on(drawn_set(home, "elsewhere", range(100, 108)), tmp_path / "runs", "other", tiny)
    score(run, mine, run / "evaluation")
    assert json.loads((run / "evaluation" / "metrics.json").read_text())["seen"]["num"] == 0
    own = run_on(mine, tmp_path / "runs", "own", tiny)
    score(own, mine, tmp_path / "train", split="train")  # and that they were seen is written all the same
    assert json.loads((tmp_path / "train" / "metrics.json").read_text())["seen"]["num"] == 8


def test_a_renamed_run_is_refused(cheat, mine, tmp_path):
    score(cheat, mine, cheat / "evaluation", allow_seen=True)
    renamed = cheat.rename(cheat.with_name("honest"))
    with pytest.raises(DataError, match="has seen 4 of 4"):
        score(renamed, mine, tmp_path / "out")
    with pytest.raises(DataError, match="it, seed 0 has seen 4 of 4"):
        standing(mine, renamed)


def test_of_pictures_alone_and_without_hashes_it_is_said_that_nothing_is_known(cheat, mine, tmp_path, capsys):
    score(cheat, mine, cheat / "evaluation", allow_seen=True)
    bare = shutil.copytree(cheat / "evaluation" / "outputs" / "deterministic", tmp_path / "bare")
    entries = leaderboard.find_outputs(str(bare), [pair.id for pair in mine.split("test")])
    row = leaderboard.build(entries, mine, columns=("ssim",), patch_seeds=0).rows[0]
    assert row.seen.text == "" and "do not say which model" in row.seen.unknown and row.league == "unknown"
    public = learned_from.publish(cheat / "generator.safetensors", tmp_path / "m.safetensors")
    status, said = evaluated(capsys, public, mine, tmp_path / "out")
    assert status == 0 and "whether the model has seen these pairs is not known" in said


def test_what_a_parent_saw_counts_when_it_is_gone_too(cheat, mine, tmp_path, tiny, capsys):
    child = run_on(mine, tmp_path / "runs", "child", tiny, init=cheat)
    grandchild = run_on(mine, tmp_path / "runs", "grandchild", tiny, init=child / "generator.safetensors")
    status, said = evaluated(capsys, grandchild, mine, tmp_path / "out")
    assert status == 2 and "has seen 4 of 4" in said
    alone = shutil.copytree(grandchild, tmp_path / "elsewhere" / grandchild.name)
    shutil.rmtree(cheat.parent)
    status, said = evaluated(capsys, alone, mine, tmp_path / "out")
    assert status == 2 and "has seen 4 of 4" in said


def test_in_files_of_before_a_parent_counts_as_long_as_it_is_there(cheat, mine, tmp_path, tiny, capsys):
    """They give its name and SHA-256 alone."""
    child = run_on(mine, tmp_path / "runs", "child", tiny, init=cheat)
    as_before(child / "generator.safetensors")
    status, said = evaluated(capsys, child, mine, tmp_path / "out")
    assert status == 2 and "has seen 4 of 4" in said
    shutil.rmtree(cheat)
    status, said = evaluated(capsys, child, mine, tmp_path / "out")
    assert status == 0 and "is not known" in said and "is gone or has changed" in said


def test_the_same_photo_under_another_name_and_compressed_is_found(mine, home, tmp_path, tiny):
    for place, row in enumerate((*mine.split("test")[:1], *mine.split("train"))):
        for side in ("sketches", "photos"):
            source = row.photo if side == "photos" else row.sketch
            target = home / "raw" / "again" / "train" / side / f"somebody{place}.jpg"
            target.parent.mkdir(parents=True, exist_ok=True)
            Image.open(source).save(target, quality=60)
    again = read_manifest(
        data_prep.make_pairs(home / "raw" / "again", home / "again", size_px=2 * SIZE, progress=False)
    )
    run = run_on(all_for_training(again), tmp_path / "runs", "again", tiny)
    with pytest.raises(DataError, match=r"has seen 1 of 4 pairs .* \(p0\)"):
        score(run, mine, tmp_path / "out")


def cut_out(home, name, sources, first_crop):
    """A set of these photos and their sketches, compressed and cut out by this box."""
    for place, row in enumerate(sources):
        for side, source in (("sketches", row.sketch), ("photos", row.photo)):
            target = home / "raw" / name / "test" / side / f"{name}{place}.jpg"
            target.parent.mkdir(parents=True, exist_ok=True)
            Image.open(source).save(target, quality=95 - place)
    recipe = data_prep.Recipe(size_px=SIZE, align="crop", crop=first_crop)
    return read_manifest(data_prep.make_pairs(home / "raw" / name, home / name, recipe=recipe, progress=False))


def test_the_same_photo_cut_out_otherwise_is_found_by_what_it_was_cut_out_of(mine, tmp_path, tiny):
    """Both sets are of the same photos; their own hashes are far apart, and neither is the source's."""
    learned = cut_out(tmp_path, "learned", mine.split("test"), (0.0, 0.0, 0.8, 0.8))
    scored = cut_out(tmp_path, "scored", mine.split("test"), (0.2, 0.2, 1.0, 1.0))
    run = run_on(all_for_training(learned), tmp_path / "runs", "cut", tiny)
    hashes, others = (past.Pictures(one.split("test")).perceptual("photo") for one in (learned, scored))
    assert not are_copies(others[0], hashes[0]).any() and are_copies(others[1], hashes[1]).all()
    with pytest.raises(DataError, match="has seen 4 of 4"):
        score(run, scored, tmp_path / "out")
    assert past.num_others(past.past_of([run / "generator.safetensors"]), past.Pictures(scored.pairs)) == 4  # sketches
    with pytest.raises(DataError, match="has seen 4 of 4"):
        score(run, mine, tmp_path / "out")  # not cut out at all
    public = learned_from.publish(run / "generator.safetensors", tmp_path / "public.safetensors")
    assert "source" in str(learned_from.read(run / "generator.safetensors"))
    assert learned_from.read(public)["pictures"] == {"sketches": {"num": 4}, "photos": {"num": 4}}


def test_of_a_very_large_set_sources_are_left_out(mine, tmp_path, tiny, monkeypatch):
    monkeypatch.setattr(learned_from, "MOST_SOURCES", 7)
    run = run_on(mine, tmp_path / "runs", "large", tiny)
    assert set(learned_from.read(run / "generator.safetensors")["pictures"]["photos"]) == {
        "num",
        "sha256",
        "perceptual",
    }


def test_only_notes_that_are_hashes_tell_a_source(tmp_path):
    """Nor does a file without notes, or one that cannot be read, hold up a training."""
    path = tmp_path / "a.png"
    for notes, expected in (
        ({}, ""),
        ({"source_print": "a cat"}, ""),
        ({"source_print": "0f" * 31}, ""),
        ({"source_print": "0f" * 32 + " pixels"}, "0f" * 32),
    ):
        images.save(path, np.zeros((8, 8, 3), np.uint8), notes=notes)
        assert source_hash(path) == expected
    path.write_bytes(path.read_bytes()[:20])
    assert source_hash(path) == ""


@pytest.mark.parametrize("model", [weights.DEFAULT, weights.FAITHFUL, weights.RENDER, "photo-to-sketch"])
def test_a_model_that_comes_along_is_the_same_with_either_engine(model):
    """Its files are known, and that they do not say which pictures they learned from."""
    by_torch, by_onnx = (inference.load(model, "cpu", engine=engine).files for engine in ("torch", "onnx"))
    assert by_torch[0] == by_onnx[0] and set(by_torch) == set(by_onnx)
    found = past.past_of(by_onnx)
    assert found.published == {path.stem for path in by_onnx}
    assert "was published without the hashes of what it learned from" in found.gaps[0]


def test_of_a_set_that_is_not_kept_in_memory_the_files_are_known(mine, tmp_path, tiny, monkeypatch):
    """It has no perceptual hashes."""
    with monkeypatch.context() as patch:
        patch.setattr(stores, "free_bytes", lambda device: 0)
        run = run_on(all_for_training(mine), tmp_path / "runs", "large", tiny)
    assert "perceptual" not in learned_from.read(run / "generator.safetensors")["pictures"]["photos"]
    with pytest.raises(DataError, match="has seen 4 of 4"):
        score(run, mine, tmp_path / "out")


def test_another_photo_of_a_person_that_was_seen_counts(mine, tmp_path, tiny, capsys):
    """The manifest says who is on a picture: one was seen, the other is not a stranger's."""
    first, second, *rest = mine.split("test")
    same = dataclasses.replace(second, identity=first.identity)
    scored = dataclasses.replace(mine, pairs=[*mine.split("train"), first, same, *rest])
    only = [*mine.split("train"), dataclasses.replace(first, split="train")]
    run = run_on(dataclasses.replace(mine, pairs=only), tmp_path / "runs", "one", tiny)
    with pytest.raises(DataError, match=r"has seen 2 of 4 pairs .*, 1 of these by another picture of the same person"):
        score(run, scored, tmp_path / "out")
    score(run, scored, tmp_path / "out", allow_seen=True)
    seen = json.loads((tmp_path / "out" / "metrics.json").read_text())["seen"]
    assert (seen["num"], seen["pairs"], seen["people"]) == (2, [first.id], [second.id])


def test_copies_are_told_from_other_people():
    """Compressed and small copies are near; nobody else is."""
    faces = [draw_face(number, size_px=64).photo for number in range(40)]
    hashes = [perceptual_hash(face) for face in faces]
    for change in (
        lambda face: images.resize(images.resize(face, 48), 64),
        lambda face: images.rounded(face * 0.7),
    ):
        assert are_copies([perceptual_hash(change(face)) for face in faces], hashes).all()
    strangers = [perceptual_hash(draw_face(number, size_px=64).photo) for number in range(40, 80)]
    assert not are_copies(strangers, hashes).any()
    base = int(hashes[0], 16)
    near, far = (f"{base ^ (2**bits - 1):064x}" for bits in (SAME_BITS, SAME_BITS + 1))
    assert list(are_copies([near, far, ""], hashes[:1])) == [True, False, False]
    assert list(are_copies([near], ["", ""])) == [False]
