"""Sliders reach the live values; in a real kernel they do so while the cell that trains still
runs.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from s2f_utils.methods.settings import Live
from s2f_utils.notebook import controls, panel, stills
from s2f_utils.notebook.panel import TrainingPanel, train_live
from s2f_utils.train.live import LiveValues
from s2f_utils.train.log import RunLog

pytest.importorskip("ipywidgets")
ROOT = Path(__file__).resolve().parents[1]


def make_run(folder):
    values = {
        "lr_g": 2e-4,
        "lambda_l1": 100.0,
        "augment": 1.0,
        "batch_size": 4.0,
        "sample_every": 500.0,
    }
    ranges = {"lr_g": Live(1e-6, 1e-2, log=True), "lambda_l1": Live(0, 200)}
    ranges |= {
        "augment": Live(0, 2),
        "batch_size": Live(1, 64),
        "sample_every": Live(1, 1e9, log=True),
    }
    live = LiveValues(values, ranges, folder / "controls.json")
    return SimpleNamespace(
        live=live, images_seen=0, total_images=80, folder=folder, images_per_second=4.0
    )


@pytest.fixture()
def run(tmp_path):
    return make_run(tmp_path)


@pytest.fixture()
def page(monkeypatch):
    """As if a page were there, with a kernel that cannot be polled."""
    monkeypatch.setattr(panel, "has_page", lambda: True)
    monkeypatch.setattr(panel, "current_kernel", lambda: None)


@pytest.fixture()
def polled(page, monkeypatch):
    """As if polling worked; its `poll` is what the page sends before the next step."""
    poller = SimpleNamespace(poll=lambda: None)
    monkeypatch.setattr(panel, "PagePoller", lambda kernel: poller)
    monkeypatch.setattr(panel, "POLL_EVERY_S", 0.0)
    return poller


def train(run, callbacks=(), at_step=None, progress=True):
    log = RunLog(run.folder)
    for callback in callbacks:
        callback.on_start(run)
    while run.images_seen < run.total_images:
        run.live.poll()
        run.images_seen += 8
        if at_step:
            at_step()
        log.row({"images": run.images_seen, "loss_l1": 0.25, "lr_g": 2e-4})
        for callback in callbacks:
            callback.on_step(run)
    for callback in callbacks:
        callback.on_end(run, "done")
    return "done"


def test_everything_that_may_change_has_a_slider_within_its_range(page, run):
    sliders = TrainingPanel(run)
    assert sliders.show() and list(sliders.sliders) == [
        "lr_g",
        "lambda_l1",
        "augment",
        "batch_size",
        "sample_every",
    ]
    assert [button.description for button in sliders.buttons.values()] == list(
        TrainingPanel.BUTTONS.values()
    )
    rate, weight, *_ = sliders.sliders.values()
    assert (type(rate).__name__, type(weight).__name__) == ("FloatLogSlider", "FloatSlider")
    weight.value = 42.0
    rate.value = 10**rate.min * (1 - 1e-12)  # a rounding error below the limit
    changes = {change.name: change for change in run.live.poll()}
    assert (changes["lambda_l1"].new, changes["lambda_l1"].source) == (42.0, "widget")
    assert changes["lr_g"].new == 1e-6
    weight.value = 1e6  # the widget itself stays within the range
    assert run.live["lambda_l1"] == 200.0
    for value in (100.0, 1e9):  # beyond what the slider shows
        run.live.set("sample_every", value, "controls.json")
        sliders._draw()
    assert run.live["sample_every"] == 1e9


def test_an_error_is_shown(page, run):
    sliders = TrainingPanel(run)
    with pytest.raises(ZeroDivisionError):
        train_live(train, run, sliders, at_step=lambda: 1 / (run.images_seen - 24))
    assert "ZeroDivisionError" in sliders.status.value and not sliders._trains


def test_a_kernel_that_breaks_polling_does_not_break_training(polled, run):
    polled.poll = lambda: 1 / 0
    assert train_live(train, run, TrainingPanel(run)) == "done"


# In a real kernel

SETUP = f"""
import sys, time
sys.path.insert(0, {str(ROOT)!r})
from pathlib import Path
from tests.test_widgets import make_run, train
from s2f_utils.notebook.poller import PagePoller, current_kernel
from s2f_utils.notebook.panel import TrainingPanel, train_live
run = make_run(Path(folder))
sliders = TrainingPanel(run)
times = []
def at_step():
    time.sleep(0.05)
    times.append(run.live["lambda_l1"])
def go(steps):
    run.images_seen, run.total_images = 0, 8 * steps
    times.clear()
    return train_live(train, run, sliders, at_step=at_step)
