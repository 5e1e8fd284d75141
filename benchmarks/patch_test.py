"""What the patch test says of pictures whose truth is known, and how it varies over seeds.

`python benchmarks/patch_test.py --data data/cuhk [NAME=RUN …]`: true photos against true photos of other people, JPEG
copies, blurred copies, filtered faithful, and the outputs of the runs. Writes results/patch_test.json, in which rows
that are there stay; about a minute a row and seed.
"""

from __future__ import annotations

import argparse
import json

import common
import numpy as np
from PIL import Image, ImageFilter

from s2f_utils import metrics
from s2f_utils.data import read_manifest
from s2f_utils.metrics import leaderboard
from s2f_utils.metrics.scored import ScoredPairs
from s2f_utils.pictures import degradations, images

SEEDS = (0, 1, 2)


def blur(photo: np.ndarray, sigma_px: float) -> np.ndarray:
    """The photo through a Gaussian of this σ."""
    return np.asarray(Image.fromarray(photo).filter(ImageFilter.GaussianBlur(sigma_px)))


def main() -> None:
    """Run the patch test on each kind of picture with every seed, write the results."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", required=True, help="folder of a data set")
    parser.add_argument("runs", nargs="*")
    args = parser.parse_args()
    manifest = read_manifest(args.data)
    pairs = manifest.split("test")
    people = [pair.identity for pair in pairs]
    photos = np.stack([images.load_rgb(pair.photo) for pair in pairs])
    half = (photos[::2], photos[1::2], people[::2], people[1::2])
    tests = {
        "true photos against true photos of others": half,
        "JPEG of quality 75": (np.stack([degradations.as_jpeg(p, 75) for p in photos]), photos, people, None),
        "blurred by 0.5 px": (np.stack([blur(p, 0.5) for p in photos]), photos, people, None),
        "blurred by 0.8 px": (np.stack([blur(p, 0.8) for p in photos]), photos, people, None),
    }
    scored = ScoredPairs.load(manifest, "test", pairs, photos.shape[1], "sketch-to-photo")
    made = metrics.filtered(scored.trivial_outputs()["ridge"], scored.training_pairs[1])
    tests["filtered faithful (ridge regression)"] = (made, photos, people, None)
    for run in args.runs:
        for entry in leaderboard.find_outputs(run, [pair.id for pair in pairs]):
            made = np.stack([images.load_rgb(entry.files[pair.id]) for pair in pairs])
            tests[entry.label] = (made, photos, people, None)
    path = common.RESULTS / "patch_test.json"
    rows = json.loads(path.read_text(encoding="utf-8"))["results"]["rows"] if path.exists() else []
    for name, (fakes, reals, who, others) in tests.items():
        if name in {row["pictures"] for row in rows}:
            continue
        found = [metrics.patch_test(fakes, reals, who, others, seed=seed) for seed in SEEDS]
        aucs = [test.auc for test in found]
        rows.append(
            {"pictures": name, "auc": round(float(np.mean(aucs)), 4), "auc_by_seed": [round(a, 4) for a in aucs],
             "std_over_seeds": round(float(np.std(aucs, ddof=1)), 4),
             "std_over_folds": round(float(np.mean([test.spread for test in found])), 4)}
        )  # fmt: skip
        print(rows[-1], flush=True)
    rows.sort(key=lambda row: list(tests).index(row["pictures"]) if row["pictures"] in tests else len(tests))
    common.write("patch_test", {"num_images": len(photos), "size_px": photos.shape[1], "rows": rows})


if __name__ == "__main__":
    main()
