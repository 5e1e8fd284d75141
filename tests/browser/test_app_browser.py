"""The web app in Chromium at a desk's width and at a phone's: draw, upload, both directions,
candidates, download.

`pip install playwright` and a Chromium (apt install chromium) are all it needs; without them it is
skipped. With S2F_SCREENSHOTS=folder the pages are saved there, to be looked at.
"""

from __future__ import annotations

import base64

import numpy as np
import pytest
from PIL import Image

from data_prep.procedural_faces import synthetic
from s2f_studio.drawings import prepare as drawings
from s2f_utils.pictures import images
from tests import hostile
from tests.hostile import house

pytest.importorskip("playwright")
sync_api = pytest.importorskip("playwright.sync_api")
pytest.importorskip("fastapi", reason="the extra 'app' is not installed: pip install -e '.[app]'")

from tests.browser.hands import (  # noqa: E402, I001
    DARK,
    FACE,
    OVER,
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
from tests.browser.pages import (  # noqa: E402
    CHROMIUM,
    CLOCK,
    FLAGS,
    IN_BROWSER,
    choose_model,
    free_port,
    served,
    until,
)

SLOWEST_S = 120.0  # a loaded machine may be slow, a page that never answers fails
SIZES = {"desk": (1280, 1000, "light"), "phone": (390, 844, "dark")}
pytestmark = IN_BROWSER


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    """`s2f app`, without a way to the network; its address."""
    folder = tmp_path_factory.mktemp("app")
    address = f"http://127.0.0.1:{(port := free_port())}"
    command = ["s2f_utils", "app", "--port", str(port), "--runs", str(folder), "--device", "cpu"]
    no_network = {"http_proxy": "http://127.0.0.1:9", "https_proxy": "http://127.0.0.1:9"}
    with served(command, f"{address}/health", folder, SLOWEST_S, **no_network):
        yield address


@pytest.fixture(scope="module", params=SIZES)
def page(request, address):
    """The page at one size; it fails at the end where anything was asked of another host, or went
    wrong.
    """
    width, height, scheme = SIZES[request.param]
    with sync_api.sync_playwright() as play:
        browser = play.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        options = {
            "viewport": {"width": width, "height": height},
            "color_scheme": scheme,
            "accept_downloads": True,
        }
        page = browser.new_context(**options).new_page()
        page.set_default_timeout(1000 * SLOWEST_S)
        page.size, page.wrong, page.expected = request.param, [], []
        page.on("pageerror", lambda error: page.wrong.append(str(error)))
        page.on(
            "request",
            lambda one: (
                one.url.startswith((address, "data:", "blob:")) or page.wrong.append(one.url)
            ),
        )
        page.on(
            "response",
            lambda one: (
                one.status < 400 or one.status in page.expected or page.wrong.append(one.url)
            ),
        )
        page.goto(address)
        until(page, f"document.querySelector('.s2f-face') && {FACE}.startsWith('data:image/png')")
        page.evaluate(CLOCK)
        yield page
        assert page.wrong == []
        browser.close()


def test_three_strokes_change_the_face(page):
    tab(page, "Draw")
    faces = [page.evaluate(FACE)]
    for points in (
        [(0.35, 0.75), (0.5, 0.79), (0.65, 0.74)],
        [(0.3, 0.42), (0.45, 0.4)],
        [(0.55, 0.4), (0.7, 0.42)],
    ):
        changed_by_stroke(page, *points)
        faces.append(page.evaluate(FACE))
    assert len(set(faces)) == 4
    times = page.evaluate("window.times")
    print(f"\n{page.size}, pencil up to picture:", ", ".join(f"{value:.0f} ms" for value in times))
    assert len(times) == 3
    words = picture_of(faces[-1]).text
    assert words["Description"] == images.GENERATED_NOTE and words["s2f:model"] == "sketch-to-photo"
    pad, face = (page.locator(one).bounding_box() for one in (".s2f-pad", ".s2f-face"))
    assert pad["width"] > 0.75 * page.viewport_size["width"]
    drawing = page.locator(".s2f-paper").bounding_box()
    if page.size == "desk":
        assert face["x"] > drawing["x"] + drawing["width"]
    else:
        assert face["y"] + face["height"] <= drawing["y"]
    page.evaluate("window.scrollTo(0, 0)")
    lowest = max(one["y"] + one["height"] for one in (face, drawing))
    foot = page.locator(".s2f-always").bounding_box()["y"]
    assert lowest - page.evaluate("window.scrollY") <= foot, "drawing and face on one screen"
    keep_picture(page, "draw")


def test_undo_brings_the_face_back_and_versions_are_kept(page):
    face = page.evaluate(FACE)
    changed_by_stroke(page, (0.2, 0.9), (0.8, 0.9))
    page.keyboard.press("Control+z")
    until(page, f"before => {FACE} === before", arg=face)
    settled(page)
    page.get_by_role("button", name="Keep this version").click()
    page.get_by_role("button", name="Go back to version 1").wait_for()
    settled(page)


def test_a_map_is_painted_with_the_label_brush(page):
    choose_model(page.locator(".s2f-pad"), "map-to-face-128")
    page.wait_for_selector('.s2f-pad[data-reads="map"]')
    settled(page)
    page.get_by_role("radio", name="hat").click()
    changed_by_stroke(page, (0.3, 0.2), (0.7, 0.2), (0.5, 0.15))
    keep_picture(page, "map")
    page.get_by_role("button", name="Go back to version 1").click()
    page.wait_for_selector('.s2f-pad[data-reads="sketch"]')
    settled(page)


def begun_again(page):
    page.reload()
    until(page, "document.querySelector('.s2f-version, .s2f-views')")
    settled(page)
    page.evaluate(CLOCK)


def test_drawing_settings_and_versions_survive_a_reload_and_can_be_left_behind(page):
    pad = page.locator(".s2f-pad")
    slide(page, "Shape", "0.35", pad)
    settled(page)
    changed_by_stroke(page, (0.15, 0.3), (0.2, 0.6))
    before = page.evaluate(PAPER), page.evaluate(FACE), pad.locator(".s2f-version").count()
    begun_again(page)
    assert (
        page.evaluate(PAPER),
        page.evaluate(FACE),
        pad.locator(".s2f-version").count(),
    ) == before
    assert pad.get_by_label("Shape", exact=True).input_value() == "0.35"
    page.once("dialog", lambda asked: asked.accept())
    pad.get_by_role("button", name="Start anew").click()
    until(page, f"before => {PAPER} !== before", before[0])
    pad.locator(".s2f-status", has_text="the drawing is empty").wait_for()
    settled(page)
    assert (
        pad.locator(".s2f-version").count() == 0
        and pad.get_by_label("Shape", exact=True).input_value() == "0.8"
    )
    assert pad.get_by_role(
        "button", name="Undo"
    ).is_disabled()  # or the drawing could be brought back
    fresh = page.evaluate(PAPER)
    assert page.evaluate(DARK, 0) == page.evaluate(DARK, 1) == 0  # empty paper, and no face
    assert (
        page.evaluate("getComputedStyle(document.querySelector('.s2f-face')).visibility")
        == "hidden"
    )
    begun_again(page)
    assert page.evaluate(PAPER) == fresh
    held = []
    page.route("**/app/starts/**", lambda route: held.append(route))
    pad.get_by_label("start from a drawn face").select_option("long-hair")
    while not held:
        page.wait_for_timeout(30)
    stroke(page, (0.1, 0.1), (0.9, 0.1))  # before the start is there, which then takes its place
    held[0].continue_()
    page.unroute("**/app/starts/**")
    until(
        page,
        f"before => {PAPER} !== before && {FACE}.startsWith('data:image/png')",
        page.evaluate(PAPER),
    )
    settled(page)
    shown = page.evaluate(PAPER)
    begun_again(page)
    assert page.evaluate(PAPER) == shown


def test_an_empty_pad_shows_where_a_face_goes(page):
    assert not page.evaluate(OVER)
    page.get_by_role("button", name="Clear the drawing").click()
    until(page, OVER)
    page.locator(".s2f-pad .s2f-status", has_text="the drawing is empty").wait_for()
    settled(page)
    keep_picture(page, "empty")
    changed = page.evaluate(PAPER)
    stroke(page, (0.3, 0.42), (0.4, 0.42))
    until(page, f"!({OVER})")
    assert page.evaluate(PAPER) != changed
    page.locator(".s2f-pad").press("Control+z")
    page.locator(".s2f-pad").press("Control+z")
    settled(page)


def test_upload_shows_several_answers_and_the_divider_moves(page):
    tab(page, "Upload")
    page.wait_for_selector(".s2f-examples img")
    found = new_answers(page, [], lambda: upload(page, hostile.GOOD["PNG"]()))
    assert len(found) == len(set(found)) == 3
    bar = page.get_by_label("divider between")
    bar.focus()
    clip = "getComputedStyle(document.querySelector('.s2f-after')).clipPath"
    before = page.evaluate(clip)
    page.keyboard.press("ArrowRight")
    assert page.evaluate(clip) != before
    keep_picture(page, "upload")
    page.locator(".s2f-answer").nth(2).click()
    assert page.evaluate("document.querySelector('.s2f-after').src") == found[2]


def test_the_download_is_a_png_that_says_what_it_is(page):
    with page.expect_download() as waiting:
        page.get_by_role("link", name="Download PNG").click()
    picture = Image.open(waiting.value.path())
    assert waiting.value.suggested_filename == "sketch-to-photo.png" and picture.size == (512, 512)
    assert picture.text["Description"] == images.GENERATED_NOTE


def test_points_are_moved_by_keyboard_and_by_mouse(page):
    before = answers(page)
    place = page.get_by_role("button", name="Place eyes and mouth")
    if (
        place.get_attribute("aria-pressed") == "false"
    ):  # else no face was found, and they are there already
        place.click()
    left = page.get_by_role("button", name="the eye on the left")
    left.wait_for()
    settled(page)
    moved = new_answers(page, before, lambda: [left.press("ArrowLeft") for _ in range(6)])
    box = left.bounding_box()

    def drag():
        page.mouse.move(box["x"] + 17, box["y"] + 17)
        page.mouse.down()
        page.mouse.move(box["x"] + 37, box["y"] + 27, steps=4)
        page.mouse.up()

    left.scroll_into_view_if_needed()
    box = left.bounding_box()
    assert new_answers(page, moved, drag) != moved
    assert abs(left.bounding_box()["x"] - box["x"] - 20) < 3
    keep_picture(page, "points")


def test_another_direction_keeps_the_picture(page):
    preview = page.locator(".s2f-preview img").get_attribute("src")
    choose_way(page, "photo → sketch")
    until_answered(page)
    assert page.locator(".s2f-preview img").get_attribute("src") == preview


def test_photo_to_sketch_and_map_to_face(page):
    for way, example in (("photo → sketch", "photo-3"), ("label map → face", "map-8")):
        choose_way(page, way)
        page.get_by_role("button", name=f"example {example}").click()
        until_answered(page)
        made = np.asarray(picture_of(page.evaluate("document.querySelector('.s2f-after').src")))
        assert made.std() > 15
        keep_picture(page, example)
    choose_way(page, "sketch → photo")


@pytest.mark.parametrize("how", ["paste", "drop"])
def test_a_picture_is_pasted_and_dropped(page, how):
    face = synthetic.draw_face(5, size_px=256)
    content = base64.b64encode(images.png_of(face.sketch)).decode()
    choose_way(page, "sketch → photo")
    page.evaluate(
        """async ([how, content]) => {
      const bytes = Uint8Array.from(atob(content), (one) => one.charCodeAt(0)), data = new DataTransfer();
      data.items.add(new File([bytes], 'face.png', { type: 'image/png' }));
      const pasted = new ClipboardEvent('paste', { clipboardData: data, bubbles: true });
      const dropped = new DragEvent('drop', { dataTransfer: data, bubbles: true });
      if (how === 'paste') document.dispatchEvent(pasted);
      else document.querySelector('.s2f-drop-zone').dispatchEvent(dropped);
    }""",
        [how, content],
    )
    until_answered(page)
    choose_way(page, "photo → sketch")
    choose_way(page, "sketch → photo")


def two_faces() -> bytes:
    pictures = [
        Image.fromarray(drawings.example(name)).resize((420, 510))
        for name in ("plain-man", "long-hair")
    ]
    both = Image.new("RGB", (840, 510), "white")
    for n, one in enumerate(pictures):
        both.paste(one, (420 * n, 0))
    return hostile.saved(both, "PNG")


@pytest.mark.detector
def test_of_two_faces_one_is_chosen_by_its_frame(page):
    tab(page, "Upload")
    found = new_answers(page, answers(page), lambda: upload(page, two_faces()))
    frames = page.locator(".s2f-frame")
    pressed = [one.get_attribute("aria-pressed") for one in frames.all()]
    assert sorted(pressed) == ["false", "true"]
    keep_picture(page, "two-faces")
    wanted = pressed.index("false")
    other = new_answers(page, found, lambda: frames.nth(wanted).click())
    assert frames.nth(wanted).get_attribute("aria-pressed") == "true" and other[0] != found[0]
    new_answers(page, other, lambda: upload(page, hostile.GOOD["PNG"]()))
    assert frames.count() == 0


@pytest.mark.detector
def test_of_what_has_no_face_one_is_made_only_when_somebody_insists(page):
    page.expected.append(422)
    upload(page, house())
    page.wait_for_selector(".s2f-upload .s2f-status.s2f-wrong")
    assert "no face was found" in page.locator(".s2f-upload .s2f-status").inner_text()
    assert page.locator(".s2f-result").is_hidden()
    keep_picture(page, "house")
    page.get_by_role("button", name="Make a face anyway").click()
    until_answered(page)
    assert page.get_by_role("button", name="Make a face anyway").count() == 0
    page.expected.clear()


def test_what_is_no_picture_is_said_and_the_page_goes_on(page):
    page.expected.append(415)
    upload(page, b"words, no picture", "face.png")
    page.wait_for_selector(".s2f-upload .s2f-status.s2f-wrong")
    assert (
        "this is text, whatever its name says"
        in page.locator(".s2f-upload .s2f-status").inner_text()
    )
    new_answers(page, [], lambda: upload(page, hostile.GOOD["JPEG"]()))
    assert page.locator(".s2f-upload .s2f-wrong").count() == 0
    page.expected.clear()


def test_two_pictures_may_be_chosen_before_the_models_are_known(page, address):
    """And where the app is away for a moment, the page says so and goes on when it is asked again."""
    other = page.context.new_page()
    other.set_default_timeout(1000 * SLOWEST_S)
    away, held = [True], []
    other.route("**/api/models", lambda route: route.abort() if away else held.append(route))
    other.goto(address)
    other.get_by_role("tab", name="Upload").click()
    until(
        other, "document.body.textContent.match(/the app does not answer/g)?.length === 2"
    )  # under Draw and Upload
    away.clear()
    other.get_by_role("button", name="Try again").click()
    for name in ("JPEG", "PNG"):
        upload(other, hostile.GOOD[name]())
    other.wait_for_timeout(500)
    new_answers(other, [], lambda: [route.continue_() for route in held])
    other.unroute("**/api/models")
    assert other.locator(".s2f-preview").is_visible()
    assert len(new_answers(other, answers(other), lambda: slide(other, "Shape", "0.1"))) == 3
    assert other.locator(".s2f-upload .s2f-model select").input_value() == "sketch-to-photo"
    other.wait_for_timeout(1500)  # what is waited for would be said once a second
    assert "answered in" in other.locator(".s2f-upload .s2f-status").inner_text()
    other.route("**/api/translate", lambda route: route.abort())
    upload(other, hostile.GOOD["JPEG"]())
    other.locator(".s2f-upload").get_by_text("the app does not answer").wait_for()
    assert other.locator(".s2f-result").is_hidden()  # it is somebody else's
    other.close()


def test_the_note_is_always_in_sight_and_nothing_is_cut_off(page):
    width, height = page.viewport_size["width"], page.viewport_size["height"]
    for name in ("Draw", "Upload", "Gallery", "About"):
        tab(page, name)
        page.wait_for_timeout(300)
        note = page.locator(".s2f-always")
        for top in (0, 10_000):
            page.evaluate("top => window.scrollTo(0, top)", top)
            box = note.bounding_box()
            assert note.is_visible() and box["y"] >= 0 and box["y"] + box["height"] <= height + 1
        assert images.GENERATED_NOTE in note.inner_text()
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        cut = page.evaluate(
            """width => [...document.querySelectorAll('.s2f-page, .s2f-page *')].filter((node) => {
          const box = node.getBoundingClientRect();
          return box.width > 1 && box.right > width + 1 && !node.closest('.s2f-hidden');
        }).map((node) => node.outerHTML.slice(0, 80))""",
            width,
        )
        assert cut == [], name
    page.evaluate("window.scrollTo(0, 0)")


def test_every_control_has_a_name_and_can_be_reached_by_keyboard(page):
    for name in ("Draw", "Upload"):
        tab(page, name)
        page.wait_for_timeout(300)
        unnamed = page.evaluate(
            """() => [...document.querySelectorAll('.s2f-page :is(button, select, input, a)')].filter((node) =>
          node.offsetParent !== null && !node.closest('[aria-hidden]') && !node.getAttribute('aria-label') &&
          !node.textContent.trim() && !node.closest('label')?.textContent.trim() &&
          !document.querySelector(`label[for="${node.id}"]`)).map((node) => node.outerHTML.slice(0, 90))"""
        )
        assert unnamed == []
    tab(page, "Upload")
    page.get_by_role("tab", name="Upload").focus()
    reached = set()
    for _ in range(60):
        page.keyboard.press("Tab")
        reached.add(
            page.evaluate(
                "document.activeElement.id || document.activeElement.getAttribute('aria-label')"
            )
        )
    assert {"s2f-file", "kind of answer"} <= reached


def test_text_can_be_read_in_this_theme(page):
    """Contrast of words against what is behind them: 4.5 and more (WCAG AA)."""
    for name in ("Draw", "Upload", "Gallery", "About"):
        tab(page, name)
        page.wait_for_timeout(300)
        low = page.evaluate(CONTRAST)
        assert low == [], name


CONTRAST = """() => {
  const canvas = Object.assign(document.createElement('canvas'), { width: 1, height: 1 });
  const pen = canvas.getContext('2d', { willReadFrequently: true });
  const over = (colour, below) => {
    pen.fillStyle = `rgb(${below.join(' ')})`; pen.fillRect(0, 0, 1, 1);
    pen.fillStyle = colour; pen.fillRect(0, 0, 1, 1);
    return [...pen.getImageData(0, 0, 1, 1).data].slice(0, 3);
  };
  const light = (rgb) => rgb.map((v) => v / 255).map((v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, n) => sum + v * [0.2126, 0.7152, 0.0722][n], 0);
  const behind = (node) => {
    const chain = [];
    for (let one = node; one; one = one.parentElement) chain.unshift(getComputedStyle(one).backgroundColor);
    return chain.reduce((below, colour) => over(colour, below), [255, 255, 255]);
  };
  return [...document.querySelectorAll('.s2f-page *')].filter((node) => node.offsetParent !== null && !node.disabled &&
    [...node.childNodes].some((child) => child.nodeType === 3 && child.textContent.trim())).map((node) => {
      const ground = behind(node), words = over(getComputedStyle(node).color, ground);
      const [a, b] = [light(ground), light(words)].sort((x, y) => y - x);
      return [(a + 0.05) / (b + 0.05), node.textContent.slice(0, 40)];
    }).filter(([ratio]) => ratio < 4.5);
}"""
