"""The parts of R1 and ADA in notebook 04b are the library's."""

from __future__ import annotations

import pytest
import torch

from s2f_series import memory
from s2f_utils.methods.ada import AdaptiveP
from s2f_utils.methods.logistic import r1_penalty


def test_the_squared_slope_is_that_of_r1():
    torch.manual_seed(0)
    net = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 4), torch.nn.Flatten(), torch.nn.LazyLinear(1))
    photos = torch.randn(4, 3, 8, 8, requires_grad=True)
    (slope,) = torch.autograd.grad(net(photos).sum(), photos)
    assert torch.allclose(memory.squared_slope(slope), r1_penalty(net, photos))


@pytest.mark.parametrize("p", [0.0, 0.5, 0.999])
@pytest.mark.parametrize("logit", [1.0, -1.0])
def test_p_moves_as_the_library_s_does(p, logit):
    ada = AdaptiveP(5_000)
    ada.p = p
    for _ in range(4):
        ada.look(torch.full((16,), logit), 0.6)
    assert memory.next_p(p, logit, 64, 5_000) == pytest.approx(ada.p)
