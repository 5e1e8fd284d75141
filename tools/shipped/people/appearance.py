"""Appearance space: principal components of photos in the mean shape's frame (Cootes et al. 2001).

`python -m tools.shipped.people.appearance DATA FILE`, DATA as `prepare` and `hats` leave it. A face
is its mean plus components times a code, whose values have mean 0 and variance 1 over training
people and their mirror images, a tenth of them in painted hats.
Shapes: N people, K components, P = 3 · 64 · 64 values of a picture.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from s2f_studio.drawings import mesh
from s2f_studio.faces.networks import person
from s2f_studio.faces.regions import inside_face
from tools.shipped.people import running

SIDE_PX, NUM_COMPONENTS = 64, 160
LEAST_INSIDE = 0.92  # of a portrait's frame, for a person to be learned from
POWERS = {"mouth": 0.7, "presents": 0.8, "age": 0.4, "skin": 0.6}
HAIR_PX = 45  # hair lies within half of this around the face
HATS = 0.1  # the share of people in painted hats
STEPS = 127  # of a component's values in the file


class Appearance(person.Appearance):
    """The components, as a file: what each tensor is, `person.Appearance` says."""

    def __init__(self, mean: Tensor, weight: Tensor, components: Tensor, deviation: Tensor) -> None:
        super().__init__(len(deviation))
        self.mean, self.weight = mean, weight
        self.components, self.deviation = components, deviation

    def save(self, path: Path) -> None:
        """Write all as one file, a byte for each value of a component."""
        scale = self.components.abs().amax(dim=1) / STEPS
        steps = (self.components.T / scale).round().to(torch.int8)
        np.savez_compressed(
            path,
            mean=self.mean.half().numpy(),
            weight=self.weight.half().numpy(),
            steps=steps.numpy(),
            scale=scale.numpy(),
            deviation=self.deviation.numpy(),
        )

    @classmethod
    def load(cls, path: Path) -> Appearance:
        """Read what `save` wrote."""
        with np.load(path) as file:
            names = ("mean", "weight", "steps", "scale", "deviation")  # others may lie beside them
            kept = {name: torch.from_numpy(file[name].astype(np.float32)) for name in names}
        components = (kept["steps"] * kept["scale"]).T.contiguous()
        return cls(kept["mean"], kept["weight"], components, kept["deviation"])


def small(pictures: Tensor) -> Tensor:
    """Pictures (N, 3, 128, 128) → (N, P)."""
    return F.avg_pool2d(pictures, 2).flatten(1)


def region_weights() -> Tensor:
    """How much each value counts: hair 1.7, the face 3.4, eyes and mouth 4.6 times."""
    size_px = 2 * SIDE_PX
    face = torch.from_numpy(np.asarray(inside_face(), np.float32)).clamp(0, 1)
    points = mesh.mean_shape(size_px)
    down, right = torch.meshgrid(torch.arange(size_px), torch.arange(size_px), indexing="ij")
    parts = torch.zeros(size_px, size_px)
    for x, y in mesh.five_of(points)[[0, 1, 3, 4]]:
        far = ((right - x) / 13) ** 2 + ((down - y) / 8) ** 2
        parts = torch.maximum(parts, torch.exp(-0.5 * far).float())
    hair = (hair_zone(face) - face).clamp_min(0)
    weight = F.avg_pool2d((0.4 + 0.95 * face + 0.5 * parts + 0.3 * hair)[None, None], 2)[0, 0]
    for edge in (weight[:, :4], weight[:, -4:], weight[:4], weight[-4:]):
        edge *= 0.5
    return weight.flatten().repeat(3)


def hair_zone(face: Tensor) -> Tensor:
    """The face and what lies around it down to the mouth, where hair is: (128, 128), 0 to 1."""
    wide = F.max_pool2d(face[None, None], HAIR_PX, 1, HAIR_PX // 2)[0, 0]
    mouth = float(mesh.five_of(mesh.mean_shape(2 * SIDE_PX))[3:, 1].mean())
    down = torch.arange(len(face))[:, None]
    above = ((mouth + 8 - down) / 16).clamp(0, 1)
    return F.avg_pool2d((wide * above)[None, None], 9, 1, 4)[0, 0]


def is_whole(people: dict[str, np.ndarray]) -> np.ndarray:
    """Whether (nearly) all of each person's frame was inside the portrait: bool (N,)."""
    return (people["inside"] >= 128).mean(axis=(1, 2)) >= LEAST_INSIDE


def fit(photos: Tensor, balance: Tensor, hats: Tensor, num: int = NUM_COMPONENTS) -> Appearance:
    """Components of photos (N, 3, 128, 128) and mirror images, weighted by `balance` (N,).

    hats: (M, 3, 128, 128), people in painted hats, `HATS` of the weight together.
    """
    share = (1 - HATS) * balance / balance.sum()
    share = torch.cat([share, torch.full((len(hats),), HATS / len(hats), dtype=share.dtype)])
    everybody = torch.cat([photos, hats])
    flat = torch.cat([small(everybody), small(everybody.flip(3))])
    share = 0.5 * torch.cat([share, share]).float()
    mean, weight = share @ flat, region_weights()
    scaled = (flat - mean) * weight * share.sqrt()[:, None]
    _, singular, components = torch.svd_lowrank(scaled, q=num + 20, niter=4)
    kept = singular.square().cumsum(0) / scaled.square().sum()
    for number in (16, 32, 64, 96, 128, 160):
        print(f"{number} components keep {kept[number - 1]:.3f} of the weighted variance")
    return Appearance(mean, weight, components[:, :num].T.contiguous(), singular[:num])


def main() -> None:
    """Fit the components to training people."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("file", type=Path)
    args = parser.parse_args()
    torch.manual_seed(0)
    people = running.read_people(args.data)
    chosen = is_whole(people) & (people["split"] == "train")
    photos = running.pixels(people["photo"][chosen])
    with np.load(args.data / "hats.npz") as file:
        hats = running.pixels(file["photo"])
    appearance = fit(photos, running.balanced(people["labels"][chosen], POWERS), hats)
    appearance.save(args.file)
    print(f"{chosen.sum()} people, {len(hats)} hats, {args.file.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
