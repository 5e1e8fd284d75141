"""Restorers against methods without learning, on test people, and after a translation.

`python benchmarks/restorers.py DATA [--restorer LABEL=FILE …]`, DATA as `python
tools/shipped/lesson_data.py` leaves it: sharp portraits, damaged at three strengths. Unsharp
masking and Wiener's filter get what nobody has in practice: the settings that are best for
validation people, and Wiener's the kernel. likeness: the distance of dlib's descriptors to the
true photo; two photos of one person are some .35 apart, those of two people .83. Writes
results/restorers.json, whose tables are in docs/results.md, and with `--sheets` the first sixteen
of each, not the best.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from pathlib import Path

import common
import inside
import numpy as np
from lessons import SHEET, SHOWN
from people import identities
from PIL import Image
from skimage import filters, restoration

import s2f_utils as s2f
from s2f_utils import metrics, weights
from s2f_utils.data import Row, read_manifest
from s2f_utils.infer import restorers
from s2f_utils.pictures import degradations, faces, images, viz

SIZE_PX, FIRST = 256, "restorer-256"
METRICS = ("psnr", "ssim", "l1", "sharpness")
AMOUNTS, RADII, BALANCES = (
    (0.25, 0.5, 1.0, 2.0),
    (1.0, 2.0, 4.0),
    (0.003, 0.01, 0.03, 0.1, 0.3, 1.0),
)
TRANSLATOR = "pix2pix-128"
Method = Callable[[np.ndarray, degradations.Degradation], np.ndarray]


def damaged(
    photo: np.ndarray, number: int, strength: str
) -> tuple[np.ndarray, np.ndarray, degradations.Degradation]:
    """The small picture that is left, the same enlarged, and what was done."""
    rng = np.random.default_rng(number)
    how = degradations.draw(rng, len(photo), degradations.STRENGTHS[strength])
    found = degradations.stages(photo, how, rng)
    return found["jpeg"], found["degraded"], how


def unsharp(radius: float, amount: float) -> Method:
    """Local contrast, raised."""
    return lambda picture, how: images.rounded(
        255 * filters.unsharp_mask(picture, radius, amount, channel_axis=2)
    )


def wiener(balance: float) -> Method:
    """Deconvolution with the true kernel, cut off at two standard deviations; `balance` against
    noise.
    """

    def method(picture: np.ndarray, how: degradations.Degradation) -> np.ndarray:
        reach = max(1, round(2 * max(how.sigmas)))
        kernel, margin = degradations.blur_kernel(how.sigmas, how.angle, 2 * reach + 1), 4 * reach
        wide = np.pad(picture, ((margin, margin), (margin, margin), (0, 0)), mode="reflect") / 255.0
        planes = [restoration.wiener(wide[..., n], kernel, balance) for n in range(3)]
        return images.rounded(255 * np.stack(planes, axis=2)[margin:-margin, margin:-margin])

    return method


def best(methods: Mapping[str, Method], bad: list, photos: np.ndarray) -> str:
    """The method with the highest PSNR on these."""
    made = {
        name: np.stack([method(b, how) for _, b, how in bad]) for name, method in methods.items()
    }
    return max(made, key=lambda name: metrics.measure(made[name], photos, ("psnr",))["psnr"].mean())


def measured(made: np.ndarray, photos: np.ndarray, true: np.ndarray) -> dict[str, np.ndarray]:
    """The values of each picture. true: descriptors of the photos."""
    return {
        **metrics.measure(made, photos, METRICS),
        "likeness": np.linalg.norm(identities(made) - true, axis=1),
    }


def after_translation(
    rows: list[Row], photos: np.ndarray, own: restorers.Restorer
) -> dict[str, dict[str, float]]:
    """Answers to pencil sketches, as they are and restored; the paired difference of each score."""
    model, mask = (
        s2f.load(TRANSLATOR),
        inside.mask_of(inside.outline_of(faces.TEMPLATE * SIZE_PX), photos[0].shape),
    )
    made = [images.resize(model.translate(images.load_rgb(row.sketch)), SIZE_PX) for row in rows]
    sides, true, found = (
        (np.stack(made), np.stack([own.restore(one) for one in made])),
        identities(photos),
        [],
    )
    for side in sides:
        near = [
            inside.similarity_inside(one, photo, mask)
            for one, photo in zip(side, photos, strict=True)
        ]
        values = {key: np.array([one[key] for one in near]) for key in near[0]}
        values["sharpness"] = metrics.measure(side, photos, ("sharpness",))["sharpness"]
        found.append(values | {"likeness": np.linalg.norm(identities(side) - true, axis=1)})
    before = {f"{k}_before": metrics.bootstrap_mean(v) for k, v in found[0].items()}
    gain = {
        f"{k}_difference": metrics.paired_difference(found[1][k], v) for k, v in found[0].items()
    }
    return common.rounded(before | gain)


def main() -> None:
    """Measure and write results/restorers.json."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("data", type=Path)
    parser.add_argument(
        "--restorer", nargs="*", default=[], metavar="LABEL=FILE", help="further ones"
    )
    parser.add_argument("--num", type=int, default=100, help="test people (default: 100)")
    parser.add_argument("--sheets", type=Path, help="folder for sheets of sixteen")
    args = parser.parse_args()
    manifest = read_manifest(args.data / "manifest-sharp.csv")
    rows = [
        row for row in manifest.split("test") if "_portraits__" not in row.id
    ]  # of which some were learned from, once
    test, val = (
        list({row.identity: row for row in reversed(rows)}.values())[: args.num],
        manifest.split("val"),
    )
    photos, known = (np.stack([images.load_rgb(row.photo) for row in rows]) for rows in (test, val))
    who, true = [row.identity for row in test], identities(photos)
    given = dict(one.partition("=")[::2] for one in args.restorer) | {FIRST: weights.RESTORER}
    own = {label: restorers.load(file, "cpu") for label, file in given.items()}
    sharpen = {f"radius {r:g}, amount {a:g}": unsharp(r, a) for r in RADII for a in AMOUNTS}
    balance = {f"balance {b:g}": wiener(b) for b in BALANCES}
    results = {
        "num": len(test),
        "strengths": {},
        "after": after_translation(test, photos, own[FIRST]),
    }
    for strength in degradations.STRENGTHS:
        tried = [damaged(photo, 1000 + n, strength) for n, photo in enumerate(known)]
        chosen = {
            name: best(some, tried, known)
            for name, some in (("unsharp", sharpen), ("wiener", balance))
        }
        bad = [damaged(photo, n, strength) for n, photo in enumerate(photos)]
        cubic = [
            Image.fromarray(small).resize((SIZE_PX, SIZE_PX), Image.Resampling.BICUBIC)
            for small, _, _ in bad
        ]
        made = {
            "damaged": [b for _, b, _ in bad],
            "bicubic": list(map(np.asarray, cubic)),
            f"unsharp masking ({chosen['unsharp']})": [
                sharpen[chosen["unsharp"]](b, how) for _, b, how in bad
            ],
            f"Wiener's filter ({chosen['wiener']})": [
                balance[chosen["wiener"]](b, how) for _, b, how in bad
            ],
            **{label: [net.restore(b) for _, b, _ in bad] for label, net in own.items()},
        }
        sides = {name: np.stack(side) for name, side in made.items()}
        values, rows = {name: measured(side, photos, true) for name, side in sides.items()}, {}
        for name, side in sides.items():
            found = {k: metrics.bootstrap_mean(v) for k, v in values[name].items()}
            patch = metrics.patch_test(side, photos, who)
            repeated = metrics.Repeated(patch.per_image[None], patch.fold_of[None])
            found["patch_auc"] = metrics.bootstrap_repeated(repeated)
            gain = {
                k: metrics.paired_difference(values[FIRST][k], values[name][k])
                for k in values[name]
            }
            rows[name] = common.rounded(found) | {"difference": common.rounded(gain)}
        results["strengths"][strength] = rows
        if args.sheets:
            some = [n for n, row in enumerate(test) if SHOWN in row.id][:SHEET]
            shown = [
                [side[n] for n in some]
                for side in (photos, *(made[name] for name in ("damaged", *own)))
            ]
            images.save(args.sheets / f"restored-{strength}.png", viz.sheet(shown), generated=True)
    common.write("restorers", results, tables)


