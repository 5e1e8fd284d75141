"""The web app in Chromium at a desk's width and at a phone's: draw, upload, crop, all directions,
eight faces, save.

`pip install playwright` and a Chromium (apt install chromium) are all it needs; without them it is
skipped. With S2F_SCREENSHOTS=folder the pages are saved there, to be looked at.
"""

from __future__ import annotations

import base64

import numpy as np
import pytest
from PIL import Image

from s2f_studio.drawings import prepare as drawings
from s2f_utils.pictures import images
from tests import hostile
from tests.people import person

pytest.importorskip("playwright")
sync_api = pytest.importorskip("playwright.sync_api")
pytest.importorskip("fastapi", reason="the extra 'app' is not installed: pip install -e '.[app]'")

from tests.browser.hands import (  # noqa: E402
    FACE,
    OVER,
    PAPER,
    SIZES,
    SLOWEST_S,
    TILES,
    choose_way,
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
    upload,
)
from tests.browser.pages import CLOCK, IN_BROWSER, free_port, served, until  # noqa: E402

pytestmark = IN_BROWSER


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    """`s2f app`, without a way to the network; its address."""
    folder = tmp_path_factory.mktemp("app")
    address = f"http://127.0.0.1:{(port := free_port())}"
    command = ["s2f_studio", "app", "--port", str(port), "--runs", str(folder), "--device", "cpu"]
    no_network = {"http_proxy": "http://127.0.0.1:9", "https_proxy": "http://127.0.0.1:9"}
    with served(command, f"{address}/health", folder, SLOWEST_S, **no_network):
        yield address


@pytest.fixture(scope="module", params=SIZES)
def page(request, address):
    with sync_api.sync_playwright() as play, opened(play, address, request.param) as page:
        page.goto(address)
        settled(page)
        page.evaluate(CLOCK)
        yield page


# Drawing


def test_three_strokes_change_the_face(page):
    faces = [page.evaluate(FACE)]
    for points in (
        [(0.35, 0.75), (0.5, 0.79), (0.65, 0.74)],
        [(0.3, 0.42), (0.45, 0.4)],
        [(0.55, 0.4), (0.7, 0.42)],
    ):
        faces.append(other_face(page, lambda points=points: stroke(page, *points)))
    assert len(set(faces)) == 4
    times = page.evaluate("window.times")
    print(f"\n{page.size}, pencil up to picture:", ", ".join(f"{value:.0f} ms" for value in times))
    notes = picture_of(faces[-1]).text
    assert notes["Description"] == images.GENERATED_NOTE and notes["s2f:model"] == "sketch-to-photo"
    face, drawing = (page.locator(one).bounding_box() for one in (".s2f-face", ".s2f-paper"))
    if page.size == "desk":
        assert face["x"] > drawing["x"] + drawing["width"]
    else:
        assert face["y"] + face["height"] <= drawing["y"]
    page.evaluate("window.scrollTo(0, 0)")
    lowest = max(one["y"] + one["height"] for one in (face, drawing))
    foot = page.locator(".s2f-always").bounding_box()["y"]
    assert lowest - page.evaluate("window.scrollY") <= foot, "drawing and face on one screen"
    keep_picture(page, "draw")


def test_undo_brings_the_face_back(page):
    face = page.evaluate(FACE)
    other_face(page, lambda: stroke(page, (0.2, 0.9), (0.8, 0.9)))
    page.locator(".s2f-pad").press("Control+z")
    until(page, f"before => {FACE} === before", arg=face)
    settled(page)


FORGET_EIGHT = """() => {
  for (const place of [sessionStorage, localStorage]) {
    for (const key of Object.keys(place).filter((one) => one.startsWith("sketch-to-face"))) {
      const kept = JSON.parse(place.getItem(key));
      delete kept.drawings.sketch?.rounds;
      place.setItem(key, JSON.stringify(kept));
    }
  }
}"""


def begun_again(page):
    """Reload: the drawing and the settings come back, the eight faces do not."""
    page.evaluate(FORGET_EIGHT)
    page.reload()
    settled(page)
    page.evaluate(CLOCK)


