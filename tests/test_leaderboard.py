"""The leaderboard: from saved outputs alone, beside the answers that need no model, and the same
every time.
"""

from __future__ import annotations

import csv
import functools
import gc
import json
import re
import shutil
import weakref

import numpy as np
import pytest

import data_prep
from data_prep.procedural_faces.synthetic import draw_face
from s2f_utils import metrics
from s2f_utils.cli.main import main
from s2f_utils.data import DataError, read_manifest
from s2f_utils.metrics import evaluation, leaderboard
from s2f_utils.metrics.leaks import refuse_leaks
from s2f_utils.pictures import images

SIZE = 64


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    root = tmp_path_factory.mktemp("board") / "raw"
    for n in range(30):
        face = draw_face(n, size_px=SIZE)
        split = "test" if n < 12 else "train"
        images.save(root / split / "sketches" / f"p{n:02d}.png", face.sketch)
        images.save(root / split / "photos" / f"p{n:02d}.png", face.photo)
    return data_prep.make_pairs(root, root.parent / "set", size_px=SIZE, progress=False).parent


def save_outputs(data, folder, change, suffix=".png"):
    rng = np.random.default_rng(0)
    for pair in read_manifest(data).split("test"):
        made = change(images.load_rgb(pair.photo).astype(float), rng)
        images.save(folder / f"{pair.id}{suffix}", np.clip(np.rint(made), 0, 255).astype(np.uint8))
    return folder


def run_folder(data, root, name, seed, spread):
    """Outputs where a run and its evaluation have them, without the model."""
    folder = root / name
    save_outputs(
        data,
        folder / "evaluation" / "outputs" / "deterministic",
        lambda p, g: p + g.normal(0, spread, p.shape),
    )
    (folder / "config.json").write_text(json.dumps({"config": {"seed": seed}}))
    return folder


@pytest.fixture(scope="module")
def runs(data, tmp_path_factory):
    root = tmp_path_factory.mktemp("runs")
    made = ("0001-near", 0, 10), ("0002-near", 1, 11), ("0003-far", 0, 40)
    return [run_folder(data, root, *one) for one in made]


@pytest.fixture(scope="module")
def board(data, runs):
    manifest = read_manifest(data)
    ids = [pair.id for pair in manifest.split("test")]
    entries = [entry for run in runs for entry in leaderboard.find_outputs(str(run), ids)]
    return leaderboard.build(entries, manifest, patch_seeds=1, patch_steps=3)


def test_every_row_is_there_and_measured_by_its_pictures(board, data):
    keys = [row.key for row in board.rows]
    assert keys[:3] == ["near, seed 0", "near, seed 1", "far, seed 0"]  # from the highest SSIM down
    assert keys[3:] == ["filtered", "hair", *metrics.TRIVIAL_ROWS]
    pairs = read_manifest(data).split("test")
    truth, sketches = (
        np.stack([images.load_rgb(getattr(p, side)) for p in pairs]) for side in ("photo", "sketch")
    )
    expected = metrics.measure(sketches, truth, ("ssim", "fsim", "sharpness"))
    for column, values in expected.items():
        np.testing.assert_array_equal(board.row("sketch").values[column], values)
    far = board.row("far, seed 0")
    assert not far.contamination.known
    assert board.row("ridge").contamination.trained_on == "these 18 pairs"
    assert far.mean("ssim") < board.row("near, seed 0").mean("ssim")
    assert board.row("near, seed 0").mean("rank1") > 0.6 > 0.3 > board.row("mean").mean("rank1")
    assert "ms_ssim" in board.missing and "161 px" in board.missing["ms_ssim"]
    assert list(board.row("hair").values) == ["rank1", "rank5", "mrr"]
    assert board.row("near, seed 0").values["patch_auc"].shape == (12,)


