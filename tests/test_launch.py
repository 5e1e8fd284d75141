"""A notebook trains on several ranks by one call, and hears how they end."""

from __future__ import annotations

import json

import psutil
import pytest
import torch

from s2f_utils.data import read_manifest
from s2f_utils.models import checkpoints
from s2f_utils.runtime import ranks
from s2f_utils.training.errors import TrainingDiverged
from s2f_utils.training.launch import train_on
from s2f_utils.training.loop import train
from s2f_utils.training.run import open_run
from s2f_utils.training.tracking import read_log
from tests.launched import gone


class Hand:
    """Somebody at the panel: moves a slider, and presses stop."""

    def __init__(self, stop_at: int) -> None:
        self.stop_at, self.told, self.rows, self.moved = stop_at, [], [], False

    def on_start(self, run):
        self.told.append("start")

    def on_log(self, run, row):
        self.rows.append(row)
        if not self.moved:
            run.live.set("lambda_l1", 7.0, "widget")
            self.moved = True
        elif run.images_seen >= self.stop_at:
            run.live.set("stop", True, "widget")

    def on_end(self, run, reason):
        self.told.append(reason)


def quiet_threads(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")


def own_step(model, a, b, live):
    """A step as a cell has it: the generator alone."""
    loss = (model.net_g(a) - b).abs().mean()
    model.descend(live["lambda_l1"] * loss, model.opt_g)
    return {"loss_mine": loss.detach()}


def test_a_notebook_trains_on_two_ranks_by_one_call(tiny, faces_manifest, tmp_path, monkeypatch):
    quiet_threads(monkeypatch)
    changes = {"total_images": 4000, "batch_size": 4, "log_every_images": 20, "sample_every_images": 100}
    run = open_run(tiny(**changes), read_manifest(faces_manifest), tmp_path, device="cpu", progress=False)
    hand = Hand(stop_at=200)
    assert train_on(run, 2, device="cpu", callbacks=[hand], step=own_step, progress=False) == "stopped"
    assert hand.told == ["start", "stopped"] and 200 <= run.images_seen < 4000
    rows, events = read_log(run.folder)
    assert "loss_mine" in rows[-1] and json.loads((run.folder / "config.json").read_text())["ranks"] == 1
    assert [e["new"] for e in events if e.get("name") == "lambda_l1"] == [7.0]
    assert {e["source"] for e in events if e.get("name") == "lambda_l1"} == {"controls.json"}
    # The notebook's own run is where the ranks left it, and goes on alone.
    assert run.live["lambda_l1"] == 7.0 and not run.live.asked("stop")
    run.total_images = run.images_seen + 8
    assert train(run, step=own_step, progress=False) == "done"


def test_a_notebook_hears_why_its_ranks_ended(tiny, faces_manifest, tmp_path, monkeypatch):
    quiet_threads(monkeypatch)
    run = open_run(tiny(batch_size=4), read_manifest(faces_manifest), tmp_path, device="cpu", progress=False)

    def bad(model, a, b, live):
        raise ValueError("the cell's own mistake")

    with pytest.raises(ranks.RankFailedError, match="the cell's own mistake"):
        train_on(run, 2, device="cpu", step=bad, progress=False)
    assert run.images_seen == 0

    def far(model, a, b, live):
        loss = model.net_g(a).mean() * float("nan")
        return {"loss_far": loss.detach()}

    with pytest.raises(TrainingDiverged, match="loss_far"):
        train_on(run, 2, device="cpu", step=far, progress=False)


def test_an_interrupted_notebook_leaves_no_process(tiny, faces_manifest, tmp_path, monkeypatch):
    quiet_threads(monkeypatch)
    changes = {"total_images": 10**6, "batch_size": 4, "log_every_images": 20}
    run = open_run(tiny(**changes), read_manifest(faces_manifest), tmp_path, device="cpu", progress=False)
    found, before = [], psutil.Process().children(recursive=True)  # such as what an earlier test's process pool left

    class Interrupt:
        def on_log(self, run, row):
            if not found:
                found.extend(p for p in psutil.Process().children(recursive=True) if p not in before)
                raise KeyboardInterrupt

    assert train_on(run, 2, device="cpu", callbacks=[Interrupt()], progress=False) == "interrupted"
    assert len(found) == 3 and gone(found)
    assert checkpoints.load_torch_file(run.resume_path)["images_seen"] == run.images_seen > 0


def test_without_gpus_one_says_how_many_ranks(tiny, faces_manifest, tmp_path):
    run = open_run(tiny(), read_manifest(faces_manifest), tmp_path, device="cpu", progress=False)
    if torch.cuda.device_count() < 2:
        with pytest.raises(ValueError, match="say how many ranks"):
            train_on(run)
