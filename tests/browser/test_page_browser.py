"""The exported page in Chromium, with the network cut: what it draws, saves and keeps, and whether
its answers are Python's.

It needs playwright, a Chromium, and onnxruntime-web (from npm's registry); without them it is
skipped. S2F_PAGE=folder takes a page that is exported already, S2F_ORT the package. With
S2F_SCREENSHOTS=folder the pages are saved there, to be looked at.
"""

from __future__ import annotations

import base64
import os
from pathlib import Path

import numpy as np
import pytest

import s2f_studio  # noqa: E402
from s2f_studio import shipped  # noqa: E402
from s2f_studio.codes import NUM_DIRECTIONS, STEPS, code_of, text_of
from s2f_studio.page import drawing as paper
from s2f_studio.request import DrawingRequest
from s2f_utils.pictures import images
from s2f_utils.weights import WeightsError

pytest.importorskip("playwright")
sync_api = pytest.importorskip("playwright.sync_api")

from s2f_studio.page.exported.ort import RuntimeMissingError  # noqa: E402
from s2f_studio.page.exported.page_folder import export_page  # noqa: E402
from tests.browser.hands import (  # noqa: E402
    FACE,
    PAPER,
    SIZES,
    eight,
    keep_picture,
    opened,
    other_face,
    picture_of,
    saved,
    settled,
    slide,
    status,
    stroke,
)
from tests.browser.pages import IN_BROWSER, until  # noqa: E402
from tests.browser.statics import hosted  # noqa: E402

LEVELS = 2.0  # of 255, on average: the page's generator has a byte for each weight
MOST_BYTES = 35_000_000
NO_NETWORK = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"
pytestmark = IN_BROWSER


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    if given := os.environ.get("S2F_PAGE"):
        return Path(given)
    try:
        return export_page(tmp_path_factory.mktemp("page") / "site", ort=os.environ.get("S2F_ORT"))
    except (RuntimeMissingError, WeightsError) as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def address(folder):
    with hosted(folder) as address:
        yield address


@pytest.fixture(scope="module")
def play():
    with sync_api.sync_playwright() as play:
        yield play


@pytest.fixture(scope="module", params=SIZES)
def page(request, play, address):
    with opened(play, address, request.param, NO_NETWORK) as page:
        page.goto(address)
        settled(page)
        yield page
        assert any(url.endswith(".safetensors") for url in page.asked)


def test_the_folder_is_small(folder):
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) <= MOST_BYTES


def test_the_page_is_there_before_its_models_and_takes_a_stroke(play, address):
    with opened(play, address, "desk", NO_NETWORK) as page:
        held, away = [], [True]

        def hold(route):
            if away:
                held.append(route)
            else:
                route.continue_()

        page.context.route("**/models/*", hold)
        page.goto(address)
        page.locator(".s2f-paper").wait_for()
        until(page, "document.querySelector('.s2f-status').textContent.includes('being loaded')")
        before = page.evaluate(PAPER)
        stroke(page, (0.4, 0.3), (0.6, 0.3))
        assert page.evaluate(PAPER) != before and not page.locator(".s2f-face").is_visible()
        away.clear()
        for route in held:
            route.continue_()
        settled(page)


def test_strokes_undo_and_eight_faces_of_which_one_is_saved(page):
    first = page.evaluate(FACE)
    notes = picture_of(first).text
    assert notes["Description"] == images.GENERATED_NOTE and notes["s2f:model"] == shipped.MODEL
    assert notes["s2f:seed"] == "0" and picture_of(first).size == (512, 512)
    other_face(page, lambda: stroke(page, (0.35, 0.75), (0.5, 0.79), (0.65, 0.74)))
    undone = other_face(page, lambda: page.locator(".s2f-pad").press("Control+z"))
    assert undone == first
    assert len(set(eight(page))) == 8
    page.get_by_role("button", name="answer 2", exact=True).click()
    settled(page)
    keep_picture(page, "page-eight")
    name, picture = saved(page)
    assert name == "sketch-to-photo-1.png" and picture.size == (1024, 1024)
    assert picture.text["s2f:seed"] == "1"
    assert picture.text["Description"] == images.GENERATED_NOTE


