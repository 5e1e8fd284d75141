"""Answers as files: a PNG each, and one sheet with the drawing and all of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from s2f_studio.translate import Answer
from s2f_utils import runtime
from s2f_utils.pictures import images, masks

TILE_PX = 256
MAX_IN_A_ROW, MAX_WIDTH_PX = 6, 3072
GREY = (110, 110, 110)


def write_answer(
    answer: Answer,
    out: str | Path,
    stem: str = "drawing",
    *,
    kind: str = "photo",
) -> tuple[Path, ...]:
    """Write an answer's faces into the folder `out`, and before them, if there are several, a sheet
    of them. Returns the files, the sheet first.

    kind: names a single answer's file. Existing files are never overwritten. Raises OSError.
    """
    out = Path(out)
    pictures = {}
    for face in answer.faces:
        pictures[face.name.replace(" ", "-")] = face.picture
    if len(pictures) == 1:
        stem = runtime.free_stem(out, f"{stem}-{kind}", [".png"])
        (picture,), (face,) = pictures.values(), answer.faces
        file = images.save(out / f"{stem}.png", picture, generated=True, notes=face.notes)
        return (file,)
    names = ["candidates", *pictures]
    stem = runtime.free_stem(out, stem, [f"-{name}.png" for name in names])
    whole = sheet(answer)
    files = [images.save(out / f"{stem}-candidates.png", whole, generated=True)]
    for face, (name, picture) in zip(answer.faces, pictures.items(), strict=True):
        notes = {"candidate": face.name, **face.notes}
        files.append(images.save(out / f"{stem}-{name}.png", picture, generated=True, notes=notes))
    return tuple(files)


def sheet(answer: Answer, title: str = "your drawing") -> np.ndarray:
    """The drawing and its answers with their names and the note that they are generated: uint8
    (H, W, 3), up to six in a row.

    title: the drawing's name.
    """
    first = answer.drawing.paper if answer.is_on_paper else answer.drawing.image
    if first.ndim == 2:
        first = masks.colour(first)
    tiles = [_tile(first)]
    tiles += [_tile(face.picture) for face in answer.faces]
    return _arranged(tiles, [title, *(face.name for face in answer.faces)])


def _arranged(tiles: list[Image.Image], names: list[str]) -> np.ndarray:
    """Tiles in rows, each with its name below it, and the note below all."""
    per_row = max(1, min(MAX_IN_A_ROW, MAX_WIDTH_PX // tiles[0].width, len(tiles)))
    num_rows = -(-len(tiles) // per_row)
    width, height = max(tile.width for tile in tiles), max(tile.height for tile in tiles)
    font = ImageFont.load_default(max(11, round(width * per_row / 70)))
    line = round(1.6 * font.size)
    width = max(width, *(round(font.getlength(name)) + 12 for name in names))
    note_width = round(font.getlength(images.GENERATED_NOTE)) + 12
    size = (max(width * per_row, note_width), (height + line) * num_rows + line + 4)
    whole = Image.new("RGB", size, "white")
    pen = ImageDraw.Draw(whole)
    for number, (tile, name) in enumerate(zip(tiles, names, strict=True)):
        row, column = divmod(number, per_row)
        left, top = column * width, row * (height + line)
        whole.paste(tile, (left, top))
        pen.text((left + 6, top + height + 3), name, fill="black", font=font)
    below = num_rows * (height + line) + 2
    pen.text((6, below), images.GENERATED_NOTE, fill=GREY, font=font)
    return np.asarray(whole)


def _tile(picture: np.ndarray) -> Image.Image:
    """The picture with a shorter side of 256 px or more, the longer one at most four times that."""
    short, long = sorted(picture.shape[:2])
    scale = min(max(TILE_PX, min(short, 2 * TILE_PX)) / short, 4 * TILE_PX / long)
    size = [max(1, round(side * scale)) for side in picture.shape[1::-1]]
    return Image.fromarray(picture).resize(size, Image.Resampling.BICUBIC)
