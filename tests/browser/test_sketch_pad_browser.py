"""The sketch pad in JupyterLab and Chromium: strokes with the mouse, undo, a region, a label map,
errors.

`pip install playwright` and a Chromium (apt install chromium) are all it needs; without them it is
skipped.
"""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("playwright")
sync_api = pytest.importorskip("playwright.sync_api")
nbformat = pytest.importorskip("nbformat")
pytest.importorskip("jupyterlab")

from tests.browser.hands import FACE, PAPER, picture_of, settled, stroke  # noqa: E402
from tests.browser.pages import (  # noqa: E402
    CHROMIUM,
    CLOCK,
    FLAGS,
    IN_BROWSER,
    ROOT,
    SLOWEST_S,
    choose_model,
    jupyter,
)

CELL = """import sys
sys.path.insert(0, {root!r})
import s2f_utils
from s2f_studio.page.widget import sketch_pad
pad = sketch_pad(start="long-hair", device="cpu")
print(s2f_utils.__file__)
pad"""
pytestmark = IN_BROWSER


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    """JupyterLab on a folder with one notebook of one cell; its address."""
    folder = tmp_path_factory.mktemp("lab")
    cell = nbformat.v4.new_code_cell(CELL.format(root=str(ROOT)))
    notebook = nbformat.v4.new_notebook(
        cells=[cell], metadata={"kernelspec": {"name": "python3", "display_name": "3"}}
    )
    nbformat.write(notebook, folder / "pad.ipynb")
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
        page.locator(".jp-CodeCell .cm-content").first.click()
        page.wait_for_selector('.jp-Notebook-ExecutionIndicator[data-status="idle"]')
        page.keyboard.press("Control+Enter")
        page.wait_for_selector(".s2f-pad")
        page.wait_for_function(f"{FACE}.startsWith('data:image/png')")
        assert str(ROOT) in page.locator(".jp-OutputArea-output").first.inner_text()
        page.evaluate(CLOCK)
        yield page
        assert page.errors == []
        browser.close()


def other_face(page, before):
    page.wait_for_function(f"before => {FACE} !== before", arg=before)
    settled(page)
    return page.evaluate(FACE)


def press(page, name):
    page.get_by_role("button", name=name).click()


def test_the_face_follows_while_the_pencil_is_down(page):
    settled(page)
    before = page.evaluate(FACE)
    box = page.locator(".s2f-paper").bounding_box()
    at = [(box["x"] + x * box["width"], box["y"] + 0.75 * box["height"]) for x in (0.35, 0.5, 0.65)]
    page.mouse.move(*at[0])
    page.mouse.down()
    page.mouse.move(*at[1], steps=8)
    page.wait_for_function(f"before => {FACE} !== before", arg=before)
    preview = page.evaluate(FACE)
    page.mouse.move(*at[2], steps=8)
    page.mouse.up()
    after = other_face(page, preview)
    assert len({before, preview, after}) == 3
    press(page, "Undo (Ctrl+Z)")
    assert other_face(page, after) == before  # one stroke, one step back


def test_undo_by_keyboard_brings_drawing_and_face_back(page):
    drawing, face = page.evaluate(PAPER), page.evaluate(FACE)
    stroke(page, (0.2, 0.9), (0.8, 0.9))
    other_face(page, face)
    assert page.evaluate(PAPER) != drawing
    page.keyboard.press("Control+z")
    page.wait_for_function(f"face => {FACE} === face", arg=face)
    assert page.evaluate(PAPER) == drawing
    settled(page)


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
    before, devices = page.evaluate(FACE), page.context.new_cdp_session(page)
    box = page.locator(".s2f-paper").bounding_box()
    empty, drawn = [], []
    for y, force in ((0.93, 0.05), (0.97, 1.0)):
        empty.append(ink(page, y - 0.02, y + 0.02))
        for n, kind in enumerate(["mousePressed", *["mouseMoved"] * 10, "mouseReleased"]):
            at = {
                "x": box["x"] + box["width"] * (0.2 + 0.05 * n),
                "y": box["y"] + box["height"] * y,
            }
            pen = {
                "button": "left",
                "buttons": 1,
                "clickCount": 1,
                "pointerType": "pen",
                "force": force,
            }
            devices.send("Input.dispatchMouseEvent", {"type": kind, **at, **pen})
        settled(page)
        drawn.append(ink(page, y - 0.02, y + 0.02) - empty[-1])
    assert drawn[1] > 2 * drawn[0] > 0, (empty, drawn)
    faces = other_face(page, before)
    bare = ink(page, 0.02, 0.08)
    for n, kind in enumerate(["touchStart", *["touchMove"] * 10, "touchEnd"]):
        at = {"x": box["x"] + box["width"] * (0.2 + 0.05 * n), "y": box["y"] + box["height"] * 0.05}
        devices.send(
            "Input.dispatchTouchEvent",
            {"type": kind, "touchPoints": [] if kind == "touchEnd" else [at]},
        )
    other_face(page, faces)
    assert ink(page, 0.02, 0.08) > bare + 100
    for _ in range(3):
        press(page, "Undo")
        settled(page)
    page.wait_for_function(f"before => {FACE} === before", arg=before)


