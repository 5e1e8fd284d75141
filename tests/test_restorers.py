"""Restorers by name: what is here, what is fetched, what a bad download says; published networks through spandrel."""

from __future__ import annotations

import contextlib
import hashlib
import os
import resource
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from s2f_utils import cli, models, weights
from s2f_utils.inference import enhance, restorers
from s2f_utils.inference.restorers import with_colours_of
from s2f_utils.models import checkpoints
from s2f_utils.pictures import images
from s2f_utils.pictures.drawn.synthetic import draw_face
from s2f_utils.weights import download, table
from tests import test_download

SIZE_PX = 32
server = test_download.server


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """A file as GFPGAN's authors publish theirs, but small."""
    torch.manual_seed(0)
    net = models.build("gfpgan", size_px=SIZE_PX, narrow=0.0625, num_style_feat=16, num_mlp=1)
    path = tmp_path_factory.mktemp("published") / "GFPGANv1.4.pth"
    torch.save({"params_ema": net.state_dict()}, path)
    return path


@pytest.fixture()
def offered(published, server, monkeypatch, tmp_path):
    """A function: the server behaves in this way when GFPGAN 1.4 is asked for."""
    content = published.read_bytes()
    monkeypatch.setattr(test_download, "CONTENT", content)
    monkeypatch.setattr(download, "MAX_WAIT_S", 0.01)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv("S2F_WEIGHTS", raising=False)
    entry = weights.WEIGHTS["gfpgan-1.4"]

    def offer(kind: str) -> Path:
        changed = weights.WeightsFile(
            entry.name, entry.file_name, (f"{server}/{kind}/{entry.file_name}",), len(content),
            hashlib.sha256(content).hexdigest(), entry.licence, entry.what, use="restorer",
        )  # fmt: skip
        monkeypatch.setitem(weights.WEIGHTS, entry.name, changed)
        table._failed.clear()
        return tmp_path / "sketch-to-face"

    return offer


def test_a_published_restorer_is_fetched_by_name_and_restores(offered, capsys):
    folder = offered("good")
    restorer = restorers.load("gfpgan-1.4", "cpu")
    assert "non-commercial use only" in capsys.readouterr().err, "its terms are said before it is fetched"
    crop = draw_face(0, size_px=SIZE_PX, seed=1).photo
    assert restorer.restore(crop).shape == crop.shape and restorer.size_px == SIZE_PX
    assert [path.name for path in folder.iterdir()] == ["GFPGANv1.4.pth"]
    offered("missing")  # it is here: nothing is asked for again
    assert restorers.load("auto", "cpu").name == "gfpgan-1.4"


@pytest.mark.parametrize("kind", ["cut", "stall", "moved"])  # cut off, silent, redirected: got over
def test_faults_that_are_got_over(offered, kind, monkeypatch):
    offered(kind)
    monkeypatch.setattr(table, "fetch", lambda *a, **o: download.fetch(*a, **(o | {"timeout_s": 0.5})))
    assert restorers.load("gfpgan-1.4", "cpu").size_px == SIZE_PX


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("page", "the server sent a web page instead of the file"),
        ("other", "what came has another SHA-256"),
        ("missing", "the server answers 404 Not Found"),
    ],
)
def test_faults_that_are_told(offered, kind, message):
    folder = offered(kind)
    with pytest.raises(weights.WeightsError, match=message) as caught:
        restorers.load("gfpgan-1.4", "cpu")
    assert "Get it by hand, put it into a folder, and name that folder in S2F_WEIGHTS" in str(caught.value)
    assert not [path for path in folder.iterdir() if not path.name.endswith(".partial")] if folder.exists() else True
    photo = images.save(folder.parent / "a.png", draw_face(0, size_px=64, seed=1).photo)
    assert cli.main(["enhance", str(photo), "--restorer", "gfpgan-1.4", "--out", str(folder.parent / "o")]) == 2
    assert not (folder.parent / "o").exists()


def test_a_full_disk_is_told_and_leaves_no_file_under_its_name(offered, monkeypatch):
    folder = offered("good")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # a write beyond the limit fails, as on a full disk
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, before[1]))
        with pytest.raises(weights.WeightsError, match=r"cannot be written \(.*\): free some space.*goes on where"):
            restorers.load("gfpgan-1.4", "cpu")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)
    assert [path.name for path in folder.iterdir()] == ["GFPGANv1.4.pth.partial"]
    assert restorers.load("gfpgan-1.4", "cpu").size_px == SIZE_PX, "with room again, it goes on"


def test_an_interrupted_download_goes_on_where_it_stopped(offered, published):
    folder, content = offered("good"), published.read_bytes()
    folder.mkdir(parents=True)
    (folder / "GFPGANv1.4.pth.partial").write_bytes(content[:100_000])
    assert restorers.load("gfpgan-1.4", "cpu").size_px == SIZE_PX
    assert test_download.Server.seen[-1][1] == "bytes=100000-"


