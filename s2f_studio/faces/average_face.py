"""The face a drawing depicts: averaged (`expected`), or as photos of possible people (`rendered`).

Pixel work is done by stages (`faces.stages`, `render.stage`); this module makes the decisions
between
them.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from s2f_studio.attributes import COLOURED, TOLD, WORN, as_tone
from s2f_studio.drawings import mesh, shape_prior, warping
from s2f_studio.drawings.landmarks import Landmarks, find_landmarks
from s2f_studio.drawings.mesh import FACE_PX
from s2f_studio.faces.regions import ADDED, ADDED_GUIDANCE, guidance
from s2f_studio.request import ANSWERS, DrawingRequest
from s2f_utils.infer.translator import LARGER, Translator, check_mode, parts_of
from s2f_utils.networks.info import ALIGNED

if TYPE_CHECKING:
    from torch import nn

    from s2f_utils.runtime import Precision

_, EXPECTED, RENDERED = ANSWERS
NOT_DRAWN = 0.5  # below it, glasses or a beard are missing from the drawing
# The finder mistakes hair drawn down to the brows for a hat: the share of hair above the brows
# decides.
HAT_IN_DOUBT = 0.05  # from this "hat" score on, that share is checked
# Hat thresholds for (careful, crude) drawings; they accept 45 of 49 crude hats.
HAT_FROM, MOST_HAIR = (0.7, 0.9), (0.45, 0.1)
SURELY, HAT_SURE = 0.95, 0.5
SCRAWLED_FROM = 0.4  # from this "crude" score on, the hat thresholds for crude drawings apply
BEARD_FROM = 0.15  # from this "beard" score on, a beard is asserted


@dataclass
class ExpectModel(Translator):
    """The average face of a drawing; made by `load`.

    It finds a drawing's landmarks, warps it to the mean shape, predicts the face in that frame, and
    warps that back.
    """

    Request = DrawingRequest
    SUPPORTS = frozenset({"likely", "person"})
    PRECISION = "float32"

    def __post_init__(self) -> None:
        super().__post_init__()
        # The side of the drawings; the network works at a smaller one.
        self.info = replace(self.info, size_px=FACE_PX, layout=ALIGNED)

    @classmethod
    def build_stages(
        cls, net: nn.Module, precision: Precision, model: str | Path, values: str = "signed"
    ) -> dict[str, Any]:
        """As `Translator.build_stages`."""
        from s2f_studio.faces.stages import expect, place

        return {
            "expect": expect.Expected(precision.prepare(net), precision.images),
            "guide": expect.Guided(),
            "settle": expect.Refined(),
            "lay": place.Placed(FACE_PX),
            "lay_large": place.Placed(LARGER * FACE_PX),
        }

    def answer_squares(
        self, squares: np.ndarray, asks: Sequence[DrawingRequest]
    ) -> Sequence[np.ndarray]:
        """As `Translator.answer_squares`; S is FACE_PX."""
        check_mode(self.info.network, asks)
        found = self.landmarks(squares)
        made: dict[int, np.ndarray] = {}
        for part in parts_of(range(len(squares)), self.at_once):
            people = self.people(squares[part], [found[n] for n in part], [asks[n] for n in part])
            for n, person in zip(part, people, strict=True):
                points = shape_prior.regularize(
                    found[n].points, asks[n].likely, found[n].off_by_hand
                )
                made[n] = self.place_on_points(person, points, asks[n])
        return [made[n] for n in range(len(squares))]

    def landmarks(self, squares: np.ndarray) -> list[Landmarks]:
        """The landmarks of each square; the same drawing is analysed only once."""
        found: dict[bytes, Landmarks] = {}
        for square in squares:
            content = square.tobytes()
            if content not in found:
                found[content] = find_landmarks(square, self.engine)
        return [found[square.tobytes()] for square in squares]

    def translate_batch(self, batch: np.ndarray, *, mode: str = "deterministic") -> np.ndarray:
        """As `Translator.translate_batch`: the default answer, at the drawn shape, so that it can
        be scored.
        """
        return np.stack(
            self.answer_squares(batch, [DrawingRequest(mode=mode, likely=0.0)] * len(batch))
        )

    def place_on_points(
        self, person: np.ndarray, points: np.ndarray, ask: DrawingRequest
    ) -> np.ndarray:
        """Warp a person, (4, P, P), from the mean shape to points (164, 2), in front of a
        background: uint8 (S, S, 3); S is P, or twice that for a large answer.
        """
        coarse = warping.coarse_field(points, mesh.mean_shape(FACE_PX), FACE_PX).astype(np.float32)
        stage = "lay_large" if ask.large else "lay"
        return self.engine.run(stage, person[None], coarse[None], np.array([self.background(ask)]))[
            0
        ][0]

    def background(self, ask: DrawingRequest) -> int:
        """The number of the background behind the person (`stages.place.backdrop`)."""
        return -1

    def people(
        self, squares: np.ndarray, found: Sequence[Landmarks], asks: Sequence[DrawingRequest]
    ) -> np.ndarray:
        """People to return, in the mean shape: colours times the person's mask, and that mask,
        float32 (N, 4, P, P); P is FACE_PX.
        """
        return self.expected(squares, found, asks)[1]

    def expected(
        self, squares: np.ndarray, found: Sequence[Landmarks], asks: Sequence[DrawingRequest]
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The average faces of drawings, uint8 (N, P, P, 3), in the mean shape: colours, masks of
        person and hair, float32 (N, 5, 128, 128) in [0, 1]; the people, (N, 4, P, P); the tones
        used, (N, 6).

        A drawing outweighs the requested attributes. So requested glasses or a beard missing from
        the drawing are drawn onto it, and each requested trait is amplified in its own region, a
        beard below the nose, as in classifier-free guidance (Ho and Salimans 2022). Elsewhere the
        answer stays as it is without the request.
        """
        added = [missing_accessories(ask, one) for ask, one in zip(asks, found, strict=True)]
        asks = [resolve_attributes(ask, one) for ask, one in zip(asks, found, strict=True)]
        requested = [{name for name in ask.person if name in TOLD} for ask in asks]
        others, nothing = (
            [one - new for one, new in zip(requested, added, strict=True)],
            [set()] * len(asks),
        )
        plain = [without_attributes(ask, one)[0] for ask, one in zip(asks, found, strict=True)]
        raw, tones = self._answered(squares, found, plain, nothing)
        last = raw.copy()
        # Attributes changed in this step, those hidden from the network, accessories drawn,
        # amplification
        steps = (
            (
                [one & set(WORN) for one in requested],
                requested,
                nothing,
                dict.fromkeys(WORN, 1.0),
            ),  # no finder flags
            (added, others, added, ADDED_GUIDANCE),
            (others, nothing, added, {}),
        )
        for attributes, hidden, drawn, scales in steps:
            now = [n for n, names in enumerate(attributes) if names]
            if now:
                without, seen = zip(
                    *(without_attributes(asks[n], found[n], hidden[n]) for n in now), strict=True
                )
                made, _ = self._answered(squares[now], seen, without, [drawn[n] for n in now])
                by = np.stack([guidance(attributes[n], scales) for n in now])
                raw[now] = self.engine.run("guide", raw[now], last[now], made, by)[0]
                last[now] = made
        turned = [shape_prior.coordinates(one.points, one.off_by_hand)[0] for one in found]
        return (*self.engine.run("settle", raw, np.array(turned, np.float32)), tones)

    def _answered(
        self,
        squares: np.ndarray,
        found: Sequence[Landmarks],
        asks: Sequence[DrawingRequest],
        added: Sequence[Collection[str]],
    ) -> tuple[np.ndarray, np.ndarray]:
        """The network's raw output, (N, 5, 128, 128), and the tones used, (N, 6)."""
        points = np.stack([one.points for one in found]).astype(np.float32)
        attributes = np.stack(
            [attribute_vector(one, ask) for one, ask in zip(found, asks, strict=True)]
        )
        drawn = np.array([[name in names for name in ADDED] for names in added], np.float32)
        tones = np.stack([tones_of(ask) for ask in asks])
        seeds = np.array([ask.seed or -1 for ask in asks])
        return self.engine.run("expect", squares, points, attributes, drawn, tones, seeds)


