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
    from s2f_utils.data import read_manifest
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


@pytest.fixture()
def own_layout():
    """A layout that another package might bring: face-01-drawn.png beside face-01-taken.png, all in one folder."""
    from data_prep.sources import layouts
    from data_prep.sources.layout import Candidate, Collection, Layout

    def recognise(tree, options):
        return all(picture.stem.endswith(("-drawn", "-taken")) for picture in tree.pictures)

    def collect(tree, options):
        by_stem = {picture.stem: picture for picture in tree.pictures}
        photos = [picture for stem, picture in by_stem.items() if stem.endswith("-taken")]
        pairs = [
            Candidate(by_stem[p.stem.replace("taken", "drawn")], p, "toy", id=p.stem.removesuffix("-taken"))
            for p in photos
        ]
        return Collection(pairs, notes=["a toy"])

    before = dict(layouts.LAYOUTS)
    toy = Layout("toy", "side by side in one folder", "1-drawn.png, 1-taken.png", recognise, collect)
    layouts.register(toy)
    yield toy
    layouts.LAYOUTS.clear()
    layouts.LAYOUTS.update(before)


def test_a_layout_is_recognised_listed_and_made_into_a_set(own_layout, tmp_path, capsys):
    from data_prep import DataPrepError
    from data_prep.__main__ import main
    from data_prep.doctor import diagnose
    from data_prep.sources import layouts
    from s2f_utils.pictures import images

    for n in range(4):
        for side, grey in (("drawn", 250), ("taken", 90)):
            shade = np.linspace(grey - 50 * n % 80, grey, 48, dtype=np.uint8)
            images.save(tmp_path / "raw" / f"face-{n}-{side}.png", np.tile(shade[:, None, None], (1, 48, 3)))
    assert main(["pairs", str(tmp_path / "raw"), str(tmp_path / "set"), "--size", "32"]) == 0
    assert "layout toy, 4 pairs" in capsys.readouterr().out
    with open(tmp_path / "set" / "manifest.csv", newline="", encoding="utf-8") as file:
        assert {(row["id"], row["source"]) for row in csv.DictReader(file)} == {(f"face-{n}", "toy") for n in range(4)}
    named = [f"toy:{tmp_path / 'raw'}", str(tmp_path / "named"), "--layout", "toy", "--dry-run"]
    assert main(["pairs", *named]) == 0 and main(["pairs", str(tmp_path / "raw"), *named[1:]]) == 0
    assert len(diagnose(tmp_path / "raw", progress=False).subjects) == 4
    assert "toy: side by side in one folder" in layouts.expected_trees()
    with pytest.raises(DataPrepError, match="there is a layout 'toy' already"):
        layouts.register(own_layout)
