"""A believable photo of the face that is to be expected: the network, its judge, its training, its answers."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import skimage.color
import torch

from s2f_studio.drawings import bending, likely, mesh
from s2f_studio.drawings import prepare as drawings
from s2f_studio.drawings.understanding import understood
from s2f_studio.faces.expecting import between_lips, meant, to_add
from s2f_studio.faces.shaped import ShapedData, softened
from s2f_studio.faces.stages.expect import Settled
from s2f_studio.faces.stages.lay import backdrop
from s2f_studio.faces.words import GUIDANCE, added_ink, guidance, region
from s2f_studio.old import network as render
from s2f_studio.old import pixels
from s2f_studio.old.method import RenderMethod, seen
from s2f_studio.old.stage import THIN, Finished, Rendered, before_wall, cut_out
from s2f_utils import inference, models, weights
from s2f_utils.data import read_manifest
from s2f_utils.inference.asking import Ask
from s2f_utils.models import checkpoints
from s2f_utils.pictures import images
from s2f_utils.pictures.attributes import TOLD
from s2f_utils.runtime import ConfigError
from s2f_utils.training.config import resolve
from s2f_utils.training.loading import discriminator_of
from s2f_utils.training.loop import train
from s2f_utils.training.run import open_run
from tests.test_expect import drawn, people  # noqa: F401  (fixtures)

CPU = torch.device("cpu")
SMALL = {"widths": (8, 12, 16), "hidden": 8, "fine": 4}


def small() -> torch.nn.Module:
    """A small network whose codes look at the colours of two places."""
    torch.manual_seed(0)
    net = models.build("render", **SMALL)
    with torch.no_grad():
        net.components.copy_(torch.randn_like(net.components) / 30)
        for noise in (m for m in net.modules() if type(m).__name__ == "Noise"):
            noise.weight.fill_(0.05)
    return net


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """What says which face is expected, of either half of the people, and a network that renders, as files."""
    made = tmp_path_factory.mktemp("models")
    for fold in range(2):
        torch.manual_seed(fold)
        net = models.build("expect", widths=(8, 16, 16, 24), hidden=8, told=7)
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
        for n in range(5):
            other = expected.clone()
            other[:, n] *= -1
            assert not torch.equal(net(other, style), first)
        for n in range(22):
            other = style.clone()
            other[:, n] += 1
            assert not torch.equal(net(expected, other), first)
        assert not torch.equal(net(expected, style, 1), first)
        both = net(expected, style, [0, 7])
        assert torch.allclose(both[0], first[0], atol=1e-5) and not torch.allclose(both[1], first[1], atol=1e-3)
    with pytest.raises(ValueError, match=r"expected must be \(N, 5, 128, 128\), got \(2, 5, 64, 64\)"):
        net(expected[:, :, :64, :64], style)


def test_codes_say_how_a_photo_differs_from_what_was_expected():
    net = small()
    with torch.no_grad():
        basis, _ = torch.linalg.qr(torch.randn(net.components.shape))
        net.components.copy_(basis)
        net.spread.copy_(torch.arange(1, 17).float())
    expected, wanted = torch.zeros(3, 5, 128, 128), torch.randn(3, 16)
    coarse = (wanted * net.spread @ basis.T).view(3, 3, 32, 32)
    true = torch.nn.functional.interpolate(coarse, size=256)
    assert torch.allclose(net.codes_of(expected, true), wanted, atol=1e-3)


def test_styles_at_random_are_normal_and_follow_from_the_seed():
    net = small()
    told = torch.tensor([[0.5, float("nan"), -1.0]])
    drawn_ = net.draw_style(list(range(1, 400)), 0.8, told.expand(399, -1))
    assert drawn_[:, :3].std() == pytest.approx(0.78, rel=0.07) and drawn_[:, :3].mean().abs() < 0.06
    assert not drawn_[:, 3:16].any()  # which make patches
    assert (drawn_[:, 16:] == torch.tensor([0.5, 0.0, -1.0, 1.0, 0.0, 1.0])).all()
    assert torch.equal(net.draw_style(3, 0.8, told)[0], drawn_[2])
    assert not net.draw_style(0, 1.0, told)[:, :16].any()


def test_the_judge_looks_at_every_place_and_knows_it():
    judge = models.build("render-judge", widths=(8, 12, 16))
    photo, expected = torch.zeros(1, 3, 256, 256), torch.zeros(1, 5, 64, 64)
    logits, features = judge(photo, expected)
    assert [one.shape[-1] for one in logits] == [64, 32, 16, 8] and len(features) == 5
    with torch.no_grad():
        for place in judge.places:
            place.normal_()
    for one in judge(photo, expected)[0]:
        assert one.std() > 0  # an even picture, but no even answer
    changed = photo.clone()
    changed[..., 100, 60] = 1.0
    assert all(
        not torch.equal(a, b) for a, b in zip(judge(changed, expected)[0], judge(photo, expected)[0], strict=True)
    )
    assert not torch.equal(judge(photo, expected + 1)[0][0], judge(photo, expected)[0][0])


# Training


def test_photos_are_larger_than_drawings_and_a_row_says_its_fold(drawn):  # noqa: F811
    manifest = read_manifest(drawn)
    rows = manifest.split("train")
    assert {row.attributes["fold"] for row in rows} == {"0", "1"}
    a, b = ShapedData(manifest, rows, 128, CPU, larger=2, folded=True).batch(range(len(rows)))
    assert a.shape[1:] == (11, 128, 128) and b.shape[1:] == (5, 256, 256)
    assert a[:, 10, 3, 3].tolist() == [255 * int(row.attributes["fold"]) for row in rows]
    for fold in "01":
        half = read_manifest(drawn.with_stem(f"manifest-fold-{fold}"))
        assert {row.attributes["fold"] for row in half.split("train")} == {fold}
        assert {row.identity for row in half.split("train")} == {
            r.identity for r in rows if r.attributes["fold"] == fold
        }
        assert half.split("val") == manifest.split("val")


def test_the_rim_of_a_person_is_soft_and_lies_a_little_inside():
    person = np.zeros((256, 256, 1), bool)
    person[:, 128:] = True
    made = softened(person)
    assert made[9, 100] == 0 and made[9, 160] == 1 and ((made[9] > 0.02) & (made[9] < 0.98)).sum() in range(2, 7)
    assert made[9, :128].max() < 0.5


def method(folder, **changes) -> RenderMethod:
    experts = ",".join(str(folder / f"expect-{fold}.safetensors") for fold in range(2))
    asked = {"widths": "8,12,16", "judge_widths": "8,12,16", "expected_by": experts, "precision": "float32", **changes}
    run = resolve("render", "fast", asked).config
    from s2f_utils import runtime

    return RenderMethod(run, runtime.pick_precision(CPU, "float32"))


def test_people_are_expected_by_the_network_that_has_not_learned_from_them(folder):
    made = method(folder)
    a = torch.rand(4, 11, 128, 128) * 2 - 1
    a[:, 10] = torch.tensor([-1.0, 1.0, 1.0, -1.0]).view(4, 1, 1)
    tones = torch.full((4, 6), torch.nan)
    found = made.expected(a, tones)
    for n, fold in enumerate((0, 1, 1, 0)):
        out = made.experts[1 - fold](a[n : n + 1, :10])
        assert torch.allclose(found[n, :3], out[0, :3].clamp(-1, 1), atol=1e-4)
        assert torch.allclose(found[n, 3:], 2 * out[0, 3:].sigmoid() - 1, atol=1e-4)
    assert len(method(folder, expected_by=str(folder / "expect-0.safetensors")).experts) == 1


def test_both_sides_of_a_pair_get_the_same_light(folder):
    made = method(folder, other_light=0.3)
    a, b = torch.ones(6, 11, 128, 128), torch.full((6, 5, 256, 256), 1.0)
    b[:, :3] = 0.1
    made.experts = [
        lambda x, tones: torch.cat([torch.full((len(x), 3, 128, 128), 0.1), torch.full((len(x), 2, 128, 128), 99.0)], 1)
    ]
    expected, true, style = made.given(a, b)
    assert torch.allclose(expected[:, :3, 5, 5], true[:, :3, 9, 9], atol=1e-4) and expected[:, 0, 5, 5].std() > 0.01
    assert style.shape == (6, 22) and style[:, :16].abs().max() < 1e-3


def test_the_judge_sees_other_walls_through_hair_and_never_through_a_face():
    colours, person = torch.rand(2, 3, 8, 8) - 0.5, torch.ones(2, 1, 8, 8)
    person[..., :3], person[..., 3] = -1.0, 0.0
    walls = torch.tensor([[-0.5, -0.25, 0.25], [0.0, 0.0, 0.0]]).view(2, 3, 1, 1)
    made = seen(colours, person, walls, [0, 0]) - colours
    assert not made[..., 4:].any() and not made[1].any()
    assert torch.allclose(made[0, :, :, :3], walls[0].expand(3, 8, 3))
    assert torch.allclose(made[0, :, :, 3], walls[0, :, 0].expand(3, 8) / 2)
    moved = seen(colours, person, walls, [1, 3])
    assert torch.equal(moved[..., 1:, 3:], (colours + made)[..., :-1, :-3])


def test_most_walls_are_darker_and_some_are_as_ever(folder):
    torch.manual_seed(0)
    walls = method(folder)._walls(2000)
    other = walls.flatten(1).abs().sum(1) > 0
    assert other.float().mean() == pytest.approx(0.7, abs=0.04)
    assert (walls[other].mean(1) < 0).float().mean() > 0.8 and walls[other].std(dim=1).mean() > 0.05
    assert not method(folder, other_wall=0.0)._walls(9).any()


def test_it_learns_a_face_and_goes_on_to_the_last_bit(drawn, folder, tmp_path):  # noqa: F811
    manifest = read_manifest(drawn)
    experts = ",".join(str(folder / f"expect-{fold}.safetensors") for fold in range(2))
    changes = {
        "widths": "8,12,16", "judge_widths": "8,12,16", "expected_by": experts, "batch_size": 4, "total_images": 48,
        "precision": "float32", "num_samples": 2, "lr_g": 3e-3, "lambda_gan": 0.1, "other_light": 0.0,
    }  # fmt: skip
    resolved = resolve("render", "fast", changes)
    init = tmp_path / "init.safetensors"
    first_net = models.build("render", widths=(8, 12, 16))
    first_net.components.copy_(torch.randn_like(first_net.components) / 30)
    checkpoints.save_generator(init, first_net, {"direction": "sketch-to-photo", "size_px": 256})

    def opened(name, resume="never"):
        return open_run(resolved, manifest, tmp_path / name, device="cpu", resume=resume, progress=False, init=init)

    whole = opened("whole")
    before = {key: value.clone() for key, value in whole.model.net_g.state_dict().items()}
    assert torch.equal(before["components"], first_net.components)
    assert train(whole, progress=False) == "done"
    first = opened("parts")
    chunks = 0
    while train(first, progress=False, max_seconds=0.5) == "chunk":
        first.save()
        first, chunks = opened("parts", "auto"), chunks + 1
    assert chunks
    for name in ("net_g", "net_d"):
        both = (run.model.nets[name].state_dict() for run in (whole, first))
        for (key, mine), other in zip(next(both).items(), next(both).values(), strict=True):
            assert torch.equal(mine, other), key
    after = whole.model.net_g.state_dict()
    assert torch.equal(after["components"], before["components"])  # no training changes what a code means
    assert not torch.equal(after["out.0.weight"], before["out.0.weight"])
    a, b = (images.to_tensor(side) for side in whole.data.batch(range(8)))
    torch.manual_seed(0)
    expected, true, style = whole.model.given(a, b)
    net = whole.model.net_g.eval()
    old = models.build("render", widths=(8, 12, 16)).eval()
    old.load_state_dict(before)
    with torch.no_grad():
        off = [(one(expected, style)[:, :3] - true[:, :3]).abs().mean() for one in (net, old)]
    assert off[0] < 0.9 * off[1]
    sheets = sorted((whole.folder / "samples").glob("*.png"))
    assert images.load_rgb(sheets[-1]).shape[1] >= 2 * 256


@pytest.mark.parametrize(
    "change, message",
    [
        ({"size_px": 256, "load_size_px": 256}, "size_px and load_size_px must be 128"),
        ({"flip": 0.5}, "flip must be 0"),
        ({"widths": "8,8"}, "widths must be three whole numbers"),
        ({"judge_widths": "a,b,c"}, "judge_widths must be three whole numbers"),
        ({"expected_by": "a,b,c"}, "expected_by must name one model, or two"),
        ({"whole_share": 1.5}, "whole_share must be between 0 and 1"),
        ({"r1_every": -1}, "r1_every must be 0 or more"),
    ],
)
def test_settings_that_cannot_be_are_refused(change, message):
    with pytest.raises(ConfigError, match=message):
        resolve("render", "full", change)


# Answers


def test_a_model_of_ones_own_is_answered_with_what_lies_beside_it(folder, tmp_path):
    for name, file in (("expected", "expect-1"), ("generator", "render")):
        (tmp_path / f"{name}.safetensors").write_bytes((folder / f"{file}.safetensors").read_bytes())
    model = inference.load(tmp_path / "generator.safetensors", "cpu")
    assert (
        type(model).__name__ == "RenderModel"
        and model.facts.knows == {"seed", "likely", "person"}
        and model.facts.size_px == 256
    )
    own, _ = checkpoints.load_network(folder / "expect-1.safetensors")
    beside = model.engine.stages["expect"].net
    assert all(torch.equal(a, b) for a, b in zip(beside.parameters(), own.parameters(), strict=True))
    drawing = drawings.prepare(drawings.example("few-lines")).image
    made = [model.translate(drawing, seed=seed) for seed in (0, 1, 1)]
    assert np.array_equal(made[1], made[2]) and not np.array_equal(made[0], made[1])
    several = model.answer([drawing] * 2, [Ask(seed=0), Ask(seed=1)])
    assert all(np.abs(a.astype(int) - b).max() <= 1 for a, b in zip(several, made, strict=False))


def test_what_is_expected_is_put_before_the_wall():
    expected = torch.zeros(1, 5, 4, 4)
    expected[:, 0, :2], expected[:, 3, :2], expected[:, 4] = 1.0, 0.75, 0.5
    made = before_wall(expected)
    assert torch.allclose(
        made[0, :, 0, 0],
        torch.tensor([0.75 + 0.25 * render.WALL, -0.75 + 0.25 * render.WALL, -0.75 + 0.25 * render.WALL, 0.5, 0.0]),
    )
    assert torch.allclose(made[0, :3, 3, 3], torch.full((3,), render.WALL))


def test_hair_that_is_half_there_is_there_or_not():
    ramp = torch.linspace(0, 1, 128).view(1, 1, 1, -1).expand(1, 1, 128, 128)
    parts = torch.cat([ramp, 0.5 * ramp], dim=1)
    few, many = (render.decided(parts, at) for at in (0.7, 0.3))
    assert (few[:, 0, :, :50] == 0).all() and (few[:, 0, :, 110:] == 1).all() and many[:, :1].mean() > few[:, :1].mean()
    assert torch.allclose(
        few[:, 1, :, 110:], torch.tensor(0.5), atol=0.02
    )  # of what is there, as much is hair as before
    outline = torch.zeros(1, 1, 128, 128)
    outline[..., :64] = 1
    own = render.decided(parts, 0.5, outline)
    assert (own[:, 0, :, 10:50] == 1).all() and (own[:, :, :, 80:] == 0).all()


def test_a_mesh_of_two_pixels_goes_and_what_is_wider_stays():
    n = torch.arange(64)
    waves = {period: torch.cos(2 * torch.pi * n / period).expand(1, 1, 64, 64) for period in (2, 4, 16)}
    kept = {period: float(render.without_mesh(wave).std() / wave.std()) for period, wave in waves.items()}
    assert kept[2] < 0.02 and kept[4] > 0.85 and kept[16] > 0.995
    flat = torch.full((1, 3, 16, 16), 0.3)
    assert torch.allclose(render.without_mesh(flat), flat)


def test_what_hangs_in_the_air_beside_the_person_is_left_out():
    expected = torch.zeros(1, 5, 128, 128)
    expected[:, 3, 20:, 32:96] = 1.0
    expected[:, 3, 4:24, 104:124] = 0.8  # a tuft
    outline = Rendered(small()).with_outline(expected)[:, 3]
    assert outline[:, :30, 102:].max() < THIN and (outline[:, 30:, 40:90] > 0.9).all()
    alone = expected.clone()
    alone[:, 3, 20:] = 0  # nobody is in the middle: nothing is known to hang
    assert Rendered(small()).with_outline(alone)[:, 3, 12:16, 112:116].min() > 0.9
    made = torch.zeros(1, 4, 256, 256)  # half a person everywhere
    cut = cut_out(made, outline[:, None])
    assert not cut[..., :40, 210:].any() and cut[0, 3, 160, 120] > 0.3


def hue_of(colour):
    """a and b in CIELAB of a colour in [0, 1]."""
    return skimage.color.rgb2lab(np.asarray(colour, np.float64))[1:]


def portrait(skin, hat):
    """A person in the mean shape's frame, (1, 4, 256, 256): a face of one tone, above the brows a hat; and no hair."""
    made = np.zeros((256, 256, 4), np.float32)
    made[40:, 60:200], made[40:110, 60:200, :3] = (*skin, 1), hat
    return torch.from_numpy(made).permute(2, 0, 1)[None].contiguous(), torch.zeros(1, 1, 256, 256)