KEPT = """(() => {
  const key = Object.keys(sessionStorage).find((one) => one.startsWith("sketch-to-face"));
  return JSON.parse(sessionStorage.getItem(key)).drawings.sketch.keep;
})()"""


def person_of(face: str) -> str:
    return picture_of(face).text["s2f:person"]


def pick(page, *numbers: int) -> None:
    for number in numbers:
        page.get_by_role("button", name=f"answer {number}", exact=True).click()
    settled(page)


def pressed(page) -> list[str]:
    return [
        one.get_attribute("title") for one in page.locator(".s2f-tile[aria-pressed=true]").all()
    ]


def new_eight(page, name: str, before: list[str]) -> list[str]:
    """The eight after a button was pressed, once none of those before is left."""
    page.get_by_role("button", name=name).click()
    gone = f"before => {TILES}.length === 8 && !{TILES}.some((one) => before.includes(one))"
    until(page, gone, arg=before, slowest_s=2 * SLOWEST_S)
    settled(page)
    return page.evaluate(TILES)


def requests_of(page) -> int:
    return sum(url.endswith("/api/translate") for url in page.asked)


def test_eight_faces_are_eight_people_and_one_is_shown_large(page):
    made = eight(page)
    assert len(set(made)) == 8 and picture_of(made[3]).size == (256, 256)
    keep_picture(page, "eight")
    before = requests_of(page)
    pick(page, 4)
    shown = page.evaluate(FACE)
    assert picture_of(shown).size == (512, 512) and person_of(shown) == person_of(made[3])
    assert requests_of(page) == before + 1
    assert page.get_by_label("A person's code").input_value() == person_of(shown)
    other_face(page, lambda: stroke(page, (0.45, 0.9), (0.55, 0.9)))
    assert page.evaluate(KEPT) == person_of(made[3])


def test_eight_faces_stay_in_grey_after_a_change_until_they_are_made_anew(page):
    made = page.evaluate(TILES)
    assert page.locator(".s2f-old").count() == 8 and pressed(page) == ["answer 4"]
    anew = new_eight(page, "Make these eight anew", made)
    assert [picture_of(one).text["s2f:seed"] for one in anew] == [str(n) for n in range(8)]
    assert page.locator(".s2f-old").count() == 0 and pressed(page) == []
    pick(page, 4)
    assert person_of(page.evaluate(FACE)) == person_of(anew[3])
    other_face(page, lambda: slide(page, "Shape", 0.3))
    assert page.locator(".s2f-old").count() == 8
    keep_picture(page, "old")
    other_face(page, lambda: slide(page, "Shape", 0.8))
    assert page.locator(".s2f-old").count() == 0  # the settings are those of the eight again
    usual = page.get_by_role("button", name="Follow the drawing")
    assert usual.is_hidden()
    slide(page, "How varied the faces are", 0.2)
    settled(page)
    assert page.locator(".s2f-old").count() == 8
    usual.click()
    settled(page)
    assert page.locator(".s2f-old").count() == 0 and usual.is_hidden()


def test_a_cleared_drawing_comes_back_with_its_eight_faces_and_who_was_picked(page):
    face, made = page.evaluate(FACE), page.evaluate(TILES)
    page.get_by_role("button", name="Clear").click()
    page.locator(".s2f-status", has_text="the drawing is empty").wait_for()
    assert page.locator(".s2f-faces").is_hidden()
    page.locator(".s2f-pad").press("Control+z")
    page.locator(".s2f-status", has_text="answered in").wait_for()
    assert page.evaluate(FACE) == face and page.evaluate(TILES) == made
    assert page.locator(".s2f-old").count() == 0 and pressed(page) == ["answer 4"]
    assert page.get_by_role("button", name="This person stays: let go").is_visible()


def test_who_was_picked_stays_until_let_go_and_the_eight_come_back_after_a_reload(page):
    begun_again(page)
    made = eight(page)
    pick(page, 3)
    kept = page.get_by_role("button", name="This person stays: let go")
    assert kept.is_visible()
    page.reload()
    until(page, f"{TILES}.length === 8", slowest_s=2 * SLOWEST_S)
    settled(page)
    people = [person_of(one) for one in page.evaluate(TILES)]
    assert people == [person_of(one) for one in made]
    assert pressed(page) == ["answer 3"] and kept.is_visible()
    assert person_of(page.evaluate(FACE)) == people[2] == page.evaluate(KEPT)
    page.evaluate(CLOCK)
    kept.click()
    settled(page)
    assert pressed(page) == [] and kept.is_hidden()


