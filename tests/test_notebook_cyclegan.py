"""Notebook 03: the step that is written in it."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import nbformat
import pytest
import torch

from s2f_utils import runtime
from s2f_utils.methods.cyclegan import CycleGAN
from s2f_utils.methods.method import Batch, first_losses

PATH = Path(__file__).resolve().parents[1] / "notebooks" / "03_cyclegan.ipynb"
SMALL = {"size_px": 32, "load_size_px": 32, "base_filters": 4, "num_blocks": 1}
SMALL |= {"disc_filters": 8, "disc_layers": 1, "pool_size": 3, "lr_g": 1e-3, "lr_d": 1e-3}


def cells(*names: str) -> dict:
    """What these cells of the notebook define; the library's versions fill their blanks."""
    found = {cell.id: cell.source for cell in nbformat.read(PATH, as_version=4).cells}
    defined = {"torch": torch}
    for name in names:
        exec(found[name], defined)
    return defined


@pytest.mark.parametrize("share", [0.0, 0.5])
def test_its_step_has_the_losses_of_the_library_s_own(share, capsys):
    """For as many steps that pools of three are full and give earlier fakes back."""
    defined = cells("losses", "losses-checked", "pool", "step")
    torch.manual_seed(3)  # others end on gradients near 0, whose sign rounding decides
    batch, rows = Batch(*(torch.rand(2, 2, 3, 32, 32) * 2 - 1)), []
    pools = defined["Pool"](3), defined["Pool"](3)
    for step in (partial(defined["step"], pools=pools), CycleGAN.step):
        torch.manual_seed(0)
        precision = runtime.pick_precision(torch.device("cpu"), "float32", "contiguous")
        model = CycleGAN(CycleGAN.Config(**SMALL, lambda_identity=share), precision)
        single = Batch(batch.a[:1], batch.b[:1])
        rows.append(first_losses(step, model, single, num=8))
    for mine, library in zip(*rows, strict=True):
        assert mine.keys() == library.keys()
        for name, value in mine.items():
            assert value == pytest.approx(library[name], rel=1e-3, abs=1e-5), name
