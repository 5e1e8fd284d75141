"""Pictures of benchmarks/faces.py for people to look at: contact sheets, and the strangers' test."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
from faces_measures import at_one_wall
from faces_sets import FaceSet
from PIL import Image

from s2f_utils.pictures import images, viz

SHOWN_PX, ROWS, TEST_SIZE_PX = 128, 12, 256
NUM_EACH = 30
NUM_WORST = 8


def contact_sheets(chosen: FaceSet, made: dict[str, np.ndarray], folder: Path) -> list[Path]:
    """Sheets of every degree or style: a drawing a row, each model's answer, the true photo.
    Returns the files.
    """
    files = []
    for kind in sorted(set(chosen.kinds)):
        places = [n for n, own in enumerate(chosen.kinds) if own == kind]
        places = places[:: max(1, len(places) // ROWS)][:ROWS]
        rows = []
        for n in places:
            row = [chosen.drawings[n], *(answer[n] for answer in made.values()), chosen.truths[n]]
            rows.append(np.stack([images.resize(picture, SHOWN_PX) for picture in row]))
        files.append(folder / f"{chosen.name}-{kind.replace(' ', '-')}.png")
        images.save(files[-1], viz.sheet(rows))
    return files


def worst_sheet(
    chosen: FaceSet, made: np.ndarray, values: dict[str, np.ndarray], path: Path
) -> list[int]:
    """A sheet of the eight answers with the lowest SSIM in the face, or, of crude drawings, with
    the landmarks furthest
    from what was meant: drawing, answer, true photo. Returns their places.
    """
    bad = values["landmarks"] if chosen.five is not None else -values["face_ssim"]
    places = np.argsort(-np.nan_to_num(bad, nan=np.inf))[:NUM_WORST].tolist()
    rows = [[chosen.drawings[n], made[n], chosen.truths[n]] for n in places]
    images.save(
        path, viz.sheet([np.stack([images.resize(p, SHOWN_PX) for p in row]) for row in rows])
    )
    return places


def write_test(
    chosen: FaceSet, made: np.ndarray, folder: Path, *, seed: int, num: int = NUM_EACH
) -> Path:
    """The strangers' test: `num` made and as many true pictures, of different people, as 01.png,
    02.png, …, shuffled.

    All have one wall, one size and one file format. key.csv, which who looks must not see, says
    which is which, and of which degree the drawing was. Raises ValueError for too few people,
    FileExistsError for a folder that is there.
    """
    people = list(dict.fromkeys(chosen.people))
    if len(people) < 2 * num:
        raise ValueError(
            f"{num} made and {num} true pictures of different people need {2 * num}, got {len(people)}"
        )
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(people))
    kinds = sorted(set(chosen.kinds))
    entries = []
    for place, who in enumerate(order[: 2 * num]):
        mine = [n for n, own in enumerate(chosen.people) if own == people[who]]
        kind = kinds[place % len(kinds)]
        n = next((n for n in mine if chosen.kinds[n] == kind), mine[0])
        is_made = place < num
        entries.append(
            ("made" if is_made else "true", people[who], chosen.kinds[n] if is_made else "", n)
        )
    entries = [entries[n] for n in rng.permutation(len(entries))]
    folder.mkdir(parents=True)
    for number, (what, _, _, n) in enumerate(entries, 1):
        picture = at_one_wall(made[n] if what == "made" else chosen.truths[n])
        _square(picture).save(folder / f"{number:02d}.png")  # not images.save: its notes would tell
    with open(folder / "key.csv", "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["number", "what", "person", "degree"])
        writer.writerows([f"{number:02d}", *entry[:3]] for number, entry in enumerate(entries, 1))
    return folder


def _square(picture: np.ndarray) -> Image.Image:
    """On a square of the wall's grey, 256 px."""
    sheet = Image.new("RGB", (TEST_SIZE_PX,) * 2, (128, 128, 128))
    shown = Image.fromarray(picture)
    sheet.paste(shown, ((TEST_SIZE_PX - shown.width) // 2, (TEST_SIZE_PX - shown.height) // 2))
    return sheet
