"""Twenty faces drawn with the mouse in the web app, and what the app makes of them.

`python benchmarks/mouse_drawings.py --work /tmp/mouse-work`, three minutes on one core. mouse_drawings.json has the
strokes as hands moved, in pixels of the pad's 512; what each drawing shows; and where eyes, nose and mouth are meant to
be. Chromium draws them on the page of `s2f app`, stroke by stroke: under Draw the face follows, where it was drawn; the
finished drawing is then given to Upload, which lays the face upright first. Drawings, answers and a contact sheet go to
--work, outside of the project; numbers, and what the page said, to results/mouse_drawings.json. Whether a hat, glasses
or a beard can be seen is for a person to say.

Needs Playwright (`pip install playwright`), Chromium (`apt install chromium`) and the face detector.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import common
import numpy as np
from faces_measures import meant_error
from PIL import Image, ImageDraw
from understanding import as_face

from s2f_studio.drawings.preparing import prepared_for
from s2f_studio.drawings.understanding import understood
from s2f_studio.web.uploads import picture_in
from s2f_utils import inference
from s2f_utils.metrics import inside
from s2f_utils.metrics.structure import missing_detector, surest_face
from s2f_utils.pictures import faces, images
from tests.browser.pages import browser, free_port, served, until

PAPER_PX = 512
SLOWEST_MS = 120_000
WAYS = ("draw", "upload")
SHOWN_PX, ACROSS = 192, 3  # of the contact sheet
ANSWER = "document.querySelector('.s2f-after')?.getAttribute('src')"
FACE = "document.querySelector('.s2f-pad .s2f-status:not(.s2f-wrong)') && document.querySelector('.s2f-face').src"
SETTLED = "!document.querySelector('.s2f-busy') && !document.querySelector('.s2f-waits')"


@contextmanager
def browser_page(work: Path) -> Iterator[Any]:
    """The app's page in Chromium, ready to be drawn on. Raises SystemExit where a part of it is missing."""
    address = f"http://127.0.0.1:{(port := free_port())}"
    command = ["s2f_utils", "app", "--port", str(port), "--runs", str(work / "runs"), "--device", "cpu"]
    with served(command, f"{address}/health", work, SLOWEST_MS / 1000), browser() as chromium:
        page = chromium.new_page(viewport={"width": 1280, "height": 1000})
        page.set_default_timeout(SLOWEST_MS)
        page.goto(address)
        page.wait_for_selector(".s2f-face[src^='data:image/png']")
        yield page


def draw(page: Any, drawing: dict[str, Any]) -> dict[str, Any]:
    """Draw with the mouse: {"drawing": what is on the paper, uint8 (512, 512, 3), "answer", "said"}."""
    page.get_by_role("tab", name="Draw").click()
    page.get_by_role("button", name="Clear the drawing").click()
    until(page, SETTLED)
    page.get_by_label("line width").fill(str(drawing["width"]))
    paper = page.locator(".s2f-paper")
    paper.scroll_into_view_if_needed()
    box = paper.bounding_box()
    for stroke in drawing["strokes"]:
        at = [(box["x"] + x * box["width"] / PAPER_PX, box["y"] + y * box["height"] / PAPER_PX) for x, y in stroke]
        page.mouse.move(*at[0])
        page.mouse.down()
        for point in at[1:]:
            page.mouse.move(*point)
        page.mouse.up()
    until(page, SETTLED)
    drawn = page.evaluate("document.querySelector('.s2f-paper canvas').toDataURL('image/png')")
    return {"drawing": picture_in(drawn), **told(page, ".s2f-pad", page.evaluate(FACE))}


def upload(page: Any, drawing: np.ndarray) -> dict[str, Any]:
    """Give a drawing to the page's other tab: {"answer", "said"}; without an answer where it is refused."""
    page.get_by_role("tab", name="Upload").click()
    page.evaluate("document.querySelector('.s2f-after')?.removeAttribute('src')")
    file = {"name": "drawing.png", "mimeType": "image/png", "buffer": images.png_of(drawing)}
    with page.expect_response("**/api/translate"):
        page.locator("#s2f-file").set_input_files(file)
    until(page, SETTLED)
    return told(page, ".s2f-upload", page.evaluate(ANSWER))


def told(page: Any, where: str, uri: str | None) -> dict[str, Any]:
    """An answer as the page shows it, and the line beneath it without the time that it took."""
    line = page.locator(f"{where} .s2f-status").first.inner_text().split(" · ")
    said = [part for part in line if "answered in" not in part]
    return {"answer": picture_in(uri) if uri else None, "said": " · ".join(said)}


