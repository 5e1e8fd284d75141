"""What several test files share: a small data set of people, a short training run on it."""

from __future__ import annotations

import functools
import json
import os
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest

ROOT = Path(__file__).resolve().parents[1]
os.environ.setdefault("WANDB_MODE", "offline")


def pytest_collection_modifyitems(items):
    """Skip, by name, what needs a GPU, where there is none."""
    on_gpu = [item for item in items if item.get_closest_marker("gpu")]
    if not on_gpu:
        return
    import torch

    if torch.cuda.is_available():
        return
    for item in on_gpu:
        item.add_marker(pytest.mark.skip(reason="no GPU"))


@pytest.fixture(autouse=True)
def no_profile_from_outside(monkeypatch):
    """`make test` sets S2F_PROFILE for the notebooks; the tests choose their own."""
    monkeypatch.delenv("S2F_PROFILE", raising=False)


@pytest.fixture(autouse=True, scope="session")
def no_workers_unless_asked():
    """Tests that are about worker processes ask for some; for a few pictures, to start one takes
    longer than its work.
    """
    from data_prep.make import parallel

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parallel, "runtime", SimpleNamespace(num_cores=lambda: 1))
        yield


@pytest.fixture(autouse=True, scope="session")
def graphs_are_loaded_once():
    """onnxruntime takes two seconds for the default model's graphs, and tests load it time and
    again.
    """
    from s2f_utils.infer import onnx_engine

    load = onnx_engine._loaded

    @functools.lru_cache(maxsize=32)
    def load_once(path, weights, threads, changed):
        return load(path, weights, threads)

    def loaded(path, weights, threads):
        files = [path, *weights]
        changed = tuple(file.stat().st_mtime_ns if file.exists() else 0 for file in files)
        return load_once(path, tuple(weights), threads, changed)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(onnx_engine, "_loaded", loaded)
        yield


@pytest.fixture(scope="session")
def faces_manifest(tmp_path_factory):
    """A manifest of 16 people at 64 px, without their terms, as pictures of one's own have none:
    path of the file.
    """
    import data_prep

    folder = tmp_path_factory.mktemp("faces")
    manifest = data_prep.make_people(folder, 16, 64, sketches="pencil", progress=False)
    facts = json.loads((folder / "settings.json").read_text(encoding="utf-8"))
    del facts["terms"]
    (folder / "settings.json").write_text(json.dumps(facts), encoding="utf-8")
    return manifest


@pytest.fixture(scope="module")
def manifest(faces_manifest):
    """What `faces_manifest` lists."""
    from s2f_utils.data import read_manifest

    return read_manifest(faces_manifest)


@pytest.fixture(scope="session")
def faces():
    """Six people at 64 px, for the raw folders that data_prep reads."""
    from tests.people import person

    return [person(place, size_px=64) for place in range(6)]


@pytest.fixture()
def folders(tmp_path, faces):
    """A raw folder of pairs: sketches/anna0.png … and photos/anna0.png …"""
    from tests.test_data_prep import put

    names = [(f"sketches/anna{n}.png", f"photos/anna{n}.png") for n in range(len(faces))]
    return put(tmp_path / "src", faces, names)


@pytest.fixture()
def tiny():
    """Settings of a run that takes a second; a function of the values to change."""
    from s2f_utils.train.config import resolve

    def make(**changes):
        values = {
            "size_px": 32,
            "load_size_px": 34,
            "base_filters": 4,
            "disc_filters": 4,
            "batch_size": 2,
            "total_images": 24,
            "num_samples": 2,
            "sample_every_images": 12,  # a sheet takes longer than a step
            "log_every_images": 2,
        }
        return resolve("pix2pix", "full", values | changes)

    return make


@pytest.fixture(scope="session")
def trained_once(faces_manifest, tmp_path_factory):
    """A run folder, made by the command line in one go; tests get copies of it."""
    from s2f_studio import cli
    from tests.test_cli import TINY

    runs = tmp_path_factory.mktemp("runs")
    command = ["train", "pix2pix", "--data", str(faces_manifest), "--runs", str(runs), *TINY]
    assert cli.main(command) == 0
    return next(runs.iterdir())


@pytest.fixture(scope="module")
def trained(trained_once, tmp_path_factory):
    """A copy of the run folder for one test file."""
    copy = tmp_path_factory.mktemp("runs") / trained_once.name
    shutil.copytree(trained_once, copy)
    return copy


@pytest.fixture(scope="session")
def shipped():
    """The model that answers drawings by default, in PyTorch."""
    import s2f_studio

    return s2f_studio.load("sketch-to-photo", "cpu", engine="torch")


@pytest.fixture(scope="session")
def readings():
    """What the example drawings show, by name: a `Reading` each."""
    import s2f_studio
    from s2f_studio.drawings import prepare

    model, found = s2f_studio.load(device="cpu"), {}
    for name in prepare.EXAMPLES:
        square = prepare.prepare(prepare.example(name)).image
        (look,) = model.landmarks(square[None])
        found[name] = model.read(square, look)
    return found


@pytest.fixture(scope="session")
def generator_file():
    """The pretrained generator's file, fetched as at a first use; without it a skip."""
    from s2f_utils import weights

    try:
        return weights.generator()
    except weights.WeightsError as error:
        pytest.skip(f"no pretrained generator: {error}")


@pytest.fixture()
def no_published_weights(monkeypatch):
    """Loss networks get stand-ins for their weights. A list of the names that are asked for."""
    from s2f_utils.networks import pretrained, published
    from tests.published import weights_like

    asked = []

    def state(name):
        asked.append(name)
        return weights_like(name)

    def forget():
        published._loaded.cache_clear()
        pretrained.shared_features.cache_clear()

    monkeypatch.setattr(published, "_state", state)
    forget()
    yield asked
    forget()
