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
from typing import NamedTuple

import common
import inside
import numpy as np
from lessons import SHEET, SHOWN
from people import identities
from PIL import Image
from skimage import filters, restoration

import s2f_studio as s2f
from s2f_utils import metrics, weights
from s2f_utils.data import Row, read_manifest
from s2f_utils.infer import restorers
from s2f_utils.infer.enhance import Restorer
from s2f_utils.pictures import degradations, faces, images, viz

SIZE_PX, FIRST = 256, "restorer-256"
METRICS = ("psnr", "ssim", "l1", "sharpness")
AMOUNTS = (0.25, 0.5, 1.0, 2.0)
RADII = (1.0, 2.0, 4.0)
BALANCES = (0.003, 0.01, 0.03, 0.1, 0.3, 1.0)
TRANSLATOR = "pix2pix-128"
Method = Callable[[np.ndarray, degradations.Degradation], np.ndarray]


class Damaged(NamedTuple):
    """The small picture that is left of a photo, the same enlarged, and what was done."""

    small: np.ndarray
    enlarged: np.ndarray
    how: degradations.Degradation


def damaged(photo: np.ndarray, number: int, strength: str) -> Damaged:
    """A photo, damaged at this strength. number: another one, other damage."""
    rng = np.random.default_rng(number)
    how = degradations.draw(rng, len(photo), degradations.STRENGTHS[strength])
    found = degradations.stages(photo, how, rng)
    return Damaged(found["jpeg"], found["degraded"], how)


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


def best(methods: Mapping[str, Method], bad: list[Damaged], photos: np.ndarray) -> str:
    """The method with the highest PSNR on these."""
    psnr = {}
    for name, method in methods.items():
        made = np.stack([method(one.enlarged, one.how) for one in bad])
        psnr[name] = metrics.measure(made, photos, ("psnr",))["psnr"].mean()
    return max(psnr, key=psnr.get)


def measured(made: np.ndarray, photos: np.ndarray, true: np.ndarray) -> dict[str, np.ndarray]:
    """The values of each picture. true: descriptors of the photos."""
    return {
        **metrics.measure(made, photos, METRICS),
        "likeness": np.linalg.norm(identities(made) - true, axis=1),
    }


def after_translation(
    rows: list[Row], photos: np.ndarray, own: Restorer
) -> dict[str, dict[str, float]]:
    """Answers to pencil sketches, as they are and restored; the paired difference of each score."""
    model = s2f.load(TRANSLATOR)
    made = [images.resize(model.translate(images.load_rgb(row.sketch)), SIZE_PX) for row in rows]
    restored = [own.restore(one) for one in made]
    true = identities(photos)
    before = measured_inside(np.stack(made), photos, true)
    after = measured_inside(np.stack(restored), photos, true)
    scores = {f"{k}_before": metrics.bootstrap_mean(v) for k, v in before.items()}
    for k, v in before.items():
        scores[f"{k}_difference"] = metrics.paired_difference(after[k], v)
    return common.rounded(scores)


def measured_inside(
    made: np.ndarray, photos: np.ndarray, true: np.ndarray
) -> dict[str, np.ndarray]:
    """As `measured`, but for similarity, which is that inside the face."""
    outline = inside.outline_of(faces.TEMPLATE * SIZE_PX)
    mask = inside.mask_of(outline, photos[0].shape)
    near = []
    for one, photo in zip(made, photos, strict=True):
        near.append(inside.similarity_inside(one, photo, mask))
    values = {}
    for key in near[0]:
        values[key] = np.array([one[key] for one in near])
    values |= metrics.measure(made, photos, ("sharpness",))
    values["likeness"] = np.linalg.norm(identities(made) - true, axis=1)
    return values