def test_a_folder_of_ones_own_serves_without_a_network(offered, published, tmp_path, monkeypatch):
    offered("missing")
    monkeypatch.setenv("S2F_WEIGHTS", str(published.parent))
    assert restorers.load("gfpgan-1.4", "cpu").size_px == SIZE_PX
    damaged = tmp_path / "damaged" / published.name
    damaged.parent.mkdir()
    damaged.write_bytes(published.read_bytes()[:-100])
    monkeypatch.setenv("S2F_WEIGHTS", str(damaged.parent))
    with pytest.raises(weights.WeightsError, match="not the published file"):
        restorers.load("gfpgan-1.4", "cpu")


def test_a_proxy_is_used(offered, server, monkeypatch, published):
    offered("good")
    seen = []

    def through(self):
        seen.append(self.path)
        self.path = self.path.removeprefix("http://weights.example")
        direct(self)

    direct = test_download.Server.do_GET
    monkeypatch.setattr(test_download.Server, "do_GET", through)
    entry = weights.WEIGHTS["gfpgan-1.4"]
    far = entry.__class__(**(vars(entry) | {"urls": ("http://weights.example/good/GFPGANv1.4.pth",)}))
    monkeypatch.setitem(weights.WEIGHTS, entry.name, far)
    monkeypatch.setenv("http_proxy", server)
    monkeypatch.setenv("no_proxy", "")
    assert restorers.load("gfpgan-1.4", "cpu").size_px == SIZE_PX
    assert seen == ["http://weights.example/good/GFPGANv1.4.pth"]


def test_all_published_restorers_have_address_terms_and_digest():
    listed = [weights.WEIGHTS[name] for name in restorers.names() if name in weights.WEIGHTS]
    assert [entry.name for entry in listed] == [
        "gfpgan-1.2", "gfpgan-1.3", "gfpgan-1.4", "restoreformer", "codeformer",
    ]  # fmt: skip
    for entry in listed:
        assert entry.urls[0].startswith("https://github.com/") and entry.urls[0].endswith(entry.file_name)
        assert "non-commercial" in entry.licence
        assert len(entry.sha256) == 64
    assert weights.WEIGHTS["gfpgan-1.3"].sha256.startswith("c953a88f") and listed[1].size == 348_632_874
    assert not set(restorers.names()) & set(weights.model_names()), "they translate no sketches"


def test_what_is_no_restorer_is_refused(tmp_path, published):
    with pytest.raises(
        FileNotFoundError, match="no such restorer: give a run folder, a file, hf:USER/MODEL, or one of restorer-256"
    ):
        restorers.load(tmp_path / "gone.pth")
    with pytest.raises(models.UnknownNetworkError, match="is a stylegan2, which restores no faces"):
        restorers.load("faces-64")
    torch.save({"weight": torch.zeros(3)}, tmp_path / "other.pth")
    with pytest.raises(models.UnknownNetworkError, match="none of the networks known here"):
        restorers.load(tmp_path / "other.pth")
    (tmp_path / "broken.pth").write_bytes(published.read_bytes()[:-500])
    with pytest.raises(checkpoints.CheckpointError, match="damaged"):
        restorers.load(tmp_path / "broken.pth")


@pytest.mark.slow
def test_restoreformer_is_read_through_spandrel(tmp_path):
    from spandrel.architectures.RestoreFormer import RestoreFormer

    torch.manual_seed(0)
    net = RestoreFormer(ch=32).eval()
    torch.save(net.state_dict(), tmp_path / "RestoreFormer.pth")
    restorer = restorers.load(tmp_path / "RestoreFormer.pth", "cpu")
    crop = draw_face(0, size_px=512, seed=1).photo
    made = restorer.restore(crop)
    with torch.inference_mode():  # as its authors call it: [-1, 1] in and out
        expected = images.to_uint8(net(images.to_tensor(crop))[0].clamp(-1, 1))[0]
    assert np.abs(made.astype(int) - expected).max() <= 1


@pytest.mark.slow
def test_codeformer_at_its_true_size_by_its_name(tmp_path, monkeypatch):
    arches = pytest.importorskip(
        "spandrel_extra_arches.architectures.CodeFormer",
        reason="spandrel-extra-arches is not installed (non-commercial code): pip install spandrel-extra-arches",
    )
    torch.manual_seed(0)
    net = arches.CodeFormer().eval()
    entry = weights.WEIGHTS["codeformer"]
    path = tmp_path / entry.file_name
    torch.save({"params_ema": net.state_dict()}, path)
    assert path.stat().st_size == pytest.approx(entry.size, rel=0.02), "as large as the published file"
    own = entry.__class__(**(vars(entry) | {"sha256": download.sha256_of(path), "size": path.stat().st_size}))
    monkeypatch.setitem(weights.WEIGHTS, "codeformer", own)
    monkeypatch.setenv("S2F_WEIGHTS", str(tmp_path))
    crop = draw_face(0, size_px=512, seed=1).photo
    assert restorers.load("codeformer", "cpu").restore(crop).shape == (512, 512, 3)


