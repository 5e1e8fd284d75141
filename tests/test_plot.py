"""The curves of runs, and their marks where live values were changed."""

from __future__ import annotations

from pathlib import Path

import pytest

from s2f_utils.pictures import viz
from s2f_utils.train.log import RunLog, read_log


def test_smoothing_by_hand():
    # weights 0.13, 0.13 · 0.87, …, over their sum
    assert viz.smooth([1.0, 2.0, 4.0]) == pytest.approx(
        [1.0, 2.87 / 1.87, (0.87**2 + 2 * 0.87 + 4) / 2.6269]
    )
    assert viz.smooth([]) == []


def log_of(folder: Path, num: int = 20, speed: float = 4.0) -> Path:
    """A run folder with a log of `num` rows, ten images each; live values change at 50, 52 and
    120.
    """
    folder.mkdir(parents=True)
    log = RunLog(folder)
    for n in range(num):
        seen = 10 * (n + 1)
        if n % 5 == 0:
            log.event(
                "sample",
                images=10 * n,
                file="x.png",
                ssim=0.3 + 0.01 * n,
                psnr=10.0 + n,
                mse=9.0,
                l1=2.0,
            )
        row = {
            "images": seen,
            "epoch": seen / 100,
            "loss_d": 0.7 + 0.1 * (-1) ** n,
            "loss_l1": 1 / (n + 1),
        }
        log.row(row | {"lr_g": 2e-4, "images_per_second": speed, "seconds": seen / speed})
    change = {"source": "widget"}
    log.event("change", images=50, name="lr_g", old=2e-4, new=1.5e-4, **change)
    log.event("change", images=52, name="lr_g", old=1.5e-4, new=1e-4, **change)
    log.event("change", images=90, name="pause", old=False, new=True, **change)
    log.event("change", images=120, name="lambda_l1", old=100.0, new=50.0, **change)
    return folder


def lines_of(axes, gid: str) -> list:
    return [line for line in axes.lines if line.get_gid() == gid]


def test_curves_of_one_run(tmp_path):
    rows, events = read_log(log_of(tmp_path / "a"))
    figure = viz.curves({"a": (rows, events)})
    titles = ["loss_d", "loss_l1", "SSIM of the samples ↑", "PSNR of the samples, dB ↑"]
    assert [axes.get_title() for axes in figure.axes] == titles
    loss = figure.axes[1]
    (raw,), (smoothed,) = lines_of(loss, "raw"), lines_of(loss, "smoothed")
    assert list(raw.get_xdata()) == [row["images"] for row in rows]
    assert list(raw.get_ydata()) == [row["loss_l1"] for row in rows]
    assert list(smoothed.get_ydata()) == viz.smooth([row["loss_l1"] for row in rows])
    assert raw.get_linewidth() < smoothed.get_linewidth()
    (ssim,) = lines_of(figure.axes[2], "raw")
    assert list(ssim.get_xdata()) == [0, 50, 100, 150] and ssim.get_ydata()[1] == pytest.approx(
        0.35
    )
    for axes in figure.axes:  # 50 and 52 are one slide of the slider, and a pause is no value
        assert [line.get_xdata()[0] for line in lines_of(axes, "mark")] == [50, 120]
    told = figure.get_supxlabel().replace("\u00a0", " ")
    assert "1: lr_g 0.0002 → 0.0001   2: lambda_l1 100 → 50" in told