def answers(
    strength: str,
    photos: np.ndarray,
    known: np.ndarray,
    own: Mapping[str, Restorer],
) -> dict[str, np.ndarray]:
    """Photos damaged at one strength, and what each method makes of them: {label: uint8 (N, H, W,
    3)}. known: photos of validation people, by which the settings are chosen.
    """
    sharpen = {f"radius {r:g}, amount {a:g}": unsharp(r, a) for r in RADII for a in AMOUNTS}
    balance = {f"balance {b:g}": wiener(b) for b in BALANCES}
    tried = [damaged(photo, 1000 + n, strength) for n, photo in enumerate(known)]
    sharpest = best(sharpen, tried, known)
    balanced = best(balance, tried, known)

    bad = [damaged(photo, n, strength) for n, photo in enumerate(photos)]
    made = {
        "damaged": [one.enlarged for one in bad],
        "bicubic": [bicubic(one.small) for one in bad],
        f"unsharp masking ({sharpest})": [sharpen[sharpest](one.enlarged, one.how) for one in bad],
        f"Wiener's filter ({balanced})": [balance[balanced](one.enlarged, one.how) for one in bad],
    }
    for label, restorer in own.items():
        made[label] = [restorer.restore(one.enlarged) for one in bad]
    return {label: np.stack(side) for label, side in made.items()}


def bicubic(small: np.ndarray) -> np.ndarray:
    """A small picture, enlarged to `SIZE_PX`."""
    enlarged = Image.fromarray(small).resize((SIZE_PX, SIZE_PX), Image.Resampling.BICUBIC)
    return np.asarray(enlarged)


def scores_of(
    made: Mapping[str, np.ndarray], photos: np.ndarray, true: np.ndarray, who: list[str]
) -> dict[str, dict]:
    """The scores of each method's answers, and how far those of `FIRST` are from them.

    true: as in `measured`. who: the person in each photo.
    """
    values = {label: measured(side, photos, true) for label, side in made.items()}
    rows = {}
    for label, side in made.items():
        found = {k: metrics.bootstrap_mean(v) for k, v in values[label].items()}
        patch = metrics.patch_test(side, photos, who)
        found["patch_auc"] = metrics.bootstrap_mean(patch.per_image)
        gain = {k: metrics.paired_difference(values[FIRST][k], v) for k, v in values[label].items()}
        rows[label] = common.rounded(found) | {"difference": common.rounded(gain)}
    return rows


def people_of(rows: list[Row]) -> list[Row]:
    """The first row of each person, from the last person on. Left out is a set of which some
    restorers once learned a part.
    """
    first: dict[str, Row] = {}
    for row in reversed(rows):
        if "_portraits__" not in row.id:
            first[row.identity] = row
    return list(first.values())


def photos_of(rows: list[Row]) -> np.ndarray:
    """Their photos, uint8 (N, H, W, 3)."""
    return np.stack([images.load_rgb(row.photo) for row in rows])


def arguments() -> argparse.Namespace:
    """What the command was given."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("data", type=Path)
    parser.add_argument(
        "--restorer", nargs="*", default=[], metavar="LABEL=FILE", help="further ones"
    )
    parser.add_argument("--num", type=int, default=100, help="test people (default: 100)")
    parser.add_argument("--sheets", type=Path, help="folder for sheets of sixteen")
    return parser.parse_args()


def main() -> None:
    """Measure and write results/restorers.json."""
    args = arguments()
    manifest = read_manifest(args.data / "manifest-sharp.csv")
    test = people_of(manifest.split("test"))[: args.num]
    photos, known = photos_of(test), photos_of(manifest.split("val"))
    who, true = [row.identity for row in test], identities(photos)
    files = dict(one.partition("=")[::2] for one in args.restorer) | {FIRST: weights.RESTORER}
    own = {label: restorers.load(file, "cpu") for label, file in files.items()}
    results = {
        "num": len(test),
        "strengths": {},
        "after": after_translation(test, photos, own[FIRST]),
    }
    for strength in degradations.STRENGTHS:
        made = answers(strength, photos, known, own)
        results["strengths"][strength] = scores_of(made, photos, true, who)
        if args.sheets:
            some = [n for n, row in enumerate(test) if SHOWN in row.id][:SHEET]
            shown = [photos[some], *(made[label][some] for label in ("damaged", *own))]
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
