"""The leaderboard of CUHK 88/100, track A, from saved outputs.

`python benchmarks/leaderboard_cuhk.py --data data/cuhk RUN…`, RUN as in `s2f leaderboard`. Writes
results/leaderboard_cuhk.json, which README.md's table comes from (`make tables`): numbers only, no
pictures. Rows of runs that are not given this time are kept.
"""

from __future__ import annotations

import argparse
import statistics
from pathlib import Path
from typing import Any

import common

from s2f_utils.data import read_manifest
from s2f_utils.metrics import leaderboard

PROTOCOL = "CUHK 88/100, track A (stretched to 256 px), 100 test faces"


def main() -> None:
    """Measure the given outputs, write results/leaderboard_cuhk.json."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument(
        "--data", required=True, help="folder of the CUHK data set, as data_prep makes it"
    )
    parser.add_argument(
        "--patch-seeds", type=int, default=3, help="times the patch test is repeated (default: 3)"
    )
    parser.add_argument(
        "--out", type=Path, help="folder for the page with pictures, outside of the repository"
    )
    parser.add_argument(
        "--open", action="append", default=[], help="name of a model of the open league"
    )
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
    )
    found = leaderboard.as_dict(board)
    runs = {(entry.label, entry.seed): run_of(entry) for entry in entries}
    found["rows"] = [
        common.new(row | runs.get((row["model"], row["seed"]), {})) for row in found["rows"]
    ]
    before = common.written("leaderboard_cuhk").get("rows", [])
    new = {(row["model"], row["seed"]) for row in found["rows"]}
    rows = found["rows"] + [
        r for r in before if r["kind"] == "model" and (r["model"], r["seed"]) not in new
    ]
    common.write("leaderboard_cuhk", {"protocol": PROTOCOL, **found, "rows": in_order(rows)})
    if args.out:
        print(leaderboard.write(board, args.out))


def in_order(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The models by SSIM; controls; trivial answers."""
    order = {"model": 0, "control": 1, "trivial": 2}
    return sorted(
        rows,
        key=lambda row: (
            order[row["kind"]],
            -(row.get("ssim") or 0) if row["kind"] == "model" else 0,
        ),
    )


def run_of(entry: leaderboard.Scored) -> dict[str, Any]:
    """{"run": the run that outputs come from}, or {} where they lie in no run's folder."""
    parents = next(iter(entry.files.values())).resolve().parents
    folder = next((parent for parent in parents if (parent / "config.json").is_file()), None)
    return {"run": common.run_of(folder)} if folder else {}


def by_model(found: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """The rows of each model, one for each seed."""
    seeds: dict[str, list[dict[str, Any]]] = {}
    for row in found["results"]["rows"]:
        seeds.setdefault(row["model"], []).append(row)
    return seeds


def table(found: dict[str, Any]) -> str:
    """The leaderboard; of a model with several seeds the mean, and half of their range."""
    names = ("ssim", "psnr", "l1", "fsim", "sharpness", "patch_auc", "rank1")

    def cell(same: list[dict[str, Any]], name: str) -> str:
        if len(same) == 1 or same[0].get(name) is None:
            return common.score_of(same[0], name)
        values = [row[name] for row in same]
        return f"{statistics.fmean(values):.{common.SCORES[name][1]}f} (±{max(values) / 2 - min(values) / 2:.3f})"

    rows = [
        [
            f"{model}, {len(same)} seeds" if len(same) > 1 else common.one_seed(same[0]),
            same[0]["league"],
            *(cell(same, n) for n in names),
        ]
        for model, same in by_model(found).items()
    ]
    head = ["CUHK 88/100, 256 px", "league", *(common.SCORES[name][0] for name in names)]
    notes = (common.floor_note(found["results"]["rows"]), found["results"]["retrieval_note"])
    return "\n\n".join([common.markdown(head, rows), *filter(None, notes)])


TABLES = {"quality": table}


if __name__ == "__main__":
    main()
