"""From a network to pictures: both modes, any aspect ratio, published checkpoints, nothing changed
on the way.
"""

from __future__ import annotations

import dataclasses
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

import s2f_studio
from s2f_studio.answers import translate
from s2f_studio.drawings import prepare as drawings
from s2f_studio.request import DrawingRequest
from s2f_utils import infer, networks
from s2f_utils.infer.stages import AsPublished
from s2f_utils.networks import checkpoints
from s2f_utils.networks.info import ModelInfo
from s2f_utils.networks.network import generate
from s2f_utils.pictures import images
from tests.people import person


@pytest.fixture()
def net():
    torch.manual_seed(0)
    net = networks.init_weights(networks.build("unet", num_downs=6, base_filters=4))
    with torch.no_grad():
        for _ in range(3):
            net(
                torch.rand(4, 3, 64, 64) * 2 - 1
            )  # running statistics that differ from any one image's
    return net.eval()


def test_deterministic_mode_is_deterministic_and_leaves_no_trace(net):
    x = torch.rand(2, 3, 64, 64) * 2 - 1
    net.train()
    before = {k: v.clone() for k, v in net.state_dict().items()}
    assert torch.equal(generate(net, x), generate(net, x))
    assert net.training and all(torch.equal(v, before[k]) for k, v in net.state_dict().items())


def test_paper_mode_is_the_published_test_script(net):
    x = torch.rand(3, 3, 64, 64) * 2 - 1
    before = {k: v.clone() for k, v in net.state_dict().items()}
    torch.manual_seed(5)
    with torch.no_grad():
        found = AsPublished(net)(x)
    assert all(torch.equal(v, before[k]) for k, v in net.state_dict().items())
    assert not any(m.training for m in net.modules())
    torch.manual_seed(5)
    with (
        torch.no_grad()
    ):  # what the script does: the network left in training mode, one image at a time
        expected = torch.cat([net.train()(one) for one in x.split(1)])
    assert torch.allclose(found, expected, atol=1e-6)
    assert not torch.equal(found, AsPublished(net.eval())(x))
    with torch.no_grad():
        torch.manual_seed(7)
        expected = net.train()(x[1:2])
        before = torch.get_rng_state()
        found = AsPublished(net.eval())(x, torch.tensor([5, 7, 9]))
    assert torch.allclose(found[1:2], expected, atol=1e-6)
    assert torch.equal(torch.get_rng_state(), before)  # an app's other threads draw from it, too


def test_a_seed_decides_the_paper_modes_dropout_also_among_threads(translator):
    picture = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    alone = [translator.translate(picture, mode="paper", seed=seed) for seed in range(4)]
    with ThreadPoolExecutor(4) as pool:
        together = list(
            pool.map(lambda seed: translator.translate(picture, mode="paper", seed=seed), range(4))
        )
    assert all(np.array_equal(one, other) for one, other in zip(alone, together, strict=True))
    assert len({face.tobytes() for face in alone}) == 4
    batch = np.stack([picture] * 2)
    made = translator.translate_batch(batch, mode="paper", seeds=np.array([2, 3]))
    assert np.array_equal(made, alone[2:])


@pytest.fixture()
def translator(net, tmp_path):
    meta = {"direction": "sketch-to-photo", "size_px": 64, "fit": "stretch", "method": "pix2pix"}
    return infer.load(
        checkpoints.save_generator(tmp_path / "generator.safetensors", net, meta), "cpu"
    )


@pytest.mark.parametrize("fit", ["stretch", "pad"])
@pytest.mark.parametrize("height, width", [(250, 200), (17, 16)])
def test_any_aspect_ratio_comes_back(translator, fit, height, width):
    image = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    out = translator.translate(image, fit=fit)
    scale = 64 / max(height, width)
    assert out.shape == (round(height * scale), round(width * scale), 3) and out.dtype == np.uint8
    translator.info = dataclasses.replace(translator.info, fit=fit)  # as in training
    small, large = (
        translator.translate(image, large=is_large).astype(float) for is_large in (False, True)
    )
    assert np.abs(large[::2, ::2] - small).mean() < 25


def test_a_padded_answer_that_is_larger_than_its_square_is_cut_out_whole():
    class Twice(infer.translator.Translator):
        input_px = 32

        def _answer_squares(self, squares, asks):
            return squares.repeat(2, axis=1).repeat(2, axis=2)

    image = np.random.default_rng(0).integers(0, 256, (16, 24, 3), dtype=np.uint8)
    made = Twice(None, ModelInfo(size_px=64, fit="pad")).translate(image)
    assert np.array_equal(made, image.repeat(2, axis=0).repeat(2, axis=1))


