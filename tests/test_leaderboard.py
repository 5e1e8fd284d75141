"""The leaderboard: from saved outputs alone, beside the answers that need no model, and the same
every time.
"""

from __future__ import annotations

import dataclasses
import functools
import gc
import json
import re
import shutil
import time
import weakref

import cv2
import numpy as np
import pytest

import data_prep
from s2f_studio.cli.main import main
from s2f_utils import infer, metrics
from s2f_utils.data import DataError, read_manifest
from s2f_utils.metrics import evaluation, leaderboard
from s2f_utils.pictures import images
from tests.people import person

SIZE = 64


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    root = tmp_path_factory.mktemp("board") / "raw"
    for n in range(30):
        face = person(n, size_px=SIZE)
        split = "test" if n < 12 else "train"
        images.save(root / split / "sketches" / f"p{n:02d}.png", face.sketch)
        images.save(root / split / "photos" / f"p{n:02d}.png", face.photo)
    return data_prep.make_pairs(
        root, root.parent / "set", data_prep.Recipe(size_px=SIZE), progress=False
    ).parent


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
    entries = [entry for run in runs for entry in leaderboard.find_outputs(str(run), manifest)]
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
    assert far.trained_on == "" and board.row("ridge").trained_on == "set"
    assert far.mean("ssim") < board.row("near, seed 0").mean("ssim")
    assert board.row("near, seed 0").mean("rank1") > 0.6 > 0.3 > board.row("mean").mean("rank1")
    assert "ms_ssim" in board.missing and "161 px" in board.missing["ms_ssim"]
    assert list(board.row("hair").values) == ["rank1", "rank5", "mrr"]
    assert board.row("near, seed 0").values["patch_auc"].shape == (12,)


def test_seeds_are_taken_together(board, monkeypatch):
    for row, kid in zip(board.rows, (0.1, 0.3), strict=False):
        monkeypatch.setattr(row, "figures", {"kid": kid})
    means = [board.row(f"near, seed {k}").mean("psnr") for k in (0, 1)]
    (row,) = leaderboard._rows_over_seeds(board, ["psnr", "kid"])
    psnr = f"{np.mean(means):.2f} ± {np.std(means, ddof=1):.2f}"
    assert row == ["**near, 2 seeds**", "unknown", "", psnr, "0.2000 ± 0.1414"]


def test_the_table_and_the_sheet_show_what_was_measured(board, tmp_path):
    table = leaderboard.write(board, tmp_path / "out", gallery=4)
    markdown = table.read_text(encoding="utf-8")
    ssim = board.rows[0].interval("ssim")
    assert f"| {ssim.text(4)} " in markdown
    assert "where artists looked at the photo" in markdown
    assert "s2f weights alexnet" in markdown
    assert f"floor here is {board.row('nearest').mean('patch_auc'):.2f}, not 0.5" in markdown
    assert sorted(path.name for path in table.parent.iterdir()) == ["faces.png", "leaderboard.md"]
    # Inputs, three models, truth; the worst face first.
    sheet = images.load_rgb(tmp_path / "out" / "faces.png")
    assert sheet.shape == (5 * (SIZE + 4) + 4, 4 * (SIZE + 4) + 4, 3)
    worst = np.argsort(board.rows[0].values["ssim"])[0]
    np.testing.assert_array_equal(sheet[4 : 4 + SIZE, 4 : 4 + SIZE], board.inputs[worst])


def test_the_command_gives_the_same_table_twice_and_prints_the_metrics_asked_for(
    data, runs, tmp_path, capsys
):
    arguments = ["leaderboard", f"mine={runs[0]}", "--data", str(data), "--patch-seeds", "0"]
    tables = []
    for name in ("a", "b"):
        out = tmp_path / name
        assert main([*arguments, "--metrics", "l1,delta_e", "--out", str(out)]) == 0
        tables.append((out / "leaderboard.md").read_text(encoding="utf-8"))
    assert tables[0] == tables[1]
    printed = capsys.readouterr().out
    assert re.search(r"^\| mine +\| unknown +\| 0 +\|", printed, re.MULTILINE)
    assert "| ΔE 2000 ↓" in printed


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
    manifest = read_manifest(data)
    bare = save_outputs(data, tmp_path / "photos", lambda p, g: p)
    same = [
        entry
        for spec in (str(bare), f"photos={bare}")
        for entry in leaderboard.find_outputs(spec, manifest)
    ]
    for rows, name in (
        (same, "photos"),
        (leaderboard.find_outputs(f"mean={bare}", manifest), "mean"),
    ):
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
    entries = leaderboard.find_outputs(f"mine={tmp_path / 'run'}", manifest)
    board = leaderboard.build(entries, manifest, columns=("ssim",), patch_seeds=0)
    labels = [row.label for row in board.rows[:2]]
    assert labels == ["mine, deterministic mode", "mine, paper mode"]


