"""Faces for a drawing: a person of the bank who fits it (`person`), or the average of all who would
be drawn so (`average`).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from s2f_studio import shipped
from s2f_studio.attributes import WORN
from s2f_studio.drawings import mesh, shape_prior, warping
from s2f_studio.drawings.landmarks import Landmarks, find_landmarks
from s2f_studio.drawings.mesh import FACE_PX
from s2f_studio.faces import asked, bank, choosing, skin
from s2f_studio.faces.average_face import average_faces
from s2f_studio.faces.looks import SPANS
from s2f_studio.request import AVERAGE, DrawingRequest
from s2f_utils.infer.translator import LARGER, Translator, check_mode
from s2f_utils.networks.info import ALIGNED
from s2f_utils.pictures.faces.geometry import similarity, transform

if TYPE_CHECKING:
    from torch import nn

    from s2f_utils.infer.engine import Engine
    from s2f_utils.runtime import Precision

# Below this "crude" score the drawing's lines know more than the bank, and a network that sees them
# renders the photo: FS2K's two careful styles, and CUFS, have .15 to .27, the simple style and pen
# drawings .29 to .52.
CAREFUL_BELOW = 0.28
# How much of an entry's own shape stays: for careful drawings; crude ones add.
OWN_SHAPE = 0.35, 0.35
# Fields of a request.
SUPPORTS = frozenset({"answer", "likely", "person"})
# Beside the file of the average face: the network that renders photos, and what is known of the
# bank.
OTHER_FILES_OF_FACES = (shipped.file_of(shipped.PERSON), shipped.file_of(shipped.BANK))
ENTRY_CODE_SHARE = 0.25  # how much of an entry's appearance a careful drawing's answer has
# Share of hair above the brows from which a hat is doubtful, and from which there is none.
HAIR_UNDER_HAT = 0.2, 0.5
# Probability from which something worn that is drawn and not shown is named in a remark.
SURELY = 0.9


class UnknownPersonError(ValueError):
    """A number that nobody in the bank has."""


@dataclass(frozen=True)
class Person:
    """Who answers a drawing: the entry of the bank, and what is known of it for placing.

    number: what it is known by for good. own_hair, drawn_hair: (H, H), the entry's and the
    drawing's. shape: (B,), code: (K,). looks: (V,) and tones: (6,), as the stage "entry" has them.
    drawn: which of glasses, beard and hat the drawing surely shows.
    """

    chosen: choosing.Chosen
    number: int
    own_hair: np.ndarray
    drawn_hair: np.ndarray
    shape: np.ndarray
    code: np.ndarray
    looks: np.ndarray
    tones: np.ndarray
    drawn: tuple[str, ...]


@dataclass(frozen=True)
class Weighed:
    """All entries, weighed by one drawing, as the stage "weigh" has them.

    nats: (2 E,), of all entries and then of their mirror images. looks: (V,), what the drawing
    shows, logarithms of probabilities. hair: (H, H), the drawn hair in the mean shape.
    """

    nats: np.ndarray
    looks: np.ndarray
    hair: np.ndarray


@dataclass
class FaceModel(Translator):
    """Faces for a drawing; made by `load`.

    It finds a drawing's landmarks, warps it to the mean shape, and predicts the average face there.
    All entries of the bank are weighed by what is drawn and asked for, a seed chooses one of them,
    and its picture is warped from the mean shape to the drawn one. For a careful drawing a network
    renders the photo instead, from the drawing's lines and the entry's appearance.
    """

    NETWORK = "expect"  # whose files it opens
    Request = DrawingRequest

    def __post_init__(self) -> None:
        self.bank = bank.shipped()
        # The side of the drawings; the networks work at a smaller one.
        supports = self.info.supports | SUPPORTS
        self.info = replace(self.info, size_px=FACE_PX, layout=ALIGNED, supports=supports)

    @classmethod
    def build_stages(cls, net: nn.Module, precision: Precision) -> dict[str, Any]:
        """As `Translator.build_stages`. net: of the average face."""
        from s2f_studio.faces import bank_stages, placing, stages
        from s2f_utils.networks import checkpoints

        def placed(name: str) -> nn.Module:
            network = checkpoints.load_network(shipped.file_of(name))[0]
            return precision.place(network.requires_grad_(False))

        renderer, chooser = placed(shipped.PERSON), placed(shipped.BANK)
        if len(chooser.near) != len(bank.shipped().rows):
            raise bank.BankError(
                f"{shipped.BANK} knows {len(chooser.near)} entries, and the bank has"
                f" {len(bank.shipped().rows)}: install the package again"
            )
        return {
            "expect": stages.Expected(precision.place(net), precision.images),
            "guide": stages.Guided(),
            "settle": stages.Settled(),
            "code": stages.Coded(renderer),
            "weigh": bank_stages.Weighed(chooser),
            "alike": bank_stages.Alike(chooser),
            "entry": bank_stages.OfEntry(chooser),
            "render": stages.Rendered(renderer),
            "place": placing.Placed(FACE_PX),
            "place_large": placing.Placed(LARGER * FACE_PX),
            "lay": stages.Laid(FACE_PX),
            "lay_large": stages.Laid(LARGER * FACE_PX),
        }

    def answer(
        self, pictures: Sequence[np.ndarray], requests: Sequence[DrawingRequest]
    ) -> list[np.ndarray]:
        """As `Translator.answer`. Raises UnknownPersonError for the number of nobody."""
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
        self.check_kept(asks)
        found = found or self.landmarks(squares)
        averages = self.averages(squares, found, [average_of(ask) for ask in asks])
        people = self.choose_people(squares, found, averages, asks)
        parts = zip(squares, found, averages, people, asks, strict=True)
        answers = [self.make_picture(*one) for one in parts]
        return self._from_squares(answers, pictures, asks), people

    def check_kept(self, asks: Sequence[DrawingRequest]) -> None:
        """Raise UnknownPersonError if somebody is to be kept who is not in the bank."""
        for ask in asks:
            if ask.keep is not None and ask.keep not in self.bank.numbers:
                raise UnknownPersonError(
                    f"nobody in the bank has the number {ask.keep}: numbers stand in an answer's"
                    " metadata, as s2f:person"
                )

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

    def averages(
        self, squares: np.ndarray, found: Sequence[Landmarks], asks: Sequence[DrawingRequest]
    ) -> np.ndarray:
        """`average_faces`, (N, 5, 128, 128); those of one drawing and one person only once."""
        keys = [drawing_and_person(*pair) for pair in zip(squares, asks, strict=True)]
        made: dict[tuple, np.ndarray] = {}
        for key, square, look, ask in zip(keys, squares, found, asks, strict=True):
            if key not in made:
                made[key] = average_faces(self.engine, square[None], [look], [ask])[0]
        return np.stack([made[key] for key in keys])

    def choose_people(
        self,
        squares: np.ndarray,
        found: Sequence[Landmarks],
        averages: np.ndarray,
        asks: Sequence[DrawingRequest],
    ) -> list[Person | None]:
        """Who answers each request; None where the average is asked for."""
        weighed: dict[tuple, Weighed] = {}
        people: list[Person | None] = []
        for square, look, average, ask in zip(squares, found, averages, asks, strict=True):
            if ask.answer == AVERAGE:
                people.append(None)
                continue
            key = drawing_and_person(square, ask)
            if key not in weighed:
                weighed[key] = self.weigh(square, look, average, ask)
            chosen = self.choose_entry(weighed[key], look, ask)
            drawn = () if is_rendered(look, ask) else surely_worn(weighed[key].looks)
            people.append(self.describe_person(chosen, weighed[key].hair, drawn))
        return people

    def weigh(
        self, square: np.ndarray, look: Landmarks, average: np.ndarray, ask: DrawingRequest
    ) -> Weighed:
        """All entries, weighed by one drawing and what is asked for."""
        (code,) = self.engine.run("code", average[None])
        shape = shape_prior.coordinates(look.points, look.off_by_hand)
        given = (
            square,
            look.points.astype(np.float32),
            np.stack([look.parts[name] for name in ("person", "hair")]).astype(np.float32),
            average,
            code[0],
            shape.astype(np.float32),
            np.float32(look.flags["crude"]),
            worn_by(look),
            asked.values_of(ask.person),
            asked.tones_of(ask.person),
        )
        made = self.engine.run("weigh", *(np.asarray(one)[None] for one in given))
        return Weighed(*(one[0] for one in made))

    def choose_entry(
        self, weighed: Weighed, look: Landmarks, ask: DrawingRequest
    ) -> choosing.Chosen:
        """The entry that is kept, or that a request's seed chooses by these weights."""
        numbers = self.bank.numbers
        if ask.keep is not None:
            return choosing.kept(weighed.nats, numbers, ask.keep)
        temperature = ask.temperature
        if temperature is None:
            temperature = choosing.usual_temperature(look.flags["crude"])
        return choosing.choose(
            weighed.nats, numbers, [ask.seed], temperature, ask.chosen, self.measure_distances
        )[0]

    def measure_distances(self, picked: np.ndarray) -> np.ndarray:
        """The squared distance of each entry to the nearest of picked ones, bool (E,) → (E,);
        between all entries it is 1 in the mean.
        """
        return self.engine.run("alike", picked[None].astype(np.float32))[0][0]

    def describe_person(
        self, chosen: choosing.Chosen, drawn_hair: np.ndarray, drawn: tuple[str, ...]
    ) -> Person:
        """An entry with what is known of it, and of the drawing."""
        entry = np.array([chosen.entry]), np.array([chosen.mirrored], np.float32)
        hair, shape, code, looks, tones = self.engine.run("entry", *entry)
        number = int(self.bank.numbers[chosen.entry])
        known = shape[0], code[0], looks[0], tones[0]
        return Person(chosen, number, hair[0], drawn_hair, *known, drawn)

    def make_picture(
        self,
        square: np.ndarray,
        look: Landmarks,
        average: np.ndarray,
        person: Person | None,
        ask: DrawingRequest,
    ) -> np.ndarray:
        """One answer: uint8 (S, S, 3)."""
        field = self.find_sources(look, person, ask)[None].astype(np.float32)
        large = "_large" if ask.large else ""
        if person is None:
            return self.engine.run(f"lay{large}", average[None, :3], field)[0][0]
        if is_rendered(look, ask):
            face = self.render_face(square, look, average, person, ask)
            return self.engine.run(f"lay{large}", face, field)[0][0]
        canvas = self.bank.picture(person.chosen.entry)
        canvas = canvas[:, ::-1] if person.chosen.mirrored else canvas
        if "skin" in ask.person:
            tone = asked.tones_of(ask.person)[:3]
            canvas = skin.with_tone(canvas, person.own_hair, tone)
        canvas = np.ascontiguousarray(canvas.transpose(2, 0, 1), np.float32)[None] / 255
        hair = person.drawn_hair[None], person.own_hair[None]
        return self.engine.run(f"place{large}", canvas, field, *hair)[0][0]

    def render_face(
        self,
        square: np.ndarray,
        look: Landmarks,
        average: np.ndarray,
        person: Person,
        ask: DrawingRequest,
    ) -> np.ndarray:
        """The photo for a careful drawing, in the mean shape: (1, 3, 128, 128) in [0, 1]."""
        (code,) = self.engine.run("code", average[None])
        code = (1 - ENTRY_CODE_SHARE) * code + ENTRY_CODE_SHARE * person.code
        points, lines = look.points[None].astype(np.float32), np.ones(1, np.float32)
        return self.engine.run("render", code, square[None], points, lines, np.array([ask.seed]))[0]

    def find_sources(
        self, look: Landmarks, person: Person | None, ask: DrawingRequest
    ) -> np.ndarray:
        """The source of each block of the answer in the mean shape's frame, (P / 4, P / 4, 2).

        It lies where a portrait has it, or, to be laid on the drawing, where the drawing has it.
        """
        shape = None
        if person is not None:
            least, more = OWN_SHAPE
            own = least + more * float(np.clip((look.flags["crude"] - 0.2) / 0.5, 0, 1))
            drawn = shape_prior.coordinates(look.points, look.off_by_hand)
            shape = own * person.shape + (1 - own) * drawn
        points = shape_prior.regularize(look.points, ask.likely, look.off_by_hand, shape)
        mean = mesh.mean_shape(FACE_PX)
        if ask.frame == "square":
            points = transform(points, similarity(points, mean))
        return warping.coarse_field(points, mean, FACE_PX)

    def translate_batch(self, batch: np.ndarray, *, mode: str = "deterministic") -> np.ndarray:
        """As `Translator.translate_batch`: the default answer, at the drawn shape and place, to be
        scored.
        """
        ask = DrawingRequest(mode=mode, likely=0.0, frame="paper")
        return np.stack(self.answer(batch, [ask] * len(batch)))