def test_a_code_that_is_pasted_stays_and_one_that_is_none_is_said(page):
    typed = page.get_by_label("A person's code")
    somebody = typed.input_value()
    other_face(page, lambda: slide(page, "Age", 1))
    page.expected.append(422)
    typed.fill("412")
    typed.press("Enter")
    page.locator(".s2f-status.s2f-wrong", has_text="a person is a code").wait_for()
    page.expected.clear()
    typed.fill(somebody)
    typed.press("Enter")
    settled(page)
    assert page.evaluate(KEPT) == somebody
    page.get_by_role("button", name="This person stays: let go").click()
    settled(page)
    slide(page, "Age", 0)
    settled(page)
    assert page.evaluate(KEPT) is None


def test_what_a_person_does_not_show_is_named(page):
    begun_again(page)
    page.locator("summary").click()
    for name in ("Skin: dark", "Hair colour: white"):  # with a hat and curls, more than one has
        page.get_by_role("button", name=name).click()
    slide(page, "Hat", 1)
    slide(page, "Curls", 1)
    settled(page)
    assert "not as you drew or asked: " in page.locator(".s2f-status").inner_text()
    page.get_by_role("button", name="Reset all").click()
    settled(page)
    assert "not as you drew or asked" not in page.locator(".s2f-status").inner_text()


def test_choosing_shows_people_around_the_picks_and_goes_back_and_forward(page):
    begun_again(page)
    first = eight(page)
    more = page.get_by_role("button", name="More like")
    assert more.is_disabled()
    pick(page, 4, 6)
    alike = new_eight(page, "More like these two", first)
    keep_picture(page, "choosing")
    shown = page.locator(".s2f-before img").all()
    assert [one.get_attribute("src") for one in shown] == [first[3], first[5]]
    pick(page, 9)
    notes = picture_of(page.evaluate(FACE)).text
    people = [person_of(one) for one in first]
    passed = ",".join(people[n] for n in (0, 1, 2, 4, 6, 7))
    assert (notes["s2f:seed"], notes["s2f:chosen"]) == ("8", f"{people[3]},{people[5]}/{passed}")
    page.get_by_role("button", name="answer 4, picked before").click()
    settled(page)
    assert person_of(page.evaluate(FACE)) == people[3]
    pick(page, 10, 10)  # taken back: the one who is still picked is shown, and would be saved
    assert person_of(page.evaluate(FACE)) == person_of(alike[0])
    assert pressed(page) == ["answer 9"]
    others = new_eight(page, "Eight others", alike)
    before = requests_of(page)
    for name, wanted, picked in (
        ("Back", alike, ["answer 9"]),
        ("Back", first, ["answer 4", "answer 6"]),
        ("Forward", alike, ["answer 9"]),
        ("Forward", others, []),
    ):
        page.get_by_role("button", name=name, exact=True).click()
        settled(page)
        assert page.evaluate(TILES) == wanted and pressed(page) == picked
        if picked:  # the last one picked is shown, and would be saved
            large = wanted[int(picked[-1].split()[1]) % 8 - 1]
            assert person_of(page.evaluate(FACE)) == person_of(large)
    assert page.get_by_role("button", name="Forward").is_disabled()
    assert requests_of(page) == before + 3  # the large faces alone


def test_the_eight_lie_in_sight_where_they_are_asked_for(page):
    """Whatever is open beside them."""
    begun_again(page)
    height = 800
    page.set_viewport_size({**page.viewport_size, "height": height})
    page.get_by_text("The person", exact=True).click()
    page.evaluate("window.scrollTo(0, 0)")
    page.get_by_role("button", name="Show eight faces").click()
    page.locator(".s2f-tile img").first.wait_for()
    page.wait_for_timeout(1000)  # it scrolls
    tiles, large = (page.locator(one).bounding_box() for one in (".s2f-faces", ".s2f-face"))
    assert 0 <= large["y"] < large["y"] + large["height"] <= tiles["y"]
    assert tiles["y"] + tiles["height"] <= page.locator(".s2f-always").bounding_box()["y"]
    width, before = SIZES[page.size][:2]
    page.set_viewport_size({"width": width, "height": before})


