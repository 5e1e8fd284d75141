"""What a visitor does on the app's page, with or without a server behind it: draw, choose, upload,
look.
"""

from __future__ import annotations

import base64
import io
import os
from pathlib import Path

from PIL import Image

from tests.browser.pages import until

FACE = "document.querySelector('.s2f-face').src"
PAPER = "document.querySelector('.s2f-paper canvas').toDataURL()"
DARK = """side => {
  const canvas = document.querySelector('.s2f-paper canvas'), { width, height } = canvas;
  const { data } = canvas.getContext('2d').getImageData(side * width / 2, 0, width / 2, height);
  return data.reduce((sum, value, n) => sum + (n % 4 ? 0 : 255 - value), 0);
}"""
OVER = """document.querySelector('.s2f-paper .s2f-over').getContext('2d').getImageData(0, 0, 512, 512).data
  .some((value) => value > 0)"""


def keep_picture(page, name):
    if folder := os.environ.get("S2F_SCREENSHOTS"):
        page.screenshot(path=Path(folder) / f"{page.size}-{name}.png", full_page=True)


def tab(page, name):
    page.get_by_role("tab", name=name).click()


def stroke(page, *points):
    """Draw with the mouse; points in shares of the paper's side."""
    page.locator(".s2f-paper").scroll_into_view_if_needed()
    box = page.locator(".s2f-paper").bounding_box()
    at = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in points]
    page.mouse.move(*at[0])
    page.mouse.down()
    for point in at[1:]:
        page.mouse.move(*point, steps=8)
    page.mouse.up()


def settled(page):
    until(page, "!document.querySelector('.s2f-busy') && !document.querySelector('.s2f-waits')")


def changed_by_stroke(page, *points):
    before = page.evaluate(FACE)
    stroke(page, *points)
    until(page, f"before => {FACE} !== before", arg=before)
    settled(page)


def picture_of(uri: str) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2])))


def until_answered(page):
    until(page, "document.querySelector('.s2f-result').offsetParent !== null")
    settled(page)


def answers(page) -> list[str]:
    return page.evaluate("[...document.querySelectorAll('.s2f-answer img')].map((one) => one.src)")


def new_answers(page, before, act) -> list[str]:
    act()
    until(
        page,
        "before => document.querySelectorAll('.s2f-answer img').length && "
        "document.querySelector('.s2f-answer img').src !== before",
        arg=before[0] if before else "",
    )
    settled(page)
    return answers(page)


def choose_way(page, name):
    page.get_by_role("radio", name=name, exact=True).check()


def upload(page, content: bytes, name="drawing.png"):
    page.locator("#s2f-file").set_input_files(
        {"name": name, "mimeType": "image/png", "buffer": content}
    )


def slide(page, name, value, where=None):
    (where or page.locator(".s2f-upload")).get_by_label(name, exact=True).evaluate(
        "(node, value) => { node.value = value; node.dispatchEvent(new Event('change', { bubbles: true })); }",
        value,
    )
