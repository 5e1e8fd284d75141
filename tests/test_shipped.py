"""The models that come with the project: small, there, offline, and of some use."""

from __future__ import annotations

import numpy as np
import pytest

import data_prep
import s2f_studio
import s2f_studio.faces.networks  # the studio's networks are known by it
from data_prep.procedural_faces.synthetic import draw_face
from s2f_studio import cli, shipped
from s2f_studio.drawings import prepare as drawings
from s2f_studio.remarks import Remark
from s2f_utils import infer, networks, weights
from s2f_utils.infer.graphs import read_description, weights_of_graph
from s2f_utils.methods.initial import find_discriminator
from s2f_utils.networks import checkpoints
from s2f_utils.networks.info import DIRECTIONS
from s2f_utils.pictures import faces, images, masks
from s2f_utils.weights.compact import tensors_of
from tests import hostile
from tests.test_cli import command


def test_the_shipped_files_are_here_and_small(generator_file):
    folders = (weights.SHIPPED_FOLDER, shipped.FOLDER)
    sizes = [path.stat().st_size for folder in folders for path in folder.iterdir()]
    assert max(sizes) <= 25e6 and sum(sizes) <= 60e6
    others = {shipped.EXPECT: ("expect", 128)}
    lessons = {"pix2pix-128": ("unet", 128)}
    lessons |= dict.fromkeys(("cyclegan-128", "cyclegan-128-photo-to-sketch"), ("resnet", 128))
    lessons |= dict.fromkeys(("sketch-to-face-512", "map-to-face-512"), ("psp", 512))
    for name in (*weights.SHIPPED, shipped.EXPECT):
        net, meta = checkpoints.load_network(shipped.all_files()[name])
        kind, size_px = (others | lessons).get(name, ("resunet", 256))
        assert meta["name"] == name and net.name == kind
        assert int(meta["size_px"]) == size_px
        assert meta["aligned"] == "similarity" and int(meta["training_pairs"]) > 500
        assert int(meta["images_seen"]) >= 5_000 and "trained" in meta
        assert all(value.isfinite().all() for value in net.state_dict().values())
    net, meta = checkpoints.load_network(weights.shipped(weights.FINDER))
    assert net.name == meta["name"] == "finder" and int(meta["training_pairs"]) > 500
    assert all(value.isfinite().all() for value in net.state_dict().values())
    for name, kind in ((shipped.PEOPLE, "people"), (weights.PREVIEW, "preview-head")):
        net, _ = checkpoints.load_network(shipped.all_files()[name])
        assert net.name == kind
        assert all(value.isfinite().all() for value in net.state_dict().values())
    people = checkpoints.load_network(shipped.file_of(shipped.PEOPLE))[0]
    empty = [name for name, value in people.named_buffers() if not value.any()]
    assert empty == [], "fitted, all of them"


def test_a_folder_of_graphs_has_what_its_own_models_need_and_no_more():
    of_library = (weights.FINDER, *weights.SHIPPED, *weights.SHIPPED_RESTORERS)
    for graphs, names in ((weights.GRAPHS, of_library), (shipped.GRAPHS, (shipped.EXPECT,))):
        needed = {graphs / f"{name}.json" for name in names}
        for file in tuple(needed):
            for stage in read_description(file)["stages"].values():
                needed.add(graphs / stage["file"])
                for name in stage["weights"]:
                    if name == weights.entry_of(weights.GENERATOR).file_name:
                        continue  # fetched, not shipped
                    needed.add(weights_of_graph(file, name))
        assert all(path.is_file() for path in needed)
        assert set(graphs.iterdir()) == {path for path in needed if path.parent == graphs}


def test_the_library_refuses_a_part_of_the_studios_model():
    with pytest.raises(networks.UnknownNetworkError, match="expect, which renders pictures"):
        infer.load(shipped.file_of(shipped.EXPECT), "cpu")
    with pytest.raises(FileNotFoundError, match="no such model: .*, or sketch-to-photo$"):
        s2f_studio.load("sketch-to-foto", "cpu")


def test_both_encoders_are_small_and_borrow_their_generator(generator_file):
    for kind in ("sketch", "map"):
        path = weights.shipped(f"{kind}-to-face-512")
        net = checkpoints.load_network(path)[0]
        assert networks.count_parameters(net.encoder) <= 5e6
        assert not [name for name in tensors_of(path) if name.startswith("decoder.")]


def test_a_discriminator_is_found_beside_its_generator(tmp_path):
    sizes = {"size_px": 16, "width": 8}
    net_g = networks.build("stylegan2", style_dim=16, num_mlp=1, **sizes)
    net_d = networks.build("stylegan2-disc", **sizes)
    for name, beside in (("faces", "faces-discriminator"), ("generator", "discriminator")):
        path = checkpoints.save_generator(tmp_path / f"{name}.safetensors", net_g, {})
        with pytest.raises(FileNotFoundError, match="no discriminator beside this generator"):
            find_discriminator(path)
        checkpoints.save_generator(tmp_path / f"{beside}.safetensors", net_d, {})
        assert find_discriminator(path).stem == beside


