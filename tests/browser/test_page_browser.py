"""The app's page without a server in Chromium, with the network cut: what it draws, saves and
keeps, and whether its answers are Python's.

It needs playwright, a Chromium, and onnxruntime-web (from npm's registry); without them it is
skipped. S2F_PAGE=folder takes a page that is exported already, S2F_ORT the package. With
S2F_SCREENSHOTS=folder the pages are saved there, to be looked at.
"""

from __future__ import annotations

import base64
import io
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from data_prep.procedural_faces import synthetic
from s2f_studio import query
from s2f_studio.drawings import prepare as drawings
from s2f_studio.drawings.prepare import prepare_for
from s2f_studio.page import drawing as paper
from s2f_studio.page import page as served
from s2f_utils import infer, weights
from s2f_utils.networks.info import ModelInfo
from s2f_utils.pictures import images
from tests.hostile import scrawl

pytest.importorskip("playwright")
sync_api = pytest.importorskip("playwright.sync_api")

from s2f_studio.server.alone.ort import RuntimeMissingError  # noqa: E402, I001
from s2f_studio.server.alone.page import HERE, export_page  # noqa: E402
from tests.browser.hands import (  # noqa: E402
    FACE,
    PAPER,
    answers,
    changed_by_stroke,
    choose_way,
    keep_picture,
    new_answers,
    picture_of,
    settled,
    slide,
    stroke,
    tab,
    upload,
    until_answered,
)
from tests.browser.pages import CHROMIUM, FLAGS, IN_BROWSER, until  # noqa: E402
from tests.browser.statics import hosted  # noqa: E402

SLOWEST_S = 120.0  # a loaded machine may be slow, a page that never answers fails
LEVELS = 2  # of 255: what answers may differ by
MOST_BYTES = 60_000_000
NO_NETWORK = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"
SIZES = {"desk": (1280, 1000, "light"), "phone": (390, 844, "dark")}
pytestmark = IN_BROWSER


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    if given := os.environ.get("S2F_PAGE"):
        return Path(given)
    try:
        return export_page(tmp_path_factory.mktemp("page") / "site", ort=os.environ.get("S2F_ORT"))
    except RuntimeMissingError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def address(folder):
    with hosted(folder) as address:
        yield address


@pytest.fixture(scope="module")
def play():
    with sync_api.sync_playwright() as play:
        yield play


@pytest.fixture(scope="module")
def browser(play):
    opened = play.chromium.launch(executable_path=CHROMIUM, args=[*FLAGS, NO_NETWORK])
    yield opened
    opened.close()


def opened(browser, address, size):
    """The page at a size; what it asks of others, and what goes wrong, is in `page.wrong`."""
    width, height, scheme = SIZES[size]
    options = {
        "viewport": {"width": width, "height": height},
        "color_scheme": scheme,
        "accept_downloads": True,
    }
    context = browser.new_context(**options)
    page = context.new_page()
    page.set_default_timeout(1000 * SLOWEST_S)
    page.size, page.wrong, page.asked = size, [], []
    page.on("pageerror", lambda error: page.wrong.append(str(error)))
    page.on("console", lambda one: page.wrong.append(one.text) if one.type == "error" else None)
    page.on(
        "response",
        lambda one: page.wrong.append(f"{one.status} {one.url}") if one.status >= 400 else None,
    )

    def let_through(route):
        page.asked.append(route.request.url)
        if route.request.url.startswith((address, "data:", "blob:")):
            route.continue_()
        else:
            page.wrong.append(f"asked for {route.request.url}")
            route.abort()

    context.route("**/*", let_through)
    return page


@pytest.fixture(scope="module")
def page(browser, address):
    page = opened(browser, address, "desk")
    page.goto(address)
    answered(page)
    yield page
    assert page.wrong == [] and any(url.endswith(".safetensors") for url in page.asked)
    page.context.close()


def answered(page):
    """Wait for a face, and until all is quiet."""
    until(
        page,
        f"document.querySelector('.s2f-face') && {FACE}.startsWith('data:image/png')",
        slowest_s=SLOWEST_S,
    )
    settled(page)


def another_face(page, act):
    before = page.evaluate(FACE)
    act()
    until(page, f"before => {FACE} !== before", arg=before, slowest_s=SLOWEST_S)
    settled(page)


# What it is


def test_the_folder_is_small(folder):
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert (
        sum(path.stat().st_size for path in files) <= MOST_BYTES
        and (folder / ".nojekyll").is_file()
    )


