"""The restorer that comes along against methods without learning, on portraits that it has not seen.

`python benchmarks/restore_portraits.py DATA [--pictures DIR]` (about 25 minutes on two cores), DATA as
tools/weights_data.py leaves it: the 100 test portraits, made bad at three strengths. Unsharp masking and Wiener's
filter get what nobody has in life: the strength of the damage, settings that are best for the validation portraits, and
Wiener's the very kernel. Writes results/restore_portraits.json, and pictures to look at outside of the repository.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import common
import numpy as np
from PIL import Image
from skimage import filters, restoration

from s2f_utils import metrics, weights
from s2f_utils.data import Row, read_manifest
from s2f_utils.inference import restorers
from s2f_utils.metrics import patches
from s2f_utils.pictures import degradations, images, viz

METRICS = ("psnr", "ssim", "l1", "sharpness", "spectrum", "fsim")
AMOUNTS = (0.25, 0.5, 1.0, 2.0)
RADII = (1.0, 2.0, 4.0)
BALANCES = (0.003, 0.01, 0.03, 0.1, 0.3, 1.0)
Method = Callable[[np.ndarray, degradations.Degradation], np.ndarray]


def load(rows: list[Row]) -> np.ndarray:
    """uint8 (N, 256, 256, 3)"""
    return np.stack([images.load_rgb(row.photo) for row in rows])


def damaged(photo: np.ndarray, number: int, strength: str) -> tuple[np.ndarray, np.ndarray, degradations.Degradation]:
    """The small picture that is left, the same as large as it was, and what was done."""
    rng = np.random.default_rng(number)
    how = degradations.draw(rng, len(photo), degradations.STRENGTHS[strength])
    found = degradations.stages(photo, how, rng)
    return found["jpeg"], found["degraded"], how


def bicubic(small: np.ndarray, size_px: int) -> np.ndarray:
    """Enlarged, and nothing else."""
    return np.asarray(Image.fromarray(small).resize((size_px, size_px), Image.Resampling.BICUBIC))


def unsharp(radius: float, amount: float) -> Method:
    """Contrast with what is around, raised."""

    def method(picture: np.ndarray, how: degradations.Degradation) -> np.ndarray:
        return as_uint8(filters.unsharp_mask(picture, radius=radius, amount=amount, channel_axis=2))

    return method


def wiener(balance: float) -> Method:
    """Deconvolution with the true kernel; `balance` against noise."""

    def method(picture: np.ndarray, how: degradations.Degradation) -> np.ndarray:
        reach = max(1, round(2 * max(how.sigmas)))
        kernel = degradations.blur_kernel(how.sigmas, how.angle, 2 * reach + 1)
        margin = 4 * reach
        wide = np.pad(picture, ((margin, margin), (margin, margin), (0, 0)), mode="reflect") / 255.0
        planes = [restoration.wiener(wide[..., n], kernel, balance) for n in range(3)]
        return as_uint8(np.stack(planes, axis=2)[margin:-margin, margin:-margin])

    return method


def as_uint8(values: np.ndarray) -> np.ndarray:
    """[0, 1] → grey levels."""
    return images.rounded(values * 255.0)


def best(methods: dict[str, Method], bad: list, photos: np.ndarray) -> str:
    """The method with the highest PSNR on these."""
    scores = {
        name: metrics.measure(np.stack([method(b, how) for b, how in bad]), photos, ("psnr",))["psnr"].mean()
        for name, method in methods.items()
    }
    return max(scores, key=scores.get)


def main() -> None:
    """Measure and write results/restore_portraits.json."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--restorer", default=weights.RESTORER)
    parser.add_argument("--pictures", type=Path, help="folder outside of the repository for pictures to look at")
    parser.add_argument("--patch-seeds", type=int, default=1)
    args = parser.parse_args()
    manifest = read_manifest(args.data / "photo-to-sketch")
    test, val = (manifest.split(split) for split in ("test", "val"))
    photos, known = load(test), load(val)
    size_px, who = photos.shape[1], [row.identity for row in test]
    restorer = restorers.load(args.restorer, "cpu")
    found: dict[str, object] = {"portraits": len(photos), "restorer": args.restorer, "strengths": {}}
    for strength in degradations.STRENGTHS:
        tried = [damaged(photo, 1000 + n, strength)[1:] for n, photo in enumerate(known)]
        sharpen = {f"radius {r:g}, amount {a:g}": unsharp(r, a) for r in RADII for a in AMOUNTS}
        balance = {f"balance {b:g}": wiener(b) for b in BALANCES}
        chosen = {"unsharp": best(sharpen, tried, known), "wiener": best(balance, tried, known)}
        bad = [damaged(photo, n, strength) for n, photo in enumerate(photos)]
        outputs = {
            "damaged": np.stack([b for _, b, _ in bad]),
            "bicubic": np.stack([bicubic(small, size_px) for small, _, _ in bad]),
            "unsharp masking": np.stack([sharpen[chosen["unsharp"]](b, how) for _, b, how in bad]),
            "Wiener's filter": np.stack([balance[chosen["wiener"]](b, how) for _, b, how in bad]),
            "restorer": np.stack([restorer.restore(b) for _, b, _ in bad]),
        }
        rows = {}
        for name, made in outputs.items():
            values = metrics.measure(made, photos, METRICS)
            row = {}
            for metric, numbers in values.items():
                row[metric] = vars(metrics.bootstrap_mean(numbers))
            if args.patch_seeds:
                tests = [metrics.patch_test(made, photos, who, seed=seed) for seed in range(args.patch_seeds)]
                row["patch_auc"] = vars(metrics.bootstrap_repeated(patches.repeated(tests)))
            rows[name] = row
            print(strength, name, {k: round(v["mean"], 4) for k, v in row.items()}, flush=True)
        found["strengths"][strength] = {"chosen": chosen, "rows": rows}
        if args.pictures:
            shown = [photos[:16], *(made[:16] for made in outputs.values())]
            images.save(args.pictures / f"{strength}.png", viz.sheet(shown), generated=True)
    common.write("restore_portraits", found)


def table(found: dict) -> str:
    """One table for each strength of the damage."""
    names = ("psnr", "ssim", "l1", "fsim", "sharpness", "patch_auc")
    chosen_as = {"unsharp masking": "unsharp", "Wiener's filter": "wiener"}
    parts = []
    for strength, of in found["results"]["strengths"].items():
        rows = []
        for method, row in of["rows"].items():
            cells = [f"{method} ({of['chosen'][chosen_as[method]]})" if method in chosen_as else method]
            for name in names:
                digits = common.SCORES[name][1]
                wide = name in ("psnr", "ssim")
                cells.append(common.with_interval(row[name], digits) if wide else f"{row[name]['mean']:.{digits}f}")
            rows.append(cells)
        parts.append(common.markdown([f"{strength} damage", *(common.SCORES[name][0] for name in names)], rows))
    return "\n\n".join(parts)


TABLES = {"restore": table}


if __name__ == "__main__":
    main()
