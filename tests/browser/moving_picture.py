"""The moving picture of the pad in README: a face is drawn stroke by stroke on the app's page, and
the answers follow.

    python -m tests.browser.moving_picture docs/pad.webp

Needs Playwright and a Chromium. Each frame is what the page shows when a stroke is answered: the
waiting, and the soft previews before an answer, are cut out. To be made again when the page or the
weights are others; look at it then.
"""

from __future__ import annotations

import argparse
import io
import math
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from PIL import Image

from tests.browser.hands import PAPER, SLOWEST_S, opened, settled
from tests.browser.pages import free_port, served, until

SECONDS = 6.0
MOST_BYTES = 2_000_000
WIDTH_PX, QUALITY = 760, 86
LAST_S = 1.4  # of SECONDS, for the last answer
WITHOUT_SECONDS = """() => {
  const status = document.querySelector('.s2f-status');
  status.textContent = status.textContent.replace(/^answered in [\\d.]+ s( · )?/, '');
}"""
BUSY = "!!document.querySelector('.s2f-busy')"
Points = list[tuple[float, float]]


def arc(x: float, y: float, wide: float, high: float, start: float, end: float) -> Points:
    """A part of an ellipse, in shares of the paper; degrees, clockwise from the right."""
    angles = [math.radians(start + (end - start) * n / 24) for n in range(25)]
    return [(x + wide * math.cos(a), y + high * math.sin(a)) for a in angles]


def eye(x: float, y: float) -> Iterator[Points]:
    """Two lids, an iris and a pupil."""
    yield arc(x, y + 0.012, 0.052, 0.034, 190, 350)
    yield arc(x, y - 0.006, 0.045, 0.022, 160, 20)
    yield arc(x, y, 0.017, 0.019, 0, 360) + arc(x, y, 0.006, 0.007, 0, 720)


def curve(*corners: tuple[float, float]) -> Points:
    """A cubic Bézier curve between the first and the last of four points."""
    made = []
    for n in range(25):
        s = n / 24
        weights = ((1 - s) ** 3, 3 * s * (1 - s) ** 2, 3 * s**2 * (1 - s), s**3)
        pairs = list(zip(weights, corners, strict=True))
        made.append((sum(w * x for w, (x, _) in pairs), sum(w * y for w, (_, y) in pairs)))
    return made


def strand(side: int, n: int) -> Points:
    """One of three lines of long hair, from the parting outwards and down. side: -1 or 1."""
    out = n / 2
    return curve(
        (0.5 + side * 0.004, 0.235 - 0.075 * out),
        (0.5 + side * (0.15 + 0.08 * out), 0.235 - 0.09 * out),
        (0.5 + side * (0.225 + 0.06 * out), 0.45),
        (0.5 + side * (0.205 + 0.1 * out), 0.9 - 0.05 * out),
    )


def drawing() -> Iterator[Points]:
    """The strokes in the order in which they are drawn: face, eyes, nose, mouth, brows, neck, hair,
    glasses.
    """
    yield arc(0.5, 0.47, 0.205, 0.305, 200, -20)
    for x in (0.415, 0.585):
        yield from eye(x, 0.44)
    yield [(0.505, 0.47), (0.515, 0.53), (0.525, 0.565), (0.505, 0.58), (0.48, 0.575)]
    yield [(0.425, 0.65), (0.465, 0.642), (0.5, 0.648), (0.535, 0.642), (0.575, 0.65)]
    yield arc(0.5, 0.648, 0.055, 0.034, 160, 20)
    for side in (-1, 1):
        yield arc(0.5 + side * 0.09, 0.41, 0.062, 0.035, 215, 325)
    for side in (-1, 1):
        yield [(0.5 + side * 0.105, 0.74), (0.5 + side * 0.108, 0.85)]
    for n in range(3):
        for side in (-1, 1):
            yield strand(side, n)
    yield arc(0.412, 0.445, 0.078, 0.068, 0, 360)
    yield arc(0.588, 0.445, 0.078, 0.068, 180, 540)
    yield arc(0.5, 0.44, 0.013, 0.012, 180, 360)


def place_of_both(page) -> dict[str, float]:
    """Where drawing, answer, and the two lines below it are; it stays there."""
    page.locator(".s2f-paper").scroll_into_view_if_needed()
    boxes = [page.locator(one).bounding_box() for one in (".s2f-paper", ".s2f-face", ".s2f-status")]
    left, top = boxes[0]["x"] - 12, boxes[0]["y"] - 34
    right = max(box["x"] + box["width"] for box in boxes[1:]) + 12
    return {"x": left, "y": top, "width": right - left, "height": boxes[2]["y"] + 48 - top}


def shown(page, clip: dict[str, float]) -> Image.Image:
    """The page there, as wide as the picture, without the seconds of this machine."""
    page.evaluate(WITHOUT_SECONDS)
    picture = Image.open(io.BytesIO(page.screenshot(clip=clip))).convert("RGB")
    return picture.resize((WIDTH_PX, round(picture.height * WIDTH_PX / picture.width)))


def wait_for_answer(page) -> None:
    """Until the page has done nothing for half a second: there is an answer, or no face yet."""
    quiet = 0
    while quiet < 5:
        until(page, f"!{BUSY}", slowest_s=SLOWEST_S)
        time.sleep(0.1)
        quiet = 0 if page.evaluate(BUSY) else quiet + 1


def frames(page, clip: dict[str, float]) -> Iterator[Image.Image]:
    """Draw; what is seen at first, and after each stroke, once it is answered."""
    box = page.locator(".s2f-paper").bounding_box()
    yield shown(page, clip)
    for points in drawing():
        places = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in points]
        page.mouse.move(*places[0])
        page.mouse.down()
        for place in places[1:]:
            page.mouse.move(*place)
        page.mouse.up()
        wait_for_answer(page)
        yield shown(page, clip)


def main() -> None:
    """Write the picture."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("out", type=Path, help="such as docs/pad.webp")
    out = parser.parse_args().out
    from playwright.sync_api import sync_playwright

    with tempfile.TemporaryDirectory() as folder, sync_playwright() as play:
        address = f"http://127.0.0.1:{(port := free_port())}"
        command = ["s2f_studio", "app", "--port", str(port), "--runs", folder, "--device", "cpu"]
        with (
            served(command, f"{address}/health", Path(folder), SLOWEST_S),
            opened(play, address, "desk") as page,
        ):
            page.expected = [422]  # a face that is not drawn yet
            page.goto(address)
            settled(page)
            clip = place_of_both(page)
            before = page.evaluate(PAPER)
            page.get_by_role("button", name="Clear the drawing").click()
            until(page, f"before => {PAPER} !== before", arg=before)
            wait_for_answer(page)
            pictures = list(frames(page, clip))
    each = round(1000 * (SECONDS - LAST_S) / (len(pictures) - 1))
    durations = [each] * (len(pictures) - 1) + [round(1000 * LAST_S)]
    options = {"duration": durations, "loop": 0, "quality": QUALITY, "method": 6}
    pictures[0].save(out, save_all=True, append_images=pictures[1:], **options)
    size = out.stat().st_size
    print(f"{out}: {len(pictures)} frames, {sum(durations) / 1000:.1f} s, {size:,} bytes")
    if size > MOST_BYTES:
        raise SystemExit(f"{out} has {size:,} bytes, {MOST_BYTES:,} are the most")


if __name__ == "__main__":
    main()