def test_published_checkpoint_by_file_name(net, tmp_path):
    """Saved the way the published code saves it: the state dict of a DataParallel network, on its
    own.
    """
    path = tmp_path / "latest_net_G.pth"
    torch.save({f"module.{k}": v for k, v in net.state_dict().items()}, path)
    translator = infer.load(path, "cpu")
    assert (translator.info.size_px, translator.info.direction, translator.net.name) == (
        64,
        "sketch-to-photo",
        "unet",
    )
    x = np.random.default_rng(0).integers(0, 256, (1, 64, 64, 3), dtype=np.uint8)
    with torch.no_grad():
        expected = images.to_uint8(net(images.to_tensor(x)))
    assert np.array_equal(translator.translate_batch(x), expected)


@pytest.mark.parametrize("name", ["sketch-to-photo", "sketch-to-face-512"])
def test_threads_share_one_model_and_each_gets_its_own_answer(name):
    """Eight at once, with other seeds, as one after the other, bit for bit."""
    pictures = [drawings.prepare(drawings.example(name)).image for name in ("beard", "curls")]
    model = s2f_studio.load(name, "cpu", engine="torch")
    asks = [DrawingRequest(seed=seed, preview=True) for seed in range(8)]

    def answer(ask):
        return model.answer([pictures[ask.seed % 2]], [ask])[0]

    alone = [answer(ask) for ask in asks]
    before = {key: value.clone() for key, value in model.net.state_dict().items()}
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(answer, asks))
    assert all(np.array_equal(one, other) for one, other in zip(together, alone, strict=True))
    assert all(torch.equal(value, before[key]) for key, value in model.net.state_dict().items())
    assert len({face.tobytes() for face in alone}) == 8
    assert not any(parameter.grad is not None for parameter in model.net.parameters())


def test_one_picture_is_looked_at_once_however_much_is_asked():
    model = s2f_studio.load(device="cpu", engine="torch")
    looked = []
    model.net.register_forward_hook(lambda *_: looked.append(1))
    square = drawings.prepare(drawings.example("hat")).image
    request = DrawingRequest(candidates=3, align="never", clean="never", preview=True)
    found = translate(square, request, model).faces
    assert [one.name for one in found] == ["person", "average", "person 2"]
    assert len(looked) == 1
    for one, (_, single) in zip(found, request.candidates_for(model.info), strict=True):
        assert np.array_equal(one.picture, model.answer([square], [single])[0])


def test_python_answers_a_path_or_an_array_by_any_model(generator_file, tmp_path):
    import s2f_studio as s2f
    from s2f_utils import save

    def face_for(picture, **fields):
        return s2f.translate(picture, s2f.Request(preview=True, **fields)).faces[0].picture

    drawing = drawings.example("glasses")
    path = save(tmp_path / "drawing.png", drawing)
    face = face_for(path, seed=3)
    assert face.shape == (256, 256, 3) and face.dtype == np.uint8
    assert np.array_equal(face, face_for(drawing, seed=3))
    assert not np.array_equal(face, face_for(drawing, seed=4))
    square = drawings.prepare(drawing).image  # cleaned and aligned on the way
    model = s2f.load("sketch-to-photo", "cpu")
    assert np.array_equal(face, model.translate(square, seed=3, preview=True))
    sketch = face_for(person(3, size_px=300).photo, direction="photo-to-sketch")
    assert sketch.shape == (256, 256, 3)
    labels = person(3, size_px=256).mask
    assert face_for(labels, model="map-to-face-512", seed=1).shape == (256, 256, 3)
    with pytest.raises(AttributeError, match="no attribute 'lod'"):
        s2f.lod("sketch-to-photo")


def test_a_model_of_drawn_faces_sees_paper_beside_a_narrow_drawing(net, tmp_path):
    """Such a set has no fit: a picture of another shape is padded with its own paper, not with
    black.
    """
    path = checkpoints.save_generator(tmp_path / "g.safetensors", net, {"size_px": 64, "fit": ""})
    model, narrow = infer.load(path, "cpu"), np.full((64, 32, 3), 200, np.uint8)
    whole = model.translate(np.full((64, 64, 3), 200, np.uint8))
    assert np.array_equal(model.translate(narrow), whole[:, 16:48])
