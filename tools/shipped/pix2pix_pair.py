"""Train notebook 02's networks long: drawing by hand → photo, with a discriminator and without.

`python -m tools.shipped.pix2pix_pair POOL STATE`, POOL a folder of `tools.shipped.generated.pairs`,
which may still grow, STATE any folder outside of the project. One pair at 256 pixels, then three
seeds at 128; they take turns. Given again, it goes on where it stopped. STATE gets `state.pt`, and
what goes to s2f_series/long_runs: a JSON file and a sheet for each size, and three networks.

The step is the library's, which tests/test_notebook_pix2pix.py compares with the notebook's.
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
from s2f_utils.methods.method import Batch, Context
from s2f_utils.methods.pix2pix import Pix2Pix
from s2f_utils.metrics.baselines import trivial_prediction
from s2f_utils.metrics.distribution import frechet_distance, pooled
from s2f_utils.networks import checkpoints
from s2f_utils.pictures import images
from tools.shipped import drawn_people
from tools.shipped.generated.pool import learned_from

TURN_IMAGES = 400
# The paper's values, but for batches of four, fewer filters and no dropout.
SETTINGS: dict[str, Any] = {
    "batch_size": 4,
    "base_filters": 16,
    "disc_filters": 32,
    "dropout": 0.0,
    "lambda_l1": 100.0,
    "lr_g": 2e-4,
    "lr_d": 2e-4,
}
# Size in pixels → seeds, images at the full learning rates, images in all.
LENGTHS = {256: ((0,), 60_000, 100_000), 128: ((0, 1, 2), 12_000, 20_000)}
RUNS = {
    f"{size_px} px, {name}, seed {seed}": {
        "size_px": size_px,
        "load_size_px": size_px,
        "seed": seed,
        "lambda_gan": weight,
    }
    for size_px, (seeds, _, _) in LENGTHS.items()
    for seed in seeds
    for name, weight in (("with D", 1.0), ("without D", 0.0))
}
NAMES = {256: "pix2pix", 128: "pix2pix-128"}  # of the files
SHARED = ("disc_layers", "gan_loss")  # what else a notebook compares its settings with
NUM_SHOWN = 8
QUALITY = 90  # of that sheet


class Faces:
    """Drawings and photos of one size: uint8 tensors (N, S, S) and (N, 3, S, S)."""

    def __init__(self, pool: Path, size_px: int, cache: Path) -> None:
        self.pool, self.size_px, self.cache = pool, size_px, cache
        self.num_parts = -1
        self.refresh()
        test = drawn_people.embedded("test", size_px, cache)
        self.test_drawings = np.repeat(test.drawings[:, 0, :, :, None], 3, axis=3)
        self.test_photos = test.photos

    def refresh(self) -> None:
        """Read the people again if more were painted."""
        num_parts = len(list(self.pool.glob("*/manifest.csv")))
        if num_parts == self.num_parts:
            return
        self.num_parts = num_parts
        people = drawn_people.for_training(self.pool, self.size_px, self.cache)
        self.photos = torch.from_numpy(people.photos).permute(0, 3, 1, 2).contiguous()
        self.drawings = torch.from_numpy(people.drawings)
        print(f"{len(people)} people of {self.size_px} px to learn from", flush=True)

    def by_ridge(self) -> np.ndarray:
        """The answers of the best linear map from drawings to photos: uint8 (N, S, S, 3)."""
        photos = self.photos.permute(0, 2, 3, 1).numpy()
        drawings = self.drawings[:, 0, :, :, None].expand(-1, -1, -1, 3).numpy()
        return trivial_prediction("ridge", drawings, photos, self.test_drawings)

    def batch(self, num: int) -> tuple[Tensor, Tensor]:
        """Drawings and photos (num, 3, S, S) in [-1, 1], half of them mirror images on average."""
        chosen = torch.randint(len(self.photos), (num,))
        which = torch.randint(self.drawings.shape[1], (num,))
        a = self.drawings[chosen, which][:, None].expand(-1, 3, -1, -1).float() / 127.5 - 1
        b = self.photos[chosen].float() / 127.5 - 1
        if torch.rand(()) < 0.5:
            a, b = a.flip(3), b.flip(3)
        return a, b


class Run:
    """Both networks of one training, and its curve."""

    def __init__(self, name: str, precision: runtime.Precision) -> None:
        self.name, self.precision = name, precision
        torch.manual_seed(RUNS[name]["seed"])
        self.model = Pix2Pix(Pix2Pix.Config.create(SETTINGS | RUNS[name]), precision)
        _, self.full, self.total = LENGTHS[self.model.config.size_px]
        self.images, self.seconds = 0, 0.0
        self.rows: list[dict[str, float]] = []
        self.chance = torch.get_rng_state()

    @property
    def is_over(self) -> bool:
        """Whether it has its length."""
        return self.images >= self.total

    def turn(self, faces: Faces) -> None:
        """Learn from `TURN_IMAGES` images, with this run's own random numbers."""
        torch.set_rng_state(self.chance)
        began, found = time.process_time(), []
        for _ in range(TURN_IMAGES // SETTINGS["batch_size"]):
            factor = min(1.0, (self.total - self.images) / (self.total - self.full))
            for name, opt in (("lr_g", self.model.opt_g), ("lr_d", self.model.opt_d)):
                opt.param_groups[0]["lr"] = SETTINGS[name] * factor
            found.append(self.step(faces))
            self.images += SETTINGS["batch_size"]
        means = {name: float(np.mean([row[name] for row in found])) for name in found[0]}
        self.rows.append({"images": float(self.images)} | means)
        self.seconds += time.process_time() - began
        self.chance = torch.get_rng_state()

    def step(self, faces: Faces) -> dict[str, float]:
        """One step of the library's method on a batch of pairs, or its mirror image."""
        a, b = faces.batch(SETTINGS["batch_size"])
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
    def answers(self, drawings: np.ndarray) -> np.ndarray:
        """Photos for drawings, uint8 (N, S, S, 3) each."""
        net = self.model.net_g.eval()
        made = [net(some) for some in images.to_tensor(drawings).split(16)]
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


def ship(folder: Path, runs: list[Run], of_size: dict[int, Faces]) -> None:
    """Scores on all test people and pictures of some, as `long_runs` reads them, for each size, and
    the networks of 256 pixels.
    """
    for size_px, faces in of_size.items():
        own = [run for run in runs if run.model.config.size_px == size_px]
        ship_size(folder / NAMES[size_px], own, faces)
        if size_px == max(of_size):
            for run in own:
                save_networks(folder, run)


def ship_size(path: Path, runs: list[Run], faces: Faces) -> None:
    """The JSON file and the sheet of the runs of one size. path: without a suffix."""
    truth = faces.test_photos
    of_photos = pooled(truth)
    shown = {"drawing": faces.test_drawings}
    if faces.size_px == min(LENGTHS):  # of larger pictures it would take gigabytes
        shown["ridge regression"] = faces.by_ridge()
    for run in runs:
        shown[label_of(run)] = run.answers(faces.test_drawings)
    told: dict[str, Any] = {
        "settings": settings_of(runs) | {"cpu_minutes": minutes_of(runs)},
        "changes": {name: {} for name in shown},
        "shown": {name: [0] for name in shown},
        "runs": {name: {"rows": [], "measures": []} for name in shown},
    }
    others = faces.photos[: len(truth)].permute(0, 2, 3, 1).numpy()
    told["settings"]["frechet_of_other_people"] = float(frechet_distance(pooled(others), of_photos))
    for run in runs:
        changes = RUNS[run.name]
        told["changes"][label_of(run)] = {
            "seed": changes["seed"],
            "lambda_gan": changes["lambda_gan"],
            "images": run.images,
        }
        told["runs"][label_of(run)]["rows"] = run.rows
    for name, made in shown.items():
        measures = scores(made, truth, of_photos)
        told["runs"][name]["measures"] = [measures]
        print(name, {key: round(value, 3) for key, value in measures.items()})
    rows = [np.concatenate(list(made[:NUM_SHOWN]), axis=1) for made in (*shown.values(), truth)]
    told["changes"]["photo"], told["shown"]["photo"] = {}, [0]
    told["runs"]["photo"] = {"rows": [], "measures": []}
    sheet = Image.fromarray(np.concatenate(rows))
    sheet.save(path.with_suffix(".jpg"), quality=QUALITY, subsampling=0)
    text = json.dumps(told, indent=1) + "\n"
    path.with_suffix(".json").write_text(text, encoding="utf-8")


def label_of(run: Run) -> str:
    """A run's name without its size."""
    return run.name.partition(", ")[2]


def settings_of(runs: list[Run]) -> dict[str, Any]:
    """What the runs of one size share, as the library names it."""
    config = runs[0].model.config
    shared = {name: getattr(config, name) for name in ("size_px", *SETTINGS, *SHARED)}
    shared["num_downs"] = config.num_downs or config.size_px.bit_length() - 1
    return shared | {"images_at_full_rate": runs[0].full}


def minutes_of(runs: list[Run]) -> int:
    """Minutes of a core."""
    return round(sum(run.seconds for run in runs) / 60)


def save_networks(folder: Path, run: Run) -> None:
    """Write a run's generator and, where it learned, its discriminator."""
    info = learned_from()
    meta = {"direction": "sketch-to-photo", "size_px": run.model.config.size_px}
    ending = "with-d" if run.model.config.lambda_gan else "without-d"
    path = folder / f"pix2pix-{ending}.safetensors"
    checkpoints.save_generator(path, run.model.net_g, meta, info, compact=True)
    if run.model.config.lambda_gan:
        path = folder / "pix2pix-d.safetensors"
        checkpoints.save_generator(path, run.model.net_d, meta, info, compact=True)


def scores(made: np.ndarray, truth: np.ndarray, of_photos: np.ndarray) -> dict[str, float]:
    """What notebook 02 measures. of_photos: the true photos' features."""
    measured = metrics.measure(made, truth, ("ssim", "l1", "sharpness"))
    means = {name: float(values.mean()) for name, values in measured.items()}
    return means | {"frechet": float(frechet_distance(pooled(made), of_photos))}


def main() -> None:
    """Train by turns, then write what is shipped."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("pool", type=Path)
    parser.add_argument("state", type=Path)
    parser.add_argument("--ship", action="store_true", help="write what there is so far, and stop")
    args = parser.parse_args()
    torch.set_num_threads(1)
    args.state.mkdir(parents=True, exist_ok=True)
    of_size = {size: Faces(args.pool, size, args.state / "people") for size in LENGTHS}
    precision = runtime.pick_precision(torch.device("cpu"), "auto")
    runs = [Run(name, precision) for name in RUNS]
    resume(args.state, runs)
    for size_px, faces in of_size.items():
        own = [run for run in runs if run.model.config.size_px == size_px]
        while not args.ship and (going_on := [run for run in own if not run.is_over]):
            for run in going_on:
                run.turn(faces)
                row = {name: round(value, 3) for name, value in run.rows[-1].items()}
                print(f"{run.name}, {run.seconds:.0f} s: {row}", flush=True)
            save(args.state, runs)
            faces.refresh()
    ship(args.state, runs, of_size)


if __name__ == "__main__":
    main()
