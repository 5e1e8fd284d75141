"""The interface of every model, `Model`, and networks that translate: one image, any aspect ratio,
or a batch.

Pictures are uint8 (H, W, 3); the answer has the same aspect ratio. A model is read-only while it
answers, so threads may share it. Shapes: P pixels of the square that the network reads, S of the
square that it makes.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from PIL import Image

from s2f_utils.infer.request import MODES, Request
from s2f_utils.networks.info import ModelInfo
from s2f_utils.pictures import images, masks

if TYPE_CHECKING:
    from torch import nn

    from s2f_utils.infer.engine import Engine
    from s2f_utils.runtime import Precision

LARGER = 2  # times the usual side, if a large answer is requested
SMALL_PX = 256  # larger answers are not enlarged
LEAST_PX = 16  # least side of a picture of a face


class Model(ABC):
    """A trained network that answers pictures; made by `infer.load`.

    info: its description. engine: computes. Request: the class of its requests.
    """

    Request: ClassVar[type[Request]] = Request
    info: ModelInfo
    engine: Engine

    @abstractmethod
    def answer(
        self, pictures: Sequence[np.ndarray], requests: Sequence[Request]
    ) -> list[np.ndarray]:
        """Pictures, uint8 (H, W, 3), or maps, uint8 (H, W), and as many requests → as many answers,
        uint8 (H, W, 3).

        Nothing in the model changes: this is thread-safe.
        """

    @property
    def num_bytes(self) -> int:
        """The memory that its weights take, in bytes."""
        return self.engine.num_bytes

    def translate(self, picture: np.ndarray, **fields: Any) -> np.ndarray:
        """The answer to one picture, as the model reads it; fields: of its `Request`."""
        return self.answer([picture], [self.Request.of(fields)])[0]


@dataclass
class Translator(Model):
    """A trained generator, ready for pictures; made by `load`.

    net: the network, if PyTorch runs it. files: the ones that it was loaded from, its own first.
    """

    engine: Engine
    info: ModelInfo = ModelInfo()
    net: Any = None
    files: tuple[Path, ...] = ()

    @classmethod
    def build_stages(cls, net: nn.Module, precision: Precision) -> dict[str, Any]:
        """The stages of an answer by PyTorch (`stages`)."""
        from s2f_utils.infer.stages import build_plain_stages

        return build_plain_stages(net, precision)

    @property
    def input_px(self) -> int:
        """P, height and width of the square that the network reads."""
        return self.info.size_px

    def answer(
        self, pictures: Sequence[np.ndarray], requests: Sequence[Request]
    ) -> list[np.ndarray]:
        """As `Model.answer`:
        pictures of any size, or class numbers, to pictures of the same aspect ratio.

        The network works on a square. "stretch" squeezes the picture into it and back, "square"
        squeezes it and leaves the answer a square; "pad" keeps proportions, continues the paper's
        colour to a square, and crops the result back. The result's longer side is S (less for a
        smaller picture if the network was trained on padded ones). Raises ValueError for another
        array, ImageError for a picture of less than 16 pixels.
        """
        pictures, requests, squares = self._to_squares(pictures, requests)
        answers = self._answer_squares(squares, requests)
        return self._from_squares(answers, pictures, requests)

    def _answer_squares(
        self, squares: np.ndarray, requests: Sequence[Request]
    ) -> Sequence[np.ndarray]:
        """Squares, uint8 (N, P, P, 3), to as many answers, uint8 (S, S, 3), or already enlarged
        ones; one at a time, so that an answer is the same whatever stands beside it.
        """
        return [
            self.translate_batch(square[None], mode=request.mode, seeds=[request.seed])[0]
            for square, request in zip(squares, requests, strict=True)
        ]

    def translate_batch(
        self, batch: np.ndarray, *, mode: str = MODES[0], seeds: Sequence[int] = ()
    ) -> np.ndarray:
        """Square pictures, uint8 (N, P, P, 3) → uint8 (N, S, S, 3), in one pass. seeds: of each
        one's dropout in the mode "paper"; none: from torch's global generator.
        """
        if mode == MODES[0]:
            return self.engine.run("translate", batch)[0]
        if not self.engine.has(mode):
            raise ValueError(
                f"mode {mode} is for pix2pix, and needs PyTorch: choose --engine torch, or the mode"
                f" {MODES[0]}"
            )
        given = [np.array(seeds, np.int64)] if len(seeds) else []
        return self.engine.run(mode, batch, *given)[0]

    def _to_squares(
        self, pictures: Sequence[np.ndarray], requests: Sequence[Request]
    ) -> tuple[list[np.ndarray], list[Any], np.ndarray]:
        """The pictures, checked, the requests, completed, and the squares, uint8 (N, P, P, 3)."""
        pictures = [self._checked(picture) for picture in pictures]
        requests = [self._completed(request) for request in requests]
        pairs = zip(pictures, requests, strict=True)
        return pictures, requests, np.stack([self._square(*pair) for pair in pairs])

    def _from_squares(
        self,
        answers: Sequence[np.ndarray],
        pictures: Sequence[np.ndarray],
        requests: Sequence[Request],
    ) -> list[np.ndarray]:
        """The answers to squares, each with the aspect ratio of its picture."""
        return [self._back(*parts) for parts in zip(answers, pictures, requests, strict=True)]

    def _completed(self, request: Request) -> Request:
        """A request with the defaults of this model's further fields."""
        if isinstance(request, self.Request):
            return request
        return self.Request(**request.model_dump(exclude_unset=True))

    def _checked(self, image: np.ndarray) -> np.ndarray:
        return checked(masks.picture_of(image) if self.info.reads == "map" else image)

    def _square(self, image: np.ndarray, request: Request) -> np.ndarray:
        if self.info.reads == "map":
            if request.fit == "pad":
                raise ValueError("a map is stretched to a square, never padded: leave fit out")
            return masks.resize(image, self.input_px)
        fit = request.fit or self.info.fit
        if fit in ("stretch", "square"):
            return images.resize(image, self.input_px, "stretch")
        if fit == self.info.fit == "pad":
            # As the training data were padded: small pictures keep their size, on black.
            return images.resize(image, self.input_px, "pad", fill=(0, 0, 0))
        _, _, width, height = images.content_box(image.shape[:2], self.input_px, enlarge=True)
        return images.resize(_resized(image, (width, height)), self.input_px, "pad")

    def _back(self, answer: np.ndarray, image: np.ndarray, request: Request) -> np.ndarray:
        """The answer to a square, with the aspect ratio of the given picture."""
        is_larger = request.large and self.info.size_px <= SMALL_PX
        side_px = (LARGER if is_larger else 1) * len(answer)
        fit = request.fit or self.info.fit
        if fit == "square":
            return _resized(answer, (side_px, side_px))
        if fit == "stretch" or self.info.reads == "map":
            answer = _resized(answer, (side_px, side_px))
            _, _, width, height = images.content_box(image.shape[:2], side_px, enlarge=True)
            return _resized(answer, (width, height))
        # Cut out where `_square` has put the picture, then enlarged.
        keeps_size = self.info.fit == "pad"
        box = images.content_box(image.shape[:2], self.input_px, enlarge=not keeps_size)
        scale = len(answer) / self.input_px
        left, top, width, height = (round(scale * side) for side in box)
        answer = answer[top : top + height, left : left + width]
        width, height = (max(1, round(side_px / self.input_px * side)) for side in box[2:])
        return _resized(answer, (width, height))


