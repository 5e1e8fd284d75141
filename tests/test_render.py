"""A believable photo of the face that is to be expected: the network, its judge, its training, its
answers.
"""

from __future__ import annotations

import numpy as np
import pytest
import skimage.color
import torch

from s2f_studio.attributes import TEXTURED, TOLD
from s2f_studio.drawings import mesh
from s2f_studio.drawings import prepare as drawings
from s2f_studio.drawings.landmarks import find_landmarks
from s2f_studio.faces.average_face import missing_accessories
from s2f_studio.render import pixels
from s2f_studio.request import DrawingRequest
from s2f_utils import networks
from s2f_utils.data import read_manifest
from s2f_utils.networks import checkpoints
from s2f_utils.train.config import resolve
from s2f_utils.train.loop import train
from s2f_utils.train.run import open_run
from tests.test_expect import drawn, people  # noqa: F401  (fixtures)
from tests.test_training import StopAt

SMALL = {"widths": (8, 12, 16), "hidden": 8, "fine": 4}


def small() -> torch.nn.Module:
    """A small network whose codes look at the colours of two places."""
    torch.manual_seed(0)
    net = networks.build("render", **SMALL)
    with torch.no_grad():
        net.components.copy_(torch.randn_like(net.components) / 30)
        for noise in (m for m in net.modules() if type(m).__name__ == "Noise"):
            noise.weight.fill_(0.05)
    return net


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """What says which face is expected, of either half of the people, and a network that renders,
    as files.
    """
    made = tmp_path_factory.mktemp("models")
    for fold in range(2):
        torch.manual_seed(fold)
        net = networks.build("expect", widths=(8, 16, 16, 24), hidden=8, told=7)
        net.tone_spread += 0.04 * torch.eye(6)
        meta = {"direction": "sketch-to-photo", "size_px": 128}
        checkpoints.save_generator(made / f"expect-{fold}.safetensors", net, meta)
    meta = {"direction": "sketch-to-photo", "size_px": 256}
    checkpoints.save_generator(made / "render.safetensors", small(), meta)
    return made


# The network


def test_every_weight_learns_and_all_that_is_given_matters():
    net = small()
    expected, style = torch.rand(2, 5, 128, 128) * 2 - 1, torch.randn(2, 22)
    out = net(expected, style)
    assert out.shape == (2, 4, 256, 256)
    out.square().mean().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in net.parameters())
    net.eval()
    with torch.no_grad():
        first = net(expected, style)
        assert torch.equal(first, net(expected, style))
        assert not torch.equal(net(expected, style, 1), first)
    with pytest.raises(
        ValueError, match=r"expected must be \(N, 5, 128, 128\), got \(2, 5, 64, 64\)"
    ):
        net(expected[:, :, :64, :64], style)


# Training


def test_it_learns_a_face_and_goes_on_to_the_last_bit(drawn, folder, tmp_path):  # noqa: F811
    manifest = read_manifest(drawn)
    experts = ",".join(str(folder / f"expect-{fold}.safetensors") for fold in range(2))
    changes = {
        "widths": "8,12,16",
        "judge_widths": "8,12,16",
        "expected_by": experts,
        "batch_size": 4,
        "total_images": 16,
        "precision": "float32",
        "num_samples": 2,
        "lr_g": 3e-3,
        "lambda_gan": 0.1,
        "other_light": 0.0,
    }
    resolved = resolve("render", "fast", changes)
    init = tmp_path / "init.safetensors"
    first_net = networks.build("render", widths=(8, 12, 16))
    first_net.components.copy_(torch.randn_like(first_net.components) / 30)
    checkpoints.save_generator(init, first_net, {"direction": "sketch-to-photo", "size_px": 256})

    def opened(name, resume="never"):
        return open_run(
            resolved,
            manifest,
            tmp_path / name,
            device="cpu",
            resume=resume,
            progress=False,
            init=init,
        )

    whole = opened("whole")
    before = {key: value.clone() for key, value in whole.model.net_g.state_dict().items()}
    assert torch.equal(before["components"], first_net.components)
    assert train(whole, progress=False) == "done"
    train(opened("parts"), callbacks=[StopAt(8)], progress=False)
    first = opened("parts", "auto")
    assert first.images_seen == 8 and train(first, progress=False) == "done"
    for name in ("net_g", "net_d"):
        both = (run.model.nets[name].state_dict() for run in (whole, first))
        for (key, mine), other in zip(next(both).items(), next(both).values(), strict=True):
            assert torch.equal(mine, other), key
    after = whole.model.net_g.state_dict()
    assert torch.equal(
        after["components"], before["components"]
    )  # no training changes what a code means
    assert not torch.equal(after["out.0.weight"], before["out.0.weight"])


