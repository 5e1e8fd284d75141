"""Notebook 05: its chain of damage and its training step are the library's; what it leaves to its
readers.
"""

from __future__ import annotations

import json
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

import data_prep
from data_prep.procedural_faces.synthetic import draw_face
from s2f_series import restoration
from s2f_utils import runtime
from s2f_utils.infer import restorers
from s2f_utils.methods.method import Batch, first_losses
from s2f_utils.methods.restore import Restore
from s2f_utils.notebook import check
from s2f_utils.pictures import degradations, images, viz
from tests import test_download, test_restorers
from tests.cells import NOTEBOOKS, define

NAMES = ("RANGES", "drawn", "damaged", "train_step")
server, published = test_download.server, test_restorers.published
served, offered = test_restorers.served, test_restorers.offered


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


def run_chain() -> tuple[dict, list]:
    """Run the notebook's two cells on pix2pix and restorers, with three people:
    what they define, and what they show.
    """
    shown = []
    few = SimpleNamespace(people=lambda num, **options: data_prep.people(3, **options))
    defined = {"np": np, "data_prep": few, "images": images, "viz": viz, "check": check}
    defined |= {"restorers": restorers, "restorer": restorers.load("restorer-256", "cpu")}
    defined |= {"device": "cpu", "profile": "demo", "PUBLISHED": "fetch", "display": shown.append}
    cells = json.loads((NOTEBOOKS / "05_gfpgan.ipynb").read_text(encoding="utf-8"))["cells"]
    sources = {cell["id"]: "".join(cell["source"]) for cell in cells}
    for name in ("gf-chain", "gf-table"):
        exec(sources[name], defined)
    return defined, shown


def test_gfpgan_is_fetched_and_restores_what_pix2pix_made(offered, capsys):
    """The published file is replaced by a small one with random weights, and its address by that of
    a server here; the download, its checksum, and the network are the real ones.
    """
    folder = offered("good")
    defined, (scores,) = run_chain()
    printed = capsys.readouterr()
    assert test_download.Server.seen == ["/good/GFPGANv1.4.pth"]
    assert [path.name for path in folder.iterdir()] == ["GFPGANv1.4.pth"]
    assert "non-commercial use only" in printed.err and "missing" not in printed.out
    chain, truth = defined["chain"], defined["truth"]
    assert list(chain) == ["the drawing", "pix2pix", "→ GFPGAN", "→ restorer-256"]
    assert {made.shape for made in chain.values()} == {truth.shape}
    larger = [images.resize(one, test_restorers.SIZE_PX) for one in chain["pix2pix"]]
    right = [images.resize(defined["gfpgan"].restore(one), 256) for one in larger]
    assert np.array_equal(chain["→ GFPGAN"], np.stack(right))
    assert not np.array_equal(chain["→ GFPGAN"], chain["→ restorer-256"])
    assert not any("not here" in row for row in scores.rows)


@pytest.mark.parametrize("kind", ["missing", "page"])
def test_where_gfpgan_cannot_be_had_its_row_says_so(offered, capsys, kind):
    """A server without the file, or with another one under its name."""
    folder = offered(kind)
    defined, (scores,) = run_chain()
    said = "GFPGAN is missing in this run: GFPGANv1.4.pth could not be downloaded"
    assert said in capsys.readouterr().out
    assert "→ GFPGAN" not in defined["chain"] and scores.rows[2][1:] == ["not here"] * 5
    assert not list(folder.glob("GFPGAN*.pth"))


def test_radii_of_dead_leaves_have_a_density_that_falls_with_their_cube():
    radii = []

    def circle(picture, centre, radius, *args, **options):
        radii.append(radius / 2 ** options["shift"])

    stub = SimpleNamespace(circle=circle, LINE_AA=cv2.LINE_AA)
    dead_leaves = define(["dead_leaves"], "05_gfpgan.ipynb", {"np": np, "cv2": stub})["dead_leaves"]
    colours = np.zeros((5, 3), np.uint8)
    assert dead_leaves(np.random.default_rng(0), colours, num=50_000).shape == (256, 256, 3)
    assert min(radii) >= 1.9 and max(radii) <= 80
    for r in (3, 6, 12):  # the integral of r⁻³ from here to 80, over that from 2
        share = (r**-2 - 80**-2) / (2**-2 - 80**-2)
        assert np.mean(np.array(radii) > r) == pytest.approx(share, rel=0.1)


def test_the_search_finds_what_fits_the_small_picture_and_others_that_do_as_well():
    """On a linear generator whose small pictures leave half of the code open."""
    torch.manual_seed(0)
    to_pixels = torch.randn(128, 3 * 4 * 4) / 16
    defined = {"torch": torch, "F": F, "device": "cpu"}
    defined |= {"g": SimpleNamespace(mean_w=torch.zeros(512))}
    defined |= {"axes_w": torch.eye(256, 512), "deviations": torch.ones(256)}

    def painted(w):
        pixels = (w[:, :128] @ to_pixels).view(-1, 3, 4, 4)
        return pixels.repeat_interleave(64, 2).repeat_interleave(64, 3)

    define(["code_of", "small", "misfit", "search"], "05_gfpgan.ipynb", defined)
    defined["painted"] = painted
    person = F.pad(torch.randn(1, 128), (0, 384))
    given = defined["small"](painted(person), 4)
    found = [defined["search"](given, seed, 150) for seed in range(2)]
    for start, fit in found:
        assert defined["misfit"](start, given) > 20 and defined["misfit"](fit, given) < 2
        assert (fit - person).norm() > 0.5 * person.norm()
    assert (found[0][1] - found[1][1]).norm() > 0.5 * person.norm()
