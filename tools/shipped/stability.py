"""Train notebook 04b's six generators: on 100 people plain, with R1, with ADA, with both; on 20 and
on 1,000 plain: is it the number of photos that matters?

`python -m tools.shipped.stability STATE --minutes 20`, STATE any folder outside of the project. The
six take turns, so that all have seen equally many images at any time. Given again, it goes on where
it stopped. STATE gets `state.pt` and what goes to s2f_series/long_runs: `stability.json` and
`stability.jpg`.

StyleGAN2 at 64 px with its own discriminator, on the generated people that come with `data_prep`.
All six begin with equal weights, and the fewer photos are among the more; apart from their number,
R1 and ADA all is equal. Held out are the test and validation people, from whom nothing learns.
"""

from __future__ import annotations

import argparse
import copy
import json
import os
import time
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

import data_prep
from s2f_utils import runtime
from s2f_utils.methods.logistic import r1_penalty
from s2f_utils.methods.method import Batch, Context
from s2f_utils.methods.stylegan2 import StyleGAN2
from tools.shipped import running

SIZE_PX, BATCH, NUM_PHOTOS, NUM_FACES = 64, 16, 100, 16
SHARED = {
    "size_px": SIZE_PX,
    "load_size_px": SIZE_PX,
    "batch_size": BATCH,
    "style_dim": 128,
    "num_mlp": 4,
    "width": 64,
    "channel_multiplier": 0.25,
    "lambda_path": 0.0,
    "noise_from_images": 1_000_000_000,  # never: with noise, early faces are all dots
    "augment_disc": "none",
    "ada_images": 20_000.0,
    "r1_gamma": 3.0,
    "r1_every": 0,
}
ADA, R1 = {"augment_disc": "ada"}, {"r1_every": 16}
RUNS = {"neither": {}, "R1": R1, "ADA": ADA, "R1 and ADA": R1 | ADA}
OTHER_NUMBERS = {"20 photos": 20, "1,000 photos": 1_000}  # as "neither", which has 100
RUNS |= dict.fromkeys(OTHER_NUMBERS, {})
TURN_IMAGES = 2_000
MEASURE_TURNS = 4  # between two measures by features
QUALITY = 88  # of the shipped sheet


class Photos:
    """What all runs learn from and are measured with, (N, 3, 64, 64) in [-1, 1]."""

    def __init__(self) -> None:
        self.training = running.pixels(data_prep.people(split="train", size_px=SIZE_PX).pictures)
        order = np.random.default_rng(0).permutation(len(self.training))
        self.training = self.training[order]
        others = [data_prep.people(split=part, size_px=SIZE_PX) for part in ("test", "val")]
        held_out = running.pixels(np.concatenate([some.pictures for some in others]))
        order = np.random.default_rng(0).permutation(len(held_out))
        self.held_out = held_out[order]
        self.features = running.judged(enlarged(self.held_out))


def enlarged(pictures: Tensor) -> Tensor:
    """Twice as large: features mean most near the size that their network was trained at."""
    return torch.nn.functional.interpolate(pictures, scale_factor=2, mode="bilinear")