def table(found: dict) -> str:
    """One table for each strength of the damage."""
    names, parts = (*METRICS, "patch_auc"), []
    for strength, of in found["results"]["strengths"].items():
        rows = []
        for method, row in of.items():
            cells = [common.with_interval(row[name], common.SCORES[name][1]) for name in names]
            rows.append([method, *cells, common.with_interval(row["likeness"], 2)])
        head = [
            f"{strength} damage",
            *(common.SCORES[name][0] for name in names),
            "to the person ↓",
        ]
        parts.append(common.markdown(head, rows))
    return "\n\n".join(parts)


def after_table(found: dict) -> str:
    """What restoring does to translated sketches."""
    named = {
        "face_ssim": ("SSIM in the face ↑", 3),
        "face_psnr": ("PSNR ↑", 2),
        "sharpness": ("sharpness → 1", 2),
    }
    rows = []
    for name, (heading, digits) in (named | {"likeness": ("to the person ↓", 3)}).items():
        before, gain = (
            found["results"]["after"][f"{name}_{part}"] for part in ("before", "difference")
        )
        of = f"{gain['mean']:+.{digits}f} ({gain['low']:+.{digits}f} to {gain['high']:+.{digits}f})"
        rows.append([heading, f"{before['mean']:.{digits}f}", of])
    return common.markdown(
        [f"`{TRANSLATOR}`, pencil sketches", "as it is", "change by restoring, 95 %"], rows
    )


def tables(found: dict) -> str:
    """Both."""
    return table(found) + "\n\n" + after_table(found)


if __name__ == "__main__":
    main()
