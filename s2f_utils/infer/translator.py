"""The interface of every model, `Model`, and networks that translate: one image, any aspect ratio,
or a batch.

Pictures are uint8 (H, W, 3); the answer has the same aspect ratio. A model is read-only while it
answers, so threads
may share it. Shapes: P pixels of the square that the network reads, S of the square that it makes.
"""

from __future__ import annotations

import functools
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from PIL import Image

from s2f_utils.extensions import studio
from s2f_utils.infer.asking import DETAIL_OF_DRAWINGS, LEAST_PX, Facts
from s2f_utils.infer.engine import Engine
from s2f_utils.infer.request import MODES, Request
from s2f_utils.pictures import images, masks

LARGER = 2  # times the usual side, if a large answer is requested
SMALL_PX = 256  # larger answers are not enlarged


class Model(ABC):
    """A trained network that answers pictures; made by `inference.load`."""

    Request: ClassVar[type[Request]] = Request
    facts: Facts
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

    def advice(self, picture: np.ndarray, request: Request | None = None) -> object | None:
        """A remark about a picture as this model reads it, and its answer; None if there is none."""
        return None

    def translate(self, picture: np.ndarray, **fields: Any) -> np.ndarray:
        """The answer to one picture, as the model reads it; fields: of its `Request`."""
        return self.answer([picture], [self.Request.of(fields)])[0]

    def __call__(
        self,
        picture: str | Path | np.ndarray,
        *,
        points: Any = None,
        clean: str = "auto",
        face: str | int | None = None,
        **fields: Any,
    ) -> np.ndarray:
        """Translate a picture to another, uint8 RGB (H, W, 3): `model("drawing.jpg", seed=3)`.

        picture: a path, or an array, uint8 (H, W, 3); a drawing is cleaned and aligned, a photo is
        aligned (`s2f_studio.drawings.prepare`); without that package, only maps, and models that
        need no alignment, can be
        used. points, clean, face: as in `prepare`. fields: of its `Request`; detail is 0.5 by
        default. Raises what `prepare` and `answer` raise, and ValueError for another field.
        """
        facts = self.facts
        if drawings := studio("drawings.prepare"):
            picture = drawings.prepare_for(
                picture, facts, points=points, clean=clean, face=face
            ).image
        elif facts.reads == "map":
            picture = masks.labels_of(
                picture if isinstance(picture, np.ndarray) else masks.load(picture)
            )
        elif facts.layout:
            raise ValueError(
                f"{facts.name}: needs aligned pictures; s2f_studio, which aligns them, is missing"
            )
        elif not isinstance(picture, np.ndarray):
            picture = images.load_rgb(picture)
        return self.translate(picture, **{"detail": DETAIL_OF_DRAWINGS} | fields)


@dataclass
class Translator(Model):
    """A trained generator, ready for pictures; made by `load`.

    engine: runs its stages. network, knows: the network's name, and its supported fields
    (`models.card`). layout: as in `Facts`. at_once: squares per pass of the network. net,
    precision: the network itself and its precision, if torch
    runs it. ASKED: further fields of a request that the class supports (`Facts.knows`).
    """

    ASKED: ClassVar[frozenset[str]] = frozenset()
    engine: Engine
    network: str = ""
    knows: frozenset[str] = frozenset()
    direction: str = "sketch-to-photo"
    size_px: int = 256
    fit: str = "stretch"
    meta: dict[str, Any] = field(default_factory=dict)
    name: str = "a model of your own"
    layout: str = "aligned"
    at_once: int = 1
    net: Any = None
    precision: Any = None
    files: tuple[Path, ...] = ()

    @functools.cached_property
    def facts(self) -> Facts:
        """This model's description."""
        return Facts(self.name, self.direction, self.size_px, self.knows | self.ASKED, self.layout)

    @property
    def reads(self) -> str:
        """As `Facts.reads`."""
        return self.facts.reads

    @property
    def input_px(self) -> int:
        """P, height and width of the square that the network reads."""
        return self.size_px

    def answer(
        self, pictures: Sequence[np.ndarray], requests: Sequence[Request]
    ) -> list[np.ndarray]:
        """As `Model.answer`: pictures of any size, or class numbers, to pictures of the same aspect
        ratio.

        The network works on a square. "stretch" squeezes the picture into it and back; "pad" keeps
        proportions, continues the paper's colour to a square, and crops the result back. The
        result's longer side is `size_px` (less for a smaller picture if the network was trained on
        padded ones). Raises ValueError for another array, ImageError for a picture of less than 16
        pixels.
        """
        pictures = [self._checked(picture) for picture in pictures]
        squares = np.stack(
            [
                self._square(picture, request)
                for picture, request in zip(pictures, requests, strict=True)
            ]
        )
        made = self.answer_squares(squares, requests)
        return [self._back(*one) for one in zip(made, pictures, requests, strict=True)]

    def answer_squares(
        self, squares: np.ndarray, requests: Sequence[Request]
    ) -> Sequence[np.ndarray]:
        """Squares, uint8 (N, P, P, 3), to as many answers, uint8 (S, S, 3), or already enlarged
        ones.
        """
        made = np.empty_like(squares)
        for mode in {request.mode for request in requests}:
            for part in parts_of(
                [n for n, request in enumerate(requests) if request.mode == mode], self.at_once
            ):
                made[part] = self.translate_batch(squares[part], mode=mode)
        return made

    def translate_batch(self, batch: np.ndarray, *, mode: str = "deterministic") -> np.ndarray:
        """Square pictures, uint8 (N, size_px, size_px, 3) → the same shape, in one pass."""
        stage = "translate" if mode == MODES[0] else mode
        if not self.engine.has(stage):
            raise ValueError(f"mode {mode} is for pix2pix, and needs PyTorch: choose {MODES[0]}")
        return self.engine.run(stage, batch)[0]

    def _checked(self, image: np.ndarray) -> np.ndarray:
        return checked(masks.picture_of(image) if self.reads == "map" else image)

    def _square(self, image: np.ndarray, request: Request) -> np.ndarray:
        if self.reads == "map":
            if request.fit == "pad":
                raise ValueError("a map is stretched to a square, never padded: leave fit out")
            return masks.resize(image, self.input_px)
        fit = request.fit or self.fit
        if fit in ("stretch", "square"):
            return images.resize(image, self.input_px, "stretch")
        if (
            fit == self.fit == "pad"
        ):  # padded like the training data: small pictures keep their size, on black
            return images.resize(image, self.input_px, "pad", fill=(0, 0, 0))
        _, _, width, height = images.content_box(image.shape[:2], self.input_px, enlarge=True)
        larger = np.asarray(
            Image.fromarray(image).resize((width, height), Image.Resampling.BICUBIC)
        )
        return images.resize(larger, self.input_px, "pad")

    def _back(self, made: np.ndarray, image: np.ndarray, request: Request) -> np.ndarray:
        """The answer to a square, with the aspect ratio of the given picture."""
        is_larger = request.large and self.size_px <= SMALL_PX
        side_px = (LARGER if is_larger else 1) * self.size_px
        fit = request.fit or self.fit
        if fit not in ("stretch", "square") and self.reads != "map":
            # Cut out where `_square` has put it, then enlarged.
            box = images.content_box(image.shape[:2], self.input_px, enlarge=self.fit != "pad")
            left, top, width, height = (round(len(made) / self.input_px * side) for side in box)
            made = made[top : top + height, left : left + width]
            return _resized(
                made, tuple(max(1, round(side_px / self.input_px * side)) for side in box[2:])
            )
        made = _resized(made, (side_px, side_px))
        if fit == "square":
            return made
        return _resized(made, images.content_box(image.shape[:2], side_px, enlarge=True)[2:])