def test_the_page_is_there_before_its_models_and_takes_a_stroke(browser, address):
    page, held = opened(browser, address, "desk"), []
    page.context.route("**/models/*", lambda route: held.append(route))
    page.goto(address)
    page.locator(".s2f-paper").wait_for()
    assert page.locator("main, header p").first.inner_text().startswith(HERE)
    until(
        page,
        "document.querySelector('.s2f-pad .s2f-status').textContent.includes('the model is being loaded')",
    )
    before = page.evaluate(PAPER)
    stroke(page, (0.4, 0.3), (0.6, 0.3))
    assert page.evaluate(PAPER) != before and not page.locator(".s2f-face").is_visible()
    page.context.unroute("**/models/*")
    for route in held:
        route.continue_()
    answered(page)
    assert page.wrong == []
    page.context.close()


# Drawing


def test_strokes_seeds_and_undo(page):
    first = page.evaluate(FACE)
    words = picture_of(first).text
    assert words["Description"] == images.GENERATED_NOTE and words["s2f:model"] == weights.DEFAULT
    assert words["s2f:seed"] == "0" and picture_of(first).size == (256, 256)
    changed_by_stroke(page, (0.35, 0.75), (0.5, 0.79), (0.65, 0.74))
    changed = page.evaluate(FACE)
    another_face(page, lambda: page.get_by_role("button", name="Another answer").click())
    assert (
        picture_of(page.evaluate(FACE)).text["s2f:seed"] == "1" and page.evaluate(FACE) != changed
    )
    before = page.evaluate(FACE)
    another_face(page, lambda: page.locator(".s2f-pad").press("Control+z"))
    another_face(page, lambda: page.locator(".s2f-pad").press("Control+Shift+z"))
    assert page.evaluate(FACE) == before
    keep_picture(page, "page-draw")


def test_kinds_of_answers_shape_and_words(page):
    pad = page.locator(".s2f-pad")
    for kind, given in (("expected", "expected"), ("auto", "rendered")):
        another_face(page, lambda kind=kind: pad.get_by_label("kind of answer").select_option(kind))
        assert picture_of(page.evaluate(FACE)).text["s2f:answer"] == given
    another_face(page, lambda: slide(page, "Shape", "0.2", pad))
    pad.get_by_text("The person", exact=True).click()
    another_face(page, lambda: slide(page, "Age", "1", pad))
    another_face(page, lambda: slide(page, "Glasses", "1", pad))
    another_face(page, lambda: pad.get_by_label("use a tone for the hair").check())
    words = picture_of(page.evaluate(FACE)).text
    assert (
        words["s2f:age"] == "1"
        and words["s2f:glasses"] == "1"
        and words["s2f:likely eyes"] == "0.2"
    )
    assert words["s2f:hair"].startswith("#a0582c")
    assert not pad.get_by_label("Enhancement").is_visible()
    another_face(page, lambda: pad.get_by_label("use a tone for the hair").uncheck())


def levels(page) -> np.ndarray:
    return np.asarray(picture_of(page.evaluate(FACE)).convert("RGB")).astype(int)


def test_a_region_alone_is_redrawn(page):
    before = levels(page)
    page.get_by_role("button", name="Region: drag").click()
    stroke(page, (0.3, 0.65), (0.7, 0.85))
    settled(page)
    another_face(page, lambda: page.get_by_role("button", name="Another answer").click())
    apart = np.abs(levels(page) - before).max(axis=2)
    rows, columns = np.nonzero(apart)
    assert apart[170:210, 90:165].mean() > 1
    assert rows.min() >= 164 and rows.max() <= 219 and columns.min() >= 75 and columns.max() <= 180
    page.get_by_role("button", name="back to the whole face").click()
    settled(page)
    keep_picture(page, "page-region")


def test_what_is_drawn_and_kept_survives_a_reload(page):
    pad = page.locator(".s2f-pad")
    changed_by_stroke(page, (0.2, 0.2), (0.3, 0.25))
    page.get_by_role("button", name="Keep this version").click()
    settled(page)
    before = page.evaluate(PAPER), page.evaluate(FACE)
    page.reload()
    until(page, "document.querySelector('.s2f-views')", slowest_s=SLOWEST_S)
    answered(page)
    assert (page.evaluate(PAPER), page.evaluate(FACE)) == before and pad.locator(
        ".s2f-version"
    ).count() == 1
    assert pad.get_by_label("Shape", exact=True).input_value() == "0.2"
    another_face(
        page, lambda: pad.get_by_label("start from a drawn face").select_option("long-hair")
    )


def test_a_face_is_saved_with_512_pixels_and_what_it_is(page):
    with page.expect_download() as waiting:
        page.locator(".s2f-pad").get_by_role("button", name="Save the face").click()
    picture = Image.open(waiting.value.path())
    assert picture.size == (512, 512) and picture.text["Description"] == images.GENERATED_NOTE
    assert waiting.value.suggested_filename == "sketch-to-photo.png"
    settled(page)


# Whether answers are Python's

