"""The face to be expected from a drawing, at the drawing's shape."""

from __future__ import annotations

import functools
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
import torch.nn.functional as F

from s2f_utils.data.shaped import planes_of, told_planes
from s2f_utils.inference import hints
from s2f_utils.inference.asking import Ask
from s2f_utils.inference.choosing import EXPECTED, FAITHFUL, RENDERED, advised, answer_to
from s2f_utils.inference.facts import Facts
from s2f_utils.inference.finishing import of_one_cloth, without_cast
from s2f_utils.inference.translator import LARGER, DetailModel, Translator, one_way, parts_of
from s2f_utils.inference.understanding import Understood, understood
from s2f_utils.models import render
from s2f_utils.models.expect import SIDE_PX, TONES
from s2f_utils.pictures import images
from s2f_utils.pictures.faces import bending, likely, mesh
from s2f_utils.pictures.faces.studio import OUT_PX, at_shape, backdrop
from s2f_utils.pictures.remarks import Remark
from s2f_utils.pictures.scribbles.drawing import ADDED, with_added
from s2f_utils.pictures.scribbles.portrait import TOLD, WORN

WALL = (214, 217, 221)  # behind the expected person
THIN = 0.15  # of a person: less of one is not shown, where another wall would shine through
BESIDE_PX = 3  # of 256
GUIDANCE = 4.0  # how much what is said of a person is exaggerated
ADDED_GUIDANCE = {"glasses": 1.3, "beard": 1.15}  # and where it is drawn as well
NOT_DRAWN = 0.5  # of the finder's flags, below
TRAIT_GUIDANCE = 3.0  # and in the rendered texture
TEMPERATURE = 0.5  # of the codes that a seed draws; 1: as different as training's faces, with harsh light at times
# The finder takes hair that is drawn down to the brows for a hat; how much of what is above them is hair, tells.
HAT_IN_DOUBT = 0.05  # of its "hat", from there
# Of a hat, in careful and in crude drawings (of 49 crude hats 45 are inside).
HAT_FROM, MOST_HAIR = (0.3, 0.9), (0.45, 0.1)
SURELY, HAT_SURE = 0.95, 0.5
SCRAWLED_FROM = 0.4  # of its "crude": such a drawing
TURNED = 0.5, 1.2  # of the first principal component of shapes, which is how far a head is turned
BEARD_FROM = 0.15  # of its "beard"
# Between the lips, in widths of the mouth; how crude a drawing may be. Of portraits drawn in pencil or lines two thirds
# of those with closed lips are inside, and one in twelve of those with teeth.
CLOSED_BELOW, CLOSED_UNTIL = 0.1, 0.8