def _resized(picture: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """A picture, uint8 (H, W, 3), of another (width, height)."""
    if picture.shape[1::-1] == size:
        return picture
    return np.asarray(Image.fromarray(picture).resize(size, Image.Resampling.BICUBIC))


def checked(picture: np.ndarray) -> np.ndarray:
    """Check a picture that may show a face: uint8 (H, W, 3). Raises ValueError for another array,
    ImageError for one of less than 16 pixels.
    """
    picture = np.asarray(picture)
    if picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape[2] != 3:
        raise ValueError(
            f"image must be uint8 (H, W, 3), got {picture.dtype} {picture.shape}: use"
            " images.load_rgb"
        )
    height, width = picture.shape[:2]
    if min(height, width) < LEAST_PX:
        raise images.ImageError(
            f"a picture of {width}x{height} pixels shows no face: {LEAST_PX} pixels are the least"
        )
    return picture


def check_mode(name: str, requests: Sequence[Request]) -> None:
    """Raise ValueError if the mode "paper" is requested of a model with one way to answer."""
    if any(request.mode != MODES[0] for request in requests):
        raise ValueError(f"mode paper is for pix2pix: {name} has one way to answer")


def parts_of(items: Sequence[Any], most: int) -> list[Sequence[Any]]:
    """The items in parts of at most `most`."""
    return [items[start : start + most] for start in range(0, len(items), most)]
