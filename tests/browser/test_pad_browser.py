"""The pad in Chromium with a host that answers at once, or when a test lets it: what is asked for,
by whom an answer is still wanted, and what comes back. No model answers here.
"""

from __future__ import annotations

import base64
import functools
import re
import shutil
import zlib

import numpy as np
import pytest
from PIL import Image, ImageDraw

from s2f_studio.page import drawing
from s2f_studio.page import page as studio_page
from s2f_studio.page.exported.page_folder import INDEX
from s2f_utils.pictures import images, masks
from tests import hostile

pytest.importorskip("playwright")
pytest.importorskip("playwright.sync_api")

from tests.browser import pages  # noqa: E402
from tests.browser.hands import (  # noqa: E402
    FACE,
    PAPER,
    SIZES,
    TILES,
    choose_way,
    keep_picture,
    settled,
    slide,
    status,
    stroke,
    upload,
    visited,
)
from tests.browser.pages import IN_BROWSER, until  # noqa: E402

pytestmark = IN_BROWSER
ADDRESS = "http://localhost/"
MODEL = {"kind": "model", "state": "ready", "size_px": 256, "chooses": False, "answers": 1}
MODELS = [
    MODEL
    | {"id": "sketch-to-photo", "title": "people", "direction": "sketch-to-photo"}
    | {"reads": "sketch", "chooses": True, "answers": 8, "previews": True},
    MODEL
    | {"id": "photo-to-sketch", "title": "sketches", "direction": "photo-to-sketch"}
    | {"reads": "photo"},
]
PEOPLE = "abcdefghijklmnopqrstuvwxyz"


@functools.cache
def png_of(text: str) -> bytes:
    """A picture that differs for each text."""
    picture = Image.new("RGB", (256, 256), (90 + 7 * (zlib.crc32(text.encode()) % 20), 140, 120))
    ImageDraw.Draw(picture).text((20, 120), text, fill="white")
    return images.png_of(np.asarray(picture))


class Host:
    """What answers the page. asked: the fields of each request for faces, in order. held: names of
    addresses whose answers wait, with those that do.
    """

    def __init__(self) -> None:
        self.asked: list[dict[str, str]] = []
        self.held: dict[str, list] = {}

    def answer(self, route) -> None:
        path = route.request.url.removeprefix(ADDRESS)
        name = path.split("/")[-1] if path.startswith("app/starts") else path
        if name in self.held:
            self.held[name].append(lambda: self.fulfil(route, path))
            return
        self.fulfil(route, path)

    def let_go(self, name: str) -> None:
        """Answer what was held; a request that the page has given up is past answering."""
        for fulfil in self.held.pop(name):
            fulfil()

    def fulfil(self, route, path: str) -> None:
        if path in ("", "app/files/"):
            route.fulfill(path=studio_page.INDEX)
        elif path.startswith("app/files/"):
            file = studio_page.STATIC / path.removeprefix("app/files/")
            route.fulfill(path=file, content_type=studio_page.TYPES[file.suffix])
        elif path == "app/about":
            route.fulfill(json=studio_page.about())
        elif path == "api/models":
            route.fulfill(json={"models": MODELS})
        elif path.startswith("app/starts/"):
            reads, name = path.split("/")[2:]
            picture = masks.shown(drawing.start_of(reads, name))
            route.fulfill(body=images.png_of(picture), content_type="image/png")
        elif path == "app/crop":
            route.fulfill(json=self.cropped(fields_of(route.request)))
        elif path == "api/translate":
            route.fulfill(json=self.faces(fields_of(route.request)))
        else:
            route.fulfill(json={"waiting": 0, "models": {}})

    def cropped(self, fields: dict[str, str]) -> dict:
        """What was sent, as it came."""
        found = {"points": None, "faces": [], "taken": 1, "warnings": [], "codes": []}
        return found | {"drawing": "data:image/png;base64," + fields["file"]}

    def faces(self, fields: dict[str, str]) -> dict:
        self.asked.append(fields)
        first = int(fields.get("seed", 0))
        if fields.get("answer") == "average":
            return {"pictures": [picture_json("average", None)], "warnings": []}
        if "keep" in fields:
            return {"pictures": [picture_json(fields["keep"], fields["keep"])], "warnings": []}
        count = int(fields.get("candidates", 1))
        seeds = [first, *(first + n for n in range(1, max(1, count - 1)))]
        people = [picture_json(f"{n} {fields.get('chosen', '')[:3]}", PEOPLE[n]) for n in seeds]
        average = [picture_json("average", None)] if count > 1 else []
        return {"pictures": [people[0], *average, *people[1:]], "warnings": []}