def test_seeds_are_taken_together(board, monkeypatch):
    for row, kid in zip(board.rows, (0.1, 0.3), strict=False):
        monkeypatch.setattr(row, "figures", {"kid": kid})
    (group,) = leaderboard.over_seeds(board)
    means = [board.row(f"near, seed {k}").mean("psnr") for k in (0, 1)]
    psnr = {
        "mean": pytest.approx(np.mean(means), abs=1e-4),
        "std": pytest.approx(np.std(means, ddof=1), abs=1e-4),
    }
    assert (group["seeds"], group["psnr"], group["kid"]) == (
        [0, 1],
        psnr,
        {"mean": 0.2, "std": 0.14142},
    )


def test_what_is_written_says_the_same_everywhere(board, tmp_path, data):
    table = leaderboard.write(board, tmp_path / "out", gallery=4)
    facts = json.loads((tmp_path / "out" / "leaderboard.json").read_text(encoding="utf-8"))
    markdown = table.read_text(encoding="utf-8")
    near = facts["rows"][0]
    assert (near["model"], near["training_known"], near["seed"]) == ("near", False, 0)
    assert near["trained_on"] in markdown
    assert near["ssim"] == pytest.approx(board.rows[0].mean("ssim"), abs=1e-5)
    low, high = near["intervals"]["ssim"]
    shown = f"{near['ssim']:.4f} [{low:.4f}, {high:.4f}]"
    assert (
        shown in markdown
        and "where artists looked at the photo" in markdown
        and "s2f weights alexnet" in markdown
    )
    assert f"floor here is {board.row('nearest').mean('patch_auc'):.2f}, not 0.5" in markdown
    sheet = images.load_rgb(
        tmp_path / "out" / "faces.png"
    )  # input, three models, truth; the worst face first
    assert sheet.shape == (5 * (SIZE + 4) + 4, 4 * (SIZE + 4) + 4, 3)
    worst = np.argsort(board.rows[0].values["ssim"])[0]
    np.testing.assert_array_equal(sheet[4 : 4 + SIZE, 4 : 4 + SIZE], board.inputs[worst])
    with open(tmp_path / "out" / "per_image.csv", encoding="utf-8") as file:
        table = list(csv.DictReader(file))
    assert len(table) == len(board.rows) * 12
    first = next(line for line in table if line["row"] == "near, seed 0")
    assert float(first["psnr"]) == pytest.approx(
        board.row("near, seed 0").values["psnr"][0], rel=1e-5
    )


def test_intervals_of_the_patch_test_hold_its_own_training(board):
    model = board.rows[0]
    assert model.interval("patch_auc") == metrics.bootstrap_repeated(model.repeated["patch_auc"])


def test_the_command_gives_the_same_table_twice(data, runs, tmp_path, capsys):
    arguments = ["leaderboard", f"mine={runs[0]}", "--data", str(data), "--patch-seeds", "0"]
    tables = []
    for name in ("a", "b"):
        assert (
            main(
                [
                    *arguments,
                    "--metrics",
                    "l1,sharpness",
                    "--out",
                    str(tmp_path / name),
                ]
            )
            == 0
        )
        facts = json.loads((tmp_path / name / "leaderboard.json").read_text(encoding="utf-8"))
        tables.append({k: v for k, v in facts.items() if k != "machine"})
    assert tables[0] == tables[1]
    row = tables[0]["rows"][0]
    assert (row["model"], row["training_known"], row["seed"]) == ("mine", False, 0)
    assert re.search(r"^\| mine +\| unknown: .*\| 0 +\|", capsys.readouterr().out, re.MULTILINE)


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda d, t: str(t / "nowhere"), "no such folder"),
        (lambda d, t: str(t), "no outputs here"),
        (
            lambda d, t: [
                images.save(t / "curves.png", np.zeros((8, 8, 3), np.uint8)),
                (t / "config.json").write_text("{}"),
                str(t),
            ][-1],
            "no outputs here",
        ),
        (
            lambda d, t: str(
                save_outputs(d, t / "few", lambda p, g: p).joinpath("p03.png").unlink() or t / "few"
            ),
            "1 of 12 outputs are missing (such as p03.png)",
        ),
        (
            lambda d, t: str(save_outputs(d, t / "made", lambda p, g: p, ".jpg")),
            "12 outputs are JPEG or WebP",
        ),
        (
            lambda d, t: str(save_outputs(d, t / "small", lambda p, g: p[::2, ::2])),
            "small: outputs of 32x32 pixels, and the first are of 64x64",
        ),
    ],
)
def test_outputs_that_cannot_be_compared_are_refused(data, runs, tmp_path, make, message, capsys):
    bad = make(data, tmp_path)
    assert (
        main(
            ["leaderboard", str(runs[0]), bad, "--data", str(data), "--out", str(tmp_path / "out")]
        )
        == 2
    )
    shown = capsys.readouterr().err
    assert message in shown and "Traceback" not in shown and not (tmp_path / "out").exists()