WITH, WITHOUT = torch.ones(1), torch.zeros(1)


def test_a_hat_that_shimmers_becomes_one_cloth_and_nothing_else_changes():
    rainbow = np.stack([np.linspace(0.1, 0.5, 140), np.linspace(0.5, 0.1, 140), np.full(140, 0.3)], axis=1)
    person, hair = portrait((0.8, 0.6, 0.5), rainbow)
    of_one_cloth = Finished().of_one_cloth
    made = of_one_cloth(person, hair, WITH)
    spread = [float(np.ptp(one[0, :3, 60:95, 75:185].numpy(), axis=0).std()) for one in (person, made)]
    assert spread[1] < 0.15 * spread[0]
    assert torch.allclose(made[:, :, 125:], person[:, :, 125:], atol=1e-3) and torch.equal(made[:, 3], person[:, 3])
    assert torch.allclose(of_one_cloth(person, hair, WITHOUT), person, atol=1e-6)  # nobody wears one
    bare, _ = portrait((0.8, 0.6, 0.5), (0.8, 0.6, 0.5))
    assert torch.allclose(of_one_cloth(bare, hair, WITH), bare, atol=1e-6)
    assert torch.allclose(of_one_cloth(person, torch.ones_like(hair), WITH), person, atol=1e-6)  # it is hair
    person[:, :, 120:] = 0  # no cheeks
    assert torch.allclose(of_one_cloth(person, hair, WITH), person, atol=1e-6)