def test_a_stroke_ends_what_is_still_asked_for(page):
    begun_again(page)
    page.get_by_role("button", name="Show eight faces").click()
    page.locator(".s2f-tile img").first.wait_for()
    other_face(page, lambda: stroke(page, (0.4, 0.92), (0.6, 0.92)))
    num = page.locator(".s2f-tile img").count()
    page.wait_for_timeout(2000)
    assert num < 8 and page.locator(".s2f-tile img").count() == num


def test_a_face_is_saved_larger_and_says_what_it_is(page):
    name, picture = saved(page)
    shown = picture_of(page.evaluate(FACE))
    seed = shown.text["s2f:seed"]
    assert name == f"sketch-to-photo-{seed}.png" and picture.size == (1024, 1024)
    assert picture.text["Description"] == shown.text["Description"] == images.GENERATED_NOTE
    apart = np.asarray(picture.reduce(2)).astype(int) - np.asarray(shown)
    assert np.abs(apart).mean() < 4  # the same face


def test_every_control_changes_the_answer(page):
    kinds = page.get_by_label("kind of answer")
    faces = [page.evaluate(FACE)]
    for act in (
        lambda: kinds.select_option("average"),
        lambda: kinds.select_option("person"),
        lambda: slide(page, "Shape", 0.1),
        lambda: slide(page, "Enhance", 1),
        lambda: slide(page, "Enhance", 0),
        lambda: slide(page, "Age", 1),
        lambda: slide(page, "Man or woman", -1),
    ):
        faces.append(other_face(page, act))
    assert faces[0] == faces[2] and faces[3] == faces[5]
    assert len(set(faces)) == 6
    assert page.get_by_text("The person (2 set)").is_visible()
    notes = picture_of(faces[-1]).text
    assert notes["s2f:likely"] == "0.1"
    assert (notes["s2f:age"], notes["s2f:presents"]) == ("1", "-1")


def test_colours_of_skin_and_hair_are_said_and_taken_back(page):
    begun_again(page)
    kept = page.get_by_role("button", name="This person stays: let go")
    if kept.is_visible():  # of a test before: they would stay whatever is asked for
        kept.click()
        settled(page)
    title = page.locator("summary")
    title.click()
    before, said = page.evaluate(FACE), title.inner_text()
    for name in ("Skin: dark", "Hair colour: white"):
        page.get_by_role("button", name=name).click()
        settled(page)
    keep_picture(page, "colours")
    notes = picture_of(page.evaluate(FACE)).text
    assert (notes["s2f:skin"], notes["s2f:hair"]) == ("#6f4430", "#bcb8b3")
    dark = np.asarray(picture_of(page.evaluate(FACE))).astype(int)[192:384, 192:320].mean()
    page.get_by_role("button", name="Skin: light").first.click()
    settled(page)
    light = np.asarray(picture_of(page.evaluate(FACE))).astype(int)[192:384, 192:320].mean()
    assert dark < light - 20
    for name in ("Skin: light", "Hair colour: white"):
        page.get_by_role("button", name=name).click()
        settled(page)
    assert page.evaluate(FACE) == before and title.inner_text() == said


def test_drawing_and_settings_survive_a_reload_and_can_be_put_away(page):
    other_face(page, lambda: stroke(page, (0.15, 0.3), (0.2, 0.6)))
    before = page.evaluate(PAPER), page.evaluate(FACE)
    begun_again(page)
    assert (page.evaluate(PAPER), page.evaluate(FACE)) == before
    assert page.get_by_label("Shape", exact=True).input_value() == "0.1"
    page.once("dialog", lambda asked: asked.accept())
    page.get_by_role("button", name="Put everything away").click()
    page.locator(".s2f-status", has_text="the drawing is empty").wait_for()
    assert page.get_by_label("Shape", exact=True).input_value() == "0.8"
    assert page.get_by_role("button", name="Undo").is_disabled()  # or it could be brought back
    assert page.evaluate(OVER)  # an empty pad shows where a face goes
    assert not page.locator(".s2f-face").is_visible()
    assert page.evaluate("localStorage.length + sessionStorage.length") == 0
    begun_again(page)  # with an example
    assert page.evaluate(PAPER) != before[0]
    assert "answered in" in status(page)


