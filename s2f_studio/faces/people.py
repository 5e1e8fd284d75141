"""Who could be meant by a drawing: appearance and shape as statistics, one person for each seed.

In the mean shape's frame faces are nearly Gaussian along principal components (active appearance
models: Cootes, Edwards and Taylor 2001). A drawing says where its people lie; a seed draws one of
them, who resembles somebody; choosing among eight moves the distribution towards those that were
chosen. No network, and no PyTorch. `tools.shipped.people` fits the file.

Shapes: A components of appearance, K of which are drawn, S components of shape, J = K + S.
"""

from __future__ import annotations

import functools
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import numpy as np

from s2f_studio.drawings import mesh, shape_prior
from s2f_studio.faces.posterior import Choice, Posterior, choose, root_of
from s2f_studio.request import PER_ROUND

FITTED = Path(__file__).with_name("people.npz")
WORN = ("glasses", "beard", "hat")
# Readouts that can be held; all from -1 to 1, but colours: RGB in [-1, 1].
LEVELS = (*WORN, "smile", "age", "hair_length", "curls", "presents")
COLOURS = ("skin", "hair", "wall")  # the wall's is never asked
STEP = 1 / 32  # of a stranger's deviations in the file
LIKE_PICKS = ("skin", "hair")  # colours of which those who are chosen have the mean
ALIKE = 0.3  # how much these vary after a choice, of what they did before the first
NARROWER = 0.8  # each round's temperature, of the one before
CLOSED, OPEN = 0.03, 0.1  # the inner lips' gap in eye distances: closed below, open above
DRAWN_OFF_PX = 4.0  # of 256: how far drawn points may be off; what crudeness adds is learned
NUM_SEEN = 96  # components of the average face that the mean is linear in
DRAWN = ("hair_length", "presents")  # what holds for everybody, unless a drawing is a scribble
DRAWN_BELOW = 0.6  # crudeness below which `DRAWN` holds: a scribble's hair may mean nothing
MIDDLE_CRUDE = 0.4  # crudeness at which what the mean is linear in has no terms of crudeness
WORN_WEIGHT = 3.0  # of what is worn among what the mean is linear in: ridge shrinks it less
# Crudeness up to which the careful covariance applies, and from which on the crude one; between
# them the two are blended, for they were fitted below .35 and above .5.
CAREFUL_TO, CRUDE_FROM = 0.2, 0.7


@dataclass(frozen=True)
class Evidence:
    """What is known of one drawing, which people are drawn by.

    average: (A,), the code of its average face, whatever is asked for. crude: from 0 to 1. worn:
    `WORN`, each 0 or 1, as drawn. asked: what is asked for, of `LEVELS` from -1 to 1 ("presents":
    as a man to as a woman; something is worn above 0) and of skin and hair (RGB in [-1, 1]).
    points: (164, 2), as `mesh` orders them, in any position and size.
    """

    average: np.ndarray
    crude: float
    worn: Mapping[str, float]
    points: np.ndarray
    asked: Mapping[str, Any] = field(default_factory=dict)

    @property
    def wears(self) -> dict[str, float]:
        """What is worn, as drawn unless it is asked for: each 0 or 1."""
        asked = {name: float(self.asked[name] > 0) for name in WORN if name in self.asked}
        return {**self.worn, **asked}

    @property
    def lips(self) -> float | None:
        """Whether the drawn mouth is closed (-1) or open (1); None if it is in between."""
        upper, lower = self.points[mesh.PARTS["mouth"]][[15, 5]]
        gap = np.hypot(*(upper - lower)) / mesh.eye_distance(self.points)
        if gap < CLOSED:
            return -1.0
        return 1.0 if gap > OPEN else None


@dataclass(frozen=True)
class Drawn:
    """People drawn for a drawing.

    codes: float32 (N, A), zeros where a component is not drawn. shapes: float32 (N, S), in the
    standard deviations of `shape_prior`. effective: what the last choice rests on, NaN without one.
    """

    codes: np.ndarray
    shapes: np.ndarray
    effective: float = float("nan")