def test_a_cast_goes_towards_the_skin_that_was_asked_for():
    skin, brown = np.array([0.8, 0.6, 0.5]), np.array([0.4, 0.25, 0.15])
    person, hair = portrait((0.9, 0.4, 0.4), (0.2, 0.35, 0.2))
    hair[:, :, 40:100, 60:200] = 1
    tones = torch.from_numpy(2 * np.concatenate([skin, brown]) - 1).float()[None]
    finished = Finished()
    made = finished.without_cast(person, hair, tones)
    for wanted, row in ((skin, 150), (brown, 70)):
        hues = [hue_of(one) for one in (person[0, :3, row, 128], made[0, :3, row, 128], wanted)]
        assert np.linalg.norm(hues[1] - hues[2]) < 0.4 * np.linalg.norm(hues[0] - hues[2])
    assert torch.equal(made[:, 3], person[:, 3]) and not made[:, :, :30].any()
    unknown = torch.full((1, 6), torch.nan)
    assert torch.allclose(finished.without_cast(person, hair, unknown), person, atol=1e-6)
    unknown[:, :3] = tones[:, :3]  # of the hair nothing is known
    kept = finished.without_cast(person, hair, unknown)
    assert torch.allclose(kept[0, :3, 150, 128], made[0, :3, 150, 128], atol=0.02)
    assert np.linalg.norm(hue_of(kept[0, :3, 70, 128]) - hue_of(person[0, :3, 70, 128])) < 6


