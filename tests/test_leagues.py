"""Which league a model plays in, proved by what its files say that it learned from: real runs of a second each."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import cv2
import pytest

import data_prep
from s2f_utils import weights
from s2f_utils.cli.main import main
from s2f_utils.data import DataError, read_manifest
from s2f_utils.metrics import leaderboard
from s2f_utils.models import checkpoints
from s2f_utils.pictures import images
from s2f_utils.training import config, learned_from
from s2f_utils.training.loop import train
from s2f_utils.training.run import open_run
from tests.scored import SIZE, as_before, drawn_set, run_on, score, standing

ELSEWHERE = "12 pictures that it learned from (elsewhere) are not among these training pairs"


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return tmp_path_factory.mktemp("leagues")


@pytest.fixture(scope="module")
def mine(home):
    return drawn_set(home, "mine", range(12))


@pytest.fixture(scope="module")
def other(home):
    return drawn_set(home, "elsewhere", range(100, 108), num_test=2)


@pytest.fixture()
def own_run(mine, tmp_path, tiny):
    """A run on the set's own training pairs, scored."""
    folder = run_on(mine, tmp_path / "runs", "own", tiny)
    score(folder, mine, folder / "evaluation")
    return folder


def test_a_run_on_the_sets_own_pairs_proves_it_and_may_be_renamed(own_run, mine):
    assert standing(mine, own_run) == ("8-only", "")
    renamed = own_run.rename(own_run.with_name("best-of-all"))
    assert standing(mine, renamed) == ("8-only", "")


