"""Does enhancement help? Saved outputs on CUHK's test faces, as they are and with their faces restored.

`python benchmarks/enhance_cuhk.py --data data/cuhk RUN…` (some 15 minutes for four models on two cores), RUN as in
`s2f leaderboard`. The outputs are restored as a person would do it, and as a student's app did with GFPGAN: the face is
found in the picture that the model made, restored, and pasted back. A picture in which no face is found stays as it is,
and is counted. Writes results/enhance_cuhk.json, numbers only, with the run behind each row. A model that is not
the one of this name in other tables is named so: "faithful, another run=RUN".
"""

from __future__ import annotations

import argparse
import dataclasses
import sys
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

import common
import numpy as np
from leaderboard_cuhk import run_of

from s2f_utils import weights
from s2f_utils.data import Manifest, read_manifest
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


class Made(NamedTuple):
    """A model's outputs, restored: of which outputs, how strongly, the new ones, and in how many no face was found."""

    of: leaderboard.Entry
    strength: float
    entry: leaderboard.Entry
    lost: int


def size_of(entry: leaderboard.Entry) -> int:
    """Height of a model's outputs in pixels."""
    return len(images.load_rgb(next(iter(entry.files.values()))))


def interval(row: leaderboard.Row, column: str) -> dict[str, float]:
    """Mean and 95 % interval, as JSON."""
    return {name: round(value, 5) for name, value in dataclasses.asdict(row.interval(column)).items()}


def scored(raw: list[leaderboard.Entry], made: list[Made], manifest: Manifest) -> dict[str, leaderboard.Row]:
    """The leaderboard's row of each, by its label."""
    rows: dict[str, leaderboard.Row] = {}
    sizes = {entry.label: size_of(entry) for entry in raw}
    for size in sorted(set(sizes.values())):  # one table compares pictures of one size
        entries = [entry for entry in raw if sizes[entry.label] == size]
        entries += [one.entry for one in made if sizes[one.of.label] == size]
        board = leaderboard.build(
            entries, manifest, columns=COLUMNS, say=lambda text: print(text, file=sys.stderr, flush=True)
        )
        rows |= {row.label: row for row in board.rows if row.kind == "model"}
    return rows


def compared(entry: leaderboard.Entry, made: list[Made], rows: dict[str, leaderboard.Row]) -> dict[str, Any]:
    """The scores of a model's outputs, of the restored ones, and how far these differ."""
    own = rows[entry.label]
    line: dict[str, Any] = {
        "model": entry.label,
        "size_px": size_of(entry),
        **run_of(entry),
        "raw": {c: interval(own, c) for c in ASKED},
        "enhanced": {},
    }
    for one in made:
        theirs = rows[one.entry.label]
        line["enhanced"][f"{one.strength:g}"] = {
            "without_face": one.lost,
            **{c: interval(theirs, c) for c in ASKED},
            "difference": {c: dataclasses.asdict(theirs.minus(own, c)) for c in ASKED},
        }
    return line


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
    with tempfile.TemporaryDirectory() as folder:
        made: list[Made] = []
        for number, entry in enumerate(raw):
            for strength in args.strength or [0.5, 1.0]:
                place = Path(folder) / f"{number}-{strength:g}"
                made.append(Made(entry, strength, *restored(entry, restorer, strength, place)))
                print(made[-1].entry.label, "no face in", made[-1].lost, file=sys.stderr, flush=True)
        rows = scored(raw, made, manifest)
        found = [compared(entry, [one for one in made if one.of is entry], rows) for entry in raw]
        for entry in raw if args.pictures else ():
            shown = [
                np.stack([images.load_rgb(e.files[i]) for i in ids[:10]])
                for e in (entry, *(one.entry for one in made if one.of is entry))
            ]
            images.save(args.pictures / f"{entry.label}.png".replace(" ", "-"), viz.sheet(shown), generated=True)
    common.write("enhance_cuhk", {"data": "CUHK 88/100, 100 test faces", "restorer": args.restorer, "rows": found})


def table(found: dict) -> str:
    """What models made, as it is and enhanced; an asterisk: sure to be another value."""
    scores = {name: common.SCORES[name] for name in ASKED if name != "spectrum"} | {"rank1": ("rank 1 ↑", 2)}
    rows = []
    for row in found["results"]["rows"]:
        raw = [f"{row['raw'][name]['mean']:.{digits}f}" for name, (_, digits) in scores.items()]
        rows.append([f"{row['model']}, {row['size_px']} px", "–", *raw])
        for strength, values in row["enhanced"].items():
            cells = []
            for name, (_, digits) in scores.items():
                apart = values["difference"][name]
                sure = "" if apart["low"] <= 0 <= apart["high"] else "*"
                cells.append(f"{values[name]['mean']:.{digits}f}{sure}")
            rows.append([f"enhanced, strength {strength}", str(values["without_face"]), *cells])
    return common.markdown(["", "no face", *(title for title, _ in scores.values())], rows)


TABLES = {"helps": table}


if __name__ == "__main__":
    main()
