"""What was trained on the pairs that it is scored on is refused; a file proves its training set:
real runs of a second each.
"""

from __future__ import annotations

import dataclasses
import json
import shutil

import cv2
import pytest

import data_prep
from s2f_utils import weights
from s2f_utils.cli.main import main
from s2f_utils.data import DataError, read_manifest
from s2f_utils.metrics import leaderboard
from s2f_utils.networks import checkpoints
from s2f_utils.pictures import images
from tests.scored import SIZE, drawn_set, run_on, score, trained_on

ELSEWHERE = "12 other pictures (elsewhere)"
OWN = ("these 8 pairs", True)


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return tmp_path_factory.mktemp("leaks")


@pytest.fixture(scope="module")
def mine(home):
    """Twelve people, the first four of them for testing."""
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


@pytest.fixture()
def cheat(mine, tmp_path, tiny):
    """A run on all pairs, those of the test split among them."""
    pairs = [dataclasses.replace(row, split="train") for row in mine.pairs]
    return run_on(dataclasses.replace(mine, pairs=pairs), tmp_path / "runs", "cheat", tiny)


def evaluated(capsys, model, manifest, out, *more):
    command = [
        "evaluate",
        str(model),
        "--data",
        str(manifest.path.parent),
        "--out",
        str(out),
        "--metrics",
        "ssim",
    ]
    status = main([*command, *more])
    return status, "".join(capsys.readouterr())


# refused, or marked


def test_a_run_on_all_pairs_is_refused_and_marked_with_seen(cheat, mine, tmp_path, capsys):
    status, printed = evaluated(capsys, cheat, mine, tmp_path / "out")
    assert (
        status == 2
        and "has seen 4 of 4 pairs of the split 'test'" in printed
        and "--seen" in printed
    )
    assert printed.count("\n") == 1 and not (tmp_path / "out").exists()
    status, printed = evaluated(capsys, cheat, mine, cheat / "evaluation", "--seen")
    assert status == 0
    assert (
        "the model has seen 4 of 4 pairs in its training: its scores say nothing about new people"
        in printed
    )
    seen = json.loads((cheat / "evaluation" / "metrics.json").read_text())["seen"]
    assert seen == {"num": 4, "of": 4, "pairs": ["p0", "p1", "p2", "p3"], "unknown": ""}
    board = [
        "leaderboard",
        str(cheat),
        "--data",
        str(mine.path.parent),
        "--out",
        str(tmp_path / "board"),
    ]
    board += ["--metrics", "ssim", "--patch-seeds", "0"]
    assert main(board) == 2
    assert (
        "cheat, seed 0 has seen 4 of 4" in capsys.readouterr().err
        and not (tmp_path / "board").exists()
    )
    assert main([*board, "--seen"]) == 0
    assert "| cheat (has seen 4 of 4) " in capsys.readouterr().out
    (row, *_) = json.loads((tmp_path / "board" / "leaderboard.json").read_text())["rows"]
    assert row["seen"]["num"] == 4 and row["training_known"]


def test_one_pair_and_another_picture_of_its_person_are_found(mine, tmp_path, tiny):
    first, second, *rest = mine.split("test")
    only = [*mine.split("train"), dataclasses.replace(first, split="train")]
    run = run_on(dataclasses.replace(mine, pairs=only), tmp_path / "runs", "one", tiny)
    with pytest.raises(DataError, match=rf"has seen 1 of 4 pairs .* \({first.id}\)"):
        score(run, mine, tmp_path / "out")
    same = dataclasses.replace(second, identity=first.identity)
    scored = dataclasses.replace(mine, pairs=[*mine.split("train"), first, same, *rest])
    with pytest.raises(DataError, match=r"has seen 2 of 4 pairs"):
        score(run, scored, tmp_path / "out")


def test_without_hashes_nothing_is_known(cheat, mine, tmp_path, capsys):
    public = checkpoints.publish(cheat / "generator.safetensors", tmp_path / "m.safetensors")
    status, printed = evaluated(capsys, public, mine, tmp_path / "out")
    assert status == 0 and "whether the model has seen these pairs is not known" in printed
    assert "has no hashes of its training pictures" in printed


def test_a_file_of_before_is_read(mine, cheat, tmp_path):
    """With a nested parent, whose pictures were not repeated, and keys that nobody reads any
    more.
    """
    path = cheat / "generator.safetensors"
    net, meta = checkpoints.load_network(path)
    card = checkpoints.info_of(path)
    kept = {side: {**found, "perceptual": "AAAA"} for side, found in card.pictures.items()}
    child = {
        "name": "a/generator.safetensors",
        "pictures": "those of the model itself",
        "parents": [],
    }
    first = {
        "name": "b/generator.safetensors",
        "sha256": "0",
        "data": "mine",
        "pictures": kept,
        "parents": [child],
    }
    (own, _) = (card.pictures["photos"], card.pictures["sketches"])
    old = dataclasses.replace(
        card, pictures={"photos": {**own, "num": 1, "sha256": ""}}, parents=[first]
    )
    checkpoints.save_generator(tmp_path / "old.safetensors", net, {**meta, "unheard": 1}, old)
    with pytest.raises(DataError, match="has seen 4 of 4"):
        score(tmp_path / "old.safetensors", mine, tmp_path / "out")


# what it was trained on


def test_a_run_on_the_sets_own_pairs_proves_it_and_may_be_renamed(own_run, mine):
    assert trained_on(mine, own_run) == OWN
    renamed = own_run.rename(own_run.with_name("best-of-all"))
    assert trained_on(mine, renamed) == OWN


