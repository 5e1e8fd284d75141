"""What is added from outside comes in through the door that the project's own things use."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest


@pytest.fixture()
def own_metrics():
    """Two metrics that another package might bring: one of pairs, one of sets; each is a function and an entry."""
    from s2f_utils import metrics

    def redness(fake, real):
        return abs(float(fake[..., 0].mean()) - float(real[..., 0].mean()))

    def brightness(reference, names):
        true = np.mean([photo.mean() for photo in reference.pictures])
        return lambda made: metrics.SetScores(figures={"brightness": abs(np.mean([p.mean() for p in made]) - true)})

    before = dict(metrics.METRICS)
    metrics.register(
        metrics.Metric("redness", redness, False, 1, "", "numpy.mean"),
        metrics.Metric("brightness", None, False, 2, "", "numpy.mean", "all's brightness", "real", "sets",
                       of_sets=brightness),
    )  # fmt: skip
    yield metrics
    metrics.METRICS.clear()
    metrics.METRICS.update(before)


def test_a_metric_is_measured_tabulated_and_written(own_metrics, faces_manifest, tmp_path, capsys):
    from s2f_utils import models
    from s2f_utils.cli.main import main
    from s2f_utils.data.datasets import read_manifest
    from s2f_utils.metrics import leaderboard
    from s2f_utils.models import checkpoints
    from s2f_utils.pictures import images

    net = models.build("unet", num_downs=5, base_filters=4).eval()
    checkpoints.save_generator(tmp_path / "g.safetensors", net, {"direction": "sketch-to-photo", "size_px": 64})
    out = ["--data", str(faces_manifest), "--out", str(tmp_path / "out"), "--device", "cpu"]
    assert main(["evaluate", str(tmp_path / "g.safetensors"), *out, "--metrics", "redness,brightness"]) == 0
    shown = capsys.readouterr().out
    assert "REDNESS ↓" in shown and "all's brightness ↓" in shown
    row = json.loads((tmp_path / "out" / "metrics.json").read_text(encoding="utf-8"))["rows"]["sketch"]
    manifest = read_manifest(faces_manifest)
    pairs = manifest.split("test")
    sketches, photos = (np.stack([images.load_rgb(getattr(p, side)) for p in pairs]) for side in ("sketch", "photo"))
    by_hand = np.abs(sketches[..., 0].mean((1, 2)) - photos[..., 0].mean((1, 2)))
    assert row["redness"]["mean"] == pytest.approx(by_hand.mean())
    assert row["brightness"] == pytest.approx(abs(sketches.mean() - photos.mean()))
    with open(tmp_path / "out" / "per_image.csv", newline="", encoding="utf-8") as file:
        assert set(next(csv.DictReader(file))) == {"row", "id", "redness"}  # a set has no value for an image

    board = leaderboard.build([], manifest, columns=("redness",), patch_seeds=0)
    page = leaderboard.write(board, tmp_path / "board").read_text(encoding="utf-8")
    facts = json.loads((tmp_path / "board" / "leaderboard.json").read_text(encoding="utf-8"))
    row = next(row for row in facts["rows"] if row["key"] == "sketch")
    assert row["redness"] == pytest.approx(by_hand.mean(), abs=1e-5)
    assert row["brightness"] == pytest.approx(abs(sketches.mean() - photos.mean()), abs=1e-5)
    assert f"{row['brightness']:.2f}" in page and "REDNESS ↓" in page and "all&#39;s brightness ↓" in page
    assert "redness" in own_metrics.group("all") and "brightness" in own_metrics.group("sets")
    assert main(["evaluate", str(tmp_path / "g.safetensors"), *out, "--metrics", "ugliness"]) == 2
    shown = capsys.readouterr().err
    assert "redness" in shown and "brightness" in shown and "sets" in shown
