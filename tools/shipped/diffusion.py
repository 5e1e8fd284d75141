"""Train notebook 08's network, flow-64, by flow matching, on generated people.

`python -m tools.shipped.diffusion read POOL STATE` reads pictures and crude drawings: the parts
that `tools.shipped.generated.pairs` left in the folder POOL, and the embedded people. STATE is any
folder outside of the project. `python -m tools.shipped.diffusion train STATE --until TIME` trains,
on from the shipped weights at first, and where it stopped if given again. STATE gets
`pictures.npz`, `state.pt`, `curve.csv`, a sheet, and the file that is shipped.
"""

from __future__ import annotations

import argparse
import copy
import csv
import datetime
import json
import time
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor

from data_prep import people
from s2f_utils import weights
from s2f_utils.methods import diffusion
from s2f_utils.networks import checkpoints, denoiser
from s2f_utils.pictures import images
from s2f_utils.weights import compact
from tools.shipped import running

SIZE_PX, BATCH = denoiser.SIZE_PX, 32
DEGREES = (1.0, 0.75)  # how crude the two drawings of each embedded person are
CRUDE = "-1"  # ends the name of the cruder of the two drawings in the pool
LR, BETAS, DECAY = 1e-3, (0.9, 0.99), 0.998
WARM_STEPS = 100
FALLING = 0.5  # share of the time, at its end, in which the learning rate falls
SAVE_STEPS = 25
SAVE_S = 300.0
SHEET_STEPS, SHEET_FACES = 30, 16


def read(pool: Path, state: Path) -> None:
    """Write photos and drawings, uint8 (N, 64, 64, 3) and (N, 64, 64), and who is learned from."""
    photos, drawings, is_training = [], [], []
    for split in ("train", "val"):
        for degree in DEGREES if split == "train" else DEGREES[:1]:
            some = people(split=split, size_px=SIZE_PX, sketches="hand", degree=degree)
            photos += list(some.pictures)
            drawings += list(some.sketches)
            is_training += [split == "train"] * len(some)
    for part in sorted(pool.glob("part*")):
        with open(part / "manifest.csv", newline="", encoding="utf-8") as file:
            rows = [row for row in csv.DictReader(file) if row["id"].endswith(CRUDE)]
        for row in rows:
            photos.append(images.resize(images.load_rgb(part / row["photo"]), SIZE_PX))
            drawing = images.resize(images.load_rgb(part / row["sketch"]), SIZE_PX)
            drawings.append(drawing[..., 0])
        is_training += [True] * len(rows)
    columns = {
        "photos": np.stack(photos),
        "sketches": np.stack(drawings),
        "is_training": np.array(is_training),
    }
    state.mkdir(parents=True, exist_ok=True)
    np.savez(state / "pictures.npz", **columns)
    print(f"{sum(is_training)} drawings to learn from, {len(photos) - sum(is_training)} others")


class Pictures:
    """Photos in [-1, 1] and ink from 0 to 1."""

    def __init__(self, state: Path) -> None:
        arrays = np.load(state / "pictures.npz")
        chosen = arrays["is_training"]
        self.photos, self.ink = self._tensors(arrays, chosen)
        self.other_photos, self.other_ink = self._tensors(arrays, ~chosen)

    @staticmethod
    def _tensors(arrays: np.lib.npyio.NpzFile, chosen: np.ndarray) -> tuple[Tensor, Tensor]:
        photos = torch.from_numpy(arrays["photos"][chosen]).permute(0, 3, 1, 2)
        return photos, torch.from_numpy(arrays["sketches"][chosen])[:, None]

    def batch(self) -> tuple[Tensor, Tensor]:
        """`BATCH` photos and their ink, half of them mirrored."""
        chosen = torch.randint(len(self.photos), (BATCH,))
        photos, ink = as_photos(self.photos[chosen]), as_ink(self.ink[chosen])
        is_mirrored = torch.rand(BATCH, 1, 1, 1) < 0.5
        return (
            torch.where(is_mirrored, photos.flip(3), photos),
            torch.where(is_mirrored, ink.flip(3), ink),
        )


def as_photos(pictures: Tensor) -> Tensor:
    """uint8 → float32 in [-1, 1]."""
    return pictures.float() / 127.5 - 1


def as_ink(drawings: Tensor) -> Tensor:
    """uint8, white paper → float32, 0 for paper to 1 for a black line."""
    return 1 - drawings.float() / 255