def test_a_run_on_other_data_or_one_picture_more_says_so(mine, other, tmp_path, tiny, capsys):
    far = run_on(other, tmp_path / "runs", "far", tiny)
    score(far, mine, far / "evaluation")
    assert trained_on(mine, far) == (ELSEWHERE, True)
    more = dataclasses.replace(mine, pairs=[*mine.pairs, other.split("train")[0]])
    folder = run_on(more, tmp_path / "runs", "more", tiny)
    score(folder, mine, folder / "evaluation")
    assert trained_on(mine, folder) == ("2 other pictures (mine)", True)
    command = [
        "leaderboard",
        str(far),
        "--data",
        str(mine.path.parent),
        "--out",
        str(tmp_path / "b"),
    ]
    assert main([*command, "--metrics", "ssim", "--patch-seeds", "0"]) == 0
    assert f"| {ELSEWHERE} " in capsys.readouterr().out
    written = json.loads((tmp_path / "b" / "leaderboard.json").read_text(encoding="utf-8"))
    assert written["rows"][0]["trained_on"] == ELSEWHERE


def test_pictures_alone_prove_nothing(own_run, mine, tmp_path):
    bare = shutil.copytree(own_run / "evaluation" / "outputs" / "deterministic", tmp_path / "bare")
    unknown = ("unknown: its pictures do not say which model made them", False)
    assert trained_on(mine, bare) == unknown
    shutil.copytree(
        bare, own_run / "evaluation-2" / "outputs" / "deterministic"
    )  # put where a run has its own
    assert trained_on(mine, own_run / "evaluation-2") == unknown


def test_what_a_model_began_with_counts(own_run, mine, other, tmp_path, tiny, monkeypatch):
    runs = tmp_path / "runs"
    second = run_on(mine, runs, "second", tiny, init=own_run)
    score(second, mine, second / "evaluation")
    assert trained_on(mine, second) == OWN
    last = run_on(mine, runs, "last", tiny, init=run_on(other, runs, "elsewhere", tiny))
    score(last, mine, last / "evaluation")
    assert trained_on(mine, last) == ("12 other pictures (elsewhere, mine)", True)
    score(weights.EXPECT, mine, tmp_path / "shipped")
    assert trained_on(mine, tmp_path / "shipped") == (f"what is in {weights.EXPECT}", True)
    seen = json.loads((tmp_path / "shipped" / "metrics.json").read_text())["seen"]
    assert (
        seen["unknown"]
        == f"{weights.EXPECT} was published without the hashes of its training pictures"
    )


def test_what_is_not_proven_is_no_measure_for_others(own_run, mine, tmp_path):
    """True photos, blurred: the highest SSIM. They stand last among the models, and no control is
    made of them.
    """
    for pair in mine.split("test"):
        blurred = cv2.blur(images.load_rgb(pair.photo), (5, 5))
        images.save(tmp_path / "bare" / f"{pair.id}.png", blurred)
    ids = [pair.id for pair in mine.split("test")]
    entries = [
        e for spec in (tmp_path / "bare", own_run) for e in leaderboard.find_outputs(str(spec), ids)
    ]
    board = leaderboard.build(entries, mine, columns=("ssim",), patch_seeds=0)
    rows = [row for row in board.rows if row.kind == "model"]
    assert [row.contamination.known for row in rows] == [True, False]
    assert rows[1].mean("ssim") > max(row.mean("ssim") for row in board.rows if row is not rows[1])
    assert "bare" not in board.row("filtered").label
    assert board.row("filtered").contamination.trained_on == OWN[0]


def test_outputs_are_the_newest_of_the_very_pictures_that_are_scored(own_run, mine, home, tmp_path):
    darker = tmp_path / "raw"
    for path in sorted((home / "raw" / "mine").rglob("*.png")):
        images.save(darker / path.relative_to(home / "raw" / "mine"), images.load_rgb(path) // 2)
    dark = read_manifest(
        data_prep.make_pairs(darker, tmp_path / "darker", size_px=SIZE, progress=False)
    )
    ids = [row.id for row in mine.split("test")]
    assert ids == [row.id for row in dark.split("test")]

    def chosen(manifest):
        (entry,) = leaderboard.find_outputs(str(own_run), ids, pairs=manifest.split("test"))
        return entry.files[ids[0]].parts[-4]

    score(own_run, dark, own_run / "evaluation-test-2")
    assert chosen(mine) == "evaluation" and chosen(dark) == "evaluation-test-2"
    score(own_run, mine, own_run / "evaluation-test-3")  # once more
    assert chosen(mine) == "evaluation-test-3"
    for name in ("evaluation", "evaluation-test-3"):
        shutil.rmtree(own_run / name)
    with pytest.raises(
        DataError, match="made of other pictures than these: make them with 's2f evaluate"
    ):
        chosen(mine)


def test_a_renamed_run_and_a_model_that_began_with_it_are_refused(
    cheat, mine, tmp_path, tiny, capsys
):
    score(cheat, mine, cheat / "evaluation", allow_seen=True)
    child = run_on(mine, tmp_path / "runs", "child", tiny, init=cheat)
    grandchild = run_on(
        mine, tmp_path / "runs", "grandchild", tiny, init=child / "generator.safetensors"
    )
    renamed = cheat.rename(cheat.with_name("honest"))
    with pytest.raises(DataError, match="it, seed 0 has seen 4 of 4"):
        trained_on(mine, renamed)
    shutil.rmtree(renamed)  # its descendants' files say what it was trained on
    for run in (child, grandchild):
        status, printed = evaluated(capsys, run, mine, tmp_path / "out")
        assert status == 2 and "has seen 4 of 4" in printed
