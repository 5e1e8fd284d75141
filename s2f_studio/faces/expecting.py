"""The face that a drawing means: expected, at the drawing's shape, and rendered as people who might exist.

What is done to pixels are stages (`inference.stages`), run by an engine; here is what is decided between them.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

import numpy as np

from s2f_studio.drawings import bending, likely, mesh
from s2f_studio.drawings.mesh import FACE_PX
from s2f_studio.drawings.understanding import Understood, understood
from s2f_studio.faces.words import ADDED, ADDED_GUIDANCE, guidance
from s2f_utils.inference.asking import ANSWERS, Ask
from s2f_utils.inference.translator import Translator, one_way, parts_of
from s2f_utils.pictures.attributes import COLOURED, TEXTURED, TOLD, WORN, as_tone
from s2f_utils.pictures.remarks import Remark

_, EXPECTED, RENDERED = ANSWERS
CRUDE_FROM = 0.25  # of the finder's "crude", 0 to 1, much is left open (docs/drawings.md)
NOT_DRAWN = 0.5  # of the finder's flags, below
# The finder takes hair that is drawn down to the brows for a hat: the share of hair above the brows decides.
HAT_IN_DOUBT = 0.05  # the finder's "hat" from which on that is looked at
# Of a hat, in careful and in crude drawings (of 49 crude hats 45 are inside).
HAT_FROM, MOST_HAIR = (0.7, 0.9), (0.45, 0.1)
SURELY, HAT_SURE = 0.95, 0.5
SCRAWLED_FROM = 0.4  # of its "crude": such a drawing
BEARD_FROM = 0.15  # of its "beard"


@dataclass
class ExpectModel(Translator):
    """The face that is expected from a drawing; made by `load`.

    A drawing is understood, bent to the mean shape, answered there, and the answer is bent back.
    """

    ASKED = frozenset({"likely", "person"})

    def __post_init__(self) -> None:
        self.size_px = FACE_PX  # of the drawings that are given; the network's own pictures are smaller

    def answer_squares(self, squares: np.ndarray, asks: Sequence[Ask]) -> Sequence[np.ndarray]:
        """As `Translator.answer_squares`; S is FACE_PX."""
        one_way(self.network, asks)
        found = [understood(square, self.engine) for square in squares]
        made: dict[int, np.ndarray] = {}
        for part in parts_of(range(len(squares)), self.at_once):
            people = self.people(squares[part], [found[n] for n in part], [asks[n] for n in part])
            for n, person in zip(part, people, strict=True):
                points = likely.likely(found[n].points, asks[n].likely, found[n].off_by_hand)
                made[n] = self.laid(person, points, asks[n])
        return [made[n] for n in range(len(squares))]

    def translate_batch(self, batch: np.ndarray, *, mode: str = "deterministic") -> np.ndarray:
        """As `Translator.translate_batch`: the usual answer, at the shape that is drawn, so that it can be scored."""
        return np.stack(self.answer_squares(batch, [Ask(mode=mode, likely=0.0)] * len(batch)))

    def laid(self, person: np.ndarray, points: np.ndarray, ask: Ask) -> np.ndarray:
        """A person in the mean shape, (4, P, P), at points (164, 2) before a background: uint8 (S, S, 3), S is P,
        or twice that where a large answer is asked for.
        """
        coarse = bending.coarse_field(points, mesh.mean_shape(FACE_PX), FACE_PX).astype(np.float32)
        stage = "lay_large" if ask.large else "lay"
        return self.engine.run(stage, person[None], coarse[None], np.array([self.background(ask)]))[0][0]

    def background(self, ask: Ask) -> int:
        """Which background is behind the person, as `stages.lay.backdrop` numbers them."""
        return -1

    def people(self, squares: np.ndarray, found: Sequence[Understood], asks: Sequence[Ask]) -> np.ndarray:
        """The people that are answered with, in the mean shape: colours times person, and person, float32
        (N, 4, P, P), P is FACE_PX.
        """
        return self.expected(squares, found, asks)[1]

    def expected(
        self, squares: np.ndarray, found: Sequence[Understood], asks: Sequence[Ask]
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """What is expected of drawings, uint8 (N, P, P, 3), in the mean shape: colours, person and hair, float32
        (N, 5, 128, 128) in [0, 1]; the people, (N, 4, P, P); the tones that were taken, (N, 6).

        A drawing outweighs what is said of a person; so glasses and a beard of which it has nothing are drawn on it,
        and what a word changes is exaggerated, as in classifier-free guidance (Ho and Salimans 2022), where it is seen:
        a beard below the nose. Elsewhere the answer stays as it is without the word.
        """
        added = [to_add(ask, one) for ask, one in zip(asks, found, strict=True)]
        asks = [meant(ask, one) for ask, one in zip(asks, found, strict=True)]
        said = [{name for name in ask.person if name in TOLD} for ask in asks]
        others, nothing = [one - new for one, new in zip(said, added, strict=True)], [set()] * len(said)
        plain = [untold_of(ask, one)[0] for ask, one in zip(asks, found, strict=True)]
        raw, tones = self._answered(squares, found, plain, nothing)
        last = raw.copy()
        steps = (  # words that change something, words that are still hidden, what is drawn, how much each word does
            ([one & set(WORN) for one in said], said, nothing, dict.fromkeys(WORN, 1.0)),  # forgets what was found
            (added, others, added, ADDED_GUIDANCE),
            (others, nothing, added, {}),
        )
        for words, hidden, drawn, scales in steps:
            now = [n for n, names in enumerate(words) if names]
            if now:
                without, seen = zip(*(untold_of(asks[n], found[n], hidden[n]) for n in now), strict=True)
                made, _ = self._answered(squares[now], seen, without, [drawn[n] for n in now])
                by = np.stack([guidance(words[n], scales) for n in now])
                raw[now] = self.engine.run("guide", raw[now], last[now], made, by)[0]
                last[now] = made
        turned = [likely.coordinates(one.points, one.off_by_hand)[0] for one in found]
        return (*self.engine.run("settle", raw, np.array(turned, np.float32)), tones)

    def _answered(
        self, squares: np.ndarray, found: Sequence[Understood], asks: Sequence[Ask], added: Sequence[Collection[str]]
    ) -> tuple[np.ndarray, np.ndarray]:
        """What the network says, (N, 5, 128, 128), and of which tones, (N, 6)."""
        points = np.stack([one.points for one in found]).astype(np.float32)
        attributes = np.stack([told_of(one, ask) for one, ask in zip(found, asks, strict=True)])
        drawn = np.array([[name in names for name in ADDED] for names in added], np.float32)
        tones = np.stack([tones_of(ask) for ask in asks])
        seeds = np.array([ask.seed or -1 for ask in asks])
        return self.engine.run("expect", squares, points, attributes, drawn, tones, seeds)


def told_of(found: Understood, ask: Ask) -> np.ndarray:
    """What was found in a drawing and what else is known of the person, as `TOLD`: float32 (7,) in [0, 1], or NaN."""
    known = found.flags | {name: 0.5 + 0.5 * value for name, value in ask.person.items() if name in TOLD}
    return np.array([known.get(name, np.nan) for name in TOLD], np.float32)


def tones_of(ask: Ask) -> np.ndarray:
    """The tones that are said, skin's and hair's RGB in [-1, 1]: float32 (6,), NaN for those that are not."""
    tones = np.full((len(COLOURED), 3), np.nan, np.float32)
    for place, name in enumerate(COLOURED):
        if name in ask.person:
            tones[place] = np.array(as_tone(ask.person[name]).colour, np.float32) / 127.5 - 1
    return tones.ravel()


def meant(ask: Ask, found: Understood) -> Ask:
    """The question, with what the drawing seems to say where the question says nothing of it: hair that is drawn down
    to the brows is no hat; a beard is one, for a drawn beard is weak in the answer.
    """
    said = {}
    if found.flags["hat"] > HAT_IN_DOUBT:
        crude = int(found.flags["crude"] > SCRAWLED_FROM)
        is_hat = found.flags["hat"] > HAT_FROM[crude] and found.hair_above < MOST_HAIR[crude]
        if not is_hat:
            said["hat"] = -1.0
        elif found.flags["hat"] < SURELY:  # else the drawing says it well enough
            said["hat"] = 1.0
    if found.flags["beard"] > BEARD_FROM:
        said["beard"] = 1.0
    return replace(ask, person=said | dict(ask.person)) if said else ask


def wears_hat(ask: Ask, found: Understood) -> bool:
    """Whether the answer is to have a hat."""
    said = meant(ask, found).person.get("hat")
    return found.flags["hat"] > HAT_SURE if said is None else said > 0


def to_add(ask: Ask, found: Understood) -> set[str]:
    """What the question says that the person wears, of `words.ADDED`, and the drawing does not show."""
    return {name for name in ADDED if ask.person.get(name, 0) > 0 and found.flags[name] < NOT_DRAWN}


def untold_of(ask: Ask, found: Understood, words: Collection[str] = TOLD) -> tuple[Ask, Understood]:
    """The question and what was found, without some words of what the question says of the person; colours stay."""
    hidden = set(words) & set(ask.person)
    flags = {name: np.nan if name in hidden else flag for name, flag in found.flags.items()}
    person = {name: value for name, value in ask.person.items() if name not in hidden}
    return replace(ask, person=person), replace(found, flags=flags)


@dataclass
class RenderModel(ExpectModel):
    """People who might exist, made of what is expected: another one for every seed; made by `load`.

    A question may ask for what is expected instead (`Ask.answer`).
    """

    ASKED = ExpectModel.ASKED | {"answer"}

    def advice(self, picture: np.ndarray, ask: Ask | None = None) -> Remark | None:
        """Says that a drawing, uint8 (H, W, 3), leaves much open, where the question leaves the answer open."""
        ask = ask or Ask()
        if ask.answer != ANSWERS[0]:
            return None
        degree = understood(self._square(self._checked(picture), ask), self.engine).flags["crude"]
        return Remark("crude", {"degree": degree}) if degree > CRUDE_FROM else None

    def people(self, squares: np.ndarray, found: Sequence[Understood], asks: Sequence[Ask]) -> np.ndarray:
        """As `ExpectModel.people`: photos of people who might exist, others for other seeds."""
        expected, people, tones = self.expected(squares, found, asks)
        now = [n for n, ask in enumerate(asks) if ask.answer != EXPECTED]
        if now:
            asked = [asks[n] for n in now]
            people[now] = self.rendered(expected[now], tones[now], [found[n] for n in now], asked)
        return people

    def rendered(
        self, expected: np.ndarray, tones: np.ndarray, found: Sequence[Understood], asks: Sequence[Ask]
    ) -> np.ndarray:
        """People of what is expected, (N, 5, 128, 128), and the tones that were taken, (N, 6): (N, 4, P, P)."""
        seeds = np.array([ask.seed for ask in asks])
        traits = np.stack([traits_of(meant(ask, one)) for ask, one in zip(asks, found, strict=True)])
        people, hair = self.engine.run("render", expected, seeds, traits)
        hats = np.array([wears_hat(ask, one) for ask, one in zip(asks, found, strict=True)], np.float32)
        if hats.any() or np.isfinite(tones).any():
            (people,) = self.engine.run("finish", people, hair, tones, hats)
        return people

    def coded(self, square: np.ndarray, codes: Sequence[float], ask: Ask | None = None) -> np.ndarray:
        """A drawing, uint8 (P, P, 3), to one person, whose codes are given, as many as there are: uint8 (P, P, 3). With
        codes of 0 it is the answer to seed 0. Needs PyTorch.
        """
        import torch

        ask, found = ask or Ask(), understood(square, self.engine)
        stage, device = self.engine.stages["render"], self.engine.device
        expected = torch.from_numpy(self.expected(square[None], [found], [ask])[0]).to(device)
        traits = torch.from_numpy(traits_of(meant(ask, found)))[None].to(device)
        nobody = torch.zeros(1, dtype=torch.int64, device=device)
        with torch.no_grad():
            style = stage.style(nobody, traits)  # of seed 0: its codes are 0
            style[0, : len(codes)] = torch.tensor(codes, dtype=torch.float32)
            person = stage.of_styles(stage.with_outline(expected), style, nobody)[0].cpu().numpy()
        return self.laid(person, likely.likely(found.points, ask.likely, found.off_by_hand), ask)

    def background(self, ask: Ask) -> int:
        """As `ExpectModel.background`: a studio's, behind people who are rendered."""
        return -1 if ask.answer == EXPECTED else ask.seed


def traits_of(ask: Ask) -> np.ndarray:
    """What is said that is seen in the texture, as `TEXTURED`: float32 (3,), from -1 to 1, NaN where nothing is."""
    return np.array([ask.person.get(name, np.nan) for name in TEXTURED], np.float32)
