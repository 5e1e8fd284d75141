"""The trained lessons on test people: how near answers are to the photo, how like photos they look,
and whether skin becomes lighter or darker.

`python benchmarks/lessons.py DATA`, DATA as `python -m tools.shipped.lesson_data` leaves it. Writes
results/lessons.json, whose table is in docs/results.md, and with `--sheets` the
first sixteen answers of each, not the best. Pictures are at 128 px; the face is where aligned faces
have it. `--mesh PYTHON`, that of an environment with mediapipe 0.10.14, measures positions and
mouths, too. `--only person` measures that row anew and keeps the others, as they were saved.
`average` and `person` are the default model's, in the drawn shape and place; a person's seed is
the number of the picture.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path

import common
import inside
import numpy as np
from people import halves, mesh_error, meshes_of, mouths

import s2f_studio as s2f
from s2f_studio import shipped
from s2f_utils.data import read_manifest
from s2f_utils.metrics import METRICS, baselines, bootstrap_mean, distribution, evaluation
from s2f_utils.pictures import faces, images, viz

SIZE_PX, MOST_RIDGE = 128, 1000
BASELINES = ("sketch", "mean", "ridge")
KINDS = {"average": shipped.EXPECT, "person": shipped.PEOPLE}  # the default model's kinds of answer
LESSONS = ("pix2pix-128", *KINDS)
MESH = (("mesh_off", 3), ("closed_to_open", 2))
DARK_BELOW, LIGHT_FROM = (
    28.0,
    41.0,
)  # degrees: below, tan and darker; from there on, light (Chardon et al. 1991)
SHEET, SHOWN = (
    16,
    "_congress-118__",
)  # pictures of this set are in the public domain, and may be shown


def answers_of(name: str, sketches: np.ndarray) -> tuple[np.ndarray, float]:
    """What a model makes of sketches, (N, 256, 256, 3) → (N, 128, 128, 3), and its seconds a
    picture.
    """
    model = s2f.load(shipped.MODEL if name in KINDS else name)
    asks = [{}] * len(sketches)
    if name in KINDS:
        asked = {"answer": name, "frame": "paper", "likely": 0.0, "preview": True}
        asks = [{**asked, "seed": number} for number in range(len(sketches))]
    model.translate(sketches[0])
    start = time.perf_counter()
    pairs = zip(sketches, asks, strict=True)
    made = [model.translate(sketch, **ask) for sketch, ask in pairs]  # they are aligned already
    seconds = (time.perf_counter() - start) / len(made)
    return np.stack([images.resize(picture, SIZE_PX) for picture in made]), seconds


def measured(made: np.ndarray, true: np.ndarray) -> dict[str, object]:
    """All numbers of one row. Halves: made of one half of the people against photos of the other,
    as shares of what photos of the first have.
    """
    five = faces.TEMPLATE * SIZE_PX
    outline = inside.outline_of(five)
    mask, cheeks = (
        inside.mask_of(outline, made[0].shape),
        inside.cheeks_of(five, outline, made[0].shape),
    )
    rows = [
        inside.similarity_inside(one, other, mask) for one, other in zip(made, true, strict=True)
    ]
    tone, true_tone = (
        np.array([inside.skin_tone(one, cheeks) for one in some]) for some in (made, true)
    )
    shift, groups = tone - true_tone, {"all": np.ones(len(made), bool)}
    groups |= {"dark": true_tone < DARK_BELOW, "light": true_tone >= LIGHT_FROM}
    groups["medium"] = ~groups["dark"] & ~groups["light"]
    return {
        "face": common.rounded(
            {key: bootstrap_mean(np.array([row[key] for row in rows])) for key in rows[0]}
        ),
        "sharpness": float(METRICS["sharpness"].measure(made, true).mean()),
        "skin_tone": {name: _shift(shift[who]) for name, who in groups.items()},
        **halves(*(distribution.pooled(some).numpy() for some in (made, true)), paired=True),
    }


def _shift(degrees: np.ndarray) -> dict[str, float]:
    return {
        "num": len(degrees),
        "shift": round(float(degrees.mean()), 2) if len(degrees) else float("nan"),
    }


def baseline(name: str, sketches: np.ndarray, known: np.ndarray, photos: np.ndarray) -> np.ndarray:
    """What needs no network: uint8 like `sketches`, (N, 128, 128, 3). known, photos: the training
    people's.
    """
    if name == "sketch":
        return sketches
    if name == "mean":
        return np.broadcast_to(images.rounded(photos.mean(0)), sketches.shape)
    features, of_sketches = (
        baselines.sketch_features(some) for some in (known[:MOST_RIDGE], sketches)
    )
    flat = baselines.ridge(features, photos[:MOST_RIDGE].reshape(len(features), -1), of_sketches)
    return images.rounded(flat).reshape(sketches.shape)


def file_of(name: str, also: dict[str, str]) -> Path | None:
    """The weights of a row; None for one without."""
    if name in also:
        return Path(also[name], "generator.safetensors")
    return None if name in BASELINES else shipped.all_files()[KINDS.get(name, name)]


def saved(num: int) -> dict:
    """The results that are there already. Raises SystemExit if they are of other people."""
    path = common.RESULTS / "lessons.json"
    results = json.loads(path.read_text(encoding="utf-8"))["results"]
    if results["num"] != num:
        raise SystemExit(f"{path.name} has {results['num']} people, not {num}: give that --num")
    return results


def arguments() -> argparse.Namespace:
    """The command's."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--num", type=int, help="test people (default: all)")
    parser.add_argument("--only", nargs="*", metavar="ROW", help="rows; the others are kept")
    parser.add_argument("--sheets", type=Path, help="folder for sheets of sixteen answers")
    parser.add_argument(
        "--also",
        nargs="*",
        default=[],
        metavar="NAME=RUN",
        help="trained models that are not shipped",
    )
    parser.add_argument(
        "--mesh", type=Path, metavar="PYTHON", help="of an environment with mediapipe 0.10.14"
    )
    return parser.parse_args()