def test_colours_in_cielab_are_scikit_images_and_come_back():
    rgb = np.random.default_rng(0).random((8, 8, 3)).astype(np.float32)
    lab = pixels.to_lab(torch.from_numpy(rgb).permute(2, 0, 1)[None])
    assert np.abs(lab[0].permute(1, 2, 0).numpy() - skimage.color.rgb2lab(rgb)).max() < 0.1
    assert np.abs(pixels.from_lab(lab)[0].permute(1, 2, 0).numpy() - rgb).max() < 2e-3


def test_the_median_of_what_is_inside_is_numpys():
    rng = np.random.default_rng(1)
    values, inside = rng.normal(20, 30, (2, 3, 500)), rng.random((2, 1, 500)) < 0.2
    made = pixels.median(torch.from_numpy(values), torch.from_numpy(inside).double())
    for n in range(2):
        assert np.abs(made[n].numpy() - np.median(values[n][:, inside[n, 0]], axis=1)).max() < 1.5


def test_a_studio_is_light_from_one_side_and_another_for_another_seed():
    made = backdrop(torch.arange(-1, 40)).permute(0, 2, 3, 1).numpy()
    assert made.shape == (41, 256, 256, 3) and not made[0].std(axis=(0, 1)).any()  # -1: one colour
    means = made[2:].mean(axis=(1, 2, 3))
    assert means.std() > 25 and means.min() > 20 and means.max() < 235
    for own in made[1:5]:
        quarters = [own[y : y + 128, x : x + 128].mean() for y in (0, 128) for x in (0, 128)]
        assert np.ptp(quarters) > 3 and own.std(axis=(0, 1)).max() < 40


