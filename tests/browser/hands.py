"""What a visitor does on a pad, whatever answers behind it: draw, choose, upload, look."""

from __future__ import annotations

import base64
import contextlib
import io
import os
from collections.abc import Iterator
from pathlib import Path

from PIL import Image

from tests.browser.pages import CHROMIUM, FLAGS, until

SLOWEST_S = 120.0  # a loaded machine may be slow, a page that never answers fails
SIZES = {"desk": (1280, 1000, "light"), "phone": (390, 844, "dark")}
FACE = "document.querySelector('.s2f-face').src"
PAPER = "document.querySelector('.s2f-paper canvas').toDataURL()"
READY = f"""!!document.querySelector('.s2f-face') && {FACE}.startsWith('data:image/png')
  && !document.querySelector('.s2f-busy')"""
OVER = """document.querySelector('.s2f-over').getContext('2d').getImageData(0, 0, 512, 512).data
  .some((value) => value > 0)"""
TILES = "[...document.querySelectorAll('.s2f-tile img')].map((one) => one.src)"


@contextlib.contextmanager
def opened(play, address: str, size: str, *flags: str) -> Iterator:
    """A page of a size in a Chromium of its own; it fails at the end where anything was asked of
    another host, or went wrong. `page.expected`: statuses that are meant.
    """
    browser = play.chromium.launch(executable_path=CHROMIUM, args=[*FLAGS, *flags])
    try:
        with visited(browser, address, size) as page:
            yield page
    finally:
        browser.close()


@contextlib.contextmanager
def visited(browser, address: str, size: str) -> Iterator:
    """The same in a browser that is there."""
    width, height, scheme = SIZES[size]
    viewport = {"width": width, "height": height}
    context = browser.new_context(viewport=viewport, color_scheme=scheme, accept_downloads=True)
    page = context.new_page()
    page.set_default_timeout(1000 * SLOWEST_S)
    page.size, page.wrong, page.expected, page.asked = size, [], [], []

    def asked(request) -> None:
        page.asked.append(request.url)
        if not request.url.startswith((address, "data:", "blob:")):
            page.wrong.append(request.url)

    def answered(response) -> None:
        if response.status >= 400 and response.status not in page.expected:
            page.wrong.append(f"{response.status} {response.url}")

    page.on("pageerror", lambda error: page.wrong.append(str(error)))
    page.on("request", asked)
    page.on("response", answered)
    try:
        yield page
        assert page.wrong == []
    finally:
        context.close()


def keep_picture(page, name: str) -> None:
    """Save the page where S2F_SCREENSHOTS names a folder, to be looked at."""
    if folder := os.environ.get("S2F_SCREENSHOTS"):
        page.screenshot(path=Path(folder) / f"{page.size}-{name}.png")


def settled(page) -> None:
    until(page, READY, slowest_s=SLOWEST_S)


def status(page) -> str:
    return page.locator(".s2f-status").inner_text()


def stroke(page, *points) -> None:
    """Draw with the mouse; points in shares of the paper's side."""
    page.locator(".s2f-paper").scroll_into_view_if_needed()
    box = page.locator(".s2f-paper").bounding_box()
    at = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in points]
    page.mouse.move(*at[0])
    page.mouse.down()
    for point in at[1:]:
        page.mouse.move(*point, steps=8)
    page.mouse.up()


def other_face(page, act) -> str:
    """The face after something was done that changes it."""
    before = page.evaluate(FACE)
    act()
    until(page, f"before => {FACE} !== before", arg=before, slowest_s=SLOWEST_S)
    settled(page)
    return page.evaluate(FACE)


def picture_of(uri: str) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2])))


def slide(page, name: str, value: float) -> None:
    page.get_by_label(name, exact=True).evaluate(
        "(node, value) => { node.value = value; node.dispatchEvent(new Event('change')); }", value
    )


def choose_way(page, name: str) -> None:
    page.get_by_role("radio", name=name).check()


def upload(page, content: bytes, name: str = "drawing.png") -> None:
    given = {"name": name, "mimeType": "image/png", "buffer": content}
    page.locator(".s2f-top input[type=file]").set_input_files(given)


def eight(page) -> list[str]:
    """Ask for eight faces, and wait for all."""
    page.locator(".s2f-answer button", has_text="ight").click()
    until(page, f"{TILES}.length === 8", slowest_s=2 * SLOWEST_S)
    settled(page)
    return page.evaluate(TILES)


def saved(page) -> tuple[str, Image.Image]:
    """The name and the picture of what the page saves."""
    with page.expect_download() as waiting:
        page.get_by_role("button", name="Save as PNG").click()
    name = waiting.value.suggested_filename
    picture = Image.open(waiting.value.path())
    settled(page)
    return name, picture
