"""Several answers to one drawing: faithful, realistic, and seeded variations.

A faithful model answers first, a second one adds detail to that, as much of it as a slider asks for. A sketch does not
say how light the skin, the hair or the wall is: a variation draws such colours at random.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont

from s2f_utils import inference, models, runtime
from s2f_utils.models import checkpoints
from s2f_utils.models.twostage import TwoStage
from s2f_utils.pictures import images
from s2f_utils.pictures.drawings import Prepared, framed
from s2f_utils.weights.table import DETAIL, FAITHFUL

TILE_PX = 256  # of a sheet of candidates
MOST_IN_A_ROW, MOST_WIDE_PX = 6, 3072  # of its tiles
DETAIL_OF_DRAWINGS = 0.5  # more of it glitters on lines and smooth paper; portraits in soft pencil bear 1


@dataclass(frozen=True)
class Candidate:
    """One answer: its name, the picture, uint8 (S, S, 3), and how it came about."""

    name: str
    picture: np.ndarray
    detail: float
    seed: int


class Pair:
    """A faithful model and one that adds detail to its answers; made by `load_pair`."""

    def __init__(self, translator: inference.Translator) -> None:
        if not isinstance(translator.net, TwoStage):
            raise models.UnknownNetworkError(
                f"a {translator.net.name} answers only once, without --detail, --variations, --clean or --frame: these"
                " are for a run of 'realistic', which adds detail, and for no model at all"
            )
        self.translator = translator
        self.size_px = translator.size_px

    @property
    def knows_colours(self) -> bool:
        """Whether the faithful model was trained with colour hints, so that colours can be drawn at random."""
        return bool(self.translator.net.hint_spread.any())

    def translate(self, image: np.ndarray, detail: float = 1.0, seed: int = 0, *, colours: bool = False) -> np.ndarray:
        """One answer, uint8 (S, S, 3) → the same shape. detail: from 0, faithful, to 1, realistic; it is invented.

        seed: of the fine detail, and of the colours where `colours` asks for random ones.
        """
        if not 0 <= detail <= 1:
            raise ValueError(f"detail must be from 0 (faithful) to 1 (realistic), got {detail:g}")
        net, precision = self.translator.net, self.translator.precision
        net.set_seed(seed)
        x = precision.images(images.to_tensor(image[None]).to(precision.device))
        net.amount = detail
        try:
            with torch.no_grad():
                hint = net.draw_hint(seed, around=net.structure(x)) if colours else None
                return images.to_uint8(net(x, hint))[0]
        finally:
            net.amount = 1.0

    def translate_batch(self, batch: np.ndarray, details: Sequence[float], seed: int = 0) -> np.ndarray:
        """Several answers at once, each with its own detail: uint8 (N, S, S, 3) → the same shape, equal to `translate`
        but for rounding.
        """
        net, precision = self.translator.net, self.translator.precision
        net.set_seed(seed)
        x = precision.images(images.to_tensor(batch).to(precision.device))
        amounts = torch.tensor(details, dtype=torch.float32, device=precision.device).view(-1, 1, 1, 1)
        if not 0 <= float(amounts.min()) <= float(amounts.max()) <= 1:
            raise ValueError(f"details must be from 0 (faithful) to 1 (realistic), got {list(details)}")
        net.amount = amounts if amounts.any() else 0.0
        try:
            with torch.no_grad():
                return images.to_uint8(net(x))
        finally:
            net.amount = 1.0

    def candidates(
        self, image: np.ndarray, seed: int = 1, num_variations: int = 1, *, detail: float = DETAIL_OF_DRAWINGS
    ) -> list[Candidate]:
        """Faithful, realistic (as far as `detail` goes), and variations: other fine detail and, where the models
        know them, other colours.
        """
        found = [
            Candidate("faithful", self.translate(image, 0.0), 0.0, 0),
            Candidate("realistic", self.translate(image, detail), detail, 0),
        ]
        for n in range(num_variations):
            name = "variation" if num_variations == 1 else f"variation {n + 1}"
            made = self.translate(image, detail, seed + n, colours=self.knows_colours)
            found.append(Candidate(name, made, detail, seed + n))
        return found


def load_pair(model: str | Path | None = None, device: str = "auto", precision: str = "float32") -> Pair:
    """The shipped models, or those of a run of "realistic" (its folder or file); errors as in `inference.load`.

    precision: of the shipped models' passes, as in `runtime.pick_precision`; a run's is float32.
    """
    return _shipped_pair(device, precision) if model is None else Pair(inference.load(model, device))


def new_shipped_pair(device: str = "auto", precision: str = "float32") -> Pair:
    """The shipped models as nobody else has them: a pair's detail and seed are its network's own, so that two threads
    must not share one.
    """
    first, meta = checkpoints.load_network(inference.find_generator(FAITHFUL))
    second, _ = checkpoints.load_network(inference.find_generator(DETAIL))
    chosen = runtime.pick_precision(runtime.pick_device(device), precision)
    net = chosen.prepare(TwoStage.of(first, second))
    return Pair(inference.Translator(net, chosen, meta["direction"], int(meta["size_px"]), meta["fit"], dict(meta)))


_shipped_pair = functools.lru_cache(maxsize=2)(new_shipped_pair)


def sheet(
    prepared: Prepared, found: list[Candidate], *, frame: str = "square", first: str = "your drawing"
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