def test_what_is_hardly_there_is_left_out_and_the_rest_keeps_its_colour():
    person = torch.linspace(0, 1, 101).view(1, 1, 1, -1)
    colours = torch.tensor([0.2, -0.4, 0.0]).view(1, 3, 1, 1)
    made = cut_out(torch.cat([colours * person + render.WALL * (1 - person), 2 * person - 1], dim=1))[0, :, 0]
    assert not made[:, :16].any() and torch.allclose(made[:, -1], torch.tensor([0.6, 0.3, 0.5, 1.0]))
    assert torch.allclose(made[:3, 16:] / made[3:, 16:], torch.tensor([[0.6], [0.3], [0.5]]).expand(3, 85), atol=1e-4)
    assert (made[3].diff() >= 0).all()


@pytest.fixture(scope="module")
def shipped():
    return inference.load("sketch-to-photo", "cpu")


@pytest.fixture(scope="module")
def crude():
    return drawings.prepare(drawings.example("few-lines")).image


def in_face(picture: np.ndarray) -> np.ndarray:
    return picture[96:200, 80:176].reshape(-1, 3).astype(float)


def test_the_rendered_face_is_sharper_than_the_expected_one_and_has_its_colours(shipped, crude):
    from s2f_utils.metrics.structure import gradient

    soft, made = (shipped.translate(crude, answer=answer) for answer in ("expected", "rendered"))
    assert gradient(made) > 1.3 * gradient(soft)
    assert np.abs(in_face(made).mean(0) - in_face(soft).mean(0)).max() < 25


