"""Train notebook 04's encoders, from a sketch or a label map to a code of the generator's W:
`python -m tools.shipped.generated.encoders KIND POOL STATE --images N`, KIND "sketch" or "map",
POOL a folder of `tools.shipped.generated.pairs`.

The codes of painted people are known, so the loss needs no picture: the mean squared error in W,
divided by the variance of codes. STATE keeps the training, which goes on where it stopped, in turns
of `TURN_IMAGES`, until N images; the learning rate falls over the last third. What is painted
meanwhile joins at the next start. Each turn prints how much of the codes of people who come with
`data_prep` for testing is explained. `--ship` writes the file that the library ships.
"""

from __future__ import annotations

import argparse
import datetime
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from s2f_utils import networks, runtime, weights
from s2f_utils.networks import checkpoints
from s2f_utils.networks.checkpoints import EMA
from s2f_utils.networks.psp import SmallPSPEncoder
from s2f_utils.pictures.masks import CLASSES
from s2f_utils.pictures.sketches import make_sketch, mixture
from tools.shipped import drawn_people
from tools.shipped.drawn_people import DrawnPeople
from tools.shipped.generated.pool import learned_from

SIZE_PX = 128
FILTERS = ("pencil", "contour")  # beside drawings by hand, and a random mixture of filters
SIZES = {"style_dim": 512, "num_styles": 1, "input_px": SIZE_PX, "width": 256}
BATCH, LR, DECAY = 32, 1e-3, 0.01
TURN_IMAGES = 16_000
LAST = 1 / 3  # of a training, in which the learning rate falls
# Of how a sketch is moved before it is read: radians, share of its size, pixels.
MOST_TURN, MOST_SCALE, MOST_SHIFT = 0.05, 0.05, 4.0
MOST_PAPER = 0.1  # share by which paper is darkened
MIX_FROM = 8  # the first style that chance decides


class People:
    """Of N people M sketches each, or their maps, uint8 (N, M, S, S), and their codes (N, D)."""

    def __init__(self, kind: str, given: np.ndarray, codes: np.ndarray) -> None:
        self.kind = kind
        self.given = torch.from_numpy(given)
        self.codes = torch.from_numpy(codes).float()

    def batch(self, num: int, chance: torch.Generator) -> tuple[Tensor, Tensor]:
        """What an encoder reads, moved by chance, (N, C, S, S), and codes (N, D)."""
        which = torch.randint(len(self.codes), (num,), generator=chance)
        sketch = torch.randint(self.given.shape[1], (num,), generator=chance)
        given = self.given[which, sketch][:, None].float()
        return planes(moved(given, self.kind, chance), self.kind), self.codes[which]


def moved(given: Tensor, kind: str, chance: torch.Generator) -> Tensor:
    """Sketches, or labels, (N, 1, S, S), each turned, scaled and shifted a little; paper gets
    darker.
    """
    turn, scale, across, down, paper = torch.rand(5, len(given), generator=chance)
    angle = MOST_TURN * (2 * turn - 1)
    factor = 1 + MOST_SCALE * (2 * scale - 1)
    shift = MOST_SHIFT / SIZE_PX * 2 * (2 * torch.stack([across, down], dim=1) - 1)
    rows = torch.stack([angle.cos(), -angle.sin(), angle.sin(), angle.cos()], dim=1)
    matrix = torch.cat([factor[:, None, None] * rows.view(-1, 2, 2), shift[:, :, None]], dim=2)
    where = F.affine_grid(matrix, list(given.shape), align_corners=False)
    if kind == "map":
        return F.grid_sample(given, where, "nearest", align_corners=False)
    ink = F.grid_sample(255 - given, where, "bilinear", align_corners=False)
    return (255 - ink) * (1 - MOST_PAPER * paper.square())[:, None, None, None]


def planes(given: Tensor, kind: str) -> Tensor:
    """What `PSP.planes` makes of sketches, or of labels, (N, 1, S, S)."""
    if kind == "sketch":
        return given / 255
    return F.one_hot(given[:, 0].long(), len(CLASSES)).permute(0, 3, 1, 2).float()


def sketches_of(people: DrawnPeople) -> np.ndarray:
    """Drawings by hand, two filters and a mixture: uint8 (N, M, S, S)."""
    found = []
    for number, (photo, drawings) in enumerate(zip(people.photos, people.drawings, strict=True)):
        by_filter = [make_sketch(photo, name) for name in FILTERS]
        found.append(np.stack([*drawings, *by_filter, mixture(photo, number)]))
    return np.stack(found)


def kept(path: Path, people: DrawnPeople) -> np.ndarray:
    """The sketches of people, made once."""
    if not path.is_file():
        with runtime.atomic_path(path) as temporary, temporary.open("wb") as file:
            np.save(file, sketches_of(people))
    return np.load(path)


def read(kind: str, pool: Path, cache: Path) -> tuple[People, dict[str, People]]:
    """People to learn from, and those for testing by what is read of them."""
    parts = {"train": drawn_people.embedded("train", SIZE_PX, cache)}
    for manifest in sorted(pool.glob("*/manifest.csv")):
        parts[manifest.parent.name] = drawn_people.part_of(manifest.parent, SIZE_PX)
    people = drawn_people.joined(*parts.values())
    apart = drawn_people.embedded("test", SIZE_PX, cache)
    if kind == "map":
        given, tests = people.maps[:, None], {"map": apart.maps[:, None]}
    else:
        each = [kept(cache / f"sketches-{name}.npy", part) for name, part in parts.items()]
        by_filter = np.stack([make_sketch(photo, "pencil") for photo in apart.photos])
        given = np.concatenate(each)
        tests = {"hand": apart.drawings[:, :1], "pencil": by_filter[:, None]}
    shown = {name: People(kind, some, apart.codes) for name, some in tests.items()}
    return People(kind, given, people.codes), shown


