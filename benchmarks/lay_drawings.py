"""Drawings by lay people, for which there is no single true photo: are the answers like photos of
people?

`python benchmarks/lay_drawings.py DRAWINGS DATA [--model NAME …]`: DRAWINGS is a folder of PNGs
(TU-Berlin's, CC BY 4.0), DATA as `python -m tools.shipped.lesson_data` leaves it.
EfficientNet-lite2 compares the answers with photos of test people. Five minutes a model; writes
results/lay_drawings.json.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import common
import numpy as np
from people import SET_SCORES, halves

import s2f_studio as s2f
from s2f_studio import shipped
from s2f_studio.drawings.prepare import prepare
from s2f_utils.data import Row, read_manifest
from s2f_utils.metrics.distribution import pooled
from s2f_utils.pictures import images

SIZE_PX = 256
NUM_SETS = 3  # of answers, each drawing with a new seed: recall varies from one to the next
DIVISIONS = 100  # with 20, the Fréchet ratio varies by 3 %, precision by .04
INVENTED = "_faker-portraits__"  # people who do not exist


def photos_of(rows: list[Row]) -> np.ndarray:
    """The photos of rows at 256 px, uint8 (N, 256, 256, 3)."""
    return np.stack([images.resize(images.load_rgb(row.photo), SIZE_PX) for row in rows])


def features_of_people(data: Path) -> np.ndarray:
    """Features of photos of the test people, one each: (N, 352)."""
    manifest = read_manifest(data / "manifest-photos.csv")
    real = [row for row in manifest.split("test") if INVENTED not in row.id]
    test = list({row.identity: row for row in reversed(real)}.values())
    return pooled(photos_of(test)).numpy()


def measured(name: str, drawings: np.ndarray, people: np.ndarray) -> dict[str, float]:
    """All scores of one model. people: features of photos."""
    model = s2f.load(name)
    scores = []
    for number in range(NUM_SETS):
        seeds = range(1000 * number + 1, 1000 * number + 1 + len(drawings))
        made = [model.translate(one, seed=seed) for one, seed in zip(drawings, seeds, strict=True)]
        features = pooled(np.stack([images.resize(one, SIZE_PX) for one in made])).numpy()
        scores.append(halves(features, people, paired=False, times=DIVISIONS))
    return {key: round(float(np.mean([one[key] for one in scores])), 3) for key in SET_SCORES}


def table(found: dict) -> str:
    """A row for each model."""
    head = {
        "frechet_ratio": "Fréchet ratio → 1",
        "precision": "precision → 1",
        "recall": "recall → 1",
    }
    rows = []
    for name, row in found["results"]["rows"].items():
        rows.append([f"`{name}`", *(f"{row[key]:.2f}" for key in head)])
    people = f"{found['results']['num']} drawings"
    return common.markdown([people, *head.values()], rows) + f"\n\n{common.machine_of(found)}."


def main() -> None:
    """Measure the models, write results/lay_drawings.json."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("drawings", type=Path)
    parser.add_argument("data", type=Path)
    parser.add_argument("--model", nargs="+", default=[shipped.MODEL], metavar="NAME")
    parser.add_argument("--num", type=int, help="drawings (default: all)")
    args = parser.parse_args()
    files = sorted(args.drawings.glob("*.png"))[: args.num]
    drawings = [prepare(images.load_rgb(file), size_px=SIZE_PX).image for file in files]
    people = features_of_people(args.data)
    rows = {name: measured(name, np.stack(drawings), people) for name in args.model}
    common.write("lay_drawings", {"num": len(files), "rows": rows}, table)


if __name__ == "__main__":
    main()