def test_a_large_answer_has_twice_the_pixels_and_shows_the_same(shipped, crude):
    for answer in ("rendered", "expected", "faithful"):
        usual, large = (shipped.translate(crude, answer=answer, seed=2, large=own) for own in (False, True))
        assert usual.shape == (256, 256, 3) and large.shape == (512, 512, 3)
        assert np.abs(images.resize(large, 256).astype(int) - usual).mean() < 3  # grey levels
    both = shipped.answer([crude] * 3, [Ask(), Ask(large=True), Ask(answer="faithful", large=True)])
    assert [len(one) for one in both] == [256, 512, 512] and np.array_equal(both[0], shipped.translate(crude))


def test_seeds_are_other_people_of_the_same_shape(shipped, crude):
    from s2f_studio.drawings.understanding import understand

    made = [shipped.translate(crude, seed=seed) for seed in range(1, 6)]
    tones = np.stack([in_face(picture).mean(0) for picture in made])
    assert tones.std(axis=0).mean() > 6  # grey levels
    points = np.stack([found.points for found in understand(made)])
    off = np.linalg.norm(points - points.mean(axis=0), axis=2).mean() / mesh.eye_distance(points[0])
    assert off < 0.06


def test_what_is_known_of_the_person_is_seen(shipped, crude):
    def hair(picture):
        return picture[20:50, 90:166].reshape(-1, 3).mean(0)

    dark, fair = (shipped.translate(crude, person={"skin": skin}) for skin in ("#5a3a28", "#f0d0b8"))
    assert in_face(fair).mean() > in_face(dark).mean() + 40
    black, blond = (shipped.translate(crude, person={"hair": tone}) for tone in ("#181410", "#d8b878"))
    assert hair(blond).mean() > hair(black).mean() + 20


def test_a_likely_shape_moves_the_crooked_part_alone(shipped):
    picture = drawings.prepare(drawings.example("few-lines")).image
    as_drawn, mouth, whole = (
        shipped.translate(picture, likely=amount).astype(int) for amount in (0.0, {"mouth": 1.0}, 1.0)
    )
    change = np.abs(mouth - as_drawn).sum(axis=2)
    assert change.max() > 0 and np.abs(whole - as_drawn).sum() > change.sum()


def test_the_judge_that_lies_beside_goes_on_where_it_was(folder, tmp_path):
    made = method(folder, widths="64,96,160", judge_widths="64,128,192")
    shipped_judge, _ = checkpoints.load_network(discriminator_of(weights.RENDER))
    made.begin_with(weights.RENDER)
    for mine, own in zip(made.net_d.parameters(), shipped_judge.parameters(), strict=True):
        assert torch.equal(mine, own)
    other = method(folder, widths="64,96,160")
    before = [p.clone() for p in other.net_d.parameters()]
    other.begin_with(weights.RENDER)  # of other widths: a fresh one
    assert all(torch.equal(a, b) for a, b in zip(before, other.net_d.parameters(), strict=True))
    assert set(made.kept) == {"discriminator"} and made.kept["discriminator"] is made.net_d


def test_settings_follow_the_network_that_a_run_begins_with():
    net = models.build("render", **SMALL)
    assert RenderMethod.settings_from(net, {}) == {"widths": "8,12,16"}
    assert dataclasses.is_dataclass(RenderMethod.settings)


@pytest.mark.parametrize(("name", "there", "not_there"), [
    ("beard", "lips", "left_brow"), ("hat", "left_brow", "lips"), ("glasses", "left_eye", "lips"),
    ("smile", "lips", "left_eye"),
])  # fmt: skip
def test_a_word_is_exaggerated_where_it_is_seen(name, there, not_there):
    mean = np.rint(mesh.mean_shape(128)).astype(int)
    where = region(name)
    assert where.shape == (128, 128) and where.min() >= 0 and where.max() <= 1.001
    near, far = (where[tuple(mean[mesh.PARTS[part]].T[::-1])].mean() for part in (there, not_there))
    assert near > 0.6 and far < 0.15
    assert region("age").min() > 0.9
    assert region("curls")[tuple(mean[mesh.PARTS["nose"]].T[::-1])].max() < 0.1