def picture_json(text: str, person: str | None) -> dict:
    return {"png": images.data_uri(png_of(text)), "person": person, "warnings": []}


def fields_of(request) -> dict[str, str]:
    """A form's fields; of the file what is in it, base64."""
    body = request.post_data_buffer
    found = {}
    boundary = body.split(b"\r\n", 1)[0]
    for part in body.split(boundary)[1:-1]:
        head, _, content = part.strip(b"\r\n").partition(b"\r\n\r\n")
        name = re.search(rb'name="(\w+)"', head)[1].decode()
        is_file = name == "file"
        found[name] = base64.b64encode(content).decode() if is_file else content.decode()
    return found


@pytest.fixture(scope="module")
def browser():
    with pages.browser() as started:
        yield started


@pytest.fixture(params=["desk"])
def page(request, browser):
    with visited(browser, ADDRESS, request.param) as page:
        page.set_default_timeout(15_000)
        page.host = Host()
        page.context.route(f"{ADDRESS}**", page.host.answer)
        page.goto(ADDRESS)
        settled(page)
        yield page


def drawn(number: int) -> bytes:
    """A drawing that is no other one; as the pad's, so that it is not made smaller."""
    picture = Image.new("RGB", (512, 512), "white")
    ImageDraw.Draw(picture).ellipse((100, 80 + 9 * number, 400, 400), outline="black", width=6)
    return hostile.saved(picture, "PNG")


def eight(page) -> None:
    page.locator(".s2f-answer button", has_text="ight").click()
    all_there(page)


def all_there(page) -> None:
    until(page, f"{TILES}.length === 8", slowest_s=15)
    settled(page)


def pick(page, number: int) -> None:
    page.get_by_role("button", name=f"answer {number}", exact=True).click()
    settled(page)


def letting_go(page):
    return page.get_by_role("button", name="This person stays: let go")


def start_anew(page) -> None:
    page.once("dialog", lambda asked: asked.accept())
    page.get_by_role("button", name="Put everything away").click()
    page.locator(".s2f-status", has_text="the drawing is empty").wait_for()


IS_EMPTY = """(() => {
  const canvas = document.querySelector('.s2f-paper canvas');
  const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
  return data.every((value) => value === 255);
})()"""
KEPT = "Object.values({ ...localStorage, ...sessionStorage }).join()"


def hold(page, name: str) -> None:
    page.host.held[name] = []


def wait_held(page, name: str, num: int = 1) -> None:
    while len(page.host.held[name]) < num:
        page.wait_for_timeout(20)


def asked_for(page) -> None:
    """Wait until a face was asked for since `asked` was cleared."""
    while not page.host.asked:
        page.wait_for_timeout(20)


def test_another_picture_is_somebody_else(page):
    """Also its seed, which another picture is begun without."""
    for act in (
        lambda: page.get_by_label("start from").select_option("beard"),
        lambda: upload(page, drawn(1)),
    ):
        eight(page)
        pick(page, 4)
        assert letting_go(page).is_visible()
        page.host.asked.clear()
        before = page.evaluate(PAPER)
        act()
        until(page, f"before => {PAPER} !== before", arg=before)
        asked_for(page)
        settled(page)
        assert letting_go(page).is_hidden() and page.locator(".s2f-faces").is_hidden()
        assert "keep" not in page.host.asked[-1] and page.host.asked[-1]["seed"] == "0"


@pytest.mark.parametrize("name", ["app/crop", "beard"])
def test_start_anew_ends_what_is_under_way(page, name):
    """An upload, or an example that comes later, came back and was stored."""
    hold(page, name)
    if name == "app/crop":
        upload(page, drawn(1))
    else:
        page.get_by_label("start from").select_option(name)
    wait_held(page, name)
    start_anew(page)
    page.host.let_go(name)
    page.wait_for_timeout(800)
    assert page.evaluate(IS_EMPTY) and page.evaluate(KEPT) == ""
    assert "the drawing is empty" in status(page)