def test_a_stroke_before_a_start_has_come_is_put_away_with_what_was_there(page):
    held = []
    page.route("**/app/starts/**", lambda route: held.append(route))
    before = page.evaluate(PAPER)
    page.get_by_label("start from").select_option("old-man")
    while not held:
        page.wait_for_timeout(30)
    stroke(page, (0.1, 0.1), (0.9, 0.1))
    held[0].continue_()
    page.unroute("**/app/starts/**")
    until(page, f"before => {PAPER} !== before", arg=before)
    settled(page)
    shown = page.evaluate(PAPER)
    begun_again(page)
    assert page.evaluate(PAPER) == shown


def test_a_face_picked_before_stays_and_an_empty_paper_has_no_rounds(page):
    begun_again(page)
    first = eight(page)
    pick(page, 4)
    alike = new_eight(page, "More like this one", first)
    others = new_eight(page, "Eight others", alike)
    page.get_by_role("button", name="answer 4, picked before").click()
    other_face(page, lambda: stroke(page, (0.45, 0.9), (0.55, 0.9)))
    assert page.evaluate(KEPT) == person_of(first[3])
    pick(page, 17)
    assert page.evaluate(KEPT) == person_of(others[0])
    page.get_by_role("button", name="Clear").click()
    page.locator(".s2f-status", has_text="the drawing is empty").wait_for()
    assert page.locator(".s2f-faces").is_hidden()
    stroke(page, (0.35, 0.4), (0.65, 0.4), (0.5, 0.75), (0.35, 0.4))
    settled(page)
    assert page.locator(".s2f-faces").is_hidden()
    assert page.get_by_role("button", name="This person stays: let go").is_hidden()


def test_another_example_or_upload_is_somebody_else(page):
    begun_again(page)
    begin = page.get_by_label("start from")
    for act in (
        lambda: begin.select_option("beard"),
        lambda: upload(page, hostile.GOOD["PNG"]()),
    ):
        eight(page)
        page.locator(".s2f-tile").first.click()
        settled(page)
        assert page.evaluate(KEPT) is not None
        other_face(page, act)
        assert page.evaluate(KEPT) is None and page.locator(".s2f-faces").is_hidden()


def test_a_refusal_is_said_and_the_pad_goes_on(page):
    page.expected.append(503)
    page.route("**/api/translate", lambda route: route.fulfill(status=503, json={"detail": "busy"}))
    stroke(page, (0.1, 0.15), (0.2, 0.15))
    page.locator(".s2f-status.s2f-wrong", has_text="busy").wait_for()
    page.unroute("**/api/translate")
    page.route("**/api/translate", lambda route: route.fulfill(body="no JSON"))
    stroke(page, (0.1, 0.2), (0.2, 0.2))
    page.locator(".s2f-status.s2f-wrong", has_text="the app does not answer").wait_for()
    page.unroute("**/api/translate")
    other_face(page, lambda: stroke(page, (0.1, 0.25), (0.2, 0.25)))
    assert "answered in" in status(page)
    page.expected.clear()


# Directions


def test_a_photo_becomes_a_sketch_and_a_map_is_painted(page):
    sketch = page.evaluate(PAPER)
    other_face(page, lambda: choose_way(page, "Photo → sketch"))
    made = np.asarray(picture_of(page.evaluate(FACE)))
    assert made.std() > 15 and page.locator(".s2f-tools").is_hidden()
    keep_picture(page, "photo")
    assert saved(page)[0] == "photo-to-sketch.png"
    other_face(page, lambda: choose_way(page, "Map → photo"))
    page.get_by_role("radio", name="hat").click()
    other_face(page, lambda: stroke(page, (0.3, 0.2), (0.7, 0.2), (0.5, 0.15)))
    colours = page.evaluate("""() => {
      const canvas = document.querySelector('.s2f-paper canvas');
      const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
      return new Set(new Uint32Array(data.buffer)).size;
    }""")
    assert 5 < colours <= 19  # no soft edges between two classes
    keep_picture(page, "map")
    other_face(page, lambda: choose_way(page, "Sketch → photo"))
    assert page.evaluate(PAPER) == sketch


