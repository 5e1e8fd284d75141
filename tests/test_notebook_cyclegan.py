"""Notebook 03: the step that is written in it, and the networks that its step left after long."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import nbformat
import numpy as np
import pytest
import torch

from data_prep.procedural_faces.synthetic import draw_face
from s2f_series import long_runs
from s2f_utils import networks, runtime
from s2f_utils.methods.cyclegan import CycleGAN
from s2f_utils.methods.method import Batch, first_losses
from s2f_utils.networks import checkpoints
from s2f_utils.pictures import images
from s2f_utils.pictures.masks import CLASSES

PATH = Path(__file__).resolve().parents[1] / "notebooks" / "03_cyclegan.ipynb"
SMALL = {"size_px": 32, "load_size_px": 32, "base_filters": 4, "num_blocks": 1}
SMALL |= {"disc_filters": 8, "disc_layers": 1, "pool_size": 3, "lr_g": 1e-3, "lr_d": 1e-3}


def cells(*names: str) -> dict:
    """What these cells of the notebook define; the library's versions fill their blanks."""
    found = {cell.id: cell.source for cell in nbformat.read(PATH, as_version=4).cells}
    defined = {"torch": torch, "np": np}
    for name in names:
        exec(found[name], defined)
    return defined


def test_its_step_has_the_losses_of_the_library_s_own(capsys):
    """For as many steps that pools of three are full and give earlier fakes back."""
    defined = cells("a-12", "a-12b", "a-14", "a-16")
    torch.manual_seed(3)  # others end on gradients near 0, whose sign rounding decides
    batch, rows = Batch(*(torch.rand(2, 2, 3, 32, 32) * 2 - 1)), []
    pools = defined["Pool"](3), defined["Pool"](3)
    for step in (partial(defined["step"], pools=pools), CycleGAN.step):
        torch.manual_seed(0)
        precision = runtime.pick_precision(torch.device("cpu"), "float32", "contiguous")
        model = CycleGAN(CycleGAN.Config(**SMALL), precision)
        single = Batch(batch.a[:1], batch.b[:1])
        rows.append(first_losses(step, model, single, num=8))
    for mine, library in zip(*rows, strict=True):
        for name, value in mine.items():
            both = sum(library[f"{name}_{domain}"] for domain in ("sketch", "photo"))
            assert value == pytest.approx(both, rel=1e-3, abs=1e-5), name


@pytest.mark.parametrize(
    ("name", "given", "lighter"),
    [("dark-to-blond", "dark brown", 1), ("blond-to-dark", "blond", -1)],
)
def test_the_long_runs_change_hair_and_little_else(name, given, lighter):
    net, _ = checkpoints.load_network(long_runs.FOLDER / f"{name}.safetensors")
    face = draw_face(900_004, size_px=64, hair_colour=given)
    with torch.no_grad():
        made = images.to_uint8(net(images.to_tensor(face.photo[None])))[0]
    change = made.astype(float) - face.photo
    in_hair, on_the_wall = (face.mask == CLASSES.index(part) for part in ("hair", "background"))
    assert lighter * change[in_hair].mean() > 40
    assert np.abs(change[on_the_wall]).mean() < 10
    assert networks.count_parameters(net) < 2e6