"""


class Kernel:
    """A kernel and the messages of a page, or of a program that only executes notebooks
    (`page=False`).
    """

    def __init__(self):
        from jupyter_client.manager import start_new_kernel

        self.manager, self.client = start_new_kernel(startup_timeout=60, env=dict(os.environ))

    def start(self, code, page=True):
        return self.client.execute(code, allow_stdin=page)

    def finish(self, cell, timeout_s=30):
        """Wait for the end of a cell; its printed text, and all messages of other requests on the
        way.
        """
        text, messages, end = "", [], time.monotonic() + timeout_s
        while time.monotonic() < end:
            message = self.client.get_iopub_msg(timeout=timeout_s)
            messages.append(message)
            content, kind = message["content"], message["msg_type"]
            if message["parent_header"].get("msg_id") != cell:
                continue
            if kind == "stream":
                text += content["text"]
            elif kind == "error":
                text += content["ename"]
            elif kind == "status" and content["execution_state"] == "idle":
                return text, messages
        raise TimeoutError(text)

    def wait_for(self, text, timeout_s=30):
        end = time.monotonic() + timeout_s
        while time.monotonic() < end:
            message = self.client.get_iopub_msg(timeout=timeout_s)
            if text in message["content"].get("text", ""):
                return message["content"]["text"]
        raise TimeoutError(text)

    def move(self, model_id, value):
        """What a page sends when a slider is let go."""
        data = {"method": "update", "state": {"value": value}, "buffer_paths": []}
        message = self.client.session.msg("comm_msg", {"comm_id": model_id, "data": data})
        self.client.shell_channel.send(message)
        return message["header"]["msg_id"]


@pytest.fixture(scope="module")
def kernel(tmp_path_factory):
    pytest.importorskip("ipykernel")
    pytest.importorskip("jupyter_client")
    kernel = Kernel()
    text, _ = kernel.finish(
        kernel.start(f"folder = {str(tmp_path_factory.mktemp('run'))!r}\n{SETUP}")
    )
    assert text == ""
    yield kernel
    kernel.client.stop_channels()
    kernel.manager.shutdown_kernel(now=True)


def test_a_slider_acts_while_the_cell_runs(kernel):
    cell = kernel.start(
        "sliders.show(); print(sliders.sliders['lambda_l1'].model_id, flush=True); print(go(60))"
    )
    slider = kernel.wait_for("\n").split()[0]
    later = [kernel.start(f"print('later {number}', times[-1])") for number in range(2)]
    time.sleep(0.5)
    moved = kernel.move(slider, 7.0)
    _, messages = kernel.finish(cell)
    handled = [
        m
        for m in messages
        if m["parent_header"].get("msg_id") == moved and m["msg_type"] == "status"
    ]
    assert [m["content"]["execution_state"] for m in handled] == ["busy", "idle"]
    # The next cells of "Run all" were neither run early nor lost.
    assert [kernel.finish(cell)[0] for cell in later] == ["later 0 7.0\n", "later 1 7.0\n"]
    text, _ = kernel.finish(kernel.start("print(len(times), times.index(7.0) < 55)"))
    assert text == "60 True\n"


def test_an_interrupt_arrives_and_the_kernel_survives_two(kernel):
    cell = kernel.start(
        "sliders.show(); print(sliders.sliders['lambda_l1'].model_id, flush=True); go(400)"
    )
    kernel.move(kernel.wait_for("\n").split()[0], 8.0)
    later = kernel.start("print('later')")
    time.sleep(0.5)
    kernel.manager.interrupt_kernel()
    assert kernel.finish(cell)[0] == "KeyboardInterrupt"
    assert kernel.finish(later)[0] == ""  # given up, as after any error
    time.sleep(0.3)
    kernel.manager.interrupt_kernel()  # nothing runs
    time.sleep(0.3)
    text, _ = kernel.finish(
        kernel.start("print(run.live['lambda_l1'], 'KeyboardInterrupt' in sliders.status.value)")
    )
    assert text == "8.0 True\n"


def test_where_nobody_looks_a_still_is_all_that_is_left(kernel):
    code = "sliders = TrainingPanel(run); print(go(5), sliders.box)"
    text, messages = kernel.finish(kernel.start(code, page=False))
    assert text == "done None\n"
    assert not {m["msg_type"] for m in messages} & {"comm_open", "comm_msg"}
    (left,) = [m["content"]["data"] for m in messages if m["msg_type"] == "display_data"]
    assert set(left) == {"image/jpeg", "text/plain"}


def test_where_somebody_looks_the_still_comes_into_the_panels_own_output(kernel):
    text, messages = kernel.finish(kernel.start("sliders = TrainingPanel(run); print(go(5))"))
    (shown,) = [m["content"] for m in messages if m["msg_type"] == "display_data"]
    (anew,) = [m["content"] for m in messages if m["msg_type"] == "update_display_data"]
    assert "image/jpeg" not in shown["data"] and "image/jpeg" in anew["data"]
    assert shown["transient"]["display_id"] == anew["transient"]["display_id"]
    assert anew["data"][stills.VIEW] == shown["data"][stills.VIEW], "the widget stays"
    in_colab = "sys.modules['google.colab'], sliders = sys, TrainingPanel(run); print(go(5))"
    _, messages = kernel.finish(kernel.start(f"{in_colab}; del sys.modules['google.colab']"))
    _, folded = [m["content"]["data"] for m in messages if m["msg_type"] == "display_data"]
    assert "<details>" in folded["text/html"] and "update_display_data" not in [
        m["msg_type"] for m in messages
    ]


def test_uploads_are_saved_whatever_the_version_and_nothing_is_overwritten(tmp_path):
    pytest.importorskip("ipywidgets")
    as_7 = {
        "a.png": {"metadata": {"name": "a.png"}, "content": b"one"},
        "C:\\x\\b.zip": {"content": b"two"},
    }
    as_8 = (
        {"name": "a.png", "content": memoryview(b"three")},
        {"name": "../../b.zip", "content": memoryview(b"two")},
    )
    assert controls.uploaded_files(as_7) == [("a.png", b"one"), ("b.zip", b"two")]
    assert controls.uploaded_files(as_8) == [("a.png", b"three"), ("b.zip", b"two")]
    button, folder = controls.upload_box(tmp_path / "inbox")
    for value in (as_7, as_8, as_8):
        for handler in button._trait_notifiers["value"]["change"]:
            handler({"new": value})
    assert {p.name: p.read_bytes() for p in folder.iterdir()} == {
        "a.png": b"one",
        "a-2.png": b"three",
        "b.zip": b"two",
    }
