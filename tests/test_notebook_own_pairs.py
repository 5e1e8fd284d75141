"""What notebook 09 takes from the library: the curves of a run, and its blanks."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from s2f_series import own_pairs
from s2f_utils.metrics import baselines

LOG = (
    {"event": "sample", "images": 0, "l1": 90.0, "ssim": 0.1},
    {"images": 5, "loss_l1": 0.6},
    {"images": 10, "loss_l1": 0.4},
    {"event": "sample", "images": 10, "l1": 40.0, "ssim": 0.4},
    {"images": 20, "loss_l1": 0.2},
    {"event": "sample", "images": 20, "l1": 41.0, "ssim": 0.5},
)


def test_the_curves_of_a_run_begin_at_the_second_sheet(tmp_path):
    text = "\n".join(json.dumps(entry) for entry in LOG)
    (tmp_path / "log.jsonl").write_text(text, encoding="utf-8")
    curve = own_pairs.history(tmp_path)
    assert curve.images.tolist() == [10, 20]
    assert curve.l1.tolist() == [40, 41] and curve.ssim.tolist() == [0.4, 0.5]
    assert curve.train_l1 == pytest.approx([127.5 * 0.5, 127.5 * 0.2])
    assert own_pairs.best_place(curve.l1) == 0


def test_the_generators_losses_are_those_of_least_squares():
    photos = torch.zeros(1, 3, 2, 2), torch.full((1, 3, 2, 2), 0.5)
    loss_gan, loss_l1 = own_pairs.losses_of_g(torch.tensor([0.5, -1.0]), *photos)
    assert (loss_gan.item(), loss_l1.item()) == (2.125, 0.5)


def test_shares_of_ridge_regression_shrink_with_the_penalty():
    rows = np.array([[1.0, 0.0], [0.0, 2.0]])
    assert baselines.ridge_shares(rows[:1], rows, 1.0) == pytest.approx(np.array([[0.5, 0.0]]))
    assert baselines.ridge_shares(rows[1:], rows, 0.0) == pytest.approx(np.array([[0.0, 1.0]]))