ASK = """async ([name, fields]) => {
  const host = await import(new URL("files/host.js", location)), start = await host.startFile("aligned", name);
  const lies = { direction: "sketch-to-photo", align: "never", clean: "never" };
  const { ok, told } = await host.translate(start, { ...lies, ...fields });
  if (!ok) throw new Error(told.detail);
  const pixels = async (uri) => { // read back from a canvas
    const shown = new Image();
    shown.src = uri;
    await shown.decode();
    const canvas = Object.assign(document.createElement("canvas"), { width: shown.width, height: shown.height });
    const pen = canvas.getContext("2d", { willReadFrequently: true });
    pen.drawImage(shown, 0, 0);
    const { data } = pen.getImageData(0, 0, shown.width, shown.height);
    let text = "";
    for (let at = 0; at < data.length; at += 0x8000) text += String.fromCharCode(...data.subarray(at, at + 0x8000));
    return { width: shown.width, height: shown.height, bytes: btoa(text) };
  };
  return { face: await pixels(told.pictures[0].png), drawing: await pixels(URL.createObjectURL(start)) };
}"""


def rgb(read) -> np.ndarray:
    pixels = np.frombuffer(base64.b64decode(read["bytes"]), np.uint8)
    return pixels.reshape(read["height"], read["width"], 4)[..., :3].astype(int)


def pad_facts() -> ModelInfo:
    return ModelInfo(
        name=weights.DEFAULT, direction="sketch-to-photo", size_px=256, layout="aligned"
    )


@pytest.fixture(scope="module")
def model():
    return infer.load(weights.DEFAULT, "cpu", engine="torch")


# What the page is asked, which is what the model is asked in Python (`Query.asks`).
QUESTIONS = {
    "rendered": {},
    "another": {"seed": 3},
    "large": {"seed": 1, "large": True},
    "expected": {
        "answer": "expected",
        "likely": "eyes=0.2,brows=0.2,nose=0.2,mouth=0.2,outline=0.2",
    },
    "said": {"seed": 2, "person": "age=1,glasses=1,smile=-1,hair=#a0582c"},
    "hat": {"person": "hat=1,beard=1"},
}


@pytest.mark.parametrize("name", ["hat", "few-lines"])
@pytest.mark.parametrize("question", QUESTIONS)
def test_the_browsers_answer_to_a_drawing_is_pythons(page, model, name, question):
    read = page.evaluate(ASK, [name, QUESTIONS[question]])
    drawing, made = rgb(read["drawing"]), rgb(read["face"])
    assert np.abs(drawing - paper.start_of("aligned", name)).max() == 0
    [(_, ask)] = query.asked(QUESTIONS[question]).asks(model.info)
    (wanted,) = model.answer([drawing.astype(np.uint8)], [ask])
    apart = np.abs(made - wanted)
    print(
        f"\n{name}, {question}: {apart.max()} of 255 at most, {100 * (apart > 0).mean():.2f} % of values differ"
    )
    assert made.shape == wanted.shape and made.std() > 15 and apart.max() <= LEVELS


UPLOAD = """async ([bytes, fields]) => {
  const host = await import(new URL("files/host.js", location));
  const file = new Blob([Uint8Array.from(atob(bytes), (one) => one.charCodeAt(0))]);
  return host.translate(file, fields, new AbortController().signal);
}"""


def uploaded(page, picture: np.ndarray, **fields) -> dict:
    given = base64.b64encode(images.png_of(picture)).decode()
    answer = page.evaluate(
        UPLOAD, [given, {"direction": "sketch-to-photo", "candidates": 1, "seed": 0, **fields}]
    )
    assert answer["ok"], answer["told"]
    return answer["told"]


def pixels_of(uri: str) -> np.ndarray:
    return np.asarray(picture_of(uri).convert("RGB")).astype(int)


@pytest.mark.detector
@pytest.mark.parametrize("name", ["old-man", "beard", "child", "turned"])
def test_a_face_is_found_cut_out_and_answered_as_in_python(page, model, folder, name):
    if not (folder / "models" / "yunet.onnx").is_file():
        pytest.skip("the detector is not in this page: S2F_WEIGHTS names a folder that has it")
    drawing = drawings.example(name)
    told, ready = uploaded(page, drawing), prepare_for(drawing, pad_facts())
    points = np.array(told["points"]) * drawing.shape[1::-1] - 0.5
    eyes_and_mouth = [*ready.face.landmarks[:2], ready.face.landmarks[3:].mean(axis=0)]
    assert told["face_found"] and np.abs(points - eyes_and_mouth).max() < 1
    given = pixels_of(told["given"])
    assert np.abs(given - ready.image).mean() < 0.5
    wanted = model.translate(given.astype(np.uint8), detail=0.5)
    assert np.abs(pixels_of(told["pictures"][0]["png"]) - wanted).max() <= LEVELS


