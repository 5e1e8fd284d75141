"""Train notebook 08's two networks: diffusion and flow matching, alike in all but the loss.

`python -m tools.shipped.diffusion read PORTRAITS FACES STATE` reads the pictures, PORTRAITS as
`python -m data_prep download open-portraits PORTRAITS` leaves them, FACES with the pictures of
`tools.shipped.looks.labels`; STATE is any folder outside of the project. `python -m
tools.shipped.diffusion train STATE --until TIME` trains the two in turns. Given again, it goes on
where it stopped. STATE gets `pictures.npz`, `state.pt`, `curve.csv`, a sheet a method, and the
files that are shipped.
"""

from __future__ import annotations

import argparse
import copy
import datetime
import json
import time
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from data_prep.fetch import open_portraits
from data_prep.make.portraits import PortraitSet
from s2f_utils.methods import diffusion
from s2f_utils.networks import denoiser
from s2f_utils.pictures import faces, images, sketches
from s2f_utils.weights import compact
from tools.shipped import running
from tools.shipped.looks.labels import Labelled, read_labels
from tools.shipped.portraits import portraits_in

SIZE_PX, WORK_PX, BATCH = denoiser.SIZE_PX, 256, 16
LEAST_REAL = 2  # of a generated picture's mark from 1, rendered, to 3, like a photo
LR, BETAS, DECAY = 1e-3, (0.9, 0.99), 0.998
WARM_STEPS = 200
FALLING = 0.5  # share of the time, at its end, in which the learning rate falls
TURN = 50  # steps of one network before the other's
SAVE_S = 300.0
SHEET_STEPS, SHEET_FACES = 16, 8
METHODS = tuple(denoiser.TRAINED)
GENERATED = {  # what the files say of sets of generated people that are no open portraits
    "sfhq": "MIT, © 2022 David Beniaguev, made by StyleGAN2",
    "sfhq-t2i": "MIT, © 2024 David Beniaguev, made by Flux and SDXL",
}


def read(portraits: Path, generated: Path, state: Path) -> None:
    """Write photos and sketches, uint8 (N, 64, 64, 3) and (N, 64, 64), and who is learned from."""
    entries = [
        entry
        for entry in portraits_in(portraits)
        if entry.labels["colour"] == "rgb" and not entry.name.startswith("faker-portraits")
    ]
    photos = [portrait.photo for portrait in PortraitSet(entries)]
    is_training = [entry.split == "train" for entry in entries]
    skin = [entry.labels["skin"] for entry in entries]
    sets = [entry.name.partition("/")[0] for entry in entries]
    adults = [entry for entry in read_labels() if is_learned_from(entry)]
    photos += [aligned(generated / f"{entry.key}.webp") for entry in adults]
    is_training += [True] * len(adults)
    skin += ["generated"] * len(adults)
    sets += [entry.key.partition("/")[0] for entry in adults]
    lines = [sketches.make_sketch(photo, "pencil") for photo in photos]
    columns = {
        "photos": np.stack([images.resize(photo, SIZE_PX) for photo in photos]),
        "sketches": np.stack([small_sketch(sketch) for sketch in lines]),
        "is_training": np.array(is_training),
        "skin": np.array(skin),
        "sets": np.array(sets),
    }
    state.mkdir(parents=True, exist_ok=True)
    np.savez(state / "pictures.npz", **columns)
    print(f"{len(entries)} portraits, {len(adults)} generated; {sum(is_training)} to learn from")


def is_learned_from(entry: Labelled) -> bool:
    """Whether a generated picture is of an adult and like a photo."""
    return entry.usable and not entry.is_child and int(entry.labels["photo"]) >= LEAST_REAL


def aligned(path: Path) -> np.ndarray:
    """The face of a picture, aligned as portraits are: uint8 (256, 256, 3)."""
    picture = images.load_rgb(path)
    matrix = faces.alignment(faces.find_face(picture).landmarks, WORK_PX)
    return faces.warp(picture, matrix, WORK_PX)


def small_sketch(sketch: np.ndarray) -> np.ndarray:
    """A sketch, uint8 (H, W), at 64 px."""
    return images.resize(np.repeat(sketch[..., None], 3, axis=2), SIZE_PX)[..., 0]


def learned_from(sets: Iterable[str]) -> str:
    """What the files say of the sets that were learned from: sources, credits, terms."""
    names = sorted(set(sets))
    known = open_portraits.open_sets([name for name in names if name not in GENERATED])
    lines = [
        f"{some.name}: credit: {some.credit}; terms: {some.terms}; changed: cut out, aligned, "
        f"scaled; {some.page}"
        for some in known.values()
    ]
    lines += [f"{name}: {terms}" for name, terms in GENERATED.items() if name in names]
    return json.dumps(lines, ensure_ascii=False)


