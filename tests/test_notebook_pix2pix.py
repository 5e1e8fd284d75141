"""Notebook 02's networks and training steps are the library's, and so is what it loads."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.functional import softplus

from s2f_series.long_runs import FOLDER, long_runs
from s2f_series.pix2pix import whole_photo_step
from s2f_utils import infer, runtime
from s2f_utils.methods.cgan import CGAN
from s2f_utils.methods.method import Batch, first_losses
from s2f_utils.methods.pix2pix import Pix2Pix
from s2f_utils.networks import checkpoints
from s2f_utils.networks.cgan_net import CGANGenerator, DenseDiscriminator
from tests.cells import define

NAMES = ("Level", "unet", "patchgan", "train_step", "normed", "Block")
NAMES += ("residual_generator", "dense_discriminator")


@pytest.fixture(scope="module")
def cells():
    """What the notebook's cells define under `NAMES`, with the blank filled."""
    defined = {"torch": torch, "nn": nn, "softplus": softplus}
    define(NAMES, "02_pix2pix.ipynb", defined)
    defined["Level"].joined = lambda self, h, from_below: torch.cat([h, from_below], dim=1)
    return defined


def with_weights_of(other, net):
    """`net` with the weights of `other`, whose layers stand in the same order."""
    weights = zip(net.state_dict(), other.state_dict().values(), strict=True)
    net.load_state_dict(dict(weights))
    return net


def adams(nets, lr):
    return [torch.optim.Adam(net.parameters(), lr, betas=(0.5, 0.999)) for net in nets]


@pytest.mark.parametrize("lambda_gan", [1.0, 0.0])
def test_three_of_its_steps_give_the_losses_of_the_library(cells, lambda_gan):
    settings = {"size_px": 64, "load_size_px": 64, "batch_size": 2, "num_downs": 5}
    settings |= {"base_filters": 8, "disc_filters": 8, "disc_layers": 2, "dropout": 0.0}
    settings |= {"lr_g": 8e-4, "lr_d": 8e-4}
    torch.manual_seed(0)
    precision = runtime.pick_precision(torch.device("cpu"), "float32")
    theirs = Pix2Pix(Pix2Pix.Config.create(settings | {"lambda_gan": lambda_gan}), precision)
    nets = cells["unet"](5, 8), cells["patchgan"](8, 2)
    for net, other in zip(nets, (theirs.net_g, theirs.net_d), strict=True):
        with_weights_of(other, net)
    opts = adams(nets, 8e-4)
    a, b = torch.rand(2, 2, 3, 64, 64) * 2 - 1
    ours = [cells["train_step"](nets, opts, a, b, lambda_gan=lambda_gan) for _ in range(3)]
    for mine, row in zip(ours, first_losses(Pix2Pix.step, theirs, Batch(a, b)), strict=True):
        assert mine == pytest.approx({name: row[name] for name in mine}, rel=1e-3)


def test_its_networks_of_project_5_are_the_librarys(cells):
    torch.manual_seed(0)
    theirs = CGANGenerator.build(num_blocks=2, base_filters=8)
    net = with_weights_of(theirs, cells["residual_generator"](8, 2))
    picture = torch.rand(2, 3, 32, 64) * 2 - 1
    assert torch.equal(net(picture), theirs(picture))
    theirs = DenseDiscriminator.build(base_filters=8, size_px=32)
    net = with_weights_of(theirs, cells["dense_discriminator"](8, 32))
    picture = picture[..., :32]
    assert torch.equal(net(picture), theirs(picture))


@pytest.mark.parametrize("source", ["package", "solutions"])
def test_the_solution_of_its_whole_step_gives_the_losses_of_the_library(cells, source):
    step = whole_photo_step
    if source == "solutions":
        known = {"torch": torch, "softplus": softplus}
        step = define(("my_step",), "solutions/02_solutions.ipynb", known)["my_step"]
    settings = {"size_px": 32, "load_size_px": 32, "batch_size": 4, "num_blocks": 1}
    settings |= {"base_filters": 4, "disc_filters": 4}
    torch.manual_seed(0)
    precision = runtime.pick_precision(torch.device("cpu"), "float32")
    theirs = CGAN(CGAN.Config.create(settings), precision)
    nets = cells["residual_generator"](4, 1), cells["dense_discriminator"](4, 32)
    for net, other in zip(nets, (theirs.net_g, theirs.net_d), strict=True):
        with_weights_of(other, net)
    opts = adams(nets, 2e-4)
    a, b = torch.rand(2, 4, 3, 32, 32) * 2 - 1
    ours = [step(nets, opts, a, b) for _ in range(3)]
    for mine, row in zip(ours, first_losses(CGAN.step, theirs, Batch(a, b)), strict=True):
        assert mine == pytest.approx({name: row[name] for name in mine}, rel=1e-3)


@pytest.mark.parametrize(
    ("name", "size_px", "num_seeds"), [("pix2pix", 256, 1), ("pix2pix-128", 128, 3)]
)
def test_its_long_runs_are_pairs_of_one_length(name, size_px, num_seeds):
    runs, settings = long_runs(name)
    assert settings["size_px"] == size_px
    assert sum("D, seed" in label for label in runs) == 2 * num_seeds
    for seed in range(num_seeds):
        one, other = (runs[f"{kind} D, seed {seed}"].changes for kind in ("with", "without"))
        assert one == {"seed": seed, "lambda_gan": 1.0, "images": other["images"]}
        assert other | {"lambda_gan": 1.0} == one and other["lambda_gan"] == 0


def test_the_shipped_networks_made_their_pictures():
    runs, _ = long_runs("pix2pix")
    for kind in ("with", "without"):
        run = runs[f"{kind} D, seed 0"]
        assert run.rows[-1]["images"] == run.changes["images"]
        net = infer.load(FOLDER / f"pix2pix-{kind}-d.safetensors", "cpu")
        made = net.translate_batch(runs["drawing"].faces[0])
        off = np.abs(made.astype(float) - run.faces[0]).mean()
        assert off < 6, f"{kind} D: {off:.1f} grey levels"


def test_the_shipped_discriminator_tells_their_pictures_from_photos():
    runs, settings = long_runs("pix2pix")
    net_d, _ = checkpoints.load_network(FOLDER / "pix2pix-d.safetensors")
    a, b, fake = (
        torch.from_numpy(runs[name].faces[0]).permute(0, 3, 1, 2) / 127.5 - 1
        for name in ("drawing", "photo", "with D, seed 0")
    )
    assert a.shape[-1] == settings["size_px"]
    with torch.no_grad():
        real, generated = (net_d(torch.cat([a, some], dim=1)).mean() for some in (b, fake))
    assert real > generated