def test_outputs_are_the_newest_of_this_set_split_and_direction(data, tmp_path):
    manifest = read_manifest(data)
    run = tmp_path / "run"
    wanted = {"data": "set", "split": "test", "direction": "sketch-to-photo"}

    def evaluated(name, **changes):
        folder = run / name
        save_outputs(data, folder / "outputs" / "deterministic", lambda p, g: p)
        (folder / "metrics.json").write_text(json.dumps(wanted | changes), encoding="utf-8")

    def chosen():
        (entry,) = leaderboard.find_outputs(str(run), manifest)
        return entry.files["p00"].parts[-4], entry.trained_on

    evaluated("evaluation", trained_on="set")
    evaluated("evaluation-2", trained_on="another, set")
    evaluated("evaluation-3", data="darker")
    evaluated("evaluation-4", split="val")
    evaluated("evaluation-5", direction="photo-to-sketch")
    assert chosen() == ("evaluation-2", "another, set")
    shutil.rmtree(run / "evaluation-2")
    assert chosen() == ("evaluation", "set")
    shutil.rmtree(run / "evaluation")
    with pytest.raises(DataError, match="are of data darker, this leaderboard is of data set"):
        for name in ("evaluation-4", "evaluation-5"):
            shutil.rmtree(run / name)
        chosen()


def small_set(folder, seed=0, people=4):
    """A set of people: their ids are the same for every seed, their pictures are not."""
    for n in range(12):
        face = person(100 * seed + n, size_px=SIZE)
        split = "test" if n < 8 else "train"
        for side, picture in (("sketches", face.sketch), ("photos", face.photo)):
            images.save(folder / "raw" / split / side / f"p{n:02d}.png", picture)
    data = data_prep.make_pairs(
        folder / "raw", folder / "set", data_prep.Recipe(size_px=SIZE), progress=False
    ).parent
    manifest = read_manifest(data)
    pairs = []
    for number, pair in enumerate(manifest.pairs):
        who = f"{pair.split}-{number % people}"
        pairs.append(dataclasses.replace(pair, identity=who))
    return dataclasses.replace(manifest, pairs=pairs)


def evaluated(manifest, out, **options):
    model = infer.load("pix2pix-128", "cpu")
    return evaluation.evaluate(
        model, manifest, out, metric_names=("l1",), progress=False, **options
    )


def test_outputs_of_another_set_of_the_same_name_are_refused(tmp_path):
    mine, other = (small_set(tmp_path / str(seed), seed) for seed in (0, 1))
    evaluated(mine, tmp_path / "run" / "evaluation")
    assert leaderboard.find_outputs(str(tmp_path / "run"), mine)
    with pytest.raises(DataError, match="are of other pictures than this leaderboard"):
        leaderboard.find_outputs(str(tmp_path / "run"), other)


def test_a_row_without_a_partner_is_left_out_by_both_commands(tmp_path):
    manifest = small_set(tmp_path)
    first, *others = manifest.split("test")
    alone = dataclasses.replace(first, photo=None)
    manifest = dataclasses.replace(manifest, pairs=[alone, *others, *manifest.split("train")])
    evaluated(manifest, tmp_path / "run" / "evaluation")
    entries = leaderboard.find_outputs(str(tmp_path / "run"), manifest)
    board = leaderboard.build(entries, manifest, columns=("l1",), patch_seeds=0)
    assert len(board.pairs) == 7 and first.id not in entries[0].files


def test_a_set_of_unknown_size_has_a_leaderboard_without_models(tmp_path):
    manifest = small_set(tmp_path)
    mended = dataclasses.replace(manifest, settings=manifest.settings | {"size_px": None})
    board = leaderboard.build([], mended, columns=("l1",), patch_seeds=0)
    assert board.size_px == 256 and board.row("mean").values["l1"].shape == (8,)


def test_intervals_are_over_people_and_the_time_is_the_models_alone(tmp_path, monkeypatch):
    manifest = small_set(tmp_path)
    save = images.save

    def slow(*args, **options):
        time.sleep(0.3)
        return save(*args, **options)

    monkeypatch.setattr(evaluation.images, "save", slow)
    result = evaluated(manifest, tmp_path / "e")
    people = [pair.identity for pair in result.pairs]
    assert len(set(people)) == 4 and len(people) == 8
    row = result.rows[0]
    assert row.interval("l1") == metrics.bootstrap_mean(row.values["l1"], people)
    assert row.interval("l1") != metrics.bootstrap_mean(row.values["l1"])
    facts = json.loads((tmp_path / "e" / "metrics.json").read_text(encoding="utf-8"))
    assert (facts["num_images"], facts["num_people"]) == (8, 4)
    assert 0 < facts["seconds_per_image"] < 0.3


