"""Faces by their styles:
encoded from a drawing or a map, drawn at random, mixed by layer, varied, and decoded.

Shapes: N faces, L styles (one for each layer of the generator), D values of a style, S pixels.
Styles are float32.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from s2f_utils.infer.request import Request
from s2f_utils.infer.translator import Translator, check_mode, parts_of
from s2f_utils.networks.info import COARSE, MIDDLE
from s2f_utils.pictures import masks

if TYPE_CHECKING:
    from torch import nn

    from s2f_utils.runtime import Precision

# Richardson et al. 2021; smaller generators, below 256 px, have other fine layers.
PUBLISHED_MIX_FROM = 8
PIXELS_AT_ONCE = 1 << 22  # pixels of faces: four of 1024 px
STORED = -1  # instead of a seed: the generator's stored noise


class StyleModel(Translator):
    """A generator and, in a pSp model, the encoder (`load`). A StyleGAN2 alone reads nothing."""

    @classmethod
    def build_stages(cls, net: nn.Module, precision: Precision) -> dict[str, Any]:
        """As `Translator.build_stages`."""
        from s2f_utils.infer.stages import build_style_stages

        return build_style_stages(net, precision)

    @functools.cached_property
    def mean(self) -> np.ndarray:
        """The mean style, (L, D)."""
        first = np.zeros(1, np.int64)
        return self.engine.run("chance", first, first)[1][0]

    @functools.cached_property
    def input_px(self) -> int:
        """P, height and width of the square that the encoder reads."""
        return self.engine.takes("encode")[0][0]

    @property
    def num_layers(self) -> int:
        """L, the number of styles of a face."""
        return len(self.mean)

    def layers(self, which: str) -> range:
        """The layers of a level, "coarse" (pose and shape), "middle" (features and hair) or "fine"
        (colours and light), or "open" (`open_layers`), or by numbers from 0, "5-9" or "4". Raises
        ValueError for any other.
        """
        levels = {
            "open": self.open_layers,
            "coarse": range(COARSE),
            "middle": range(COARSE, MIDDLE),
        }
        levels["fine"] = range(MIDDLE, self.num_layers)
        if which in levels:
            return levels[which]
        first, _, last = which.partition("-")
        if not (first.isdecimal() and (last or first).isdecimal()):
            raise ValueError(f"layers are {', '.join(levels)}, or numbers as in 5-9, got {which!r}")
        chosen = range(int(first), int(last or first) + 1)
        if not chosen or chosen[-1] >= self.num_layers:
            raise ValueError(f"layers go from 0 to {self.num_layers - 1}, got {which}")
        return chosen

    @property
    def open_layers(self) -> range:
        """The layers that an encoder leaves random:
        as in its training, else from the eighth or seventh on.
        """
        first = self.info.mix_from
        if not first:
            first = PUBLISHED_MIX_FROM if self.num_layers >= 14 else MIDDLE
        return range(int(first), self.num_layers)

    def _checked(self, image: np.ndarray) -> np.ndarray:
        image = super()._checked(image)
        if self.info.reads != "map" and masks.is_coloured(image):
            raise ValueError(
                f"this model reads a {self.info.reads}, but a segmentation map was given: choose a"
                " model for maps"
            )
        return image

    def _square(self, image: np.ndarray, request: Request) -> np.ndarray:
        if not self.info.reads:
            raise ValueError(
                "this model draws faces by chance and reads nothing: give a pSp model (s2f train"
                " psp)"
            )
        return super()._square(image, request)

    def _answer_squares(self, squares: np.ndarray, requests: Sequence[Request]) -> np.ndarray:
        """As `Translator._answer_squares`: with a seed, the open styles are random."""
        check_mode(self.info.name, requests)
        answers = []
        for square, request in zip(squares, requests, strict=True):
            styles = self._encoded(square, None)
            if request.seed > 0:
                styles = self.variants(styles, 1, seed=request.seed)
            answers.append(self.decode(styles, preview=request.preview)[0])
        return np.stack(answers)

    def translate_batch(self, batch: np.ndarray, *, mode: str = "deterministic") -> np.ndarray:
        """As `Translator.translate_batch`: the drawing determines all styles."""
        return self._answer_squares(batch, [Request(mode=mode)] * len(batch))

    def encode(self, picture: np.ndarray, labels: np.ndarray | None = None) -> np.ndarray:
        """The styles of a drawing, a map or a photo, whatever this model reads: (1, L, D).

        picture: uint8 (H, W, 3); a map as class numbers, uint8 (H, W), or in CelebAMask-HQ's
        colours. labels: the map beside a sketch, for a model that reads both. Raises ValueError for
        any other input.
        """
        square = self._square(self._checked(picture), Request(fit="square"))
        return self._encoded(square, labels)

    def _encoded(self, square: np.ndarray, labels: np.ndarray | None) -> np.ndarray:
        if (labels is not None) != (self.info.reads == "sketch and map"):
            given = "one picture" if labels is None else "a sketch and a map"
            raise ValueError(f"this model reads a {self.info.reads}, but {given} was given")
        squares = [square]
        if labels is not None:
            squares.append(masks.resize(masks.picture_of(labels), self.input_px))
        return self.engine.run("encode", np.concatenate(squares, axis=2)[None])[0]

    def decode(
        self, styles: np.ndarray, *, noise: int | None = None, preview: bool = False
    ) -> np.ndarray:
        """The faces of styles (N, L, D): uint8 (N, S, S, 3). noise: a seed for freckles and strands
        of hair; None: the stored ones. preview: 256 px, in a quarter of the time, if the model
        supports it, as those with the pretrained generator do.
        """
        seed = STORED if noise is None else noise
        stage = "preview" if preview and self.engine.has("preview") else "decode"
        faces = []
        at_once = max(1, PIXELS_AT_ONCE // self.info.size_px**2)
        for part in parts_of(np.asarray(styles, np.float32), at_once):
            given = [part]
            if stage == "decode":
                given.append(np.full(len(part), seed, np.int64))
            faces.append(self.engine.run(stage, *given)[0])
        return np.concatenate(faces)

    def draw(self, num: int, seed: int = 0, psi: float = 0.7) -> np.ndarray:
        """Random styles of `num` faces, (num, L, D), the first ones the same for every num. psi:
        truncation; 1 is none, 0 the mean face.
        """
        drawn, _ = self.engine.run("chance", np.full(num, seed, np.int64), np.arange(num))
        return self.truncate(np.repeat(drawn[:, None], self.num_layers, axis=1), psi)

    def truncate(self, styles: np.ndarray, psi: float) -> np.ndarray:
        """Styles pulled towards the mean:
        1 leaves them unchanged, 0 gives the mean face (Karras et al. 2019).
        """
        return _lerp(self.mean, styles, psi)

    def mix(
        self, styles: np.ndarray, others: np.ndarray, layers: Sequence[int], strength: float = 1.0
    ) -> np.ndarray:
        """The styles, on these layers moved towards the others: strength 0 is unchanged, 1
        replaced. (N, L, D) each.
        """
        layers = list(layers)
        if layers and not 0 <= min(layers) <= max(layers) < self.num_layers:
            raise ValueError(
                f"layers go from 0 to {self.num_layers - 1}, got {min(layers)} to {max(layers)}"
            )
        mixed = np.repeat(styles, len(others) if len(styles) == 1 else 1, axis=0)
        mixed[:, layers] = _lerp(mixed[:, layers], others[:, layers], strength)
        return mixed

    def variants(
        self,
        styles: np.ndarray,
        num: int,
        *,
        seed: int = 0,
        strength: float = 1.0,
        layers: range | None = None,
        psi: float = 1.0,
    ) -> np.ndarray:
        """`num` answers to one drawing: its styles (1, L, D), on the open layers (or those given)
        mixed with those of random faces, as in pSp; (num, L, D).
        """
        return self.mix(styles, self.draw(num, seed, psi), layers or self.open_layers, strength)


def _lerp(one: np.ndarray, other: np.ndarray, share: Any) -> np.ndarray:
    """From one, at 0, to the other, at 1, both exactly; float32."""
    share = np.float32(share)
    return one * (1 - share) + other * share