def test_it_only_draws(page):
    for name in ("Upload", "Place the eyes", "Enhance", "Age"):
        assert page.get_by_label(name).locator("visible=true").count() == 0, name
    assert page.get_by_role("radio").locator("visible=true").count() == 0


def test_what_is_drawn_and_set_survives_a_reload(page):
    other_face(page, lambda: slide(page, "Shape", 0.2))
    other_face(page, lambda: page.get_by_label("kind of answer").select_option("average"))
    assert picture_of(page.evaluate(FACE)).text["s2f:answer"] == "average"
    other_face(page, lambda: stroke(page, (0.2, 0.2), (0.3, 0.25)))
    before = page.evaluate(PAPER), page.evaluate(FACE)
    page.reload()
    settled(page)
    assert (page.evaluate(PAPER), page.evaluate(FACE)) == before
    assert page.get_by_label("Shape", exact=True).input_value() == "0.2"
    assert "answered in" in status(page)


# Whether answers are Python's

ASK = """async ([name, fields]) => {
  const host = await import(new URL("files/host.js", location));
  const start = await host.start("sketch", name);
  const told = await host.translate(start, fields);
  const pixels = async (uri) => { // read back from a canvas
    const shown = new Image();
    shown.src = uri;
    await shown.decode();
    const { width, height } = shown;
    const canvas = Object.assign(document.createElement("canvas"), { width, height });
    const pen = canvas.getContext("2d", { willReadFrequently: true });
    pen.drawImage(shown, 0, 0);
    const { data } = pen.getImageData(0, 0, width, height);
    let text = "";
    for (let at = 0; at < data.length; at += 0x8000) {
      text += String.fromCharCode(...data.subarray(at, at + 0x8000));
    }
    return { width, height, bytes: btoa(text) };
  };
  const drawing = await pixels(URL.createObjectURL(start));
  const [{ png, person }] = told.pictures;
  return { face: await pixels(png), drawing, person };
}"""
SOMEBODY, ANOTHER = (text_of(np.full(NUM_DIRECTIONS, n / 32)) for n in (1, 20))
# What the page asks for, which the model is asked for in Python (`candidates_for`).
REQUESTS = {
    "person": {},
    "another": {"seed": 3, "preview": True},
    "large": {"seed": 1, "large": True},
    "chosen": {"seed": 9, "chosen": f"{SOMEBODY}/{ANOTHER};{ANOTHER}", "preview": True},
    "kept": {"keep": ANOTHER, "preview": True},
    "average": {"answer": "average", "likely": 0.2},
    "as drawn": {"seed": 2, "likely": 0.0},
}


@pytest.fixture(scope="module")
def model():
    return s2f_studio.load(shipped.MODEL, "cpu", engine="torch")


@pytest.fixture(scope="module")
def asked(play, address):
    with opened(play, address, "desk", NO_NETWORK) as page:
        page.goto(address)
        settled(page)
        yield lambda name, fields: page.evaluate(ASK, [name, fields])


def rgb(read) -> np.ndarray:
    pixels = np.frombuffer(base64.b64decode(read["bytes"]), np.uint8)
    return pixels.reshape(read["height"], read["width"], 4)[..., :3].astype(int)


@pytest.mark.parametrize("name", ["hat", "few-lines", "beard"])
@pytest.mark.parametrize("request_name", REQUESTS)
def test_the_browsers_answer_to_a_drawing_is_pythons(asked, model, name, request_name):
    fields = REQUESTS[request_name]
    read = asked(name, fields)
    drawing, made = rgb(read["drawing"]), rgb(read["face"])
    assert np.abs(drawing - paper.start_of("sketch", name)).max() == 0
    [(_, request)] = DrawingRequest.of(fields).candidates_for(model.info)
    [wanted], [who] = model.answer_people([drawing.astype(np.uint8)], [request])
    apart = np.abs(made - wanted).mean()
    print(f"\n{name}, {request_name}: {apart:.2f} of 255 on average")
    assert made.shape == wanted.shape and made.std() > 15 and apart <= LEVELS
    if who is not None:
        assert np.abs(code_of(read["person"]) - who.code).max() * STEPS <= 1
