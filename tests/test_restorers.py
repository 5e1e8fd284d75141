"""Restorers by name: what is here, what is fetched, what a bad download says; published networks
through spandrel.
"""

from __future__ import annotations

import dataclasses
import hashlib
from pathlib import Path

import numpy as np
import pytest
import torch

from s2f_studio import cli
from s2f_utils import networks, weights
from s2f_utils.infer import restorers
from s2f_utils.infer.enhance import with_colours_of
from s2f_utils.pictures import images
from tests import test_download
from tests.people import person

SIZE_PX = 32
SMALL = {"size_px": SIZE_PX, "narrow": 0.0625, "num_style_feat": 16, "num_mlp": 1}
server = test_download.server


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """A file as GFPGAN's authors publish theirs, but small."""
    torch.manual_seed(0)
    net = networks.build("gfpgan", **SMALL)
    path = tmp_path_factory.mktemp("published") / "GFPGANv1.4.pth"
    torch.save({"params_ema": net.state_dict()}, path)
    return path


@pytest.fixture()
def served(server, monkeypatch, tmp_path):
    """A function: the server offers a file under a published name, behaving in this way; the folder
    that it is fetched into.
    """
    monkeypatch.setattr("pooch.core.time.sleep", lambda seconds: None)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv("S2F_WEIGHTS", raising=False)

    def serve(name: str, content: bytes, kind: str) -> Path:
        entry = weights.WEIGHTS[name]
        changed = dataclasses.replace(
            entry,
            urls=(f"{server}/{kind}/{entry.file_name}",),
            size=len(content),
            sha256=hashlib.sha256(content).hexdigest(),
        )
        monkeypatch.setattr(test_download, "CONTENT", content)
        monkeypatch.setitem(weights.WEIGHTS, name, changed)
        return tmp_path / "sketch-to-face"

    return serve


@pytest.fixture()
def offered(published, served, monkeypatch):
    """A function: the server behaves in this way when GFPGAN 1.4 is asked for."""
    monkeypatch.setattr(
        networks.NETWORKS["gfpgan"], "args_from", staticmethod(lambda shapes: SMALL)
    )
    return lambda kind: served("gfpgan-1.4", published.read_bytes(), kind)


def test_a_published_restorer_is_fetched_by_name_and_restores(offered, capsys):
    folder = offered("good")
    restorer = restorers.load("gfpgan-1.4", "cpu")
    assert "non-commercial use only" in capsys.readouterr().err, (
        "its terms are said before it is fetched"
    )
    crop = person(0, size_px=SIZE_PX).photo
    assert restorer.restore(crop).shape == crop.shape and restorer.size_px == SIZE_PX
    assert [path.name for path in folder.iterdir()] == ["GFPGANv1.4.pth"]
    offered("missing")  # it is here: nothing is asked for again
    assert restorers.load("auto", "cpu").info.name == "gfpgan-1.4"


def test_the_command_enhances_photos_in_folders(tmp_path, capsys):
    import skimage.data

    astronaut = skimage.data.astronaut()
    images.save(tmp_path / "in" / "astronaut.png", astronaut)
    images.save(tmp_path / "in" / "nobody.png", np.full((64, 64, 3), 128, np.uint8))
    (tmp_path / "in" / "broken.jpg").write_bytes(b"x")
    out = tmp_path / "out"
    arguments = ["enhance", str(tmp_path / "in"), "--out", str(out), "--faces", "--device", "cpu"]
    assert cli.main([*arguments, "--restorer", "restorer-256"]) == 1
    said = capsys.readouterr()
    assert "1 of 3 photos enhanced" in said.out and "not evidence" in said.out
    assert "nobody.png: no face was found" in said.err and "broken.jpg" in said.err
    made = images.load_rgb(out / "astronaut-enhanced.png")
    assert (
        made.shape == astronaut.shape
        and (made[300:] == astronaut[300:]).all()
        and (made != astronaut).any()
    )
    assert sorted(path.name for path in out.iterdir()) == [
        "astronaut-enhanced.png",
        "astronaut-face-0-after.png",
        "astronaut-face-0-before.png",
    ]
    assert images.read_notes(out / "astronaut-enhanced.png")["restorer"] == "restorer-256"
    assert cli.main(["enhance", str(tmp_path / "in"), "--out", str(tmp_path / "in")]) == 2
    assert (
        "is the folder of the photos" in capsys.readouterr().err
        and cli.main([*arguments, "--strength", "3"]) == 2
    )
    assert "for --strength. Must be <= 1." in capsys.readouterr().err


def test_the_wide_part_of_a_change_is_taken_back_and_its_detail_stays():
    given = np.zeros((64, 64, 3), np.float32)
    fine = 0.2 * np.broadcast_to((np.arange(64) % 2 * 2 - 1.0)[:, None], given.shape).astype(
        np.float32
    )
    made = given + 0.3 + fine  # brighter everywhere, with stripes
    kept = with_colours_of(given, made)
    assert np.allclose(kept, fine, atol=0.02)
    ours = restorers.load("restorer-256", "cpu")
    assert ours.info.method == "restore"