@pytest.mark.parametrize("way", ["sketch-to-photo", "photo-to-sketch"])
def test_with_points_by_hand_the_answer_is_pythons(page, model, way):
    is_drawing = way == "sketch-to-photo"
    picture = drawings.example("beard") if is_drawing else synthetic.draw_face(8, size_px=256).photo
    face = np.array([[0.36, 0.4], [0.62, 0.42], [0.49, 0.66]])
    told = uploaded(
        page,
        picture,
        direction=way,
        points=",".join(f"{value:g}" for value in face.ravel()),
        large=True,
    )
    facts = (
        pad_facts()
        if is_drawing
        else ModelInfo(name="photo-to-sketch", direction=way, size_px=256, layout="aligned")
    )
    ready = prepare_for(picture, facts, points=face * picture.shape[1::-1] - 0.5, align=True)
    assert np.abs(pixels_of(told["given"]) - ready.image).max() <= LEVELS
    answering = model if is_drawing else infer.load(way, "cpu", engine="torch")
    wanted = answering.translate(pixels_of(told["given"]).astype(np.uint8), detail=0.5, large=True)
    assert wanted.shape == (512, 512, 3)
    assert np.abs(pixels_of(told["pictures"][0]["png"]) - wanted).max() <= LEVELS


def test_a_photo_is_upright_as_its_exif_data_say(page):
    def saved(picture: np.ndarray, **more) -> str:
        buffer = io.BytesIO()
        Image.fromarray(picture).save(buffer, "JPEG", quality=95, **more)
        return base64.b64encode(buffer.getvalue()).decode()

    photo, told = synthetic.draw_face(8, size_px=256).photo, []
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned clockwise
    fields = {"direction": "photo-to-sketch", "points": "0.38,0.42,0.62,0.42,0.5,0.66"}
    lying = np.ascontiguousarray(np.rot90(photo))
    for given in (saved(photo), saved(lying, exif=exif), saved(lying)):
        answer = page.evaluate(UPLOAD, [given, fields])
        assert answer["ok"], answer["told"]
        told.append(pixels_of(answer["told"]["given"]))
    apart = [np.abs(one - told[0]).mean() for one in told[1:]]
    assert apart[0] < 2 and apart[1] > 10


# Uploads


def test_an_example_is_answered_and_saved(page):
    tab(page, "Upload")
    found = new_answers(
        page, [], lambda: page.get_by_role("button", name="example old-man").click()
    )
    assert len(found) == len(set(found)) == 3
    assert page.locator(".s2f-upload .s2f-status").inner_text().startswith("answered in")
    assert page.get_by_role("button", name="answer 2: its average").is_visible()  # as in the app
    assert page.locator(".s2f-ways label").all_inner_texts() == ["sketch → photo", "photo → sketch"]
    assert not page.locator(".s2f-upload").get_by_label("Enhancement").is_visible()
    with page.expect_download() as waiting:
        page.get_by_role("link", name="Download PNG").click()
    picture = Image.open(waiting.value.path())
    assert picture.size == (512, 512) and picture.text["Description"] == images.GENERATED_NOTE
    assert picture.text["s2f:answer"] == "rendered" and picture.text["s2f:model"] == weights.DEFAULT
    keep_picture(page, "page-upload")
    others = new_answers(
        page, found, lambda: page.get_by_role("button", name="Other answers").click()
    )
    assert not {found[0], found[2]} & set(others)


def test_of_what_is_no_face_none_is_made_until_somebody_insists(page):
    tab(page, "Upload")
    upload(page, scrawl(), "scrawl.png")
    wrong = page.locator(".s2f-upload .s2f-wrong")
    wrong.wait_for()
    assert "no face was found" in wrong.inner_text()
    before = answers(page)
    new_answers(page, before, lambda: page.get_by_role("button", name="Make a face anyway").click())


@pytest.mark.parametrize(
    ("way", "name"), [("sketch → photo", "photo-3"), ("photo → sketch", "hat")]
)
def test_a_photo_and_a_drawing_are_told_apart(page, way, name):
    tab(page, "Upload")
    picture = drawings.example(name) if name == "hat" else served.example(name)
    choose_way(page, way)
    upload(page, images.png_of(picture))
    offer = page.get_by_role("button", name="switch to")
    offer.wait_for()
    offer.click()
    until_answered(page)
    assert offer.count() == 0
    choose_way(page, "sketch → photo")


def test_what_is_no_picture_is_said(page):
    tab(page, "Upload")
    upload(page, b"no picture", "notes.txt")
    page.locator(".s2f-upload .s2f-wrong", has_text="this is no picture").wait_for()