@dataclass
class ExpectModel(Translator):
    """An `Expect` network, ready for drawings; made by `load`.

    A drawing is understood, bent to the mean shape, answered there, and the answer is bent back.
    """

    hint_method = hints.ASKED

    def __post_init__(self) -> None:
        self.size_px = OUT_PX  # of the drawings that are given; the network's own pictures are smaller

    @functools.cached_property
    def facts(self) -> Facts:
        """As `Translator.facts`."""
        alone = super().facts
        return replace(alone, knows=alone.knows | {"likely", "person"})

    def knows_person(self, picture: np.ndarray, ask: Ask) -> bool:
        """As `Model.knows_person`: always."""
        return True

    @torch.no_grad()
    def answer_squares(self, squares: np.ndarray, asks: Sequence[Ask]) -> Sequence[np.ndarray]:
        """As `Translator.answer_squares`; S is OUT_PX."""
        one_way(self.net, asks)
        found = [understood(square) for square in squares]
        made: dict[int, np.ndarray] = {}
        for part in parts_of(range(len(squares)), self.at_once):
            pictures = self.people([squares[n] for n in part], [found[n] for n in part], [asks[n] for n in part])
            for n, picture in zip(part, pictures, strict=True):
                points = likely.likely(found[n].points, asks[n].likely, found[n].off_by_hand)
                side_px = OUT_PX * (LARGER if asks[n].large else 1)
                made[n] = at_shape(picture, _at_size(points, len(squares[n])), self.wall(asks[n].seed), side_px)
        return [made[n] for n in range(len(squares))]

    def wall(self, seed: int) -> np.ndarray:
        """What is behind the person, (OUT_PX, OUT_PX, 3) or one colour (3,), in [0, 255]."""
        return np.array(WALL)

    def people(
        self, drawings: Sequence[np.ndarray], found: Sequence[Understood], asks: Sequence[Ask]
    ) -> Sequence[np.ndarray]:
        """The people that are answered with, in the mean shape: colours times person, and person, float32 (P, P, 4)."""
        expected = self.expected(drawings, found, asks)
        return np.concatenate([expected[..., :3] * expected[..., 3:4], expected[..., 3:4]], axis=3)

    def tones(self, ask: Ask) -> torch.Tensor:
        """The tones that are asked for, (1, 6); NaN for those that the drawing is to say."""
        tones = torch.full((1, 6), torch.nan)
        if ask.colours or ask.seed:
            tones = self.net.draw_tones(ask.seed).cpu()
        for place, name in enumerate(TONES):
            if name in ask.person:
                colour = hints.as_tone(ask.person[name]).colour
                tones[0, 3 * place : 3 * place + 3] = torch.tensor(colour) / 127.5 - 1
        return tones

    def expected(self, drawings: Sequence[np.ndarray], found: Sequence[Understood], asks: Sequence[Ask]) -> np.ndarray:
        """What is expected, in the mean shape: colours, person and hair, float32 (N, 128, 128, 5) in [0, 1].

        A drawing outweighs what is said of a person; so glasses and a beard of which it has nothing are drawn on it,
        and what a word changes is exaggerated, as in classifier-free guidance (Ho and Salimans 2022), where it is seen:
        a beard below the nose. Elsewhere the answer stays as it is without the word.
        """
        added = [to_add(ask, one) for ask, one in zip(asks, found, strict=True)]
        asks = [meant(ask, one) for ask, one in zip(asks, found, strict=True)]
        said = [{name for name in ask.person if name in TOLD} for ask in asks]
        others, nothing = [one - new for one, new in zip(said, added, strict=True)], [set()] * len(said)
        plain = [untold_of(ask, one)[0] for ask, one in zip(asks, found, strict=True)]
        out = self._answered(drawings, found, plain)
        last = out.clone()
        steps = (  # words that change something, words that are still hidden, what is drawn, how much each word does
            ([one & set(WORN) for one in said], said, nothing, dict.fromkeys(WORN, 1.0)),  # forgets what was found
            (added, others, added, ADDED_GUIDANCE),
            (others, nothing, added, {}),
        )
        for words, hidden, drawn, scales in steps:
            now = [n for n, names in enumerate(words) if names]
            if now:
                told, seen = zip(*(untold_of(asks[n], found[n], hidden[n]) for n in now), strict=True)
                given = [with_words(drawings[n], found[n], drawn[n], asks[n].seed) for n in now]
                made = self._answered(given, seen, told)
                where = torch.from_numpy(np.stack([guidance(words[n], scales) for n in now])).to(out.device)[:, None]
                out[now] += where * (made - last[now])
                last[now] = made
        made = torch.cat([0.5 + 0.5 * out[:, :3].clamp(-1, 1), out[:, 3:].sigmoid()], dim=1)
        made = made.permute(0, 2, 3, 1).cpu().numpy()
        return np.stack([with_far_side(face, one) for face, one in zip(made, found, strict=True)])

    def _answered(
        self, drawings: Sequence[np.ndarray], found: Sequence[Understood], asks: Sequence[Ask]
    ) -> torch.Tensor:
        """What the network says, (N, 5, 128, 128)."""
        bent = np.stack([as_read(d, u, ask) for d, u, ask in zip(drawings, found, asks, strict=True)])
        planes = torch.from_numpy(np.ascontiguousarray(bent.transpose(0, 3, 1, 2)))
        x = self.precision.images(images.to_tensor(planes).to(self.precision.device)).float()
        return self.net(x, torch.cat([self.tones(ask) for ask in asks]).to(x.device))


