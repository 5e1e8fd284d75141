"""What every host of the page provides: its files, its examples, and its initial data."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np

from s2f_studio.drawings import prepare as drawings
from s2f_studio.page import drawing
from s2f_studio.query import defaults
from s2f_utils.pictures import faces, images, masks

STATIC = Path(__file__).with_name("static")
INDEX = STATIC / "index.html"
TYPES = {
    ".html": "text/html",
    ".js": "text/javascript",
    ".css": "text/css",
    ".svg": "image/svg+xml",
    ".webp": "image/webp",
    ".json": "application/json",
}
PICTURES = Path(__file__).parents[1] / "web" / "static"  # the gallery's
FILES = {
    path.name: path
    for path in sorted((*STATIC.iterdir(), *PICTURES.iterdir()))
    if path.suffix in TYPES and path != INDEX
}
PHOTOS = tuple(f"photo-{number}" for number in (3, 8, 17))
EXAMPLES = (*drawings.EXAMPLES, *PHOTOS, *drawing.MAPS)
MOST_VERSIONS = 6
PREVIEW = "expected"  # the answer while a stroke is drawn: rendering takes longer
CANDIDATES = 3  # answers that the upload page requests, side by side
# `masks.CLASSES` in users' words.
LABELS = (
    "background",
    "skin",
    "nose",
    "glasses",
    "left eye",
    "right eye",
    "left brow",
    "right brow",
    "left ear",
    "right ear",
    "mouth",
    "upper lip",
    "lower lip",
    "hair",
    "hat",
    "earring",
    "necklace",
    "neck",
    "clothes",
)


def example(name: str) -> np.ndarray:
    """One of `EXAMPLES`: a drawing, a face drawn by code, uint8 (H, W, 3), or its label map in its
    colours.
    """
    if name in drawings.EXAMPLES:
        return drawings.example(name)
    if name in drawing.MAPS:
        return masks.colour(drawing.example_map(name))
    return images.load_rgb(drawing.FOLDER / f"{name}.webp")


def about(notice: str = "") -> dict[str, Any]:
    """The page's initial data, for JSON; `query` has the defaults of all fields of a request.

    notice: a sentence that stays in sight, beside the note that faces are guesses.
    """
    return {
        "note": images.GENERATED_NOTE,
        "travels": notice,
        "query": defaults(),
        "candidates": CANDIDATES,
        "drawings": list(drawings.EXAMPLES),
        "photos": list(PHOTOS),
        "maps": list(drawing.MAPS),
        "start": drawing.START,
        "starts": {kind: list(names) for kind, names in drawing.STARTS.items()},
        "guide": faces.TEMPLATE.tolist(),
        "preview": PREVIEW,
        "most_versions": MOST_VERSIONS,
        "labels": [
            [name, "#{:02x}{:02x}{:02x}".format(*map(int, masks.PALETTE[n]))]
            for n, name in enumerate(LABELS)
        ],
    }


def joined(script: Path) -> str:
    """A script and all that it imports from its folder, as one text, because a notebook's widget
    takes only one.

    An import is one line, `import { name } from "./file.js";`, and renames nothing; names are
    unique over all files.
    """
    seen: set[Path] = set()

    def text_of(path: Path) -> str:
        if path in seen:
            return ""
        seen.add(path)
        text = path.read_text(encoding="utf-8")
        before = "".join(
            text_of(path.with_name(name))
            for name in re.findall(r'^import .* from "\./(.*)";$', text, re.M)
        )
        own = re.sub(r"^import .*\n", "", text, flags=re.M)
        return before + (own if path == script else re.sub(r"^export ", "", own, flags=re.M))

    return text_of(script)