def test_of_two_uploads_the_newer_one_is_the_drawing(page):
    """The first one's answer came last, and stood."""
    hold(page, "app/crop")
    upload(page, drawn(1))
    wait_held(page, "app/crop")
    first = page.host.held.pop("app/crop")
    before = page.evaluate(PAPER)
    upload(page, drawn(5))
    until(page, f"before => {PAPER} !== before", arg=before)
    newer = page.evaluate(PAPER)
    first[0]()
    page.wait_for_timeout(500)
    settled(page)
    assert page.evaluate(PAPER) == newer


SLOW = """() => {
  const made = window.createImageBitmap;
  window.createImageBitmap = async (file) => {
    await new Promise((done) => { window.goOn = done; });
    return made(file);
  };
}"""


def test_crop_here_sends_the_file_in_sight(page):
    """A large file is made smaller first, and another one is chosen meanwhile."""
    noise = Image.effect_noise((1500, 1500), 80).convert("RGB")
    large = hostile.saved(noise, "PNG")
    assert len(large) > 1_000_000
    page.evaluate(SLOW)
    upload(page, large)
    until(page, "!!window.goOn")
    small = drawn(3)
    upload(page, small)
    page.wait_for_timeout(300)
    page.evaluate("window.goOn()")
    page.wait_for_timeout(500)
    settled(page)
    sent = []
    faces = page.host.cropped
    page.host.cropped = lambda fields: sent.append(fields["file"]) or faces(fields)
    page.get_by_role("button", name="Place the eyes").click()
    page.get_by_role("button", name="Crop here").click()
    page.locator("dialog.s2f-crop").wait_for(state="hidden")
    assert base64.b64decode(sent[-1])[:3000] == small[:3000]


def test_a_preview_asks_for_who_stays(page):
    """The average answered every preview, and a blurred stranger stood there."""
    eight(page)
    pick(page, 4)
    page.host.asked.clear()
    stroke(page, (0.3, 0.9), (0.5, 0.93), (0.7, 0.9))
    page.wait_for_timeout(1500)
    settled(page)
    assert {"preview": "true"}.items() <= page.host.asked[0].items()
    for asked in page.host.asked:
        assert asked["answer"] == "person" and asked["keep"] == "d"


def test_a_drawing_after_clear_is_answered_by_the_usual_seed(page):
    """The seed of who was picked went on."""
    eight(page)
    pick(page, 4)
    page.get_by_role("button", name="Clear").click()
    stroke(page, (0.3, 0.4), (0.7, 0.4), (0.5, 0.7), (0.3, 0.4))
    settled(page)
    page.wait_for_timeout(1000)
    assert page.host.asked[-1]["seed"] == "0" and "keep" not in page.host.asked[-1]


def test_another_direction_and_back_brings_the_eight_and_who_stays(page):
    """The rounds were lost, the person and the seed were kept."""
    eight(page)
    pick(page, 4)
    tiles = page.evaluate(TILES)
    choose_way(page, "Photo → sketch")
    settled(page)
    assert page.host.asked[-1]["seed"] == "0"
    choose_way(page, "Sketch → photo")
    settled(page)
    assert page.evaluate(TILES) == tiles and letting_go(page).is_visible()
    page.wait_for_timeout(1000)
    settled(page)
    assert page.host.asked[-1]["seed"] == "3" and "keep" not in page.host.asked[-1]


def test_a_round_is_two_requests(page):
    """It was eight."""
    page.host.asked.clear()
    eight(page)
    assert [asked["seed"] for asked in page.host.asked] == ["0", "4"]
    assert len(set(page.evaluate(TILES))) == 8


def test_rounds_survive_a_reload_and_none_is_made_up(page):
    """They were lost, and before the last one an empty one could be gone back to."""
    eight(page)
    pick(page, 4)
    first = page.evaluate(TILES)
    page.get_by_role("button", name="More like this one").click()
    until(page, f"before => !{TILES}.some((one) => before.includes(one))", arg=first)
    all_there(page)
    second = page.evaluate(TILES)
    page.reload()
    all_there(page)
    assert page.evaluate(TILES) == second
    assert page.locator(".s2f-before img").count() == 1
    back = page.get_by_role("button", name="Back", exact=True)
    back.click()
    all_there(page)
    assert page.evaluate(TILES) == first and back.is_disabled()
    page.get_by_role("button", name="Forward", exact=True).click()
    all_there(page)
    assert page.evaluate(TILES) == second


