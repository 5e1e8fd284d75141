"""Faces for a drawing: a person of the generator whom it could mean (`person`), or the average of
all who would be drawn so (`average`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from s2f_studio import shipped
from s2f_studio.codes import centre_of, code_of, text_of, usual_temperature
from s2f_studio.faces import asked
from s2f_studio.faces.average_face import average_face
from s2f_studio.faces.looks import SPANS, TRAITS
from s2f_studio.request import AVERAGE, LIKELY, DrawingRequest
from s2f_utils import weights
from s2f_utils.infer.landmarks import Landmarks, find_landmarks, worn_in
from s2f_utils.infer.translator import LARGER, Translator, check_mode
from s2f_utils.networks.info import ALIGNED
from s2f_utils.pictures import faces, images, mesh, shape_prior, warping
from s2f_utils.pictures.attributes import WORN
from s2f_utils.pictures.faces.geometry import similarity, transform
from s2f_utils.pictures.mesh import FACE_PX

if TYPE_CHECKING:
    from torch import nn

    from s2f_utils.infer.engine import Engine
    from s2f_utils.runtime import Precision

# Fields of a request.
SUPPORTS = frozenset({"answer", "likely", "person", "preview"})
# Beside the file of the average face and the generator's.
OTHER_FILES_OF_FACES = (shipped.file_of(shipped.PEOPLE), weights.shipped(weights.PREVIEW))
# Probability from which something worn that is drawn and not shown is named in a remark.
SURELY = 0.75
PREVIEW_PX, USUAL_PX, LARGE_PX = 256, 512, 1024
SKIN_ROUNDS = 3
FIRMEST = 3.0  # weight of the drawn shape where nothing is to be likelier than drawn


@dataclass(frozen=True)
class Person:
    """Who answers a drawing.

    text: the code, as `codes` writes it. traits: (T,), what it shows. drawn: which of glasses,
    beard and hat the drawing surely shows.
    """

    text: str
    traits: np.ndarray
    drawn: tuple[str, ...]

    @property
    def code(self) -> np.ndarray:
        """What the text holds: float32 (K,)."""
        return code_of(self.text)


@dataclass(frozen=True)
class Reading:
    """What one drawing shows, as the stage "read" has it: looks (V,), logarithms of probabilities;
    hair (H * H,); features (F,); shape (B,); lips (2,); crude.
    """

    looks: np.ndarray
    hair: np.ndarray
    features: np.ndarray
    shape: np.ndarray
    lips: np.ndarray
    crude: np.float32


@dataclass
class FaceModel(Translator):
    """Faces for a drawing; made by `load`.

    It finds a drawing's landmarks, and reads what is drawn. A seed draws a person of the generator
    who could be meant; the person's code is moved towards what is drawn and asked for, and painted.
    The average face is another network's, and needs no generator.
    """

    NETWORK = "expect"  # whose files it opens
    Request = DrawingRequest

    def __post_init__(self) -> None:
        # The side of the drawings; the networks work at a smaller one.
        supports = self.info.supports | SUPPORTS
        self.info = replace(self.info, size_px=FACE_PX, layout=ALIGNED, supports=supports)

    @classmethod
    def build_stages(cls, net: nn.Module, precision: Precision) -> dict[str, Any]:
        """As `Translator.build_stages`. net: of the average face."""
        from s2f_studio.faces import fitting, people_stages, stages
        from s2f_utils.networks import checkpoints

        def placed(path: Path) -> nn.Module:
            network = checkpoints.load_network(path)[0]
            return precision.place(network.requires_grad_(False))

        def generator() -> nn.Module:
            return placed(weights.generator())

        def preview() -> nn.Module:
            head = placed(weights.shipped(weights.PREVIEW))
            return people_stages.Preview(people, generator(), head)

        people = placed(shipped.file_of(shipped.PEOPLE))

        return {
            "expect": stages.Expected(precision.place(net), precision.images),
            "guide": stages.Guided(),
            "settle": stages.Settled(),
            "lay": stages.Laid(FACE_PX),
            "lay_large": stages.Laid(LARGER * FACE_PX),
            "read": people_stages.Read(people),
            "guess": people_stages.Guess(people),
            "fit": fitting.Fit(people),
            "edit": fitting.Edit(people),
            "preview": preview,
            "paint": lambda: people_stages.Paint(people, generator(), USUAL_PX),
            "paint_large": lambda: people_stages.Paint(people, generator(), LARGE_PX),
        }

    def answer(
        self, pictures: Sequence[np.ndarray], requests: Sequence[DrawingRequest]
    ) -> list[np.ndarray]:
        """As `Translator.answer`. Raises WeightsError where people are asked for and the generator
        is neither here nor to be had.
        """
        return self.answer_people(pictures, requests)[0]

    def answer_people(
        self,
        pictures: Sequence[np.ndarray],
        requests: Sequence[DrawingRequest],
        found: Sequence[Landmarks] | None = None,
    ) -> tuple[list[np.ndarray], list[Person | None]]:
        """As `answer`, and the person of each answer; None for the average.

        requests: a plain `Request` counts as one whose further fields have their defaults. found:
        the landmarks of each picture, where they are known already.
        """
        pictures, asks, squares = self._to_squares(pictures, requests)
        check_mode(self.info.name, asks)
        found = found or self.landmarks(squares)
        people = self.choose_people(squares, found, asks)
        parts = zip(squares, found, people, asks, strict=True)
        answers = [self.make_picture(*one) for one in parts]
        return self._from_squares(answers, pictures, asks), people

    def _back(self, answer: np.ndarray, image: np.ndarray, request: DrawingRequest) -> np.ndarray:
        """The answer to a square, with the aspect ratio of the given picture."""
        if request.fit == "square" or image.shape[0] == image.shape[1]:
            return answer
        _, _, width, height = images.content_box(image.shape[:2], len(answer), enlarge=True)
        size = width, height
        return np.asarray(Image.fromarray(answer).resize(size, Image.Resampling.BICUBIC))

    @property
    def finder(self) -> Engine | None:
        """The finder that was exported with the model; None: the shipped one."""
        return self.engine if self.engine.has("look") else None

    def landmarks(self, squares: np.ndarray) -> list[Landmarks]:
        """The landmarks of each square; the same drawing is analysed only once."""
        found: dict[bytes, Landmarks] = {}
        for square in squares:
            content = square.tobytes()
            if content not in found:
                found[content] = find_landmarks(square, self.finder)
        return [found[square.tobytes()] for square in squares]

    def choose_people(
        self,
        squares: np.ndarray,
        found: Sequence[Landmarks],
        asks: Sequence[DrawingRequest],
    ) -> list[Person | None]:
        """Who answers each request; None where the average is asked for."""
        read: dict[bytes, Reading] = {}
        people: list[Person | None] = []
        for square, look, ask in zip(squares, found, asks, strict=True):
            if ask.answer == AVERAGE:
                people.append(None)
                continue
            content = square.tobytes()
            if content not in read:
                read[content] = self.read(square, look)
            people.append(self.choose_person(read[content], ask))
        return people

    def read(self, square: np.ndarray, look: Landmarks) -> Reading:
        """What one drawing shows."""
        shape = shape_prior.coordinates(look.points, look.off_by_hand).astype(np.float32)
        lips = mesh.lips_of(look.points).astype(np.float32)
        crude = np.float32(look.flags["crude"])
        parts = np.stack([look.parts[name] for name in ("person", "hair")])
        looks, hair, features = self._run(
            "read",
            picture=square,
            points=look.points.astype(np.float32),
            parts=parts.astype(np.float32),
            shape=shape,
            lips=lips,
            crude=crude,
            worn=worn_in(look),
        )
        return Reading(looks, hair, features, shape, lips, crude)

    def choose_person(self, reading: Reading, ask: DrawingRequest) -> Person:
        """The person of a request's seed, or who is kept, changed as is asked for."""
        code, chances = self.start_of(reading, ask)
        is_given = ask.keep is not None or any(one.picked for one in ask.chosen)
        (code,) = self._run(
            "fit",
            code=code,
            hair=reading.hair,
            looks=reading.looks,
            shape=reading.shape,
            lips=reading.lips,
            crude=reading.crude,
            chances=chances,
            firmness=np.float32(firmness(ask.likely)),
            is_given=np.float32(is_given),
        )
        code, traits = self.edit(code, ask)
        return Person(text_of(code), traits, surely_worn(reading.looks))

    def edit(self, code: np.ndarray, ask: DrawingRequest) -> tuple[np.ndarray, np.ndarray]:
        """The same person, changed as is asked for, and the traits (T,).

        A code says only roughly which tone its skin will have, so that an asked tone is measured in
        a preview, and what is missing is asked for as well.
        """
        wanted = asked.traits_of(ask.person)
        changed, traits = self._run("edit", code=code, asked=wanted)
        if "skin" not in ask.person:
            return changed, traits
        aim, skin = wanted.copy(), [TRAITS.index(name) for name in asked.TONES["skin"]]
        for _ in range(SKIN_ROUNDS):
            aim[skin] += wanted[skin] - self.skin_of(changed)
            changed, traits = self._run("edit", code=code, asked=aim)
        traits[skin] = self.skin_of(changed)
        return changed, traits

    def skin_of(self, code: np.ndarray) -> np.ndarray:
        """The tone of a person's cheeks, CIELAB: float32 (3,)."""
        picture = self.paint(code, DrawingRequest(preview=True))
        return asked.skin_of(picture, find_landmarks(picture, self.finder).points)

    def start_of(self, reading: Reading, ask: DrawingRequest) -> tuple[np.ndarray, np.ndarray]:
        """The code (K,) from which a person is moved towards the drawing: of who is kept, near
        those who were picked, or drawn by the seed; and the seed's chances.
        """
        temperature = ask.temperature
        if temperature is None:
            temperature = usual_temperature(reading.crude)
        code, chances = self._guess(reading, ask, temperature)
        if ask.keep is not None:
            return code_of(ask.keep), chances
        picked = centre_of(ask.chosen)
        if picked is not None:
            centre, spread = picked
            code = centre + spread * (code - self._guess(reading, ask, 0.0)[0])
        return code, chances

    def _guess(self, reading: Reading, ask: DrawingRequest, temperature: float) -> list[np.ndarray]:
        return self._run(
            "guess",
            features=reading.features,
            seed=np.int64(ask.seed),
            temperature=np.float32(temperature),
            guidance=np.float32(ask.guidance),
        )

    def _run(self, stage: str, **given: np.ndarray) -> list[np.ndarray]:
        """A stage's outputs for one drawing or person, from its inputs by name."""
        batch = {name: np.asarray(one)[None] for name, one in given.items()}
        return [one[0] for one in self.engine.run(stage, **batch)]

    def make_picture(
        self, square: np.ndarray, look: Landmarks, person: Person | None, ask: DrawingRequest
    ) -> np.ndarray:
        """One answer: uint8 (S, S, 3)."""
        if person is None:
            return self.lay_average(square, look, ask)
        face = self.paint(person.code, ask)
        if ask.frame == "square":
            return face
        return as_drawn(face, look, self.finder)

    def paint(self, code: np.ndarray, ask: DrawingRequest) -> np.ndarray:
        """The picture of a person: uint8 (S, S, 3)."""
        weights.generator()  # fetched now if it is not here, or what to do is said
        size = "preview" if ask.preview else "paint_large" if ask.large else "paint"
        return self._run(size, code=code)[0]

    def lay_average(self, square: np.ndarray, look: Landmarks, ask: DrawingRequest) -> np.ndarray:
        """The average face, where a portrait has it, or to be laid on the drawing."""
        points = shape_prior.regularize(look.points, ask.likely, look.off_by_hand)
        mean = mesh.mean_shape(FACE_PX)
        if ask.frame == "square":
            points = transform(points, similarity(points, mean))
        field = warping.coarse_field(points, mean, FACE_PX).astype(np.float32)
        average = average_face(self.engine, square, look, ask)
        large = "" if ask.preview else "_large"
        return self._run(f"lay{large}", face=average[:3], coarse=field)[0]

    def translate_batch(self, batch: np.ndarray, *, mode: str = "deterministic") -> np.ndarray:
        """As `Translator.translate_batch`: the default answer, at the drawn place, to be scored."""
        ask = DrawingRequest(mode=mode, likely=0.0, frame="paper", preview=True)
        return np.stack(self.answer(batch, [ask] * len(batch)))


def as_drawn(face: np.ndarray, look: Landmarks, finder: Engine | None) -> np.ndarray:
    """A painted face, uint8 (S, S, 3), laid where the drawing has it: the same size."""
    scale = len(face) / FACE_PX
    small = images.resize(face, FACE_PX)
    own = mesh.five_of(find_landmarks(small, finder).points)
    drawn = mesh.five_of(look.points)
    own, drawn = ((one + 0.5) * scale - 0.5 for one in (own, drawn))
    return faces.warp(face, similarity(own, drawn), len(face))


def firmness(likely: float) -> float:
    """The weight of the drawn shape: 1 as usual, more where less likely shapes are asked for."""
    return float(np.interp(likely, (0, LIKELY, 1), (FIRMEST, 1.0, 0.3)))


def surely_worn(looks: np.ndarray) -> tuple[str, ...]:
    """Which of glasses, beard and hat a drawing shows with a probability of `SURELY`.

    looks: (V,), logarithms of probabilities; the first value of each is that nothing is worn.
    """
    return tuple(name for name in WORN if 1 - np.exp(looks[SPANS[name]][0]) > SURELY)
