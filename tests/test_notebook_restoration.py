"""Notebook 05: its chain of damage and its training step are the library's; what it leaves to its
readers.
"""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch
from torch import nn

from data_prep.procedural_faces.synthetic import draw_face
from s2f_series import restoration
from s2f_utils import runtime
from s2f_utils.methods.method import Batch, first_losses
from s2f_utils.methods.restore import Restore
from s2f_utils.pictures import degradations, images
from tests.cells import define

NAMES = ("RANGES", "drawn", "damaged", "train_step")


@pytest.fixture(scope="module")
def cells():
    """What the notebook's cells define under `NAMES`, with blank 1 filled."""
    precision = runtime.pick_precision(torch.device("cpu"), "float32")
    defined = {"np": np, "cv2": cv2, "nn": nn, "images": images, "degradations": degradations}
    defined |= {"precision": precision}
    define(NAMES, "05_gfpgan.ipynb", defined)
    defined["with_noise"] = restoration.with_noise
    return defined


@pytest.mark.parametrize("share", [0.25, 0.5, 0.75])
def test_its_damage_is_that_of_the_library(cells, share):
    """All but the noise, whose random numbers are others."""
    photo = draw_face(3, size_px=256).photo
    how = cells["drawn"](share, 256)
    theirs = degradations.draw(
        np.random.default_rng(0),
        256,
        {
            0.25: degradations.STRENGTHS["mild"],
            0.5: degradations.STRENGTHS["medium"],
            0.75: degradations.STRENGTHS["strong"],
        }[share],
    )
    assert how["blur"] == pytest.approx(theirs.sigmas[0]) and theirs.sigmas[0] == theirs.sigmas[1]
    assert how["ratio"] == pytest.approx(theirs.ratio)
    assert how["noise"] == pytest.approx(theirs.noise)
    assert how["quality"] == pytest.approx(theirs.quality)
    made = cells["damaged"](photo, how | {"noise": 0}, np.random.default_rng(0))
    still = degradations.Degradation(theirs.sigmas, 0.0, theirs.ratio, 0.0, theirs.quality)
    steps = degradations.stages(photo, still, np.random.default_rng(0)).values()
    for mine, right in zip(made, steps, strict=True):
        assert mine.shape == right.shape
        assert np.abs(mine.astype(float) - right).mean() < 0.5
    noisy = cells["damaged"](np.full((256, 256, 3), 128, np.uint8), how, np.random.default_rng(0))
    assert noisy[2].std() == pytest.approx(how["noise"], rel=0.05)


def test_three_of_its_steps_give_the_losses_of_the_library(cells):
    settings = {"size_px": 32, "load_size_px": 32, "batch_size": 2, "num_style_feat": 16}
    settings |= {"num_mlp": 1, "narrow": 0.0625, "channel_multiplier": 1.0, "disc_width": 16}
    settings |= {"perceptual": "discriminator", "lambda_l1": 1.0, "max_norm": 0.5}
    off = ("pyramid", "perceptual", "style", "id", "gan")
    settings |= {f"lambda_{name}": 0.0 for name in off}
    b = images.to_tensor(np.stack([draw_face(n, size_px=32).photo for n in range(2)]))

    class Noisy(nn.Module):  # as the library's step calls its network
        def __init__(self, net):
            super().__init__()
            self.net = net

        def forward(self, a):
            return self.net(a, return_rgb=True, randomize_noise=True)[0]

    def start():
        runtime.seed_everything(0)
        return Restore(Restore.Config.create(settings), cells["precision"])

    model = start()
    theirs = [row["loss_l1"] for row in first_losses(Restore.step, model, Batch(b, b))]
    model = start()
    net = Noisy(model.net_g)
    ours = [cells["train_step"](net, model.opt_g, model.degraded(b), b) for _ in range(3)]
    assert ours == pytest.approx(theirs, rel=1e-3)


def test_agreement_is_one_for_equal_waves_and_falls_when_they_are_moved():
    rng = np.random.default_rng(0)
    waves = rng.normal(size=(3, 50)) + 1j * rng.normal(size=(3, 50))
    assert np.allclose(restoration.agreement(waves, 2 * waves), 1)
    assert np.allclose(restoration.agreement(waves, -waves), -1)
    assert np.allclose(restoration.agreement(waves, 1j * waves), 0)


def test_the_strength_weighs_the_change_alone():
    photo, change = np.float32([100, 50]), np.float32([20, -10])
    assert restoration.added(photo, change).tolist() == [120, 40]
    assert restoration.added(photo, change, 0.5).tolist() == [110, 45]
    assert restoration.added(photo, change, 0).tolist() == [100, 50]
