"""The panel beside a real training: what it shows, what its clicks do, what it may cost."""

from __future__ import annotations

import io

import pytest

from s2f_utils.data import read_manifest
from s2f_utils.notebook import TrainingPanel, train_live
from s2f_utils.pictures import images, viz
from s2f_utils.train.log import read_log
from s2f_utils.train.loop import train
from s2f_utils.train.run import open_run
from tests.test_widgets import page, polled  # noqa: F401  (fixtures)

pytest.importorskip("ipywidgets")


@pytest.fixture()
def run(tiny, faces_manifest, tmp_path):
    manifest = read_manifest(faces_manifest)
    return open_run(
        tiny(sample_every_images=8, total_images=16),
        manifest,
        tmp_path,
        resume="never",
        device="cpu",
        progress=False,
    )


def after(run, images, action):
    """What the page sends once so many images have been seen: polled again until then."""

    def wait():
        if run.images_seen >= images:
            action()
        return run.images_seen >= images

    return wait


def let_page_act(polled, waiting):  # noqa: F811
    """The poller that lets each of these act in its turn."""

    def poll():
        while waiting and waiting[0]():
            waiting.pop(0)

    polled.poll = poll


def test_curves_samples_and_changes_follow_the_training(polled, run, monkeypatch):  # noqa: F811
    monkeypatch.setattr("s2f_utils.notebook.panel.LEAST_S", 0.0)
    monkeypatch.setattr("s2f_utils.notebook.panel.DRAWING_SHARE", 1e9)  # every point is drawn
    panel = TrainingPanel(run)
    panel.show()
    shown = []
    let_page_act(
        polled,
        [
            after(run, 8, lambda: shown.append(panel.curves.value)),
            after(run, 8, lambda: panel.sliders["lambda_l1"].set_trait("value", 50.0)),
        ],
    )
    assert train_live(train, run, panel) == "done"
    early, later = (images.load_rgb(io.BytesIO(png)) for png in (shown[0], panel.curves.value))
    assert early.std() > 5 and (early.shape != later.shape or (early != later).any())
    events = read_log(run.folder)[1]
    (change,) = [e for e in events if e["event"] == "change" and e["source"] == "widget"]
    assert (change["name"], change["new"]) == ("lambda_l1", 50.0)
    assert viz.change_marks(events, 1.0) == [(change["images"], "lambda_l1 100 → 50")]
    sheets = sorted((run.folder / "samples").glob("*.png"))
    assert panel.through_time.max == len(sheets) - 1 == panel.through_time.value
    assert panel.picture.value == sheets[-1].read_bytes() and panel.when.value == "16 images"
    assert "16 of 16 images" in panel.progress.value
    run.images_seen = (
        32  # in the last step of a time budget, whose number of images was too low an estimate
    )
    panel._draw()


def test_pause_one_step_save_and_stop(polled, run):  # noqa: F811
    panel = TrainingPanel(run)
    panel.show()
    press = {name: button.click for name, button in panel.buttons.items()}
    steps, saves = [], []

    class Watch:
        def on_step(self, run):
            steps.append((run.images_seen, run.live.asked("pause")))

        def on_save(self, run, path):
            saves.append(run.images_seen)

    def paused():
        return run.live.asked("pause") and not panel.buttons["step"].disabled

    let_page_act(
        polled,
        [
            after(run, 4, press["pause"]),
            lambda: paused() and (press["step"]() or True),
            lambda: run.images_seen == 6 and (press["save"]() or True),
            lambda: run.images_seen == 6 and (press["pause"]() or True),
            after(run, 10, press["stop"]),
        ],
    )
    assert train_live(train, run, panel, callbacks=[Watch()]) == "stopped"
    assert steps[:3] == [(2, False), (4, False), (6, True)]  # one step while it was paused
    assert run.images_seen == 10 and saves == [8, 10]  # saved at the next step, and at the end
    assert panel.buttons["stop"].disabled and "ended: stopped" in panel.status.value


def test_where_the_page_cannot_be_asked_the_cell_again_goes_on(page, run):  # noqa: F811
    panel, told = TrainingPanel(run), []

    class Watch:
        def on_step(self, run):
            told.append(panel.status.value)

    assert train_live(train, run, panel, max_seconds=0.0) == "chunk" and run.images_seen == 2
    assert train_live(train, run, panel, callbacks=[Watch()]) == "done"
    assert (
        "controls.json" in told[0] and panel.status.value == "ended: done" and run.images_seen == 16
    )
    assert (run.folder / "generator.safetensors").is_file()


def test_without_a_page_it_trains_logs_and_draws_nothing(run, capsys):
    panel = TrainingPanel(run)
    assert train_live(train, run, panel, progress=False) == "done"
    assert panel.box is None and len(read_log(run.folder)[0]) == 8
    printed = capsys.readouterr()
    assert printed.out == printed.err == ""