class Training:
    """An encoder, its average, and how far it is."""

    def __init__(self, kind: str, people: People) -> None:
        torch.manual_seed(0)
        channels = 1 if kind == "sketch" else len(CLASSES)
        net = SmallPSPEncoder.build(in_channels=channels, **SIZES)
        self.net = net.train().to(memory_format=torch.channels_last)
        self.ema = EMA(self.net, half_life_images=5_000)
        self.opt = torch.optim.AdamW(self.net.parameters(), LR, weight_decay=DECAY)
        self.people = people
        self.mean = people.codes.mean(dim=0)
        self.scale = (people.codes - self.mean).std()
        self.images, self.seconds, self.chance = 0, 0.0, torch.Generator().manual_seed(0)

    def turn(self, total: int) -> float:
        """Learn from `TURN_IMAGES` of a training of so many; the mean loss."""
        began, losses = time.process_time(), []
        for _ in range(TURN_IMAGES // BATCH):
            left = 1 - self.images / total
            factor = min(1.0, (self.images + 1) / 3200, max(left / LAST, 0.01))
            self.opt.param_groups[0]["lr"] = LR * factor
            x, codes = self.people.batch(BATCH, self.chance)
            with torch.autocast("cpu", torch.bfloat16):
                guess = self.net(x.contiguous(memory_format=torch.channels_last))[:, 0]
            target = (codes - self.mean) / self.scale
            loss = (guess.float() - target).square().mean()
            self.opt.zero_grad()
            loss.backward()
            self.opt.step()
            self.images += BATCH
            self.ema.update(BATCH, self.images)
            losses.append(loss.item())
        self.seconds += time.process_time() - began
        return float(np.mean(losses))

    @torch.inference_mode()
    def guess(self, given: Tensor, kind: str) -> Tensor:
        """Codes (N, D) of sketches or labels (N, 1, S, S)."""
        some = planes(given.float(), kind).split(32)
        found = torch.cat([self.ema.net(x)[:, 0] for x in some])
        return self.mean + self.scale * found

    def explained(self, people: People) -> float:
        """The share of codes' variance about the mean that is explained, of people apart."""
        off = people.codes - self.guess(people.given[:, :1], people.kind)
        return 1 - float(off.square().sum() / (people.codes - self.mean).square().sum())

    def state(self) -> dict:
        """All that the next session needs."""
        return {
            "net": self.net.state_dict(),
            "ema": self.ema.net.state_dict(),
            "opt": self.opt.state_dict(),
            "chance": self.chance.get_state(),
            "images": self.images,
            "seconds": self.seconds,
            "mean": self.mean,
            "scale": self.scale,
        }

    def resume(self, state: dict) -> None:
        """Go on from there; new people keep the old mean and scale."""
        self.net.load_state_dict(state["net"])
        self.ema.net.load_state_dict(state["ema"])
        self.opt.load_state_dict(state["opt"])
        self.chance.set_state(state["chance"])
        self.images, self.seconds = state["images"], state["seconds"]
        self.mean, self.scale = state["mean"], state["scale"]


def ship(training: Training, kind: str) -> Path:
    """Write the encoder's file, which answers with codes; the generator keeps its own."""
    encoder = training.ema.net
    net = networks.build("psp", kind="small", encoder=encoder.args, generator="mobile-stylegan")
    net.encoder.load_state_dict(encoder.state_dict())
    linear = net.encoder.small_styles[0].linear
    with torch.no_grad():
        linear.weight.mul_(training.scale)
        linear.bias.mul_(training.scale)
        net.latent_avg.copy_(training.mean.expand_as(net.latent_avg))
    name = f"{kind}-to-face-512"
    meta = {
        "name": name,
        "method": "psp",
        "direction": f"{kind}-to-photo",
        "aligned": "similarity",
        "size_px": net.info.size_px,
        "mix_from": MIX_FROM,
        "images_seen": training.images,
        "training_pairs": len(training.people.codes),
        "training_seconds": round(training.seconds),
        "trained": datetime.date.today().isoformat(),
    }
    path = weights.shipped(name)
    return checkpoints.save_generator(path, net, meta, learned_from(), compact=True)


def main() -> None:
    """Train for some minutes, or ship."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("kind", choices=("sketch", "map"))
    parser.add_argument("pool", type=Path)
    parser.add_argument("state", type=Path)
    parser.add_argument("--images", type=int, default=200_000)
    parser.add_argument("--ship", action="store_true", help="write what there is so far, and stop")
    args = parser.parse_args()
    torch.set_num_threads(1)
    args.state.mkdir(parents=True, exist_ok=True)
    learned, tests = read(args.kind, args.pool, args.state / "people")
    training = Training(args.kind, learned)
    path = args.state / f"{args.kind}.pt"
    if path.is_file():
        training.resume(torch.load(path, weights_only=True))
    if args.ship:
        print(ship(training, args.kind))
        return
    print(f"{len(learned.codes)} people, {training.images} images seen", flush=True)
    while training.images < args.images:
        loss = training.turn(args.images)
        with runtime.atomic_path(path) as temporary:
            torch.save(training.state(), temporary)
        scores = {name: round(training.explained(some), 3) for name, some in tests.items()}
        row = f"{training.images} images, {training.seconds:.0f} s: loss {loss:.3f}"
        print(f"{row}, explained {scores}", flush=True)


if __name__ == "__main__":
    main()
