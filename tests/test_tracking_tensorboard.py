"""Tracking: what TensorBoard is given (the real one), read back by its own reader, and what happens
without it.
"""

from __future__ import annotations

import io
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from s2f_utils.pictures import images
from s2f_utils.train.log import read_log
from s2f_utils.train.loop import train
from s2f_utils.train.saving import write_state
from tests.test_tracking import Steer, problems, start


def track(manifest, runs, **changes):
    return start(manifest, runs, **{"tracker": "tensorboard"} | changes)


def read(folder: Path):
    """What TensorBoard shows of a run folder: its own reader, which also obeys what says that
    something is purged.
    """
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    everything = {"scalars": 0, "images": 0, "tensors": 0}
    return EventAccumulator(str(folder / "tensorboard"), size_guidance=everything).Reload()


def curves(folder: Path) -> dict[str, list[tuple[int, float]]]:
    """The points of each curve, (images seen, value), in the order in which they are drawn."""
    events = read(folder)
    return {
        name: [(e.step, e.value) for e in events.Scalars(name)] for name in events.Tags()["scalars"]
    }


def told(folder: Path) -> dict[str, list[tuple[int, float]]]:
    """What the curves have to be, by the log: rows, and scores of samples; float32, as TensorBoard
    keeps them.
    """
    rows, log_events = read_log(folder)
    found: dict[str, list[tuple[int, float]]] = {}
    for row in rows:
        for name in set(row) - {"images"}:
            found.setdefault(name, []).append((row["images"], float(np.float32(row[name]))))
    for event in (event for event in log_events if event["event"] == "sample"):
        for name in set(event) - {"event", "time", "images", "file"}:
            found.setdefault(f"samples/{name}", []).append(
                (event["images"], float(np.float32(event[name])))
            )
    return found


def learned(found: dict[str, list[tuple[int, float]]]) -> dict[str, list[tuple[int, float]]]:
    """The curves that do not depend on the clock."""
    return {
        name: points
        for name, points in found.items()
        if name not in ("seconds", "images_per_second")
    }


def check_order(found: dict[str, list[tuple[int, float]]]) -> None:
    """No image twice and none out of order; a live value may have two at one: the old, then the
    new.
    """
    for name, points in found.items():
        steps = [step for step, _ in points]
        assert steps == sorted(steps) and len(set(points)) == len(points), name
        assert name.startswith("live/") or len(set(steps)) == len(steps), name


@pytest.fixture(scope="module")
def whole(faces_manifest, tmp_path_factory):
    """The folder of a run that nothing interrupted; lr_g is changed at image 4."""
    run = track(faces_manifest, tmp_path_factory.mktemp("whole"))
    assert (
        train(run, callbacks=[Steer(99)], progress=False) == "done" and problems(run.folder) == []
    )
    return run.folder


def test_curves_are_the_rows_of_the_log(whole):
    found = curves(whole)
    expected = told(whole)
    assert {"loss_l1", "loss_d", "lr_g", "images_per_second", "epoch", "samples/ssim"} <= set(
        expected
    )
    assert {
        name: points for name, points in found.items() if not name.startswith("live/")
    } == expected
    assert [step for step, _ in found["loss_l1"]] == [2, 4, 6, 8, 10, 12, 14, 16]
    check_order(found)
    old, new = float(np.float32(2e-4)), float(np.float32(5e-5))
    assert found["live/lr_g"][:5] == [(0, old), (2, old), (4, old), (4, new), (6, new)]


def test_samples_are_the_sheets(whole):
    events = read(whole)
    sheets = {event.step: event.encoded_image_string for event in events.Images("samples/sheet")}
    assert sorted(sheets) == [0, 4, 8, 12, 16]
    for step, encoded in sheets.items():
        sheet = np.asarray(Image.open(io.BytesIO(encoded)).convert("RGB"))
        assert np.array_equal(sheet, images.load_rgb(whole / "samples" / f"{step:08d}.png"))