def test_words_are_exaggerated_each_as_much_as_it_bears():
    made = guidance({"hat", "age", "skin"}, {"hat": 2.0})
    assert made.dtype == np.float32 and dict(zip(TOLD, made, strict=True)) == {
        **dict.fromkeys(TOLD, 0.0), "hat": 2.0, "age": GUIDANCE,
    }  # fmt: skip


def drawn_face(name: str) -> np.ndarray:
    return drawings.prepare(drawings.example(name)).image


@pytest.mark.parametrize(("name", "there", "elsewhere"), [
    ("glasses", ("left_iris", "right_iris"), "lips"), ("beard", ("lips",), "left_brow"),
])  # fmt: skip
def test_what_is_said_to_be_worn_and_not_drawn_is_drawn_on_the_face(shipped, name, there, elsewhere):
    drawing = drawn_face("plain-man")
    found = understood(drawing)
    assert to_add(Ask(person={name: 0.5}), found) == {name}
    assert to_add(Ask(person={name: -1.0, "age": 1.0}), found) == to_add(Ask(), found) == set()
    assert to_add(Ask(person={name: 1.0}), understood(drawn_face(name))) == set()  # it is there

    ink, mean = added_ink(name), mesh.mean_shape(128)
    assert ink.shape == (128, 128) and ink.min() == 0 and 0.3 < ink.max() <= 1
    rows, columns = np.nonzero(ink > 0.1)
    around = mean[np.concatenate([mesh.PARTS[part] for part in there])]
    apart = mesh.eye_distance(mean)
    assert np.abs(columns.mean() - around[:, 0].mean()) < 0.2 * apart
    assert np.abs(rows.mean() - around[:, 1].mean()) < 0.5 * apart
    x, y = np.rint(mean[mesh.PARTS[elsewhere]].mean(axis=0)).astype(int)
    assert not ink[y - 3 : y + 3, x - 3 : x + 3].any() or name == "beard"

    points = found.points
    where = bending.field(points, mesh.mean_shape(256), 256)
    inked = bending.bend(ink, (where + 0.5) / 2 - 0.5, border=0) > 0.1
    bare, worn = (shipped.translate(drawing, person=one).astype(int) for one in ({}, {name: 1.0}))
    change = np.abs(worn - bare).mean(axis=2)
    x, y = np.rint(points[mesh.PARTS[elsewhere]].mean(axis=0)).astype(int)
    assert change[inked].mean() > 3 * change[y - 6 : y + 6, x - 6 : x + 6].mean()
    assert change[inked].mean() > 25


def test_glasses_and_age_are_exaggerated_each_for_itself(shipped):
    """Both at once are no more out of range than each alone."""
    drawing = drawn_face("old-man")
    worn, old, both = (
        shipped.translate(drawing, answer="expected", person=one)
        for one in ({"glasses": 1.0}, {"age": 1.0}, {"glasses": 1.0, "age": 1.0})
    )
    face = np.s_[60:200, 70:186]
    ends = [((one[face] < 8) | (one[face] > 247)).mean() for one in (worn, old, both)]
    assert max(ends) < 0.03


def test_closed_lips_stay_closed(shipped):
    drawing, crude = drawn_face("plain-man"), understood(drawn_face("few-lines"))
    found = understood(drawing)
    assert between_lips(found.points) < 0.05 < 0.1 < between_lips(understood(drawn_face("beard")).points)
    assert (
        meant(Ask(), found).person["smile"] == -1.0 and meant(Ask(person={"smile": 0.5}), found).person["smile"] == 0.5
    )
    assert "smile" not in meant(Ask(), understood(drawn_face("beard"))).person
    assert "smile" not in meant(Ask(), dataclasses.replace(crude, flags=crude.flags | {"crude": 0.9})).person
    closed, teeth = (shipped.translate(drawing, person=one) for one in ({}, {"smile": 1.0}))
    x, y = np.rint(found.points[mesh.PARTS["mouth"]].mean(axis=0)).astype(int)
    assert teeth[y - 4 : y + 4, x - 12 : x + 12].mean() > closed[y - 4 : y + 4, x - 12 : x + 12].mean() + 10