def meant(ask: Ask, found: Understood) -> Ask:
    """The question, with what the drawing seems to say where the question says nothing of it: hair that is drawn down
    to the brows is no hat; a beard is one, for a drawn beard is weak in the answer; closed lips are closed, for most
    photos show teeth.
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
    if found.flags["crude"] < CLOSED_UNTIL and between_lips(found.points) < CLOSED_BELOW:
        said["smile"] = -1.0
    return replace(ask, person=said | dict(ask.person)) if said else ask


def between_lips(points: np.ndarray) -> float:
    """How far the lips of a face, (164, 2), are open, in widths of the mouth."""
    left, low, right, top = points[mesh.PARTS["mouth"][[0, 5, 10, 15]]]
    return float(np.hypot(*(top - low)) / np.hypot(*(right - left)))


def wears_hat(ask: Ask, found: Understood) -> bool:
    """Whether the answer is to have a hat."""
    said = meant(ask, found).person.get("hat")
    return found.flags["hat"] > HAT_SURE if said is None else said > 0


def with_far_side(expected: np.ndarray, found: Understood) -> np.ndarray:
    """What is expected, (128, 128, C), of a head that is turned: its far side, of which photos show nothing in this
    frame but smears, is the near side's mirror image, inside the face, the more the further it is turned.
    """
    turned = float(likely.coordinates(found.points, found.off_by_hand)[0])
    much = float(np.clip((abs(turned) - TURNED[0]) / (TURNED[1] - TURNED[0]), 0, 1))
    if not much:
        return expected
    across = (np.arange(SIDE_PX) + 0.5 - SIDE_PX / 2) * (1 if turned > 0 else -1)
    far = much * inside_face() / (1 + np.exp(across / 2.5))
    return (expected * (1 - far[..., None]) + expected[:, ::-1] * far[..., None]).astype(np.float32)


@functools.cache
def inside_face() -> np.ndarray:
    """1 inside the mean shape's face, with a soft rim: float32 (128, 128)."""
    import cv2

    face = np.zeros((SIDE_PX, SIDE_PX), np.uint8)
    oval = mesh.mean_shape(SIDE_PX)[mesh.PARTS["oval"]]
    cv2.fillConvexPoly(face, cv2.convexHull(np.rint(oval).astype(np.int32)), 1)
    return cv2.GaussianBlur(cv2.erode(face, np.ones((3, 3), np.uint8)).astype(np.float32), (0, 0), 1.5)


def to_add(ask: Ask, found: Understood) -> set[str]:
    """What the question says that the person wears, of `scribbles.drawing.ADDED`, and the drawing does not show."""
    return {name for name in ADDED if ask.person.get(name, 0) > 0 and found.flags[name] < NOT_DRAWN}


def with_words(drawing: np.ndarray, found: Understood, added: Collection[str], seed: int) -> np.ndarray:
    """A drawing, uint8 (S, S, 3), with what is `to_add`."""
    return with_added(drawing, found.points, added, np.random.default_rng(seed)) if added else drawing


def guidance(words: Collection[str], scales: Mapping[str, float] | None = None) -> np.ndarray:
    """Where in the mean shape's frame that is seen which is said of a person, times how much it is exaggerated: float32
    (128, 128). scales: {word: how much}, `GUIDANCE` where there is none.
    """
    each = [(scales or {}).get(name, GUIDANCE) * region(name) for name in words if name in TOLD]
    return np.max(each, axis=0)


@functools.cache
def region(name: str) -> np.ndarray:
    """Where one of `portrait.TOLD` is seen, in [0, 1]: float32 (128, 128); age is seen everywhere."""
    import cv2

    points = mesh.mean_shape(SIDE_PX)
    down = np.arange(SIDE_PX, dtype=np.float32)[:, None].repeat(SIDE_PX, axis=1)
    brows, nose, chin = (points[mesh.PARTS[part], 1] for part in ("left_brow", "nose", "oval"))
    below_nose, face = down > nose.max() - 2, (inside_face() > 0.3).astype(np.uint8)
    inside = {
        "beard": below_nose & (cv2.dilate(face, np.ones((9, 9), np.uint8)) > 0),
        "smile": below_nose & (face > 0),
        "glasses": (down > brows.min() - 2) & (down < nose.max() - 4),
        "hat": down < brows.max() + 4,
        "hair_length": face == 0,
        "curls": face == 0,
    }.get(name, down <= chin.max() + SIDE_PX)
    return cv2.GaussianBlur(inside.astype(np.float32), (0, 0), 3.0)


