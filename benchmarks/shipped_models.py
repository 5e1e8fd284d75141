"""The shipped models: size, time an image, scores on portraits that no training saw, and whether they copy people.

`python benchmarks/shipped_models.py --data data/weights --runs runs/shipped`, DATA as tools/weights_data.py leaves it.
The 100 test people are drawn in two styles with the styles' own parameters, and scored beside the trivial answers.
`--also NAME=RUN` scores another model beside them, such as a pix2pix that was trained on the same data. Outputs and a
sheet of nearest training faces are left in RUNS, outside of the repository: they show people. Results:
results/shipped_models.json.
"""

from __future__ import annotations

import argparse
import dataclasses
import sys
from pathlib import Path

import common
import numpy as np

from s2f_utils import inference
from s2f_utils.data import Manifest, read_manifest
from s2f_utils.metrics import leaderboard
from s2f_utils.metrics.evaluation import load_pairs
from s2f_utils.pictures import duplicates, images, viz

STYLES = ("pencil", "xdog")
SIZE_PX = 256


def of_style(manifest: Manifest, style: str) -> Manifest:
    """The portraits' pairs in one style; training pairs, for the trivial answers, have random parameters."""
    pairs = [pair for pair in manifest.pairs if pair.source == f"portraits {style}"]
    return Manifest(manifest.path, pairs, manifest.settings)


def scored(manifest: Manifest, out: Path, models: dict[str, callable], direction: str, patch_seeds: int) -> list[dict]:
    """The leaderboard's rows for these models; outputs are saved below `out`."""
    test = manifest.split("test")
    inputs, _ = load_pairs(test, SIZE_PX, direction)
    entries = []
    for name, translate in models.items():
        for pair, picture in zip(test, inputs, strict=True):
            images.save(out / name / f"{pair.id}.png", translate(picture), generated=True)
        entries += leaderboard.find_outputs(f"{name}={out / name}", [pair.id for pair in test])
    say = lambda text: print(text, file=sys.stderr)  # noqa: E731
    board = leaderboard.build(
        entries, manifest, patch_seeds=patch_seeds, direction=direction, open_league=list(models), say=say
    )
    return leaderboard.as_dict(board)["rows"]


def nearest_training_faces(manifest: Manifest, out: Path, translate: callable, num: int = 8) -> dict:
    """How like the nearest training photo outputs are, and how like it the true photos of the same people are."""
    train = list({pair.photo: pair for pair in manifest.split("train")}.values())
    known = [images.load_rgb(pair.photo) for pair in train]
    small = [duplicates.thumbnail(photo) for photo in known]
    test = manifest.split("test")[:: len(manifest.split("test")) // num][:num]
    inputs, truths = load_pairs(test, SIZE_PX, "sketch-to-photo")
    rows, alike = [], {"output": [], "true photo": []}
    for sketch, truth in zip(inputs, truths, strict=True):
        made = translate(sketch)
        nearest = []
        for kind, picture in (("output", made), ("true photo", truth)):
            found = [duplicates.correlation(duplicates.thumbnail(picture), thumb) for thumb in small]
            alike[kind].append(round(float(max(found)), 3))
            nearest.append(known[int(np.argmax(found))])
        rows.append(np.stack([sketch, made, nearest[0], truth, nearest[1]]))
    images.save(out / "nearest.png", viz.sheet(rows))
    return {"correlation_with_nearest_training_photo": alike, "a_copy_has_at_least": duplicates.SURE_CORRELATION}


def main() -> None:
    """Measure, write results/shipped_models.json."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--runs", type=Path, default=Path("runs/shipped"))
    parser.add_argument("--patch-seeds", type=int, default=3, help="times the patch test is repeated (default: 3)")
    parser.add_argument("--also", action="append", default=[], metavar="NAME=RUN")
    args = parser.parse_args()
    pair = inference.load(device="cpu")
    to_sketch = inference.load("photo-to-sketch", "cpu")
    picture = np.full((SIZE_PX, SIZE_PX, 3), 255, np.uint8)
    seconds = common.alternate(
        {
            "sketch-to-photo-faithful": lambda: pair.translate(picture, detail=0.0),
            "sketch-to-photo-detail": lambda: pair.translate(picture),  # with the first stage's answer
            "photo-to-sketch": lambda: to_sketch.translate(picture),
        },
        rounds=15,
    )
    results: dict = {
        "models": {
            name: {"milliseconds_an_image": round(1000 * seconds[name], 1), **common.card(name)} for name in seconds
        }
    }
    to_photo = read_manifest(args.data / "sketch-to-photo")
    own = {"faithful": lambda x: pair.translate(x, detail=0.0), "realistic": lambda x: pair.translate(x)}
    for name, _, run in (text.partition("=") for text in args.also):
        own[name] = inference.load(run, "cpu", precision="auto").translate
    for style in STYLES:
        results[f"portraits, {style}"] = scored(
            of_style(to_photo, style), args.runs / style, own, "sketch-to-photo", args.patch_seeds
        )
    back = read_manifest(args.data / "photo-to-sketch")
    back = dataclasses.replace(back, pairs=[p for p in back.pairs if p.source.startswith("portraits")])
    results["portraits, photo to sketch"] = scored(
        back, args.runs / "photo-to-sketch", {"photo-to-sketch": to_sketch.translate}, "photo-to-sketch", 0
    )
    results["nearest"] = nearest_training_faces(of_style(to_photo, "pencil"), args.runs, own["realistic"])
    common.write("shipped_models", results)


def shipped_table(found: dict) -> str:
    """Size, time and training of each model."""
    rows = [
        [
            f"`{name}`",
            f"{r['megabytes']:.1f} MB",
            f"{r['milliseconds_an_image']:.0f} ms",
            common.training_of(r, "pairs"),
        ]
        for name, r in found["results"]["models"].items()
    ]
    return common.markdown(["model", "file", "time an image", "training"], rows)


def portraits_rows(found: dict) -> list[tuple[str, dict]]:
    """The rows that are shown, each with the style of its sketches."""
    return [
        (title.partition(", ")[2], r)
        for title, board in found["results"].items()
        if title.startswith("portraits")
        for r in board
        if r["kind"] != "control" or r["model"].startswith("filtered")
    ]


def portraits_table(found: dict) -> str:
    """The models on people whom no training saw."""
    names = ("ssim", "psnr", "l1", "sharpness", "spectrum", "patch_auc")
    rows = [
        [style, r["model"], *("–" if r.get(n) is None else f"{r[n]:.{common.SCORES[n][1]}f}" for n in names)]
        for style, r in portraits_rows(found)
    ]
    return common.markdown(["sketches", "model", *(common.SCORES[name][0] for name in names)], rows)


def nearest_table(found: dict) -> str:
    """How like the nearest training photo eight outputs are."""
    nearest = found["results"]["nearest"]
    rows = [
        [kind, *(f"{value:.2f}" for value in values)]
        for kind, values in nearest["correlation_with_nearest_training_photo"].items()
    ]
    head = ["correlation with the nearest training photo", *(str(n + 1) for n in range(len(rows[0]) - 1))]
    return common.markdown(head, rows) + f"\n\nA copy has {nearest['a_copy_has_at_least']:g} or more."


TABLES = {"shipped": shipped_table, "portraits": portraits_table, "nearest": nearest_table}


if __name__ == "__main__":
    main()
