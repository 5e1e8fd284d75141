"""How well faces from maps and sketches keep the parts in their places, and how much eight answers
differ in colour.

`python benchmarks/lesson_maps.py MAPS`, MAPS as `python -m tools.shipped.lesson_data PORTRAITS
MAPS --maps` leaves it; some ten minutes. Writes results/lesson_maps.json, whose table is in
docs/results.md.

A face's map is made by data_prep.make.face_maps from the finder's landmarks, person and hair. IoU
with the given map: of each class over all people, then the mean. The finder errs: what it reaches
on the true photos is the most possible. Spread: standard deviation of a part's mean colour
(CIELAB, root mean square of L, a, b), over seeds or over people.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import common
import cv2
import numpy as np

from data_prep.make.face_maps import map_of
from data_prep.portrait import Portrait
from s2f_utils import infer
from s2f_utils.data import read_manifest
from s2f_utils.infer.landmarks import find_landmarks
from s2f_utils.pictures import images, masks

MODELS, NUM_SEEDS, SEEDS_OF, NUM = ("map-to-face-128", "sketch-to-face-128"), 8, 50, 200
PARTS = ("hair", "skin", "background")


def map_in(picture: np.ndarray) -> np.ndarray:
    """The map of a face, (S, S, 3) → class numbers (256, 256), by what the finder sees."""
    seen = find_landmarks(large := images.resize(picture, 256))
    return map_of(
        Portrait(large, seen.points.astype(np.float32), seen.parts["person"], seen.parts["hair"])
    )


def iou(found: list[np.ndarray], given: list[np.ndarray]) -> float:
    """Mean over classes of the intersection over union of all people's pixels."""
    shares = []
    for label in np.unique(given):
        both = [(one == label, other == label) for one, other in zip(found, given, strict=True)]
        shares.append(sum((a & b).sum() for a, b in both) / sum((a | b).sum() for a, b in both))
    return round(float(np.mean(shares)), 4)


def colours(pictures: list[np.ndarray], maps: list[np.ndarray], part: str) -> np.ndarray:
    """A part's mean colour in each picture that has it, CIELAB (N, 3)."""
    out = []
    for picture, labels in zip(pictures, maps, strict=True):
        lab = cv2.cvtColor(
            (images.resize(picture, 256) / 255).astype(np.float32), cv2.COLOR_RGB2LAB
        )
        out += (
            [lab[place].mean(axis=0)]
            if (place := labels == masks.CLASSES.index(part)).sum() > 50
            else []
        )
    return np.array(out)


def spread(found: np.ndarray) -> float:
    """Root mean square over L, a, b of the standard deviation."""
    return round(float(np.sqrt(found.var(axis=0).mean())), 2) if len(found) > 1 else float("nan")


def main() -> None:
    """Measure both encoders."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("data", type=Path)
    test = read_manifest(parser.parse_args().data).split("test")
    people = list({row.identity: row for row in reversed(test)}.values())[:NUM]
    photos = [images.load_rgb(row.photo) for row in people]
    given = [masks.resize(images.load_labels(row.mask), 256) for row in people]
    seen = [map_in(photo) for photo in photos]
    true = {
        "iou": iou(seen, given),
        "spread": {part: spread(colours(photos, seen, part)) for part in PARTS},
    }
    results = {"true": true, "models": {}}
    for name in MODELS:
        model = infer.load_styles(name)
        inputs = given
        if model.info.reads != "map":
            inputs = [images.load_rgb(row.sketch) for row in people]
        styles = [model.encode(one) for one in inputs]
        own, maps = [], []
        spreads = {part: [] for part in PARTS}
        for one, asked in zip(styles[:SEEDS_OF], given, strict=False):
            eight = list(model.decode(model.variants(one, NUM_SEEDS, seed=1)))
            found = [map_in(face) for face in eight]
            own, maps = own + found, maps + [asked] * NUM_SEEDS
            for part in PARTS:
                spreads[part].append(spread(colours(eight, found, part)))
        results["models"][name] = {
            "iou": iou([map_in(model.decode(one)[0]) for one in styles], given),
            "iou_seeds": iou(own, maps),
            "spread": {
                part: round(float(np.nanmean(values)), 2) for part, values in spreads.items()
            },
        }
    common.write("lesson_maps", results, table)


def table(found: dict) -> str:
    """The table of docs/results.md."""
    true = found["results"]["true"]
    rows = [
        [
            "the true photo",
            f"{true['iou']:.3f}",
            "–",
            *(f"{true['spread'][part]:.1f}" for part in PARTS),
        ]
    ]
    for name, row in found["results"]["models"].items():
        shares = [f"{row[key]:.3f} ({row[key] / true['iou']:.0%})" for key in ("iou", "iou_seeds")]
        rows.append([f"`{name}`", *shares, *(f"{row['spread'][part]:.1f}" for part in PARTS)])
    seeds = f"over eight seeds, {SEEDS_OF} people"
    head = ["200 test people", "IoU with the map", seeds, *(f"spread of {part}" for part in PARTS)]
    return common.markdown(head, rows) + f"\n\n{common.machine_of(found)}."


if __name__ == "__main__":
    main()