def attribute_vector(found: Landmarks, ask: DrawingRequest) -> np.ndarray:
    """The attributes found in the drawing or requested, ordered as `TOLD`: float32 (7,) in [0, 1],
    NaN if unknown.
    """
    known = found.flags | {
        name: 0.5 + 0.5 * value for name, value in ask.person.items() if name in TOLD
    }
    return np.array([known.get(name, np.nan) for name in TOLD], np.float32)


def tones_of(ask: DrawingRequest) -> np.ndarray:
    """The requested tones, RGB of skin and hair in [-1, 1]: float32 (6,), NaN for those not
    requested.
    """
    tones = np.full((len(COLOURED), 3), np.nan, np.float32)
    for place, name in enumerate(COLOURED):
        if name in ask.person:
            tones[place] = np.array(as_tone(ask.person[name]).colour, np.float32) / 127.5 - 1
    return tones.ravel()


def resolve_attributes(ask: DrawingRequest, found: Landmarks) -> DrawingRequest:
    """The request with traits inferred from the drawing where it leaves them open: hair drawn down
    to the brows is no hat; a likely beard is asserted, because drawn beards are rendered weakly.
    """
    inferred = {}
    if found.flags["hat"] > HAT_IN_DOUBT:
        crude = int(found.flags["crude"] > SCRAWLED_FROM)
        is_hat = found.flags["hat"] > HAT_FROM[crude] and found.hair_above < MOST_HAIR[crude]
        if not is_hat:
            inferred["hat"] = -1.0
        elif found.flags["hat"] < SURELY:  # else the drawing is clear enough
            inferred["hat"] = 1.0
    if found.flags["beard"] > BEARD_FROM:
        inferred["beard"] = 1.0
    return ask.model_copy(update={"person": inferred | dict(ask.person)})


def wears_hat(ask: DrawingRequest, found: Landmarks) -> bool:
    """Whether the answer should have a hat."""
    hat = resolve_attributes(ask, found).person.get("hat")
    return found.flags["hat"] > HAT_SURE if hat is None else hat > 0


def missing_accessories(ask: DrawingRequest, found: Landmarks) -> set[str]:
    """Which of `regions.ADDED` were requested, and are missing from the drawing."""
    return {name for name in ADDED if ask.person.get(name, 0) > 0 and found.flags[name] < NOT_DRAWN}


def without_attributes(
    ask: DrawingRequest, found: Landmarks, words: Collection[str] = TOLD
) -> tuple[DrawingRequest, Landmarks]:
    """The request and the finder's results without some of the requested attributes; colours
    stay.
    """
    hidden = set(words) & set(ask.person)
    flags = {name: np.nan if name in hidden else flag for name, flag in found.flags.items()}
    person = {name: value for name, value in ask.person.items() if name not in hidden}
    return ask.model_copy(update={"person": person}), replace(found, flags=flags)
