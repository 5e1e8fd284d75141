"""How often the warning about unusual inputs is right: 250 pictures of eight kinds that its thresholds have not seen.

`python benchmarks/domain_warning.py --portraits data/raw/portraits [--drawings FOLDER]`. The thresholds of
pictures/domain.py were chosen on every twentieth portrait and on drawn faces of other series; the portraits here are
others. Only numbers are written into the repository; --pictures keeps what was judged wrongly, to be looked at.
"""

from __future__ import annotations

import argparse
from collections import Counter
from pathlib import Path

import common
import cv2
import numpy as np
from PIL import Image, ImageDraw

from s2f_utils.pictures import background, domain, drawings, faces, images, sketches
from s2f_utils.pictures.drawn import synthetic

STYLES = ("pencil", "xdog", "contour", "strokes", "mixture")
SERIES = 37  # of drawn faces; no other script uses it


def rgb(grey: np.ndarray) -> np.ndarray:
    """Grey (H, W) → (H, W, 3)."""
    return np.repeat(grey[..., None], 3, axis=2)


def on_paper(drawing: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The drawing as a phone sees it: tinted paper, uneven light, blur, noise."""
    height, width = drawing.shape[:2]
    y, x = np.mgrid[:height, :width] / max(height, width)
    light = rng.uniform(0.55, 0.8) + 0.2 * np.cos(2.5 * (x * rng.normal() + y * rng.normal()) + rng.normal())
    tint = np.array([250, 244, 230]) - rng.uniform(0, 18, 3)
    seen = drawing / 255 * tint * np.clip(light, 0.3, 1)[..., None] + rng.normal(0, 3, (height, width, 1))
    return np.clip(seen, 0, 255).astype(np.uint8)


def in_hard_shadow(drawing: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The drawing half in a shadow with an edge, a hand's or a window frame's."""
    height, width = drawing.shape[:2]
    y, x = np.mgrid[:height, :width] / max(height, width) - 0.45
    angle = rng.uniform(0, 2 * np.pi)
    dark = cv2.GaussianBlur(np.float32(np.cos(angle) * x + np.sin(angle) * y > rng.uniform(-0.15, 0.15)), (0, 0), 2)
    light = rng.uniform(0.8, 0.98) * (1 - rng.uniform(0.25, 0.5) * dark)
    return np.clip(drawing * light[..., None] + rng.normal(0, 2, (height, width, 1)), 0, 255).astype(np.uint8)


def on_light_table(drawing: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The sheet, with a margin, on a table little darker than it, seen from the side, lit from one side."""
    sheet = np.pad(drawing, ((drawing.shape[0] // 6,) * 2, (drawing.shape[1] // 6,) * 2, (0, 0)), constant_values=255)
    height, width = sheet.shape[:2]
    size = (int(1.35 * width), int(1.35 * height))
    corners = np.array([[0, 0], [width - 1, 0], [width - 1, height - 1], [0, height - 1]], np.float32)
    moved = corners + 0.175 * np.array([width, height]) + rng.uniform(-0.06, 0.06, (4, 2)) * [width, height]
    matrix = cv2.getPerspectiveTransform(corners, moved.astype(np.float32))
    inside = cv2.warpPerspective(np.ones((height, width), np.float32), matrix, size)[..., None]
    paper = cv2.warpPerspective(sheet, matrix, size, flags=cv2.INTER_AREA) / 255 * rng.uniform(225, 245)
    wood = cv2.GaussianBlur(rng.normal(0, 1, size[::-1]), (0, 0), 3)[..., None] * 8 + rng.uniform(150, 205)
    light = 1 - rng.uniform(0.1, 0.3) * np.linspace(0, 1, size[0])[None, :, None]
    seen = (paper * inside + wood * np.array([1.0, 0.97, 0.92]) * (1 - inside)) * light
    return np.clip(seen + rng.normal(0, 2, (*size[::-1], 1)), 0, 255).astype(np.uint8)


def sketch_of(photo: np.ndarray, number: int) -> np.ndarray:
    """A sketch in one style after the other."""
    style = STYLES[number % len(STYLES)]
    return rgb(sketches.mixture(photo, number) if style == "mixture" else sketches.make_sketch(photo, style))


def without_face(rng: np.random.Generator, number: int) -> np.ndarray:
    """A page with writing, a house, a tree, or a pattern: lines on paper, no face."""
    page = Image.new("L", (300, 360), 255)
    pen = ImageDraw.Draw(page)
    kind = number % 4
    if kind == 0:  # writing
        for row in range(30, 340, 24):
            x = 20
            while x < 270:
                wide = int(rng.integers(12, 50))
                points = [(x + t, row + rng.normal(0, 4)) for t in range(0, wide, 3)]
                pen.line(points, fill=int(rng.integers(0, 90)), width=2)
                x += wide + 10
    elif kind == 1:  # a house
        left, top, wide, high = (
            rng.integers(40, 80),
            rng.integers(140, 190),
            rng.integers(120, 180),
            rng.integers(90, 140),
        )
        pen.rectangle([left, top, left + wide, top + high], outline=20, width=3)
        pen.line([(left, top), (left + wide / 2, top - 70), (left + wide, top)], fill=20, width=3)
        pen.rectangle([left + wide * 0.4, top + high * 0.5, left + wide * 0.6, top + high], outline=40, width=2)
        for share in (0.1, 0.7):
            pen.rectangle([left + wide * share, top + 20, left + wide * (share + 0.18), top + 50], outline=40, width=2)
    elif kind == 2:  # a tree

        def branch(x: float, y: float, angle: float, length: float) -> None:
            if length < 8:
                return
            x2, y2 = x + length * np.cos(angle), y - length * np.sin(angle)
            pen.line([(x, y), (x2, y2)], fill=30, width=max(1, int(length / 12)))
            for turn in rng.normal([0.5, -0.5], 0.15):
                branch(x2, y2, angle + turn, length * rng.uniform(0.65, 0.8))

        branch(150, 340, np.pi / 2, 75)
    else:  # a pattern of rings or waves
        for radius in range(8, 200, int(rng.integers(10, 18))):
            pen.ellipse([150 - radius, 180 - radius * 0.7, 150 + radius, 180 + radius * 0.7], outline=30, width=2)
    return rgb(np.asarray(page))


def collect(portraits: Path, drawn_by_hand: Path | None) -> dict[str, list[np.ndarray]]:
    """The pictures by what should be said of them."""
    rng = np.random.default_rng(1)
    paths = [path for n, path in enumerate(sorted(portraits.glob("*.jpg"))) if n % 20][2::4]
    photos = [images.load_rgb(path) for path in paths[:130]]
    made = list(synthetic.draw_faces(40, size_px=256, seed=SERIES))
    kinds: dict[str, list[np.ndarray]] = {"drawing": [sketch_of(photo, n) for n, photo in enumerate(photos[:30])]}
    kinds["drawing"] += [rgb(face.sketch) for face in made[:10]]
    kinds["drawing"] += [on_paper(sketch_of(photo, n), rng) for n, photo in enumerate(photos[30:50])]
    other = np.random.default_rng(2)
    kinds["drawing, hard shadow"] = [in_hard_shadow(sketch_of(photo, n), other) for n, photo in enumerate(photos[:25])]
    kinds["drawing, light table"] = [on_light_table(sketch_of(photo, n), other) for n, photo in enumerate(photos[:25])]
    if drawn_by_hand:
        kinds["drawing"] += [images.load_rgb(path) for path in sorted(drawn_by_hand.glob("*.*"))[::10][:10]]
    kinds["photo"] = photos[50:70] + [rgb(np.asarray(Image.fromarray(p).convert("L"))) for p in photos[70:80]]
    kinds["photo"] += [face.photo for face in made[10:15]]
    kinds["inverted"] = [255 - sketch_of(photo, n) for n, photo in enumerate(photos[80:105])]
    kinds["faint"] = [
        np.clip(
            rng.uniform(225, 252) - (255 - sketch_of(photo, n).astype(float)) * rng.uniform(0.08, 0.2), 0, 255
        ).astype(np.uint8)
        for n, photo in enumerate(photos[100:125])
    ]
    coloured = []
    for n, photo in enumerate(photos[110:125]):
        person = background.replace_background(photo, background.person_mask(photo, face=faces.find_face(photo)))
        coloured.append(wash(person, sketch_of(photo, n)[..., 0], rng.uniform(0.3, 0.7)))
    for face in made[15:25]:
        person = background.replace_background(face.photo, (face.mask != 0).astype(np.float32))
        coloured.append(wash(person, face.sketch, rng.uniform(0.3, 0.7)))
    kinds["coloured"] = coloured
    kinds["no face"] = [without_face(rng, n) for n in range(25)]
    return kinds


def wash(person: np.ndarray, lines: np.ndarray, strength: float) -> np.ndarray:
    """Colours on white paper, as with coloured pencils: the person's, paler, under the lines."""
    pale = 255 - (255 - person.astype(float)) * strength
    return (pale * (lines[..., None] / 255)).astype(np.uint8)


def said_of(picture: np.ndarray) -> str:
    """The first warning's kind: "drawing" where there is none."""
    ready = drawings.prepare(picture)
    if ready.verdict.kind != "drawing":
        return ready.verdict.kind
    return "no face" if ready.face.method in ("centre", "cascade") else "drawing"


def main() -> None:
    """Judge all pictures, write results/domain_warning.json."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--portraits", type=Path, required=True)
    parser.add_argument(
        "--drawings", type=Path, help="drawings by hand, such as CUFS's sketches: ten of them are judged"
    )
    parser.add_argument("--pictures", type=Path, help="folder for what was judged wrongly, outside of the repository")
    args = parser.parse_args()
    results: dict[str, dict] = {}
    for kind, pictures in collect(args.portraits, args.drawings).items():
        said = [said_of(picture) for picture in pictures]
        word_for_it = kind.partition(",")[0]
        results[kind] = {"num": len(said), "right": said.count(word_for_it), "said": dict(Counter(said).most_common())}
        for n, (word, picture) in enumerate(zip(said, pictures, strict=True)):
            if args.pictures and word != word_for_it:
                images.save(args.pictures / f"{kind.replace(' ', '-')}-{n}-said-{word.replace(' ', '-')}.png", picture)
    unusual = [name for name in results if not name.startswith("drawing")]
    drawn = [name for name in results if name.startswith("drawing")]
    warned = sum(results[n]["num"] - results[n]["said"].get("drawing", 0) for n in unusual)
    wrongly = sum(results[name]["num"] - results[name]["right"] for name in drawn)
    results["all"] = {
        "num": sum(r["num"] for r in results.values()),
        "warned_where_it_should": f"{warned}/{sum(results[n]['num'] for n in unusual)}",
        "warned_where_it_should_not": f"{wrongly}/{sum(results[n]['num'] for n in drawn)}",
        "right_kind": f"{sum(results[n]['right'] for n in results)}",
        "thresholds": {n: getattr(domain, n) for n in dir(domain) if n.endswith(("_BELOW", "_FROM"))},
    }
    common.write("domain_warning", results)


if __name__ == "__main__":
    main()
