"""What is added from outside comes in through the door that the project's own things use."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from pydantic import Field

from s2f_utils import infer, networks
from s2f_utils.data import read_manifest
from s2f_utils.methods import METHODS
from s2f_utils.methods.config import TrainConfig
from s2f_utils.methods.method import Method, Term
from s2f_utils.train.config import resolve, settings_of
from s2f_utils.train.loop import train
from s2f_utils.train.run import finished, open_run
from s2f_utils.train.tracking import read_log


@pytest.fixture()
def own_metrics():
    """Two metrics that another package might bring: one of pairs, one of sets; each is a function
    and an entry.
    """
    from s2f_utils import metrics

    before = dict(metrics.METRICS)

    @metrics.metric(higher_is_better=False, digits=1)
    def redness(fake, real):
        return abs(float(fake[..., 0].mean()) - float(real[..., 0].mean()))

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
        metrics.metric(name="ssim", higher_is_better=True, digits=1)(redness)
    yield metrics
    metrics.METRICS.clear()
    metrics.METRICS.update(before)


def test_a_metric_is_measured_tabulated_and_written(own_metrics, faces_manifest, tmp_path, capsys):
    from s2f_utils import networks
    from s2f_utils.cli.main import main
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
    assert "REDNESS ↓" in shown and "all's brightness ↓" in shown
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
    facts = json.loads((tmp_path / "board" / "leaderboard.json").read_text(encoding="utf-8"))
    row = next(row for row in facts["rows"] if row["key"] == "sketch")
    assert row["redness"] == pytest.approx(by_hand.mean(), abs=1e-5)
    assert row["brightness"] == pytest.approx(abs(sketches.mean() - photos.mean()), abs=1e-5)
    assert (
        f"{row['brightness']:.2f}" in page and "REDNESS ↓" in page and "all's brightness ↓" in page
    )
    assert "redness" in own_metrics.group("all") and "brightness" in own_metrics.group("sets")
    assert main(["evaluate", str(tmp_path / "g.safetensors"), *out, "--metrics", "ugliness"]) == 2
    shown = capsys.readouterr().err
    assert "redness" in shown and "brightness" in shown and "sets" in shown


@pytest.fixture()
def own_layout():
    """A layout that another package might bring: face-01-drawn.png beside face-01-taken.png, all in
    one folder.
    """
    from data_prep import layouts
    from data_prep.layouts.layout import Candidate, Collection, Layout

    def recognise(tree, options):
        return all(picture.stem.endswith(("-drawn", "-taken")) for picture in tree.pictures)

    def collect(tree, options):
        by_stem = {picture.stem: picture for picture in tree.pictures}
        photos = [picture for stem, picture in by_stem.items() if stem.endswith("-taken")]
        pairs = [
            Candidate(
                by_stem[p.stem.replace("taken", "drawn")],
                p,
                "toy",
                id=p.stem.removesuffix("-taken"),
            )
            for p in photos
        ]
        return Collection(pairs, notes=["a toy"])

    before = dict(layouts.LAYOUTS)
    toy = Layout(
        "toy", "side by side in one folder", "1-drawn.png, 1-taken.png", recognise, collect
    )
    layouts.register(toy)
    yield toy
    layouts.LAYOUTS.clear()
    layouts.LAYOUTS.update(before)


def test_a_layout_is_recognised_listed_and_made_into_a_set(own_layout, tmp_path, capsys):
    from data_prep import DataPrepError, layouts
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
    assert "layout toy, 4 pairs" in capsys.readouterr().out
    with open(tmp_path / "set" / "manifest.csv", newline="", encoding="utf-8") as file:
        assert {(row["id"], row["source"]) for row in csv.DictReader(file)} == {
            (f"face-{n}", "toy") for n in range(4)
        }
    named = [f"toy:{tmp_path / 'raw'}", str(tmp_path / "named"), "--layout", "toy", "--dry-run"]
    assert main(["pairs", *named]) == 0 and main(["pairs", str(tmp_path / "raw"), *named[1:]]) == 0
    assert len(diagnose(tmp_path / "raw", progress=False).subjects) == 4
    assert "toy: side by side in one folder" in layouts.expected_trees()
    with pytest.raises(DataPrepError, match="there is a layout 'toy' already"):
        layouts.register(own_layout)


# A method: what its own file under s2f_utils/methods would hold, and its line in the table there.


class ToyConfig(TrainConfig):
    blocks: int = Field(1, gt=0, description="residual blocks a level")
    lambda_l2: float = Field(1.0, ge=0, description="weight of the squared error")
    lr_g: float = Field(1e-3, gt=0, description="Adam's learning rate")


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
