"""Faces by their styles: encoding, mixing, variants; and maps of 19 classes."""

from __future__ import annotations

import io
import os
import pickle

import numpy as np
import pytest
import torch
from PIL import Image

from s2f_studio import cli
from s2f_utils import infer, networks
from s2f_utils.methods.psp import PSP
from s2f_utils.methods.settings import ConfigError
from s2f_utils.networks import checkpoints
from s2f_utils.pictures import images, masks
from tests.people import person

SMALL = {"size_px": 32, "style_dim": 16, "num_mlp": 2, "width": 16, "channel_multiplier": 1.0}


@pytest.fixture(scope="module")
def load(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")

    def make(reads):
        torch.manual_seed(0)
        if not reads:
            net = networks.build("stylegan2", **SMALL)
        else:
            channels = {"sketch": 1, "map": 19, "sketch and map": 20, "photo": 3}[reads]
            encoder = {"in_channels": channels, "num_styles": 8, "style_dim": 16, "input_px": 32}
            net = networks.build("psp", kind="small", encoder=encoder, decoder=SMALL)
        path = folder / f"{reads or 'faces'}.safetensors"
        checkpoints.save_generator(
            path, net, {"direction": getattr(net, "direction", "noise-to-photo")}
        )
        return infer.load_styles(path, "cpu")

    make.folder = folder
    return make


def test_many_answers_keep_the_layers_that_are_not_mixed(load):
    model, face = load("sketch"), person(3, size_px=64)
    found = model.encode(np.repeat(face.sketch[..., None], 3, 2))
    assert found.shape == (1, 8, 16) and model.num_layers == 8 and model.info.size_px == 32
    eight = model.variants(found, 8, seed=1)
    assert (eight[:, :7] == found[:, :7]).all() and len(
        {tuple(v) for v in eight[:, 7].tolist()}
    ) == 8
    assert np.array_equal(eight, model.variants(found, 8, seed=1))
    assert np.allclose(eight[:3], model.variants(found, 3, seed=1), atol=1e-5)
    assert not np.array_equal(eight, model.variants(found, 8, seed=2))
    assert (model.variants(found, 2, strength=0.0) == found).all()
    faces = model.decode(eight)
    assert faces.shape == (8, 32, 32, 3) and faces.dtype == np.uint8
    assert np.array_equal(faces, model.decode(eight))
    for conv in (model.net.decoder.conv1, *model.net.decoder.convs):
        conv.noise.weight.fill_(0.5)  # as after training
    assert np.array_equal(model.decode(eight, noise=1), model.decode(eight, noise=1))
    assert not np.array_equal(model.decode(eight, noise=1), model.decode(eight, noise=2))


def test_a_preview_is_the_same_face_at_256_pixels(generator_file):
    model, labels = infer.load_styles("map-to-face-512", "cpu"), person(3, size_px=256).mask
    own = model.encode(labels)
    other = model.variants(own, 1, seed=2)
    halved = images.resize(model.decode(own)[0], 256).astype(float)
    off = {}
    for name, styles, asked in (("own", own, {}), ("other", other, {"seed": 2})):
        (preview,) = model.decode(styles, preview=True)
        assert preview.shape == (256, 256, 3)
        assert np.array_equal(model.translate(labels, preview=True, **asked), preview)
        off[name] = np.abs(preview - halved).mean()
    assert off["own"] < 8 and off["own"] < 0.4 * off["other"]


def test_a_model_without_previews_answers_as_usual(load):
    model = load("")
    styles = model.draw(2)
    assert np.array_equal(model.decode(styles, preview=True), model.decode(styles))


def test_truncation_and_styles_of_two_faces_mixed(load):
    model = load("")
    drawn = model.draw(3, seed=4, psi=1.0)
    assert (model.truncate(drawn, 0.0) == model.mean).all() and np.array_equal(
        model.truncate(drawn, 1.0), drawn
    )
    mixed = model.mix(drawn[:1], drawn[1:], model.layers("coarse"))
    assert np.array_equal(mixed[:, :3], drawn[1:, :3]) and (mixed[:, 3:] == drawn[:1, 3:]).all()
    with pytest.raises(ValueError, match="layers go from 0 to 7, got 7 to 8"):
        model.mix(drawn, drawn, range(7, 9))
    with pytest.raises(ValueError, match="draws faces by chance and reads nothing"):
        model.encode(np.zeros((32, 32, 3), np.uint8))


def test_a_map_is_read_as_numbers_or_in_its_colours(load):
    model, face = load("map"), person(3, size_px=64)
    numbers = model.encode(face.mask)
    assert np.array_equal(numbers, model.encode(masks.colour(face.mask)))
    assert np.array_equal(
        numbers, model.encode(np.repeat(face.mask[..., None], 3, 2))
    )  # read as a grey picture
    with pytest.raises(images.ImageError, match="colours that CelebAMask-HQ's palette has not"):
        model.encode(face.photo)
    both = load("sketch and map")
    sketch = np.repeat(face.sketch[..., None], 3, 2)
    assert both.encode(sketch, face.mask).shape == (1, 8, 16)
    with pytest.raises(ValueError, match="reads a sketch and map, but one picture was given"):
        both.encode(sketch)
    with pytest.raises(ValueError, match="reads a sketch, but a segmentation map was given"):
        load("sketch").encode(masks.colour(face.mask))


def test_parts_are_painted_in_the_published_order():
    box = lambda y, x: np.pad(np.full((4, 4), 255, np.uint8), ((y, 12 - y), (x, 12 - x)))  # noqa: E731
    found = masks.join_parts({"hair": box(4, 4), "skin": box(2, 2), "l_eye": box(3, 3)})
    assert found[3, 3] == masks.CLASSES.index("l_eye") and found[5, 5] == masks.CLASSES.index(
        "hair"
    )
    assert found[2, 2] == masks.CLASSES.index("skin") and found[0, 0] == 0
    with pytest.raises(images.ImageError, match="no part is called nostril"):
        masks.join_parts({"nostril": box(1, 1)})
    with pytest.raises(images.ImageError, match="of one size, got skin 16x16, nose 8x8"):
        masks.join_parts({"skin": box(1, 1), "nose": np.zeros((8, 8), np.uint8)})


@pytest.mark.parametrize("mean", ["one", "each", "none"])
def test_a_file_as_psps_authors_save_theirs_has_its_mean_style(load, tmp_path, mean):
    """What network it is, tests/test_published_psp.py finds."""
    net = load("map").net
    net.latent_avg.copy_(torch.randn(8, 16) if mean == "each" else torch.randn(16).expand(8, -1))
    weights = {key: value for key, value in net.state_dict().items() if key != "latent_avg"}
    held = {"state_dict": weights, "opts": {"output_size": 32, "label_nc": 19}}
    if mean != "none":
        held["latent_avg"] = net.latent_avg if mean == "each" else net.latent_avg[0].clone()
    torch.save(held, tmp_path / "official.pt")
    found = checkpoints.state_dict_of(tmp_path / "official.pt")
    assert set(found) == set(net.state_dict())
    assert torch.equal(
        found["latent_avg"], torch.zeros(8, 16) if mean == "none" else net.latent_avg
    )


def test_a_generator_as_rosinality_saves_it_is_read(load, tmp_path):
    net = load("").net
    torch.save(
        {"g_ema": net.state_dict(), "latent_avg": torch.zeros(16), "d": {}},
        tmp_path / "stylegan2.pt",
    )
    found, _ = checkpoints.load_network(tmp_path / "stylegan2.pt")
    assert found.name == "stylegan2" and torch.equal(found.style[1].weight, net.style[1].weight)


def test_a_pickle_is_never_opened(tmp_path):
    class Runs:
        def __reduce__(self):
            return (os.mkdir, (str(tmp_path / "ran"),))

    for name in ("network.pkl", "network.pt"):
        (tmp_path / name).write_bytes(pickle.dumps({"G_ema": Runs()}, protocol=2))
        with pytest.raises(checkpoints.CheckpointError):
            checkpoints.load_network(tmp_path / name)
    assert not (tmp_path / "ran").exists()
    with pytest.raises(
        checkpoints.CheckpointError, match=r"docs/models.md says how to convert it elsewhere"
    ):
        infer.load_styles(tmp_path / "network.pkl")


def test_the_pretrained_generator_stays_in_its_file(generator_file, tmp_path):
    encoder = {"in_channels": 1, "num_styles": 1, "style_dim": 512, "input_px": 32}
    net = networks.build("psp", kind="small", encoder=encoder, generator="mobile-stylegan")
    torch.nn.init.normal_(net.latent_avg)
    path = tmp_path / "g.safetensors"
    checkpoints.save_generator(path, net, {"direction": "sketch-to-photo"})
    assert path.stat().st_size < 0.3 * generator_file.stat().st_size
    model = infer.load_styles(path, "cpu")
    styles = model.encode(np.full((64, 64, 3), 255, np.uint8))
    assert styles.shape == (1, 23, 512)
    assert np.ptp(styles - model.mean, axis=1).max() < 1e-4  # one code for all layers
    generator, _ = checkpoints.load_network(generator_file)
    drawn = model.draw(1, seed=1)
    with torch.inference_mode():
        truth = images.to_uint8(generator(torch.from_numpy(drawn), 512).clamp(-1, 1))
    off = np.abs(model.decode(drawn).astype(int) - truth)
    assert model.info.size_px == 512 and truth.std() > 20 and off.max() <= 1
    with pytest.raises(ConfigError, match="psp trains encoders for a stylegan2"):
        PSP.settings_from(net, {})


def test_faces_on_the_command_line(load, tmp_path, capsys):
    for reads in ("", "sketch", "map", "sketch and map"):
        load(reads)
    face, out = person(5, size_px=64), tmp_path / "out"
    Image.fromarray(face.sketch).save(tmp_path / "drawing.png")
    Image.fromarray(face.mask).save(tmp_path / "map.png")
    Image.fromarray(face.photo).save(tmp_path / "photo.png")

    def s2f(name, *more):
        model = str(load.folder / f"{name}.safetensors")
        return cli.main(["faces", model, *map(str, more), "--device", "cpu", "--out", str(out)])

    assert s2f("faces", "--num", 3) == 0 and len(list(out.glob("seed-0-face-*.png"))) == 3
    assert Image.open(out / "seed-0-faces.png").size == (3 * 36 + 4, 40)
    assert s2f("sketch", tmp_path / "drawing.png", "--num", 2, "--layers", "5-7") == 0
    found = [images.load_rgb(out / f"drawing-{name}.png") for name in ("face", "face-1", "face-2")]
    assert not np.array_equal(found[0], found[1]) and not np.array_equal(found[1], found[2])
    assert (
        s2f("sketch", tmp_path / "drawing.png", "--num", 2, "--layers", "5-7") == 0
    )  # and nothing is overwritten
    assert np.array_equal(images.load_rgb(out / "drawing-2-face-1.png"), found[1])
    assert s2f("map", tmp_path / "map.png", "--num", 0) == 0
    capsys.readouterr()
    for more, message in (
        ((tmp_path / "drawing.png", "--layers", "9"), "layers go from 0 to 7, got 9"),
        ((out,), "is the folder of the pictures"),
        ((tmp_path / "drawing.png", "--psi", "3"), "--psi. Must be <= 2"),
        (("--map", tmp_path / "map.png"), "--map belongs to one sketch"),
        (("--layers", "3-99"), "--layers and --strength belong to pictures"),
        (("--strength", "0.5"), "--layers and --strength belong to pictures"),
    ):
        assert s2f("sketch", *more) == 2
        assert message in capsys.readouterr().err
    assert s2f("map", tmp_path / "photo.png") == 2 and "not a map" in capsys.readouterr().err
    assert cli.main(["faces", "sketch-to-photo", str(tmp_path / "drawing.png")]) == 2
    assert "sketch-to-photo: 's2f translate' gives its faces" in capsys.readouterr().err


def test_sliders_over_the_answers_to_one_drawing(load):
    from s2f_utils.notebook import face_sliders

    model, face = load("sketch"), person(3, size_px=64)
    drawing = np.repeat(face.sketch[..., None], 3, 2)
    own = model.encode(drawing)
    box = face_sliders(model, own, drawing)
    assert box.layers.value == (7, 7) and np.array_equal(
        box.faces, model.decode(model.variants(own, 8))
    )
    box.layers.value, box.seed.value, box.psi.value = (4, 7), 3, 0.5
    wanted = model.decode(model.variants(own, 8, seed=3, layers=range(4, 8), psi=0.5))
    assert np.array_equal(box.faces, wanted)
    box.strength.value = 0.0
    # as many at once: how a face is rounded depends on the batch
    assert np.array_equal(box.faces, model.decode(np.repeat(own, 8, axis=0)))
    png = next(child.value for child in box.children if getattr(child, "format", "") == "png")
    assert Image.open(io.BytesIO(png)).size == (5 * 36 + 4, 2 * 36 + 4)
