"""What each part of the drawings' synthesis brings to the expected face: it is left out, and the same training done.

`python benchmarks/synthesis.py --data ../shared/data --set SCRIBBLES --work /tmp/faces-work`, where SCRIBBLES is what
`python -m data_prep scribbles` leaves. Each training is a short one of a narrow network, so what is told is the
difference to the one with all parts, and not how good a long one becomes. Measured are crude drawings by another
generator, FS2K's artists and CUHK's (of the latter two, so many pairs as `--num`).
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Callable
from pathlib import Path

import common
import numpy as np
from faces import Named, answers
from faces_measures import Yardstick
from faces_sets import load

from s2f_utils import runtime
from s2f_utils.data import Manifest, read_manifest

NARROW = {"widths": "32,48,64,96", "ema_half_life_images": 1_000.0}
# what is left out → settings, and which drawings are learned from, by how crude they are
VARIANTS: dict[str, tuple[dict[str, float], Callable[[float], bool]]] = {
    "nothing": ({}, lambda degree: True),
    "crude drawings": ({}, lambda degree: degree < 0.34),
    "careful drawings": ({}, lambda degree: degree > 0.66),
    "points that are off": ({"misfit_px": 0.0}, lambda degree: True),
    "other pens and papers": ({"pen": 0.0}, lambda degree: True),
    "what is worn": ({"worn_share": 0.0}, lambda degree: True),
}
SETS = ("crude", "fs2k-zero-shot", "cuhk")
COLUMNS = {
    "crude": ("residue", "detector", "frechet_ratio", "kept_glasses", "kept_beard", "kept_hair"),
    "fs2k-zero-shot": ("face_ssim", "face_psnr", "face_light", "skin_tone"),
    "cuhk": ("face_ssim", "face_psnr"),
}


def some_of(data: Path, name: str, taken: Callable[[float], bool]) -> Manifest:
    """The set with the training drawings that are taken, by a manifest beside its own."""
    path = data / f"manifest-without-{name.replace(' ', '-')}.csv"
    with open(data / "manifest.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    kept = [row for row in rows if row["split"] != "train" or taken(float(row["degree"]))]
    with runtime.atomic_path(path) as temporary, open(temporary, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(kept)
    return read_manifest(path)


def measured(name: str, run: Path, args: argparse.Namespace) -> dict[str, float]:
    """What is told of one training: {set and measure: value}."""
    row: dict[str, float] = {}
    for which in SETS:
        num = None if which == "crude" else args.num
        chosen = load(which, args.data, args.work, num)
        made = answers(Named(f"without {name}", str(run)), chosen, args.work, num)
        found = Yardstick(chosen).row(made, 0)
        row |= {f"{which} {key}": found[key] for key in COLUMNS[which]}
        if which == "crude":
            faces = [n for n, kind in enumerate(chosen.kinds) if kind == chosen.kinds[0]]
            row["crude l1"] = round(float(np.mean([_l1(made[n], chosen.truths[n]) for n in faces])), 2)
    return row


def _l1(made: np.ndarray, true: np.ndarray) -> float:
    middle = slice(len(made) // 4, -len(made) // 4)
    return float(np.abs(made[middle, middle].astype(float) - true[middle, middle]).mean())


def table(found: dict) -> str:
    """A row for each part that was left out."""
    rows = found["results"]["rows"]
    heads = list(rows[0]["measured"])
    cells = [[row["without"], *(f"{row['measured'][head]:.3g}" for head in heads)] for row in rows]
    return common.markdown(["left out", *(head.replace("_", " ") for head in heads)], cells)


TABLES = {"synthesis": table}


def main() -> None:
    """Train and measure what is not measured yet."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of portraits, fs2k and cufs")
    parser.add_argument("--set", type=Path, required=True, help="the drawings to be learned from")
    parser.add_argument("--work", type=Path, required=True, help="folder outside of the project, for pictures")
    parser.add_argument("--images", type=int, default=12_000, help="to train on, each time")
    parser.add_argument("--num", type=int, default=200, help="pairs of FS2K and CUHK")
    args = parser.parse_args()
    rows = []
    for name, (changes, taken) in VARIANTS.items():
        settings = NARROW | changes | {"total_images": args.images}
        manifest = some_of(args.set, name, taken)
        run = common.finished_run("expect", settings, manifest, args.work / "runs", f"without-{name.replace(' ', '-')}")
        rows.append(
            {"without": name, "images": args.images, "run": common.run_of(run), "measured": measured(name, run, args)}
        )
        runtime.write_json(common.RESULTS / "synthesis.json", {**common.facts(), "results": {"rows": rows}})
        print(table({"results": {"rows": rows}}), flush=True)


if __name__ == "__main__":
    main()
