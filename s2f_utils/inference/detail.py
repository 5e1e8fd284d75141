"""A faithful model, and one that adds detail to its answers: as much of it as is asked for, from a seed.

A sketch does not say how light the skin, the hair or the wall is: colours can be drawn at random, around those that are
to be expected.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from s2f_utils.inference.asking import Ask
from s2f_utils.inference.translator import Translator, one_way, parts_of
from s2f_utils.pictures import images


class DetailModel(Translator):
    """A `TwoStage` network, ready for pictures; made by `load`."""

    @torch.no_grad()
    def answer_squares(self, squares: np.ndarray, asks: Sequence[Ask]) -> np.ndarray:
        """As `Translator.answer_squares`; the structure of one picture is made once, however often it is asked about.

        Several pictures in one pass, or one by one (`at_once`), differ by rounding.
        """
        one_way(self.net, asks)
        sources, places = _distinct(squares)
        x = [self._prepared(part) for part in parts_of(sources, self.at_once)]
        with self.precision.autocast():
            expected = torch.cat([self.net.structure(part) for part in x])[places]  # (N, 3, S, S)
            x = torch.cat(x)[places]
            base = self._with_colours(x, expected, asks)
            made = self._with_detail(x, base, asks)
        return images.to_uint8(made.float())

    def _prepared(self, squares: np.ndarray) -> Tensor:
        return self.precision.images(images.to_tensor(squares).to(self.precision.device))

    def _with_colours(self, x: Tensor, expected: Tensor, asks: Sequence[Ask]) -> Tensor:
        """The structure's answers, those with colours at random where they are asked for and known."""
        base = expected.clone()
        coloured = [n for n, ask in enumerate(asks) if ask.colours and "colours" in self.facts.knows]
        for part in parts_of(coloured, self.at_once):
            drawn = [self.net.draw_hint(asks[n].seed, around=expected[n : n + 1]) for n in part]
            base[part] = self.net.structure(x[part], torch.cat(drawn)).to(base.dtype)
        return base

    def _with_detail(self, x: Tensor, base: Tensor, asks: Sequence[Ask]) -> Tensor:
        made = base.float()
        detailed = [n for n, ask in enumerate(asks) if ask.detail > 0]
        for part in parts_of(detailed, self.at_once):
            amounts = torch.tensor([asks[n].detail for n in part], device=x.device).view(-1, 1, 1, 1)
            made[part] = self.net.with_detail(x[part], base[part], amounts, [asks[n].seed for n in part]).float()
        return made


def _distinct(squares: np.ndarray) -> tuple[np.ndarray, list[int]]:
    """The different ones of some pictures, and for each picture its place among them."""
    first: dict[bytes, int] = {}
    places = [first.setdefault(square.tobytes(), len(first)) for square in squares]
    return squares[[places.index(n) for n in range(len(first))]], places