def test_a_resumed_run_is_one_curve_as_if_nothing_had_happened(faces_manifest, tmp_path):
    """Image 7 is in the middle of a row and of a batch's interval: its row of half an interval must
    not stay.
    """
    changes = {"log_every_images": 4, "batch_size": 1}
    whole = track(faces_manifest, tmp_path / "whole", **changes)
    train(whole, callbacks=[Steer(99)], progress=False)
    run = track(faces_manifest, tmp_path, **changes)
    assert train(run, callbacks=[Steer(7)], progress=False) == "stopped"
    again = track(faces_manifest, tmp_path, resume=run.folder, **changes)
    assert again.images_seen == 7 and train(again, callbacks=[Steer(99)], progress=False) == "done"
    found = curves(run.folder)
    assert found.pop("live/stop") == [(7, 1.0)]
    assert len(list((run.folder / "tensorboard").iterdir())) == 2
    check_order(found)
    assert learned(found) == learned(curves(whole.folder))
    assert {name: points for name, points in found.items() if not name.startswith("live/")} == told(
        run.folder
    )


class Killed(BaseException):
    """As if the process had died: nothing is saved, and nothing is closed."""


class KillAfterSaving:
    """Saves at image 6, moves sliders before and after it, and dies at image 12."""

    def on_step(self, run):
        if run.images_seen == 4:
            run.live.set("lr_g", 5e-5, "test")
        if run.images_seen == 6:
            write_state(run)
        if run.images_seen == 8:
            run.live.set("lr_d", 1e-4, "test")
        if run.images_seen == 10:
            run.live.set("lambda_l1", 50.0, "test")
        if run.images_seen == 12 and run.log.path.parent.name == "0001-t":
            raise Killed


def test_what_a_killed_run_had_written_past_its_save_is_gone(faces_manifest, tmp_path, monkeypatch):
    from tensorboard.summary.writer.record_writer import RecordWriter

    run = track(faces_manifest, tmp_path)
    monkeypatch.setattr(
        run.trackers[0], "_close", lambda *_: None
    )  # a killed process closes nothing
    write = RecordWriter.write

    class SlowDisk:
        def on_step(self, run):
            if run.images_seen == 10:
                monkeypatch.setattr(
                    RecordWriter, "write", lambda *args: time.sleep(0.02) or write(*args)
                )

    with pytest.raises(Killed):
        train(run, callbacks=[SlowDisk(), KillAfterSaving()], progress=False)
    on_disk = curves(run.folder)
    assert on_disk["samples/ssim"][-1][0] == on_disk["loss_l1"][-1][0] == 12  # a kill loses nothing
    monkeypatch.setattr(RecordWriter, "write", write)
    again = track(faces_manifest, tmp_path, resume=run.folder)
    assert again.images_seen == 6 and again.live["lr_d"] == 2e-4  # set after the save
    assert train(again, progress=False) == "done"
    never = track(faces_manifest, tmp_path, batch_size=2)
    assert (
        never.folder.name == "0002-t"
        and train(never, callbacks=[Steer(99)], progress=False) == "done"
    )
    found = curves(run.folder)
    check_order(found)
    assert learned(found) == learned(curves(never.folder))
    assert [event.step for event in read(run.folder).Images("samples/sheet")] == [0, 4, 8, 12, 16]


# What a thread prints pytest takes for a warning.
@pytest.mark.filterwarnings("error::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.parametrize("what", ["a file in its place", "a folder that takes no files"])
def test_a_folder_that_cannot_be_written_to_is_said_once(faces_manifest, tmp_path, capfd, what):
    run = track(faces_manifest, tmp_path, total_images=4)
    if what == "a file in its place":
        (run.folder / "tensorboard").write_text("")
    elif Path("/proc/self").is_dir():  # takes none from root either
        (run.folder / "tensorboard").symlink_to("/proc/self", target_is_directory=True)
    else:
        pytest.skip("there is no /proc")
    assert train(run, progress=False) == "done"
    (message,) = problems(run.folder)
    assert message.startswith("TensorBoard: could not start: ") and message.endswith(
        "; training goes on without it"
    )
    assert capfd.readouterr().err.strip() == message and len(read_log(run.folder)[0]) == 2
