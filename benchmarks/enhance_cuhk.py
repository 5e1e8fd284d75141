"""Does enhancement help? Saved outputs on CUHK's test faces, as they are and with their faces restored.

`python benchmarks/enhance_cuhk.py --data data/cuhk RUN…` (some 15 minutes for four models on two cores), RUN as in
`s2f leaderboard`. The outputs are restored as a person would do it, and as project 1 did with GFPGAN: the face is found
in the picture that the model made, restored, and pasted back. A picture in which no face is found stays as it is, and
is counted. Writes results/enhance_cuhk.json, numbers only.
"""

from __future__ import annotations

import argparse
import dataclasses
import sys
import tempfile
from pathlib import Path

import common
import numpy as np

from s2f_utils import metrics, weights
from s2f_utils.data import read_manifest
from s2f_utils.inference import restorers
from s2f_utils.inference.enhance import enhance
from s2f_utils.metrics import leaderboard
from s2f_utils.pictures import faces, images, viz

COLUMNS = ("ssim", "psnr", "l1", "fsim", "landmarks", "sharpness", "spectrum")
ASKED = (*COLUMNS, "patch_auc", "rank1", "mrr")


def restored(
    entry: leaderboard.Entry, restorer: restorers.Restorer, strength: float, out: Path
) -> tuple[leaderboard.Entry, int]:
    """The same outputs with their faces restored, and in how many no face was found."""
    lost, files = 0, {}
    for name, path in entry.files.items():
        picture = images.load_rgb(path)
        try:
            picture = enhance(picture, restorer, strength=strength, largest_only=True).image
        except faces.FaceError:
            lost += 1
        files[name] = images.save(out / f"{name}.png", picture)
    return dataclasses.replace(entry, name=f"{entry.name}, enhanced {strength:g}", files=files), lost


def size_of(entry: leaderboard.Entry) -> int:
    """Height of a model's outputs in pixels."""
    return len(images.load_rgb(next(iter(entry.files.values()))))


def interval(values: np.ndarray) -> dict[str, float]:
    """Mean and 95 % interval, as JSON."""
    return {name: round(value, 5) for name, value in dataclasses.asdict(metrics.bootstrap_mean(values)).items()}


def main() -> None:
    """Measure and write results/enhance_cuhk.json."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", required=True)
    parser.add_argument("--restorer", default=weights.RESTORER)
    parser.add_argument("--strength", type=float, action="append", default=[])
    parser.add_argument("--pictures", type=Path, help="folder outside of the repository for pictures to look at")
    parser.add_argument("runs", nargs="+")
    args = parser.parse_args()
    manifest = read_manifest(args.data)
    ids = [pair.id for pair in manifest.split("test")]
    raw = [entry for run in args.runs for entry in leaderboard.find_outputs(run, ids)]
    restorer = restorers.load(args.restorer, "cpu")
    strengths = args.strength or [0.5, 1.0]
    with tempfile.TemporaryDirectory() as folder:
        made, lost = [], {}
        for number, entry in enumerate(raw):
            for strength in strengths:
                place = Path(folder) / f"{number}-{strength:g}"
                done, missing = restored(entry, restorer, strength, place)
                made.append((entry, strength, done))
                lost[done.label] = missing
                print(done.label, "no face in", missing, file=sys.stderr, flush=True)
        rows: dict[str, leaderboard.Row] = {}
        sizes = {entry.label: size_of(entry) for entry in raw}
        for size in sorted(set(sizes.values())):  # one table compares pictures of one size
            entries = [entry for entry in raw if sizes[entry.label] == size]
            entries += [done for of, _, done in made if sizes[of.label] == size]
            board = leaderboard.build(
                entries, manifest, columns=COLUMNS, say=lambda text: print(text, file=sys.stderr, flush=True)
            )
            rows |= {row.label: row for row in board.rows if row.kind == "model"}
        found = []
        for entry in raw:
            own = rows[entry.label]
            line = {
                "model": entry.label,
                "size_px": sizes[entry.label],
                "raw": {c: interval(own.values[c]) for c in ASKED},
                "enhanced": {},
            }
            for of, strength, done in made:
                if of is entry:
                    theirs = rows[done.label]
                    line["enhanced"][f"{strength:g}"] = {
                        "without_face": lost[done.label],
                        **{c: interval(theirs.values[c]) for c in ASKED},
                        "difference": {
                            c: dataclasses.asdict(metrics.paired_difference(theirs.values[c], own.values[c]))
                            for c in ASKED
                        },
                    }
            found.append(line)
        if args.pictures:
            for entry in raw:
                shown = [
                    np.stack([images.load_rgb(e.files[i]) for i in ids[:10]])
                    for e in (entry, *(done for of, _, done in made if of is entry))
                ]
                images.save(args.pictures / f"{entry.label}.png".replace(" ", "-"), viz.sheet(shown), generated=True)
    common.write("enhance_cuhk", {"data": "CUHK 88/100, 100 test faces", "restorer": args.restorer, "rows": found})


if __name__ == "__main__":
    main()