class Pictures:
    """Photos in [-1, 1] and ink from 0 to 1, drawn so that skin tones come more evenly."""

    def __init__(self, state: Path) -> None:
        arrays = np.load(state / "pictures.npz")
        chosen = arrays["is_training"]
        self.photos, self.ink = self._tensors(arrays, chosen)
        self.other_photos, self.other_ink = self._tensors(arrays, ~chosen)
        self.learned_from = learned_from(arrays["sets"][chosen])
        labels = [{"skin": value} for value in arrays["skin"][chosen]]
        self.weights = running.balanced(labels, {"skin": 0.5})

    @staticmethod
    def _tensors(arrays: np.lib.npyio.NpzFile, chosen: np.ndarray) -> tuple[Tensor, Tensor]:
        photos = torch.from_numpy(arrays["photos"][chosen]).permute(0, 3, 1, 2)
        return photos, torch.from_numpy(arrays["sketches"][chosen])[:, None]

    def batch(self) -> tuple[Tensor, Tensor]:
        """`BATCH` photos and their ink, half of them mirrored."""
        chosen = torch.multinomial(self.weights, BATCH, replacement=True)
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
    """One network on its way: the network, its running average, its optimizer."""

    def __init__(self, method: str) -> None:
        self.method = method
        self.net = denoiser.UNet().to(memory_format=torch.channels_last)
        self.average = copy.deepcopy(self.net).eval()
        self.optimizer = torch.optim.Adam(self.net.parameters(), LR, betas=BETAS, fused=True)
        self.num_steps, self.cpu_s = 0, 0.0
        self.losses: list[float] = []

    def loss(self, net: nn.Module, codes: Tensor, ink: Tensor) -> Tensor:
        """The method's loss, with the network in bfloat16."""

        def answer(*given: Tensor) -> Tensor:
            with torch.autocast("cpu", torch.bfloat16):
                return net(*given).float()

        if self.method == "flow matching":
            return diffusion.flow_loss(answer, codes, ink)
        return diffusion.diffusion_loss(answer, codes, ink, diffusion.alpha_bars())

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
        """A face for each sketch: (N, 3, 64, 64)."""
        generator = torch.Generator().manual_seed(0)
        half = SIZE_PX // 2
        x = torch.randn(len(ink), denoiser.CODE_CHANNELS, half, half, generator=generator)

        def guess_at(x: Tensor, t: float) -> Tensor:
            return self.average(x, torch.full((len(x),), float(t)), ink)

        if self.method == "flow matching":
            last = diffusion.NUM_LEVELS
            made = diffusion.euler(lambda x, at: guess_at(x, last * (1 - at)), x, SHEET_STEPS)
        else:
            made = diffusion.ddim(guess_at, x, SHEET_STEPS, diffusion.alpha_bars())
        return denoiser.decode(made)

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
        about = {
            "terms": "MIT",
            "size_px": f"{SIZE_PX}",
            "photos": f"{len(pictures.photos):,}",
            "images_seen,_each": f"{self.num_steps * BATCH:,}",
            "batch": f"{BATCH}",
            "highest_learning_rate": f"{LR}",
            "minutes_for_both": f"{2 * self.cpu_s / 60:.0f} of a core",
            "learned_from": pictures.learned_from,
        }
        tensors = compact.packed(self.average.state_dict())
        tensors = {name: tensor.contiguous() for name, tensor in tensors.items()}
        save_file(tensors, folder / denoiser.TRAINED[self.method], about)

    def note(self, state: Path, pictures: Pictures) -> None:
        """Add a row to the curve, and paint the sheet anew."""
        row = {
            "method": METHODS.index(self.method),
            "images": self.num_steps * BATCH,
            "core_minutes": self.cpu_s / 60,
            "loss": float(np.mean(self.losses)),
            "held_out": self.held_out(pictures),
        }
        running.note(state / "curve.csv", row)
        self.losses.clear()
        some = as_ink(pictures.other_ink)[::53][:SHEET_FACES]
        true = as_photos(pictures.other_photos)[::53][:SHEET_FACES]
        hidden = torch.full_like(some, denoiser.NO_SKETCH)
        sketch = (1 - 2 * some).expand(-1, 3, -1, -1)
        rows = [sketch, self.sample(some), true, self.sample(hidden)]
        running.save_sheet(state / f"sheet-{self.method}.png", rows)


def train(state: Path, until: datetime.datetime) -> None:
    """Train both in turns until a time of the day, as long as both have as many steps."""
    pictures = Pictures(state)
    torch.manual_seed(0)
    trainings = [Training(METHODS[0]), Training(METHODS[1])]
    trainings[1].net.load_state_dict(trainings[0].net.state_dict())
    trainings[1].average.load_state_dict(trainings[0].net.state_dict())
    began = time.time()
    if (state / "state.pt").exists():
        saved = torch.load(state / "state.pt", weights_only=True)
        began = saved["began"]
        for training in trainings:
            training.restore(saved[training.method])
        torch.manual_seed(trainings[0].num_steps)
    end = until.timestamp()
    saved_at, is_over = time.time(), False
    while not is_over:
        for training in trainings:
            for _ in range(TURN):
                left = max(0.0, (end - time.time()) / (end - began))
                training.step(pictures, left)
        is_over = time.time() >= end
        if is_over or time.time() - saved_at > SAVE_S:
            saved_at = time.time()
            kept = {training.method: training.state() for training in trainings}
            running.save_state(state / "state.pt", kept | {"began": began})
            for training in trainings:
                training.ship(state, pictures)
                training.note(state, pictures)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    commands = parser.add_subparsers(dest="command", required=True)
    reading = commands.add_parser("read")
    reading.add_argument("portraits", type=Path)
    reading.add_argument("faces", type=Path)
    reading.add_argument("state", type=Path)
    training = commands.add_parser("train")
    training.add_argument("state", type=Path)
    training.add_argument("--until", type=datetime.datetime.fromisoformat, required=True)
    args = parser.parse_args()
    if args.command == "read":
        read(args.portraits, args.faces, args.state)
    else:
        train(args.state, args.until)
