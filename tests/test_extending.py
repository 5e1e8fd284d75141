"""What is added from outside comes in through the door that the project's own things use; the
examples in CONTRIBUTING.md work as they stand there.
"""

from __future__ import annotations

import csv
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from pydantic import Field

from s2f_utils import infer, networks
from s2f_utils.data import read_manifest
from s2f_utils.methods import METHODS
from s2f_utils.methods.method import Method, Term
from s2f_utils.methods.settings import LearningRate, LossWeight, TrainConfig
from s2f_utils.train.config import resolve, settings_of
from s2f_utils.train.log import read_log
from s2f_utils.train.loop import train
from s2f_utils.train.run import finished, open_run
from tests.conftest import ROOT


def example(title: str, language: str = "python") -> str:
    """The code below a heading of CONTRIBUTING.md."""
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    return re.search(rf"### {title}\n.*?```{language}\n(.*?)```", text, re.DOTALL)[1]


def apply(diff: str, root: Path) -> None:
    """Apply a diff: "--- file" begins a file's hunks, "@@" another hunk of it."""
    for part in diff.split("--- ")[1:]:
        name, _, hunks = part.partition("\n")
        path = root / name
        text = path.read_text(encoding="utf-8")
        for hunk in re.split(r"(?m)^@@.*\n", hunks):
            lines = hunk.splitlines(keepends=True)
            before = "".join(line[1:] for line in lines if line[0] != "+")
            after = "".join(line[1:] for line in lines if line[0] != "-")
            assert text.count(before) == 1, f"{name} has no single {before!r}"
            text = text.replace(before, after)
        path.write_text(text, encoding="utf-8")


def test_the_examples_of_a_loss_and_a_schedule_are_trained(faces_manifest, tmp_path):
    """In a copy of the library, three steps: the loss is logged, and may be changed; the rates are
    a cosine's.
    """
    unneeded = shutil.ignore_patterns("__pycache__", "shipped")
    shutil.copytree(ROOT / "s2f_utils", tmp_path / "s2f_utils", ignore=unneeded)
    for title in ("A loss term", "A schedule"):
        apply(example(title, "diff"), tmp_path)
    length = ["size_px=32", "load_size_px=34", "total_images=12", "log_every_images=4"]
    settings = [*length, "lambda_edges=10", "schedule=cosine"]
    command = [sys.executable, "-m", "s2f_studio", "train", "pix2pix", "--profile", "fast"]
    command += ["--data", str(faces_manifest), "--no-scores", "--device", "cpu"]
    command += [f"--set={setting}" for setting in settings]
    paths = os.pathsep.join([str(tmp_path), str(ROOT)])  # the copy comes first
    done = subprocess.run(
        command, cwd=tmp_path, env=os.environ | {"PYTHONPATH": paths}, timeout=300
    )
    assert done.returncode == 0
    (folder,) = (tmp_path / "runs").iterdir()
    rows = read_log(folder)[0]
    assert all(row["loss_edges"] > 0 for row in rows)
    assert [row["lr_g"] for row in rows] == pytest.approx([2e-4, 1.5e-4, 0.5e-4])
    assert json.loads((folder / "controls.json").read_text())["lambda_edges"] == 10


@pytest.fixture()
def own_metrics():
    """Two metrics that another package might bring: one of pairs, the example, and one of sets."""
    from s2f_utils import metrics
    from s2f_utils.metrics import structure

    before = dict(metrics.METRICS)
    names = dict(vars(structure))
    exec(example("A metric"), names)

    @metrics.metric(
        of="sets",
        title="all's brightness",
        question="real",
        group="sets",
        higher_is_better=False,
        digits=2,
    )
    def brightness(outputs, reference):
        means = [np.mean([p.mean() for p in side.pictures]) for side in (outputs, reference)]
        return abs(means[0] - means[1])

    with pytest.raises(ValueError, match="there is a metric 'ssim' already"):
        metrics.metric(name="ssim", higher_is_better=True, digits=1)(names["redness"])
    yield metrics
    metrics.METRICS.clear()
    metrics.METRICS.update(before)


