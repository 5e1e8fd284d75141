"""Faces for a drawing: one of the people whom it could mean (`person`), or their average
(`average`).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from s2f_studio.attributes import COLOURED, LEVELS, WORN
from s2f_studio.drawings import mesh, shape_prior, warping
from s2f_studio.drawings.landmarks import Landmarks, find_landmarks
from s2f_studio.drawings.mesh import FACE_PX
from s2f_studio.faces import people
from s2f_studio.faces.average_face import average_faces, is_worn, tones_of
from s2f_studio.request import AVERAGE, DrawingRequest
from s2f_utils import weights
from s2f_utils.infer.translator import LARGER, Translator, check_mode, parts_of
from s2f_utils.networks.info import ALIGNED
from s2f_utils.pictures.faces.geometry import similarity, transform

if TYPE_CHECKING:
    from torch import nn

    from s2f_utils.runtime import Precision

# Below this "crude" score the renderer sees the drawing's lines: FS2K's two careful styles, and
# CUFS, have .15 to .27, the simple style and pen drawings .33 to .52.
LINES_BELOW = 0.3


@dataclass
class FaceModel(Translator):
    """Faces for a drawing; made by `load`.

    It finds a drawing's landmarks, warps it to the mean shape, and predicts the average face there.
    The average face's code says where among all people those lie whom the drawing could mean; a
    seed draws one of them, a network renders the photo, and that is warped to the person's shape.
    """

    NETWORK = "expect"  # whose files it opens
    Request = DrawingRequest
    SUPPORTS = frozenset({"answer", "likely", "person"})
    PRECISION = "float32"

    def __post_init__(self) -> None:
        super().__post_init__()
        # The side of the drawings; the networks work at a smaller one.
        self.info = replace(self.info, size_px=FACE_PX, layout=ALIGNED)

    @classmethod
    def build_stages(
        cls, net: nn.Module, precision: Precision, model: str | Path, values: str = "signed"
    ) -> dict[str, Any]:
        """As `Translator.build_stages`. net: of the average face."""
        from s2f_studio.faces import stages
        from s2f_utils.networks import checkpoints

        renderer = checkpoints.load_network(weights.shipped(weights.PERSON))[0]
        renderer = precision.place(renderer.requires_grad_(False))
        return {
            "expect": stages.Expected(precision.place(net), precision.images),
            "guide": stages.Guided(),
            "settle": stages.Settled(),
            "code": stages.Coded(renderer),
            "render": stages.Rendered(renderer),
            "lay": stages.Laid(FACE_PX),
            "lay_large": stages.Laid(LARGER * FACE_PX),
        }

    @classmethod
    def more_files(cls, model: str | Path) -> tuple[Path, ...]:
        """The file of the network that renders photos."""
        return (weights.shipped(weights.PERSON),)

    def answer_squares(
        self, squares: np.ndarray, asks: Sequence[DrawingRequest]
    ) -> Sequence[np.ndarray]:
        """As `Translator.answer_squares`; S is FACE_PX."""
        check_mode(self.info.network, asks)
        found = self.landmarks(squares)
        averages = self.averages(squares, found, [average_of(ask) for ask in asks])
        answers = []
        for start in range(0, len(squares), self.at_once):
            part = slice(start, start + self.at_once)
            faces, shapes = self.faces(squares[part], averages[part], found[part], asks[part])
            for n, (face, shape) in enumerate(zip(faces, shapes, strict=True), start):
                answers.append(self.place(face, shape, found[n], asks[n]))
        return answers

    def landmarks(self, squares: np.ndarray) -> list[Landmarks]:
        """The landmarks of each square; the same drawing is analysed only once.

        The finder is the shipped one, or the one that was exported with the model.
        """
        own_finder = self.engine if self.engine.has("look") else None
        found: dict[bytes, Landmarks] = {}
        for square in squares:
            content = square.tobytes()
            if content not in found:
                found[content] = find_landmarks(square, own_finder)
        return [found[square.tobytes()] for square in squares]

    def averages(
        self, squares: np.ndarray, found: Sequence[Landmarks], asks: Sequence[DrawingRequest]
    ) -> np.ndarray:
        """`average_faces`, (N, 5, 128, 128); those of one drawing and one person only once."""
        keys = [
            (square.tobytes(), json.dumps(ask.person, sort_keys=True, default=str))
            for square, ask in zip(squares, asks, strict=True)
        ]
        firsts = [keys.index(key) for key in dict.fromkeys(keys)]
        made = {}
        for part in parts_of(firsts, self.at_once):
            some_found, some_asks = [found[n] for n in part], [asks[n] for n in part]
            faces = average_faces(self.engine, squares[part], some_found, some_asks)
            for n, face in zip(part, faces, strict=True):
                made[keys[n]] = face
        return np.stack([made[key] for key in keys])

    def faces(
        self,
        squares: np.ndarray,
        averages: np.ndarray,
        found: Sequence[Landmarks],
        asks: Sequence[DrawingRequest],
    ) -> tuple[np.ndarray, list[np.ndarray | None]]:
        """Faces in the mean shape, float32 (N, 3, 128, 128) in [0, 1], and their shapes'
        coordinates as `shape_prior` has them, (K,), None for the likely shape of the drawing.

        squares: drawings, uint8 (N, P, P, 3). averages: as `averages`.
        """
        faces, shapes = averages[:, :3].copy(), [None] * len(asks)
        who = [n for n, ask in enumerate(asks) if ask.answer != AVERAGE]
        if not who:
            return faces, shapes
        (average_codes,) = self.engine.run("code", averages[who])
        codes = np.zeros_like(average_codes)
        for n, average, code in zip(who, average_codes, codes, strict=True):
            drawn = drawn_person(average, found[n], asks[n])
            code[:], shapes[n] = drawn.codes[0], drawn.shapes[0]
        points = np.stack([found[n].points for n in who]).astype(np.float32)
        lines = np.array([found[n].flags["crude"] < LINES_BELOW for n in who], np.float32)
        seeds = np.array([asks[n].seed for n in who])
        (faces[who],) = self.engine.run("render", codes, squares[who], points, lines, seeds)
        return faces, shapes

    def place(
        self,
        face: np.ndarray,
        shape: np.ndarray | None,
        found: Landmarks,
        ask: DrawingRequest,
    ) -> np.ndarray:
        """A face, (3, 128, 128), warped from the mean shape to a person's: uint8 (S, S, 3).

        shape: the person's coordinates; None: the likely ones of the drawing. It lies where a
        portrait has it, or, to be laid on the drawing, where the drawing has it.
        """
        points = shape_prior.regularize(found.points, ask.likely, found.off_by_hand, shape)
        mean = mesh.mean_shape(FACE_PX)
        if ask.frame == "square":
            points = transform(points, similarity(points, mean))
        coarse = warping.coarse_field(points, mean, FACE_PX).astype(np.float32)
        stage = "lay_large" if ask.large else "lay"
        return self.engine.run(stage, face[None], coarse[None])[0][0]

    def translate_batch(self, batch: np.ndarray, *, mode: str = "deterministic") -> np.ndarray:
        """As `Translator.translate_batch`: the default answer, at the drawn shape and place, to be
        scored.
        """
        ask = DrawingRequest(mode=mode, likely=0.0, frame="paper")
        return np.stack(self.answer_squares(batch, [ask] * len(batch)))


def average_of(ask: DrawingRequest) -> DrawingRequest:
    """What is asked of the average face: for a person nothing, as the statistics were fitted."""
    return ask if ask.answer == AVERAGE else ask.model_copy(update={"person": {}})


def drawn_person(average: np.ndarray, found: Landmarks, ask: DrawingRequest) -> people.Drawn:
    """The person whom a request's seed draws.

    average: the code of the average face where nothing is asked for, (A,).
    """
    evidence = people.Evidence(
        average=average,
        crude=found.flags["crude"],
        worn={name: float(is_worn(name, average_of(ask), found)) for name in WORN},
        points=found.points,
        asked=asked_of(ask),
    )
    temperature = ask.temperature
    if temperature is None:
        temperature = people.usual_temperature(found.flags["crude"])
    return people.shipped().draw(evidence, [ask.seed], temperature, ask.chosen)


def asked_of(ask: DrawingRequest) -> dict[str, Any]:
    """What is asked for of the person: from -1 to 1; colours as RGB (3,)."""
    asked = {name: value for name, value in ask.person.items() if name in LEVELS}
    colours = tones_of(ask).reshape(len(COLOURED), 3)
    asked |= {name: colours[n] for n, name in enumerate(COLOURED) if name in ask.person}
    return asked
