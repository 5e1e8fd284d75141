"""The sketch pad in JupyterLab and Chromium: strokes, pens and fingers, eight faces, a crop, a
label map, errors. `make setup S2F_EXTRA=test-browser` installs what it needs; without that it is
skipped.
"""

from __future__ import annotations

import re

import pytest

pytest.importorskip("playwright")
sync_api = pytest.importorskip("playwright.sync_api")
nbformat = pytest.importorskip("nbformat")
pytest.importorskip("jupyterlab")

from tests import hostile  # noqa: E402
from tests.browser.hands import (  # noqa: E402
    FACE,
    PAPER,
    choose_way,
    eight,
    other_face,
    picture_of,
    saved,
    settled,
    stroke,
    upload,
)
from tests.browser.pages import (  # noqa: E402
    CHROMIUM,
    FLAGS,
    IN_BROWSER,
    ROOT,
    SLOWEST_S,
    jupyter,
)

CELL = """import sys
sys.path.insert(0, {root!r})
import s2f_utils
from s2f_studio.page.widget import sketch_pad
pad = sketch_pad(start="long-hair", device="cpu")
print(s2f_utils.__file__)
pad"""
CHECK = "print(pad.query.seed, pad.info.name, pad.face.shape)"
pytestmark = IN_BROWSER


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    """JupyterLab on a folder with one notebook; its address."""
    folder = tmp_path_factory.mktemp("lab")
    cells = [nbformat.v4.new_code_cell(text) for text in (CELL.format(root=str(ROOT)), CHECK)]
    kernel = {"kernelspec": {"name": "python3", "display_name": "3"}}
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=kernel), folder / "pad.ipynb")
    with jupyter(folder, "lab") as address:
        yield address


@pytest.fixture(scope="module")
def page(address):
    with sync_api.sync_playwright() as play:
        browser = play.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = browser.new_page(viewport={"width": 1300, "height": 1300})
        page.set_default_timeout(1000 * SLOWEST_S)
        page.errors = []
        page.on("pageerror", lambda error: page.errors.append(str(error)))
        page.goto(f"{address}/lab/tree/pad.ipynb?reset")
        run_cell(page, 0)
        page.wait_for_selector(".s2f-pad")
        settled(page)
        assert str(ROOT) in page.locator(".jp-OutputArea-output").first.inner_text()
        yield page
        assert page.errors == []
        browser.close()


def run_cell(page, n: int) -> None:
    page.get_by_text(re.compile(r"Python 3.*\| Idle")).wait_for()
    page.locator(".jp-CodeCell .cm-content").nth(n).click()
    page.keyboard.press("Control+Enter")


def test_the_face_follows_while_the_pencil_is_down(page):
    before = page.evaluate(FACE)
    box = page.locator(".s2f-paper").bounding_box()
    at = [(box["x"] + x * box["width"], box["y"] + 0.75 * box["height"]) for x in (0.35, 0.5, 0.65)]
    page.mouse.move(*at[0])
    page.mouse.down()
    page.mouse.move(*at[1], steps=8)
    page.wait_for_function(f"before => {FACE} !== before", arg=before)
    settled(page)
    preview = page.evaluate(FACE)

    def lift():
        page.mouse.move(*at[2], steps=8)
        page.mouse.up()

    after = other_face(page, lift)
    assert len({before, preview, after}) == 3
    undone = other_face(page, lambda: page.keyboard.press("Control+z"))
    assert undone == before  # one stroke, one step back


def ink(page, top, below):
    """How many dark pixels the paper has between two heights, shares of the side."""
    return page.evaluate(
        """([top, below]) => {
      const canvas = document.querySelector('.s2f-paper canvas'), side = canvas.width;
      const rows = [Math.round(top * side), Math.round((below - top) * side)];
      const { data } = canvas.getContext('2d').getImageData(0, rows[0], side, rows[1]);
      return data.filter((value, n) => n % 4 === 0 && value < 128).length;
    }""",
        [top, below],
    )


