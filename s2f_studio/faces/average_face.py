"""The average face of all whom a drawing could mean, in the mean shape's frame.

Pixel work is done by stages (`faces.stages`); this module makes the decisions between them.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from s2f_studio.attributes import ATTRIBUTES, COLOURED, as_tone
from s2f_studio.faces.regions import ADDED, ADDED_GUIDANCE, guidance
from s2f_studio.request import DrawingRequest
from s2f_utils.infer.landmarks import Landmarks
from s2f_utils.pictures import shape_prior
from s2f_utils.pictures.attributes import WORN

if TYPE_CHECKING:
    from s2f_utils.infer.engine import Engine

NOT_DRAWN = 0.5  # below it, glasses or a beard are missing from the drawing
# The finder mistakes hair drawn down to the brows for a hat: how much hair is above them decides.
HAT_IN_DOUBT = 0.05  # from this "hat" score on, that share is checked
# Hat thresholds for (careful, crude) drawings; they accept 45 of 49 crude hats.
HAT_FROM, MOST_HAIR = (0.7, 0.9), (0.45, 0.1)
CRUDE_HATS_FROM = 0.4  # "crude" score from which the latter apply: scribbled hair looks like a hat
SURELY = 0.95
BEARD_FROM = 0.15  # from this "beard" score on, a beard is asserted


@dataclass(frozen=True)
class NetworkInput:
    """What the network gets of one drawing.

    square: uint8 (P, P, 3). added: which of `regions.ADDED` are drawn onto it.
    """

    square: np.ndarray
    found: Landmarks
    ask: DrawingRequest
    added: Collection[str] = ()

    def without_request(self) -> NetworkInput:
        """The same without the requested attributes; what the finder read of them stays."""
        return replace(self, ask=without_attributes(self.ask, self.found)[0])

    def without(self, names: Collection[str]) -> NetworkInput:
        """The same without these of the requested attributes, and what the finder read of them."""
        ask, found = without_attributes(self.ask, self.found, names)
        return replace(self, ask=ask, found=found)

    @property
    def added_vector(self) -> np.ndarray:
        """`added` as the network gets it: float32 (2,), 1 for what is drawn."""
        return np.array([name in self.added for name in ADDED], np.float32)


def average_faces(
    engine: Engine,
    squares: np.ndarray,
    found: Sequence[Landmarks],
    asks: Sequence[DrawingRequest],
) -> np.ndarray:
    """The average faces of drawings, uint8 (N, P, P, 3), in the mean shape: colours, masks of
    person and hair, float32 (N, 5, 128, 128) in [0, 1].

    A drawing outweighs the requested attributes, so each is amplified in its own region, a
    beard below the nose, as in classifier-free guidance (Ho and Salimans 2022): the change in
    the network's output times a factor is added to the answer. Elsewhere the answer stays as
    it is without the request. There are three rounds, one for each size of factor: what a round
    amplifies must be the effect of its own attributes alone.
    """
    missing = [missing_accessories(ask, one) for ask, one in zip(asks, found, strict=True)]
    asks = [resolve_attributes(ask, one) for ask, one in zip(asks, found, strict=True)]
    requested = [{name for name in ask.person if name in ATTRIBUTES} for ask in asks]
    worn = [names & set(WORN) for names in requested]
    others = [names - new for names, new in zip(requested, missing, strict=True)]
    inputs = [NetworkInput(*parts) for parts in zip(squares, found, asks, strict=True)]

    # To begin with: the drawings and what the finder reads in them, nothing of the request.
    output = _network_output(engine, [one.without_request() for one in inputs])
    answer = output.copy()
    # Round 1, factor 1: what the finder reads of glasses, beard and hat is withdrawn where the
    # request mentions them.
    unread = [one.without(names) for one, names in zip(inputs, requested, strict=True)]
    _amplify(engine, answer, output, unread, worn, dict.fromkeys(WORN, 1.0))
    # Round 2, small factors: missing accessories are drawn onto the drawing, which shows well.
    drawn = [
        replace(one.without(names), added=new)
        for one, names, new in zip(inputs, others, missing, strict=True)
    ]
    _amplify(engine, answer, output, drawn, missing, ADDED_GUIDANCE)
    # Round 3, the large factor: all other attributes, which the network only gets as numbers.
    complete = [replace(one, added=new) for one, new in zip(inputs, missing, strict=True)]
    _amplify(engine, answer, output, complete, others, {})

    turned = [shape_prior.coordinates(one.points, one.off_by_hand)[0] for one in found]
    return engine.run("settle", answer, np.array(turned, np.float32))[0]


def _amplify(
    engine: Engine,
    answer: np.ndarray,
    output: np.ndarray,
    inputs: Sequence[NetworkInput],
    attributes: Sequence[Collection[str]],
    factors: Mapping[str, float],
) -> None:
    """One round of `average_faces`: run the network on inputs that differ from the last round's in
    these attributes, and add the change, amplified, to the answer.

    answer: so far; output: the network's in the last round; both (N, 5, 128, 128), updated in
    place. attributes: of each drawing; those without any are left as they are. factors: as
    `regions.guidance`.
    """
    affected = [n for n, names in enumerate(attributes) if names]
    if not affected:
        return
    new_output = _network_output(engine, [inputs[n] for n in affected])
    strengths = np.stack([guidance(attributes[n], factors) for n in affected])
    answer[affected] = engine.run(
        "guide", answer[affected], output[affected], new_output, strengths
    )[0]
    output[affected] = new_output


def _network_output(engine: Engine, inputs: Sequence[NetworkInput]) -> np.ndarray:
    """The network's raw output, (N, 5, 128, 128)."""
    squares = np.stack([one.square for one in inputs])
    points = np.stack([one.found.points for one in inputs]).astype(np.float32)
    attributes = np.stack([attribute_vector(one.found, one.ask) for one in inputs])
    added = np.stack([one.added_vector for one in inputs])
    tones = np.stack([tones_of(one.ask) for one in inputs])
    return engine.run("expect", squares, points, attributes, added, tones)[0]