def test_a_metric_is_measured_tabulated_and_written(own_metrics, faces_manifest, tmp_path, capsys):
    from s2f_studio.cli.main import main
    from s2f_utils import networks
    from s2f_utils.data import read_manifest
    from s2f_utils.metrics import leaderboard
    from s2f_utils.networks import checkpoints
    from s2f_utils.pictures import images

    net = networks.build("unet", num_downs=5, base_filters=4).eval()
    checkpoints.save_generator(
        tmp_path / "g.safetensors", net, {"direction": "sketch-to-photo", "size_px": 64}
    )
    out = ["--data", str(faces_manifest), "--out", str(tmp_path / "out"), "--device", "cpu"]
    assert (
        main(["evaluate", str(tmp_path / "g.safetensors"), *out, "--metrics", "redness,brightness"])
        == 0
    )
    shown = capsys.readouterr().out
    assert "REDNESS (grey levels) ↓" in shown and "all's brightness ↓" in shown
    row = json.loads((tmp_path / "out" / "metrics.json").read_text(encoding="utf-8"))["rows"][
        "sketch"
    ]
    manifest = read_manifest(faces_manifest)
    pairs = manifest.split("test")
    sketches, photos = (
        np.stack([images.load_rgb(getattr(p, side)) for p in pairs]) for side in ("sketch", "photo")
    )
    by_hand = np.abs(sketches[..., 0].mean((1, 2)) - photos[..., 0].mean((1, 2)))
    assert row["redness"]["mean"] == pytest.approx(by_hand.mean())
    assert row["brightness"] == pytest.approx(abs(sketches.mean() - photos.mean()))
    with open(tmp_path / "out" / "per_image.csv", newline="", encoding="utf-8") as file:
        assert set(next(csv.DictReader(file))) == {
            "row",
            "id",
            "redness",
        }  # a set has no value for an image

    board = leaderboard.build([], manifest, columns=("redness",), patch_seeds=0)
    page = leaderboard.write(board, tmp_path / "board").read_text(encoding="utf-8")
    row = board.row("sketch")
    assert row.mean("redness") == pytest.approx(by_hand.mean())
    assert row.figures["brightness"] == pytest.approx(abs(sketches.mean() - photos.mean()))
    assert (
        f"{row.figures['brightness']:.2f}" in page
        and "REDNESS (grey levels) ↓" in page
        and "all's brightness ↓" in page
    )
    assert "redness" in own_metrics.group("all") and "brightness" in own_metrics.group("sets")
    assert main(["evaluate", str(tmp_path / "g.safetensors"), *out, "--metrics", "ugliness"]) == 2
    shown = capsys.readouterr().err
    assert "redness" in shown and "brightness" in shown and "sets" in shown


@pytest.fixture()
def own_layout():
    """The example of a layout: 1-drawn.png beside 1-taken.png, all in one folder."""
    from data_prep import layouts

    before = dict(layouts.LAYOUTS)
    names = {}
    exec(example("A data layout"), names)
    layouts.register(names["LAYOUT"])
    yield names["LAYOUT"]
    layouts.LAYOUTS.clear()
    layouts.LAYOUTS.update(before)


