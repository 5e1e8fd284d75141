"""What every host of the page provides: its files, its examples, and its initial data."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np

from s2f_studio.attributes import COLOURED, LEVELS
from s2f_studio.page import drawing
from s2f_studio.request import defaults
from s2f_utils.pictures import faces, images, masks

STATIC = Path(__file__).with_name("static")
GALLERY = Path(__file__).with_name("gallery")
INDEX = STATIC / "index.html"
TYPES = {
    ".html": "text/html",
    ".js": "text/javascript",
    ".css": "text/css",
    ".svg": "image/svg+xml",
    ".webp": "image/webp",
}
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
# Colours to choose among. Skin is as cheeks are in photos; photos of darker skin come out dim.
SHADES = {
    "skin": {
        "very light": "#ebc4b2",
        "light": "#e0a88e",
        "medium": "#c98a68",
        "tan": "#a86a46",
        "brown": "#8a5538",
        "dark": "#6f4430",
    },
    "hair": {
        "black": "#1c1917",
        "dark brown": "#3d2b20",
        "brown": "#6b4a32",
        "blond": "#ab9272",
        "red": "#7f4329",
        "grey": "#85817d",
        "white": "#bcb8b3",
    },
}


def about(notice: str = "") -> dict[str, Any]:
    """The page's initial data, for JSON; `query` has the defaults of all fields of a request.

    notice: a sentence that stays in sight, beside the note that faces are guesses. person: the
    attributes of a person that can be asked for.
    """
    return {
        "note": images.GENERATED_NOTE,
        "notice": notice,
        "query": defaults(),
        "start": drawing.START,
        "starts": {reads: list(names) for reads, names in drawing.STARTS.items()},
        "guide": faces.TEMPLATE.tolist(),
        "person": [*COLOURED, *LEVELS],
        "shades": SHADES,
        "labels": [[name, _hex(masks.PALETTE[n])] for n, name in enumerate(LABELS)],
    }


def _hex(colour: np.ndarray) -> str:
    return "#{:02x}{:02x}{:02x}".format(*map(int, colour))


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
        imported = re.findall(r'^import .* from "\./(.*)";$', text, re.M)
        before = "".join(text_of(path.with_name(name)) for name in imported)
        text = re.sub(r"^import .*\n", "", text, flags=re.M)
        if path != script:
            text = re.sub(r"^export ", "", text, flags=re.M)
        return before + text

    return text_of(script)