def test_a_pen_draws_by_its_pressure_and_a_finger_draws(page):
    devices = page.context.new_cdp_session(page)
    page.locator(".s2f-paper").scroll_into_view_if_needed()
    box = page.locator(".s2f-paper").bounding_box()
    kinds = ["mousePressed", *["mouseMoved"] * 10, "mouseReleased"]

    def places(y):
        for n in range(len(kinds)):
            yield {
                "x": box["x"] + box["width"] * (0.2 + 0.05 * n),
                "y": box["y"] + box["height"] * y,
            }

    def pen(y, force):
        held = {"button": "left", "buttons": 1, "clickCount": 1, "pointerType": "pen"}
        for kind, at in zip(kinds, places(y), strict=True):
            event = {"type": kind, "force": force, **at, **held}
            devices.send("Input.dispatchMouseEvent", event)

    drawn = []
    for y, force in ((0.93, 0.05), (0.97, 1.0)):
        before = ink(page, y - 0.02, y + 0.02)
        other_face(page, lambda y=y, force=force: pen(y, force))
        drawn.append(ink(page, y - 0.02, y + 0.02) - before)
    assert drawn[1] > 2 * drawn[0] > 0, drawn

    def finger():
        *moves, _ = places(0.05)
        for n, at in enumerate(moves):
            kind = "touchMove" if n else "touchStart"
            devices.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [at]})
        devices.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})

    bare = ink(page, 0.02, 0.08)
    other_face(page, finger)
    assert ink(page, 0.02, 0.08) > bare + 100


def test_one_of_eight_is_chosen_and_the_kernel_holds_it(page):
    made = eight(page)
    assert len(set(made)) == 8
    page.get_by_role("button", name="answer 3", exact=True).click()
    settled(page)
    shown, tile = (picture_of(one) for one in (page.evaluate(FACE), made[2]))
    assert shown.size == (512, 512) and shown.text["s2f:person"] == tile.text["s2f:person"]
    name, picture = saved(page)
    assert picture.size == (1024, 1024) and picture.text["s2f:seed"] == "2"
    run_cell(page, 1)
    page.get_by_text("2 sketch-to-photo (512, 512, 3)").wait_for()


def test_an_upload_is_cropped(page):
    before = page.evaluate(PAPER)
    other_face(page, lambda: upload(page, hostile.GOOD["PNG"]()))
    assert page.evaluate(PAPER) != before
    page.get_by_role("button", name="Place the eyes").click()
    page.get_by_role("button", name="the middle of the mouth").press("ArrowDown")
    other_face(page, lambda: page.get_by_role("button", name="Crop here").click())


def test_a_label_map_is_painted(page):
    other_face(page, lambda: choose_way(page, "Map → photo"))
    assert page.get_by_label("kind of answer").is_hidden()
    page.get_by_role("radio", name="hat").click()
    other_face(page, lambda: stroke(page, (0.3, 0.2), (0.7, 0.2), (0.5, 0.15)))
    assert picture_of(page.evaluate(FACE)).text["s2f:model"] == "map-to-face-512"
    assert page.locator(".s2f-status.s2f-wrong").count() == 0
    other_face(page, lambda: choose_way(page, "Sketch → photo"))


def test_an_error_is_text_and_the_drawing_stays(page):
    page.expected = []
    drawing = page.evaluate(PAPER)
    upload(page, b"words, no picture", "face.png")
    page.locator(".s2f-status.s2f-wrong", has_text="this is text").wait_for()
    assert page.evaluate(PAPER) == drawing
    page.get_by_role("button", name="Clear the drawing").click()
    page.locator(".s2f-status:not(.s2f-wrong)", has_text="the drawing is empty").wait_for()
    page.get_by_role("button", name="Undo").click()
    page.locator(".s2f-status", has_text="answered in").wait_for()
    assert page.evaluate(PAPER) == drawing