def untold_of(ask: Ask, found: Understood, words: Collection[str] = TOLD) -> tuple[Ask, Understood]:
    """The question and what was found, without some words of what the question says of the person; colours stay."""
    hidden = set(words) & set(ask.person)
    flags = {name: np.nan if name in hidden else flag for name, flag in found.flags.items()}
    person = {name: value for name, value in ask.person.items() if name not in hidden}
    return replace(ask, person=person), replace(found, flags=flags)


def as_read(drawing: np.ndarray, found: Understood, ask: Ask) -> np.ndarray:
    """A drawing, uint8 (S, S, 3), what was found in it, and what else is known of the person, as the network reads it:
    uint8 (128, 128, 10).
    """
    import cv2

    small = cv2.resize(drawing, (SIDE_PX, SIDE_PX), interpolation=cv2.INTER_AREA).mean(axis=2).astype(np.uint8)
    points = (found.points + 0.5) * (SIDE_PX / len(drawing)) - 0.5
    where = bending.field(mesh.mean_shape(SIDE_PX), points, SIDE_PX)
    known = found.flags | {name: 0.5 + 0.5 * value for name, value in ask.person.items() if name in TOLD}
    told = told_planes([known.get(name, np.nan) for name in TOLD], SIDE_PX)
    return np.dstack([bending.bend(small, where, border=255), planes_of(where), told])


def _at_size(points: np.ndarray, size_px: int) -> np.ndarray:
    """Points of a picture of this size in one of OUT_PX."""
    return (points + 0.5) * (OUT_PX / size_px) - 0.5


@dataclass
class RenderModel(ExpectModel):
    """A `Render` network, and the `ExpectModel` whose answers it makes photos of; made by `load`."""

    expect: ExpectModel | None = None

    def expected(self, drawings: Sequence[np.ndarray], found: Sequence[Understood], asks: Sequence[Ask]) -> np.ndarray:
        """As `ExpectModel.expected`."""
        return self.expect.expected(drawings, found, asks)

    def people(
        self, drawings: Sequence[np.ndarray], found: Sequence[Understood], asks: Sequence[Ask]
    ) -> Sequence[np.ndarray]:
        """As `ExpectModel.people`, P is 256: photos of people who might exist, others for other seeds."""
        given = with_outline(self.expected(drawings, found, asks))
        styles = torch.cat([self.style(meant(ask, one)) for ask, one in zip(asks, found, strict=True)])
        made = self.of_styles(given, styles, [ask.seed for ask in asks])
        people = list(made.permute(0, 2, 3, 1).numpy())
        hair = given[:, 4].numpy()
        for n, (ask, one) in enumerate(zip(asks, found, strict=True)):
            tones = 0.5 + 0.5 * self.expect.tones(ask)[0].numpy()
            if np.isfinite(tones).any():
                people[n] = without_cast(people[n], hair[n], tones)
            if wears_hat(ask, one):
                people[n] = of_one_cloth(people[n], hair[n])
        return people

    def of_styles(self, expected: torch.Tensor, styles: torch.Tensor, seeds: Sequence[int]) -> torch.Tensor:
        """What is expected, as `with_outline` leaves it → people of these styles (N, C): colours times person, and
        person, (N, 4, 256, 256) in [0, 1].
        """
        given = self.precision.images(before_wall(expected).to(self.precision.device))
        with torch.no_grad():
            made = self.net(given.float(), styles.to(given.device), list(seeds)).cpu()
        made = torch.cat([render.without_mesh(made[:, :3]), made[:, 3:]], dim=1).clamp(-1, 1)
        return cut_out(made, expected[:, 3:4])

    def wall(self, seed: int) -> np.ndarray:
        """As `ExpectModel.wall`: as in a studio."""
        return backdrop(seed)

    def style(self, ask: Ask) -> torch.Tensor:
        """The network's style for a question, (1, C)."""
        told = [TRAIT_GUIDANCE * float(ask.person.get(name, np.nan)) for name in render.TRAITS]
        return self.net.draw_style(ask.seed, TEMPERATURE, told).cpu()

    @property
    def num_bytes(self) -> int:
        """What the weights of both take of the memory."""
        return super().num_bytes + self.expect.num_bytes


def with_outline(expected: np.ndarray) -> torch.Tensor:
    """What is expected, (N, S, S, 5) in [0, 1] → the same, (N, 5, S, S), its outline decided, in one piece."""
    made = torch.from_numpy(expected).permute(0, 3, 1, 2)
    parts = render.decided(made[:, 3:])
    parts *= torch.from_numpy(np.stack([largest(one[0].numpy()) for one in parts]))[:, None]
    return torch.cat([made[:, :3], parts], dim=1)


