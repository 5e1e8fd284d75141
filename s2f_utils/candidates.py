"""Several answers to one drawing: faithful, realistic, and seeded variations between and beside them.

The faithful and the realistic model are one network with two sets of weights, so that a slider can go from one to the
other. A sketch does not say how light the skin, the hair or the wall is: a variation draws such colours at random.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image, ImageDraw

from s2f_utils import images, inference, models
from s2f_utils.drawings import Prepared, onto_paper

FAITHFUL, REALISTIC = "sketch-to-photo-faithful", "sketch-to-photo-realistic"


@dataclass(frozen=True)
class Candidate:
    """One answer: its name, the picture, uint8 (S, S, 3), and how it came about."""

    name: str
    picture: np.ndarray
    detail: float
    seed: int


class Pair:
    """A faithful and a realistic model; made by `load_pair`."""

    def __init__(self, faithful: inference.Translator, realistic: inference.Translator) -> None:
        if (faithful.net.name, faithful.net.args) != (realistic.net.name, realistic.net.args):
            raise models.UnknownNetworkError(
                f"a {faithful.net.name} of {faithful.net.args} and a {realistic.net.name} of {realistic.net.args}"
                " cannot be blended: give the model that the realistic one was trained on from (--init)"
            )
        self.faithful, self.realistic = faithful, realistic
        self._blended = functools.lru_cache(maxsize=4)(self._blend)

    @property
    def knows_colours(self) -> bool:
        """Whether the models were trained with colour hints, so that colours can be drawn at random."""
        return bool(self.realistic.net.hint_spread.any())

    def _blend(self, detail: float) -> inference.Translator:
        net = inference.blend(self.faithful.net, self.realistic.net, detail)
        return inference.Translator(
            self.faithful.precision.prepare(net), self.faithful.precision, self.faithful.direction,
            self.faithful.size_px, self.faithful.fit, dict(self.faithful.meta),
        )  # fmt: skip

    def translate(self, image: np.ndarray, detail: float = 1.0, seed: int = 0, *, colours: bool = False) -> np.ndarray:
        """One answer, uint8 (S, S, 3) → the same shape. detail: from 0, faithful, to 1, realistic; it is invented.

        seed: of the fine detail, and of the colours where `colours` asks for random ones.
        """
        if not 0 <= detail <= 1:
            raise ValueError(f"detail must be from 0 (faithful) to 1 (realistic), got {detail:g}")
        chosen = self.faithful if detail == 0 else self.realistic if detail == 1 else self._blended(round(detail, 3))
        chosen.net.set_seed(seed)
        x = images.to_tensor(image[None]).to(chosen.precision.device)
        hint = chosen.net.draw_hint(seed) if colours else None
        was_training = chosen.net.training
        chosen.net.eval()
        with torch.no_grad():
            made = chosen.net(chosen.precision.images(x), hint)
        chosen.net.train(was_training)
        return images.to_uint8(made)[0]

    def candidates(
        self, image: np.ndarray, seed: int = 1, num_variations: int = 1, *, detail: float = 1.0
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


@functools.lru_cache(maxsize=2)
def load_pair(faithful: str = FAITHFUL, realistic: str = REALISTIC, device: str = "auto") -> Pair:
    """A pair from the names of shipped weights, run folders or files; errors as in `inference.load`."""
    return Pair(inference.load(faithful, device), inference.load(realistic, device))


def sheet(
    prepared: Prepared, found: list[Candidate], *, frame: str = "square", first: str = "your drawing"
) -> np.ndarray:
    """The drawing and the candidates side by side with their names and the note that they are generated: uint8 RGB.

    frame: "square", as the models made them, or "paper", laid back onto the drawing. first: the drawing's own name.
    """
    pictures = [c.picture if frame == "square" else onto_paper(c.picture, prepared) for c in found]
    drawing = prepared.image if frame == "square" else prepared.paper
    height = max(256, found[0].picture.shape[0])
    tiles = []
    for picture in (drawing, *pictures):
        width = round(picture.shape[1] * height / picture.shape[0])
        tiles.append(np.asarray(Image.fromarray(picture).resize((width, height), Image.Resampling.BICUBIC)))
    row = np.hstack(tiles)
    band = Image.new("RGB", (row.shape[1], 44), "white")
    pen, x = ImageDraw.Draw(band), 0
    for name, tile in zip((first, *(c.name for c in found)), tiles, strict=True):
        pen.text((x + 6, 4), name, fill="black")
        x += tile.shape[1]
    pen.text((6, 24), images.GENERATED_NOTE, fill=(110, 110, 110))
    return np.vstack([row, np.asarray(band)])