# Uploads


def test_an_upload_becomes_the_drawing_and_its_crop_is_moved_by_hand(page):
    other_face(page, lambda: upload(page, hostile.GOOD["PNG"]()))
    placed = page.evaluate(PAPER)
    page.get_by_role("button", name="Place the eyes").click()
    left = page.get_by_role("button", name="the eye on the left")
    for _ in range(4):
        left.press("ArrowLeft")
    box = page.get_by_role("button", name="the eye on the right").bounding_box()
    page.mouse.move(box["x"] + 17, box["y"] + 17)
    page.mouse.down()
    page.mouse.move(box["x"] + 37, box["y"] + 17, steps=4)
    page.mouse.up()
    keep_picture(page, "crop")
    other_face(page, lambda: page.get_by_role("button", name="Crop here").click())
    assert page.evaluate(PAPER) != placed
    assert page.locator("dialog.s2f-crop").is_hidden()


@pytest.mark.parametrize("how", ["paste", "drop"])
def test_a_picture_is_pasted_and_dropped(page, how):
    face = person(5 if how == "paste" else 6, size_px=256)
    content = base64.b64encode(images.png_of(face.sketch)).decode()
    code = """([how, content]) => {
      const bytes = Uint8Array.from(atob(content), (one) => one.charCodeAt(0));
      const data = new DataTransfer();
      data.items.add(new File([bytes], 'face.png', { type: 'image/png' }));
      const event = how === 'paste'
        ? new ClipboardEvent('paste', { clipboardData: data, bubbles: true })
        : new DragEvent('drop', { dataTransfer: data, bubbles: true });
      document.querySelector('.s2f-paper').dispatchEvent(event);
    }"""
    other_face(page, lambda: page.evaluate(code, [how, content]))


def two_faces() -> bytes:
    both = Image.new("RGB", (840, 510), "white")
    for n, name in enumerate(("plain-man", "long-hair")):
        both.paste(Image.fromarray(drawings.example(name)).resize((420, 510)), (420 * n, 0))
    return hostile.saved(both, "PNG")


def test_of_two_faces_one_is_chosen_by_its_frame(page):
    other_face(page, lambda: upload(page, two_faces()))
    assert "2 faces" in status(page)
    page.get_by_role("button", name="Place the eyes").click()
    frames = page.locator(".s2f-frame")
    pressed = [one.get_attribute("aria-pressed") for one in frames.all()]
    assert sorted(pressed) == ["false", "true"]
    keep_picture(page, "two-faces")
    other_face(page, lambda: frames.nth(pressed.index("false")).click())


def test_of_what_has_no_face_one_is_made_only_when_somebody_insists(page):
    page.expected.append(422)
    before = page.evaluate(PAPER)
    upload(page, hostile.house())
    anyway = page.get_by_role("button", name="Take it without a face")
    anyway.wait_for()
    assert "no face was found" in page.locator("dialog p").inner_text()
    assert page.evaluate(PAPER) == before
    keep_picture(page, "house")
    other_face(page, anyway.click)
    page.expected.clear()


def test_a_photo_among_drawings_is_offered_the_other_way(page):
    page.expected.append(422)
    photo = person(8, size_px=256).photo
    upload(page, images.png_of(photo))
    offer = page.get_by_role("button", name="This is a photo")
    anyway = page.get_by_role("button", name="Take it without a face")
    offer.or_(anyway).first.wait_for()
    if anyway.is_visible():
        anyway.click()
    offer.wait_for()
    settled(page)
    offer.click()
    page.wait_for_selector('.s2f-pad[data-reads="photo"]')
    settled(page)
    choose_way(page, "Sketch → photo")
    settled(page)
    page.expected.clear()


def test_what_is_no_picture_is_said_and_the_page_goes_on(page):
    page.expected.append(415)
    upload(page, b"words, no picture", "face.png")
    page.locator(".s2f-status.s2f-wrong", has_text="this is text").wait_for()
    other_face(page, lambda: upload(page, hostile.GOOD["JPEG"]()))
    assert page.locator(".s2f-wrong").count() == 0
    page.expected.clear()


