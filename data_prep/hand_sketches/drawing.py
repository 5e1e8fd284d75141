"""One drawing of a portrait, as careful or as crude as asked."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from data_prep.hand_sketches import features, hair, hats, shading, spectacles
from data_prep.hand_sketches.hand import SIZE_PX, Hand, Pen, random_pen
from data_prep.hand_sketches.shape import by_hand
from data_prep.portrait import Portrait
from s2f_utils.pictures import mesh, warping
from s2f_utils.pictures.images import rounded
from s2f_utils.pictures.mesh import bare_skin, filled

UNDER_NOSE_SHARE = 0.3  # of the faces without a moustache
SURE_PEN = Pen(width=1.2, pressure=0.2, taper=0.3, wobble=0.3, gap=0.0, again=0.0)


@dataclass(frozen=True)
class Scribble:
    """A drawing, and what was meant.

    image: uint8 (256, 256), dark on light. points: float32 (164, 2), where the hand put the face's
    points. degree: how
    crude it is, 0 to 1. drawn: what was drawn of glasses, beard, hat, hair, ears, neck and tones.
    """

    image: np.ndarray
    points: np.ndarray
    degree: float
    drawn: frozenset[str]


def scribble(portrait: Portrait, rng: np.random.Generator, degree: float | None = None) -> Scribble:
    """Draw a portrait; degree: 0, a soft pencil portrait, to 1, an oval with dots; None draws one
    at random.
    """
    degree = float(rng.beta(0.9, 0.9)) if degree is None else degree
    points = by_hand(portrait.points, rng, degree)
    hand = Hand(random_pen(rng, degree), rng)
    ways, drawn = features.choose(rng, degree), set()
    follows_photo = rng.random() < 1.3 - 2.0 * degree
    ink = np.zeros((SIZE_PX, SIZE_PX), np.float32)
    if follows_photo or rng.random() < 0.9 - 0.9 * degree:
        ink = _from_photo(portrait, points, rng, lines=follows_photo)
        drawn.add("tones")
    _hair_and_beard(hand, portrait, points, degree, drawn, sparse=follows_photo)
    if not follows_photo or rng.random() < 0.35:
        _features(hand, points, ways, degree)
    if (
        ways["ears"] == "drawn"
        and not follows_photo
        and portrait.labels.get("hair_length") not in ("medium", "long")
    ):
        features.ears(hand, points)
        drawn.add("ears")
    if ways["neck"] != "none" and (not follows_photo or rng.random() < 0.3):
        features.neck(hand, points, ways["neck"])
        drawn.add("neck")
    drawn |= _worn(hand, portrait, points, degree, follows_photo)
    if rng.random() < (0.5 if portrait.labels.get("age") == "old" else 0.1):
        features.lines_of_age(hand, points)
    if portrait.labels.get("beard") == "none" and rng.random() < UNDER_NOSE_SHARE:
        features.under_nose(hand, points)
    ink = 1 - (1 - ink) * (1 - hand.ink())
    return Scribble(_on_paper(ink, rng), points.astype(np.float32), degree, frozenset(drawn))


def added(points: np.ndarray, name: str, rng: np.random.Generator) -> np.ndarray:
    """What nobody has drawn, "glasses" or "beard", on the face whose points are given, (164, 2):
    ink, float32 (256, 256), from 0 to 1.
    """
    hand, stay = (
        Hand(SURE_PEN, rng),
        np.dstack(np.meshgrid(*2 * [np.arange(SIZE_PX, dtype=np.float64)])),
    )
    if name == "glasses":
        spectacles.draw(hand, spectacles.pair(points, rng), stay, dark=False)
    else:
        hair.beard(hand, points, hair.beard_zone(points, "full"), "full", stay, 0.0)
    return hand.ink() * (
        1 - filled(points[mesh.PARTS["lips"]], SIZE_PX)
    )  # lips are bare of beard and frames


def _worn(
    hand: Hand, portrait: Portrait, points: np.ndarray, degree: float, follows_photo: bool
) -> set[str]:
    """Draw hat and glasses, those that were put on by their lines; where a photo is followed, it
    shows them already.
    """
    where = warping.field(portrait.points, points, SIZE_PX) if portrait.lines else None
    worn = set()
    if "hat" in portrait.lines:
        worn.add("hat")
        if not follows_photo or hand.rng.random() < 0.4:
            hats.draw(hand, portrait.lines["hat"], where, degree)
    if portrait.labels.get("glasses") == "1":
        worn.add("glasses")
        if follows_photo and hand.rng.random() >= 0.4:
            return worn
        if "glasses" in portrait.lines:
            spectacles.draw(
                hand, portrait.lines["glasses"], where, dark=portrait.labels["lenses"] == "dark"
            )
        else:
            features.glasses(hand, points)
    return worn


def _features(hand: Hand, points: np.ndarray, ways: dict[str, str], degree: float) -> None:
    features.outline(hand, points, ways["outline"])
    for side in ("left", "right"):
        if degree < 0.5 or hand.rng.random() > 0.03:
            features.eye(hand, points, side, ways["eye"], ways["iris"])
        if ways["brow"] != "none":
            features.brow(hand, points, side, ways["brow"])
    if ways["nose"] != "none":
        features.nose(hand, points, ways["nose"])
    if degree < 0.5 or hand.rng.random() > 0.03:
        features.mouth(hand, points, ways["mouth"])


def _hair_and_beard(
    hand: Hand,
    portrait: Portrait,
    points: np.ndarray,
    degree: float,
    drawn: set[str],
    *,
    sparse: bool,
) -> None:
    rng = hand.rng
    where = warping.field(portrait.points, points, SIZE_PX)
    if rng.random() < (0.3 if sparse else 0.96 - 0.1 * degree):
        along = hair.directions(portrait.photo @ np.array([77, 150, 29]) // 256)
        hair.hair(
            hand,
            portrait.hair,
            along,
            where,
            degree,
            portrait.labels.get("hair_texture") == "curly",
        )
        drawn.add("hair")
    kind = portrait.labels.get("beard", "none")
    if kind != "none" and (not sparse or rng.random() < 0.5):
        hair.beard(
            hand, portrait.points, hair.beard_zone(portrait.points, kind), kind, where, degree
        )
    if kind != "none":
        drawn.add("beard")


def _from_photo(
    portrait: Portrait, points: np.ndarray, rng: np.random.Generator, *, lines: bool
) -> np.ndarray:
    """Edges and tones of the photo, moved to where the hand puts them: ink, float32 (256, 256)."""
    skin = bare_skin(portrait.points)
    grey = shading.evened(portrait.photo, skin, portrait.person, rng)
    ink = np.zeros((SIZE_PX, SIZE_PX), np.float32)
    if lines:
        ink = shading.photo_lines(grey, rng) * np.float32(rng.uniform(0.6, 1.0))
    if not lines or rng.random() < 0.6:
        ink = 1 - (1 - ink) * (1 - shading.shade(grey, portrait.person, rng))
    return warping.bend(ink, warping.field(points, portrait.points, SIZE_PX), border=0)


def _on_paper(ink: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Ink on paper, seldom quite white or even: uint8 (256, 256)."""
    paper, dark = 255.0, 0.0
    if rng.random() < 0.3:
        dark = rng.uniform(0, 70)
        y, x = np.mgrid[-1 : 1 : SIZE_PX * 1j, -1 : 1 : SIZE_PX * 1j]
        paper = rng.uniform(225, 255) + rng.uniform(-6, 6) * x + rng.uniform(-6, 6) * y
    out = paper * (1 - ink) + dark * ink
    if rng.random() < 0.3:
        out = out + rng.normal(0, rng.uniform(0.5, 4), out.shape)
    return rounded(out)
