"""The average face of all whom a drawing could mean, in the mean shape's frame.

Pixel work is done by stages (`faces.stages`); this module makes the decisions between them, and has
the region of a face that shows each attribute. Regions are S = 128 pixels a side.
"""

from __future__ import annotations

import functools
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from s2f_studio.attributes import ATTRIBUTES, COLOURED, as_tone
from s2f_studio.request import DrawingRequest
from s2f_utils.infer.landmarks import Landmarks, asserted_hat
from s2f_utils.pictures import mesh, shape_prior
from s2f_utils.pictures.attributes import WORN
from s2f_utils.pictures.mesh import MEAN_PX

if TYPE_CHECKING:
    from s2f_utils.infer.engine import Engine

NOT_DRAWN = 0.5  # below it, glasses or a beard are missing from the drawing
BEARD_FROM = 0.15  # from this "beard" score on, a beard is asserted
GUIDANCE = 4.0  # amplification of a requested attribute
ADDED = ("glasses", "beard")  # drawn onto the drawing if requested and missing
ADDED_GUIDANCE = {"glasses": 1.3, "beard": 1.15}  # amplification of those that are drawn
# Drawn by `data_prep.hand_sketches.drawing.added`, seed 0.
INK = Path(__file__).with_name("added_ink.npz")


@dataclass(frozen=True)
class NetworkInput:
    """What the network gets of one drawing.

    square: uint8 (P, P, 3). added: which of `ADDED` are drawn onto it.
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
    `guidance`.
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
    is_hat = asserted_hat(found)
    if is_hat is not None:
        inferred["hat"] = 1.0 if is_hat else -1.0
    if found.flags["beard"] > BEARD_FROM:
        inferred["beard"] = 1.0
    return ask.model_copy(update={"person": inferred | dict(ask.person)})


def missing_accessories(ask: DrawingRequest, found: Landmarks) -> set[str]:
    """Which of `ADDED` were requested, and are missing from the drawing."""
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


def guidance(words: Collection[str], scales: Mapping[str, float] | None = None) -> np.ndarray:
    """The amplification of each of `ATTRIBUTES`: float32 (7,), 0 for those not requested. scales:
    {attribute: amplification}, `GUIDANCE` for the others.
    """
    scales = scales or {}
    return np.array(
        [scales.get(name, GUIDANCE) * (name in words) for name in ATTRIBUTES], np.float32
    )


@functools.cache
def inside_face() -> np.ndarray:
    """1 inside the mean shape's face, with a soft rim: float32 (S, S)."""
    import cv2

    face = np.zeros((MEAN_PX, MEAN_PX), np.uint8)
    oval = mesh.mean_shape(MEAN_PX)[mesh.PARTS["oval"]]
    cv2.fillConvexPoly(face, cv2.convexHull(np.rint(oval).astype(np.int32)), 1)
    return cv2.GaussianBlur(
        cv2.erode(face, np.ones((3, 3), np.uint8)).astype(np.float32), (0, 0), 1.5
    )


@functools.cache
def region(name: str) -> np.ndarray:
    """The region that shows one of `ATTRIBUTES`, all of it for age: float32 (S, S), 0 to 1."""
    import cv2

    points = mesh.mean_shape(MEAN_PX)
    down = np.arange(MEAN_PX, dtype=np.float32)[:, None].repeat(MEAN_PX, axis=1)
    brows, nose, chin = (points[mesh.PARTS[part], 1] for part in ("left_brow", "nose", "oval"))
    below_nose, face = down > nose.max() - 2, (inside_face() > 0.3).astype(np.uint8)
    inside = {
        "beard": below_nose & (cv2.dilate(face, np.ones((9, 9), np.uint8)) > 0),
        "smile": below_nose & (face > 0),
        "glasses": (down > brows.min() - 2) & (down < nose.max() - 4),
        "hat": down < brows.max() + 4,
        "hair_length": face == 0,
        "curls": face == 0,
    }.get(name, down <= chin.max() + MEAN_PX)
    return cv2.GaussianBlur(inside.astype(np.float32), (0, 0), 3.0)


@functools.cache
def added_ink(name: str) -> np.ndarray:
    """One of `ADDED` as a pen draws it on the mean face, from 0 for paper to 1: float32 (S, S)."""
    with np.load(INK) as found:
        return found[name]