class Run:
    """One generator, its discriminator, and its curve."""

    def __init__(self, name: str, photos: Photos) -> None:
        self.name, self.photos = name, photos
        self.num_photos = OTHER_NUMBERS.get(name, NUM_PHOTOS)
        torch.manual_seed(0)
        config = StyleGAN2.Config.create(SHARED | RUNS[name])
        precision = runtime.pick_precision(torch.device("cpu"), "auto")
        self.model = StyleGAN2(config, precision)
        self.average = copy.deepcopy(self.model.net_g).eval()
        self.live = self.model.live_values()
        self.images, self.seconds = 0, 0.0
        self.rows: list[dict[str, float]] = []
        self.measures: list[dict[str, float]] = []
        self.chance = torch.get_rng_state()
        self.is_over = False

    def turn(self, num: int) -> None:
        """Learn from `num` images, with this run's own random numbers."""
        torch.set_rng_state(self.chance)
        found: list[dict[str, float]] = []
        began, until = time.process_time(), self.images + num
        while self.images < until and not self.is_over:
            found.append(self.step())
            self.is_over = not all(np.isfinite(value) for value in found[-1].values())
        if found:
            names = ("loss_d", "loss_g")
            losses = {name: float(np.mean([row[name] for row in found])) for name in names}
            self.rows.append(self.row() | losses)
        self.seconds += time.process_time() - began
        self.chance = torch.get_rng_state()

    def step(self) -> dict[str, float]:
        """One step of the library's method on a batch of photos, half of them mirrored."""
        photos = self.photos.training[torch.randint(self.num_photos, (BATCH,))]
        mirrored = (torch.rand(BATCH) < 0.5).view(-1, 1, 1, 1)
        photos = self.model.precision.images(torch.where(mirrored, photos.flip(3), photos))
        where = {"images_seen": self.images, "steps": self.images // BATCH}
        ctx = Context(self.live, self.model.precision, **where)
        losses = ctx.values(self.model.step(Batch(photos, photos), ctx))
        self.images += BATCH
        running.follow(self.average, self.model.net_g, self.images // BATCH)
        return {name: float(value) for name, value in losses.items()}

    def row(self) -> dict[str, float]:
        """What D says, of pictures as they are, and its squared slope at training photos."""
        net_d, row = self.model.net_d, {"images": float(self.images)}
        made, learned = self.faces(NUM_PHOTOS, seed=1), self.photos.training[: self.num_photos]
        sides = {"training": learned, "held_out": self.photos.held_out, "made": made}
        for name, pictures in sides.items():
            with torch.no_grad():
                logits = torch.cat([net_d(some) for some in pictures[:NUM_PHOTOS].split(20)])
            row[f"sign_{name}"] = logits.sign().mean().item()
            row[f"logit_{name}"] = logits.mean().item()
        row["squared_slope"] = r1_penalty(net_d, learned[:32]).item()
        spread = [side.std(dim=0).mean() for side in (made, self.photos.held_out[:NUM_PHOTOS])]
        return row | {"variety": (spread[0] / spread[1]).item(), "ada_p": self.model.ada.p}

    @torch.no_grad()
    def faces(self, num: int, seed: int) -> Tensor:
        """Faces of the averaged generator, the same z each time."""
        z = torch.randn(num, SHARED["style_dim"], generator=torch.Generator().manual_seed(seed))
        made = [self.average(some, randomize_noise=False) for some in z.split(20)]
        return torch.cat(made).clamp(-1, 1)

    def measure(self) -> None:
        """Against held-out photos, by features."""
        features = running.judged(enlarged(self.faces(len(self.photos.held_out) // 2, seed=2)))
        row = {"images": float(self.images)}
        self.measures.append(row | running.halves(features, self.photos.features))

    def sheet(self) -> np.ndarray:
        """A row of faces, uint8 (64, 1024, 3)."""
        made = (127.5 * (self.faces(NUM_FACES, seed=0) + 1)).round().byte()
        return np.hstack(made.permute(0, 2, 3, 1).numpy())

    def curve(self) -> dict[str, object]:
        """All that was measured."""
        told = {"images": self.images, "seconds": self.seconds, "is_over": self.is_over}
        return told | {"rows": self.rows, "measures": self.measures}

    def state(self) -> dict[str, object]:
        """All that the run needs to go on."""
        nets = {name: net.state_dict() for name, net in self.model.nets.items()}
        opts = {name: opt.state_dict() for name, opt in self.model.optimizers.items()}
        parts = {"nets": nets, "opts": opts, "average": self.average.state_dict()}
        own = {"model": self.model.state_dict(), "chance": self.chance}
        return parts | own | {"curve": self.curve()}

    def resume(self, state: dict) -> None:
        """Go on from `state`."""
        for name, net in self.model.nets.items():
            net.load_state_dict(state["nets"][name])
        for name, opt in self.model.optimizers.items():
            opt.load_state_dict(state["opts"][name])
        self.average.load_state_dict(state["average"])
        self.model.load_state_dict(state["model"])
        self.chance, curve = state["chance"], state["curve"]
        self.images, self.seconds = curve["images"], curve["seconds"]
        self.is_over, self.rows, self.measures = curve["is_over"], curve["rows"], curve["measures"]


def save(folder: Path, runs: list[Run], turns: int) -> None:
    """Write the state, then what the notebook reads."""
    state = {run.name: run.state() for run in runs}
    running.save_state(folder / "state.pt", state | {"turns": turns})
    curves = {run.name: run.curve() for run in runs}
    shown = {run.name: [run.images] for run in runs}
    rounded = json.loads(json.dumps(curves), parse_float=lambda text: float(f"{float(text):.4g}"))
    text = {"settings": SHARED, "changes": RUNS, "shown": shown}
    (folder / "stability.json").write_text(json.dumps(text | {"runs": rounded}) + "\n")
    sheet = Image.fromarray(np.vstack([run.sheet() for run in runs]))
    sheet.save(folder / "stability.jpg", quality=QUALITY)


def resume(folder: Path, runs: list[Run]) -> int:
    """Go on with what the folder has. Returns the turns done."""
    if not (folder / "state.pt").is_file():
        return 0
    state = torch.load(folder / "state.pt", weights_only=True)
    for run in runs:
        run.resume(state[run.name])
    return state["turns"]


def main() -> None:
    """Train by turns."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("state", type=Path)
    parser.add_argument("--minutes", type=float, default=20.0, help="a run, in all (default: 20)")
    args = parser.parse_args()
    torch.set_num_threads(1)
    args.state.mkdir(parents=True, exist_ok=True)
    (args.state / "pid").write_text(str(os.getpid()))
    photos = Photos()
    print(f"{len(photos.training)} photos, {len(photos.held_out)} held out", flush=True)
    runs = [Run(name, photos) for name in RUNS]
    turns = resume(args.state, runs)
    while sum(run.seconds for run in runs) < 60 * args.minutes * len(runs):
        turns += 1
        for run in runs:
            run.turn(TURN_IMAGES)
            if turns % MEASURE_TURNS == 0:
                run.measure()
            row = {name: round(value, 3) for name, value in run.rows[-1].items()}
            print(f"{run.name}, {run.seconds:.0f} s: {row} {run.measures[-1:]}", flush=True)
        save(args.state, runs, turns)
    for run in runs:
        if run.images not in {row["images"] for row in run.measures}:
            run.measure()
    save(args.state, runs, turns)


if __name__ == "__main__":
    main()