# The page


def test_where_the_app_is_away_the_page_says_so_and_can_be_opened_again(page, address):
    other = page.context.new_page()
    other.set_default_timeout(1000 * SLOWEST_S)
    other.route("**/api/models", lambda route: route.abort())
    other.goto(address)
    other.get_by_text("the app does not answer").wait_for()
    other.unroute("**/api/models")
    other.get_by_role("button", name="Try again").click()
    settled(other)
    other.close()


def checked_pages(page, address):
    """The pad and what is about it, one after the other."""
    yield "pad"
    page.get_by_role("link", name="About").click()
    page.wait_for_load_state()
    keep_picture(page, "about")
    yield "about"
    page.get_by_role("link", name="Back to the pad").click()
    settled(page)


def test_the_note_is_in_sight_nothing_is_cut_off_and_text_can_be_read(page, address):
    width, height = page.viewport_size["width"], page.viewport_size["height"]
    for name in checked_pages(page, address):
        note = page.locator(".s2f-always")
        for top in (0, 10_000):
            page.evaluate("top => window.scrollTo(0, top)", top)
            box = note.bounding_box()
            assert note.is_visible() and box["y"] >= 0 and box["y"] + box["height"] <= height + 1
        assert images.GENERATED_NOTE in note.inner_text()
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.evaluate(CUT_OFF, width) == [], name
        assert page.evaluate(CONTRAST) == [], name
        assert page.evaluate(UNNAMED) == [], name
        page.evaluate("window.scrollTo(0, 0)")


def test_every_control_can_be_reached_by_keyboard(page):
    page.get_by_role("link", name="About").focus()
    reached = set()
    for _ in range(40):
        page.keyboard.press("Tab")
        reached.add(page.evaluate("document.activeElement.getAttribute('aria-label')"))
    wanted = {"kind of answer", "Shape", "Save as PNG; its metadata say that it is generated"}
    assert wanted <= reached


CUT_OFF = """width => [...document.querySelectorAll('body *')].filter((node) => {
  const box = node.getBoundingClientRect();
  return box.width > 1 && box.right > width + 1;
}).map((node) => node.outerHTML.slice(0, 80))"""
UNNAMED = """() => [...document.querySelectorAll('button, select, input, a')].filter((node) =>
  node.offsetParent !== null && !node.getAttribute('aria-label') && !node.textContent.trim() &&
  !node.closest('label')?.textContent.trim()).map((node) => node.outerHTML.slice(0, 90))"""
# Words against what is behind them: 4.5 and more (WCAG AA).
CONTRAST = """() => {
  const canvas = Object.assign(document.createElement('canvas'), { width: 1, height: 1 });
  const pen = canvas.getContext('2d', { willReadFrequently: true });
  const over = (colour, below) => {
    for (const one of [`rgb(${below.join(' ')})`, colour]) {
      pen.fillStyle = one;
      pen.fillRect(0, 0, 1, 1);
    }
    return [...pen.getImageData(0, 0, 1, 1).data].slice(0, 3);
  };
  const linear = (v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
  const light = (rgb) => rgb.map((v) => linear(v / 255))
    .reduce((sum, v, n) => sum + v * [0.2126, 0.7152, 0.0722][n], 0);
  const behind = (node) => {
    const chain = [];
    for (let one = node; one; one = one.parentElement) chain.unshift(one);
    return chain.map((one) => getComputedStyle(one).backgroundColor)
      .reduce((below, colour) => over(colour, below), [255, 255, 255]);
  };
  const hasText = (node) => node.offsetParent !== null && !node.disabled &&
    [...node.childNodes].some((child) => child.nodeType === 3 && child.textContent.trim());
  return [...document.querySelectorAll('body *')].filter(hasText).map((node) => {
    const ground = behind(node), words = over(getComputedStyle(node).color, ground);
    const [a, b] = [light(ground), light(words)].sort((x, y) => y - x);
    return [(a + 0.05) / (b + 0.05), node.textContent.slice(0, 40)];
  }).filter(([ratio]) => ratio < 4.5);
}"""
