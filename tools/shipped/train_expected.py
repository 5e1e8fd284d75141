"""Train the expected face: `python -m tools.shipped.train_expected DATA RUN [--minutes N] [--init
FILE]`.

DATA as tools.shipped.packing leaves it. The same command goes on where it stopped, after a rest at
a lower learning rate too, which falls to nothing over the minutes given. In RUN:
generator.safetensors, state.pt, curve.csv. The loss and its weights are those of `s2f train
expect`.
"""

from __future__ import annotations

import argparse
import copy
import math
import os
import time
from pathlib import Path

import torch
from torch import Tensor

from s2f_studio.faces.method import ExpectConfig, ExpectMethod
from s2f_utils.methods.method import Batch, Context
from s2f_utils.networks import checkpoints
from s2f_utils.networks.info import ModelInfo
from s2f_utils.runtime import pick_precision, tuned
from tools.shipped.packed import Packed, learned_from, read, write_row

EMA = 0.998
SAVE_EVERY_S = 120


def batch(data: Packed, which: Tensor) -> tuple[Tensor, Tensor]:
    """Drawings with what is told (B, 10, S, S), and photos with their parts (B, 5, S, S), half of
    them mirrored.
    """
    device = data.photo.device
    of_drawing = torch.randint(data.drawings.shape[1], (len(which),), device=device)
    drawn = data.drawings[which, of_drawing].float() / 127.5 - 1
    true = torch.cat([data.photo[which], data.parts[which]], dim=1).float() / 127.5 - 1
    mirrored = (torch.rand(len(which), device=device) < 0.5).view(-1, 1, 1, 1)
    along_x = torch.tensor([1.0, -1.0, 1.0], device=device).view(
        1, 3, 1, 1
    )  # of the planes that say how it was bent
    drawn = torch.where(mirrored, drawn.flip(3) * along_x, drawn)
    words = data.words[which].nan_to_num(0.0)[..., None, None].expand(-1, -1, *drawn.shape[2:])
    return torch.cat([drawn, words], dim=1), torch.where(mirrored, true.flip(3), true)


def train(folder: Path, run: Path, minutes: float, init: Path | None) -> None:
    """Train for so long, at a learning rate that falls with the time."""
    run.mkdir(parents=True, exist_ok=True)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    data, precision = read(folder, device), pick_precision(device)
    weight = data.weight.double()
    config = ExpectConfig(batch_size=128 if device.type == "cuda" else 16)
    torch.manual_seed(0)
    method = ExpectMethod(config, precision)
    images_seen = 0
    if (run / "state.pt").is_file():
        state = torch.load(run / "state.pt", map_location=device, weights_only=True)
        method.net_g.load_state_dict(state["net_g"])
        method.opt_g.load_state_dict(state["opt_g"])
        images_seen = state["images_seen"]
    elif init is not None:
        method.load_init(init)
    average = copy.deepcopy(method.net_g).requires_grad_(False)
    torch.manual_seed(images_seen + 1)
    live, began, saved, losses, steps = (
        method.live_values(),
        time.monotonic(),
        time.monotonic(),
        {},
        0,
    )
    while (spent := (time.monotonic() - began) / (60 * minutes)) < 1:
        for group in method.opt_g.param_groups:
            group["lr"] = (
                config.lr_g
                * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * spent)))
                * min(1, (steps + 1) / 100)
            )
        a, b = batch(data, torch.multinomial(weight, config.batch_size, replacement=True))
        ctx = Context(live, precision, images_seen=images_seen, steps=steps)
        for name, value in ctx.values(method.step(Batch(precision.images(a), b), ctx)).items():
            losses.setdefault(name, []).append(value)
        with torch.no_grad():
            for mine, theirs in zip(
                average.state_dict().values(), method.net_g.state_dict().values(), strict=True
            ):
                mine.lerp_(theirs, 1 - min(EMA, (1 + steps) / (10 + steps)))
        steps, images_seen = steps + 1, images_seen + config.batch_size
        if steps % 200 == 0:
            means = {name: f"{torch.stack(values).mean():.4f}" for name, values in losses.items()}
            write_row(
                run / "curve.csv",
                {"images": images_seen, **means, "seconds": round(time.monotonic() - began)},
            )
            losses = {}
        if time.monotonic() - saved > SAVE_EVERY_S:
            save(method, average, images_seen, data, run)
            saved = time.monotonic()
    save(method, average, images_seen, data, run)
    print(f"{run}: {images_seen:,} images of {len(weight)} portraits")


def save(
    method: ExpectMethod, average: torch.nn.Module, images_seen: int, data: Packed, run: Path
) -> None:
    """Write state.pt and generator.safetensors, each whole or not at all."""
    state = {
        "net_g": method.net_g.state_dict(),
        "opt_g": method.opt_g.state_dict(),
        "images_seen": images_seen,
    }
    torch.save(state, run / "state.part")
    os.replace(run / "state.part", run / "state.pt")
    meta = {
        "method": "expect",
        "direction": "sketch-to-photo",
        "size_px": 128,
        "images_seen": images_seen,
    }
    card = ModelInfo(data="open-portraits", terms=learned_from(data.sets), method="expect")
    answer = copy.deepcopy(average).cpu().half()
    answer.__dict__.pop("forward", None)
    checkpoints.save_generator(run / "generator.safetensors", answer, meta, card)


def main() -> None:
    """Train, by the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("run", type=Path)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--init", type=Path, help="a network to begin with")
    args = parser.parse_args()
    with tuned(torch.device("cuda" if torch.cuda.is_available() else "cpu")):
        train(args.data, args.run, args.minutes, args.init)


if __name__ == "__main__":
    main()
