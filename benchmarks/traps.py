"""How far each common error moves a score: `python benchmarks/traps.py --data data/cuhk NAME=RUN`.

The raw sketch, ridge regression and a model's saved outputs, scored after the protocol and with one error at a time.
Writes results/traps.json.
"""

from __future__ import annotations

import argparse

import common
import numpy as np
from PIL import Image
from skimage.metrics import structural_similarity

from s2f_utils import metrics
from s2f_utils.data import read_manifest
from s2f_utils.metrics import leaderboard
from s2f_utils.metrics.distribution import frechet_distance
from s2f_utils.metrics.scored import ScoredPairs
from s2f_utils.pictures import degradations, images


def score(name: str, fakes, reals) -> float:
    """A metric's mean over the pictures."""
    return round(float(metrics.METRICS[name].measure(fakes, reals).mean()), 4)


def ssim_of_floats(fakes, reals, data_range: float) -> float:
    """SSIM of grey values in [0, 1] with this data range; right is 1."""
    grey = [[np.asarray(Image.fromarray(p).convert("L")) / 255.0 for p in side] for side in (fakes, reals)]
    options = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}
    values = [structural_similarity(a, b, data_range=data_range, **options) for a, b in zip(*grey, strict=True)]
    return round(float(np.mean(values)), 4)


def unstretched(pictures):
    """256x256 back to the 200x250 of the official crops."""
    return [np.asarray(Image.fromarray(p).resize((200, 250), Image.Resampling.BICUBIC)) for p in pictures]


def thumbnails(photos, resample) -> np.ndarray:
    """8x8 grey values as features, (N, 64): enough to show what a set distance does."""
    return np.stack(
        [np.asarray(Image.fromarray(p).convert("L").resize((8, 8), resample), float).ravel() for p in photos]
    )


def main() -> None:
    """Score with and without each error, write the results."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", required=True, help="folder of the CUHK data set")
    parser.add_argument("run", help="NAME=RUN as in s2f leaderboard; the first inference mode is taken")
    args = parser.parse_args()
    manifest = read_manifest(args.data)
    pairs = manifest.split("test")
    scored = ScoredPairs.load(manifest, "test", pairs, 256, "sketch-to-photo")
    inputs, truths = scored.inputs, scored.truths
    entry = leaderboard.find_outputs(args.run, [pair.id for pair in pairs])[0]
    answers = {
        "sketch": inputs,
        "ridge": scored.trivial_outputs()["ridge"],
        "model": np.stack([images.load_rgb(entry.files[pair.id]) for pair in pairs]),
    }
    train = scored.training_pairs[1]
    leaked = [train[:5], train[:5]]
    rows = []

    def row(trap: str, metric: str, right: dict, wrong: dict) -> None:
        rows.append({"trap": trap, "metric": metric, "right": right, "with_the_error": wrong})
        print(rows[-1], flush=True)

    def all_of(measure) -> dict[str, float]:
        return {name: measure(made, truths) for name, made in answers.items()}

    psnr, ssim = (all_of(lambda a, b, m=m: score(m, a, b)) for m in ("psnr", "ssim"))
    row("subtracting uint8 arrays", "PSNR (dB)", psnr, all_of(lambda a, b: score("psnr_uint8", a, b)))
    row("data_range=2 for floats in [0, 1]", "SSIM", ssim, all_of(lambda a, b: ssim_of_floats(a, b, 2.0)))
    row("7x7 uniform window on RGB", "SSIM", ssim, all_of(lambda a, b: score("ssim_rgb_7x7", a, b)))
    row("3x3 uniform window on RGB", "SSIM", ssim, all_of(lambda a, b: score("ssim_3x3", a, b)))
    natural = all_of(lambda a, b: score("ssim", unstretched(a), unstretched(b)))
    row("stretching 200x250 to 256x256 before scoring", "SSIM", natural, ssim)
    moved = {f"the truth itself, {k} px aside": score("ssim", np.roll(truths, k, axis=2)[:, :, k:], truths[:, :, k:])
             for k in (1, 2)}  # fmt: skip
    row("pictures that do not lie on each other", "SSIM", {"the truth itself": 1.0}, moved)
    row(
        "outputs saved as JPEG 75",
        "SSIM",
        ssim,
        all_of(lambda a, b: score("ssim", np.stack([degradations.as_jpeg(p, 75) for p in a]), b)),
    )
    told = {name: score("ssim", np.concatenate([leaked[0], made[5:]]), np.concatenate([leaked[1], truths[5:]]))
            for name, made in answers.items()}  # fmt: skip
    row("5 of 100 test faces were in training, learned by heart", "SSIM", ssim, told)
    photos = np.concatenate([train, truths])
    features = thumbnails(photos, Image.Resampling.BOX)
    order = np.random.default_rng(0).permutation(len(photos))
    sizes = {f"{n} against {n} true photos": round(frechet_distance(features[order[:n]], features[order[-n:]]), 0)
             for n in (15, 30, 60, 94)}  # fmt: skip
    row("a Fréchet distance of few pictures (8x8 grey values as features)", "FD", {"the same people": 0.0}, sizes)
    aliased = round(frechet_distance(thumbnails(photos, Image.Resampling.NEAREST), features), 0)
    row("an aliased resize before it", "FD", {"the same photos": 0.0}, {"the same photos": aliased})
    common.write("traps", {"num_images": len(truths), "model": entry.label, "rows": rows})


if __name__ == "__main__":
    main()