def worn_by(look: Landmarks) -> np.ndarray:
    """The finder's probabilities that glasses, a beard and a hat are drawn: float32 (3,).

    Hair that is drawn above the brows speaks against a hat.
    """
    worn = np.array([look.flags[name] for name in WORN], np.float32)
    bare, haired = HAIR_UNDER_HAT
    worn[WORN.index("hat")] *= np.clip((haired - look.hair_above) / (haired - bare), 0, 1)
    return worn


def surely_worn(looks: np.ndarray) -> tuple[str, ...]:
    """Which of glasses, beard and hat a drawing shows with a probability of `SURELY`.

    looks: (V,), logarithms of probabilities; the first value of each is that nothing is worn.
    """
    return tuple(name for name in WORN if 1 - np.exp(looks[SPANS[name]][0]) > SURELY)


def is_rendered(look: Landmarks, ask: DrawingRequest) -> bool:
    """Whether a network renders the person: for a careful drawing, unless something is asked for,
    which its lines would contradict.
    """
    return look.flags["crude"] < CAREFUL_BELOW and not ask.person


def drawing_and_person(square: np.ndarray, ask: DrawingRequest) -> tuple[bytes, str]:
    """A drawing, and what is asked of the person, as a key: all that the average face and the
    weights depend on.
    """
    return square.tobytes(), json.dumps(ask.person, sort_keys=True, default=str)


def average_of(ask: DrawingRequest) -> DrawingRequest:
    """What is asked of the average face: for a person nothing, as the statistics were fitted."""
    return ask if ask.answer == AVERAGE else ask.model_copy(update={"person": {}})