def before_wall(expected: torch.Tensor) -> torch.Tensor:
    """What is expected, (N, 5, S, S) in [0, 1], as `Render` reads it: before its wall, in [-1, 1]."""
    person = expected[:, 3:4]
    colours = (2 * expected[:, :3] - 1) * person + render.WALL * (1 - person)
    return torch.cat([colours, 2 * expected[:, 3:] - 1], dim=1)


def largest(person: np.ndarray) -> np.ndarray:
    """A person, (S, S) in [0, 1] → 0 where something hangs in the air beside the largest piece, else 1: float32."""
    import cv2

    count, pieces, boxes, _ = cv2.connectedComponentsWithStats((person > THIN).astype(np.uint8))
    if count <= 2:
        return np.ones_like(person, dtype=np.float32)
    body = 1 + int(np.argmax(boxes[1:, cv2.CC_STAT_AREA]))
    return ((pieces == body) | (pieces == 0)).astype(np.float32)


def cut_out(made: torch.Tensor, given: torch.Tensor | None = None) -> torch.Tensor:
    """What `Render` says, (N, 4, S, S) in [-1, 1] → colours times person, and person, the same shape, in [0, 1].

    What is hardly there is left out: it still has the colour of the wall that the network learned with. given: the
    person that was to be rendered, (N, 1, S', S') in [0, 1]; what is further beside it than `BESIDE_PX` is left out.
    """
    person = 0.5 + 0.5 * made[:, 3:4]
    colours = (0.5 + 0.5 * made[:, :3] - (0.5 + 0.5 * render.WALL) * (1 - person)).clamp_min(0)
    if given is not None:
        near = F.max_pool2d(
            F.interpolate(given, size=made.shape[-2:], mode="bilinear"), 2 * BESIDE_PX + 1, 1, BESIDE_PX
        )
        colours, person = colours * torch.minimum(person, near) / person.clamp_min(1e-3), torch.minimum(person, near)
    solid = (person - THIN).clamp_min(0) / (1 - THIN)
    return torch.cat([torch.minimum(colours, person) * solid / person.clamp_min(THIN), solid], dim=1)


@dataclass
class ChoosingModel(DetailModel):
    """A faithful model that adds detail, and beside it the face that is meant: a drawing gets a photo of that, unless
    the question says otherwise (`Ask.answer`). Made by `load`.
    """

    render: RenderModel | None = None
    hint_method = hints.ASKED

    def answer_squares(self, squares: np.ndarray, asks: Sequence[Ask]) -> Sequence[np.ndarray]:
        """As `DetailModel.answer_squares`."""
        ways = [answer_to(square, ask) for square, ask in zip(squares, asks, strict=True)]
        made: dict[int, np.ndarray] = {}
        both = (EXPECTED, self.render.expect.answer_squares), (RENDERED, self.render.answer_squares)
        for way, answer in ((FAITHFUL, super().answer_squares), *both):
            mine = [n for n, own in enumerate(ways) if own == way]
            if mine:
                made |= zip(mine, answer(squares[mine], [asks[n] for n in mine]), strict=True)
        return [made[n] for n in range(len(squares))]

    @functools.cached_property
    def facts(self) -> Facts:
        """As `Translator.facts`."""
        alone = super().facts
        return replace(alone, knows=alone.knows | {"answer", "likely", "person"})

    def knows_person(self, picture: np.ndarray, ask: Ask) -> bool:
        """As `Model.knows_person`: not of the faithful answer."""
        return self.chosen(picture, ask) != FAITHFUL

    def chosen(self, picture: np.ndarray, ask: Ask) -> str:
        """As `Model.chosen`, of a drawing, uint8 (H, W, 3)."""
        return answer_to(self._square(self._checked(picture), ask), ask)

    def advice(self, picture: np.ndarray, ask: Ask | None = None) -> Remark | None:
        """As `advised`, of a drawing, uint8 (H, W, 3)."""
        ask = ask or Ask()
        return advised(self._square(self._checked(picture), ask), ask)

    @property
    def num_bytes(self) -> int:
        """What the weights of both take of the memory."""
        return super().num_bytes + self.render.num_bytes
