"""Training looks at the validation split alone, and how often a model was scored on the test split is counted."""

from __future__ import annotations

import json
import shutil

import pytest

from s2f_utils import weights
from s2f_utils.cli.main import main
from s2f_utils.data import read_manifest
from s2f_utils.metrics import tally
from tests.scored import drawn_set, run_on, score
from tests.test_cli import TINY


@pytest.fixture(scope="module")
def mine(tmp_path_factory):
    """Twelve people, four of them for testing, none for validation."""
    return drawn_set(tmp_path_factory.mktemp("tally"), "mine", range(12))


@pytest.fixture()
def run(mine, tmp_path, tiny):
    return run_on(mine, tmp_path / "runs", "own", tiny)


def test_each_scoring_on_the_test_split_is_counted_and_said(run, mine, tmp_path, capsys):
    command = ["evaluate", str(run), "--data", str(mine.path.parent), "--metrics", "ssim"]
    assert main([*command, "--split", "train"]) == 0
    assert not (run / tally.FILE).exists() and "scored on" not in capsys.readouterr().out
    for times in ("1 time", "2 times"):
        assert main(command) == 0
        assert f"scored on test {times}\n" in capsys.readouterr().out
    assert json.loads((run / "evaluation-test-2" / "metrics.json").read_text())["times_scored"] == 2
    board = ["leaderboard", str(run), "--data", str(mine.path.parent), "--out", str(tmp_path / "board")]
    assert main([*board, "--metrics", "ssim", "--patch-seeds", "0", "--gallery", "0"]) == 0
    assert "own, seed 0: scored on test 3 times." in capsys.readouterr().out
    assert "own, seed 0: scored on test 3 times." in (tmp_path / "board" / "leaderboard.html").read_text()
    assert json.loads((tmp_path / "board" / "leaderboard.json").read_text())["rows"][0]["times_scored"] == 3
    lines = [json.loads(line) for line in (run / tally.FILE).read_text().splitlines()]
    assert [line["by"] for line in lines] == ["evaluate", "evaluate", "leaderboard"]
    renamed = shutil.copytree(mine.path.parent, tmp_path / "renamed")
    others = drawn_set(tmp_path, "others", range(50, 58))
    for number, (manifest, times) in enumerate([(read_manifest(renamed), 4), (others, 1)]):
        out = score(run, manifest, tmp_path / f"scores-{number}")
        assert json.loads((out / "metrics.json").read_text())["times_scored"] == times


def test_nothing_fails_where_the_count_cannot_be_written(run, mine, tmp_path):
    (run / tally.FILE).mkdir()  # nobody, not even root, can write a file there
    score(run, mine, tmp_path / "scores")
    assert json.loads((tmp_path / "scores" / "metrics.json").read_text())["times_scored"] == 1
    (run / tally.FILE).rmdir()
    (run / tally.FILE).write_text('{"data": "mine", "split": "test"}\n{"data": "mi')
    assert tally.count([run / "generator.safetensors"], mine, "test", "evaluate") == 2


def test_files_without_a_run_are_counted_one_by_one_and_shipped_ones_not(run, mine, tmp_path):
    for name in ("a", "b"):
        shutil.copy(run / "generator.safetensors", tmp_path / f"{name}.safetensors")
    counts = [tally.count([tmp_path / f"{name}.safetensors"], mine, "test", "evaluate") for name in "aab"]
    assert counts == [1, 2, 1] and (tmp_path / tally.FILE).is_file()
    assert tally.count([weights.shipped("photo-to-sketch")], mine, "test", "evaluate") is None
    assert not (weights.SHIPPED_FOLDER / tally.FILE).exists()
    assert tally.count([], mine, "test", "leaderboard") is None


def test_training_scores_the_validation_split_alone(faces_manifest, tmp_path, capsys):
    command = ["train", "pix2pix", "--data", str(faces_manifest), "--runs", str(tmp_path / "runs"), *TINY]
    assert main(command) == 0
    assert "scored on the validation split; 's2f evaluate' scores the test split" in capsys.readouterr().out
    (run,) = (tmp_path / "runs").iterdir()
    facts = json.loads((run / "evaluation-val" / "metrics.json").read_text())
    shown = {path.stem for path in (run / "evaluation-val" / "outputs" / "deterministic").iterdir()}
    assert facts["split"] == "val" and facts["times_scored"] is None
    assert shown == {row.id for row in read_manifest(faces_manifest).split("val")}
    assert "of the split “val”" in (run / "report.html").read_text() and not (run / tally.FILE).exists()


def test_without_a_validation_split_nothing_is_scored_and_it_is_said(mine, tmp_path, capsys):
    command = ["train", "pix2pix", "--data", str(mine.path.parent), "--runs", str(tmp_path / "runs"), *TINY]
    assert main(command) == 0
    said = capsys.readouterr().out
    assert "not scored: there is no validation split: make one with" in said and "--val-share" in said
    (run,) = (tmp_path / "runs").iterdir()
    assert not list(run.glob("evaluation*")) and not (run / tally.FILE).exists()
    page = (run / "report.html").read_text()
    assert "Not scored" in page and "there is no validation split" in page and "loss_l1" in page
