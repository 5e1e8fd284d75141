"""From drawings to picture files by the shipped models, as in `s2f translate drawing.jpg`.

The answers to one drawing are its candidates: a photo of somebody who fits it, the average face,
and other people; or, from a run of `realistic`, a faithful answer and ones with detail. One more is
the cheapest believable one: the average face, reduced, restored by a published restorer, and
blended over. GFPGAN and RestoreFormer were trained on 70,000 photos of faces, and fill in their
typical detail. The answer then resembles those faces more than the drawing.
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
from s2f_studio.request import ANSWERS, DrawingRequest
from s2f_utils import networks, runtime, weights
from s2f_utils.infer.asking import DETAIL_OF_DRAWINGS
from s2f_utils.infer.loading import load
from s2f_utils.infer.restorers import Restorer
from s2f_utils.infer.translator import Model
from s2f_utils.pictures import images

TILE_PX = 256  # of a sheet of candidates
MOST_IN_A_ROW, MOST_WIDE_PX = 6, 3072  # of its tiles
SMALL_PX = 96  # the average face is soft: reduced, restorers treat it as a photo of few pixels, not as a blurred one
STRENGTH = 0.8  # from 0, the unchanged face, to 1, the restored one
USUAL = ("gfpgan-1.4", "restoreformer", "gfpgan-1.3", "gfpgan-1.2")  # published restorers

_shipped = functools.lru_cache(maxsize=1)(load)  # threads and callers can share it


@dataclass(frozen=True)
class Candidate:
    """One answer: its name, the picture, uint8 (S, S, 3), and how it was made. answer: "expected"
    or "rendered", of a
    model that has both. terms: of its use, if they differ from the project's.
    """

    name: str
    picture: np.ndarray
    detail: float
    seed: int
    answer: str = ""
    terms: str = ""

    @property
    def notes(self) -> dict[str, str]:
        """Metadata for its file, besides the note that it is generated."""
        answer = {"answer": self.answer} if self.answer else {}
        detail = {} if self.answer else {"detail": f"{self.detail:g}"}
        terms = {"terms": self.terms} if self.terms else {}
        return {"candidate": self.name, **answer, **detail, "seed": str(self.seed), **terms}


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
    detail: float = DETAIL_OF_DRAWINGS,
    **asked: Any,
) -> Translated:
    """Prepare a drawing, uint8 (H, W, 3), make the candidates, write them and a sheet of them into
    the folder `out`.

    model: None for the shipped one. points, clean, face: as in `drawings.prepare`. frame: as in
    `drawings.framed`. detail: of the realistic answers, from 0 to 1. asked: further fields of
    `DrawingRequest`. Existing files are never overwritten. Raises what `prepare` raises, and OSError if
    nothing can be written.
    """
    if frame not in FRAMES:
        raise ValueError(f"frame must be one of {', '.join(FRAMES)}, got {frame!r}")
    model = model or _shipped()
    ready = prepare(drawing, size_px=model.facts.size_px, points=points, clean=clean, face=face)
    found = candidates(model, ready.image, seed, num_variations, detail=detail, **asked)
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
    *,
    detail: float = DETAIL_OF_DRAWINGS,
    restorer: Restorer | None = None,
    **asked: Any,
) -> list[Candidate]:
    """Answers to one square drawing, uint8 (S, S, 3): rendered and expected, if the model has them,
    else faithful and realistic (with this much `detail`); and variations: other people, or other
    fine detail.

    restorer: adds the average face restored by it, as one more answer (`restored`). asked: further
    fields of `DrawingRequest` for all answers. Raises UnknownNetworkError for a model that answers only once.
    """
    check_several(model)
    asks = {"faithful": DrawingRequest(detail=0.0), "realistic": DrawingRequest(detail=detail)}
    if "answer" in model.facts.knows:
        asks = {name: DrawingRequest(answer=name, **asked) for name in (RENDERED, EXPECTED)}
        asked = {"answer": RENDERED} | asked
    for n in range(num_variations):
        name = "variation" if num_variations == 1 else f"variation {n + 1}"
        asks[name] = DrawingRequest(
            seed=max(seed, 1) + n, detail=detail, **asked
        )  # seed 0 is the usual answer, which is there
    made = model.answer([image] * len(asks), list(asks.values()))
    found = [
        Candidate(
            name, made[n], ask.detail, ask.seed, "" if ask.answer == ANSWERS[0] else ask.answer
        )
        for n, (name, ask) in enumerate(asks.items())
    ]
    if restorer is not None and EXPECTED in asks:
        face = restored(made[list(asks).index(EXPECTED)], restorer)
        found.insert(2, Candidate("restored", face, 0.0, 0, EXPECTED, terms_of(restorer.name)))
    return found


def check_several(model: Model) -> None:
    """Raise UnknownNetworkError for a model that answers only once."""
    if not {"detail", "answer"} & model.facts.knows:
        raise networks.UnknownNetworkError(
            f"a {model.network} answers only once, without --detail, --variations, --clean or --frame: these"
            " are for a run of 'realistic', which adds detail, and for no model at all"
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


def restorer_here() -> str:
    """The first of `USUAL` that is on this machine; "" if none is. Downloads nothing."""
    for name in USUAL:
        try:
            if weights.find(name):
                return name
        except weights.WeightsError:
            continue
    return ""


def terms_of(restorer: str) -> str:
    """The terms for using a restorer's answers."""
    return weights.entry_of(restorer).licence if restorer in weights.WEIGHTS else weights.OWN_TERMS


def restored(face: np.ndarray, restorer: Restorer) -> np.ndarray:
    """An average face, uint8 (S, S, 3), reduced, restored and blended over: uint8 (R, R, 3), R the
    restorer's size.

    Raises what `Restorer.restore` raises.
    """
    large = images.resize(face, restorer.size_px, "stretch")
    small = images.resize(face, SMALL_PX, "stretch")
    made = restorer.restore(images.resize(small, restorer.size_px, "stretch"))
    return images.rounded(large + STRENGTH * (made.astype(np.float32) - large))