@pytest.mark.parametrize("kind", ["sketch", "map"])
def test_many_answers_have_other_colours_and_the_same_shape(kind, generator_file):
    people = data_prep.people(8, split="test", size_px=256, sketches="pencil")
    model, labels = infer.load_styles(f"{kind}-to-face-512", "cpu"), people.maps[3]
    given = labels if kind == "map" else np.repeat(people.sketches[3][..., None], 3, axis=2)
    many = model.decode(model.variants(model.encode(given), 8, seed=1), preview=True).astype(float)
    # Skin is held by the same layers as shape.
    for name, least in {"hair": 5, "skin": 1.5, "background": 5}.items():
        place = labels == masks.CLASSES.index(name)
        assert many[:, place].mean(axis=1).std(axis=0).max() > least, name
    strange = model.decode(model.draw(8, seed=1, psi=1.0), preview=True).astype(float)
    edges = [np.abs(np.diff(x.mean(axis=3), axis=2)).std(axis=0).mean() for x in (many, strange)]
    assert edges[0] < 0.75 * edges[1]  # eight faces by chance differ more in where things are


@pytest.mark.parametrize(("kind", "most"), [("sketch", 0.75), ("map", 0.85)])
def test_an_encoder_reads_the_code_of_a_person_whom_it_never_saw(kind, most, generator_file):
    people = data_prep.people(split="test", size_px=128, sketches="pencil")
    model = infer.load_styles(f"{kind}-to-face-512", "cpu")
    given = people.maps if kind == "map" else np.repeat(people.sketches[..., None], 3, axis=3)
    codes = np.concatenate([model.encode(one)[:, 0] for one in given])

    def left(some):  # 1 for the mean code
        return np.square(some - people.codes).sum() / np.square(model.mean[0] - people.codes).sum()

    assert left(codes) < most < 1 < left(np.roll(codes, 1, axis=0))


@pytest.fixture(scope="module")
def drawn():
    """Sketches and photos of ten drawn faces, of which there are none in training: aligned, 256 px,
    (10, 256, 256, 3) each.
    """
    out = {"sketch": [], "photo": []}
    for face in (draw_face(n, size_px=256, seed=991) for n in range(10)):
        matrix = faces.alignment(face.landmarks, 256)
        sketch = np.repeat(face.sketch[..., None], 3, axis=2)
        out["sketch"].append(faces.warp(sketch, matrix, 256, border="paper"))
        out["photo"].append(faces.warp(face.photo, matrix, 256))
    return {name: np.stack(pictures) for name, pictures in out.items()}


def test_what_is_expected_is_the_face_of_the_sketch_and_nobody_elses(drawn):
    model = s2f_studio.load(device="cpu")
    made = np.stack(
        [
            model.translate(one, answer="average", likely=0.0, preview=True)
            for one in drawn["sketch"]
        ]
    ).astype(float)

    def error(answer, truth):
        return np.abs(answer - truth)[:, 40:220, 50:206].mean(axis=(1, 2, 3))

    own = error(made, drawn["photo"])
    assert own.mean() < 0.9 * error(made, np.roll(drawn["photo"], 1, axis=0)).mean()


def test_photo_to_sketch_draws(drawn):
    net = infer.load("photo-to-sketch", "cpu")
    assert net.info.direction == "photo-to-sketch"
    made = np.stack([net.translate(photo) for photo in drawn["photo"][:4]]).astype(float)
    assert np.ptp(made, axis=3).mean() < 12  # grey
    assert (
        np.percentile(made, 60) > 200 and np.percentile(made, 2) < 140
    )  # dark lines on light paper


def test_a_shipped_cyclegan_goes_both_ways_by_one_name(drawn):
    there, back = (infer.load("cyclegan-128", "cpu", direction=way) for way in DIRECTIONS)
    assert (there.info.direction, back.info.direction) == DIRECTIONS
    sketch = images.resize(drawn["sketch"][0], 128)
    again = back.translate(there.translate(sketch))
    grey = [picture.mean(axis=2).ravel() for picture in (sketch, again)]
    assert np.corrcoef(*grey)[0, 1] > 0.5  # the lines come back


def test_offline_in_one_command(tmp_path, monkeypatch):
    """Without the generator as well, which is fetched: then the average answers."""
    monkeypatch.setenv("S2F_OFFLINE", "1")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("S2F_WEIGHTS", raising=False)
    drawing = images.save(tmp_path / "mine.png", drawings.example("glasses"))
    options = ["--out", tmp_path / "out", "--device", "cpu", "--preview"]
    status, out, err = command("translate", drawing, *options)
    assert status == 0, err
    assert images.GENERATED_NOTE in out and "S2F_OFFLINE" in err
    (file,) = (tmp_path / "out").iterdir()
    assert images.read_notes(file)["answer"] == "average"


def test_a_shipped_model_warns_of_what_it_does_not_know(tmp_path, capsys):
    from skimage import data

    person = images.save(tmp_path / "person.png", data.astronaut())
    drawing = images.save(tmp_path / "drawing.png", drawings.example("glasses"))
    out = ["--out", str(tmp_path / "out"), "--device", "cpu"]
    assert cli.main(["translate", "sketch-to-photo-expected", str(person), *out]) == 0
    assert f"{Remark('photo')}, with --align" in capsys.readouterr().err
    assert cli.main(["translate", "photo-to-sketch", str(drawing), *out]) == 0
    assert str(Remark("not-a-photo")) in capsys.readouterr().err
    house = tmp_path / "house.png"
    house.write_bytes(hostile.house())
    assert cli.main(["translate", str(house), "--answer", "average", *out]) == 0
    assert f"{Remark('no-face')} (--eyes x,y,x,y --mouth x,y)" in capsys.readouterr().err