def main() -> None:
    """Measure the lessons that are shipped, and answers that need no model."""
    args = arguments()
    also = dict(one.split("=", 1) for one in args.also)
    names = args.only or (*BASELINES, *LESSONS, *also)
    if unknown := set(names) - {*BASELINES, *LESSONS, *also}:
        raise SystemExit(f"there is no row {', '.join(sorted(unknown))}")
    manifest = read_manifest(args.data / "manifest-photos.csv")
    people = {
        row.identity: row for row in reversed(manifest.split("test"))
    }  # the first picture of each
    test, train = list(people.values())[: args.num], manifest.split("train")
    results = saved(len(test)) if args.only else {"num": len(test), "rows": {}}
    (sketches, large), (known, photos) = (
        evaluation.load_pairs(rows, size, "sketch-to-photo")
        for rows, size in ((test, 256), (train, SIZE_PX))
    )
    true, small = (
        np.stack([images.resize(one, SIZE_PX) for one in some]) for some in (large, sketches)
    )
    kept = tempfile.TemporaryDirectory()
    work = Path(kept.name)
    true_meshes = meshes_of(args.mesh, true, work) if args.mesh else None
    for name in names:
        facts, path = {"measured": common.provenance()}, file_of(name, also)
        if path is None:
            made = baseline(name, small, known, photos)
        else:
            made, seconds = answers_of(also.get(name, name), sketches)
            facts["seconds"] = round(seconds, 4)
            facts["megabytes"] = round(path.stat().st_size / 1e6, 2)
        if args.mesh:
            found = meshes_of(args.mesh, made, work)
            facts |= {"mesh_off": mesh_error(found, true_meshes), **mouths(found, true_meshes)}
        results["rows"][name] = measured(made, true) | facts
        if args.sheets and path:
            some = [n for n, row in enumerate(test) if SHOWN in row.id][:SHEET]
            sheet = viz.sheet([whose[some] for whose in (small, made, true)])
            images.save(args.sheets / f"{name}.jpg", sheet, generated=True)
    common.write("lessons", results, table_of)


def table_of(found: dict) -> str:
    """The table of docs/results.md."""
    named = {
        "sketch": "the sketch itself",
        "mean": "mean of the training photos",
        "ridge": "ridge regression",
    }
    rows = []
    for name, row in found["results"]["rows"].items():
        face, tone = row["face"], row["skin_tone"]
        tones = [f"{tone[group]['shift']:+.1f}" for group in ("all", "dark", "medium", "light")]
        share = [f"{row[key]:.2f}" for key in ("sharpness", "frechet_ratio", "precision", "recall")]
        cost = (
            [f"{row['seconds']:.2f} s", f"{row['megabytes']:.1f} MB"]
            if "seconds" in row
            else ["–", "–"]
        )
        near = [
            common.with_interval(face["face_ssim"], 3),
            common.with_interval(face["face_psnr"], 1),
        ]
        points = [f"{row[key]:.{digits}f}" if key in row else "–" for key, digits in MESH]
        rows.append([named.get(name, f"`{name}`"), *near, *share, *points, *tones, *cost])
    people = f"{found['results']['num']} test people"
    head = [
        people,
        "SSIM in the face ↑",
        "PSNR ↑",
        "sharpness → 1",
        "Fréchet ratio ↓",
        "precision ↑",
        "recall ↑",
    ]
    head += ["mesh off ↓", "closed mouths that open ↓"]
    skin = ["skin tone, all → 0°", "dark", "medium", "light", "a picture", "file"]
    return common.markdown(head + skin, rows) + f"\n\n{common.machine_of(found)}."


if __name__ == "__main__":
    main()