def test_codeformer_says_which_package_it_needs(tmp_path):
    with contextlib.suppress(ImportError):
        import spandrel_extra_arches  # noqa: F401

        pytest.skip("spandrel-extra-arches is installed")
    keys = {"position_emb": torch.zeros(256, 512), "fuse_convs_dict.32.scale.0.weight": torch.zeros(8, 8, 3, 3)}
    torch.save({"params_ema": keys}, tmp_path / "mine.pth")
    with pytest.raises(checkpoints.CheckpointError, match="pip install spandrel-extra-arches"):
        restorers.load(tmp_path / "mine.pth")


@pytest.fixture()
def real_esrgan(tmp_path, monkeypatch):
    """Real-ESRGAN's network in small, in its published file's place."""
    from spandrel.architectures.ESRGAN import ESRGAN

    torch.manual_seed(0)
    net = ESRGAN(num_filters=8, num_blocks=1, scale=2, in_nc=3)
    path = tmp_path / "esrgan" / "RealESRGAN_x2plus.pth"
    path.parent.mkdir()
    torch.save({"params_ema": net.state_dict()}, path)
    entry = weights.WEIGHTS["realesrgan"]
    facts = {"sha256": download.sha256_of(path), "size": path.stat().st_size}
    monkeypatch.setitem(weights.WEIGHTS, "realesrgan", entry.__class__(**(vars(entry) | facts)))
    monkeypatch.setenv("S2F_WEIGHTS", str(path.parent))
    restorers.load_background.cache_clear()
    yield
    restorers.load_background.cache_clear()


def test_the_background_is_enlarged_in_tiles_without_seams(real_esrgan, monkeypatch):
    photo = draw_face(0, size_px=150, seed=1).photo[:, :120]
    net = restorers.load_background("cpu")
    whole = net.enlarge(photo)
    assert whole.shape == (photo.shape[0] * net.descriptor.scale, photo.shape[1] * net.descriptor.scale, 3)
    monkeypatch.setattr(restorers, "TILE_PX", 64)
    monkeypatch.setattr(restorers, "OVERLAP_PX", 16)
    assert np.abs(net.enlarge(photo).astype(int) - whole).max() <= 1
    square, options = photo[:120], {"upscale": 2, "aligned": True, "strength": 0.0, "background": "realesrgan"}
    same = enhance.enhance(square, weights.RESTORER, **options)
    assert same.image.shape == (240, 240, 3) and (same.image == net.enlarge(square)).all()
    grey = enhance.enhance(square[..., 1], weights.RESTORER, **options)
    assert grey.image.shape == (240, 240)


@pytest.mark.detector
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
    assert made.shape == astronaut.shape and (made[300:] == astronaut[300:]).all() and (made != astronaut).any()
    assert sorted(path.name for path in out.iterdir()) == [
        "astronaut-enhanced.png", "astronaut-face-0-after.png", "astronaut-face-0-before.png",
    ]  # fmt: skip
    assert images.read_notes(out / "astronaut-enhanced.png")["restorer"] == "restorer-256"
    assert cli.main([*arguments, "--out", str(tmp_path / "in")]) == 2
    assert "is the folder of the photos" in capsys.readouterr().err
    assert cli.main([*arguments, "--strength", "3"]) == 2
    assert "--strength must be from 0" in capsys.readouterr().err


def test_help_names_what_there_is():
    if shutil.which("sh") is None:
        pytest.skip("needs a shell")
    help_text = subprocess.run(
        [sys.executable, "-m", "s2f_utils", "enhance", "--help"], capture_output=True, text=True,
        env={**os.environ, "COLUMNS": "120"},
    ).stdout  # fmt: skip
    for word in ("restorer-256", "gfpgan-1.4", "--strength", "--upscale", "--aligned", "--largest", "invented"):
        assert word in help_text


def test_the_wide_part_of_a_change_is_taken_back_and_its_detail_stays():
    given = np.zeros((64, 64, 3), np.float32)
    fine = 0.2 * np.broadcast_to((np.arange(64) % 2 * 2 - 1.0)[:, None], given.shape).astype(np.float32)
    made = given + 0.3 + fine  # brighter everywhere, with stripes
    kept = with_colours_of(given, made)
    assert np.allclose(kept, fine, atol=0.02)
    ours = restorers.load("restorer-256", "cpu")
    assert ours.meta["method"] == "restore"
