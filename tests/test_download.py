"""Downloads against a real HTTP server on this machine that behaves badly in every way that servers
do.
"""

from __future__ import annotations

import hashlib
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from s2f_utils import weights
from s2f_utils.weights.download import DownloadError, NoAnswerError, fetch

CONTENT = bytes(range(256)) * 1200  # 307,200 bytes
DIGEST = hashlib.sha256(CONTENT).hexdigest()


class Server(BaseHTTPRequestHandler):
    """The first folder of the path says how to behave; `seen` are the requests' paths."""

    protocol_version = "HTTP/1.1"
    seen: list[str] = []

    def do_GET(self):
        Server.seen.append(self.path)
        kind = self.path.split("/")[1]
        getattr(self, f"serve_{kind}")(hit=Server.seen.count(self.path))

    def answer(self, body, status=200, *, length=None, **headers):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def serve_good(self, hit):
        self.answer(CONTENT)

    def serve_cut(self, hit):
        """The first answer ends after a third of what it promised."""
        if hit > 1:
            return self.serve_good(hit)
        self.answer(CONTENT[: len(CONTENT) // 3], length=len(CONTENT))
        self.close_connection = True

    def serve_stall(self, hit):
        """The first answer stops in the middle and stays silent; the connection stays open."""
        if hit > 1:
            return self.serve_good(hit)
        self.answer(CONTENT[:20_000], length=len(CONTENT))
        self.wfile.flush()
        threading.Event().wait(2)
        self.close_connection = True

    def serve_page(self, hit):
        self.answer(b"<html>Please log in</html>", Content_Type="text/html; charset=utf-8")

    def serve_missing(self, hit):
        self.answer(b"no", 404)

    def serve_busy(self, hit):
        self.answer(b"later", 503) if hit < 3 else self.serve_good(hit)

    def log_message(self, *args):
        pass


@pytest.fixture()
def server():
    Server.seen = []
    running = ThreadingHTTPServer(("127.0.0.1", 0), Server)
    running.daemon_threads = True
    threading.Thread(target=running.serve_forever, args=(0.01,), daemon=True).start()
    yield f"http://127.0.0.1:{running.server_address[1]}"
    running.shutdown()
    running.server_close()


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch):
    monkeypatch.setattr("pooch.core.time.sleep", lambda seconds: None)


def get(address, path, **changes):
    return fetch(address, path, **({"sha256": DIGEST, "timeout_s": 0.5} | changes))


@pytest.mark.parametrize("kind", ["good", "cut", "stall", "busy"])
def test_what_a_server_does_on_a_bad_day_is_got_over(server, tmp_path, kind):
    path = tmp_path / "folder" / "file.bin"
    assert get(f"{server}/{kind}/file.bin", path) == path
    assert path.read_bytes() == CONTENT
    assert [p.name for p in path.parent.iterdir()] == ["file.bin"]


@pytest.mark.parametrize(
    ("kind", "error", "message"),
    [
        ("page", DownloadError, "another SHA-256.*it is a web page"),
        ("missing", DownloadError, "404"),
        ("busy", NoAnswerError, "503"),
        ("cut", NoAnswerError, "cannot be reached, stays silent or hangs up"),
    ],
)
def test_half_a_file_or_another_one_is_never_kept(server, tmp_path, kind, error, message):
    with pytest.raises(DownloadError, match=message) as raised:
        get(f"{server}/{kind}/file.bin", tmp_path / "file.bin", attempts=1)
    assert raised.type is error and list(tmp_path.iterdir()) == []


def test_a_file_that_is_there_is_kept(server, tmp_path):
    path = tmp_path / "file.bin"
    path.write_bytes(CONTENT)
    get(f"{server}/good/file.bin", path)
    assert Server.seen == []
    path.write_bytes(b"my own")
    with pytest.raises(DownloadError, match="move it away"):
        get(f"{server}/good/file.bin", path)
    assert path.read_bytes() == b"my own"


@pytest.fixture()
def published(monkeypatch, tmp_path):
    """Publishes a file under the name "w", at these addresses and with this digest."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv("S2F_WEIGHTS", raising=False)

    def publish(*urls, digest=DIGEST):
        entry = weights.WeightsFile(
            "w", "file.bin", urls, 300_000, digest, "MIT", "a test", use="model"
        )
        monkeypatch.setitem(weights.WEIGHTS, "w", entry)

    return publish


def test_weights_are_found_by_name_in_the_order_of_the_documentation(
    tmp_path, published, monkeypatch
):
    published("http://127.0.0.1:9/x")
    assert weights.find("w") is None
    cached = weights.cache_folder() / "file.bin"
    cached.parent.mkdir(parents=True)
    cached.write_bytes(CONTENT)
    assert weights.find("w") == cached
    mine = tmp_path / "mine"
    mine.mkdir()
    monkeypatch.setenv("S2F_WEIGHTS", str(mine))
    assert weights.find("w") == cached
    (mine / "file.bin").write_bytes(CONTENT)
    assert weights.find("w") == mine / "file.bin"
    (mine / "file.bin").write_bytes(CONTENT[:-1])
    with pytest.raises(weights.WeightsError, match="not the published file"):
        weights.find("w")
    monkeypatch.setenv("S2F_WEIGHTS", str(tmp_path / "nowhere"))
    with pytest.raises(weights.WeightsError, match="no such folder"):
        weights.find("w")
    with pytest.raises(weights.WeightsError, match="the names are"):
        weights.find("yolo")


def test_a_file_is_hashed_once_for_each_version_of_it(published, monkeypatch):
    published("http://127.0.0.1:9/x")
    cached, hashed = weights.cache_folder() / "file.bin", []
    cached.parent.mkdir(parents=True)
    cached.write_bytes(CONTENT)

    def digest(path):
        hashed.append(path)
        return DIGEST

    monkeypatch.setattr(weights, "sha256_of", digest)
    for _ in range(3):
        assert weights.find("w") == cached
    assert len(hashed) == 1
    cached.write_bytes(CONTENT + b"1")
    weights.find("w")
    assert len(hashed) == 2


def test_weights_are_downloaded_into_the_cache(server, tmp_path, published, capsys):
    published(f"{server}/missing/file.bin", f"{server}/good/file.bin")
    assert "w" in weights.model_names() and not weights.shipped("w")
    assert weights.get("w").read_bytes() == CONTENT
    assert "licence: MIT" in capsys.readouterr().err
    assert weights.find("w") == tmp_path / "sketch-to-face" / "file.bin"
    weights.find("w").unlink()
    published(f"{server}/page/x")
    with pytest.raises(weights.WeightsError, match=r"web page.*name that folder in S2F_WEIGHTS"):
        weights.get("w")


def test_weights_without_a_published_digest_are_checked_by_size(
    server, tmp_path, published, monkeypatch
):
    fetch = weights.fetch

    def fetch_and_look(url, path, **options):
        fetch(url, path, **options)
        assert weights.find("w") is None, "there before it was checked"

    monkeypatch.setattr(weights, "fetch", fetch_and_look)
    published(f"{server}/page/x", f"{server}/good/file.bin", digest="")
    path = weights.get("w")
    assert path.read_bytes() == CONTENT
    path.write_bytes(CONTENT[:-1])
    with pytest.raises(weights.WeightsError, match="not the published file"):
        weights.find("w")
    for left in path.parent.iterdir():
        left.unlink()
    published(f"{server}/page/x", digest="")
    with pytest.raises(
        weights.WeightsError, match="26 bytes came instead of about 300,000: a web page"
    ):
        weights.get("w")
    assert not list((tmp_path / "sketch-to-face").iterdir())
