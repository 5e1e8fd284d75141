"""Train notebook 02's networks long: label map → photo, with a discriminator and without, three
seeds each.

`python -m tools.shipped.pix2pix_pair DATA STATE`, DATA a folder that
`s2f_series.make_default(..., maps=True)` made of the portraits, STATE any folder outside of the
project. They take turns. Given again, it goes on where it stopped. STATE gets `state.pt`, and what
goes to s2f_series/long_runs: `pix2pix.json`, `pix2pix.jpg`, `pix2pix-with-d.safetensors`
and `pix2pix-without-d.safetensors`.

The step is the library's, which tests/test_notebook_pix2pix.py compares with the notebook's. The
data, the mirroring and the falling learning rates are those of the notebook's loop.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from s2f_utils import metrics, runtime
from s2f_utils.data import read_manifest
from s2f_utils.methods.method import Batch, Context
from s2f_utils.methods.pix2pix import Pix2Pix
from s2f_utils.metrics import evaluation
from s2f_utils.metrics.baselines import trivial_prediction
from s2f_utils.metrics.distribution import frechet_distance, pooled
from s2f_utils.networks import checkpoints
from s2f_utils.networks.info import ModelInfo
from s2f_utils.pictures import images

SIZE_PX, BATCH, TURN_IMAGES = 128, 4, 200
SETTINGS: dict[str, Any] = {
    "size_px": SIZE_PX,
    "load_size_px": SIZE_PX,
    "batch_size": BATCH,
    "num_downs": 5,
    "base_filters": 16,
    "disc_filters": 16,
    "disc_layers": 2,
    "dropout": 0.0,
    "gan_loss": "lsgan",
    "lr_g": 8e-4,
    "lr_d": 8e-4,
    "lambda_l1": 20.0,
}
RUNS = {
    f"{name}, seed {seed}": {"seed": seed, "lambda_gan": weight}
    for seed in range(3)
    for name, weight in (("with D", 1.0), ("without D", 0.0))
}
# Seed → images at full learning rates, images in all: one long pair, two shorter ones.
LENGTHS = {0: (10_000, 16_000), 1: (4_000, 6_000), 2: (4_000, 6_000)}
# Test people of the shipped sheet; glasses and hats are not marked in the maps.
PEOPLE = (
    "house-cathy-mcmorris-rodgers",
    "house-adrian-smith",
    "house-kathleen-rice",
    "house-sean-patrick-maloney",
    "house-stephanie-bice",
    "house-garret-graves",
    "senate-joni-ernst",
    "house-guy-reschenthaler",
)
QUALITY = 90  # of that sheet


class Faces:
    """Label maps in their colours, and photos: uint8 (N, 128, 128, 3) each."""

    def __init__(self, folder: Path) -> None:
        manifest = read_manifest(folder / "manifest.csv")
        pairs = {split: manifest.split(split) for split in ("train", "test")}
        loaded = {
            split: evaluation.load_pairs(some, SIZE_PX, "map-to-photo")
            for split, some in pairs.items()
        }
        self.maps, self.photos = (images.to_tensor(side) for side in loaded["train"])
        self.test_maps, self.test_photos = loaded["test"]
        self.test_names = [pair.identity for pair in pairs["test"]]


class Run:
    """Both networks of one training, and its curve."""

    def __init__(self, name: str, precision: runtime.Precision) -> None:
        self.name, self.precision = name, precision
        torch.manual_seed(RUNS[name]["seed"])
        self.model = Pix2Pix(Pix2Pix.Config.create(SETTINGS | RUNS[name]), precision)
        self.images, self.seconds = 0, 0.0
        self.rows: list[dict[str, float]] = []
        self.chance = torch.get_rng_state()

    @property
    def is_over(self) -> bool:
        """Whether it has its length."""
        return self.images >= LENGTHS[self.model.config.seed][1]

    def turn(self, faces: Faces) -> None:
        """Learn from `TURN_IMAGES` images, with this run's own random numbers."""
        torch.set_rng_state(self.chance)
        began, found = time.process_time(), []
        for _ in range(TURN_IMAGES // BATCH):
            full, total = LENGTHS[self.model.config.seed]
            factor = min(1.0, (total - self.images) / (total - full))
            for name, opt in (("lr_g", self.model.opt_g), ("lr_d", self.model.opt_d)):
                opt.param_groups[0]["lr"] = SETTINGS[name] * factor
            found.append(self.step(faces))
            self.images += BATCH
        means = {name: float(np.mean([row[name] for row in found])) for name in found[0]}
        self.rows.append({"images": float(self.images)} | means)
        self.seconds += time.process_time() - began
        self.chance = torch.get_rng_state()

    def step(self, faces: Faces) -> dict[str, float]:
        """One step of the library's method on a batch of pairs, or its mirror image."""
        chosen = torch.randint(len(faces.maps), (BATCH,))
        a, b = faces.maps[chosen], faces.photos[chosen]
        if torch.rand(()) < 0.5:
            a, b = a.flip(3), b.flip(3)
        ctx = Context(self.model.live_values(), self.precision)
        if not self.model.config.lambda_gan:
            return self.step_without(a, b, ctx)
        batch = Batch(self.precision.images(a), self.precision.images(b))
        losses = ctx.values(self.model.step(batch, ctx))
        return {name: float(value) for name, value in losses.items()}

    def step_without(self, a: Tensor, b: Tensor, ctx: Context) -> dict[str, float]:
        """The same without a discriminator: the generator descends on L1 alone."""
        with ctx.autocast():
            fake = self.model.net_g(self.precision.images(a))
        loss = (fake.float() - b).abs().mean()
        self.model.opt_g.zero_grad()
        (SETTINGS["lambda_l1"] * loss).backward()
        self.model.opt_g.step()
        return {"loss_l1": loss.item()}

    @torch.no_grad()
    def answers(self, maps: np.ndarray) -> np.ndarray:
        """Photos for maps, uint8 (N, 128, 128, 3) each."""
        net = self.model.net_g.eval()
        made = [net(some) for some in images.to_tensor(maps).split(16)]
        net.train()
        return images.to_uint8(torch.cat(made))


def save(folder: Path, runs: list[Run]) -> None:
    """The state of all runs, complete or not at all."""
    state = {}
    for run in runs:
        state[run.name] = {
            "nets": [net.state_dict() for net in (run.model.net_g, run.model.net_d)],
            "opts": [opt.state_dict() for opt in (run.model.opt_g, run.model.opt_d)],
            "rows": run.rows,
            "seconds": run.seconds,
            "images": run.images,
            "chance": run.chance,
        }
    with runtime.atomic_path(folder / "state.pt") as temporary:
        torch.save(state, temporary)


def resume(folder: Path, runs: list[Run]) -> None:
    """Go on with what the folder has."""
    if not (folder / "state.pt").is_file():
        return
    state = torch.load(folder / "state.pt", weights_only=True)
    for run in runs:
        kept = state[run.name]
        for net, weights in zip((run.model.net_g, run.model.net_d), kept["nets"], strict=True):
            net.load_state_dict(weights)
        for opt, moments in zip((run.model.opt_g, run.model.opt_d), kept["opts"], strict=True):
            opt.load_state_dict(moments)
        run.rows, run.seconds = kept["rows"], kept["seconds"]
        run.images, run.chance = kept["images"], kept["chance"]


def ship(folder: Path, runs: list[Run], faces: Faces) -> None:
    """Scores on all test people and pictures of some, as `long_runs` reads them, and the first
    seed's two generators.
    """
    truth = faces.test_photos
    learned = [images.to_uint8(side) for side in (faces.maps, faces.photos)]
    ridge = trivial_prediction("ridge", *learned, faces.test_maps)
    shown = {"label map": faces.test_maps}
    shown |= {run.name: run.answers(faces.test_maps) for run in runs}
    shown |= {"ridge regression, no network": ridge}
    told: dict[str, Any] = {
        "settings": dict(SETTINGS),
        "changes": RUNS | {run.name: RUNS[run.name] | {"images": run.images} for run in runs},
        "shown": {name: [0] for name in shown},
        "runs": {},
    }
    told["changes"] |= {name: {} for name in shown if name not in RUNS}
    by_name, of_photos = {run.name: run for run in runs}, pooled(truth)
    for name, made in shown.items():
        is_answer = name != "label map"
        measures = {"images": 0.0} | scores(made, truth, of_photos) if is_answer else {}
        rows = by_name[name].rows if name in by_name else []
        told["runs"][name] = {"rows": rows, "measures": [measures] if measures else []}
        print(name, {key: round(value, 3) for key, value in measures.items()})
    others = pooled(learned[1][: len(truth)])
    told["settings"]["frechet_of_other_people"] = frechet_distance(others, of_photos)
    told["settings"]["cpu_minutes"] = round(sum(run.seconds for run in runs) / 60)
    places = [faces.test_names.index(name) for name in PEOPLE]
    sheet = np.concatenate([np.concatenate(list(made[places]), axis=1) for made in shown.values()])
    Image.fromarray(sheet).save(folder / "pix2pix.jpg", quality=QUALITY, subsampling=0)
    (folder / "pix2pix.json").write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
    for run in runs[:2]:
        ending = "with-d" if run.model.config.lambda_gan else "without-d"
        info = ModelInfo(data="portraits", trained_on=["portraits"], images_seen=run.images)
        meta = {"direction": "map-to-photo", "size_px": SIZE_PX}
        path = folder / f"pix2pix-{ending}.safetensors"
        checkpoints.save_generator(path, run.model.net_g, meta, info, compact=True)


def scores(made: np.ndarray, truth: np.ndarray, of_photos: np.ndarray) -> dict[str, float]:
    """What notebook 02 measures. of_photos: the true photos' features."""
    measured = metrics.measure(made, truth, ("ssim", "l1", "sharpness"))
    means = {name: float(values.mean()) for name, values in measured.items()}
    return means | {"frechet": float(frechet_distance(pooled(made), of_photos))}


def main() -> None:
    """Train by turns, then write what is shipped."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("state", type=Path)
    args = parser.parse_args()
    torch.set_num_threads(1)
    args.state.mkdir(parents=True, exist_ok=True)
    faces = Faces(args.data)
    precision = runtime.pick_precision(torch.device("cpu"), "auto")
    runs = [Run(name, precision) for name in RUNS]
    resume(args.state, runs)
    while going_on := [run for run in runs if not run.is_over]:
        for run in going_on:
            run.turn(faces)
            row = {name: round(value, 3) for name, value in run.rows[-1].items()}
            print(f"{run.name}, {run.seconds:.0f} s: {row}", flush=True)
        save(args.state, runs)
    ship(args.state, runs, faces)


if __name__ == "__main__":
    main()