def test_two_rows_of_one_name_are_refused(data, runs, tmp_path):
    ids = [pair.id for pair in read_manifest(data).split("test")]
    bare = save_outputs(data, tmp_path / "photos", lambda p, g: p)
    same = [
        entry
        for spec in (str(bare), f"photos={bare}")
        for entry in leaderboard.find_outputs(spec, ids)
    ]
    for rows, name in ((same, "photos"), (leaderboard.find_outputs(f"mean={bare}", ids), "mean")):
        with pytest.raises(DataError, match=f"two rows would be called '{name}': give each a name"):
            leaderboard.build(rows, read_manifest(data), columns=("ssim",), patch_seeds=0)
    board = leaderboard.build(same[:1], read_manifest(data), columns=("ssim",), patch_seeds=0)
    told = leaderboard.as_markdown(board)
    assert (
        f"Not measured: {metrics.METRICS['patch_auc'].heading}: left out by --patch-seeds 0."
        in told
    )


def test_each_inference_mode_is_a_row(data, tmp_path):
    for mode, spread in (("deterministic", 5), ("paper", 9)):
        save_outputs(
            data,
            tmp_path / "run" / "outputs" / mode,
            lambda p, g, s=spread: p + g.normal(0, s, p.shape),
        )
    manifest = read_manifest(data)
    entries = leaderboard.find_outputs(
        f"mine={tmp_path / 'run'}", [pair.id for pair in manifest.split("test")]
    )
    board = leaderboard.build(entries, manifest, columns=("ssim",), patch_seeds=0)
    labels = [row.label for row in board.rows[:2]]
    assert labels == ["mine, deterministic mode", "mine, paper mode"]


def test_a_test_photo_among_the_training_photos_is_refused(data, tmp_path, runs, capsys):
    copy = shutil.copytree(data, tmp_path / "set")
    refuse_leaks(read_manifest(copy), "test")
    from PIL import Image

    nearly = Image.open(copy / "photos" / "p00.png").resize((48, 48)).resize((SIZE, SIZE))
    nearly.save(copy / "photos" / "p20.png")
    with pytest.raises(
        DataError, match=r"1 photos of the split 'test'.*train/p20 = test/p00.*--drop-leaks"
    ):
        refuse_leaks(read_manifest(copy), "test")
    assert (
        main(["leaderboard", str(runs[0]), "--data", str(copy), "--out", str(tmp_path / "out")])
        == 2
    )
    assert "among the training photos" in capsys.readouterr().err