def measured(
    model: inference.Model, given: np.ndarray, five: np.ndarray, answer: np.ndarray | None, said: str
) -> dict[str, Any]:
    """Of one answer. given: what the model read, uint8 (S, S, 3). five: what was meant, (5, 2), in its pixels."""
    crude = round(understood(given).flags["crude"], 3)
    if answer is None:
        return {"answer": None, "crude": crude, "detector": 0.0, "landmarks": 1.0, "residue": None, "said": said}
    face = surest_face(answer)
    residue = inside.stroke_residue(answer, given, inside.mask_of(inside.outline_of(five), answer.shape))
    return {
        "answer": "faithful" if model.advice(given) is None else "expected",
        "crude": crude,
        "detector": round(face.score, 3) if face else 0.0,
        "landmarks": round(meant_error(face, five), 4),
        "residue": round(residue, 4) if np.isfinite(residue) else None,
        "said": said,
    }


def measure(model: inference.Model, drawing: dict[str, Any], drawn: dict[str, Any], given: dict[str, Any]) -> dict:
    """A drawing's row: what it shows, how far off the finder's landmarks in it are, and those that Upload lays it by,
    and numbers of both answers.
    """
    size, five = model.facts.size_px, np.array(drawing["five"], float)
    square, at = images.resize(drawn["drawing"], size), five * size / PAPER_PX - 0.5
    ready = prepared_for(model.facts, drawn["drawing"])
    upright = faces.transform(five - 0.5, faces.alignment(ready.face.landmarks, size))
    return {
        "name": drawing["name"],
        "shows": drawing["shows"],
        "finder": round(meant_error(as_face(understood(square)), at), 4),
        "laid_by": round(meant_error(ready.face, five - 0.5), 4),
        "draw": measured(model, square, at, drawn["answer"], drawn["said"]),
        "upload": measured(model, ready.given, upright, given["answer"], given["said"]),
    }


def summary(rows: list[dict], way: str) -> dict[str, Any]:
    """What the rows say together of one tab's answers."""
    of = {key: [row[way][key] for row in rows] for key in ("answer", "detector", "landmarks", "residue")}
    return {
        "expected": of["answer"].count("expected"),
        "no_face": of["detector"].count(0.0),
        "detector_mean": round(float(np.mean(of["detector"])), 3),
        "landmarks_median": round(float(np.median(of["landmarks"])), 4),
        "residue_mean": round(float(np.mean([value for value in of["residue"] if value is not None])), 4),
    }


def sheet(rows: list[dict], pictures: list[tuple[np.ndarray | None, ...]]) -> np.ndarray:
    """Each drawing, what was answered under Draw, and under Upload: which answer, its score, its landmark error."""
    wide, high = 3 * SHOWN_PX + 16, SHOWN_PX + 34
    whole = Image.new("RGB", (ACROSS * wide, -(-len(rows) // ACROSS) * high), "white")
    for n, (row, three) in enumerate(zip(rows, pictures, strict=True)):
        left, top = n % ACROSS * wide, n // ACROSS * high
        own = [f"{row[way]['answer']}, {row[way]['detector']:.2f}, {row[way]['landmarks']:.2f}" for way in WAYS]
        for picture, text in zip(three, (row["name"], *own), strict=True):
            ImageDraw.Draw(whole).text((left + 4, top + 8), text, fill="black")
            if picture is not None:
                whole.paste(Image.fromarray(picture).resize((SHOWN_PX, SHOWN_PX)), (left, top + 30))
            left += SHOWN_PX
    return np.asarray(whole)


def main() -> None:
    """Draw all, and write what came of it."""
    drawings = json.loads(Path(__file__).with_suffix(".json").read_text(encoding="utf-8"))
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--work", type=Path, required=True, help="folder outside of the project, for pictures")
    parser.add_argument("--only", nargs="+", metavar="NAME", help="these alone; no results are written")
    args = parser.parse_args()
    if common.ROOT in (args.work.resolve(), *args.work.resolve().parents):
        raise SystemExit("--work must lie outside of the project")
    if problem := missing_detector(PAPER_PX, PAPER_PX):
        raise SystemExit(f"the answers cannot be measured: {problem}")
    args.work.mkdir(parents=True, exist_ok=True)
    model, rows, pictures = inference.load("sketch-to-photo", "cpu"), [], []
    with browser_page(args.work) as page:
        for drawing in [one for one in drawings if not args.only or one["name"] in args.only]:
            drawn = draw(page, drawing)
            given = upload(page, drawn["drawing"])
            rows.append(measure(model, drawing, drawn, given))
            pictures.append((drawn["drawing"], drawn["answer"], given["answer"]))
            for name, picture in zip(("drawing", *WAYS), pictures[-1], strict=True):
                if picture is not None:
                    images.save(args.work / f"{drawing['name'].replace(' ', '-')}-{name}.png", picture)
    images.save(args.work / "sheet.png", sheet(rows, pictures))
    medians = {key: round(float(np.median([row[key] for row in rows])), 4) for key in ("finder", "laid_by")}
    results = {"summary": medians | {way: summary(rows, way) for way in WAYS}, "rows": rows}
    print(json.dumps(results, indent=1)) if args.only else common.write("mouse_drawings", results)


if __name__ == "__main__":
    main()