def test_a_region_is_marked_and_taken_back(page):
    press(page, "Region: drag")
    stroke(page, (0.25, 0.6), (0.75, 0.85))
    whole = page.get_by_text("back to the whole face")
    whole.wait_for()
    settled(page)
    before = page.evaluate(FACE)
    stroke(page, (0.35, 0.7), (0.6, 0.7))
    other_face(page, before)
    whole.click()
    whole.wait_for(state="hidden")
    settled(page)


def test_the_kind_of_answer_is_chosen(page):
    kinds, faces = page.get_by_label("kind of answer"), {}
    assert kinds.input_value() == "auto"
    for kind in ("expected", "auto"):
        kinds.select_option(kind)
        settled(page)
        faces[kind] = picture_of(page.evaluate(FACE)).tobytes()
        said = "leaves much open" in page.locator(".s2f-status").inner_text()
        assert kinds.input_value() == kind and (kind == "auto" or not said)
    assert faces["auto"] != faces["expected"]


def test_the_face_is_saved_with_more_pixels_than_it_is_shown_with(page):
    with page.expect_download() as waiting:
        press(page, "Save the face as PNG")
    settled(page)
    saved, shown = Image.open(waiting.value.path()), picture_of(page.evaluate(FACE))
    assert saved.size == (512, 512) and shown.size == (256, 256)
    assert saved.text["Description"] == shown.text["Description"]
    assert (
        np.abs(np.asarray(saved.reduce(2)).astype(int) - np.asarray(shown)).mean() < 4
    )  # the same face


def test_the_shape_and_the_person_have_sliders(page):
    def face() -> str:
        settled(page)
        return page.evaluate(FACE)

    shape, before = page.get_by_label("Shape", exact=True), face()
    shape.fill("0")
    as_drawn = face()
    assert as_drawn != before
    page.get_by_text("Each part").click()
    mouth = page.get_by_label("shape of the mouth")
    assert mouth.input_value() == "0"
    mouth.fill("1")
    one_part = face()
    assert one_part != as_drawn and float(shape.input_value()) == pytest.approx(0.2)
    page.get_by_text("The person", exact=True).click()
    page.get_by_label("Age", exact=True).fill("1")
    old = face()
    assert old != one_part
    page.get_by_label("Age", exact=True).fill("0.5")
    assert face() == one_part  # in the middle nothing is said


def test_a_label_map_is_painted_in_whole_classes(page):
    choose_model(page, "map-to-face-128")
    page.wait_for_selector('.s2f-pad[data-reads="map"]')
    assert (
        not page.get_by_label("kind of answer").is_visible()
        and page.get_by_label("Shape", exact=True).is_hidden()
    )
    page.get_by_role("radio", name="hat").click()
    settled(page)
    before = page.evaluate(FACE)
    stroke(page, (0.3, 0.2), (0.7, 0.2), (0.5, 0.15))
    other_face(page, before)
    colours = page.evaluate("""() => {
      const canvas = document.querySelector('.s2f-paper canvas');
      const data = new Uint32Array(canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data.buffer);
      return new Set(data).size;
    }""")
    assert 5 < colours <= 19  # no soft edges between two classes
    assert page.locator(".s2f-status.s2f-wrong").count() == 0


def test_an_error_is_text_and_the_drawing_stays(page):
    choose_model(page, "sketch-to-photo")
    page.wait_for_selector('.s2f-pad[data-reads="sketch"]')
    settled(page)
    face = page.evaluate(FACE)
    press(page, "Clear the drawing")
    page.locator(".s2f-status:not(.s2f-wrong)", has_text="the drawing is empty").wait_for()
    assert page.evaluate(FACE) == face
    press(page, "Undo")
    page.locator(".s2f-status", has_text="answered in").wait_for()


def test_a_choice_that_is_refused_is_shown_as_it_was(page):
    models = page.get_by_label("model", exact=True)
    before = models.input_value()
    models.evaluate("""(node) => { node.add(new Option("photo-to-sketch", "photo-to-sketch"));
      node.value = "photo-to-sketch"; node.dispatchEvent(new Event("change")); }""")
    page.wait_for_selector(".s2f-status.s2f-wrong")
    assert "takes no drawings" in page.locator(".s2f-status").inner_text()
    assert before and models.input_value() == before
    models.select_option("sketch-to-photo")
    page.wait_for_selector(".s2f-status:not(.s2f-wrong)")