class Training:
    """The network on its way, its running average, its optimizer."""

    def __init__(self) -> None:
        self.net = denoiser.trained().train().to(memory_format=torch.channels_last)
        self.average = copy.deepcopy(self.net).eval()
        self.optimizer = torch.optim.Adam(self.net.parameters(), LR, betas=BETAS, fused=True)
        self.num_steps, self.cpu_s = 0, 0.0
        self.losses: list[float] = []

    @staticmethod
    def loss(net: denoiser.UNet, codes: Tensor, ink: Tensor) -> Tensor:
        """Flow matching's, with the network in bfloat16."""

        def answer(*given: Tensor) -> Tensor:
            with torch.autocast("cpu", torch.bfloat16):
                return net(*given).float()

        return diffusion.flow_loss(answer, codes, ink)

    def step(self, pictures: Pictures, left: float) -> None:
        """One step; left: the share of the time that is left, 1 at the beginning."""
        began = time.process_time()
        lr = LR * min(1.0, left / FALLING, (self.num_steps + 1) / WARM_STEPS)
        self.optimizer.param_groups[0]["lr"] = max(lr, LR / 100)
        photos, ink = pictures.batch()
        loss = self.loss(self.net, denoiser.encode(photos), ink)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        self.num_steps += 1
        running.follow(self.average, self.net, self.num_steps, DECAY)
        self.losses.append(loss.item())
        self.cpu_s += time.process_time() - began

    @torch.no_grad()
    def held_out(self, pictures: Pictures) -> float:
        """The loss of people not learned from, with the same noise every time."""
        with torch.random.fork_rng():
            torch.manual_seed(0)
            photos, ink = as_photos(pictures.other_photos), as_ink(pictures.other_ink)
            return self.loss(self.average, denoiser.encode(photos), ink).item()

    @torch.no_grad()
    def sample(self, ink: Tensor) -> Tensor:
        """A face for each drawing: (N, 3, 64, 64)."""
        generator = torch.Generator().manual_seed(0)
        half = SIZE_PX // 2
        x = torch.randn(len(ink), denoiser.CODE_CHANNELS, half, half, generator=generator)

        def guess_at(x: Tensor, at: float) -> Tensor:
            level = torch.full((len(x),), diffusion.NUM_LEVELS * (1 - at))
            return self.average(x, level, ink)

        return denoiser.decode(diffusion.euler(guess_at, x, SHEET_STEPS))

    def state(self) -> dict:
        """All that is needed to go on."""
        parts = (self.net, self.average, self.optimizer)
        return {
            "parts": [part.state_dict() for part in parts],
            "counts": (self.num_steps, self.cpu_s),
        }

    def restore(self, state: dict) -> None:
        """Go on from a `state`."""
        for part, saved in zip(
            (self.net, self.average, self.optimizer), state["parts"], strict=True
        ):
            part.load_state_dict(saved)
        self.num_steps, self.cpu_s = state["counts"]

    def ship(self, folder: Path, pictures: Pictures) -> None:
        """Write the averaged network as it is shipped: large weights in one byte each."""
        terms = list(checkpoints.info_of(weights.generator()).terms or ())
        about = {
            "terms": "MIT",
            "size_px": f"{SIZE_PX}",
            "pictures": f"{len(pictures.photos):,}",
            "images_seen": f"{self.num_steps * BATCH:,}",
            "batch": f"{BATCH}",
            "highest_learning_rate": f"{LR}",
            "minutes": f"{self.cpu_s / 60:.0f} of a core",
            "learned_from": json.dumps({"data": "people of mobile-stylegan", "terms": terms}),
        }
        tensors = compact.packed(self.average.state_dict())
        tensors = {name: tensor.contiguous() for name, tensor in tensors.items()}
        save_file(tensors, folder / denoiser.TRAINED, about)

    def note(self, state: Path, pictures: Pictures) -> None:
        """Add a row to the curve, and paint a sheet: from noise alone, then for one drawing."""
        row = {
            "images": self.num_steps * BATCH,
            "core_minutes": self.cpu_s / 60,
            "loss": float(np.mean(self.losses)),
            "held_out": self.held_out(pictures),
        }
        running.note(state / "curve.csv", row)
        self.losses.clear()
        drawings = as_ink(pictures.other_ink)
        hidden = torch.full_like(drawings[:1], denoiser.NO_SKETCH)
        rows = [self.sample(hidden.expand(SHEET_FACES, -1, -1, -1))]
        for drawing in drawings[:3].split(1):
            answers = self.sample(drawing.expand(SHEET_FACES - 1, -1, -1, -1))
            rows.append(torch.cat([(1 - 2 * drawing).expand(-1, 3, -1, -1), answers]))
        running.save_sheet(state / "sheet.png", rows)


def train(state: Path, until: datetime.datetime) -> None:
    """Train until a time of the day."""
    torch.set_num_threads(1)
    pictures = Pictures(state)
    torch.manual_seed(0)
    training = Training()
    began = time.time()
    if (state / "state.pt").exists():
        saved = torch.load(state / "state.pt", weights_only=True)
        began = saved["began"]
        training.restore(saved["training"])
        torch.manual_seed(training.num_steps)
    end = until.timestamp()
    saved_at, is_over = time.time(), False
    while not is_over:
        for _ in range(SAVE_STEPS):
            left = max(0.0, (end - time.time()) / (end - began))
            training.step(pictures, left)
        is_over = time.time() >= end
        if is_over or time.time() - saved_at > SAVE_S:
            saved_at = time.time()
            running.save_state(state / "state.pt", {"training": training.state(), "began": began})
            training.ship(state, pictures)
            training.note(state, pictures)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    commands = parser.add_subparsers(dest="command", required=True)
    reading = commands.add_parser("read")
    reading.add_argument("pool", type=Path)
    reading.add_argument("state", type=Path)
    training = commands.add_parser("train")
    training.add_argument("state", type=Path)
    training.add_argument("--until", type=datetime.datetime.fromisoformat, required=True)
    args = parser.parse_args()
    if args.command == "read":
        read(args.pool, args.state)
    else:
        train(args.state, args.until)