@pytest.mark.parametrize("side", [1, -1])
def test_the_far_side_of_a_turned_head_is_the_near_sides_mirror_image_inside_the_face(side):
    mean, components, spread = likely.shapes()
    expected = np.random.default_rng(0).random((128, 128, 5)).astype(np.float32)
    raw = torch.from_numpy(expected).permute(2, 0, 1)[None]
    raw = torch.cat([2 * raw[:, :3] - 1, raw[:, 3:].logit(eps=1e-6)], dim=1)

    def made(turned: float) -> np.ndarray:
        return Settled()(raw, torch.tensor([turned * side]))[0][0].permute(1, 2, 0).numpy()

    def same(a: np.ndarray, b: np.ndarray) -> bool:
        return np.allclose(a, b, atol=1e-5)

    assert same(made(0.2), expected)
    whole, half = made(2.0), made(0.85)
    nose, oval = (mesh.mean_shape(128)[mesh.PARTS[name]].mean(0) for name in ("nose", "oval"))
    towards = mean[mesh.PARTS["nose"], 0].mean() + side * (
        components[0].reshape(-1, 2)[mesh.PARTS["nose"], 0].mean()
        - components[0].reshape(-1, 2)[mesh.PARTS["oval"], 0].mean()
    )
    far = slice(36, 48) if towards < mean[mesh.PARTS["nose"], 0].mean() else slice(80, 92)
    near = slice(128 - far.stop, 128 - far.start)
    rows = slice(round(oval[1]) - 6, round(nose[1]) + 6)
    assert np.allclose(whole[rows, near], expected[rows, near], atol=0.02)
    assert np.allclose(whole[rows, far], expected[rows, near][:, ::-1], atol=0.02)
    assert same(whole[:, :8], expected[:, :8]) and same(whole[:, 120:], expected[:, 120:])
    assert 0.3 < np.abs(half - expected)[rows, far].mean() / np.abs(whole - expected)[rows, far].mean() < 0.7


def test_a_beard_that_is_drawn_is_exaggerated_as_if_it_were_said(shipped):
    drawing = drawings.prepare(drawings.example("beard")).image
    found, plain = understood(drawing), understood(drawings.prepare(drawings.example("plain-man")).image)
    assert meant(Ask(), found).person["beard"] == 1.0 and meant(Ask(person={"beard": -1.0}), found).person["beard"] < 0
    assert "beard" not in meant(Ask(), plain).person
    said, none = (shipped.translate(drawing, answer="expected", person=one).astype(int)
                  for one in ({"beard": 1.0}, {"beard": -1.0}))  # fmt: skip
    assert np.array_equal(shipped.translate(drawing, answer="expected"), said)
    chin = np.rint(found.points[mesh.PARTS["oval"], 1].max()).astype(int)
    change = np.abs(said - none).mean(axis=2)
    assert change[chin - 40 : chin, 100:156].mean() > max(8, 1.5 * change[:90, 90:166].mean())


def test_hair_drawn_to_the_brows_is_no_cap_and_a_hat_is_one(shipped):
    """What the finder takes for a hat by half is answered as if it had been told that there is none."""
    hair, hat = (drawings.prepare(drawings.example(name)).image for name in ("glasses", "hat"))
    assert 0.3 < understood(hair).flags["hat"] < 0.95 < understood(hat).flags["hat"]
    assert understood(hair).hair_above > 0.5 > 0.1 > understood(hat).hair_above
    for crude, is_hat in ((0.1, 1.0), (0.9, -1.0)):  # a careful drawing is believed sooner
        half = dataclasses.replace(understood(hat), flags={"hat": 0.6, "crude": crude, "beard": 0.0})
        assert meant(Ask(), half).person["hat"] == is_hat and meant(Ask(person={"hat": 0.2}), half).person["hat"] == 0.2
    assert meant(Ask(), understood(hair)).person["hat"] == -1.0 and "hat" not in meant(Ask(), understood(hat)).person
    made, bare, covered = (shipped.translate(hair, person=said) for said in ({}, {"hat": -1.0}, {"hat": 1.0}))
    assert np.array_equal(made, bare) and not np.array_equal(made, covered)
    assert not np.array_equal(shipped.translate(hat), shipped.translate(hat, person={"hat": -1.0}))


@pytest.mark.parametrize("name", ["age", "beard", "hat"])
def test_what_is_said_of_a_person_changes_the_face_and_its_opposite_changes_it_the_other_way(shipped, name):
    picture = drawings.prepare(drawings.example("plain-man")).image
    said = {name: -1.0}, {}, {name: 1.0}
    less, none, more = (shipped.translate(picture, person=one).astype(float) for one in said)
    assert np.abs(more - less).mean() > 1.5
    towards, away = (one - none for one in (more, less))
    together = (towards * away).sum() / np.sqrt((towards**2).sum() * (away**2).sum())
    assert together < 0.1  # apart, not both towards something else
