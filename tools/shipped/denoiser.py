"""Train notebook 08's denoiser for an hour: the same network and loss, on the open portraits.

`python -m tools.shipped.denoiser DATA STATE --minutes 60`, DATA as `tools.shipped.people.prepare`
leaves it, STATE any folder outside of the project. Given again, it goes on where it stopped.
STATE gets `state.pt`, `curve.csv`, a sheet, and `denoiser-32.safetensors`.
"""

from __future__ import annotations

import argparse
import copy
import time
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from safetensors.torch import save_file
from torch import Tensor

from s2f_utils.notebook import diffusion
from s2f_utils.pictures import sketches
from tools.shipped.people import running

SIZE_PX, BATCH = 32, 64
LR, BETAS, DECAY = 1e-3, (0.9, 0.99), 0.9995
FALLING = 0.4  # share of the time, at its end, in which the learning rate falls
SAVE_S = 120.0
SHEET_STEPS, SHEET_FACES = 50, 8


def read(folder: Path) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Photos uint8 (N, 3, 32, 32) and ink float32 (N, 1, 32, 32), of training people and of
    others; mirrored too.
    """
    people = running.read_people(folder)
    is_training = people["split"] == "train"
    photos, ink = [], []
    for aligned in people["aligned"]:
        sketch = sketches.make_sketch(aligned, "pencil")
        photos.append(small(aligned))
        ink.append(1 - small(np.repeat(sketch[..., None], 3, axis=2))[..., :1] / np.float32(255))
    photos = torch.from_numpy(np.stack(photos)).permute(0, 3, 1, 2)
    ink = torch.from_numpy(np.stack(ink)).permute(0, 3, 1, 2)
    sides = []
    for chosen in (is_training, ~is_training):
        some = torch.from_numpy(chosen)
        sides += [torch.cat([side[some], side[some].flip(3)]) for side in (photos, ink)]
    return tuple(sides)


def small(picture: np.ndarray) -> np.ndarray:
    """A picture, uint8 (H, W, 3), at 32 px."""
    return np.asarray(Image.fromarray(picture).resize((SIZE_PX, SIZE_PX), Image.Resampling.BICUBIC))


def as_floats(photos: Tensor) -> Tensor:
    """uint8 → float32 in [-1, 1]."""
    return photos.float() / 127.5 - 1


@torch.no_grad()
def sample(net: diffusion.Denoiser, ink: Tensor) -> Tensor:
    """A face for each sketch, (N, 3, 32, 32): DDIM (Song et al. 2021)."""
    share = net.share
    x = torch.randn(len(ink), 3, SIZE_PX, SIZE_PX, generator=torch.Generator().manual_seed(0))
    levels = torch.linspace(len(share) - 1, 0, SHEET_STEPS).round().long().tolist()
    for t, next_t in zip(levels, [*levels[1:], None], strict=True):
        noise = net(x, torch.full((len(x),), t), ink)
        photo = diffusion.photo_of(x, noise, share[t]).clamp(-1, 1)
        if next_t is None:
            return photo
        noise = (x - share[t].sqrt() * photo) / (1 - share[t]).sqrt()
        x = diffusion.mix(photo, noise, share[next_t])
    raise AssertionError("the last level has no next one")


def train(data: Path, state: Path, minutes: float) -> None:
    """Train for `minutes` in all, those of earlier calls counted."""
    state.mkdir(parents=True, exist_ok=True)
    photos, ink, other_photos, other_ink = read(data)
    net = diffusion.Denoiser().to(memory_format=torch.channels_last)
    average = copy.deepcopy(net).eval()
    optimizer = torch.optim.Adam(net.parameters(), LR, betas=BETAS, fused=True)
    parts = {"net": net, "average": average, "optimizer": optimizer}
    images, seconds = 0, 0.0
    if (state / "state.pt").exists():
        saved = torch.load(state / "state.pt", weights_only=True)
        for name, part in parts.items():
            part.load_state_dict(saved[name])
        images, seconds = saved["images"], saved["seconds"]
    torch.manual_seed(images)
    began, saved_at, losses = time.monotonic() - seconds, seconds, []
    while seconds < 60 * minutes:
        left = 1 - seconds / (60 * minutes)
        optimizer.param_groups[0]["lr"] = LR * min(1.0, left / FALLING)
        chosen = torch.randint(len(photos), (BATCH,))
        loss = diffusion.loss(net, as_floats(photos[chosen]), ink[chosen], net.share)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        images += BATCH
        running.follow(average, net, images // BATCH, DECAY)
        losses.append(loss.item())
        seconds = time.monotonic() - began
        if seconds - saved_at > SAVE_S or seconds >= 60 * minutes:
            saved_at = seconds
            save(state, parts, images, seconds)
            with torch.no_grad():
                held = diffusion.loss(average, as_floats(other_photos), other_ink, net.share)
            row = {"images": images, "seconds": seconds, "loss": float(np.mean(losses))}
            running.note(state / "curve.csv", row | {"held_out": held.item()})
            losses.clear()
            some = other_ink[:SHEET_FACES]
            hidden = torch.full_like(some, diffusion.NO_SKETCH)
            rows = [sample(average, some), sample(average, hidden)]
            running.save_sheet(state / "sheet.png", [(1 - 2 * some).expand(-1, 3, -1, -1), *rows])


def save(state: Path, parts: dict, images: int, seconds: float) -> None:
    """Write the state, and the averaged network as it is shipped."""
    saved = {name: part.state_dict() for name, part in parts.items()}
    running.save_state(state / "state.pt", saved | {"images": images, "seconds": seconds})
    weights = {name: as_shipped(name, value) for name, value in saved["average"].items()}
    about = {"terms": "MIT", "size_px": SIZE_PX, "images_seen": images, "trained": "open portraits"}
    save_file(weights, state / diffusion.TRAINED, {key: str(one) for key, one in about.items()})


def as_shipped(name: str, value: Tensor) -> Tensor:
    """In 16 bits, but for the shares: rounded, the smallest would be off by a thousandth."""
    return (value if name == "share" else value.half()).contiguous()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("state", type=Path)
    parser.add_argument("--minutes", type=float, default=60.0, help="in all (default: 60)")
    args = parser.parse_args()
    train(args.data, args.state, args.minutes)
