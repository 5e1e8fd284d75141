"""Notebook 02's networks and training step are the library's, and so is what it loads."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from s2f_series.long_runs import FOLDER, long_runs
from s2f_utils import infer, runtime
from s2f_utils.methods.method import Batch, first_losses
from s2f_utils.methods.pix2pix import Pix2Pix
from tests.cells import define

NAMES = ("Level", "unet", "patchgan", "adversarial", "train_step")


@pytest.fixture(scope="module")
def cells():
    """What the notebook's cells define under `NAMES`, with the blank filled."""
    defined = {"torch": torch, "nn": nn}
    define(NAMES, "02_pix2pix.ipynb", defined)
    defined["Level"].joined = lambda self, h, from_below: torch.cat([h, from_below], dim=1)
    return defined


@pytest.mark.parametrize("lambda_gan", [1.0, 0.0])
def test_three_of_its_steps_give_the_losses_of_the_library(cells, lambda_gan):
    settings = {"size_px": 64, "load_size_px": 64, "batch_size": 2, "num_downs": 5}
    settings |= {"base_filters": 8, "disc_filters": 8, "disc_layers": 2, "dropout": 0.0}
    settings |= {"gan_loss": "lsgan", "lr_g": 8e-4, "lr_d": 8e-4, "lambda_l1": 20.0}
    torch.manual_seed(0)
    precision = runtime.pick_precision(torch.device("cpu"), "float32")
    theirs = Pix2Pix(Pix2Pix.Config.create(settings | {"lambda_gan": lambda_gan}), precision)
    nets = cells["unet"](5, 8), cells["patchgan"](8, 2)
    for net, other in zip(nets, (theirs.net_g, theirs.net_d), strict=True):
        weights = zip(net.state_dict(), other.state_dict().values(), strict=True)
        net.load_state_dict(dict(weights))
    opts = [torch.optim.Adam(net.parameters(), 8e-4, betas=(0.5, 0.999)) for net in nets]
    a, b = torch.rand(2, 2, 3, 64, 64) * 2 - 1
    ours = [cells["train_step"](nets, opts, a, b, lambda_gan=lambda_gan) for _ in range(3)]
    for mine, row in zip(ours, first_losses(Pix2Pix.step, theirs, Batch(a, b)), strict=True):
        assert mine == pytest.approx({name: row[name] for name in mine}, rel=1e-3)


def test_its_long_runs_are_three_pairs_and_the_shipped_networks_made_their_pictures():
    runs, settings = long_runs("pix2pix")
    assert settings["size_px"] == 128
    for seed in range(3):
        one, other = (runs[f"{kind} D, seed {seed}"].changes for kind in ("with", "without"))
        assert one == {"seed": seed, "lambda_gan": 1.0, "images": other["images"]}
        assert other | {"lambda_gan": 1.0} == one and other["lambda_gan"] == 0
    for kind in ("with", "without"):
        run = runs[f"{kind} D, seed 0"]
        assert run.rows[-1]["images"] == run.changes["images"]
        net = infer.load(FOLDER / f"pix2pix-{kind}-d.safetensors", "cpu")
        made = net.translate_batch(runs["label map"].faces[0])
        off = np.abs(made.astype(float) - run.faces[0]).mean()
        assert off < 6, f"{kind} D: {off:.1f} grey levels"