def test_outputs_are_the_newest_of_the_very_pictures_that_are_scored(own_run, mine, home, tmp_path):
    darker = tmp_path / "raw"
    for path in sorted((home / "raw" / "mine").rglob("*.png")):
        images.save(darker / path.relative_to(home / "raw" / "mine"), images.load_rgb(path) // 2)
    other = read_manifest(data_prep.make_pairs(darker, tmp_path / "darker", size_px=SIZE, progress=False))
    ids = [row.id for row in mine.split("test")]
    assert ids == [row.id for row in other.split("test")]

    def chosen(manifest):
        (entry,) = leaderboard.find_outputs(str(own_run), ids, pairs=manifest.split("test"))
        return entry.files[ids[0]].parts[-4]

    score(own_run, other, own_run / "evaluation-test-2")
    assert chosen(mine) == "evaluation" and chosen(other) == "evaluation-test-2"
    score(own_run, mine, own_run / "evaluation-test-3")  # once more
    assert chosen(mine) == "evaluation-test-3"
    for name in ("evaluation", "evaluation-test-3"):
        shutil.rmtree(own_run / name)
    with pytest.raises(DataError, match="made of other pictures than these: make them with 's2f evaluate"):
        chosen(mine)


def test_a_link_as_in_the_hubs_cache_is_read_by_its_own_name(own_run, mine, tmp_path):
    blob = shutil.copy(own_run / "generator.safetensors", tmp_path / "0123abcd")
    (tmp_path / "snapshot").mkdir()
    (tmp_path / "snapshot" / "generator.safetensors").symlink_to(blob)
    score(tmp_path / "snapshot" / "generator.safetensors", mine, tmp_path / "scores")
    assert standing(mine, tmp_path / "scores") == ("8-only", "")


def test_a_set_made_anew_at_another_size_has_the_same_pictures(own_run, mine, home):
    larger = read_manifest(
        data_prep.make_pairs(home / "raw" / "mine", home / "larger", size_px=2 * SIZE, progress=False)
    )
    score(own_run, larger, own_run / "evaluation-larger")
    assert standing(larger, own_run / "evaluation-larger") == ("8-only", "")


def test_a_run_on_other_data_is_open_and_says_which(mine, other, tmp_path, tiny):
    folder = run_on(other, tmp_path / "runs", "own", tiny)
    score(folder, mine, folder / "evaluation")
    assert standing(mine, folder) == ("open", ELSEWHERE)


def test_one_picture_more_is_other_data(own_run, mine, other, tmp_path, tiny):
    from dataclasses import replace

    more = replace(mine, pairs=[*mine.pairs, other.split("train")[0]])
    folder = run_on(more, tmp_path / "runs", "more", tiny)
    score(folder, mine, folder / "evaluation")
    assert standing(mine, folder) == (
        "open",
        "2 pictures that it learned from (mine) are not among these training pairs",
    )


def test_pictures_alone_prove_nothing_and_a_person_can_only_say_open(own_run, mine, tmp_path):
    bare = shutil.copytree(own_run / "evaluation" / "outputs" / "deterministic", tmp_path / "bare")
    assert standing(mine, bare) == ("unknown", "its pictures do not say which model made them")
    assert standing(mine, bare, open_league=["it"])[0] == "open"
    assert standing(mine, own_run, open_league=["it"])[0] == "open"
    (tmp_path / "outputs").mkdir()  # put where a run has its own
    shutil.copytree(bare, own_run / "evaluation-2" / "outputs" / "deterministic")
    assert standing(mine, own_run / "evaluation-2")[0] == "unknown"


def test_pictures_and_models_that_changed_prove_nothing(own_run, mine, tmp_path, tiny):
    outputs = own_run / "evaluation" / "outputs" / "deterministic"
    before = (outputs / "p0.png").read_bytes()
    shutil.copy(mine.split("test")[0].photo, outputs / "p0.png")
    assert standing(mine, own_run) == (
        "unknown", "its pictures are not those that were made when the model was scored",
    )  # fmt: skip
    (outputs / "p0.png").write_bytes(before)
    assert standing(mine, own_run)[0] == "8-only"
    longer = run_on(mine, tmp_path / "runs", "longer", tiny, seed=5)
    shutil.copy(longer / "generator.safetensors", own_run)
    league, why = standing(mine, own_run)
    assert league == "unknown" and "generator.safetensors, which made its pictures, is gone or has changed" in why


def test_a_model_without_hashes_and_one_of_before_are_unknown(own_run, mine, tmp_path):
    public = learned_from.publish(own_run / "generator.safetensors", tmp_path / "public" / "m.safetensors")
    score(public, mine, tmp_path / "public" / "evaluation")
    assert standing(mine, tmp_path / "public")[0] == "unknown"
    assert "has no hashes of its training pictures" in standing(mine, tmp_path / "public")[1]
    net, meta = checkpoints.load_network(own_run / "generator.safetensors")
    old = checkpoints.save_generator(tmp_path / "old" / "m.safetensors", net, meta)
    score(old, mine, tmp_path / "old" / "evaluation")
    assert standing(mine, tmp_path / "old") == ("unknown", "old/m.safetensors does not say what it learned from")


def test_what_a_model_began_with_counts(own_run, mine, other, tmp_path, tiny):
    runs = tmp_path / "runs"
    second = run_on(mine, runs, "second", tiny, init=own_run)
    third = run_on(mine, runs, "third", tiny, init=second / "generator.safetensors")
    score(third, mine, third / "evaluation")
    assert standing(mine, third) == ("8-only", "")
    moved = own_run.rename(own_run.with_name("first-of-all"))  # found by its SHA-256
    assert standing(mine, third) == ("8-only", "")
    shutil.rmtree(moved)
    assert standing(mine, third) == ("8-only", "")  # its grandchild's file says what it said
    as_before(third / "generator.safetensors")
    score(third, mine, third / "evaluation")
    assert standing(mine, third) == ("8-only", "")  # its parent is there
    shutil.rmtree(second)
    league, why = standing(mine, third)
    assert league == "unknown" and "second/generator.safetensors, which" in why and "is gone or has changed" in why
    elsewhere = run_on(other, runs, "elsewhere", tiny)
    back = run_on(mine, runs, "back", tiny, init=elsewhere)
    last = run_on(mine, runs, "last", tiny, init=back)
    score(last, mine, last / "evaluation")
    assert standing(mine, last) == ("open", ELSEWHERE.replace("elsewhere", "elsewhere, mine"))


def test_a_model_that_began_with_shipped_weights_is_open(mine, tmp_path, monkeypatch):
    begun_with = config.settings_of(weights.FAITHFUL, "faithful")
    small = {"size_px": SIZE, "load_size_px": SIZE, "batch_size": 1, "total_images": 1, "num_samples": 1}
    resolved = config.resolve("faithful", "full", small, begun_with=begun_with)
    run = open_run(resolved, mine, tmp_path / "runs", init=weights.FAITHFUL, device="cpu", progress=False)
    assert train(run, progress=False) == "done"
    score(run.folder, mine, run.folder / "evaluation")
    assert standing(mine, run.folder) == ("open", f"it learned from what is in {weights.FAITHFUL}, and from mine")
    copied = shutil.copy(weights.shipped(weights.FAITHFUL), tmp_path / "copy.safetensors")  # under a name of one's own
    score(Path(copied), mine, tmp_path / "copied")
    assert standing(mine, tmp_path / "copied") == ("open", f"it learned from what is in {weights.FAITHFUL}")


def test_what_is_not_proven_is_no_measure_for_others(own_run, mine, tmp_path):
    """True photos, blurred: the highest SSIM. They stand last among the models, and nothing is told from them."""
    for pair in mine.split("test"):
        blurred = cv2.blur(images.load_rgb(pair.photo), (5, 5))
        images.save(tmp_path / "bare" / f"{pair.id}.png", blurred)
    score(own_run, mine, own_run / "evaluation")
    ids = [pair.id for pair in mine.split("test")]
    entries = [e for spec in (tmp_path / "bare", own_run) for e in leaderboard.find_outputs(str(spec), ids)]
    board = leaderboard.build(entries, mine, columns=("ssim",), patch_seeds=0)
    models = [row for row in board.rows if row.kind == "model"]
    assert [row.league for row in models] == ["8-only", "unknown"]
    assert models[1].mean("ssim") > max(row.mean("ssim") for row in board.rows if row is not models[1])
    assert "bare" not in board.row("filtered").label and board.row("filtered").league == "8-only"


def test_page_table_and_json_say_the_league_and_why(own_run, mine, other, tmp_path, tiny, capsys):
    folder = run_on(other, tmp_path / "runs", "far", tiny)
    for run in (own_run, folder):
        score(run, mine, run / "evaluation")
    command = ["leaderboard", str(own_run), str(folder), "--data", str(mine.path.parent), "--out", str(tmp_path / "b")]
    assert main([*command, "--metrics", "ssim", "--patch-seeds", "0", "--gallery", "0"]) == 0
    shown, html = capsys.readouterr().out, (tmp_path / "b" / "leaderboard.html").read_text(encoding="utf-8")
    for text in (shown, html):
        assert "8-only" in text and f"far, seed 0: open: {ELSEWHERE}." in text
    facts = (tmp_path / "b" / "leaderboard.json").read_text(encoding="utf-8")
    assert f'"league_because": "{ELSEWHERE}"' in facts
    assert os.sep + "raw" not in facts