def attribute_vector(found: Landmarks, ask: DrawingRequest) -> np.ndarray:
    """The attributes found or requested, as `ATTRIBUTES`: float32 (7,) in [0, 1], NaN: unknown."""
    known = found.flags | {
        name: 0.5 + 0.5 * value for name, value in ask.person.items() if name in ATTRIBUTES
    }
    return np.array([known.get(name, np.nan) for name in ATTRIBUTES], np.float32)


def tones_of(ask: DrawingRequest) -> np.ndarray:
    """The requested tones, RGB of skin and hair: float32 (6,) in [-1, 1], NaN for others."""
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
        crude = int(found.flags["crude"] > CRUDE_HATS_FROM)
        is_hat = found.flags["hat"] > HAT_FROM[crude] and found.hair_above < MOST_HAIR[crude]
        if not is_hat:
            inferred["hat"] = -1.0
        elif found.flags["hat"] < SURELY:  # else the drawing is clear enough
            inferred["hat"] = 1.0
    if found.flags["beard"] > BEARD_FROM:
        inferred["beard"] = 1.0
    return ask.model_copy(update={"person": inferred | dict(ask.person)})


def missing_accessories(ask: DrawingRequest, found: Landmarks) -> set[str]:
    """Which of `regions.ADDED` were requested, and are missing from the drawing."""
    return {name for name in ADDED if ask.person.get(name, 0) > 0 and found.flags[name] < NOT_DRAWN}


def without_attributes(
    ask: DrawingRequest, found: Landmarks, words: Collection[str] = ATTRIBUTES
) -> tuple[DrawingRequest, Landmarks]:
    """The request and the finder's results without some of the requested attributes.

    Colours stay.
    """
    hidden = set(words) & set(ask.person)
    flags = {name: np.nan if name in hidden else flag for name, flag in found.flags.items()}
    person = {name: value for name, value in ask.person.items() if name not in hidden}
    return ask.model_copy(update={"person": person}), replace(found, flags=flags)