@dataclass(frozen=True)
class People:
    """The statistics of people; made by `load`.

    slope (V, J), centre (V,), middle (J,): of the regression. careful, crude: (J, J), roots of the
    covariances. strangers: (P, J), as `Posterior` has them, in `STEP`. rows: (R, J), readouts;
    at_zero, per_level: (R,), their values at level 0, and what one level adds; within: (R,), how
    far people of one level vary. alike: (J,), as `posterior.choose` has it. hat_mean: (J,),
    hat_root: (J, H), what a hat adds. num_components: A.
    """

    slope: np.ndarray
    centre: np.ndarray
    middle: np.ndarray
    careful: np.ndarray
    crude: np.ndarray
    strangers: np.ndarray
    rows: np.ndarray
    at_zero: np.ndarray
    per_level: np.ndarray
    within: np.ndarray
    alike: np.ndarray
    hat_mean: np.ndarray
    hat_root: np.ndarray
    num_components: int

    @classmethod
    def load(cls, path: str | Path) -> People:
        """Read the file that `tools.shipped.people.posterior` wrote."""
        with np.load(path) as file:
            kept = {one.name: file[one.name].astype(np.float64) for one in fields(cls)}
        return cls(**kept | {"num_components": int(kept["num_components"])})

    @property
    def num_shape(self) -> int:
        """How many of the J coordinates are the shape's; they come last."""
        return len(shape_prior.shapes()[2])

    def given(self, evidence: Evidence) -> Posterior:
        """The distribution of people who could be meant by a drawing.

        What is worn, closed or open lips, and what is asked for hold for everybody. Whose
        deviations a seed has follows the drawing and the colours asked for: with another age,
        another smile or a beard it is the same person, changed.
        """
        shape = drawn_shape(evidence.points)
        worn = worn_of({**evidence.worn, "hat": 0.0})  # who is drawn does not depend on a hat
        values = linear_in(evidence.average, shape, evidence.crude, worn)
        mean = self.middle + (values - self.centre) @ self.slope
        root = blended(self.careful, self.crude, evidence.crude)
        posterior = Posterior(mean, root, STEP * self.strangers).leaning(mean - self.middle)
        posterior = self._levels_held(posterior, evidence)
        posterior = self._colours_held(posterior, evidence.asked)
        if not evidence.wears.get("hat"):
            return posterior
        return posterior.plus(self.hat_mean, self.hat_root)

    def _levels_held(self, posterior: Posterior, evidence: Evidence) -> Posterior:
        """The posterior with what is worn or drawn, lips and asked levels held; strangers are
        wanted who fit what is drawn, whatever their lips. Age and colours stay, hair's unless an
        age is asked for.
        """
        drawn = replace(evidence, asked={})
        rows, values, _ = self._levels(posterior, drawn, but=("smile",))
        posterior = posterior.wanting(rows, values)
        rows, values, within = self._levels(posterior, evidence)
        kept = self.rows[kept_places(evidence.asked)]
        return posterior.held(rows, values, np.diag(within), kept)

    def _levels(
        self, posterior: Posterior, evidence: Evidence, but: Collection[str] = ()
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """What is decided of levels: rows (R, J), values (R,), how far people vary there (R,).

        but: levels that are left out.
        """
        rows, values, within = [], [], []
        for name, level, varies in decided(evidence):
            if name in but:
                continue
            at = LEVELS.index(name)
            rows.append(self.rows[at])
            values.append(self.at_zero[at] + level * self.per_level[at])
            within.append(self.within[at] if varies else 0.0)
        for name in DRAWN:
            if evidence.crude < DRAWN_BELOW and name not in evidence.asked:
                row = self.rows[LEVELS.index(name)]
                rows.append(row)
                values.append(row @ posterior.mean)
                within.append(0.0)
        return np.array(rows), np.array(values), np.array(within)

    def _colours_held(self, posterior: Posterior, asked: Mapping[str, Any]) -> Posterior:
        """The posterior with asked colours held; the wall stays as it is, and the skin where it is
        not asked.
        """
        names = [name for name in COLOURS if name in asked]
        if not names:
            return posterior
        at = np.concatenate([places_of(name) for name in names])
        colours = np.concatenate([np.asarray(asked[name], np.float64) for name in names])
        others = [places_of(name) for name in ("skin", "wall") if name not in names]
        values = self.at_zero[at] + colours * self.per_level[at]
        rows, kept = self.rows[at], self.rows[np.concatenate(others)]
        return posterior.wanting(rows, values).held(rows, values, np.diag(self.within[at]), kept)

    def draw(
        self,
        evidence: Evidence,
        seeds: Sequence[int],
        temperature: float = 1.0,
        chosen: Sequence[Sequence[int]] = (),
    ) -> Drawn:
        """One person for each seed (N,), after rounds of choosing.

        The eight of one round, seeds with the same `seed // 8`, are different people. chosen: for
        each round the seeds of those who were picked, of one eight, drawn after the rounds before;
        a round's temperature is `NARROWER` of the one before. Without its last round it is what was
        shown before. Raises ValueError for a round without picks, or of several eights.
        """
        posterior, effective = self.given(evidence), float("nan")
        spread = self.spread_of_colours(posterior)
        for picks in chosen:
            first = _first_of_eight(picks)
            shown = posterior.sample(range(first, first + PER_ROUND), temperature)
            choice = self.nearer(posterior, shown, [seed - first for seed in picks], spread)
            posterior, effective = choice.posterior, choice.effective
            temperature = NARROWER * temperature
        people = posterior.sample(seeds, temperature)
        num = people.shape[1] - self.num_shape
        codes = np.zeros((len(people), self.num_components), np.float32)
        codes[:, :num] = people[:, :num]
        return Drawn(codes, people[:, num:].astype(np.float32), effective)

    def spread_of_colours(self, posterior: Posterior) -> np.ndarray:
        """How much skin and hair may vary after a choice: a root (6, 6) of their scale matrix."""
        across = self.rows[_places_like_picks()] @ posterior.root
        return ALIKE * root_of(across @ across.T)

    def nearer(
        self, posterior: Posterior, shown: np.ndarray, picked: Sequence[int], spread: np.ndarray
    ) -> Choice:
        """The distribution after some of the people shown, (N, J), were picked as the nearest.

        The picks' differences from the others alone say little of colours, so that people would
        drift back to usual ones: these are held at the picks' mean. spread: `spread_of_colours`
        before the first choice.
        """
        choice = choose(posterior, self.alike, shown, picked)
        rows, kept = self.rows[_places_like_picks()], self.rows[places_of("wall")]
        colours = (shown[list(picked)] @ rows.T).mean(axis=0)
        return replace(choice, posterior=choice.posterior.held(rows, colours, spread, kept))


@functools.cache
def shipped() -> People:
    """The package's own file. Raises FileNotFoundError if it is not there."""
    return People.load(FITTED)


def decided(evidence: Evidence) -> list[tuple[str, float, bool]]:
    """What holds for everybody who is drawn: name, level from -1 to 1, and whether people vary
    around it.
    """
    # Everybody is drawn without a hat; it is put on afterwards.
    worn = [(name, 2 * evidence.wears.get(name, 0.0) - 1, False) for name in WORN if name != "hat"]
    worn.append(("hat", -1.0, False))
    asked = [
        (name, float(evidence.asked[name]), True)
        for name in LEVELS
        if name in evidence.asked and name not in WORN
    ]
    if "smile" not in evidence.asked and evidence.lips is not None:
        asked.append(("smile", evidence.lips, False))
    return worn + asked


def places_of(colour: str) -> np.ndarray:
    """Where a colour's three readouts are among all of them."""
    return len(LEVELS) + 3 * COLOURS.index(colour) + np.arange(3)


def _places_like_picks() -> np.ndarray:
    return np.concatenate([places_of(name) for name in LIKE_PICKS])


def kept_places(asked: Mapping[str, Any]) -> np.ndarray:
    """Where the readouts are that stay where levels are held: (R,). Older hair may be grey."""
    colours = [name for name in COLOURS if name != "hair" or "age" not in asked]
    age = [] if "age" in asked else [np.array([LEVELS.index("age")])]
    return np.concatenate([*(places_of(name) for name in colours), *age])


def usual_temperature(crude: float) -> float:
    """The default temperature for a drawing so crude, from 0 to 1."""
    return 0.6 + 0.3 * min(1.0, max(0.0, crude))


def points_of(shape: np.ndarray) -> np.ndarray:
    """The points of a shape (S,), in standard deviations: (164, 2), in pixels of 256."""
    mean, components, deviations = shape_prior.shapes()
    return mean + ((shape * deviations) @ components).reshape(-1, 2)


def drawn_shape(points: np.ndarray) -> np.ndarray:
    """The likely shape of drawn points (164, 2), whatever the drawing is like: (S,)."""
    scale = mesh.eye_distance(points) / mesh.eye_distance(mesh.mean_shape(mesh.FACE_PX))
    return shape_prior.coordinates(points, float(DRAWN_OFF_PX * scale))


def worn_of(worn: Mapping[str, float]) -> np.ndarray:
    """What is worn as numbers: (3,), 0 or 1."""
    return np.array([worn.get(name, 0.0) for name in WORN])


def linear_in(
    average: np.ndarray, shape: np.ndarray, crude: np.ndarray | float, worn: np.ndarray
) -> np.ndarray:
    """What the mean is linear in: average (…, A), shape (…, S), crude (…), worn (…, 3)."""
    how = np.asarray(crude)[..., None] - MIDDLE_CRUDE
    average = average[..., :NUM_SEEN]
    coarse = average[..., : NUM_SEEN // 2] * how**2
    parts = [average, average * how, coarse, shape, shape * how, how, how**2, WORN_WEIGHT * worn]
    return np.concatenate(parts, axis=-1)


def blended(careful: np.ndarray, crude: np.ndarray, share: float) -> np.ndarray:
    """The root of the scale matrix for a drawing so crude, from that of careful and crude ones."""
    weight = min(1.0, max(0.0, (share - CAREFUL_TO) / (CRUDE_FROM - CAREFUL_TO)))
    return (1 - weight) * careful + weight * crude


def _first_of_eight(picks: Sequence[int]) -> int:
    eights = {seed // PER_ROUND for seed in picks}
    if len(eights) != 1:
        raise ValueError(
            f"a round of choosing has seeds of one eight (0 to 7, 8 to 15, …), got {list(picks)}"
        )
    return PER_ROUND * eights.pop()
