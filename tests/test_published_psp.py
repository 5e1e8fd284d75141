"""pSp at its true size, 1024 px: from a name to a picture, with files as its authors nest them,
filled by a rule.
"""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from PIL import Image

from s2f_studio import cli
from s2f_utils import infer, networks, weights
from s2f_utils.pictures import images
from s2f_utils.weights import sha256_of
from tests import reference
from tests.people import person

STYLES = 18
FIRST = "encoder.input_layer.0.weight"
# As pixel2style2pixel's training options are, of its published models: what a reader may meet
# beside what it needs.
OPTS = {
    "exp_dir": "x",
    "encoder_type": "GradualStyleEncoder",
    "output_size": 1024,
    "start_from_latent_avg": True,
    "learn_in_w": False,
    "batch_size": 8,
    "learning_rate": 1e-4,
    "lpips_lambda": 0.8,
    "id_lambda": 0.0,
    "w_norm_lambda": 0.005,
    "resize_factors": None,
    "device": "cuda:0",
    "checkpoint_path": None,
}


@pytest.fixture(scope="module")
def filled():
    """The state of pSp for sketches, 300 million numbers; one for maps has another first layer."""
    net = networks.build("psp", encoder={"in_channels": 1}, decoder={"size_px": 1024})
    return reference.fill(
        {key: value for key, value in net.state_dict().items() if key != "latent_avg"}
    )


@pytest.fixture(params=["psp-sketch", "psp-map"])
def published(request, filled, tmp_path, monkeypatch):
    """The name of a model whose file lies in S2F_WEIGHTS, as large as the published one."""
    name, channels = request.param, {"psp-sketch": 1, "psp-map": 19}[request.param]
    state = filled | reference.fill({FIRST: torch.zeros(64, channels, 3, 3)})
    assert {key.split(".")[0] for key in state} == {"encoder", "decoder"}
    assert state["decoder.noises.noise_16"].shape == (1, 1, 1024, 1024)
    entry = weights.entry_of(name)
    path = tmp_path / entry.file_name
    held = {
        "state_dict": state,
        "latent_avg": torch.randn(STYLES, 512),
        "opts": OPTS | {"label_nc": channels},
    }
    torch.save(held, path)
    assert path.stat().st_size == pytest.approx(entry.size, rel=0.05), (
        "as large as the published file"
    )
    digest = sha256_of(path) if entry.sha256 else ""
    monkeypatch.setitem(weights.WEIGHTS, name, dataclasses.replace(entry, sha256=digest))
    monkeypatch.setenv("S2F_WEIGHTS", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    yield name
    path.unlink()


@pytest.mark.slow
def test_from_a_name_to_a_picture(published, tmp_path, capsys):
    face = person(3, size_px=256)
    given = face.mask if published == "psp-map" else np.repeat(face.sketch[..., None], 3, axis=2)
    Image.fromarray(given).save(tmp_path / "given.png")
    asked = [
        "faces",
        published,
        str(tmp_path / "given.png"),
        "--out",
        str(tmp_path / "o"),
        "--device",
        "cpu",
    ]
    assert cli.main([*asked, "--num", "1"]) == 0
    made = [path for path in (tmp_path / "o").iterdir() if path.suffix == ".png"]
    assert made and all(images.load_rgb(path).shape[0] >= 256 for path in made)
    model = infer.load(published, "cpu")
    assert (model.info.size_px, model.info.reads, model.info.licence) == (
        1024,
        "map" if published == "psp-map" else "sketch",
        weights.entry_of(published).licence,
    )
    answer = model.translate(given)
    assert answer.shape == (1024, 1024, 3) and answer.std() > 1
