"""Several pictures on one sheet, with their names."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from s2f_utils.pictures import images

TILE_PX, MOST_TILE_PX = 256, 512
MAX_IN_A_ROW, MAX_WIDTH_PX = 6, 3072
GREY = (110, 110, 110)


def sheet(pictures: Sequence[np.ndarray], names: Sequence[str]) -> np.ndarray:
    """Pictures, uint8 (H, W, 3), up to six in a row, each with its name below it, and the note that
    they are generated: uint8 (H, W, 3).
    """
    shorter = [min(picture.shape[:2]) for picture in pictures]
    side_px = min(max(TILE_PX, *shorter), MOST_TILE_PX)
    tiles = [_tile(picture, side_px) for picture in pictures]
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


def _tile(picture: np.ndarray, side_px: int) -> Image.Image:
    """The picture with a shorter side of so many pixels, the longer one at most four times 256."""
    short, long = sorted(picture.shape[:2])
    scale = min(side_px / short, 4 * TILE_PX / long)
    size = [max(1, round(side * scale)) for side in picture.shape[1::-1]]
    return Image.fromarray(picture).resize(size, Image.Resampling.BICUBIC)