def test_padded_pictures_are_scored_inside_their_padding(tmp_path):
    for n in range(12):
        face = draw_face(n, size_px=96)
        for side, picture in (("sketches", face.sketch), ("photos", face.photo)):
            images.save(tmp_path / "raw" / side / f"{n:02d}.png", picture[:, 12:84])
    data = data_prep.make_pairs(
        tmp_path / "raw", tmp_path / "set", size_px=128, fit="pad", progress=False
    ).parent
    pairs = read_manifest(data).split("test")
    for pair in pairs:
        made = images.load_rgb(pair.photo)
        left, top, width, height = images.read_content_box(pair.photo)
        inside = made[top : top + height, left : left + width].copy()
        made[:] = 255  # a wrong frame costs nothing
        made[top : top + height, left : left + width] = inside
        images.save(tmp_path / "out" / f"{pair.id}.png", made)
    entries = leaderboard.find_outputs(str(tmp_path / "out"), [pair.id for pair in pairs])
    board = leaderboard.build(
        entries, read_manifest(data), columns=("ssim", "psnr", "l1"), patch_seeds=0
    )
    assert board.row("out").mean("ssim") == 1.0 and board.row("out").mean("l1") == 0.0
    sides = (
        board.cut(board.row("filtered").load()),
        board.cut(board.training_pairs[1], board.training_rows),
    )
    made, like = (
        np.mean([metrics.structure.gradient(picture) for picture in side]) for side in sides
    )
    assert made == pytest.approx(0.95 * like, rel=0.02), (
        "the control is as sharp as photos, not as photos in a frame"
    )
    assert (
        np.isinf(board.row("out").mean("psnr"))
        and leaderboard.as_dict(board)["rows"][0]["psnr"] is None
    )


def test_an_id_never_leaves_the_folder_of_outputs(data, tmp_path):
    """A manifest may come from anybody: its ids are names of the files that are written."""
    for bad in ("../../stray", str(tmp_path / "stray")):
        with pytest.raises(DataError, match="outside of"):
            evaluation.output_file(tmp_path / "out", bad)
        with pytest.raises(DataError, match="outside of"):
            leaderboard.find_outputs(str(save_outputs(data, tmp_path / "o", lambda p, g: p)), [bad])
    assert evaluation.output_file(tmp_path / "out", "a/b").parent == tmp_path / "out" / "a"


def test_a_table_holds_the_pictures_of_one_row_at_a_time(data, monkeypatch):
    """Seven copies of a split are gigabytes for 2,000 photos."""
    board = evaluation.Evaluation(read_manifest(data), "test", "sketch-to-photo", SIZE)
    loaded = []

    class Counted(np.ndarray):
        pass

    def load(value):
        assert sum(reference() is not None for reference in loaded) <= 1, "of the row before"
        pictures = np.full_like(board.truths, value).view(Counted)
        loaded.append(weakref.ref(pictures))
        return pictures

    rows = [
        evaluation.Scored(key=str(value), load=functools.partial(load, value))
        for value in range(0, 200, 40)
    ]
    board.measure(rows, ("l1", "rank1"))
    assert [set(row.values) for row in rows] == [{"l1", "rank1"}] * 5
    gc.collect()
    assert not any(reference() is not None for reference in loaded)


def test_evaluate_says_what_it_could_not_measure(data, tmp_path, capsys, monkeypatch):
    from s2f_utils import networks
    from s2f_utils.networks import checkpoints

    monkeypatch.delenv("S2F_WEIGHTS", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    net = networks.build("unet", num_downs=5, base_filters=4).eval()
    model = tmp_path / "ridge.safetensors"  # a name that a trivial row has
    checkpoints.save_generator(model, net, {"direction": "sketch-to-photo", "size_px": SIZE})
    names = "ssim,lpips_alex,project1"
    assert (
        main(
            [
                "evaluate",
                str(model),
                "--data",
                str(data),
                "--out",
                str(tmp_path / "e"),
                "--metrics",
                names,
            ]
        )
        == 0
    )
    shown = capsys.readouterr().out
    assert "not measured: lpips_alex: its weights are not here" in shown and "SSIM 3X3" in shown
    facts = json.loads((tmp_path / "e" / "metrics.json").read_text(encoding="utf-8"))
    assert "lpips_alex" in facts["not_measured"] and set(facts["rows"]["sketch"]) >= {
        "ssim",
        "ssim_3x3",
        "mse_uint8",
    }
    assert facts["rows"]["model"]["ssim"]["mean"] < 0.9