def test_a_layout_is_recognised_listed_and_made_into_a_set(own_layout, tmp_path, capsys):
    from data_prep import DataError, layouts
    from data_prep.__main__ import main
    from data_prep.check import diagnose
    from s2f_utils.pictures import images

    for n in range(4):
        for side, grey in (("drawn", 250), ("taken", 90)):
            shade = np.linspace(grey - 50 * n % 80, grey, 48, dtype=np.uint8)
            images.save(
                tmp_path / "raw" / f"face-{n}-{side}.png", np.tile(shade[:, None, None], (1, 48, 3))
            )
    assert main(["pairs", str(tmp_path / "raw"), str(tmp_path / "set"), "--size", "32"]) == 0
    assert "layout drawn-taken, 4 pairs" in capsys.readouterr().out
    with open(tmp_path / "set" / "manifest.csv", newline="", encoding="utf-8") as file:
        assert {(row["id"], row["source"]) for row in csv.DictReader(file)} == {
            (f"face-{n}", "raw") for n in range(4)
        }
    named = [
        f"drawn-taken:{tmp_path / 'raw'}",
        str(tmp_path / "named"),
        "--layout",
        "drawn-taken",
        "--dry-run",
    ]
    assert main(["pairs", *named]) == 0 and main(["pairs", str(tmp_path / "raw"), *named[1:]]) == 0
    assert len(diagnose(tmp_path / "raw", progress=False).subjects) == 4
    assert f"drawn-taken: {own_layout.description}" in layouts.expected_trees()
    with pytest.raises(DataError, match="there is a layout 'drawn-taken' already"):
        layouts.register(own_layout)


# A method: what its own file under s2f_utils/methods would hold, and its line in the table there.


class ToyConfig(TrainConfig):
    blocks: int = Field(1, gt=0, description="residual blocks a level")
    lambda_l2: LossWeight = Field(1.0, ge=0, description="weight of the squared error")
    lr_g: LearningRate = Field(1e-3, gt=0, description="Adam's learning rate")


class Toy(Method):
    Config = ToyConfig
    profiles = {
        "fast": {
            "size_px": 32,
            "load_size_px": 34,
            "batch_size": 4,
            "total_images": 12,
            "num_samples": 2,
        }
    }
    init_networks = ("resunet",)

    def build(self, config):
        net_g = networks.build("resunet", widths=(8, 16), fine=(8, 8), blocks=config.blocks)
        self.net_g, self.opt_g = self.add("net_g", net_g, "lr_g")

    @classmethod
    def settings_from(cls, net, meta):
        return {"blocks": net.args["blocks"]} | super().settings_from(net, meta)

    def step(self, batch, ctx):
        with ctx.autocast():
            fake_b = self.net_g(batch.a)
        terms = {"loss_l2": Term(F.mse_loss(fake_b.float(), batch.b), ctx.live["lambda_l2"])}
        ctx.descend(terms, self.opt_g)
        return terms


@pytest.fixture()
def toy(monkeypatch):
    monkeypatch.setitem(METHODS, "toy", Toy)


def test_a_method_from_outside_is_trained_saved_and_taken_up(toy, faces_manifest, tmp_path):
    manifest = read_manifest(faces_manifest)

    def begin(**changes):
        return open_run(
            resolve("toy", "fast", changes), manifest, tmp_path, device="cpu", progress=False
        )

    class Stop:
        def on_step(self, run):
            run.live.set("lr_g", 5e-4, "test")
            run.live.set("stop", run.images_seen == 4, "test")

    run = begin()
    assert train(run, callbacks=[Stop()], progress=False) == "stopped" and run.images_seen == 4
    again = begin()
    assert again.folder == run.folder and again.live["lr_g"] == 5e-4
    assert train(again, progress=False) == "done"
    rows = read_log(again.folder)[0]
    assert [row["images"] for row in rows] == [4, 8, 12] and "loss_l2" in rows[0]
    assert finished(resolve("toy", "fast"), manifest, tmp_path) == run.folder

    net = infer.load(again.folder, "cpu")
    assert net.info.method == "toy" and net.translate(
        np.full((40, 40, 3), 200, np.uint8)
    ).shape == (32, 32, 3)
    asked = settings_of(again.folder, "toy")
    assert asked == {"blocks": 1, "direction": "sketch-to-photo", "size_px": 32, "load_size_px": 32}
    begun = resolve("toy", "fast", begun_with=asked)
    tuned = open_run(
        begun, manifest, tmp_path, init=again.folder, resume="never", device="cpu", progress=False
    )
    expected = again.model.net_g.state_dict()
    assert all(torch.equal(v, expected[k]) for k, v in tuned.model.net_g.state_dict().items())