def test_a_model_of_unknown_training_stands_last_and_is_no_control(data, tmp_path):
    """True photos, blurred: the highest SSIM."""
    manifest = read_manifest(data)
    soft = save_outputs(data, tmp_path / "soft", lambda p, g: cv2.blur(p, (5, 5)))
    rough = save_outputs(data, tmp_path / "rough", lambda p, g: cv2.blur(p, (9, 9)) + 20)
    entries = [leaderboard.find_outputs(str(folder), manifest)[0] for folder in (soft, rough)]
    entries[1].trained_on = "set"
    board = leaderboard.build(entries, manifest, columns=("ssim",), patch_seeds=0)
    assert [row.label for row in board.rows[:2]] == ["rough", "soft"]
    assert board.row("soft").mean("ssim") > board.row("rough").mean("ssim")
    assert "(rough," in board.row("filtered").label


def test_a_photo_that_making_the_set_found_in_training_is_refused(data, tmp_path, runs, capsys):
    copy = shutil.copytree(data, tmp_path / "set")
    settings = json.loads((copy / "settings.json").read_text(encoding="utf-8"))
    command = ["leaderboard", str(runs[0]), "--data", str(copy), "--out", str(tmp_path / "out")]
    known = [*command, "--metrics", "ssim", "--patch-seeds", "0"]
    leak = {"test": "p00", "train": "p20 = b"}
    text = "test/p00 = train/p20 = b"  # as settings had it before
    for change, status in (
        ({"in_two_splits": [leak]}, 2),
        ({"in_two_splits": [text]}, 2),
        ({"in_two_splits": [{"val": "p00", "train": "p20"}]}, 0),  # another split
        ({"in_two_splits": ["val/p00 = train/p20"]}, 0),
        ({"in_two_splits": [leak], "drop_leaks": True}, 0),
    ):
        (copy / "settings.json").write_text(json.dumps(settings | change), encoding="utf-8")
        assert main(known) == status
        refused = f"such as {text})" in capsys.readouterr().err
        assert refused == (status == 2)


def test_padded_pictures_are_scored_inside_their_padding(tmp_path):
    for n in range(12):
        face = person(n, size_px=96)
        for side, picture in (("sketches", face.sketch), ("photos", face.photo)):
            images.save(tmp_path / "raw" / side / f"{n:02d}.png", picture[:, 12:84])
    data = data_prep.make_pairs(
        tmp_path / "raw", tmp_path / "set", data_prep.Recipe(size_px=128, fit="pad"), progress=False
    ).parent
    pairs = read_manifest(data).split("test")
    for pair in pairs:
        made = images.load_rgb(pair.photo)
        left, top, width, height = images.read_content_box(pair.photo)
        inside = made[top : top + height, left : left + width].copy()
        made[:] = 255  # a wrong frame costs nothing
        made[top : top + height, left : left + width] = inside
        images.save(tmp_path / "out" / f"{pair.id}.png", made)
    manifest = read_manifest(data)
    entries = leaderboard.find_outputs(str(tmp_path / "out"), manifest)
    board = leaderboard.build(entries, manifest, columns=("ssim", "psnr", "l1"), patch_seeds=0)
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
    assert np.isinf(board.row("out").mean("psnr"))


def test_an_id_never_leaves_the_folder_of_outputs(data, tmp_path):
    """A manifest may come from anybody: its ids are names of the files that are written."""
    for bad in ("../../stray", str(tmp_path / "stray")):
        with pytest.raises(DataError, match="outside of"):
            evaluation.output_file(tmp_path / "out", bad)
        manifest = read_manifest(data)
        pairs = [dataclasses.replace(manifest.split("test")[0], id=bad)]
        outputs = save_outputs(data, tmp_path / "o", lambda p, g: p)
        with pytest.raises(DataError, match="outside of"):
            leaderboard.find_outputs(str(outputs), dataclasses.replace(manifest, pairs=pairs))
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


def test_evaluate_in_the_mode_paper_loads_pytorch_and_not_the_graphs(data, tmp_path):
    out = tmp_path / "e"
    command = ["evaluate", "pix2pix-128", "--data", str(data), "--out", str(out)]
    assert main([*command, "--mode", "paper", "--metrics", "ssim", "--device", "cpu"]) == 0
    assert (out / "metrics.json").is_file()


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