def _resized(picture: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    if picture.shape[1::-1] == size:
        return picture
    return np.asarray(Image.fromarray(picture).resize(size, Image.Resampling.BICUBIC))


class DetailModel(Translator):
    """A faithful model, and a second one that adds a chosen amount of detail to its answers, from a
    seed.
    """

    def answer_squares(
        self, squares: np.ndarray, requests: Sequence[Request]
    ) -> Sequence[np.ndarray]:
        """As `Translator.answer_squares`; each picture's structure is made once."""
        one_way(self.network, requests)
        first: dict[bytes, int] = {}
        places = [first.setdefault(square.tobytes(), len(first)) for square in squares]
        sources = squares[[places.index(n) for n in range(len(first))]]
        expected = [
            self.engine.run("structure", part)[0] for part in parts_of(sources, self.at_once)
        ]
        base = np.concatenate(expected)[places]  # (N, 3, S, S)
        made = images.shown(base)
        detailed = [n for n, request in enumerate(requests) if request.detail > 0]
        for part in parts_of(detailed, self.at_once):
            amounts = np.array([requests[n].detail for n in part], np.float32)
            seeds = np.array([requests[n].seed for n in part])
            made[part] = self.engine.run("detail", squares[part], base[part], amounts, seeds)[0]
        return made

    def translate_batch(self, batch: np.ndarray, *, mode: str = "deterministic") -> np.ndarray:
        """As `Translator.translate_batch`: with all of the detail."""
        one_way(self.network, [Request(mode=mode)])
        seeds, amounts = np.zeros(len(batch), np.int64), np.ones(len(batch), np.float32)
        return self.engine.run(
            "detail", batch, self.engine.run("structure", batch)[0], amounts, seeds
        )[0]


def checked(picture: np.ndarray) -> np.ndarray:
    """Check a picture that may show a face: uint8 (H, W, 3). Raises ValueError for another array,
    ImageError for one of less than 16 pixels.
    """
    picture = np.asarray(picture)
    height, width, *channels = picture.shape if picture.ndim > 1 else (0, 0)
    if picture.dtype != np.uint8 or channels != [3]:
        raise ValueError(
            f"image must be uint8 (H, W, 3), got {picture.dtype} {picture.shape}: use images.load_rgb"
        )
    if min(height, width) < LEAST_PX:
        raise images.ImageError(
            f"a picture of {width}x{height} pixels shows no face: {LEAST_PX} pixels are the least"
        )
    return picture


def one_way(network: str, requests: Sequence[Request]) -> None:
    """Raise ValueError if another mode is requested of a network with one way to answer."""
    if any(request.mode != MODES[0] for request in requests):
        raise ValueError(f"mode paper is for pix2pix: a {network} has one way to answer")


def parts_of(items: Sequence[Any], most: int) -> list[Sequence[Any]]:
    """The items in parts of at most `most`."""
    return [items[start : start + most] for start in range(0, len(items), most)]