# Answers


def test_colours_in_cielab_are_scikit_images_and_come_back():
    rgb = np.random.default_rng(0).random((8, 8, 3)).astype(np.float32)
    lab = pixels.to_lab(torch.from_numpy(rgb).permute(2, 0, 1)[None])
    assert np.abs(lab[0].permute(1, 2, 0).numpy() - skimage.color.rgb2lab(rgb)).max() < 0.1
    assert np.abs(pixels.from_lab(lab)[0].permute(1, 2, 0).numpy() - rgb).max() < 2e-3


@pytest.mark.parametrize(
    ("name", "there"), [("glasses", ("left_iris", "right_iris")), ("beard", ("lips",))]
)
def test_what_is_said_to_be_worn_and_not_drawn_is_drawn_on_the_face(shipped, name, there):
    drawing = drawings.prepare(drawings.example("plain-man")).image
    found = find_landmarks(drawing)
    assert (
        missing_accessories(DrawingRequest(person={name: 0.5}), found) == {name}
        and missing_accessories(DrawingRequest(), found) == set()
    )
    assert not missing_accessories(
        DrawingRequest(person={name: 1.0}),
        find_landmarks(drawings.prepare(drawings.example(name)).image),
    )
    bare, worn = (shipped.translate(drawing, person=one).astype(int) for one in ({}, {name: 1.0}))
    change = np.abs(worn - bare).mean(axis=2)
    where = np.concatenate([found.points[mesh.PARTS[part]] for part in there])
    left, top = np.rint(where.min(axis=0) - 6).astype(int)
    right, bottom = np.rint(where.max(axis=0) + 6).astype(int)
    assert change[top:bottom, left:right].mean() > 1.5 * change.mean()


@pytest.mark.parametrize("name", ["age", "beard", "hat"])
def test_what_is_said_of_a_person_changes_the_face_and_its_opposite_changes_it_the_other_way(
    shipped, name
):
    picture = drawings.prepare(drawings.example("plain-man")).image
    said = {name: -1.0}, {}, {name: 1.0}
    less, none, more = (shipped.translate(picture, person=one).astype(float) for one in said)
    assert np.abs(more - less).mean() > 1.5
    towards, away = (one - none for one in (more, less))
    together = (towards * away).sum() / np.sqrt((towards**2).sum() * (away**2).sum())
    assert together < 0.1  # apart, not both towards something else


def test_another_seed_is_another_person_and_not_only_another_wall_and_other_tones(shipped):
    drawing, tones = (
        drawings.prepare(drawings.example("plain-man")).image,
        {"skin": "#c08058", "hair": "#5a3a28"},
    )
    points = find_landmarks(drawing).points
    where = np.concatenate(
        [points[mesh.PARTS[part]] for part in ("left_iris", "right_iris", "lips")]
    )
    (left, top), (right, bottom) = np.rint([where.min(axis=0), where.max(axis=0)]).astype(int)
    one, other = (
        shipped.translate(drawing, seed=seed, person=tones).astype(int) for seed in (1, 2)
    )
    change = np.abs(one - other)
    assert change[top:bottom, left:right].mean() > 3 and change[:16, :16].mean() > 3
    usual = shipped.translate(drawing).astype(int)  # its codes are 0
    assert np.abs(shipped.coded(drawing, [0.0] * 16) - usual).max() <= 1


def test_what_is_seen_in_the_texture_and_the_seed_reach_the_network(shipped, monkeypatch):
    drawing, given, run = (
        drawings.prepare(drawings.example("plain-man")).image,
        {},
        shipped.engine.run,
    )
    monkeypatch.setattr(
        shipped.engine,
        "run",
        lambda name, *inputs: given.update({name: inputs}) or run(name, *inputs),
    )
    shipped.translate(drawing, seed=3, person=dict.fromkeys(TEXTURED, -0.5) | {"glasses": 1.0})
    assert given["expect"][2][0, TOLD.index("glasses")] == 1
    _, seeds, traits = given["render"]
    assert seeds == [3] and (traits == -0.5).all()
