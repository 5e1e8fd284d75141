"""The panel beside a training, in a browser: notebook 02 as it is, "Run all", and a hand that
steers.

In Notebook 6 where that is installed (Colab's set: `make test-all` makes it, then
`.venv-colab/bin/pip install pytest playwright -e .`), else in JupyterLab. `pip install playwright`
and a Chromium (apt install chromium) are all it needs; without them it is skipped.
"""

from __future__ import annotations

import importlib.util
import json
import re
import time

import pytest

pytest.importorskip("playwright")
sync_api = pytest.importorskip("playwright.sync_api")
nbformat = pytest.importorskip("nbformat")
pytest.importorskip("ipywidgets")

from tests.browser.pages import (  # noqa: E402
    CHROMIUM,
    FLAGS,
    IN_BROWSER,
    ROOT,
    SLOWEST_S,
    front_end,
    jupyter,
    run_all,
)

FRONT = front_end()
MISSING = [
    name
    for name in ("anywidget", "kornia", "piq", "spandrel")
    if importlib.util.find_spec(name) is None
]
LEARNING_RATE, CURVES = "lr_g", "img.widget-image"
pytestmark = [
    *IN_BROWSER,
    pytest.mark.skipif(not FRONT, reason="neither notebook 6 nor jupyterlab is installed"),
    pytest.mark.skipif(
        bool(MISSING), reason=f"notebook 02 needs {', '.join(MISSING)}: pip install -e ."
    ),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with a copy of notebook 02, without the outputs that it comes with.

    Its own loop ends soon, and the library's has time for a hand.
    """
    folder = tmp_path_factory.mktemp("steer")
    notebook = nbformat.read(ROOT / "notebooks" / "02_pix2pix.ipynb", as_version=4)
    for cell in notebook.cells:
        cell.update({"outputs": []} if cell.cell_type == "code" else {})
        cell.source = cell.source.replace('"demo": 1_250', '"demo": 40')
        cell.source = cell.source.replace("get(profile, 1_600)", "get(profile, 3_000)")
    nbformat.write(notebook, folder / "02.ipynb")
    return folder


@pytest.fixture(scope="module")
def browser():
    with sync_api.sync_playwright() as play:
        browser = play.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


class Steered:
    """A page with a notebook that runs, and what its run writes down meanwhile."""

    def __init__(self, browser, address, folder):
        self.page = browser.new_page(viewport={"width": 1400, "height": 1400})
        self.page.set_default_timeout(1000 * SLOWEST_S)
        self.folder, self.errors = folder, []
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        run_all(self.page, FRONT, address, "02.ipynb")

    def log(self, name):
        (path,) = self.folder.glob(f"runs/02_pix2pix/runs/*-{name}/log.jsonl")
        lines = [
            json.loads(line)
            for line in path.read_text(encoding="utf-8").splitlines()
            if line.endswith("}")
        ]
        return [line for line in lines if "event" not in line], [
            line for line in lines if "event" in line
        ]

    def act(self, action, known):
        """Do something in the page; returns the event that it makes in the log."""
        num, begun = (
            len([event for event in self.log("pix2pix")[1] if known(event)]),
            time.monotonic(),
        )
        action()
        while len(now := [event for event in self.log("pix2pix")[1] if known(event)]) == num:
            assert time.monotonic() - begun < SLOWEST_S, "nothing came of it"
            time.sleep(0.05)
        return now[-1]

    def press(self, name, command):
        button = self.panel().get_by_role("button", name=name, exact=True)
        return self.act(
            button.click, lambda event: event["event"] == "change" and event["name"] == command
        )

    def panel(self):
        buttons = self.page.get_by_role("button", name="Sample now", exact=True).first
        return buttons.locator("xpath=ancestor::*[contains(@class, 'widget-vbox')][last()]")

    def curves(self):
        return self.panel().locator(CURVES).first.evaluate("node => node.src")

    def other_curves(self, before):
        begun = time.monotonic()
        while (now := self.curves()) == before:
            assert time.monotonic() - begun < SLOWEST_S, "the curves stand still"
            time.sleep(0.05)
        return now

    def images(self):
        text = self.panel().get_by_text(re.compile(r"^[\d,]+ of [\d,]+ images")).inner_text()
        return int(text.partition(" ")[0].replace(",", ""))

    def shown(self, name):
        self.page.screenshot(path=self.folder / f"{FRONT}-{name}.png")

    def handle(self, name):
        row = self.panel().locator(".widget-slider", has=self.page.get_by_text(name, exact=True))
        return row.locator(".noUi-handle, .ui-slider-handle")


def test_notebook_02_is_steered_while_it_trains(folder, browser):
    """The demo profile, which is the default: its training, until Stop; then the next cells run."""
    with jupyter(folder, FRONT) as address:
        steered = Steered(browser, address, folder)
        page = steered.page
        # Before its training the notebook makes label maps, and trains a toy and a bare loop. With
        # four processes a core, more than five minutes.
        page.wait_for_selector(CURVES, state="attached", timeout=15_000 * SLOWEST_S)
        drawn = steered.other_curves(steered.curves())
        steered.panel().scroll_into_view_if_needed()
        for key in ("ArrowRight", "ArrowRight", "ArrowLeft"):
            event = steered.act(
                lambda key=key: steered.handle(LEARNING_RATE).press(key),
                lambda event: event["event"] == "change" and event["name"] == LEARNING_RATE,
            )
            assert event["source"] == "widget" and event["new"] != event["old"]
        drawn = steered.other_curves(drawn)

        paused = steered.press("Pause", "pause")
        panel = steered.panel()
        panel.get_by_role("button", name="Resume", exact=True).wait_for()
        panel.get_by_text(re.compile("; paused$")).wait_for()
        still = paused["images"]
        panel.get_by_text(re.compile(f"^{still:,} of ")).wait_for()
        steered.shown("paused")
        time.sleep(1.0)
        assert steered.images() == still, "paused, it goes on"
        before = steered.curves()
        panel.get_by_role("button", name="log scale", exact=True).click()
        steered.other_curves(before)
        steered.press("One step", "step")
        panel.get_by_text(re.compile(f"^{still + 4:,} of ")).wait_for()
        steered.press("Resume", "pause")

        known = {event["file"] for event in steered.log("pix2pix")[1] if event["event"] == "sample"}
        button = panel.get_by_role("button", name="Sample now", exact=True)
        asked = steered.act(
            button.click, lambda event: event["event"] == "sample" and event["file"] not in known
        )
        panel.get_by_text(f"{asked['images']:,} images", exact=True).wait_for()
        assert (
            panel.locator("img").last.evaluate("image => image.complete && image.naturalWidth")
            > 300
        )
        steered.shown("training")

        steered.press("Stop", "stop")
        panel.get_by_text("ended: stopped").wait_for()
        page.get_by_text(re.compile(r"-pix2pix: [\d,]+ images")).first.wait_for()
        page.get_by_text("everything is in one file").first.wait_for()  # the next cells run
        steered.shown("stopped")

    rows, events = steered.log("pix2pix")
    changes = [
        event for event in events if event["event"] == "change" and event["name"] == LEARNING_RATE
    ]
    assert len(changes) == 3 and all(change["source"] == "widget" for change in changes)
    for change, following in zip(changes, [*changes[1:], {"images": float("inf")}], strict=True):
        of_this = [row for row in rows if change["images"] < row["images"] <= following["images"]]
        for row in of_this:  # the schedule lowers both rates alike
            assert row["lr_g"] / row["lr_d"] == pytest.approx(change["new"] / 2e-4, rel=1e-6)
    before = [row for row in rows if row["images"] <= changes[0]["images"]]
    assert before and all(row["lr_g"] / row["lr_d"] == pytest.approx(4.0) for row in before)
    ends = [event["reason"] for event in events if event["event"] == "end"]
    assert ends == ["stopped"]
    check_whole(steered.folder, events[-1]["images"])
    assert steered.errors == []
    page.close()


def check_whole(folder, images_seen):
    """What was saved when it was stopped: both networks load, it translates, and the run can be
    gone on with.
    """
    import numpy as np

    from s2f_utils import infer
    from s2f_utils.networks import checkpoints

    (run,) = folder.glob("runs/02_pix2pix/runs/*-pix2pix")
    state = checkpoints.load_torch_file(run / "resume.pt")
    assert state["images_seen"] == images_seen and {"G", "D"} <= {
        name[-1].upper() for name in state["nets"]
    }
    made = infer.load(run, "cpu").translate_batch(np.full((1, 64, 64, 3), 200, np.uint8))
    assert made.shape == (1, 64, 64, 3) and made.std() > 0
    assert json.loads((run / "controls.json").read_text())["stop"] is False
