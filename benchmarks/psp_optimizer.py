"""Adam against Ranger, pSp's published optimiser, for the small encoder: test losses after as many faces.

`python benchmarks/psp_optimizer.py --data DATA/faces [--images 16000]`, DATA as in tools/train_weights.py. Ranger is
RAdam (L. Liu et al. 2020, torch's), with gradients centralised (Yong et al. 2020) and Lookahead (M. Zhang et al. 2019),
as in L. Wright's published code; each at two learning rates, with the published momentum. Results:
results/psp_optimizer.json.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import Any

import common
import numpy as np
import torch

from s2f_utils.data import Row, read_manifest
from s2f_utils.pictures import images
from s2f_utils.training import config
from s2f_utils.training.init import settings_of
from s2f_utils.training.loop import train
from s2f_utils.training.losses import judged_distance
from s2f_utils.training.run import open_run

RATES = (1e-4, 1e-3)
NUM_TEST = 256
SETTINGS = {"encoder": "small", "perceptual": "discriminator", "batch_size": 16, "beta1": 0.95, "beta2": 0.999}
SETTINGS |= {"ema_half_life_images": 2_000.0}


class Ranger(torch.optim.RAdam):
    """RAdam with centralised gradients; every sixth step the weights go half-way back to slow ones."""

    EVERY, SHARE = 6, 0.5

    def __init__(self, params: Any, **options: Any) -> None:
        super().__init__(params, **options)
        self.slow = [p.detach().clone() for p in self._params()]
        self.steps = 0

    def _params(self) -> list[torch.nn.Parameter]:
        return [p for group in self.param_groups for p in group["params"]]

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:
        for p in self._params():
            if p.grad is not None and p.ndim > 1:
                p.grad.sub_(p.grad.mean(tuple(range(1, p.ndim)), keepdim=True))
        super().step(closure)
        self.steps += 1
        if self.steps % self.EVERY == 0:
            for p, slow in zip(self._params(), self.slow, strict=True):
                slow.lerp_(p, self.SHARE)
                p.copy_(slow)


def test_losses(run: Any, rows: list[Row]) -> dict[str, float]:
    """Of the averaged encoder, on faces that it has not seen."""
    size = run.config.size_px
    a, b = (
        np.stack([images.resize(images.load_rgb(getattr(r, side)), size) for r in rows]) for side in ("sketch", "photo")
    )
    net, judge = next(iter(run.ema.values())).net, run.model.nets["judge"]
    with torch.no_grad():
        x, y = (run.model.precision.images(images.to_tensor(p).to(run.model.precision.device)) for p in (a, b))
        made = net(x).float()
        apart = judged_distance(judge.features(made), judge.features(y))
    return {"l2": round((made - y).square().mean().item(), 4), "judged": round(apart.item(), 4)}


def main() -> None:
    """Measure and write results/psp_optimizer.json."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--images", type=int, default=16_000)
    args = parser.parse_args()
    manifest = read_manifest(args.data)
    rows = manifest.split("test")[:NUM_TEST]
    results: dict[str, Any] = {"images": args.images}
    for rate in RATES:
        for name, kind in (("Adam", torch.optim.Adam), ("Ranger", Ranger)):
            changes = SETTINGS | {"total_images": args.images, "lr_g": rate, "load_size_px": 64}
            begun = settings_of("faces-64", "psp")
            resolved = config.resolve("psp", "full", changes, begun_with=begun)
            with tempfile.TemporaryDirectory() as folder:
                run = open_run(resolved, manifest, Path(folder), name="try", init="faces-64", resume="never")
                method = run.model
                betas = (run.config.beta1, run.config.beta2)
                method.opt_g = kind(method.net_g.encoder.parameters(), lr=rate, betas=betas)
                method.optimizers["lr_g"] = method.opt_g
                train(run)
                results[f"{name}, {rate:g}"] = test_losses(run, rows)
    common.write("psp_optimizer", results)


if __name__ == "__main__":
    main()