def test_what_is_set_stands_beside_the_face_and_is_taken_back_there(page):
    page.locator("summary").click()
    slide(page, "Age", 1)
    slide(page, "Shape", 0.2)
    page.get_by_role("button", name="Skin: dark").click()
    settled(page)
    chips = page.locator(".s2f-chips button")
    assert chips.all_inner_texts() == ["Shape: 0.2 ×", "Age: old ×", "Skin: dark ×"]
    keep_picture(page, "chips")
    page.get_by_role("button", name="take back Age").click()
    settled(page)
    assert page.host.asked[-1]["person"].startswith("skin=")
    assert page.get_by_label("Age", exact=True).input_value() == "0"
    page.get_by_role("button", name="take back Shape").click()
    page.get_by_role("button", name="take back Skin").click()
    settled(page)
    assert chips.count() == 0


def test_steps_go_back_by_a_key_wherever_the_focus_is(page):
    """It was so only where the pad had it."""
    before = page.evaluate(PAPER)
    stroke(page, (0.3, 0.9), (0.7, 0.9))
    settled(page)
    page.get_by_role("link", name="About").focus()
    page.keyboard.press("Control+z")
    until(page, f"before => {PAPER} === before", arg=before)
    page.locator(".s2f-pad").press("Control+Shift+z")
    until(page, f"before => {PAPER} !== before", arg=before)


def test_the_exported_page_says_what_to_do_where_it_was_opened_by_a_double_click(browser, tmp_path):
    """It stayed empty, because a browser runs modules from a server alone."""
    shutil.copytree(studio_page.STATIC, tmp_path / "files")
    shutil.copyfile(INDEX, tmp_path / "index.html")
    with visited(browser, "file://", "phone") as page:
        page.goto((tmp_path / "index.html").as_uri())
        page.wait_for_timeout(3500)
        assert "python -m http.server" in page.locator("main").inner_text()
        colour = "getComputedStyle(document.querySelector('main p')).opacity"
        assert page.evaluate(colour) == "1"
        keep_picture(page, "double-click")


# What an artist found


def test_a_saved_picture_brings_its_person_back(page):
    given = page.evaluate(PAPER)
    face = np.full((64, 64, 3), 128, np.uint8)
    upload(
        page, images.png_of(np.asarray(face), generated=True, notes={"seed": "3", "person": "t"})
    )
    letting_go(page).wait_for()
    settled(page)
    assert page.evaluate(PAPER) == given and page.host.asked[-1]["keep"] == "t"


def test_who_is_let_go_does_not_give_way_to_the_first_guess(page):
    eight(page)
    pick(page, 4)
    face = page.evaluate(FACE)
    letting_go(page).click()
    page.wait_for_timeout(1200)
    settled(page)
    assert page.evaluate(FACE) == face and letting_go(page).is_hidden()
    assert page.host.asked[-1]["seed"] == "3"


def test_how_varied_the_eight_are_changes_nobody_who_stays(page):
    eight(page)
    pick(page, 4)
    large = page.host.asked[-1]
    slide(page, "How varied the faces are", 0.2)
    page.wait_for_timeout(1200)
    settled(page)
    changed = {"temperature", "keep"} & page.host.asked[-1].keys()
    assert not changed and page.host.asked[-1]["seed"] == large["seed"]
    assert page.locator(".s2f-old").count() == 8


def test_a_click_shows_the_face_at_full_size(page):
    page.get_by_role("button", name="Show the face at full size").click()
    whole = page.locator("dialog.s2f-whole")
    whole.wait_for()
    settled(page)
    assert page.host.asked[-1]["large"] == "true"
    keep_picture(page, "whole")
    whole.click()
    whole.wait_for(state="hidden")


@pytest.mark.parametrize("page", SIZES, indirect=True)
def test_it_fits(page):
    keep_picture(page, "begin")
    eight(page)
    pick(page, 4)
    slide(page, "Shape", 0.2)
    settled(page)
    keep_picture(page, "stays")
    width = page.viewport_size["width"]
    assert page.evaluate("document.documentElement.scrollWidth") <= width
