"""The leaderboard of CUHK 88/100, track A, from saved outputs.

`python benchmarks/leaderboard_cuhk.py --data data/cuhk RUN…`, RUN as in `s2f leaderboard`. Writes
results/leaderboard_cuhk.json, which README.md's table comes from (`make tables`): numbers only, no pictures. Rows of
runs that are not given this time are kept.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import common

from s2f_utils.data import read_manifest
from s2f_utils.metrics import leaderboard

PROTOCOL = "CUHK 88/100, track A (stretched to 256 px), 100 test faces"


def main() -> None:
    """Measure the given outputs, write results/leaderboard_cuhk.json."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", required=True, help="folder of the CUHK data set, as data_prep makes it")
    parser.add_argument("--patch-seeds", type=int, default=3, help="times the patch test is repeated (default: 3)")
    parser.add_argument("--out", type=Path, help="folder for the page with pictures, outside of the repository")
    parser.add_argument("--open", action="append", default=[], help="name of a model of the open league")
    parser.add_argument("runs", nargs="*")
    args = parser.parse_args()
    manifest = read_manifest(args.data)
    ids = [pair.id for pair in manifest.split("test")]
    entries = [entry for run in args.runs for entry in leaderboard.find_outputs(run, ids)]
    board = leaderboard.build(
        entries,
        manifest,
        patch_seeds=args.patch_seeds,
        open_league=args.open,
        say=lambda text: print(text, file=sys.stderr),
    )
    found = leaderboard.as_dict(board)
    path = common.RESULTS / "leaderboard_cuhk.json"
    before = json.loads(path.read_text(encoding="utf-8"))["results"]["rows"] if path.exists() else []
    new = {(row["model"], row["seed"]) for row in found["rows"]}
    rows = found["rows"] + [r for r in before if r["kind"] == "model" and (r["model"], r["seed"]) not in new]
    order = {"model": 0, "control": 1, "trivial": 2}
    rows.sort(key=lambda row: (order[row["kind"]], -(row.get("ssim") or 0) if row["kind"] == "model" else 0))
    common.write("leaderboard_cuhk", {"protocol": PROTOCOL, **found, "rows": rows})
    if args.out:
        print(leaderboard.write(board, args.out))


if __name__ == "__main__":
    main()
