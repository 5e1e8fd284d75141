"""Evaluation tables: labels and numbers."""

from __future__ import annotations

import csv
import dataclasses
import json
import re

import numpy as np
import pytest
import torch

import data_prep
from s2f_studio.cli.main import main
from s2f_utils import metrics, networks, runtime
from s2f_utils.data import DataError, Manifest, read_manifest
from s2f_utils.infer.stages import TorchEngine, build_plain_stages
from s2f_utils.infer.translator import Translator
from s2f_utils.metrics import evaluation
from s2f_utils.networks.info import ModelInfo
from s2f_utils.pictures import images
from tests.people import person
from tests.test_cli import TINY


def small_set(root, num_faces, num_test):
    """A data set of people at 32 px, without a validation split."""
    for n in range(num_faces):
        face, split = person(n, size_px=32), "test" if n < num_test else "train"
        images.save(root / "raw" / split / "sketches" / f"p{n}.png", face.sketch)
        images.save(root / "raw" / split / "photos" / f"p{n}.png", face.photo)
    made = data_prep.make_pairs(
        root / "raw", root / "set", data_prep.Recipe(size_px=32), progress=False
    )
    return read_manifest(made)


def small_translator(direction="sketch-to-photo", **options):
    net = networks.build("unet", num_downs=5, base_filters=4).eval()
    precision = runtime.pick_precision(torch.device("cpu"), "float32")
    info = ModelInfo(size_px=64, direction=direction, **options)
    return Translator(TorchEngine(build_plain_stages(net, precision)), info)


@pytest.mark.parametrize("direction", ["sketch-to-photo", "photo-to-sketch"])
def test_evaluation_measures_what_it_saves(
    direction, faces_manifest, tmp_path, monkeypatch, capsys
):
    translator, manifest = small_translator(direction=direction), read_manifest(faces_manifest)
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    result = evaluation.evaluate(translator, manifest, tmp_path, progress=False)
    assert capsys.readouterr().err == "", "no progress bar"
    pair = manifest.split("test")[0]
    made = images.load_rgb(tmp_path / "outputs" / "deterministic" / f"{pair.id}.png")
    truth = images.load_rgb(pair.photo if direction == "sketch-to-photo" else pair.sketch)
    assert result.row("model").values["psnr"][0] == pytest.approx(
        metrics.METRICS["psnr"].compute(made, truth)
    )
    with open(tmp_path / "per_image.csv", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 5 * len(manifest.split("test"))
    assert float(rows[0]["psnr"]) == pytest.approx(result.row("model").values["psnr"][0], rel=1e-5)
    assert (
        "SSIM ↑" in result.table()
        and "L1 ↓" in result.table()
        and len(result.table().splitlines()) == 12
    )
    result.pairs = [
        dataclasses.replace(pair, attributes={"style": "ab"[n % 2]})
        for n, pair in enumerate(result.pairs)
    ]
    result.row("model").values["ssim"][0] = (
        np.nan
    )  # as the landmark error of a photo without a face
    first, *_, other = (line.split() for line in result.table_by("style").splitlines()[1:7])
    assert first[:4] == ["a", "1", "model", "–"] and other[:3] == ["b", "1", "model"]
    assert float(other[3]) == pytest.approx(result.row("model").values["ssim"][1], abs=1e-4)
    assert (
        "sharpness → 1" in result.table().splitlines()[0]
        and "L2 norm" in result.table().splitlines()[6]
    )
    alone = [dataclasses.replace(row, sketch=None) for row in manifest.split("test")]
    for rows, why in (([], "choose another"), (alone, "no partners to be compared with")):
        with pytest.raises(DataError, match=f"no pairs in the split 'test': .*{why}"):
            evaluation.evaluate(translator, Manifest(manifest.path, rows), tmp_path, progress=False)


def test_track_b_is_scored_inside_of_the_padding(tmp_path):
    rng = np.random.default_rng(0)
    for n in range(6):
        for side in ("sketches", "photos"):
            images.save(
                tmp_path / "raw" / side / f"{n}.png",
                rng.integers(0, 256, (50, 40, 3), dtype=np.uint8),
            )
    manifest = read_manifest(
        data_prep.make_pairs(
            tmp_path / "raw", tmp_path / "set", data_prep.Recipe(size_px=64, fit="pad")
        )
    )
    pair = manifest.split("test")[0]
    assert images.read_content_box(pair.photo) == (12, 7, 40, 50)
    translator = small_translator(fit="pad")
    result = evaluation.evaluate(translator, manifest, tmp_path / "scores", progress=False)
    inputs, truths = (images.load_rgb(path)[7:57, 12:52] for path in (pair.sketch, pair.photo))
    assert result.row("sketch").values["l1"][0] == pytest.approx(
        metrics.METRICS["l1"].compute(inputs, truths)
    )
    translator.info = dataclasses.replace(translator.info, size_px=32)
    with pytest.raises(DataError, match="prepare the data with --size 32"):
        evaluation.evaluate(translator, manifest, tmp_path / "other", progress=False)


def test_training_scores_the_validation_split_alone(faces_manifest, tmp_path, capsys):
    command = [
        "train",
        "pix2pix",
        "--data",
        str(faces_manifest),
        "--runs",
        str(tmp_path / "runs"),
        *TINY,
    ]
    assert main(command) == 0
    assert (
        "on the validation split; 's2f evaluate' scores the test split" in capsys.readouterr().out
    )
    (run,) = (tmp_path / "runs").iterdir()
    facts = json.loads((run / "evaluation-val" / "metrics.json").read_text())
    shown = {path.stem for path in (run / "evaluation-val" / "outputs" / "deterministic").iterdir()}
    assert facts["split"] == "val" and shown == {
        row.id for row in read_manifest(faces_manifest).split("val")
    }


def test_without_a_validation_split_nothing_is_scored(tmp_path, capsys):
    data = small_set(tmp_path, num_faces=12, num_test=4).path.parent
    short = ["--set", "time_budget_s=0.001"]
    command = ["train", "pix2pix", "--data", str(data), "--runs", str(tmp_path / "runs"), *TINY]
    assert main([*command, *short]) == 0
    printed = capsys.readouterr().out
    assert re.search(r"ended it after \d of 8 images; .* --resume \S+0001-pix2pix-full", printed)
    assert (
        "not scored: there is no validation split: make one with" in printed
        and "--val-share" in printed
    )
    (run,) = (tmp_path / "runs").iterdir()
    assert not list(run.glob("evaluation*"))
