"""From drawings to picture files by the shipped models, as in `s2f translate drawing.jpg`.

The answers to one drawing are its candidates: a photo of somebody who fits it, the average face,
and other people; .
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from s2f_studio.drawings.prepare import FRAMES, Drawing, Which, framed, prepare
from s2f_studio.faces.expecting import EXPECTED, RENDERED
from s2f_studio.remarks import Remark
from s2f_studio.request import DrawingRequest
from s2f_utils import networks, runtime
from s2f_utils.infer.loading import load
from s2f_utils.infer.translator import Model
from s2f_utils.pictures import images

TILE_PX = 256  # of a sheet of candidates
MOST_IN_A_ROW, MOST_WIDE_PX = 6, 3072  # of its tiles

_shipped = functools.lru_cache(maxsize=1)(load)  # threads and callers can share it


@dataclass(frozen=True)
class Candidate:
    """One answer: its name, the picture, uint8 (S, S, 3), and how it was made. answer: "expected"
    or "rendered".
    """

    name: str
    picture: np.ndarray
    seed: int
    answer: str

    @property
    def notes(self) -> dict[str, str]:
        """Metadata for its file, besides the note that it is generated."""
        return {"candidate": self.name, "answer": self.answer, "seed": str(self.seed)}


@dataclass(frozen=True)
class Translated:
    """The result for one drawing: the prepared drawing, the candidates, and the files that were
    written.
    """

    prepared: Drawing
    candidates: list[Candidate]
    files: tuple[Path, ...]
    remarks: tuple[Remark, ...] = ()  # about the answers

    @property
    def sheet(self) -> Path:
        """The file of the sheet with the drawing and all candidates."""
        return self.files[0]


def translate_drawing(
    drawing: np.ndarray,
    out: str | Path,
    stem: str = "drawing",
    *,
    model: Model | None = None,
    points: np.ndarray | Sequence | None = None,
    clean: str = "auto",
    face: Which = None,
    frame: str = "square",
    seed: int = 1,
    num_variations: int = 1,
    **asked: Any,
) -> Translated:
    """Prepare a drawing, uint8 (H, W, 3), make the candidates, write them and a sheet of them into
    the folder `out`.

    model: None for the shipped one. points, clean, face: as in `drawings.prepare`. frame: as in
    `drawings.framed`. asked: further fields of `DrawingRequest`.
    Existing files are never overwritten. Raises what `prepare` raises, and OSError if
    nothing can be written.
    """
    if frame not in FRAMES:
        raise ValueError(f"frame must be one of {', '.join(FRAMES)}, got {frame!r}")
    model = model or _shipped()
    ready = prepare(drawing, size_px=model.info.size_px, points=points, clean=clean, face=face)
    found = candidates(model, ready.image, seed, num_variations, **asked)
    out, names = (
        Path(out),
        ["candidates", *(candidate.name.replace(" ", "-") for candidate in found)],
    )
    stem = runtime.free_stem(out, stem, [f"-{name}.png" for name in names])
    files = [
        images.save(
            out / f"{stem}-{names[0]}.png", sheet(ready, found, frame=frame), generated=True
        )
    ]
    for candidate, name in zip(found, names[1:], strict=True):
        picture = framed(candidate.picture, ready, frame)
        files.append(
            images.save(out / f"{stem}-{name}.png", picture, generated=True, notes=candidate.notes)
        )
    advice = model.advice(ready.image)
    return Translated(ready, found, tuple(files), (advice,) if advice else ())


def candidates(
    model: Model,
    image: np.ndarray,
    seed: int = 1,
    num_variations: int = 1,
    **asked: Any,
) -> list[Candidate]:
    """Answers to one square drawing, uint8 (S, S, 3): rendered, expected, and variations, which are
    other people.

    asked: further fields of `DrawingRequest` for all answers. Raises UnknownNetworkError for a
    model that answers only once.
    """
    check_several(model)
    asks = {name: DrawingRequest(answer=name, **asked) for name in (RENDERED, EXPECTED)}
    asked = {"answer": RENDERED} | asked
    for n in range(num_variations):
        name = "variation" if num_variations == 1 else f"variation {n + 1}"
        # Seed 0 is the usual answer, which is there.
        asks[name] = DrawingRequest(seed=max(seed, 1) + n, **asked)
    made = model.answer([image] * len(asks), list(asks.values()))
    return [
        Candidate(name, made[n], ask.seed, ask.answer) for n, (name, ask) in enumerate(asks.items())
    ]


def check_several(model: Model) -> None:
    """Raise UnknownNetworkError for a model that answers only once."""
    if "answer" not in model.info.supports:
        raise networks.UnknownNetworkError(
            f"a {model.info.network} answers only once, without --variations, --clean or --frame:"
            " these are for no model at all, and for a run of 'render'"
        )


def sheet(
    prepared: Drawing, found: list[Candidate], *, frame: str = "square", first: str = "your drawing"
) -> np.ndarray:
    """The drawing and the candidates, with their names and the note that they are generated: uint8
    RGB, up to six in a row.

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
            pen.text(
                (column * wide + 6, row * (high + line) + high + 3),
                names[n],
                fill="black",
                font=font,
            )
    pen.text(
        (6, len(rows) * (high + line) + 2), images.GENERATED_NOTE, fill=(110, 110, 110), font=font
    )
    return np.asarray(whole)


def _tile(picture: np.ndarray) -> Image.Image:
    """The picture with a shorter side of 256 px or more, the longer one at most four times that."""
    short, long = sorted(picture.shape[:2])
    scale = min(max(TILE_PX, min(short, 2 * TILE_PX)) / short, 4 * TILE_PX / long)
    size = [max(1, round(side * scale)) for side in picture.shape[1::-1]]
    return Image.fromarray(picture).resize(size, Image.Resampling.BICUBIC)
