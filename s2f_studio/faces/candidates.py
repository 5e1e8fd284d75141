"""Several answers to one drawing: a photo of somebody like that, what is expected, and other people; or, by a run of
`realistic`, a faithful answer and ones with detail.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from s2f_studio.drawings.prepare import Drawing, framed
from s2f_studio.faces import restored
from s2f_studio.faces.expecting import EXPECTED, RENDERED
from s2f_utils import models
from s2f_utils.inference.asking import ANSWERS, DETAIL_OF_DRAWINGS, Ask
from s2f_utils.inference.restorers import Restorer
from s2f_utils.inference.translator import Model
from s2f_utils.pictures import images

TILE_PX = 256  # of a sheet of candidates
MOST_IN_A_ROW, MOST_WIDE_PX = 6, 3072  # of its tiles


@dataclass(frozen=True)
class Candidate:
    """One answer: its name, the picture, uint8 (S, S, 3), and how it came about. answer: "expected" or "rendered", of a
    model that has both. terms: under which it may be used, where they are not those of the project.
    """

    name: str
    picture: np.ndarray
    detail: float
    seed: int
    answer: str = ""
    terms: str = ""

    @property
    def notes(self) -> dict[str, str]:
        """What its file says beside that it is generated."""
        answer = {"answer": self.answer} if self.answer else {}
        detail = {} if self.answer else {"detail": f"{self.detail:g}"}
        terms = {"terms": self.terms} if self.terms else {}
        return {"candidate": self.name, **answer, **detail, "seed": str(self.seed), **terms}


def candidates(
    model: Model,
    image: np.ndarray,
    seed: int = 1,
    num_variations: int = 1,
    *,
    detail: float = DETAIL_OF_DRAWINGS,
    restorer: Restorer | None = None,
    **asked: Any,
) -> list[Candidate]:
    """Answers to one square drawing, uint8 (S, S, 3): rendered and expected, of a model that has them, else faithful
    and realistic (as far as `detail` goes); and variations: other people, or other fine detail.

    restorer: where it is given, the expected face is restored by it, as one more answer (`restored`). asked: further
    fields of `Ask`, of them all. Raises UnknownNetworkError for a model that answers only once.
    """
    check_several(model)
    asks = {"faithful": Ask(0, 0.0), "realistic": Ask(0, detail)}
    if "answer" in model.facts.knows:
        asks = {name: Ask(0, answer=name, **asked) for name in (RENDERED, EXPECTED)}
        asked = {"answer": RENDERED} | asked
    for n in range(num_variations):
        name = "variation" if num_variations == 1 else f"variation {n + 1}"
        asks[name] = Ask(seed + n, detail, **asked)
    made = model.answer([image] * len(asks), list(asks.values()))
    found = [
        Candidate(name, made[n], ask.detail, ask.seed, "" if ask.answer == ANSWERS[0] else ask.answer)
        for n, (name, ask) in enumerate(asks.items())
    ]
    if restorer is not None and EXPECTED in asks:
        face = restored.restored(made[list(asks).index(EXPECTED)], restorer)
        found.insert(2, Candidate("restored", face, 0.0, 0, EXPECTED, restored.terms_of(restorer.name)))
    return found


def check_several(model: Model) -> None:
    """Raise UnknownNetworkError for a model that answers only once."""
    if not {"detail", "answer"} & model.facts.knows:
        raise models.UnknownNetworkError(
            f"a {model.network} answers only once, without --detail, --variations, --clean or --frame: these"
            " are for a run of 'realistic', which adds detail, and for no model at all"
        )


def sheet(
    prepared: Drawing, found: list[Candidate], *, frame: str = "square", first: str = "your drawing"
) -> np.ndarray:
    """The drawing and the candidates, with their names and the note that they are generated: uint8 RGB, up to six in
    a row.

    frame: as in `drawings.framed`. first: the drawing's own name.
    """
    pictures = [framed(c.picture, prepared, frame) for c in found]
    drawing = prepared.image if frame == "square" else prepared.paper
    tiles = [_tile(picture) for picture in (drawing, *pictures)]
    per_row = max(1, min(MOST_IN_A_ROW, MOST_WIDE_PX // tiles[0].width))
    rows = [range(n, min(n + per_row, len(tiles))) for n in range(0, len(tiles), per_row)]
    wide, high = (max(getattr(tile, side) for tile in tiles) for side in ("width", "height"))
    font = ImageFont.load_default(max(11, round(wide * min(len(tiles), per_row) / 70)))
    pen = ImageDraw.Draw(Image.new("RGB", (1, 1)))
    names, line = [first, *(c.name for c in found)], round(1.6 * font.size)
    wide = max([wide, *(round(pen.textlength(name, font)) + 12 for name in names)])
    note = round(pen.textlength(images.GENERATED_NOTE, font)) + 12
    size = (max(wide * len(rows[0]), note), (high + line) * len(rows) + line + 4)
    whole = Image.new("RGB", size, "white")
    pen = ImageDraw.Draw(whole)
    for row, numbers in enumerate(rows):
        for column, n in enumerate(numbers):
            whole.paste(tiles[n], (column * wide, row * (high + line)))
            pen.text((column * wide + 6, row * (high + line) + high + 3), names[n], fill="black", font=font)
    pen.text((6, len(rows) * (high + line) + 2), images.GENERATED_NOTE, fill=(110, 110, 110), font=font)
    return np.asarray(whole)


def _tile(picture: np.ndarray) -> Image.Image:
    """The picture with a shorter side of 256 px or more, the longer one at most four times that."""
    short, long = sorted(picture.shape[:2])
    scale = min(max(TILE_PX, min(short, 2 * TILE_PX)) / short, 4 * TILE_PX / long)
    size = [max(1, round(side * scale)) for side in picture.shape[1::-1]]
    return Image.fromarray(picture).resize(size, Image.Resampling.BICUBIC)
